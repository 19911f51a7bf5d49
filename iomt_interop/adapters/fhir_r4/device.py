"""Device and DeviceMetric (FHIR R4; PHD guide for personal devices, PoCD guide for monitors)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from ...model import (
    BooleanValue,
    Calibration,
    CodedValue,
    Coding,
    Concept,
    Device,
    DeviceAssociation,
    DeviceVersion,
    Metric,
    Property,
    Quantity,
    Specialization,
    TextValue,
    Udi,
)
from ...terminology import systems
from .datatypes import CODEABLE, IDENTIFIER, QUANTITY, RANGE, concept_of
from .envelope import put_links, read_envelope, start, take_links
from .fields import (
    Complex,
    Emit,
    Kind,
    Many,
    Parse,
    Part,
    Row,
    emit_rows,
    extension,
    items,
    parse_rows,
    read_own,
    text_of,
)
from .jsontext import NumberText, Tree
from .observation import close
from .parties import NOTE, PLAIN_ACTOR
from .places import PLACE, contain, place_of
from .scalars import CODE, DATE_TIME, DECIMAL, INSTANT, STRING, Coded, OneOf, Reference
from .tables import (
    ACTIVATION_OF,
    ACTIVATION_REASON,
    ACTIVATION_STATUS,
    AVAILABILITY,
    CALIBRATION_OF,
    CALIBRATION_STATE,
    CATEGORY,
    CERTIFIED_LIST,
    COLORS,
    CORE,
    DEVICE_REASON,
    METRIC_AVAILABILITY,
    NOT_REGULATED,
    OPERATING_MODE,
    OWN,
    PHD,
    POCD,
    REFID_NODES,
    TYPE_NODES,
    YES_NO,
)
from .values import PERIOD

__all__ = ["emit_association", "emit_device", "emit_metric", "node_of_type", "read_device", "read_metric"]

# ---- Parts of a device

_UDI: Final = Complex(
    Udi,
    (
        Row("device_identifier", "deviceIdentifier", STRING),
        Row("issuer", "issuer", STRING),
        Row("jurisdiction", "jurisdiction", STRING),
        Row("carrier_hrf", "carrierHRF", STRING),
        Row("carrier_aidc", None, STRING, OWN + "carrier-aidc"),
        Row("entry_type", "entryType", OneOf(frozenset({"barcode", "rfid", "manual", "card", "self-reported"}
            | {"electronic-transmission", "unknown"}))),
        Row("lot", None, STRING, OWN + "udi-lot"),
        Row("serial", None, STRING, OWN + "udi-serial"),
        Row("manufactured", None, STRING, OWN + "udi-manufactured"),
        Row("expires", None, STRING, OWN + "udi-expires"),
    ),
)  # fmt: skip
_VERSION: Final = Complex(
    DeviceVersion,
    (Row("type", "type", CODEABLE), Row("value", "value", STRING), Row("component", None, STRING, OWN + "component")),
)
_SPECIALIZATION: Final = Complex(
    Specialization, (Row("type", "systemType", CODEABLE), Row("version", "version", STRING))
)


class _Name(Kind):
    """``deviceName``; its kind is not known here."""

    def out(self, value: Any, e: Emit, path: str) -> Any:
        """Return the name."""
        text = STRING.out(value, e, path)
        return None if text is None else {"name": text, "type": "user-friendly-name"}

    def into(self, json: Any, p: Parse) -> Any:
        """Return the name's text."""
        return text_of(json, "name")


