"""A server for HL7 v2 over MLLP: what it acknowledges is durable.

Theory of operation: connections cut octets into messages and put them into one queue. One task takes all that wait
there, whoever sent them, gives them to the caller's store in a thread of its own (so that one transaction serves many
senders), and writes the answers when the store has returned. The longer a transaction takes, the more messages the
next one has; beyond the limits of the queue nothing is read until there is room.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from types import TracebackType
from typing import Final, Self

from ..errors import InvalidRequest, IomtError
from ..wire.hl7v2.ack import AckError, Outcome
from .answers import Answers
from .connection import Connection, Item
from .delivery import Delivery, Limits, SameId, Store, Verdict, verdict_of
from .memory import Memory
from .tls import Plain, check_channel

__all__ = ["MllpServer"]

_SWEEP: Final = 0.1
"""Seconds between two looks at the clocks of the connections."""
_FAREWELL: Final = 0.5
"""Seconds that a peer has to close its end first, once it has its last answer."""
_FAILED: Final = Verdict(Outcome.REJECTED, (AckError("207"),))
_CONFLICT: Final = Verdict(Outcome.ERROR, (AckError("205", path="MSH-10"),))


def _now() -> datetime:
    return datetime.now(UTC)


class MllpServer:
    """Listens, has messages stored, acknowledges them.

    Parameters
    ----------
    store : callable
        Makes a batch of messages durable and returns a :class:`Verdict` for each. It is called in one thread, never
        twice at a time. What it raises is a verdict too; when a batch fails as a whole its messages are given to it
        one by one, so that one bad message does not take others with it.
    host, port : str, int
        Where to listen; the empty text is every interface, port 0 any free one.
    tls : SSLContext, optional
        From :func:`~iomt_interop.transport.server_context`.
    plain : {"no", "loopback", "anywhere"}, optional
        Where a channel in clear is allowed.
    limits : Limits, optional
        What is taken.
    commit : bool, optional
        Whether the commit octets of MLLP release 2 are sent, before any other answer.
    same_id : {"refuse", "store"}, optional
        What becomes of another message under a known control id. A message that equals the one before to the octet is
        always answered as the first time, and not stored again.
    writer : Executor, optional
        Runs the store, with one thread. One of its own when it is not given.
    clock : callable, optional
        Gives the time of answers (MSH-7); the system's clock, in UTC.

    Attributes
    ----------
    counters : Counter
        What happened: ``received``, ``accepted``, ``errors``, ``rejected``, ``repeated``, ``conflicts``, ``batches``
        and others; what the store raised under ``failed:<code>``.

    Raises
    ------
    InvalidRequest
        ``USE-001`` when the channel would be in clear and nobody asked for that.
    """

    def __init__(
        self,
        store: Store,
        host: str,
        port: int,
        *,
        tls: ssl.SSLContext | None = None,
        plain: Plain = "no",
        limits: Limits | None = None,
        commit: bool = False,
        same_id: SameId = "refuse",
        writer: Executor | None = None,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        check_channel(host, tls, plain)
        if same_id not in ("refuse", "store"):
            raise InvalidRequest("USE-001", path="same_id", hint="'refuse' or 'store'")
        self._store, self._host, self._port, self._tls = store, host, port, tls
        self._limits = limits or Limits()
        self._same_id, self._clock = same_id, clock
        self._owned = writer is None
        self._writer: Executor = writer or ThreadPoolExecutor(1, "mllp-store")
        self._memory = Memory(self._limits.remembered)
        self._answers_of = Answers(commit)
        self._queue: deque[Item] = deque()
        self._queued = 0
        self._wake = asyncio.Event()
        self._full = self._closing = False
        self._sockets: list[socket.socket] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._shaking: set[asyncio.Task[None]] = set()
        self._connections: set[Connection] = set()
        self.counters: Counter[str] = Counter()

    def __repr__(self) -> str:
        return f"MllpServer({len(self._connections)} connections, {len(self._queue)} messages wait)"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Where the server listens."""
        return [found.getsockname()[:2] for found in self._sockets]

    async def start(self) -> None:
        """Listen.

        Raises
        ------
        InvalidRequest
            ``NET-101`` when the address cannot be listened on.
        """
        self._sockets = await _listening(self._host, self._port)
        self._tasks = [asyncio.create_task(self._accept(each)) for each in self._sockets]
        self._tasks += [asyncio.create_task(self._work()), asyncio.create_task(self._sweep())]

    async def close(self, grace: float = 30.0) -> None:
        """Stop listening, store and answer what has come whole, then close.

        What came in part is not answered, and the sender will send it again.

        Parameters
        ----------
        grace : float
            Seconds until connections are cut whose answers could not be delivered; what was accepted is stored.
        """
        deadline = time.monotonic() + grace
        self._closing = True
        for task in (*self._tasks[: len(self._sockets)], *self._shaking):
            task.cancel()
        for each in self._sockets:
            each.close()
        for connection in self._connections:
            connection.deafen()
        self._wake.set()
        if self._tasks:
            await self._tasks[-2]  # the worker: it ends when the queue is empty
            self._tasks[-1].cancel()
        await self._part(deadline)
        await asyncio.gather(*self._tasks, *self._shaking, return_exceptions=True)
        self._tasks, self._sockets = [], []
        if self._owned:
            self._writer.shutdown()

    # What connections call.

    def _opened(self, connection: Connection) -> None:
        """Take a connection in."""
        self.counters["connections"] += 1
        self._connections.add(connection)
        if self._closing:
            connection.abort()
        elif self._full:
            connection.hold(True)

    def _gone(self, connection: Connection) -> None:
        """Let a connection go."""
        self._connections.discard(connection)

    def _offer(self, item: Item) -> None:
        """Take a message; stop reading when there are too many."""
        self.counters["received"] += 1
        self._queue.append(item)
        self._queued += len(item.payload)
        self._wake.set()
        limits = self._limits
        if not self._full and (len(self._queue) >= limits.queue_messages or self._queued >= limits.queue_bytes):
            self._full = True
            self.counters["pauses"] += 1
            for connection in self._connections:
                connection.hold(True)

    # The tasks.

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                accepted, _ = await loop.sock_accept(listening)
            except OSError:  # too many files are open, or the peer was quicker
                await asyncio.sleep(_SWEEP)
                continue
            if len(self._connections) + len(self._shaking) >= self._limits.connections:
                self.counters["refused_connections"] += 1
                accepted.close()
                continue
            task = asyncio.create_task(self._shake(accepted))
            self._shaking.add(task)
            task.add_done_callback(self._shaking.discard)

    async def _shake(self, accepted: socket.socket) -> None:
        """Turn an accepted socket into a connection."""
        loop = asyncio.get_running_loop()
        timeout = self._limits.handshake if self._tls is not None else None
        try:
            accepted.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            await loop.connect_accepted_socket(
                lambda: Connection(self, self._limits),
                accepted,
                ssl=self._tls,
                ssl_handshake_timeout=timeout,
            )
        except (OSError, TimeoutError):  # ssl.SSLError and ConnectionError are OSErrors
            self.counters["failed_handshakes"] += 1
            accepted.close()

    async def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_SWEEP)
            now = loop.time()
            for connection in list(self._connections):
                if (reason := connection.look(now)) is not None:
                    self.counters[reason] += 1

    async def _work(self) -> None:
        while self._queue or not self._closing:
            if not self._queue:
                self._wake.clear()
                await self._wake.wait()
                await asyncio.sleep(0)  # what is ready now, on other connections, goes along
                continue
            batch = self._next_batch()
            fresh = self._sort_out(batch)
            if fresh:
                verdicts = await self._stored([Delivery(item.payload, item.connection.peer) for item in fresh])
                for item, verdict in zip(fresh, verdicts, strict=True):
                    item.verdict = verdict
            self._answer(batch)

    def _next_batch(self) -> list[Item]:
        limits, batch, size = self._limits, list[Item](), 0
        while self._queue and len(batch) < limits.batch_messages:
            size += len(self._queue[0].payload)
            if batch and size > limits.batch_bytes:
                break
            batch.append(self._queue.popleft())
            self._queued -= len(batch[-1].payload)
        if self._full and len(self._queue) <= limits.queue_messages // 2 and self._queued <= limits.queue_bytes // 2:
            self._full = False
            for connection in self._connections:
                connection.hold(False)
        return batch

    def _sort_out(self, batch: list[Item]) -> list[Item]:
        """Return the messages that are new; repetitions get the answers of the first, others of its id a refusal."""
        fresh: list[Item] = []
        here: dict[tuple[bytes, bytes, bytes], Item] = {}
        for item in batch:
            if item.verdict is not None:
                continue
            if item.head.key is not None:
                before = here.get(item.head.key) or self._memory.get(item.head.key)
                if before is not None and before.digest == item.digest:
                    self.counters["repeated"] += 1
                    if isinstance(before, Item):
                        item.first = before
                    else:
                        item.answers = before.answers
                    continue
                if before is not None:
                    self.counters["conflicts"] += 1
                    if self._same_id == "refuse":
                        item.verdict = _CONFLICT
                        continue
                here[item.head.key] = item
            fresh.append(item)
        return fresh

    async def _stored(self, deliveries: list[Delivery]) -> Sequence[Verdict]:
        """Have messages stored, one by one when they fail together."""
        loop = asyncio.get_running_loop()
        self.counters["batches"] += 1
        try:
            verdicts = await loop.run_in_executor(self._writer, self._store, deliveries)
            if len(verdicts) == len(deliveries):
                return verdicts
            self.counters["failed:verdicts"] += 1
        except IomtError as error:
            self.counters[f"failed:{error.code}"] += 1
            if len(deliveries) == 1:
                return [verdict_of(error)]
        except Exception:  # noqa: BLE001 - the store is the caller's; whatever it was, nothing was acknowledged
            self.counters["failed:unknown"] += 1
        if len(deliveries) == 1:
            return [_FAILED]
        return [verdict for each in deliveries for verdict in await self._stored([each])]

    def _answer(self, batch: list[Item]) -> None:
        at = self._clock().astimezone(UTC).strftime("%Y%m%d%H%M%S+0000").encode()
        told: dict[Connection, list[bytes]] = {}
        for item in batch:
            if item.answers is None:
                try:
                    item.answers = self._answers(item, at)
                except Exception:  # noqa: BLE001 - one message without an answer must not silence all others
                    self.counters["failed:unknown"] += 1
                    item.answers = b""
            told.setdefault(item.connection, []).append(item.answers)
        for connection, answers in told.items():
            connection.answer(b"".join(answers), len(answers))

    def _answers(self, item: Item, at: bytes) -> bytes:
        """Return the answers to a message, framed, and remember them when it was accepted."""
        if item.first is not None:
            return item.first.answers or b""
        verdict = item.verdict or _FAILED
        self.counters[_COUNTED[verdict.outcome]] += 1
        answers = self._answers_of.compose(item.payload, item.head, verdict, at)
        for code in self._answers_of.failed:
            self.counters[f"failed:{code}"] += 1
        self._answers_of.failed.clear()
        if verdict.outcome is Outcome.ACCEPTED and item.head.key is not None:
            self._memory.put(item.head.key, item.digest, answers)
        return answers

    async def _part(self, deadline: float) -> None:
        """Close the connections; a peer that closes first has read all its answers."""
        for connection in self._connections:
            connection.listen_again()
        await self._closed(min(time.monotonic() + _FAREWELL, deadline))
        for connection in list(self._connections):
            connection.close()
        await self._closed(deadline)
        for connection in list(self._connections):
            self.counters["cut"] += 1
            connection.abort()
        await self._closed(time.monotonic() + 1)

    async def _closed(self, until: float) -> None:
        futures = [connection.closed for connection in self._connections]
        if futures:
            await asyncio.wait(futures, timeout=max(until - time.monotonic(), 0))


_COUNTED: Final = {Outcome.ACCEPTED: "accepted", Outcome.ERROR: "errors", Outcome.REJECTED: "rejected"}


async def _listening(host: str, port: int) -> list[socket.socket]:
    """Return sockets that listen on every address of a host."""
    loop, made = asyncio.get_running_loop(), list[socket.socket]()
    try:
        found = await loop.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, kind, proto, _, address in dict.fromkeys(found):
            each = socket.socket(family, kind, proto)
            made.append(each)
            each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                each.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            each.bind(address)
            each.listen(128)
            each.setblocking(False)
    except (OSError, OverflowError, UnicodeError):
        for each in made:
            with suppress(OSError):
                each.close()
        made = []
    if not made:
        raise InvalidRequest("NET-101", path="host")
    return made
