"""Observation scans to Observation and Waveform records."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from typing import Any, Final, NamedTuple, cast

from ...model import Component, Concept, Extension, Instant, Interval, Link, Observation, Quality, Waveform
from ...model.time import Time
from ...model.value import Value
from ...plugins import ReadContext
from ...wire.mder import NO_RELATIVE_TIME, MderFloat
from ...wire.phd.attributes import Attribute, AttributeValue, EnumObsValue, NuObsValue
from ...wire.phd.nomenclature import Attr
from ...wire.phd.session import Observed
from . import values
from .clock import Clock, RelativeKind, device_clock, later
from .concepts import name, unit
from .emit import HTEST, Frame, extension, keep_repeated
from .metric import SHAPING, Template
from .subjects import Persons
from .tables import STATUS_FLAGS, STATUS_MODE, STATUS_RESULT
from .waveform import Samples, channel, samples, segment

__all__ = ["READERS", "Observer", "quality"]

Span = tuple[int, int]


class Reading(NamedTuple):
    """What a value attribute says."""

    value: Value | None = None
    components: tuple[Component, ...] = ()
    code: Concept | None = None
    status: int | None = None
    samples: Samples | None = None
    doubt: str | None = None


def quality(status: int | None) -> Quality | None:
    """Return MeasurementStatus as flags, its mode, and all its bits as sent."""
    if status is None:
        return None
    return Quality(
        flags=tuple(flag for mask, flag in STATUS_FLAGS if status & mask),
        mode=next((mode for mask, mode in STATUS_MODE if status & mask), None),
        status_bits=status,
    )


def _number(template: Template, value: AttributeValue) -> Reading:
    return Reading(values.number(cast(MderFloat, value), template.unit))


def _long_number(template: Template, value: AttributeValue) -> Reading:
    metric, status, units, number = cast(NuObsValue, value)
    return Reading(values.number(number, unit(units, template.agent.fitness)), (), template.term(metric), status)


def _compound(template: Template, value: AttributeValue) -> Reading:
    """Give each member its code by its place in Metric-Id-List (IEEE 11073-20601 6.3.3.3)."""
    numbers = cast("tuple[MderFloat, ...]", value)
    codes = template.components
    return Reading(
        components=tuple(
            Component(
                code=codes[place] if place < len(codes) else Concept(), value=values.number(number, template.unit)
            )
            for place, number in enumerate(numbers)
        ),
        doubt=None if len(codes) == len(numbers) else "PHX-203",
    )


def _long_compound(template: Template, value: AttributeValue) -> Reading:
    parts = (_long_number(template, member) for member in cast("tuple[NuObsValue, ...]", value))
    return Reading(
        components=tuple(
            Component(code=part.code or Concept(), value=part.value, quality=quality(part.status)) for part in parts
        )
    )


def _term(template: Template, value: AttributeValue) -> Reading:
    partition = template.integer(Attr.ENUM_OBS_VAL_PART, template.integer(Attr.ID_TYPE) >> 16)
    return Reading(values.coded(partition << 16 | cast(int, value), template.agent.owner))


def _text(_: Template, value: AttributeValue) -> Reading:
    return Reading(values.text(cast(bytes, value)))


def _bits_32(_: Template, value: AttributeValue) -> Reading:
    return Reading(values.bit_set(cast(int, value), 32))


def _bits_16(_: Template, value: AttributeValue) -> Reading:
    return Reading(values.bit_set(cast(int, value), 16))


_CHOICES: Final[dict[int, Callable[[Template, AttributeValue], Reading]]] = {1: _term, 2: _text, 16: _bits_32}


def _long_enumeration(template: Template, value: AttributeValue) -> Reading:
    metric, status, choice, content = cast(EnumObsValue, value)
    read = _CHOICES.get(choice)
    if read is None:
        return Reading(code=template.term(metric), status=status, doubt="PHX-205")
    return read(template, content)._replace(code=template.term(metric), status=status)


def _samples(template: Template, value: AttributeValue) -> Reading:
    found = samples(template, cast(bytes, value))
    return Reading(samples=found, doubt="PHX-204" if found is None else None)


READERS: Final[dict[int, Callable[[Template, AttributeValue], Reading]]] = {
    Attr.NU_VAL_OBS_BASIC: _number,
    Attr.NU_VAL_OBS_SIMP: _number,
    Attr.NU_VAL_OBS: _long_number,
    Attr.NU_CMPD_VAL_OBS_BASIC: _compound,
    Attr.NU_CMPD_VAL_OBS_SIMP: _compound,
    Attr.NU_CMPD_VAL_OBS: _long_compound,
    Attr.ENUM_OBS_VAL_SIMP_OID: _term,
    Attr.ENUM_OBS_VAL_SIMP_STR: _text,
    Attr.ENUM_OBS_VAL_SIMP_BIT_STR: _bits_32,
    Attr.ENUM_OBS_VAL_BASIC_BIT_STR: _bits_16,
    Attr.VAL_ENUM_OBS: _long_enumeration,
    Attr.SIMP_SA_OBS_VAL: _samples,
}
"""How each value attribute is read."""

_ABSOLUTE: Final = frozenset({Attr.TIME_STAMP_ABS, Attr.TIME_ABS})
"""The second is a clock, not a time stamp, but the Nonin 9560 puts it where the stamp belongs."""
_RELATIVE: Final[dict[int, RelativeKind]] = {
    Attr.TIME_STAMP_REL: "relative",
    Attr.TIME_STAMP_REL_HI_RES: "hi-res-relative",
}
_ENTRY_TIMES: Final[dict[str, Attr]] = {
    "absolute": Attr.TIME_STAMP_ABS,
    "relative": Attr.TIME_STAMP_REL,
    "hi-res": Attr.TIME_STAMP_REL_HI_RES,
}
"""Times in the header of a PM-store entry, as the attributes they stand for."""


class Observer:
    """Makes the observations of one stream.

    Parameters
    ----------
    context : ReadContext
        Whose data it is, and when it arrived.
    """

    def __init__(self, context: ReadContext, clock: Clock) -> None:
        self._received = context.received
        self._clock = clock
        self._persons = Persons(context)
        self._last: dict[tuple[int | None, int], str] = {}

    def forget(self) -> None:
        """Begin a new association: source handles refer to this connection alone."""
        self._last.clear()

    def undecoded(self, frame: Frame, system: str | None, code: str, span: Span, person: int | None, path: str) -> None:
        """Keep an observation that cannot be understood, under its person."""
        frame.residue(code, span, path, self._persons.subject(frame, system, person, None))

    def observe(
        self, frame: Frame, template: Template, seen: Observed, path: str, periodic: Instant | None = None
    ) -> None:
        """Add the record of one scan.

        Parameters
        ----------
        frame : Frame
            The APDU.
        template : Template
            The object, with the attributes of this very scan.
        seen : Observed
            The scan.
        path : str
            Where it stands.
        periodic : Instant, optional
            Its time by its place in a periodic store.
        """
        reported = {attribute.id: attribute for attribute, _ in seen.attributes}
        keep_repeated(frame, [attribute for attribute, _ in seen.attributes], f"handle {seen.handle}")
        kind = next((attribute for attribute in reported if attribute in READERS), None)
        value = None if kind is None else reported[kind].value
        reading = Reading(doubt="PHX-202") if kind is None or value is None else READERS[kind](template, value)
        status, stated = _status(template, reported, reading)
        time, timed = self._time(frame, template, seen, reported, path, periodic)
        said = SHAPING | stated | timed | ({kind} if kind is not None and reading.doubt is None else set())
        mode = next((mode for mask, mode in STATUS_MODE if (status or 0) & mask), None)
        if reading.doubt is not None:
            frame.issue(reading.doubt, seen.span, path)
        shared: dict[str, Any] = {
            "id": frame.id("observation", seen.span, template.agent.system, seen.person, seen.handle),
            "provenance": frame.origin(seen.span, path),
            "subject": self._persons.subject(frame, template.agent.system, seen.person, mode),
            "device": template.agent.device,
            "gateway": template.agent.gateway,
            "code": reading.code or template.code,
            "status": next((result for mask, result in STATUS_RESULT if (status or 0) & mask), "final"),
            "quality": quality(status),
            "time": time,
            "handle": str(seen.handle),
            "native_type": None if kind is None else name(kind),
            "labels": () if mode is None else (HTEST,),
            "links": self._links(template, seen.person),
            "extensions": tuple(_left(seen, said)),
        }
        if reading.samples is not None:
            frame.add(self._waveform(frame, template, seen, path, reading.samples, shared))
        else:
            frame.add(_observation(template, reading, shared))
        self._last[seen.person, seen.handle] = shared["id"]

    def _waveform(
        self, frame: Frame, template: Template, seen: Observed, path: str, found: Samples, shared: dict[str, Any]
    ) -> Waveform:
        signal, exact = channel(template)
        if not exact:
            frame.issue("PHX-206", seen.span, path)
        start = shared["time"]
        return Waveform(
            channels=(signal,),
            segments=(segment(found, start if isinstance(start, Instant) else None),),
            **shared,
        )

    def _links(self, template: Template, person: int | None) -> tuple[Link, ...]:
        """Point at the most recent observation of each source handle (20601 6.3.3.3)."""
        targets = (self._last.get((person, source)) for source in template.sources)
        return tuple(Link(relation="derived_from", target=target) for target in targets if target is not None)

    def _time(
        self,
        frame: Frame,
        template: Template,
        seen: Observed,
        reported: dict[int, Attribute],
        path: str,
        periodic: Instant | None,
    ) -> tuple[Time | None, set[int]]:
        """Return the time of a scan and the attributes that said it."""
        if seen.entry is not None:
            stamps = (Attribute(_ENTRY_TIMES[kind], raw) for kind, raw in seen.entry.times)
            reported = {**{stamp.id: stamp for stamp in stamps}, **reported}
        for attribute in reported.values():
            instant = self._instant(attribute)
            if instant is None:
                continue
            if "invalid" in instant.flags:
                frame.issue("PHX-201", seen.span, path)
            return _lasting(template, instant, reported), {attribute.id}
        if periodic is not None:
            return periodic, set()
        if self._received is None:
            return None, set()
        ticks = next(((_RELATIVE[a.id], a.value) for a in reported.values() if a.id in _RELATIVE), None)
        clock = None if ticks is None or not isinstance(ticks[1], int) else device_clock(ticks[0], ticks[1])
        return self._received.replace(origin="received", device_clock=clock), set()

    def _instant(self, attribute: Attribute) -> Instant | None:
        if attribute.id in _ABSOLUTE and len(attribute.raw) == 8:
            return self._clock.absolute(attribute.raw)
        if attribute.id == Attr.TIME_STAMP_BO and len(attribute.raw) == 8:
            return self._clock.base_offset(attribute.raw)
        kind = _RELATIVE.get(attribute.id)
        ticks = None if kind is None else attribute.value
        if kind is None or not isinstance(ticks, int) or (kind == "relative" and ticks == NO_RELATIVE_TIME):
            return None
        return self._clock.relative(kind, ticks)


def _status(template: Template, reported: dict[int, Attribute], reading: Reading) -> tuple[int | None, set[int]]:
    """Return MeasurementStatus, the value's own first, and the attribute that it was taken from."""
    if reading.status is not None:
        return reading.status, set()
    stated = reported.get(Attr.MSMT_STAT) or template.attributes.get(Attr.MSMT_STAT)
    bits = None if stated is None else stated.value
    return (bits, {Attr.MSMT_STAT}) if isinstance(bits, int) else (None, set())


