"""``iomt listen`` and ``iomt send`` as processes: python-hl7's client over TLS, kill -9, a second start, refusals.

``IOMT_MLLP_MESSAGES`` sets how many messages the long witness sends (300 where it is not set).
"""

from __future__ import annotations

import json
import os
import queue
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import hl7
import pytest
from hl7.client import MLLPClient
from support.certificates import Issuer, Pair
from typer.testing import CliRunner, Result

import iomt_interop as iomt
from iomt_interop.cli.app import app
from iomt_interop.errors import CODES
from iomt_interop.model import Message
from iomt_interop.plugins import default_registry
from iomt_interop.vault import KeyFile
from iomt_interop.wire import mllp

MESSAGES = int(os.environ.get("IOMT_MLLP_MESSAGES", "300"))
SENDERS = 8
SAMPLES = sorted(default_registry().get("hl7v2_oru").samples())


def message(number: int | str) -> bytes:
    person = sum(str(number).encode()) % SENDERS
    head = f"MSH|^~\\&|MON{person}|ICU|EHR|HOSP|20261124105803+0000||ORU^R01^ORU_R01|{number}|P|2.6"
    return (
        f"{head}\rPID|||SECRET{person}^^^H^MR||Muster^Erika\rOBR|1|||69965^MDC_DEV_MON_PHYSIO_MULTI_PARAM_MDS^MDC|||"
        f"20261124105800+0000\rOBX|1|NM|150456^MDC_PULS_OXIM_SAT_O2^MDC|1.1.1.1|9{number}|262688^MDC_DIM_PERCENT^MDC|||||R\r"
    ).encode()


class TlsClient(MLLPClient):
    """python-hl7's client, its socket wrapped."""

    def __init__(self, port: int, context: ssl.SSLContext) -> None:
        super().__init__("127.0.0.1", port)
        self.socket = context.wrap_socket(self.socket, server_hostname="127.0.0.1")
        self.socket.settimeout(60)

    def ask(self, payload: bytes) -> tuple[str, str]:
        """Send a message; return code and control id of the acknowledgement."""
        found = self.send_message(payload)
        if not found:
            raise ConnectionError
        while not found.endswith(b"\x1c\r"):
            more = self.socket.recv(4096)
            if not more:
                raise ConnectionError
            found += more
        answer = hl7.parse(found[1:-2].decode())
        return str(answer["MSA.F1"]), str(answer["MSA.F2"])


class Ward:
    """Certificates, a vault's place, and a listener that can be started again."""

    def __init__(self, folder: Path) -> None:
        self.issuer = Issuer(folder)
        self.server = self.issuer.issue("server", "127.0.0.1")
        self.client: Pair = self.issuer.issue("client")
        self.vault, self.key = folder / "ward.vault", folder / "ward.key"
        self.spool = folder / "ward.vault.spool"
        self.port = 0

    @contextmanager
    def listening(self, *more: str) -> Iterator[subprocess.Popen[str]]:
        """Run ``iomt listen`` on a free port."""
        args = [
            "--mllp", "127.0.0.1:0", "--vault", self.vault, "--key-file", self.key, "--tls-cert",
            self.server.certificate, "--tls-key", self.server.key, "--client-ca", self.issuer.ca, "--json", *more,
        ]  # fmt: skip
        command = [sys.executable, "-m", "iomt_interop", "listen", *map(str, args)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            assert process.stderr is not None
            found = re.search(
                r"listening on 127\.0\.0\.1:(\d+), TLS with client certificates", process.stderr.readline()
            )
            assert found is not None, process.stderr.read()
            self.port = int(found[1])
            yield process
        finally:
            process.kill()
            for stream in (process.stdout, process.stderr):
                if stream is not None:
                    stream.close()
            process.wait(30)

    def context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.issuer.ca))
        context.load_cert_chain(self.client.certificate, self.client.key)
        return context

    def stored(self) -> list[str]:
        """Return the control ids in the vault, every version of every message."""
        with iomt.Vault.open(self.vault, keys=KeyFile(self.key)) as vault:
            found = list(vault.records(kinds={"message"}, versions="all"))
            vault.verify()
        return [record.control_id or "" for record in found if isinstance(record, Message)]


