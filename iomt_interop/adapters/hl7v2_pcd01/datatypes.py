"""Parts of the model as HL7 v2 data types: CWE, CX, EI, HD, XPN, XCN, XON, XAD, XTN, PL, DTM, NM (2.6, chapter 2.A).

Each function returns composed text; what a type has no place for it tells ``lost`` by its path and a fixed phrase.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, Final, NamedTuple

from ...model import Actor, Address, Coding, Concept, Identifier, Instant, Location, PersonName, Telecom
from ...model.base import Model
from ...model.number import Number
from ...terminology import hl7tables, loinc, mdc, systems
from ...wire.hl7v2.compose import components, leaf, repetitions, subcomponents
from .tables import ADDRESS_TYPES, NAME_TYPES, TABLE_CODES, TELECOM_EQUIPMENT, TELECOM_USES

__all__ = [
    "Coded",
    "Lost",
    "Same",
    "coded",
    "concept_list",
    "cx",
    "device_code",
    "dtm",
    "ei",
    "eui64_of",
    "is_local",
    "nm",
    "organization",
    "person",
    "pl",
    "table_code",
    "unsaid",
    "xad",
    "xpn",
    "xtn",
]

Lost = Callable[[str, str], None]
"""Takes the path inside the record and the reason of a loss."""

_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)")
_ISO: Final = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d)(?::(\d\d)(?::(\d\d)(?:\.(\d+))?)?)?)?)?)?(Z|[+-]\d\d:\d\d)?", re.ASCII
)
_LIMITS: Final = ((1, 9999), (1, 12), (1, 31), (0, 24), (0, 59), (0, 60))
_DAYS: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_MAX_FRACTION: Final = 4
_MAX_PLACES: Final = 400
_NOTHING: Final = ("", "", "", "")


class Coded(NamedTuple):
    """A coded element, and whether all codings found a place."""

    text: str
    whole: bool


def unsaid(part: Model, said: frozenset[str]) -> list[str]:
    """Return the fields that are filled and not among those that are said."""
    fields = type(part).model_fields
    filled = part.model_fields_set - said
    return [name for name in sorted(filled) if getattr(part, name) not in (None, (), fields[name].default)]


def _spare(part: Model, said: str, lost: Lost, path: str) -> None:
    """Tell of the parts of a value that its data type has no component for."""
    for name in unsaid(part, _SAID[said]):
        lost(f"{path}.{name}", f"{said} has no component for it")


_SAID: Final[dict[str, frozenset[str]]] = {
    kind: frozenset(names.split())
    for kind, names in {
        "EI": "value system authority authority_id authority_id_type",
        "CX": "value system authority authority_id authority_id_type type check_digit check_scheme facility "
        "facility_id start end",
        "XPN": "family own_prefix own_name partner_prefix partner_name given prefix suffix use native_type start end",
        "XCN": "role party code identifiers names behalf",
        "XON": "role party code identifiers organization addresses",
        "XAD": "lines city district state postal_code country use native_type census_tract",
        "XTN": "system value use country area local extension",
        "PL": "point_of_care room bed facility facility_id facility_id_type status type building floor level_ids "
        "description",
    }.items()
}
"""Fields of the model's parts that have a component, by data type."""


# ---- Codes


def _coding(coding: Coding) -> tuple[str, str, str, str]:
    """Return code, text, system and version of a coding, composed."""
    name = coding.native_system or (coding.system and (hl7tables.coding_system_id(coding.system) or coding.system))
    code, text = coding.code, coding.refid or coding.display
    if coding.system == systems.MDC:
        if code is None and coding.refid is not None:
            known = mdc.code_of(coding.refid)
            code = None if known is None else str(known)
        if coding.refid is None and code is not None and code.isascii() and code.isdigit() and len(code) <= 10:
            text = mdc.refid_of(int(code)) or text
    return leaf(code), leaf(text), leaf(name), leaf(coding.version)


