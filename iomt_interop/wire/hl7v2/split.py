"""A stream of messages: concatenations, batches and MLLP frames, cut where a header begins."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO, Final

from ...errors import LimitExceeded
from .message import Diagnostic, Message
from .parse import MAX_MESSAGE, parse

__all__ = ["MessageSplitter", "iter_messages"]

# A unit begins with a header or a batch segment at the start of a line or of a frame.
_HEAD: Final = re.compile(rb"(?:MSH|FHS|BHS|BTS|FTS)[^A-Za-z0-9\s]")
_BEFORE: Final = b"\r\n\x1c"
_VT: Final = 0x0B
_AHEAD: Final = 4
_CHUNK: Final = 1 << 20


class MessageSplitter:
    """Cut a stream into units, however it arrives.

    A unit is one message with the frame octets around it, or one batch segment (FHS, BHS, BTS, FTS), or what
    stands before the first of them. The units' bytes joined are the stream.

    Parameters
    ----------
    max_message : int, optional
        Longest unit in octets.
    """

    def __init__(self, *, max_message: int = MAX_MESSAGE) -> None:
        self._buffer = bytearray()
        self._origin = 0
        self._searched = 0
        self._max = max_message

    def __repr__(self) -> str:
        return f"MessageSplitter({len(self._buffer)} bytes waiting)"

    def feed(self, chunk: bytes | bytearray | memoryview) -> list[tuple[int, bytes]]:
        """Take more of the stream and return the units that are now whole, each with its offset.

        Raises
        ------
        LimitExceeded
            ``HL7-120`` when a unit grows beyond the limit.
        """
        self._buffer += chunk
        units = self._cut(len(self._buffer) - _AHEAD)
        if len(self._buffer) > self._max:
            raise LimitExceeded("HL7-120", span=(self._origin, self._origin + len(self._buffer)))
        return units

    def finish(self) -> list[tuple[int, bytes]]:
        """End the stream and return the last unit."""
        units = self._cut(len(self._buffer))
        if self._buffer:
            units.append((self._origin, bytes(self._buffer)))
            self._origin += len(self._buffer)
            self._buffer.clear()
        return units

    def _cut(self, stop: int) -> list[tuple[int, bytes]]:
        """Cut before every header that begins before ``stop``; later ones may not be whole yet."""
        units: list[tuple[int, bytes]] = []
        begin = 0
        for match in _HEAD.finditer(self._buffer, self._searched):
            if match.start() > stop:
                break
            start = self._beginning(match.start(), begin)
            if start is not None and start > begin:
                units.append((self._origin + begin, bytes(self._buffer[begin:start])))
                begin = start
        if begin:
            del self._buffer[:begin]
            self._origin += begin
        self._searched = max(stop - begin, 0)
        return units

    def _beginning(self, header: int, floor: int) -> int | None:
        """Return where the unit of a header begins: before the run of VT that stands in front of it.

        ``None`` when the letters stand inside a line, and so are no header. Each run is walked once, from its
        header backwards; a search forwards from each of its octets would take the square of its length.
        """
        at = header
        while at > floor and self._buffer[at - 1] == _VT:
            at -= 1
        if at < header or at == 0 or self._buffer[at - 1] in _BEFORE:
            return at
        return None


def iter_messages(
    source: bytes | bytearray | memoryview | BinaryIO, *, strict: bool = False, max_message: int = MAX_MESSAGE
) -> Iterator[Message]:
    """Yield the messages of a file, a batch or a stream, at constant memory.

    Batch segments are not messages: their counts (BTS-1, FTS-1) are checked, and a doubt about them is a
    diagnostic of the last message before them.

    Raises
    ------
    LimitExceeded, MalformedInput
        As :func:`parse` does.
    """
    splitter = MessageSplitter(max_message=max_message)
    last: Message | None = None
    counts = {"BTS": 0, "FTS": 0}
    for offset, unit in _units(source, splitter):
        kind = unit.lstrip(b"\x0b")[:3]
        if kind in (b"BTS", b"FTS"):
            if last is not None and (doubt := _miscounted(unit, kind.decode(), counts)):
                last._found.append(Diagnostic(doubt, span=(offset, offset + len(unit))))
            counts["FTS"] += kind == b"BTS"
            counts["BTS"] = 0
            continue
        if kind in (b"FHS", b"BHS"):
            continue
        message = parse(unit, strict=strict, max_message=max_message, origin=offset)
        if not len(message) and last is None and not unit.strip():
            continue
        counts["BTS"] += 1
        if last is not None:
            yield last
        last = message
    if last is not None:
        yield last


def _units(source: bytes | bytearray | memoryview | BinaryIO, splitter: MessageSplitter) -> Iterator[tuple[int, bytes]]:
    if isinstance(source, bytes | bytearray | memoryview):
        yield from splitter.feed(source)
    else:
        while chunk := source.read(_CHUNK):
            yield from splitter.feed(chunk)
    yield from splitter.finish()


def _miscounted(unit: bytes, kind: str, counts: dict[str, int]) -> str | None:
    """Compare BTS-1 with the messages, FTS-1 with the batches; an empty count says nothing."""
    body = unit.lstrip(b"\x0b")
    stated = body[4:].split(body[3:4])[0].strip()
    if not stated:
        return None
    return None if stated.isdigit() and int(stated[:9]) == counts[kind] else "HL7-118"
