"""Numbers as they were written: a mantissa and a decimal exponent, or one of five special values.

``2.00`` is not ``2``: the first says more. Binary floats cannot tell them apart and cannot hold ``0.1``;
:class:`decimal.Decimal` holds both but calls them equal. So the model keeps the two integers.
"""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Final, Literal, Self

from pydantic import Field

from ..errors import InvalidRecord, InvalidRequest
from .base import Model
from .coding import Coding

__all__ = ["MAX_DIGITS", "Comparator", "Number", "Quantity", "Range", "Ratio", "SpecialValue", "parse_decimal"]

SpecialValue = Literal["nan", "nres", "+inf", "-inf", "reserved"]
"""The five special values of IEEE 11073-20601 FLOAT-Type (NRes: not at this resolution)."""

Comparator = Literal["<", "<=", ">=", ">", "ad", "~", "<>"]

MAX_DIGITS: Final = 1000
"""The longest mantissa, and the largest exponent, that a number may have."""

_DECIMAL = re.compile(r"([+-]?)([0-9]*)(?:\.([0-9]*))?(?:[eE]([+-]?[0-9]{1,6}))?")


def parse_decimal(text: str) -> tuple[int, int]:
    """Return mantissa and exponent of a decimal number as written.

    Parameters
    ----------
    text : str
        ``-12.50``, ``+7``, ``.5``, ``1e3``; no blanks, no group separators.

    Returns
    -------
    tuple of int
        ``(mantissa, exponent)``: ``"2.00"`` gives ``(200, -2)``.

    Raises
    ------
    InvalidRecord
        ``MDL-001`` when the text is not a decimal number or has more than :data:`MAX_DIGITS` digits.
    """
    match = _DECIMAL.fullmatch(text)
    if match is None:
        raise InvalidRecord("MDL-001")
    sign, whole, fraction, power = match.groups()
    digits = whole + (fraction or "")
    exponent = int(power or 0) - len(fraction or "")
    if not digits or len(digits) > MAX_DIGITS or abs(exponent) > MAX_DIGITS:
        raise InvalidRecord("MDL-001")
    mantissa = int(digits)
    return (-mantissa if sign == "-" else mantissa), exponent


class Number(Model):
    """An exact decimal number, ``mantissa * 10**exponent``, or a special value."""

    mantissa: int = 0
    """The digits as an integer; 0 for a special value."""
    exponent: Annotated[int, Field(ge=-MAX_DIGITS, le=MAX_DIGITS)] = 0
    """The power of ten; ``-2`` for ``2.00``."""
    special: SpecialValue | None = None
    """Set when there is no finite value."""
    literal: str | None = None
    """The source's own text where it is not what :attr:`text` gives (``+7``, ``007``, ``-0``)."""

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read a decimal number and keep how it was written.

        Raises
        ------
        InvalidRecord
            ``MDL-001`` when the text is not a decimal number.
        """
        mantissa, exponent = parse_decimal(text)
        plain = format_decimal(mantissa, exponent)
        return cls(mantissa=mantissa, exponent=exponent, literal=None if plain == text else text)

    @classmethod
    def from_decimal(cls, value: Decimal | int) -> Self:
        """Take over a finite :class:`~decimal.Decimal` or an integer, exactly."""
        sign, digits, exponent = Decimal(value).as_tuple()
        if not isinstance(exponent, int):
            raise InvalidRecord("MDL-001")
        mantissa = int("".join(map(str, digits)))
        return cls(mantissa=-mantissa if sign else mantissa, exponent=exponent)

    @property
    def text(self) -> str:
        """The number in digits, with its written precision: ``2.00``, ``2E1``; the name of a special value."""
        return self.special or format_decimal(self.mantissa, self.exponent)

    def to_decimal(self) -> Decimal:
        """Return the exact :class:`~decimal.Decimal`.

        Raises
        ------
        InvalidRequest
            ``USE-002`` for a special value: it has no number, and a NaN must not stand in for it unseen.
        """
        if self.special is not None:
            raise InvalidRequest("USE-002", hint="a special value has no decimal")
        return Decimal((int(self.mantissa < 0), tuple(map(int, str(abs(self.mantissa)))), self.exponent))

    def to_fraction(self) -> Fraction:
        """Return the exact rational number; raises as :meth:`to_decimal` does."""
        if self.special is not None:
            raise InvalidRequest("USE-002", hint="a special value has no fraction")
        return self.mantissa * Fraction(10) ** self.exponent


def format_decimal(mantissa: int, exponent: int) -> str:
    """Write a mantissa and an exponent so that reading the text gives them back."""
    if exponent == 0:
        return str(mantissa)
    if exponent > 0:
        return f"{mantissa}E{exponent}"
    sign = "-" if mantissa < 0 else ""
    digits = str(abs(mantissa)).rjust(1 - exponent, "0")
    return f"{sign}{digits[:exponent]}.{digits[exponent:]}"


class Quantity(Number):
    """A measured amount: an exact number, its unit in UCUM and as the source wrote it."""

    type: Literal["quantity"] = "quantity"
    comparator: Comparator | None = None
    """How the true value relates to the number (``<`` below what the device resolves)."""
    unit: str | None = None
    """UCUM code; ``None`` when the source's unit has no known UCUM form (then see :attr:`native_unit`)."""
    native_unit: Coding | None = None
    """The source's own unit (an MDC_DIM code, a vendor's text) where it is not the UCUM code itself."""


class Range(Model):
    """Two limits of which one may be open."""

    type: Literal["range"] = "range"
    low: Quantity | None = None
    high: Quantity | None = None
    text: str | None = None
    """The source's own text where the limits could not be read from it or say less."""


class Ratio(Model):
    """A proportion of two quantities that must not be divided (a titre of ``1:128``)."""

    type: Literal["ratio"] = "ratio"
    numerator: Quantity
    denominator: Quantity
