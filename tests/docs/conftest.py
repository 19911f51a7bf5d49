"""The documentation's own modules, importable."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

EXT = Path(__file__).resolve().parents[2] / "docs" / "_ext"


@pytest.fixture(autouse=True, scope="module")
def extension() -> Iterator[None]:
    """Put the Sphinx extension's folder on the path; its pages need no Sphinx."""
    sys.path.insert(0, str(EXT))
    yield
    sys.path.remove(str(EXT))
