"""What surrounds observations: ServiceRequest, Specimen, RelatedPerson, Coverage, Condition, Provenance and others.

Each kind of record is a table of rows, and a function for what no row says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from ...model import (
    Account,
    Activity,
    Actor,
    Allergy,
    Appointment,
    CareTeam,
    Condition,
    Coverage,
    Identifier,
    Immunization,
    Model,
    Prescription,
    Procedure,
    Reaction,
    RelatedPerson,
    Request,
    Specimen,
    Target,
)
from .appointments import APPOINTMENT, appointment_in, appointment_out
from .datatypes import ADDRESS, CODEABLE, IDENTIFIER, NAME, SIMPLE, TELECOM
from .envelope import put_links, read_envelope, start, take_links
from .fields import (
    Complex,
    Emit,
    First,
    Many,
    Parse,
    Part,
    Row,
    build,
    emit_rows,
    extension,
    items,
    parse_rows,
    read_own,
    text_of,
)
from .jsontext import Tree
from .numbers import put_numbers, take_numbers
from .observation import close
from .parties import ACTOR, NOTE, PARTIES
from .patient import put_gender, take_gender
from .performers import Performers
from .places import contain, place_of
from .prescriptions import PRESCRIPTION, prescription_in, prescription_out
from .references import RESOURCES
from .scalars import BOOLEAN, CODE, DATE, DATE_TIME, INSTANT, LONG, STRING, URI, OneOf, Reference
from .tables import (
    ACCOUNT_STATUS,
    CORE,
    OWN,
    PROCEDURE_STATUS,
    REQUEST_INTENT,
    REQUEST_PRIORITY,
    REQUEST_STATUS,
    TEAM_STATUS,
)
from .values import PERIOD, put_time, take_time

__all__ = ["CARE", "emit_care", "read_care"]

Out = Callable[[Any, Tree, Emit], None]
Into = Callable[[Tree, Parse], dict[str, Any]]

_PATIENT: Final = Reference("Patient")
_ABSENT: Final = {"extension": [{"url": CORE + "data-absent-reason", "valueCode": "unknown"}]}
_CATEGORY_OWN: Final = OWN + "native-category"


@dataclass(frozen=True, slots=True)
class _Care:
    """How one kind of record is a resource.

    Attributes
    ----------
    timed : tuple
        Fields of times that are choices (``occurrence[x]``), with the name of the choice.
    required : dict
        Elements that FHIR demands, and what stands there when nothing is known.
    """

    resource: str
    model: type[Model]
    rows: tuple[Row, ...]
    timed: tuple[tuple[str, str], ...] = ()
    required: dict[str, Any] | None = None
    out: Out = lambda record, out, e: None
    into: Into = lambda tree, p: {}
    subject: str = "subject"


# ---- Places of a record


def _place_out(record: Any, out: Tree, e: Emit) -> None:
    if record.location is not None:
        reference = contain(record.location, e, "location")
        if reference is not None:
            out["location"] = reference


def _place_in(tree: Tree, p: Parse) -> dict[str, Any]:
    return {"location": place_of(tree.get("location"), p)}


# ---- ServiceRequest

_REQUEST: Final = (
    Row("status", "status", OneOf(REQUEST_STATUS, "unknown")),
    Row("intent", "intent", OneOf(REQUEST_INTENT, "order")),
    Row("priority", "priority", OneOf(REQUEST_PRIORITY)),
    Row("code", "code", CODEABLE),
    Row("details", "orderDetail", Many(CODEABLE)),
    Row("encounter", "encounter", Reference("Encounter")),
    Row("authored", "authoredOn", DATE_TIME),
    Row("requester", "requester", ACTOR),
    Row("performers", "performer", Many(ACTOR)),
    Row("location", "locationCode", First(CODEABLE)),
    Row("reason", "reasonCode", Many(CODEABLE)),
    Row("observations", "supportingInfo", Many(Reference("Observation"))),
    Row("specimens", "specimen", Many(Reference("Specimen"))),
    Row("notes", "note", Many(NOTE)),
    Row("callback", None, Many(TELECOM), CORE + "servicerequest-order-callback-phone-number"),
    Row("native_status", None, STRING, OWN + "native-status"),
    PARTIES,
)

# ---- Specimen

_COLLECTION: Final = (
    Row("collector", "collector", ACTOR),
    Row("quantity", "quantity", SIMPLE),
    Row("method", "method", CODEABLE),
    Row("body_site", "bodySite", CODEABLE),
)
_SPECIMEN: Final = (
    Row("identifiers", "identifier", Many(IDENTIFIER)),
    Row("accession", "accessionIdentifier", IDENTIFIER),
    Row("available", None, BOOLEAN, OWN + "available"),
    Row("type", "type", CODEABLE),
    Row("received", "receivedTime", DATE_TIME),
    Row("conditions", "condition", Many(CODEABLE)),
    Row("notes", "note", Many(NOTE)),
)
_PARENTS: Final = Many(IDENTIFIER)
_FURTHER_ADDITIVES: Final = OWN + "further-additive"


def _parents_out(numbers: tuple[Identifier, ...], e: Emit) -> Iterator[Tree]:
    """Yield the specimens that this one was taken of, each with its numbers (SPM[Specimen], SPM-3).

    The placer's and the filler's number in sequence are a pair of one specimen.
    """
    start = 0
    for end in range(1, len(numbers) + 1):
        if end == len(numbers) or [_number_type(one) for one in numbers[end - 1 : end + 1]] != ["PGN", "FGN"]:
            pair = _PARENTS.out(numbers[start:end], e, "parents")
            if pair:
                yield e.contain({"resourceType": "Specimen", "identifier": pair})
            start = end


def _number_type(one: Identifier) -> str | None:
    return one.type.codings[0].code if one.type is not None and one.type.codings else None


def _parents_in(entry: Tree, p: Parse) -> Iterator[Identifier]:
    inner = p.inner(entry, "Specimen")
    yield from () if inner is None else _PARENTS.get(inner, "identifier", p) or ()
    found = IDENTIFIER.get(entry, "identifier", p)
    if found is not None:
        yield found


def _specimen_out(record: Specimen, out: Tree, e: Emit) -> None:
    if record.available is not None:
        out["status"] = "available" if record.available else "unavailable"
    parents = list(_parents_out(record.parents, e))
    if parents:
        out["parent"] = parents
    collection: Tree = {}
    emit_rows(_COLLECTION, record, collection, e)
    if record.collected is not None:
        put_time(collection, "collected", record.collected, e, "collected")
    if collection:
        out["collection"] = collection
    container: Tree = {}
    if record.container is not None:
        CODEABLE.put(container, "type", record.container, e, "container")
    if record.additives:
        CODEABLE.put(container, "additiveCodeableConcept", record.additives[0], e, "additives[0]")
        extension(container, _FURTHER_ADDITIVES, Many(CODEABLE), record.additives[1:], e, "additives")
    if container:
        out["container"] = [container]


def _specimen_in(tree: Tree, p: Parse) -> dict[str, Any]:
    parents = tuple(number for entry in items(tree, "parent") for number in _parents_in(entry, p))
    values: dict[str, Any] = {"parents": parents}
    collection = tree.get("collection")
    if isinstance(collection, dict):
        values |= parse_rows(_COLLECTION, collection, p) | {"collected": take_time(collection, "collected", p)}
    containers = items(tree, "container")
    if containers:
        values["container"] = CODEABLE.get(containers[0], "type", p)
        first = CODEABLE.get(containers[0], "additiveCodeableConcept", p)
        more = read_own(containers[0], _FURTHER_ADDITIVES, Many(CODEABLE), p)
        values["additives"] = (() if first is None else (first,)) + more
    return values


# ---- RelatedPerson

_RELATED: Final = (
    Row("identifiers", "identifier", Many(IDENTIFIER)),
    Row("relationships", "relationship", Many(CODEABLE)),
    Row("names", "name", Many(NAME)),
    Row("telecoms", "telecom", Many(TELECOM)),
    Row("birth_date", "birthDate", DATE),
    Row("addresses", "address", Many(ADDRESS)),
    Row("period", "period", PERIOD),
    PARTIES,
)


def _related_out(record: RelatedPerson, out: Tree, e: Emit) -> None:
    put_gender(out, record.sex, e, "sex")
    languages = Many(CODEABLE).out(record.languages, e, "languages") or []
    if languages:
        out["communication"] = [{"language": language} for language in languages]


def _related_in(tree: Tree, p: Parse) -> dict[str, Any]:
    languages = (CODEABLE.get(entry, "language", p) for entry in items(tree, "communication"))
    return {"sex": take_gender(tree, p), "languages": tuple(one for one in languages if one is not None)}


# ---- Coverage

_COVERAGE: Final = (
    Row("identifiers", "identifier", Many(IDENTIFIER)),
    Row("type", "type", CODEABLE),
    Row("holder", "policyHolder", ACTOR),
    Row("relationship", "relationship", CODEABLE),
    Row("period", "period", PERIOD),
    Row("payors", "payor", Many(ACTOR)),
    Row("subscriber_ids", None, Many(IDENTIFIER), "http://hl7.org/fhir/5.0/StructureDefinition/extension-subscriberId"),
    Row("subscribes", None, BOOLEAN, OWN + "subscribes"),
    PARTIES,
)
_SUBSCRIBER: Final = OWN + "subscriber"
_SUBSCRIBER_ROWS: Final = tuple(
    row for row in _RELATED if row.field in ("identifiers", "names", "telecoms", "addresses")
)
_UNKNOWN: Final = {"display": "unknown"}


def _coverage_out(record: Coverage, out: Tree, e: Emit) -> None:
    if record.subscribes and record.subject is not None and record.subscriber is None:
        out["subscriber"] = _PATIENT.out(record.subject, e, "subject")
    elif record.subscriber is not None and _is_plain(record.subscriber):
        # A person other than the patient (IN1-17) is a related one: FHIR has nobody else here.
        person: Tree = {"resourceType": "RelatedPerson"}
        emit_rows(_SUBSCRIBER_ROWS, record.subscriber, person, e, "subscriber.")
        person["patient"] = _UNKNOWN if record.subject is None else _PATIENT.out(record.subject, e, "subject")
        out["subscriber"] = e.contain(person)
    elif record.subscriber is not None:
        extension(out, _SUBSCRIBER, ACTOR, record.subscriber, e, "subscriber")


def _is_plain(actor: Actor) -> bool:
    """Tell whether a RelatedPerson says all that is known of a subscriber."""
    said = {row.field: getattr(actor, row.field) for row in _SUBSCRIBER_ROWS}
    return actor == Actor(role="subscriber", party="person", **said) and any(said.values())


def _coverage_in(tree: Tree, p: Parse) -> dict[str, Any]:
    inner = p.inner(tree.get("subscriber"), "RelatedPerson")
    if inner is None:
        return {"subscriber": read_own(tree, _SUBSCRIBER, ACTOR, p)}
    said = parse_rows(_SUBSCRIBER_ROWS, inner, p)
    return {"subscriber": build(Actor, {"role": "subscriber", "party": "person", **said})}


# ---- Condition

_CONDITION: Final = (
    Row("identifiers", "identifier", Many(IDENTIFIER)),
    Row("categories", "category", Many(CODEABLE)),
    Row("code", "code", CODEABLE),
    Row("encounter", "encounter", Reference("Encounter")),
    Row("onset", "onsetDateTime", DATE_TIME),
    Row("recorded", "recordedDate", DATE_TIME),
    Row("asserter", "asserter", ACTOR),
    Row("refuted", None, BOOLEAN, OWN + "entered-in-error"),
    Row("use", None, CODEABLE, OWN + "diagnosis-use"),
    Row("rank", None, LONG, OWN + "diagnosis-rank"),
)
_VERIFICATION: Final = "http://terminology.hl7.org/CodeSystem/condition-ver-status"


def _condition_out(record: Condition, out: Tree, e: Emit) -> None:
    if record.refuted:
        out["verificationStatus"] = {"coding": [{"system": _VERIFICATION, "code": "entered-in-error"}]}


# ---- AllergyIntolerance

_REACTION: Final = Complex(
    Reaction,
    (
        Row("manifestations", "manifestation", Many(CODEABLE)),
        Row("severity", "severity", OneOf(frozenset({"mild", "moderate", "severe"}))),
    ),
)


def _reaction_out(value: Reaction, e: Emit, path: str) -> Tree:
    out = _REACTION.out(value, e, path) or {}
    if "manifestation" not in out:  # required
        out["manifestation"] = [{"text": "unknown"}]
        extension(out, OWN + "no-manifestation", BOOLEAN, True, e, path)
    return dict(out)


def _reaction_in(json: Any, p: Parse) -> Any:
    if read_own(json, OWN + "no-manifestation", BOOLEAN, p):
        json = {key: value for key, value in json.items() if key != "manifestation"}
    return _REACTION.into(json, p)


_ALLERGY: Final = (
    Row("identifiers", "identifier", Many(IDENTIFIER)),
    Row("type", "type", OneOf(frozenset({"allergy", "intolerance"}))),
    Row("criticality", "criticality", OneOf(frozenset({"low", "high", "unable-to-assess"}))),
    Row("code", "code", CODEABLE),
    Row("onset", "onsetDateTime", DATE_TIME),
    Row("recorded", "recordedDate", DATE_TIME),
    Row("reactions", "reaction", Many(Part("", _reaction_out, _reaction_in))),
    Row("native_category", None, CODEABLE, _CATEGORY_OWN),
    Row("severity", None, CODEABLE, OWN + "native-severity"),
)
_ACTIVE: Final = {
    "coding": [{"system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", "code": "active"}]
}


def _allergy_out(record: Allergy, out: Tree, e: Emit) -> None:
    if record.category is not None:
        out["category"] = [record.category]


def _allergy_in(tree: Tree, p: Parse) -> dict[str, Any]:
    category = tree.get("category")
    return {"category": str(category[0])} if isinstance(category, list) and category else {}


# ---- Procedure

_PROCEDURE: Final = (
    Row("identifiers", "identifier", Many(IDENTIFIER)),
    Row("status", "status", OneOf(PROCEDURE_STATUS, "unknown")),
    Row("category", "category", CODEABLE),
    Row("code", "code", CODEABLE),
    Row("encounter", "encounter", Reference("Encounter")),
    Row("actors", "performer", Performers("actor", "function")),
    Row("reason", "reasonCode", Many(CODEABLE)),
)

# ---- Immunization

_IMMUNIZATION: Final = (
    Row("identifiers", "identifier", Many(IDENTIFIER)),
    Row("status", "status", OneOf(frozenset({"completed", "entered-in-error", "not-done"}))),
    Row("status_reason", "statusReason", CODEABLE),
    Row("vaccine", "vaccineCode", CODEABLE),
    Row("encounter", "encounter", Reference("Encounter")),
    Row("time", "occurrenceDateTime", DATE_TIME),
    Row("recorded", "recorded", DATE_TIME),
    Row("manufacturer", "manufacturer", ACTOR),
    Row("lot", "lotNumber", STRING),
    Row("expires", "expirationDate", DATE),
    Row("body_site", "site", CODEABLE),
    Row("route", "route", CODEABLE),
    Row("dose", "doseQuantity", SIMPLE),
    Row("actors", "performer", Performers("actor", "function")),
    Row("notes", "note", Many(NOTE)),
    Row("reason", "reasonCode", Many(CODEABLE)),
)


def _immunization_out(record: Immunization, out: Tree, e: Emit) -> None:
    _place_out(record, out, e)
    if record.time is None:
        out["occurrenceString"] = "unknown"


# ---- Account, CareTeam

_ACCOUNT: Final = (
    Row("identifiers", "identifier", Many(IDENTIFIER)),
    Row("status", "status", OneOf(ACCOUNT_STATUS)),
    Row("type", "type", CODEABLE),
    Row("name", "name", STRING),
    Row("subject", "subject", First(_PATIENT)),
    Row("period", "servicePeriod", PERIOD),
)
_TEAM: Final = (
    Row("identifiers", "identifier", Many(IDENTIFIER)),
    Row("status", "status", OneOf(TEAM_STATUS)),
    Row("categories", "category", Many(CODEABLE)),
    Row("name", "name", STRING),
    Row("encounter", "encounter", Reference("Encounter")),
    Row("period", "period", PERIOD),
    Row("members", "participant", Performers("member", "role", several=True)),
    Row("reason", "reasonCode", Many(CODEABLE)),
    Row("notes", "note", Many(NOTE)),
)

# ---- Provenance

_KIND: Final = OWN + "record-kind"
_KIND_OF: Final = {resource: kind for kind, resource in reversed(RESOURCES.items())}


def _target_out(value: Target, e: Emit, path: str) -> Tree | None:
    resource = RESOURCES.get(value.kind)
    if resource is None:
        e.loss(path, "kind of record without a FHIR resource")
        return None
    out: Tree = {"reference": e.reference(resource, value.id)}
    if _KIND_OF[resource] != value.kind:
        out["extension"] = [{"url": _KIND, "valueCode": value.kind}]
    return out


def _target_in(json: Any, p: Parse) -> Any:
    text = text_of(json, "reference")
    if text is None:
        return None
    own = read_own(json, _KIND, CODE, p)
    for kind, resource in RESOURCES.items():
        target = p.resolve(text, (resource,)) if own in (None, kind) else None
        if target is not None:
            return build(Target, {"kind": own or _KIND_OF[resource], "id": target})
    return None


_TARGETS: Final = Many(Part("Reference", _target_out, _target_in))
_ACTIVITY: Final = (
    Row("targets", "target", _TARGETS),
    Row("recorded", "recorded", INSTANT),
    Row("policies", "policy", Many(URI)),
    Row("code", "activity", CODEABLE),
    Row("reason", "reason", Many(CODEABLE)),
    Row("actors", "agent", Performers("who", "type")),
    Row("subject", None, _PATIENT, OWN + "patient"),
)
_SOURCES: Final = Many(Reference("Device"))


def _activity_out(record: Activity, out: Tree, e: Emit) -> None:
    devices = _SOURCES.out(record.sources, e, "sources") or []
    if devices:
        out["entity"] = [{"role": "source", "what": device} for device in devices]


def _activity_in(tree: Tree, p: Parse) -> dict[str, Any]:
    devices = (Reference("Device").get(entry, "what", p) for entry in items(tree, "entity"))
    return {"sources": tuple(device for device in devices if device is not None)}


# ---- All of them

CARE: Final[dict[str, _Care]] = {
    "request": _Care(
        "ServiceRequest", Request, _REQUEST, (("occurrence", "occurrence"),),
        {"status": "unknown", "intent": "order", "subject": _UNKNOWN},
        lambda record, out, e: put_numbers(out, record, e), take_numbers,
    ),
    "specimen": _Care("Specimen", Specimen, _SPECIMEN, out=_specimen_out, into=_specimen_in),
    "related_person": _Care(
        "RelatedPerson", RelatedPerson, _RELATED, required={"patient": _UNKNOWN}, out=_related_out, into=_related_in,
        subject="patient",
    ),
    "coverage": _Care(
        "Coverage", Coverage, _COVERAGE, required={"status": "active", "beneficiary": _UNKNOWN, "payor": [_UNKNOWN]},
        out=_coverage_out, into=_coverage_in, subject="beneficiary",
    ),
    "condition": _Care("Condition", Condition, _CONDITION, required={"subject": _UNKNOWN}, out=_condition_out),
    "allergy": _Care(
        "AllergyIntolerance", Allergy, _ALLERGY, required={"patient": _UNKNOWN, "clinicalStatus": _ACTIVE},
        out=_allergy_out, into=_allergy_in, subject="patient",
    ),
    "procedure": _Care(
        "Procedure", Procedure, _PROCEDURE, (("time", "performed"),), {"status": "unknown", "subject": _UNKNOWN},
        _place_out, _place_in,
    ),
    "immunization": _Care(
        "Immunization", Immunization, _IMMUNIZATION,
        required={"status": "completed", "vaccineCode": _ABSENT, "patient": _UNKNOWN}, out=_immunization_out,
        into=_place_in, subject="patient",
    ),
    "appointment": _Care(
        "Appointment", Appointment, APPOINTMENT, required={"status": "proposed"}, out=appointment_out,
        into=appointment_in, subject="",
    ),
    "prescription": _Care(
        "MedicationRequest", Prescription, PRESCRIPTION,
        required={"status": "unknown", "intent": "order", "subject": _UNKNOWN}, out=prescription_out,
        into=prescription_in,
    ),
    "account": _Care("Account", Account, _ACCOUNT, required={"status": "unknown"}, subject=""),
    "care_team": _Care("CareTeam", CareTeam, _TEAM),
    "activity": _Care(
        "Provenance", Activity, _ACTIVITY, (("time", "occurred"),),
        {"target": [_UNKNOWN], "agent": [{"who": _UNKNOWN}]}, _activity_out, _activity_in, subject="",
    ),
}  # fmt: skip
_BY_RESOURCE: Final = {care.resource: care for care in CARE.values()}
_UNSAID: Final = OWN + "not-stated"


def emit_care(record: Any, e: Emit) -> list[Tree]:
    """Write one of these records; a Provenance cannot be without the instant at which it was recorded."""
    care = CARE[record.kind]
    out = start(care.resource, record, e)
    emit_rows(care.rows, record, out, e)
    if care.resource == "Provenance" and "recorded" not in out:
        e.loss("recorded", "activity without an instant at which it was recorded")
        return []
    if care.subject and record.subject is not None:
        _PATIENT.put(out, care.subject, record.subject, e, "subject")
    for name, base in care.timed:
        time = getattr(record, name)
        if time is not None:
            put_time(out, base, time, e, name)
    care.out(record, out, e)
    for element, fallback in (care.required or {}).items():
        if element not in out:
            out[element] = fallback
            out["extension"].append({"url": _UNSAID, "valueCode": element})
    put_links(out, record.links, e, elements=False)
    return [close(out)]


def read_care(tree: Tree, p: Parse) -> Tree:
    """Read one of these resources."""
    care = _BY_RESOURCE[text_of(tree, "resourceType") or ""]
    own = read_envelope(tree, p)
    unsaid = {text_of(entry, "valueCode") for entry in items(tree, "extension") if entry.get("url") == _UNSAID}
    said = {key: value for key, value in tree.items() if key not in unsaid}
    values = own | parse_rows(care.rows, said, p) | care.into(said, p)
    if care.subject:
        values["subject"] = _PATIENT.get(said, care.subject, p)
    for name, base in care.timed:
        values[name] = take_time(said, base, p)
    values["links"] = take_links(tree, p)
    return values
