"""Coded elements: CE, CWE, CNE, IS and the two notations of device codes, MDC and the hexadecimal pairs of MDIL.

A device code is known by its reference id; the number is a check, because senders disagree about numbers more
often than about names.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from ...model import Coding, Concept
from ...terminology import hl7tables, loinc, mdc, systems, units
from .ledger import Node, decoder
from .tables import ALERT_SYSTEMS, DEVICE_SYSTEMS, ROLES, SETTING_CODES, Role

__all__ = [
    "Code",
    "Unit",
    "coded",
    "coding",
    "concept",
    "decode_code",
    "decode_concept",
    "decode_topic",
    "decode_unit",
    "table_coding",
]

_HEX_PAIR: Final = re.compile(r"([0-9A-Fa-f]{4})-([0-9A-Fa-f]{4})")
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,9}")
_MAX_MDC: Final = 1 << 32
_SETTINGS: Final = 258
"""Partition of settings (IEEE 11073-10101)."""
_ALTERNATES: Final = ((1, 2, 3, 7), (4, 5, 6, 8), (10, 11, 12, 13))
"""Components of the codings of a CWE: code, text, system, version (2.A.13)."""


class Code(NamedTuple):
    """What OBX-3 says."""

    concept: Concept
    key: str
    """What the metric is recognised by: the reference id, else the first code."""
    refid: str | None
    issue: str | None
    """Code of a doubt: reference id and number are of two things."""
    role: Role | None = None
    """What a result of this code is where it is no observation."""
    device: bool = False
    """Whether a device gives the code: what stands in OBX-7 is its alarm limits then."""


class Unit(NamedTuple):
    """What OBX-6 says."""

    ucum: str | None
    native: Coding | None
    concept: Concept
    complete: bool = False
    """Whether the concept holds everything that OBX-6 says."""


def coding(node: Node, code: int = 1, text: int = 2, system: int = 3, version: int = 7) -> Coding | None:
    """Return one coding of a coded element, ``None`` when its components are empty."""
    name = node.text(system)
    uri = _uri(name)
    value, label = node.text(code), node.text(text)
    if value is None and label is None and name is None:
        return None
    named = label is not None and label.startswith("MDC") and (uri == systems.MDC or name is None)
    return Coding(
        system=uri,
        code=value,
        display=None if named else label,
        refid=label if named else None,
        version=node.text(version),
        native_system=None if uri is not None and hl7tables.coding_system_id(uri) == name else name,
    )


def _uri(name: str | None) -> str | None:
    return None if name is None else hl7tables.coding_system_uri(name)


def concept(node: Node) -> Concept | None:
    """Return the meaning of one repetition of a coded element, ``None`` when it is empty."""
    found = tuple(c for place in _ALTERNATES if (c := coding(node, *place)) is not None)
    text = node.text(9)
    return Concept(codings=found, text=text) if found or text is not None else None


def coded(node: Node) -> tuple[Concept, ...]:
    """Return the meanings of all repetitions of a field."""
    return tuple(c for repetition in node.children if (c := concept(repetition)) is not None)


def table_coding(node: Node, table: str) -> Coding | None:
    """Return a coding of an HL7 table whose number the field's definition gives (IS, ID, or CWE since 2.7)."""
    found = coding(node)
    if found is None or found.native_system is not None or found.system is not None:
        return found
    return found.replace(system=systems.v2_table(table))


def _mdc_number(native: Coding) -> int | None:
    """Return the MDC number that a coding states, in decimal or as a hexadecimal pair of partition and term."""
    text = native.code or ""
    if native.system == systems.MDC and _NUMBER.fullmatch(text):
        return int(text)
    pair = _HEX_PAIR.fullmatch(text)
    if pair is not None and native.native_system == "MDIL":
        return mdc.context_free(int(pair[1], 16), int(pair[2], 16))
    return None


