"""Paths in the field's own notation: ``PID-3[2].4.2``, ``OBX(3)-5``, ``OBX(*)-5[*]``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

from ...errors import InvalidRequest

if TYPE_CHECKING:
    from .message import Message, Part

__all__ = ["Path", "parse_path", "select"]

_PATH: Final = re.compile(
    r"(?P<segment>[A-Z][A-Z0-9]{2})(?:\((?P<occurrence>[1-9]\d{0,8}|\*)\))?-(?P<field>[1-9]\d{0,4})"
    r"(?:\[(?P<repetition>[1-9]\d{0,8}|\*)\])?(?:\.(?P<component>[1-9]\d{0,8}))?(?:\.(?P<subcomponent>[1-9]\d{0,8}))?"
)


class Path(NamedTuple):
    """A parsed path; 0 is the wildcard, ``None`` a level that is not named."""

    segment: str
    occurrence: int
    field: int
    repetition: int | None = None
    component: int | None = None
    subcomponent: int | None = None


def parse_path(text: str) -> Path:
    """Read a path; everything is numbered from 1.

    Raises
    ------
    InvalidRequest
        ``USE-001`` when it is not written as a path.
    """
    match = _PATH.fullmatch(text)
    if match is None:
        raise InvalidRequest("USE-001", hint="write SEG(n)-f[r].c.s")
    numbers = {
        k: None if v is None else 0 if v == "*" else int(v) for k, v in match.groupdict().items() if k != "segment"
    }
    occurrence = numbers.pop("occurrence")
    field = numbers.pop("field")
    return Path(match["segment"], 1 if occurrence is None else occurrence, field or 1, **numbers)


def select(message: Message, path: Path) -> Iterator[Part]:
    """Yield the parts that a path names, in the order of the message."""
    seen = 0
    for segment in message:
        if segment.id != path.segment:
            continue
        seen += 1
        if path.occurrence in (0, seen):
            yield from _below(segment.field(path.field), path)
        if seen == path.occurrence:
            return


def _below(field: Part, path: Path) -> Iterator[Part]:
    if path.repetition is path.component is path.subcomponent is None or field.level:
        yield field
        return
    repetitions = field if path.repetition == 0 else [field[path.repetition or 1]]
    for part in repetitions:
        if path.component is not None:
            part = part[path.component]
            if path.subcomponent is not None:
                part = part[path.subcomponent]
        yield part
