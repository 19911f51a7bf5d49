"""Calendar sums over instants that carry their offset: years back, days and hours on, the hour where somebody was."""

from __future__ import annotations

import calendar
from datetime import datetime, timedelta, timezone
from typing import Final

from ...errors import InvalidRequest

__all__ = ["NS", "after", "day_of", "hour_of", "instant", "parse", "text_of", "utc_ns", "years_before"]

NS: Final = 10**9
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)  # noqa: UP017  # one name for both Pythons


def parse(text: str) -> datetime:
    """Read an ISO 8601 instant with its offset.

    Raises
    ------
    InvalidRequest
        ``USE-001`` when it is none: no time is ever taken for UTC in silence.
    """
    try:
        found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise InvalidRequest("USE-001", path="time", hint="an ISO 8601 instant with offset")
    return found


def utc_ns(moment: datetime) -> int:
    """Return nanoseconds since 1970."""
    passed = moment - _EPOCH
    return (passed.days * 86_400 + passed.seconds) * NS + passed.microseconds * 1_000


def instant(text: str) -> int:
    """Return nanoseconds since 1970 of an ISO 8601 instant with offset."""
    return utc_ns(parse(text))


def text_of(moment: datetime) -> str:
    """Return an instant to the second."""
    return moment.isoformat(timespec="seconds")


def years_before(moment: datetime, years: int) -> datetime:
    """Return the same day and time some years earlier; the 29th of February becomes the 28th."""
    year = moment.year - years
    last = calendar.monthrange(year, moment.month)[1]
    return moment.replace(year=year, day=min(moment.day, last))


def after(moment: datetime, *, hours: int = 0, days: int = 0) -> datetime:
    """Return an instant some hours or calendar days of 24 hours later."""
    return moment + timedelta(hours=hours, days=days)


def hour_of(text: str) -> int:
    """Return the hour of the day as it was where the instant was written."""
    return int(text[11:13])


def day_of(text: str) -> str:
    """Return the calendar day as it was where the instant was written."""
    return text[:10]
