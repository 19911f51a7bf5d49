"""MDER: published values of the FLOAT types, all 65,536 SFLOATs, checked reads."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iomt_interop.errors import InvalidRecord, InvalidRequest, MalformedInput, TruncatedInput
from iomt_interop.wire import mder
from iomt_interop.wire.mder import Cursor, MderFloat, Special


def test_every_sfloat_is_exact_and_comes_back() -> None:
    for word in range(65536):
        value = mder.decode_sfloat(word)
        assert mder.encode_sfloat(value) == word
        if value.special is None:
            exponent = (word >> 12) - (16 if word >> 15 else 0)
            mantissa = (word & 0xFFF) - (0x1000 if word & 0x800 else 0)
            assert value.to_decimal() == Decimal(mantissa) * Decimal(10) ** exponent
            assert value.to_decimal().as_tuple().exponent == exponent


@given(st.integers(0, 0xFFFFFFFF))
def test_every_float_comes_back(word: int) -> None:
    assert mder.encode_float(mder.decode_float(word)) == word


# IEEE 11073-20601 Annex F.7 and the FLOAT page of HL7's PHD guide.
@pytest.mark.parametrize(
    ("word", "text"),
    [
        (0xF014, "2.0"),
        (0x0002, "2"),
        (0xE0C8, "2.00"),
        (0x1002, "2E+1"),
        (0x0FFE, "-2"),
        (0xFF38, "-20.0"),
        (0x0062, "98"),
    ],
)
def test_published_sfloats(word: int, text: str) -> None:
    assert str(mder.decode_sfloat(word).to_decimal()) == text


@pytest.mark.parametrize(
    ("word", "text"), [(0xFE0000C8, "2.00"), (0xFF00016C, "36.4"), (0x00000002, "2"), (0xFFFFFF9C, "-10.0")]
)
def test_published_floats(word: int, text: str) -> None:
    assert str(mder.decode_float(word).to_decimal()) == text


@pytest.mark.parametrize(
    ("sfloat", "float_", "special"),
    [
        (0x07FF, 0x007FFFFF, Special.NAN),
        (0x0800, 0x00800000, Special.NRES),
        (0x07FE, 0x007FFFFE, Special.POSITIVE_INFINITY),
        (0x0802, 0x00800002, Special.NEGATIVE_INFINITY),
        (0x0801, 0x00800001, Special.RESERVED),
    ],
)
def test_the_five_specials_are_five(sfloat: int, float_: int, special: Special) -> None:
    for value in (mder.decode_sfloat(sfloat), mder.decode_float(float_)):
        assert value == MderFloat(0, 0, special)
        with pytest.raises(InvalidRequest):
            value.to_decimal()


@pytest.mark.parametrize(
    ("text", "word"), [("20000", 0x3014), ("1E+8", 0x700A), ("2047E-3", None), ("1234.5", None), ("1E-9", None)]
)
def test_encoding_moves_zeros_and_nothing_else(text: str, word: int | None) -> None:
    value = MderFloat.from_decimal(Decimal(text))
    if word is None:
        with pytest.raises(InvalidRecord, match="MDR-004"):
            mder.encode_sfloat(value)
    else:
        encoded = mder.encode_sfloat(value)
        assert mder.decode_sfloat(encoded).to_decimal() == Decimal(text)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("2007120612100000", "2007-12-06T12:10:00.00"),
        ("2012022923595999", "2012-02-29T23:59:59.99"),
        ("2255959500000000", None),
        ("200712061210a000", None),
        ("0000000000000000", None),
        ("2011022900000000", None),
    ],
)
def test_absolute_times(raw: str, text: str | None) -> None:
    assert mder.AbsoluteTime(bytes.fromhex(raw)).text == text
    if text is not None:
        assert mder.encode_absolute_time(text).hex() == raw


def test_base_offset_time() -> None:
    """2000-01-01 is 3,155,673,600 seconds after 1900-01-01."""
    assert mder.BaseOffsetTime(3155673600, 0x8000, 90).text == "2000-01-01T01:30:00.5+01:30"
    assert mder.BaseOffsetTime(3155673600, 0, 0).text == "2000-01-01T00:00:00+00:00"
    assert mder.BaseOffsetTime(0, 0, 1440).text is None


def test_reads_stay_in_their_bounds() -> None:
    cursor = Cursor(b"\x00\x02ab\x00\x05x", origin=100)
    assert cursor.octets() == b"ab"
    with pytest.raises(TruncatedInput) as caught:
        cursor.octets()
    assert caught.value.span == (106, 107)
    with pytest.raises(MalformedInput, match="MDR-002"):
        Cursor(b"x").end()
    with pytest.raises(MalformedInput, match="MDR-003"):
        Cursor(b"\xff\xff\x00\x04abcd").sequence()
