"""Alerts, settings and events as Observations: R4 has no resource of their own for them.

The kind of record stands in the extension ``record-kind``. An alert carries the event's code, its limits as the
alarm limits and, while it lasts, the interpretation ``in-alarm``, as the PHD guide does for simple alerting.
"""

from __future__ import annotations

from typing import Any, Final

from ...model import Acknowledgement, Alert, AlertSignal, Concept, Event, Quality, ReferenceRange, Setting
from .datatypes import CODEABLE, IDENTIFIER, RANGE
from .envelope import put_links, read_envelope, start, take_links
from .fields import (
    Complex,
    Emit,
    Many,
    Parse,
    Row,
    emit_rows,
    extension,
    items,
    nest,
    parse_rows,
    read_own,
    text_of,
    unnest,
)
from .jsontext import Tree
from .measured import put_measured, put_status, take_measured
from .observation import LIMITS, close, put_code
from .parties import NOTE, PLAIN_ACTOR
from .places import PLACE
from .scalars import CODE, DATE_TIME, STRING, Reference
from .tables import OWN
from .values import put_time, put_value, take_time, take_value

__all__ = ["emit_happening", "happening_kind", "read_happening"]

_KIND: Final = OWN + "record-kind"
_SIGNAL: Final = Complex(
    AlertSignal,
    tuple(Row(name, None, CODE, name) for name in ("manifestation", "activation", "presence", "location")),
)
_ACKNOWLEDGEMENT: Final = Complex(
    Acknowledgement,
    (
        Row("state", None, CODE, "state"),
        Row("by", None, PLAIN_ACTOR, "by"),
        Row("time", None, DATE_TIME, "time"),
    ),
)
_COMMON: Final = (
    Row("subject", "subject", Reference("Patient")),
    Row("encounter", "encounter", Reference("Encounter")),
    Row("device", "device", Reference("Device")),
    Row("handle", None, STRING, OWN + "handle"),
)
_ALERT: Final = (
    *_COMMON,
    Row("identifiers", "identifier", Many(IDENTIFIER)),
    Row("text", None, STRING, OWN + "alert-text"),
    Row("source", None, CODEABLE, OWN + "alert-source"),
    Row("source_metric", None, Reference("DeviceMetric"), OWN + "alert-source-metric"),
    Row("alert_kind", None, CODE, OWN + "alert-kind"),
    Row("priority", None, CODE, OWN + "alert-priority"),
    Row("phase", None, CODE, OWN + "alert-phase"),
    Row("state", None, CODE, OWN + "alert-state"),
    Row("inactivation", None, STRING, OWN + "alert-inactivation"),
    Row("limits_state", None, CODE, OWN + "alert-limits-state"),
    Row("signals", None, Many(_SIGNAL), OWN + "alert-signal"),
    Row("acknowledgement", None, _ACKNOWLEDGEMENT, OWN + "alert-acknowledgement"),
    Row("location", None, PLACE, OWN + "location"),
    Row("native", None, Many(STRING), OWN + "native"),
)
_SETTING: Final = (
    *_COMMON,
    Row("mode", None, CODEABLE, OWN + "mode"),
    Row("reason", None, CODEABLE, OWN + "reason"),
    Row("metric", None, Reference("DeviceMetric"), OWN + "metric"),
    Row("order", None, Reference("DiagnosticReport"), OWN + "report"),
    Row("native_status", None, STRING, OWN + "native-status"),
)
_EVENT: Final = (
    *_COMMON,
    Row("notes", "note", Many(NOTE)),
    Row("text", None, STRING, OWN + "event-text"),
    Row("native_status", None, STRING, OWN + "native-status"),
    Row("order", None, Reference("DiagnosticReport"), OWN + "report"),
)
_ROWS: Final[dict[str, tuple[Row, ...]]] = {"alert": _ALERT, "setting": _SETTING, "event": _EVENT}
_PROGRAMMED: Final = OWN + "programmed"


