"""Explain, and the commands: rules, paths and counts, never a value."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from plugins.mapping.helpers import FOLDERS, observation, texts
from typer.testing import CliRunner

from iomt_interop.cli.mapping import mapping_app
from iomt_interop.plugins.mapping import RowReport, explain

MAPPING = observation(
    'name = "temperature"\neach = "rows[*]"\nvalue = { path = "v", unit = "Cel" }\nhandle = { path = "h" }\n'
)


def test_a_row_is_told_whole() -> None:
    found = explain(MAPPING, b'{"rows":[{"v":36.60,"quality":9,"Meier-771":1},{"w":1}]}')
    assert found.rows == (
        RowReport("rows[0]", ("temperature",), (("temperature", "h"),), ("quality", "*"), False),
        RowReport("rows[1]", (), (("temperature", "v"), ("temperature", "h")), (), True),
    )
    assert found.fired == {"temperature": 1}
    assert found.records == {"message": 1, "observation": 1, "residue": 1, "issue": 1}
    assert not found.is_clean


def test_an_error_is_told_by_its_code() -> None:
    assert explain(MAPPING, b'{"rows":').error == "MAP-106"


@pytest.mark.parametrize("adapter", FOLDERS)
def test_no_value_is_told(adapter: str) -> None:
    mapping, data = texts(adapter)
    told = repr(explain(mapping, data))
    for value in ("U-20771", "runner", "BD7-004411", "Muster", "P-5512", "MR-118", "Testperson", "MON-9", "128/81"):
        assert value not in told


def test_the_lint_command(tmp_path: Path) -> None:
    path = tmp_path / "mapping.toml"
    run = CliRunner().invoke
    path.write_text(MAPPING)
    assert run(mapping_app, ["lint", str(path)]).exit_code == 1  # heart rate in degrees
    path.write_text(MAPPING.replace("Cel", "/min"))
    assert run(mapping_app, ["lint", str(path)]).exit_code == 0
    path.write_text(MAPPING + "[oops]\n")
    answer = run(mapping_app, ["lint", str(path), "--json"])
    assert answer.exit_code == 1
    assert {each["code"] for each in json.loads(answer.stdout)} == {"MAP-301", "MAP-306"}
    assert run(mapping_app, ["lint", str(tmp_path / "none.toml")]).exit_code == 2
    path.write_bytes(b"\xff")
    assert run(mapping_app, ["lint", str(path)]).exit_code == 2


def test_the_explain_command(tmp_path: Path) -> None:
    path, sample = tmp_path / "mapping.toml", tmp_path / "sample.json"
    run = CliRunner().invoke
    path.write_text(MAPPING)
    sample.write_bytes(b'{"rows":[{"v":36.60,"c":"secret"}]}')
    answer = run(mapping_app, ["explain", str(path), str(sample)])
    assert answer.exit_code == 0
    assert "temperature" in answer.stdout
    assert "secret" not in answer.stdout
    sample.write_bytes(b'{"rows":[{"w":36.60}]}')
    answer = run(mapping_app, ["explain", str(path), str(sample), "--json"])
    assert answer.exit_code == 1
    assert json.loads(answer.stdout)["rows"][0]["is_residue"] is True
    assert run(mapping_app, ["explain", str(path), str(tmp_path / "none")]).exit_code == 2
    path.write_text("version = 1")
    assert run(mapping_app, ["explain", str(path), str(sample)]).exit_code == 2
