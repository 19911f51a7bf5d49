"""Identifiers, names, addresses and places: CX, EI, HD, XON, XPN, XCN, XAD, XTN, PL (HL7 v2 chapter 2.A)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final, Literal, TypeVar

from ...model import (
    Actor,
    Address,
    Coding,
    Concept,
    Identifier,
    LevelId,
    Location,
    Model,
    Organization,
    PersonName,
    Telecom,
)
from ...terminology import systems
from .ledger import Decoder, Node, decoder
from .times import instant
from .unit import Segment

__all__ = [
    "Persons",
    "actors",
    "address",
    "cx",
    "each",
    "ei",
    "eip",
    "hd_identifier",
    "location",
    "name",
    "organization",
    "organizations",
    "persons",
    "places",
    "telecom",
]

T = TypeVar("T")

_OID: Final = re.compile(r"[0-2](?:\.(?:0|[1-9][0-9]{0,39})){1,30}")
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

_NAME_USE: Final[dict[str, Literal["usual", "official", "temp", "nickname", "anonymous", "old", "maiden"]]] = {
    "L": "official", "R": "official", "D": "usual", "N": "nickname", "M": "maiden", "MSK": "anonymous",
    "NAV": "temp", "TEMP": "temp", "BAD": "old",
}  # fmt: skip
"""The types of name that HL7's guide gives a use (concept map NameType, HL7 table 0200)."""
_ADDRESS_USE: Final[dict[str, Literal["home", "work", "temp", "old", "billing"]]] = {
    "H": "home", "B": "work", "O": "work", "C": "temp", "BA": "old", "BI": "billing",
}  # fmt: skip
_TELECOM_USE: Final[dict[str, Literal["home", "work", "temp", "old", "mobile"]]] = {
    "PRN": "home", "ORN": "home", "VHN": "home", "WPN": "work", "PRS": "mobile",
}  # fmt: skip
_TELECOM_SYSTEM: Final[dict[str, Literal["phone", "fax", "email", "pager", "url", "sms", "other"]]] = {
    "PH": "phone", "CP": "phone", "SAT": "other", "FX": "fax", "BP": "pager", "INTERNET": "email", "X.400": "email",
    "MD": "other", "TDD": "other", "TTY": "other",
}  # fmt: skip


_RANK: Final = re.compile(r"[1-9][0-9]{0,5}")
_NOBODY: Final = Identifier()
_NAMELESS: Final = PersonName()
_NOWHERE: Final = Location()
_NO_ADDRESS: Final = Address()


def _same(one: Model, other: Model) -> bool:
    """Compare two of one model."""
    return one.__dict__ == other.__dict__


def each(field: Node, mapping: Callable[[Node], T | None]) -> tuple[T, ...]:
    """Map every repetition of a field that says something."""
    return tuple(found for repetition in field.children if (found := mapping(repetition)) is not None)


def universal(identifier: str | None, kind: str | None) -> str | None:
    """Return the URI of a universal id, ``None`` when its type gives none (2.A.33)."""
    if identifier is None:
        return None
    if kind == "ISO" and _OID.fullmatch(identifier):
        return systems.OID_PREFIX + identifier
    if kind == "UUID" and _UUID.fullmatch(identifier):
        return systems.UUID_PREFIX + identifier.lower()
    if kind in ("EUI-64", "EUI64"):
        return systems.EUI64
    return identifier if kind in ("URI", "URN") else None


def _authority(node: Node) -> dict[str, Any]:
    """Read an HD as the authority of an identifier."""
    namespace, identifier, kind = node.text(1), node.text(2), node.text(3)
    return {
        "system": universal(identifier, kind),
        "authority": namespace,
        "authority_id": identifier,
        "authority_id_type": kind,
    }


def _typed(code: str) -> Concept:
    return Concept(codings=(Coding(system=systems.v2_table("0203"), code=code),))


_USUAL: Final = "AN DL EI FI MC MR NI NPI PI PN PPN PT SS U VN XX"
_TYPES: Final = {code: _typed(code) for code in _USUAL.split(" ")}
"""Types of identifier that come with nearly every message (HL7 table 0203)."""


def _id_type(code: str | None) -> Concept | None:
    """Return the type of an identifier; what is none of the usual ones is not kept: it may be anything."""
    if code is None:
        return None
    return _TYPES.get(code) or _typed(code)


def _when(node: Node) -> str | None:
    """Read a date of validity as text; one that is not written back the same stays an extension as well."""
    if not node.raw:
        return None
    text = node.peek()
    found = None if text is None else instant(text, node.syntax, "stated")
    if text is None or found is None:
        return node.take()
    head, sign, zone = found.value.partition("T")
    time = zone.replace(":", "") if sign else ""
    if head.replace("-", "") + time == text:
        node.take()
    return found.value


def _range(node: Node, start: int, end: int, both: int) -> dict[str, str | None]:
    """Read the ends of a validity: two components, else a range in one."""
    found = {"start": _when(node[start]), "end": _when(node[end])}
    if found["start"] is found["end"] is None:
        found = {"start": _when(node[both][1]), "end": _when(node[both][2])}
    return found


