"""Encounter, Order, Message and Document: the frame in which observations were made."""

from __future__ import annotations

from typing import Any, Final

from ...model import Actor, Coding, Concept, Document, Encounter, Identifier, Message, Order
from ...terminology import systems
from .datatypes import ACTOR, CODEABLE, CODING, IDENTIFIER, NOTE
from .envelope import put_links, read_envelope, start, take_links
from .fields import Emit, Many, Parse, Row, emit_rows, extension, items, parse_rows, read_own, text_of
from .jsontext import Tree
from .observation import close, put_code
from .places import contain, place_of
from .scalars import BOOLEAN, CODE, DATE_TIME, INSTANT, STRING, URI, Coded, OneOf, Reference
from .tables import CORE, ENCOUNTER_STATUS, NULL_FLAVOR, OWN, REPORT_STATUS, RESULT_STATUS
from .values import BASE64, PERIOD, put_time, take_time

__all__ = [
    "emit_document", "emit_encounter", "emit_message", "emit_order", "read_document", "read_encounter", "read_message",
    "read_order",
]  # fmt: skip

# ---- Encounter

_ENCOUNTER: Final = (
    Row("identifiers", "identifier", Many(IDENTIFIER)),
    Row("status", "status", OneOf(ENCOUNTER_STATUS, "unknown"), default=""),
    Row("patient_class", "class", CODING),
    Row("service", "serviceType", CODEABLE),
    Row("subject", "subject", Reference("Patient")),
    Row("period", "period", PERIOD),
    Row("admission_type", None, CODEABLE, OWN + "admission-type"),
)
_UNKNOWN_CLASS: Final = {"system": NULL_FLAVOR, "code": "UNK"}


def emit_encounter(record: Encounter, e: Emit) -> list[Tree]:
    """Write a stay."""
    out = start("Encounter", record, e)
    emit_rows(_ENCOUNTER, record, out, e)
    if "status" not in out:
        out["status"] = "unknown"
    if record.status is None:
        out["extension"].append({"url": OWN + "no-status", "valueBoolean": True})
    if "class" not in out:
        out["class"] = dict(_UNKNOWN_CLASS)
    for name, local in (("location", "location"), ("prior_location", "prior-location")):
        location = getattr(record, name)
        reference = None if location is None else contain(out, location, local, e, name)
        if reference is not None:
            status = {} if name == "location" else {"status": "completed"}
            out.setdefault("location", []).append({"location": reference, **status})
    actors = Many(ACTOR).out(record.actors, e, "actors") or []
    if actors:
        out["participant"] = [{"individual": actor} for actor in actors]
    put_links(out, record.links, e, elements=False)
    return [close(out)]


def read_encounter(tree: Tree, p: Parse) -> Tree:
    """Read a stay."""
    values = read_envelope(tree, p) | parse_rows(_ENCOUNTER, tree, p)
    values["links"] = take_links(tree, p)
    if read_own(tree, OWN + "no-status", BOOLEAN, p):
        values.pop("status", None)
    if values.get("patient_class") == Coding(**_UNKNOWN_CLASS):
        del values["patient_class"]
    for entry in items(tree, "location"):
        name = "prior_location" if text_of(entry, "status") == "completed" else "location"
        values.setdefault(name, place_of(tree, entry.get("location"), p))
    actors = (ACTOR.get(entry, "individual", p) for entry in items(tree, "participant"))
    values["actors"] = tuple(actor for actor in actors if actor is not None)
    return values


# ---- Order: DiagnosticReport

_STATUS: Final = Coded(
    RESULT_STATUS | {code: code for code in REPORT_STATUS}, {code: code for code in REPORT_STATUS}, "unknown"
)
_ORDER: Final = (
    Row("placer", None, Many(IDENTIFIER), OWN + "placer-order"),
    Row("filler", "identifier", Many(IDENTIFIER)),
    Row("status", "status", _STATUS),
    Row("subject", "subject", Reference("Patient")),
    Row("encounter", "encounter", Reference("Encounter")),
    Row("reported", "issued", INSTANT),
    Row("actors", "performer", Many(ACTOR)),
    Row("requested", None, DATE_TIME, OWN + "requested"),
    Row("parent", None, Many(IDENTIFIER), OWN + "parent-order"),
    Row("reason", None, Many(CODEABLE), OWN + "reason"),
    Row("devices", None, Many(Reference("Device")), OWN + "device"),
    Row("notes", None, Many(NOTE), OWN + "note"),
)


def emit_order(record: Order, e: Emit, results: tuple[str, ...] = ()) -> list[Tree]:
    """Write an order with its results as a report."""
    out = start("DiagnosticReport", record, e)
    emit_rows(_ORDER, record, out, e)
    if "status" not in out:
        out["status"] = "unknown"
    if record.status is None:
        out["extension"].append({"url": OWN + "no-status", "valueBoolean": True})
    put_code(out, record.code if record.code is not None else Concept(), e)
    if record.time is not None:
        put_time(out, "effective", record.time, e, "time")
    if results:
        out["result"] = [{"reference": reference} for reference in results]
    put_links(out, record.links, e, elements=False)
    return [close(out)]


def read_order(tree: Tree, p: Parse) -> Tree:
    """Read a report."""
    values = read_envelope(tree, p) | parse_rows(_ORDER, tree, p)
    values["links"] = take_links(tree, p)
    if read_own(tree, OWN + "no-status", BOOLEAN, p):
        values.pop("status", None)
    values |= {"code": CODEABLE.get(tree, "code", p), "time": take_time(tree, "effective", p)}
    return values


# ---- Message: MessageHeader

