"""The index: keyed digests in clear that say where a record's versions are and who has an identifier."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from struct import Struct
from typing import Final

from ..errors import StoreDamaged
from ..model import Record, Subject
from .backend import Backend, IndexRow
from .documents import Entry, owner_of
from .ledger import Ledger

__all__ = ["Index", "has_identifier", "index_damaged"]

_DIGEST: Final = 16
_ALIKE: Final = 4
"""Octets in which the digests of one owner's records are alike."""
_PLACE: Final = Struct(">QI")


class Index:
    """Where the versions of records are. It is not trusted: every entry is authenticated, with its place.

    An entry that stands under a record's name is of its latest version; it names the version before by a digest of
    its content, under which stands that version's entry, and so on to the first.

    Parameters
    ----------
    backend : Backend
        Where it is.
    ledger : Ledger
        The blocks that it is of.
    """

    def __init__(self, backend: Backend, ledger: Ledger) -> None:
        self._backend, self._ledger = backend, ledger

    def blind(self, purpose: bytes, *parts: str | bytes) -> bytes:
        """Return a keyed digest, cut to 128 bits; equal inputs of one store give equal digests, and no others."""
        return self._ledger.index_mac(purpose + b"".join(map(_counted, parts)))[:_DIGEST]

    def subject(self, subject: str) -> bytes:
        """Return the digest of a subject's id."""
        return self.blind(b"subject", subject)

    def name(self, owner: str, record: str) -> bytes:
        """Return the digest of a record's id; the same device is described in many persons' messages."""
        return self.naming(b"record", owner)(record)

    def naming(self, purpose: bytes, owner: str) -> Callable[[str], bytes]:
        """Return what gives the digests of ids of one owner.

        They begin alike, so that what is stored together stands together in the index: its pages are written at each
        commit. Which entries are of one owner their blocks tell as well.
        """
        mac = self._ledger.index_mac.behind(purpose + _counted(owner))
        begin = self.blind(b"owner", owner)[:_ALIKE]
        return lambda identity: begin + mac(_counted(identity))[: _DIGEST - _ALIKE]

    def content(self, content: bytes) -> bytes:
        """Return the digest of a record's content."""
        return self._ledger.index_mac(b"content%d:" % len(content) + content)[:_DIGEST]

    def version(self, name: bytes, content: bytes) -> bytes:
        """Return the name of an older version."""
        mac = self._ledger.index_mac(b"version%d:" % len(name) + name + b"%d:" % len(content) + content)
        return name[:_ALIKE] + mac[: _DIGEST - _ALIKE]

    def find(self, names: Collection[bytes], *, latest: bool) -> dict[bytes, Entry]:
        """Return the entries under some of many names, all of latest versions or all of older ones.

        By another's place, the next version would hide another record: so each is checked.
        """
        found = self._backend.find_records(names) if names else {}
        return {name: self._entry(row, latest=latest) for name, row in found.items()}

    def opens(self, owner: str, blocks: Collection[int]) -> bool:
        """Tell whether the keys that an owner has are those of some blocks."""
        keys = {row.handle for row in self._backend.subject(self.subject(owner))}
        return all(self._ledger.headers[seq].handle in keys for seq in blocks)

    def latest(self, name: bytes) -> Entry | None:
        """Return the entry of a record's latest version."""
        return self.find((name,), latest=True).get(name)

    def older(self, name: bytes, content: bytes) -> Entry | None:
        """Return the entry of an older version of a record."""
        version = self.version(name, content)
        return self.find((version,), latest=False).get(version)

    def write(self, entries: Mapping[bytes, Entry]) -> None:
        """Store entries by their names."""
        self._backend.set_records(
            [
                (name, entry.content + self._tag(name, entry) + entry.previous, entry.seq, entry.ordinal)
                for name, entry in entries.items()
            ]
        )

    def versions(self, name: bytes) -> Iterator[Record]:
        """Yield the versions of a record, the latest first."""
        entry = self.latest(name)
        seq, records = 0, list[tuple[int, Record]]()
        while entry is not None:
            if entry.seq != seq:
                seq, records = entry.seq, self._ledger.open_block(self._ledger.headers[entry.seq])
            yield records[entry.ordinal][1]
            if not entry.previous:
                return
            before = self.older(name, entry.previous)
            if before is None or (before.seq, before.ordinal) >= (entry.seq, entry.ordinal):
                raise index_damaged()
            entry = before

    def was_there(self, name: bytes, entry: Entry, last: int) -> bool:
        """Tell whether a record had a version when a block was the last, by its latest entry now."""
        while entry.seq > last:
            before = self.older(name, entry.previous) if entry.previous else None
            if before is None:
                return False
            entry = before
        return True

    def add_identifiers(self, persons: Iterable[Subject]) -> None:
        """Index persons by their identifiers."""
        pairs = dict.fromkeys(pair for person in persons for pair in self.identifiers(person))
        if pairs:
            self._backend.add_identifiers(pairs)

    def identifiers(self, subject: Subject) -> Iterator[tuple[bytes, bytes]]:
        """Yield what the index holds of a subject: keyed digests of an identifier and of the record's id."""
        name = self.name(owner_of(subject), subject.id)
        for identifier in subject.identifiers:
            if identifier.value:
                for system in {"", identifier.system or "", identifier.authority or ""}:
                    yield self.blind(b"identifier", system, identifier.value), name

    def identified(self, value: str, system: str | None) -> list[bytes]:
        """Return the names of the records that the index gives for an identifier."""
        return self._backend.identified(self.blind(b"identifier", system or "", value))

    def _entry(self, row: IndexRow, *, latest: bool) -> Entry:
        name, found, seq, ordinal = row
        entry = Entry(found[:_DIGEST], seq, ordinal, found[2 * _DIGEST :])
        if not self._ledger.has(entry, latest=latest):
            raise index_damaged()
        if not hmac.compare_digest(found[_DIGEST : 2 * _DIGEST], self._tag(name, entry)):
            raise index_damaged()
        return entry

    def _tag(self, name: bytes, entry: Entry) -> bytes:
        place = name + entry.content + _PLACE.pack(entry.seq, entry.ordinal) + entry.previous
        return self._ledger.index_mac(b"place" + place)[:_DIGEST]


def _counted(part: str | bytes) -> bytes:
    raw = part if isinstance(part, bytes) else part.encode("utf-8", "surrogatepass")
    return b"%d:" % len(raw) + raw


def has_identifier(record: Record, value: str, system: str | None) -> bool:
    """Tell whether a record is of a person with an identifier."""
    return isinstance(record, Subject) and any(
        i.value == value and system in (None, i.system, i.authority) for i in record.identifiers
    )


def index_damaged() -> StoreDamaged:
    """Return the error for an index that says what the blocks do not."""
    return StoreDamaged("SEC-004", hint="the index does not fit the blocks")