@pytest.fixture
def ward(tmp_path: Path) -> Ward:
    return Ward(tmp_path)


def end(process: subprocess.Popen[str]) -> dict[str, dict[str, int]]:
    """Terminate a listener; return its account."""
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=60)
    account = json.loads(out)
    assert isinstance(account, dict)
    return account


def pour(ward: Ward, ids: list[str], *, until: int | None = None) -> tuple[list[tuple[str, str]], threading.Event]:
    """Send messages from several clients; return acknowledgements as they come, and whether there are ``until``."""
    todo: queue.SimpleQueue[str] = queue.SimpleQueue()
    for each in ids:
        todo.put(each)
    got: list[tuple[str, str]] = []
    enough = threading.Event()

    def send() -> None:
        with suppress(OSError), TlsClient(ward.port, ward.context()) as client:
            while not todo.empty():
                with suppress(queue.Empty):
                    number = todo.get_nowait()
                    code, answered = client.ask(message(number))
                    assert answered == number
                    got.append((code, number))
                    if until is not None and len(got) >= until:
                        enough.set()

    threads = [threading.Thread(target=send, daemon=True) for _ in range(SENDERS)]
    for thread in threads:
        thread.start()
    if until is None:
        for thread in threads:
            thread.join(300)
    return got, enough


def test_another_librarys_client_sends_many_messages_over_tls(ward: Ward) -> None:
    ids = [str(number) for number in range(MESSAGES)]
    with ward.listening() as process:
        got, _ = pour(ward, ids)
        assert sorted(got) == sorted(("AA", number) for number in ids)
        account = end(process)
        assert process.returncode == 0
    counts = account["messages"]
    assert (counts["received"], counts["accepted"]) == (MESSAGES, MESSAGES)
    assert account["vault"]["issues"] == 0
    assert sorted(ward.stored()) == sorted(ids)
    octets = ward.vault.read_bytes()
    assert b"SECRET" not in octets
    assert b"Muster" not in octets


@pytest.mark.parametrize("more", [(), ("--spool",)], ids=["vault", "spool"])
def test_a_killed_listener_has_what_it_acknowledged_and_goes_on_when_started_again(
    ward: Ward, more: tuple[str, ...]
) -> None:
    ids = [str(number) for number in range(5000)]
    with ward.listening(*more) as process:
        got, enough = pour(ward, ids, until=60)
        assert enough.wait(120)
        process.kill()
        process.wait(30)
    acknowledged = {number for code, number in got if code == "AA"}
    assert 60 <= len(acknowledged) < len(ids)
    if more:  # what is sealed is translated at the next start, with the option or without
        assert list(ward.spool.iterdir())
        with ward.listening() as process:
            end(process)
        assert not ward.spool.exists()
    stored = ward.stored()
    assert acknowledged <= set(stored)
    assert len(stored) == len(set(stored))
    # A sender repeats what was not acknowledged, and perhaps what was: nothing is stored twice.
    some = [*sorted(acknowledged)[:10], "a", "b"]
    with ward.listening(*more) as process:
        with TlsClient(ward.port, ward.context()) as client:
            for number in some:
                assert client.ask(message(number)) == ("AA", number)
        assert end(process)["messages"].get("repeated", 0) == 0  # it is the vault that knew them
    assert sorted(ward.stored()) == sorted([*stored, "a", "b"])


def test_a_terminated_listener_has_answered_all_that_it_stored(ward: Ward) -> None:
    ids = [str(number) for number in range(5000)]
    with ward.listening() as process:
        got, enough = pour(ward, ids, until=40)
        assert enough.wait(120)
        account = end(process)
        assert process.returncode == 0
    stored = ward.stored()
    assert len(stored) == len(set(stored)) == account["messages"]["accepted"]
    for _ in range(100):  # the senders' threads take note of their last answers
        if len(got) == len(stored):
            break
        threading.Event().wait(0.05)
    assert {number for _, number in got} == set(stored)


