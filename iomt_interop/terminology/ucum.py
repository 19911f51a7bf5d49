"""UCUM units as exact rationals: parse, validate, convert.

The grammar is that of The Unified Code for Units of Measure, section 2 (case-sensitive symbols): ``.`` and ``/``
from left to right, a leading ``/``, integer exponents, ``{annotations}`` and parentheses. The atoms are those that
devices and laboratories send; a symbol outside :mod:`._ucum_atoms` is not known here, and nothing is guessed.

Two deliberate strictnesses. Amount of substance, equivalents and osmoles are dimensions of their own, where UCUM
makes them all pure numbers: milliequivalents turn into millimoles only with a valence, which is no fact of the unit.
Logarithmic units convert only within themselves (``dB`` and ``B``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Final

from ..errors import InvalidRequest, LimitExceeded, UnitMismatch, UnknownCode
from . import _ucum_atoms as atoms

__all__ = ["UcumUnit", "commensurable", "convert", "is_valid_ucum", "parse_ucum"]

_MAX_TEXT: Final = 200
_MAX_DEPTH: Final = 8
_MAX_EXPONENT: Final = 12
_MAX_POWER_OF_TEN: Final = 40
_MAX_DECIMAL: Final = 400

_COMPONENT: Final = re.compile(
    r"(?:(?P<number>[0-9]{1,30})(?![0-9*^])"
    r"|(?P<symbol>10[*^]|(?:[A-Za-z%'_]|\[[!-Z\\^-z|~]{1,20}\])+)(?P<exponent>[+-]?[0-9]{1,3})?)?"
    r"(?P<note>\{[!-z|~]{0,80}\})?"
)

Dimension = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class UcumUnit:
    """A unit reduced to base units: ``base = (value + offset) * scale``.

    Parameters
    ----------
    scale : Fraction
        How many base units one unit is.
    offset : Fraction
        What is added before scaling; zero but for temperatures.
    dimension : tuple of (str, int)
        Base symbols and their exponents, sorted; empty for a pure number.
    """

    scale: Fraction
    offset: Fraction
    dimension: Dimension


@dataclass(frozen=True, slots=True)
class _Factor:
    scale: Fraction
    powers: dict[str, int]
    offset: Fraction = Fraction(0)
    alone: bool = False


_ONE: Final = _Factor(Fraction(1), {})


@lru_cache(maxsize=2048)
def parse_ucum(text: str) -> UcumUnit:
    """Parse a UCUM unit.

    Parameters
    ----------
    text : str
        A case-sensitive UCUM expression (``"mm[Hg]"``, ``"ug/kg/min"``).

    Returns
    -------
    UcumUnit
        The exact reduction to base units.

    Raises
    ------
    UnknownCode
        ``MDL-004``: no UCUM expression, or one with a symbol that is not known here.
    """
    if not text or len(text) > _MAX_TEXT:
        raise UnknownCode("MDL-004", clause="UCUM section 2")
    factor, position = _term(text, 0, 0)
    if position != len(text):
        raise UnknownCode("MDL-004", clause="UCUM section 2")
    dimension = tuple(sorted((symbol, power) for symbol, power in factor.powers.items() if power))
    return UcumUnit(factor.scale, factor.offset, dimension)


def is_valid_ucum(text: str) -> bool:
    """Tell whether the text is a UCUM unit that this library can read.

    Parameters
    ----------
    text : str
        A candidate, case-sensitive.

    Returns
    -------
    bool
        True when :func:`parse_ucum` would succeed.
    """
    try:
        parse_ucum(text)
    except UnknownCode:
        return False
    return True


def commensurable(source: str, target: str) -> bool:
    """Tell whether values in one unit can be expressed in the other.

    Parameters
    ----------
    source, target : str
        UCUM expressions.

    Returns
    -------
    bool
        True when both are known and have one dimension.
    """
    if not (is_valid_ucum(source) and is_valid_ucum(target)):
        return False
    return parse_ucum(source).dimension == parse_ucum(target).dimension


def convert(value: Fraction | int | Decimal, source: str, target: str) -> Fraction:
    """Convert a value exactly.

    Parameters
    ----------
    value : Fraction, int or Decimal
        The number in the source unit; a float has lost its precision already and is refused.
    source, target : str
        UCUM expressions.

    Returns
    -------
    Fraction
        The number in the target unit.

    Raises
    ------
    UnitMismatch
        ``MDL-003``: a unit is not known, or the two measure different things.
    InvalidRequest
        ``USE-001``: the value is not a finite exact number.
    LimitExceeded
        ``TRM-002``: the value is beyond any measurement.
    """
    number = _exact(value)
    try:
        origin, goal = parse_ucum(source), parse_ucum(target)
    except UnknownCode:
        raise UnitMismatch("MDL-003", hint="a unit is not a known UCUM expression") from None
    if origin.dimension != goal.dimension:
        raise UnitMismatch("MDL-003")
    return (number + origin.offset) * origin.scale / goal.scale - goal.offset


def _exact(value: object) -> Fraction:
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise InvalidRequest("USE-001", path="value")
        if (value and abs(value.adjusted()) > _MAX_DECIMAL) or len(value.as_tuple().digits) > _MAX_DECIMAL:
            raise LimitExceeded("TRM-002", path="value")
        return Fraction(value) if value else Fraction(0)
    if isinstance(value, bool) or not isinstance(value, (Fraction, int)):
        raise InvalidRequest("USE-001", path="value", hint="give an int, a Decimal or a Fraction")
    return Fraction(value)


def _term(text: str, position: int, depth: int) -> tuple[_Factor, int]:
    """Read components joined by ``.`` and ``/`` until the end or a closing parenthesis."""
    total = _ONE
    divide = text.startswith("/", position)
    position += divide
    count = 0
    while True:
        factor, position = _component(text, position, depth)
        count += 1
        if (factor.alone and divide) or (count > 1 and (factor.alone or total.alone)):
            raise UnknownCode("MDL-004", clause="UCUM section 2, special units on non-ratio scales")
        total = factor if count == 1 and not divide else _multiply(total, factor, -1 if divide else 1)
        if position == len(text) or text[position] == ")":
            return total, position
        if text[position] not in "./":
            raise UnknownCode("MDL-004", clause="UCUM section 2")
        divide = text[position] == "/"
        position += 1


def _component(text: str, position: int, depth: int) -> tuple[_Factor, int]:
    if text.startswith("(", position):
        if depth >= _MAX_DEPTH:
            raise UnknownCode("MDL-004", hint="too deeply nested")
        factor, position = _term(text, position + 1, depth + 1)
        if not text.startswith(")", position):
            raise UnknownCode("MDL-004", clause="UCUM section 2")
        return factor, position + 1
    found = _COMPONENT.match(text, position)
    if found is None or found.end() == position:
        raise UnknownCode("MDL-004", clause="UCUM section 2")
    number, symbol, exponent, note = found.group("number", "symbol", "exponent", "note")
    if number is not None:
        if note is not None or int(number) == 0:
            raise UnknownCode("MDL-004", clause="UCUM section 2")
        return _Factor(Fraction(int(number)), {}), found.end()
    if symbol is None:
        return _ONE, found.end()
    power = int(exponent) if exponent is not None else 1
    factor = _symbol(symbol)
    limit = _MAX_POWER_OF_TEN if symbol in {"10*", "10^"} else _MAX_EXPONENT
    if abs(power) > limit or (factor.alone and power != 1):
        raise UnknownCode("MDL-004", clause="UCUM section 2")
    return (factor if power == 1 else _multiply(_ONE, factor, power)), found.end()


def _multiply(left: _Factor, right: _Factor, power: int) -> _Factor:
    powers = dict(left.powers)
    for symbol, own in right.powers.items():
        powers[symbol] = powers.get(symbol, 0) + own * power
    return _Factor(left.scale * right.scale**power, powers)


def _symbol(symbol: str) -> _Factor:
    """Resolve an atom with its prefix, if it has one."""
    whole = _atom(symbol)
    if whole is not None:
        return whole
    for length in (2, 1):
        prefix, rest = symbol[:length], symbol[length:]
        factor = _atom(rest) if rest in atoms.METRIC else None
        if factor is None:
            continue
        if prefix in atoms.PREFIXES:
            scale = Fraction(10) ** atoms.PREFIXES[prefix]
        elif prefix in atoms.BINARY_PREFIXES and rest in {"bit", "By"}:
            scale = Fraction(2) ** atoms.BINARY_PREFIXES[prefix]
        else:
            continue
        return _Factor(factor.scale * scale, factor.powers, factor.offset / scale, factor.alone)
    raise UnknownCode("MDL-004", clause="UCUM section 4")


@lru_cache(maxsize=512)
def _atom(symbol: str) -> _Factor | None:
    if symbol in atoms.BASE:
        return _Factor(Fraction(1), {symbol: 1}, alone=symbol in atoms.LOGARITHMIC)
    if symbol in atoms.AFFINE:
        scale, offset = atoms.AFFINE[symbol]
        return _Factor(Fraction(scale), {"K": 1}, Fraction(offset), alone=True)
    row = atoms.DERIVED.get(symbol)
    if row is None:
        return None
    number, term = row
    factor, _ = _term(term, 0, 0)
    return _Factor(Fraction(number) * factor.scale, factor.powers)
