"""Complex datatypes: Coding, CodeableConcept, Identifier, Quantity, Range, HumanName, Annotation, ..."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final

from ...model import (
    Address,
    Coding,
    Concept,
    Identifier,
    PersonName,
    Quantity,
    Range,
    Ratio,
    Telecom,
)
from ...terminology import systems
from ...terminology.ucum import is_valid_ucum
from ...terminology.v2_fhir import map_code
from .fields import (
    Complex,
    Emit,
    Kind,
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
from .jsontext import NumberText, Tree
from .scalars import (
    CODE,
    STRING,
    URI,
    OneOf,
    fhir_code,
    fhir_datetime,
    fhir_text,
    number_from,
    number_out,
)
from .tables import CORE, OWN, PHYSICAL_TYPE

__all__ = [
    "ADDRESS", "CODEABLE", "CODING", "IDENTIFIER", "NAME", "QUANTITY", "RANGE", "RATIO", "SIMPLE",
    "TELECOM", "concept_of", "is_refid", "period_in", "period_out",
]  # fmt: skip

_REFID: Final = re.compile(r"MDCX?_[A-Z0-9_]+")


def is_refid(text: str | None) -> bool:
    """Tell whether a display is an IEEE 11073-10101 reference id."""
    return text is not None and _REFID.fullmatch(text) is not None


# ---- Coding, CodeableConcept


def _coding_out(value: Coding, e: Emit, path: str) -> Tree | None:
    out: Tree = {}
    if value.system == systems.UCUM and value.code is not None and not is_valid_ucum(value.code):
        # The source says UCUM and writes something else (iU/mL): FHIR may not repeat the claim.
        extension(out, OWN + "claimed-system", STRING, value.system, e, path + ".system")
    elif value.system is not None:
        URI.put(out, "system", value.system, e, path + ".system")
    for key in ("version", "code"):
        text = getattr(value, key)
        if text is not None:
            (CODE if key == "code" else STRING).put(out, key, text, e, f"{path}.{key}")
    display = value.display if value.display is not None else value.refid
    if display is not None:
        STRING.put(out, "display", display, e, path + ".display")
    if value.refid is not None and (value.refid != display or not is_refid(display)):
        extension(out, OWN + "refid", STRING, value.refid, e, path + ".refid")
    if value.native_system is not None:
        extension(out, OWN + "native-system", STRING, value.native_system, e, path + ".native_system")
    return out or None


@lru_cache(maxsize=4096)
def _plain_coding(system: str | None, version: str | None, code: str | None, display: str | None) -> Coding:
    """Return a coding without extensions; the same text gives the same object."""
    if is_refid(display):
        return Coding(system=system, version=version, code=code, refid=display)
    return Coding(system=system, version=version, code=code, display=display)


def _coding_in(json: Any, p: Parse) -> Coding | None:
    if not isinstance(json, dict):
        return None
    plain = _plain_coding(*(text_of(json, key) for key in ("system", "version", "code", "display")))
    if "extension" not in json:
        return plain
    refid = read_own(json, OWN + "refid", STRING, p)
    changes = {} if refid is None else {"refid": refid, "display": text_of(json, "display")}
    claimed = read_own(json, OWN + "claimed-system", STRING, p)
    if claimed is not None and plain.system is None:
        changes["system"] = claimed
    return plain.replace(native_system=read_own(json, OWN + "native-system", STRING, p), **changes)


CODING: Final = Part("Coding", _coding_out, _coding_in)
CODINGS: Final = Many(CODING)


def _concept_out(value: Concept, e: Emit, path: str) -> Tree | None:
    out: Tree = {}
    CODINGS.put(out, "coding", value.codings, e, path + ".codings")
    if value.text is not None:
        STRING.put(out, "text", value.text, e, path + ".text")
    return out or None


def _concept_in(json: Any, p: Parse) -> Concept | None:
    if not isinstance(json, dict):
        return None
    codings, text = CODINGS.get(json, "coding", p) or (), text_of(json, "text")
    return Concept(codings=codings, text=text) if codings or text is not None else None


CODEABLE: Final = Part("CodeableConcept", _concept_out, _concept_in)


def concept_of(system: str, code: str, display: str | None = None) -> Tree:
    """Return a CodeableConcept of one coding."""
    coding = {"system": system, "code": code}
    return {"coding": [coding if display is None else {**coding, "display": display}]}


# ---- Quantity, Range, Ratio

_COMPARATORS: Final = frozenset({"<", "<=", ">=", ">"})


@lru_cache(maxsize=2048)
def _valid(unit: str) -> bool:
    return is_valid_ucum(unit)


def _native_unit(out: Tree, unit: str | None, native: Coding | None, e: Emit, path: str) -> None:
    """Write the source's unit: in the place of UCUM where there is none, else as the text or an extension."""
    if native is None:
        return
    label = native.display if native.display is not None else native.refid
    plain = native.version is None and native.native_system is None and (native.display is None or native.refid is None)
    only_text = plain and native.display is not None and native.code is None and native.system is None
    codable = native.system is not None and native.code is not None
    if only_text and not (unit is None and is_refid(label)):
        STRING.put(out, "unit", label, e, path + ".native_unit")
        return
    if unit is None and codable and native.system != systems.UCUM:
        URI.put(out, "system", native.system, e, path + ".native_unit.system")
        code = fhir_code(native.code or "", e, path + ".native_unit.code") if "system" in out else None
        if code is not None:
            out["code"] = code
    if label is not None and (unit is None or native.display is not None):
        STRING.put(out, "unit", label, e, path + ".native_unit")
    if not (plain and unit is None and "code" in out):
        extension(out, OWN + "native-unit", CODING, native, e, path + ".native_unit")


