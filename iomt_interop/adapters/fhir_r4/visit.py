"""Encounter, Order, Message and Document: the frame in which observations were made."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Any, Final

from ...model import (
    Actor,
    Address,
    Coding,
    Concept,
    Document,
    Encounter,
    Identifier,
    Message,
    Order,
    Organization,
    Stay,
)
from ...terminology import systems
from ...terminology.v2_fhir import map_code
from .datatypes import CODEABLE, CODING, IDENTIFIER, QUANTITY
from .envelope import put_links, read_envelope, start, take_links
from .fields import Emit, First, Many, Parse, Row, build, emit_rows, extension, items, parse_rows, read_own, text_of
from .jsontext import Tree
from .numbers import put_numbers, take_numbers
from .observation import close, put_code
from .parties import ACTOR, AGENT, NOTE, ORGANIZATION, PARTIES, PLAIN_ACTOR
from .places import contain, place_of
from .scalars import BOOLEAN, CODE, DATE_TIME, INSTANT, STRING, URI, Coded, OneOf, Reference, fhir_id, fhir_text, is_uri
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
    Row("admission_type", "type", First(CODEABLE)),
    Row("service", "serviceType", CODEABLE),
    Row("priority", "priority", CODEABLE),
    Row("subject", "subject", Reference("Patient")),
    Row("period", "period", PERIOD),
    Row("length", "length", QUANTITY),
    Row("reason", "reasonCode", Many(CODEABLE)),
    Row("arrival", None, CODING, CORE + "encounter-modeOfArrival"),
    Row("description", None, STRING, OWN + "visit-description"),
    Row("protection", None, CODING, OWN + "visit-protection"),
    PARTIES,
)
_HOSPITALIZATION: Final = (
    Row("pre_admission", "preAdmissionIdentifier", IDENTIFIER),
    Row("admit_source", "admitSource", CODEABLE),
    Row("readmission", "reAdmission", CODEABLE),
    Row("diets", "dietPreference", Many(CODEABLE)),
    Row("courtesies", "specialCourtesy", Many(CODEABLE)),
    Row("arrangements", "specialArrangement", Many(CODEABLE)),
    Row("disposition", "dischargeDisposition", CODEABLE),
)
_UNKNOWN_CLASS: Final = {"system": NULL_FLAVOR, "code": "UNK"}
_CLASSES: Final = systems.v2_table("0004")
_CLASS_TEXTS: Final = {
    "AMB": "ambulatory", "EMER": "emergency", "IMP": "inpatient encounter", "PRENC": "pre-admission",
}  # fmt: skip
"""Displays of v3 ActCode, which the guide's concept map leaves out."""
_STAY: Final = OWN + "further-stay"
_TEMPORARY: Final = OWN + "temporary"


def _class_out(record: Encounter, e: Emit) -> Tree:
    """Return ``class``: the v3 code of a v2 patient class, with the source's own beside it."""
    own = record.patient_class
    if own is None:
        return dict(_UNKNOWN_CLASS)
    known = map_code("PatientClass[EncounterClass]", own.code) if own.system == _CLASSES else None
    if known is None or known.system == _CLASSES:
        return CODING.out(own, e, "patient_class") or dict(_UNKNOWN_CLASS)
    out: Tree = {"system": known.system, "code": known.code}
    display = known.display or _CLASS_TEXTS.get(known.code)
    out |= {"display": display} if display else {}
    extension(out, OWN + "patient-class", CODING, own, e, "patient_class")
    return out


def _places_out(record: Encounter, e: Emit) -> list[Tree]:
    """Return ``location``: the place, the one before it, and the others."""
    found: list[Tree] = []
    here = "planned" if record.status == "planned" else "active"
    for name, location, status in (
        ("location", record.location, here), ("prior_location", record.prior_location, "completed"),
    ):  # fmt: skip
        reference = None if location is None else contain(location, e, name)
        if reference is not None:
            found.append({"location": reference, "status": status})
    for index, stay in enumerate(record.stays):
        reference = contain(stay.location, e, f"stays[{index}].location") or {"display": "unknown"}
        entry: Tree = {"location": reference, "extension": [{"url": _STAY, "valueBoolean": True}]}
        if stay.status is not None:
            entry["status"] = stay.status
        if stay.temporary is not None:
            entry["extension"].append({"url": _TEMPORARY, "valueBoolean": stay.temporary})
        found.append(entry)
    return found


