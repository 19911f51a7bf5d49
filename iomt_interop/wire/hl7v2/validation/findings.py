"""What a validation finds: a code, a place and the rule that was broken; never a value."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final

from ..message import Message, Part, Segment

__all__ = ["MAX_FINDINGS", "Finding", "Numbered", "Severity", "at", "numbered"]

MAX_FINDINGS: Final = 10_000
"""After so many findings a validation ends."""

_STEP: Final = re.compile(r"\[(\d+)\]|\.(\d+)")


class Severity(Enum):
    """How much a finding matters."""

    ERROR = "error"
    WARNING = "warning"
    INFORMATION = "information"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a rule forbids.

    Parameters
    ----------
    code : str
        A key of :data:`iomt_interop.errors.CODES`.
    path : str or None
        ``PID(1)-3[2].4``; of a group its name, of a line without an identifier ``None``.
    span : tuple of int or None
        Half-open byte range in the source.
    rule : str
        The clause or the profile's element that demands it.
    severity : Severity
        How much it matters.
    """

    code: str
    path: str | None
    span: tuple[int, int] | None
    rule: str
    severity: Severity


@dataclass(frozen=True, slots=True)
class Numbered:
    """A segment with its path: the n-th of its identifier."""

    segment: Segment
    id: str
    path: str


def numbered(message: Message) -> Iterator[Numbered]:
    """Yield the segments with their paths; ``?`` for a line without an identifier."""
    seen: dict[str, int] = {}
    for segment in message:
        name = segment.id if re.fullmatch(r"[A-Z][A-Z0-9]{2}", segment.id) else "?"
        seen[name] = seen.get(name, 0) + 1
        yield Numbered(segment, name, f"{name}({seen[name]})")


def at(part: Part, steps: str) -> Part:
    """Follow ``[2].4.1`` from a field or a repetition down, as far as there is something."""
    for match in _STEP.finditer(steps):
        number = int(match[1] or match[2])
        if part.level == 3 or (match[1] is None and part.level == 0 and number < 1):
            break
        if match[2] is not None and part.level == 0:
            part = part[1]
        part = part[number]
    return part
