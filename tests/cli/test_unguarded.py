"""A vault without a guard: options that ask one are refused, and data are never taken for a passphrase."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

MESSAGE = (
    b"MSH|^~\\&|MON|W|||20261124||ORU^R01|7|P|2.6\rPID|||EX-1^^^H^MR\r"
    b"OBR|1|||x\rOBX|1|NM|147842^MDC_ECG_HEART_RATE^MDC|1.1.1.1|72|/min|||||F\r"
)


def iomt(*words: object, given: bytes = b"", **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Run the command in a session of its own, so that there is no terminal."""
    command = [sys.executable, "-m", "iomt_interop.cli", *map(str, words)]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("IOMT_")}
    return subprocess.run(
        command, input=given, capture_output=True, env=clean | environment, start_new_session=True, check=False
    )


@pytest.fixture
def ward(tmp_path: Path) -> list[object]:
    (tmp_path / "m.hl7").write_bytes(MESSAGE)
    where: list[object] = ["--key-file", tmp_path / "k.key"]
    done = iomt("ingest", tmp_path / "m.hl7", "--vault", tmp_path / "v.vault", *where)
    assert done.returncode == 0, done.stderr
    return [tmp_path / "v.vault", *where]


@pytest.mark.parametrize(
    "options",
    [
        ["--as", "dr-17/physician"],
        ["--purpose", "TREAT"],
        ["--as", "dr-17/physician", "--purpose", "BTG", "--break-glass", "--reason", "unconscious"],
        ["--reference", "Practitioner/17"],
    ],
)
def test_nobody_is_asked_in_vain(ward: list[object], options: list[str]) -> None:
    done = iomt("vault", "query", *ward, *options)
    assert done.returncode == 2
    assert b"USE-001" in done.stderr
    assert b"not guarded" in b" ".join(done.stderr.split())
    assert b"EX-1" not in done.stdout + done.stderr


def test_the_environment_may_name_who_asks_of_other_vaults(ward: list[object]) -> None:
    done = iomt("vault", "query", *ward, IOMT_AS="dr-17/physician", IOMT_PURPOSE="TREAT")
    assert done.returncode == 0, done.stderr


def test_what_is_piped_in_is_no_passphrase(tmp_path: Path) -> None:
    done = iomt("ingest", "-", "--vault", tmp_path / "v.vault", given=MESSAGE)
    assert done.returncode == 2
    assert b"USE-002" in done.stderr
    assert b"--key-file" in done.stderr
    assert b"Warning" not in done.stderr
    assert not (tmp_path / "v.vault").exists()


def test_what_was_queried_can_be_put_into_another_vault(ward: list[object], tmp_path: Path) -> None:
    lines = iomt("vault", "query", *ward).stdout
    other: list[object] = [tmp_path / "w.vault", "--key-file", tmp_path / "k.key"]
    assert iomt("vault", "create", *other).returncode == 0
    done = iomt("vault", "put", other[0], "-", *other[1:], "--json", given=lines)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"stored": len(lines.splitlines()), "replaced": 0, "unchanged": 0}
    assert iomt("vault", "query", *other).stdout == lines
    # A line that is no record: nothing of the file is stored, and nothing of the line is told.
    (tmp_path / "bad").write_bytes(lines + b'{"kind":"subject","id":"EX-9"}\n')
    broken = iomt("vault", "put", other[0], tmp_path / "bad", *other[1:])
    assert broken.returncode != 0
    assert b"MDL-005" in broken.stderr
    assert f"line {len(lines.splitlines()) + 1}".encode() in b" ".join(broken.stderr.split())
    assert b"EX-9" not in broken.stdout + broken.stderr
    assert iomt("vault", "query", *other).stdout == lines
