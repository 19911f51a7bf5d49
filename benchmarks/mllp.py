"""MLLP on loopback with TLS and client certificates: durable and acknowledged messages per second.

usage: python benchmarks/mllp.py [--messages N] [--connections N] [--window N]

The load generator is a process of its own, and so is each server; where the system allows it, each has one core. Four
servers are measured: ``framing`` acknowledges at once (what TLS, frames and acknowledgements cost), ``file`` syncs
every batch to a plain file, ``listen`` is ``iomt listen`` with its encrypted vault, once with
``--spool``, where a second row counts until all is in the vault. Each has had some messages before it is measured, so
that what a process does once is not counted. A second table tells where the time of ``listen`` goes: what a message
costs to receive and answer (``framing``), to read, and to put into a vault, each alone, the least of several rounds.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import re
import signal
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))
console = Console()


def small(number: int) -> bytes:
    """One measurement of a pulse oximeter."""
    return (
        f"MSH|^~\\&|MON{number % 20}|ICU|EHR|HOSP|20261124105803+0000||ORU^R01^ORU_R01|S{number}|P|2.6\r"
        f"PID|||EX-{number % 20}^^^H^MR||Muster^Erika\r"
        "OBR|1|||69965^MDC_DEV_MON_PHYSIO_MULTI_PARAM_MDS^MDC|||20261124105800+0000\r"
        f"OBX|1|NM|150456^MDC_PULS_OXIM_SAT_O2^MDC|1.1.1.1|{90 + number % 10}|262688^MDC_DIM_PERCENT^MDC|||||R\r"
    ).encode()


def monitor(number: int) -> bytes:
    """A monitor's 30 OBX, each message under its own control id."""
    text = (ROOT / "fixtures" / "hl7v2_oru" / "pcd01_30obx.hl7").read_bytes()
    fields = text.split(b"\r", 1)[0].split(b"|")
    return text.replace(b"|" + fields[9] + b"|", b"|M%d|" % number, 1)


WARM = 300
"""Messages that a server has before it is measured."""
ROUNDS = 5

KINDS: dict[str, Callable[[int], bytes]] = {"small, 1 OBX": small, "monitor, 30 OBX": monitor}


MEASURED: dict[tuple[str, str], float] = {}
"""Processor seconds of a message, by server and kind."""


def pin(core: int, process: int = 0) -> None:
    """Keep a process, or this one, on one core, where the system allows that."""
    with contextlib.suppress(AttributeError, OSError):
        os.sched_setaffinity(process, {sorted(os.sched_getaffinity(0))[core]})


# The load generator.


class Sender(asyncio.Protocol):
    """Keeps a window of messages under way and counts what is acknowledged."""

    def __init__(self, frames: list[bytes], window: int, done: asyncio.Future[int]) -> None:
        self.frames, self.window, self.done = frames, window, done
        self.sent = self.acknowledged = 0
        self.rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.more()

    def more(self) -> None:
        stop = min(self.acknowledged + self.window, len(self.frames))
        if stop > self.sent:
            self.transport.write(b"".join(self.frames[self.sent : stop]))  # type: ignore[attr-defined]
            self.sent = stop

    def data_received(self, data: bytes) -> None:
        *whole, self.rest = (self.rest + data).split(b"\x1c\r")
        for answer in whole:
            if b"\rMSA|AA|" not in answer and b"\rMSA|CA|" not in answer:
                self.done.set_exception(RuntimeError("not accepted"))
                return
        self.acknowledged += len(whole)
        if self.acknowledged == len(self.frames) and not self.done.done():
            self.done.set_result(self.acknowledged)
        self.more()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(RuntimeError("connection lost"))


