"""The connection to PostgreSQL: its address, its transactions, and its errors turned into ours."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final
from urllib.parse import unquote

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import Format, TransactionStatus
from psycopg.types.array import ListBinaryDumper
from sqlalchemy import BigInteger, Connection, Executable, LargeBinary, NullPool, Text, create_engine, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from ..errors import InvalidRequest, IomtError, StoreDamaged, StoreUnavailable, VaultLocked

_DEFAULT_SCHEMA: Final = "iomt_vault"
_SCHEMA: Final = re.compile(r"(?!pg_)[a-z_][a-z0-9_]{0,62}")
_LOCAL: Final = frozenset({"", "localhost", "127.0.0.1", "::1"})
_CONNECT_SECONDS: Final = "10"

_BUSY: Final = frozenset({"40001", "40P01", "55P03"})
"""Serialisation failure, deadlock, lock not available."""
_REFUSED: Final = frozenset({"25006", "42501"})
"""A read-only transaction (a standby), a missing privilege."""
_LOST: Final = ("08", "57P", "25P03", "25P04")
"""Connection exceptions, what an operator ends, time-outs that end the session."""
_CANCELLED: Final = "57014"

_CELLS: Final[dict[type, type]] = {LargeBinary: bytes, BigInteger: int, Text: str}

# Names are looked up in the system's own schema alone: nobody's function can stand in their place.
_SESSION: Final = text(
    "SELECT set_config('search_path', 'pg_catalog, pg_temp', false), set_config('lock_timeout', :timeout, false), "
    "set_config('default_transaction_read_only', :readonly, false)"
)


@dataclass(frozen=True, slots=True)
class Address:
    """What a URL says: parameters for the client library, and the schema."""

    parameters: Mapping[str, str] = field(repr=False)
    schema: str

    @classmethod
    def parse(cls, url: str) -> Address:
        """Read a URL; all but ``schema`` is as libpq reads it, with its environment, services and password file.

        A host elsewhere must prove who it is, unless the URL, the environment or a service says otherwise.

        Raises
        ------
        InvalidRequest
            ``USE-001`` when it is no address, or the schema's name is not plain.
        """
        _, _, rest = url.partition("://")
        head, mark, query = rest.partition("?")
        pairs = [pair.partition("=") for pair in query.split("&") if pair] if mark else []
        schema = [unquote(value) for name, _, value in pairs if name == "schema"] or [_DEFAULT_SCHEMA]
        if len(schema) > 1 or not _SCHEMA.fullmatch(schema[0]):
            hint = "schema: up to 63 of a-z, 0-9 and _, no digit and no pg_ first"
            raise InvalidRequest("USE-001", path="vault", hint=hint)
        others = "&".join(name + equals + value for name, equals, value in pairs if name != "schema")
        try:
            found = conninfo_to_dict(f"postgresql://{head}?{others}" if others else f"postgresql://{head}")
        except (psycopg.Error, UnicodeError):
            raise InvalidRequest("USE-001", path="vault", hint="not an address that PostgreSQL can read") from None
        return cls(_completed({name: str(value) for name, value in found.items() if value is not None}), schema[0])


def _completed(given: dict[str, str]) -> dict[str, str]:
    environ = os.environ
    named = "service" in given or "PGSERVICE" in environ
    hosts = given.get("hostaddr") or given.get("host") or environ.get("PGHOSTADDR") or environ.get("PGHOST", "")
    elsewhere = any(not host.startswith(("/", "@")) and host not in _LOCAL for host in hosts.split(","))
    if elsewhere and not named and "PGSSLMODE" not in environ:
        given.setdefault("sslmode", "verify-full")
    if not named and "PGCONNECT_TIMEOUT" not in environ:
        given.setdefault("connect_timeout", _CONNECT_SECONDS)
    return {"fallback_application_name": "iomt_interop", **given}


class _Cursor(psycopg.Cursor[Any]):
    """A cursor that is given octets as they are, not as text."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.format = Format.BINARY


def _connect(parameters: Mapping[str, str]) -> psycopg.Connection[Any]:
    connection: psycopg.Connection[Any] = psycopg.connect(**parameters, cursor_factory=_Cursor)  # type: ignore[arg-type]
    connection.adapters.register_dumper(list, ListBinaryDumper)
    return connection


@cache
def _kinds(query: Executable) -> tuple[type, ...] | None:
    """Return of which types the cells of a query are, where all of its columns are a table's own."""
    kinds = [_CELLS.get(type(column.type)) for column in getattr(query, "selected_columns", ())]
    return tuple(kind for kind in kinds if kind is not None) if kinds and None not in kinds else None


def state_of(error: BaseException) -> str:
    """Return the SQLSTATE of an error, or nothing."""
    return getattr(getattr(error, "orig", None), "sqlstate", None) or ""


