"""What a vault needs of a place that keeps its blocks: a protocol.

A backend sees ciphertext, keyed digests, random handles and counts; it has no key and decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

__all__ = ["Backend", "Block", "SubjectRow"]


@dataclass(frozen=True, slots=True)
class SubjectRow:
    """A subject's handle, the keyed digest of its id, its wrapped data key."""

    handle: bytes
    blind: bytes
    wrapped: bytes = field(repr=False)


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
        """Store a subject's key."""
        ...

    def subjects(self) -> Iterator[SubjectRow]:
        """Yield all subjects."""
        ...

    def subject(self, blind: bytes) -> SubjectRow | None:
        """Return the subject with a keyed digest."""
        ...

    def subject_of(self, handle: bytes) -> SubjectRow | None:
        """Return the subject with a handle."""
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
