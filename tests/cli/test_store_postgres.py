"""The command with a vault in PostgreSQL: every command that takes a file takes a URL."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.places import Schemas
from support.postgres import Server, server

from iomt_interop.privacy import find_leaks

from .test_store import SAMPLES, ingested, iomt


@pytest.fixture(scope="module")
def running() -> Server:
    """Return a server."""
    return server()


@pytest.fixture(scope="module")
def schemas(running: Server) -> Schemas:
    """Return somewhere to keep vaults."""
    return Schemas(running)


def test_a_vaults_whole_life_in_a_database(tmp_path: Path, schemas: Schemas) -> None:
    url, copy, again, key = schemas.new("ward"), tmp_path / "copy", schemas.new("again"), tmp_path / "k"

    def vault(command: str, *args: object) -> str:
        done = iomt("vault", command, *args, "--key-file", key)
        assert done.exit_code == 0, done.output
        return done.stdout

    files = [SAMPLES["pcd01_monitor.hl7"], SAMPLES["oru_lab.hl7"]]
    first = ingested(*files, "--vault", url, "--key-file", key)
    assert [row["problem"] for row in first] == [None, None]
    assert all(not row["stored"] for row in ingested(*files, "--vault", url, "--key-file", key))
    beside = ingested(*files, "--vault", tmp_path / "file", "--key-file", key)
    assert first == beside

    def written(place: object) -> bytes:
        done = iomt("export", "--vault", place, "--key-file", key, "--to", "fhir_r4")
        assert done.exit_code == 0, done.output
        return done.stdout_bytes

    assert written(url) == written(tmp_path / "file")
    counts = [json.loads(vault("info", place, "--json"))["records"] for place in (url, tmp_path / "file")]
    assert counts[0] == counts[1] > 0
    assert "every block" in vault("verify", url)
    assert "EX-4711" in vault("query", url, "--subject", "EX-4711", "--kind", "subject")
    vault("hold", url, "--subject", "EX-4711", "--reason", "a court asks")
    vault("backup", url, copy)
    vault("restore", copy, again)
    assert "a court asks" in vault("holds", again)
    assert written(again) == written(copy) == written(url)
    vault("hold", again, "--subject", "EX-4711", "--release")
    vault("erase", again, "--subject", "EX-4711", "--yes")
    assert json.loads(vault("info", again, "--json"))["erased"] == 1
    assert json.loads(iomt("devices", "--vault", url, "--key-file", key, "--json").stdout)["devices"]
    page = iomt("report", "--vault", url, "--key-file", key, "--identifier", "EX-4711")
    assert page.exit_code == 0, page.output
    vault("create", schemas.new("empty"))


def test_what_is_not_there_is_told_without_the_password(tmp_path: Path, schemas: Schemas, running: Server) -> None:
    key = tmp_path / "k"
    secret = "s3cr3t-word"
    nothing = schemas.new("nothing").replace("postgres@", f"postgres:{secret}@", 1)
    gone = f"postgresql://nurse:{secret}@/ward?host={tmp_path}"
    for url, code, status in ((nothing, "USE-002", 2), (gone, "SEC-012", 1), (gone + "&x=1", "USE-001", 2)):
        for command in (("vault", "info", url), ("vault", "erase", url, "--subject", "a", "--yes")):
            done = iomt(*command, "--key-file", key)
            assert (done.exit_code, code in done.stderr) == (status, True), done.output
            assert find_leaks(done.output.encode(), [secret]) == []
    for url in (gone, gone + "&x=1"):
        done = iomt("ingest", SAMPLES["oru_lab.hl7"], "--vault", url, "--key-file", key, "--json")
        assert done.exit_code != 0
        assert find_leaks(done.output.encode(), [secret]) == []
        assert not key.exists()  # no key of a vault that was not made
    done = iomt("listen", "--mllp", "127.0.0.1:0", "--plain", "--vault", nothing, "--key-file", key, "--spool")
    assert (done.exit_code, "--spool" in done.stderr) == (2, True), done.output