def cx(node: Node) -> Identifier | None:
    """Read an extended composite id: value, check digit, authority, type, facility, validity (2.A.14)."""
    value = node.text(1)
    code = node.text(5)
    authority = _authority(node[4])
    facility = node[6]
    found = Identifier.of_valid(
        {
            "value": value,
            "check_digit": node.text(2),
            "check_scheme": node.text(3),
            "type": _id_type(code),
            "facility": facility.text(1),
            "facility_id": facility.text(2),
            "facility_id_type": facility.text(3),
            "start": _when(node[7]),
            "end": _when(node[8]),
            **authority,
        }
    )
    return None if _same(found, _NOBODY) else found


def ei(node: Node) -> Identifier | None:
    """Read an entity identifier: value, name space, universal id and its type (2.A.28)."""
    value = node.text(1)
    namespace, identifier, kind = node.text(2), node.text(3), node.text(4)
    found = Identifier.of_valid(
        {
            "value": value,
            "system": universal(identifier, kind),
            "authority": namespace,
            "authority_id": identifier,
            "authority_id_type": kind,
        }
    )
    return None if _same(found, _NOBODY) else found


def eip(node: Node) -> tuple[Identifier, ...]:
    """Read an entity identifier pair: the placer's and the filler's (2.A.29)."""
    return tuple(found for number in (1, 2) if (found := ei(node[number])) is not None)


def hd_identifier(node: Node) -> Identifier | None:
    """Read a hierarchic designator as the identifier of an application or facility (2.A.33)."""
    namespace, identifier, kind = node.text(1), node.text(2), node.text(3)
    if namespace is identifier is kind is None:
        return None
    return Identifier(authority=namespace, value=identifier, authority_id_type=kind, system=universal(identifier, kind))


def _one(node: Node) -> tuple[str, ...]:
    text = node.take()
    return () if text is None else (text,)


def _two(first: Node, second: Node) -> tuple[str, ...]:
    """Return up to two texts; a second without a first is not taken, because its place would be lost."""
    return _one(first) + _one(second) if first.peek() is not None else ()


def _listed(*nodes: Node) -> tuple[str, ...]:
    """Return the texts of several components; those behind an empty one stay extensions too, for their place."""
    found: list[str] = []
    gap = False
    for node in nodes:
        text = node.peek() if gap else node.take()
        gap = gap or text is None
        found += [] if text is None else [text]
    return tuple(found)


def _name(node: Node, family: int) -> PersonName | None:
    """Read the parts that XPN and XCN have in common; the family name stands in component ``family``."""
    xpn = family == 1
    kind = node.text(family + 6 if xpn else 10)
    validity = (12, 13, 10) if xpn else (19, 20, 17)
    surname = node[family]
    found = PersonName.of_valid(
        {
            "family": surname.text(1),
            "own_prefix": surname.text(2),
            "own_name": surname.text(3),
            "partner_prefix": surname.text(4),
            "partner_name": surname.text(5),
            "given": _listed(node[family + 1], node[family + 2]),
            "suffix": _listed(node[family + 3], node[family + 5], node[14 if xpn else 21]),
            "prefix": _one(node[family + 4]),
            "use": _NAME_USE.get(kind or ""),
            "native_type": kind,
            "assembly_order": node.text(11 if xpn else 18),
            **_range(node, *validity),
        }
    )
    return None if _same(found, _NAMELESS) else found


def name(node: Node) -> PersonName | None:
    """Read an extended person name (2.A.87). Degree and professional suffix are suffixes too, as in HL7's guide."""
    return _name(node, 1)


def actor(node: Node, role: str) -> Actor | None:
    """Read an extended composite id and name of a person (2.A.86)."""
    value = node.text(1)
    authority = _authority(node[9])
    code = node.text(13)
    identifier = Identifier(
        value=value,
        check_digit=node.text(11),
        check_scheme=node.text(12),
        type=_id_type(code),
        facility=node[14].text(1),
        facility_id=node[14].text(2),
        facility_id_type=node[14].text(3),
        **authority,
    )
    person = _name(node, 2)
    if person is None and identifier == _NOBODY:
        return None
    return Actor(
        role=role,
        party="person",
        identifiers=() if identifier == _NOBODY else (identifier,),
        names=() if person is None else (person,),
    )


def organization(node: Node) -> Organization | None:
    """Read an extended composite name and id of an organization (2.A.85)."""
    title = node.text(1)
    value = node.text(10)
    if value is None:
        value = node[3].peek()
    authority = _authority(node[6])
    identifier = Identifier(
        value=value,
        check_digit=node.text(4),
        check_scheme=node.text(5),
        type=_id_type(node.text(7)),
        facility=node[8].text(1),
        facility_id=node[8].text(2),
        facility_id_type=node[8].text(3),
        **authority,
    )
    if title is None and identifier == _NOBODY:
        return None
    return Organization(name=title, identifiers=() if identifier == _NOBODY else (identifier,))


