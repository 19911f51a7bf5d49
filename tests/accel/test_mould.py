"""Kernel mould: the compiled functions against their readable twins, and both against the model."""

from __future__ import annotations

import copy
import pickle
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.kernels import each, pair

from iomt_interop._accel import mould_py as pure
from iomt_interop.errors import InvalidRecord
from iomt_interop.model import Concept, Instant, Mould, Observation, Provenance, Quantity, Record, mould_of
from iomt_interop.model.number import format_decimal, parse_decimal
from iomt_interop.testing import strategies

kernel = each("mould")


def test_a_record_is_the_one_that_was_validated(kernel: ModuleType) -> None:
    @given(strategies.records())
    def check(record: Record) -> None:
        made = kernel.filled(type(record), dict(record.__dict__), set(record.model_fields_set))
        assert made == record
        assert type(made) is type(record)
        assert made.model_dump_json() == record.model_dump_json()
        assert pickle.loads(pickle.dumps(made)) == record
        assert type(record).model_validate(made.model_dump()) == record

    check()


def test_what_is_not_given_has_its_default(kernel: ModuleType) -> None:
    template = {"a": None, "b": 1, "c": ()}

    @given(st.dictionaries(st.sampled_from("abcd"), st.integers()))
    def check(values: dict[str, int]) -> None:
        if "a" not in values or "d" in values:
            with pytest.raises(InvalidRecord) as caught:
                kernel.completed(Quantity, template, ("a",), values)
            assert caught.value.code == "MDL-005"
            return
        made = kernel.completed(Quantity, template, ("a",), values)
        assert list(made.__dict__.items()) == [(name, values.get(name, template[name])) for name in "abc"]
        assert made.model_fields_set == set(values)
        assert template == {"a": None, "b": 1, "c": ()}

    check()


def test_only_what_may_differ_differs(kernel: ModuleType) -> None:
    fields = dict(Quantity(mantissa=1, unit="mm").__dict__)
    given_fields = {"mantissa", "unit"}
    made = kernel.cast(Quantity, fields, frozenset({"mantissa"}), given_fields, {"mantissa": 7})
    assert made == Quantity(mantissa=7, unit="mm")
    assert fields["mantissa"] == 1
    for changes in ({"unit": "cm"}, {"mantissa": 7, "colour": "red"}):
        with pytest.raises(InvalidRecord) as caught:
            kernel.cast(Quantity, fields, frozenset({"mantissa"}), given_fields, changes)
        assert caught.value.code == "MDL-005"


def test_a_copy_is_not_known_to_come_from_a_mould() -> None:
    """Whoever changes a copy changes fields that a mould says nothing of."""
    mould = Mould(Quantity(mantissa=1, unit="mm"), {"mantissa": 0})
    made = mould.cast({"mantissa": 5})
    assert mould_of(made) is mould
    changed = made.model_copy(update={"unit": "cm"})
    for other in (changed, copy.copy(made), copy.deepcopy(made), pickle.loads(pickle.dumps(made)), made.replace()):
        assert mould_of(other) is None
    assert mould_of(Quantity(mantissa=5, unit="mm")) is None
    assert mould_of(Mould(Quantity(mantissa=1)).cast({"mantissa": 2})) is None


def report(kernel: ModuleType, texts: list[str], times: list[str], sentinels: frozenset[str] = frozenset()) -> Any:
    """Cast observations with these OBX-5 and OBX-14."""
    origin = Mould(Provenance(adapter="a", version="1", digest="d", span=(0, 0), path=None, clause=None)).parts
    origin_of = Provenance(adapter="a", version="1")
    first = Observation(id="x", provenance=origin_of, code=Concept(), value=Quantity(mantissa=1, unit="mm"))
    names = ("id", "provenance", "value", "time", "subject", "encounter", "order")
    result = Mould(first, dict.fromkeys(names)).parts
    assert isinstance(first.value, Quantity)
    amount = Mould(first.value, {"mantissa": 0, "exponent": 0, "literal": None}).parts

    def amount_of(text: str, parts: Any) -> Quantity | None:
        try:
            mantissa, exponent = parse_decimal(text)
        except InvalidRecord:
            return None
        literal = None if format_decimal(mantissa, exponent) == text else text
        found: Quantity = parts[2].mould.cast({"mantissa": mantissa, "exponent": exponent, "literal": literal})
        return found

    items = []
    for at, (text, time) in enumerate(zip(texts, times, strict=True)):
        fields = [""] * 20
        fields[5], fields[14] = text, time
        items.append((SimpleNamespace(span=(at, at + 1), path=f"OBX({at})", fields=fields, syntax=None), None))
    shared = {"subject": "s", "encounter": None, "order": "o", "time": Instant(value="2026")}
    place = (Mould(Quantity(mantissa=1), {"mantissa": 0}), None, ("code", "-3"))
    steps = (((place,), None, None), *(((), result, amount) for _ in texts))
    doubt = SimpleNamespace(span=(90, 91), path="OBX(9)", fields=[], syntax=None)
    return kernel.cast_report(
        steps, [(doubt, None), *items], 100, origin, shared, sentinels, amount_of,
        lambda text, syntax: None if text == "odd" else Instant(value=text),
        lambda kind, segment: f"{kind}{segment.span[0]}",
        lambda mould, said, segment: (said, segment.path),
    )  # fmt: skip


@given(
    st.lists(
        st.from_regex(r"[+-]?[0-9]{0,22}(\.[0-9]{0,4})?(e[0-9])?", fullmatch=True)
        | st.sampled_from(["-0", "-0.0", "0.50", "00.5", ".5", "5.", "", "-", "1" * 18, "1" * 19, "9" * 20, "٣", "1 "]),
        max_size=4,
    ),
    st.sampled_from(["", "2026-11", "odd"]),
    st.sampled_from([frozenset(), frozenset({"-0", "0.50"})]),
)
def test_reports_are_cast_alike(texts: list[str], time: str, sentinels: frozenset[str]) -> None:
    _, compiled = pair("mould")
    times = [time, "2026-11", "", time][: len(texts)]
    assert report(compiled, texts, times, sentinels) == report(pure, texts, times, sentinels)


def test_what_a_report_becomes(kernel: ModuleType) -> None:
    doubt, one, two = report(kernel, ["-12.50", "007"], ["", "2026-11"])
    assert doubt == (("code", "-3"), "OBX(9)")
    assert (one.value, one.time.value, one.subject, one.order) == (
        Quantity(mantissa=-1250, exponent=-2, unit="mm"), "2026", "s", "o",
    )  # fmt: skip
    assert one.provenance == Provenance(adapter="a", version="1", digest="d", span=(100, 101), path="OBX(0)")
    assert (two.value.mantissa, two.value.literal, two.time.value, two.id) == (7, "007", "2026-11", "observation1")
    assert report(kernel, ["1"], ["odd"]) is None
    assert report(kernel, ["one"], [""]) is None
    assert report(kernel, ["1"], [""], frozenset({"1"})) is None
