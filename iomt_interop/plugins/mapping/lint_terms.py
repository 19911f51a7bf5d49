"""Units and codes of a mapping against the terminologies."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, Final

from ...terminology import loinc, mdc, systems, units
from .schema import Mapping, Rule, walk
from .specs import ChannelSpec, CodingSpec, ComponentSpec, ConceptSpec, QuantitySpec, Spec, TotalSpec
from .words import SYSTEMS

__all__ = ["term_findings"]

_Raw = tuple[str, str, str]
_VALUES: Final = ("value", "programmed", "delivered")
_REFIDS: Final = "MDC"


def term_findings(mapping: Mapping) -> Iterator[_Raw]:
    """Yield what the terminologies object to: code, place, detail."""
    for rule in mapping.rules:
        place = f"record[{rule.index}]"
        for where, spec in walk(rule.fields, place):
            if isinstance(spec, QuantitySpec | ChannelSpec):
                yield from _units(mapping, spec, where)
            if isinstance(spec, CodingSpec):
                yield from _coding(spec, where)
            if isinstance(spec, ConceptSpec):
                yield from _inline(spec, where)
                yield from _agreement((spec, *spec.codings), where)
            if isinstance(spec, ComponentSpec | TotalSpec):
                yield from _dimension(mapping, spec.code, spec.value, f"{where}.value")
            if isinstance(spec, ChannelSpec):
                yield from _dimension(mapping, spec.code, spec, where)
        yield from _rule(mapping, rule, place)
    for name, table in mapping.tables.items():
        for key, entry in table.items():
            yield from _entry(entry, f"tables.{name}.{key}")


def _rule(mapping: Mapping, rule: Rule, place: str) -> Iterator[_Raw]:
    code = rule.fields.get("code")
    if isinstance(code, ConceptSpec):
        for name in _VALUES:
            if name in rule.fields:
                yield from _dimension(mapping, code, rule.fields[name], f"{place}.{name}")


def _units(mapping: Mapping, spec: QuantitySpec | ChannelSpec, where: str) -> Iterator[_Raw]:
    if spec.unit is not None and not units.is_valid_ucum(spec.unit):
        yield "MAP-303", f"{where}.unit", ""
    if isinstance(spec.units, str):
        table, base = mapping.tables.get(spec.units, {}), f"tables.{spec.units}"
    else:
        table, base = dict(spec.units or {}), f"{where}.units"
    if spec.units is not None and not table and not isinstance(spec.units, str):
        yield "MAP-311", base, "empty"
    for key, ucum in table.items():
        if not isinstance(ucum, str):
            yield "MAP-302", f"{base}.{key}", "a unit"
        elif not units.is_valid_ucum(ucum):
            yield "MAP-303", f"{base}.{key}", ""


def _entry(entry: Any, where: str) -> Iterator[_Raw]:
    if isinstance(entry, CodingSpec):
        yield from _coding(entry, where)
    elif isinstance(entry, tuple):
        for number, each in enumerate(entry):
            yield from _coding(each, f"{where}[{number}]")
        yield from _agreement(entry, where)


def _inline(spec: ConceptSpec, where: str) -> Iterator[_Raw]:
    if isinstance(spec.table, dict):
        if not spec.table:
            yield "MAP-311", f"{where}.table", "empty"
        for key, entry in spec.table.items():
            yield from _entry(entry, f"{where}.table.{key}")


def _coding(spec: CodingSpec, where: str) -> Iterator[_Raw]:
    system = SYSTEMS.get(spec.system or "", spec.system)
    if system == systems.MDC:
        yield from _mdc(spec, where)
    elif system == systems.LOINC and spec.code is not None and not _is_loinc(str(spec.code)):
        yield "MAP-304", f"{where}.code", "its check digit is wrong, or it is no LOINC code"
    elif system == systems.UCUM and spec.code is not None and not units.is_valid_ucum(str(spec.code)):
        yield "MAP-303", f"{where}.code", ""


def _mdc(spec: CodingSpec, where: str) -> Iterator[_Raw]:
    refids: tuple[str, ...] = ()
    if spec.code is not None:
        text = str(spec.code)
        number = int(text) if text.isascii() and text.isdigit() and len(text) < 11 else -1
        refids = mdc.refids_of(number)
        if not refids and not (number >= 0 and mdc.is_private(number)):
            yield "MAP-304", f"{where}.code", ""
    if spec.refid is None:
        return
    known = mdc.codes_of(spec.refid)
    if refids and spec.refid not in refids:
        yield "MAP-305", f"{where}.refid", ""
    elif not known and not refids:
        yield "MAP-304", f"{where}.refid", ""
    display = spec.display or ""
    if display.startswith(f"{_REFIDS}_") and display != spec.refid:
        yield "MAP-305", f"{where}.display", ""


def _is_loinc(code: str) -> bool:
    """Tell whether the check digit is right (LOINC Users' Guide, appendix C: Mod 10)."""
    body, dash, check = code.partition("-")
    if not dash or not (body.isascii() and body.isdigit()) or len(body) > 7 or len(check) != 1:
        return False
    total = 0
    for place, digit in enumerate(reversed(body)):
        number = int(digit) * (2 - place % 2)
        total += number // 10 + number % 10
    return check == str(-total % 10)


def _agreement(codings: tuple[CodingSpec, ...], where: str) -> Iterator[_Raw]:
    """Yield a finding when an MDC and a LOINC code that stand together are known to be of two things."""
    numbers = {number for each in codings if (number := _number(each)) is not None}
    loincs = [str(each.code) for each in codings if SYSTEMS.get(each.system or "", each.system) == systems.LOINC]
    for code in loincs:
        if loinc.mdc_of(code) is None:
            continue
        if any(loinc.loinc_of(number) and code not in loinc.loinc_of(number) for number in numbers):
            yield "MAP-305", where, ""


def _number(spec: CodingSpec) -> int | None:
    if SYSTEMS.get(spec.system or "", spec.system) != systems.MDC:
        return None
    if spec.code is None:
        return None if spec.refid is None else mdc.code_of(spec.refid)
    text = str(spec.code)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 11 else None


def _dimension(mapping: Mapping, code: ConceptSpec, value: Spec, where: str) -> Iterator[_Raw]:
    """Yield a finding when a unit cannot measure what the fixed code means."""
    if code.path is not None or not isinstance(value, QuantitySpec | ChannelSpec):
        return
    expected = [unit for each in (code, *code.codings) for unit in _expected(each)]
    if not expected:
        return
    named = mapping.tables.get(value.units, {}) if isinstance(value.units, str) else value.units or {}
    base = f"tables.{value.units}" if isinstance(value.units, str) else f"{where}.units"
    stated = [(f"{where}.unit", value.unit), *((f"{base}.{key}", unit) for key, unit in named.items())]
    for place, unit in stated:
        if not isinstance(unit, str) or not units.is_valid_ucum(unit):
            continue
        if not any(units.commensurable(unit, other) for other in expected):
            yield "MAP-306", place, ""


def _expected(spec: CodingSpec) -> tuple[str, ...]:
    system = SYSTEMS.get(spec.system or "", spec.system)
    if system == systems.LOINC:
        return _known_units().get(str(spec.code), ())
    number = _number(spec)
    if number is None:
        return ()
    return tuple(unit for code in loinc.loinc_of(number) for unit in _known_units().get(code, ()))


@cache
def _known_units() -> dict[str, tuple[str, ...]]:
    """Return the units of each vital sign and of the parts of compound ones, by LOINC code."""
    found = {sign.loinc: sign.units for sign in loinc.VITAL_SIGNS if sign.units}
    found |= {code: allowed for sign in loinc.VITAL_SIGNS for code, allowed in sign.components}
    # Codes that mean the same as one of these.
    for codes in loinc.MDC_TO_LOINC.values():
        shared = next((found[code] for code in codes if code in found), None)
        if shared is not None:
            found |= {code: shared for code in codes if code not in found}
    return found
