"""What a vault needs of a place that keeps its blocks: a protocol.

A backend sees ciphertext, keyed digests, random handles and counts; it has no key and decides nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

__all__ = ["Backend", "Block", "IndexRow", "SubjectRow"]

IndexRow = tuple[bytes, bytes, int, int]
"""An entry of the index: its name, what is authenticated, block and position."""


class SubjectRow(NamedTuple):
    """One data key of a subject: its handle, the keyed digest of the subject's id, the wrapped key, the generation.

    A plain tuple: a rotation reads a million of them.
    """

    handle: bytes
    blind: bytes
    wrapped: bytes
    generation: int = 0

    def __repr__(self) -> str:
        return "SubjectRow()"


@dataclass(frozen=True, slots=True)
class Block:
    """One sealed block as it is stored."""

    seq: int
    header: bytes = field(repr=False)
    salt: bytes = field(repr=False)
    commitment: bytes = field(repr=False)
    ciphertext: bytes = field(repr=False)


class Backend(Protocol):
    """Storage of a vault. Every method may raise a SecurityError for damage and for a lock."""

    def writing(self) -> AbstractContextManager[None]:
        """Open one durable transaction; what raises inside leaves nothing behind."""
        ...

    def reading(self) -> AbstractContextManager[None]:
        """Open one consistent view."""
        ...

    def meta(self, name: str) -> bytes | None:
        """Return a named value."""
        ...

    def set_meta(self, name: str, value: bytes) -> None:
        """Store a named value."""
        ...

    def metas(self) -> Iterator[tuple[str, bytes]]:
        """Yield all named values."""
        ...

    def add_subject(self, row: SubjectRow) -> None:
        """Store a key of a subject."""
        ...

    def subjects(self) -> Iterator[SubjectRow]:
        """Yield all keys of all subjects."""
        ...

    def subject(self, blind: bytes) -> list[SubjectRow]:
        """Return the keys of the subject with a keyed digest, the newest generation last."""
        ...

    def rewrap(self, anew: Callable[[bytes, bytes, bytes, int], bytes]) -> int:
        """Replace every wrapped key by what a function makes of its row; return how many.

        There may be millions: no more of them than a page is in memory at a time.

        Parameters
        ----------
        anew : callable
            Given handle, keyed digest, wrapped key and generation; returns the key, wrapped anew. What it raises is
            raised.
        """
        ...

    def erase(self, blind: bytes, handles: Collection[bytes], blocks: Collection[int]) -> None:
        """Take away a subject's keys, and what the index holds of the records in its blocks."""
        ...

    def add_erasure(self, number: int, handle: bytes) -> None:
        """Remember that a handle's key is gone for good."""
        ...

    def erasures(self, after: int) -> Iterator[tuple[int, bytes]]:
        """Yield number and handle of the erasures after a number, in order."""
        ...

    def clear_blocks(self, blocks: Collection[int]) -> int:
        """Take the ciphertexts away, the headers stay; return the octets."""
        ...

    def shrink(self) -> None:
        """Give the room of what was taken away back to the file system."""
        ...

    def set_hold(self, blind: bytes, sealed: bytes | None) -> None:
        """Store the sealed reason of a legal hold, or lift the hold."""
        ...

    def hold(self, blind: bytes) -> bytes | None:
        """Return the sealed reason of a legal hold."""
        ...

    def holds(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield all legal holds."""
        ...

    def backup(self, path: str | os.PathLike[str]) -> None:
        """Write a consistent copy that another backend of this class can open."""
        ...

    def subject_of(self, handle: bytes) -> SubjectRow | None:
        """Return the key with a handle."""
        ...

    def add_blocks(self, blocks: Sequence[Block]) -> None:
        """Store blocks."""
        ...

    def headers(self, after: int) -> Iterator[tuple[int, bytes, bytes, bytes]]:
        """Yield number, header, salt and commitment of the blocks after a number, in order."""
        ...

    def block(self, seq: int) -> Block | None:
        """Return a block."""
        ...

    def find_records(self, names: Collection[bytes]) -> Mapping[bytes, IndexRow]:
        """Return the entries of the index that stand under some of many names, by name."""
        ...

    def set_records(self, rows: Sequence[IndexRow]) -> None:
        """Store entries of the index; the last of several of one name stays, and replaces what was there."""
        ...

    def records(self) -> Iterator[IndexRow]:
        """Yield the whole index of records and of batches."""
        ...

    def add_identifiers(self, pairs: Collection[tuple[bytes, bytes]]) -> None:
        """Index subjects' records by keyed digests of identifiers; a pair that is there already stays."""
        ...

    def identified(self, blind: bytes) -> list[bytes]:
        """Return the keyed digests of the records with an identifier."""
        ...

    def identifiers(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield the whole index of identifiers."""
        ...

    def sizes(self) -> tuple[int, int]:
        """Return the octets of the store at rest, and of what waits to be moved there."""
        ...

    def close(self) -> None:
        """Let go of the store."""
        ...