def _secure(out: Tree, label: Coding | None) -> None:
    """Add a source's own word about secrecy to ``meta.security``, which an extension holds verbatim."""
    found = None if label is None else CODING.out(label, _quiet(), "")
    if found:
        out.setdefault("meta", {}).setdefault("security", []).append(found)


def _unsecure(values: dict[str, Any], label: Coding | None) -> None:
    """Take from the labels what :func:`_secure` added: it is no label of this model."""
    if label is not None and label in values.get("labels", ()):
        values["labels"] = tuple(one for one in values["labels"] if one != label)


def _protection(code: Coding | None) -> Coding | None:
    """Return PV2-22 as a label (ID[Coding], YesNoIndicator)."""
    known = None if code is None else map_code("YesNoIndicator", code.code)
    return code if known is None else Coding(system=known.system, code=known.code)


def _episodes_out(record: Encounter, e: Emit) -> list[Tree]:
    """Return ``episodeOfCare``: an episode of which the number alone is known (PV1-54)."""
    found: list[Tree] = []
    for index, one in enumerate(record.episodes):
        number = IDENTIFIER.out(one, e, f"episodes[{index}]")
        if number is not None:
            whose = {"display": "unknown"} if record.subject is None else _PATIENT.out(record.subject, e, "subject")
            known = {"extension": [_UNSAID], "identifier": [number], "status": "active", "patient": whose}
            found.append(e.contain({"resourceType": "EpisodeOfCare", **known}))
    return found


def _episodes_in(tree: Tree, p: Parse) -> tuple[Identifier, ...]:
    found = []
    for entry in items(tree, "episodeOfCare"):
        inner = p.inner(entry, "EpisodeOfCare")
        numbers = [entry.get("identifier")] if inner is None else items(inner, "identifier")
        one = IDENTIFIER.into(numbers[0], p) if numbers else None
        found += [] if one is None else [one]
    return tuple(found)


_XHTML: Final = "http://www.w3.org/1999/xhtml"
_PATIENT: Final = Reference("Patient")
_UNSAID: Final = {"url": OWN + "not-stated", "valueCode": "status"}
"""FHIR demands a status of an episode; that a stay is part of it is all that is known."""


def _narrative(text: str | None) -> Tree | None:
    """Return a text as a narrative (v2-to-FHIR guide, PV2-12)."""
    plain = None if text is None else fhir_text(text, _quiet(), "")
    if plain is None:
        return None
    return {"status": "additional", "div": f'<div xmlns="{_XHTML}">{escape(plain, quote=False)}</div>'}


def emit_encounter(record: Encounter, e: Emit) -> list[Tree]:
    """Write a stay."""
    out = start("Encounter", record, e)
    _secure(out, _protection(record.protection))
    narrative = _narrative(record.description)
    if narrative is not None:
        out["text"] = narrative
    emit_rows(_ENCOUNTER, record, out, e)
    if "status" not in out:
        out["status"] = "unknown"
    if record.status is None:
        out["extension"].append({"url": OWN + "no-status", "valueBoolean": True})
    out["class"] = _class_out(record, e)
    places = _places_out(record, e)
    if places:
        out["location"] = places
    actors = []
    for index, actor in enumerate(record.actors):
        entry: Tree = {}
        AGENT.put(entry, "individual", actor, e, f"actors[{index}]")
        if actor.code is not None:
            _TYPES.put(entry, "type", actor.code, e, f"actors[{index}].code")
        actors += [entry] if entry else []
    if actors:
        out["participant"] = actors
    hospitalization: Tree = {}
    emit_rows(_HOSPITALIZATION, record, hospitalization, e)
    if record.destination is not None:
        destination = contain(record.destination, e, "destination")
        hospitalization |= {} if destination is None else {"destination": destination}
    if hospitalization:
        out["hospitalization"] = hospitalization
    episodes = _episodes_out(record, e)
    if episodes:
        out["episodeOfCare"] = episodes
    put_links(out, record.links, e, elements=False)
    return [close(out)]


_TYPES: Final = First(CODEABLE)


