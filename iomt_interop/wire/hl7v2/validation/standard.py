"""The standard's own rules: structure, required fields, repetition, data types, tables, OBX-2 against OBX-5."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from itertools import islice
from typing import Final

from ..elements import value_type
from ..message import Message, Part, Presence
from ..structure import (
    ANY,
    KNOWN,
    Definitions,
    FieldRule,
    Group,
    GroupRule,
    SegmentRule,
    Structure,
    structure,
    structure_of_event,
)
from ..types import TYPE_NAMES, decode, doubts
from .conditions import Conditions, check_pairs
from .findings import Finding, Numbered, Severity, at, numbered

__all__ = ["Standard", "codes_of", "missing_members"]

_OF_DEVIATION: Final = {
    "HL7-301": Severity.ERROR, "HL7-302": Severity.ERROR, "HL7-303": Severity.ERROR, "HL7-305": Severity.ERROR,
    "HL7-306": Severity.WARNING, "HL7-307": Severity.INFORMATION,
}  # fmt: skip
_OF_TYPE: Final = {"HL7-133": Severity.WARNING, "HL7-134": Severity.INFORMATION, "HL7-135": Severity.WARNING}
_ELSEWHERE: Final = frozenset({"0203", "0291", "0301", "0396", "0399"})
"""Tables of HL7 that are maintained elsewhere and grow between versions."""
_MOST_OF_FIELD: Final = 64
_ENDLESS: Final = frozenset({"NA", "MA"})  # as many components as there are samples
_CODED: Final = frozenset({"CE", "CNE", "CWE", "CF"})
_PLAIN: Final = frozenset({"ID", "IS"})


class Standard:
    """The rules of a message's own version. Iterate to get the findings."""

    def __init__(self, message: Message) -> None:
        self.message = message

    @cached_property
    def tree(self) -> Structure:
        """The message's groups."""
        return structure(self.message)

    @property
    def tables(self) -> Definitions:
        """The tables of the message's version."""
        return self.tree.resolution.definitions

    def __iter__(self) -> Iterator[Finding]:
        """Yield what the parser doubted, then what the structure forbids, then the fields in their order."""
        for each in self.message.diagnostics:
            yield Finding(each.code, each.path, each.span, "HL7 v2.8 ch. 2", Severity.WARNING)
        name = f"HL7 v{self.tree.resolution.version} {self.tree.name or 'message structures'}"
        for each in self.tree.deviations:
            yield Finding(each.code, each.path, each.span, name, _OF_DEVIATION[each.code])
        yield from self._stated_structure()
        yield from missing_members(self.tree.root, name)
        last: dict[str, int] = {}
        conditions = Conditions(self.message, self.tables.version)
        for segment in numbered(self.message):
            yield from self._set_id(segment, last)
            yield from self._segment(segment)
            yield from conditions.check(segment)

    def _stated_structure(self) -> Iterator[Finding]:
        """Hold MSH-9.3 against table 0354; before 2.4 that table gave several events other structures."""
        header = self.message.segment("MSH")
        if header is None or KNOWN.index(self.tables.version) < KNOWN.index("2.4"):
            return
        message_type, event, stated = (header.field(9)[1][number].text.strip() for number in (1, 2, 3))
        wanted = structure_of_event(message_type, event)
        if stated == self.tree.name and wanted not in (None, stated):
            span = header.field(9)[1][3].span
            rule = f"HL7 v{self.tables.version} MSH-9, table 0354"
            yield Finding("HL7-308", "MSH(1)-9.3", span, rule, Severity.WARNING)

    def _set_id(self, segment: Numbered, last: dict[str, int]) -> Iterator[Finding]:
        """Hold a set id against that of the last segment of its name: one more, or 1 where the counting begins anew."""
        rules = self.tables.segment(segment.id)
        if not rules or rules[0] is None or rules[0].datatype != "SI":
            return
        field = segment.segment.field(1)
        text = field.raw
        if not text.isdigit() or len(text) > 9:  # empty, or no SI, which is told elsewhere
            return
        number = int(text)
        if number not in (1, last.get(segment.id, 0) + 1):
            rule = f"HL7 v{self.tables.version} {segment.id}-1"
            yield Finding("HL7-323", f"{segment.path}-1", field.span, rule, Severity.INFORMATION)
        last[segment.id] = number

    def _segment(self, segment: Numbered) -> Iterator[Finding]:
        rules = self.tables.segment(segment.id)
        if rules is None:
            return
        version = self.tables.version
        for number, rule in enumerate(rules, 1):
            if rule is not None:
                yield from self._field(segment, rule, f"HL7 v{version} {segment.id}-{number}")
        for number in range(len(rules) + 1, len(segment.segment) + 1):
            if field := segment.segment.field(number):
                rule_text = f"HL7 v{version} {segment.id}"
                yield Finding("HL7-313", f"{segment.path}-{number}", field.span, rule_text, Severity.WARNING)

    def _field(self, segment: Numbered, rule: FieldRule, clause: str) -> Iterator[Finding]:
        field = segment.segment.field(rule.number)
        path = f"{segment.path}-{rule.number}"
        if not field:
            if rule.low:
                yield Finding("HL7-311", path, field.span, clause, Severity.ERROR)
            return
        if field.level == 3:
            return
        if field.presence is Presence.NULL:
            if rule.low:
                yield Finding("HL7-324", path, field.span, clause, Severity.ERROR)
            return
        if rule.high == 0:
            yield Finding("HL7-313", path, field.span, clause, Severity.WARNING)
        elif rule.high is not None and len(field) > rule.high:
            yield Finding("HL7-312", path, field.span, clause, Severity.ERROR)
        datatype = value_type(segment.segment, rule.number, rule)
        if segment.id == "OBX" and rule.number == 5 and datatype not in TYPE_NAMES:
            code, where = ("HL7-318", 2) if datatype else ("HL7-317", 2)
            span = segment.segment.field(where).span
            yield Finding(code, f"{segment.path}-{where}", span, "HL7 v2.8 ch. 7.4.2.2", Severity.ERROR)
            return
        if rule.high == 0:
            return
        yield from self._types(field, datatype, path, clause)
        if (segment.id, rule.number) == ("OBX", 2):  # held against the data types themselves at OBX-5
            return
        for number, repetition in enumerate(field, 1):
            place = path if number == 1 == len(field) else f"{path}[{number}]"
            yield from self._codes(repetition, datatype, rule.table, place, clause)

    def _types(self, field: Part, datatype: str, path: str, clause: str) -> Iterator[Finding]:
        """Yield what is not written as its data type demands; of one field not more than the limit."""
        if datatype not in TYPE_NAMES:
            return
        value = decode(field, datatype, version=self.tables.version)
        found = (each for each in doubts(value) if datatype not in _ENDLESS or each[1] != "HL7-135")
        for steps, code in islice(found, _MOST_OF_FIELD):
            severity = _OF_TYPE.get(code, Severity.ERROR)
            yield Finding(code, path + steps, at(field, steps).span, f"{clause} ({datatype})", severity)

    def _codes(self, part: Part, datatype: str, table: str | None, path: str, clause: str) -> Iterator[Finding]:
        """Yield codes that are not in their tables, and required components that are empty."""
        if not part or part.presence is Presence.NULL:
            return
        if table is not None and (found := codes_of(part, datatype, table, self.tables)) is not None:
            yield Finding(found[0], path, part.span, f"{clause}, table {table}", found[1])
        components = self.tables.datatype(datatype) if part.level < 3 else None
        if components:
            yield from check_pairs(part, datatype, path, clause)
        pieces = list(part) if components else []
        for rule in components or ():
            if rule is None:
                continue
            piece = pieces[rule.number - 1] if rule.number <= len(pieces) else None
            if not piece:
                if rule.low:
                    span = part.span if piece is None else piece.span
                    yield Finding("HL7-311", f"{path}.{rule.number}", span, f"{clause} ({datatype})", Severity.ERROR)
            elif rule.low and piece.presence is Presence.NULL:
                yield Finding("HL7-324", f"{path}.{rule.number}", piece.span, f"{clause} ({datatype})", Severity.ERROR)
            elif rule.high == 0:
                yield Finding(
                    "HL7-313", f"{path}.{rule.number}", piece.span, f"{clause} ({datatype})", Severity.WARNING
                )
            elif rule.table is not None or rule.datatype not in _PLAIN:
                yield from self._codes(piece, rule.datatype, rule.table, f"{path}.{rule.number}", clause)


