"""The backend for many writers on many machines: one schema of a PostgreSQL database.

A vault's URL is one of libpq, ``postgresql://user@host/database?sslmode=verify-full``, with one parameter more:
``schema`` (``iomt_vault``) names the schema, so that a database can hold several vaults.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from typing import Any, Final, TypeVar

from sqlalchemy import Executable, Table, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.schema import CreateSchema, CreateTable

from ..errors import InvalidRequest, IomtError, StoreDamaged, VaultLocked
from . import postgres_sql as sql
from .backend import Backend, Block, IndexRow, SubjectRow
from .postgres_link import Address, Link
from .postgres_tables import (
    BLOCKS,
    ERASURES,
    HOLDS,
    IDENTIFIERS,
    META,
    RECORDS,
    SHAPE,
    SHAPE_OF_SCHEMA,
    SUBJECTS,
    TABLES,
)
from .transfer import copy_to_file, pour

__all__ = ["PostgresBackend"]

T = TypeVar("T")

_FRESH: Final = 1.0
"""Seconds for which blocks that were fetched ahead are good."""
_PAUSE: Final = 0.05
"""Seconds between two looks at what others have open."""


class PostgresBackend:
    """One schema of a PostgreSQL database, by one connection of its own.

    Parameters
    ----------
    url : str
        Address of the database; ``schema`` among its parameters names the schema.
    readonly : bool
        Whether nothing will be written; then the right to read the tables is enough.
    timeout : float
        Seconds to wait for another writer.
    """

    def __init__(self, url: str, *, readonly: bool = True, timeout: float = 5.0) -> None:
        self._connect(url, readonly=readonly, timeout=timeout)
        try:
            self._check_shape()
        except BaseException:
            self._link.close()
            raise

    def _connect(self, url: str, *, readonly: bool, timeout: float) -> None:
        address = Address.parse(url)
        self._schema, self._readonly, self._timeout = {"schema": address.schema}, readonly, timeout
        self._link = Link(address, readonly=readonly, timeout=timeout)
        self._ahead = _Ahead(self._link)
        self._named: dict[str, bytes] | None = None

    def __repr__(self) -> str:
        return "PostgresBackend()"

    @classmethod
    def exists(cls, url: str, *, timeout: float = 5.0) -> bool:
        """Tell whether there is anything in the schema."""
        address = Address.parse(url)
        link = Link(address, readonly=True, timeout=timeout)
        try:
            return any(row[0] for row in link.rows(sql.RELATIONS, {"schema": address.schema}))
        finally:
            link.close()

    @classmethod
    def create(
        cls, url: str, meta: Mapping[str, bytes], *, source: Backend | None = None, timeout: float = 5.0
    ) -> PostgresBackend:
        """Make a store in a schema that is not there or has nothing; all of it appears at once, or nothing.

        Parameters
        ----------
        url : str
            Address of the database and the schema.
        meta : mapping of str to bytes
            The first named values.
        source : Backend, optional
            A store of which this one becomes a copy.
        timeout : float
            Seconds to wait for another writer.
        """
        made = cls.__new__(cls)
        made._connect(url, readonly=False, timeout=timeout)
        try:
            with made._link.transaction("BEGIN ISOLATION LEVEL READ COMMITTED", changing=True):
                made._make_tables()
                for name, value in meta.items():
                    made.set_meta(name, value)
                if source is not None:
                    pour(source, made)
            made._check_shape()
        except BaseException:
            made.close()
            raise
        return made

    def _make_tables(self) -> None:
        link, schema = self._link, self._schema["schema"]
        _check_safe(link.rows(sql.BEGIN_CREATING))
        found = link.rows(sql.RELATIONS, self._schema)
        if any(row[0] for row in found):
            raise InvalidRequest("USE-002", path="vault", hint="something stands in this schema already")
        if not found:
            link.run(CreateSchema(schema))
        for table in TABLES.sorted_tables:
            link.run(CreateTable(table))
        # What is encrypted does not get smaller.
        link.run(text(f'ALTER TABLE "{schema}".blocks ALTER ciphertext SET STORAGE EXTERNAL'))

    def _check_shape(self) -> None:
        # A view in a table's place could compute without end, a trigger or a policy could change or hide rows.
        if not self._link.rows(sql.RELATIONS, self._schema):
            raise InvalidRequest("USE-002", path="vault", hint="there is no vault here")
        found = self._link.rows(SHAPE_OF_SCHEMA, self._schema)
        if found == SHAPE:
            return
        if not any(row in SHAPE for row in found if row[0] == META.name):
            raise StoreDamaged("SEC-007")
        raise StoreDamaged("SEC-004", hint="the tables are not those of a vault")

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Open one durable transaction; one process writes to a vault at a time."""
        if self._readonly:
            raise InvalidRequest("USE-002", path="vault", hint="opened for reading; open with mode='write'")
        if self._link.inside:
            raise InvalidRequest("USE-002", path="vault", hint="another operation is under way")
        # Each statement sees what is committed: what others wrote while this waited for the lock is seen too.
        with self._apart(), self._link.transaction("BEGIN ISOLATION LEVEL READ COMMITTED", changing=True):
            _check_safe(self._link.rows(sql.BEGIN_WRITING, self._schema))
            yield

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Open one consistent view; inside another one, or while writing, that one goes on."""
        if self._link.inside:
            yield
            return
        with self._apart(), self._link.transaction("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"):
            yield

    @contextmanager
    def _apart(self) -> Iterator[None]:
        """Keep what a transaction sees apart from what is seen before it and after it."""
        self._ahead.forget()
        try:
            yield
        finally:
            self._ahead.forget()
            self._named = None

    def meta(self, name: str) -> bytes | None:
        """Return a named value; inside a transaction all of the few are fetched together."""
        if not self._link.inside:
            return _cell(self._link.rows(sql.NAMED, {"name": name}))
        if self._named is None:
            self._named = dict(self._link.rows(sql.METAS))
        return self._named.get(name)

    def set_meta(self, name: str, value: bytes) -> None:
        """Store a named value."""
        self._change(sql.PUT_META, {"name": name, "value": value})
        if self._named is not None:
            self._named[name] = value

    def metas(self) -> Iterator[tuple[str, bytes]]:
        """Yield all named values."""
        return iter(self._link.rows(sql.METAS))

    def add_subject(self, row: SubjectRow) -> None:
        """Store a key of a subject."""
        values = {"handle": row.handle, "blind": row.blind, "wrapped": row.wrapped, "generation": row.generation}
        self._change(insert(SUBJECTS), values)

    def subjects(self) -> Iterator[SubjectRow]:
        """Yield all keys of all subjects, in the order of their handles."""
        return (SubjectRow(*row) for row in self._all(SUBJECTS))

    def subject(self, blind: bytes) -> list[SubjectRow]:
        """Return the keys of the subject with a keyed digest, the newest generation last."""
        return [SubjectRow(*row) for row in self._link.rows(sql.KEYS_OF_SUBJECT, {"blind": blind})]

    def subject_of(self, handle: bytes) -> SubjectRow | None:
        """Return the key with a handle."""
        return next((SubjectRow(*row) for row in self._link.rows(sql.KEY_OF_HANDLE, {"handle": handle})), None)

    def rewrap(self, anew: Callable[[bytes, bytes, bytes, int], bytes]) -> int:
        """Replace every wrapped key by what a function makes of its row; return how many."""
        count = 0
        for page in _paged(self.subjects()):
            self._change(sql.REWRAP, _columns([(row.handle, anew(*row)) for row in page], "handle", "wrapped"))
            count += len(page)
        return count

    def erase(self, blind: bytes, handles: Collection[bytes], blocks: Collection[int]) -> None:
        """Take away a subject's keys, and what the index holds of the records in its blocks."""
        for statement in sql.ERASE:
            self._change(statement, {"blocks": list(blocks)})
        self._change(sql.ERASE_KEYS, {"handles": list(handles)})
        self._change(sql.LIFT, {"of": blind})

    def add_erasure(self, number: int, handle: bytes) -> None:
        """Remember that a handle's key is gone for good."""
        self._change(insert(ERASURES), {"number": number, "handle": handle})

    def erasures(self, after: int) -> Iterator[tuple[int, bytes]]:
        """Yield number and handle of the erasures after a number, in order."""
        return self._all(ERASURES, after)

    def clear_blocks(self, blocks: Collection[int]) -> int:
        """Take the ciphertexts away, the headers stay; return the octets."""
        values = {"blocks": list(blocks)}
        size = int(self._link.rows(sql.LENGTH, values)[0][0])
        self._change(sql.CLEAR, values)
        return size

    def shrink(self) -> None:
        """Write the tables anew without what was taken away, and give the room back to the file system.

        Raises
        ------
        VaultLocked
            ``SEC-003`` while somebody in the database has a view from before, or works on the tables.
        StoreDamaged
            ``SEC-006`` when the role does not own the tables.
        """
        if self._readonly:
            raise InvalidRequest("USE-002", path="vault", hint="opened for reading; open with mode='write'")
        self._wait_for_views()
        before = dict(self._link.rows(sql.FILES, self._schema))
        self._link.rows(sql.HOLD_LOCK, self._schema)
        try:
            names = ", ".join(f'"{self._schema["schema"]}".{name}' for name in sorted(TABLES.tables))
            self._link.run(text(f"VACUUM (FULL) {names}"))
        finally:
            with suppress(IomtError):
                self._link.rows(sql.RELEASE_LOCK, self._schema)
        # Who may not is only warned, and nothing was done.
        if any(before.get(name) == file for name, file in self._link.rows(sql.FILES, self._schema)):
            raise StoreDamaged("SEC-006", hint="only the owner of the tables can write them anew")

    def _wait_for_views(self) -> None:
        """Wait until the transactions of before are gone: what they may still see would be written again."""
        end = time.monotonic() + self._timeout
        waiting = {row[0] for row in self._link.rows(sql.OPEN)}
        while waiting := waiting & {row[0] for row in self._link.rows(sql.OPEN)}:
            if time.monotonic() > end:
                raise VaultLocked("SEC-003", hint="a transaction of before is open in the database: compact again")
            time.sleep(_PAUSE)

    def set_hold(self, blind: bytes, sealed: bytes | None) -> None:
        """Store the sealed reason of a legal hold, or lift the hold."""
        if sealed is None:
            self._change(sql.LIFT, {"of": blind})
        else:
            self._change(sql.PUT_HOLD, {"blind": blind, "sealed": sealed})

    def hold(self, blind: bytes) -> bytes | None:
        """Return the sealed reason of a legal hold."""
        return _cell(self._link.rows(sql.HOLD, {"blind": blind}))

    def holds(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield all legal holds."""
        return self._all(HOLDS)

    def backup(self, path: str | os.PathLike[str]) -> None:
        """Write a consistent copy as a file of SQLite; it appears under its name only when it is whole."""
        copy_to_file(self, path)

    def add_blocks(self, blocks: Sequence[Block]) -> None:
        """Store blocks."""
        for page in _by_size(blocks):
            self._change(sql.ADD_BLOCKS, _columns(page, *BLOCKS.columns.keys()))

    def headers(self, after: int) -> Iterator[tuple[int, bytes, bytes, bytes]]:
        """Yield number, header, salt and commitment of the blocks after a number, in order."""
        return self._all(BLOCKS, after)

    def block(self, seq: int) -> Block | None:
        """Return a block."""
        return self._ahead.block(seq)

    def find_records(self, names: Collection[bytes]) -> Mapping[bytes, IndexRow]:
        """Return the entries of the index that stand under some of many names, by name."""
        found: dict[bytes, IndexRow] = {}
        for page in _paged(names):
            found.update((row[0], row) for row in self._link.rows(sql.FIND_RECORDS, {"names": page}))
        return found

    def set_records(self, rows: Sequence[IndexRow]) -> None:
        """Store entries of the index; the last of several of one name stays, and replaces what was there."""
        for page in _paged({row[0]: row for row in rows}.values()):
            self._change(sql.PUT_RECORDS, _columns(page, "blind", "content", "seq", "ordinal"))

    def records(self) -> Iterator[IndexRow]:
        """Yield the whole index of records and of batches."""
        return self._all(RECORDS)

    def add_identifiers(self, pairs: Collection[tuple[bytes, bytes]]) -> None:
        """Index subjects' records by keyed digests of identifiers; a pair that is there already stays."""
        for page in _paged(dict.fromkeys(pairs)):
            self._change(sql.PUT_IDENTIFIERS, _columns(page, "blind", "record"))

    def identified(self, blind: bytes) -> list[bytes]:
        """Return the keyed digests of the records with an identifier."""
        return [row[0] for row in self._link.rows(sql.IDENTIFIED, {"blind": blind})]

    def identifiers(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield the whole index of identifiers."""
        return self._all(IDENTIFIERS)

    def sizes(self) -> tuple[int, int]:
        """Return the octets of the tables and their indexes; the server's log is not the vault's."""
        return int(self._link.rows(sql.SIZE, self._schema)[0][0] or 0), 0

    def close(self) -> None:
        """Let go of the connection; what was not committed is gone."""
        self._link.close()

    def _all(self, table: Table, *after: Any) -> Iterator[Any]:
        """Yield a table's rows in the order of its key, page by page; with ``after``, those behind that key."""
        first, following, size, width = sql.PAGES[table]
        while True:
            values = {f"after{number}": cell for number, cell in enumerate(after)}
            page = self._link.rows(following if after else first, values)
            yield from page
            if len(page) < size:
                return
            after = page[-1][:width]

    def _change(self, statement: Executable, values: object) -> None:
        self._check_writing()
        self._link.run(statement, values)

    def _check_writing(self) -> None:
        if not self._link.changing:
            raise InvalidRequest("USE-002", path="vault", hint="changes belong in a transaction")


class _Ahead:
    """Blocks that are read one after the other are fetched together, more of them the longer it goes on."""

    def __init__(self, link: Link) -> None:
        self._link, self._last, self._width, self._until = link, 0, 1, 0.0
        self._waiting: dict[int, Block] = {}

    def block(self, seq: int) -> Block | None:
        """Return a block; what waits here is let go of after a second, as others may have cleared it."""
        goes_on, self._last = seq == self._last + 1, seq
        if seq in self._waiting and time.monotonic() < self._until:
            return self._waiting.pop(seq)
        self._width = min(2 * self._width, sql.WIDEST) if goes_on else 1
        query = sql.BLOCKS_AHEAD if goes_on else sql.BLOCK
        values = {"seq": seq, "width": self._width} if goes_on else {"seq": seq}
        self._until = time.monotonic() + _FRESH
        self._waiting = {row[0]: Block(*row) for row in self._link.rows(query, values)}
        return self._waiting.pop(seq, None)

    def forget(self) -> None:
        """Let go of what waits."""
        self._waiting.clear()
        self._width = 1


def _paged(rows: Iterable[T]) -> Iterator[list[T]]:
    """Yield as many as are sent at a time."""
    source = iter(rows)
    while page := list(islice(source, sql.PAGE)):
        yield page


def _by_size(blocks: Iterable[Block]) -> Iterator[list[tuple[object, ...]]]:
    """Yield as many blocks as are sent at a time."""
    page, size = list[tuple[object, ...]](), 0
    for block in blocks:
        more = len(block.header) + len(block.ciphertext)
        if page and size + more > sql.OCTETS:
            yield page
            page, size = [], 0
        page.append((block.seq, block.header, block.salt, block.commitment, block.ciphertext))
        size += more
    if page:
        yield page


def _columns(rows: Sequence[tuple[object, ...]], *names: str) -> dict[str, list[object]]:
    """Return an array of cells for each column."""
    return dict(zip((f"all_{name}" for name in names), map(list, zip(*rows, strict=True)), strict=True))


def _cell(rows: Sequence[tuple[Any, ...]]) -> bytes | None:
    return next((row[0] for row in rows), None)


def _check_safe(rows: Sequence[tuple[Any, ...]]) -> None:
    if not rows:
        raise StoreDamaged("SEC-004", hint="the schema is gone")
    if not rows[0][1]:
        raise InvalidRequest("USE-002", path="vault", hint="the server does not sync what it commits (fsync)")
