"""Clock values of IEEE 11073-20601: their octets, and what they say as ISO 8601 text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Final, NamedTuple

from ...errors import InvalidRecord

__all__ = ["NO_RELATIVE_TIME", "AbsoluteTime", "BaseOffsetTime", "encode_absolute_time"]

NO_RELATIVE_TIME: Final = 0xFFFFFFFF
"""RelativeTime of a device that has no such clock."""

_EPOCH: Final = datetime(1900, 1, 1, tzinfo=UTC)


class AbsoluteTime(NamedTuple):
    """Eight octets of BCD: century, year, month, day, hour, minute, second, 1/100 s; local, without a zone."""

    raw: bytes

    def __repr__(self) -> str:
        return "AbsoluteTime()"

    @property
    def text(self) -> str | None:
        """``2007-12-06T12:10:00.00``; ``None`` when the octets are no date."""
        digits = self.raw.hex()
        if len(digits) != 16 or not digits.isdecimal():
            return None
        try:
            moment = datetime.strptime(digits[:14], "%Y%m%d%H%M%S")
        except ValueError:
            return None
        return f"{moment.isoformat(timespec='seconds')}.{digits[14:]}"


class BaseOffsetTime(NamedTuple):
    """Seconds since 1900 in UTC, a fraction of 1/65536 s, the offset of local time in minutes."""

    seconds: int
    fraction: int
    offset: int

    def __repr__(self) -> str:
        return "BaseOffsetTime()"

    @property
    def text(self) -> str | None:
        """Local time with its offset; ``None`` when the offset is out of range."""
        if abs(self.offset) >= 24 * 60:
            return None
        zone = timezone(timedelta(minutes=self.offset))
        moment = (_EPOCH + timedelta(seconds=self.seconds)).astimezone(zone)
        digits = str(self.fraction * (10**16 >> 16)).rjust(16, "0").rstrip("0")
        local, offset = moment.replace(tzinfo=None).isoformat(timespec="seconds"), moment.isoformat()[-6:]
        return local + (f".{digits}" if digits else "") + offset


def encode_absolute_time(text: str) -> bytes:
    """Encode ``2007-12-06T12:10:00[.00]``.

    Raises
    ------
    InvalidRecord
        ``MDL-002`` when the text is not such a time.
    """
    digits = "".join(character for character in text if character not in "-T:.").ljust(16, "0")
    raw = bytes.fromhex(digits) if len(digits) == 16 and digits.isdecimal() else b""
    if AbsoluteTime(raw).text is None:
        raise InvalidRecord("MDL-002")
    return raw