_EVENTS: Final = systems.v2_table("0003")
_MESSAGE: Final = (
    Row("protocol", None, STRING, OWN + "protocol", "fhir-r4"),
    Row("type", None, STRING, OWN + "message-type"),
    Row("version", None, STRING, OWN + "protocol-version"),
    Row("control_id", None, STRING, OWN + "control-id"),
    Row("receiver", None, ACTOR, OWN + "receiver"),
    Row("sender", None, ACTOR, OWN + "sender"),
    Row("sent", None, DATE_TIME, OWN + "sent"),
    Row("processing", None, CODE, OWN + "processing"),
    Row("profiles", None, Many(IDENTIFIER), OWN + "message-profile"),
    Row("language", None, CODEABLE, OWN + "principal-language"),
    Row("character_set", None, Many(STRING), OWN + "character-set"),
    Row("subject", None, Reference("Patient"), OWN + "patient"),
)


_UNKNOWN_ENDPOINT: Final = "urn:iomt-interop:unknown-endpoint"
"""MessageHeader demands an endpoint; a sender without a universal id has none that could be named."""


def _endpoint(sender: Actor | None) -> str | None:
    """Return a URI for the sender: the OID of its identifier."""
    for identifier in sender.identifiers if sender is not None else ():
        if identifier.system is not None and URI.out(identifier.system, _QUIET, "") is not None:
            return identifier.system
        if identifier.authority_id_type == "ISO" and identifier.authority_id:
            return systems.OID_PREFIX + identifier.authority_id
    return None


_QUIET: Final = Emit(reference=lambda resource, target: "")


def emit_message(record: Message, e: Emit) -> list[Tree]:
    """Write a message as a MessageHeader; nothing where it has no event (FHIR R4 MessageHeader.event is required)."""
    out = start("MessageHeader", record, e)
    parts = (record.type or "").split("^")
    if len(parts) < 2 or not parts[1]:
        e.loss("", "message without an event that MessageHeader could name")
        return []
    out["eventCoding"] = {"system": _EVENTS, "code": parts[1]}
    endpoint = _endpoint(record.sender)
    source: Tree = {"endpoint": endpoint or _UNKNOWN_ENDPOINT}
    if endpoint is None:
        source["_endpoint"] = {"extension": [{"url": CORE + "data-absent-reason", "valueCode": "unknown"}]}
    out["source"] = source
    emit_rows(_MESSAGE, record, out, e)
    put_links(out, record.links, e, elements=False)
    return [close(out)]


def read_message(tree: Tree, p: Parse) -> Tree:
    """Read a MessageHeader."""
    values = {"protocol": "fhir-r4", **read_envelope(tree, p), **parse_rows(_MESSAGE, tree, p)}
    values["links"] = take_links(tree, p)
    if "type" not in values:
        event = CODING.get(tree, "eventCoding", p)
        values["type"] = (event.code if event is not None else None) or text_of(tree, "eventUri")
    source = tree.get("source")
    if "sender" not in values and isinstance(source, dict):
        name, endpoint = text_of(source, "name"), text_of(source, "endpoint")
        identifiers = () if endpoint in (None, _UNKNOWN_ENDPOINT) else (Identifier(system=endpoint),)
        values["sender"] = Actor(role="source", organization=name, identifiers=identifiers)
    return values


# ---- Document: DocumentReference

_DOCUMENT: Final = (
    Row("code", "type", CODEABLE),
    Row("subject", "subject", Reference("Patient")),
    Row("order", None, Reference("DiagnosticReport"), OWN + "report"),
    Row("device", None, Reference("Device"), OWN + "device"),
)
_CONTENT: Final = (
    Row("media_type", "contentType", CODE),
    Row("data", "data", BASE64),
    Row("url", "url", URI),
    Row("title", "title", STRING),
)


def emit_document(record: Document, e: Emit) -> list[Tree]:
    """Write a document."""
    out = start("DocumentReference", record, e)
    out["status"] = "current"
    emit_rows(_DOCUMENT, record, out, e)
    attachment: Tree = {}
    emit_rows(_CONTENT, record, attachment, e)
    if record.data is not None and "contentType" not in attachment:
        attachment["contentType"] = "application/octet-stream"  # att-1
        extension(attachment, OWN + "no-media-type", BOOLEAN, True, e, "media_type")
    if not attachment:
        attachment["title"] = "unknown"
        extension(attachment, OWN + "no-content", BOOLEAN, True, e, "data")
    out["content"] = [{"attachment": attachment}]
    context: Tree = {}
    emit_rows((Row("time", "period", PERIOD),), record, context, e)
    if record.encounter is not None:
        context["encounter"] = [Reference("Encounter").out(record.encounter, e, "encounter")]
    if context:
        out["context"] = context
    put_links(out, record.links, e, elements=False)
    return [close(out)]


def read_document(tree: Tree, p: Parse) -> Tree:
    """Read a document of one attachment."""
    values: dict[str, Any] = read_envelope(tree, p) | parse_rows(_DOCUMENT, tree, p)
    values["links"] = take_links(tree, p)
    content = items(tree, "content")
    attachment = content[0].get("attachment") if content else None
    if isinstance(attachment, dict):
        values |= parse_rows(_CONTENT, attachment, p)
        if read_own(attachment, OWN + "no-media-type", BOOLEAN, p):
            values.pop("media_type", None)
        if read_own(attachment, OWN + "no-content", BOOLEAN, p):
            values.pop("title", None)
    context = tree.get("context")
    if isinstance(context, dict):
        values["time"] = PERIOD.get(context, "period", p)
        encounters = items(context, "encounter")
        values["encounter"] = Reference("Encounter").into(encounters[0], p) if encounters else None
    return values
