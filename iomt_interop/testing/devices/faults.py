"""What goes wrong between a device and its reader, as wrappers that can be combined.

Two kinds. Faults of the wire take messages and give octets: :func:`cut`, :func:`duplicate`, :func:`reorder`,
:func:`lose`, :func:`garbage`; :class:`Faulty` puts them around a device, in their order. Faults of the device
itself change what it means to send, and so its truth: :func:`drift`, :func:`jump`, :func:`missing`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final, Protocol, TypeVar

from .base import Clock, SimulatedDevice, chance, random_source
from .truth import Truth

__all__ = ["NOISE", "Fault", "Faulty", "cut", "drift", "duplicate", "garbage", "jump", "lose", "missing", "reorder"]

Fault = Callable[[Iterable[bytes]], Iterator[bytes]]
"""A fault of the wire: messages in, messages or parts of them out."""

NOISE: Final = bytes(octet for octet in range(256) if octet not in b"\x0b\x1c\r\n" and not 0xE0 <= octet <= 0xEF)
"""Octets of a noisy line, without those by which frames and APDUs are found."""


def cut(after: int) -> Fault:
    """Break the connection after a number of octets, wherever that is."""

    def broken(messages: Iterable[bytes]) -> Iterator[bytes]:
        left = after
        for message in messages:
            if left < len(message):
                if left:
                    yield message[:left]
                return
            left -= len(message)
            yield message

    return broken


def duplicate(seed: int = 0, percent: int = 30) -> Fault:
    """Send some messages twice, as a sender does that got no answer."""

    def repeated(messages: Iterable[bytes]) -> Iterator[bytes]:
        random = random_source("duplicate", seed)
        for message in messages:
            yield message
            if chance(random, percent):
                yield message

    return repeated


def lose(seed: int = 0, percent: int = 20) -> Fault:
    """Lose some messages."""

    def lost(messages: Iterable[bytes]) -> Iterator[bytes]:
        random = random_source("lose", seed)
        yield from (message for message in messages if not chance(random, percent))

    return lost


def reorder(seed: int = 0, window: int = 3) -> Fault:
    """Let messages overtake each other, within a window."""

    def shuffled(messages: Iterable[bytes]) -> Iterator[bytes]:
        random = random_source("reorder", seed)
        waiting: list[bytes] = []
        for message in messages:
            waiting.append(message)
            if len(waiting) >= window:
                yield waiting.pop(random.randrange(len(waiting)))
        while waiting:
            yield waiting.pop(random.randrange(len(waiting)))

    return shuffled


def garbage(seed: int = 0, percent: int = 30, *, most: int = 40, alphabet: bytes = NOISE) -> Fault:
    """Put noise between some messages, never inside one."""

    def noisy(messages: Iterable[bytes]) -> Iterator[bytes]:
        random = random_source("garbage", seed)
        for message in messages:
            if chance(random, percent):
                yield bytes(random.choices(alphabet, k=random.randint(1, most)))
            yield message

    return noisy


@dataclass(frozen=True)
class Faulty:
    """A device behind a faulty wire; its truth is the device's own, of which a reader may see a part.

    Examples
    --------
    >>> from iomt_interop.testing.devices import Thermometer, faults
    >>> wire = faults.Faulty(Thermometer(), (faults.duplicate(7), faults.cut(100)))
    >>> len(b"".join(wire.messages()))
    100
    """

    device: SimulatedDevice
    faults: tuple[Fault, ...] = field(repr=False)

    def messages(self) -> Iterator[bytes]:
        """Yield what arrives."""
        stream = self.device.messages()
        for fault in self.faults:
            stream = fault(stream)
        return stream

    def truth(self) -> tuple[Truth, ...]:
        """Return what the device measured."""
        return self.device.truth()


class _Clocked(Protocol):
    """A device of this package: a frozen dataclass with a clock and a share of missing values."""

    @property
    def clock(self) -> Clock: ...

    @property
    def missing_percent(self) -> int: ...


D = TypeVar("D", bound=_Clocked)


def drift(device: D, ppm: int) -> D:
    """Return the device with a clock that runs too fast, by parts of a million; too slow below zero."""
    return replace(device, clock=replace(device.clock, drift_ppm=ppm))  # type: ignore[type-var]  # see _Clocked


def jump(device: D, after: timedelta, by: timedelta) -> D:
    """Return the device with a clock that is set once, as at the end of summer time."""
    jumps = (*device.clock.jumps, (after, by))
    return replace(device, clock=replace(device.clock, jumps=jumps))  # type: ignore[type-var]  # see _Clocked


def missing(device: D, percent: int) -> D:
    """Return the device with sensors that fall off: so many values of a hundred are sent as missing."""
    return replace(device, missing_percent=percent)  # type: ignore[type-var]  # see _Clocked
