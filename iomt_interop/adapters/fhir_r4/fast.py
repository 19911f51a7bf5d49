"""The short way for plain numeric observations: fragments of JSON, made once, joined per record.

The fragments come from the same rules as the long way (:mod:`.observation`), so both give the same text; what
is not plain takes the long way.
"""

from __future__ import annotations

from typing import Any, Final

from ..._accel import load
from ...model import Instant, Observation, Quantity
from .enrich import enriched_code
from .envelope import is_canonical_id, source_uri
from .fields import Emit, Row, emit_rows
from .jsontext import Tree, dumps
from .measured import put_status
from .observation import BEFORE_CODE, BEFORE_TIME, COMMON_EXTENSIONS, put_code, put_device
from .scalars import fhir_datetime
from .tables import ADAPTER
from .values import put_time, put_value

__all__ = ["FastPath"]

_kernel = load("fhirjson")
_join, _decimal = _kernel.join, _kernel.decimal_text

_LIMIT: Final = 4096
"""Entries of one cache; a full cache is emptied."""

_PLAIN: Final = frozenset({
    "id", "schema_version", "provenance", "kind", "code", "value", "status", "native_status", "categories", "subject",
    "encounter", "time", "device", "gateway", "clock_sync", "order", "handle", "native_type", "metric_category",
})  # fmt: skip
_OTHER: Final = tuple(name for name in Observation.model_fields if name not in _PLAIN)
_ROWS: Final = {row.field: row for row in (*BEFORE_CODE, *BEFORE_TIME, *COMMON_EXTENSIONS)}
_REFERENCES: Final = ("subject", "encounter", "device", "gateway", "clock_sync", "order")
_ORDER: Final = (
    ("_status", False), ("_categories", True), ("_code", True), ("subject", False), ("encounter", False),
    ("_time", False), ("_value", False), ("device", False), ("gateway", False), ("clock_sync", False),
    ("order", False), ("handle", False), ("native_type", False), ("native_status", False),
)  # fmt: skip
_Entry = tuple[Any, str, str] | None


