"""FLOAT-Type and SFLOAT-Type: a mantissa, a decimal exponent, five special values (IEEE 11073-20601 Annex F.7).

The exponent is part of the value: ``0xF014`` is 2.0 and ``0x0002`` is 2. A special mantissa with an exponent
other than 0 is not foreseen; it is read as special and keeps its exponent, so that it is written back the same.
"""

from __future__ import annotations

from decimal import Decimal
from enum import Enum
from typing import Final, NamedTuple

from ...errors import InvalidRecord, InvalidRequest

__all__ = ["MderFloat", "Special", "decode_float", "decode_sfloat", "encode_float", "encode_sfloat"]


class Special(Enum):
    """The five special values."""

    NAN = "nan"
    NRES = "nres"
    POSITIVE_INFINITY = "+inf"
    NEGATIVE_INFINITY = "-inf"
    RESERVED = "reserved"


class _Layout(NamedTuple):
    mantissa_bits: int
    exponent_bits: int
    specials: dict[int, Special]

    @property
    def largest(self) -> int:
        """Largest magnitude of a mantissa that is a number."""
        return (1 << self.mantissa_bits - 1) - 3


_FLOAT: Final = _Layout(24, 8, {
    0x7FFFFF: Special.NAN, 0x800000: Special.NRES, 0x7FFFFE: Special.POSITIVE_INFINITY,
    0x800002: Special.NEGATIVE_INFINITY, 0x800001: Special.RESERVED,
})  # fmt: skip
_SFLOAT: Final = _Layout(12, 4, {
    0x7FF: Special.NAN, 0x800: Special.NRES, 0x7FE: Special.POSITIVE_INFINITY,
    0x802: Special.NEGATIVE_INFINITY, 0x801: Special.RESERVED,
})  # fmt: skip


class MderFloat(NamedTuple):
    """The exact value of a FLOAT or SFLOAT."""

    mantissa: int
    """Signed integer; 0 for a special value."""
    exponent: int
    special: Special | None = None

    def __repr__(self) -> str:
        return "MderFloat()"

    def to_decimal(self) -> Decimal:
        """Return the exact decimal with its exponent (``2.0``).

        Raises
        ------
        InvalidRequest
            ``USE-002`` for a special value.
        """
        if self.special is not None:
            raise InvalidRequest("USE-002", hint="a special value has no decimal")
        return Decimal((int(self.mantissa < 0), tuple(map(int, str(abs(self.mantissa)))), self.exponent))

    @classmethod
    def from_decimal(cls, value: Decimal) -> MderFloat:
        """Take over mantissa and exponent of a finite decimal; encoding says whether they fit."""
        sign, digits, exponent = value.as_tuple()
        if not isinstance(exponent, int):
            raise InvalidRecord("MDL-001")
        mantissa = int("".join(map(str, digits)))
        return cls(-mantissa if sign else mantissa, exponent)


def decode_sfloat(word: int) -> MderFloat:
    """Decode a 16-bit SFLOAT-Type.

    Examples
    --------
    >>> from iomt_interop.wire import mder
    >>> mder.decode_sfloat(0xF014).to_decimal()
    Decimal('2.0')
    """
    return _decode(word, _SFLOAT)


def decode_float(word: int) -> MderFloat:
    """Decode a 32-bit FLOAT-Type.

    Examples
    --------
    >>> from iomt_interop.wire import mder
    >>> mder.decode_float(0xFE0000C8).to_decimal()
    Decimal('2.00')
    """
    return _decode(word, _FLOAT)


def encode_sfloat(value: MderFloat) -> int:
    """Encode as a 16-bit SFLOAT-Type, exactly.

    Raises
    ------
    InvalidRecord
        ``MDR-004`` when the value does not fit without changing its digits.
    """
    return _encode(value, _SFLOAT)


def encode_float(value: MderFloat) -> int:
    """Encode as a 32-bit FLOAT-Type, exactly; raises as :func:`encode_sfloat` does."""
    return _encode(value, _FLOAT)


def _decode(word: int, layout: _Layout) -> MderFloat:
    bits = layout.mantissa_bits
    mantissa = word & (1 << bits) - 1
    exponent = word >> bits & (1 << layout.exponent_bits) - 1
    if exponent >> layout.exponent_bits - 1:
        exponent -= 1 << layout.exponent_bits
    special = layout.specials.get(mantissa)
    if special is not None:
        return MderFloat(0, exponent, special)
    return MderFloat(mantissa - (1 << bits) if mantissa >> bits - 1 else mantissa, exponent)


def _encode(value: MderFloat, layout: _Layout) -> int:
    mantissa, exponent, special = value
    low = -(1 << layout.exponent_bits - 1)
    if special is not None:
        pattern = next(bits for bits, name in layout.specials.items() if name is special)
    else:
        mantissa, exponent = _fit(mantissa, exponent, layout)
        pattern = mantissa & (1 << layout.mantissa_bits) - 1
    if not low <= exponent < -low:
        raise InvalidRecord("MDR-004")
    return (exponent & (1 << layout.exponent_bits) - 1) << layout.mantissa_bits | pattern


def _fit(mantissa: int, exponent: int, layout: _Layout) -> tuple[int, int]:
    """Move zeros between mantissa and exponent where only that makes both fit; the value stays."""
    high = (1 << layout.exponent_bits - 1) - 1
    while exponent > high and abs(mantissa) * 10 <= layout.largest and mantissa:
        mantissa, exponent = mantissa * 10, exponent - 1
    while abs(mantissa) > layout.largest and mantissa % 10 == 0:
        mantissa, exponent = mantissa // 10, exponent + 1
    if abs(mantissa) > layout.largest:
        raise InvalidRecord("MDR-004")
    return mantissa, exponent