def _organization_actor(node: Node, role: str) -> Actor | None:
    found = organization(node)
    if found is None:
        return None
    return Actor(role=role, party="organization", organization=found.name, identifiers=found.identifiers)


Persons = Sequence[tuple[int, Decoder[tuple[Actor, ...]]]]
"""Numbers of fields, and how their persons or organisations are read."""


def persons(role: str) -> Decoder[tuple[Actor, ...]]:
    """Return the mapping of a field of persons who did something."""
    return decoder(lambda field: each(field, lambda repetition: actor(repetition, role)))


def organizations(role: str) -> Decoder[tuple[Actor, ...]]:
    """Return the mapping of a field of organisations that did something."""
    return decoder(lambda field: each(field, lambda repetition: _organization_actor(repetition, role)))


def places(role: str) -> Decoder[tuple[Actor, ...]]:
    """Return the mapping of a field of places that are named and nothing more."""
    return decoder(lambda field: each(field, lambda repetition: _place_actor(repetition, role)))


def _place_actor(node: Node, role: str) -> Actor | None:
    found = location(node)
    return None if found is None else Actor(role=role, party="place", places=(found,))


def actors(segment: Segment, places: Persons) -> tuple[Actor, ...]:
    """Map several fields of persons and organisations."""
    return tuple(found for number, decode in places for found in segment.use(number, decode) or ())


def address(node: Node) -> Address | None:
    """Read an extended address (2.A.84): the parts of the street, the other designation and the addressee are lines."""
    kind = node.text(7)
    found = Address(
        lines=_listed(*(node[1][n] for n in (1, 2, 3) if n == 1 or node[1][n].raw), node[2], node[19]),
        city=node.text(3),
        state=node.text(4),
        postal_code=node.text(5),
        country=node.text(6),
        district=node[9].text(1),
        census_tract=node[10].text(1),
        use=_ADDRESS_USE.get(kind or ""),
        native_type=kind,
        **_range(node, 13, 14, 12),
    )
    return None if found == _NO_ADDRESS else found


def telecom(node: Node) -> Telecom | None:
    """Read an extended telecommunication number (2.A.88) by the conditions of HL7's guide (XTN[ContactPoint]).

    The codes of use and equipment are looked at and stay extensions, because several of them mean one use; so does
    what was not chosen as the number.
    """
    use, equipment = (node[2].peek() or "").upper(), (node[3].peek() or "").upper()
    system = _TELECOM_SYSTEM.get(equipment)
    country, area, local, extension = (node.text(n) for n in (5, 6, 7, 8))
    value = None
    if system == "email":
        value = node.text(4)
    elif node[12].peek() is not None:
        value = node.text(12)
    elif local is not None and area is not None:
        value = " ".join(
            ([f"+{country}"] if country else []) + [area, local] + ([f"X{extension}"] if extension else [])
        )
    if value is None:
        value = node.text(1)
    if value is None:
        value = node[4].peek() or node[12].peek()
        system = system or ("email" if value is not None and "@" in value else None)
    if value is None and not any((country, area, local)):
        return None
    if system is None and equipment:
        system = "phone"
    rank = node[18].peek() or ""
    return Telecom(
        system=system,
        value=value,
        use=_TELECOM_USE.get(use) or ("mobile" if equipment == "CP" else None),
        country=country,
        area=area,
        local=local,
        extension=extension,
        rank=int(node.text(18) or 0) if _RANK.fullmatch(rank) else None,
        start=_when(node[13]),
        end=_when(node[14]),
    )


_LEVELS: Final[tuple[tuple[Literal["point_of_care", "room", "bed", "building", "floor"], int], ...]] = (
    ("point_of_care", 1), ("room", 2), ("bed", 3), ("building", 7), ("floor", 8),
)  # fmt: skip


def _level_ids(node: Node) -> tuple[LevelId, ...]:
    """Read the universal ids of the levels of a location (HD.2 and HD.3)."""
    return tuple(
        LevelId(level=level, value=node[number].text(2), type=node[number].text(3))
        for level, number in _LEVELS
        if node[number][2].raw or node[number][3].raw
    )


def _comprehensive(node: Node) -> Identifier | None:
    """Read the comprehensive id of a place; PL.11 assigns it where it is valued, else the id itself says who does."""
    if not node[11].raw:
        return ei(node[10])
    found = Identifier(value=node[10].text(1), **_authority(node[11]))
    return None if _same(found, _NOBODY) else found


def location(node: Node) -> Location | None:
    """Read a person's location (2.A.53)."""
    comprehensive = _comprehensive(node) if node[10].raw else None
    found = Location(
        point_of_care=node[1].text(1),
        room=node[2].text(1),
        bed=node[3].text(1),
        facility=node[4].text(1),
        facility_id=node[4].text(2),
        facility_id_type=node[4].text(3),
        status=node.text(5),
        type=node.text(6),
        building=node[7].text(1),
        floor=node[8].text(1),
        level_ids=_level_ids(node),
        description=node.text(9),
        identifiers=() if comprehensive is None else (comprehensive,),
    )
    return None if _same(found, _NOWHERE) else found
