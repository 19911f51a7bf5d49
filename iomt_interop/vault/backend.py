"""What a vault needs of a place that keeps its blocks: a protocol.

A backend sees ciphertext, keyed digests, random handles and counts; it has no key and decides nothing.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

__all__ = ["Backend", "Block", "SubjectRow"]


@dataclass(frozen=True, slots=True)
class SubjectRow:
    """One data key of a subject: its handle, the keyed digest of the subject's id, the generation, the wrapped key."""

    handle: bytes
    blind: bytes
    wrapped: bytes = field(repr=False)
    generation: int = 0


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

    def add_subject(self, row: SubjectRow) -> None:
        """Store a key of a subject."""
        ...

    def subjects(self) -> Iterator[SubjectRow]:
        """Yield all keys of all subjects, in the order of their handles."""
        ...

    def subject(self, blind: bytes) -> list[SubjectRow]:
        """Return the keys of the subject with a keyed digest, the newest generation last."""
        ...

    def rewrap(self, wrapped: Iterable[tuple[bytes, bytes]]) -> None:
        """Store keys that were wrapped anew; each with its handle."""
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

    def add_block(self, block: Block) -> None:
        """Store a block."""
        ...

    def headers(self, after: int) -> Iterator[tuple[int, bytes, bytes, bytes]]:
        """Yield number, header, salt and commitment of the blocks after a number, in order."""
        ...

    def block(self, seq: int) -> Block | None:
        """Return a block."""
        ...

    def record(self, blind: bytes) -> tuple[bytes, int, int] | None:
        """Return what is authenticated, block and position of a record's latest version, or of an older one."""
        ...

    def set_record(self, blind: bytes, content: bytes, seq: int, ordinal: int) -> None:
        """Remember a version of a record."""
        ...

    def records(self) -> Iterator[tuple[bytes, bytes, int, int]]:
        """Yield the whole index of records."""
        ...

    def add_identifier(self, blind: bytes, record: bytes) -> None:
        """Index a subject's record by the keyed digest of an identifier."""
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
