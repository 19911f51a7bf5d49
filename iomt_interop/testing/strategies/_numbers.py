"""Exact numbers as devices and people write them."""

from __future__ import annotations

from typing import Any, get_args

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from ...model import Number
from ...model.number import MAX_DIGITS, SpecialValue

__all__ = ["number_fields", "numbers"]


def numbers(*, special: bool = True) -> SearchStrategy[Number]:
    """Generate exact numbers: small ones first, any precision, up to the model's limits.

    Parameters
    ----------
    special : bool
        Also give the five special values of IEEE 11073 (not a number, not at this resolution, the two
        infinities, reserved).
    """
    return number_fields(special=special).map(lambda fields: Number(**fields))


def number_fields(*, special: bool = True) -> SearchStrategy[dict[str, Any]]:
    """Generate the fields of a number, for :class:`Number` and for what is made of it."""
    exponents = st.integers(-6, 3) | st.integers(-MAX_DIGITS, MAX_DIGITS)
    mantissas = st.integers(-9999, 9999) | st.integers(-(2**63), 2**63 - 1) | st.integers(-(10**60), 10**60)
    plain = st.fixed_dictionaries({"mantissa": mantissas, "exponent": exponents})
    ways = [plain, _written()]
    if special:
        ways.append(st.sampled_from(get_args(SpecialValue)).map(lambda name: {"special": name}))
    return st.one_of(ways)


@st.composite
def _written(draw: DrawFn) -> dict[str, Any]:
    """Draw a number in one of the ways that people write it: ``+7``, ``007``, ``.5``, ``-0``, ``1e3``."""
    sign = draw(st.sampled_from(("", "-", "+")))
    whole = "0" * draw(st.integers(0, 2)) + draw(st.from_regex(r"[0-9]{0,6}", fullmatch=True, alphabet="0123456789"))
    part = draw(st.none() | st.from_regex(r"[0-9]{0,6}", fullmatch=True, alphabet="0123456789"))
    power = draw(st.none() | st.integers(-9, 9))
    digits = whole + (part or "") or "0"
    text = digits if part is None else f"{whole or ('' if part else '0')}.{part}"
    if power is not None:
        text += f"{draw(st.sampled_from('eE'))}{power}"
    number = Number.from_text(sign + text)
    return {name: getattr(number, name) for name in ("mantissa", "exponent", "literal")}