def _property_out(value: Property, e: Emit, path: str) -> Tree:
    out: Tree = {}
    CODEABLE.put(out, "type", value.type, e, path + ".type")
    if "type" not in out:
        out["type"] = {"text": "unknown"}
        e.loss(path + ".type", "property without a type")
    kinds = [isinstance(one, Quantity) for one in value.values]
    if kinds != sorted(kinds, reverse=True):
        e.loss(path + ".values", "order of quantities and codes")
    for index, one in enumerate(value.values):
        where = f"{path}.values[{index}]"
        if isinstance(one, Quantity):
            out.setdefault("valueQuantity", []).append(QUANTITY.out(one, e, where))
        elif isinstance(one, BooleanValue):
            out.setdefault("valueCode", []).append(concept_of(YES_NO, "Y" if one.value else "N"))
        elif isinstance(one, CodedValue | TextValue):
            concepts = one.concepts if isinstance(one, CodedValue) else (Concept(text=one.text),)
            found = Many(CODEABLE).out(concepts, e, where)
            if found:
                out.setdefault("valueCode", []).extend(found)
        else:
            e.loss(where, "kind of value that a device property cannot hold")
    return out


def _yes_no(concept: Concept) -> bool | None:
    """Return the truth value that a concept is, if it says nothing else."""
    plain = [Concept(codings=(Coding(system=YES_NO, code=code),)) for code in "YN"]
    return None if concept not in plain else concept == plain[0]


def _property_in(json: Any, p: Parse) -> Property | None:
    kind = CODEABLE.get(json, "type", p) if isinstance(json, dict) else None
    values: list[Any] = list(Many(QUANTITY).get(json, "valueQuantity", p) or ()) if kind is not None else []
    for concept in (Many(CODEABLE).get(json, "valueCode", p) or ()) if kind is not None else ():
        truth = _yes_no(concept)
        values.append(CodedValue(concepts=(concept,)) if truth is None else BooleanValue(value=truth))
    return None if kind is None else Property(type=kind, values=tuple(values))


PROPERTY: Final = Part("", _property_out, _property_in)

_CALIBRATION_TYPES: Final = {name: name for name in ("unspecified", "offset", "gain", "two-point")}
_CALIBRATION_PARTS: Final = (
    ("type", Coded(_CALIBRATION_TYPES)),
    ("state", Coded(CALIBRATION_STATE, CALIBRATION_OF)),
)
_METRIC_CALIBRATION: Final = Complex(
    Calibration,
    (
        *(Row(name, name, kind) for name, kind in _CALIBRATION_PARTS),
        Row("time", "time", INSTANT),
        Row("devices", None, Many(Reference("Device")), OWN + "device"),
    ),
)
_DEVICE_CALIBRATION: Final = Complex(
    Calibration,
    (
        *(Row(name, None, kind, name) for name, kind in _CALIBRATION_PARTS),
        Row("time", None, INSTANT, "time"),
        Row("devices", None, Many(Reference("Device")), "device"),
    ),
)


# ---- Device

_STATUS: Final = frozenset({"active", "inactive", "entered-in-error", "unknown"})
_ROWS: Final = (
    Row("identifiers", "identifier", Many(IDENTIFIER)),
    Row("udi", "udiCarrier", Many(_UDI)),
    Row("status", "status", OneOf(_STATUS)),
    Row("manufacturer", "manufacturer", STRING),
    Row("donation", "distinctIdentifier", STRING),
    Row("manufactured", "manufactureDate", DATE_TIME),
    Row("expires", "expirationDate", DATE_TIME),
    Row("lot", "lotNumber", STRING),
    Row("serial", "serialNumber", STRING),
    Row("names", "deviceName", Many(_Name())),
    Row("model", "modelNumber", STRING),
    Row("part", "partNumber", STRING),
    Row("type", "type", CODEABLE),
    Row("specializations", "specialization", Many(_SPECIALIZATION)),
    Row("versions", "version", Many(_VERSION)),
    Row("subject", "patient", Reference("Patient")),
    Row("notes", "note", Many(NOTE)),
    Row("parent", "parent", Reference("Device")),
    Row("handle", None, STRING, OWN + "handle"),
    Row("safety_class", None, STRING, OWN + "safety-class"),
    Row("battery", None, QUANTITY, OWN + "battery"),
    Row("owner", None, STRING, OWN + "owner"),
)
_MONITOR_ROWS: Final = (
    Row("operators", None, Many(PLAIN_ACTOR), POCD + "operator"),
    Row("operating_mode", None, Coded(OPERATING_MODE), POCD + "operating-mode"),
    Row("calibrations", None, Many(_DEVICE_CALIBRATION), CORE + "device-calibration"),
)
_COUNTS: Final = (("operating_hours", "operating-hours"), ("operating_cycles", "operating-cycles"))
_CERTIFIED: Final = {
    "system": systems.MDC, "code": CERTIFIED_LIST, "display": "MDC_REG_CERT_DATA_CONTINUA_CERT_DEV_LIST",
}  # fmt: skip
_REGULATED: Final = {"system": systems.ASN1_TO_HL7, "code": NOT_REGULATED, "display": "negated-regulation-status"}
_JURISDICTIONS: Final = POCD + "approved-jurisdictions"


