"""The index: keyed digests in clear that say where a record's versions are and who has an identifier."""

from __future__ import annotations

import hmac
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from hashlib import blake2b
from itertools import starmap
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
_REMEMBERED: Final = 10_000
"""Persons whose identifiers are known to be in the index, by keyed digests."""


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
        self._told: dict[bytes, bytes] = {}
        self._salt = os.urandom(16)

    def told_of(self, before: bytes, now: bytes, subject: Subject) -> bool:
        """Tell whether a version of a person has the identifiers of the version before, which the index has.

        Parameters
        ----------
        before, now : bytes
            Name and digest of content of the version that the index has, or is about to have, and of the new one.
        subject : Subject
            The new one.
        """
        parts = [part or "" for i in subject.identifiers if i.value for part in (i.value, i.system, i.authority)]
        digest = blake2b(b"".join(map(_counted, parts)), digest_size=16, key=self._salt).digest()
        known = self._told.pop(before, None)
        if len(self._told) >= _REMEMBERED:
            self._told.clear()
        self._told[now] = digest
        return known == digest

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
        return lambda identity: self.names(purpose, owner, (identity,))[0]

    def names(self, purpose: bytes, owner: str, identities: Collection[str]) -> list[bytes]:
        """Return the digests of many ids of one owner; see :meth:`naming`."""
        mac = self._ledger.index_mac.behind(purpose + _counted(owner))
        begin, rest = self.blind(b"owner", owner)[:_ALIKE], _DIGEST - _ALIKE
        return [begin + digest[:rest] for digest in mac.each(map(_counted, identities))]

    def content(self, content: bytes) -> bytes:
        """Return the digest of a record's content."""
        return self.contents((content,))[0]

    def contents(self, contents: Iterable[bytes]) -> list[bytes]:
        """Return the digests of the contents of many records."""
        macs = self._ledger.index_mac.each(b"content%d:" % len(content) + content for content in contents)
        return [digest[:_DIGEST] for digest in macs]

    def version(self, name: bytes, content: bytes) -> bytes:
        """Return the name of an older version."""
        return name[:_ALIKE] + self._ledger.index_mac(_versioned(name, content))[: _DIGEST - _ALIKE]

    def version_names(self, pairs: Iterable[tuple[bytes, bytes]]) -> list[bytes]:
        """Return the names of many older versions, by the names of their records and the digests of their contents."""
        told = list(pairs)
        macs = self._ledger.index_mac.each(starmap(_versioned, told))
        return [name[:_ALIKE] + mac[: _DIGEST - _ALIKE] for (name, _), mac in zip(told, macs, strict=True)]

    def find(self, names: Collection[bytes], *, latest: bool) -> dict[bytes, Entry]:
        """Return the entries under some of many names, all of latest versions or all of older ones.

        By another's place, the next version would hide another record: so each is checked.
        """
        found = self._backend.find_records(names) if names else {}
        return self._entries(found, latest=latest)

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
        tags = self._ledger.index_mac.each(starmap(_placed, entries.items()))
        self._backend.set_records(
            [
                (name, content + tag[:_DIGEST] + previous, seq, ordinal)
                for (name, (content, seq, ordinal, previous)), tag in zip(entries.items(), tags, strict=True)
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

    def _entries(self, rows: Mapping[bytes, IndexRow], *, latest: bool) -> dict[bytes, Entry]:
        entries = {
            name: Entry(found[:_DIGEST], seq, ordinal, found[2 * _DIGEST :])
            for name, (_, found, seq, ordinal) in rows.items()
        }
        has = self._ledger.has
        if not all(has(entry, latest=latest) for entry in entries.values()):
            raise index_damaged()
        tags = self._ledger.index_mac.each(starmap(_placed, entries.items()))
        for (_, found, _, _), tag in zip(rows.values(), tags, strict=True):
            if not hmac.compare_digest(found[_DIGEST : 2 * _DIGEST], tag[:_DIGEST]):
                raise index_damaged()
        return entries


def _placed(name: bytes, entry: Entry) -> bytes:
    """Return of what an entry's tag is the MAC."""
    content, seq, ordinal, previous = entry
    return b"".join((b"place", name, content, _PLACE.pack(seq, ordinal), previous))


def _versioned(name: bytes, content: bytes) -> bytes:
    """Return of what the name of an older version is made."""
    return b"version%d:%b%d:%b" % (len(name), name, len(content), content)


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
