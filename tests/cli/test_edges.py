"""The edges of the command: outputs that must not be touched, broken standard streams, help, names."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import tomllib
from pathlib import Path

import pytest

from iomt_interop.cli.doctor import EXTRAS

from .test_cli import MESSAGE, SECRET, iomt

FHIR = ("--to", "fhir_r4")


@pytest.fixture
def message(tmp_path: Path) -> Path:
    """Return a file with one message."""
    path = tmp_path / "in.hl7"
    path.write_bytes(MESSAGE)
    return path


def shell(line: str, **variables: object) -> subprocess.CompletedProcess[bytes]:
    """Run a line of shell in which `$IOMT` is the command."""
    env = {**os.environ, "IOMT": f"{sys.executable} -m iomt_interop", **{k: str(v) for k, v in variables.items()}}
    return subprocess.run(["bash", "-c", line], capture_output=True, env=env, check=False)


def plain(done: subprocess.CompletedProcess[bytes], *words: str) -> None:
    """Check that a failure is told in one line that says what is wrong."""
    assert done.returncode in (1, 2), done
    text = done.stderr.decode()
    assert text.count("\n") == 1, text
    assert "internal error" not in text
    assert "Traceback" not in text
    for word in words:
        assert word in text


# Outputs.


@pytest.mark.parametrize("option", ["-o", "--report"])
def test_no_output_replaces_the_input(message: Path, option: str) -> None:
    link = message.with_name("link")
    link.symlink_to(message)
    hard = message.with_name("hard")
    os.link(message, hard)
    for target in (message, link, hard, message.parent / "x" / ".." / "in.hl7"):
        (message.parent / "x").mkdir(exist_ok=True)
        more = ("-o", message.with_name("out")) if option == "--report" else ()
        done = iomt("translate", message, *FHIR, option, target, *more)
        assert done.returncode == 2
        plain(done, option, "the input")
        assert message.read_bytes() == MESSAGE
        assert not message.with_name("out").exists()


def test_no_output_replaces_standard_input(message: Path) -> None:
    done = shell('$IOMT translate - --to fhir_r4 -o "$M" < "$M"', M=message)
    plain(done, "-o", "the input")
    assert message.read_bytes() == MESSAGE


def test_the_two_outputs_are_two(message: Path) -> None:
    same = message.with_name("same")
    plain(iomt("translate", message, *FHIR, "-o", same, "--report", same.parent / "." / "same"), "--report", "-o")
    assert not same.exists()
    plain(iomt("translate", message, *FHIR, "--report", "-"), "standard output")
    done = iomt("translate", message, *FHIR, "-o", same, "--report", "-")
    assert done.returncode == 0
    assert set(json.loads(done.stdout)) == {"losses", "issues"}
    done = iomt("translate", message, *FHIR, "-o", same, "--report", "-", "--json")
    assert set(json.loads(done.stdout)) == {"losses", "issues"}


def test_a_link_stays_and_its_target_is_written(message: Path, tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    link, target = tmp_path / "link", tmp_path / "far" / "out.json"
    link.symlink_to(target)
    for _ in range(2):  # first a link that leads nowhere, then one to a file
        assert iomt("translate", message, *FHIR, "-o", link).returncode == 0
        assert link.is_symlink()
        assert json.loads(target.read_text())["resourceType"] == "Bundle"
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    plain(iomt("translate", message, *FHIR, "-o", loop), "loop")
    assert loop.is_symlink()


def test_a_pipe_and_a_device_are_written_through(message: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    done = iomt("translate", message, *FHIR, "-o", pipe)
    reader.join(timeout=30)
    assert done.returncode == 0, done.stderr
    assert json.loads(got[0])["resourceType"] == "Bundle"
    assert pipe.is_fifo()
    done = iomt("translate", message, *FHIR, "-o", "/dev/null", "--report", "/dev/null")
    assert done.returncode == 0, done.stderr
    assert Path("/dev/null").is_char_device()
    plain(iomt("translate", message, *FHIR, "-o", "/dev/full"), "/dev/full", "No space left")


def test_the_name_of_standard_output_is_standard_output(message: Path, tmp_path: Path) -> None:
    done = iomt("translate", message, *FHIR, "-o", "/dev/stdout")
    assert json.loads(done.stdout)["resourceType"] == "Bundle"
    out = tmp_path / "out"
    out.write_bytes(b"before\n")
    done = shell('$IOMT translate "$M" --to fhir_r4 -o /dev/stdout >> "$O"', M=message, O=out)
    assert done.returncode == 0
    assert out.read_bytes().startswith(b'before\n{"resourceType"')
    plain(iomt("translate", message, *FHIR, "-o", "/dev/stdout", "--report", "-"), "standard output")


def test_a_folder_or_no_folder_is_no_output(message: Path, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    plain(iomt("translate", message, *FHIR, "-o", tmp_path / "folder"), "-o", "folder")
    plain(iomt("translate", message, *FHIR, "-o", tmp_path / "none" / "out"), "-o", "folder")
    plain(iomt("translate", message, *FHIR, "-o", message / "out"), "-o", "folder")
    plain(iomt("translate", message, *FHIR, "-o", tmp_path / "out", "--report", tmp_path / "folder"), "--report")
    assert not (tmp_path / "out").exists()
    assert list((tmp_path / "folder").iterdir()) == []


# Standard streams.


@pytest.mark.parametrize(
    "command",
    ['translate "$M" --to fhir_r4', "adapters", "adapters --json", "--version", 'sniff "$M"', "doctor", "--help"],
)
def test_a_full_or_closed_standard_output_is_one_plain_line(message: Path, command: str) -> None:
    plain(shell(f"$IOMT {command} > /dev/full", M=message), "No space left")
    plain(shell(f"$IOMT {command} >&-", M=message), "standard output")


def test_closed_input_and_closed_diagnostics(message: Path) -> None:
    plain(shell("$IOMT translate - --to fhir_r4 <&-"), "SRC-004")
    done = shell('$IOMT translate "$M" --to fhir_r4 2>&-', M=message)
    assert (done.returncode, done.stderr) == (0, b"")
    assert json.loads(done.stdout)["resourceType"] == "Bundle"


def test_a_reader_that_leaves_is_no_error(message: Path) -> None:
    done = shell(
        'for n in {1..4000}; do cat "$M"; done | $IOMT translate - --to fhir_r4 | head -c 10 > /dev/null', M=message
    )
    assert (done.returncode, done.stderr) == (0, b"")


# Detection.


def test_every_file_has_a_row(message: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.hl7").touch()
    (tmp_path / "unknown.bin").write_bytes(b"\x00\x01")
    paths = [tmp_path / "missing", message, tmp_path / "empty.hl7", tmp_path / "unknown.bin"]
    done = iomt("sniff", *paths, env={"COLUMNS": "300"})
    assert done.returncode == 1
    text = done.stdout.decode()
    for word in ("missing", "there is no such file", "hl7v2_oru", "empty", "not recognised"):
        assert word in text
    assert "NO" not in text.split()
    rows = json.loads(iomt("sniff", "--json", *paths).stdout)
    assert [row["file"] for row in rows] == list(map(str, paths))
    assert [row["adapter"] for row in rows] == [None, "hl7v2_oru", None, None]
    codes = [row["problem"] and row["problem"][:7] for row in rows]
    assert codes == ["SRC-004", None, "SRC-001", "SRC-002"]


def test_an_empty_file_has_one_code(tmp_path: Path) -> None:
    empty = tmp_path / "empty.hl7"
    empty.touch()
    assert b"SRC-001" in iomt("translate", empty, *FHIR).stderr
    (row,) = json.loads(iomt("ingest", empty, "--vault", tmp_path / "v", "--key-file", tmp_path / "k", "--json").stdout)
    assert "SRC-001" in row["problem"]


def test_what_a_folder_hides_is_counted(message: Path, tmp_path: Path) -> None:
    (tmp_path / ".hidden").write_bytes(MESSAGE)
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe")
    done = iomt("sniff", tmp_path)
    assert done.returncode == 0, done.stdout
    text = done.stderr.decode()
    assert "1 hidden" in text
    assert "1 broken link" in text
    assert "1 that is no file" in text


@pytest.mark.parametrize("columns", [None, "80", "60"])
def test_an_id_is_never_cut(message: Path, columns: str | None) -> None:
    env = {} if columns is None else {"COLUMNS": columns}
    listed = iomt("adapters", env=env).stdout.decode().split()
    for row in json.loads(iomt("adapters", "--json").stdout):
        assert row["id"] in listed
    assert "hl7v2_oru" in iomt("sniff", message, env=env).stdout.decode().split()


# Names, help, demo, JSON.


def test_help_version_and_the_module() -> None:
    module = [sys.executable, "-m", "iomt_interop"]
    assert subprocess.run([*module, "-V"], capture_output=True, check=True).stdout == iomt("--version").stdout
    for args in (("-h",), ("translate", "-h"), ("vault", "-h")):
        assert b"Usage" in subprocess.run([*module, *args], capture_output=True, check=True).stdout
    shown = iomt("translate", "--help", env={"COLUMNS": "300"}).stdout.decode()
    for form in ("collection", "transaction", "ndjson", "source"):
        assert form in shown


def test_the_demo_shows_what_its_commands_show(tmp_path: Path) -> None:
    done = iomt("demo", "--into", tmp_path / "d")
    assert done.returncode == 0, done.stderr
    text = done.stdout.decode()
    head = text.partition("$ iomt sniff")[0]
    assert "ieee11073_phd" in head
    assert "VERIFIED" in text.partition("$ iomt sniff")[2].partition("$ iomt ingest")[0]
    assert "number" in text


def test_the_demo_needs_a_folder(message: Path) -> None:
    plain(iomt("demo", "--into", message), "--into")
    plain(iomt("demo", "--into", message / "below"), "--into")
    plain(iomt("demo", "--into", "/proc/nowhere"), "--into")


def test_an_error_is_json_too(message: Path, tmp_path: Path) -> None:
    done = iomt("translate", tmp_path / "missing", *FHIR, "-o", tmp_path / "out", "--json")
    assert done.returncode == 1
    error = json.loads(done.stdout)["error"]
    assert (error["code"], error["type"], error["hint"]) == ("SRC-004", "SourceUnavailable", "there is no such file")
    assert b"SRC-004" in done.stderr
    done = iomt("translate", message, "--to", "nobody", "-o", tmp_path / "out", "--json")
    assert json.loads(done.stdout)["error"]["code"] == "ADP-001"
    done = iomt("translate", message, *FHIR, "-o", message, "--json")
    assert (done.returncode, json.loads(done.stdout)["error"]["code"]) == (2, None)
    done = iomt("translate", message, *FHIR, "-o", tmp_path / "out", "--json", "--zone", f"Ward/{SECRET}")
    error = json.loads(done.stdout)["error"]
    assert (done.returncode, error["code"], error["path"]) == (2, "USE-001", "default_zone")
    assert SECRET.encode() not in done.stdout + done.stderr


def test_an_interrupt_while_the_command_is_loaded_shows_no_traceback() -> None:
    late = (
        "import sys\n"
        "class Interrupt:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'iomt_interop.cli.app':\n"
        "            raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Interrupt())\n"
        "from iomt_interop.cli import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", late], capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (130, b"")
    assert done.stderr.startswith(b"interrupted")
    assert done.stderr.count(b"\n") == 1


def test_sniff_says_that_a_folder_holds_nothing_to_look_at(tmp_path: Path) -> None:
    plain(iomt("sniff", tmp_path), "no file")
    done = iomt("sniff", tmp_path, "--json")
    assert (done.returncode, json.loads(done.stdout)) == (1, [])


def test_doctor_names_every_extra_that_a_user_may_want() -> None:
    pyproject = Path(__file__).parents[2] / "pyproject.toml"
    extras = set(tomllib.loads(pyproject.read_text())["project"]["optional-dependencies"])
    told = {extra for _, extra in EXTRAS}
    assert told == extras - {"docs", "test", "lint", "all"}
