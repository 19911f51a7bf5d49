"""The group tree of a message: every segment once, in the order of the message, whatever that order is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from ..message import Diagnostic, Message, Segment
from .definitions import Definitions
from .events import Resolution, resolve
from .grammar import ANY, GroupRule, SegmentRule

__all__ = ["Group", "Placement", "Structure", "build", "structure"]

_ID: Final = re.compile(r"[A-Z][A-Z0-9]{2}")


class Placement(NamedTuple):
    """A segment in its group.

    Parameters
    ----------
    segment : Segment
        The segment.
    rule : SegmentRule or None
        What the structure says of it here; ``None`` for one that it does not foresee at this place.
    """

    segment: Segment
    rule: SegmentRule | None

    @property
    def name(self) -> str:
        """The segment's identifier; ``?`` where the line has none, so that no value is taken for a name."""
        name = self.segment.id
        return name if _ID.fullmatch(name) else "?"


class Group:
    """A group of segments and groups, in the order of the message.

    Attributes
    ----------
    name : str
        ``ORU_R01.PATIENT_RESULT``; of the root the structure's name, or empty.
    rule : GroupRule or None
        The grammar; ``None`` for a message whose structure is not known.
    children : list of Placement and Group
        What is in it.
    """

    __slots__ = ("children", "name", "rule")

    def __init__(self, name: str, rule: GroupRule | None) -> None:
        self.name = name
        self.rule = rule
        self.children: list[Placement | Group] = []

    def __repr__(self) -> str:
        return f"Group({self.name!r}, {len(self.children)} children)"

    def __iter__(self) -> Iterator[Placement | Group]:
        return iter(self.children)

    def __len__(self) -> int:
        return len(self.children)

    @property
    def segments(self) -> Iterator[Segment]:
        """All segments in the group and the groups below, in the order of the message."""
        for child in self.children:  # as deep as the grammar is, which no message changes
            if isinstance(child, Group):
                yield from child.segments
            else:
                yield child.segment

    def groups(self, name: str) -> Iterator[Group]:
        """Yield the groups of a name (``OBSERVATION``) directly below."""
        for child in self.children:
            if isinstance(child, Group) and child.name.rpartition(".")[2] == name:
                yield child

    def all(self, segment_id: str) -> Iterator[Segment]:
        """Yield the segments of an identifier directly below."""
        for child in self.children:
            if isinstance(child, Placement) and child.segment.id == segment_id:
                yield child.segment

    def first(self, segment_id: str) -> Segment | None:
        """Return the first segment of an identifier directly below."""
        return next(self.all(segment_id), None)


@dataclass(frozen=True, slots=True)
class Structure:
    """A message's tree, by what it was made, and where the message deviates.

    Parameters
    ----------
    message : Message
        The message.
    resolution : Resolution
        By which structure and version it was read.
    root : Group
        The tree.
    deviations : tuple of Diagnostic
        Segments out of place, too many, or unknown; a path is the segment's (``OBX(3)``).
    """

    message: Message
    resolution: Resolution
    root: Group
    deviations: tuple[Diagnostic, ...]

    @property
    def name(self) -> str:
        """Name of the structure (``ORU_R01``); empty for none."""
        return self.resolution.name


class _Open:
    """A group that is being filled: which member it is at, and how many of that it has."""

    __slots__ = ("at", "count", "group", "rule")

    def __init__(self, group: Group, rule: GroupRule) -> None:
        self.group = group
        self.rule = rule
        self.at = -1
        self.count = 0


