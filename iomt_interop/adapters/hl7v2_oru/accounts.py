"""PID-18, MRG and IN3: accounts, the person that another one replaces, and the case manager."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from ...model import (
    Account,
    Actor,
    CareTeam,
    Coding,
    Concept,
    Identifier,
    Link,
    PersonName,
    Subject,
    record_id,
)
from ...terminology import systems
from .header import decode_identifiers, identity
from .ledger import Node, decoder
from .people import cx, each, name
from .unit import HTEST, Segment, Unit

__all__ = [
    "Charge",
    "Status",
    "account_numbers",
    "account_status",
    "add_accounts",
    "care_team",
    "has_manager",
    "replaced",
]

Status = Literal["active", "inactive", "unknown"]
_Key = tuple[str | None, str | None]

_MANAGER: Final = Concept(
    codings=(Coding(system=systems.SNOMED_CT, code="768832004"),),
    text="case manager",
)
_STATUS: Final[dict[tuple[str, str | None], Status]] = {
    ("BAR", "P02"): "unknown", ("BAR", "P06"): "inactive", ("ADT", "A23"): "unknown", ("ADT", "A29"): "unknown",
}  # fmt: skip
"""What becomes of an account where it is purged, ended, or deleted with its person; else it is in use."""
_names = decoder(lambda field: each(field, name))
_text = decoder(lambda field: field[1].peek())


def _valued(field: Node) -> tuple[Identifier, ...]:
    """Read the repetitions that have a number; the others are left."""
    found = (cx(part) for part in field.children if (part[1].peek() or "").strip())
    return tuple(one for one in found if one is not None)


_numbers = decoder(_valued)


# ---- PID-18, MRG-3


def account_status(kind: str, event: str | None) -> Status:
    """Return the status of the account that PID-18 names, by the type and the trigger event of the message."""
    return _STATUS.get((kind, event), "active")


def account_numbers(segment: Segment | None, field: int) -> tuple[Identifier, ...]:
    """Take the numbers of accounts, each once, from PID-18 or MRG-3; a repetition without a number is left."""
    found = None if segment is None else segment.use(field, _numbers)
    return tuple(dict.fromkeys(found or ()))


class Charge(NamedTuple):
    """The accounts that a segment names, and whose they are."""

    segment: Segment | None
    numbers: tuple[Identifier, ...]
    status: Status
    subject: str | None

    def accounts(self, unit: Unit) -> dict[_Key, Account]:
        """Return the accounts (PID[Account], MRG[Account]).

        One is the same in every message about the same person, by its number and who assigned it.
        """
        numbers: dict[_Key, list[Identifier]] = {}
        for number in self.numbers:
            numbers.setdefault((number.system or number.authority, number.value), []).append(number)
        if self.segment is None:
            return {}
        provenance = unit.provenance(self.segment)
        return {
            key: Account(
                id=record_id("account", self.subject, *key),
                provenance=provenance,
                subject=self.subject,
                status=self.status,
                identifiers=tuple(found),
            )
            for key, found in numbers.items()
        }


def add_accounts(unit: Unit, current: Charge, prior: Charge) -> None:
    """Add the accounts; a single current one replaces the prior ones.

    A prior account of the same number is the same account: then only the person changed.
    """
    held, gone = current.accounts(unit), prior.accounts(unit)
    for key in [key for key in gone if key in held]:
        more = tuple(one for one in gone.pop(key).identifiers if one not in held[key].identifiers)
        held[key] = held[key].replace(identifiers=held[key].identifiers + more)
    links = tuple(Link(relation="replaces", target=one.id) for one in gone.values()) if len(held) == 1 else ()
    for charge, found in ((current, held), (prior, gone)):
        for one in found.values():
            if unit.first(one.id):
                unit.add(one.replace(links=links) if charge is current and links else one)
            elif charge.segment is not None:
                unit.residue(charge.segment.span, charge.segment.path, "ORU-302")


# ---- IN3


def has_manager(segment: Segment) -> bool:
    """Tell whether IN3-21 names somebody."""
    return bool((_text(segment.raw(21), segment.syntax).value or "").strip())


def care_team(unit: Unit, segment: Segment) -> CareTeam:
    """Map IN3: the case manager (IN3[CareTeam]), of whom IN3-21 gives the name."""
    manager = PersonName(text=segment.text(21))
    return CareTeam(
        id=unit.id("care_team", segment),
        provenance=unit.provenance(segment),
        subject=unit.subject,
        encounter=unit.encounter,
        members=(Actor(role="case-manager", party="person", code=_MANAGER, names=(manager,)),),
        extensions=segment.extensions(),
    )


# ---- MRG


def merged(unit: Unit, segment: Segment) -> tuple[Subject | None, Link | None]:
    """Map MRG: the record of the person that is replaced, and the link to it.

    Of a demo or test message it is kept from the patients as the person of PID is.
    """
    numbers = segment.use(1, decode_identifiers) or ()
    known = identity(numbers)
    if known is None:
        return None, None
    excluded = unit.mode if unit.exclude else None
    old = Subject(
        id=record_id("subject", *known) if excluded is None else record_id("subject", excluded, *known),
        provenance=unit.provenance(segment),
        identifiers=numbers,
        names=segment.use(7, _names) or (),
        active=False,
        confidence=excluded or "certain",
        labels=(HTEST,) if unit.mode is not None else (),
        extensions=segment.extensions(),
    )
    return old, Link(relation="replaces", target=old.id)


def replaced(unit: Unit, segment: Segment | None, person: Subject) -> tuple[Subject, str]:
    """Map MRG; return the person with the link to the one that it replaces, and the id of that one.

    An MRG that replaces no other person, and says more than the records have, stays verbatim.
    """
    if segment is None:
        return person, person.id
    old, link = merged(unit, segment)
    if old is not None and link is not None and old.id != person.id and unit.first(old.id):
        unit.add(old)
        return person.replace(links=(link,)), old.id
    same = old is None or old.id == person.id
    if not same or not _is_whole(segment, old, person):
        unit.residue(segment.span, segment.path, "ORU-302")
    return person, person.id if old is None else old.id


def _is_whole(segment: Segment, old: Subject | None, person: Subject) -> bool:
    if old is None:
        return not segment.extensions()
    return not (old.names or old.extensions) and set(old.identifiers) <= set(person.identifiers)
