"""The short way for plain numeric observations: fragments of JSON, made once, joined per record.

The fragments come from the same rules as the long way (:mod:`.observation`), so both give the same text; what
is not plain takes the long way.
"""

from __future__ import annotations

import re
from typing import Any, Final

from ..._accel import load
from ...model import Instant, Observation, Quantity, ReferenceRange
from .enrich import PERSONAL, enriched_code
from .envelope import Sources
from .fields import Emit, emit_rows
from .jsontext import Tree, dumps
from .measured import put_status
from .observation import BEFORE_CODE, BEFORE_TIME, COMMON_EXTENSIONS, RANGES_ROW, is_phd, put_code, put_device
from .tables import ADAPTER
from .values import put_time, put_value

__all__ = ["FastPath"]

_kernel = load("fhirjson")
_join, _decimal, _is_datetime, quote = _kernel.join, _kernel.decimal_text, _kernel.is_datetime, _kernel.quote
_GAPS: Final = ("\ue000", "\ue001")
"""Stand for the device and the metric in a text with gaps."""

_SOME_TIME: Final = "2001-02-03T04:05:06.070809Z"
_SOME_NATIVE: Final = "gapnative0"
_NATIVE: Final = re.compile(r"[0-9.+\-]+")
"""A time as HL7 v2 writes it: nothing in it needs an escape."""

_LIMIT: Final = 4096
"""Entries of one cache; a full cache is emptied."""

_PLAIN: Final = frozenset({
    "id", "schema_version", "provenance", "kind", "code", "value", "status", "native_status", "categories", "subject",
    "encounter", "time", "device", "gateway", "clock_sync", "order", "handle", "native_type", "metric_category",
    "metric",
    "reference_ranges",
})  # fmt: skip
_OTHER: Final = tuple(name for name in Observation.model_fields if name not in _PLAIN)
_ROWS: Final = {row.field: row for row in (*BEFORE_TIME, *COMMON_EXTENSIONS, RANGES_ROW)}
_REFERENCES: Final = ("subject", "encounter", "gateway", "clock_sync", "order")
_ORDER: Final = (
    0, 1, "subject", "encounter", 2, 3, 4, 5, "gateway", "clock_sync", "order", "handle", "native_type",
    "native_status",
)  # fmt: skip
"""The parts in the order of the long way; 0 status, 1 category and code, 2 effective, 3 value, 4 reference ranges,
5 device and metric."""

Fragment = tuple[str, str]
"""Text for ``extension`` and text for the elements."""
_NOTHING: Final[Fragment] = ("", "")


_texts: Final[dict[str, dict[str, Fragment]]] = {"handle": {}, "native_type": {}, "native_status": {}}
_statuses: Final[dict[tuple[str, str | None, str], Fragment]] = {}
_units: Final[dict[tuple[str | None, int], tuple[Any, str]]] = {}
_codes: Final[dict[tuple[int, int, str | None, bool, bool], tuple[Any, Fragment, bool]]] = {}
_limits: Final[dict[tuple[Any, ...], tuple[Any, Fragment]]] = {}
_same_limits: Final[dict[int, tuple[Any, Fragment]]] = {}
_devices: Final[dict[tuple[bool, bool, bool], Fragment]] = {}
_clocks: Final[dict[tuple[str, tuple[str, ...]], Fragment]] = {}
"""What comes again in every payload: codes, units, states and limits. An entry keeps alive what its key names by
identity; nothing in it is of a person."""


class _Complex(Exception):
    """A fragment would lose something, and the long way must say what; it never leaves this module."""


