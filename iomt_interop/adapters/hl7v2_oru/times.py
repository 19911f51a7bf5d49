"""Dates and times (DT, TM, DTM, TS): the precision and offset that were written, and no others.

An offset may come from three places: the time itself, MSH-7 (which sets it "for the whole message", HL7 v2
2.14.9.7), the zone of the read context. The last two are marked as assumed, and the source's text is kept.
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ...errors import InvalidRequest
from ...model import Instant, Interval, TimeOfDayValue
from ...model.time import TimeFlag, TimeOrigin
from .ledger import Node, Syntax, decoder

__all__ = [
    "check_zone",
    "decode_observed",
    "decode_message",
    "decode_order",
    "decode_stated",
    "decode_window",
    "instant",
    "interval",
    "time_of_day",
]

_DTM: Final = re.compile(
    r"(\d{4})(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:\.(\d{1,18})|(\d{3}))?)?)?)?)?)?(Z|[+-]\d{4})?", re.ASCII
)
"""2.A.22. The bare three digits behind the seconds are milliseconds without their point."""
_ISO: Final = re.compile(
    r"(\d{4})-(\d\d)(?:-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,18}))?)?)?)?()(Z|[+-]\d\d:?\d\d)?", re.ASCII
)
_TM: Final = re.compile(r"(\d\d)(?:(\d\d)(?:(\d\d)(?:\.(\d{1,18}))?)?)?([+-]\d{4})?", re.ASCII)
_SEPARATORS: Final = ("", "-", "-", "T", ":", ":", ".")
_LIMITS: Final = ((1, 9999), (1, 12), (1, 31), (0, 24), (0, 59), (0, 60))


def check_zone(name: str | None) -> str:
    """Return the name of a zone, empty for none.

    Raises
    ------
    InvalidRequest
        ``USE-001`` when the zone is not known.
    """
    try:
        return "" if name is None else ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError):
        raise InvalidRequest("USE-001", path="context.default_zone") from None


def instant(text: str, syntax: Syntax, origin: TimeOrigin) -> Instant | None:
    """Return the point in time, ``None`` when the text is no time.

    Month or day ``00`` is a way to say that it is not known: the instant ends before it.
    """
    match = _DTM.fullmatch(text.strip()) or _ISO.fullmatch(text.strip())
    if match is None:
        return None
    *parts, fraction, bare, zone = match.groups()
    known = [part for part in parts if part is not None]
    known = known[: known.index("00", 1)] if "00" in known[1:3] else known
    if not _exists(tuple(map(int, known))):
        return None
    if len(known) == 6 and (fraction or bare):
        known.append(fraction or bare)
    value = "".join(mark + part for mark, part in zip(_SEPARATORS, known, strict=False))
    flags: list[TimeFlag] = ["leap-second"] if known[5:6] == ["60"] else []
    offset = _offset(zone)
    if not offset and len(known) > 3:
        offset, assumed = _assumed(known, syntax)
        flags += assumed
    return Instant.of_valid({"value": value + offset, "native": text, "origin": origin, "flags": tuple(flags)})


def _exists(parts: tuple[int, ...]) -> bool:
    if not all(low <= part <= high for part, (low, high) in zip(parts, _LIMITS, strict=False)):
        return False
    if len(parts) > 3 and parts[3] == 24 and any(parts[4:]):
        return False
    if len(parts) < 3:
        return True
    try:
        date(*parts[:3])
    except ValueError:
        return False
    return True


def _offset(zone: str | None) -> str:
    if zone is None:
        return ""
    return zone if zone == "Z" or ":" in zone else f"{zone[:3]}:{zone[3:]}"


def _assumed(parts: list[str], syntax: Syntax) -> tuple[str, list[TimeFlag]]:
    """Return the offset that message or context give a local time, and what is doubtful about it."""
    if syntax.offset:
        return syntax.offset, ["assumed-offset"]
    if not syntax.zone:
        return "", []
    year, month, day, hour, minute = (*map(int, parts[:5]), 0)[:5]
    try:
        local = datetime(year, month, day) + timedelta(hours=hour, minutes=minute)
    except OverflowError:
        return "", []
    zone = ZoneInfo(syntax.zone)
    first = local.replace(tzinfo=zone).utcoffset() or timedelta()
    second = local.replace(tzinfo=zone, fold=1).utcoffset() or timedelta()
    if first < second:  # the clock jumped over this time: it was never shown
        return "", ["invalid"]
    minutes = int(first.total_seconds()) // 60
    flags: list[TimeFlag] = ["assumed-offset"] if first == second else ["assumed-offset", "dst-ambiguous"]
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}", flags


def _taken(node: Node, origin: TimeOrigin) -> Instant | None:
    """Take the first leaf when it is a time."""
    text = node.peek()
    found = None if text is None else instant(text, node.syntax, origin)
    if found is not None:
        node.take()
    return found


def interval(node: Node, origin: TimeOrigin) -> Interval | None:
    """Read a date and time range (DR): a time in each of the first two components."""
    start, end = _taken(node[1], origin), _taken(node[2], origin)
    return None if start is end is None else Interval(start=start, end=end)


def time_of_day(text: str) -> TimeOfDayValue | None:
    """Read a TM."""
    match = _TM.fullmatch(text)
    if match is None:
        return None
    hour, minute, second, fraction, _ = match.groups()
    if int(hour) > 23 or int(minute or 0) > 59 or int(second or 0) > 60 or minute is None:
        return None
    value = f"{hour}:{minute}" + (f":{second}" if second else "") + (f".{fraction}" if fraction else "")
    return TimeOfDayValue(value=value, native=text)


decode_observed = decoder(lambda field: _taken(field, "observed"), cache=2048)
decode_order = decoder(lambda field: _taken(field, "order"), cache=256)
decode_window = decoder(lambda field: _taken(field, "window"), cache=256)
decode_message = decoder(lambda field: _taken(field, "message"), cache=64)
decode_stated = decoder(lambda field: _taken(field, "stated"))
