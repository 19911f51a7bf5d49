"""Clocks of a personal health device: what its time stamps say, and no more.

Absolute-Time is local time without a zone, Base-Offset-Time knows its offset, and the relative clocks count from
an instant that nobody told, unless the stream itself holds a comparison (IEEE 11073-20601 Annex A and F).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from struct import Struct
from typing import Final, Literal
from zoneinfo import ZoneInfo

from ...errors import InvalidRequest
from ...model import DeviceClock, Instant
from ...model.time import TimeFlag
from ...wire.mder import BaseOffsetTime, MderFloat

__all__ = ["Anchor", "Clock", "RelativeKind", "device_clock", "later"]

RelativeKind = Literal["relative", "hi-res-relative"]

_TICK_NS: Final[dict[RelativeKind, int]] = {"relative": 125_000, "hi-res-relative": 1_000}
_WRAP: Final[dict[RelativeKind, int]] = {"relative": 1 << 32, "hi-res-relative": 1 << 64}
_ABSOLUTE_NS: Final = 10_000_000
_BASE_OFFSET: Final = Struct(">IHh")

_WHOLE: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)?")

_PREFIXES: Final = (8, 6, 4)
"""How much of an impossible time may stand: the digits up to the day, the month, the year."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """One comparison of a relative clock with an absolute one, from the stream itself."""

    ticks: int
    instant: Instant
    sync: str
    """Id of the :class:`~iomt_interop.model.ClockSync`."""


def device_clock(kind: RelativeKind, ticks: int) -> DeviceClock:
    """Return a relative clock's count."""
    return DeviceClock(kind=kind, value=str(ticks), resolution_ns=_TICK_NS[kind])


class Clock:
    """The clocks of one stream.

    Parameters
    ----------
    zone : str, optional
        IANA zone of local times, when the caller knows it.

    Raises
    ------
    InvalidRequest
        ``USE-001`` when no such zone is known.
    """

    def __init__(self, zone: str | None = None) -> None:
        self._anchors: dict[RelativeKind, Anchor] = {}
        self._last: tuple[bytes, Instant | None] = (b"", None)
        try:
            self._zone = None if zone is None else ZoneInfo(zone)
        except (KeyError, ValueError, OSError):
            raise InvalidRequest("USE-001", path="default_zone") from None

    def absolute(self, raw: bytes) -> Instant | None:
        """Read an AbsoluteTime, eight octets of BCD (IEEE 11073-20601 Annex F.8).

        An impossible date keeps what of it is possible, the flag ``invalid`` and its octets as
        :attr:`~iomt_interop.model.Instant.native`; ``None`` when not even the year is a number.
        """
        # Both measurements of a report mostly carry the same stamp.
        if raw == self._last[0]:
            return self._last[1]
        self._last = (raw, self._absolute(raw))
        return self._last[1]

    def _absolute(self, raw: bytes) -> Instant | None:
        text = raw.hex()
        moment = _parse(text)
        if moment is None:
            return _possible_part(text)
        value = f"{text[:4]}-{text[4:6]}-{text[6:8]}T{text[8:10]}:{text[10:12]}:{text[12:14]}.{text[14:]}"
        clock = DeviceClock(kind="absolute", value=value, resolution_ns=_ABSOLUTE_NS)
        offset, flags = self._offset(moment)
        return Instant(value=value + offset, device_clock=clock, flags=flags)

    def _offset(self, moment: datetime) -> tuple[str, tuple[TimeFlag, ...]]:
        """Complete a local time by the caller's zone."""
        if self._zone is None:
            return "", ()
        early = moment.replace(tzinfo=self._zone, fold=0)
        offset = early.utcoffset() or timedelta()
        if offset % timedelta(minutes=1):  # local mean time of long ago; ISO 8601 has no seconds of offset
            return "", ()
        ambiguous = offset != early.replace(fold=1).utcoffset()
        return _iso_offset(offset), ("assumed-offset", "dst-ambiguous") if ambiguous else ("assumed-offset",)

    def base_offset(self, raw: bytes) -> Instant | None:
        """Read a BaseOffsetTime: seconds since 1900 in UTC, a fraction, an offset (IEEE 11073-20601 A.2)."""
        value = BaseOffsetTime(*_BASE_OFFSET.unpack(raw)).text
        if value is None or raw == b"\xff" * 8:
            return None
        return Instant(value=value, device_clock=DeviceClock(kind="base-offset", value=value))

    def relative(self, kind: RelativeKind, ticks: int) -> Instant | None:
        """Compute the instant of a relative count from the last comparison in the stream; ``None`` without one."""
        anchor = self._anchors.get(kind)
        if anchor is None:
            return None
        wrap = _WRAP[kind]
        elapsed = (ticks - anchor.ticks) % wrap
        if elapsed >= wrap // 2:  # stamped before the comparison
            elapsed -= wrap
        instant = later(anchor.instant, MderFloat(elapsed * _TICK_NS[kind] // 1000, -6))
        if instant is None:
            return None
        clock = device_clock(kind, ticks)
        return instant.replace(origin="device-clock", device_clock=clock, clock_sync=anchor.sync)

    def anchor(self, kind: RelativeKind, ticks: int, instant: Instant, sync: str) -> None:
        """Remember that a relative clock and one of dates were read together."""
        if "invalid" not in instant.flags:
            self._anchors[kind] = Anchor(ticks, instant, sync)


def later(instant: Instant, duration: MderFloat) -> Instant | None:
    """Return the instant a number of seconds later, exactly; ``None`` where that is no date."""
    match = _WHOLE.fullmatch(instant.value)
    if match is None or duration.special is not None or not -18 <= duration.exponent <= 9:
        return None
    start, fraction, offset = match.groups(default="")
    digits = max(len(fraction), -duration.exponent)
    total = int(fraction.ljust(digits, "0") or 0) + duration.mantissa * 10 ** (digits + duration.exponent)
    seconds, rest = divmod(total, 10**digits)
    try:
        moment = datetime.fromisoformat(start) + timedelta(seconds=seconds)
    except (ValueError, OverflowError):
        return None
    tail = f".{rest:0{digits}}" if digits else ""
    return Instant(value=moment.isoformat() + tail + offset, origin=instant.origin, flags=instant.flags)


def _parse(text: str) -> datetime | None:
    if not text.isdecimal():
        return None
    try:
        return datetime(
            int(text[:4]), int(text[4:6]), int(text[6:8]), int(text[8:10]), int(text[10:12]), int(text[12:14]),
            int(text[14:]) * 10_000,
        )  # fmt: skip
    except ValueError:
        return None


def _possible_part(text: str) -> Instant | None:
    """Cut an impossible time off where it stops being a date."""
    for digits in _PREFIXES:
        part = text[:digits]
        if part.isdecimal() and _parse((part + "0101"[digits - 4 :]).ljust(16, "0")) is not None:
            value = "-".join(filter(None, (part[:4], part[4:6], part[6:8])))
            return Instant(value=value, native=text, flags=("invalid",))
    return None


def _iso_offset(offset: timedelta) -> str:
    minutes = offset // timedelta(minutes=1)
    hours, rest = divmod(abs(minutes), 60)
    return f"{'-' if minutes < 0 else '+'}{hours:02}:{rest:02}"
