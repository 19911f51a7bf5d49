"""Dates and times as they were written: precision, offset, and how far the writing is from the standard's.

The standard's form is ``YYYY[MM[DD[HH[MM[SS[.S[S[S[S]]]]]]]]][+/-ZZZZ]`` (HL7 v2.8 ch. 2.A.22). What the field
writes beside it and has one meaning is read, with a doubt; what has none is not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone, tzinfo
from typing import Final

__all__ = ["DateTime", "TimeOfDay", "read_date_time", "read_time_of_day"]

_DTM: Final = re.compile(
    r"(\d{4})(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:\.(\d{0,18})|(\d{3}))?)?)?)?)?)?"
    r"(Z|[+-]\d\d(?::?\d\d)?)?",
    re.ASCII,
)
_ISO: Final = re.compile(
    r"(\d{4})-(\d\d)(?:-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,18}))?)?)?)?()(Z|[+-]\d\d(?::?\d\d)?)?",
    re.ASCII,
)
_TM: Final = re.compile(r"(\d\d)(?:(\d\d)(?:(\d\d)(?:\.(\d{0,18}))?)?)?(Z|[+-]\d\d(?::?\d\d)?)?", re.ASCII)
_ISO_TM: Final = re.compile(r"(\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,18}))?)?(Z|[+-]\d\d(?::?\d\d)?)?", re.ASCII)
_STRICT_OFFSET: Final = re.compile(r"[+-]\d{4}", re.ASCII)
_MARKS: Final = ("", "-", "-", "T", ":", ":")
_PRECISIONS: Final = ("year", "month", "day", "hour", "minute", "second")
_MAX_OFFSET: Final = 14 * 60
_DOUBT: Final = "HL7-132"


@dataclass(frozen=True, slots=True, repr=False)
class DateTime:
    """A date, or a date and time (DT, DTM, TS), as precise as it was written.

    Attributes
    ----------
    year, month, day, hour, minute, second : int or None
        ``None`` for what was not written. Hour 24 is the end of the day, second 60 a leap second.
    fraction : str or None
        The digits behind the seconds' point.
    offset : int or None
        Minutes east of UTC; ``None`` where nothing was written. Never assumed.
    text : str
        What was written.
    degree : str or None
        The second component of a TS: degree of precision (table 0529), withdrawn since.
    doubt : str or None
        ``HL7-132`` where the writing is not the standard's: milliseconds without their point, ``Z`` or half an
        offset, ISO 8601 with its punctuation, month or day ``00``, blanks around it, hour 24, more than four digits.
    """

    year: int
    month: int | None = None
    day: int | None = None
    hour: int | None = None
    minute: int | None = None
    second: int | None = None
    fraction: str | None = None
    offset: int | None = None
    text: str = ""
    degree: str | None = None
    doubt: str | None = None

    def __repr__(self) -> str:
        return f"DateTime(precision {self.precision})"

    @property
    def parts(self) -> tuple[int, ...]:
        """Year to second, as far as they were written."""
        found = (self.year, self.month, self.day, self.hour, self.minute, self.second)
        return tuple(part for part in found if part is not None)

    @property
    def precision(self) -> str:
        """``year`` to ``second``, or ``fraction``."""
        return "fraction" if self.fraction else _PRECISIONS[len(self.parts) - 1]

    def isoformat(self) -> str:
        """Write it after ISO 8601, as precise as it is; a date has no place for its offset there."""
        widths = (4, 2, 2, 2, 2, 2)
        text = "".join(f"{m}{p:0{w}}" for m, p, w in zip(_MARKS, self.parts, widths, strict=False))
        if self.fraction:
            text += f".{self.fraction}"
        return text + _iso_offset(self.offset) if self.hour is not None else text

    def to_datetime(self, zone: tzinfo | None = None) -> datetime | None:
        """Return the instant with which it begins; ``None`` where Python's calendar ends.

        The offset that was written wins over ``zone``; without either the result is naive: no zone is assumed.
        Hour 24 and second 60 are the beginning of the next day and minute. Digits beyond microseconds are cut.
        """
        year, month, day, hour, minute, second = (*self.parts, *(0, 1, 1, 0, 0, 0)[len(self.parts) :])
        microsecond = int(((self.fraction or "") + "000000")[:6])
        own = None if self.offset is None else timezone(timedelta(minutes=self.offset))
        try:
            local = datetime(year, month, day) + timedelta(
                hours=hour, minutes=minute, seconds=second, microseconds=microsecond
            )
        except OverflowError:
            return None
        return local.replace(tzinfo=own or zone)

    def is_ambiguous(self, zone: tzinfo) -> bool | None:
        """Tell whether the clocks of a zone showed this time twice; ``None`` when they never showed it."""
        local = None if self.offset is not None else self.to_datetime()
        if local is None:
            return False
        first = local.replace(tzinfo=zone).utcoffset() or timedelta()
        second = local.replace(tzinfo=zone, fold=1).utcoffset() or timedelta()
        return None if first < second else first != second


@dataclass(frozen=True, slots=True, repr=False)
class TimeOfDay:
    """A time of the day (TM), as precise as it was written; attributes as of :class:`DateTime`."""

    hour: int
    minute: int | None = None
    second: int | None = None
    fraction: str | None = None
    offset: int | None = None
    text: str = ""
    doubt: str | None = None

    def __repr__(self) -> str:
        return f"TimeOfDay(precision {self.precision})"

    @property
    def precision(self) -> str:
        """``hour`` to ``second``, or ``fraction``."""
        written = [part for part in (self.hour, self.minute, self.second) if part is not None]
        return "fraction" if self.fraction else _PRECISIONS[2 + len(written)]

    def isoformat(self) -> str:
        """Write it after ISO 8601, as precise as it is."""
        written = [part for part in (self.hour, self.minute, self.second) if part is not None]
        text = ":".join(f"{part:02}" for part in written)
        return text + (f".{self.fraction}" if self.fraction else "") + _iso_offset(self.offset)


def read_date_time(text: str, degree: str | None = None) -> DateTime | None:
    """Read a DT, DTM or the first component of a TS; ``None`` when it is no date of the calendar.

    Month or day ``00`` is a way to say that it is not known: the date ends before it.

    Examples
    --------
    >>> from iomt_interop.wire.hl7v2.types import read_date_time
    >>> read_date_time("20260124131540000+0800").isoformat()
    '2026-01-24T13:15:40.000+08:00'
    >>> read_date_time("20200230") is None
    True
    """
    stripped = text.strip(" ")
    match = _DTM.fullmatch(stripped)
    doubtful = stripped != text or match is None
    match = match or _ISO.fullmatch(stripped)
    if match is None:
        return None
    *found, fraction, bare, zone = match.groups()
    known = [part for part in found if part is not None]
    if "00" in known[1:3]:
        known = known[: known.index("00", 1)]
        fraction = bare = None
        doubtful = True
    parts = tuple(map(int, known))
    offset = _minutes(zone)
    if not _exists(parts) or (zone and offset is None):
        return None
    doubtful = doubtful or bool(bare) or parts[3:4] == (24,) or _is_odd(fraction, zone)
    names = ("year", "month", "day", "hour", "minute", "second")
    return DateTime(
        **dict(zip(names, parts, strict=False)),
        fraction=fraction or bare or None, offset=offset, text=text, degree=degree,
        doubt=_DOUBT if doubtful else None,
    )  # fmt: skip


def read_time_of_day(text: str) -> TimeOfDay | None:
    """Read a TM; ``None`` when it is no time of a day."""
    stripped = text.strip(" ")
    match = _TM.fullmatch(stripped)
    doubtful = stripped != text or match is None
    match = match or _ISO_TM.fullmatch(stripped)
    if match is None:
        return None
    *found, fraction, zone = match.groups()
    parts = tuple(int(part) for part in found if part is not None)
    offset = _minutes(zone)
    if not _exists((2000, 1, 1, *parts)) or (zone and offset is None):
        return None
    doubtful = doubtful or parts[0] == 24 or _is_odd(fraction, zone)
    names = ("hour", "minute", "second")
    return TimeOfDay(
        **dict(zip(names, parts, strict=False)),
        fraction=fraction or None, offset=offset, text=text, doubt=_DOUBT if doubtful else None,
    )  # fmt: skip


def _is_odd(fraction: str | None, zone: str | None) -> bool:
    """Tell whether a fraction or an offset is legible but not as the standard wants it."""
    return (fraction is not None and not 1 <= len(fraction) <= 4) or bool(zone and not _STRICT_OFFSET.fullmatch(zone))


def _exists(parts: tuple[int, ...]) -> bool:
    """Tell whether the calendar and the clock have it."""
    year, month, day, hour, minute, second = (*parts, *(1, 1, 1, 0, 0, 0)[len(parts) :])
    if hour > 24 or minute > 59 or second > 60 or (hour == 24 and (minute or second)):
        return False
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


def _minutes(zone: str | None) -> int | None:
    """Return minutes east of UTC; ``None`` for none and for what no place on earth has."""
    if not zone:
        return None
    digits = zone[1:].replace(":", "").ljust(4, "0")
    minutes = 0 if zone == "Z" else int(digits[:2]) * 60 + int(digits[2:])
    if minutes > _MAX_OFFSET or int(digits[2:]) > 59:
        return None
    return -minutes if zone[0] == "-" else minutes


def _iso_offset(offset: int | None) -> str:
    if offset is None:
        return ""
    return f"{'-' if offset < 0 else '+'}{abs(offset) // 60:02}:{abs(offset) % 60:02}"
