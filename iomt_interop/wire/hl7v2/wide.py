"""UTF-16 and UTF-32, in which the delimiters are wide too: how they are known, cut, and counted back."""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import Final

__all__ = ["BOM", "MARKS", "Offsets", "detect", "shadow", "width"]

MARKS: Final = {
    "utf-32-le": b"\xff\xfe\0\0", "utf-32-be": b"\0\0\xfe\xff", "utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff",
}  # fmt: skip
"""Python's codec to its byte-order mark; the longer ones first, for they begin like the shorter."""
BOM: Final = b"\xff"
"""What a byte-order mark is in a shadow."""

_LETTERS: Final = (b"[MFB]", b"[STH]", b"[HS]")
_BEFORE: Final = rb"[\x0b\x1c\r\n ]"
_BLOCK: Final = 4096
_ASTRAL: Final = re.compile("[\U00010000-\U0010ffff]")


def _shape(codec: str) -> re.Pattern[bytes]:
    """Return what a stream in an encoding begins with: blanks and frame octets, marks, the letters of a header."""
    pad = b"\\0" * (width(codec) - 1)
    before, after = (b"", pad) if codec.endswith("le") else (pad, b"")
    lead = b"(?:" + before + _BEFORE + after + b"|" + re.escape(MARKS[codec]) + b"){0,40}"
    return re.compile(lead + b"".join(before + letter + after for letter in _LETTERS), re.DOTALL)


def width(codec: str) -> int:
    """Return how many octets a code unit has."""
    return {"utf-16": 2, "utf-32": 4}.get(codec[:6], 1)


_SHAPES: Final = {codec: _shape(codec) for codec in MARKS}


def detect(raw: bytes | bytearray) -> tuple[str, int]:
    """Return the wide codec of octets, by their mark or by the letters of a header, and the length of the mark.

    An empty name says that they are not wide.
    """
    for codec, mark in MARKS.items():
        if raw.startswith(mark):
            return codec, len(mark)
    for codec, shape in _SHAPES.items():
        if shape.match(raw):
            return codec, 0
    return "", 0


def shadow(octets: bytes, codec: str) -> bytes:
    """Return one octet for each code unit: ASCII as it is, a byte-order mark as :data:`BOM`, all else as no letter."""
    text = octets.decode(codec, "surrogatepass" if codec.startswith("utf-16") else "replace")
    if codec.startswith("utf-16") and len(text) * 2 != len(octets):
        text = _ASTRAL.sub("??", text)
    if not text.isascii():
        text = text.replace("\xff", "?").replace("\ufeff", "\xff")
    return text.encode("latin-1", "replace")


class Offsets:
    """Where the octets of a text stand in the wide encoding that it came in.

    Parameters
    ----------
    data : bytes
        The text in UTF-8.
    codec : str
        The wide codec.
    lead : int
        Octets in front of it, of a byte-order mark.
    """

    __slots__ = ("_codec", "_data", "_starts", "_wide")

    def __init__(self, data: bytes, codec: str, lead: int) -> None:
        self._data = data
        self._codec = codec
        self._starts = [0]
        self._wide = [lead]
        at = 0
        while at + _BLOCK < len(data):
            end = at + _BLOCK
            while data[end] & 0xC0 == 0x80:  # not inside a character
                end -= 1
            self._wide.append(self._wide[-1] + self._length(at, end))
            self._starts.append(end)
            at = end

    def __repr__(self) -> str:
        return f"Offsets({len(self._data)} bytes, {self._codec})"

    def _length(self, start: int, stop: int) -> int:
        octets = self._data[start:stop]
        if octets.isascii():
            return len(octets) * width(self._codec)
        return len(octets.decode("utf-8", "replace").encode(self._codec, "replace"))

    def __getitem__(self, at: int) -> int:
        """Return the offset in the wide octets of an offset in the text."""
        block = bisect_right(self._starts, at) - 1
        return self._wide[block] + self._length(self._starts[block], at)
