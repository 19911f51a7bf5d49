"""Every vault of these tests is kept in a file and in PostgreSQL."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.places import Files, Places, Schemas
from support.postgres import server

from iomt_interop.vault import KeyFile


@pytest.fixture(scope="module", params=["files", "schemas"])
def places(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Places:
    """Return somewhere to keep vaults."""
    return Files(tmp_path_factory.mktemp("vaults")) if request.param == "files" else Schemas(server())


@pytest.fixture
def key(tmp_path: Path) -> KeyFile:
    """Return a new key file."""
    return KeyFile.create(tmp_path / "test.key")
