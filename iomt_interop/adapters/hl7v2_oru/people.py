"""Identifiers, names, addresses and places: CX, EI, HD, XON, XPN, XCN, XAD, XTN, PL (HL7 v2 chapter 2.A)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final, Literal, TypeVar

from ...model import Actor, Address, Coding, Concept, Identifier, Location, PersonName, Telecom
from ...terminology import systems
from .ledger import Decoder, Node, decoder
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
    "organizations",
    "persons",
    "telecom",
]

T = TypeVar("T")

_OID: Final = re.compile(r"[0-2](?:\.(?:0|[1-9][0-9]{0,39})){1,30}")
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

_NAME_USE: Final[dict[str, Literal["usual", "official", "temp", "nickname", "anonymous", "old", "maiden"]]] = {
    "L": "official", "D": "usual", "N": "nickname", "M": "maiden", "S": "anonymous", "T": "temp", "BAD": "old",
}  # fmt: skip
_ADDRESS_USE: Final[dict[str, Literal["home", "work", "temp", "old", "billing"]]] = {
    "H": "home", "B": "work", "O": "work", "C": "temp", "BA": "old", "BI": "billing",
}  # fmt: skip
_TELECOM_USE: Final[dict[str, Literal["home", "work", "temp", "old", "mobile"]]] = {
    "PRN": "home", "ORN": "home", "VHN": "home", "WPN": "work", "PRS": "mobile",
}  # fmt: skip
_TELECOM_SYSTEM: Final[dict[str, Literal["phone", "fax", "email", "pager", "url", "sms", "other"]]] = {
    "PH": "phone", "CP": "phone", "SAT": "phone", "FX": "fax", "BP": "pager", "INTERNET": "email", "X.400": "email",
}  # fmt: skip


_NOBODY: Final = Identifier()
_NAMELESS: Final = PersonName()
_NOWHERE: Final = Location()
_NO_ADDRESS: Final = Address()


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
    namespace, identifier, kind = node[1].take(), node[2].take(), node[3].take()
    return {
        "system": universal(identifier, kind),
        "authority": namespace,
        "authority_id": identifier,
        "authority_id_type": kind,
    }


def cx(node: Node) -> Identifier | None:
    """Read an extended composite id: value, check digit, authority, type, facility, validity (2.A.14)."""
    value = node[1].take()
    code = node[5].take()
    authority = _authority(node[4])
    found = Identifier(
        value=value,
        check_digit=node[2].take(),
        type=None if code is None else Concept(codings=(Coding(system=systems.v2_table("0203"), code=code),)),
        facility=node[6][1].take(),
        start=node[7].take(),
        end=node[8].take(),
        **authority,
    )
    return None if found == _NOBODY else found


def ei(node: Node) -> Identifier | None:
    """Read an entity identifier: value, name space, universal id and its type (2.A.28)."""
    value = node[1].take()
    namespace, identifier, kind = node[2].take(), node[3].take(), node[4].take()
    found = Identifier(
        value=value,
        system=universal(identifier, kind),
        authority=namespace,
        authority_id=identifier,
        authority_id_type=kind,
    )
    return None if found == _NOBODY else found


def eip(node: Node) -> tuple[Identifier, ...]:
    """Read an entity identifier pair: the placer's and the filler's (2.A.29)."""
    return tuple(found for number in (1, 2) if (found := ei(node[number])) is not None)


def hd_identifier(node: Node) -> Identifier | None:
    """Read a hierarchic designator as the identifier of an application or facility (2.A.33)."""
    namespace, identifier, kind = node[1].take(), node[2].take(), node[3].take()
    if namespace is identifier is kind is None:
        return None
    return Identifier(authority=namespace, value=identifier, authority_id_type=kind, system=universal(identifier, kind))


def _one(node: Node) -> tuple[str, ...]:
    text = node.take()
    return () if text is None else (text,)


def _two(first: Node, second: Node) -> tuple[str, ...]:
    """Return up to two texts; a second without a first is not taken, because its place would be lost."""
    return _one(first) + _one(second) if first.peek() is not None else ()


def _name(node: Node, family: int) -> PersonName | None:
    """Read the parts that XPN and XCN have in common; the family name stands in component ``family``."""
    xpn = family == 1
    kind = node[family + 6 if xpn else 10].take()
    validity = (12, 13) if xpn else (19, 20)
    found = PersonName(
        family=node[family][1].take(),
        own_prefix=node[family][2].take(),
        given=_two(node[family + 1], node[family + 2]),
        suffix=_one(node[family + 3]),
        prefix=_one(node[family + 4]),
        use=_NAME_USE.get(kind or ""),
        native_type=kind,
        start=node[validity[0]].take(),
        end=node[validity[1]].take(),
    )
    return None if found == _NAMELESS else found


def name(node: Node) -> PersonName | None:
    """Read an extended person name (2.A.87). The degree stays an extension: it is no suffix."""
    return _name(node, 1)


def actor(node: Node, role: str) -> Actor | None:
    """Read an extended composite id and name of a person (2.A.86)."""
    value = node[1].take()
    authority = _authority(node[9])
    code = node[13].take()
    identifier = Identifier(
        value=value,
        check_digit=node[11].take(),
        type=None if code is None else Concept(codings=(Coding(system=systems.v2_table("0203"), code=code),)),
        **authority,
    )
    person = _name(node, 2)
    if person is None and identifier == _NOBODY:
        return None
    return Actor(
        role=role,
        identifiers=() if identifier == _NOBODY else (identifier,),
        names=() if person is None else (person,),
    )


def organization(node: Node, role: str) -> Actor | None:
    """Read an extended composite name and id of an organization (2.A.85)."""
    title = node[1].take()
    value = node[10].take()
    authority = _authority(node[6])
    identifier = Identifier(value=value, **authority)
    if title is None and identifier == _NOBODY:
        return None
    return Actor(role=role, organization=title, identifiers=() if identifier == _NOBODY else (identifier,))


Persons = Sequence[tuple[int, Decoder[tuple[Actor, ...]]]]
"""Numbers of fields, and how their persons or organisations are read."""


def persons(role: str) -> Decoder[tuple[Actor, ...]]:
    """Return the mapping of a field of persons who did something."""
    return decoder(lambda field: each(field, lambda repetition: actor(repetition, role)))


def organizations(role: str) -> Decoder[tuple[Actor, ...]]:
    """Return the mapping of a field of organisations that did something."""
    return decoder(lambda field: each(field, lambda repetition: organization(repetition, role)))


def actors(segment: Segment, places: Persons) -> tuple[Actor, ...]:
    """Map several fields of persons and organisations."""
    return tuple(found for number, decode in places for found in segment.use(number, decode) or ())


def address(node: Node) -> Address | None:
    """Read an extended address (2.A.84); the parts of the street that have no field stay extensions."""
    kind = node[7].take()
    found = Address(
        lines=_two(node[1], node[2]),
        city=node[3].take(),
        state=node[4].take(),
        postal_code=node[5].take(),
        country=node[6].take(),
        district=node[9].take(),
        use=_ADDRESS_USE.get(kind or ""),
        native_type=kind,
    )
    return None if found == _NO_ADDRESS else found


def telecom(node: Node) -> Telecom | None:
    """Read an extended telecommunication number (2.A.88): the printed form, else the mail address or new form.

    The codes of use and equipment are looked at and stay extensions (several of them mean one use), and so does
    a number that stands elsewhere than in the first component.
    """
    use, equipment = node[2].peek() or "", node[3].peek() or ""
    system = _TELECOM_SYSTEM.get(equipment.upper())
    value = node[1].take()
    if value is None:
        value = node[4].peek() or node[12].peek()
        system = system or ("email" if value is not None and "@" in value else None)
    if value is None:
        return None
    usage = "mobile" if equipment == "CP" else _TELECOM_USE.get(use.upper())
    return Telecom(system=system or "phone", value=value, use=usage)


def location(node: Node) -> Location | None:
    """Read a person's location (2.A.53)."""
    found = Location(
        point_of_care=node[1].take(),
        room=node[2].take(),
        bed=node[3].take(),
        facility=node[4][1].take(),
        status=node[5].take(),
        type=node[6].take(),
        building=node[7].take(),
        floor=node[8].take(),
        description=node[9].take(),
    )
    return None if found == _NOWHERE else found
