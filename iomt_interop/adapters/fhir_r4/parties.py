"""Who did something: contained Practitioner, Organization, PractitionerRole and Device resources.

HL7's v2-to-FHIR guide makes resources of their own of persons and organisations (XCN, XON). A message says of them
what it happens to know, and seldom who they are beyond doubt; so they stand inside the resource that names them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from ...model import Actor, Note, Organization
from .datatypes import ADDRESS, CODEABLE, IDENTIFIER, NAME, TELECOM, period_in, period_out
from .fields import (
    Complex,
    Emit,
    First,
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
from .jsontext import Tree
from .places import PLACE, contain, levels, narrowest, place_of
from .scalars import STRING, TextReference, fhir_datetime, fhir_text
from .tables import CORE, OWN

__all__ = ["ACTOR", "AGENT", "NOTE", "ORGANIZATION", "PARTIES", "PLAIN_ACTOR"]

_REFERENCE: Final = TextReference()
_ORGANIZATION_ROWS: Final = (
    Row("identifiers", "identifier", Many(IDENTIFIER)),
    Row("name", "name", STRING),
    Row("telecoms", "telecom", Many(TELECOM)),
    Row("addresses", "address", Many(ADDRESS)),
)
_ASK: Final = (("contact_names", "name", NAME), ("contact_addresses", "address", ADDRESS))
"""Of a contact FHIR has one name and one address; others are contacts of their own."""
_PERSON_ROWS: Final = (
    Row("identifiers", "identifier", Many(IDENTIFIER)),
    Row("names", "name", Many(NAME)),
    Row("telecoms", "telecom", Many(TELECOM)),
    Row("addresses", "address", Many(ADDRESS)),
)
_UNIT_ROWS: Final = tuple(
    Row("organization" if row.field == "name" else row.field, row.element, row.kind) for row in _ORGANIZATION_ROWS
)
"""The organisation that an actor is itself."""
_DEVICE_ROWS: Final = _PERSON_ROWS[:1]
_BEHALF: Final = Complex(
    Organization,
    (
        Row("name", None, STRING, "name"),
        Row("identifiers", None, Many(IDENTIFIER), "identifier"),
        Row("telecoms", None, Many(TELECOM), "telecom"),
        Row("addresses", None, Many(ADDRESS), "address"),
        Row("contact_names", None, Many(NAME), "contact-name"),
        Row("contact_telecoms", None, Many(TELECOM), "contact-telecom"),
        Row("contact_addresses", None, Many(ADDRESS), "contact-address"),
    ),
)
_EXTENSIONS: Final = (
    Row("identifiers", None, Many(IDENTIFIER), OWN + "identifier"),
    Row("names", None, Many(NAME), OWN + "name"),
    Row("telecoms", None, Many(TELECOM), OWN + "telecom"),
    Row("addresses", None, Many(ADDRESS), OWN + "address"),
    Row("organization", None, STRING, OWN + "organization"),
    Row("behalf", None, _BEHALF, OWN + "on-behalf-of"),
    Row("places", None, Many(PLACE), OWN + "actor-place"),
    Row("start", None, STRING, OWN + "actor-start"),
    Row("end", None, STRING, OWN + "actor-end"),
    Row("code", None, CODEABLE, OWN + "actor-code"),
    Row("party", None, STRING, OWN + "actor-party"),
)
"""What no resource says: for a party that is a mere reference, and for what does not fit the kind of party."""
_ROLE: Final = Row("role", None, STRING, OWN + "role", "performer")
_RESOURCES: Final = {"organization": "Organization", "device": "Device"}
_PARTIES: Final = {
    "Organization": ("organization", _UNIT_ROWS),
    "Device": ("device", _DEVICE_ROWS),
    "Practitioner": ("person", _PERSON_ROWS),
}
_CODES: Final = First(CODEABLE)


def _named(out: Tree) -> Tree:
    """Say of an organisation without a number and a name that its name is not known (org-1)."""
    if out["resourceType"] == "Organization" and not out.keys() & {"identifier", "name"}:
        out["_name"] = {"extension": [{"url": CORE + "data-absent-reason", "valueCode": "unknown"}]}
    return out


@contextmanager
def _of_place(e: Emit) -> Iterator[None]:
    """Let the facilities of identifiers be places (XCN.14 and XON.8, where CX.6 is an organisation)."""
    before, e.assigner = e.assigner, "Location"
    try:
        yield
    finally:
        e.assigner = before


def _contacts_out(value: Organization, e: Emit, path: str) -> list[Tree]:
    """Return ``contact``: the first name, all numbers and the first address, then what is left."""
    found: list[Tree] = []
    for index in range(max(len(value.contact_names), len(value.contact_addresses), bool(value.contact_telecoms))):
        entry: Tree = {}
        for field, element, kind in _ASK:
            values = getattr(value, field)
            if index < len(values):
                kind.put(entry, element, values[index], e, f"{path}.{field}[{index}]")
        if index == 0:
            Many(TELECOM).put(entry, "telecom", value.contact_telecoms, e, path + ".contact_telecoms")
        found += [entry] if entry else []
    return found


def _contacts_in(tree: Tree, p: Parse) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for entry in items(tree, "contact"):
        for field, element, kind in _ASK:
            value = kind.get(entry, element, p)
            found[field] = (*found.get(field, ()), *(() if value is None else (value,)))
        lines = Many(TELECOM).get(entry, "telecom", p) or ()
        found["contact_telecoms"] = (*found.get("contact_telecoms", ()), *lines)
    return found


class _Organization(Kind):
    """An organisation as a contained resource."""

    suffix = "Reference"

    def out(self, value: Any, e: Emit, path: str) -> Any:
        """Return the reference."""
        out: Tree = {"resourceType": "Organization"}
        with _of_place(e):
            emit_rows(_ORGANIZATION_ROWS, value, out, e, path + ".")
        contacts = _contacts_out(value, e, path)
        if contacts:
            out["contact"] = contacts
        return e.contain(_named(out)) if len(out) > 1 else None

    def into(self, json: Any, p: Parse) -> Any:
        """Return the organisation."""
        inner = p.inner(json, "Organization")
        values = {} if inner is None else parse_rows(_ORGANIZATION_ROWS, inner, p) | _contacts_in(inner, p)
        return build(Organization, values) if values else None


ORGANIZATION: Final = _Organization()


class _Actor(Kind):
    """A party as a reference.

    Parameters
    ----------
    contained : bool
        Whether persons and organisations become contained resources.
    coded : bool
        Whether the place where the reference stands says itself what the party did.
    """

    suffix = "Reference"

    def __init__(self, *, contained: bool = True, coded: bool = False) -> None:
        self._contained, self._coded = contained, coded

    def out(self, value: Any, e: Emit, path: str) -> Any:
        """Return the reference."""
        out: Tree = {}
        left = {row.field for row in _EXTENSIONS} - ({"code"} if self._coded else set())
        if self._contained and value.party is not None and value.reference is None:
            out, said = self._resource(value, e, path)
            left -= said
        elif value.reference is not None:
            out |= _REFERENCE.out(value.reference, e, path + ".reference") or {}
        if "identifiers" in left and value.identifiers:
            IDENTIFIER.put(out, "identifier", value.identifiers[0], e, path + ".identifiers[0]")
            extension(out, OWN + "identifier", Many(IDENTIFIER), value.identifiers[1:], e, path + ".identifiers")
            left.remove("identifiers")
        emit_rows((_ROLE,), value, out, e, path + ".")
        emit_rows((row for row in _EXTENSIONS if row.field in left), value, out, e, path + ".")
        return out or None

    def _resource(self, value: Actor, e: Emit, path: str) -> tuple[Tree, set[str]]:
        """Return the reference to a contained resource, and the fields that it says."""
        if value.party == "place":
            return self._place(value, e, path)
        resource = _RESOURCES.get(value.party or "", "Practitioner")
        rows = _PARTIES[resource][1]
        out: Tree = {"resourceType": resource}
        with _of_place(e):
            emit_rows(rows, value, out, e, path + ".")
        said = {row.field for row in rows} | {"party"}
        if value.party != "person":
            return (e.contain(_named(out)), said) if len(out) > 1 else ({}, set())
        unit = value.behalf
        if unit is not None and unit == Organization(name=unit.name):
            unit = None  # would come back as the organisation's name
        if unit is None and value.organization is not None and value.behalf is None:
            unit, said = Organization(name=value.organization), said | {"organization"}
        elif unit is not None:
            said.add("behalf")
        code = value.code if not self._coded else None
        known = value.start is not None or value.end is not None
        if unit is None and code is None and not value.places and not known:
            return (e.contain(out), said) if len(out) > 1 else ({}, set())
        return self._role_of(value, out, unit, code, e, path), said | {"code", "places", "start", "end"}

    def _place(self, value: Actor, e: Emit, path: str) -> tuple[Tree, set[str]]:
        """Return the reference to a contained Location; of several places none says which one is named."""
        if len(value.places) != 1 or value.places[0].reference is not None:
            return {}, set()
        return contain(value.places[0], e, path + ".places[0]") or {}, {"party", "places"}

    def _role_of(self, value: Actor, person: Tree, unit: Organization | None, code: Any, e: Emit, path: str) -> Tree:
        role: Tree = {"resourceType": "PractitionerRole"}
        period = period_out(value.start, value.end, e, path)
        if period:
            role["period"] = period
        if len(person) > 1:
            role["practitioner"] = e.contain(person)
        if unit is not None:
            ORGANIZATION.put(role, "organization", unit, e, path + ".behalf")
        if code is not None:
            _CODES.put(role, "code", code, e, path + ".code")
        places = [contain(place, e, f"{path}.places[{index}]") for index, place in enumerate(value.places)]
        if any(places):
            role["location"] = [level for place in places if place is not None for level in levels(place, e)]
        return e.contain(role)

    def into(self, json: Any, p: Parse) -> Any:
        """Return the party."""
        if not isinstance(json, dict):
            return None
        values: dict[str, Any] = {"role": "performer"} | self._inner(json, p)
        inside = len(values) > 1
        values |= parse_rows((_ROLE, *_EXTENSIONS), json, p)
        first = IDENTIFIER.get(json, "identifier", p)
        if first is not None:
            values["identifiers"] = (first, *values.get("identifiers", ()))
        if not inside:
            values["reference"] = _REFERENCE.into(json, p)
        return build(Actor, values)

    def _inner(self, json: Tree, p: Parse) -> dict[str, Any]:
        """Read the contained resource that a reference names."""
        for resource, (party, rows) in _PARTIES.items():
            inner = p.inner(json, resource)
            if inner is not None:
                return {"party": party, **parse_rows(rows, inner, p)}
        place = None if p.inner(json, "Location") is None else place_of(json, p)
        if place is not None:
            return {"party": "place", "places": (place,)}
        role = p.inner(json, "PractitionerRole")
        if role is None:
            return {}
        values: dict[str, Any] = {"party": "person"}
        person = p.inner(role.get("practitioner"), "Practitioner")
        if person is not None:
            values |= parse_rows(_PERSON_ROWS, person, p)
        unit = ORGANIZATION.get(role, "organization", p)
        if unit is not None:
            plain = unit == Organization(name=unit.name)
            values |= {"organization": unit.name} if plain else {"behalf": unit}
        values |= {"code": _CODES.get(role, "code", p)} | period_in(role.get("period"), p)
        places = role.get("location")
        found = [place_of(one, p) for one in narrowest(places, p)] if isinstance(places, list) else []
        return values | {"places": tuple(place for place in found if place is not None)}


ACTOR: Final = _Actor()
AGENT: Final = _Actor(coded=True)
"""Where the element beside the reference says what the party did."""
PLAIN_ACTOR: Final = _Actor(contained=False)
"""As a reference with extensions alone."""
PARTIES: Final = Row("parties", None, Many(ACTOR), OWN + "party")
"""Whom a record names without an element of FHIR for it: one extension each, a reference to a contained Practitioner,
PractitionerRole, Organization, Device or Location, beside which the extension ``role`` says what they are to it."""

# ---- Annotation


def _note_out(value: Note, e: Emit, path: str) -> Tree | None:
    text = fhir_text(value.text, e, path + ".text")
    if text is None:
        return None
    out: Tree = {}
    if value.by is not None:
        ACTOR.put(out, "authorReference", value.by, e, path + ".by")
    elif value.author is not None:
        STRING.put(out, "authorString", value.author, e, path + ".author")
    if value.time is not None:
        known, exact = fhir_datetime(value.time)
        if known is not None:
            out["time"] = known
        if not exact:
            extension(out, OWN + "exact-time", STRING, value.time, e, path + ".time")
    out["text"] = text
    if value.type is not None:
        extension(out, OWN + "note-type", CODEABLE, value.type, e, path + ".type")
    return out


def _note_in(json: Any, p: Parse) -> Any:
    if text_of(json, "text") is None:
        return None
    return build(
        Note,
        {
            "text": text_of(json, "text"),
            "author": text_of(json, "authorString"), "by": ACTOR.get(json, "authorReference", p),
            "time": read_own(json, OWN + "exact-time", STRING, p) or text_of(json, "time"),
            "type": read_own(json, OWN + "note-type", CODEABLE, p),
        },
    )  # fmt: skip


NOTE: Final = Part("Annotation", _note_out, _note_in)
