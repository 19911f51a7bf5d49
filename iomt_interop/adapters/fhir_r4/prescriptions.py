"""MedicationRequest: a drug as a contained Medication, and how it is to be taken (v2-to-FHIR guide, RXO, TQ1, RXR)."""

from __future__ import annotations

from typing import Any, Final

from ...model import Dosage, Prescription, Ratio
from ...terminology.ucum import is_valid_ucum
from .datatypes import CODEABLE, QUANTITY, RANGE, RATIO, SIMPLE, concept_of
from .fields import Emit, Many, Parse, Part, Row, build, emit_rows, extension, items, parse_rows, read_own
from .jsontext import NumberText, Tree
from .numbers import put_numbers, take_numbers
from .parties import ACTOR, NOTE
from .scalars import DATE_TIME, STRING, OneOf, Reference, number_from, number_out
from .tables import OWN, REQUEST_PRIORITY
from .values import PERIOD

__all__ = ["PRESCRIPTION", "prescription_in", "prescription_out"]

_STATUS: Final = frozenset(
    {"active", "on-hold", "cancelled", "completed", "entered-in-error", "stopped", "draft", "unknown"}
)
_INTENT: Final = frozenset(
    {"proposal", "plan", "order", "original-order", "reflex-order", "filler-order", "instance-order", "option"}
)
PRESCRIPTION: Final = (
    Row("status", "status", OneOf(_STATUS, "unknown")),
    Row("intent", "intent", OneOf(_INTENT, "order")),
    Row("priority", "priority", OneOf(REQUEST_PRIORITY)),
    Row("encounter", "encounter", Reference("Encounter")),
    Row("authored", "authoredOn", DATE_TIME),
    Row("requester", "requester", ACTOR),
    Row("reason", "reasonCode", Many(CODEABLE)),
    Row("notes", "note", Many(NOTE)),
    Row("native_status", None, STRING, OWN + "native-status"),
)
_DOSAGE: Final = (
    Row("text", "text", STRING),
    Row("site", "site", CODEABLE),
    Row("route", "route", CODEABLE),
    Row("method", "method", CODEABLE),
)
_ORDERED: Final = concept_of("http://terminology.hl7.org/CodeSystem/dose-rate-type", "ordered", "Ordered")
_PERIODS: Final = {"s": "s", "min": "min", "h": "h", "d": "d", "wk": "wk", "mo": "mo", "a": "a"}
"""UCUM units that FHIR has for the period of a timing."""
_CONDITION: Final = OWN + "dosage-condition"
_PERIOD: Final = OWN + "dosage-period"
_STRENGTH: Final = OWN + "strength"
_MOST: Final = (1 << 31) - 1


def _timing_out(value: Dosage, e: Emit, path: str) -> Tree:
    repeat: Tree = {}
    if value.bounds is not None:
        PERIOD.put(repeat, "boundsPeriod", value.bounds, e, path + ".bounds")
    if value.count is not None and 0 < value.count <= _MOST:
        repeat["countMax"] = NumberText(value.count)
    period = value.period
    if period is not None and period.special is None and period.mantissa > 0 and period.unit in _PERIODS:
        repeat["frequency"] = NumberText(1)
        repeat["period"] = number_out(period)
        repeat["periodUnit"] = _PERIODS[period.unit or ""]
    if "countMax" in repeat and "count" not in repeat:
        repeat = {"count": repeat["countMax"], **repeat}  # tim-7: a countMax needs a count
    out: Tree = {"repeat": repeat} if repeat else {}
    if value.pattern is not None:
        CODEABLE.put(out, "code", value.pattern, e, path + ".pattern")
    return out


def _dosage_out(value: Dosage, e: Emit, path: str) -> Tree:
    out: Tree = {}
    emit_rows(_DOSAGE, value, out, e, path + ".")
    more = Many(CODEABLE).out(value.instructions, e, path + ".instructions") or []
    if value.condition is not None:
        condition: Tree = {}
        STRING.put(condition, "text", value.condition, e, path + ".condition")
        if condition:
            extension(condition, _CONDITION, STRING, value.condition, e, path + ".condition")
            more = [*more, condition]
    if more:
        out["additionalInstruction"] = more
    timing = _timing_out(value, e, path)
    if value.period is not None:
        extension(timing, _PERIOD, QUANTITY, value.period, e, path + ".period")
    if value.count is not None and not 0 < value.count <= _MOST:
        e.loss(path + ".count", "not a positive integer")
    if timing:
        out["timing"] = timing
    doses: list[Tree] = []
    if value.dose_range is not None:
        doses.append({"type": _ORDERED, "doseRange": RANGE.out(value.dose_range, e, path + ".dose_range")})
    if value.dose is not None:
        doses.append({"doseQuantity": SIMPLE.out(value.dose, e, path + ".dose")})
    doses = [one for one in doses if one.get("doseRange") or one.get("doseQuantity")]
    if doses:
        out["doseAndRate"] = doses
    return out