def node_of_type(concept: Concept | None) -> str:
    """Return what kind of node a device type is: by the two codes of the PHD guide, else by its reference id."""
    coding = concept.coding(systems.MDC) if concept is not None else None
    if coding is None:
        return "unknown"
    by_code = TYPE_NODES.get(coding.code or "")
    by_name = next((node for tail, node in REFID_NODES.items() if (coding.refid or "").endswith(tail)), "unknown")
    return by_code or by_name


def emit_device(record: Device, e: Emit) -> list[Tree]:
    """Write a device."""
    out = start("Device", record, e)
    _put_monitor_facts(out, record, e)
    _put_activation(out, record, e)
    emit_rows(_ROWS, record, out, e)
    if record.node == "software":
        for name in out.get("deviceName", ()):
            name["type"] = "manufacturer-name"  # v2-to-FHIR guide, SFT[Device]
    if record.location is not None:
        reference = contain(record.location, e, "location")
        if reference is not None:
            out["location"] = reference
    properties = [
        {"type": {"coding": [dict(_CERTIFIED)]}, "valueCode": [json]}
        for json in Many(CODEABLE).out(record.certifications, e, "certifications") or []
    ]
    if record.regulated is not None:
        code = concept_of(YES_NO, "N" if record.regulated else "Y")
        properties.append({"type": {"coding": [dict(_REGULATED)]}, "valueCode": [code]})
    properties += Many(PROPERTY).out(record.properties, e, "properties") or []
    if properties:
        out["property"] = properties
    if record.node != node_of_type(record.type):
        out["extension"].append({"url": OWN + "node", "valueCode": record.node})
    put_links(out, record.links, e, elements=False)
    return [close(out)]


def _put_monitor_facts(out: Tree, record: Device, e: Emit) -> None:
    """Write the extensions of the PoCD guide's MDS, in its order."""
    jurisdictions: Tree = {}
    extension(jurisdictions, "approvedJurisdiction", Many(CODEABLE), record.jurisdictions, e, "jurisdictions")
    if jurisdictions:
        out["extension"].append({"url": _JURISDICTIONS, **jurisdictions})
    emit_rows(_MONITOR_ROWS[:1], record, out, e)
    for name, url in _COUNTS:
        count = getattr(record, name)
        if count is not None and 0 <= count < 1 << 31:
            out["extension"].append({"url": POCD + url, "valueUnsignedInt": NumberText(count)})
        elif count is not None:
            e.loss(name, "count beyond FHIR's range")
    emit_rows(_MONITOR_ROWS[1:], record, out, e)


def _put_activation(out: Tree, record: Device, e: Emit) -> None:
    reasons = Many(CODEABLE).out(record.activation_reasons, e, "activation_reasons") or []
    code = ACTIVATION_REASON.get(record.activation or "")
    if code is not None:
        reasons.insert(0, concept_of(DEVICE_REASON, code))
    elif record.activation is not None:
        out["extension"].append({"url": OWN + "activation", "valueCode": record.activation})
    if reasons:
        out["statusReason"] = reasons


