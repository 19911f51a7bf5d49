"""Doubts that take a look at every segment; nobody pays for them who does not ask."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .message import Message

__all__ = ["look_for_lost_ends"]

_ID: Final = re.compile(rb"[A-Z][A-Z0-9]{2}\Z")


def look_for_lost_ends(message: Message) -> Iterator[tuple[str, tuple[int, int]]]:
    """Yield code and range of segments that swallowed the next one, and of lines that are no segment at all."""
    data, (triples, marks) = message.data, message.index
    for ordinal in range(len(message)):
        start, stop, first, last = message.bounds(ordinal)
        end = marks[first] if first < last else stop
        if end - start != 3 or not _ID.match(data[start:end]):
            yield "HL7-116", (message.origin + start, message.origin + stop)
    mark = re.escape(message.delimiters.field)
    joined = re.compile(rb"[^\s" + mark + rb"](?:PID|PV1|OBR|OBX|ORC|NTE)" + mark * 2)
    starts = set(triples[::3])
    for match in joined.finditer(data, triples[0] if len(triples) else 0):
        if match.start() + 1 not in starts:
            yield "HL7-117", (message.origin + match.start() + 1, message.origin + match.end())
