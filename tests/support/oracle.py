"""The independent FHIR validator, where there is one."""

from __future__ import annotations

import json
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
    if done.returncode == 0 or _is_unable(done.stdout):
        return ""
    return done.stdout + done.stderr


def _is_unable(text: str) -> bool:
    """Tell whether nothing is rejected but by rules that the oracle could not try: it resolves no reference (ctm-1)."""
    rejected = [line.split(" ", 2)[2] for line in text.splitlines() if line.startswith("REJECT")]
    findings = [finding for line in rejected for finding in json.loads(line)]
    return bool(findings) and all(one[0] == "fp-error" and '"resolve" is not allowed' in one[3] for one in findings)
