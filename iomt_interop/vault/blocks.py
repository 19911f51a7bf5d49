"""A block: its header in clear, its records inside, and the chain that ties it to the one before."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from ..errors import StoreDamaged
from ..model import SCHEMA_VERSION

__all__ = ["FORMAT", "KEY_VERSION", "MAX_PLAINTEXT", "Header", "chain", "chain_erasures", "pack", "unpack"]

FORMAT: Final = 3
"""Version of the vault's format; 1 had no index of older versions, 2 no versions of keys and no erasure."""

SUITE: Final = 1
"""AES-256-GCM, key and commitment from HMAC-SHA-512."""

ZLIB: Final = 1
"""The compression (RFC 1950)."""

KEY_VERSION: Final = 1
"""Version of how a block's key is derived from a data key."""

MAX_PLAINTEXT: Final = 256 << 20
"""What a block may unfold to; nothing that was written is longer."""

_HEAD: Final = struct.Struct(">BBHBII16s16sQQ32sI")
_KINDS: Final = (FORMAT, SUITE, SCHEMA_VERSION, ZLIB, KEY_VERSION)
_PLACE: Final = struct.Struct(">QI")


@dataclass(frozen=True, slots=True)
class Header:
    """What stands in clear beside a block: no kind, no time, nothing of a person.

    Attributes
    ----------
    store : bytes
        Random id of the vault.
    handle : bytes
        Random handle of the subject.
    seq : int
        Number of the block in the vault.
    first : int
        Number of the first block of the same transaction.
    previous : bytes
        Digest of the chain up to the block before.
    count : int
        Records in the block.
    replaced : tuple of (int, int)
        Block and position of older versions that this block replaces; they may be in this block too.
    """

    store: bytes
    handle: bytes
    seq: int
    first: int
    previous: bytes
    count: int
    replaced: tuple[tuple[int, int], ...] = ()

    def encode(self) -> bytes:
        """Return the octets that are stored, chained and authenticated."""
        mine = (self.count, self.store, self.handle, self.seq, self.first, self.previous, len(self.replaced))
        return _HEAD.pack(*_KINDS, *mine) + b"".join(_PLACE.pack(*place) for place in self.replaced)

    @classmethod
    def decode(cls, raw: bytes) -> Header:
        """Read a header.

        Raises
        ------
        StoreDamaged
            ``SEC-004`` when it is none, ``SEC-005`` when it is of another version.
        """
        if len(raw) < _HEAD.size:
            raise StoreDamaged("SEC-004")
        *kinds, count, store, handle, seq, first, previous, places = _HEAD.unpack_from(raw)
        if tuple(kinds) != _KINDS:
            raise StoreDamaged("SEC-005")
        if len(raw) != _HEAD.size + places * _PLACE.size:
            raise StoreDamaged("SEC-004")
        replaced = tuple(_PLACE.iter_unpack(raw[_HEAD.size :]))
        return cls(store, handle, seq, first, previous, count, replaced)


def chain(previous: bytes, header: bytes, salt: bytes, commitment: bytes) -> bytes:
    """Return the digest of the chain up to a block.

    The ciphertext needs no part in it: header, salt and commitment determine the key under which alone it opens,
    and its tag.
    """
    return sha256(b"iomt chain\0" + previous + struct.pack(">I", len(header)) + header + salt + commitment).digest()


def chain_erasures(previous: bytes, handle: bytes) -> bytes:
    """Return the digest of the list of erasures up to one."""
    return sha256(b"iomt erasure\0" + previous + handle).digest()


def pack(positions: Sequence[int], documents: Sequence[bytes]) -> bytes:
    """Join the records' positions in their transaction and their JSON documents, and compress them."""
    order = struct.pack(f">{len(positions)}I", *positions)
    return zlib.compress(order + b"[" + b",".join(documents) + b"]", 1)


def unpack(raw: bytes, count: int) -> tuple[tuple[int, ...], bytes]:
    """Return the positions and the JSON array of a block.

    Raises
    ------
    StoreDamaged
        ``SEC-004`` when it does not unfold, or to more than was ever written.
    """
    try:
        inflater = zlib.decompressobj()
        data = inflater.decompress(raw, MAX_PLAINTEXT)
    except zlib.error:
        raise StoreDamaged("SEC-004") from None
    if not inflater.eof or inflater.unused_data or len(data) < 4 * count:
        raise StoreDamaged("SEC-004")
    return struct.unpack_from(f">{count}I", data), data[4 * count :]
