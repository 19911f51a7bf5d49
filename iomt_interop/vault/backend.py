"""Where blocks are kept: a protocol, and its embedded implementation on SQLite.

A backend sees ciphertext, keyed digests, random handles and counts; it has no key and decides nothing.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from ..errors import InvalidRequest, StoreDamaged, VaultLocked

__all__ = ["Backend", "Block", "SqliteBackend", "SubjectRow"]

_APPLICATION_ID: Final = 0x494F4D54  # "IOMT"
_REFUSED: Final = frozenset(
    {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM}
)
_SCHEMA: Final = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE subjects (handle BLOB PRIMARY KEY, blind BLOB NOT NULL UNIQUE, wrapped BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE blocks (seq INTEGER PRIMARY KEY, header BLOB NOT NULL, salt BLOB NOT NULL, commitment BLOB NOT NULL,
                     ciphertext BLOB NOT NULL);
CREATE TABLE records (blind BLOB PRIMARY KEY, content BLOB NOT NULL, seq INTEGER NOT NULL, ordinal INTEGER NOT NULL)
                     WITHOUT ROWID;
CREATE TABLE identifiers (blind BLOB NOT NULL, record BLOB NOT NULL, PRIMARY KEY (blind, record)) WITHOUT ROWID;
"""
_STATEMENTS: Final = tuple(sorted(statement.strip() for statement in _SCHEMA.split(";") if statement.strip()))


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
        """Return the authenticated digest of the content, block and position of a record's latest version."""
        ...

    def set_record(self, blind: bytes, content: bytes, seq: int, ordinal: int) -> None:
        """Remember the latest version of a record."""
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

    def size(self) -> int:
        """Return the octets that the store takes."""
        ...

    def close(self) -> None:
        """Let go of the store."""
        ...


@contextmanager
def _storage() -> Iterator[None]:
    """Turn what SQLite raises, which may quote what it read, into errors of ours."""
    try:
        yield
    except sqlite3.OperationalError as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise VaultLocked("SEC-003") from None
        raise StoreDamaged("SEC-006" if code in _REFUSED else "SEC-004") from None
    except sqlite3.ProgrammingError:
        raise InvalidRequest("USE-002", path="vault", hint="it is closed") from None
    except (sqlite3.Error, OverflowError, UnicodeDecodeError):
        raise StoreDamaged("SEC-004") from None


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False


