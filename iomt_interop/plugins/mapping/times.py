"""Instants, intervals and days of a row."""

from __future__ import annotations

from typing import Final

from ...errors import InvalidRecord
from ...model import Day, Instant, Interval, parse_decimal
from ...model.time import TimeOrigin
from .clock import EPOCH_UNITS, Reading, check_zone, read_count, read_time, shift, with_zone
from .scope import Leaf, Scope
from .specs import DurationSpec, InstantSpec, TimeSpec

__all__ = ["instant_of", "read", "time_of"]

_UNITS: Final = {"ms": (1, 3), "s": (1, 0), "min": (60, 0), "h": (3600, 0), "d": (86400, 0)}
"""Unit of a duration to its seconds: a whole number and decimal places."""


def time_of(scope: Scope, spec: TimeSpec) -> Instant | Interval | Day | None:
    """Return a time of any of the three kinds."""
    if spec.at is not None:
        return instant_of(scope, spec.at)
    if spec.day is not None:
        return _day(scope, spec.day)
    start = None if spec.start is None else _reading(scope, spec.start)
    first = None if start is None else _instant(*start)
    if spec.end is not None:
        last = instant_of(scope, spec.end)
    elif spec.duration is not None and start is not None:
        last = _end(scope, start[0], spec.duration)
    else:
        last = None
    return None if first is last is None else Interval(start=first, end=last)


def instant_of(scope: Scope, spec: InstantSpec, origin: TimeOrigin = "observed") -> Instant | None:
    """Return a point in time."""
    found = _reading(scope, spec)
    return None if found is None else _instant(*found, origin)


def read(scope: Scope, text: str, spec: InstantSpec, zone: str | None, offset: str | None) -> Reading | None:
    """Read a text by its format and complete it: by what the mapping says, else by the caller's zone."""
    places = EPOCH_UNITS.get(spec.format)
    reading = read_time(text, spec.format) if places is None else read_count(text, places, spec.epoch)
    if reading is None:
        return None
    if zone is not None or offset is not None:
        return with_zone(reading, zone, offset, assumed=False)
    return with_zone(reading, scope.context.default_zone, None, assumed=True)


def _reading(scope: Scope, spec: InstantSpec, longest: int = 7) -> tuple[Reading, str] | None:
    paths = spec.path if isinstance(spec.path, tuple) else (spec.path,)
    pieces = [leaf for path in paths if (leaf := scope.leaf(path, spec.pattern)) is not None and leaf.text]
    if len(pieces) != len(paths):
        return None
    text = " ".join(piece.text or "" for piece in pieces)
    # The leaf of a zone stays open for an extension: the name says more than the offset that comes of it.
    zone, _ = _stated(scope, spec.zone, spec.zone_path)
    offset, offset_leaf = _stated(scope, spec.offset, spec.offset_path)
    if zone is not None and not _is_zone(zone):
        scope.doubt("MAP-203", spec.zone_path or "zone")
        zone = None
    reading = read(scope, text, spec, zone, offset)
    if reading is None or len(reading.parts) > longest:
        scope.doubt("MAP-203", paths[0])
        return None
    for piece in pieces:
        scope.take(piece)
    if offset_leaf is not None and reading.offset and reading.offset == (offset_leaf.text or "").strip():
        scope.take(offset_leaf)
    return reading, text


def _stated(scope: Scope, fixed: str | None, path: str | int | None) -> tuple[str | None, Leaf | None]:
    if path is None:
        return fixed, None
    leaf = scope.leaf(path)
    return (None, None) if leaf is None or not leaf.text else (leaf.text, leaf)


def _is_zone(name: str) -> bool:
    try:
        check_zone(name)
    except ValueError:
        return False
    return True


def _instant(reading: Reading, native: str, origin: TimeOrigin = "observed") -> Instant:
    value = reading.text
    return Instant(value=value, native=None if native == value else native, origin=origin, flags=reading.flags)


def _day(scope: Scope, spec: InstantSpec) -> Day | None:
    found = _reading(scope, spec, longest=3)
    return None if found is None else Day(value=found[0].text, zone=spec.zone)


def _end(scope: Scope, start: Reading, spec: DurationSpec) -> Instant | None:
    leaf = scope.leaf(spec.path)
    if leaf is None or not leaf.text:
        return None
    try:
        mantissa, exponent = parse_decimal(leaf.text.strip())
    except InvalidRecord:
        scope.doubt("MAP-202", spec.path)
        return None
    factor, places = _UNITS[spec.unit]
    scale = places - exponent
    if scale > 18 or abs(mantissa) > 10**40 or scale < -40:
        scope.doubt("MAP-202", spec.path)
        return None
    digits = mantissa * factor
    end = shift(start, digits * 10**-scale if scale < 0 else digits, max(scale, 0))
    if end is None:
        scope.doubt("MAP-203", spec.path)
        return None
    scope.take(leaf)
    return _instant(end, end.text)
