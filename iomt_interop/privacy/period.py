"""Stretches of time as uncertain as their texts leave them: a date without a zone begins first in UTC+14."""

from __future__ import annotations

from typing import Final, NamedTuple

from ..errors import TimeError
from ..model import Day, Instant, Interval
from ..model.time import Precision, Time

__all__ = ["ALWAYS", "Window", "span_of", "window_of"]

_HOUR: Final = 3600 * 10**9
EARLIEST: Final = 14 * _HOUR
"""A local time can be this much earlier in UTC (UTC+14)."""
LATEST: Final = 12 * _HOUR
"""And this much later (UTC-12)."""
_FAR: Final = 1 << 80

_UNITS: Final[dict[Precision, int]] = {
    "day": 24 * _HOUR,
    "hour": _HOUR,
    "minute": 60 * 10**9,
    "second": 10**9,
}


class Window(NamedTuple):
    """A period in UTC nanoseconds, half open: where it holds for sure, and where it may hold."""

    sure_start: int
    sure_end: int
    any_start: int
    any_end: int

    def surely_holds(self, start: int, end: int) -> bool:
        """Tell whether a stretch lies within the period wherever its texts were written."""
        return self.sure_start <= start and end <= self.sure_end

    def may_touch(self, start: int, end: int) -> bool:
        """Tell whether a stretch overlaps the period somewhere on Earth."""
        return start < self.any_end and self.any_start < end


ALWAYS: Final = Window(-_FAR, _FAR, -_FAR, _FAR)
"""No limit."""


def _edges(instant: Instant, offset: int | None) -> tuple[int, int, bool]:
    """Return start and end of an instant as its precision leaves it, and whether its zone is known."""
    known = instant.offset_minutes
    zone = known if known is not None else offset
    text = instant.value
    if known is None:
        minutes = zone or 0
        sign = "-" if minutes < 0 else "+"
        text += f"{sign}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"
    start = Instant(value=text).utc_ns
    assert start is not None  # the text has an offset
    return start, start + _length(instant), zone is not None


def _length(instant: Instant) -> int:
    precision = instant.precision
    if precision in _UNITS:
        return _UNITS[precision]
    if precision == "fraction":
        digits = len(instant.value.partition(".")[2].rstrip("Z").partition("+")[0].partition("-")[0])
        return int(10 ** max(0, 9 - digits))
    year, month = int(instant.value[:4]), int(instant.value[5:7]) if precision == "month" else 0
    following = (year + 1, 1) if precision == "year" or month == 12 else (year, month + 1)
    if following[0] > 9999:
        return _FAR
    first = Instant(value=f"{year:04d}-{month or 1:02d}-01T00Z").utc_ns
    after = Instant(value=f"{following[0]:04d}-{following[1]:02d}-01T00Z").utc_ns
    assert first is not None
    assert after is not None
    return after - first


def window_of(period: Interval | None, offset: int | None = None) -> Window:
    """Return the window of a FHIR Period: both ends belong to it, each as long as its precision.

    Parameters
    ----------
    period : Interval, optional
        The period; none has no limit.
    offset : int, optional
        Minutes from UTC that a time without a zone is in; unknown when none.

    Raises
    ------
    TimeError
        ``MDL-002`` when an end is no date, or the end is before the start.
    """
    if period is None:
        return ALWAYS
    sure_start = any_start = -_FAR
    sure_end = any_end = _FAR
    if period.start is not None and period.end is not None:
        # In one zone, known or not, the end must come after the start.
        (start, _, known), (_, end, same) = _edges(period.start, offset), _edges(period.end, offset)
        if known == same and end <= start:
            raise TimeError("MDL-002")
    if period.start is not None:
        start, _, known = _edges(period.start, offset)
        sure_start, any_start = (start, start) if known else (start + LATEST, start - EARLIEST)
    if period.end is not None:
        _, end, known = _edges(period.end, offset)
        sure_end, any_end = (end, end) if known else (end - EARLIEST, end + LATEST)
    if any_end <= any_start:
        raise TimeError("MDL-002")
    return Window(sure_start, sure_end, any_start, any_end)


def span_of(time: Time | None, offset: int | None = None) -> tuple[int, int] | None:
    """Return the widest stretch in which something happened, in UTC nanoseconds; ``None`` when nobody knows."""
    try:
        if isinstance(time, Interval):
            if time.start is None or time.end is None:
                return None
            first, last = span_of(time.start, offset), span_of(time.end, offset)
            return None if first is None or last is None or last[1] <= first[0] else (first[0], last[1])
        if isinstance(time, Day):
            time = Instant(value=time.value)
        if time is None or "invalid" in time.flags:
            return None
        start, end, known = _edges(time, offset)
    except TimeError:
        return None
    return (start, end) if known else (start - EARLIEST, end + LATEST)