class QuantityKind(Kind):
    """Quantity; the UCUM code where there is one, the source's unit beside it or in its place."""

    suffix = "Quantity"

    def __init__(self, simple: bool = False) -> None:
        self.simple = simple

    def out(self, value: Any, e: Emit, path: str) -> Any:
        """Return the Quantity."""
        out: Tree = {}
        if value.special is not None:
            extension(out, OWN + "special-value", STRING, value.special, e, path)
        else:
            out["value"] = number_out(value)
            if value.literal is not None and out["value"] != value.literal:
                extension(out, OWN + "literal", STRING, value.literal, e, path + ".literal")
        if value.comparator is not None:
            if value.comparator in _COMPARATORS and not self.simple:
                out["comparator"] = value.comparator
            else:
                extension(out, OWN + "comparator", STRING, value.comparator, e, path + ".comparator")
        self.unit_out(out, value.unit, value.native_unit, e, path)
        return out

    def unit_out(self, out: Tree, unit: str | None, native: Coding | None, e: Emit, path: str) -> None:
        """Write the unit's part of a Quantity."""
        if unit is not None and not _valid(unit):
            extension(out, OWN + "unit", STRING, unit, e, path + ".unit")
            unit = None
        if unit is not None:
            out["unit"], out["system"], out["code"] = unit, systems.UCUM, unit
        _native_unit(out, unit, native, e, path)

    def into(self, json: Any, p: Parse) -> Any:
        """Return the canonical quantity."""
        if not isinstance(json, dict):
            return None
        number, special = number_from(json.get("value")), read_own(json, OWN + "special-value", STRING, p)
        if number is None and special is None:
            return None
        literal = read_own(json, OWN + "literal", STRING, p)
        unit, native = _unit_in(json, p)
        values: Tree = {"special": special, "unit": unit, "native_unit": native}
        if number is not None:
            values |= {"mantissa": number.mantissa, "exponent": number.exponent, "literal": literal or number.literal}
        values["comparator"] = text_of(json, "comparator") or read_own(json, OWN + "comparator", STRING, p)
        return build(Quantity, values)


def _unit_in(json: Tree, p: Parse) -> tuple[str | None, Coding | None]:
    system, code, label = text_of(json, "system"), text_of(json, "code"), text_of(json, "unit")
    native = read_own(json, OWN + "native-unit", CODING, p)
    unit = code if system == systems.UCUM else read_own(json, OWN + "unit", STRING, p)
    if native is None and system != systems.UCUM and (system is not None or code is not None):
        native = Coding(system=system, code=code, **{"refid" if is_refid(label) else "display": label})
    elif native is None and label is not None and label != unit:
        native = Coding(display=label)
    return unit, native


QUANTITY: Final = QuantityKind()
SIMPLE: Final = QuantityKind(simple=True)
"""SimpleQuantity: no comparator (sqty-1)."""

RANGE_ROWS: Final = (
    Row("low", "low", SIMPLE),
    Row("high", "high", SIMPLE),
    Row("text", None, STRING, OWN + "range-text"),
)
RATIO_ROWS: Final = (Row("numerator", "numerator", QUANTITY), Row("denominator", "denominator", QUANTITY))


class _Whole(Complex):
    """A datatype by a table of rows whose extension is a single value."""

    def __init__(self, suffix: str, model: Any, rows: tuple[Row, ...]) -> None:
        super().__init__(model, rows)
        self.suffix = suffix

    def into(self, json: Any, p: Parse) -> Any:
        """Return the canonical value; None when nothing of it was understood."""
        values = parse_rows(self.rows, json, p) if isinstance(json, dict) else {}
        return build(self.model, values) if values else None

    wrap = Kind.wrap
    unwrap = Kind.unwrap


