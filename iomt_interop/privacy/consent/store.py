"""Where decisions find the consents of a patient, and how they notice that these have changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from .model import Consent

__all__ = ["ConsentRegistry", "ConsentStore"]


@runtime_checkable
class ConsentStore(Protocol):
    """Gives the consents of one patient; asked at every decision.

    A decision is prepared once and used for many records. It is thrown away as soon as :meth:`epoch` gives another
    number, so a store that several processes share must get the number from where all of them write.
    """

    def epoch(self, subject: str, /) -> int:
        """Return a number that changes with every change of the subject's consents."""
        ...

    def consents(self, subject: str, /) -> Sequence[Consent]:
        """Return all consents of a subject, in any state."""
        ...


class ConsentRegistry:
    """Consents in memory, by the id of the canonical :class:`~iomt_interop.model.Subject`."""

    def __init__(self) -> None:
        self._consents: dict[str, dict[str, Consent]] = {}
        self._epochs: dict[str, int] = {}

    def __repr__(self) -> str:
        return "ConsentRegistry()"

    def epoch(self, subject: str, /) -> int:
        """Return the number of changes of a subject's consents."""
        return self._epochs.get(subject, 0)

    def consents(self, subject: str, /) -> tuple[Consent, ...]:
        """Return all consents of a subject."""
        return tuple(self._consents.get(subject, {}).values())

    def put(self, subject: str, consent: Consent) -> None:
        """Add a consent, or replace the one of the same name; the next decision knows it."""
        self._consents.setdefault(subject, {})[consent.name or consent.id] = consent
        self._epochs[subject] = self.epoch(subject) + 1

    def withdraw(self, subject: str, name: str) -> bool:
        """Make a consent inactive; tell whether there was one of that name. The next decision knows it."""
        held = self._consents.get(subject, {}).get(name)
        if held is None:
            return False
        self.put(subject, held.replace(status="inactive"))
        return True
