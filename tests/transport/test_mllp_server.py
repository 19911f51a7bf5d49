"""The server, seen from plain sockets and from python-hl7's client: what is acknowledged is stored, and only that."""

from __future__ import annotations

import asyncio
import random
import ssl
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import hl7
import pytest
from hl7.mllp import open_hl7_connection
from support.certificates import Issuer

from iomt_interop.errors import InvalidRequest, LimitExceeded, MalformedInput, StoreDamaged
from iomt_interop.transport import ACCEPTED, Delivery, Limits, MllpServer, Verdict, client_context, server_context
from iomt_interop.transport.delivery import SameId, verdict_of
from iomt_interop.wire import mllp

AT = datetime(2026, 11, 24, 10, 58, 3, tzinfo=UTC)
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def message(number: int | str, *, body: str = "98", ask: str = "|", kind: str = "ORU^R01^ORU_R01") -> bytes:
    """Return a small message; ``ask`` are MSH-15 and MSH-16."""
    head = f"MSH|^~\\&|MON|ICU|EHR|HOSP|20261124105803+0000||{kind}|{number}|P|2.6|||{ask}"
    return f"{head}\rPID|||X1^^^H^MR\rOBR|1\rOBX|1|NM|150456^MDC_PULS_OXIM_SAT_O2^MDC|1.1.1.1|{body}\r".encode()


class Shelf:
    """A store that keeps messages in memory, and can be slow or broken."""

    def __init__(self) -> None:
        self.kept: list[bytes] = []
        self.batches: list[int] = []
        self.may: Callable[[Sequence[Delivery]], None] = lambda batch: None

    def __call__(self, batch: Sequence[Delivery]) -> list[Verdict]:
        self.batches.append(len(batch))
        self.may(batch)
        self.kept += [delivery.message for delivery in batch]
        return [ACCEPTED] * len(batch)


@asynccontextmanager
async def serving(
    store: Callable[[Sequence[Delivery]], Sequence[Verdict]],
    limits: Limits | None = None,
    *,
    tls: ssl.SSLContext | None = None,
    commit: bool = False,
    same_id: SameId = "refuse",
) -> AsyncIterator[MllpServer]:
    """Run a server on a free port of the loopback interface."""
    server = MllpServer(
        store, "127.0.0.1", 0, tls=tls, plain="loopback", limits=limits, commit=commit, same_id=same_id,
        clock=lambda: AT,
    )  # fmt: skip
    async with server:
        yield server


async def dial(server: MllpServer, tls: ssl.SSLContext | None = None) -> Streams:
    host, port = server.addresses[0]
    return await asyncio.open_connection(host, port, ssl=tls)


async def hang_up(*streams: Streams) -> None:
    for _, writer in streams:
        writer.close()
        with suppress(ConnectionError, ssl.SSLError):
            await writer.wait_closed()


async def answer(streams: Streams, seconds: float = 5.0) -> hl7.Message:
    """Read one answer, with python-hl7."""
    async with asyncio.timeout(seconds):
        frame = await streams[0].readuntil(b"\x1c\r")
    assert frame[:1] == b"\x0b"
    return hl7.parse(frame[1:-2].decode())


async def ask(streams: Streams, payload: bytes) -> hl7.Message:
    streams[1].write(b"\x0b" + payload + b"\x1c\r")
    return await answer(streams)


async def silent(streams: Streams, seconds: float = 0.3) -> bool:
    """Tell whether nothing comes for a while."""
    try:
        async with asyncio.timeout(seconds):
            return await streams[0].read(1) == b"?"
    except TimeoutError:
        return True


def said(found: hl7.Message) -> tuple[str, str]:
    return str(found["MSA.F1"]), str(found["MSA.F2"])


