"""The embedded backend: one file of SQLite."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Final

from ..errors import InvalidRequest, StoreDamaged, VaultLocked
from .backend import Block, IndexRow, SubjectRow
from .files import is_file, length, log_of, publish, uri_of

__all__ = ["SqliteBackend"]

_APPLICATION_ID: Final = 0x494F4D54  # "IOMT"
_REFUSED: Final = frozenset(
    {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM}
)
_SCHEMA: Final = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE subjects (handle BLOB NOT NULL UNIQUE, blind BLOB NOT NULL, wrapped BLOB NOT NULL,
                       generation INTEGER NOT NULL, UNIQUE (blind, generation));
CREATE TABLE erasures (number INTEGER PRIMARY KEY, handle BLOB NOT NULL UNIQUE);
CREATE TABLE holds (blind BLOB PRIMARY KEY, sealed BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE blocks (seq INTEGER PRIMARY KEY, header BLOB NOT NULL, salt BLOB NOT NULL, commitment BLOB NOT NULL,
                     ciphertext BLOB NOT NULL);
CREATE TABLE records (blind BLOB PRIMARY KEY, content BLOB NOT NULL, seq INTEGER NOT NULL, ordinal INTEGER NOT NULL)
                     WITHOUT ROWID;
CREATE TABLE identifiers (blind BLOB NOT NULL, record BLOB NOT NULL, PRIMARY KEY (blind, record)) WITHOUT ROWID;
"""
_PAGE_OF_SUBJECTS: Final = (
    "SELECT handle, blind, wrapped, generation, rowid FROM subjects WHERE rowid > ? ORDER BY rowid LIMIT 5000"
)
_SUBJECT: Final = (bytes, bytes, bytes, int)
_PUT_SUBJECT: Final = "INSERT INTO subjects VALUES (?, ?, ?, ?)"
_REWRAP: Final = "UPDATE subjects SET wrapped = iomt_anew(handle, blind, wrapped, generation)"
_KEYS_OF_SUBJECT: Final = "SELECT handle, blind, wrapped, generation FROM subjects WHERE blind = ? ORDER BY generation"
_KEY_OF_HANDLE: Final = "SELECT handle, blind, wrapped, generation FROM subjects WHERE handle = ?"
_IN_BLOCKS: Final = "seq IN (SELECT value FROM json_each(?))"
_ERASE: Final = (
    f"DELETE FROM identifiers WHERE record IN (SELECT blind FROM records WHERE {_IN_BLOCKS})",  # noqa: S608
    f"DELETE FROM records WHERE {_IN_BLOCKS}",  # noqa: S608 - a constant of this module
)
_FETCHED: Final = 256
"""Rows that are fetched at a time."""
_NAME: Final = 16
"""Octets of a name in the index."""
_FIND: Final = f"""
WITH RECURSIVE places(at) AS (VALUES (1) UNION ALL SELECT at + {_NAME} FROM places WHERE at + {_NAME} < ?2)
SELECT blind, content, seq, ordinal FROM places CROSS JOIN records ON blind = substr(?1, at, {_NAME})
"""  # noqa: S608 - constants of this module
"""Names come as one value, one behind the other: binding each takes longer than finding it."""
_STATEMENTS: Final = tuple(sorted(statement.strip() for statement in _SCHEMA.split(";") if statement.strip()))


class _Storage:
    """Turns what SQLite raises, which may quote what it read, into errors of ours."""

    __slots__ = ()

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, sqlite3.OperationalError):
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise VaultLocked("SEC-003") from None
            raise StoreDamaged("SEC-006" if code in _REFUSED else "SEC-004") from None
        if isinstance(error, sqlite3.ProgrammingError):
            raise InvalidRequest("USE-002", path="vault", hint="it is closed") from None
        if isinstance(error, sqlite3.Error | OverflowError | UnicodeDecodeError):
            raise StoreDamaged("SEC-004") from None


_STORAGE: Final = _Storage()
"""One for all, and no generator: it stands around every statement."""


@contextmanager
def _drafted(final: Path) -> Iterator[Path]:
    """Give a file to write under another name, and publish it under its own when that went well."""
    draft = final.with_name(f".{final.name}.{os.getpid()}.new")
    try:
        if final.exists():
            raise InvalidRequest("USE-002", path="vault", hint="something stands at this path already")
        os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except OSError:
        raise InvalidRequest("USE-002", path="vault", hint="the folder is not writable") from None
    try:
        yield draft
        publish(draft, final)
    except FileExistsError:
        raise InvalidRequest("USE-002", path="vault", hint="something stands at this path already") from None
    except OSError:
        raise InvalidRequest("USE-002", path="vault", hint="the file system does not take it") from None
    finally:
        with suppress(OSError):
            os.unlink(draft)