def _dosage_in(json: Any, p: Parse) -> Any:
    if not isinstance(json, dict):
        return None
    values = parse_rows(_DOSAGE, json, p)
    more = items(json, "additionalInstruction")
    own = [read_own(one, _CONDITION, STRING, p) for one in more]
    values["condition"] = next((text for text in own if text is not None), None)
    plain = (CODEABLE.into(one, p) for one, text in zip(more, own, strict=True) if text is None)
    values["instructions"] = tuple(found for found in plain if found is not None)
    timing = json.get("timing")
    if isinstance(timing, dict):
        repeat = timing.get("repeat")
        values["pattern"] = CODEABLE.get(timing, "code", p)
        values["period"] = read_own(timing, _PERIOD, QUANTITY, p)
        if isinstance(repeat, dict):
            values["bounds"] = PERIOD.get(repeat, "boundsPeriod", p)
            count = number_from(repeat.get("countMax"))
            values["count"] = None if count is None or count.exponent else count.mantissa
    for dose in items(json, "doseAndRate"):
        if "doseRange" in dose:
            values["dose_range"] = RANGE.get(dose, "doseRange", p)
        elif "doseQuantity" in dose:
            values["dose"] = SIMPLE.get(dose, "doseQuantity", p)
    return build(Dosage, values)


_DOSAGES: Final = Many(Part("Dosage", _dosage_out, _dosage_in))


def _medication(record: Prescription, e: Emit) -> Tree:
    """Return the drug as a contained Medication; its strength is that of the one ingredient."""
    inner: Tree = {"resourceType": "Medication"}
    if record.drug is not None:
        CODEABLE.put(inner, "code", record.drug, e, "drug")
    if record.form is not None:
        CODEABLE.put(inner, "form", record.form, e, "form")
    if record.strength is not None:
        ingredient: Tree = {"itemCodeableConcept": inner.get("code") or {"text": "unknown"}}
        strength = RATIO.out(record.strength, e, "strength")
        if strength and _comparable(record.strength):
            ingredient["strength"] = strength
            inner["ingredient"] = [ingredient]
        else:
            extension(inner, _STRENGTH, RATIO, record.strength, e, "strength")
    return e.contain(inner)


def _comparable(strength: Ratio) -> bool:
    return all(part.unit is None or is_valid_ucum(part.unit) for part in (strength.numerator, strength.denominator))


def prescription_out(record: Prescription, out: Tree, e: Emit) -> None:
    """Write what no row says: numbers, the drug, its doses, and what may be dispensed."""
    put_numbers(out, record, e)
    if record.drug is None and record.form is None and record.strength is None:
        out["medicationCodeableConcept"] = {"text": "unknown"}
        out["extension"].append({"url": OWN + "no-drug", "valueBoolean": True})
    else:
        out["medicationReference"] = _medication(record, e)
    _DOSAGES.put(out, "dosageInstruction", record.dosages, e, "dosages")
    dispense: Tree = {}
    if record.quantity is not None:
        SIMPLE.put(dispense, "quantity", record.quantity, e, "quantity")
    if record.repeats is not None:
        if 0 <= record.repeats <= _MOST:
            dispense["numberOfRepeatsAllowed"] = NumberText(record.repeats)
        else:
            e.loss("repeats", "not an unsigned integer")
    if dispense:
        out["dispenseRequest"] = dispense
    if record.substitution is not None:
        allowed = CODEABLE.out(record.substitution, e, "substitution")
        if allowed is not None:
            out["substitution"] = {"allowedCodeableConcept": allowed}


def prescription_in(tree: Tree, p: Parse) -> dict[str, Any]:
    """Read what :func:`prescription_out` wrote."""
    values: dict[str, Any] = take_numbers(tree, p)
    values.pop("groups", None)
    inner = p.inner(tree.get("medicationReference"), "Medication")
    if inner is not None:
        ingredients = items(inner, "ingredient")
        values |= {
            "drug": CODEABLE.get(inner, "code", p),
            "form": CODEABLE.get(inner, "form", p),
            "strength": RATIO.get(ingredients[0], "strength", p) if ingredients else None,
        }
        if values["strength"] is None:
            values["strength"] = read_own(inner, _STRENGTH, RATIO, p)
    elif not any(one.get("url") == OWN + "no-drug" for one in items(tree, "extension")):
        values["drug"] = CODEABLE.get(tree, "medicationCodeableConcept", p)
    values["dosages"] = _DOSAGES.get(tree, "dosageInstruction", p) or ()
    dispense, substitution = tree.get("dispenseRequest"), tree.get("substitution")
    if isinstance(dispense, dict):
        values["quantity"] = SIMPLE.get(dispense, "quantity", p)
        repeats = number_from(dispense.get("numberOfRepeatsAllowed"))
        values["repeats"] = None if repeats is None or repeats.exponent else repeats.mantissa
    if isinstance(substitution, dict):
        values["substitution"] = CODEABLE.get(substitution, "allowedCodeableConcept", p)
    return values