def coded(concept: Concept, *, device: bool = False) -> Coded:
    """Return a CWE; of more than two codings the rest has no place (2.6).

    Parameters
    ----------
    concept : Concept
        The meaning.
    device : bool
        Whether MDC comes first, as IHE PCD asks for; without it the source's own coding does.
    """
    codings = list(concept.codings)
    if device:
        codings.sort(key=lambda coding: coding.system != systems.MDC)
        # What the tables add to a code is not said again: a reader would add to that in its turn.
        codings = codings[:1] + [c for c in codings[1:] if not (_is_bare(c) and _is_known(c, codings[0]))]
    chosen, rest = codings[:2], codings[2:]
    first, second = ([_coding(coding) for coding in chosen] + [_NOTHING, _NOTHING])[:2]
    text = components(*first[:3], *second[:3], first[3], second[3], leaf(concept.text))
    return Coded(text, all(_is_known(coding, codings[0]) for coding in rest) and all(map(_is_said, chosen)))


class Same:
    """A value that is known again by identity: to compare it by content takes as long as to compose it."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)

    def __repr__(self) -> str:
        return "Same()"


@lru_cache(4096)
def _device_code(concept: Same, device: bool) -> Coded:
    return coded(concept.value, device=device)


def device_code(concept: Concept, *, device: bool) -> Coded:
    """Return the code of what a device measures; readers give the same object in every message."""
    return _device_code(Same(concept), device)


def _is_bare(coding: Coding) -> bool:
    """Tell whether a coding is as the tables give it, without anything that a source said."""
    return coding.display is coding.version is coding.native_system is None


def _is_known(coding: Coding, first: Coding) -> bool:
    """Tell whether a reader finds a coding again from the first."""
    number = first.code or ""
    if first.system != systems.MDC or not (number.isascii() and number.isdigit() and len(number) <= 10):
        return False
    if coding.system == systems.MDC:
        return coding.code == number
    return coding.system == systems.LOINC and coding.code in loinc.loinc_of(int(number))


def _is_said(coding: Coding) -> bool:
    """Tell whether the one text of a coding in CWE holds its reference id as well as its text for people."""
    return coding.display is None or coding.refid in (None, coding.display)


def concept_list(concepts: Iterable[Concept], lost: Lost, path: str, *, device: bool = False) -> str:
    """Return concepts as repetitions of a field."""
    found = [coded(concept, device=device) for concept in concepts]
    if not all(each.whole for each in found):
        lost(path, "more codings or texts than the field has places")
    return repetitions(each.text for each in found)


def table_code(coding: Coding | None, table: str, lost: Lost, path: str) -> str:
    """Return a code of the HL7 table that the field's definition names; codes of FHIR become those of the table."""
    if coding is None or coding.code is None:
        return ""
    if coding.system in TABLE_CODES:
        found = TABLE_CODES[coding.system].get(coding.code)
        if found is None:
            lost(path, "the table has no such code")
        return found or ""
    if coding.system not in (None, systems.v2_table(table)) or coding.native_system or coding.display:
        lost(path, "the field is one code of its table")
    return leaf(coding.code)


# ---- Identifiers


def _authority(found: Identifier) -> tuple[str, str, str]:
    """Return name space, universal id and its type."""
    identifier, kind, system = found.authority_id, found.authority_id_type, found.system
    if identifier is None and system == systems.URI and kind in ("URI", "URN"):
        identifier = found.value
    elif identifier is None and system is not None:
        if system.startswith(systems.OID_PREFIX) and system != systems.EUI64:
            identifier, kind = system.removeprefix(systems.OID_PREFIX), "ISO"
        elif system.startswith(systems.UUID_PREFIX):
            identifier, kind = system.removeprefix(systems.UUID_PREFIX), "UUID"
        elif system == systems.EUI64:
            identifier, kind = (None, kind) if _is_universal(found) else (found.value, "EUI-64")
        else:
            identifier, kind = system, "URI"
    return leaf(found.authority), leaf(identifier), leaf(kind)


def ei(found: Identifier, lost: Lost | None = None, path: str = "identifiers") -> str:
    """Return an entity identifier."""
    if lost is not None:
        _spare(found, "EI", lost, path)
    return components("" if _is_universal(found) else leaf(found.value), *_authority(found))