def generate(
    port: int,
    certificates: Sequence[Path],
    kind: str,
    first: int,
    count: int,
    connections: int,
    window: int,
    out: Connection,
) -> None:
    """Send messages; report seconds."""
    pin(-1)
    ca, certificate, key = certificates
    context = ssl.create_default_context(cafile=str(ca))
    context.load_cert_chain(certificate, key)
    from iomt_interop.wire import mllp

    frames = [mllp.encode(KINDS[kind](first + number)) for number in range(count)]

    async def run() -> float:
        loop = asyncio.get_running_loop()
        dones = [loop.create_future() for _ in range(connections)]
        gate = time.perf_counter()
        for number, done in enumerate(dones):
            share = frames[number::connections]
            await loop.create_connection(
                lambda share=share, done=done: Sender(share, window, done),  # type: ignore[misc]
                "127.0.0.1", port, ssl=context, server_hostname="127.0.0.1",
            )  # fmt: skip
        await asyncio.gather(*dones)
        return time.perf_counter() - gate

    out.send(asyncio.run(run()))


# The servers.


def serve_plainly(path: str | None, certificates: Sequence[Path], out: Connection) -> None:
    """Serve; make batches durable in a plain file, or not at all."""
    pin(0)
    from iomt_interop.transport import ACCEPTED, Delivery, Limits, MllpServer, Verdict, server_context

    handle = None if path is None else os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)

    def store(batch: Sequence[Delivery]) -> list[Verdict]:
        if handle is not None:
            os.write(handle, b"".join(delivery.message for delivery in batch))
            os.fdatasync(handle)
        return [ACCEPTED] * len(batch)

    async def run() -> None:
        ca, certificate, key = certificates
        server = MllpServer(
            store, "127.0.0.1", 0, tls=server_context(certificate, key, client_ca=ca), limits=Limits(idle=None)
        )
        async with server:
            out.send(server.addresses[0][1])
            stop = asyncio.Event()
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
            await stop.wait()
            out.send((server.counters["batches"], time.process_time()))

    asyncio.run(run())


def measure(port: int, certificates: Sequence[Path], kind: str, first: int, arguments: argparse.Namespace) -> float:
    """Run the load generator in a process of its own."""
    return send(port, certificates, kind, first, arguments.messages, arguments)


def warm_up(port: int, certificates: Sequence[Path], kind: str, arguments: argparse.Namespace) -> None:
    """Let a server do what it does once."""
    send(port, certificates, kind, 10_000_000, WARM, arguments)


def send(
    port: int, certificates: Sequence[Path], kind: str, first: int, count: int, arguments: argparse.Namespace
) -> float:
    """Return the seconds that some messages take."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    args = (port, certificates, kind, first, count, arguments.connections, arguments.window, theirs)
    process = context.Process(target=generate, args=args)
    process.start()
    theirs.close()
    try:
        return float(ours.recv())
    finally:
        process.join()


def cpu_of(pid: int) -> float:
    """Return the processor time of a process in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def bench_plainly(
    name: str,
    folder: Path,
    served: Sequence[Path],
    sending: Sequence[Path],
    arguments: argparse.Namespace,
    table: Table,
) -> None:
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    path = None if name == "framing" else str(folder / "messages")
    process = context.Process(target=serve_plainly, args=(path, served, theirs))
    process.start()
    port = ours.recv()
    for position, kind in enumerate(KINDS):
        warm_up(port, sending, kind, arguments)
        before = cpu_of(process.pid or 0)
        seconds = measure(port, sending, kind, position * arguments.messages, arguments)
        row(table, name, kind, arguments.messages, seconds, cpu_of(process.pid or 0) - before)
    process.terminate()
    process.join()