def test_a_message_is_stored_and_then_acknowledged_in_original_mode() -> None:
    async def run() -> None:
        shelf = Shelf()
        async with serving(shelf) as server:
            line = await dial(server)
            found = await ask(line, message(1))
            assert shelf.kept == [message(1)]
            assert said(found) == ("AA", "1")
            assert str(found.segment("MSH")[9]) == "ACK^R01^ACK"
            assert str(found["MSH.F7"]) == "20261124105803+0000"
            assert [str(found[f"MSH.F{n}"]) for n in (3, 4, 5, 6)] == ["EHR", "HOSP", "MON", "ICU"]
            again = await ask(line, message(2))
            assert said(again) == ("AA", "2")
            assert again["MSH.F10"] != found["MSH.F10"]
            assert dict(server.counters) == {"connections": 1, "received": 2, "accepted": 2, "batches": 2}
            await hang_up(line)

    asyncio.run(run())


def test_nothing_is_acknowledged_before_it_is_stored() -> None:
    async def run() -> None:
        shelf, gate = Shelf(), threading.Event()
        shelf.may = lambda batch: assert_set(gate)
        async with serving(shelf) as server:
            line = await dial(server)
            line[1].write(mllp.encode(message(1)))
            assert await silent(line)
            gate.set()
            assert said(await answer(line)) == ("AA", "1")
            await hang_up(line)

    asyncio.run(run())


def assert_set(gate: threading.Event) -> None:
    assert gate.wait(10)


@pytest.mark.parametrize(
    ("ask_for", "good", "bad"),
    [
        ("|", ["AA"], ["AE"]),
        ("AL|NE", ["CA"], ["CE"]),
        ("NE|AL", ["AA"], ["AE"]),
        ("AL|AL", ["CA", "AA"], ["CE", "AE"]),
        ("ER|ER", [], ["CE", "AE"]),
        ("SU|SU", ["CA", "AA"], []),
        ("NE|NE", [], []),
        ("AL|", ["CA"], ["CE"]),
        ("ER|SU", ["AA"], ["CE"]),
    ],
)
def test_enhanced_mode_answers_as_msh_15_and_16_ask(ask_for: str, good: list[str], bad: list[str]) -> None:
    def store(batch: Sequence[Delivery]) -> list[Verdict]:
        return [
            verdict_of(MalformedInput("ORU-202", path="OBX(1)-5")) if b"bad" in d.message else ACCEPTED for d in batch
        ]

    async def run() -> None:
        async with serving(store) as server:
            line = await dial(server)
            for number, (body, codes) in enumerate((("98", good), ("bad", bad))):
                line[1].write(mllp.encode(message(number, body=body, ask=ask_for)))
                for code in codes:
                    found = await answer(line)
                    assert said(found) == (code, str(number))
                    assert ("ERR" in [str(s[0]) for s in found]) == (body == "bad")
                    if body == "bad":
                        assert str(found.segment("ERR")[2]) == "OBX^1^5^1"
                        assert str(found["ERR.F3.R1.C1"]) == "199"
                        assert str(found["ERR.F5"]) == "ORU-202"
                assert await silent(line, 0.05)
            await hang_up(line)

    asyncio.run(run())


def test_commit_octets_of_release_2_come_first() -> None:
    async def run() -> None:
        shelf = Shelf()
        async with serving(shelf, commit=True) as server:
            line = await dial(server)
            line[1].write(mllp.encode(message(1, ask="NE|NE")))
            assert await line[0].readexactly(4) == mllp.COMMIT_ACK
            line[1].write(mllp.encode(b"no header"))
            assert await line[0].readexactly(4) == mllp.COMMIT_NAK
            line[1].write(mllp.COMMIT_ACK)
            await hang_up(line)
        assert server.counters["acknowledgements"] == 1
        assert shelf.kept == [message(1, ask="NE|NE")]

    asyncio.run(run())


