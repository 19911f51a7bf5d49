"""The grammar of a message structure: segments and groups, each with how often it may stand."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

__all__ = ["ANY", "GroupRule", "Rule", "SegmentRule", "read_grammar", "read_usage"]

ANY: Final = "***"
"""Stands in a grammar for whichever segment."""

_TOKEN: Final = re.compile(
    r"\s*(?:<(\w+)(\|?) |(>)([?!*+-]|\d+-(?:\d+|n))|([A-Z][A-Z0-9]{2}|\*\*\*)([?!*+-]|\d+-(?:\d+|n)))"
)
_USAGE: Final[dict[str, tuple[int, int | None]]] = {
    "?": (0, 1), "!": (1, 1), "*": (0, None), "+": (1, None), "-": (0, 0),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class SegmentRule:
    """A segment of a group."""

    name: str
    low: int
    high: int | None


@dataclass(frozen=True)
class GroupRule:
    """A group of a message structure, or the structure itself.

    Parameters
    ----------
    name : str
        As HL7's XML encoding writes it: ``ORU_R01.PATIENT_RESULT``.
    low, high : int
        How often it may stand; ``high`` is ``None`` for as often as one likes.
    members : tuple of SegmentRule and GroupRule
        In their order.
    is_choice : bool
        Whether one of the members stands, not all.
    """

    name: str
    low: int
    high: int | None
    members: tuple[Rule, ...]
    is_choice: bool = False
    _moves: dict[tuple[int, str, bool], int] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def starts(self) -> frozenset[str]:
        """Segments that may open the group."""
        found: set[str] = set()
        for member in self.members:
            found |= {member.name} if isinstance(member, SegmentRule) else member.starts
            if not self.is_choice and not _may_lack(member):
                break
        return frozenset(found)

    @cached_property
    def holds(self) -> frozenset[str]:
        """Segments that may stand anywhere in the group."""
        found: set[str] = set()
        for member in self.members:
            found |= {member.name} if isinstance(member, SegmentRule) else member.holds
        return frozenset(found)

    def after(self, position: int, name: str, *, anywhere: bool = False) -> int:
        """Return the first member behind a position that a segment may go to, -1 for none.

        It is the segment's own rule, or a group that it may open, or (``anywhere``) a group that holds it, whose
        beginning is then missing.
        """
        if name not in self.holds:
            return -1
        key = (position, name, anywhere)
        if key not in self._moves:
            self._moves[key] = self._search(*key)
        return self._moves[key]

    def _search(self, position: int, name: str, anywhere: bool) -> int:
        if self.is_choice and position >= 0:
            return -1
        for number in range(position + 1, len(self.members)):
            member = self.members[number]
            if isinstance(member, SegmentRule):
                if member.name == name:
                    return number
            elif name in (member.holds if anywhere else member.starts):
                return number
        return -1


Rule = SegmentRule | GroupRule


def _may_lack(rule: Rule) -> bool:
    return not rule.low or (isinstance(rule, GroupRule) and all(map(_may_lack, rule.members)))


def read_usage(mark: str) -> tuple[int, int | None]:
    """Read a cardinality: a mark, or ``low-high``."""
    if mark in _USAGE:
        return _USAGE[mark]
    low, _, high = mark.partition("-")
    return int(low), None if high == "n" else int(high)


def read_grammar(name: str, text: str) -> GroupRule:
    """Read a structure: ``MSH! SFT* <PATIENT? PID! PD1?>``, with ``<NAME| ...>`` for a choice."""
    levels: list[tuple[str, bool, list[Rule]]] = [(name, False, [])]
    at = 0
    while at < len(text) and (match := _TOKEN.match(text, at)):
        at = match.end()
        group, choice, end, group_usage, segment, usage = match.groups()
        if group is not None:
            levels.append((f"{name}.{group}", bool(choice), []))
        elif end is not None:
            label, is_choice, members = levels.pop()
            levels[-1][2].append(GroupRule(label, *read_usage(group_usage), tuple(members), is_choice))
        else:
            levels[-1][2].append(SegmentRule(segment, *read_usage(usage)))
    if at < len(text) or len(levels) != 1:
        raise AssertionError("the table is not what its generator writes")
    return GroupRule(name, 1, 1, tuple(levels[0][2]))
