"""``iomt listen``: receive over MLLP and TLS, translate, store encrypted, acknowledge."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer

from ..errors import CODES, InvalidRequest, IomtError
from ..plugins import ReadContext, default_registry
from ..transport import Drain, Limits, MllpServer, Spool, VaultSink, server_context
from ..transport.delivery import SameId, Store
from ..transport.tls import Plain, check_channel
from ..vault import KeyFile, KeyProvider
from ..vault.place import exists, is_url
from .asked import Asked, asks
from .common import FINDINGS, AdapterOption, JsonOption, StrictnessOption, ZoneOption, complain, emit_json, errors
from .desk import Desk, Takes, create_at_desk, open_desk
from .keys import KeyServiceOption, NewKeyFileOption, key_provider
from .network import CommitOption, InsecureOption, PlainOption, address_of, plain_of, shown
from .store import NewVaultOption, open_or_create

__all__ = ["listen"]

_TOLD: Final = ("received", "accepted", "repeated", "errors", "rejected")
"""What a line on standard error says of the messages."""
_LOOK: Final = 1.0
"""Seconds between two looks at the counters, and before what failed is tried again."""
_PAUSE: Final = 0.05
"""Seconds in which nothing comes before messages of the spool are translated."""


@dataclass(frozen=True, slots=True)
class _Job:
    """What the command was asked to do."""

    server: Callable[[Store, ThreadPoolExecutor], MllpServer]
    sink: Callable[[Takes], VaultSink]
    spool: Callable[[], Spool] | None
    channel: str
    every: float
    grace: float


_MllpOption = Annotated[
    str, typer.Option("--mllp", help="Where to listen: HOST:PORT; an empty host is every interface.")
]
_CertOption = Annotated[Path | None, typer.Option("--tls-cert", help="Certificate chain of this server, PEM.")]
_KeyOption = Annotated[Path | None, typer.Option("--tls-key", help="Its private key; else in --tls-cert.")]
_ClientCaOption = Annotated[
    Path | None, typer.Option("--client-ca", help="Let only clients in whose certificate one of these issued, PEM.")
]
_SameIdOption = Annotated[
    SameId, typer.Option("--same-id", help="Another message under a known control id: refuse it, or store it.")
]
_SpoolOption = Annotated[
    bool, typer.Option("--spool", help="Acknowledge what is sealed in VAULT.spool; translate when there is time.")
]
_ConnectionsOption = Annotated[int, typer.Option("--connections", min=1, help="Connections at a time.")]
_MaxMessageOption = Annotated[int, typer.Option("--max-message", min=1, help="Longest message in octets.")]
_IdleOption = Annotated[float, typer.Option("--idle", min=0.1, help="Seconds after which a silent peer is let go.")]
_EveryOption = Annotated[float, typer.Option("--every", min=0, help="Seconds between counts; 0 for none.")]
_GraceOption = Annotated[float, typer.Option("--grace", min=0, help="Seconds for the last answers at the end.")]


@asks
def listen(
    mllp: _MllpOption,
    vault: NewVaultOption,
    key_file: NewKeyFileOption = None,
    key_service: KeyServiceOption = None,
    tls_cert: _CertOption = None,
    tls_key: _KeyOption = None,
    client_ca: _ClientCaOption = None,
    plain: PlainOption = False,
    insecure: InsecureOption = False,
    adapter: AdapterOption = "hl7v2_oru",
    strictness: StrictnessOption = "lenient",
    zone: ZoneOption = None,
    same_id: _SameIdOption = "refuse",
    commit: CommitOption = False,
    spool: _SpoolOption = False,
    connections: _ConnectionsOption = 256,
    max_message: _MaxMessageOption = 16 << 20,
    idle: _IdleOption = 3600,
    every: _EveryOption = 60,
    grace: _GraceOption = 30,
    as_json: JsonOption = False,
    asked: Asked = Asked(),  # noqa: B008 - its decorator gives one
) -> None:
    """Receive HL7 v2 messages over MLLP, store them encrypted, and acknowledge what is stored.

    Runs until it is interrupted or terminated; then it answers what it has and leaves. The exit code is 1 when a
    message was not accepted.
    """
    with errors(as_json=as_json):
        channel = _channel(mllp, plain_of(plain, insecure, tls_cert), tls_cert, tls_key, client_ca)
        context = ReadContext(strictness=strictness, default_zone=zone)
        if adapter is not None:
            default_registry().get(adapter).reader_factory()
        limits = Limits(connections=connections, message_bytes=max_message, idle=idle)
        opener, keys = _opener(vault, key_file, key_service, asked)
        folder = Path(f"{vault}.spool")
        if spool and is_url(vault):
            raise InvalidRequest("USE-001", path="--spool", hint="it stands beside the vault: that must be a file")
        job = _Job(
            server=lambda store, writer: channel.server(
                store, limits=limits, commit=commit, same_id=same_id, writer=writer
            ),
            sink=lambda opened: VaultSink(opened, adapter=adapter, context=context),
            spool=(lambda: Spool(folder, keys())) if spool or os.path.isdir(folder) else None,
            channel=channel.name,
            every=every,
            grace=grace,
        )
        counters, counts = _run(job, opener, receive_into_spool=spool)
        if as_json:
            emit_json({"messages": dict(sorted(counters.items())), "vault": dict(sorted(counts.items()))})
    if counters["errors"] or counters["rejected"]:
        raise typer.Exit(FINDINGS)


@dataclass(frozen=True, slots=True)
class _Channel:
    """Where to listen, and under what protection."""

    name: str
    server: Callable[..., MllpServer]


def _channel(mllp: str, where: Plain, certificate: Path | None, key: Path | None, issuers: Path | None) -> _Channel:
    host, port = address_of(mllp)
    if certificate is None and (key is not None or issuers is not None):
        raise InvalidRequest("USE-001", path="--tls-cert", hint="missing: a key and issuers of clients need it")
    tls = None if certificate is None else server_context(certificate, key, client_ca=issuers)
    check_channel(host, tls, where)
    name = "in clear" if tls is None else "TLS" if issuers is None else "TLS with client certificates"
    return _Channel(name, lambda store, **more: MllpServer(store, host, port, tls=tls, plain=where, **more))


def _opener(
    path: str, key_file: Path | None, key_service: str | None, asked: Asked
) -> tuple[Callable[[], Desk], Callable[[], KeyProvider]]:
    """Ask what has to be asked; return what opens the vault, in the thread that will write to it, and its key."""
    if key_file is not None:
        return lambda: open_or_create(path, key_file, key_service, asked), lambda: KeyFile(key_file)
    keys = key_provider(None, key_service, new=not exists(path))

    def opened() -> Desk:
        if exists(path):
            return open_desk(path, keys, asked, mode="write")
        return create_at_desk(path, keys, asked)

    return opened, lambda: keys


def _run(job: _Job, opener: Callable[[], Desk], *, receive_into_spool: bool) -> tuple[Counter[str], Counter[str]]:
    with ThreadPoolExecutor(1, "vault") as owner, ThreadPoolExecutor(1, "spool") as sealing:
        vault = owner.submit(opener).result()
        try:
            sink = job.sink(vault)
            spool = job.spool() if job.spool is not None else None
            draining = None if spool is None else _Draining(Drain(spool, sink), owner)
            server = job.server(sink, owner)
            if spool is not None and receive_into_spool:
                server = job.server(spool, sealing)
            counters = asyncio.run(_serve(job, server, draining))
            if spool is not None:
                spool.close()
                counters["waiting_bytes"] = spool.waiting
                if not spool.waiting:
                    spool.remove()
            return counters, sink.counts
        finally:
            owner.submit(vault.close).result()


async def _serve(job: _Job, server: MllpServer, draining: _Draining | None) -> Counter[str]:
    """Serve until a signal comes; a second one ends the command at once, which loses nothing that was acknowledged."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()

    def end(number: int) -> None:
        loop.remove_signal_handler(number)
        stop.set()

    _settle()
    await server.start()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end, number)
    complain(f"listening on {', '.join(map(shown, server.addresses))}, {job.channel}")
    tasks = [asyncio.create_task(_report(server, job.every))]
    if draining is not None:
        tasks.append(asyncio.create_task(draining.run(server)))
    await stop.wait()
    complain("ending: what has come is stored and answered")
    tasks[0].cancel()
    await server.close(job.grace)
    if draining is not None:
        await draining.finish(tasks[1], job.grace)
    complain(_line(server.counters))
    return server.counters


