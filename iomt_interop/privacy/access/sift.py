"""An answer parted into what may be seen and what may not, person by person; and cut to what the purpose needs."""

from __future__ import annotations

from dataclasses import dataclass, field

from ... import model
from ...model import Record
from ..facts import Facts, subject_of
from ..minimise import MinimisationPolicy, Minimised, Pseudonyms, minimise
from .context import Decision
from .unlink import needs, without

__all__ = ["Page", "Projection", "Share", "Sifted", "projected"]


@dataclass(frozen=True, slots=True, repr=False)
class Page:
    """What may be seen of an answer; nothing of it tells whether there was more."""

    records: tuple[model.Record, ...]
    total: int
    """How many records the whole answer has for whoever asked."""


@dataclass(frozen=True, slots=True)
class Projection:
    """How records are cut to what a purpose needs."""

    policy: MinimisationPolicy
    pseudonyms: Pseudonyms | None = field(default=None, repr=False)
    """Names and date shifts of whoever gets them."""
    as_of: int | None = None
    """The year in which ages are counted."""


class Share:
    """What was found of one person, or of nobody."""

    __slots__ = ("consents", "hidden", "reasons", "seen")

    def __init__(self) -> None:
        self.seen = self.hidden = 0
        self.reasons: dict[str, None] = {}
        self.consents: tuple[str, ...] = ()


class Sifted:
    """Records parted into those that may be seen and those that may not.

    Parameters
    ----------
    hidden : set of str, optional
        Ids that are known to be hidden already; it grows.
    """

    __slots__ = ("hidden", "seen", "shares")

    def __init__(self, hidden: set[str] | None = None) -> None:
        self.seen: list[Record] = []
        self.hidden: set[str] = set() if hidden is None else hidden
        self.shares: dict[str | None, Share] = {}

    def take(self, record: Record, facts: Facts, decision: Decision) -> None:
        """Take a record in, with what was decided of it."""
        share = self.shares.setdefault(facts.subject, Share())
        share.reasons[decision.reason] = None
        if decision.permit:
            share.seen += 1
            self.seen.append(record)
        else:
            share.hidden += 1
            self.hidden.add(record.id)

    def told(self) -> dict[str | None, Share]:
        """Return what there is an event of: each person; and nobody, where it is of no person or of several."""
        if not self.shares:
            return {None: Share()}
        if len(self.shares) != 2 or None not in self.shares:
            return self.shares
        (subject, share), nobody = next((k, v) for k, v in self.shares.items() if k is not None), self.shares[None]
        whole = Share()
        whole.seen, whole.hidden = share.seen + nobody.seen, share.hidden + nobody.hidden
        # In the order in which they were met.
        whole.reasons = {reason: None for each in self.shares.values() for reason in each.reasons}
        whole.consents = tuple(sorted({*share.consents, *nobody.consents}))
        return {subject: whole}

    def bury(self) -> None:
        """Hide what says nothing without a record that is hidden."""
        if self.hidden:
            kept = [record for record in self.seen if not needs(record, self.hidden)]
            left = {id(record) for record in kept}
            for record in self.seen:
                if id(record) not in left:
                    self.hidden.add(record.id)
                    share = self.shares[subject_of(record)]
                    share.seen, share.hidden = share.seen - 1, share.hidden + 1
            self.seen = kept


def projected(found: Sifted, project: Projection | None) -> Minimised:
    """Return what may be seen, without references to what may not, as the purpose needs it."""
    shown = [without(record, found.hidden) for record in found.seen]
    if project is None:
        return Minimised(shown, owners=[subject_of(record) for record in shown])
    return minimise(shown, project.policy, pseudonyms=project.pseudonyms, as_of=project.as_of)
