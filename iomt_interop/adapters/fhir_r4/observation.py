"""Observation: numeric, compound, enumeration, bit string (FHIR R4; PHD and PoCD guides)."""

from __future__ import annotations

from typing import Any, Final

from ...model import BitSetValue, Component, Concept, Observation, Range, ReferenceRange
from ...terminology import systems
from .datatypes import CODEABLE, CODING, IDENTIFIER, QUANTITY, RANGE, RANGE_ROWS
from .envelope import put_links, read_envelope, start, take_links
from .fields import Emit, Many, Parse, Part, Row, build, emit_rows, extension, items, parse_rows, read_own, text_of
from .jsontext import Tree
from .measured import put_measured, put_status, take_measured, take_status
from .parties import ACTOR, NOTE
from .scalars import CODE, INSTANT, STRING, NamedReference, Reference
from .tables import CORE, OWN, PHD, PHD_CATEGORY, RANGE_TYPE, SUPPLEMENTAL_TYPES
from .values import bit_components, bits_from, put_time, take_time

__all__ = [
    "BEFORE_CODE", "BEFORE_TIME", "COMMON_EXTENSIONS", "EXTENSIONS", "RANGES_ROW", "close", "emit_observation",
    "is_phd", "mdc_code", "put_code", "put_device", "read_observation", "take_device",
]  # fmt: skip

# ---- Reference ranges

_PURPOSES: Final = {"alarm": ("alarm-limits", "Alarm limits"), "technical": ("technical-range", "Technical range")}
_LIMIT_ROWS: Final = RANGE_ROWS[:2]


def _limits_out(value: ReferenceRange, e: Emit, path: str) -> Tree | None:
    out: Tree = {}
    emit_rows(_LIMIT_ROWS, value.range, out, e, path + ".range.")
    if value.purpose in _PURPOSES:
        code, text = _PURPOSES[value.purpose]
        out["type"] = {"coding": [{"system": RANGE_TYPE, "code": code, "display": text}]}
    Many(CODEABLE).put(out, "appliesTo", value.applies_to, e, path + ".applies_to")
    if value.age is not None:
        RANGE.put(out, "age", value.age, e, path + ".age")
    if value.range.text is not None:
        STRING.put(out, "text", value.range.text, e, path + ".range.text")
    if not out.keys() & {"low", "high", "text"}:  # obs-3
        e.loss(path, "reference range without limits")
        return None
    if value.purpose == "reference":
        extension(out, OWN + "range-purpose", CODE, "reference", e, path + ".purpose")
    return out


def _limits_in(json: Any, p: Parse) -> Any:
    if not isinstance(json, dict):
        return None
    purpose = read_own(json, OWN + "range-purpose", CODE, p)
    for name, (code, _) in _PURPOSES.items():
        types = items(json.get("type"), "coding")
        if len(types) == 1 and (text_of(types[0], "system"), text_of(types[0], "code")) == (RANGE_TYPE, code):
            purpose = name
    limits = build(Range, parse_rows(_LIMIT_ROWS, json, p) | {"text": text_of(json, "text")})
    found = {"range": limits, "applies_to": Many(CODEABLE).get(json, "appliesTo", p) or ()}
    return build(ReferenceRange, found | {"age": RANGE.get(json, "age", p), "purpose": purpose or "unknown"})


LIMITS: Final = Part("", _limits_out, _limits_in)

# ---- Components


def put_code(out: Tree, value: Concept, e: Emit, path: str = "code") -> None:
    """Set the required ``code``; a concept that says nothing becomes an absent one."""
    CODEABLE.put(out, "code", value, e, path)
    if "code" not in out:
        out["code"] = {"extension": [{"url": CORE + "data-absent-reason", "valueCode": "unknown"}]}


_COMPONENT_ROWS: Final = (
    Row("reference_ranges", "referenceRange", Many(LIMITS)),
    Row("handle", None, STRING, OWN + "handle"),
)


def _component_out(value: Component, e: Emit, path: str) -> Tree:
    out: Tree = {}
    put_code(out, value.code, e, path + ".code")
    put_measured(out, value.value, value.quality, value.interpretation, e, path + ".")
    emit_rows(_COMPONENT_ROWS, value, out, e, path + ".")
    return out


