"""Locations: a contained Location resource, or its parts as an extension."""

from __future__ import annotations

from typing import Any, Final

from ...model import Location
from .datatypes import IDENTIFIER
from .fields import Complex, Emit, Many, Parse, Row, build, emit_rows, items, parse_rows, text_of
from .jsontext import Tree
from .scalars import STRING, TextReference, fhir_text
from .tables import OWN, PHYSICAL_TYPE, PLACE_LEVELS

__all__ = ["PLACE", "contain", "place_of"]

_PARTS: Final = ("point_of_care", "room", "bed", "facility", "building", "floor", "status", "type")
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
_ROWS: Final = (
    Row("identifiers", "identifier", Many(IDENTIFIER)),
    Row("description", "description", STRING),
    *_rows(OWN + "place-"),
)


def contain(out: Tree, location: Location, local: str, e: Emit, path: str) -> Tree | None:
    """Return a reference to a location, which becomes a contained resource unless it is a reference already."""
    if location == Location(reference=location.reference) and location.reference is not None:
        found: Tree | None = _REFERENCE.out(location.reference, e, path)
        return found
    inner: Tree = {"resourceType": "Location", "id": local}
    emit_rows(_ROWS, location, inner, e, path + ".")
    names = [(getattr(location, name), code, text) for name, code, text in PLACE_LEVELS]
    given = [(value, code, text) for value, code, text in names if value is not None]
    name = fhir_text(", ".join(value for value, _, _ in given), e, path) if given else None
    if name is not None:
        inner["name"] = name
        _, code, text = given[0]
        inner["physicalType"] = {"coding": [{"system": PHYSICAL_TYPE, "code": code, "display": text}]}
    if location.reference is not None:
        e.loss(path + ".reference", "reference beside the parts of a location")
    out.setdefault("contained", []).append(inner)
    return {"reference": "#" + local}


def place_of(tree: Tree, reference: Any, p: Parse) -> Location | None:
    """Read the location that a reference names."""
    text = text_of(reference, "reference")
    if text is not None and text.startswith("#"):
        for inner in items(tree, "contained"):
            if inner.get("id") == text[1:] and inner.get("resourceType") == "Location":
                found: Location | None = build(Location, parse_rows(_ROWS, inner, p))
                return found
        return None
    text = _REFERENCE.into(reference, p)
    return None if text is None else Location(reference=text)
