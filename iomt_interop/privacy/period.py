"""Stretches of time as uncertain as their texts leave them: a date without a zone begins first in UTC+14."""

from __future__ import annotations

import re
from calendar import isleap, monthrange
from datetime import date
from typing import Final, NamedTuple

from ..errors import TimeError
from ..model import Day, Instant, Interval
from ..model.time import Time

__all__ = ["ALWAYS", "Window", "span_of", "window_of"]

_HOUR: Final = 3600 * 10**9
EARLIEST: Final = 14 * _HOUR
"""A local time can be this much earlier in UTC (UTC+14)."""
LATEST: Final = 12 * _HOUR
"""And this much later (UTC-12)."""
_FAR: Final = 1 << 80

_EPOCH: Final = date(1970, 1, 1).toordinal()
_ISO: Final = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d)(?::(\d\d)(?::(\d\d)(?:\.(\d{1,18}))?)?)?)?)?)?(Z|[+-]\d\d:\d\d)?"
)


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
    match = _ISO.fullmatch(instant.value)
    if match is None:  # the model's own pattern excludes it
        raise TimeError("MDL-002")
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    try:
        days = date(int(year), int(month or 1), int(day or 1)).toordinal() - _EPOCH
    except ValueError:
        raise TimeError("MDL-002") from None
    minutes = offset or 0
    if zone is not None:
        minutes = 0 if zone == "Z" else int(zone[1:3]) * 60 + int(zone[4:6])
        minutes = -minutes if zone[0] == "-" else minutes
    start = (days * 86400 + int(hour or 0) * 3600 + (int(minute or 0) - minutes) * 60 + int(second or 0)) * 10**9
    known = zone is not None or offset is not None
    if fraction is not None:
        start += int(fraction[:9].ljust(9, "0"))
        return start, start + int(10 ** max(0, 9 - len(fraction))), known
    if second is not None:
        return start, start + 10**9, known
    if minute is not None:
        return start, start + 60 * 10**9, known
    if hour is not None:
        return start, start + _HOUR, known
    return start, start + _days(int(year), month, day) * 24 * _HOUR, known


def _days(year: int, month: str | None, day: str | None) -> int:
    """Return how many days a date of some precision covers."""
    if day is not None:
        return 1
    return monthrange(year, int(month))[1] if month is not None else 365 + isleap(year)


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
