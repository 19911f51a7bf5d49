"""The independent FHIR validator, where there is one."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

__all__ = ["validate"]


def validate(path: Path) -> str:
    """Validate a FHIR R4 file (JSON or NDJSON) with the oracle; return what it rejects, empty for nothing.

    ``IOMT_FHIR_ORACLE`` names the folder of ``fhir_oracle.mjs`` with its packages installed; without it, or
    without Node, the calling test skips and says so.
    """
    folder = os.environ.get("IOMT_FHIR_ORACLE")
    if not folder or not Path(folder, "fhir_oracle.mjs").is_file():
        pytest.skip("no FHIR oracle: set IOMT_FHIR_ORACLE to the folder of fhir_oracle.mjs")
    if shutil.which("node") is None:
        pytest.skip("no FHIR oracle: node is missing (Debian: nodejs)")
    done = subprocess.run(
        ["node", "fhir_oracle.mjs", "R4", str(path)], cwd=folder, capture_output=True, text=True, check=False
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr
