"""The wire: octets to lines and back. This half knows the protocol and nothing of the canonical model.

The protocol, edition 1. A line is ASCII, ends in LF, and before that in ``*`` and two hexadecimal digits: the
exclusive or of all octets before the ``*``. Its cells are separated by ``;``. The first line of a device names the
protocol, its edition and the device's serial number; every other line is a measurement or a run of samples::

    #WARDTHER 1;<serial>*HH
    M;<time>;<patient number>;<value>;<unit letter>;<site>*HH
    W;<time>;<patient number>;<period in ms>;<unit letter>;<hundredths> <hundredths> ...*HH
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from operator import xor

from ...errors import IntegrityMismatch, LimitExceeded, MalformedInput

__all__ = ["LineCutter", "decode_line", "encode_line"]


class LineCutter:
    """Cut a stream into lines, however it arrives.

    Parameters
    ----------
    limit : int
        Longest line; a stream without line ends would fill the memory otherwise.
    """

    def __init__(self, limit: int) -> None:
        # A bytearray takes more octets without copying what it has; `_searched` remembers how far no line end was
        # found. Without both, feeding octet by octet takes the square of the line's length.
        self._buffer = bytearray()
        self._searched = 0
        self._offset = 0
        self._limit = limit

    def feed(self, chunk: bytes | memoryview) -> Iterator[tuple[int, bytes]]:
        """Yield the offset of each line that is now whole, and its octets with the line end.

        Raises
        ------
        LimitExceeded
            ``EXA-004`` when a line is longer than the limit.
        """
        self._buffer += chunk  # a copy: the caller may overwrite the chunk as soon as feed returns
        start = 0
        while (end := self._buffer.find(b"\n", max(start, self._searched))) >= 0:
            yield self._offset + start, bytes(self._buffer[start : end + 1])
            start = end + 1
        del self._buffer[:start]
        self._offset += start
        self._searched = len(self._buffer)
        if len(self._buffer) > self._limit:
            raise LimitExceeded("EXA-004", span=(self._offset, self._offset + len(self._buffer)))

    def rest(self) -> tuple[int, bytes]:
        """Return the offset and the octets of the line that has not ended yet."""
        return self._offset, bytes(self._buffer)


def decode_line(line: bytes) -> list[str]:
    """Return the cells of a line.

    Raises
    ------
    IntegrityMismatch
        ``EXA-002`` when the checksum is another.
    MalformedInput
        ``EXA-003`` when there is no checksum, or an octet is not printable ASCII. The octets are not in the text:
        an error names a code and a place, never a value of the input.
    """
    body, star, digits = line.removesuffix(b"\n").rpartition(b"*")
    if not star or len(digits) != 2 or any(octet < 0x20 or octet > 0x7E for octet in body):
        raise MalformedInput("EXA-003")
    if digits != _checksum(body):
        raise IntegrityMismatch("EXA-002")
    return body.decode("ascii").split(";")


def encode_line(*cells: str) -> bytes:
    """Return the line of some cells; the caller makes sure that they are ASCII and hold no separator."""
    body = ";".join(cells).encode("ascii")
    return body + b"*" + _checksum(body) + b"\n"


def _checksum(body: bytes) -> bytes:
    return b"%02X" % reduce(xor, body, 0)
