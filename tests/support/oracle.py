"""The independent FHIR validator, where there is one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

__all__ = ["validate"]

_MEMBER = "http://example.org/member"
_UNABLE = ["fp-error", "ctm-1", "CareTeam.participant[0]"]


def validate(path: Path) -> str:
    """Validate a FHIR R4 file (JSON or NDJSON) with the oracle; return what it rejects, empty for nothing.

    ``IOMT_FHIR_ORACLE`` names the folder of ``fhir_oracle.mjs`` with its packages installed; without it, or
    without Node, the calling test skips and says so.

    The oracle resolves no reference, so that it cannot try the rule ctm-1 of any participant of a CareTeam, and of a
    resource it shows its first findings alone. So participants are tried apart, each in a CareTeam of its own, of
    which that one finding is no finding; whatever else is found there, or in the rest of the CareTeam, counts.
    """
    folder = os.environ.get("IOMT_FHIR_ORACLE")
    if not folder or not Path(folder, "fhir_oracle.mjs").is_file():
        pytest.skip("no FHIR oracle: set IOMT_FHIR_ORACLE to the folder of fhir_oracle.mjs")
    if shutil.which("node") is None:
        pytest.skip("no FHIR oracle: node is missing (Debian: nodejs)")
    text = path.read_text(encoding="utf-8")
    with TemporaryDirectory() as made:
        files = [path]
        if '"CareTeam"' in text:
            teams: list[Any] = []
            files = [Path(made, path.name), Path(made, "participants.ndjson")]
            files[0].write_text(_without(text, teams), encoding="utf-8")
            files[1].write_text("".join(json.dumps(team) + "\n" for team in teams), encoding="utf-8")
        return "".join(_rejected(folder, file) for file in files if file.stat().st_size)


def _rejected(folder: str, path: Path) -> str:
    done = subprocess.run(
        ["node", "fhir_oracle.mjs", "R4", str(path)], cwd=folder, capture_output=True, text=True, check=False
    )
    lines = done.stdout.splitlines()
    unable = [line for line in lines if _is_unable(line)]
    if done.returncode == 0 or (unable and len(unable) == sum(line.startswith("REJECT") for line in lines)):
        return ""
    return "\n".join(line for line in lines if line not in unable) + "\n" + done.stderr


def _is_unable(line: str) -> bool:
    """Tell whether ctm-1 of a single participant, which the oracle could not try, is all that a line rejects."""
    head, _, rest = line.partition(" ")
    try:
        findings = json.loads(rest.partition(" ")[2])
    except ValueError:
        return False  # no finding, or more than the line has room for
    return head == "REJECT" and len(findings) == 1 and findings[0][:3] == _UNABLE and "resolve" in findings[0][3]


def _without(text: str, teams: list[Any]) -> str:
    """Return a file whose CareTeams have no participants, only what these refer to; add those to ``teams``."""
    try:
        return json.dumps(_apart(json.loads(text), teams))
    except ValueError:
        lines = (json.dumps(_apart(json.loads(line), teams)) for line in text.splitlines() if line)
        return "".join(line + "\n" for line in lines)


def _apart(tree: Any, teams: list[Any]) -> Any:
    if isinstance(tree, list):
        return [_apart(each, teams) for each in tree]
    if not isinstance(tree, dict):
        return tree
    found = {name: _apart(each, teams) for name, each in tree.items()}
    members = found.pop("participant", None) if found.get("resourceType") == "CareTeam" else None
    if not isinstance(members, list):
        return tree if members is not None else found
    teams += [{**found, "participant": [member]} for member in members]
    named = [who for member in members if isinstance(member, dict) for who in map(member.get, ("member", "onBehalfOf"))]
    links = [{"url": _MEMBER, "valueReference": who} for who in named if who is not None]
    return {**found, "extension": [*found.get("extension", ()), *links]} if links else found
