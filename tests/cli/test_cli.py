"""The command as a user types it: subprocesses, exit codes, standard output against standard error."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from iomt_interop.plugins import default_registry

SECRET = "ZEBRA-48151623"
MESSAGE = (
    b"MSH|^~\\&|MON^0011223344556677^EUI-64|ICU|||20261124105800+0100||ORU^R01^ORU_R01|7|P|2.6\r"
    b"PID|||" + SECRET.encode() + b"^^^HOSP^MR||Zebra^Zoe||19700102|F\r"
    b"OBR|1|||182777000^monitoring of patient^SCT|||20261124105800+0100\r"
    b"OBX|1|NM|150456^MDC_PULS_OXIM_SAT_O2^MDC|1.1.1.1|98|262688^MDC_DIM_PERCENT^MDC|||||R\r"
)


def iomt(
    *args: object, stdin: bytes = b"", env: dict[str, str] | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run the command in a process of its own."""
    command = [sys.executable, "-m", "iomt_interop.cli", *map(str, args)]
    return subprocess.run(
        command, input=stdin, capture_output=True, env={**os.environ, **(env or {})}, cwd=cwd, check=False
    )


def samples() -> list[Path]:
    """Return the samples that the built-in adapters ship."""
    return [path for adapter in default_registry().usable() for path in adapter.samples()]


def test_adapters_and_version() -> None:
    done = iomt("adapters", "--json")
    assert done.returncode == 0
    assert {"fhir_r4", "hl7v2_oru", "ieee11073_phd"} <= {row["id"] for row in json.loads(done.stdout)}
    assert iomt("--version").stdout.strip() == b"0.1.0"


def test_every_shipped_sample_is_recognised_by_its_own_adapter() -> None:
    assert len(samples()) >= 3
    done = iomt("sniff", "--json", *samples())
    assert done.returncode == 0
    found = {Path(row["file"]): row["adapter"] for row in json.loads(done.stdout)}
    for adapter in default_registry().usable():
        for sample in adapter.samples():
            assert found[sample] == adapter.id


def test_sniff_says_what_it_does_not_know(tmp_path: Path) -> None:
    (tmp_path / "x.bin").write_bytes(b"\x00\x01\x02")
    done = iomt("sniff", tmp_path)
    assert done.returncode == 1
    assert b"not recognised" in done.stdout


def test_a_file_s_name_commands_no_terminal(tmp_path: Path) -> None:
    (tmp_path / "\x1b[31m[bold]x\x07.hl7").write_bytes(MESSAGE)
    (tmp_path / "\x1b]0;t\x07.none").write_bytes(b"?")
    for command in ("sniff", "ingest"):
        more = ("--vault", tmp_path / ".v", "--key-file", tmp_path / ".k") if command == "ingest" else ()
        done = iomt(command, tmp_path, *more, env={"COLUMNS": "500"})
        assert done.returncode == 1
        assert b"\x1b" not in done.stdout + done.stderr
        assert b"\x07" not in done.stdout + done.stderr
        assert b"[bold]" in done.stdout


def test_translate_from_a_pipe_to_a_pipe() -> None:
    done = iomt("translate", "-", "--to", "fhir_r4", stdin=MESSAGE)
    assert done.returncode == 0
    bundle = json.loads(done.stdout)
    assert bundle["resourceType"] == "Bundle"
    assert b"losses" in done.stderr
    assert SECRET.encode() not in done.stderr


def test_translate_to_a_file_with_a_report(tmp_path: Path) -> None:
    (tmp_path / "in.hl7").write_bytes(MESSAGE)
    done = iomt(
        "translate",
        tmp_path / "in.hl7",
        "--to",
        "fhir_r4",
        "-o",
        tmp_path / "out.json",
        "--report",
        tmp_path / "r.json",
    )
    assert done.returncode == 0
    assert done.stdout == b""
    assert (tmp_path / "out.json").stat().st_mode & 0o077 == 0
    report = json.loads((tmp_path / "r.json").read_text())
    assert set(report) == {"losses", "issues"}
    assert SECRET not in json.dumps(report)


def test_json_everywhere_and_never_beside_a_payload(tmp_path: Path) -> None:
    (tmp_path / "in.hl7").write_bytes(MESSAGE)
    out = tmp_path / "out.json"
    done = iomt("translate", tmp_path / "in.hl7", "--to", "fhir_r4", "-o", out, "--json")
    assert done.returncode == 0
    assert set(json.loads(done.stdout)) == {"losses", "issues"}
    assert iomt("translate", tmp_path / "in.hl7", "--to", "fhir_r4", "--json").returncode == 2
    vault = ("--vault", tmp_path / "v", "--key-file", tmp_path / "k")
    assert iomt("ingest", tmp_path / "in.hl7", *vault).returncode == 0
    done = iomt("export", *vault, "--to", "fhir_r4", "-o", out, "--json")
    assert set(json.loads(done.stdout)) == {"losses", "issues"}
    done = iomt("vault", "verify", tmp_path / "v", "--key-file", tmp_path / "k", "--json")
    assert json.loads(done.stdout) == {"verified": True}
    done = iomt("translate", tmp_path / "in.hl7", "--to", "fhir_r4", "-o", out, "--report", "/nowhere/at/all")
    assert done.returncode == 2


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (("translate", "-", "--to", "nobody"), 2),
        (("translate", "/nowhere/at/all", "--to", "fhir_r4"), 1),
        (("translate", "-", "--to", "fhir_r4", "--strictness", "loose"), 2),
        (("no-such-command",), 2),
        (("vault", "info", "/nowhere/at/all.vault", "--key-file", "/nowhere/key"), 2),
    ],
)
def test_exit_codes(args: tuple[str, ...], code: int) -> None:
    done = iomt(*args, stdin=MESSAGE)
    assert done.returncode == code, done.stderr
    assert done.stdout == b""
    assert b"Traceback" not in done.stderr
    assert b"internal error" not in done.stderr