class _Builder:
    """Places segments one by one; what is open is a path of the grammar, never longer than the grammar is deep."""

    def __init__(self, root: Group, rule: GroupRule) -> None:
        self.open = [_Open(root, rule)]

    def place(self, segment: Segment, name: str) -> str | None:
        """Append a segment at or behind the place of the one before it; return the code of a doubt."""
        for label in (name, ANY):
            if self._forward(segment, label):
                return None
        if self._again(segment, name):
            return "HL7-303"
        if not self._is_behind(name) and self._forward(segment, name, anywhere=True):
            return None
        self.open[-1].group.children.append(Placement(segment, None))
        return None if name.startswith("Z") else "HL7-302"

    def _forward(self, segment: Segment, label: str, *, anywhere: bool = False) -> bool:
        """Repeat what is at hand, or go on to a later member, first in the innermost group, then further out."""
        for depth in range(len(self.open) - 1, -1, -1):
            each = self.open[depth]
            if not anywhere and self._repeats(each, label, within=True):
                self._enter(depth, each.at, segment, label)
                return True
            position = each.rule.after(each.at, label, anywhere=anywhere)
            if position >= 0:
                self._enter(depth, position, segment, label)
                return True
        return False

    def _again(self, segment: Segment, name: str) -> bool:
        """Repeat what is at hand more often than the structure allows."""
        for depth in range(len(self.open) - 1, -1, -1):
            if self._repeats(self.open[depth], name, within=False):
                self._enter(depth, self.open[depth].at, segment, name)
                return True
        return False

    def _is_behind(self, name: str) -> bool:
        """Tell whether the innermost group has passed the segment's place: it is late, and opens no other group."""
        innermost = self.open[-1]
        return any(
            member.name == name and isinstance(member, SegmentRule)
            for member in innermost.rule.members[: max(innermost.at, 0)]
        )

    @staticmethod
    def _repeats(each: _Open, name: str, *, within: bool) -> bool:
        if each.at < 0:
            return False
        member = each.rule.members[each.at]
        if within and member.high is not None and each.count >= member.high:
            return False
        return member.name == name if isinstance(member, SegmentRule) else name in member.starts

    def _enter(self, depth: int, position: int, segment: Segment, label: str) -> None:
        """Close the groups further in, and put the segment to a member, through as many new groups as it takes."""
        del self.open[depth + 1 :]
        while True:
            each = self.open[-1]
            each.count = each.count + 1 if each.at == position else 1
            each.at = position
            member = each.rule.members[position]
            if isinstance(member, SegmentRule):
                each.group.children.append(Placement(segment, member))
                return
            group = Group(member.name, member)
            each.group.children.append(group)
            self.open.append(_Open(group, member))
            position = member.after(-1, label)
            if position < 0:
                position = member.after(-1, label, anywhere=True)


def structure(message: Message) -> Structure:
    r"""Return the tree of groups of a message.

    A segment goes to the nearest place at or behind its predecessor's: it repeats the member at hand or goes on to
    a later one, in the innermost group that has room, so greedily. Where no group has room, it repeats the member at
    hand too often (``HL7-303``); or, unless it is late in the innermost group, it opens a later group whose beginning
    is missing. Else it stays behind its predecessor, in the innermost open group: local segments (Z) without further
    ado, others with ``HL7-301`` (not known) or ``HL7-302`` (out of place). The tree's segments are those of the
    message, in the same order.

    Examples
    --------
    >>> from iomt_interop.wire import hl7v2
    >>> from iomt_interop.wire.hl7v2.structure import structure
    >>> tree = structure(hl7v2.parse(b"MSH|^~\\&|||||||ORU^R01|1|P|2.6\rPID|1\rOBR|1\rOBX|1\rZZ1|x\rOBX|2\r"))
    >>> tree.name, [child.name for child in tree.root]
    ('ORU_R01', ['MSH', 'ORU_R01.PATIENT_RESULT'])
    >>> [segment.id for segment in tree.root.segments]
    ['MSH', 'PID', 'OBR', 'OBX', 'ZZ1', 'OBX']
    """
    resolution = resolve(message)
    found = [] if resolution.doubt is None else [Diagnostic(resolution.doubt, path="MSH-9")]
    root, deviations = build(message, resolution.rule, resolution.definitions, resolution.name)
    return Structure(message, resolution, root, (*found, *deviations))


def build(
    message: Message, rule: GroupRule | None, tables: Definitions, name: str = ""
) -> tuple[Group, list[Diagnostic]]:
    """Return the tree of groups by a grammar, as :func:`structure` builds it, and where the message deviates.

    Without a grammar all segments stand in one group.
    """
    root = Group(name or (rule.name if rule is not None else ""), rule)
    found: list[Diagnostic] = []
    builder = None if rule is None else _Builder(root, rule)
    seen: dict[str, int] = {}
    for segment in message:
        raw = segment.id
        label = raw if _ID.fullmatch(raw) else ""
        seen[label] = seen.get(label, 0) + 1
        doubt = None
        if builder is None:
            root.children.append(Placement(segment, None))
        else:
            doubt = builder.place(segment, label)
        if not label.startswith("Z") and (builder is None or doubt == "HL7-302") and tables.segment(label) is None:
            doubt = "HL7-301"
        if doubt is not None:
            path = f"{label}({seen[label]})" if label else None
            found.append(Diagnostic(doubt, span=segment.span, path=path))
    return root, found