def _settle() -> None:
    """Let the collector of cycles pass over what stays as long as the server does: modules, classes, tables."""
    gc.collect()
    gc.freeze()


class _Draining:
    """Brings what waits in the spool into the vault whenever nothing comes in, and when too much waits."""

    def __init__(self, drain: Drain, owner: ThreadPoolExecutor) -> None:
        self._drain, self._owner = drain, owner
        self._ending = False

    async def run(self, server: MllpServer) -> None:
        """Work until there is nothing more to come."""
        loop, before = asyncio.get_running_loop(), -1
        while True:
            received = server.counters["received"]
            if received != before and not self._ending and self._drain.may_wait:
                before = received
                await asyncio.sleep(_PAUSE)
                continue
            try:
                done = await loop.run_in_executor(self._owner, self._drain.step)
            except IomtError as error:
                server.counters[f"failed:{error.code}"] += 1
                if self._ending:
                    return
                await asyncio.sleep(_LOOK)
                continue
            if not done:
                if self._ending:
                    return
                await asyncio.sleep(_PAUSE)

    async def finish(self, task: asyncio.Task[None], grace: float) -> None:
        """Let the rest be done, as far as there is time; what is left waits for the next start."""
        self._ending = True
        await asyncio.wait([task], timeout=grace)
        if task.done():
            task.result()
        task.cancel()


async def _report(server: MllpServer, every: float) -> None:
    """Tell what happened from time to time, and at once when the store fails in a new way."""
    told, seen, waited = "", set[str](), 0.0
    while True:
        await asyncio.sleep(_LOOK)
        waited += _LOOK
        for name in [name for name in server.counters if name.startswith("failed:") and name not in seen]:
            seen.add(name)
            code = name.partition(":")[2]
            complain(f"not stored: {code}: {CODES.get(code, 'an error that this library does not know')}")
        if every and waited >= every:
            waited, line = 0.0, _line(server.counters)
            if line != told:
                complain(line)
            told = line


def _line(counters: Counter[str]) -> str:
    return ", ".join(f"{name} {counters[name]}" for name in _TOLD)
