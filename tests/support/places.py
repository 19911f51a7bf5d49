"""Where the vaults of tests are, files and schemas of PostgreSQL, and how they are changed behind the vault's back."""

from __future__ import annotations

import itertools
import re
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

from support.postgres import Server

from iomt_interop.vault import Backend, SqliteBackend

__all__ = ["Files", "Place", "Places", "Schemas"]

Place = str | Path
"""What a vault is made at and opened by."""

_DIALECT = {
    r"randomblob\(16\)": "uuid_send(gen_random_uuid())",
    r"\bx'([0-9a-f]*)'": r"'\\x\1'::bytea",
    r"CAST\(('\w+') AS BLOB\)": r"convert_to(\1, 'UTF8')",
}
"""What SQLite writes otherwise than PostgreSQL."""


class Places(Protocol):
    """Somewhere to keep vaults."""

    kind: Any
    """The class of the backend."""

    def new(self, name: str) -> Place:
        """Return a place where nothing is."""

    def backend(self, place: Place, *, readonly: bool = True, timeout: float = 5.0) -> Backend:
        """Open what keeps a vault."""

    def run(self, place: Place, script: str) -> None:
        """Change what is stored, in SQLite's dialect."""

    def rows(self, place: Place, query: str) -> list[tuple[object, ...]]:
        """Return what is stored."""

    def add(self, place: Place, table: str, rows: Iterable[tuple[object, ...]]) -> None:
        """Add rows; of a key that is there the one that is there stays."""

    def octets(self, place: Place) -> bytes:
        """Return what is on the disk of a vault."""


class Files:
    """Files of SQLite in a folder."""

    kind: Any = SqliteBackend

    def __init__(self, folder: Path) -> None:
        self._folder, self._count = folder, itertools.count()

    def new(self, name: str) -> Path:
        return self._folder / f"{name}-{next(self._count)}.vault"

    def backend(self, place: Place, *, readonly: bool = True, timeout: float = 5.0) -> Backend:
        return SqliteBackend(place, readonly=readonly, timeout=timeout)

    def run(self, place: Place, script: str) -> None:
        connection = sqlite3.connect(place)
        connection.executescript(script)
        connection.commit()
        connection.close()

    def rows(self, place: Place, query: str) -> list[tuple[object, ...]]:
        connection = sqlite3.connect(place)
        rows = connection.execute(query).fetchall()
        connection.close()
        return rows

    def add(self, place: Place, table: str, rows: Iterable[tuple[object, ...]]) -> None:
        connection = sqlite3.connect(place)
        for row in rows:
            connection.execute(f"INSERT OR IGNORE INTO {table} VALUES ({', '.join('?' * len(row))})", row)
        connection.commit()
        connection.close()

    def octets(self, place: Place) -> bytes:
        return Path(place).read_bytes()


class Schemas:
    """Schemas of a PostgreSQL server."""

    def __init__(self, server: Server) -> None:
        from iomt_interop.vault.postgres import PostgresBackend

        self._server, self._count = server, itertools.count()
        self.kind: Any = PostgresBackend

    def new(self, name: str) -> str:
        return self._server.url(f"{re.sub('[^a-z]', '_', name.lower())}_{next(self._count)}_{id(self)}")

    def backend(self, place: Place, *, readonly: bool = True, timeout: float = 5.0) -> Backend:
        return self.kind(place, readonly=readonly, timeout=timeout)  # type: ignore[no-any-return]

    def run(self, place: Place, script: str) -> None:
        for pattern, other in _DIALECT.items():
            script = re.sub(pattern, other, script)
        with self._server.connect(schema_of(place)) as connection:
            for statement in script.split(";"):
                connection.execute(statement)  # type: ignore[arg-type]

    def rows(self, place: Place, query: str) -> list[tuple[object, ...]]:
        with self._server.connect(schema_of(place)) as connection:
            return connection.execute(query).fetchall()  # type: ignore[arg-type]

    def add(self, place: Place, table: str, rows: Iterable[tuple[object, ...]]) -> None:
        with self._server.connect(schema_of(place)) as connection:
            for row in rows:
                marks = ", ".join(["%s"] * len(row))
                connection.execute(f"INSERT INTO {table} VALUES ({marks}) ON CONFLICT DO NOTHING", row)  # type: ignore

    def octets(self, place: Place) -> bytes:
        """Return the files of the schema's tables, their indexes and what stands out of line."""
        query = (
            "SELECT pg_relation_filepath(c.oid) FROM pg_class c WHERE c.relnamespace = %s::regnamespace "
            "OR c.oid IN (SELECT reltoastrelid FROM pg_class WHERE relnamespace = %s::regnamespace)"
        )
        schema = schema_of(place)
        with self._server.connect(schema) as connection:
            connection.execute("CHECKPOINT")
            paths = [path for (path,) in connection.execute(query, (schema, schema)) if path]
        return b"".join((self._server.folder / path).read_bytes() for path in paths)


def schema_of(place: Place) -> str:
    """Return the schema that a URL names."""
    return str(place).rpartition("schema=")[2]
