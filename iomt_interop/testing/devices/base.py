"""What every simulated device has: a clock of its own, signals that wander, messages and the truth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from random import Random
from typing import Final, NamedTuple, Protocol, runtime_checkable

from .truth import Truth

__all__ = ["Clock", "SimulatedDevice", "Wander", "chance", "random_source"]

_MILLION: Final = 1_000_000
_MICROSECOND: Final = timedelta(microseconds=1)


@runtime_checkable
class SimulatedDevice(Protocol):
    """A device without a wire: the same device gives the same octets and the same truth every time."""

    def messages(self) -> Iterator[bytes]:
        """Yield what the device sends, message by message (a message, a frame, an APDU)."""
        ...

    def truth(self) -> tuple[Truth, ...]:
        """Return what the device measured and sent, in the order of its messages."""
        ...


@dataclass(frozen=True, slots=True)
class Clock:
    """A device's clock: it starts at an argument, never at now, and it may run wrong.

    Attributes
    ----------
    start : datetime
        What the clock shows at the beginning; with an offset or without, as the device's clock has one.
    drift_ppm : int
        How much too fast it runs, in parts of a million.
    jumps : tuple of (timedelta, timedelta)
        After how long it is set, and by how much.
    """

    start: datetime = datetime(2026, 11, 24, 10, 58, tzinfo=timezone(timedelta(hours=1)))
    drift_ppm: int = 0
    jumps: tuple[tuple[timedelta, timedelta], ...] = ()

    def at(self, after: timedelta) -> datetime:
        """Return what the clock shows when so much time has truly passed."""
        passed = after // _MICROSECOND
        shown = passed + passed * self.drift_ppm // _MILLION
        jumped = sum((by for when, by in self.jumps if when <= after), timedelta())
        return self.start + timedelta(microseconds=shown) + jumped


class Wander(NamedTuple):
    """A number that goes up and down: a random walk between two limits, in steps of the last digit shown."""

    start: int
    """In units of the last digit: 368 with one decimal is 36.8."""
    low: int
    high: int
    decimals: int = 0
    step: int = 1

    def next(self, current: int, random: Random) -> int:
        """Return the next number."""
        return max(self.low, min(self.high, current + random.randint(-self.step, self.step)))

    def digits(self, current: int) -> str:
        """Return the number as the device shows it, all its decimals written."""
        return str(Decimal(current).scaleb(-self.decimals)) if self.decimals else str(current)


def random_source(*seed: int | str) -> Random:
    """Return a source of numbers that is the same in every process and version of Python."""
    return Random("/".join(map(str, seed)))  # noqa: S311 - a simulation has to be repeatable


def chance(random: Random, percent: int) -> bool:
    """Tell whether something happens that happens so often in a hundred times."""
    return random.randrange(100) < percent
