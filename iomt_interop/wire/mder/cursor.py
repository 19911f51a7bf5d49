"""One checked cursor over bytes: every read of this package passes through it, and none leaves its bounds."""

from __future__ import annotations

from ...errors import MalformedInput, TruncatedInput

__all__ = ["Cursor"]


class Cursor:
    """Big-endian reads within ``[start, stop)`` of a buffer.

    Parameters
    ----------
    data : bytes
        The buffer.
    start, stop : int, optional
        The range that may be read.
    origin : int, optional
        Offset of the buffer in its source; added to the spans of errors.
    """

    __slots__ = ("at", "data", "origin", "stop")

    def __init__(self, data: bytes, start: int = 0, stop: int | None = None, origin: int = 0) -> None:
        self.data = data
        self.at = start
        self.stop = len(data) if stop is None else stop
        self.origin = origin

    def __repr__(self) -> str:
        return f"Cursor({self.at}..{self.stop})"

    def __len__(self) -> int:
        """Return how many octets are left."""
        return self.stop - self.at

    @property
    def position(self) -> int:
        """Where the cursor stands in the source."""
        return self.at + self.origin

    def take(self, size: int) -> bytes:
        """Return the next octets.

        Raises
        ------
        TruncatedInput
            ``MDR-001`` with the range of what is left, when it is less.
        """
        end = self.at + size
        if end > self.stop:
            raise TruncatedInput("MDR-001", span=(self.position, self.stop + self.origin))
        raw = self.data[self.at : end]
        self.at = end
        return raw

    def u8(self) -> int:
        """Read INT-U8."""
        return self.take(1)[0]

    def u16(self) -> int:
        """Read INT-U16."""
        return int.from_bytes(self.take(2), "big")

    def u32(self) -> int:
        """Read INT-U32."""
        return int.from_bytes(self.take(4), "big")

    def sub(self, size: int) -> Cursor:
        """Return a cursor over the next octets and pass over them; raises as :meth:`take` does."""
        if size > len(self):
            raise TruncatedInput("MDR-001", span=(self.position, self.stop + self.origin))
        inner = Cursor(self.data, self.at, self.at + size, self.origin)
        self.at += size
        return inner

    def octets(self) -> bytes:
        """Read an OCTET STRING of variable length, or an ANY DEFINED BY: 16-bit length, octets."""
        return self.take(self.u16())

    def rest(self) -> bytes:
        """Return everything that is left."""
        return self.take(len(self))

    def end(self) -> None:
        """Check that nothing is left.

        Raises
        ------
        MalformedInput
            ``MDR-002`` with the range of the slack.
        """
        if self.at != self.stop:
            raise MalformedInput("MDR-002", span=(self.position, self.stop + self.origin))

    def sequence(self) -> tuple[int, Cursor]:
        """Read the head of a SEQUENCE OF: count, and a cursor over the counted octets.

        Raises
        ------
        MalformedInput
            ``MDR-003`` when so many elements cannot be in so few octets.
        """
        start = self.position
        count, length = self.u16(), self.u16()
        if count > length:
            raise MalformedInput("MDR-003", span=(start, start + 4))
        return count, self.sub(length)
