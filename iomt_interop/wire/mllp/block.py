"""What stands on the stream: a block, and how a payload becomes one (HL7 MLLP, releases 1 and 2)."""

from __future__ import annotations

import re
from typing import Final, Literal, NamedTuple

from ...errors import NotRepresentable

__all__ = ["ACK", "COMMIT_ACK", "COMMIT_NAK", "CR", "FS", "HEADER", "NAK", "VT", "Block", "Doubt", "Inside", "encode"]

VT: Final = b"\x0b"
"""Begins a block."""
FS: Final = b"\x1c"
"""Ends a block, together with the CR behind it."""
CR: Final = b"\r"
ACK: Final = b"\x06"
"""The whole payload of a positive commit acknowledgement (release 2)."""
NAK: Final = b"\x15"
"""The whole payload of a negative commit acknowledgement (release 2)."""
COMMIT_ACK: Final = VT + ACK + FS + CR
COMMIT_NAK: Final = VT + NAK + FS + CR

HEADER: Final = rb"(?:MSH|FHS|BHS)[^A-Za-z0-9\s]"
"""How a message or a batch begins; the one thing of its content that framing looks at."""

Inside = Literal["data", "edge"]
"""What VT and FS mean inside a block: octets of the payload, or always an edge of a block."""

_UNREADABLE: Final = re.compile(rb"\x1c[\r\n\x0b]|\x0b" + HEADER, re.DOTALL)


class Doubt(NamedTuple):
    """Something about the framing that the specification does not allow; a code and a place, never a value."""

    code: str
    span: tuple[int, int]


class Block(NamedTuple):
    """A stretch of the stream. The spans of all blocks, one after the other, are the whole stream."""

    kind: Literal["message", "ack", "nak", "stray", "oversize"]
    """A payload, a commit octet, octets outside of any block, or a payload beyond the limit."""
    payload: bytes
    """Without the octets that frame it; of an oversize block the beginning only."""
    span: tuple[int, int]
    """Half-open range in the stream, with the octets that frame it."""
    complete: bool = True
    """Whether the end was seen; of what is not complete nobody knows what is missing."""
    doubts: tuple[Doubt, ...] = ()
    """At most one of each code, where it was seen first."""

    def __repr__(self) -> str:
        return f"Block({self.kind}, bytes {self.span[0]}..{self.span[1]}, complete={self.complete})"


def encode(payload: bytes | bytearray | memoryview) -> bytes:
    """Return a payload as a block.

    Raises
    ------
    NotRepresentable
        ``MLP-111`` when the payload holds octets that a receiver takes for an edge (FS before CR, LF or VT, VT
        before a header), or is a single commit octet: it would not be read as what it is.

    Examples
    --------
    >>> from iomt_interop.wire import mllp
    >>> [block] = mllp.Framer().feed(mllp.encode(b"MSH|..."))
    >>> block.payload
    b'MSH|...'
    """
    data = bytes(payload)
    found = _UNREADABLE.search(data) if VT in data or FS in data else None
    if found is not None:
        raise NotRepresentable("MLP-111", span=found.span())
    if data in (ACK, NAK):
        raise NotRepresentable("MLP-111", span=(0, 1))
    return VT + data + FS + CR
