"""From a stream of octets to blocks, however the octets arrive.

Theory of operation: one buffer, one mark up to which it was looked at. Every octet is looked at once, but for the
few at the end of a chunk whose meaning the next chunk decides. What cannot be decided yet stays in the buffer, so
the blocks do not depend on how the stream was cut. Nothing is refused: what the specification does not allow is a
doubt, octets outside of blocks are blocks of their own kind, and of a block beyond the limit only the head is kept.
"""

from __future__ import annotations

import re
from typing import Final

from ...errors import InvalidRequest
from .block import ACK, HEADER, NAK, Block, Doubt, Inside

__all__ = ["HEAD", "MAX_PAYLOAD", "STRAY", "Framer"]

MAX_PAYLOAD: Final = 64 << 20
"""Default limit of a payload in octets."""
HEAD: Final = 1024
"""Octets that are kept of a block beyond the limit: enough to see whose it was."""
STRAY: Final = 4096
"""Longest run of octets outside of blocks that is given as one."""

_VT, _FS, _CR, _LF = 0x0B, 0x1C, 0x0D, 0x0A
_BEGIN: Final = re.compile(rb"\x0b|(?:\A|(?<=[\r\n]))(?=" + HEADER + rb")")
_HEADER: Final = re.compile(HEADER)
_AHEAD: Final = 4
"""Octets of a header that have to be there before it is one."""
_PREFIXES: Final = frozenset(name[:size] for name in (b"MSH", b"FHS", b"BHS") for size in range(4))