def _places_in(tree: Tree, p: Parse) -> dict[str, Any]:
    found: dict[str, Any] = {}
    stays: list[Any] = []
    for entry in items(tree, "location"):
        status, location = text_of(entry, "status"), place_of(entry.get("location"), p)
        name = "prior_location" if status == "completed" else "location"
        if not read_own(entry, _STAY, BOOLEAN, p) and name not in found:
            found[name] = location
        elif location is not None:
            temporary = read_own(entry, _TEMPORARY, BOOLEAN, p)
            stays.append(build(Stay, {"location": location, "status": status, "temporary": temporary}))
    return found | {"stays": tuple(stay for stay in stays if stay is not None)}


def read_encounter(tree: Tree, p: Parse) -> Tree:
    """Read a stay."""
    values = read_envelope(tree, p) | parse_rows(_ENCOUNTER, tree, p)
    values["links"] = take_links(tree, p)
    if read_own(tree, OWN + "no-status", BOOLEAN, p):
        values.pop("status", None)
    values["patient_class"] = CODING.get(tree, "class", p)
    own = read_own(tree.get("class"), OWN + "patient-class", CODING, p)
    if own is not None:
        values["patient_class"] = own
    elif values["patient_class"] == Coding(**_UNKNOWN_CLASS):
        del values["patient_class"]
    values |= _places_in(tree, p)
    actors = []
    for entry in items(tree, "participant"):
        actor, code = AGENT.get(entry, "individual", p), _TYPES.get(entry, "type", p)
        if actor is None and code is not None:
            actor = Actor(role="performer")
        actors += [] if actor is None else [actor if code is None else actor.replace(code=code)]
    values["actors"] = tuple(actors)
    hospitalization = tree.get("hospitalization")
    if isinstance(hospitalization, dict):
        values |= parse_rows(_HOSPITALIZATION, hospitalization, p)
        values["destination"] = place_of(hospitalization.get("destination"), p)
    values["episodes"] = _episodes_in(tree, p)
    _unsecure(values, _protection(values.get("protection")))
    return values


# ---- Order: DiagnosticReport

_STATUS: Final = Coded(
    RESULT_STATUS | {code: code for code in REPORT_STATUS}, {code: code for code in REPORT_STATUS}, "unknown"
)
_ORDER: Final = (
    Row("request", "basedOn", First(Reference("ServiceRequest"))),
    Row("status", "status", _STATUS),
    Row("categories", "category", Many(CODEABLE)),
    Row("subject", "subject", Reference("Patient")),
    Row("encounter", "encounter", Reference("Encounter")),
    Row("reported", "issued", INSTANT),
    Row("specimens", "specimen", Many(Reference("Specimen"))),
    Row("requested", None, DATE_TIME, OWN + "requested"),
    Row("parent", None, Many(IDENTIFIER), OWN + "parent-order"),
    Row("reason", None, Many(CODEABLE), OWN + "reason"),
    Row("devices", None, Many(Reference("Device")), OWN + "device"),
    Row("notes", None, Many(NOTE), OWN + "note"),
)
_FUNCTION: Final = CORE + "event-performerFunction"
_INTERPRETER: Final = "interpreter"
"""Role of an actor who stands in ``resultsInterpreter``."""


def emit_order(record: Order, e: Emit, results: tuple[str, ...] = ()) -> list[Tree]:
    """Write an order with its results as a report."""
    out = start("DiagnosticReport", record, e)
    put_numbers(out, record, e)
    emit_rows(_ORDER, record, out, e)
    if "status" not in out:
        out["status"] = "unknown"
    if record.status is None:
        out["extension"].append({"url": OWN + "no-status", "valueBoolean": True})
    put_code(out, record.code if record.code is not None else Concept(), e)
    if record.time is not None:
        put_time(out, "effective", record.time, e, "time")
    for key, wanted in (("performer", False), ("resultsInterpreter", True)):
        found = []
        for index, actor in enumerate(record.actors):
            json = ACTOR.out(actor, e, f"actors[{index}]") if (actor.role == _INTERPRETER) is wanted else None
            if json is not None and actor.code is not None and not wanted:
                extension(json, _FUNCTION, CODEABLE, actor.code, e, f"actors[{index}].code")
            found += [] if json is None else [json]
        if found:
            out[key] = found
    if results:
        out["result"] = [{"reference": reference} for reference in results]
    put_links(out, record.links, e, elements=False)
    return [close(out)]


