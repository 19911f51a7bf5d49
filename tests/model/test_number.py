"""Numbers keep how they were written; the witness is the standard library's own decimal arithmetic."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iomt_interop.errors import InvalidRecord, InvalidRequest
from iomt_interop.model import Number, Quantity, parse_decimal


@given(st.decimals(allow_nan=False, allow_infinity=False, places=None))
def test_a_decimal_survives_with_its_exponent(value: Decimal) -> None:
    if abs(value.as_tuple().exponent) > 1000:
        return
    number = Number.from_decimal(value)
    assert number.to_decimal().as_tuple()[1:] == value.as_tuple()[1:]
    assert number.to_fraction() == Fraction(value)
    assert Number.from_text(number.text).replace(literal=None) == number.replace(literal=None)


@given(st.from_regex(r"-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,20})?", fullmatch=True))
def test_written_text_is_given_back(text: str) -> None:
    number = Number.from_text(text)
    assert (number.literal or number.text) == text
    assert number.to_decimal() == Decimal(text)
    assert number.to_decimal().as_tuple().exponent == Decimal(text).as_tuple().exponent


@pytest.mark.parametrize(
    ("text", "pair"),
    [
        ("2.00", (200, -2)),
        ("+7", (7, 0)),
        (".5", (5, -1)),
        ("5.", (5, 0)),
        ("1e3", (1, 3)),
        ("1.5E-3", (15, -4)),
        ("-0.0", (0, -1)),
    ],
)
def test_mantissa_and_exponent(text: str, pair: tuple[int, int]) -> None:
    assert parse_decimal(text) == pair


@pytest.mark.parametrize(
    "text", ["", ".", "e5", "1,5", " 1", "1 ", "0x10", "NaN", "inf", "١", "1" * 1001, "1e9999", "--1"]
)
def test_what_is_no_decimal_is_refused_without_its_text(text: str) -> None:
    with pytest.raises(InvalidRecord) as caught:
        parse_decimal(text)
    assert str(caught.value) == "MDL-001: the text is not a decimal number"


def test_precision_is_part_of_the_value() -> None:
    assert Number.from_text("2.00") != Number.from_text("2")
    assert Number.from_text("2.00").to_decimal() == Number.from_text("2").to_decimal()
    assert hash(Number.from_text("2.00")) != hash(Number.from_text("2.0"))


def test_special_values_stay_distinct_and_give_no_number() -> None:
    specials = [Quantity(special=name) for name in ("nan", "nres", "+inf", "-inf", "reserved")]
    assert len(set(specials)) == 5
    for quantity in specials:
        with pytest.raises(InvalidRequest):
            quantity.to_decimal()