class Link:
    """One connection, opened when it is needed, and again when it was lost between two operations.

    Parameters
    ----------
    address : Address
        Where the database is.
    readonly : bool
        Whether nothing will be written.
    timeout : float
        Seconds to wait for what others have locked.
    """

    def __init__(self, address: Address, *, readonly: bool, timeout: float) -> None:
        self._engine = create_engine(
            "postgresql+psycopg://",
            creator=lambda: _connect(address.parameters),
            poolclass=NullPool,
            hide_parameters=True,
            isolation_level="AUTOCOMMIT",  # transactions are begun by statements
            use_native_hstore=False,
        ).execution_options(schema_translate_map={None: address.schema})
        self._settings = {"timeout": f"{max(1, round(timeout * 1000))}ms", "readonly": "on" if readonly else "off"}
        self._connection: Connection | None = None
        self._owner, self._closed, self._lost = threading.get_ident(), False, False
        self.inside = self.changing = False

    def run(self, statement: Executable, values: Any = None) -> None:
        """Run a statement that gives no rows; with a sequence of values for each of them."""
        with self._errors():
            self._connected().execute(statement, values)

    def rows(self, query: Executable, values: Mapping[str, object] | None = None) -> list[tuple[Any, ...]]:
        """Return all rows of a query; outside a transaction it is repeated when the connection was lost meanwhile."""
        had = self._connection is not None
        try:
            return self._rows(query, values)
        except StoreUnavailable:
            if self.inside or not had or self._connection is not None:
                raise
        return self._rows(query, values)

    def _rows(self, query: Executable, values: Mapping[str, object] | None) -> list[tuple[Any, ...]]:
        with self._errors():
            found = [tuple(row) for row in self._connected().execute(query, values or {})]
        kinds = _kinds(query)
        # The shape was right when the vault was opened; whoever may change the tables may do so any time.
        if kinds is not None and any(tuple(map(type, row)) != kinds for row in found):
            raise StoreDamaged("SEC-004")
        return found

    @contextmanager
    def transaction(self, begin: str, *, changing: bool = False) -> Iterator[None]:
        """Run a transaction; it is rolled back when something is raised inside, or nothing was to be changed.

        Raises
        ------
        StoreUnavailable
            ``SEC-012`` when the connection was lost; the hint says when it is not known whether the change was made.
        """
        self._begin(begin)
        self.inside, self.changing = True, changing
        try:
            yield
            if changing:
                self._commit()
        finally:
            self._rollback()
            self.inside = self.changing = self._lost = False

    def _begin(self, statement: str) -> None:
        if self._connection is not None and self._status() is not TransactionStatus.IDLE:
            # An interrupt came between two statements.
            self.drop()
        had = self._connection is not None
        try:
            self._execute(statement)
        except StoreUnavailable:
            if not had:
                raise
            # It was lost since the last operation: nothing of this one was done yet.
            self._execute(statement)

    def _commit(self) -> None:
        self._connected()
        if self._status() is not TransactionStatus.INTRANS:
            # A failed transaction would answer COMMIT with a rollback, without an error.
            raise StoreDamaged("SEC-006", hint="the transaction failed")
        try:
            self._execute("COMMIT")
        except BaseException as error:
            self.drop()
            if isinstance(error, StoreUnavailable):
                hint = "it is not known whether the change was made: do it again"
                raise StoreUnavailable("SEC-012", hint=hint) from None
            raise

    def _rollback(self) -> None:
        if self._connection is None or self._status() is TransactionStatus.IDLE:
            return
        try:
            self._execute("ROLLBACK")
        except BaseException:  # noqa: BLE001 - whatever it was, the server rolls back what loses its connection
            self.drop()

    def _status(self) -> TransactionStatus:
        if self._connection is None or self._connection.invalidated:
            return TransactionStatus.UNKNOWN
        driver = self._connection.connection.driver_connection
        return TransactionStatus.UNKNOWN if driver is None else TransactionStatus(driver.info.transaction_status)

    def _execute(self, statement: str) -> None:
        with self._errors():
            self._connected().exec_driver_sql(statement)

    def _connected(self) -> Connection:
        if self._closed:
            raise InvalidRequest("USE-002", path="vault", hint="it is closed")
        if threading.get_ident() != self._owner:
            raise InvalidRequest("USE-002", path="vault", hint="it was opened in another thread")
        if self._connection is not None and self._connection.invalidated:
            # What interrupts a statement ends the connection: nobody knows what the server is about to answer.
            self.drop()
        if self._lost:
            raise StoreUnavailable("SEC-012")
        if self._connection is None:
            self._connection = self._engine.connect()
            try:
                self._connection.execute(_SESSION, self._settings)
            except BaseException:
                self.drop()
                raise
        return self._connection

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Turn what the driver raises, which may quote what it was given, into errors of ours."""
        try:
            yield
        except DBAPIError as error:
            found = self._of(error)
        except (psycopg.Error, SQLAlchemyError):
            found = StoreDamaged("SEC-004")
        else:
            return
        raise found from None

    def _of(self, error: DBAPIError) -> IomtError:
        state = state_of(error)
        if error.connection_invalidated or state.startswith(_LOST) or self._connection is None:
            connected = self._connection is not None
            self.drop()
            hint = "no connection: server, role, password or TLS; psql with this address says more"
            return StoreUnavailable("SEC-012", hint="the connection was lost" if connected else hint)
        if state == _CANCELLED:
            return StoreUnavailable("SEC-012", hint="the server ended the statement")
        if state in _BUSY:
            return VaultLocked("SEC-003")
        if state in _REFUSED and not self.changing:
            return InvalidRequest("USE-002", path="vault", hint="the role may not read it")
        if state in _REFUSED or state.startswith("53"):
            return StoreDamaged("SEC-006")
        return StoreDamaged("SEC-004")

    def drop(self) -> None:
        """Let go of the connection; inside a transaction there is no other one."""
        connection, self._connection = self._connection, None
        self._lost = self.inside
        if connection is not None:
            with suppress(SQLAlchemyError, psycopg.Error):
                connection.invalidate()
            with suppress(SQLAlchemyError, psycopg.Error):
                connection.close()

    def close(self) -> None:
        """Let go of everything."""
        self._closed = True
        self.drop()
