"""``iomt validate`` as a user types it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SECRET = "ZEBRA48151623"
GOOD = b"MSH|^~\\&|A|B|C|D|20261124105800||ACK^R01^ACK|7|P|2.6\rMSA|AA|1\r"
BAD = f"MSH|^~\\&|A|B|C|D|{SECRET}||ACK^R01^ACK|7|P|2.6\rMSA|{SECRET}|1\rXYZ|{SECRET}\r".encode()
PROFILE = (
    '<HL7v2xConformanceProfile HL7Version="2.6"><HL7v2xStaticDef MsgType="ACK" EventType="R01" MsgStructID="ACK">'
    '<Segment Name="MSH" Usage="R" Min="1" Max="1"/><Segment Name="MSA" Usage="R" Min="1" Max="1">'
    '<Field Name="Code" Usage="R" Min="1" Max="1" Datatype="ID" ConstantValue="CA"/>'
    '<Field Name="Id" Usage="R" Min="1" Max="1" Datatype="ST"/></Segment></HL7v2xStaticDef></HL7v2xConformanceProfile>'
)


def iomt(*args: object, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "iomt_interop.cli", "validate", *map(str, args)]
    return subprocess.run(command, input=stdin, capture_output=True, env=dict(os.environ), check=False)


def test_a_clean_message(tmp_path: Path) -> None:
    (tmp_path / "a.hl7").write_bytes(GOOD)
    done = iomt(tmp_path / "a.hl7")
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"messages: 1, error: 0, warning: 0, information: 0" in done.stdout


def test_findings_without_values(tmp_path: Path) -> None:
    (tmp_path / "a.hl7").write_bytes(GOOD + BAD)
    done = iomt(tmp_path / "a.hl7", "--json")
    assert done.returncode == 1
    assert SECRET.encode() not in done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["counts"]["messages"] == 2
    assert [(row["message"], row["code"], row["path"]) for row in report["findings"]] == [
        (2, "HL7-301", "XYZ(1)"), (2, "HL7-130", "MSH(1)-7"), (2, "HL7-315", "MSA(1)-1"),
    ]  # fmt: skip
    shown = iomt("-", stdin=BAD)
    assert shown.returncode == 1
    assert b"HL7-315" in shown.stdout
    assert SECRET.encode() not in shown.stdout + shown.stderr


def test_profile_and_rules(tmp_path: Path) -> None:
    profile = tmp_path / "ack.xml"
    profile.write_text(PROFILE, encoding="ascii")
    done = iomt("-", "--profile", profile, "--json", stdin=GOOD)
    assert [row["code"] for row in json.loads(done.stdout)["findings"]] == ["HL7-320"]
    done = iomt("-", "--rules", "pcd01", "--rules", "pcd04", "--json", stdin=GOOD)
    assert {"HL7-331", "HL7-332"} <= {row["code"] for row in json.loads(done.stdout)["findings"]}


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(("-", "--rules", "pcd99"), 2), (("/nonexistent/file.hl7",), 1), (("-", "--profile", "/nonexistent.xml"), 1)],
)
def test_wrong_use(arguments: tuple[str, ...], code: int) -> None:
    done = iomt(*arguments, stdin=GOOD)
    assert done.returncode == code
    assert done.stdout == b""
    assert done.stderr.count(b"\n") == 1


def test_a_profile_with_a_document_type_is_refused(tmp_path: Path) -> None:
    profile = tmp_path / "ack.xml"
    profile.write_text('<!DOCTYPE a SYSTEM "file:///etc/passwd">' + PROFILE, encoding="ascii")
    done = iomt("-", "--profile", profile, stdin=GOOD)
    assert done.returncode == 1
    assert b"HL7-403" in done.stderr