class FastPath:
    """Writes plain observations for one payload."""

    def __init__(self, e: Emit, sources: Sources) -> None:
        self._e, self._sources = e, sources
        # A fragment that holds a reference is of this payload alone.
        self._caches = {name: _texts.get(name, {}) for name in _ORDER if isinstance(name, str)}
        self._rows = tuple((name, self._caches[name] if isinstance(name, str) else {}) for name in _ORDER)
        self._devices: dict[tuple[str | None, str | None, bool], Fragment] = {}
        self._times: dict[int, tuple[Instant, Fragment]] = {}

    def forget_references(self) -> None:
        """Drop the fragments that hold references; a record has become known since."""
        for name in _REFERENCES:
            self._caches[name].clear()
        self._devices.clear()
        self._times.clear()

    def write(self, record: Observation, clock: Fragment | None = None) -> str | None:
        """Return the resource's text, or None when the record is not plain; with another fragment for its time."""
        values = record.__dict__
        value, time, provenance = values["value"], values["time"], values["provenance"].__dict__
        if type(value) is not Quantity or type(time) is not Instant or provenance["adapter"] == ADAPTER:
            return None
        number = value.__dict__
        if number["special"] is not None or number["literal"] is not None or number["comparator"] is not None:
            return None
        if values["metric_category"] != "unspecified":
            return None
        try:
            unit = number["unit"]
            tail = self._unit(unit, number["native_unit"])
            quantity = f'"valueQuantity":{{"value":{_decimal(number["mantissa"], number["exponent"])}{tail}'
            code, personal = self._code(values, unit, time)
            clock = clock or self._time(time)
            given = (
                self._status(values["status"], values["native_status"]), code, clock, ("", quantity),
                self._ranges(values["reference_ranges"]), self._device(values["device"], values["metric"], personal),
            )  # fmt: skip
            source = self._sources.text(values["provenance"])
            while True:
                found = _join(values, _OTHER, self._rows, given, source)
                if found is None or isinstance(found, str):
                    return found
                name = str(_ORDER[found])
                self._bounded(self._caches[name])[values[name]] = self._fragment(name, values[name])
        except _Complex:
            return None

    def time(self, time: Instant) -> Fragment | None:
        """Return the fragment of a time, or None when it would lose something."""
        try:
            return self._time(time)
        except _Complex:
            return None

    def _device(self, device: str | None, metric: str | None, personal: bool) -> Fragment:
        if device is None and metric is None:
            return _NOTHING
        key = (device, metric, personal)
        found = self._devices.get(key)
        if found is None:
            found = self._bounded(self._devices)[key] = self._named(device, metric, personal)
        return found

    def _named(self, device: str | None, metric: str | None, personal: bool) -> Fragment:
        """Return the references to device and metric, filled into text that has gaps for them."""
        key = (device is not None, metric is not None, personal)
        gaps = _devices.get(key)
        if gaps is None:
            e = Emit(reference=lambda resource, target: target)
            part = _Part(device=device and _GAPS[0], metric=metric and _GAPS[1], personal=personal)
            gaps = _devices[key] = FastPath(e, self._sources)._fragment("device", part)
        reference = self._e.reference
        names = ["" if device is None else reference("Device", device)]
        names.append("" if metric is None else reference("DeviceMetric", metric))
        extensions, elements = gaps
        for gap, name in zip(_GAPS, map(quote, names), strict=True):
            gap = f'"{gap}"'
            extensions, elements = extensions.replace(gap, name), elements.replace(gap, name)
        return extensions, elements

    def _ranges(self, ranges: tuple[ReferenceRange, ...]) -> Fragment:
        if not ranges:
            return _NOTHING
        known = _same_limits.get(id(ranges))
        if known is not None:
            return known[1]
        key = tuple(map(_range_key, ranges))
        found = _limits.get(key)
        if found is None:
            found = self._bounded(_limits)[key] = (ranges, self._fragment("reference_ranges", ranges))
        self._bounded(_same_limits)[id(ranges)] = (ranges, found[1])
        return found[1]

    def _status(self, status: str, native: str | None) -> Fragment:
        key = (status, native, self._e.raw_status)
        found = _statuses.get(key)
        if found is None:
            found = self._bounded(_statuses)[key] = self._fragment("status", _Part(status=status, native_status=native))
        return found

    def _time(self, time: Instant) -> Fragment:
        found = self._times.get(id(time))
        if found is not None:
            return found[1]
        parts = time.__dict__
        if parts["native"] is None and parts["origin"] == "observed" and parts["device_clock"] is None:
            plain = not parts["flags"] and parts["clock_sync"] is None and parts["uncertainty_ns"] is None
            if plain and _is_datetime(parts["value"]):
                return "", f'"effectiveDateTime":"{parts["value"]}"'
        fragment = self._clock(time, parts)
        self._bounded(self._times)[id(time)] = (time, fragment)
        return fragment

    def _clock(self, time: Instant, parts: dict[str, Any]) -> Fragment:
        """Return the fragment of a time; one that is written as most are is filled into text that has gaps for it."""
        native, flags, origin = parts["native"], parts["flags"], parts["origin"]
        simple = parts["device_clock"] is None and parts["clock_sync"] is None and parts["uncertainty_ns"] is None
        if not (simple and native and _NATIVE.fullmatch(native) and _is_datetime(parts["value"])):
            return self._fragment("time", time)
        key = (origin, flags)
        gaps = _clocks.get(key)
        if gaps is None:
            probe = Instant(value=_SOME_TIME, native=_SOME_NATIVE, origin=origin, flags=flags)
            gaps = self._bounded(_clocks)[key] = self._fragment("time", probe)
        if gaps[0]:
            return self._fragment("time", time)
        return "", gaps[1].replace(_SOME_TIME, parts["value"]).replace(_SOME_NATIVE, native)

    def _unit(self, unit: str | None, native: Any) -> str:
        """Return the rest of a Quantity behind its number."""
        key = (unit, id(native))
        found = _units.get(key)
        if found is None:
            text = self._fragment("value", Quantity(unit=unit, native_unit=native))[1]
            rest = text.removeprefix('"valueQuantity":{"value":0')
            found = self._bounded(_units)[key] = (native, rest)
        return found[1]

    def _code(self, values: dict[str, Any], unit: str | None, time: Instant) -> tuple[Fragment, bool]:
        """Return code and categories with what the profiles ask for, and whether they are those of the PHD guide."""
        code, categories, device = values["code"], values["categories"], values["device"]
        vital = values["subject"] is not None and len(time.__dict__["value"]) >= 10
        personal = device is not None and self._e.node_of(device) in PERSONAL
        key = (id(code), id(categories), unit, personal, vital)
        found = _codes.get(key)
        if found is None:
            own, more = enriched_code(code, unit, vital=vital, personal=personal)
            both = _Part(code=own, categories=(*(one for one in more if one not in categories), *categories))
            fragment = self._fragment("code", both)
            found = self._bounded(_codes)[key] = ((code, categories), fragment, is_phd(both.categories))
        return found[1], found[2]

    def _fragment(self, name: str, value: Any) -> Fragment:
        out: Tree = {"extension": []}
        count = len(self._e.losses)
        self._put(out, name, value)
        if len(self._e.losses) > count:
            del self._e.losses[count:]
            raise _Complex
        extensions = dumps(out.pop("extension"))[1:-1]
        return extensions, dumps(out)[1:-1]

    def _put(self, out: Tree, name: str, value: Any) -> None:
        if name == "status":
            put_status(out, value, (), self._e)
        elif name == "code":
            emit_rows(BEFORE_CODE[1:], value, out, self._e)
            put_code(out, value.code, self._e)
        elif name == "time":
            put_time(out, "effective", value, self._e, "time")
        elif name == "value":
            put_value(out, value, self._e, "value")
        elif name == "device":
            put_device(out, value, self._e, value.metric, personal=value.personal)
        else:
            emit_rows((_ROWS[name],), _Part(**{name: value}), out, self._e)

    @staticmethod
    def _bounded(cache: dict[Any, Any]) -> dict[Any, Any]:
        if len(cache) >= _LIMIT:
            cache.clear()
        return cache


class _Part:
    """Some fields of a record."""

    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)

    def __getattr__(self, name: str) -> Any:
        return None


def _range_key(limits: ReferenceRange) -> tuple[Any, ...]:
    values = limits.__dict__
    span = values["range"].__dict__
    return (
        values["purpose"],
        span["text"],
        values["applies_to"],
        values["age"],
        *map(_amount, (span["low"], span["high"])),
    )


def _amount(value: Quantity | None) -> tuple[Any, ...] | None:
    """Return what tells quantities apart; a native unit by its identity, as the cache keeps it alive."""
    if value is None:
        return None
    q = value.__dict__
    unit = (q["unit"], id(q["native_unit"]))
    return q["mantissa"], q["exponent"], q["special"], q["literal"], q["comparator"], *unit
