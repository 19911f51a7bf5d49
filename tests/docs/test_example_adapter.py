"""The example of the guide "Write an adapter" keeps what the guide teaches."""

from __future__ import annotations

import contextlib
import itertools
import sys
from collections.abc import Iterator
from decimal import Decimal
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import iomt_interop as iomt
from iomt_interop.errors import InputError, LimitExceeded, MalformedInput, TruncatedInput, UnsupportedVersion
from iomt_interop.model import Device, Observation, Quantity, Record, Residue, Subject
from iomt_interop.plugins import GROUP, Registry

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"
SAMPLE = (EXAMPLES / "ward_thermometer" / "samples" / "ward_thermometer.txt").read_bytes()
REGISTRY = Registry([EntryPoint("ward_thermometer", "ward_thermometer:adapter.toml", GROUP)])


@pytest.fixture(autouse=True, scope="module")
def importable() -> Iterator[None]:
    sys.path.insert(0, str(EXAMPLES))
    yield
    sys.path.remove(str(EXAMPLES))


def read(data: bytes, strictness: str = "lenient", limits: iomt.Limits | None = None) -> list[Record]:
    context = iomt.ReadContext(strictness=strictness, limits=limits or iomt.Limits())
    return list(iomt.read(data, adapter="ward_thermometer", context=context, registry=REGISTRY))


def chunked(data: bytes, cuts: list[int]) -> list[Record]:
    reader = REGISTRY.get("ward_thermometer").reader_factory()(iomt.ReadContext())
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    records = [r for start, stop in itertools.pairwise(edges) for r in reader.feed(data[start:stop])]
    return [*records, *reader.finish()]


def test_the_manifest_recognises_the_sample_without_importing_the_adapter() -> None:
    assert [c.adapter for c in iomt.sniff(SAMPLE, registry=REGISTRY)] == ["ward_thermometer"]
    info = REGISTRY.get("ward_thermometer").info()
    assert info.problem is None
    assert [path.read_bytes() for path in REGISTRY.get("ward_thermometer").samples()] == [SAMPLE]


def test_values_times_and_people_are_as_written() -> None:
    records = read(SAMPLE)
    device = next(r for r in records if isinstance(r, Device))
    first, second = (r for r in records if isinstance(r, Observation))
    assert isinstance(first.value, Quantity)
    assert isinstance(second.value, Quantity)
    assert (first.value.text, first.value.unit) == ("36.60", "Cel")
    assert (second.value.to_decimal(), second.value.unit) == (Decimal("101.3"), "[degF]")
    assert first.time is not None
    assert first.time.offset_minutes == 60
    assert second.time is not None
    assert (second.time.precision, second.time.offset_minutes) == ("minute", None)
    assert {r.id for r in records if isinstance(r, Subject)} == {first.subject, second.subject}
    assert first.device == device.id
    for record in (first, second):
        start, stop = record.provenance.span or (0, 0)
        assert SAMPLE[start:stop].startswith(b"2026-11-24T")


@given(st.lists(st.integers(min_value=0)))
def test_the_cuts_do_not_matter(cuts: list[int]) -> None:
    assert chunked(SAMPLE, cuts) == read(SAMPLE)


def test_what_is_not_understood_is_kept_or_refused() -> None:
    header, rest = SAMPLE.split(b"\n", 1)
    odd = header + b"\n2026;MRN-1;warm;C;\n" + rest
    records = read(odd)
    assert [r.raw for r in records if isinstance(r, Residue)] == [b"2026;MRN-1;warm;C;"]
    with pytest.raises(MalformedInput) as caught:
        read(odd, "strict")
    assert caught.value.span == (len(header) + 1, len(header) + 1 + len(b"2026;MRN-1;warm;C;"))
    assert "warm" not in repr(caught.value)
    unknown = read(header + b"\n2026;MRN-1;36.6;K9;ear\n")
    value = next(r for r in unknown if isinstance(r, Observation))
    assert isinstance(value.value, Quantity)
    assert (value.value.unit, value.value.native_unit and value.value.native_unit.code) == (None, "K9")
    assert [(e.path, e.value) for e in value.extensions] == [("site", "ear")]


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (SAMPLE[:-3], TruncatedInput),
        (b"#WARDTHER 2 X\n", UnsupportedVersion),
        (b"#WARDTHER 1\n", MalformedInput),
        (b"#WARDTHER 1 " + b"X" * 5000, LimitExceeded),
    ],
)
def test_bad_input_is_an_error_of_the_library(data: bytes, error: type[InputError]) -> None:
    with pytest.raises(error):
        read(data, limits=iomt.Limits(max_unit=1000))


@given(st.binary())
def test_any_bytes_give_records_or_an_input_error(data: bytes) -> None:
    with contextlib.suppress(InputError):
        read(b"#WARDTHER 1 X\n" + data)
