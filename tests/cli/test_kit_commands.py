"""``iomt conformance`` and ``iomt pin``."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from iomt_interop.cli.app import app

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
RUN = CliRunner()


def test_conformance_writes_a_report(tmp_path: Path) -> None:
    report = tmp_path / "reports" / "example.json"
    done = RUN.invoke(app, ["conformance", "example", "--corpus", str(FIXTURES / "example"), "--law", "canonical",
                            "--law", "K8", "--report", str(report)])  # fmt: skip
    assert done.exit_code == 0, done.output
    data = json.loads(report.read_text())
    assert [(law["law"], law["status"]) for law in data["laws"]] == [("K8", "passed"), ("K14", "passed")]
    assert "K14 canonical" in done.output


def test_conformance_as_json_and_its_exit_codes(tmp_path: Path) -> None:
    done = RUN.invoke(app, ["conformance", "example", "--law", "manifest", "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["adapter"] == "example"
    empty = tmp_path / "goldenless"
    empty.mkdir()
    (empty / "ward.wtherm").write_bytes((FIXTURES / "example" / "ward.wtherm").read_bytes())
    assert RUN.invoke(app, ["conformance", "example", "--corpus", str(empty), "--law", "goldens"]).exit_code == 1
    assert (
        RUN.invoke(app, ["conformance", "example", "--corpus", str(empty), "--law", "K12", "--accept"]).exit_code == 0
    )
    assert (empty / "ward.wtherm.golden.json").is_file()
    for wrong in (
        ["conformance"], ["conformance", "nobody"], ["conformance", "example", "--law", "gravity"],
        ["conformance", "example", "--accept"], ["conformance", "example", "--all"],
        ["conformance", "example", "--corpus", str(tmp_path / "nowhere")],
    ):  # fmt: skip
        assert RUN.invoke(app, wrong).exit_code == 2, wrong


def test_all_adapters_at_once(tmp_path: Path) -> None:
    done = RUN.invoke(app, ["conformance", "--all", "--corpus", str(FIXTURES), "--law", "manifest", "--report",
                            str(tmp_path), "--json"])  # fmt: skip
    assert done.exit_code == 0, done.output
    names = {report["adapter"] for report in json.loads(done.stdout)}
    assert names >= {"example", "fhir_r4", "hl7v2_oru", "ieee11073_phd"}
    assert {path.stem for path in tmp_path.glob("*.json")} == names


def test_pin_needs_a_wheel(tmp_path: Path) -> None:
    assert RUN.invoke(app, ["pin", str(tmp_path / "none.whl")]).exit_code == 2