class _Range(_Whole):
    """Range; a high that FHIR would not find above the low stands in an extension (rng-2)."""

    def out(self, value: Any, e: Emit, path: str) -> Any:
        """Return the Range."""
        out = super().out(value, e, path)
        if value.low is not None and value.high is not None and not _ascending(value.low, value.high, out):
            high = out.pop("high")
            out.setdefault("extension", []).append({"url": OWN + "high", "valueQuantity": high})
        return out

    def into(self, json: Any, p: Parse) -> Any:
        """Return the range."""
        if isinstance(json, dict) and "high" not in json:
            found = next((entry for entry in items(json, "extension") if entry.get("url") == OWN + "high"), {})
            json = {**json, "high": found.get("valueQuantity")}
        return super().into(json, p)


def _ascending(low: Quantity, high: Quantity, out: Tree) -> bool:
    """Tell whether two limits are comparable as they are written, and in order."""
    if low.special is not None or high.special is not None:
        return False
    same = all(out["low"].get(key) == out["high"].get(key) for key in ("unit", "system", "code"))
    return same and low.to_fraction() <= high.to_fraction()


RANGE: Final = _Range("Range", Range, RANGE_ROWS)
RATIO: Final = _Whole("Ratio", Ratio, RATIO_ROWS)

# ---- Identifier

_DASHED: Final = {systems.EUI64: 16, systems.BLUETOOTH_ADDRESS: 12, "http://hl7.org/fhir/sid/eui-48/ethernet": 12}
_HEX: Final = re.compile(r"[0-9A-F]+")
_DASHES: Final = re.compile(r"[0-9A-F]{2}(?:-[0-9A-F]{2})+")
_USES: Final = frozenset({"usual", "official", "temp", "secondary", "old"})

_IDENTIFIER_ROWS: Final = (
    Row("use", "use", OneOf(_USES)),
    Row("type", "type", CODEABLE),
    Row("check_digit", None, STRING, CORE + "identifier-checkDigit"),
    Row("check_scheme", None, CODE, CORE + "namingsystem-checkDigit"),
)
_AUTHORITY_ROWS: Final = (
    Row("authority_id", None, STRING, OWN + "authority-id"),
    Row("authority_id_type", None, STRING, OWN + "authority-id-type"),
)
"""The universal id of an authority beside the URI that it gives."""
_FACILITY: Final = OWN + "assigning-facility"


def period_out(start: str | None, end: str | None, e: Emit, path: str) -> Tree | None:
    """Write a period whose ends the model keeps as text."""
    out: Tree = {}
    if start is end is None:
        return None
    for key, text in (("start", start), ("end", end)):
        if text is None:
            continue
        known, exact = fhir_datetime(text)
        if known is not None:
            out[key] = known
        if not exact:
            sibling: Tree = {}
            extension(sibling, OWN + "exact-time", STRING, text, e, f"{path}.{key}")
            if sibling:
                out["_" + key] = sibling
    return out or None


def period_in(json: Any, p: Parse) -> dict[str, str | None]:
    """Read what :func:`period_out` wrote."""
    return {
        key: (read_own(json.get("_" + key), OWN + "exact-time", STRING, p) if isinstance(json, dict) else None)
        or text_of(json, key)
        for key in ("start", "end")
    }


_UNIVERSAL: Final = systems.v2_table("0301")


def _named_by(value: Identifier, what: str, e: Emit, path: str) -> tuple[str | None, Tree | None]:
    """Return name and universal id of the authority or facility of an identifier (v2-to-FHIR guide, HD)."""
    values, found = value.__dict__, []
    for field in (what, what + "_id", what + "_id_type"):
        text = values[field]
        found.append(None if text is None else fhir_text(text, e, f"{path}.{field}"))
    name, number, kind = found
    if number is kind is None:
        return name, None
    known: Tree = {} if kind is None else {"type": {"coding": [{"system": _UNIVERSAL, "code": kind}]}}
    if kind in ("ISO", "UUID") and number is not None:
        known["system"] = systems.URI
    known |= {} if number is None else {"value": number}
    return name, known or None


def _universal_in(identifier: Tree | None) -> tuple[str | None, str | None]:
    """Read a universal id and its type."""
    coding = items(None if identifier is None else identifier.get("type"), "coding")
    return text_of(identifier, "value"), text_of(coding[0], "code") if coding else None