def _component_in(json: Any, p: Parse) -> Any:
    if not isinstance(json, dict):
        return None
    code = CODEABLE.get(json, "code", p) or Concept()
    return build(Component, parse_rows(_COMPONENT_ROWS, json, p) | take_measured(json, p) | {"code": code})


COMPONENT: Final = Part("", _component_out, _component_in)

# ---- The resource

BEFORE_CODE: Final = (
    Row("identifiers", "identifier", Many(IDENTIFIER)),
    Row("categories", "category", Many(CODEABLE)),
)
BEFORE_TIME: Final = (
    Row("subject", "subject", Reference("Patient")),
    Row("encounter", "encounter", Reference("Encounter")),
)
_AFTER_TIME: Final = (
    Row("issued", "issued", INSTANT),
    Row("performers", "performer", Many(ACTOR)),
)
RANGES_ROW: Final = Row("reference_ranges", "referenceRange", Many(LIMITS))
_AFTER_VALUE: Final = (
    Row("notes", "note", Many(NOTE)),
    Row("body_site", "bodySite", CODEABLE),
    Row("specimen", "specimen", NamedReference("Specimen")),
    RANGES_ROW,
)
COMMON_EXTENSIONS: Final = (
    Row("gateway", None, Reference("Device"), CORE + "observation-gatewayDevice"),
    Row("clock_sync", None, Reference("Observation"), PHD + "CoincidentTimeStampReference"),
    Row("order", None, Reference("DiagnosticReport"), OWN + "report"),
    Row("handle", None, STRING, OWN + "handle"),
    Row("native_type", None, STRING, OWN + "native-type"),
    Row("native_status", None, STRING, OWN + "native-status"),
)
EXTENSIONS: Final = (
    *COMMON_EXTENSIONS,
    Row("group", None, STRING, OWN + "group"),
    Row("metric_category", None, CODE, OWN + "metric-category", "unspecified"),
    Row("accuracy", None, QUANTITY, PHD + "Accuracy"),
    Row("confidence_95", None, QUANTITY, OWN + "confidence-95"),
    Row("statistic", None, CODING, OWN + "statistic"),
    Row("analysed", None, INSTANT, OWN + "analysis-time"),
)
_READ_ROWS: Final = (*BEFORE_CODE, *BEFORE_TIME, *_AFTER_TIME, *_AFTER_VALUE, *EXTENSIONS)
_METHODS: Final = OWN + "further-method"
_NOT_ASKED: Final = {"system": systems.ABSENT_REASON, "code": "not-asked", "display": "Not Asked"}
"""Of an observation of status ``N`` (HL7 table 0085), which has no value (v2-to-FHIR guide, OBX-11)."""


def is_phd(categories: tuple[Concept, ...]) -> bool:
    """Tell whether an observation is one of the PHD guide."""
    return any(coding.system == PHD_CATEGORY for concept in categories for coding in concept.codings)


def mdc_code(concept: Concept) -> int | None:
    """Return the 32-bit MDC code of a concept."""
    coding = concept.coding(systems.MDC)
    code = coding.code if coding is not None else None
    return int(code) if code is not None and code.isascii() and code.isdigit() and len(code) <= 10 else None


def put_device(out: Tree, record: Any, e: Emit, metric: str | None, *, personal: bool) -> None:
    """Set ``device``: the DeviceMetric where there is one (PoCD guide), but the Device in the PHD guide."""
    first, second = (("DeviceMetric", metric), ("Device", record.device))
    if record.device is not None and (metric is None or personal):
        first, second = second, first
    if first[1] is not None:
        out["device"] = Reference(first[0]).out(first[1], e, "device")
    if second[1] is not None:
        extension(out, OWN + "device", Reference(second[0]), second[1], e, "device")


def take_device(tree: Tree, p: Parse) -> dict[str, str]:
    """Read device and metric."""
    found: dict[str, str] = {}
    for name, kind in (("device", Reference("Device")), ("metric", Reference("DeviceMetric"))):
        target = kind.get(tree, "device", p) or read_own(tree, OWN + "device", kind, p)
        if target is not None:
            found[name] = target
    return found