def _mapped(native: Coding) -> tuple[tuple[Coding, ...], str | None]:
    """Return the codings that the tables add to the source's own, and a doubt."""
    number, refid, issue = _mdc_number(native), native.refid, None
    if native.system == systems.LOINC and native.code is not None:
        number = loinc.mdc_of(native.code)
    elif refid is not None:
        known = mdc.codes_of(refid)
        named = mdc.refids_of(number) if number is not None and number < _MAX_MDC else ()
        if known and number not in known:
            issue = "ORU-201" if number is not None else None
            number = mdc.code_of(refid)
        elif named and refid not in named:
            issue, number = "ORU-201", None
    if number is None or number >= _MAX_MDC:
        return (), issue
    added = []
    shown = mdc.refid_of(number)
    stated = native.system == systems.MDC and native.code == str(number)
    if shown is not None and (not stated or refid is None):
        added.append(Coding(system=systems.MDC, code=str(number), refid=refid or shown))
    if native.system != systems.LOINC:
        added.extend(Coding(system=systems.LOINC, code=code) for code in loinc.loinc_of(number))
    return tuple(added), issue


def device_code(field: Node) -> Code:
    """Read OBX-3: the source's codings first, then what the tables know of them."""
    native = concept(field[1]) or Concept()
    codings = list(native.codings)
    issue = None
    for own in native.codings:
        added, doubt = _mapped(own)
        issue = issue or doubt
        codings.extend(c for c in added if not any((c.system, c.code) == (o.system, o.code) for o in codings))
    refid = next((c.refid for c in codings if c.refid), None)
    key = refid or next((c.code or c.display or "" for c in codings), native.text or "")
    names = {c.native_system for c in native.codings}
    device = bool(names & DEVICE_SYSTEMS) or any(c.system == systems.MDC for c in native.codings)
    role = "alert" if names & ALERT_SYSTEMS else _role(codings)
    return Code(Concept(codings=tuple(codings), text=native.text), key, refid, issue, role, device)


def _role(codings: list[Coding]) -> Role | None:
    """Tell settings and happenings from measurements, by reference id, else by the partition of the number."""
    for found in codings:
        if found.refid is not None:
            role = ROLES.get(found.refid)
            if role is not None or found.refid.endswith("_SETTING") or found.refid in SETTING_CODES:
                return role or "setting"
            if found.refid.startswith(("MDC_EVT_", "MDCX_EVT_")):
                return "event"
        number = _mdc_number(found)
        if number is not None and number < _MAX_MDC and mdc.partition(number) == _SETTINGS:
            return "setting"
    return None


def unit(field: Node) -> Unit:
    """Read OBX-6: an MDC unit with or without a UCUM alternate, UCUM, ISO+, MDIL or a bare text.

    Only the first coding is taken: a quantity has room for one. The others are looked at for their UCUM, stand
    in the metric's unit, and stay in extensions too.
    """
    own = coding(field[1], *_ALTERNATES[0])
    every = Node(field.raw, field.syntax)
    whole = concept(every[1]) or Concept()
    found = next((ucum for c in whole.codings if (ucum := _ucum(c)) is not None), None)
    bare = found is not None and own == Coding(system=systems.UCUM, code=found)
    return Unit(found, None if bare else own, whole, not every.rest())


def _ucum(native: Coding) -> str | None:
    """Return the UCUM expression of a unit, ``None`` when it is not certain."""
    number = _mdc_number(native)
    if number is None and native.refid is not None:
        number = mdc.code_of(native.refid)
    if number is not None:
        found = units.ucum_of(number) if number < _MAX_MDC else None
        if found is not None:
            return found
    if native.system == systems.UCUM and native.code is not None and units.is_valid_ucum(native.code):
        return native.code
    for text in (native.code, native.display):
        found = None if text is None or native.system == systems.MDC else units.ucum_of_text(text)
        if found is not None:
            return found
    return None


decode_concept = decoder(lambda field: concept(field[1]))
decode_topic = decoder(lambda field: concept(field[1]), cache=1024)
"""As :data:`decode_concept`, for fields that say nothing of a person."""

decode_code = decoder(device_code, cache=4096)
decode_unit = decoder(unit, cache=1024)
