"""A stream of messages: concatenations, batches and MLLP frames, cut where a header begins."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from ..._accel import load
from ...errors import LimitExceeded
from .parse import MAX_MESSAGE
from .source import Input, chunks
from .wide import BOM, detect, shadow, width

if TYPE_CHECKING:
    from ..._accel import er7_py as er7
else:
    er7 = load("er7")

__all__ = ["MessageSplitter", "iter_units"]

# A unit begins with a header or a batch segment at the start of a line or of a frame, and the kernel knows which.
_MARK: Final = re.compile(rb"[^A-Za-z0-9\s]")
_BARE: Final = re.compile(rb"[\r\n\x1c]|\Z")
_TRAILERS: Final = (b"BTS", b"FTS")
"""All their fields are optional, so they may stand without a separator."""
_BEFORE: Final = b"\r\n\x1c"
_VT: Final = 0x0B
_BOM: Final = b"\xef\xbb\xbf"
_DECISIVE: Final = 64
"""So many octets tell a stream's encoding: blanks, a mark and the letters of a header in the widest one."""
_AHEAD: Final = 4


class MessageSplitter:
    """Cut a stream into units, however it arrives.

    A unit is one message with the frame octets around it, or one batch segment (FHS, BHS, BTS, FTS), or what
    stands before the first of them. The units' bytes joined are the stream. A stream that begins with the byte-order
    mark of UTF-16 or UTF-32, or with a header in one of them, is cut in that encoding to its end.

    Parameters
    ----------
    max_message : int, optional
        Longest unit in octets.
    """

    def __init__(self, *, max_message: int = MAX_MESSAGE) -> None:
        self._buffer = bytearray()
        self._text = self._buffer
        self._codec: str | None = None
        self._width = 1
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
        units = self._cut(-_AHEAD) if self._is_decided(len(self._buffer) >= min(_DECISIVE, self._max)) else []
        if len(self._buffer) > self._max:
            raise LimitExceeded("HL7-120", span=(self._origin, self._origin + len(self._buffer)))
        return units

    def finish(self) -> list[tuple[int, bytes]]:
        """End the stream and return the last unit."""
        self._is_decided(True)
        units = self._cut(0)
        if self._buffer:
            units.append((self._origin, bytes(self._buffer)))
            self._origin += len(self._buffer)
            self._buffer.clear()
            self._text.clear()
        return units

    @property
    def codec(self) -> str:
        """Python's codec of a stream in UTF-16 or UTF-32; empty for all others, and before it is known."""
        return self._codec or ""

    def _is_decided(self, enough: bool) -> bool:
        """Tell whether the stream's encoding is known, and look for it where there is enough of the stream."""
        if self._codec is None and enough:
            self._codec, _ = detect(self._buffer[:_DECISIVE])
            if self._codec:
                self._width, self._text = width(self._codec), bytearray()
        return self._codec is not None

    def _cut(self, ahead: int) -> list[tuple[int, bytes]]:
        """Cut before every header but those that begin in the last octets and may not be whole yet."""
        if self._codec:
            done, whole = len(self._text) * self._width, len(self._buffer) // self._width * self._width
            self._text += shadow(bytes(self._buffer[done:whole]), self._codec)
        stop = len(self._text) + ahead
        units: list[tuple[int, bytes]] = []
        begin = 0
        for header in self._headers(stop):
            start = self._beginning(header, begin)
            if start is not None and start > begin:
                first, last = begin * self._width, start * self._width
                units.append((self._origin + first, bytes(self._buffer[first:last])))
                begin = start
        if begin:
            del self._buffer[: begin * self._width]
            if self._text is not self._buffer:
                del self._text[:begin]
            self._origin += begin * self._width
        self._searched = max(stop - begin, 0)
        return units

    def _headers(self, stop: int) -> list[int]:
        """Return where the letters of a header and its separator stand, up to ``stop``."""
        buffer, found = self._text, []
        for at in er7.heads(buffer, self._searched, stop):
            if _MARK.match(buffer, at + 3) or (bytes(buffer[at : at + 3]) in _TRAILERS and _BARE.match(buffer, at + 3)):
                found.append(at)
        return found

    def _beginning(self, header: int, floor: int) -> int | None:
        """Return where the unit of a header begins: before the run of VT in front of it, and byte-order marks.

        ``None`` when the letters stand inside a line, and so are no header. Each run is walked once, from its
        header backwards; a search forwards from each of its octets would take the square of its length.
        """
        at, text = header, self._text
        bom = BOM if self._codec else _BOM
        if at - len(bom) >= floor and text.startswith(bom, at - len(bom)):
            at -= len(bom)
        bare = at
        while at > floor and text[at - 1] == _VT:
            at -= 1
        if at < bare and at - len(bom) >= floor and text.startswith(bom, at - len(bom)):
            at -= len(bom)
        if at < header or at == 0 or text[at - 1] in _BEFORE:
            return at
        return None


def iter_units(source: Input, splitter: MessageSplitter) -> Iterator[tuple[int, bytes]]:
    """Yield the units of anything that can be read, each with its offset, at the memory of a chunk and a unit."""
    for chunk in chunks(source):
        yield from splitter.feed(chunk)
    yield from splitter.finish()