def codes_of(part: Part, datatype: str, table: str, tables: Definitions) -> tuple[str, Severity] | None:
    """Hold a coded part against a table; ``None`` when it is in it, or when nobody can tell.

    A code that names another coding system than the table is not held against it.
    """
    known = tables.codes(table)
    if known is None:
        return None
    text = part.text if datatype in _PLAIN else part[1].text
    if datatype in _CODED:
        system = part[3].text if part.level == 1 else ""
        if system and system.removeprefix("HL7") != table:
            return None
    elif datatype not in _PLAIN:
        return None
    if not text or text in known:
        return None
    if datatype in ("ID", "CNE") and table not in _ELSEWHERE:
        return "HL7-315", Severity.ERROR
    return "HL7-316", Severity.INFORMATION


def missing_members(group: Group, clause: str) -> Iterator[Finding]:
    """Yield segments and groups that a group requires and does not have (``HL7-304``)."""
    if group.rule is not None:
        counts: dict[int, int] = {}
        for child in group:
            if child.rule is not None:
                counts[id(child.rule)] = counts.get(id(child.rule), 0) + 1
        lacking = [m for m in group.rule.members if counts.get(id(m), 0) < m.low and not _is_optional(m)]
        if group.rule.is_choice:
            lacking = [] if counts else lacking[:1]
        for member in lacking:
            name = member.name if isinstance(member, GroupRule) else f"{group.name}.{member.name}"
            yield Finding("HL7-304", name, _span(group), clause, Severity.ERROR)
    for child in group:
        if isinstance(child, Group):
            yield from missing_members(child, clause)


def _is_optional(rule: GroupRule | SegmentRule) -> bool:
    """Tell whether nothing at all satisfies a rule: a required group of optional members, or any segment."""
    if isinstance(rule, SegmentRule):
        return rule.name == ANY
    return all(not member.low or _is_optional(member) for member in rule.members)


def _span(group: Group) -> tuple[int, int] | None:
    first = last = None
    for segment in group.segments:
        first, last = first or segment, segment
    return None if first is None or last is None else (first.span[0], last.span[1])