def _is_universal(found: Identifier) -> bool:
    """Tell whether the value is what the universal id says, so that there is no entity beside it."""
    kind, value = found.authority_id_type, found.value or ""
    if found.system == systems.EUI64:
        written = (found.authority_id, found.authority)
        return any((each or "").replace("-", "").replace(":", "").upper() == value for each in written)
    if found.system != systems.URI or kind is None:
        return False
    if found.authority_id is None:
        return kind in ("URI", "URN")
    prefix = {"ISO": systems.OID_PREFIX, "UUID": systems.UUID_PREFIX}.get(kind)
    return prefix is not None and value in (prefix + found.authority_id, prefix + found.authority_id.lower())


def cx(found: Identifier, lost: Lost, path: str) -> str:
    """Return an extended composite id."""
    _spare(found, "CX", lost, path)
    return components(
        leaf(found.value),
        leaf(found.check_digit),
        leaf(found.check_scheme),
        subcomponents(*_authority(found)),
        _type_code(found, lost, path),
        subcomponents(leaf(found.facility), leaf(found.facility_id)),
        leaf(found.start),
        leaf(found.end),
    )


def _type_code(found: Identifier, lost: Lost, path: str) -> str:
    if found.type is None:
        return ""
    table = found.type.coding(systems.v2_table("0203"))
    if table is None or len(found.type.codings) > 1:
        lost(f"{path}.type", "the type of an identifier is one code of table 0203")
    return "" if table is None else leaf(table.code)


def eui64_of(identifiers: Iterable[Identifier]) -> str | None:
    """Return the EUI-64 among identifiers of a device."""
    return next((found.value for found in identifiers if found.system == systems.EUI64 and found.value), None)


# ---- Persons, organisations, places


def _named(found: PersonName | None, lost: Lost, path: str) -> tuple[str, ...]:
    """Return the parts that XPN and XCN have in common."""
    if found is None:
        return ("",) * 6
    _spare(found, "XPN", lost, path)
    parts = (found.family, found.own_prefix, found.own_name, found.partner_prefix, found.partner_name)
    return (
        subcomponents(*map(leaf, parts)),
        leaf(found.given[0]) if found.given else "",
        leaf(" ".join(found.given[1:])),
        leaf(found.suffix[0]) if found.suffix else "",
        leaf(" ".join(found.prefix)),
        leaf(" ".join(found.suffix[1:])),
    )


def _name_type(found: PersonName | None) -> str:
    return "" if found is None else leaf(found.native_type or NAME_TYPES.get(found.use or ""))


def xpn(found: PersonName, lost: Lost, path: str) -> str:
    """Return an extended person name."""
    parts = _named(found, lost, path)
    return components(*parts, _name_type(found), "", "", "", "", leaf(found.start), leaf(found.end))


def person(found: Actor, lost: Lost, path: str) -> str:
    """Return an extended composite id and name of a person."""
    _spare(found, "XCN", lost, path)
    if max(len(found.names), len(found.identifiers)) > 1:
        lost(path, "XCN holds one identifier and one name")
    known = found.identifiers[0] if found.identifiers else Identifier()
    name = found.names[0] if found.names else None
    return components(
        leaf(known.value), *_named(name, lost, f"{path}.names"), "", subcomponents(*_authority(known)),
        _name_type(name), leaf(known.check_digit), leaf(known.check_scheme), _type_code(known, lost, path),
        subcomponents(leaf(known.facility), leaf(known.facility_id)), "", "", "", "",
        leaf(name.start if name else None), leaf(name.end if name else None),
    )  # fmt: skip


def organization(found: Actor, lost: Lost, path: str) -> str:
    """Return an extended composite name and id of an organisation."""
    _spare(found, "XON", lost, path)
    if len(found.identifiers) > 1:
        lost(path, "XON holds one name and one identifier")
    known = found.identifiers[0] if found.identifiers else Identifier()
    return components(
        leaf(found.organization), "", "", leaf(known.check_digit), leaf(known.check_scheme),
        subcomponents(*_authority(known)), _type_code(known, lost, path),
        subcomponents(leaf(known.facility), leaf(known.facility_id)), "", leaf(known.value),
    )  # fmt: skip


def xad(found: Address, lost: Lost, path: str) -> str:
    """Return an extended address."""
    _spare(found, "XAD", lost, path)
    return components(
        leaf(found.lines[0]) if found.lines else "",
        leaf(" ".join(found.lines[1:])),
        leaf(found.city),
        leaf(found.state),
        leaf(found.postal_code),
        leaf(found.country),
        leaf(found.native_type or ADDRESS_TYPES.get(found.use or "")),
        "",
        leaf(found.district),
        leaf(found.census_tract),
    )