class FastPath:
    """Writes plain observations for one payload."""

    def __init__(self, e: Emit) -> None:
        self._e = e
        self._caches: dict[str, dict[Any, _Entry]] = {name: {} for name, _ in _ORDER}
        self._rows = tuple((name, self._caches[name], by_identity) for name, by_identity in _ORDER)
        self._units: dict[tuple[str | None, int], tuple[Any, str] | None] = {}
        self._codes: dict[tuple[int, str | None, bool, bool], tuple[Any, Any, Any]] = {}
        self._sources: dict[tuple[str, str, str | None], str] = {}

    def forget_references(self) -> None:
        """Drop the fragments that hold references; a record has become known since."""
        for name in _REFERENCES:
            self._caches[name].clear()

    def write(self, record: Observation) -> str | None:
        """Return the resource's text, or None when the record is not plain."""
        values = record.__dict__
        value, time = values["value"], values["time"]
        if type(value) is not Quantity or type(time) is not Instant or not is_canonical_id(values["id"]):
            return None
        if value.special is not None or value.literal is not None or value.comparator is not None:
            return None
        if values["metric_category"] != "unspecified":
            return None
        head = self._head(values)
        unit = self._unit(value)
        code = self._code(values, value.unit, time)
        if head is None or unit is None:
            return None
        status = values["status"]
        fields = {
            **values,
            "_status": (status, values["native_status"]),
            "_categories": code[2],
            "_code": code[1],
            "_time": time,
            "_value": None,
        }
        if not self._put_own(fields, time, f'"valueQuantity":{{"value":{_decimal(value.mantissa, value.exponent)}{unit}'):
            return None
        while True:
            found = _join(fields, _OTHER, self._rows, head)
            if type(found) is not int:
                return found if found is None else str(found)
            self._fill(found, fields)

    def _put_own(self, fields: dict[str, Any], time: Instant, value: str) -> bool:
        """Set the two fragments that are the record's own."""
        entry = self._time(time)
        if entry is None:
            return False
        times, own = self._caches["_time"], self._caches["_value"]
        times.clear()
        own.clear()
        fields["_time"] = fields["_value"] = 1
        times[1], own[1] = (None, "", entry), (None, "", value)
        return True

    def _time(self, time: Instant) -> str | None:
        if time.native is None and time.origin == "observed" and time.device_clock is None and not time.flags:
            if time.clock_sync is None and time.uncertainty_ns is None:
                text, exact = fhir_datetime(time.value)
                if exact:
                    return f'"effectiveDateTime":"{text}"'
        out: Tree = {}
        put_time(out, "effective", time, self._e, "time")
        return dumps(out)[1:-1] or None

    def _head(self, values: dict[str, Any]) -> str | None:
        provenance = values["provenance"]
        if provenance.adapter == ADAPTER:
            return None
        if provenance.path is None and provenance.clause is None and provenance.span is not None:
            key = (provenance.adapter, provenance.version, provenance.digest)
            stem = self._sources.get(key)
            if stem is None:
                self._bound(self._sources)
                stem = self._sources[key] = source_uri(provenance).partition("#")[0]
            source = f"{stem}#bytes={provenance.span[0]}-{provenance.span[1]}"
        else:
            source = source_uri(provenance)
        return f'{{"resourceType":"Observation","id":"{values["id"]}","meta":{{"source":{dumps(source)}}}'

    def _unit(self, value: Quantity) -> str | None:
        """Return the rest of a Quantity behind its number."""
        key = (value.unit, id(value.native_unit))
        found = self._units.get(key)
        if found is None:
            out: Tree = {}
            count = len(self._e.losses)
            put_value(out, Quantity(unit=value.unit, native_unit=value.native_unit), self._e, "value")
            if len(self._e.losses) > count:
                del self._e.losses[count:]
                return None
            del out["valueQuantity"]["value"]
            text = dumps(out["valueQuantity"])
            self._bound(self._units)
            found = self._units[key] = (value.native_unit, ("," if len(text) > 2 else "") + text[1:])
        return found[1]

    def _code(self, values: dict[str, Any], unit: str | None, time: Instant) -> tuple[Any, Any, Any]:
        """Return the code and the categories with what the profiles ask for."""
        code, categories = values["code"], values["categories"]
        personal = self._e.node_of(values["device"]) in ("phd", "gateway") if values["device"] is not None else False
        vital = values["subject"] is not None and len(time.value) >= 10
        key = (id(code), unit, vital, personal)
        found = self._codes.get(key)
        if found is None:
            own, more = enriched_code(code, unit, vital=vital, personal=personal)
            self._bound(self._codes)
            found = self._codes[key] = (code, own, more)
        if not categories:
            return found
        return code, found[1], (*(more for more in found[2] if more not in categories), *categories)

    def _fill(self, index: int, fields: dict[str, Any]) -> None:
        """Make the fragment that is lacking."""
        name, by_identity = _ORDER[index]
        cache, value = self._caches[name], fields[name]
        self._bound(cache)
        cache[id(value) if by_identity else value] = self._fragment(name, value)

    def _fragment(self, name: str, value: Any) -> _Entry:
        out: Tree = {"extension": []}
        count = len(self._e.losses)
        self._put(out, name, value)
        if len(self._e.losses) > count:
            del self._e.losses[count:]
            return None
        extensions = dumps(out.pop("extension"))[1:-1]
        return value, extensions, dumps(out)[1:-1]

    def _put(self, out: Tree, name: str, value: Any) -> None:
        if name == "_status":
            put_status(out, _Status(*value), (), self._e)
        elif name == "_code":
            put_code(out, value, self._e)
        elif name == "device":
            put_device(out, _Device(value), self._e, None)
        else:
            row = _ROWS[name.removeprefix("_")]
            emit_rows((Row(row.field, row.element, row.kind, row.url),), _Holder(row.field, value), out, self._e)

    @staticmethod
    def _bound(cache: dict[Any, Any]) -> None:
        if len(cache) >= _LIMIT:
            cache.clear()


class _Status:
    """The two fields that make a status."""

    def __init__(self, status: str, native_status: str | None) -> None:
        self.status, self.native_status = status, native_status


class _Device:
    """A device alone."""

    categories: tuple[Any, ...] = ()

    def __init__(self, device: str) -> None:
        self.device = device


class _Holder:
    """One field of a record."""

    def __init__(self, name: str, value: Any) -> None:
        setattr(self, name, value)
