"""One connection of a server: octets to blocks, answers to octets, and the clocks that end it."""

from __future__ import annotations

import asyncio
from hashlib import sha256
from typing import TYPE_CHECKING, Final, cast

from ..errors import MalformedInput
from ..wire import mllp
from ..wire.hl7v2.ack import AckError, Outcome
from .answers import read_head
from .delivery import Limits, Verdict, verdict_of

if TYPE_CHECKING:
    from .mllp_server import MllpServer

__all__ = ["Connection", "Item"]

_BLANK: Final = b" \t\r\n\x00"


class Item:
    """A message on its way from a connection to the store and back."""

    __slots__ = ("answers", "connection", "digest", "first", "head", "payload", "verdict")

    def __init__(self, connection: Connection, payload: bytes, verdict: Verdict | None = None) -> None:
        self.connection = connection
        self.payload = payload
        self.head = read_head(payload)
        self.answers: bytes | None = None
        self.first: Item | None = None
        """The item of the same batch that this one repeats."""
        if not self.head.exists and verdict is None:
            verdict = verdict_of(MalformedInput("HL7-101"))
        self.verdict = verdict
        self.digest = sha256(payload).digest() if verdict is None and self.head.key is not None else b""

    def __repr__(self) -> str:
        return f"Item({len(self.payload)} bytes)"


class Connection(asyncio.Protocol):
    """A peer. It is read only while the server has room, and while the peer takes its answers.

    Parameters
    ----------
    server : MllpServer
        Takes the messages.
    limits : Limits
        Of the server.
    """

    def __init__(self, server: MllpServer, limits: Limits) -> None:
        self._server = server
        self._limits = limits
        self._framer = mllp.Framer(max_payload=limits.message_bytes)
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._last = self._loop.time()  # when the last octet came
        self._since = self._last  # when the block began that is not whole yet
        self._stuck: float | None = None  # since when the peer takes no answers
        self._held = False  # whether the server has no room
        self._deaf = False  # whether what comes is passed over
        self._stray = 0
        self._ended = False
        self.waiting = 0
        self.peer = ""
        self.closed: asyncio.Future[None] = self._loop.create_future()

    def __repr__(self) -> str:
        return f"Connection({self.waiting} messages wait)"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        self.peer = str(peer[0]) if isinstance(peer, tuple) else ""
        self._server._opened(self)

    def connection_lost(self, _error: Exception | None) -> None:
        """End; what waits for the store is stored nevertheless."""
        self._take(self._framer.finish() if not (self._ended or self._deaf) else [])
        self._ended = True
        if not self.closed.done():
            self.closed.set_result(None)
        self._server._gone(self)

    def data_received(self, data: bytes) -> None:
        """Take octets."""
        if self._deaf:
            return
        self._last = self._loop.time()
        waited = self._framer.waiting
        blocks = self._framer.feed(data)
        if blocks or not waited:
            self._since = self._last
        self._take(blocks)

    def eof_received(self) -> bool:
        """End of what comes; in clear the answers that are still to come can be written."""
        if not self._deaf:
            self._take(self._framer.finish())
        self._ended = True
        secure = self._transport is not None and self._transport.get_extra_info("sslcontext") is not None
        return self.waiting > 0 and not secure

    def pause_writing(self) -> None:
        """Read no more from a peer that does not take its answers."""
        self._stuck = self._loop.time()
        self._steer()

    def resume_writing(self) -> None:
        """Read again."""
        self._stuck = None
        self._steer()

    def hold(self, held: bool) -> None:
        """Stop or resume reading, as the server has room."""
        self._held = held
        self._last = self._since = self._loop.time()
        self._steer()

    def deafen(self) -> None:
        """Pass over what comes from now on: nobody will answer it."""
        self._deaf = True

    def answer(self, octets: bytes, count: int) -> None:
        """Send the answers to so many messages."""
        self.waiting -= count
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if octets:
            transport.write(octets)
        if self._ended and not self.waiting:
            transport.close()

    def listen_again(self) -> None:
        """Read, and pass over what is read, so that a closing connection is not reset under its answers."""
        self._held, self._stuck = False, None
        self._steer()

    def close(self) -> None:
        """Close when everything is written."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

    def look(self, now: float) -> str | None:
        """Look at the clocks; return the reason when the connection was ended."""
        limits = self._limits
        if self._deaf or self._held:
            return None
        if self._stuck is not None and now - self._stuck > limits.message_time:
            self.abort()
            return "closed_slow"
        if self._framer.waiting:
            if now - self._last >= limits.settle and (blocks := self._framer.settle()):
                self._take(blocks)
            elif now - self._since > limits.message_time:
                self.abort()
                return "closed_slow"
        elif limits.idle is not None and not self.waiting and now - self._last > limits.idle:
            self.close()
            return "closed_idle"
        return None

    def _take(self, blocks: list[mllp.Block]) -> None:
        counters = self._server.counters
        for block in blocks:
            if self._deaf:
                return
            verdict = None
            if block.kind == "stray":
                self._pass_over(block.payload)
                continue
            if block.kind in ("ack", "nak"):
                counters["acknowledgements"] += 1
                continue
            if block.kind == "oversize":
                counters["oversize"] += 1
                verdict = Verdict(Outcome.ERROR, (AckError("104", application="MLP-110"),))
            elif not block.complete:
                # Nobody knows what is missing, and the sender may well send it again.
                counters["incomplete"] += 1
                verdict = Verdict(Outcome.REJECTED, (AckError("199", application=block.doubts[-1].code),))
            elif block.doubts:
                counters["doubtful_frames"] += 1
            item = Item(self, block.payload, verdict)
            if item.head.is_acknowledgement:
                counters["acknowledgements"] += 1
                continue
            self.waiting += 1
            self._server._offer(item)

    def _pass_over(self, octets: bytes) -> None:
        if octets.strip(_BLANK + b"\x0b\x1c"):
            self._server.counters["stray_bytes"] += len(octets)
            self._stray += len(octets)
            if self._stray > self._limits.stray_bytes and self._transport is not None:
                self._server.counters["closed_stray"] += 1
                self._deaf = True
                self._transport.close()

    def _steer(self) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if self._held or self._stuck is not None:
            transport.pause_reading()
        else:
            transport.resume_reading()
