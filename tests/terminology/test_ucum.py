"""The UCUM reader and exact conversion, against numbers that UCUM and metrology publish."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iomt_interop import errors
from iomt_interop.terminology import _ucum_atoms as atoms
from iomt_interop.terminology import ucum

EXACT = [
    (120, "mm[Hg]", "kPa", Fraction("15.99864")),
    (Decimal("98.6"), "[degF]", "Cel", Fraction(37)),
    (37, "Cel", "[degF]", Fraction("98.6")),
    (0, "Cel", "K", Fraction("273.15")),
    (-40, "Cel", "[degF]", Fraction(-40)),
    (1, "[lb_av]", "kg", Fraction("0.45359237")),
    (1, "[in_i]", "cm", Fraction("2.54")),
    (1, "[ft_i]", "m", Fraction("0.3048")),
    (72, "/min", "Hz", Fraction(6, 5)),
    (72, "{beat}/min", "/min", Fraction(72)),
    (1, "[psi]", "Pa", Fraction("4.4482216152605") / Fraction("0.00064516")),
    (10, "cm[H2O]", "Pa", Fraction("980.665")),
    (100, "ug/kg/min", "mg/kg/h", Fraction(6)),
    (97, "%", "1", Fraction(97, 100)),
    (1, "kcal", "kJ", Fraction("4.184")),
    (5, "10*3/uL", "10*9/L", Fraction(5)),
    (1, "[PRU]", "[wood'U]", Fraction(1000, 60)),
    (10, "dB", "B", Fraction(1)),
    (1, "mmol/L", "umol/mL", Fraction(1)),
    (180, "deg", "[pi].rad", Fraction(1)),
    (1, "(m/s)/s", "m/s2", Fraction(1)),
    (1, "[iU]/L", "m[iU]/mL", Fraction(1)),
    (2, "dyn.s/cm5", "dyn.s.cm-5", Fraction(2)),
]


@pytest.mark.parametrize(("value", "source", "target", "expected"), EXACT)
def test_exact_conversions(value: int | Decimal, source: str, target: str, expected: Fraction) -> None:
    assert ucum.convert(value, source, target) == expected
    assert ucum.convert(expected, target, source) == Fraction(value)


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("mmol/L", "mg/dL"),
        ("meq", "mmol"),
        ("mosm", "mmol"),
        ("[pH]", "1"),
        ("dB[SPL]", "dB"),
        ("[iU]", "mg"),
        ("mm[Hg]", "cm"),
        ("Cel", "%"),
        ("rubbish", "rubbish"),
    ],
)
def test_what_measures_other_things_does_not_convert(source: str, target: str) -> None:
    with pytest.raises(errors.UnitMismatch) as caught:
        ucum.convert(1, source, target)
    assert caught.value.code == "MDL-003"
    assert source not in str(caught.value)
    assert not ucum.commensurable(source, target)


@pytest.mark.parametrize(
    "text",
    ["", "/", "m/", "m//s", "./m", "m..s", "{a}m", "m(s)", "(m/s)2", "0.5m", "mmHg", "IU", "Cel/h", "Cel2", "/Cel",
     "kdeg", "mmin", "k[lb_av]", "m[in_i]", "m{", "m}", "m{a b}", "m s", "°C", "dB(SPL)", "10**3", "m+", "0", "[]",
     "(" * 50 + "m" + ")" * 50, "m" * 300, "m999", "(m", "m)", "m\n", "５", "[arb'U]]"],
)  # fmt: skip
def test_no_ucum(text: str) -> None:
    assert not ucum.is_valid_ucum(text)
    with pytest.raises(errors.UnknownCode):
        ucum.parse_ucum(text)


@pytest.mark.parametrize(
    "text",
    ["%{vol}", "{INR}", "/{cell}", "kg/m2", "mm[Hg]", "[in_i'Hg]", "10*-9", "10^6/L", "/(1000.s)", "360.deg/min",
     "mL/{breath}", "dB[10.nV]", "mCel", "10.mV/4096", "KiBy", "dar", "das", "cd", "Pa", "m[H2O]{water}", "s-1"],
)  # fmt: skip
def test_ucum(text: str) -> None:
    assert ucum.is_valid_ucum(text)


def test_values_that_are_no_exact_numbers() -> None:
    for value in (Decimal("NaN"), Decimal("Infinity"), Decimal("sNaN"), 1.5, True, "1"):
        with pytest.raises(errors.InvalidRequest):
            ucum.convert(value, "m", "cm")  # type: ignore[arg-type]
    for value in (Decimal("1E+999999"), Decimal("1E-999999")):
        with pytest.raises(errors.LimitExceeded):
            ucum.convert(value, "m", "cm")
    assert ucum.convert(Decimal("0E+999999"), "m", "cm") == 0


def test_every_metric_atom_is_an_atom() -> None:
    known = set(atoms.BASE) | set(atoms.DERIVED) | set(atoms.AFFINE)
    assert known >= atoms.METRIC


ATOM = st.sampled_from([*sorted(set(atoms.BASE) - atoms.LOGARITHMIC), *atoms.DERIVED])
PREFIXED = st.tuples(st.sampled_from(sorted(atoms.PREFIXES)), st.sampled_from(sorted(atoms.METRIC))).map("".join)


@given(st.text(alphabet="mgLs10*^%/.(){}[]'HgCelkd-+ib_ \u00b5", max_size=40))
def test_any_text_gives_a_unit_or_its_error(text: str) -> None:
    if ucum.is_valid_ucum(text):
        unit = ucum.parse_ucum(text)
        assert unit.scale > 0
        assert ucum.convert(7, text, text) == 7


@given(ATOM, ATOM, ATOM, st.fractions(max_denominator=10**6))
def test_products_obey_arithmetic(one: str, two: str, three: str, value: Fraction) -> None:
    text = f"{one}.{two}/{three}"
    unit = ucum.parse_ucum(text)
    parts = [ucum.parse_ucum(part) for part in (one, two, three)]
    assert unit.scale == parts[0].scale * parts[1].scale / parts[2].scale
    assert ucum.convert(ucum.convert(value, text, f"{two}.{one}/{three}"), text, text) == value


@given(PREFIXED, st.integers(-(10**9), 10**9))
def test_there_and_back(unit: str, value: int) -> None:
    if ucum.is_valid_ucum(unit):
        symbol = unit[2:] if unit[2:] in atoms.METRIC and unit[:2] in atoms.PREFIXES else unit[1:]
        if ucum.commensurable(unit, symbol):
            assert ucum.convert(ucum.convert(value, unit, symbol), symbol, unit) == value
