"""The vault: canonical records in sealed blocks, a key per person, a chain over everything.

What is in clear: a random id of the store, random handles of subjects, keyed digests, numbers of blocks, sizes and
counts. Record ids and subject ids are not: they are digests of identifiers and could be guessed.

What it detects: any changed, moved, swapped, dropped or replayed block or key, when it is opened or read; a
dropped entry of the index, when it is verified. What it does not: the whole file
replaced by an older copy of itself, which is consistent; keep a checkpoint elsewhere if that matters.
"""

from __future__ import annotations

import hmac
import json
import os
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from struct import Struct
from types import TracebackType
from typing import Final, Literal, Self

from ..crypto import KeyProvider, Sealed, SecretKey, open_sealed, seal, unwrap_key, wrap_key
from ..errors import InvalidRecord, StoreDamaged
from ..model import Record, Subject, records_from_json
from .backend import Backend, Block, SqliteBackend, SubjectRow
from .blocks import FORMAT, KEY_VERSION, Header, chain, pack, unpack
from .documents import Entry, Pending, by_subject, document_of, owner_of

__all__ = ["PutResult", "Vault"]

_GENESIS: Final = bytes(32)
_ROOT: Final = Struct(">Q32s32s")
_VERSION: Final = KEY_VERSION.to_bytes(4, "big")
_DIGEST: Final = 16
_PLACE: Final = Struct(">QI")


@dataclass(frozen=True, slots=True)
class PutResult:
    """What became of the records of one :meth:`Vault.put`."""

    stored: int
    """New records."""
    replaced: int
    """New versions of known records."""
    unchanged: int
    """Records that were there already, equal."""