class Framer:
    r"""Cuts a stream into blocks; opens nothing, waits for nothing.

    Parameters
    ----------
    max_payload : int, optional
        Longest payload in octets. A longer block is passed over, at constant memory, and given as ``oversize``.
    inside : {"data", "edge"}, optional
        What VT and FS mean inside a block. ``data``: FS ends a block where CR, LF or VT follows, VT begins another
        one where a header follows it; anywhere else they belong to the payload, with a doubt. ``edge``: always
        edges, as the specification has it.

    Examples
    --------
    >>> from iomt_interop.wire import mllp
    >>> framer = mllp.Framer()
    >>> framer.feed(b"\x0bMSH|^~\\&|A\r\x1c")
    []
    >>> [(block.kind, block.span) for block in framer.feed(b"\r\x0b\x06\x1c\r")]
    [('message', (0, 14)), ('ack', (14, 18))]
    """

    def __init__(self, *, max_payload: int = MAX_PAYLOAD, inside: Inside = "data") -> None:
        if max_payload < 1 or inside not in ("data", "edge"):
            raise InvalidRequest("USE-001", path="max_payload" if max_payload < 1 else "inside")
        self._max = max_payload
        self._edge = inside == "edge"
        self._buffer = bytearray()
        self._origin = 0  # of the buffer, in the stream
        self._seen = 0  # up to here the buffer was looked at
        self._inside = False
        self._framed = True  # whether the block began with VT
        self._dropped = 0  # octets of an oversize block that are no longer in the buffer, behind its head
        self._clear = 0  # up to here in the stream there is no FS that was not looked at
        self._fresh = True  # whether a line begins where the buffer does
        self._doubts: dict[str, Doubt] = {}

    def __repr__(self) -> str:
        return f"Framer({'inside' if self._inside else 'outside'} a block, {len(self._buffer)} bytes waiting)"

    @property
    def waiting(self) -> bool:
        """Whether a block has begun whose end is not there yet."""
        return self._inside

    def feed(self, chunk: bytes | bytearray | memoryview) -> list[Block]:
        """Take more of the stream and return the blocks that are now whole."""
        self._buffer += chunk
        return self._blocks(final=False)

    def settle(self) -> list[Block]:
        """Return the block that has its FS and still waits for the CR behind it, if there is one.

        A sender that never sends the CR waits for its answer; call this when nothing has come for a while.
        """
        if self._inside and self._buffer[-1:] == b"\x1c" and self._seen == len(self._buffer) - 1:
            return [self._close(len(self._buffer) - 1, len(self._buffer), "MLP-103")]
        return []

    def finish(self) -> list[Block]:
        """End the stream and return what is left of it."""
        blocks = self._blocks(final=True)
        blocks += self.settle()
        if self._inside:
            blocks.append(self._close(len(self._buffer), len(self._buffer), "MLP-107", complete=False))
        elif self._buffer:
            blocks.append(self._stray(len(self._buffer)))
        return blocks

    def _blocks(self, *, final: bool) -> list[Block]:
        blocks: list[Block] = []
        while (block := self._end(final) if self._inside else self._begin(final)) is not None:
            if block.span[0] < block.span[1]:
                blocks.append(block)
        return blocks

    def _begin(self, final: bool) -> Block | None:
        """Find where the next block begins; what stands before it is stray."""
        buffer = self._buffer
        found = _BEGIN.search(buffer, self._seen)
        if found is not None and found.end() == found.start() == 0 and not self._fresh:
            found = _BEGIN.search(buffer, 1)
        ahead = 0 if final else _AHEAD - 1
        at = max(len(buffer) - ahead, 0) if found is None else found.start()
        if at >= STRAY:
            return self._stray(STRAY)
        if found is None:
            self._seen = max(self._seen, at)
            return None
        before = self._stray(at)
        self._inside, self._framed = True, buffer[0] == _VT
        self._seen = 1 if self._framed else 0
        if not self._framed:
            self._doubt("MLP-102", 0, 0)
        return before

    def _end(self, final: bool) -> Block | None:
        """Find where the block ends; ``None`` when that cannot be said yet."""
        buffer = self._buffer
        while (at := self._next_mark()) >= 0:
            after = at + 1
            if after == len(buffer) and not final and (buffer[at] == _FS or not self._edge):
                return self._wait(at)
            if buffer[at] == _FS:
                follower = buffer[after] if after < len(buffer) else _VT
                if follower == _CR:
                    return self._close(at, after + 1)
                if follower == _VT and after == len(buffer):
                    self._seen = at  # settle() decides
                    return None
                if follower in (_VT, _LF) or self._edge:
                    return self._close(at, after, "MLP-103")
                self._doubt("MLP-105", at, after)
            else:
                begins = True if self._edge else self._header(after, final)
                if begins is None:
                    return self._wait(at)
                if begins:
                    return self._close(at, at, "MLP-104", complete=False)
                self._doubt("MLP-106", at, after)
            self._seen = after
        return self._wait(len(buffer))

    def _next_mark(self) -> int:
        """Return where the next VT or FS stands, -1 for nowhere.

        Each octet is searched once for either, though the two are searched one after the other.
        """
        buffer, base = self._buffer, self._origin + self._dropped
        end = buffer.find(b"\x1c", max(self._seen, self._clear - base))
        stop = len(buffer) if end < 0 else end
        self._clear = base + stop
        begin = buffer.find(b"\x0b", self._seen, stop)
        return end if begin < 0 else begin

    def _header(self, at: int, final: bool) -> bool | None:
        """Tell whether a header stands here; ``None`` when the octets that would say so are still to come."""
        if _HEADER.match(self._buffer, at):
            return True
        if not final and len(self._buffer) - at < _AHEAD and bytes(self._buffer[at:]) in _PREFIXES:
            return None
        return False

    def _wait(self, seen: int) -> Block | None:
        """Wait for more; of a block beyond the limit keep the head, and the octets that are not looked at yet."""
        self._seen = seen
        first = int(self._framed)
        if self._dropped or self._seen - first > self._max:
            head = first + min(HEAD, self._max)
            if self._seen > head:
                self._dropped += self._seen - head
                del self._buffer[head : self._seen]
                self._seen = head
        return None

    def _close(self, stop: int, after: int, code: str | None = None, *, complete: bool = True) -> Block:
        """Take a block out of the buffer: its payload ends at ``stop``, the next one begins at ``after``."""
        first = int(self._framed)
        if code is not None:
            self._doubt(code, stop, after)
        payload = bytes(self._buffer[first:stop])
        size = stop - first + self._dropped
        span = (self._origin, self._origin + after + self._dropped)
        doubts = tuple(self._doubts.values())
        oversize = size > self._max
        self._inside, self._fresh, self._dropped = False, True, 0
        self._doubts.clear()
        del self._buffer[:after]
        self._origin, self._seen = span[1], 0
        if oversize:
            doubt = Doubt("MLP-110", span)
            return Block("oversize", payload[: min(HEAD, self._max)], span, complete, (*doubts, doubt))
        if not payload and not complete:
            return Block("stray", b"\x0b"[:first], span, complete=True, doubts=(Doubt("MLP-101", span),))
        if complete and payload in (ACK, NAK):
            return Block("ack" if payload == ACK else "nak", payload, span, complete, doubts)
        return Block("message", payload, span, complete, doubts)

    def _stray(self, stop: int) -> Block:
        """Take octets outside of blocks out of the buffer."""
        payload = bytes(self._buffer[:stop])
        span = (self._origin, self._origin + stop)
        if stop:
            self._fresh = payload[-1:] in b"\r\n"
        del self._buffer[:stop]
        self._origin, self._seen = span[1], max(self._seen - stop, 0)
        return Block("stray", payload, span, doubts=(Doubt("MLP-101", span),))

    def _doubt(self, code: str, start: int, stop: int) -> None:
        base = self._origin + self._dropped
        self._doubts.setdefault(code, Doubt(code, (base + start, base + stop)))
