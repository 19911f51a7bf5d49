"""Locations: contained Location resources, one inside the other, or their parts as an extension."""

from __future__ import annotations

from typing import Any, Final

from ...model import Identifier, LevelId, Location
from .datatypes import CODEABLE, IDENTIFIER
from .fields import Complex, Emit, First, Many, Parse, Row, build, emit_rows, items, parse_rows, text_of
from .jsontext import Tree
from .scalars import STRING, TextReference, fhir_code, fhir_text
from .tables import OWN, PHYSICAL_TYPE, PLACE_LEVELS

__all__ = ["PLACE", "contain", "levels", "narrowest", "place_of"]

_PARTS: Final = (
    "point_of_care", "room", "bed", "facility", "facility_id", "facility_id_type", "building", "floor", "status",
    "type",
)  # fmt: skip
_REFERENCE: Final = TextReference()
_LEVEL_IDS: Final = Many(
    Complex(LevelId, tuple(Row(name, None, STRING, name) for name in ("level", "value", "type")))
)  # fmt: skip


def _rows(base: str) -> tuple[Row, ...]:
    return tuple(Row(name, None, STRING, base + name.replace("_", "-")) for name in _PARTS)


PLACE: Final = Complex(
    Location,
    (
        *_rows(""),
        Row("level_ids", None, _LEVEL_IDS, "level-id"),
        Row("role", None, CODEABLE, "role"),
        Row("description", None, STRING, "description"),
        Row("identifiers", None, Many(IDENTIFIER), "identifier"),
        Row("reference", None, _REFERENCE, "reference"),
    ),
)
_IDENTIFIERS: Final = Many(IDENTIFIER)
_ROWS: Final = (
    Row("description", "description", STRING),
    Row("role", "type", First(CODEABLE)),
    *_rows(OWN + "place-"),
    Row("level_ids", None, _LEVEL_IDS, OWN + "place-level-id"),
)
_STATES: Final = frozenset({"active", "suspended", "inactive"})


def _level(location: Location, name: str, value: str | None) -> Tree:
    """Return what tells a level apart (v2-to-FHIR guide, PL and HD[Identifier]): its name and its universal id."""
    identifiers: list[Tree] = [] if value is None else [{"value": value}]
    number, kind = _universal(location, name)
    more: Tree = {} if kind is None else {"type": {"coding": [{"code": kind}]}}
    more |= {} if number is None else {"value": number}
    identifiers += [more] if more else []
    out: Tree = {"resourceType": "Location", "identifier": identifiers, "mode": "instance"}
    if location.status is not None and location.status.lower() in _STATES:
        out["status"] = location.status.lower()
    return out


def _says(location: Location, name: str) -> bool:
    """Tell whether anything is known of a level."""
    return bool(getattr(location, name)) or _universal(location, name) != (None, None)


def _universal(location: Location, name: str) -> tuple[str | None, str | None]:
    """Return universal id and type of a level, as far as FHIR can write them."""
    number, kind = location.facility_id, location.facility_id_type
    if name != "facility":
        known = next((one for one in location.level_ids if one.level == name), None)
        number, kind = (None, None) if known is None else (known.value, known.type)
    if number is kind is None:
        return None, None
    # The extensions of the narrowest level hold both verbatim, and report what FHIR cannot write of them.
    silent = Emit(reference=lambda resource, target: "")
    return (
        None if number is None else fhir_text(number, silent, ""),
        None if kind is None else fhir_code(kind, silent, ""),
    )


def contain(location: Location, e: Emit, path: str) -> Tree | None:
    """Return a reference to a location, which becomes a contained resource unless it is a reference already.

    The levels of a place (bed in a room in a ward ...) are Locations of their own, each part of the next wider one.
    The narrowest holds all parts as extensions, from which they are read again.
    """
    if location == Location(reference=location.reference) and location.reference is not None:
        found: Tree | None = _REFERENCE.out(location.reference, e, path)
        return found
    given = [(name, getattr(location, name), code, text) for name, code, text in PLACE_LEVELS if _says(location, name)]
    wider: Tree | None = None
    inner: Tree = {"resourceType": "Location", "mode": "instance"}
    for name, value, code, text in reversed(given):
        clean = None if value is None else fhir_text(value, e, path + "." + name) or "unknown"
        inner = _level(location, name, clean)
        inner["physicalType"] = {"coding": [{"system": PHYSICAL_TYPE, "code": code, "display": text}]}
        if wider is not None:
            inner["partOf"] = wider
        if name != given[0][0]:
            wider = e.contain(inner)
    called = ", ".join(value for _, value, _, _ in given if value)
    name = fhir_text(called, e, path) if called else None
    if name is not None:
        inner["name"] = name
    emit_rows(_ROWS, location, inner, e, path + ".")
    more = _IDENTIFIERS.out(location.identifiers, e, path + ".identifiers") or []
    if more:
        inner["identifier"] = [*inner.get("identifier", ()), *more]
    if not given and location.status is not None and location.status.lower() in _STATES:
        inner["status"] = location.status.lower()
    if location.reference is not None:
        e.loss(path + ".reference", "reference beside the parts of a location")
    return e.contain(inner)


def levels(reference: Tree, e: Emit) -> list[Tree]:
    """Return a reference to a contained place and those to all wider ones (NDL[PractitionerRole]: a Location each)."""
    inside = {"#" + one["id"]: one for one in e.contained}
    found = [reference]
    while (wider := inside.get(found[-1].get("reference", ""), {}).get("partOf")) is not None:
        found.append({"reference": wider["reference"]})
    return found


def narrowest(references: list[Any], p: Parse) -> list[Any]:
    """Return the references but for those to contained places that another one of them is part of."""
    wider: set[str] = set()
    for one in references:
        place = p.inner(one, "Location")
        while place is not None:
            above = text_of(place.get("partOf"), "reference")
            if above is None or above in wider:
                break
            wider.add(above)
            place = p.inner(place["partOf"], "Location")
    return [one for one in references if text_of(one, "reference") not in wider]


def place_of(reference: Any, p: Parse) -> Location | None:
    """Read the location that a reference names."""
    text = text_of(reference, "reference")
    if text is None or not text.startswith("#"):
        text = _REFERENCE.into(reference, p)
        return None if text is None else Location(reference=text)
    inner = p.inner(reference, "Location")
    if inner is None:
        return None
    values = parse_rows(_ROWS, inner, p)
    identifiers: tuple[Identifier, ...] = _IDENTIFIERS.get(inner, "identifier", p) or ()
    if not values.keys() - {"description"}:
        # Of another source: its levels say themselves what they are.
        values |= _levels(inner, p)
    known = build(Location, values)
    names = [name for name, _, _ in PLACE_LEVELS if known is not None and _says(known, name)]
    if known is not None and names:
        own = bool(getattr(known, names[0])) + (_universal(known, names[0]) != (None, None))
        values["identifiers"] = identifiers[own:]
    elif identifiers:
        values["identifiers"] = identifiers
    found: Location | None = build(Location, values)
    return found


def _levels(inner: Tree, p: Parse) -> dict[str, str]:
    found: dict[str, str] = {}
    codes = {code: name for name, code, _ in PLACE_LEVELS}
    tree: Tree | None = inner
    for _ in codes:
        if tree is None:
            break
        codings, identifiers = items(tree.get("physicalType"), "coding"), items(tree, "identifier")
        name = codes.get(text_of(codings[0], "code") or "") if codings else None
        value = text_of(identifiers[0], "value") if identifiers else None
        if name is not None and value is not None:
            found.setdefault(name, value)
        tree = p.inner(tree.get("partOf"), "Location")
    return found
