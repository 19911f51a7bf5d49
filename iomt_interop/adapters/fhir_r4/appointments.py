"""Appointment: who takes part, when, and for which request."""

from __future__ import annotations

from typing import Any, Final

from ...model import Appointment, Participant
from .datatypes import CODEABLE, IDENTIFIER
from .fields import Emit, Many, Parse, Part, Row, build, extension, items, read_own
from .jsontext import NumberText, Tree
from .parties import ACTOR, NOTE
from .places import contain, place_of
from .scalars import BOOLEAN, INSTANT, STRING, OneOf, Reference
from .tables import APPOINTMENT_STATUS, OWN
from .values import PERIOD

__all__ = ["APPOINTMENT", "appointment_in", "appointment_out"]

_PATIENT: Final = Reference("Patient")


def _participant_out(value: Participant, e: Emit, path: str) -> Tree:
    out: Tree = {}
    Many(CODEABLE).put(out, "type", value.types, e, path + ".types")
    if value.actor is not None:
        ACTOR.put(out, "actor", value.actor, e, path + ".actor")
    if value.location is not None:
        reference = contain(value.location, e, path + ".location")
        if reference is not None and "actor" in out:
            out["extension"] = [{"url": OWN + "participant-place", "valueReference": reference}]
        elif reference is not None:
            out["actor"] = reference
    if not out:  # app-1
        out["type"] = [{"text": "unknown"}]
        extension(out, OWN + "no-type", BOOLEAN, True, e, path)
    out["status"] = "accepted"
    if value.period is not None:
        PERIOD.put(out, "period", value.period, e, path + ".period")
    return out


def _participant_in(json: Any, p: Parse) -> Any:
    if not isinstance(json, dict):
        return None
    values: dict[str, Any] = {"period": PERIOD.get(json, "period", p)}
    if not read_own(json, OWN + "no-type", BOOLEAN, p):
        values["types"] = Many(CODEABLE).get(json, "type", p) or ()
    reference = json.get("actor")
    if p.inner(reference, "Location") is not None:
        values["location"] = place_of(reference, p)
    elif reference is not None:
        values["actor"] = ACTOR.into(reference, p)
    for entry in items(json, "extension"):
        if entry.get("url") == OWN + "participant-place":
            values["location"] = place_of(entry.get("valueReference"), p)
    return build(Participant, values)


_PARTICIPANT: Final = Many(Part("", _participant_out, _participant_in))
APPOINTMENT: Final = (
    Row("identifiers", "identifier", Many(IDENTIFIER)),
    Row("status", "status", OneOf(APPOINTMENT_STATUS, "proposed")),
    Row("services", "serviceType", Many(CODEABLE)),
    Row("type", "appointmentType", CODEABLE),
    Row("reason", "reasonCode", Many(CODEABLE)),
    Row("start", "start", INSTANT),
    Row("end", "end", INSTANT),
    Row("notes", None, Many(NOTE), OWN + "note"),
    Row("native_status", None, CODEABLE, OWN + "native-status"),
)
_OF_PATIENT: Final = OWN + "patient"


_ENDS: Final = ("start", "end")
_TIMELESS: Final = frozenset({"proposed", "cancelled", "waitlist"})


def _times_out(record: Appointment, out: Tree, e: Emit) -> None:
    """Keep to what FHIR demands of times: both ends or none (app-2), and both unless it is a proposal (app-3)."""
    # An element that has an extension alone is there too.
    if sum(name in out or "_" + name in out for name in _ENDS) == 1:
        for name in _ENDS:
            value = getattr(record, name)
            if value is not None:
                out.pop(name, None)
                out.pop("_" + name, None)
                extension(out, f"{OWN}appointment-{name}", INSTANT, value, e, name)
    status = out.get("status")
    if "start" not in out and status is not None and status not in _TIMELESS:
        sibling = out.setdefault("_status", {}).setdefault("extension", [])
        if not sibling:
            sibling.append({"url": OWN + "native-code", "valueString": status})
        out["status"] = "proposed"


def appointment_out(record: Appointment, out: Tree, e: Emit) -> None:
    """Write what no row says: who takes part, times, requests."""
    if record.minutes is not None:
        if 0 < record.minutes < 1 << 31:
            out["minutesDuration"] = NumberText(record.minutes)
        else:
            e.loss("minutes", "not a positive integer")
    found = _PARTICIPANT.out(record.participants, e, "participants") or []
    if record.subject is not None:
        found = [{"actor": _PATIENT.out(record.subject, e, "subject"), "status": "accepted"}, *found]
    if not found:
        found = [{"type": [{"text": "unknown"}], "status": "needs-action"}]
        extension(out, OWN + "no-participant", BOOLEAN, True, e, "participants")
    out["participant"] = found
    _times_out(record, out, e)
    requests = Many(IDENTIFIER).out(record.requests, e, "requests") or []
    if requests:
        out["basedOn"] = [{"type": "ServiceRequest", "identifier": one} for one in requests]
    if record.notes:
        STRING.put(out, "comment", record.notes[0].text, e, "notes[0]")


def appointment_in(tree: Tree, p: Parse) -> dict[str, Any]:
    """Read what :func:`appointment_out` wrote."""
    values: dict[str, Any] = {}
    minutes = tree.get("minutesDuration")
    if isinstance(minutes, NumberText) and minutes.isascii() and minutes.isdigit() and len(minutes) < 11:
        values["minutes"] = int(minutes)
    entries = items(tree, "participant")
    if read_own(tree, OWN + "no-participant", BOOLEAN, p):
        entries = []
    elif entries and (subject := _PATIENT.get(entries[0], "actor", p)) is not None:
        values["subject"], entries = subject, entries[1:]
    for name in _ENDS:
        own = read_own(tree, f"{OWN}appointment-{name}", INSTANT, p)
        values |= {} if own is None else {name: own}
    values["participants"] = _PARTICIPANT.into(entries, p)
    requests = (IDENTIFIER.get(entry, "identifier", p) for entry in items(tree, "basedOn"))
    return values | {"requests": tuple(one for one in requests if one is not None)}