def bench_listen(
    folder: Path,
    served: Sequence[Path],
    sending: Sequence[Path],
    arguments: argparse.Namespace,
    table: Table,
    *more: str,
) -> None:
    ca, certificate, key = served
    folder = Path(tempfile.mkdtemp(dir=folder))
    for position, kind in enumerate(KINDS):
        args = [
            "listen", "--mllp", "127.0.0.1:0", "--vault", folder / f"{position}.vault", "--key-file",
            folder / f"{position}.key", "--tls-cert", certificate, "--tls-key", key, "--client-ca", ca, "--json", *more,
        ]  # fmt: skip
        command = [sys.executable, "-m", "iomt_interop", *map(str, args)]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        pin(0, process.pid)
        assert process.stderr is not None
        found = re.search(r":(\d+),", process.stderr.readline())
        assert found is not None, process.stderr.read()
        whole = 0.0
        measured = argparse.Namespace(
            **{**vars(arguments), "messages": arguments.messages // (1 if position == 0 else 5)}
        )
        warm_up(int(found[1]), sending, kind, arguments)
        time.sleep(3 if more else 0)  # what was sealed is translated meanwhile
        before = cpu_of(process.pid)
        seconds = measure(int(found[1]), sending, kind, 0, measured)
        name, start = " ".join(("listen", *more)), time.perf_counter()
        row(table, name, kind, measured.messages, seconds, cpu_of(process.pid) - before)
        process.send_signal(signal.SIGKILL if more and arguments.skip_translation else signal.SIGTERM)
        while (
            more
            and not arguments.skip_translation
            and process.poll() is None
            and (folder / f"{position}.vault.spool").is_dir()
        ):
            time.sleep(0.01)
            whole = cpu_of(process.pid) - before
        if whole:
            row(table, name + ", translated", kind, measured.messages, seconds + time.perf_counter() - start, whole)
        process.communicate(timeout=600)


def bench_parts(folder: Path, arguments: argparse.Namespace, measured: dict[tuple[str, str], float]) -> Table:
    """Measure reading and putting without any network; tell which share each part has of what a message costs."""
    from iomt_interop.facade import message_reader
    from iomt_interop.vault import KeyFile, Vault

    table = Table("message", "part", "processor time each", "share", title="Where the time of listen goes")
    read, size = message_reader("hl7v2_oru"), arguments.connections * arguments.window
    with Vault.create(folder / "alone.vault", keys=KeyFile.create(folder / "alone.key")) as vault:
        for kind, make in KINDS.items():
            reading, putting = [], []
            for turn in range(ROUNDS + 1):
                messages = [make(turn * size + number) for number in range(size)]
                start = time.process_time()
                found = [read(message) for message in messages]
                reading.append(time.process_time() - start)
                start = time.process_time()
                vault.put([record for records in found for record in records])
                putting.append(time.process_time() - start)
            costs = {"read": min(reading[1:]) / size, f"put, {size} messages at a time": min(putting[1:]) / size}
            if ("framing", kind) in measured:
                costs = {"receive and answer": measured["framing", kind]} | costs
            whole = measured.get(("listen", kind), sum(costs.values()))
            if ("listen", kind) in measured:
                costs["all else: two threads, smaller batches"] = max(whole - sum(costs.values()), 0.0)
            for part, cost in costs.items():
                table.add_row(kind, part, f"{cost * 1e6:,.0f} us", f"{cost / whole:.0%}")
    return table


def row(table: Table, name: str, kind: str, count: int, seconds: float, busy: float) -> None:
    MEASURED[name, kind] = busy / count
    table.add_row(
        name, kind, f"{count:,}", f"{count / seconds:,.0f}", f"{busy / count * 1e6:,.0f} us", f"{busy / seconds:.0%}"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=5000)
    parser.add_argument("--connections", type=int, default=20)
    parser.add_argument("--window", type=int, default=10, help="messages under way on each connection")
    parser.add_argument("--only", nargs="+", choices=("framing", "file", "listen", "spool", "alone"))
    parser.add_argument(
        "--skip-translation", action="store_true", help="kill the listener with a spool once all is sealed"
    )
    arguments = parser.parse_args()
    from support.certificates import Issuer

    title = f"MLLP over TLS, {arguments.connections} connections, {arguments.window} messages under way on each"
    table = Table(
        "server", "message", "messages", "per second", "processor time each", "share of its core", title=title
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        issuer = Issuer(folder)
        server, client = issuer.issue("server", "127.0.0.1"), issuer.issue("client")
        served = (issuer.ca, server.certificate, server.key)
        sending = (issuer.ca, client.certificate, client.key)
        for each in ("framing", "file"):
            if arguments.only is None or each in arguments.only:
                bench_plainly(each, folder, served, sending, arguments, table)
        if arguments.only is None or "listen" in arguments.only:
            bench_listen(folder, served, sending, arguments, table)
        if arguments.only is None or "spool" in arguments.only:
            bench_listen(folder, served, sending, arguments, table, "--spool", "--grace", "600")
        console.print(table)
        if arguments.only is None or "alone" in arguments.only:
            console.print(bench_parts(folder, arguments, MEASURED))


if __name__ == "__main__":
    main()
