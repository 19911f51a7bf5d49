"""``iomt ingest``, ``export`` and ``vault``: counts, keys, refusals, JSON."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from iomt_interop.cli.app import app
from iomt_interop.plugins import default_registry

RUN = CliRunner()
SAMPLES = {path.name: path for path in default_registry().get("hl7v2_oru").samples()}
THERMOMETER = next(iter(default_registry().get("example").samples()))


def iomt(*args: object, env: dict[str, str] | None = None) -> Result:
    """Run the command."""
    return RUN.invoke(app, [str(arg) for arg in args], env={"COLUMNS": "300", **(env or {})})


def place(folder: Path) -> tuple[object, ...]:
    """Return the options that name a vault and its key."""
    return ("--vault", folder / "v", "--key-file", folder / "k")


def ingested(*args: object) -> list[dict[str, object]]:
    """Run ``ingest`` and return its report."""
    rows = json.loads(iomt("ingest", *args, "--json").stdout)
    assert isinstance(rows, list)
    return rows


@pytest.fixture
def captures(tmp_path: Path) -> Path:
    """Return a folder of two messages about one person."""
    folder = tmp_path / "captures"
    folder.mkdir()
    shutil.copy(SAMPLES["pcd01_monitor.hl7"], folder / "1.hl7")
    shutil.copy(SAMPLES["oru_lab.hl7"], folder / "2.hl7")
    return folder


def test_ingest_tells_what_the_vault_did(captures: Path, tmp_path: Path) -> None:
    first, second = ingested(captures, *place(tmp_path))
    for row in (first, second):
        assert row["stored"] + row["replaced"] + row["unchanged"] == sum(row["kinds"].values())  # type: ignore
    assert first["replaced"] == 0
    assert second["replaced"] == 1
    sizes = []
    for _ in range(3):
        sizes.append((tmp_path / "v").stat().st_size)
        for row in ingested(captures, *place(tmp_path)):
            assert (row["stored"], row["replaced"]) == (0, 0)
            assert row["unchanged"] == sum(row["kinds"].values())  # type: ignore[attr-defined]
    assert len(set(sizes)) == 1
    table = iomt("ingest", captures, "--vault", tmp_path / "w", "--key-file", tmp_path / "k").stdout
    assert f"stored {second['stored']}, new versions 1" in table
    assert f"{second['kinds']['observation']} observation" in table  # type: ignore[index]
    assert "unchanged" in iomt("ingest", captures, *place(tmp_path)).stdout


def test_export_holds_what_every_message_said(captures: Path, tmp_path: Path) -> None:
    ingested(captures, *place(tmp_path))
    done = iomt("export", *place(tmp_path), "--to", "fhir_r4")
    patients = [e["resource"] for e in json.loads(done.stdout)["entry"] if e["resource"]["resourceType"] == "Patient"]
    assert len(patients) == 1
    assert {"EX-4711", "900017"} <= {identifier["value"] for identifier in patients[0]["identifier"]}
    assert patients[0]["address"][0]["city"] == "Musterstadt"


def test_a_file_that_breaks_off_shows_its_records_and_the_problem(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_bytes(THERMOMETER.read_bytes()[:-5])
    (row,) = ingested(broken, *place(tmp_path))
    assert row["kinds"]
    assert "EXA-005" in str(row["problem"])
    assert row["stored"] == sum(row["kinds"].values())  # type: ignore[attr-defined]
    done = iomt("ingest", broken, *place(tmp_path))
    assert done.exit_code == 1
    assert "EXA-005" in done.stdout
    assert "observation" in done.stdout


@pytest.mark.parametrize("target", ["nodir/v", "file/v", "folder", "junk"])
def test_no_key_is_made_for_a_vault_that_is_not(captures: Path, tmp_path: Path, target: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    (tmp_path / "junk").write_bytes(b"junk")
    done = iomt("ingest", captures, "--vault", tmp_path / target, "--key-file", tmp_path / "k")
    assert done.exit_code in {1, 2}
    assert not (tmp_path / "k").exists()
    assert "Traceback" not in done.output


def test_a_vault_that_cannot_be_finished_leaves_no_key(
    captures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError

    monkeypatch.setattr("iomt_interop.vault.sqlite.publish", refuse)
    assert iomt("ingest", captures, *place(tmp_path)).exit_code == 2
    assert sorted(p.name for p in tmp_path.iterdir()) == ["captures"]
    monkeypatch.undo()
    (tmp_path / "k").write_bytes(b"A" * 43 + b"=\n")
    monkeypatch.setattr("iomt_interop.vault.sqlite.publish", refuse)
    assert iomt("ingest", captures, *place(tmp_path)).exit_code == 2
    assert (tmp_path / "k").exists()


def test_the_vault_is_not_its_own_key(captures: Path, tmp_path: Path) -> None:
    done = iomt("ingest", captures, "--vault", tmp_path / "v", "--key-file", tmp_path / "captures" / ".." / "v")
    assert done.exit_code == 2
    assert not (tmp_path / "v").exists()


@pytest.mark.parametrize("option", ["-o", "--report"])
def test_nothing_is_written_over_the_vault_or_its_key(captures: Path, tmp_path: Path, option: str) -> None:
    ingested(captures, *place(tmp_path))
    for kept in ("v", "k"):
        before = (tmp_path / kept).read_bytes()
        done = iomt("export", *place(tmp_path), "--to", "fhir_r4", option, tmp_path / "captures" / ".." / kept)
        assert done.exit_code == 2
        assert option in done.stderr
        assert (tmp_path / kept).read_bytes() == before


def test_what_is_no_vault_is_called_so(captures: Path, tmp_path: Path) -> None:
    ingested(captures, *place(tmp_path))
    junk = tmp_path / "junk"
    junk.write_bytes(b"junk" * 999)
    for command in (("vault", "info", junk), ("vault", "verify", junk), ("export", "--vault", junk, "--to", "fhir_r4")):
        done = iomt(*command, "--key-file", tmp_path / "k")
        assert done.exit_code == 1
        assert "SEC-007" in done.stderr
        assert "damaged" not in done.stderr
    assert junk.read_bytes() == b"junk" * 999


def test_errors_are_json_where_json_is_asked_for(captures: Path, tmp_path: Path) -> None:
    out, key = ("-o", tmp_path / "out"), ("--key-file", tmp_path / "k")
    ingested(captures, *place(tmp_path))
    (tmp_path / "junk").write_bytes(b"junk")
    for command, code in (
        (("ingest", captures, "--vault", tmp_path / "no" / "v", *key), "USE-002"),
        (("export", "--vault", tmp_path / "none", *key, "--to", "fhir_r4", *out), "USE-002"),
        (("export", *place(tmp_path), "--to", "nobody", *out), "ADP-001"),
        (("vault", "info", tmp_path / "junk", *key), "SEC-007"),
        (("vault", "info", tmp_path / "v", "--key-file", tmp_path / "none"), "SEC-002"),
    ):
        done = iomt(*command, "--json")
        error = json.loads(done.stdout)["error"]
        assert error["code"] == code
        assert {"path", "span", "text"} <= set(error)
        assert code in error["text"]
        assert code in done.stderr
        assert done.exit_code in {1, 2}


def test_verification_is_json_either_way(captures: Path, tmp_path: Path) -> None:
    ingested(captures, *place(tmp_path))
    verify = ("vault", "verify", tmp_path / "v", "--key-file", tmp_path / "k", "--json")
    assert json.loads(iomt(*verify).stdout) == {"verified": True}
    connection = sqlite3.connect(tmp_path / "v")
    ((salt,),) = connection.execute("SELECT salt FROM blocks WHERE seq = 1").fetchall()
    connection.close()
    data = bytearray((tmp_path / "v").read_bytes())
    data[data.find(salt)] ^= 1
    (tmp_path / "v").write_bytes(data)
    done = iomt(*verify)
    told = json.loads(done.stdout)
    assert (done.exit_code, told["ok"], told["verified"]) == (1, False, False)
    assert told["error"]["code"].startswith("SEC-")


def test_info_gives_the_size_of_the_file(captures: Path, tmp_path: Path) -> None:
    ingested(captures, *place(tmp_path))
    info = json.loads(iomt("vault", "info", tmp_path / "v", "--key-file", tmp_path / "k", "--json").stdout)
    assert info["bytes"] == (tmp_path / "v").stat().st_size
    assert info["versions"] == info["records"] + 1


@pytest.mark.parametrize("command", [("ingest",), ("export",), ("vault", "info"), ("vault", "verify")])
def test_help_says_where_the_key_comes_from(command: tuple[str, ...]) -> None:
    said = " ".join(iomt(*command, "--help").stdout.split())
    assert "IOMT_PASSPHRASE" in said
    assert "asked for on the terminal" in said
    assert ("with a new vault a missing one is made" in said) is (command == ("ingest",))
    assert "The vault's file" in said


def test_nobody_to_be_asked(captures: Path, tmp_path: Path) -> None:
    done = iomt("vault", "info", tmp_path / "none", "--json", env={"IOMT_PASSPHRASE": ""})
    assert json.loads(done.stdout)["error"]["hint"] == "there is no vault here"
    done = iomt("ingest", captures, "--vault", tmp_path / "v", "--json")
    assert json.loads(done.stdout)["error"]["path"] == "key"
    assert done.exit_code == 2
    assert not (tmp_path / "v").exists()


def test_ingest_of_an_empty_folder_says_that_nothing_was_found(tmp_path: Path) -> None:
    (tmp_path / "empty" / "inside").mkdir(parents=True)
    told = iomt("ingest", tmp_path / "empty", *place(tmp_path))
    assert told.exit_code == 0
    assert "nothing was found to read" in told.stderr
    told = iomt("ingest", tmp_path / "empty", *place(tmp_path), "--json")
    assert json.loads(told.stdout) == []
    assert "nothing was found to read" in told.stderr


def test_export_tells_the_issues_that_reading_found(captures: Path, tmp_path: Path) -> None:
    doubtful = "MSH|^~\\&|A|B|||20261124||ORU^R01^ORU_R01|9|P|2.6\rOBR|1||1|x^y^L\rOBX|1|NM|1^z^L||fast||||||F\r"
    (captures / "3.hl7").write_text(doubtful)
    rows = ingested(captures, *place(tmp_path))
    known = sum(row["kinds"].get("issue", 0) for row in rows)  # type: ignore[attr-defined]
    assert known > 0
    options = ("export", *place(tmp_path), "--to", "fhir_r4", "-o", tmp_path / "out.json")
    assert f", {known} issues" in iomt(*options).stderr
    told = json.loads(iomt(*options[:-1], tmp_path / "again.json", "--json").stdout)
    assert len(told["issues"]) == known
    assert "ORU-202" in {issue["code"] for issue in told["issues"]}


@pytest.mark.skipif(os.name != "posix", reason="modes are of POSIX")
@pytest.mark.parametrize(("mode", "exposed"), [(0o600, False), (0o400, False), (0o640, True), (0o604, True)])
def test_a_key_file_that_others_may_read_is_told(captures: Path, tmp_path: Path, mode: int, exposed: bool) -> None:
    assert "SEC-013" not in iomt("ingest", captures, *place(tmp_path)).stderr  # made for its owner alone
    (tmp_path / "k").chmod(mode)
    told = iomt("vault", "info", tmp_path / "v", "--key-file", tmp_path / "k", "--json")
    assert told.exit_code == 0
    assert ("SEC-013" in told.stderr) == exposed
    assert json.loads(told.stdout)["key_id"]