def _lasting(template: Template, start: Instant, reported: dict[int, Attribute]) -> Time:
    """Make an interval of a stamp and Measure-Active-Period: the stamp is its start (FHIR PHD guide)."""
    active = reported.get(Attr.TIME_PD_MSMT_ACTIVE) or template.attributes.get(Attr.TIME_PD_MSMT_ACTIVE)
    duration = None if active is None else active.value
    end = later(start, duration) if isinstance(duration, MderFloat) and duration.mantissa > 0 else None
    return start if end is None else Interval(start=start, end=end)


def _left(seen: Observed, said: AbstractSet[int]) -> Iterator[Extension]:
    """Keep what no field says."""
    own = {attribute.id for attribute, _ in seen.attributes}
    for attribute, _ in seen.attributes:
        if attribute.id not in said or (attribute.id in SHAPING and attribute.value is None):
            yield extension(f"handle {seen.handle}/attribute {attribute.id}", attribute.raw.hex())
    for kind, raw in seen.entry.times if seen.entry is not None else ():
        if _ENTRY_TIMES[kind] in own or _ENTRY_TIMES[kind] not in said:
            yield extension(f"handle {seen.handle}/entry-header {kind}", raw.hex())


def _observation(template: Template, reading: Reading, shared: dict[str, Any]) -> Observation:
    return Observation(
        value=reading.value,
        components=reading.components,
        metric_category=template.category,
        supplemental=template.supplemental,
        accuracy=template.accuracy,
        metric=template.metric,
        **shared,
    )