def _lasts(alert: Alert) -> bool:
    return alert.state != "inactive" and alert.phase not in ("end", "reset")


def _quality(record: Alert | Setting | Event) -> tuple[Quality | None, tuple[Concept, ...]]:
    if isinstance(record, Alert):
        return (Quality(flags=("in-alarm",)) if _lasts(record) else None), ()
    return record.quality, record.interpretation


_STATED: Final = OWN + "status"


def _status_out(record: Alert | Setting | Event, quality: Quality | None, out: Tree, e: Emit) -> None:
    """Write the status: what happened has happened, unless the source says otherwise, which an extension tells."""
    if isinstance(record, Alert) or record.status is None:
        out["status"] = "final"
        return
    put_status(out, record, quality.flags if quality is not None else (), e)
    if not any(entry["url"] == _STATED for entry in out["extension"]):
        extension(out, _STATED, CODE, record.status, e, "status")


def emit_happening(record: Alert | Setting | Event, e: Emit) -> list[Tree]:
    """Write an alert, a setting or an event."""
    out = start("Observation", record, e)
    out["extension"].append({"url": _KIND, "valueCode": record.kind})
    quality, judgement = _quality(record)
    _status_out(record, quality, out, e)
    put_code(out, record.code if record.code is not None else Concept(), e)
    if record.time is not None:
        put_time(out, "effective", record.time, e, "time")
    value = record.delivered if isinstance(record, Setting) else record.value
    put_measured(out, value, quality, judgement, e)
    if isinstance(record, Setting) and record.programmed is not None:
        inner: Tree = {}
        put_value(inner, record.programmed, e, "programmed") if record.programmed.type != "absent" else e.loss(
            "programmed", "absent programmed value"
        )
        entry = nest(_PROGRAMMED, inner)
        out["extension"] += [] if entry is None else [entry]
    if isinstance(record, Alert) and record.limits is not None:
        LIMITS_ONE.put(out, "referenceRange", (ReferenceRange(range=record.limits, purpose="alarm"),), e, "limits")
        if "referenceRange" not in out:
            out["extension"] += [text] if (text := RANGE.wrap(OWN + "limits", record.limits, e, "limits")) else []
    emit_rows(_ROWS[record.kind], record, out, e)
    put_links(out, record.links, e, elements=False)
    return [close(out)]


LIMITS_ONE: Final = Many(LIMITS)


def happening_kind(tree: Tree) -> str | None:
    """Return the kind of record that an Observation stands for, where it says so."""
    for entry in items(tree, "extension"):
        if entry.get("url") == _KIND and (kind := text_of(entry, "valueCode")) in _ROWS:
            return kind
    return None


def read_happening(kind: str, tree: Tree, p: Parse) -> Tree:
    """Read what :func:`emit_happening` wrote."""
    values: dict[str, Any] = read_envelope(tree, p) | parse_rows(_ROWS[kind], tree, p)
    measured = take_measured(tree, p)
    code, value = CODEABLE.get(tree, "code", p), measured.get("value")
    values |= {"time": take_time(tree, "effective", p), "links": take_links(tree, p)}
    if kind == "alert":
        ranges = LIMITS_ONE.get(tree, "referenceRange", p) or ()
        values |= {"code": code, "value": value, "limits": ranges[0].range if ranges else None}
    elif kind == "setting":
        own = [entry for entry in items(tree, "extension") if entry.get("url") == _PROGRAMMED]
        values |= {
            "code": code or Concept(),
            "delivered": value,
            "programmed": take_value(unnest(own[0]), p) if own else None,
        }
    else:
        values |= {"code": code or Concept(), "value": value}
    if kind != "alert":
        values |= {name: measured[name] for name in ("quality", "interpretation") if measured.get(name)}
        values["status"] = read_own(tree, _STATED, CODE, p)
    return values
