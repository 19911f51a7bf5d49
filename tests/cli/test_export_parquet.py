"""``iomt export --to parquet``: encrypted unless clear text is asked for."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from iomt_interop.columnar import read_parquet
from iomt_interop.model import to_json
from iomt_interop.vault import KeyFile, Vault

from .test_store import SAMPLES, ingested, iomt


@pytest.fixture
def ward(tmp_path: Path) -> Path:
    ingested(SAMPLES["pcd01_monitor.hl7"], "--vault", tmp_path / "v", "--key-file", tmp_path / "k")
    return tmp_path / "v"


def export(ward: Path, *args: object) -> Any:
    return iomt("export", "--vault", ward, "--key-file", ward.parent / "k", "--to", "parquet", *args)


def test_the_whole_vault_in_one_encrypted_file(ward: Path, tmp_path: Path) -> None:
    done = export(ward, "--parquet-key-file", tmp_path / "pk", "-o", tmp_path / "x.parquet")
    assert (done.exit_code, "0 losses" in done.stderr) == (0, True)
    key = KeyFile(tmp_path / "pk").key({"kind": "key-file"})
    assert (tmp_path / "pk").read_text().strip() == base64.b64encode(key.value).decode()
    with Vault.open(ward, keys=KeyFile(tmp_path / "k")) as vault:
        assert list(read_parquet(tmp_path / "x.parquet", key=key)) == list(vault.records())
        [person] = vault.subjects()
    data = (tmp_path / "x.parquet").read_bytes()
    assert data.endswith(b"PARE")
    assert b"EX-4711" not in data
    assert person.encode() not in data
    again = export(ward, "--parquet-key-file", tmp_path / "pk", "-o", tmp_path / "y.parquet")
    assert again.exit_code == 0
    assert list(read_parquet(tmp_path / "y.parquet", key=key)) == list(read_parquet(data, key=key))


def test_in_clear_only_when_asked(ward: Path, tmp_path: Path) -> None:
    done = export(ward, "-o", tmp_path / "x")
    assert (done.exit_code, "--parquet-key-file" in done.stderr, (tmp_path / "x").exists()) == (2, True, False)
    assert export(ward, "--plaintext", "--parquet-key-file", tmp_path / "pk", "-o", tmp_path / "x").exit_code == 2
    assert not (tmp_path / "pk").exists()
    assert export(ward, "--plaintext", "-o", tmp_path / "x").exit_code == 0
    assert (tmp_path / "x").read_bytes().endswith(b"PAR1")
    assert b"EX-4711" in to_json(read_parquet(tmp_path / "x"))


def test_what_does_not_go_together(ward: Path, tmp_path: Path) -> None:
    out = ("-o", tmp_path / "x")
    assert export(ward, "--parquet-key-file", tmp_path / "k", *out).exit_code == 2
    assert export(ward, "--plaintext", "--form", "ndjson", *out).exit_code == 2
    assert export(ward, "--parquet-key-file", tmp_path / "x", *out).exit_code == 2
    fhir = ("export", "--vault", ward, "--key-file", tmp_path / "k", "--to", "fhir_r4", *out)
    assert iomt(*fhir, "--plaintext").exit_code == 2
    assert iomt(*fhir, "--parquet-key-file", tmp_path / "pk").exit_code == 2
    assert not (tmp_path / "x").exists()


def test_test_data_stay_out_and_are_told(tmp_path: Path) -> None:
    message = b"MSH|^~\\&|MON||||20261124||ORU^R01|1|P|2.6\rPID|||MRN-77\rOBR|1\rOBX|1|NM|x||5||||||F||||||\r"
    flagged = message.replace(b"|5||||||F", b"|7|||TEST|||F")
    (tmp_path / "a.hl7").write_bytes(message)
    (tmp_path / "b.hl7").write_bytes(flagged)
    ingested(tmp_path / "a.hl7", tmp_path / "b.hl7", "--vault", tmp_path / "v", "--key-file", tmp_path / "k")
    counts = {}
    for name, more in {"patients": (), "all": ("--include-test-data",)}.items():
        done = export(tmp_path / "v", "--plaintext", "-o", tmp_path / name, "--report", tmp_path / "r", *more)
        assert done.exit_code == 0
        found = list(read_parquet(tmp_path / name))
        losses = json.loads((tmp_path / "r").read_bytes())["losses"]
        counts[name] = (sum(record.kind == "observation" for record in found), len(losses) > 0)
    assert counts["all"] == (2, False)
    assert counts["patients"] == (1, True)
