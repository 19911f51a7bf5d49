"""NM, SI, SN, NA: what the standard's text allows (2.A.46, 2.A.70, 2.A.45), and what the field writes beside it."""

from __future__ import annotations

import pickle
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iomt_interop.errors import InvalidRequest, MalformedInput
from iomt_interop.wire import hl7v2
from iomt_interop.wire.hl7v2 import Presence
from iomt_interop.wire.hl7v2.types import (
    Number,
    Raw,
    Samples,
    StructuredNumber,
    decode,
    decode_obx,
    decode_text,
    encode,
)

SYNTAX = hl7v2.parse(b"MSH|^~\\&|A\r").syntax


def obx(kind: str, value: str) -> Any:
    message = hl7v2.parse(f"MSH|^~\\&|A\rOBX|1|{kind}|||{value}\r")
    segment = message.segment("OBX")
    assert segment is not None
    found = decode_obx(segment)
    return found[0] if len(found) == 1 else found


@pytest.mark.parametrize(
    ("text", "value", "places"),
    [("2.00", "2.00", 2), ("+7", "7", 0), ("-0.10", "-0.10", 2), ("007", "7", 0), ("98", "98", 0), ("0", "0", 0)],
)
def test_numbers_keep_their_precision_and_their_writing(text: str, value: str, places: int) -> None:
    found = obx("NM", text)
    assert isinstance(found, Number)
    assert found.as_tuple() == Decimal(value).as_tuple()
    assert (-int(found.as_tuple().exponent), found.text, found.doubt) == (places, text, None)
    assert encode(found, SYNTAX) == text
    back = pickle.loads(pickle.dumps(found))
    assert (back, back.text, type(back)) == (found, text, Number)


@pytest.mark.parametrize("text", [" 98", "98 ", ".5", "5."])
def test_a_number_written_loosely_is_a_number_with_a_doubt(text: str) -> None:
    found = obx("NM", text)
    assert found == Decimal(text.strip())
    assert (found.text, found.doubt) == (text, "HL7-131")


@pytest.mark.parametrize(
    ("text", "doubt", "reading"),
    [
        ("1,5", "HL7-131", Decimal("1.5")),
        ("1e3", "HL7-131", Decimal("1E+3")),
        ("---", "HL7-130", None),
        ("   ", "HL7-130", None),
        ("1,500", "HL7-130", None),  # a decimal comma or a thousand: not to be guessed
        ("NaN", "HL7-130", None),
        ("Infinity", "HL7-130", None),
        ("1_000", "HL7-130", None),
        ("٣", "HL7-130", None),
        ("98^1", "HL7-130", None),
    ],
)
def test_what_is_no_number_stays_verbatim(text: str, doubt: str, reading: object) -> None:
    found = obx("NM", text)
    assert isinstance(found, Raw)
    assert (found.text, found.doubt, found.reading) == (text, doubt, reading)
    assert text not in repr(found)


def test_a_comparator_in_a_number_is_read_as_a_structured_number() -> None:
    found = obx("NM", ">98")
    assert isinstance(found, Raw)
    assert isinstance(found.reading, StructuredNumber)
    assert (found.reading.relation, found.reading.num1) == (">", 98)


def test_the_explicit_null_and_nothing_are_no_numbers() -> None:
    assert obx("NM", '""') is Presence.NULL
    assert obx("NM", "") == ()
    message = hl7v2.parse("MSH|^~\\&|A\rOBX|1|NM\r")
    assert decode(message.get("OBX-5"), "NM") is None
    assert decode(message.get("ZZZ-5"), "NM") is None


def test_strict_decoding_names_code_place_and_no_value() -> None:
    message = hl7v2.parse("MSH|^~\\&|A\rOBX|1|NM|||ZEBRA\r")
    part = message.get("OBX-5")
    assert part is not None
    with pytest.raises(MalformedInput) as caught:
        decode(part, "NM", strict=True)
    assert (caught.value.code, caught.value.span) == ("HL7-130", part.span)
    assert "ZEBRA" not in f"{caught.value}{caught.value!r}"


@pytest.mark.parametrize(
    ("text", "relation", "first", "second", "bounds", "ratio"),
    [
        ("=^119", "=", 119, None, None, None),
        ("<^0.06", "<", Decimal("0.06"), None, None, None),
        ("^182", "=", 182, None, None, None),
        (">^100", ">", 100, None, None, None),  # the standard's own examples, 2.A.70
        ("^100^-^200", "=", 100, 200, (100, 200), None),
        ("^1^:^228", "=", 1, 228, None, Fraction(1, 228)),
        ("^2^+", "=", 2, None, None, None),
        ("^1^/^0", "=", 1, 0, None, None),
    ],
)
def test_structured_numbers(text: str, relation: str, first: Any, second: Any, bounds: Any, ratio: Any) -> None:
    found = obx("SN", text)
    assert isinstance(found, StructuredNumber)
    assert (found.relation, found.num1, found.num2) == (relation, first, second)
    assert (found.bounds, found.ratio) == (bounds, ratio)
    assert encode(found, SYNTAX) == text


def test_sequence_numbers_are_digits_alone() -> None:
    assert decode_text("12", "SI", SYNTAX) == 12
    assert isinstance(decode_text("1.5", "SI", SYNTAX), Raw)


def test_samples_are_integers_of_one_exponent() -> None:
    found = obx("NA", "1.5^-2^^3.25")
    assert isinstance(found, Samples)
    assert (found.mantissas.tolist(), found.exponent) == ([150, -200, 0, 325], -2)
    assert list(found) == [Decimal("1.50"), Decimal("-2.00"), None, Decimal("3.25")]
    assert found.missing == b"\0\0\1\0"
    rows = obx("MA", "1^2~3^4")
    assert [row.mantissas.tolist() for row in rows] == [[1, 2], [3, 4]]


def test_samples_that_are_no_numbers_are_components() -> None:
    found = obx("NA", "1^x^3")
    assert [found[1], found[2].text, found[3]] == [1, "x", 3]


@given(st.lists(st.none() | st.decimals(-(10**6), 10**6, places=3), min_size=2, max_size=40))
def test_samples_are_those_of_the_text(values: list[Decimal | None]) -> None:
    text = "^".join("" if value is None else f"{value:f}" for value in values)
    if not text.strip("^"):
        return
    found = obx("NA", text)
    assert list(found) == values
    assert encode(found, SYNTAX) == text


@pytest.mark.parametrize("value", [Decimal("NaN"), Decimal("Infinity"), True, 1.5, object()])
def test_what_no_data_type_says_is_not_written(value: object) -> None:
    with pytest.raises(InvalidRequest):
        encode(value, SYNTAX)


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_plain_numbers_are_written_without_an_exponent(value: Decimal) -> None:
    text = encode(value, SYNTAX)
    assert decode_text(text, "NM", SYNTAX) == value
    assert "E" not in text