def read_device(tree: Tree, p: Parse) -> Tree:
    """Read a device."""
    values = read_envelope(tree, p) | parse_rows((*_MONITOR_ROWS, *_ROWS), tree, p)
    values["links"] = take_links(tree, p)
    for name, url in _COUNTS:
        json = [entry.get("valueUnsignedInt") for entry in items(tree, "extension") if entry.get("url") == POCD + url]
        if json and isinstance(json[0], NumberText) and json[0].isdigit() and len(json[0]) <= 10:
            values[name] = int(json[0])
    for entry in items(tree, "extension"):
        if entry.get("url") == _JURISDICTIONS:
            values["jurisdictions"] = read_own(entry, "approvedJurisdiction", Many(CODEABLE), p)
    values["location"] = place_of(tree.get("location"), p)
    values |= _read_activation(tree, p)
    values |= _read_properties(items(tree, "property"), p)
    node = read_own(tree, OWN + "node", CODE, p)
    values["node"] = node if node is not None else node_of_type(values.get("type"))
    return values


def _read_activation(tree: Tree, p: Parse) -> Tree:
    reasons = list(Many(CODEABLE).get(tree, "statusReason", p) or ())
    activation = read_own(tree, OWN + "activation", CODE, p)
    known = {
        Concept(codings=(Coding(system=DEVICE_REASON, code=code),)): name for name, code in ACTIVATION_REASON.items()
    }
    if activation is None and reasons and reasons[0] in known:
        activation = known[reasons.pop(0)]
    return {"activation": activation, "activation_reasons": tuple(reasons)}


def _read_properties(properties: Sequence[Tree], p: Parse) -> Tree:
    """Read properties; the certified list and the regulation status, when they lead, have fields of their own."""
    found: Tree = {}
    rest = list(properties)
    certifications: list[Concept] = []
    while rest and (concept := _certification(rest[0], p)) is not None:
        certifications.append(concept)
        rest.pop(0)
    if rest and _codes(rest[0]) == [(systems.ASN1_TO_HL7, NOT_REGULATED)]:
        value = PROPERTY.into(rest[0], p)
        if value is not None and value.values and isinstance(value.values[0], BooleanValue):
            found["regulated"] = not value.values[0].value
            rest.pop(0)
    read = (PROPERTY.into(json, p) for json in rest)
    return found | {
        "certifications": tuple(certifications), "properties": tuple(value for value in read if value is not None),
    }  # fmt: skip


def _codes(json: Tree) -> list[tuple[Any, Any]]:
    return [(coding.get("system"), coding.get("code")) for coding in items(json.get("type"), "coding")]


def _certification(json: Tree, p: Parse) -> Concept | None:
    if _codes(json) != [(systems.MDC, CERTIFIED_LIST)] or len(items(json, "valueCode")) != 1:
        return None
    concept = CODEABLE.into(json["valueCode"][0], p)
    return concept if isinstance(concept, Concept) else None


# ---- DeviceMetric

_METRIC_ROWS: Final = (
    Row("code", "type", CODEABLE),
    Row("unit", "unit", CODEABLE),
    Row("device", "source", Reference("Device")),
    Row("parent", "parent", Reference("Device")),
    Row("activation", "operationalStatus", Coded(ACTIVATION_STATUS, ACTIVATION_OF)),
    Row("color", "color", Coded(COLORS)),
    Row("category", "category", Coded(CATEGORY, None, "unspecified"), default=""),
    Row("calibrations", "calibration", Many(_METRIC_CALIBRATION)),
    Row("subject", None, Reference("Patient"), OWN + "patient"),
    Row("handle", None, STRING, OWN + "handle"),
    Row("derivation", None, CODE, OWN + "derivation"),
    Row("resolution", None, DECIMAL, CORE + "measurement-resolution"),
    Row("accuracy", None, QUANTITY, PHD + "Accuracy"),
    Row("confidence_95", None, QUANTITY, OWN + "confidence-95"),
    Row("physiological_range", None, RANGE, OWN + "physiological-range"),
    Row("technical_range", None, RANGE, OWN + "technical-range"),
    Row("averaging_period", None, QUANTITY, OWN + "averaging-period"),
    Row("determination_period", None, QUANTITY, OWN + "determination-period"),
    Row("update_period", None, QUANTITY, OWN + "update-period"),
    Row("body_sites", None, Many(CODEABLE), OWN + "body-site"),
    Row("supplemental", None, Many(CODEABLE), OWN + "supplemental-type"),
)
_PERIOD: Final = Row("measurement_period", None, QUANTITY, OWN + "measurement-period")
_TIMING_UNITS: Final = frozenset({"s", "min", "h", "d", "wk", "mo", "a"})
_AVAILABLE: Final = POCD + "metric-availability"