def test_a_repetition_gets_the_same_answer_and_is_not_stored_twice() -> None:
    async def run() -> None:
        shelf = Shelf()
        async with serving(shelf) as server:
            line, other = await dial(server), await dial(server)
            line[1].write(mllp.encode(message(1)) * 2)  # in one batch
            first = await line[0].readuntil(b"\x1c\r")
            assert await line[0].readuntil(b"\x1c\r") == first
            other[1].write(mllp.encode(message(1)))  # later, and from elsewhere
            assert await other[0].readuntil(b"\x1c\r") == first
            assert shelf.kept == [message(1)]
            assert server.counters["repeated"] == 2
            # Another sender counts for itself.
            assert said(await ask(line, message(1).replace(b"|MON|", b"|VENT|"))) == ("AA", "1")
            assert len(shelf.kept) == 2
            await hang_up(line, other)

    asyncio.run(run())


def test_another_message_under_the_same_id_is_refused_or_stored_as_the_caller_says() -> None:
    async def run(same_id: SameId) -> None:
        shelf = Shelf()
        async with serving(shelf, same_id=same_id) as server:
            line = await dial(server)
            await ask(line, message(1, body="98"))
            found = await ask(line, message(1, body="99"))
            assert server.counters["conflicts"] == 1
            if same_id == "refuse":
                assert said(found) == ("AE", "1")
                assert (str(found.segment("ERR")[2]), str(found["ERR.F3.R1.C1"])) == ("MSH^1^10^1", "205")
                assert shelf.kept == [message(1)]
            else:
                assert said(found) == ("AA", "1")
                assert shelf.kept == [message(1), message(1, body="99")]
            await hang_up(line)

    asyncio.run(run("refuse"))
    asyncio.run(run("store"))


def test_what_was_not_accepted_may_come_again() -> None:
    async def run() -> None:
        shelf = Shelf()

        def full(batch: Sequence[Delivery]) -> None:
            raise StoreDamaged("SEC-006")

        shelf.may = full
        async with serving(shelf) as server:
            line = await dial(server)
            found = await ask(line, message(1))
            assert said(found) == ("AR", "1")
            assert (str(found["ERR.F3.R1.C1"]), str(found["ERR.F5"])) == ("207", "SEC-006")
            shelf.may = lambda batch: None
            assert said(await ask(line, message(1))) == ("AA", "1")
            assert shelf.kept == [message(1)]
            assert server.counters["failed:SEC-006"] == 1
            await hang_up(line)

    asyncio.run(run())


def test_one_bad_message_does_not_take_its_batch_with_it() -> None:
    async def run() -> None:
        shelf, gate = Shelf(), threading.Event()

        def may(batch: Sequence[Delivery]) -> None:
            assert gate.wait(10)
            if any(b"poison" in d.message for d in batch):
                raise LimitExceeded("SRC-006")
            if any(b"defect" in d.message for d in batch):
                raise ZeroDivisionError

        shelf.may = may
        async with serving(shelf) as server:
            line = await dial(server)
            await asyncio.sleep(0.05)
            bodies = ["98", "poison", "97", "defect", "96"]
            line[1].write(b"".join(mllp.encode(message(n, body=body)) for n, body in enumerate(bodies)))
            await asyncio.sleep(0.1)
            gate.set()
            assert [said(await answer(line))[0] for _ in bodies] == ["AA", "AE", "AA", "AR", "AA"]
            assert len(shelf.kept) == 3
            assert server.counters["failed:unknown"] >= 1
            await hang_up(line)

    asyncio.run(run())


def test_messages_of_many_connections_share_a_batch() -> None:
    async def run() -> None:
        shelf = Shelf()
        shelf.may = lambda batch: time.sleep(0.05)
        async with serving(shelf) as server:
            lines = [await dial(server) for _ in range(20)]

            async def talk(number: int) -> None:
                for each in range(5):
                    assert said(await ask(lines[number], message(f"{number}.{each}"))) == ("AA", f"{number}.{each}")

            await asyncio.gather(*map(talk, range(20)))
            assert len(shelf.kept) == 100
            assert len(shelf.batches) < 20
            await hang_up(*lines)

    asyncio.run(run())