def _assigner_out(value: Identifier, e: Emit, path: str) -> tuple[Tree, Tree]:
    """Return ``assigner``, and extensions for what it cannot say.

    An authority whose universal id is no URI is no system but an organisation (HD[Organization]); otherwise the
    system tells it apart, and its name is enough.
    """
    beside: Tree = {}
    name, known = _named_by(value, "authority", e, path)
    assigner: Tree = {} if name is None else {"display": name}
    if value.system is not None or known is None:
        emit_rows(_AUTHORITY_ROWS, value, beside, e, path + ".")
        return assigner, beside
    unit: Tree = {"resourceType": "Organization", "identifier": [*([{"value": name}] if name else ()), known]}
    return e.contain(unit) | assigner, beside


def _assigner_in(json: Any, p: Parse) -> dict[str, str | None]:
    """Read ``assigner``."""
    name = text_of(json, "display")
    unit = p.inner(json, "Organization")
    if unit is None:
        return {"authority": name}
    numbers = items(unit, "identifier")[0 if name is None else 1 :]
    number, kind = _universal_in(numbers[0] if numbers else None)
    return {"authority": name, "authority_id": number, "authority_id_type": kind}


def _facility_out(value: Identifier, e: Emit, path: str) -> Tree | None:
    """Return the facility that assigned an identifier (v2-to-FHIR guide, CX.6, XCN.14, XON.8)."""
    if value.facility is value.facility_id is value.facility_id_type is None:
        return None
    place = e.assigner == "Location"
    name, known = _named_by(value, "facility", e, path)
    if name is None and known is None:
        return None
    identifiers: list[Tree] = [{"value": name}] if name is not None and not place else []
    identifiers += [] if known is None else [known]
    out: Tree = {"resourceType": e.assigner}
    if identifiers:
        out["identifier"] = identifiers
    if name is not None:
        out["name"] = name
    if place:
        out["physicalType"] = {"coding": [{"system": PHYSICAL_TYPE, "code": "si", "display": "Site"}]}
    return e.contain(out)


def _facility_in(reference: Any, p: Parse) -> dict[str, str | None]:
    place = p.inner(reference, "Location")
    unit = p.inner(reference, "Organization") if place is None else place
    if unit is None:
        return {}
    name = text_of(unit, "name")
    # Of an organisation the first identifier is its name once more.
    numbers = items(unit, "identifier")[1 if name is not None and place is None else 0 :]
    number, kind = _universal_in(numbers[0] if numbers else None)
    return {"facility": name, "facility_id": number, "facility_id_type": kind}


def _identifier_out(value: Identifier, e: Emit, path: str) -> Tree | None:
    out: Tree = {}
    emit_rows(_IDENTIFIER_ROWS, value, out, e, path + ".")
    assigner, beside = _assigner_out(value, e, path)
    if beside:
        out.setdefault("extension", []).extend(beside["extension"])
    facility = _facility_out(value, e, path)
    if facility is not None:
        out.setdefault("extension", []).append({"url": _FACILITY, "valueReference": facility})
    if value.system is not None:
        URI.put(out, "system", value.system, e, path + ".system")
    if value.value is not None:
        text = value.value
        if len(text) == _DASHED.get(value.system or "") and _HEX.fullmatch(text):
            text = "-".join(text[index : index + 2] for index in range(0, len(text), 2))
        STRING.put(out, "value", text, e, path + ".value")
    period = period_out(value.start, value.end, e, path)
    if period:
        out["period"] = period
    if assigner:
        out["assigner"] = assigner
    return out or None


def _identifier_in(json: Any, p: Parse) -> Identifier | None:
    if not isinstance(json, dict):
        return None
    values = parse_rows(_IDENTIFIER_ROWS, json, p) | period_in(json.get("period"), p)
    values["system"], values["value"] = text_of(json, "system"), text_of(json, "value")
    plain = (values["value"] or "").replace("-", "")
    if len(plain) == _DASHED.get(values["system"] or "") and _DASHES.fullmatch(values["value"] or ""):
        values["value"] = plain
    values |= parse_rows(_AUTHORITY_ROWS, json, p)
    values |= {name: text for name, text in _assigner_in(json.get("assigner"), p).items() if text is not None}
    for entry in items(json, "extension"):
        if entry.get("url") == _FACILITY:
            values |= _facility_in(entry.get("valueReference"), p)
    return build(Identifier, values) if any(value is not None for value in values.values()) else None


IDENTIFIER: Final = Part("Identifier", _identifier_out, _identifier_in)

# ---- People

