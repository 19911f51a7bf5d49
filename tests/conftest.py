"""Fixtures that every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent

# Health checks of speed and size say how Hypothesis fares, not whether the code is right.
SUPPRESSED = [HealthCheck.too_slow, HealthCheck.large_base_example]

settings.register_profile("dev", deadline=None, max_examples=100, suppress_health_check=SUPPRESSED)
settings.register_profile("ci", deadline=None, max_examples=120, suppress_health_check=SUPPRESSED, derandomize=True)
settings.register_profile("twins", deadline=None, max_examples=40, suppress_health_check=SUPPRESSED, derandomize=True)
settings.load_profile(os.environ.get("IOMT_TEST_PROFILE") or ("ci" if os.environ.get("CI") else "dev"))


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the project's root folder."""
    return ROOT


@pytest.fixture(scope="session")
def corpus() -> Path:
    """Return the corpus folder (``IOMT_CORPUS``, else ``../shared/data``), or skip and say why."""
    folder = Path(os.environ.get("IOMT_CORPUS") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip("no corpus: set IOMT_CORPUS to a folder of device captures")
    return folder
