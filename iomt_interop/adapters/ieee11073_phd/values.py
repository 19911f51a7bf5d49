"""Values of the protocol as values of the model."""

from __future__ import annotations

from typing import Literal

from ...model import Absent, BitSetValue, CodedValue, Quantity, TextValue
from ...wire.mder import MderFloat
from .concepts import Unit, concept
from .tables import SPECIAL_REASON

__all__ = ["NumericValue", "bit_set", "coded", "count", "number", "quantity", "string", "text"]

NumericValue = Quantity | Absent


def number(value: MderFloat, unit: Unit) -> NumericValue:
    """Return a FLOAT or SFLOAT as a quantity, or as one of five absences."""
    if value.special is None:
        return Quantity(mantissa=value.mantissa, exponent=value.exponent, unit=unit[0], native_unit=unit[1])
    name = value.special.value
    native = name if not value.exponent else f"{name}E{value.exponent}"
    return Absent(reason=SPECIAL_REASON[name], native=native)


def quantity(value: MderFloat, unit: Unit) -> Quantity:
    """Return a FLOAT or SFLOAT where the model has no place for an absence."""
    return Quantity(
        mantissa=value.mantissa,
        exponent=value.exponent,
        special=None if value.special is None else value.special.value,
        unit=unit[0],
        native_unit=unit[1],
    )


def count(mantissa: int, unit: str | None = None, exponent: int = 0) -> Quantity:
    """Return a whole number of units, or of decimal fractions of them."""
    return Quantity(mantissa=mantissa, exponent=exponent, unit=unit)


def bit_set(bits: int, width: Literal[16, 32]) -> BitSetValue:
    """Return a BITS field; bit 0 is the most significant."""
    return BitSetValue(width=width, bits=bits)


def coded(code: int, owner: str | None = None) -> CodedValue:
    """Return a 32-bit code as a value."""
    return CodedValue(concepts=(concept(code, owner),))


def string(raw: bytes) -> str:
    """Return an OCTET STRING as text, without the NUL that pads it to an even length.

    The standard knows printable ASCII; devices of today also send UTF-8, and elder ones anything.
    """
    raw = raw.rstrip(b"\0")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def text(raw: bytes) -> TextValue:
    """Return an OCTET STRING as a value."""
    return TextValue(text=string(raw))