def close(out: Tree) -> Tree:
    """Finish a resource: what says nothing is no element (ele-1)."""
    for key in ("contained", "extension", "component"):
        if key in out and not out[key]:
            del out[key]
    return out


def emit_observation(record: Observation, e: Emit) -> list[Tree]:
    """Write an observation."""
    out = start("Observation", record, e)
    emit_rows(BEFORE_CODE[:1], record, out, e)
    flags = record.quality.flags if record.quality is not None else ()
    put_status(out, record, flags, e)
    emit_rows(BEFORE_CODE[1:], record, out, e)
    put_code(out, record.code, e)
    emit_rows(BEFORE_TIME, record, out, e)
    if record.time is not None:
        put_time(out, "effective", record.time, e, "time")
    emit_rows(_AFTER_TIME, record, out, e)
    put_measured(out, record.value, record.quality, record.interpretation, e)
    if record.value is None and record.native_status == "N" and "dataAbsentReason" not in out:
        out["dataAbsentReason"] = {"coding": [dict(_NOT_ASKED)]}
    emit_rows(_AFTER_VALUE, record, out, e)
    if record.method:
        CODEABLE.put(out, "method", record.method[0], e, "method[0]")
        extension(out, _METHODS, Many(CODEABLE), record.method[1:], e, "method")
    put_device(out, record, e, record.metric, personal=is_phd(record.categories))
    put_links(out, record.links, e)
    components = Many(COMPONENT).out(record.components, e, "components") or []
    if isinstance(record.value, BitSetValue):
        mdc = mdc_code(record.code)  # bits of another code have no names: they stand in the extension alone
        components += [] if mdc is None else bit_components(record.value, mdc)
    components += [_supplemental_out(concept, e) for concept in record.supplemental]
    if components:
        out["component"] = components
    emit_rows(EXTENSIONS, record, out, e)
    return [close(out)]


_SUPPLEMENTAL: Final = {"system": systems.MDC, "code": SUPPLEMENTAL_TYPES, "display": "MDC_ATTR_SUPPLEMENTAL_TYPES"}


def _supplemental_out(concept: Concept, e: Emit) -> Tree:
    out: Tree = {"code": {"coding": [dict(_SUPPLEMENTAL)]}}
    CODEABLE.put(out, "valueCodeableConcept", concept, e, "supplemental")
    return out


def _is_supplemental(component: Tree) -> bool:
    codings = items(component.get("code"), "coding")
    return any(
        coding.get("system") == systems.MDC and coding.get("code") == SUPPLEMENTAL_TYPES for coding in codings
    ) and isinstance(component.get("valueCodeableConcept"), dict)


def read_observation(tree: Tree, p: Parse) -> Tree:
    """Read an observation; the result are keyword arguments of the record."""
    values = read_envelope(tree, p) | parse_rows(_READ_ROWS, tree, p)
    values |= {"code": CODEABLE.get(tree, "code", p) or Concept(), "status": take_status(tree, p)}
    values |= {"time": take_time(tree, "effective", p), "links": take_links(tree, p)} | take_device(tree, p)
    values |= take_measured(tree, p)
    if values.get("native_status") == "N" and tree.get("dataAbsentReason") == {"coding": [_NOT_ASKED]}:
        values.pop("value", None)
    method = CODEABLE.get(tree, "method", p)
    if method is not None:
        values["method"] = (method, *read_own(tree, _METHODS, Many(CODEABLE), p))
    components = items(tree, "component")
    value, mdc = values.get("value"), mdc_code(values["code"])
    if isinstance(value, BitSetValue) and mdc is not None:
        components = bits_from(value, components, mdc)
    supplemental = (CODEABLE.get(item, "valueCodeableConcept", p) for item in components if _is_supplemental(item))
    values["supplemental"] = tuple(concept for concept in supplemental if concept is not None)
    plain = (COMPONENT.into(item, p) for item in components if not _is_supplemental(item))
    values["components"] = tuple(component for component in plain if component is not None)
    return values
