"""Clients for HL7 v2 over MLLP: one for asyncio that may have several messages under way, and a plain blocking one."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections import deque
from contextlib import suppress
from types import TracebackType
from typing import Final, Self, cast

from ..errors import ChannelRefused, DeliveryFailed, InvalidRequest, IomtError
from ..wire import hl7v2, mllp
from .exchange import Backoff, Exchange, Reply, Until, answered
from .tls import Plain, check_channel

__all__ = ["BlockingMllpClient", "MllpClient"]

_CHUNK: Final = 65_536
_FAREWELL: Final = 1.0
"""Seconds that the other end has to close its side."""
MAX_ANSWER: Final = 1 << 20
"""Longest acknowledgement in octets."""


def failure(error: BaseException | None, otherwise: str) -> IomtError:
    """Return the error of this library for one of a socket."""
    if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return ChannelRefused("NET-103")
    return DeliveryFailed(otherwise)


def _cut_off(error: BaseException | None, *, secure: bool, heard: bool) -> IomtError:
    """Return the error for a connection that ended; some receivers say nothing when a certificate displeases them."""
    if isinstance(found := failure(error, "NET-105"), ChannelRefused) or heard or not secure:
        return found
    return DeliveryFailed("NET-105", hint="nothing came at all: perhaps the receiver wants another certificate")


class _Line(asyncio.Protocol):
    """One connection of the client, and the exchanges that are under way on it."""

    def __init__(self) -> None:
        self._framer = mllp.Framer(max_payload=MAX_ANSWER)
        self._transport: asyncio.Transport | None = None
        self._pending: dict[str, tuple[Exchange, asyncio.Future[Reply]]] = {}
        self._commits: deque[Exchange] = deque()
        self._ready = asyncio.Event()
        self._ready.set()
        self._heard = False
        self._gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.closed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, error: Exception | None) -> None:
        self.closed = True
        self._ready.set()
        if not self._gone.done():
            self._gone.set_result(None)
        secure = self._transport is not None and self._transport.get_extra_info("sslcontext") is not None
        for _, future in self._pending.values():
            if not future.done():
                future.set_exception(_cut_off(error, secure=secure, heard=self._heard))
        self._pending.clear()

    def pause_writing(self) -> None:
        self._ready.clear()

    def resume_writing(self) -> None:
        self._ready.set()

    def data_received(self, data: bytes) -> None:
        self._heard = True
        for block in self._framer.feed(data):
            if block.kind in ("ack", "nak"):
                if self._commits:
                    exchange = self._commits.popleft()
                    exchange.commit(block.kind == "ack")
                    self._settle(exchange)
            elif block.kind == "message":
                message = hl7v2.parse(block.payload)
                found = self._pending.get(answered(message) or "")
                if found is not None and found[0].take(message):
                    self._settle(found[0])

    async def exchange(self, exchange: Exchange) -> Reply:
        """Send a message and wait for its answers."""
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._pending[exchange.key] = exchange, future
        if exchange.awaits_commit:
            self._commits.append(exchange)
        try:
            if self._transport is None or self.closed or self._transport.is_closing():
                raise DeliveryFailed("NET-105")
            self._transport.write(exchange.frame)
            await self._ready.wait()
            self._settle(exchange)
            return await future
        finally:
            self._pending.pop(exchange.key, None)
            if future.done() and not future.cancelled():
                future.exception()  # looked at, though somebody else ended the wait

    def close(self) -> None:
        """Let go."""
        self.closed = True
        if self._transport is not None:
            self._transport.close()

    async def parted(self) -> None:
        """Wait until the other end has heard of it, but not for long."""
        await asyncio.wait([self._gone], timeout=_FAREWELL)
        if self._transport is not None:
            self._transport.abort()
        await asyncio.sleep(0)

    def _settle(self, exchange: Exchange) -> None:
        found = self._pending.get(exchange.key)
        if found is not None and found[0] is exchange and exchange.finished and not found[1].done():
            found[1].set_result(exchange.reply)


class MllpClient:
    """Sends messages and waits for their acknowledgements, each known by its MSA-2.

    A message whose fate is unknown (no answer in time, or the connection broke) is sent again, the same to the octet,
    so that a receiver can tell a repetition from a new message. A negative answer is an answer: it is returned.

    Parameters
    ----------
    host, port : str, int
        The receiver.
    tls : SSLContext, optional
        From :func:`~iomt_interop.transport.client_context`.
    plain : {"no", "loopback", "anywhere"}, optional
        Where a channel in clear is allowed.
    server_hostname : str, optional
        The name in the receiver's certificate, where it is not ``host``.
    timeout : float, optional
        Seconds to wait for the answers to a message, and for a connection.
    backoff : Backoff, optional
        When to try again.
    window : int, optional
        How many messages may be under way; 1 keeps their order.
    until : {"accept", "all"}, optional
        Which acknowledgement is waited for in enhanced mode.
    commit : bool, optional
        Whether the receiver sends the commit octets of MLLP release 2.

    Raises
    ------
    InvalidRequest
        ``USE-001`` when the channel would be in clear and nobody asked for that.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        tls: ssl.SSLContext | None = None,
        plain: Plain = "no",
        server_hostname: str | None = None,
        timeout: float = 30.0,
        backoff: Backoff | None = None,
        window: int = 1,
        until: Until = "all",
        commit: bool = False,
    ) -> None:
        check_channel(host, tls, plain)
        if window < 1 or timeout <= 0:
            raise InvalidRequest("USE-001", path="window" if window < 1 else "timeout")
        self._host, self._port, self._tls = host, port, tls
        self._name = (server_hostname or host) if tls is not None else None
        self._timeout, self._backoff = timeout, backoff or Backoff()
        self._until, self._commit = until, commit
        self._window = asyncio.Semaphore(window)
        self._dialling = asyncio.Lock()
        self._line: _Line | None = None
        self._under_way: set[str] = set()
        self.attempts = 0
        """How often a message was sent, repetitions included."""

    def __repr__(self) -> str:
        return f"MllpClient({len(self._under_way)} messages under way)"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def send(self, payload: bytes) -> Reply:
        """Send a message and return what became of it.

        Raises
        ------
        DeliveryFailed
            ``NET-102``, ``NET-104`` or ``NET-105`` after the last attempt.
        ChannelRefused
            ``NET-103`` when one end does not trust the other; that is not tried again.
        InvalidRequest
            ``USE-001`` for a message without MSH-10, ``USE-002`` while another one of the same is under way.
        NotRepresentable
            ``MLP-111`` when it does not fit a frame.
        """
        exchange = Exchange(payload, until=self._until, commit=self._commit)
        async with self._window:
            if exchange.key in self._under_way:
                raise InvalidRequest("USE-002", path="MSH-10", hint="a message with this control id is under way")
            self._under_way.add(exchange.key)
            try:
                return await self._persist(exchange)
            finally:
                self._under_way.discard(exchange.key)

    async def close(self) -> None:
        """Close the connection."""
        if self._line is not None:
            line, self._line = self._line, None
            line.close()
            await line.parted()

    async def _persist(self, exchange: Exchange) -> Reply:
        for pause in self._backoff.pauses():
            exchange.begin()
            try:
                return await self._attempt(exchange)
            except DeliveryFailed:
                if pause is None:
                    raise
            await asyncio.sleep(pause)
        raise AssertionError("the last pause is none")

    async def _attempt(self, exchange: Exchange) -> Reply:
        line = await self._connected()
        self.attempts += 1
        try:
            async with asyncio.timeout(self._timeout):
                return await line.exchange(exchange)
        except TimeoutError:
            # An answer that comes late must not be taken for that of a later message.
            line.close()
        raise DeliveryFailed("NET-104")

    async def _connected(self) -> _Line:
        async with self._dialling:
            if self._line is not None and not self._line.closed:
                return self._line
            cause: BaseException
            try:
                async with asyncio.timeout(self._timeout):
                    loop = asyncio.get_running_loop()
                    _, self._line = await loop.create_connection(
                        _Line, self._host, self._port, ssl=self._tls, server_hostname=self._name
                    )
                    return self._line
            except (OSError, UnicodeError) as error:  # a timeout is an OSError too
                cause = error
            await asyncio.sleep(0)  # the loop closes the socket
        raise failure(cause, "NET-102")


