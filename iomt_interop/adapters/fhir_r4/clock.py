"""Coincident Timestamp Observation: a device's clock read beside a better one (PHD guide)."""

from __future__ import annotations

from typing import Any, Final

from ...model import ClockSync, DeviceClock
from ...terminology import systems
from .datatypes import CODEABLE, concept_of
from .envelope import put_links, read_envelope, start, take_links
from .fields import Complex, Emit, Parse, Row, build, emit_rows, items, parse_rows, text_of
from .jsontext import NumberText, Tree
from .observation import close
from .scalars import BOOLEAN, CODE, DATE_TIME, DECIMAL, LONG, STRING, Reference, number_from
from .tables import ABSENT_DISPLAY, CLOCK_CODES, COINCIDENT_CODES, OWN, TIME_SYNC_PROTOCOL

__all__ = ["emit_clock", "is_clock", "read_clock"]

_TICKS: Final = {1: "ns", 1000: "us", 1_000_000: "ms", 1_000_000_000: "s"}
"""Length of a tick in nanoseconds to the unit of a relative clock's value."""
_LENGTHS: Final = {unit: length for length, unit in _TICKS.items()}
_KINDS: Final = {code: kind for kind, code in reversed(CLOCK_CODES.items())}

_CLOCK: Final = Complex(
    DeviceClock,
    (
        Row("kind", None, CODE, "kind"),
        Row("value", None, STRING, "value"),
        Row("resolution_ns", None, LONG, "resolution-ns"),
    ),
)
_ROWS: Final = (
    Row("offset_ns", None, LONG, OWN + "offset-ns"),
    Row("drift_ppm", None, DECIMAL, OWN + "drift-ppm"),
    Row("accuracy_ns", None, LONG, OWN + "accuracy-ns"),
    Row("timeline_change", None, BOOLEAN, OWN + "timeline-change", False),
    Row("subject", None, Reference("Patient"), OWN + "patient"),
)


def emit_clock(record: ClockSync, e: Emit) -> list[Tree]:
    """Write a comparison of clocks."""
    out = start("Observation", record, e)
    out["status"] = "final"
    clock = record.device_clock
    code = CLOCK_CODES.get(clock.kind if clock is not None else "absolute", "67975")
    out["code"] = concept_of(systems.MDC, code, COINCIDENT_CODES[code])
    if record.device is not None:
        out["subject"] = Reference("Device").out(record.device, e, "device")
    if record.reference is not None:
        DATE_TIME.put(out, "effectiveDateTime", record.reference, e, "reference")
    if record.gateway is not None:
        out["device"] = Reference("Device").out(record.gateway, e, "gateway")
    simple = clock is not None and record.device_time is None and _put_ticks(out, clock)
    if record.device_time is not None:
        DATE_TIME.put(out, "valueDateTime", record.device_time, e, "device_time")
    valued = "valueDateTime" in out or "valueQuantity" in out
    if record.fault and not valued:
        reason = {"system": systems.ABSENT_REASON, "code": "unknown", "display": ABSENT_DISPLAY["unknown"]}
        out["dataAbsentReason"] = {"coding": [reason], "text": "Sensor Time Fault"}
    elif record.fault:
        out["extension"].append({"url": OWN + "time-fault", "valueBoolean": True})
    if clock is not None and not simple:
        entry = _CLOCK.wrap(OWN + "device-clock", clock, e, "device_clock")
        out["extension"] += [entry] if entry is not None else []
    put_links(out, record.links, e, elements=False)
    if record.method is not None:
        method: Tree = {"code": concept_of(systems.MDC, TIME_SYNC_PROTOCOL, "MDC_TIME_SYNC_PROTOCOL")}
        CODEABLE.put(method, "valueCodeableConcept", record.method, e, "method")
        out["component"] = [method]
    emit_rows(_ROWS, record, out, e)
    return [close(out)]


def _put_ticks(out: Tree, clock: DeviceClock) -> bool:
    """Set the value of a clock without a date; tell whether that says all of it."""
    unit = _TICKS.get(clock.resolution_ns or 0)
    if clock.kind not in ("relative", "hi-res-relative") or unit is None or not clock.value.isdigit():
        return False
    text = str(int(clock.value)) if clock.value.isascii() and len(clock.value) < 40 else ""
    if text != clock.value:
        return False
    out["valueQuantity"] = {"value": NumberText(text), "unit": unit, "system": systems.UCUM, "code": unit}
    return True


def _clock_code(tree: Tree) -> str | None:
    for coding in items(tree.get("code"), "coding"):
        if coding.get("system") == systems.MDC and coding.get("code") in COINCIDENT_CODES:
            return str(coding["code"])
    return None


def is_clock(tree: Tree) -> bool:
    """Tell whether an Observation is a coincident timestamp of a device."""
    return _clock_code(tree) is not None and (
        "subject" not in tree or (text_of(tree["subject"], "reference") or "Device/").split("/")[0] != "Patient"
    )


def read_clock(tree: Tree, p: Parse) -> Tree:
    """Read a comparison of clocks."""
    values: dict[str, Any] = read_envelope(tree, p) | parse_rows(_ROWS, tree, p)
    values |= {
        "device": Reference("Device").get(tree, "subject", p),
        "gateway": Reference("Device").get(tree, "device", p),
        "reference": DATE_TIME.get(tree, "effectiveDateTime", p),
        "device_time": DATE_TIME.get(tree, "valueDateTime", p),
        "fault": "dataAbsentReason" in tree or _has(tree, "time-fault"),
        "links": take_links(tree, p),
    }
    own = [entry for entry in items(tree, "extension") if entry.get("url") == OWN + "device-clock"]
    values["device_clock"] = _CLOCK.unwrap(own[0], p) if own else _ticks_in(tree)
    for component in items(tree, "component"):
        if any(coding.get("code") == TIME_SYNC_PROTOCOL for coding in items(component.get("code"), "coding")):
            values["method"] = CODEABLE.get(component, "valueCodeableConcept", p)
    return values


def _has(tree: Tree, name: str) -> bool:
    return any(entry.get("url") == OWN + name for entry in items(tree, "extension"))


def _ticks_in(tree: Tree) -> Any:
    code = _clock_code(tree) or ""
    if "valueQuantity" not in tree:
        kind = _KINDS.get(code)
        value = text_of(tree, "valueDateTime")
        return (
            None if kind in (None, "absolute") or value is None else build(DeviceClock, {"kind": kind, "value": value})
        )
    quantity = tree["valueQuantity"]
    number = number_from(quantity.get("value")) if isinstance(quantity, dict) else None
    length = _LENGTHS.get(text_of(quantity, "code") or "")
    if number is None or number.exponent or number.mantissa < 0:
        return None
    kind = _KINDS.get(code, "relative")
    return build(DeviceClock, {"kind": kind, "value": str(number.mantissa), "resolution_ns": length})
