"""``iomt send``: the messages of files to a receiver over MLLP and TLS."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, BinaryIO, Final

import typer

from ..errors import ChannelRefused, DeliveryFailed, InvalidRequest, IomtError, SourceUnavailable
from ..transport import Backoff, MllpClient, Reply, client_context
from ..transport.exchange import Until
from ..wire import hl7v2
from .common import FINDINGS, STDIO, JsonOption, complain, emit_json, errors, files_below, source_of
from .network import CommitOption, InsecureOption, PlainOption, address_of, plain_of

__all__ = ["send"]

_TAIL: Final = re.compile(rb"\x1c[\r\n]*\Z")


class _Account:
    """What became of the messages."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter(messages=0, accepted=0, refused=0, unanswered=0, unsent=0)
        self.problems: list[dict[str, object]] = []

    def answered(self, file: str, number: int, reply: Reply) -> None:
        """Note an answer."""
        self.counts["accepted" if reply.accepted else "refused" if reply.refused else "unanswered"] += 1
        if reply.refused:
            codes, conditions = list(reply.codes), list(reply.conditions)
            said = "answered " + " ".join(codes) + (f" (condition {' '.join(conditions)})" if conditions else "")
            self._note(file, number, said, codes=codes, conditions=conditions)

    def failed(self, file: str, number: int, error: IomtError) -> None:
        """Note a message that was not sent, or of which nobody knows."""
        self.counts["unsent"] += 1
        self._note(file, number, str(error), error=error.code, text=str(error))

    def _note(self, file: str, number: int, said: str, **what: object) -> None:
        self.problems.append({"file": file, "message": number, **what})
        complain(f"{file}: message {number}: {said}")


def send(
    paths: Annotated[list[str], typer.Argument(help="Files or folders with HL7 v2 messages; - is standard input.")],
    mllp: Annotated[str, typer.Option("--mllp", help="The receiver: HOST:PORT.")],
    ca: Annotated[
        Path | None, typer.Option("--ca", help="Issuers of the receiver's certificate, PEM; else the system's.")
    ] = None,
    tls_cert: Annotated[Path | None, typer.Option("--tls-cert", help="Certificate of this client, PEM.")] = None,
    tls_key: Annotated[Path | None, typer.Option("--tls-key", help="Its private key; else in --tls-cert.")] = None,
    server_name: Annotated[
        str | None, typer.Option("--server-name", help="Name in the receiver's certificate; else HOST.")
    ] = None,
    plain: PlainOption = False,
    insecure: InsecureOption = False,
    window: Annotated[int, typer.Option("--window", min=1, help="Messages under way at a time; 1 keeps order.")] = 1,
    timeout: Annotated[float, typer.Option("--timeout", min=0.01, help="Seconds to wait for an answer.")] = 30,
    attempts: Annotated[int, typer.Option("--attempts", min=1, help="How often a message is sent at most.")] = 5,
    until: Annotated[
        Until, typer.Option("--until", help="Wait for the accept acknowledgement only, or for all that is asked for.")
    ] = "all",
    commit: CommitOption = False,
    as_json: JsonOption = False,
) -> None:
    """Send HL7 v2 messages over MLLP and wait for their acknowledgements.

    The octets of a message are sent as they are. The command ends at a message whose fate is not known; it can be run
    again, as a receiver tells a repetition from a new message. The exit code is 1 when a message was not accepted.
    """
    account = _Account()
    with errors(as_json=as_json, **account.counts):
        host, port = address_of(mllp)
        where = plain_of(plain, insecure, tls_cert or ca)
        tls = None if plain else client_context(ca=ca, certificate=tls_cert, key=tls_key)
        client = MllpClient(
            host, port, tls=tls, plain=where, server_hostname=server_name, timeout=timeout,
            backoff=Backoff(attempts=attempts), window=window, until=until, commit=commit,
        )  # fmt: skip
        asyncio.run(_send_all(client, _messages(paths), window, account))
    if as_json:
        emit_json({**account.counts, "problems": account.problems})
    else:
        complain(", ".join(f"{name} {count}" for name, count in account.counts.items()))
    if account.problems:
        raise typer.Exit(FINDINGS)


async def _send_all(
    client: MllpClient, messages: Iterator[tuple[str, int, bytes]], window: int, account: _Account
) -> None:
    """Keep as many messages under way as the window allows; end when the receiver cannot be reached."""
    under_way: set[asyncio.Task[bool]] = set()

    async def one(file: str, number: int, payload: bytes) -> bool:
        try:
            account.answered(file, number, await client.send(payload))
        except IomtError as error:
            account.failed(file, number, error)
            return not isinstance(error, DeliveryFailed | ChannelRefused)
        return True

    async with client:
        try:
            for message in messages:
                account.counts["messages"] += 1
                under_way.add(asyncio.create_task(one(*message)))
                if len(under_way) >= window:
                    done, under_way = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
                    if not all(task.result() for task in done):
                        break
        finally:
            if under_way:
                await asyncio.wait(under_way)


def _messages(paths: list[str]) -> Iterator[tuple[str, int, bytes]]:
    """Yield file, number and octets of every message, without frames."""
    for path in [STDIO] if paths == [STDIO] else files_below(paths):
        source = source_of(str(path))
        if isinstance(source, Path):
            try:
                with open(source, "rb") as stream:
                    yield from _of(str(path), stream)
                continue
            except OSError:
                hint = "there is no such file, or it may not be read"
            raise SourceUnavailable("SRC-004", path=str(path), hint=hint)
        yield from _of(str(path), source)


def _of(file: str, stream: BinaryIO) -> Iterator[tuple[str, int, bytes]]:
    number = 0
    for number, message in enumerate(hl7v2.iter_messages(stream), 1):
        if message.segment("MSH") is None:
            raise InvalidRequest("USE-001", path=file, hint=f"part {number} is no HL7 v2 message")
        if message.data is not message.raw:
            yield file, number, bytes(message)
            continue
        data = message.data[message.bounds(0)[0] :]
        yield file, number, _TAIL.sub(b"", data)