MALFORMED = {
    "no header": (b"\x0bhello\x1c\r", "AR?", "100"),
    "breaks off, another begins": (b"\x0b" + message(7)[:-9], "AR", "199"),
    "too long": (b"\x0b" + message(7) + b"x" * 5000 + b"\x1c\r", "AE", "104"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_frame_is_answered_and_the_next_one_served(name: str) -> None:
    octets, code, condition = MALFORMED[name]

    async def run() -> None:
        shelf = Shelf()
        async with serving(shelf, Limits(message_bytes=4000)) as server:
            line = await dial(server)
            line[1].write(octets + mllp.encode(message(8)))
            found = await answer(line)
            assert said(found) == (("AE", "") if code == "AR?" else (code, "7"))
            assert str(found["ERR.F3.R1.C1"]) == condition
            assert said(await answer(line)) == ("AA", "8")
            assert shelf.kept == [message(8)]
            await hang_up(line)

    asyncio.run(run())


def test_a_sender_that_leaves_out_octets_of_the_frame_is_served() -> None:
    async def run() -> None:
        shelf = Shelf()
        async with serving(shelf, Limits(settle=0.05)) as server:
            line = await dial(server)
            line[1].write(b"\x0b" + message(1) + b"\x1c")
            assert said(await answer(line)) == ("AA", "1")
            line[1].write(b"\r\n" + message(2) + b"\x1c\r")
            assert said(await answer(line)) == ("AA", "2")
            assert shelf.kept == [message(1), message(2)]
            assert server.counters["doubtful_frames"] == 2
            assert server.counters["stray_bytes"] == 0
            await hang_up(line)

    asyncio.run(run())


def test_acknowledgements_are_not_acknowledged() -> None:
    async def run() -> None:
        shelf = Shelf()
        async with serving(shelf) as server:
            line = await dial(server)
            line[1].write(mllp.encode(b"MSH|^~\\&|A|B|C|D|20261124||ACK|9|P|2.6\rMSA|CA|1\r"))
            assert await silent(line)
            assert shelf.kept == []
            assert server.counters["acknowledgements"] == 1
            await hang_up(line)

    asyncio.run(run())


def test_slow_senders_idle_peers_and_noise_are_ended() -> None:
    async def run() -> None:
        limits = Limits(message_time=0.5, idle=0.4, stray_bytes=1000, settle=0.1)
        async with serving(Shelf(), limits) as server:
            slow, idle, noise = [await dial(server) for _ in range(3)]
            start = time.monotonic()
            noise[1].write(b"GET / HTTP/1.1\r\n" * 600)
            for octet in message(1)[:40]:
                try:
                    slow[1].write(b"\x0b" if octet == ord("M") else bytes([octet]))
                    await slow[1].drain()
                except ConnectionError:
                    break
                await asyncio.sleep(0.05)
            for line in (slow, idle, noise):
                with suppress(ConnectionError):
                    assert await asyncio.wait_for(line[0].read(), 3) == b""
            assert time.monotonic() - start < 3
            counters = server.counters
            assert (counters["closed_slow"], counters["closed_idle"], counters["closed_stray"]) == (1, 1, 1)
            await hang_up(slow, idle, noise)

    asyncio.run(run())


def test_nothing_is_read_while_the_queue_is_full() -> None:
    async def run() -> None:
        shelf, gate = Shelf(), threading.Event()
        shelf.may = lambda batch: assert_set(gate)
        limits = Limits(queue_messages=50, batch_messages=10)
        async with serving(shelf, limits) as server:
            lines = [await dial(server) for _ in range(2)]
            padding = "9" * 20_000
            frames = [mllp.encode(message(n, body=padding)) for n in range(2000)]
            for line in lines:
                line[1].transport.set_write_buffer_limits(high=0)
            writers = [asyncio.create_task(pour(line[1], frames[k::2])) for k, line in enumerate(lines)]
            await asyncio.sleep(0.5)
            seen, done = server.counters.copy(), [writer.done() for writer in writers]
            gate.set()
            assert seen["pauses"] == 1
            assert seen["received"] < 400  # of 2,000: the rest waits in the sockets and with the senders
            assert done == [False, False]
            for k, line in enumerate(lines):
                for n in range(k, 2000, 2):
                    assert said(await answer(line, 20)) == ("AA", str(n))
            await asyncio.gather(*writers)
            assert len(shelf.kept) == 2000
            assert max(shelf.batches) == 10
            await hang_up(*lines)

    asyncio.run(run())


async def pour(writer: asyncio.StreamWriter, frames: list[bytes]) -> None:
    for frame in frames:
        writer.write(frame)
        await writer.drain()


def test_connections_beyond_the_limit_are_closed_at_once() -> None:
    async def run() -> None:
        async with serving(Shelf(), Limits(connections=2)) as server:
            lines = [await dial(server) for _ in range(2)]
            for line in lines:
                await ask(line, message(1))
            third = await dial(server)
            assert await asyncio.wait_for(third[0].read(), 2) == b""
            assert server.counters["refused_connections"] == 1
            await hang_up(*lines, third)
            await asyncio.sleep(0.1)
            fourth = await dial(server)
            assert said(await ask(fourth, message(2))) == ("AA", "2")
            await hang_up(fourth)

    asyncio.run(run())


@pytest.mark.parametrize("secure", [False, True])
def test_a_shutdown_answers_what_it_stored(secure: bool, tmp_path: Path) -> None:
    async def run() -> None:
        issuer = Issuer(tmp_path)
        pair = issuer.issue("server", "127.0.0.1")
        tls = server_context(pair.certificate, pair.key) if secure else None
        shelf = Shelf()
        shelf.may = lambda batch: time.sleep(0.02)
        async with serving(shelf, Limits(batch_messages=5), tls=tls) as server:
            lines = [await dial(server, client_context(ca=issuer.ca) if secure else None) for _ in range(4)]
            for k, line in enumerate(lines):
                line[1].write(b"".join(mllp.encode(message(f"{k}.{n}")) for n in range(40)) + b"\x0bMSH|half")
            await asyncio.sleep(0.1)
            host, port = server.addresses[0]
            await server.close()
            acknowledged = set[str]()
            for line in lines:
                rest = await asyncio.wait_for(line[0].read(), 5)
                acknowledged |= {str(hl7.parse(f[1:].decode())["MSA.F2"]) for f in rest.split(b"\x1c\r") if f}
            stored = {hl7.parse(m.decode())["MSH.F10"] for m in shelf.kept}
            assert acknowledged == {str(each) for each in stored}
            assert len(acknowledged) == 160
            with pytest.raises(ConnectionError):
                await asyncio.open_connection(host, port)
            await hang_up(*lines)

    asyncio.run(run())


def test_python_hl7_talks_to_it_over_tls_with_a_certificate_and_nobody_without(tmp_path: Path) -> None:
    async def run() -> None:
        issuer = Issuer(tmp_path)
        pair, client = issuer.issue("server", "127.0.0.1"), issuer.issue("client")
        tls = server_context(pair.certificate, pair.key, client_ca=issuer.ca)
        shelf = Shelf()
        async with serving(shelf, tls=tls) as server:
            host, port = server.addresses[0]
            known = client_context(ca=issuer.ca, certificate=client.certificate, key=client.key)
            reader, writer = await open_hl7_connection(host, port, ssl=known, encoding="utf-8")
            for number in range(20):
                writer.writemessage(hl7.parse(message(number).decode()))
                await writer.drain()
                assert said(await asyncio.wait_for(reader.readmessage(), 5)) == ("AA", str(number))
            writer.close()
            await writer.wait_closed()
            unknown = ssl.create_default_context(cafile=str(issuer.ca))

            async def intrude() -> None:
                line = await dial(server, unknown)
                try:
                    await line[0].readexactly(1)
                finally:
                    await hang_up(line)

            with pytest.raises((ssl.SSLError, ConnectionError, EOFError)):
                await intrude()
            plain = await dial(server)
            plain[1].write(mllp.encode(message(99)))
            assert mllp.FS not in await asyncio.wait_for(plain[0].read(), 5)
            await hang_up(plain)
            assert server.counters["failed_handshakes"] == 2
            assert len(shelf.kept) == 20

    asyncio.run(run())


def test_a_channel_in_clear_and_bad_arguments_are_refused() -> None:
    shelf = Shelf()
    with pytest.raises(InvalidRequest):
        MllpServer(shelf, "127.0.0.1", 0)
    with pytest.raises(InvalidRequest):
        MllpServer(shelf, "", 0, plain="loopback")
    with pytest.raises(InvalidRequest):
        MllpServer(shelf, "127.0.0.1", 0, plain="loopback", same_id="x")  # type: ignore[arg-type]
    with pytest.raises(InvalidRequest):
        replace(Limits(), idle=0)

    async def run() -> None:
        async with serving(shelf) as server:
            taken = MllpServer(shelf, "127.0.0.1", server.addresses[0][1], plain="loopback")
            with pytest.raises(InvalidRequest) as caught:
                await taken.start()
            assert caught.value.code == "NET-101"
            await taken.close()

    asyncio.run(run())


def test_octets_of_every_kind_do_not_stop_it() -> None:
    chance = random.Random(20261124)
    pieces = [
        b"\x0b",
        b"\x1c",
        b"\r",
        b"\x1c\r",
        b"MSH",
        b"MSH|^~\\&|",
        b"|||ACK",
        message("x"),
        b"\xff\xfe",
        b"\0",
        b"\x06",
    ]

    async def run() -> None:
        shelf = Shelf()
        async with serving(shelf, Limits(message_bytes=3000)) as server:
            for _ in range(60):
                line = await dial(server)
                for _ in range(40):
                    line[1].write(
                        chance.choice(pieces) if chance.random() < 0.8 else chance.randbytes(chance.randrange(90))
                    )
                if chance.random() < 0.5:
                    with suppress(ConnectionError):
                        line[1].write_eof()
                        await asyncio.wait_for(line[0].read(), 5)
                await hang_up(line)
            line = await dial(server)
            assert said(await ask(line, message("last"))) == ("AA", "last")
            await hang_up(line)
        counters = server.counters
        assert not [name for name in counters if name.startswith("failed:")]
        counted = sum(counters[name] for name in ("accepted", "errors", "rejected", "repeated"))
        assert counted == counters["received"]
        assert counters["accepted"] == len(shelf.kept) > 1

    asyncio.run(run())


def test_a_handshake_that_never_ends_is_ended_and_counts_as_a_connection(tmp_path: Path) -> None:
    async def run() -> None:
        issuer = Issuer(tmp_path)
        pair = issuer.issue("server", "127.0.0.1")
        tls = server_context(pair.certificate, pair.key)
        async with serving(Shelf(), Limits(handshake=0.5, connections=1), tls=tls) as server:
            mute = await dial(server)
            mute[1].write(b"\x16\x03\x01")
            await asyncio.sleep(0.1)
            second = await dial(server)
            assert await asyncio.wait_for(second[0].read(), 5) == b""
            assert server.counters["refused_connections"] == 1
            with suppress(ConnectionError):
                assert await asyncio.wait_for(mute[0].read(), 5) == b""
            await hang_up(mute, second)
            third = await dial(server, client_context(ca=issuer.ca))
            assert said(await ask(third, message(1))) == ("AA", "1")
            assert server.counters["failed_handshakes"] == 1
            await hang_up(third)

    asyncio.run(run())