_NAME_USES: Final = frozenset({"usual", "official", "temp", "nickname", "anonymous", "old", "maiden"})
_NAME_ROWS: Final = (
    Row("use", "use", OneOf(_NAME_USES)),
    Row("text", "text", STRING),
    Row("family", "family", STRING),
    Row("given", "given", Many(STRING)),
    Row("prefix", "prefix", Many(STRING)),
    Row("suffix", "suffix", Many(STRING)),
    Row("native_type", None, STRING, OWN + "name-type"),
    Row("assembly_order", None, CODE, CORE + "humanname-assembly-order"),
)
_FAMILY_ROWS: Final = tuple(
    Row(name, None, STRING, f"{CORE}humanname-{name.replace('_', '-')}")
    for name in ("own_prefix", "own_name", "partner_prefix", "partner_name")
)


def _name_out(value: PersonName, e: Emit, path: str) -> Tree | None:
    out: Tree = {}
    emit_rows(_NAME_ROWS, value, out, e, path + ".")
    family: Tree = {}
    emit_rows(_FAMILY_ROWS, value, family, e, path + ".")
    if family:
        out["_family"] = family
    period = period_out(value.start, value.end, e, path)
    return ({**out, "period": period} if period else out) or None


def _name_in(json: Any, p: Parse) -> Any:
    if not isinstance(json, dict):
        return None
    values = parse_rows(_NAME_ROWS, json, p) | period_in(json.get("period"), p)
    family = json.get("_family")
    return build(PersonName, values | (parse_rows(_FAMILY_ROWS, family, p) if isinstance(family, dict) else {}))


NAME: Final = Part("HumanName", _name_out, _name_in)

_ADDRESS_ROWS: Final = (
    Row("use", "use", OneOf(frozenset({"home", "work", "temp", "old", "billing"}))),
    Row("text", "text", STRING),
    Row("lines", "line", Many(STRING)),
    Row("city", "city", STRING),
    Row("district", "district", STRING),
    Row("state", "state", STRING),
    Row("postal_code", "postalCode", STRING),
    Row("country", "country", STRING),
    Row("native_type", None, STRING, OWN + "address-type"),
    Row("census_tract", None, STRING, CORE + "iso21090-ADXP-censusTract"),
)


def _address_out(value: Address, e: Emit, path: str) -> Tree | None:
    out: Tree = {}
    emit_rows(_ADDRESS_ROWS, value, out, e, path + ".")
    posted = map_code("AddressType[Type]", value.native_type)
    if posted is not None:
        out["type"] = posted.code
    period = period_out(value.start, value.end, e, path)
    return ({**out, "period": period} if period else out) or None


def _address_in(json: Any, p: Parse) -> Any:
    if not isinstance(json, dict):
        return None
    values = parse_rows(_ADDRESS_ROWS, json, p) | period_in(json.get("period"), p)
    return build(Address, values) if any(value is not None for value in values.values()) else None


ADDRESS: Final = Part("Address", _address_out, _address_in)

_TELECOM_ROWS: Final = (
    Row("system", "system", OneOf(frozenset({"phone", "fax", "email", "pager", "url", "sms", "other"}))),
    Row("value", "value", STRING),
    Row("use", "use", OneOf(frozenset({"home", "work", "temp", "old", "mobile"}))),
    *(Row(name, None, STRING, f"{CORE}contactpoint-{name}") for name in ("country", "area", "local", "extension")),
)


def _telecom_out(value: Telecom, e: Emit, path: str) -> Tree | None:
    out: Tree = {}
    emit_rows(_TELECOM_ROWS, value, out, e, path + ".")
    if value.rank is not None:
        if value.rank > 0:
            out["rank"] = NumberText(value.rank)
        else:
            e.loss(path + ".rank", "not a positive integer")
    period = period_out(value.start, value.end, e, path)
    if period:
        out["period"] = period
    if "value" in out and "system" not in out:  # cpt-2: a value needs a system (v2-to-FHIR guide, XTN.3)
        out["_system"] = {"extension": [{"url": CORE + "data-absent-reason", "valueCode": "unknown"}]}
    return out or None


def _telecom_in(json: Any, p: Parse) -> Telecom | None:
    if not isinstance(json, dict):
        return None
    values = parse_rows(_TELECOM_ROWS, json, p) | {
        name: text for name, text in period_in(json.get("period"), p).items() if text is not None
    }
    rank = json.get("rank")
    if isinstance(rank, NumberText) and rank.isascii() and rank.isdigit() and len(rank) < 10:
        values["rank"] = int(rank)
    return build(Telecom, values) if values else None


TELECOM: Final = Part("ContactPoint", _telecom_out, _telecom_in)
