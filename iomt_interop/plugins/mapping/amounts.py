"""Numbers and values of a row: exact, with the unit as the source wrote it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, cast

from ...errors import InvalidRecord
from ...model import (
    Absent,
    BooleanValue,
    CodedValue,
    Coding,
    Instant,
    Number,
    Quantity,
    TextValue,
    TimeOfDayValue,
    TimeValue,
    Value,
    parse_decimal,
)
from ...model.number import Comparator
from ...terminology import units
from .scope import Leaf, Scope
from .specs import ConceptSpec, InstantSpec, PathText, QuantitySpec, ValueSpec
from .times import read
from .words import concept_of, truth

__all__ = ["number_of", "quantity_of", "scaled", "unit_of", "value_of"]

_COMPARED: Final = re.compile(r"(<=|>=|<|>)?\s*+(.*)", re.DOTALL)
_TIME_OF_DAY: Final = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d(?::(?:[0-5]\d|60)(?:\.\d{1,18})?)?", re.ASCII)


def number_of(text: str, decimal: str, group: str | None) -> tuple[Number, Comparator | None] | None:
    """Read a number as the mapping says it is written; ``None`` when it is none."""
    match = _COMPARED.fullmatch(text.strip())
    if match is None:
        return None
    plain = match[2]
    if group is not None:
        plain = plain.replace(group, "")
    if decimal == ",":
        if "." in plain:
            return None
        plain = plain.replace(",", ".")
    try:
        return Number.from_text(plain), cast("Comparator | None", match[1])
    except InvalidRecord:
        return None


def scaled(number: Number, factor: str | None) -> Number:
    """Multiply exactly: mantissas multiply, exponents add."""
    if factor is None:
        return number
    mantissa, exponent = parse_decimal(factor)
    return Number(mantissa=number.mantissa * mantissa, exponent=number.exponent + exponent)


def unit_of(
    scope: Scope, unit: str | None, unit_path: PathText | None, table: str | dict[str, str] | None
) -> tuple[str | None, Coding | None]:
    """Return the UCUM unit and the source's own."""
    leaf = None if unit_path is None else scope.leaf(unit_path)
    if leaf is None or not leaf.text:
        return unit, None
    scope.take(leaf)
    if table is None:
        ucum = units.ucum_of_text(leaf.text)
    else:
        entry = (scope.mapping.tables.get(table, {}) if isinstance(table, str) else table).get(leaf.text)
        ucum = entry if isinstance(entry, str) else None
        if ucum is None:
            scope.doubt("MAP-204", unit_path or "unit_path")
    return ucum, None if ucum == leaf.text else Coding(code=leaf.text)


def quantity_of(scope: Scope, spec: QuantitySpec) -> Quantity | None:
    """Return a quantity where nothing else may stand."""
    leaf = scope.leaf(spec.path, spec.pattern)
    if leaf is None or not leaf.text or leaf.text in spec.absent:
        return None
    found = _quantity(scope, spec, leaf)
    if found is None:
        scope.doubt("MAP-202", spec.path)
    return found


def _quantity(scope: Scope, spec: QuantitySpec, leaf: Leaf) -> Quantity | None:
    found = number_of(leaf.text or "", spec.decimal or scope.mapping.source.decimal, spec.group)
    if found is None:
        return None
    try:
        number = scaled(found[0], spec.factor)
    except ValueError:  # an exponent beyond the model's
        return None
    if spec.factor is None or found[0].literal is None:  # "+7" times 0.1 is no longer what was written
        scope.take(leaf)
    unit, native = unit_of(scope, spec.unit, spec.unit_path, spec.units)
    return Quantity(
        mantissa=number.mantissa,
        exponent=number.exponent,
        literal=number.literal,
        comparator=found[1],
        unit=unit,
        native_unit=native,
    )


def value_of(scope: Scope, spec: ValueSpec) -> Value | None:
    """Return a value; a text that is not of the stated kind stays a text, with a doubt."""
    leaf = scope.leaf(spec.path, spec.pattern)
    if leaf is None:
        return None
    reason = spec.absent.get(leaf.text or "")
    if reason is not None:
        scope.take(leaf)
        return Absent(reason=reason, native=leaf.text)
    if not leaf.text:
        return None
    found = _KINDS[spec.kind](scope, spec, leaf)
    if found is None:
        scope.doubt("MAP-202", spec.path)
        scope.take(leaf)
        return TextValue(text=leaf.text)
    return found


def _text(scope: Scope, spec: ValueSpec, leaf: Leaf) -> Value | None:
    scope.take(leaf)
    return TextValue(text=leaf.text or "")


def _code(scope: Scope, spec: ValueSpec, leaf: Leaf) -> Value | None:
    key = ("code", id(spec))
    form = scope.mapping.cache.get(key)
    if form is None:
        form = ConceptSpec(path=spec.path, pattern=spec.pattern, system=spec.system, table=spec.table)
        scope.mapping.cache[key] = form
    concept = concept_of(scope, form)
    return None if concept is None else CodedValue(concepts=(concept,))


def _boolean(scope: Scope, spec: ValueSpec, leaf: Leaf) -> Value | None:
    if leaf.text not in (*spec.true, *spec.false):
        return None
    return BooleanValue(value=bool(truth(scope, spec, leaf)))


def _time(scope: Scope, spec: ValueSpec, leaf: Leaf) -> Value | None:
    instant = InstantSpec(path=spec.path, format=spec.format, zone=spec.zone, offset=spec.offset)
    text = leaf.text or ""
    reading = read(scope, text, instant, spec.zone, spec.offset)
    if reading is None:
        return None
    scope.take(leaf)
    native = None if text == reading.text else text
    return TimeValue(time=Instant(value=reading.text, native=native, origin="stated", flags=reading.flags))


def _time_of_day(scope: Scope, spec: ValueSpec, leaf: Leaf) -> Value | None:
    if _TIME_OF_DAY.fullmatch(leaf.text or "") is None:
        return None
    scope.take(leaf)
    return TimeOfDayValue(value=leaf.text or "")


_KINDS: Final[dict[str, Callable[[Scope, ValueSpec, Leaf], Value | None]]] = {
    "quantity": _quantity,
    "text": _text,
    "code": _code,
    "boolean": _boolean,
    "time": _time,
    "time-of-day": _time_of_day,
}