class BlockingMllpClient:
    """The same for programs without an event loop; one message at a time.

    Parameters
    ----------
    host, port, tls, plain, server_hostname, timeout, backoff, until, commit
        As for :class:`MllpClient`.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        tls: ssl.SSLContext | None = None,
        plain: Plain = "no",
        server_hostname: str | None = None,
        timeout: float = 30.0,
        backoff: Backoff | None = None,
        until: Until = "all",
        commit: bool = False,
    ) -> None:
        check_channel(host, tls, plain)
        if timeout <= 0:
            raise InvalidRequest("USE-001", path="timeout")
        self._address, self._tls, self._name = (host, port), tls, server_hostname or host
        self._timeout, self._backoff = timeout, backoff or Backoff()
        self._until, self._commit = until, commit
        self._socket: socket.socket | None = None
        self._framer, self._heard = mllp.Framer(max_payload=MAX_ANSWER), False

    def __repr__(self) -> str:
        return f"BlockingMllpClient({'connected' if self._socket else 'not connected'})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def send(self, payload: bytes) -> Reply:
        """Send a message and return what became of it; raises as :meth:`MllpClient.send` does."""
        exchange = Exchange(payload, until=self._until, commit=self._commit)
        for pause in self._backoff.pauses():
            exchange.begin()
            try:
                return self._attempt(exchange)
            except DeliveryFailed:
                self.close()
                if pause is None:
                    raise
            except ChannelRefused:
                self.close()
                raise
            time.sleep(pause)
        raise AssertionError("the last pause is none")

    def close(self) -> None:
        """Close the connection."""
        if self._socket is not None:
            with suppress(OSError):
                self._socket.close()
            self._socket = None

    def _attempt(self, exchange: Exchange) -> Reply:
        connected = self._connected()
        deadline = time.monotonic() + self._timeout
        cause: BaseException | None = None
        try:
            connected.settimeout(self._timeout)
            connected.sendall(exchange.frame)
            while not exchange.finished:
                connected.settimeout(max(deadline - time.monotonic(), 0.001))
                data = connected.recv(_CHUNK)
                if not data:
                    break
                self._take(exchange, data)
            else:
                return exchange.reply
        except TimeoutError:
            raise DeliveryFailed("NET-104") from None
        except OSError as error:
            cause = error
        raise _cut_off(cause, secure=self._tls is not None, heard=self._heard)

    def _take(self, exchange: Exchange, data: bytes) -> None:
        self._heard = True
        for block in self._framer.feed(data):
            if block.kind in ("ack", "nak"):
                exchange.commit(block.kind == "ack")
            elif block.kind == "message":
                exchange.take(hl7v2.parse(block.payload))

    def _connected(self) -> socket.socket:
        if self._socket is not None:
            return self._socket
        plain: socket.socket | None = None
        cause: BaseException
        try:
            plain = socket.create_connection(self._address, timeout=self._timeout)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket = self._tls.wrap_socket(plain, server_hostname=self._name) if self._tls is not None else plain
            self._framer, self._heard = mllp.Framer(max_payload=MAX_ANSWER), False
            return self._socket
        except (OSError, UnicodeError) as error:
            cause = error
        if plain is not None:
            plain.close()
        raise failure(cause, "NET-102")
