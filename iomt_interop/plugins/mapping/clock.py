"""Times as devices write them, read with the precision and offset that they have, and no others."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ...model.time import TimeFlag

__all__ = ["EPOCH_UNITS", "Reading", "check_format", "check_offset", "check_zone", "parse_epoch", "read_count",
           "read_time", "shift", "with_zone"]  # fmt: skip

EPOCH_UNITS: Final = {"epoch-s": 0, "epoch-ms": 3, "epoch-us": 6, "epoch-ns": 9}
"""Format to the decimal places of a second that one count is."""

_ISO: Final = re.compile(
    r"(?P<Y>\d{4})(?:-?(?P<m>\d\d)(?:-?(?P<d>\d\d)(?:[T ](?P<H>\d\d)(?::?(?P<M>\d\d)(?::?(?P<S>\d\d)"
    r"(?:[.,](?P<f>\d{1,18}))?)?)?\s?(?P<z>Z|[+-]\d\d(?::?\d\d)?)?)?)?)?",
    re.ASCII,
)
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DIRECTIVES: Final[dict[str, str]] = {
    "Y": r"(?P<Y>\d{4})",
    "y": r"(?P<y>\d\d)",
    "m": r"(?P<m>\d{1,2})",
    "b": r"(?P<b>[A-Za-z]{3})[a-z]*\.?",
    "d": r"(?P<d>\d{1,2})",
    "H": r"(?P<H>\d{1,2})",
    "I": r"(?P<I>\d{1,2})",
    "p": r"(?P<p>[AaPp])\.?[Mm]\.?",
    "M": r"(?P<M>\d{1,2})",
    "S": r"(?P<S>\d{1,2})",
    "f": r"(?P<f>\d{1,18})",
    "z": r"(?P<z>Z|[+-]\d\d(?::?\d\d)?)",
    "%": "%",
}
_OFFSET: Final = re.compile(r"(?:Z|[+-](?:0\d|1[0-4]):?[0-5]\d|[+-](?:0\d|1[0-4]))", re.ASCII)
_COUNT: Final = re.compile(r"(-?)(\d{1,30})(?:\.(\d{1,18}))?(?:[eE]\+?(\d{1,2}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Reading:
    """A time: its parts as written (``2026``, ``03``, ...), the fraction among them, and the offset."""

    parts: tuple[str, ...]
    offset: str = ""
    flags: tuple[TimeFlag, ...] = ()

    @property
    def text(self) -> str:
        """ISO 8601 extended."""
        marks = ("", "-", "-", "T", ":", ":", ".")
        return "".join(mark + part for mark, part in zip(marks, self.parts, strict=False)) + self.offset


def check_format(value: str) -> str:
    """Return the format; a ValueError when it is none."""
    if value != "iso" and value not in EPOCH_UNITS:
        _compiled(value)
    return value


def check_zone(value: str | None) -> str | None:
    """Return the name of an IANA zone; a ValueError when none is known by it."""
    if value is not None:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError("not an IANA time zone") from None
    return value


def check_offset(value: str | None) -> str | None:
    """Return the offset; a ValueError when it is none."""
    if value is not None and _OFFSET.fullmatch(value) is None:
        raise ValueError("not an offset")
    return value


@lru_cache(maxsize=64)
def parse_epoch(value: str) -> tuple[datetime, str]:
    """Return where a count begins, and its offset (empty for local time)."""
    reading = read_time(value, "iso")
    if reading is None or len(reading.parts) != 6 or reading.parts[5] == "60" or reading.offset not in {"", "Z"}:
        raise ValueError("not a date and time to the second, local or in UTC")
    return datetime(*map(int, reading.parts)), reading.offset  # type: ignore[arg-type]


@lru_cache(maxsize=256)
def _compiled(form: str) -> re.Pattern[str]:
    pieces: list[str] = []
    position = 0
    seen: set[str] = set()
    while position < len(form):
        letter = form[position]
        if letter == "%":
            position += 1
            name = form[position : position + 1]
            if name not in _DIRECTIVES or name in seen - {"%"}:
                raise ValueError("a directive that is not known or stands twice")
            seen.add(name)
            pieces.append(_DIRECTIVES[name])
        else:
            pieces.append(r"\s+" if letter.isspace() else re.escape(letter))
        position += 1
    if not seen & {"Y", "y"}:
        raise ValueError("a format has a year")
    if ("I" in seen) != ("p" in seen):
        raise ValueError("twelve hours need their half of the day")
    return re.compile("".join(pieces), re.ASCII)


def read_time(text: str, form: str) -> Reading | None:
    """Read a date and time by its format; ``None`` when it is none, or no such day exists."""
    match = (_ISO if form == "iso" else _compiled(form)).fullmatch(text.strip())
    if match is None:
        return None
    given = {name: part for name, part in match.groupdict().items() if part is not None}
    hour = _hour(given)
    month = given.get("m")
    if "b" in given:
        name = given["b"].lower()
        month = str(_MONTHS.index(name) + 1) if name in _MONTHS else "0"
    ordered = (_year(given), month, given.get("d"), hour, given.get("M"), given.get("S"), given.get("f"))
    parts: list[str] = []
    for part, width in zip(ordered, (4, 2, 2, 2, 2, 2, 0), strict=True):
        if part is None:
            break
        parts.append(part.zfill(width))
    if not _exists(tuple(map(int, parts))) or len(parts) != sum(part is not None for part in ordered):
        return None
    offset = _offset(given.get("z"))
    if offset is None:
        return None
    return Reading(tuple(parts), offset, ("leap-second",) if parts[5:6] == ["60"] else ())


def _year(given: dict[str, str]) -> str:
    if "Y" in given:
        return given["Y"]
    short = int(given["y"])
    return str(2000 + short if short < 69 else 1900 + short)  # POSIX


def _hour(given: dict[str, str]) -> str | None:
    if "I" not in given:
        return given.get("H")
    hour = int(given["I"])
    if not 1 <= hour <= 12:
        return "99"
    return str(hour % 12 + (12 if given["p"] in "Pp" else 0))


def _exists(parts: tuple[int, ...]) -> bool:
    limits = ((1, 9999), (1, 12), (1, 31), (0, 24), (0, 59), (0, 60))
    if not all(low <= part <= high for part, (low, high) in zip(parts, limits, strict=False)):
        return False
    if len(parts) > 3 and parts[3] == 24 and any(parts[4:]):
        return False
    try:
        date(*(*parts, 1, 1)[:3])
    except ValueError:
        return False
    return True


def _offset(text: str | None) -> str | None:
    if text is None or text == "Z":
        return text or ""
    if _OFFSET.fullmatch(text) is None:
        return None
    digits = text[1:].replace(":", "").ljust(4, "0")
    return f"{text[0]}{digits[:2]}:{digits[2:]}"


def with_zone(reading: Reading, zone: str | None, offset: str | None, *, assumed: bool) -> Reading:
    """Complete a local time; a date alone has no offset, and a time that a clock jumped over gets none."""
    if reading.offset or len(reading.parts) < 4 or (zone is None and offset is None):
        return reading
    flags: tuple[TimeFlag, ...] = (*reading.flags, "assumed-offset") if assumed else reading.flags
    if offset is not None:
        found = _offset(offset.strip())
        return reading if found is None else Reading(reading.parts, found, flags)
    moment = _moment(reading)
    if moment is None or zone is None:
        return reading
    try:
        where = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return reading
    try:
        first = moment.replace(tzinfo=where).utcoffset() or timedelta()
        second = moment.replace(tzinfo=where, fold=1).utcoffset() or timedelta()
    except OverflowError:
        return reading
    if first < second:
        return Reading(reading.parts, "", (*reading.flags, "invalid"))
    if first % timedelta(minutes=1):  # local mean time of long ago; ISO 8601 has no seconds of offset
        return reading
    return Reading(reading.parts, _written(first), flags if first == second else (*flags, "dst-ambiguous"))


def _moment(reading: Reading) -> datetime | None:
    year, month, day, hour, minute = (*map(int, reading.parts[:5]), 0)[:5]
    try:
        return datetime(year, month, day) + timedelta(hours=hour, minutes=minute)
    except OverflowError:
        return None


def _written(offset: timedelta) -> str:
    minutes = int(offset.total_seconds()) // 60
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


def read_count(text: str, places: int, epoch: str) -> Reading | None:
    """Read a count since an epoch, exactly: ``places`` is 3 for milliseconds."""
    match = _COUNT.fullmatch(text.strip())
    if match is None:
        return None
    sign, whole, fraction, power = match.groups()
    fraction = fraction or ""
    digits = whole + fraction
    scale = places + len(fraction) - int(power or 0)
    if scale < 0:
        digits, scale = digits + "0" * -scale, 0
    start, offset = parse_epoch(epoch)
    units = 10**scale
    seconds, rest = divmod(-int(digits) if sign else int(digits), units)
    try:
        moment = start + timedelta(seconds=seconds)
    except OverflowError:
        return None
    parts = [f"{moment:%m}", f"{moment:%d}", f"{moment:%H}", f"{moment:%M}", f"{moment:%S}"]
    parts.insert(0, f"{moment.year:04}")
    if scale:
        parts.append(str(rest).zfill(scale))
    return None if scale > 18 else Reading(tuple(parts), offset)


def shift(reading: Reading, digits: int, places: int) -> Reading | None:
    """Return the time ``digits * 10**-places`` seconds later; ``None`` without seconds to add to."""
    if len(reading.parts) < 6 or reading.parts[5] == "60":
        return None
    fraction = reading.parts[6] if len(reading.parts) > 6 else ""
    scale = max(len(fraction), places)
    have = int(fraction or "0") * 10 ** (scale - len(fraction))
    seconds, rest = divmod(have + digits * 10 ** (scale - places), 10**scale)
    moment = _moment(reading)
    if moment is None or scale > 18:
        return None
    try:
        moment += timedelta(seconds=int(reading.parts[5]) + seconds)
    except OverflowError:
        return None
    parts = (f"{moment.year:04}", f"{moment:%m}", f"{moment:%d}", f"{moment:%H}", f"{moment:%M}", f"{moment:%S}")
    return Reading((*parts, str(rest).zfill(scale)) if scale else parts, reading.offset)
