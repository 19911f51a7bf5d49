"""Kernel fhirjson: the compiled functions against their readable twins, and both against outside witnesses."""

from __future__ import annotations

import json
from array import array
from datetime import datetime
from decimal import Decimal
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.kernels import each, pair

from iomt_interop._accel import fhirjson_py as pure
from iomt_interop.errors import InvalidRequest, LimitExceeded

kernel = each("fhirjson")


trees = st.recursive(
    st.none() | st.booleans() | st.text() | st.integers().map(pure.NumberText),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def test_text_is_the_json_that_the_standard_library_reads(kernel: ModuleType) -> None:
    @given(trees)
    def check(tree: Any) -> None:
        text = kernel.dumps(tree)
        assert text == pure.dumps(tree)
        assert json.loads(text, parse_int=pure.NumberText) == tree

    check()


def test_decimal_text_gives_the_number_back(kernel: ModuleType) -> None:
    @given(st.integers(-(10**30), 10**30) | st.integers(-(2**63) - 2, -(2**63) + 2), st.integers(-60, 20))
    def check(mantissa: int, exponent: int) -> None:
        text = kernel.decimal_text(mantissa, exponent)
        assert text == pure.decimal_text(mantissa, exponent)
        sign, digits, power = Decimal(text).as_tuple()
        assert (int("".join(map(str, digits))) * (-1 if sign else 1), power) == (mantissa, exponent)
        assert json.loads(text, parse_float=Decimal, parse_int=Decimal) == Decimal(text)

    check()


@pytest.mark.parametrize(
    ("mantissa", "exponent", "text"), [(200, -2, "2.00"), (0, -1, "0.0"), (-5, -3, "-0.005"), (2, 1, "2E1")]
)
def test_decimal_keeps_its_written_precision(kernel: ModuleType, mantissa: int, exponent: int, text: str) -> None:
    assert kernel.decimal_text(mantissa, exponent) == text


def test_samples_are_the_numbers_of_the_buffer(kernel: ModuleType) -> None:
    @given(st.sampled_from(sorted(pure.SAMPLE_CODES)), st.binary(max_size=64), st.integers(0, 40), st.data())
    def check(dtype: str, data: bytes, decimals: int, more: st.DataObject) -> None:
        size = int(dtype[1])
        data = data[: len(data) // size * size]
        count = len(data) // size
        marks = more.draw(st.none() | st.binary(min_size=count, max_size=count).map(lambda b: bytes(x % 5 for x in b)))
        text = kernel.sample_text(data, dtype, decimals, marks)
        assert text == pure.sample_text(data, dtype, decimals, marks)
        values = array(pure.SAMPLE_CODES[dtype], data)
        for token, value, mark in zip(text.split(), values, marks or bytes(count), strict=True):
            assert token in "ELU" if mark else Decimal(token) == Decimal(value).scaleb(-decimals)

    check()


@pytest.mark.parametrize(
    "arguments", [(b"abc", "i2"), (b"ab", "f8"), (b"ab", "i1", -1), (b"ab", "i1", 0, b"\0"), (b"a", "i1", 0, b"\5")]
)
def test_misfit_samples_are_refused(kernel: ModuleType, arguments: tuple[Any, ...]) -> None:
    with pytest.raises(InvalidRequest):
        kernel.sample_text(*arguments)


def test_float_and_depth_are_refused(kernel: ModuleType) -> None:
    with pytest.raises(InvalidRequest):
        kernel.dumps({"value": 72.5})
    deep: Any = []
    for _ in range(pure.MAX_DEPTH + 2):
        deep = [deep]
    with pytest.raises(LimitExceeded) as found:
        kernel.dumps(deep)
    assert found.value.code == "FHR-005"


def test_datetime_is_what_the_calendar_knows(kernel: ModuleType) -> None:
    @given(
        st.from_regex(
            r"(19|20)[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9](\.[0-9]{1,6})?(Z|[+-][01][0-9]:[0-5][0-9])",
            fullmatch=True,
        )
    )
    def check(text: str) -> None:
        found = kernel.is_datetime(text)
        assert found == pure.is_datetime(text)
        try:
            datetime.fromisoformat(text)
        except ValueError:
            assert not found or text[17:19] == "60"
        else:
            # FHIR R4 dateTime allows offsets of at most fourteen hours.
            assert found or text[-5:-3] > "13"

    check()


@given(st.text("0123456789-T:.Z+ ٣", max_size=36))
def test_datetime_twins_agree_on_any_text(text: str) -> None:
    _, compiled = pair("fhirjson")
    assert compiled.is_datetime(text) == pure.is_datetime(text)


def test_join_twins_agree(kernel: ModuleType) -> None:
    rows = ((0, {}), ("device", {"a": ('{"x":1}', '"device":1')}), ("handle", {}))
    values = {"id": "0" * 32, "device": "a", "handle": None, "notes": ()}
    text = kernel.join(values, ("notes",), rows, (("", '"status":"final"'),), "urn:x")
    assert json.loads(text) == {
        "resourceType": "Observation", "id": "0" * 32, "meta": {"source": "urn:x"}, "extension": [{"x": 1}],
        "status": "final", "device": 1,
    }  # fmt: skip
    assert kernel.join({**values, "handle": "h"}, ("notes",), rows, (("", '"a":1'),), "s") == 2
    assert kernel.join({**values, "notes": (1,)}, ("notes",), rows, (("", '"a":1'),), "s") is None
    assert kernel.join({**values, "id": "G" * 32}, (), rows, (("", '"a":1'),), "s") is None


def test_trees_that_are_not_plain_are_written_alike(kernel: ModuleType) -> None:
    number = kernel.NumberText("2.00")
    for tree in ({"ä": "é"}, ["\ud800"], {"a": [number, True, False, None, 10**40]}, {1: 2}, ["x" * 9000, '"\\\n']):
        if 1 in tree:
            with pytest.raises((AttributeError, TypeError)):
                kernel.dumps(tree)
            continue
        assert kernel.dumps(tree) == pure.dumps(tree)
    nested: Any = []
    for _ in range(kernel.MAX_DEPTH + 1):
        nested = [nested]
    with pytest.raises(LimitExceeded) as caught:
        kernel.dumps(nested)
    assert caught.value.code == "FHR-005"
    with pytest.raises(InvalidRequest):
        kernel.dumps({"a": 1.5})


class _Text:
    """A kind that writes texts, and nothing of an empty one."""

    each: Any = None

    def put(self, out: dict[str, Any], key: str, value: Any, e: list[str], path: str) -> None:
        e.append(path)
        out[key] = value

    def wrap(self, url: str, value: Any, e: list[str], path: str) -> dict[str, Any] | None:
        e.append(path)
        return {"url": url, "value": value} if value else None


class _Texts(_Text):
    each = _Text()


class _Record:
    a: Any
    b: Any

    def __init__(self, a: Any, b: Any) -> None:
        self.a, self.b = a, b

    @property
    def c(self) -> str:
        return "computed"


def test_rows_write_what_says_something(kernel: ModuleType) -> None:
    rows = (
        ("a", "element", _Text(), None, None), ("b", None, _Texts(), "u", None), ("c", None, _Text(), "v", "x"),
        ("a", None, None, None, None),
    )  # fmt: skip

    def written(a: Any, b: Any) -> tuple[dict[str, Any], list[str]]:
        out: dict[str, Any] = {}
        paths: list[str] = []
        kernel.emit_rows(rows, _Record(a, b), out, paths, "p.")
        return out, paths

    computed = {"url": "v", "value": "computed"}
    assert written("x", ("y", "", "z")) == (
        {"element": "x", "extension": [{"url": "u", "value": "y"}, {"url": "u", "value": "z"}, computed]},
        ["p.a", "p.b", "p.b", "p.b", "p.c"],
    )
    assert written(None, ()) == ({"extension": [computed]}, ["p.c"])
    out: dict[str, Any] = {}
    kernel.emit_rows((("a", "element", _Text(), None, "x"),), _Record("x", None), out, [])
    assert out == {}


def test_gaps_are_filled(kernel: ModuleType) -> None:
    parts = ["<", "?", "-", "?", ">"]
    assert kernel.filled(parts, (1, 0), ("a", "b")) == "<b-a>"
    assert parts == ["<", "?", "-", "?", ">"]