def test_a_failed_translation_leaves_no_file(tmp_path: Path) -> None:
    (tmp_path / "in.apdu").write_bytes(b"\xe2\x00\x00\x32" + b"\x00" * 10)
    done = iomt(
        "translate", tmp_path / "in.apdu", "--adapter", "ieee11073_phd", "--to", "fhir_r4", "-o", tmp_path / "out.json"
    )
    assert done.returncode == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.apdu"]


def test_ingest_twice_export_and_verify_with_a_passphrase(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.hl7").write_bytes(MESSAGE)
    vault, env = tmp_path / "ward.vault", {"IOMT_PASSPHRASE": "correct horse battery"}
    first = iomt("ingest", tmp_path / "in", "--vault", vault, "--json", env=env)
    assert first.returncode == 0, first.stderr
    (entry,) = json.loads(first.stdout)
    assert (entry["adapter"], entry["problem"]) == ("hl7v2_oru", None)
    assert entry["kinds"]["observation"] == 1
    before = json.loads(iomt("vault", "info", vault, "--json", env=env).stdout)
    assert iomt("ingest", tmp_path / "in", "--vault", vault, env=env).returncode == 0
    after = json.loads(iomt("vault", "info", vault, "--json", env=env).stdout)
    assert after["records"] == before["records"]
    exported = iomt("export", "--vault", vault, "--to", "fhir_r4", env=env)
    assert SECRET in exported.stdout.decode()
    assert iomt("vault", "verify", vault, env=env).returncode == 0
    wrong = iomt("export", "--vault", vault, "--to", "fhir_r4", env={"IOMT_PASSPHRASE": "wrong"})
    assert (wrong.returncode, wrong.stdout) == (1, b"")
    assert b"SEC-001" in wrong.stderr
    for path in tmp_path.glob("ward.vault*"):
        assert SECRET.encode() not in path.read_bytes()


def test_no_terminal_and_no_key_is_wrong_use(tmp_path: Path) -> None:
    env = {k: v for k, v in os.environ.items() if k != "IOMT_PASSPHRASE"}
    command = [sys.executable, "-m", "iomt_interop.cli", "ingest", str(tmp_path), "--vault", str(tmp_path / "v")]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, env=env, start_new_session=True, check=False
    )
    assert done.returncode == 2
    assert not (tmp_path / "v").exists()


def test_a_bad_file_is_a_finding_and_the_others_are_stored(tmp_path: Path) -> None:
    (tmp_path / "a.hl7").write_bytes(MESSAGE)
    (tmp_path / "b.bin").write_bytes(b"\x00 no format at all")
    done = iomt("ingest", tmp_path, "--vault", tmp_path / "v.vault", "--key-file", tmp_path / ".key", "--json")
    assert done.returncode == 1
    problems = {Path(row["file"]).name: row["problem"] for row in json.loads(done.stdout)}
    assert problems["a.hl7"] is None
    assert "SRC-002" in problems["b.bin"]


def test_ctrl_c_leaves_a_vault_that_opens(tmp_path: Path) -> None:
    many = tmp_path / "many.hl7"
    many.write_bytes(b"".join(MESSAGE.replace(b"|7|P|", b"|%d|P|" % n) for n in range(20000)))
    vault, key = tmp_path / "v.vault", tmp_path / "v.key"
    command = [
        sys.executable,
        "-m",
        "iomt_interop.cli",
        "ingest",
        str(many),
        "--vault",
        str(vault),
        "--key-file",
        str(key),
    ]
    # A shell's background job ignores the signal, and so would its children.
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - one thread
    )
    for _ in range(200):
        time.sleep(0.05)
        # What was put stands in the log beside the vault before it is moved there.
        if key.exists() and sum(file.stat().st_size for file in tmp_path.glob("v.vault*")) > 200_000:
            break
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    assert b"Traceback" not in stderr
    assert iomt("vault", "verify", vault, "--key-file", key).returncode == 0


def test_doctor_is_content() -> None:
    done = iomt("doctor", "--json")
    assert done.returncode == 0, done.stdout
    names = [check["name"] for check in json.loads(done.stdout)]
    assert {"kernel er7", "kernel mder", "encryption", "adapter fhir_r4"} <= set(names)


def test_demo_proves_what_it_says(tmp_path: Path) -> None:
    done = iomt("demo", "--into", tmp_path / "d", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    text = done.stdout.decode()
    assert " 0 found" in text.replace("\n", " ")
    assert "$ iomt ingest" in text
    assert json.loads((tmp_path / "d" / "bundle.json").read_text())["resourceType"] == "Bundle"
    for path in (tmp_path / "d").glob("demo.vault*"):
        assert b"ORU^R01" not in path.read_bytes()
