"""Records on their way into a block: their documents, their order, and what the index will say of them."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple, Protocol

from pydantic_core import PydanticSerializationError

from .._accel import load
from ..errors import InvalidRecord
from ..model import Record, record_from_json
from .binary import WITH_OCTETS, Part, detach
from .blocks import DOCUMENTS, MAX_PLAINTEXT, pack

if TYPE_CHECKING:
    from .._accel import document_py as kernel
else:
    kernel = load("document")

__all__ = [
    "BLOCK_BYTES",
    "BLOCK_RECORDS",
    "MAX_DOCUMENT",
    "NOBODY",
    "Draft",
    "Entry",
    "Pending",
    "PendingRecords",
    "RecordDraft",
    "draft_of",
    "owner_of",
]

BLOCK_RECORDS: Final = 1000
BLOCK_BYTES: Final = 1 << 20
MAX_DOCUMENT: Final = MAX_PLAINTEXT // 2
NOBODY: Final = ""
"""Stands for the subject of records that have none."""

_MOST_DIGITS: Final = 4300
_LONG_NUMBER: Final = re.compile(rb"[0-9]{%d}" % (_MOST_DIGITS + 1))
"""Longer integers than JSON readers take; the digits may be a text's, so a match decides nothing yet."""


class Entry(NamedTuple):
    """A version of a record: keyed digests of its content and of the version before, its block, its place in it."""

    content: bytes
    seq: int
    ordinal: int
    previous: bytes = b""


class RecordDraft(NamedTuple):
    """A record on its way into a block: its JSON, the octets that stand beside it, and how long they are together."""

    identity: str
    document: bytes
    parts: tuple[Part, ...]
    size: int

    def __repr__(self) -> str:
        return f"RecordDraft({self.size} bytes)"

    def content(self) -> bytes:
        """Return what its digest is made of; JSON holds no zero octet."""
        if not self.parts:
            return self.document
        return b"\0".join((self.document, *(b"%d:%d:" % (slot, len(octets)) + octets for slot, octets in self.parts)))


class Draft(Protocol):
    """Something on its way into a block."""

    @property
    def identity(self) -> str:
        """What it is a version of."""
        ...

    @property
    def size(self) -> int:
        """Octets that it takes in a block."""
        ...

    def content(self) -> bytes:
        """Return what its digest is made of."""
        ...


@dataclass(slots=True)
class Pending(ABC):
    """A block in the making: the places of its entries in their transaction, what they replace, its size."""

    kind: ClassVar[int]
    purpose: ClassVar[bytes]
    """What the index calls the names of its entries."""
    positions: list[int] = field(default_factory=list)
    replaced: list[tuple[int, int]] = field(default_factory=list)
    size: int = 0
    rows: int = 0

    def __len__(self) -> int:
        return len(self.positions)

    @abstractmethod
    def full(self, more: int) -> bool:
        """Tell whether what has this length belongs in the next block."""

    @abstractmethod
    def take(self, position: int, draft: Any) -> None:
        """Take a draft in."""

    @abstractmethod
    def payload(self) -> bytes:
        """Return the plaintext of the block."""


@dataclass(slots=True)
class PendingRecords(Pending):
    """A block of records in the making."""

    kind: ClassVar[int] = DOCUMENTS
    purpose: ClassVar[bytes] = b"record"
    documents: list[bytes] = field(default_factory=list, repr=False)
    parts: list[tuple[int, int, bytes]] = field(default_factory=list, repr=False)

    def full(self, more: int) -> bool:
        """Tell whether a record of this length belongs in the next block."""
        return bool(self.documents) and (len(self.documents) >= BLOCK_RECORDS or self.size + more > BLOCK_BYTES)

    def take(self, position: int, draft: RecordDraft) -> None:
        """Take a record in."""
        self.positions.append(position)
        if draft.parts:
            self.parts += [(len(self.documents), *part) for part in draft.parts]
        self.documents.append(draft.document)
        self.size += draft.size

    def payload(self) -> bytes:
        """Return the plaintext of the block."""
        return pack(self.positions, self.documents, self.parts)


def owner_of(record: Record) -> str:
    """Return the id of the person whose key seals a record."""
    return record.id if record.kind == "subject" else record.subject or NOBODY


def draft_of(record: Record) -> RecordDraft:
    """Return a record's JSON and octets, of which it is certain that they can be read again.

    Raises
    ------
    InvalidRecord
        ``MDL-005`` when they cannot.
    """
    rest, parts = detach(record) if type(record) in WITH_OCTETS else (record, ())
    try:
        document = kernel.dump(rest)
    except PydanticSerializationError:
        raise InvalidRecord("MDL-005", hint="a text holds half a surrogate pair") from None
    size = len(document)
    if parts:
        size += sum(len(octets) for _, octets in parts)
    if size > _MOST_DIGITS:  # a short record has neither fault
        if size > MAX_DOCUMENT:
            raise InvalidRecord("MDL-005", hint="the record is too long to be stored")
        if _LONG_NUMBER.search(document):
            record_from_json(document)
    return RecordDraft(record.id, document, parts, size)
