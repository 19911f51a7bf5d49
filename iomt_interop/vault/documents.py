"""Records on their way into a block: their documents, their order, and what the index will say of them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from pydantic_core import PydanticSerializationError

from ..errors import InvalidRecord
from ..model import Record, Subject, record_from_json
from .blocks import MAX_PLAINTEXT

__all__ = [
    "BLOCK_BYTES",
    "BLOCK_RECORDS",
    "MAX_DOCUMENT",
    "NOBODY",
    "Entry",
    "Pending",
    "by_subject",
    "document_of",
    "owner_of",
]

BLOCK_RECORDS: Final = 1000
BLOCK_BYTES: Final = 1 << 20
MAX_DOCUMENT: Final = MAX_PLAINTEXT // 2
NOBODY: Final = ""
"""Stands for the subject of records that have none."""

_LONG_NUMBER: Final = re.compile(rb"[0-9]{4301}")
"""Longer integers than JSON readers take; the digits may be a text's, so a match decides nothing yet."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A version of a record: keyed digests of its content and of the version before, its block, its place in it."""

    content: bytes
    seq: int
    ordinal: int
    previous: bytes = b""


@dataclass(slots=True)
class Pending:
    """A block in the making."""

    seq: int
    positions: list[int] = field(default_factory=list)
    documents: list[bytes] = field(default_factory=list, repr=False)
    entries: dict[bytes, Entry] = field(default_factory=dict, repr=False)
    replaced: list[tuple[int, int]] = field(default_factory=list)
    size: int = 0

    def full(self, more: int) -> bool:
        """Tell whether a document of this length belongs in the next block."""
        return bool(self.documents) and (len(self.documents) >= BLOCK_RECORDS or self.size + more > BLOCK_BYTES)

    def add(self, position: int, document: bytes, name: bytes, content: bytes, known: Entry | None) -> None:
        """Take a record in; what was known of it is replaced, even in this block."""
        if known is not None:
            self.replaced.append((known.seq, known.ordinal))
        self.entries[name] = Entry(content, self.seq, len(self.documents), known.content if known else b"")
        self.positions.append(position)
        self.documents.append(document)
        self.size += len(document)


def by_subject(records: Iterable[Record]) -> dict[str, list[tuple[int, Record]]]:
    """Group records, with their positions, by the person whose key seals them."""
    groups: dict[str, list[tuple[int, Record]]] = defaultdict(list)
    for position, record in enumerate(records):
        subject = owner_of(record)
        groups[subject].append((position, record))
    return groups


def owner_of(record: Record) -> str:
    """Return the id of the person whose key seals a record."""
    return record.id if isinstance(record, Subject) else record.subject or NOBODY


def document_of(record: Record) -> bytes:
    """Return a record's JSON, of which it is certain that it can be read again.

    Raises
    ------
    InvalidRecord
        ``MDL-005`` when it cannot.
    """
    try:
        document = record.model_dump_json(exclude_none=True).encode()
    except PydanticSerializationError:
        raise InvalidRecord("MDL-005", hint="a text holds half a surrogate pair") from None
    if len(document) > MAX_DOCUMENT:
        raise InvalidRecord("MDL-005", hint="the record is too long to be stored")
    if len(document) > 4300 and _LONG_NUMBER.search(document):
        record_from_json(document)
    return document
