"""The chain of sealed blocks, and the keys that open them."""

from __future__ import annotations

import hmac
import json
import os
import time
from collections.abc import Iterator
from hashlib import sha256
from itertools import groupby, islice
from operator import itemgetter
from struct import Struct
from typing import Final

from ..crypto import (
    KeyProvider,
    KeyWrap,
    PreparedMac,
    RewrappingProvider,
    Sealed,
    SecretKey,
    open_sealed,
    seal,
    unwrap_key,
    wrap_key,
)
from ..errors import InvalidRecord, KeyUnavailable, StoreDamaged
from ..model import ObservationBatch, Record, records_from_json
from .backend import Backend, Block, SubjectRow
from .binary import attach
from .blocks import COLUMNS, DOCUMENTS, FORMAT, Header, chain, chain_erasures, unpack
from .columns import open_batches
from .documents import Entry, Pending

__all__ = ["Ledger", "first_meta", "parameters_of"]

_GENESIS: Final = bytes(32)
_ROOT: Final = Struct(">QQ32s32s32s")
_NUMBER: Final = Struct(">I")
_LOOK: Final = 60.0
"""Seconds between two looks at all keys, where somebody may have several."""
_CACHED: Final = 10_000
"""Data keys that are held at a time."""


class Ledger:
    """The blocks of a vault: their headers in memory, their chain followed, their contents on request.

    Parameters
    ----------
    backend : Backend
        Where they are.
    keys : KeyProvider
        Gives the key-encryption key.

    Attributes
    ----------
    headers : dict of int to Header
        Every block's header, in order.
    replaced : set of (int, int)
        Block and place of every version that is not the latest of its record.
    erased : dict of bytes to None
        The handles whose keys are gone for good, in order.
    epoch : int
        Version of the key-encryption key; each rotation begins another.
    generation : int
        Data keys of an older generation seal no new block.
    index_mac : PreparedMac
        Makes the index's digests.
    """

    def __init__(self, backend: Backend, keys: KeyProvider) -> None:
        self._backend, self._head, self._gone = backend, _GENESIS, _GENESIS
        # Before the keys: a traceback may show a ledger that has none.
        self.headers: dict[int, Header] = {}
        self.replaced: set[tuple[int, int]] = set()
        self.erased: dict[bytes, None] = {}
        self._keys: dict[bytes, SecretKey] = {}
        self._owners: dict[bytes, bytes] = {}
        self._newest: dict[bytes, SubjectRow] = {}
        self._root, self._looked = b"", float("-inf")
        self._kek = keys.key(parameters_of(backend))
        self.store = _exactly(backend.meta("store"), 16)
        self.epoch, self.generation = _number(backend, "epoch"), _number(backend, "generation")
        store_key = unwrap_key(self._kek, backend.meta("store-key") or b"", self._of_store(self.epoch))
        self._wrap = KeyWrap(self._kek)
        self._store_key = store_key
        index_key = store_key.derive(b"index")
        self.index_mac = PreparedMac(index_key)
        index_key.wipe()
        self.seal_key = store_key.derive(b"seal")
        self._chain = store_key.derive(b"chain")

    def __repr__(self) -> str:
        return f"Ledger({len(self.headers)} blocks)"

    def secrets(self) -> tuple[SecretKey, ...]:
        """Return every key that is held."""
        return (*self._keys.values(), self._kek, self._store_key, self.seal_key, self._chain)

    def wipe(self) -> None:
        """Forget the keys."""
        for key in self.secrets():
            key.wipe()
        self.index_mac.wipe()
        self._wrap.wipe()
        self._keys.clear()
        self._newest.clear()

    def mark(self) -> tuple[bytes, int, bytes, int]:
        """Return what :meth:`forget` goes back to."""
        return self._head, len(self.headers), self._gone, len(self.erased)

    def forget(self, mark: tuple[bytes, int, bytes, int]) -> None:
        """Go back to what was on the disk."""
        self._head, blocks, self._gone, erased = mark
        for seq in [seq for seq in self.headers if seq > blocks]:
            self.replaced.difference_update(self.headers.pop(seq).replaced)
        for handle in list(self.erased)[erased:]:
            del self.erased[handle]
        self._root = b""
        self._keys.clear()
        self._owners.clear()
        self._newest.clear()

    def catch_up(self) -> None:
        """Read the headers and erasures that came since, follow their chains, and compare them with the root."""
        if _number(self._backend, "epoch") != self.epoch:
            raise KeyUnavailable("SEC-002", hint="the vault's key was rotated meanwhile; open the vault again")
        self.generation = _number(self._backend, "generation")
        root = _exactly(self._backend.meta("root"), _ROOT.size)
        count, gone, head, erasures, mac = _ROOT.unpack(root)
        # Also where it is the root of before: terms that were taken away beside it would be under the next one no more.
        if not hmac.compare_digest(mac, self._root_mac(count, gone, head, erasures)):
            raise StoreDamaged("SEC-004")
        if root == self._root:
            return  # nobody wrote since: its digests are of all that there is
        for seq, raw, salt, commitment in self._backend.headers(len(self.headers)):
            header = Header.decode(raw)
            expected = (self.store, len(self.headers) + 1, self._head)
            if (header.store, header.seq, header.previous) != expected or seq != header.seq:
                raise StoreDamaged("SEC-004")
            self._head = chain(self._head, raw, salt, commitment)
            self.headers[seq] = header
            self.replaced.update(header.replaced)
        for number, handle in self._backend.erasures(len(self.erased)):
            if number != len(self.erased) + 1 or handle in self.erased:
                raise StoreDamaged("SEC-004")
            self.note_erasure(handle)
        if (len(self.headers), self._head, len(self.erased), self._gone) != (count, head, gone, erasures):
            raise StoreDamaged("SEC-004")
        self._root = root

    def note_erasure(self, handle: bytes) -> int:
        """Take an erasure into the list; return its number."""
        self.erased[handle] = None
        self._gone = chain_erasures(self._gone, handle)
        self._keys.pop(handle, None)
        self._owners.pop(handle, None)
        return len(self.erased)

    def living(self) -> Iterator[Header]:
        """Yield the headers of the blocks that can be opened."""
        return (header for header in self.headers.values() if header.handle not in self.erased)

    def state(self) -> tuple[int, bytes, int, bytes]:
        """Return number of blocks, digest of their chain, number of erasures, digest of their list."""
        return len(self.headers), self._head, len(self.erased), self._gone

    def state_at(self, blocks: int, erasures: int) -> tuple[bytes, bytes] | None:
        """Return both digests as they were at an earlier number of blocks and erasures."""
        if blocks > len(self.headers) or erasures > len(self.erased):
            return None
        head = self._head if blocks == len(self.headers) else self.headers[blocks + 1].previous
        gone = _GENESIS
        for handle in islice(self.erased, erasures):
            gone = chain_erasures(gone, handle)
        return head, gone

    def append(self, row: SubjectRow, pending: Pending, first: int) -> Block:
        """Seal a block behind the last one; the caller stores it."""
        seq, replaced = len(self.headers) + 1, tuple(pending.replaced)
        count, kind, rows = len(pending), pending.kind, pending.rows
        header = Header(self.store, row.handle, seq, first, self._head, count, kind, rows, replaced)
        raw = header.encode()
        sealed = seal(self._data_key(row), pending.payload(), raw)
        self._head = chain(self._head, raw, sealed.salt, sealed.commitment)
        self.headers[seq] = header
        self.replaced.update(replaced)
        return Block(seq, raw, sealed.salt, sealed.commitment, sealed.ciphertext)

    def seal_root(self) -> None:
        """Store that the chains end here."""
        count, head, gone, erasures = self.state()
        mac = self._root_mac(count, gone, head, erasures)
        self._root = _ROOT.pack(count, gone, head, erasures, mac)
        self._backend.set_meta("root", self._root)

    def open_block(self, header: Header) -> list[tuple[int, Record]]:
        """Return positions and records of a block of records."""
        positions, text, parts = unpack(self._plaintext(header, DOCUMENTS), header.count)
        try:
            records = records_from_json(text)
        except InvalidRecord:
            raise StoreDamaged("SEC-005", hint="written by another version of the canonical model") from None
        if len(records) != header.count:
            raise StoreDamaged("SEC-004")
        for ordinal, group in groupby(parts, key=itemgetter(0)):
            records[ordinal] = attach(records[ordinal], [part[1:] for part in group])
        return list(zip(positions, records, strict=True))

    def open_batches(self, header: Header) -> list[tuple[int, ObservationBatch]]:
        """Return positions and batches of a block of batches."""
        batches = open_batches(self._plaintext(header, COLUMNS))
        if len(batches) != header.count or sum(len(batch) for _, batch in batches) != header.rows:
            raise StoreDamaged("SEC-004")
        return batches

    def _plaintext(self, header: Header, kind: int) -> bytes:
        block = self._backend.block(header.seq)
        if header.handle in self.erased or block is None or header.kind != kind or block.header != header.encode():
            raise StoreDamaged("SEC-004")
        sealed = Sealed(block.salt, block.commitment, block.ciphertext)
        return open_sealed(self._key_of(header.handle), sealed, block.header)

    def has(self, entry: Entry, *, latest: bool) -> bool:
        """Tell whether an entry of the index names a place that there is, of a latest version or an older one."""
        header = self.headers.get(entry.seq)
        if header is None or header.handle in self.erased or not 0 <= entry.ordinal < header.count:
            return False
        return ((entry.seq, entry.ordinal) in self.replaced) is not latest

    def subject_row(self, blind: bytes) -> SubjectRow:
        """Return the key that seals a subject's next block, made where there is none of this generation."""
        known = self._newest.get(blind)
        if known is not None and known.generation >= self.generation and known.handle not in self.erased:
            return known
        rows = self._rows(blind)
        if rows and rows[-1].generation >= self.generation:
            return self._remember(rows[-1])
        row = SubjectRow(os.urandom(16), blind, b"", self.generation)
        row = row._replace(wrapped=self._wrap.wrap(SecretKey.generate(), self.bound(row, self.epoch)))
        self._backend.add_subject(row)
        return self._remember(row)

    def _remember(self, row: SubjectRow) -> SubjectRow:
        if len(self._newest) >= _CACHED:
            self._newest.clear()
        self._newest[row.blind] = row
        return row

    def handles(self, blind: bytes) -> frozenset[bytes]:
        """Return the handles under which a subject's blocks stand; each is the one that its key is bound to."""
        rows = self._rows(blind)
        for row in rows:
            self._data_key(row)
        if rows and self.generation > 1 and time.monotonic() - self._looked >= _LOOK:
            # One of several keys may be missing, which shows only where all are looked at.
            self.check_subjects()
            self._looked = time.monotonic()
        return frozenset(row.handle for row in rows)

    def _rows(self, blind: bytes) -> list[SubjectRow]:
        """Return a subject's keys, none of which was destroyed before: what it sealed would be of nobody."""
        rows = self._backend.subject(blind)
        if any(row.handle in self.erased for row in rows):
            raise StoreDamaged("SEC-004")
        return rows

    def owner(self, handle: bytes) -> bytes:
        """Return the keyed digest of the subject that a handle is of."""
        if handle not in self._owners:
            self._key_of(handle)
        return self._owners[handle]

    def check_subjects(self, missing: bytes = b"") -> None:
        """Find a key that was dropped, added or renamed: each has a block, and is bound to its subject.

        Parameters
        ----------
        missing : bytes
            Keyed digest of a subject that was looked up and not found: no key is to be of it.
        """
        handles = {header.handle for header in self.living()}
        count = 0
        for row in self._backend.subjects():
            if row.handle not in handles or row.blind == missing:
                raise StoreDamaged("SEC-004")
            self._data_key(row)
            count += 1
        if count != len(handles):
            raise StoreDamaged("SEC-004")

    def check_lookups(self) -> None:
        """Look every key up, by its subject and by its handle: what a backend finds them by may be damaged too."""
        for row in self._backend.subjects():
            if row not in self._backend.subject(row.blind) or self._backend.subject_of(row.handle) != row:
                raise StoreDamaged("SEC-004")

    def rotate(self, keys: KeyProvider) -> int:
        """Wrap every key anew, under another key-encryption key; return how many.

        It takes place inside a transaction of the caller's. The ledger itself is of the old key afterwards.
        """
        parameters = keys.parameters()
        kek, epoch = keys.key(parameters), self.epoch + 1
        rewrapped = self._wrap.to(KeyWrap(kek), self._binding(self.epoch), self._binding(epoch))
        numbers: dict[int, bytes] = {}

        def anew(handle: bytes, blind: bytes, wrapped: bytes, generation: int) -> bytes:
            number = numbers.get(generation)
            if number is None:
                if not 0 <= generation <= self.generation:
                    raise StoreDamaged("SEC-004")
                number = numbers[generation] = _NUMBER.pack(generation)
            return rewrapped(wrapped, handle + blind + number)

        count = self._backend.rewrap(anew)
        self._backend.set_meta("keys", json.dumps(parameters, sort_keys=True).encode())
        self._backend.set_meta("epoch", _NUMBER.pack(epoch))
        self._backend.set_meta("store-key", wrap_key(kek, self._store_key, self._of_store(epoch)))
        kek.wipe()
        return count

    def rewrap(self, keys: RewrappingProvider) -> None:
        """Store the same key-encryption key, wrapped anew; inside a transaction of the caller's."""
        parameters = keys.rewrap(parameters_of(self._backend))
        kek = keys.key(parameters)
        same = kek == self._kek
        kek.wipe()
        if not same:
            raise KeyUnavailable("SEC-002", hint="what was wrapped anew is another key")
        self._backend.set_meta("keys", json.dumps(parameters, sort_keys=True).encode())

    def renew(self) -> None:
        """Let every subject's next block have a new data key; inside a transaction of the caller's."""
        self._backend.set_meta("generation", _NUMBER.pack(self.generation + 1))
        self.generation += 1
        self.seal_root()

    def bound(self, row: SubjectRow, epoch: int) -> bytes:
        """Return what a wrapped key is bound to: the epoch, the vault, the handle, the subject, the generation."""
        return self._binding(epoch) + row.handle + row.blind + _NUMBER.pack(row.generation)

    def _binding(self, epoch: int) -> bytes:
        return b"subject" + _NUMBER.pack(epoch) + self.store

    def _of_store(self, epoch: int) -> bytes:
        return b"store" + _NUMBER.pack(epoch) + self.store

    def _data_key(self, row: SubjectRow) -> SecretKey:
        key = self._keys.get(row.handle)
        if key is None or self._owners[row.handle] != row.blind:
            key = self._wrap.unwrap(row.wrapped, self.bound(row, self.epoch))
            if len(self._keys) >= _CACHED:
                self._keys.clear()
                self._owners.clear()
            self._keys[row.handle], self._owners[row.handle] = key, row.blind
        return key

    def _key_of(self, handle: bytes) -> SecretKey:
        if handle not in self._keys:
            row = self._backend.subject_of(handle)
            if row is None:
                raise StoreDamaged("SEC-004")
            return self._data_key(row)
        return self._keys[handle]

    def seal_holds(self) -> None:
        """Store which legal holds there are, and that the chains end here."""
        self._backend.set_meta("holds", self._holds_digest())
        self.seal_root()

    def check_holds(self) -> None:
        """Find a hold that was dropped or added: what is erased meanwhile does not come back."""
        held = self._holds_digest()
        *state, mac = _ROOT.unpack(_exactly(self._backend.meta("root"), _ROOT.size))
        if held != (self._backend.meta("holds") or b"") or not hmac.compare_digest(mac, self._root_mac(*state)):
            raise StoreDamaged("SEC-004", hint="the legal holds are not those that were set")

    def _holds_digest(self) -> bytes:
        rows = sorted(self._backend.holds())
        return (
            self._chain.mac(b"holds" + b"".join(blind + sha256(raw).digest() for blind, raw in rows)) if rows else b""
        )

    def _root_mac(self, count: int, gone: int, head: bytes, erasures: bytes) -> bytes:
        # What the vault is bound to, its holds and the generation of its keys are under the root too: taken away or
        # turned back, they are missed. No terms are as long as the first four letters say.
        bound, held = self._backend.meta("guard") or b"", self._backend.meta("holds") or b""
        rest = b"generation" + _NUMBER.pack(self.generation) if self.generation > 1 else b""
        rest += _NUMBER.pack(len(bound)) + bound + held if bound or held else b""
        return self._chain.mac(b"root" + self.store + _ROOT.pack(count, gone, head, erasures, b"") + rest)


