"""The clients against receivers that answer late, in pieces, wrongly or not at all."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
from support.certificates import Issuer

from iomt_interop.errors import ChannelRefused, DeliveryFailed, InvalidRequest, NotRepresentable
from iomt_interop.transport import (
    ACCEPTED,
    Backoff,
    BlockingMllpClient,
    Delivery,
    MllpClient,
    MllpServer,
    Reply,
    Verdict,
    client_context,
    server_context,
)
from iomt_interop.transport.exchange import Exchange
from iomt_interop.wire import mllp

SOON = Backoff(attempts=4, first=0.01)
ONCE = Backoff(attempts=1)


def message(number: int | str, ask: str = "|") -> bytes:
    return f"MSH|^~\\&|MON||EHR||20261124105803||ORU^R01|{number}|P|2.6|||{ask}\rPID|||X1\r".encode()


def ack(number: int | str, code: str = "AA") -> bytes:
    err = "" if code[1] == "A" else "ERR||OBX^1^5|102^x^HL70357|E\r"
    return mllp.encode(f"MSH|^~\\&|EHR||MON||2026||ACK|a{number}|P|2.6\rMSA|{code}|{number}\r{err}".encode())


def control_id(frame: bytes) -> str:
    return frame.split(b"|")[9].decode()


Script = Callable[[int, socket.socket, mllp.Framer], None]


@contextmanager
def receiver(script: Script) -> Iterator[int]:
    """Run a receiver that follows a script for each connection, numbered from 0; yields its port."""
    listening = socket.create_server(("127.0.0.1", 0))
    threads: list[threading.Thread] = []

    def serve(number: int, line: socket.socket) -> None:
        with line:
            line.settimeout(5)
            try:
                script(number, line, mllp.Framer())
            except OSError:
                return

    def accept() -> None:
        for number in range(99):
            try:
                line, _ = listening.accept()
            except OSError:
                return
            threads.append(threading.Thread(target=serve, args=(number, line)))
            threads[-1].start()

    accepting = threading.Thread(target=accept)
    accepting.start()
    try:
        yield listening.getsockname()[1]
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        accepting.join(5)
        for thread in threads:
            thread.join(5)


def messages(line: socket.socket, framer: mllp.Framer) -> Iterator[str]:
    """Yield the control ids of what comes."""
    while data := line.recv(65536):
        for block in framer.feed(data):
            yield control_id(block.payload)


def both(port: int, payload: bytes, *, timeout: float = 2.0, backoff: Backoff = SOON, commit: bool = False) -> Reply:
    """Send with both clients, to a receiver that treats them alike; return what the blocking one says."""

    async def run() -> Reply:
        client = MllpClient("127.0.0.1", port, plain="loopback", timeout=timeout, backoff=backoff, commit=commit)
        async with client:
            return await client.send(payload)

    with BlockingMllpClient(
        "127.0.0.1", port, plain="loopback", timeout=timeout, backoff=backoff, commit=commit
    ) as client:
        blocking = client.send(payload)
    assert asyncio.run(run()) == blocking
    return blocking


def test_an_answer_in_single_octets_with_others_before_it() -> None:
    def script(number: int, line: socket.socket, framer: mllp.Framer) -> None:
        for found in messages(line, framer):
            noise = ack("other") + b"\r\n" + mllp.encode(b"no answer at all") + ack(found, "AX")
            for octet in noise + ack(found):
                line.sendall(bytes([octet]))

    with receiver(script) as port:
        reply = both(port, message(1))
    assert (reply.codes, reply.accepted, reply.refused, reply.control_id) == (("AA",), True, False, "1")
    assert len(reply.answers) == 1


def test_a_negative_answer_is_an_answer_and_not_tried_again() -> None:
    seen: list[str] = []

    def script(number: int, line: socket.socket, framer: mllp.Framer) -> None:
        for found in messages(line, framer):
            seen.append(found)
            line.sendall(ack(found, "AE"))

    with receiver(script) as port:
        reply = both(port, message(1))
    assert (reply.codes, reply.conditions, reply.accepted, reply.refused) == (("AE",), ("102",), False, True)
    assert seen == ["1", "1"]


@pytest.mark.parametrize(
    ("asked", "answers", "codes", "accepted"),
    [
        ("AL|NE", ["CA"], ("CA",), True),
        ("AL|AL", ["CA", "AA"], ("CA", "AA"), True),
        ("AL|AL", ["CA", "AE"], ("CA", "AE"), False),
        ("AL|AL", ["CE"], ("CE",), False),
        ("NE|AL", ["AA"], ("AA",), True),
        ("NE|NE", [], (), False),
    ],
)
def test_enhanced_mode_waits_for_what_was_asked(
    asked: str, answers: list[str], codes: tuple[str, ...], accepted: bool
) -> None:
    def script(number: int, line: socket.socket, framer: mllp.Framer) -> None:
        for found in messages(line, framer):
            for code in answers:
                line.sendall(ack(found, code))
                time.sleep(0.02)

    with receiver(script) as port:
        reply = both(port, message(1, asked))
    assert (reply.codes, reply.accepted) == (codes, accepted)
    assert reply.refused == any(code[1] != "A" for code in codes)


def test_the_commit_octets_of_release_2() -> None:
    def script(number: int, line: socket.socket, framer: mllp.Framer) -> None:
        for found in messages(line, framer):
            line.sendall(mllp.COMMIT_NAK if found == "bad" else mllp.COMMIT_ACK)

    with receiver(script) as port:
        assert both(port, message("good", "NE|NE"), commit=True).accepted
        assert both(port, message("bad", "NE|NE"), commit=True).refused


def test_a_broken_connection_is_made_anew_and_the_same_octets_sent_again() -> None:
    seen: list[str] = []

    def script(number: int, line: socket.socket, framer: mllp.Framer) -> None:
        for found in messages(line, framer):
            seen.append(found)
            if len(seen) % 3 == 1:
                return  # no answer
            if len(seen) % 3 == 2:
                line.sendall(ack(found)[:-9])  # half an answer
                return
            line.sendall(ack(found))

    with receiver(script) as port:
        assert both(port, message(1)).accepted
    assert seen == ["1"] * 6


def test_a_late_answer_is_not_taken_for_that_of_the_next_attempt() -> None:
    connections: list[int] = []

    def script(number: int, line: socket.socket, framer: mllp.Framer) -> None:
        connections.append(number)
        for found in messages(line, framer):
            if number % 2 == 0:
                time.sleep(0.6)
            line.sendall(ack(found, "AE" if number % 2 == 0 else "AA"))

    with receiver(script) as port:
        assert both(port, message(1), timeout=0.3).codes == ("AA",)
    assert connections == [0, 1, 2, 3]


@pytest.mark.parametrize(("answers", "code"), [(False, "NET-104"), (True, "NET-105")])
def test_giving_up_says_why(answers: bool, code: str) -> None:
    attempts: list[int] = []

    def script(number: int, line: socket.socket, framer: mllp.Framer) -> None:
        attempts.append(number)
        for _ in messages(line, framer):
            if answers:
                return

    backoff = Backoff(attempts=2, first=0.01)
    with receiver(script) as port:
        with pytest.raises(DeliveryFailed) as caught:
            both(port, message(1), timeout=0.2, backoff=backoff)
        assert caught.value.code == code
        assert caught.value.__cause__ is None

        async def run() -> None:
            async with MllpClient("127.0.0.1", port, plain="loopback", timeout=0.2, backoff=backoff) as client:
                await client.send(message(1))

        with pytest.raises(DeliveryFailed) as caught:
            asyncio.run(run())
        assert caught.value.code == code
    assert len(attempts) == 4


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with pytest.raises(DeliveryFailed) as caught:
        both(port, message(1))
    assert caught.value.code == "NET-102"


@asynccontextmanager
async def shelf(kept: list[bytes], delay: float = 0.0) -> AsyncIterator[MllpServer]:
    """Run the project's own server."""

    def store(batch: Sequence[Delivery]) -> list[Verdict]:
        time.sleep(delay)
        kept.extend(delivery.message for delivery in batch)
        return [ACCEPTED] * len(batch)

    async with MllpServer(store, "127.0.0.1", 0, plain="loopback") as server:
        yield server