def read_order(tree: Tree, p: Parse) -> Tree:
    """Read a report."""
    values = read_envelope(tree, p) | parse_rows(_ORDER, tree, p) | take_numbers(tree, p)
    values["links"] = take_links(tree, p)
    if read_own(tree, OWN + "no-status", BOOLEAN, p):
        values.pop("status", None)
    values |= {"code": CODEABLE.get(tree, "code", p), "time": take_time(tree, "effective", p)}
    interpreters = Many(ACTOR).get(tree, "resultsInterpreter", p) or ()
    values["actors"] = (
        *(Many(ACTOR).get(tree, "performer", p) or ()),
        *(actor.replace(role=_INTERPRETER) for actor in interpreters),
    )
    return values


# ---- Message: MessageHeader

_EVENTS: Final = systems.v2_table("0003")
_PROCESSING: Final = {"production": "P", "training": "T", "debugging": "D"}
SENT: Final = OWN + "sent"
"""Extension that holds when a message was sent."""
_MESSAGE: Final = (
    Row("protocol", None, STRING, OWN + "protocol", "fhir-r4"),
    Row("type", None, STRING, OWN + "message-type"),
    Row("version", None, STRING, OWN + "protocol-version"),
    Row("control_id", None, STRING, OWN + "control-id"),
    Row("answer_to", None, STRING, OWN + "answer-to"),
    Row("answer", None, STRING, OWN + "answer"),
    Row("receiver", None, PLAIN_ACTOR, OWN + "receiver"),
    Row("receivers", None, Many(PLAIN_ACTOR), OWN + "further-receiver"),
    Row("sender", None, PLAIN_ACTOR, OWN + "sender"),
    Row("sender_address", None, IDENTIFIER, OWN + "sender-address"),
    Row("sent", None, DATE_TIME, SENT),
    Row("processing", None, CODE, OWN + "processing"),
    Row("mode", None, STRING, OWN + "processing-mode"),
    Row("security", None, STRING, OWN + "message-security"),
    Row("country", None, STRING, OWN + "sender-country"),
    Row("profiles", None, Many(IDENTIFIER), OWN + "message-profile"),
    Row("language", None, CODEABLE, OWN + "principal-language"),
    Row("character_set", None, Many(STRING), OWN + "character-set"),
    Row("subject", None, Reference("Patient"), OWN + "patient"),
    Row("responsible", "responsible", ACTOR),
    PARTIES,
)
_SOFTWARE: Final = (Row("software", "software", STRING), Row("software_version", "version", STRING))

_RESPONSES: Final = {"A": "ok", "E": "transient-error", "R": "fatal-error"}
"""Acknowledgement code (HL7 table 0008), without its mode: accepted, error, rejected."""
_UNKNOWN_ENDPOINT: Final = "urn:iomt-interop:unknown-endpoint"
"""MessageHeader demands an endpoint; a party without a universal id has none that could be named."""


def _quiet() -> Emit:
    """Return what swallows the losses of a second writing of the same text."""
    return Emit(reference=lambda resource, target: "")


def _endpoint(identifiers: Iterable[Identifier]) -> Tree:
    """Return the endpoint of a party: the URI of its identifier; without one the reason why there is none."""
    for identifier in identifiers:
        if identifier.system is not None and is_uri(identifier.system):
            return {"endpoint": identifier.system}
        value = identifier.authority_id or (identifier.value if identifier.authority is not None else None)
        if identifier.authority_id_type == "ISO" and value and is_uri(value):
            return {"endpoint": systems.OID_PREFIX + value}
    absent = {"url": CORE + "data-absent-reason", "valueCode": "unknown"}
    return {"endpoint": _UNKNOWN_ENDPOINT, "_endpoint": {"extension": [absent]}}


def _facility(actor: Actor, country: str | None, e: Emit, path: str) -> Tree | None:
    """Return the organisation behind an application (v2-to-FHIR guide, HD[Organization])."""
    behalf = actor.behalf if actor.behalf is not None else Organization()
    names = () if actor.organization is None else (Identifier(value=actor.organization),)
    addresses = behalf.addresses if country is None else (*behalf.addresses, Address(country=country))
    whole = behalf.replace(identifiers=(*names, *behalf.identifiers), addresses=addresses)
    found: Tree | None = ORGANIZATION.out(whole, e, path)
    return found


