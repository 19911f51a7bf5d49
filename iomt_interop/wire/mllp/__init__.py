"""MLLP, the minimal lower layer protocol: blocks of octets on a stream, and the commit octets of release 2."""

from __future__ import annotations

from .block import ACK, COMMIT_ACK, COMMIT_NAK, CR, FS, NAK, VT, Block, Doubt, Inside, encode
from .framer import MAX_PAYLOAD, Framer

__all__ = [
    "ACK",
    "COMMIT_ACK",
    "COMMIT_NAK",
    "CR",
    "FS",
    "MAX_PAYLOAD",
    "NAK",
    "VT",
    "Block",
    "Doubt",
    "Framer",
    "Inside",
    "encode",
]