def test_a_window_has_several_messages_under_way_and_one_keeps_the_order() -> None:
    async def run(window: int) -> tuple[list[bytes], float]:
        kept: list[bytes] = []
        async with shelf(kept, 0.02) as server:
            async with MllpClient("127.0.0.1", server.addresses[0][1], plain="loopback", window=window) as client:
                start = time.monotonic()
                replies = await asyncio.gather(*(client.send(message(n)) for n in range(40)))
                seconds = time.monotonic() - start
            assert [reply.control_id for reply in replies] == [str(n) for n in range(40)]
            assert all(reply.accepted for reply in replies)
        return kept, seconds

    kept, slow = asyncio.run(run(1))
    assert kept == [message(n) for n in range(40)]
    kept, fast = asyncio.run(run(40))
    assert sorted(kept) == sorted(message(n) for n in range(40))
    assert fast < slow / 3


def test_two_messages_of_one_id_are_not_under_way_together() -> None:
    async def run() -> None:
        kept: list[bytes] = []
        async with shelf(kept, 0.05) as server:
            client = MllpClient("127.0.0.1", server.addresses[0][1], plain="loopback", window=2)
            async with client:
                done = await asyncio.gather(client.send(message(1)), client.send(message(1)), return_exceptions=True)
                assert [type(each) for each in done] == [Reply, InvalidRequest]
                assert (await client.send(message(1))).accepted  # a repetition
        assert kept == [message(1)]

    asyncio.run(run())