class Vault:
    r"""An encrypted store of canonical records; use :meth:`create` or :meth:`open`.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> import iomt_interop as iomt
    >>> from iomt_interop.vault import KeyFile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> key = KeyFile.create(folder / "ward.key")
    >>> with iomt.Vault.create(folder / "ward.vault", keys=key) as vault:
    ...     vault.put(iomt.read(b"MSH|^~\\&|MON||||20261124||ORU^R01|1|P|2.6\rPID|||X1\r")).replaced
    0
    >>> with iomt.Vault.open(folder / "ward.vault", keys=key) as vault:
    ...     sorted({record.kind for record in vault.records()})
    ['message', 'subject']
    """

    def __init__(self, backend: Backend, keys: KeyProvider) -> None:
        self._backend = backend
        parameters = _parameters(backend)
        self._kek = keys.key(parameters)
        self._store = _exactly(backend.meta("store"), 16)
        wrapped = backend.meta("store-key") or b""
        store_key = unwrap_key(self._kek, wrapped, b"store" + _VERSION + self._store)
        self._index = store_key.derive(b"index")
        self._chain = store_key.derive(b"chain")
        self._keys: dict[bytes, SecretKey] = {}
        self._head = _GENESIS
        self._headers: dict[int, Header] = {}
        self._replaced: set[tuple[int, int]] = set()
        with backend.reading():
            self._catch_up()

    def __repr__(self) -> str:
        # A traceback may show a vault that could not be opened.
        return f"Vault({len(getattr(self, '_headers', ()))} blocks)"

    @classmethod
    def create(cls, path: str | os.PathLike[str], *, keys: KeyProvider) -> Self:
        """Make a vault.

        Raises
        ------
        InvalidRequest
            ``USE-002`` when something stands at the path, or it cannot be written to.
        KeyUnavailable
            ``SEC-002`` when there is no key.
        """
        parameters = keys.parameters()
        kek, store, store_key = keys.key(parameters), os.urandom(16), SecretKey.generate()
        meta = {
            "format": str(FORMAT).encode(),
            "keys": json.dumps(parameters, sort_keys=True).encode(),
            "store": store,
            "store-key": wrap_key(kek, store_key, b"store" + _VERSION + store),
            "root": _root(store_key.derive(b"chain"), store, 0, _GENESIS),
        }
        return cls(SqliteBackend.create(path, meta), keys)

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, keys: KeyProvider, mode: Literal["read", "write"] = "read") -> Self:
        """Open a vault and check its chain.

        Raises
        ------
        InvalidRequest
            ``USE-002`` when there is no vault at the path.
        DecryptionFailed
            ``SEC-001`` for a wrong key.
        SecurityError
            When the store is not what was written.
        """
        backend = SqliteBackend(path, readonly=mode == "read")
        try:
            return cls(backend, keys)
        except BaseException:
            backend.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the store and forget the keys."""
        for key in (*self._keys.values(), self._kek, self._index, self._chain):
            key.wipe()
        self._keys.clear()
        self._backend.close()

    def put(self, records: Iterable[Record]) -> PutResult:
        """Store records in one durable transaction.

        When the call returns, they are on the disk; when it raises, none of them is. A record that is there
        already, equal, is not stored again; another content under the same id and subject becomes the new version.

        Raises
        ------
        VaultLocked
            ``SEC-003`` when another process keeps writing.
        InvalidRecord
            ``MDL-005`` when a record holds what JSON cannot give back (half a surrogate pair, an integer of more
            than 4,300 digits) or is longer than 128 MiB.
        """
        waiting = list(records)
        counts = {"stored": 0, "replaced": 0, "unchanged": 0}
        head, blocks = self._head, len(self._headers)
        try:
            with self._backend.writing():
                self._catch_up()
                first = len(self._headers) + 1
                for subject, group in by_subject(waiting).items():
                    self._put_group(subject, group, first, counts)
                self._backend.set_meta("root", _root(self._chain, self._store, len(self._headers), self._head))
        except BaseException:
            self._forget(head, blocks)
            raise
        return PutResult(**counts)

    def records(self, subject: str | None = None, kinds: Collection[str] | None = None) -> Iterator[Record]:
        """Yield the latest version of every record, in the order of storing.

        What is put after the first record was asked for does not show, not even as a gap.

        Parameters
        ----------
        subject : str, optional
            Id of a subject; only its records.
        kinds : collection of str, optional
            Only records of these kinds.

        Raises
        ------
        SecurityError
            When a block is not what was written; what was yielded before is whole and right.
        """
        with self._backend.reading():
            self._catch_up()
            row = None if subject is None else self._backend.subject(self._blind(b"subject", subject))
            if subject is not None and row is None:
                # Nobody, unless somebody took the row away.
                self._check_subjects()
                return
            headers, replaced = list(self._headers.values()), self._replaced.copy()
        for _, blocks in groupby(headers, key=lambda header: header.first):
            whole: list[tuple[int, Record]] = []
            for header in blocks:
                if row is None or header.handle == row.handle:
                    whole += self._live(header, kinds, replaced)
            for _, record in sorted(whole, key=lambda pair: pair[0]):
                yield record

    def subjects(self) -> Iterator[str]:
        """Yield the ids of all subjects."""
        for record in self.records(kinds={"subject"}):
            yield record.id

    def find(self, value: str, system: str | None = None) -> list[str]:
        """Return the ids of the subjects that have an identifier, by a keyed digest of it.

        Parameters
        ----------
        value : str
            The identifier, exactly.
        system : str, optional
            URI or assigning authority; any when it is not given.
        """
        found = []
        with self._backend.reading():
            self._catch_up()
            blind = self._blind(b"identifier", "" if system is None else system, value)
            for name in self._backend.identified(blind):
                known = self._known(name)
                if known is None:
                    raise _index_damaged()
                record = self._open_block(self._headers[known.seq])[known.ordinal][1]
                if isinstance(record, Subject) and _has(record, value, system):
                    found.append((known.seq, known.ordinal, record.id))
        return [subject for _, _, subject in sorted(found)]

    def info(self) -> dict[str, int | str]:
        """Return counts and sizes; nothing of a person."""
        count = sum(header.count for header in self._headers.values()) - len(self._replaced)
        return {
            "format": FORMAT,
            "records": count,
            "versions": count + len(self._replaced),
            "blocks": len(self._headers),
            "subjects": sum(1 for _ in self._backend.subjects()),
            "bytes": self._backend.size(),
            "key": _parameters(self._backend)["kind"],
        }

    def verify(self) -> None:
        """Decrypt every block and check the index against them.

        Raises
        ------
        SecurityError
            At the first thing that is not as it was written.
        """
        live = 0
        identifiers: set[tuple[bytes, bytes]] = set()
        with self._backend.reading():
            self._catch_up()
            self._check_subjects()
            for header in self._headers.values():
                for ordinal, (_, record) in enumerate(self._open_block(header)):
                    if isinstance(record, Subject):
                        identifiers.update(self._identifier_entries(record))
                    if (header.seq, ordinal) in self._replaced:
                        continue
                    live += 1
                    content = self._blind(b"content", document_of(record))
                    blind = self._blind(b"record", owner_of(record), record.id)
                    if self._known(blind) != Entry(content, header.seq, ordinal):
                        raise _index_damaged()
            if live != sum(1 for _ in self._backend.records()) or identifiers != set(self._backend.identifiers()):
                raise _index_damaged()

    def _forget(self, head: bytes, blocks: int) -> None:
        """Go back to what is on the disk."""
        self._head = head
        for seq in [seq for seq in self._headers if seq > blocks]:
            self._replaced.difference_update(self._headers.pop(seq).replaced)
        self._keys.clear()

    def _put_group(self, subject: str, group: list[tuple[int, Record]], first: int, counts: dict[str, int]) -> None:
        pending = Pending(len(self._headers) + 1)
        for position, record in group:
            document = document_of(record)
            # The same device is described in many persons' messages; each person's description is that person's.
            blind, content = self._blind(b"record", subject, record.id), self._blind(b"content", document)
            if pending.full(len(document)):
                self._write_block(subject, pending, first)
                pending = Pending(len(self._headers) + 1)
            known = pending.entries.get(blind) or self._known(blind)
            if known is not None and known.content == content:
                counts["unchanged"] += 1
                continue
            counts["stored" if known is None else "replaced"] += 1
            pending.add(position, document, blind, content, known)
            if isinstance(record, Subject):
                for identifier, name in self._identifier_entries(record):
                    self._backend.add_identifier(identifier, name)
        self._write_block(subject, pending, first)

    def _write_block(self, subject: str, pending: Pending, first: int) -> None:
        if not pending.documents:
            return
        row, seq = self._subject_row(subject), pending.seq
        replaced = tuple(pending.replaced)
        header = Header(self._store, row.handle, seq, first, self._head, len(pending.documents), replaced)
        raw = header.encode()
        sealed = seal(self._data_key(row), pack(pending.positions, pending.documents), raw)
        self._backend.add_block(Block(seq, raw, sealed.salt, sealed.commitment, sealed.ciphertext))
        for blind, entry in pending.entries.items():
            self._backend.set_record(blind, entry.content + self._tag(blind, entry), seq, entry.ordinal)
        self._head = chain(self._head, raw, sealed.salt, sealed.commitment)
        self._headers[seq] = header
        self._replaced.update(replaced)

    def _known(self, blind: bytes) -> Entry | None:
        """Look a record up in the index.

        The entry is authenticated with its place: by another's place, the next version would hide another record.
        """
        row = self._backend.record(blind)
        if row is None:
            return None
        entry = Entry(row[0][:_DIGEST], row[1], row[2])
        header = self._headers.get(entry.seq)
        if header is None or not 0 <= entry.ordinal < header.count or (entry.seq, entry.ordinal) in self._replaced:
            raise _index_damaged()
        if not hmac.compare_digest(row[0][_DIGEST:], self._tag(blind, entry)):
            raise _index_damaged()
        return entry

    def _tag(self, blind: bytes, entry: Entry) -> bytes:
        place = blind + entry.content + _PLACE.pack(entry.seq, entry.ordinal)
        return self._index.mac(b"place" + place)[:_DIGEST]

    def _live(
        self, header: Header, kinds: Collection[str] | None, replaced: Collection[tuple[int, int]]
    ) -> Iterator[tuple[int, Record]]:
        """Yield position and record of a block's latest versions."""
        for ordinal, (position, record) in enumerate(self._open_block(header)):
            if (kinds is None or record.kind in kinds) and (header.seq, ordinal) not in replaced:
                yield position, record

    def _open_block(self, header: Header) -> list[tuple[int, Record]]:
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

    def _catch_up(self) -> None:
        """Read the headers that came since, follow the chain, and compare it with the root."""
        count, head, mac = _ROOT.unpack(_exactly(self._backend.meta("root"), _ROOT.size))
        if not hmac.compare_digest(mac, _root_mac(self._chain, self._store, count, head)):
            raise StoreDamaged("SEC-004")
        for seq, raw, salt, commitment in self._backend.headers(len(self._headers)):
            header = Header.decode(raw)
            expected = (self._store, len(self._headers) + 1, self._head)
            if (header.store, header.seq, header.previous) != expected or seq != header.seq:
                raise StoreDamaged("SEC-004")
            self._head = chain(self._head, raw, salt, commitment)
            self._headers[seq] = header
            self._replaced.update(header.replaced)
        if len(self._headers) != count or self._head != head:
            raise StoreDamaged("SEC-004")

    def _subject_row(self, subject: str) -> SubjectRow:
        blind = self._blind(b"subject", subject)
        row = self._backend.subject(blind)
        if row is None:
            handle, key = os.urandom(16), SecretKey.generate()
            row = SubjectRow(
                handle, blind, wrap_key(self._kek, key, b"subject" + _VERSION + self._store + handle + blind)
            )
            self._backend.add_subject(row)
        return row

    def _data_key(self, row: SubjectRow) -> SecretKey:
        key = self._keys.get(row.handle + row.blind)
        if key is None:
            key = unwrap_key(self._kek, row.wrapped, b"subject" + _VERSION + self._store + row.handle + row.blind)
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

    def _check_subjects(self) -> None:
        """Find a subject that was dropped, added or renamed: each has a block, and its key is bound to its name."""
        rows = list(self._backend.subjects())
        handles = {header.handle for header in self._headers.values()}
        if len(rows) != len(handles) or any(row.handle not in handles for row in rows):
            raise StoreDamaged("SEC-004")
        for row in rows:
            self._data_key(row)

    def _identifier_entries(self, subject: Subject) -> Iterator[tuple[bytes, bytes]]:
        """Yield what the index holds of a subject: keyed digests of an identifier and of the record's id."""
        name = self._blind(b"record", owner_of(subject), subject.id)
        for identifier in subject.identifiers:
            if identifier.value:
                for system in {"", identifier.system or "", identifier.authority or ""}:
                    yield self._blind(b"identifier", system, identifier.value), name

    def _blind(self, purpose: bytes, *parts: str | bytes) -> bytes:
        """Return a keyed digest, cut to 128 bits; equal inputs of one store give equal digests, and no others."""
        raw = [part if isinstance(part, bytes) else part.encode("utf-8", "surrogatepass") for part in parts]
        return self._index.mac(purpose + b"".join(b"%d:" % len(part) + part for part in raw))[:_DIGEST]


def _index_damaged() -> StoreDamaged:
    return StoreDamaged("SEC-004", hint="the index does not fit the blocks")


def _has(subject: Subject, value: str, system: str | None) -> bool:
    return any(i.value == value and system in (None, i.system, i.authority) for i in subject.identifiers)


def _root(key: SecretKey, store: bytes, count: int, head: bytes) -> bytes:
    return _ROOT.pack(count, head, _root_mac(key, store, count, head))


def _root_mac(key: SecretKey, store: bytes, count: int, head: bytes) -> bytes:
    return key.mac(b"root" + store + count.to_bytes(8, "big") + head)


def _exactly(value: bytes | None, size: int) -> bytes:
    if value is None or len(value) != size:
        raise StoreDamaged("SEC-004")
    return value


def _parameters(backend: Backend) -> dict[str, str]:
    if backend.meta("format") != str(FORMAT).encode():
        raise StoreDamaged("SEC-005" if backend.meta("format") else "SEC-004")
    try:
        found = json.loads(backend.meta("keys") or b"")
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not all(isinstance(v, str) for v in found.values()) or "kind" not in found:
        raise StoreDamaged("SEC-004")
    return found
