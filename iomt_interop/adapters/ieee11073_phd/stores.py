"""PM-stores: what the time of an entry is when only its place tells it (IEEE 11073-20601 6.3.7)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from ...model import Instant
from ...wire.mder import MderFloat
from ...wire.phd.attributes import Attribute
from ...wire.phd.nomenclature import Attr
from .clock import Clock, later

__all__ = ["Stores"]

_TICK: Final = 125
"""Microseconds of a RelativeTime tick."""


class Stores:
    """Start times of segments and sample periods of stores, as the stream told them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._starts: dict[tuple[int, int], Attribute] = {}
        self._periods: dict[int, int] = {}

    def configure(self, handle: int, attributes: Iterable[Attribute]) -> None:
        """Learn the Sample-Period of a store."""
        for attribute in attributes:
            if attribute.id == Attr.TIME_PD_SAMP and isinstance(attribute.value, int):
                self._periods[handle] = attribute.value

    def learn(self, handle: int, segments: Iterable[tuple[int, tuple[Attribute, ...]]]) -> None:
        """Learn the start times of segments."""
        for number, attributes in segments:
            known: Mapping[int, Attribute] = {attribute.id: attribute for attribute in attributes}
            start = known.get(Attr.TIME_START_SEG) or known.get(Attr.TIME_START_SEG_BO)
            if start is not None and len(start.raw) == 8:
                self._starts[handle, number] = start

    def time(self, handle: int, number: int, entry: int) -> Instant | None:
        """Return the time of an entry of a periodic store: start plus place times period."""
        start, period = self._starts.get((handle, number)), self._periods.get(handle)
        if start is None or not period:
            return None
        read = self._clock.absolute if start.id == Attr.TIME_START_SEG else self._clock.base_offset
        instant = read(start.raw)
        if instant is None or "invalid" in instant.flags:
            return None
        found = later(instant, MderFloat(entry * period * _TICK, -6))
        return None if found is None else found.replace(origin="device-clock")