def first_meta(keys: KeyProvider) -> dict[str, bytes]:
    """Return the named values of a new vault."""
    parameters = keys.parameters()
    kek, store, store_key = keys.key(parameters), os.urandom(16), SecretKey.generate()
    first = _NUMBER.pack(1)
    root = _ROOT.pack(0, 0, _GENESIS, _GENESIS, b"")
    mac = store_key.derive(b"chain").mac(b"root" + store + root)
    return {
        "format": str(FORMAT).encode(),
        "keys": json.dumps(parameters, sort_keys=True).encode(),
        "store": store,
        "epoch": first,
        "generation": first,
        "store-key": wrap_key(kek, store_key, b"store" + first + store),
        "root": root[: -len(mac)] + mac,
    }


def parameters_of(backend: Backend) -> dict[str, str]:
    """Return what the key provider left in clear when the vault was made."""
    if backend.meta("format") != str(FORMAT).encode():
        raise StoreDamaged("SEC-005" if backend.meta("format") else "SEC-004")
    try:
        found = json.loads(backend.meta("keys") or b"")
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not all(isinstance(v, str) for v in found.values()) or "kind" not in found:
        raise StoreDamaged("SEC-004")
    return found


def _number(backend: Backend, name: str) -> int:
    found: int = _NUMBER.unpack(_exactly(backend.meta(name), _NUMBER.size))[0]
    return found


def _exactly(value: bytes | None, size: int) -> bytes:
    if value is None or len(value) != size:
        raise StoreDamaged("SEC-004")
    return value
