"""Consents inside the vault: sealed under the patient's own key, and the same for every process that uses it.

All consents of a person are one document of that person's; each change is a new version of it. So they are erased with
the person, go with a copy and into the person's own export, and no version is lost. Whoever decides looks at the vault
again after :data:`INTERVAL` seconds at the latest: a withdrawal in one process holds from then on in all others.
"""

from __future__ import annotations

import hmac
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from .. import __version__
from ..errors import InvalidRequest
from ..model import Coding, Concept, Document, Provenance, Record, record_id
from ..privacy.consent import Consent, consent_from_fhir
from ..vault import Vault

__all__ = ["CONSENTS", "INTERVAL", "VaultConsents"]

INTERVAL: Final = 0.2
"""Seconds for which what was read last is taken for what is there."""

CONSENTS: Final = Concept(
    codings=(Coding(system="urn:iomt-interop:document", code="consents", display="consents of the person"),)
)
"""The code of the document that holds a person's consents."""

_CACHED: Final = 10_000


@dataclass(frozen=True, slots=True)
class _Known:
    """What was read of one person, and when the vault was how large."""

    extent: tuple[int, int]
    epoch: int
    change: int
    resources: tuple[Mapping[str, Any], ...]
    consents: tuple[Consent, ...]


class VaultConsents:
    """A :class:`~iomt_interop.privacy.consent.ConsentStore` in a vault.

    Parameters
    ----------
    vault : Vault
        The vault.
    interval : float
        Seconds between two looks at it.
    still : callable, optional
        Tells whether what is read is still what is there, for a vault that is read as it was when it was opened.
    """

    def __init__(self, vault: Vault, *, interval: float = INTERVAL, still: Callable[[], bool] = lambda: True) -> None:
        self._vault, self._interval, self._still = vault, interval, still
        self._known: dict[str, _Known] = {}
        self._extent, self._looked = (0, 0), float("-inf")
        self._epochs = 0

    def __repr__(self) -> str:
        return "VaultConsents()"

    def epoch(self, subject: str, /) -> int:
        """Return a number that changes with the consents of a person, whoever changed them.

        Raises
        ------
        InvalidRequest
            ``USE-002`` when others wrote to a vault that this process can only read as it was: open it again.
        """
        now = time.monotonic()
        if now - self._looked >= self._interval:
            if not self._still():
                hint = "others have written to it, which this process may not see; open it again"
                raise InvalidRequest("USE-002", path="vault", hint=hint)
            self._extent, self._looked = self._vault.extent(), now
        known = self._known.get(subject)
        if known is None or known.extent != self._extent:
            known = self._read(subject, known)
        return known.epoch

    def consents(self, subject: str, /) -> tuple[Consent, ...]:
        """Return all consents of a person, in any state."""
        self.epoch(subject)
        return self._known[subject].consents

    def names(self, subject: str, /) -> frozenset[str]:
        """Return by which references the person's consents call the person; who stored them said whose they are."""
        return frozenset(each.patient for each in self.consents(subject) if each.patient is not None)

    def resources(self, subject: str, /) -> tuple[Mapping[str, Any], ...]:
        """Return a person's consents as they were stored (FHIR R4)."""
        self.forget()
        self.epoch(subject)
        return self._known[subject].resources

    def holds(self, record: Record) -> bool:
        """Tell whether a record is a state of a person's consents that was written here."""
        return self._state(record) is not None

    def forget(self) -> None:
        """Look at the vault again at the next question."""
        self._looked = float("-inf")

    def with_consent(self, subject: str, resource: Mapping[str, Any] | bytes) -> Document:
        """Return the person's document with one more consent, or another one of the same id; to be stored.

        Raises
        ------
        InvalidRequest
            ``USE-001`` when the consent has no id, by which it could be withdrawn.
        """
        tree = json.loads(resource) if consent_from_fhir(resource) and isinstance(resource, bytes) else resource
        assert isinstance(tree, Mapping)  # consent_from_fhir took it
        name = tree.get("id")
        if not isinstance(name, str) or not name:
            raise InvalidRequest("USE-001", path="Consent.id", hint="a consent needs an id, to be withdrawn by")
        kept = [each for each in self.resources(subject) if each.get("id") != name]
        return self._document(subject, [*kept, tree])

    def without_consent(self, subject: str, name: str) -> Document:
        """Return the person's document with a consent made inactive; to be stored.

        Raises
        ------
        InvalidRequest
            ``USE-002`` when the person has no consent of that id.
        """
        found = list(self.resources(subject))
        if not any(each.get("id") == name for each in found):
            raise InvalidRequest("USE-002", path="consent", hint="there is no consent of that id")
        return self._document(
            subject, [{**each, "status": "inactive"} if each.get("id") == name else each for each in found]
        )

    def _document(self, subject: str, resources: list[Mapping[str, Any]]) -> Document:
        # The number keeps two equal states apart: what is stored already is no new version of a record.
        told = json.dumps([self._known[subject].change + 1, resources], ensure_ascii=False, separators=(",", ":"))
        return Document(
            id=_name(subject),
            provenance=Provenance(adapter="iomt_interop.guarded", version=__version__),
            subject=subject,
            code=CONSENTS,
            media_type="application/json",
            data=self._tag(subject, told.encode()) + b"\n" + told.encode(),
        )

    def _tag(self, subject: str, text: bytes) -> bytes:
        return self._vault.tag(subject.encode("utf-8", "surrogatepass") + b"\0" + text).hex().encode()

    def _read(self, subject: str, before: _Known | None) -> _Known:
        change, resources = self._latest(subject)
        if before is not None and before.change == change and before.resources == resources:
            epoch = before.epoch
        else:
            self._epochs += 1
            epoch = self._epochs
        consents = tuple(consent_from_fhir(dict(each)) for each in resources)
        if len(self._known) >= _CACHED:
            self._known.clear()
        known = self._known[subject] = _Known(self._extent, epoch, change, resources, consents)
        return known

    def _latest(self, subject: str) -> tuple[int, tuple[Mapping[str, Any], ...]]:
        """Return the last state that was written here: a record that came in from elsewhere is no consent."""
        if not subject:
            return 0, ()
        for record in reversed(self._vault.history(_name(subject), subject)):
            state = self._state(record)
            if state is not None:
                return state
        return 0, ()

    def _state(self, record: Record) -> tuple[int, tuple[Mapping[str, Any], ...]] | None:
        if not isinstance(record, Document) or record.subject is None or record.id != _name(record.subject):
            return None
        tag, _, text = (record.data or b"").partition(b"\n")
        if not text or not hmac.compare_digest(tag, self._tag(record.subject, text)):
            return None
        change, resources = json.loads(text)
        return int(change), tuple(resources)


def _name(subject: str) -> str:
    return record_id("document", "consents", subject)
