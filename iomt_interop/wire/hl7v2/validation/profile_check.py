"""A message held against a conformance profile: usage, cardinality, length, tables, constants, nested."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final

from ..message import Message, Part, Presence
from ..structure import Definitions, Group, Placement, build, definitions, resolve
from ..types import TYPE_NAMES, decode, doubts
from .findings import Finding, Numbered, Severity, at, numbered
from .profile import PartProfile, Profile
from .standard import codes_of, missing_members

__all__ = ["check_profile"]

_FORBIDDEN: Final = {"X": Severity.ERROR, "W": Severity.WARNING, "B": Severity.INFORMATION}
_CONDITIONAL: Final = frozenset({"C", "CE"})
_MOST_OF_FIELD: Final = 64


def check_profile(message: Message, profile: Profile) -> Iterator[Finding]:
    """Yield what a profile forbids.

    The profile's own grammar places the segments. Conditions of ``C`` and ``CE`` are prose in a profile; where such a
    field is empty, that is told as information (``HL7-319``).
    """
    header = message.segment("MSH")
    kind = [] if header is None else [part.text for part in header.field(9)[1]]
    message_type, event = (*kind, "", "")[:2]
    name = f"profile {profile.structure or profile.message_type}"
    if (profile.message_type or message_type, profile.event or event) != (message_type, event):
        span = None if header is None else header.field(9).span
        yield Finding("HL7-321", "MSH(1)-9", span, name, Severity.ERROR)
    tables = definitions(profile.version) if profile.version else resolve(message).definitions
    tree, deviations = build(message, profile.root, tables)
    for each in deviations:
        yield Finding(each.code, each.path, each.span, name, Severity.ERROR)
    yield from missing_members(tree, name)
    paths = {each.segment.ordinal: each for each in numbered(message)}
    yield from _Checker(profile, tables, paths, name).group(tree)


class _Checker:
    """Walks the tree with the profile beside it."""

    def __init__(self, profile: Profile, tables: Definitions, paths: dict[int, Numbered], name: str) -> None:
        self.profile = profile
        self.tables = tables
        self.paths = paths
        self.name = name

    def group(self, group: Group) -> Iterator[Finding]:
        for child in group:
            if isinstance(child, Group):
                yield from self._forbidden(child.rule, child.name, next(child.segments).span)
                yield from self.group(child)
            elif child.rule is not None:
                yield from self._segment(child)

    def _forbidden(self, rule: object, path: str, span: tuple[int, int]) -> Iterator[Finding]:
        severity = _FORBIDDEN.get(self.profile.usages.get(id(rule), ""))
        if severity is not None:
            yield Finding("HL7-313", path, span, self.name, severity)

    def _segment(self, placed: Placement) -> Iterator[Finding]:
        each = self.paths[placed.segment.ordinal]
        yield from self._forbidden(placed.rule, each.path, placed.segment.span)
        wanted = self.profile.segments[id(placed.rule)]
        for number, part in enumerate(wanted.fields, 1):
            yield from self._field(placed.segment.field(number), part, f"{each.path}-{number}", f"{each.id}-{number}")
        for number in range(len(wanted.fields) + 1, len(placed.segment) + 1 if wanted.fields else 0):
            if field := placed.segment.field(number):
                yield Finding("HL7-313", f"{each.path}-{number}", field.span, self.name, Severity.WARNING)

    def _field(self, field: Part, wanted: PartProfile, path: str, clause: str) -> Iterator[Finding]:
        clause = f"{self.name} {clause}"
        if field.level == 3:  # MSH-1, MSH-2
            yield from self._leaf(field, wanted, path, clause)
            return
        yield from self._presence(field, wanted, path, clause)
        if not field:
            return
        count = len(field)
        if (wanted.high is not None and wanted.usage != "X" and count > wanted.high) or count < wanted.low:
            yield Finding("HL7-312", path, field.span, clause, Severity.ERROR)
        if field.presence is not Presence.NULL and wanted.datatype in TYPE_NAMES:
            value = decode(field, wanted.datatype, version=self.tables.version)
            for steps, code in islice(doubts(value), _MOST_OF_FIELD):
                yield Finding(code, path + steps, at(field, steps).span, clause, Severity.ERROR)
        for number, repetition in enumerate(field, 1):
            yield from self._below(repetition, wanted, path if count == 1 else f"{path}[{number}]", clause)

    def _presence(self, part: Part, wanted: PartProfile, path: str, clause: str) -> Iterator[Finding]:
        if wanted.usage == "R" and part.presence is Presence.NULL:
            yield Finding("HL7-324", path, part.span, clause, Severity.ERROR)
        elif part:
            severity = _FORBIDDEN.get(wanted.usage)
            if severity is not None:
                yield Finding("HL7-313", path, part.span, clause, severity)
        elif wanted.usage == "R":
            yield Finding("HL7-311", path, part.span, clause, Severity.ERROR)
        elif wanted.usage in _CONDITIONAL:
            yield Finding("HL7-319", path, part.span, clause, Severity.INFORMATION)

    def _below(self, part: Part, wanted: PartProfile, path: str, clause: str) -> Iterator[Finding]:
        """Check a repetition, component or subcomponent, then what is below it."""
        if not part or part.presence is Presence.NULL or wanted.usage == "X":
            return
        yield from self._leaf(part, wanted, path, clause)
        if part.level == 3:
            return
        pieces = list(part)
        for number, below in enumerate(wanted.parts, 1):
            piece = pieces[number - 1] if number <= len(pieces) else part[number]
            yield from self._presence(piece, below, f"{path}.{number}", clause)
            yield from self._below(piece, below, f"{path}.{number}", clause)
        if wanted.parts:
            for number, piece in enumerate(pieces[len(wanted.parts) :], len(wanted.parts) + 1):
                if piece:
                    yield Finding("HL7-313", f"{path}.{number}", piece.span, clause, Severity.WARNING)

    def _leaf(self, part: Part, wanted: PartProfile, path: str, clause: str) -> Iterator[Finding]:
        text = part.text
        if wanted.length is not None and len(text) > wanted.length:
            yield Finding("HL7-314", path, part.span, clause, Severity.WARNING)
        if wanted.constant is not None and text != wanted.constant:
            yield Finding("HL7-320", path, part.span, clause, Severity.ERROR)
        if wanted.table is not None and wanted.datatype is not None:
            found = codes_of(part, wanted.datatype, wanted.table, self.tables)
            if found is not None:
                yield Finding(found[0], path, part.span, f"{clause}, table {wanted.table}", found[1])
