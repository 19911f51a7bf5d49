"""Every vault of these tests is kept in a file and in PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.places import Files, Places, Schemas
from support.postgres import Server, server
from support.records import every_kind

from iomt_interop.vault import KeyFile, Vault


@pytest.fixture(scope="module", params=["files", "schemas"])
def places(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Places:
    """Return somewhere to keep vaults."""
    return Files(tmp_path_factory.mktemp("vaults")) if request.param == "files" else Schemas(server())


@pytest.fixture
def key(tmp_path: Path) -> KeyFile:
    """Return a new key file."""
    return KeyFile.create(tmp_path / "test.key")


@pytest.fixture(scope="module")
def running() -> Server:
    """Return a server."""
    return server()


@pytest.fixture(scope="module")
def schemas(running: Server) -> Schemas:
    """Return somewhere to keep vaults."""
    return Schemas(running)


@pytest.fixture
def watcher(running: Server) -> Iterator[Any]:
    """Return the administrator's connection."""
    with running.connect() as connection:
        yield connection


@pytest.fixture
def in_postgres(schemas: Schemas, key: KeyFile) -> str:
    """Return a closed vault with every kind of record."""
    url = schemas.new("test")
    with Vault.create(url, keys=key) as vault:
        vault.put(every_kind())
    return url