def test_certificates_are_checked_on_both_sides_and_a_refusal_is_not_tried_again(tmp_path: Path) -> None:
    issuer, stranger = Issuer(tmp_path), Issuer(tmp_path, "stranger")
    pair, client = issuer.issue("server", "ward.example"), issuer.issue("client")
    other = stranger.issue("mallory")
    served = server_context(pair.certificate, pair.key, client_ca=issuer.ca)
    connections: list[int] = []

    def script(number: int, line: socket.socket, framer: mllp.Framer) -> None:
        connections.append(number)
        with served.wrap_socket(line, server_side=True) as secure:
            for found in messages(secure, framer):
                secure.sendall(ack(found))

    known = client_context(ca=issuer.ca, certificate=client.certificate, key=client.key)
    contexts = [
        (known, "ward.example", "good"),
        (known, "other.example", "refuses"),
        (client_context(ca=stranger.ca, certificate=client.certificate, key=client.key), "ward.example", "refuses"),
        (client_context(ca=issuer.ca), "ward.example", "is refused"),
        (client_context(ca=issuer.ca, certificate=other.certificate, key=other.key), "ward.example", "is refused"),
    ]
    with receiver(script) as port:
        for context, name, fate in contexts:
            blocking = BlockingMllpClient("127.0.0.1", port, tls=context, server_hostname=name, backoff=SOON)

            async def send(context: ssl.SSLContext = context, name: str = name) -> Reply:
                client = MllpClient("127.0.0.1", port, tls=context, server_hostname=name, backoff=SOON)
                async with client:
                    return await client.send(message(1))

            # Since TLS 1.3 a client may write before it hears that it is refused; then a reset can hide the alert.
            expected = (ChannelRefused,) if fate == "refuses" else (ChannelRefused, DeliveryFailed)
            if fate == "good":
                assert blocking.send(message(1)).accepted
                assert asyncio.run(send()).accepted
            else:
                before = len(connections)
                with pytest.raises(expected):
                    blocking.send(message(1))
                with pytest.raises(expected):
                    asyncio.run(send())
                assert fate == "is refused" or len(connections) == before + 2
            blocking.close()


def test_pauses_grow_and_chance_shortens_them() -> None:
    steady = Backoff(attempts=6, first=1, factor=2, longest=5, jitter=0)
    assert list(steady.pauses()) == [1, 2, 4, 5, 5, None]
    halved = Backoff(attempts=4, first=1, factor=2, jitter=0.5, chance=lambda: 1.0)
    assert list(halved.pauses()) == [0.5, 1, 2, None]
    assert list(ONCE.pauses()) == [None]
    for bad in ({"attempts": 0}, {"jitter": 2.0}, {"factor": 0.5}, {"first": -1.0}):
        with pytest.raises(InvalidRequest):
            Backoff(**bad)  # type: ignore[arg-type]


def test_what_cannot_be_sent_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(InvalidRequest):
        Exchange(b"MSH|^~\\&|A\r")
    with pytest.raises(InvalidRequest):
        Exchange(b"no header")
    with pytest.raises(NotRepresentable):
        Exchange(message(1) + b"\x1c\r")
    with pytest.raises(InvalidRequest):
        MllpClient("192.0.2.1", 2575, plain="loopback")
    with pytest.raises(InvalidRequest):
        BlockingMllpClient("127.0.0.1", 2575)
    reply = Exchange(message("SECRET")).reply
    assert "SECRET" not in repr(reply)
