"""Paths in the field's own notation: ``PID-3[2].4.2``, ``OBX(3)-5``, ``OBX(*)-5[*]``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from ...errors import InvalidRequest

if TYPE_CHECKING:
    from .message import Message, Part, Segment

__all__ = ["Path", "occurrences", "parse_path", "parse_segment", "select"]

_NUMBER: Final = r"[1-9]\d{0,8}"
_PATH: Final = re.compile(
    rf"(?P<segment>[A-Z][A-Z0-9]{{2}})(?:[(\[](?P<occurrence>{_NUMBER}|\*)[)\]])?"
    r"[-.](?P<field>[1-9]\d{0,4}|\*)"
    rf"(?:[(\[](?P<repetition>{_NUMBER}|\*)[)\]])?"
    rf"(?:\.(?P<component>{_NUMBER}|\*))?(?:\.(?P<subcomponent>{_NUMBER}|\*))?"
)
_SEGMENT: Final = re.compile(rf"([A-Z][A-Z0-9]{{2}})(?:[(\[]({_NUMBER}|\*)[)\]])?")


class Path(NamedTuple):
    """A parsed path; 0 is the wildcard, ``None`` a level that is not named."""

    segment: str
    occurrence: int
    field: int
    repetition: int | None = None
    component: int | None = None
    subcomponent: int | None = None

    @property
    def is_single(self) -> bool:
        """Whether it names one place: no wildcard in it."""
        return 0 not in self[1:]


@lru_cache(maxsize=1024)
def parse_path(text: str) -> Path:
    """Read a path; everything is numbered from 1, ``*`` is every one.

    ``SEG(n)-f[r].c.s``; round and square brackets are the same, and a full stop may stand for the hyphen.

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
    occurrence, field = numbers.pop("occurrence"), numbers.pop("field")
    return Path(match["segment"], 1 if occurrence is None else occurrence, field or 0, **numbers)


def parse_segment(text: str) -> tuple[str, int]:
    """Read the name of a segment and which of them (``OBX``, ``OBX(2)``; 0 for ``OBX(*)``).

    Raises
    ------
    InvalidRequest
        ``USE-001`` when it is not written so.
    """
    match = _SEGMENT.fullmatch(text)
    if match is None:
        raise InvalidRequest("USE-001", hint="write SEG or SEG(n)")
    return match[1], 1 if match[2] is None else 0 if match[2] == "*" else int(match[2])


def select(message: Message, path: Path) -> Iterator[Part]:
    """Yield the parts that a path names, in the order of the message."""
    for segment in occurrences(message, path):
        fields = iter(segment) if not path.field else iter((segment.field(path.field),))
        for field in fields:
            yield from _below(field, path)


def occurrences(message: Message, path: Path) -> Iterator[Segment]:
    """Yield the segments that a path names."""
    if path.occurrence:
        found = message.segment(path.segment, path.occurrence)
        if found is not None:
            yield found
        return
    for ordinal in message.ordinals(path.segment):
        yield message.at(ordinal)


def _below(field: Part, path: Path) -> Iterator[Part]:
    if path.repetition is path.component is path.subcomponent is None or field.level:
        yield field
        return
    for repetition in _parts(field, 1 if path.repetition is None else path.repetition):
        for component in _parts(repetition, path.component):
            yield from _parts(component, path.subcomponent) if path.subcomponent is not None else (component,)


def _parts(part: Part, number: int | None) -> Iterable[Part]:
    """Return the part with a number, all parts for 0, the part itself for none."""
    if number is None:
        return (part,)
    return part if number == 0 else (part[number],)
