"""Time as the source told it: instants, intervals and calendar days are three kinds.

Nothing here becomes UTC in silence and nothing becomes *now*: a local time without an offset stays without
one, an hour stays an hour, and how a time was obtained is written beside it.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints

from ..errors import TimeError
from .base import Model

__all__ = ["ClockKind", "Day", "DeviceClock", "Instant", "Interval", "Precision", "Time", "TimeFlag", "TimeOrigin"]

ClockKind = Literal["absolute", "base-offset", "relative", "hi-res-relative", "tick", "none"]
Precision = Literal["year", "month", "day", "hour", "minute", "second", "fraction"]
TimeOrigin = Literal[
    "observed",  # stated for this very observation
    "order",  # taken over from the order or report (OBR-7)
    "window",  # the start of the interval that the report covers
    "message",  # taken over from the message header (MSH-7)
    "device-clock",  # computed from the device's clock and a synchronisation
    "received",  # when the gateway received it
    "stated",  # stated for something else than an observation
]
TimeFlag = Literal["estimated", "corrected", "assumed-offset", "dst-ambiguous", "leap-second", "invalid"]

_ISO: Final = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d)(?::(\d\d)(?::(\d\d)(?:\.(\d{1,18}))?)?)?)?)?)?(Z|[+-]\d\d:\d\d)?"
)
_EPOCH: Final = date(1970, 1, 1).toordinal()
_PRECISIONS: Final[tuple[Precision, ...]] = ("year", "month", "day", "hour", "minute", "second", "fraction")


class DeviceClock(Model):
    """What the device's own clock said."""

    kind: ClockKind
    value: str
    """The clock's value: ISO text for an absolute clock, a decimal count of ticks for a relative one."""
    resolution_ns: int | None = None
    """Length of one tick in nanoseconds."""


class Instant(Model):
    """A point in time with the precision and offset that its source gave, and no more."""

    shape: Literal["instant"] = "instant"
    value: Annotated[str, StringConstraints(pattern=rf"^(?:{_ISO.pattern})$")]
    """ISO 8601 extended, cut off where the source ended: ``2026``, ``2026-11-24T10:58:03.20+01:00``."""
    native: str | None = None
    """The source's own text where it differs (``20261124105803.20+0100``)."""
    origin: TimeOrigin = "observed"
    device_clock: DeviceClock | None = None
    clock_sync: str | None = None
    """Id of the :class:`~iomt_interop.model.ClockSync` that was used."""
    uncertainty_ns: int | None = None
    flags: tuple[TimeFlag, ...] = ()

    @property
    def precision(self) -> Precision:
        """The smallest unit that the source gave."""
        groups = self._parts()
        return _PRECISIONS[sum(part is not None for part in groups[:7]) - 1]

    @property
    def offset_minutes(self) -> int | None:
        """Offset from UTC in minutes; ``None`` when the source gave none."""
        zone = self._parts()[7]
        if zone is None:
            return None
        if zone == "Z":
            return 0
        minutes = int(zone[1:3]) * 60 + int(zone[4:6])
        return -minutes if zone[0] == "-" else minutes

    @property
    def utc_ns(self) -> int | None:
        """Nanoseconds since 1970 in UTC of the start of the instant; ``None`` without an offset.

        Raises
        ------
        TimeError
            ``MDL-002`` when the text names no real date (a 30th of February).
        """
        offset = self.offset_minutes
        if offset is None:
            return None
        year, month, day, hour, minute, second, fraction, _ = self._parts()
        try:
            day_count = date(int(year or 0), int(month or 1), int(day or 1)).toordinal() - _EPOCH
        except ValueError:
            raise TimeError("MDL-002") from None
        # A leap second (:60) and 24:00 are written in the field; as a count of seconds both are plain.
        total = day_count * 86400 + int(hour or 0) * 3600 + (int(minute or 0) - offset) * 60 + int(second or 0)
        return total * 10**9 + int((fraction or "0")[:9].ljust(9, "0"))

    def _parts(self) -> tuple[str | None, ...]:
        match = _ISO.fullmatch(self.value)
        if match is None:  # the field's pattern excludes it
            raise TimeError("MDL-002")
        return match.groups()


class Interval(Model):
    """A stretch of time; an open end is ``None``."""

    shape: Literal["interval"] = "interval"
    start: Instant | None = None
    end: Instant | None = None


class Day(Model):
    """A calendar day where the person was (a step count of a day): no instant, no offset."""

    shape: Literal["day"] = "day"
    value: Annotated[str, StringConstraints(pattern=r"^\d{4}(?:-\d\d(?:-\d\d)?)?$")]
    zone: str | None = None
    """IANA zone in which the day was lived, where the source names it."""


Time = Annotated[Instant | Interval | Day, Field(discriminator="shape")]
"""One of the three kinds of time."""
