"""The chain of sealed blocks, and the keys that open them."""

from __future__ import annotations

import hmac
import json
import os
from struct import Struct
from typing import Final

from ..crypto import KeyProvider, Sealed, SecretKey, open_sealed, seal, unwrap_key, wrap_key
from ..errors import InvalidRecord, StoreDamaged
from ..model import Record, records_from_json
from .backend import Backend, Block, SubjectRow
from .blocks import FORMAT, KEY_VERSION, Header, chain, pack, unpack
from .documents import Entry, Pending

__all__ = ["Ledger", "first_meta", "parameters_of"]

_GENESIS: Final = bytes(32)
_ROOT: Final = Struct(">Q32s32s")
_VERSION: Final = KEY_VERSION.to_bytes(4, "big")


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
    index_key : SecretKey
        The key of the index's digests.
    """

    def __init__(self, backend: Backend, keys: KeyProvider) -> None:
        self._backend, self._head = backend, _GENESIS
        # Before the keys: a traceback may show a ledger that has none.
        self.headers: dict[int, Header] = {}
        self.replaced: set[tuple[int, int]] = set()
        self._kek = keys.key(parameters_of(backend))
        self._store = _exactly(backend.meta("store"), 16)
        wrapped = backend.meta("store-key") or b""
        store_key = unwrap_key(self._kek, wrapped, b"store" + _VERSION + self._store)
        self.index_key = store_key.derive(b"index")
        self._chain = store_key.derive(b"chain")
        self._keys: dict[bytes, SecretKey] = {}

    def __repr__(self) -> str:
        return f"Ledger({len(self.headers)} blocks)"

    def secrets(self) -> tuple[SecretKey, ...]:
        """Return every key that is held."""
        return (*self._keys.values(), self._kek, self.index_key, self._chain)

    def wipe(self) -> None:
        """Forget the keys."""
        for key in self.secrets():
            key.wipe()
        self._keys.clear()

    def mark(self) -> tuple[bytes, int]:
        """Return what :meth:`forget` goes back to."""
        return self._head, len(self.headers)

    def forget(self, mark: tuple[bytes, int]) -> None:
        """Go back to what was on the disk."""
        self._head, blocks = mark
        for seq in [seq for seq in self.headers if seq > blocks]:
            self.replaced.difference_update(self.headers.pop(seq).replaced)
        self._keys.clear()

    def catch_up(self) -> None:
        """Read the headers that came since, follow the chain, and compare it with the root."""
        count, head, mac = _ROOT.unpack(_exactly(self._backend.meta("root"), _ROOT.size))
        if not hmac.compare_digest(mac, _root_mac(self._chain, self._store, count, head)):
            raise StoreDamaged("SEC-004")
        for seq, raw, salt, commitment in self._backend.headers(len(self.headers)):
            header = Header.decode(raw)
            expected = (self._store, len(self.headers) + 1, self._head)
            if (header.store, header.seq, header.previous) != expected or seq != header.seq:
                raise StoreDamaged("SEC-004")
            self._head = chain(self._head, raw, salt, commitment)
            self.headers[seq] = header
            self.replaced.update(header.replaced)
        if len(self.headers) != count or self._head != head:
            raise StoreDamaged("SEC-004")

    def append(self, row: SubjectRow, pending: Pending, first: int) -> None:
        """Seal a block and store it behind the last one."""
        seq, replaced = pending.seq, tuple(pending.replaced)
        header = Header(self._store, row.handle, seq, first, self._head, len(pending.documents), replaced)
        raw = header.encode()
        sealed = seal(self._data_key(row), pack(pending.positions, pending.documents), raw)
        self._backend.add_block(Block(seq, raw, sealed.salt, sealed.commitment, sealed.ciphertext))
        self._head = chain(self._head, raw, sealed.salt, sealed.commitment)
        self.headers[seq] = header
        self.replaced.update(replaced)

    def seal_root(self) -> None:
        """Store that the chain ends here."""
        self._backend.set_meta("root", _root(self._chain, self._store, len(self.headers), self._head))

    def open_block(self, header: Header) -> list[tuple[int, Record]]:
        """Return positions and records of a block."""
        block = self._backend.block(header.seq)
        if block is None or Header.decode(block.header) != header:
            raise StoreDamaged("SEC-004")
        sealed = Sealed(block.salt, block.commitment, block.ciphertext)
        plaintext = open_sealed(self._key_of(header.handle), sealed, block.header)
        positions, text = unpack(plaintext, header.count)
        try:
            records = records_from_json(text)
        except InvalidRecord:
            raise StoreDamaged("SEC-005", hint="written by another version of the canonical model") from None
        if len(records) != header.count:
            raise StoreDamaged("SEC-004")
        return list(zip(positions, records, strict=True))

    def has(self, entry: Entry, *, latest: bool) -> bool:
        """Tell whether an entry of the index names a place that there is, of a latest version or an older one."""
        header = self.headers.get(entry.seq)
        if header is None or not 0 <= entry.ordinal < header.count:
            return False
        return ((entry.seq, entry.ordinal) in self.replaced) is not latest

    def subject_row(self, blind: bytes) -> SubjectRow:
        """Return a subject's handle and key, made where there are none."""
        row = self._backend.subject(blind)
        if row is None:
            handle, key = os.urandom(16), SecretKey.generate()
            row = SubjectRow(handle, blind, wrap_key(self._kek, key, self._bound(handle, blind)))
            self._backend.add_subject(row)
        return row

    def check_subjects(self) -> None:
        """Find a subject that was dropped, added or renamed: each has a block, and its key is bound to its name."""
        rows = list(self._backend.subjects())
        handles = {header.handle for header in self.headers.values()}
        if len(rows) != len(handles) or any(row.handle not in handles for row in rows):
            raise StoreDamaged("SEC-004")
        for row in rows:
            self._data_key(row)

    def _bound(self, handle: bytes, blind: bytes) -> bytes:
        return b"subject" + _VERSION + self._store + handle + blind

    def _data_key(self, row: SubjectRow) -> SecretKey:
        key = self._keys.get(row.handle + row.blind)
        if key is None:
            key = unwrap_key(self._kek, row.wrapped, self._bound(row.handle, row.blind))
            if len(self._keys) >= 10_000:
                self._keys.clear()
            self._keys[row.handle + row.blind] = self._keys[row.handle] = key
        return key

    def _key_of(self, handle: bytes) -> SecretKey:
        if handle not in self._keys:
            row = self._backend.subject_of(handle)
            if row is None:
                raise StoreDamaged("SEC-004")
            return self._data_key(row)
        return self._keys[handle]


def first_meta(keys: KeyProvider) -> dict[str, bytes]:
    """Return the named values of a new vault."""
    parameters = keys.parameters()
    kek, store, store_key = keys.key(parameters), os.urandom(16), SecretKey.generate()
    return {
        "format": str(FORMAT).encode(),
        "keys": json.dumps(parameters, sort_keys=True).encode(),
        "store": store,
        "store-key": wrap_key(kek, store_key, b"store" + _VERSION + store),
        "root": _root(store_key.derive(b"chain"), store, 0, _GENESIS),
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


def _root(key: SecretKey, store: bytes, count: int, head: bytes) -> bytes:
    return _ROOT.pack(count, head, _root_mac(key, store, count, head))


def _root_mac(key: SecretKey, store: bytes, count: int, head: bytes) -> bytes:
    return key.mac(b"root" + store + count.to_bytes(8, "big") + head)


def _exactly(value: bytes | None, size: int) -> bytes:
    if value is None or len(value) != size:
        raise StoreDamaged("SEC-004")
    return value