def emit_metric(record: Metric, e: Emit) -> list[Tree]:
    """Write a metric."""
    out = start("DeviceMetric", record, e)
    emit_rows(_METRIC_ROWS, record, out, e)
    if "type" not in out:
        out["type"] = {"extension": [{"url": CORE + "data-absent-reason", "valueCode": "unknown"}]}
    period = record.measurement_period
    if period is not None and _is_timing(period):
        repeat = {"frequency": NumberText("1"), "period": NumberText(period.text), "periodUnit": period.unit}
        out["measurementPeriod"] = {"repeat": repeat}
    else:
        emit_rows((_PERIOD,), record, out, e)
    if record.availability is not None:
        concept = concept_of(METRIC_AVAILABILITY, AVAILABILITY[record.availability])
        out["extension"].append({"url": _AVAILABLE, "valueCodeableConcept": concept})
    put_links(out, record.links, e, elements=False)
    return [close(out)]


def _is_timing(period: Quantity) -> bool:
    plain = Quantity(mantissa=period.mantissa, exponent=period.exponent, unit=period.unit)
    return period == plain and period.unit in _TIMING_UNITS and period.mantissa >= 0


def read_metric(tree: Tree, p: Parse) -> Tree:
    """Read a metric."""
    values = read_envelope(tree, p) | parse_rows((*_METRIC_ROWS, _PERIOD), tree, p)
    values["links"] = take_links(tree, p)
    values.setdefault("code", Concept())
    timing = tree.get("measurementPeriod")
    repeat = timing.get("repeat") if isinstance(timing, dict) else None
    if isinstance(repeat, dict) and repeat.get("frequency") == NumberText("1"):
        number, unit = DECIMAL.get(repeat, "period", p), text_of(repeat, "periodUnit")
        if number is not None and unit in _TIMING_UNITS:
            values["measurement_period"] = Quantity(mantissa=number.mantissa, exponent=number.exponent, unit=unit)
    concept = read_own(tree, _AVAILABLE, CODEABLE, p)
    if concept is not None and len(concept.codings) == 1:
        words = {code: word for word, code in AVAILABILITY.items()}
        values["availability"] = words.get(concept.codings[0].code or "")
    return values


# ---- DeviceUseStatement

_ASSOCIATION: Final = (
    Row("subject", "subject", Reference("Patient")),
    Row("device", "device", Reference("Device")),
    Row("period", "timingPeriod", PERIOD),
    Row("body_site", "bodySite", CODEABLE),
    Row("state", None, CODE, OWN + "association-state"),
    Row("native_person", None, STRING, OWN + "person-number"),
    Row("location", None, PLACE, OWN + "location"),
)


def emit_association(record: DeviceAssociation, e: Emit) -> list[Tree]:
    """Write the use of a device by a person; nothing where nobody is named (DeviceUseStatement.subject is required)."""
    out = start("DeviceUseStatement", record, e)
    if record.subject is None:
        e.loss("", "use of a device by nobody")
        return []
    out["status"] = "completed" if record.state == "disassociated" else "active"
    emit_rows(_ASSOCIATION, record, out, e)
    put_links(out, record.links, e, elements=False)
    return [close(out)]
