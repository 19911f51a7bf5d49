"""``--key-provider``: vaults whose key a key service keeps, as a keeper would type it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto import mock_aws
from support.transit import TOKEN, Transit, transit_server

from .test_store import SAMPLES, ingested, iomt

REGION = "eu-central-1"


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Transit]:
    with transit_server(ward=True) as transit:
        monkeypatch.setenv("VAULT_ADDR", transit.url)
        monkeypatch.setenv("VAULT_TOKEN", TOKEN)
        yield transit


@pytest.fixture
def alias(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name, value in {"ACCESS_KEY_ID": "x", "SECRET_ACCESS_KEY": "x", "DEFAULT_REGION": REGION}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    with mock_aws():
        kms = boto3.client("kms", region_name=REGION)
        kms.create_alias(AliasName="alias/ward", TargetKeyId=kms.create_key()["KeyMetadata"]["KeyId"])
        yield "aws-kms:alias/ward"


@pytest.mark.parametrize("name", ["vault-transit:ward", "vault-transit:transit/ward"])
def test_a_vault_under_a_transit_key(tmp_path: Path, engine: Transit, name: str) -> None:
    keys = ("--key-provider", name)
    [row] = ingested(SAMPLES["pcd01_monitor.hl7"], "--vault", tmp_path / "v", *keys)
    assert row["problem"] is None
    for command in ("verify", "info", "query", "subjects"):
        assert iomt("vault", command, tmp_path / "v", *keys).exit_code == 0
    assert iomt("vault", "rotate", tmp_path / "v", *keys, "--rewrap").exit_code == 0
    assert any("/rewrap/" in path for path, _ in engine.calls)
    done = iomt("export", "--vault", tmp_path / "v", *keys, "--to", "fhir_r4", "-o", tmp_path / "out.json")
    assert (done.exit_code, json.loads((tmp_path / "out.json").read_bytes())["resourceType"]) == (0, "Bundle")
    engine.tokens.clear()
    done = iomt("vault", "verify", tmp_path / "v", *keys)
    assert (done.exit_code, "denies access" in done.stderr) == (1, True)


def test_from_a_key_file_to_a_key_service_and_on(tmp_path: Path, engine: Transit, alias: str) -> None:
    path, file = tmp_path / "v", ("--key-file", tmp_path / "k")
    ingested(SAMPLES["pcd01_monitor.hl7"], "--vault", path, *file)
    before = iomt("vault", "query", path, *file).stdout
    assert iomt("vault", "rotate", path, *file, "--new-key-provider", alias).exit_code == 0
    assert iomt("vault", "query", path, "--key-provider", alias).stdout == before
    assert iomt("vault", "verify", path, *file).exit_code == 1
    transit = ("--key-provider", "vault-transit:ward")
    assert iomt("vault", "rotate", path, "--key-provider", alias, "--new-key-provider", transit[1]).exit_code == 0
    assert iomt("vault", "query", path, *transit).stdout == before


@pytest.mark.parametrize("name", ["", "aws-kms", "aws-kms:", "vault-transit:", "vault-transit:a/", "gcp-kms:x"])
def test_what_names_no_key_service(tmp_path: Path, name: str) -> None:
    done = iomt("vault", "create", tmp_path / "v", "--key-provider", name)
    assert (done.exit_code, "aws-kms:KEY" in done.stderr, (tmp_path / "v").exists()) == (2, True, False)


def test_one_key_at_a_time(tmp_path: Path) -> None:
    both = ("--key-file", tmp_path / "k", "--key-provider", "aws-kms:x")
    assert iomt("vault", "create", tmp_path / "v", *both).exit_code == 2
    assert not (tmp_path / "v").exists()
    assert not (tmp_path / "k").exists()
    ingested(SAMPLES["pcd01_monitor.hl7"], "--vault", tmp_path / "v", "--key-file", tmp_path / "k")
    for wrong in (("--rewrap",), ("--new-key-file", tmp_path / "n", "--new-key-provider", "aws-kms:x")):
        assert iomt("vault", "rotate", tmp_path / "v", "--key-file", tmp_path / "k", *wrong).exit_code == 2
    assert iomt("vault", "verify", tmp_path / "v", "--key-file", tmp_path / "k").exit_code == 0
