"""Locations: contained Location resources, one inside the other, or their parts as an extension."""

from __future__ import annotations

from typing import Any, Final

from ...model import Identifier, Location
from .datatypes import IDENTIFIER
from .fields import Complex, Emit, Many, Parse, Row, build, emit_rows, items, parse_rows, text_of
from .jsontext import Tree
from .scalars import STRING, TextReference, fhir_text
from .tables import OWN, PHYSICAL_TYPE, PLACE_LEVELS

__all__ = ["PLACE", "contain", "place_of"]

_PARTS: Final = (
    "point_of_care", "room", "bed", "facility", "facility_id", "facility_id_type", "building", "floor", "status",
    "type",
)  # fmt: skip
_REFERENCE: Final = TextReference()


def _rows(base: str) -> tuple[Row, ...]:
    return tuple(Row(name, None, STRING, base + name.replace("_", "-")) for name in _PARTS)


PLACE: Final = Complex(
    Location,
    (
        *_rows(""),
        Row("description", None, STRING, "description"),
        Row("identifiers", None, Many(IDENTIFIER), "identifier"),
        Row("reference", None, _REFERENCE, "reference"),
    ),
)
_IDENTIFIERS: Final = Many(IDENTIFIER)
_ROWS: Final = (Row("description", "description", STRING), *_rows(OWN + "place-"))
_STATES: Final = frozenset({"active", "suspended", "inactive"})


def _level(location: Location, name: str, value: str) -> Tree:
    """Return what tells a level apart (v2-to-FHIR guide, PL): its name, and the universal id of a facility."""
    identifiers: list[Tree] = [{"value": value}]
    if name == "facility" and location.facility_id is not None:
        more: Tree = {"value": location.facility_id}
        if location.facility_id_type is not None:
            more = {"type": {"coding": [{"code": location.facility_id_type}]}, **more}
        identifiers.append(more)
    return {"resourceType": "Location", "identifier": identifiers, "mode": "instance"}


def contain(location: Location, e: Emit, path: str) -> Tree | None:
    """Return a reference to a location, which becomes a contained resource unless it is a reference already.

    The levels of a place (bed in a room in a ward ...) are Locations of their own, each part of the next wider one.
    The narrowest holds all parts as extensions, from which they are read again.
    """
    if location == Location(reference=location.reference) and location.reference is not None:
        found: Tree | None = _REFERENCE.out(location.reference, e, path)
        return found
    given = [(name, value, code, text) for name, code, text in PLACE_LEVELS if (value := getattr(location, name))]
    wider: Tree | None = None
    inner: Tree = {"resourceType": "Location", "mode": "instance"}
    for name, value, code, text in reversed(given):
        clean = fhir_text(value, e, path + "." + name)
        inner = _level(location, name, clean or "unknown")
        inner["physicalType"] = {"coding": [{"system": PHYSICAL_TYPE, "code": code, "display": text}]}
        if wider is not None:
            inner["partOf"] = wider
        if name != given[0][0]:
            wider = e.contain(inner)
    name = fhir_text(", ".join(value for _, value, _, _ in given), e, path) if given else None
    if name is not None:
        inner["name"] = name
    emit_rows(_ROWS, location, inner, e, path + ".")
    more = _IDENTIFIERS.out(location.identifiers, e, path + ".identifiers") or []
    if more:
        inner["identifier"] = [*inner.get("identifier", ()), *more]
    if location.status is not None and location.status.lower() in _STATES:
        inner["status"] = location.status.lower()
    if location.reference is not None:
        e.loss(path + ".reference", "reference beside the parts of a location")
    return e.contain(inner)


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
    names = [name for name, _, _ in PLACE_LEVELS if name in values]
    if names:
        own = 1 + (names[0] == "facility" and "facility_id" in values)
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