def _publish(draft: Path, final: Path) -> None:
    """Give a finished file its name, which must be free, and make the name durable."""
    os.link(draft, final)
    folder = os.open(final.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


class SqliteBackend:
    """One SQLite file in WAL mode, synced at every commit.

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
        self._path = Path(path)
        if not _is_file(self._path):
            raise InvalidRequest("USE-002", path="vault", hint="there is no vault here")
        with _storage():
            self._connection = sqlite3.connect(self._path, timeout=timeout, isolation_level=None)
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
        draft = final.with_name(f".{final.name}.{os.getpid()}.new")
        try:
            if final.exists():
                raise InvalidRequest("USE-002", path="vault", hint="something stands at this path already")
            os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except OSError:
            raise InvalidRequest("USE-002", path="vault", hint="the folder is not writable") from None
        try:
            with _storage():
                connection = sqlite3.connect(draft)
                connection.executescript(
                    f"PRAGMA journal_mode=DELETE; PRAGMA application_id={_APPLICATION_ID};{_SCHEMA}"
                )
                connection.executemany("INSERT INTO meta VALUES (?, ?)", meta.items())
                connection.commit()
                connection.close()
            _publish(draft, final)
        except FileExistsError:
            raise InvalidRequest("USE-002", path="vault", hint="something stands at this path already") from None
        except OSError:
            raise InvalidRequest("USE-002", path="vault", hint="the file system does not take it") from None
        finally:
            with suppress(OSError):
                os.unlink(draft)
        return cls(final, readonly=False, timeout=timeout)

    def _configure(self, readonly: bool) -> None:
        with _storage():
            run = self._connection.execute
            run("PRAGMA temp_store=MEMORY")
            if run("PRAGMA application_id").fetchone() != (_APPLICATION_ID,):
                raise StoreDamaged("SEC-004", hint="this file is not a vault")
            # A view in a table's place could compute without end, a trigger could change what is written.
            run("PRAGMA trusted_schema=OFF")
            schema = run("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY sql").fetchmany(99)
            if tuple(sql for (sql,) in schema) != _STATEMENTS:
                raise StoreDamaged("SEC-004", hint="the tables are not those of a vault")
            if readonly:
                run("PRAGMA query_only=ON")
                return
            run("PRAGMA journal_mode=WAL")
            run("PRAGMA synchronous=FULL")
            run("PRAGMA secure_delete=ON")

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Open one durable transaction."""
        with _storage():
            self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            with _storage():
                self._connection.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
            raise

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Open one consistent view."""
        with _storage():
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

    def add_subject(self, row: SubjectRow) -> None:
        """Store a subject's key."""
        self._run("INSERT INTO subjects VALUES (?, ?, ?)", (row.handle, row.blind, row.wrapped))

    def subjects(self) -> Iterator[SubjectRow]:
        """Yield all subjects."""
        for row in self._rows("SELECT handle, blind, wrapped FROM subjects", (), (bytes, bytes, bytes)):
            yield SubjectRow(*row)  # type: ignore[arg-type]  # _rows checks the types

    def subject(self, blind: bytes) -> SubjectRow | None:
        """Return the subject with a keyed digest."""
        return self._subject("SELECT handle, blind, wrapped FROM subjects WHERE blind = ?", blind)

    def subject_of(self, handle: bytes) -> SubjectRow | None:
        """Return the subject with a handle."""
        return self._subject("SELECT handle, blind, wrapped FROM subjects WHERE handle = ?", handle)

    def _subject(self, query: str, key: bytes) -> SubjectRow | None:
        rows = self._rows(query, (key,), (bytes, bytes, bytes))
        return next((SubjectRow(*row) for row in rows), None)  # type: ignore[arg-type]  # _rows checks the types

    def add_block(self, block: Block) -> None:
        """Store a block."""
        values = (block.seq, block.header, block.salt, block.commitment, block.ciphertext)
        self._run("INSERT INTO blocks VALUES (?, ?, ?, ?, ?)", values)

    def headers(self, after: int) -> Iterator[tuple[int, bytes, bytes, bytes]]:
        """Yield number, header, salt and commitment of the blocks after a number, in order."""
        query = "SELECT seq, header, salt, commitment FROM blocks WHERE seq > ? ORDER BY seq"
        yield from self._rows(query, (after,), (int, bytes, bytes, bytes))  # type: ignore[misc]  # as above

    def block(self, seq: int) -> Block | None:
        """Return a block."""
        query = "SELECT seq, header, salt, commitment, ciphertext FROM blocks WHERE seq = ?"
        rows = self._rows(query, (seq,), (int, bytes, bytes, bytes, bytes))
        return next((Block(*row) for row in rows), None)  # type: ignore[arg-type]  # as above

    def record(self, blind: bytes) -> tuple[bytes, int, int] | None:
        """Return digest of the content, block and position of the latest version of a record."""
        query = "SELECT content, seq, ordinal FROM records WHERE blind = ?"
        return next(self._rows(query, (blind,), (bytes, int, int)), None)  # type: ignore[return-value]  # as above

    def set_record(self, blind: bytes, content: bytes, seq: int, ordinal: int) -> None:
        """Remember the latest version of a record."""
        self._run("INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?)", (blind, content, seq, ordinal))

    def records(self) -> Iterator[tuple[bytes, bytes, int, int]]:
        """Yield the whole index of records."""
        query = "SELECT blind, content, seq, ordinal FROM records"
        yield from self._rows(query, (), (bytes, bytes, int, int))  # type: ignore[misc]  # as above

    def add_identifier(self, blind: bytes, record: bytes) -> None:
        """Index a subject's record by the keyed digest of an identifier."""
        self._run("INSERT OR IGNORE INTO identifiers VALUES (?, ?)", (blind, record))

    def identified(self, blind: bytes) -> list[bytes]:
        """Return the keyed digests of the records with an identifier."""
        rows = self._rows("SELECT record FROM identifiers WHERE blind = ?", (blind,), (bytes,))
        return [row[0] for row in rows]  # type: ignore[misc]  # as above

    def identifiers(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield the whole index of identifiers."""
        yield from self._rows("SELECT blind, record FROM identifiers", (), (bytes, bytes))  # type: ignore[misc]

    def size(self) -> int:
        """Return the octets that the store takes."""
        found = (self._path, *(self._path.with_name(self._path.name + end) for end in ("-wal", "-shm")))
        return sum(path.stat().st_size for path in found if path.exists())

    def close(self) -> None:
        """Let go of the store."""
        with suppress(sqlite3.Error):
            self._connection.close()

    def _run(self, statement: str, values: Sequence[object]) -> None:
        with _storage():
            self._connection.execute(statement, values)

    def _rows(self, query: str, values: Sequence[object], types: tuple[type, ...]) -> Iterator[tuple[object, ...]]:
        """Yield rows whose cells have the types that were written; a damaged file may give others."""
        with _storage():
            cursor = self._connection.execute(query, values)
        while True:
            with _storage():
                row = cursor.fetchone()
            if row is None:
                return
            if not all(type(cell) is kind for cell, kind in zip(row, types, strict=True)):
                raise StoreDamaged("SEC-004")
            yield row
