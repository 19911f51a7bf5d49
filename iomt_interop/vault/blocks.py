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

__all__ = [
    "COLUMNS",
    "DOCUMENTS",
    "FORMAT",
    "KEY_VERSION",
    "MAX_PLAINTEXT",
    "Header",
    "chain",
    "chain_erasures",
    "fold",
    "pack",
    "unfold",
    "unpack",
]

FORMAT: Final = 4
"""Version of the vault's format; 1 had no index of older versions, 2 no versions of keys and no erasure, 3 no columns
and octets as text."""

DOCUMENTS: Final = 0
"""Kind of a block that holds records."""

COLUMNS: Final = 1
"""Kind of a block that holds batches of observations."""

SUITE: Final = 1
"""AES-256-GCM, key and commitment from HMAC-SHA-512."""

ZLIB: Final = 1
"""The compression (RFC 1950)."""

KEY_VERSION: Final = 1
"""Version of how a block's key is derived from a data key."""

MAX_PLAINTEXT: Final = 256 << 20
"""What a block may unfold to; nothing that was written is longer."""

_HEAD: Final = struct.Struct(">BBHBIBII16s16sQQ32sI")
_KINDS: Final = (FORMAT, SUITE, SCHEMA_VERSION, ZLIB, KEY_VERSION)
_PLACE: Final = struct.Struct(">QI")
_FOLDED: Final = struct.Struct(">BI")
_PART: Final = struct.Struct(">III")
_HEAD_DEFLATED, _BODY_DEFLATED = 1, 2
_SAMPLE: Final = 1 << 14


@dataclass(frozen=True, slots=True)
class Header:
    """What stands in clear beside a block: no time, nothing of a person.

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
        Records in the block, or batches.
    kind : int
        :data:`DOCUMENTS` or :data:`COLUMNS`.
    rows : int
        Observations in the batches; 0 for records.
    replaced : tuple of (int, int)
        Block and position of older versions that this block replaces; they may be in this block too.
    """

    store: bytes
    handle: bytes
    seq: int
    first: int
    previous: bytes
    count: int
    kind: int = DOCUMENTS
    rows: int = 0
    replaced: tuple[tuple[int, int], ...] = ()

    def encode(self) -> bytes:
        """Return the octets that are stored, chained and authenticated."""
        mine = (self.kind, self.count, self.rows, self.store, self.handle, self.seq, self.first, self.previous)
        return _HEAD.pack(*_KINDS, *mine, len(self.replaced)) + b"".join(_PLACE.pack(*place) for place in self.replaced)

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
        *kinds, kind, count, rows, store, handle, seq, first, previous, places = _HEAD.unpack_from(raw)
        if tuple(kinds) != _KINDS or kind not in (DOCUMENTS, COLUMNS):
            raise StoreDamaged("SEC-005")
        if len(raw) != _HEAD.size + places * _PLACE.size:
            raise StoreDamaged("SEC-004")
        replaced = tuple(_PLACE.iter_unpack(raw[_HEAD.size :]))
        return cls(store, handle, seq, first, previous, count, kind, rows, replaced)


def chain(previous: bytes, header: bytes, salt: bytes, commitment: bytes) -> bytes:
    """Return the digest of the chain up to a block.

    The ciphertext needs no part in it: header, salt and commitment determine the key under which alone it opens,
    and its tag.
    """
    return sha256(b"iomt chain\0" + previous + struct.pack(">I", len(header)) + header + salt + commitment).digest()


def chain_erasures(previous: bytes, handle: bytes) -> bytes:
    """Return the digest of the list of erasures up to one."""
    return sha256(b"iomt erasure\0" + previous + handle).digest()


def fold(head: bytes, body: Sequence[bytes]) -> bytes:
    """Join the two sections of a block: the head is text and compressed, the body where that helps."""
    flags, packed = 0, zlib.compress(head, 1)
    if len(packed) < len(head):
        flags, head = _HEAD_DEFLATED, packed
    rest = b"".join(body)
    if rest:
        sample = rest[:_SAMPLE]
        if len(rest) <= 4 * _SAMPLE or len(zlib.compress(sample, 1)) < 0.95 * len(sample):
            packed = zlib.compress(rest, 1)
            if len(packed) < len(rest):
                flags, rest = flags | _BODY_DEFLATED, packed
    return _FOLDED.pack(flags, len(head)) + head + rest


def unfold(raw: bytes) -> tuple[bytes, bytes]:
    """Return head and body of a block.

    Raises
    ------
    StoreDamaged
        ``SEC-004`` when it does not unfold, or to more than was ever written.
    """
    if len(raw) < _FOLDED.size:
        raise StoreDamaged("SEC-004")
    flags, length = _FOLDED.unpack_from(raw)
    end = _FOLDED.size + length
    if end > len(raw) or flags > _HEAD_DEFLATED | _BODY_DEFLATED:
        raise StoreDamaged("SEC-004")
    head, body = raw[_FOLDED.size : end], raw[end:]
    head = _inflate(head) if flags & _HEAD_DEFLATED else head
    return head, _inflate(body) if flags & _BODY_DEFLATED else body


def pack(positions: Sequence[int], documents: Sequence[bytes], parts: Sequence[tuple[int, int, bytes]]) -> bytes:
    """Join records: their positions in their transaction, their JSON, and the octets that stand beside it.

    Parameters
    ----------
    positions, documents : sequence
        One of each for each record.
    parts : sequence of (int, int, bytes)
        Which record, which of its fields, and the octets.
    """
    directory = b"".join(_PART.pack(ordinal, slot, len(octets)) for ordinal, slot, octets in parts)
    order = struct.pack(f">I{len(positions)}I", len(parts), *positions)
    return fold(order + directory + b"[" + b",".join(documents) + b"]", [octets for _, _, octets in parts])


def unpack(raw: bytes, count: int) -> tuple[tuple[int, ...], bytes, list[tuple[int, int, bytes]]]:
    """Return positions, JSON array and octets of a block of records.

    Raises
    ------
    StoreDamaged
        ``SEC-004`` when it is not what :func:`pack` writes.
    """
    head, body = unfold(raw)
    try:
        number, *positions = struct.unpack_from(f">I{count}I", head)
        text = 4 + 4 * count + number * _PART.size
        directory = list(_PART.iter_unpack(head[4 + 4 * count : text]))
    except struct.error:
        raise StoreDamaged("SEC-004") from None
    parts, at = [], 0
    for ordinal, slot, length in directory:
        parts.append((ordinal, slot, body[at : at + length]))
        at += length
    if len(directory) != number or at != len(body) or any(ordinal >= count for ordinal, _, _ in parts):
        raise StoreDamaged("SEC-004")
    return tuple(positions), head[text:], parts


def _inflate(raw: bytes) -> bytes:
    try:
        inflater = zlib.decompressobj()
        data = inflater.decompress(raw, MAX_PLAINTEXT)
    except zlib.error:
        raise StoreDamaged("SEC-004") from None
    if not inflater.eof or inflater.unused_data:
        raise StoreDamaged("SEC-004")
    return data