def test_what_cannot_be_read_is_refused_and_not_stored(ward: Ward) -> None:
    with ward.listening("--strictness", "strict", "--max-message", "2000") as process:
        with TlsClient(ward.port, ward.context()) as client:
            assert client.ask(message(1)) == ("AA", "1")
            broken = message(2).replace(b"\r", b"\n")
            assert client.ask(broken) == ("AE", "2")
            assert client.ask(message(3) + b"NTE|1||" + b"x" * 2000 + b"\r") == ("AE", "3")
            assert client.ask(b"hello") == ("AE", "")
        account = end(process)
        assert process.returncode == 1
    assert (account["messages"]["accepted"], account["messages"]["errors"]) == (1, 3)
    assert ward.stored() == ["1"]


RUN = CliRunner()


def command(*args: object) -> Result:
    return RUN.invoke(app, [str(arg) for arg in args], env={"COLUMNS": "300"})


def test_send_delivers_files_and_a_second_run_stores_nothing(ward: Ward, tmp_path: Path) -> None:
    batch = tmp_path / "batch.hl7"
    batch.write_bytes(b"BHS|^~\\&|x\r" + message("b1") + mllp.encode(message("b2")) + b"BTS|2\r")
    with ward.listening() as process:
        tls = ("--ca", ward.issuer.ca, "--tls-cert", ward.client.certificate, "--tls-key", ward.client.key)
        target = ("--mllp", f"127.0.0.1:{ward.port}", *tls, "--json")
        first = command("send", batch, *SAMPLES, *target, "--window", "4")
        told = json.loads(first.stdout)
        assert (first.exit_code, told["problems"]) == (0, [])
        assert told["accepted"] == told["messages"] >= 3
        again = command("send", batch, *target)
        assert json.loads(again.stdout)["accepted"] == 2
        unknown = command("send", batch, "--mllp", f"127.0.0.1:{ward.port}", "--ca", ward.issuer.ca, "--attempts", "1")
        assert unknown.exit_code == 1
        assert re.search(r": message 1: NET-10[35]: .* certificate", unknown.stderr), "what it is, and where to look"
        account = end(process)
    assert account["messages"]["repeated"] == 2
    assert {"b1", "b2"} < set(ward.stored())
    late = command("send", batch, *target, "--attempts", "2")
    assert late.exit_code == 1
    [problem] = json.loads(late.stdout)["problems"]
    assert (problem["error"], problem["text"]) == ("NET-102", f"NET-102: {CODES['NET-102']}")


@pytest.mark.parametrize(
    "args",
    [
        ("--mllp", "127.0.0.1:0"),
        ("--mllp", "0.0.0.0:0", "--plain"),
        ("--mllp", ":0", "--plain"),
        ("--mllp", "nowhere", "--plain"),
        ("--mllp", "::1:99", "--plain"),
        ("--mllp", "127.0.0.1:99999", "--plain"),
        ("--mllp", "127.0.0.1:0", "--insecure-network"),
        ("--mllp", "127.0.0.1:0", "--tls-cert", "missing.pem"),
        ("--mllp", "127.0.0.1:0", "--plain", "--client-ca", "missing.pem"),
        ("--mllp", "127.0.0.1:0", "--plain", "--adapter", "no_such"),
    ],
)
def test_wrong_use_is_refused_before_a_vault_is_made(args: tuple[str, ...], tmp_path: Path) -> None:
    found = command("listen", *args, "--vault", tmp_path / "v", "--key-file", tmp_path / "k", "--json")
    assert found.exit_code == 2
    assert json.loads(found.stdout)["error"]["code"] in ("USE-001", "ADP-001")
    assert not list(tmp_path.iterdir())


def test_a_taken_port_is_refused(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        found = command("listen", "--mllp", where, "--plain", "--vault", tmp_path / "v", "--key-file", tmp_path / "k")
    assert found.exit_code == 2
    assert "NET-101" in found.stderr
