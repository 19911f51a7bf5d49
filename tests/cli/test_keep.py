"""``iomt vault``: the keeper's commands, as a keeper would type them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .test_store import SAMPLES, ingested, iomt


@pytest.fixture
def ward(tmp_path: Path) -> Path:
    """Return a vault with a person in it, and the person's files."""
    rows = ingested(SAMPLES["pcd01_monitor.hl7"], "--vault", tmp_path / "v", "--key-file", tmp_path / "k",
                    "--keep-originals")  # fmt: skip
    assert rows[0]["problem"] is None
    return tmp_path / "v"


def vault(command: str, path: Path, *args: object, key: str = "k") -> str:
    """Run a command of the vault's and return what it prints."""
    done = iomt("vault", command, path, *args, "--key-file", path.parent / key)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_create_query_and_get(tmp_path: Path, ward: Path) -> None:
    vault("create", tmp_path / "empty")
    assert json.loads(vault("info", tmp_path / "empty", "--json"))["records"] == 0
    assert iomt("vault", "create", ward, "--key-file", tmp_path / "k").exit_code == 2
    lines = [json.loads(line) for line in vault("query", ward, "--kind", "observation").splitlines()]
    assert lines
    assert {line["kind"] for line in lines} == {"observation"}
    mine = vault("query", ward, "--subject", "EX-4711", "--kind", "subject")
    [subject] = [json.loads(line) for line in mine.splitlines()]
    assert vault("get", ward, subject["id"]) == mine
    assert subject["id"] in vault("subjects", ward)
    for wrong in (("get", "none"), ("query", "--subject", "nobody")):
        assert iomt("vault", wrong[0], ward, *wrong[1:], "--key-file", tmp_path / "k").exit_code == 2


def test_rotate(tmp_path: Path, ward: Path) -> None:
    before = vault("query", ward, "--versions", "all")
    vault("rotate", ward, "--new-key-file", tmp_path / "k2")
    assert vault("query", ward, "--versions", "all", key="k2") == before
    assert iomt("vault", "info", ward, "--key-file", tmp_path / "k").exit_code == 1
    vault("rotate", ward, "--data-keys", key="k2")
    done = iomt("vault", "rotate", ward, "--key-file", tmp_path / "k2", env={"IOMT_NEW_PASSPHRASE": "a long one"})
    assert done.exit_code == 0
    assert iomt("vault", "verify", ward, env={"IOMT_PASSPHRASE": "a long one"}).exit_code == 0


def test_hold_erase_and_receipt(tmp_path: Path, ward: Path) -> None:
    vault("hold", ward, "--subject", "EX-4711", "--reason", "a court asks")
    assert "a court asks" in vault("holds", ward)
    erase = ("vault", "erase", ward, "--subject", "EX-4711", "--key-file", tmp_path / "k")
    done = iomt(*erase, "--yes")
    assert (done.exit_code, "SEC-010" in done.stderr) == (1, True)
    vault("hold", ward, "--subject", "EX-4711", "--release")
    assert iomt(*erase).exit_code != 0  # nobody says yes
    receipt = tmp_path / "receipt"
    done = iomt(*erase, "--yes", "--receipt", receipt, "--signing-key", tmp_path / "s")
    assert done.exit_code == 0, done.output
    assert "erasure" in receipt.read_text()
    assert "EX-4711" not in receipt.read_text()
    assert iomt(*erase, "--yes").exit_code == 2
    info = json.loads(vault("info", ward, "--json"))
    assert info["erased"] == 1
    vault("verify", ward)


def test_checkpoint_backup_and_restore(tmp_path: Path, ward: Path) -> None:
    vault("backup", ward, tmp_path / "copy")
    ingested(SAMPLES["oru_lab.hl7"], "--vault", ward, "--key-file", tmp_path / "k")
    note = tmp_path / "note"
    vault("checkpoint", ward, "--signing-key", tmp_path / "s", "-o", note)
    public = iomt("vault", "public-key", tmp_path / "s").stdout.strip()
    vault("check", ward, "--checkpoint", note, "--verifier", public)
    done = iomt("vault", "restore", tmp_path / "copy", tmp_path / "back", "--key-file", tmp_path / "k")
    assert done.exit_code == 0, done.output
    done = iomt("vault", "check", tmp_path / "back", "--checkpoint", note, "--verifier", public, "--key-file",
                tmp_path / "k")  # fmt: skip
    assert (done.exit_code, "SEC-011" in done.stderr) == (1, True)
    assert iomt("vault", "restore", tmp_path / "copy", ward, "--key-file", tmp_path / "k").exit_code == 2


def test_export_and_import(tmp_path: Path, ward: Path) -> None:
    public = iomt("vault", "recipient", tmp_path / "r").stdout.strip()
    out = tmp_path / "out"
    vault("export", ward, "--subject", "EX-4711", "--recipient", public, "-o", out)
    assert b"EX-4711" not in out.read_bytes()
    done = iomt("vault", "import", tmp_path / "w", out, "--secret", tmp_path / "r", "--key-file", tmp_path / "k2")
    assert done.exit_code == 0, done.output
    mine = vault("query", ward, "--subject", "EX-4711", "--versions", "all")
    assert vault("query", tmp_path / "w", "--versions", "all", key="k2") == mine
    shown = iomt("vault", "import", tmp_path / "w", out, "--secret", tmp_path / "r", "--what", "fhir").stdout
    assert '"resourceType":"Patient"' in shown