class SqliteBackend:
    """One SQLite file, synced at every commit; with a write-ahead log while somebody writes.

    Parameters
    ----------
    path : path
        The file.
    readonly : bool
        Whether nothing will be written.
    timeout : float
        Seconds to wait for another writer.
    """

    def __init__(self, path: str | os.PathLike[str], *, readonly: bool = True, timeout: float = 5.0) -> None:
        if not is_file(Path(path)):
            raise InvalidRequest("USE-002", path="vault", hint="there is no vault here")
        # SQLite keeps its other files beside the file itself, not beside a link to it.
        self._path, self._readonly, self._wal = Path(path).resolve(), readonly, False
        uri = uri_of(self._path, readonly)
        with _STORAGE:
            self._connection = sqlite3.connect(uri, uri=True, timeout=timeout, isolation_level=None)
        try:
            self._configure(readonly)
        except BaseException:
            self._connection.close()
            raise

    def __repr__(self) -> str:
        return "SqliteBackend()"

    @classmethod
    def create(cls, path: str | os.PathLike[str], meta: dict[str, bytes], *, timeout: float = 5.0) -> SqliteBackend:
        """Make a store; it appears under its name only when it is whole."""
        final = Path(path)
        with _drafted(final) as draft, _STORAGE:
            connection = sqlite3.connect(draft)
            connection.executescript(f"PRAGMA journal_mode=DELETE; PRAGMA application_id={_APPLICATION_ID};{_SCHEMA}")
            connection.executemany("INSERT INTO meta VALUES (?, ?)", meta.items())
            connection.commit()
            connection.close()
        return cls(final, readonly=False, timeout=timeout)

    def _configure(self, readonly: bool) -> None:
        self._check_application()
        with _STORAGE:
            run = self._connection.execute
            run("PRAGMA temp_store=MEMORY")
            # A view in a table's place could compute without end, a trigger could change what is written.
            run("PRAGMA trusted_schema=OFF")
            schema = run("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY sql").fetchmany(99)
            if tuple(sql for (sql,) in schema) != _STATEMENTS:
                raise StoreDamaged("SEC-004", hint="the tables are not those of a vault")
            if readonly:
                run("PRAGMA query_only=ON")
                return
            run("PRAGMA synchronous=FULL")
            run("PRAGMA cache_size=-16384")
            run("PRAGMA secure_delete=ON")

    def _check_application(self) -> None:
        with _STORAGE:
            try:
                found = self._connection.execute("PRAGMA application_id").fetchone()
            except sqlite3.DatabaseError as error:
                if getattr(error, "sqlite_errorcode", 0) & 0xFF != sqlite3.SQLITE_NOTADB:
                    raise
                found = None
        if found != (_APPLICATION_ID,):
            raise StoreDamaged("SEC-007")

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Open one durable transaction."""
        if self._readonly:
            raise InvalidRequest("USE-002", path="vault", hint="opened for reading; open with mode='write'")
        with _STORAGE:
            if not self._wal:
                # Not before something is written: a file that is only looked at stays as it is.
                self._connection.execute("PRAGMA journal_mode=WAL").fetchone()
                self._wal = True
            self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            with _STORAGE:
                self._connection.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
            raise

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Open one consistent view."""
        with _STORAGE:
            self._connection.execute("BEGIN")
        try:
            yield
        finally:
            with suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")

    def meta(self, name: str) -> bytes | None:
        """Return a named value."""
        rows = self._rows("SELECT value FROM meta WHERE name = ?", (name,), (bytes,))
        return next((row[0] for row in rows), None)  # type: ignore[return-value]  # _rows checks the type

    def set_meta(self, name: str, value: bytes) -> None:
        """Store a named value."""
        self._run("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))

    def metas(self) -> Iterator[tuple[str, bytes]]:
        """Yield all named values."""
        yield from self._rows("SELECT name, value FROM meta ORDER BY name", (), (str, bytes))  # type: ignore[misc]

    def add_subject(self, row: SubjectRow) -> None:
        """Store a key of a subject."""
        self._run(_PUT_SUBJECT, row)

    def subjects(self) -> Iterator[SubjectRow]:
        """Yield all keys of all subjects."""
        # Page by page: a cursor over rows that are changed meanwhile may come to them again.
        after = -(1 << 63)
        while True:
            with _STORAGE:
                page = self._connection.execute(_PAGE_OF_SUBJECTS, (after,)).fetchall()
            if not page:
                return
            if any((type(a), type(b), type(c), type(d)) != _SUBJECT for a, b, c, d, _ in page):
                raise StoreDamaged("SEC-004")
            yield from [SubjectRow(*row[:-1]) for row in page]
            after = page[-1][-1]

    def subject(self, blind: bytes) -> list[SubjectRow]:
        """Return the keys of the subject with a keyed digest, the newest generation last."""
        return list(self._subjects(_KEYS_OF_SUBJECT, blind))

    def subject_of(self, handle: bytes) -> SubjectRow | None:
        """Return the key with a handle."""
        return next(self._subjects(_KEY_OF_HANDLE, handle), None)

    def _subjects(self, query: str, *values: bytes) -> Iterator[SubjectRow]:
        for row in self._rows(query, values, _SUBJECT):
            yield SubjectRow(*row)  # type: ignore[arg-type]  # _rows checks the types

    def rewrap(self, anew: Callable[[bytes, bytes, bytes, int], bytes]) -> int:
        """Replace every wrapped key by what a function makes of its row; return how many."""
        failed: list[BaseException] = []

        def made(handle: object, blind: object, wrapped: object, generation: object) -> bytes:
            # SQLite tells of an exception that there was one.
            try:
                if (type(handle), type(blind), type(wrapped), type(generation)) != _SUBJECT:
                    raise StoreDamaged("SEC-004")
                return anew(handle, blind, wrapped, generation)  # type: ignore[arg-type]  # checked just now
            except BaseException as error:
                failed.append(error)
                raise

        try:
            with _STORAGE:
                # One statement: rows are read, changed and written in one pass, none of them becomes an object.
                self._connection.create_function("iomt_anew", 4, made)
                done = self._connection.execute(_REWRAP)
                self._connection.create_function("iomt_anew", 4, None)
        except StoreDamaged:
            if failed:
                raise failed[0] from None
            raise
        return done.rowcount

    def erase(self, blind: bytes, handles: Collection[bytes], blocks: Collection[int]) -> None:
        """Take away a subject's keys, and what the index holds of the records in its blocks."""
        with _STORAGE:
            for statement in _ERASE:
                self._connection.execute(statement, (json.dumps(list(blocks)),))
            gone = [(handle,) for handle in handles]
            self._connection.executemany("DELETE FROM subjects WHERE handle = ?", gone)
            self._connection.execute("DELETE FROM holds WHERE blind = ?", (blind,))

    def add_erasure(self, number: int, handle: bytes) -> None:
        """Remember that a handle's key is gone for good."""
        self._run("INSERT INTO erasures VALUES (?, ?)", (number, handle))

    def erasures(self, after: int) -> Iterator[tuple[int, bytes]]:
        """Yield number and handle of the erasures after a number, in order."""
        query = "SELECT number, handle FROM erasures WHERE number > ? ORDER BY number"
        yield from self._rows(query, (after,), (int, bytes))  # type: ignore[misc]  # as above

    def clear_blocks(self, blocks: Collection[int]) -> int:
        """Take the ciphertexts away, the headers stay; return the octets."""
        size = 0
        for seq in blocks:
            rows = self._rows("SELECT length(ciphertext) FROM blocks WHERE seq = ?", (seq,), (int,))
            size += sum(row[0] for row in rows)  # type: ignore[misc]  # as above
            self._run("UPDATE blocks SET ciphertext = x'' WHERE seq = ?", (seq,))
        return size

    def shrink(self) -> None:
        """Give the room of what was taken away back to the file system."""
        self._run("VACUUM", ())
        with _STORAGE:
            # The log still holds the pages as they were.
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()

    def set_hold(self, blind: bytes, sealed: bytes | None) -> None:
        """Store the sealed reason of a legal hold, or lift the hold."""
        if sealed is None:
            self._run("DELETE FROM holds WHERE blind = ?", (blind,))
        else:
            self._run("INSERT OR REPLACE INTO holds VALUES (?, ?)", (blind, sealed))

    def hold(self, blind: bytes) -> bytes | None:
        """Return the sealed reason of a legal hold."""
        rows = self._rows("SELECT sealed FROM holds WHERE blind = ?", (blind,), (bytes,))
        return next((row[0] for row in rows), None)  # type: ignore[return-value]  # as above

    def holds(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield all legal holds."""
        yield from self._rows("SELECT blind, sealed FROM holds ORDER BY blind", (), (bytes, bytes))  # type: ignore[misc]

    def backup(self, path: str | os.PathLike[str]) -> None:
        """Write a consistent copy; it appears under its name only when it is whole."""
        final = Path(path)
        with _drafted(final) as draft:
            with _STORAGE:
                copy = sqlite3.connect(draft)
                try:
                    self._connection.backup(copy, pages=4096)
                    copy.execute("PRAGMA journal_mode=DELETE").fetchone()
                finally:
                    copy.close()
            with draft.open("rb") as stream:
                os.fsync(stream.fileno())

    def add_blocks(self, blocks: Sequence[Block]) -> None:
        """Store blocks."""
        rows = [(block.seq, block.header, block.salt, block.commitment, block.ciphertext) for block in blocks]
        self._run_many("INSERT INTO blocks VALUES (?, ?, ?, ?, ?)", rows)

    def headers(self, after: int) -> Iterator[tuple[int, bytes, bytes, bytes]]:
        """Yield number, header, salt and commitment of the blocks after a number, in order."""
        query = "SELECT seq, header, salt, commitment FROM blocks WHERE seq > ? ORDER BY seq"
        yield from self._rows(query, (after,), (int, bytes, bytes, bytes))  # type: ignore[misc]  # as above

    def block(self, seq: int) -> Block | None:
        """Return a block."""
        query = "SELECT seq, header, salt, commitment, ciphertext FROM blocks WHERE seq = ?"
        rows = self._rows(query, (seq,), (int, bytes, bytes, bytes, bytes))
        return next((Block(*row) for row in rows), None)  # type: ignore[arg-type]  # as above

    def find_records(self, names: Collection[bytes]) -> Mapping[bytes, IndexRow]:
        """Return the entries of the index that stand under some of many names, by name."""
        wanted = b"".join(names)
        rows = self._rows(_FIND, (wanted, len(wanted)), (bytes, bytes, int, int))
        return {row[0]: row for row in rows}  # type: ignore[misc]  # _rows checks the types

    def set_records(self, rows: Sequence[IndexRow]) -> None:
        """Store entries of the index; the last of several of one name stays, and replaces what was there."""
        self._run_many("INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?)", rows)

    def records(self) -> Iterator[IndexRow]:
        """Yield the whole index of records and of batches."""
        query = "SELECT blind, content, seq, ordinal FROM records"
        yield from self._rows(query, (), (bytes, bytes, int, int))  # type: ignore[misc]  # as above

    def add_identifiers(self, pairs: Collection[tuple[bytes, bytes]]) -> None:
        """Index subjects' records by keyed digests of identifiers; a pair that is there already stays."""
        self._run_many("INSERT OR IGNORE INTO identifiers VALUES (?, ?)", pairs)

    def identified(self, blind: bytes) -> list[bytes]:
        """Return the keyed digests of the records with an identifier."""
        rows = self._rows("SELECT record FROM identifiers WHERE blind = ?", (blind,), (bytes,))
        return [row[0] for row in rows]  # type: ignore[misc]  # as above

    def identifiers(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield the whole index of identifiers."""
        yield from self._rows("SELECT blind, record FROM identifiers", (), (bytes, bytes))  # type: ignore[misc]

    def sizes(self) -> tuple[int, int]:
        """Return the octets of the file, and of its write-ahead log."""
        try:
            return self._path.stat().st_size, length(log_of(self._path))
        except OSError:
            raise StoreDamaged("SEC-004", hint="the file is gone") from None

    def close(self) -> None:
        """Let go of the store; the last one leaves one file, which can be read where nothing can be written."""
        with suppress(sqlite3.Error):
            if self._wal:
                # Refused while others have it open: then the last writer does it.
                self._connection.execute("PRAGMA busy_timeout=0")
                self._connection.execute("PRAGMA journal_mode=DELETE").fetchone()
        with suppress(sqlite3.Error):
            self._connection.close()

    def _run(self, statement: str, values: Sequence[object]) -> None:
        with _STORAGE:
            self._connection.execute(statement, values)

    def _run_many(self, statement: str, rows: Iterable[Sequence[object]]) -> None:
        with _STORAGE:
            self._connection.executemany(statement, rows)

    def _rows(self, query: str, values: Sequence[object], types: tuple[type, ...]) -> Iterator[tuple[object, ...]]:
        """Yield rows whose cells have the types that were written; a damaged file may give others."""
        with _STORAGE:
            cursor = self._connection.execute(query, values)
            page = cursor.fetchmany(_FETCHED)
        try:
            while page:
                for row in page:
                    if tuple(map(type, row)) != types:
                        raise StoreDamaged("SEC-004")
                    yield row
                if len(page) < _FETCHED:
                    return
                with _STORAGE:
                    page = cursor.fetchmany(_FETCHED)
        finally:
            cursor.close()
