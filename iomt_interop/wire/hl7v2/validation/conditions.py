"""Predicates of conditional fields: what the standard says of them in prose, as a table.

Only conditions that a message answers by itself are here. Those that ask about the world ("where it is known"), or
about an agreement between sites, stay prose and unchecked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from ..message import Message, Part, Presence, Segment
from ..structure import KNOWN
from .findings import Finding, Numbered, Severity

__all__ = ["AGREEMENTS", "CONDITIONS", "PAIRS", "Agreement", "Condition", "Conditions", "Is", "check_pairs"]


@dataclass(frozen=True, slots=True)
class Is:
    """One question to a message: whether a field is valued, or has one of some values.

    Parameters
    ----------
    segment : str
        Whose field; empty for the segment that is checked, ``MSH`` for the header, else the last one of this name
        since the last segment of the kind that is checked.
    field : int
        Its number.
    values : frozenset of str, optional
        Values of the first component that answer yes; empty: any value does.
    component : int
        Which component is looked at.
    """

    segment: str
    field: int
    values: frozenset[str] = frozenset()
    component: int = 1


@dataclass(frozen=True, slots=True)
class Condition:
    """A field that must have a value when all of ``when`` and none of ``unless`` hold.

    Parameters
    ----------
    segment, field : str, int
        The conditional field.
    clause : str
        Where the standard says so.
    when, unless : tuple of Is
        The predicate.
    since : str
        First version with it.
    severity : Severity
        What its absence weighs.
    """

    segment: str
    field: int
    clause: str
    when: tuple[Is, ...] = ()
    unless: tuple[Is, ...] = ()
    since: str = "2.3"
    severity: Severity = Severity.WARNING


@dataclass(frozen=True, slots=True)
class Agreement:
    """Two fields that say the same where both are valued."""

    segment: str
    field: int
    other: Is
    clause: str


_REPORT: Final = Is("MSH", 9, frozenset({"ORU", "OUL"}))
_NOTE: Final = Severity.INFORMATION

CONDITIONS: Final[tuple[Condition, ...]] = (
    Condition("MSH", 15, "2.14.9.15: both or none in enhanced mode", when=(Is("", 16),)),
    Condition("MSH", 16, "2.14.9.16: both or none in enhanced mode", when=(Is("", 15),)),
    Condition("PID", 35, "3.4.2.35: breed and production class are of a species", when=(Is("", 36),), since="2.5"),
    Condition("PID", 35, "3.4.2.35: breed and production class are of a species", when=(Is("", 38),),
              unless=(Is("", 36),), since="2.5"),
    Condition("PID", 36, "3.4.2.36: a strain is of a breed", when=(Is("", 37),), since="2.5"),
    Condition("OBR", 3, "7.4.1.3: a report has a filler order number, in ORC-3 or here", when=(_REPORT,),
              unless=(Is("ORC", 3),), severity=_NOTE),
    Condition("OBR", 7, "7.4.1.7: an OBR of a report has the time of the observation", when=(_REPORT,)),
    Condition("OBX", 5, "7.4.2.5: a result has a value or an interpretation",
              unless=(Is("", 8), Is("", 11, frozenset("DINOX"))), severity=_NOTE),
    Condition("PRT", 5, "7.4.4: a participation is of a person, an organisation, a place or a device",
              unless=(Is("", 8), Is("", 9), Is("", 10)), since="2.7"),
)  # fmt: skip
"""Conditional fields that a message decides by itself.

OBR-22 and OBR-25, which reports should have as well, are left empty by the device profiles and are not asked for.
"""

AGREEMENTS: Final[tuple[Agreement, ...]] = (
    Agreement("OBR", 2, Is("ORC", 2), "4.5.1.2: the placer's number is the same in ORC-2 and OBR-2"),
    Agreement("OBR", 3, Is("ORC", 3), "4.5.1.3: the filler's number is the same in ORC-3 and OBR-3"),
)
"""Fields that stand in two segments."""

PAIRS: Final[Mapping[str, tuple[tuple[int, int, str], ...]]] = {
    "HD": ((2, 3, "2.A.33: a universal id and its type stand together"),),
    "EI": ((3, 4, "2.A.28: a universal id and its type stand together"),),
}
"""Components of a data type that are both valued or both not."""


def _is_valued(part: Part) -> bool:
    return bool(part) and part.presence is not Presence.NULL


def check_pairs(part: Part, datatype: str, path: str, clause: str) -> Iterator[Finding]:
    """Yield components without the other one that belongs to them (``HL7-325``)."""
    for first, second, words in PAIRS.get(datatype, ()):
        there = [_is_valued(part[number]) for number in (first, second)]
        if there[0] != there[1]:
            number = second if there[0] else first
            rule = f"{clause} ({datatype}), {words}"
            yield Finding("HL7-325", f"{path}.{number}", part[number].span, rule, Severity.WARNING)


class Conditions:
    """Hold the segments of one message, in their order, against the conditions of its version."""

    def __init__(self, message: Message, version: str) -> None:
        self._header = message.segment("MSH")
        self._version = version
        self._last: dict[str, Segment] = {}
        known = KNOWN.index(version)
        self._conditions: dict[str, list[Condition]] = {}
        for each in CONDITIONS:
            if known >= KNOWN.index(each.since):
                self._conditions.setdefault(each.segment, []).append(each)

    def check(self, each: Numbered) -> Iterator[Finding]:
        """Yield what a segment lacks (``HL7-325``) and where it contradicts another one (``HL7-326``)."""
        for condition in self._conditions.get(each.id, ()):
            field = each.segment.field(condition.field)
            if field or not self._holds(each.segment, condition):
                continue
            rule = f"HL7 v{self._version} {each.id}-{condition.field}, {condition.clause}"
            yield Finding("HL7-325", f"{each.path}-{condition.field}", field.span, rule, condition.severity)
        for agreement in AGREEMENTS:
            if agreement.segment == each.id:
                yield from self._agrees(each, agreement)
        if each.id in {other.other.segment for other in AGREEMENTS}:
            self._last[each.id] = each.segment
        elif each.id == "OBR":
            self._last.clear()

    def _agrees(self, each: Numbered, agreement: Agreement) -> Iterator[Finding]:
        other = self._last.get(agreement.other.segment)
        if other is None:
            return
        field, theirs = each.segment.field(agreement.field), other.field(agreement.other.field)
        if _is_valued(field) and _is_valued(theirs) and not _same(field, theirs):
            rule = f"HL7 v{self._version} {each.id}-{agreement.field}, {agreement.clause}"
            yield Finding("HL7-326", f"{each.path}-{agreement.field}", field.span, rule, Severity.WARNING)

    def _holds(self, segment: Segment, condition: Condition) -> bool:
        return all(self._is(segment, one) for one in condition.when) and not any(
            self._is(segment, one) for one in condition.unless
        )

    def _is(self, segment: Segment, question: Is) -> bool:
        asked = segment if not question.segment else self._last.get(question.segment)
        if question.segment == "MSH":
            asked = self._header
        if asked is None:
            return False
        field = asked.field(question.field)
        if not question.values:
            return bool(field)
        return field[1][question.component].text.strip() in question.values


def _same(field: Part, other: Part) -> bool:
    """Tell whether two identifiers are one: the numbers alike, and all else that both state."""
    for number in range(1, 5):
        mine, theirs = (part[1][number].text.strip() for part in (field, other))
        if mine != theirs and (number == 1 or (mine and theirs)):
            return False
    return True