def _destination(actor: Actor, e: Emit, path: str) -> Tree | None:
    out: Tree = _endpoint(actor.identifiers)
    name = next((one.authority for one in actor.identifiers if one.authority), None)
    if name is not None:
        STRING.put(out, "name", name, e, path)
    receiver = _facility(actor, None, e, path)
    if receiver is not None:
        out["receiver"] = receiver
    return out


def _joined(receivers: tuple[Actor, ...]) -> tuple[Actor, ...]:
    """Join two halves, an address without an organisation and an organisation without an address: one destination."""
    if len(receivers) < 2:
        return receivers
    halves, others = receivers[:2], receivers[2:]
    addressed = [one for one in halves if one.identifiers and one.behalf is None and one.organization is None]
    named = [one for one in halves if not one.identifiers]
    if len(addressed) != 1 or len(named) != 1:
        return receivers
    return addressed[0].replace(organization=named[0].organization, behalf=named[0].behalf), *others


def _tags(record: Message) -> list[Tree]:
    """Return ``meta.tag``: processing id and mode (v2-to-FHIR guide, PT[Meta])."""
    code = _PROCESSING.get(record.processing or "")
    tags = [] if code is None else [{"system": systems.v2_table("0103"), "code": code}]
    if record.mode is not None and CODE.out(record.mode, _quiet(), "") is not None:
        tags.append({"system": systems.v2_table("0207"), "code": record.mode})
    return tags


def _security(text: str | None) -> Coding | None:
    """Return MSH-8 as a label (v2-to-FHIR guide, MSH-8)."""
    return None if text is None else Coding(code=text)


def emit_message(record: Message, e: Emit) -> list[Tree]:
    """Write a message as a MessageHeader; nothing where it has no event (FHIR R4 MessageHeader.event is required)."""
    out = start("MessageHeader", record, e)
    parts = (record.type or "").split("^")
    if not parts[0]:
        e.loss("", "message without an event that MessageHeader could name")
        return []
    _secure(out, _security(record.security))
    out["eventCoding"] = {"system": _EVENTS, "code": parts[1]} if len(parts) > 1 and parts[1] else {}
    STRING.put(out["eventCoding"], "display", record.type, e, "type")
    sender = record.sender if record.sender is not None else Actor(role="sender")
    known = () if record.sender_address is None else (record.sender_address,)
    source: Tree = _endpoint((*known, *sender.identifiers))
    name = next((one.authority for one in sender.identifiers if one.authority), None)
    if name is not None:
        STRING.put(source, "name", name, e, "sender")
    emit_rows(_SOFTWARE, record, source, e)
    out["source"] = source
    reference = _facility(sender, record.country, e, "sender")
    if reference is not None:
        out["sender"] = reference
    receivers = () if record.receiver is None else (record.receiver,)
    found = [_destination(actor, e, "receiver") for actor in _joined((*receivers, *record.receivers))]
    if found:
        out["destination"] = found
    tags = _tags(record)
    if tags:
        out.setdefault("meta", {})["tag"] = tags
    codings = record.language.codings if record.language is not None else ()
    if codings and codings[0].code is not None:
        CODE.put(out, "language", codings[0].code, _quiet(), "language")
    response = _RESPONSES.get((record.answer or "")[1:])
    if response is not None and record.answer_to is not None and fhir_id(record.answer_to):
        out["response"] = {"identifier": record.answer_to, "code": response}
    emit_rows(_MESSAGE, record, out, e)
    put_links(out, record.links, e, elements=False)
    return [close(out)]


def read_message(tree: Tree, p: Parse) -> Tree:
    """Read a MessageHeader."""
    values = {"protocol": "fhir-r4", **read_envelope(tree, p), **parse_rows(_MESSAGE, tree, p)}
    values["links"] = take_links(tree, p)
    _unsecure(values, _security(values.get("security")))
    if "type" not in values:
        event = CODING.get(tree, "eventCoding", p)
        values["type"] = (event.code if event is not None else None) or text_of(tree, "eventUri")
    source = tree.get("source")
    if isinstance(source, dict):
        values |= parse_rows(_SOFTWARE, source, p)
    if "sender" not in values and isinstance(source, dict):
        name, endpoint = text_of(source, "name"), text_of(source, "endpoint")
        identifiers = () if endpoint in (None, _UNKNOWN_ENDPOINT) else (Identifier(system=endpoint),)
        found = Actor(role="source", organization=name, identifiers=identifiers)
        values["sender"] = found if name is not None or identifiers else None
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