def xtn(found: Telecom, lost: Lost, path: str) -> str:
    """Return an extended telecommunication number."""
    _spare(found, "XTN", lost, path)
    kind = TELECOM_EQUIPMENT.get(found.system or "", "")
    if found.system is not None and not kind:
        lost(f"{path}.system", "table 0202 has no such equipment")
    if kind == "Internet":
        return components("", "NET", kind, leaf(found.value))
    if kind == "PH" and found.use == "mobile":
        kind = "CP"
    parts = (found.country, found.area, found.local, found.extension)
    shown = f"{found.area} {found.local}" + (f" X{found.extension}" if found.extension else "")
    derived = found.value == (f"+{found.country} {shown}" if found.country else shown)
    value = "" if derived and found.area and found.local else leaf(found.value)
    return components(value, TELECOM_USES.get(found.use or "", ""), kind, "", *map(leaf, parts))


def pl(found: Location | None, lost: Lost, path: str) -> str:
    """Return a person's location."""
    if found is None:
        return ""
    _spare(found, "PL", lost, path)
    facility = subcomponents(leaf(found.facility), leaf(found.facility_id), leaf(found.facility_id_type))
    first = (_level(found, name) for name in ("point_of_care", "room", "bed"))
    wider = (_level(found, name) for name in ("building", "floor"))
    return components(*first, facility, leaf(found.status), leaf(found.type), *wider, leaf(found.description))


def _level(found: Location, name: str) -> str:
    """Return one level of a place: its name and its universal id."""
    known = next((one for one in found.level_ids if one.level == name), None)
    number, kind = (None, None) if known is None else (known.value, known.type)
    return subcomponents(leaf(getattr(found, name)), leaf(number), leaf(kind))


# ---- Times and numbers


def is_local(found: Instant) -> bool:
    """Tell whether a time of day is stated without an offset."""
    text = found.value
    return "T" in text and text[-1] != "Z" and text[-6] not in "+-"


def dtm(found: Instant, lost: Lost, path: str, *, local: bool = False) -> str:
    """Return a DTM with the precision and the offset of the instant (2.A.22).

    Parameters
    ----------
    found : Instant
        The instant.
    lost : callable
        Told of what DTM cannot say.
    path : str
        Path of the instant.
    local : bool
        Whether the offset is left out, because the message's own holds.
    """
    match = _ISO.fullmatch(found.value)
    assert match is not None  # the field's pattern excludes it
    *parts, fraction, zone = match.groups()
    known = [part for part in parts if part is not None]
    if not _exists([int(part) for part in known]):
        lost(path, "no time of the calendar")
        return ""
    if fraction is not None:
        if len(fraction) > _MAX_FRACTION:
            lost(path, "DTM has four digits behind the second")
        known.append(f".{fraction[:_MAX_FRACTION]}")
    if zone is not None and not local:
        known.append("+0000" if zone == "Z" else zone.replace(":", ""))
    return "".join(known)


def _exists(parts: list[int]) -> bool:
    if not all(low <= part <= high for part, (low, high) in zip(parts, _LIMITS, strict=False)):
        return False
    if len(parts) > 3 and parts[3] == 24 and any(parts[4:]):
        return False
    if len(parts) < 3:
        return True
    year, month, day = parts[:3]
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return day <= _DAYS[month - 1] - (month == 2 and not leap)


def nm(found: Number, lost: Lost, path: str) -> str:
    """Return a number in digits, as it was written where that is an NM (2.A.46); empty for a special value."""
    if found.special is not None:
        return ""
    text = found.literal if found.literal is not None and _NUMBER.fullmatch(found.literal) else None
    if text is not None and Number.from_text(text).text == found.text:
        return text
    if found.exponent > 0:
        if found.exponent > _MAX_PLACES:
            lost(path, "more digits than a number in a message has")
            return ""
        lost(path, "NM cannot say which zeros at the end were measured")
        return f"{found.mantissa}{'0' * found.exponent}"
    return found.text
