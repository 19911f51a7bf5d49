"""Columns hold what records hold: the record path is the witness."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from adapters.ieee11073_phd import phd_octets as o
from hypothesis import given
from hypothesis import strategies as st

from iomt_interop.adapters.ieee11073_phd.columns import read_columns
from iomt_interop.adapters.ieee11073_phd.reader import make_reader
from iomt_interop.errors import InputError, MalformedInput, TruncatedInput
from iomt_interop.model import Instant, Observation
from iomt_interop.plugins import ReadContext

PRESSURE = {
    2351: o.oid(2, 18948),
    2678: o.sequence(o.u16(n) for n in (18949, 18950, 18951)),
    2454: o.u16(3872),
    2645: o.value_map((2677, 10), (2448, 8)),
}
WEIGHT = {2351: o.oid(2, 57664), 2454: o.u16(1731), 2645: o.value_map((2646, 4))}
BEGIN = o.association_request() + o.configuration(
    (o.NU, 1, o.SATURATION), (o.NU, 2, PRESSURE), (o.NU, 3, WEIGHT), (o.NU, 10, o.PULSE)
)

stamps = st.integers(0, 10**7).map(
    lambda n: o.absolute(f"{datetime(2026, 1, 1) + timedelta(seconds=n):%Y%m%d%H%M%S}00")
)
word = st.binary(min_size=2, max_size=2)
scans = st.one_of(
    st.tuples(st.sampled_from((1, 10)), st.tuples(word, stamps).map(b"".join)),
    st.tuples(st.just(2), st.tuples(st.just(b"\0\3\0\6"), word, word, word, stamps).map(b"".join)),
    st.tuples(st.just(3), st.binary(min_size=4, max_size=4)),
)


def flat(records: list[Observation]) -> list[tuple[object, ...]]:
    """Return code, value, time and device of every number, compounds taken apart."""
    return [
        (part.code, part.value, record.time, record.device, record.status)
        for record in records
        for part in (record.components or (record,))
    ]


def by_records(stream: bytes, context: ReadContext | None = None) -> list[tuple[object, ...]]:
    reader = make_reader(context or ReadContext())
    return flat([record for record in reader.feed(stream) if isinstance(record, Observation)])


@given(st.lists(st.lists(scans, min_size=1, max_size=4), max_size=5))
def test_rows_are_what_the_records_say(reports: list[list[tuple[int, bytes]]]) -> None:
    stream = BEGIN + b"".join(o.fixed(*report) for report in reports)
    rest: list[tuple[int, int]] = []
    batch = read_columns(stream, ReadContext(), rest=rest)
    rows, expected = flat(list(batch.records())), by_records(stream)
    assert len(rows) == len(expected)
    named = {start for start, _ in rest}
    assert all(a == b or start in named for a, b, start in zip(rows, expected, batch.start, strict=True))
    assert named == {s for s, e, x in zip(batch.start, batch.exponent, batch.special, strict=True) if x and e}


def test_spans_are_of_the_number() -> None:
    stream = BEGIN + o.fixed((1, o.sfloat(98) + o.absolute()), (3, o.float32(701, -1)))
    batch = read_columns(stream, ReadContext())
    found = [stream[start:stop] for start, stop in zip(batch.start, batch.stop, strict=True)]
    assert found == [o.sfloat(98), o.float32(701, -1)]


def test_what_no_row_says_is_named() -> None:
    plain = o.fixed((1, o.sfloat(98) + o.absolute()))
    others = [
        o.variable((1, {2636: o.sfloat(98), 2375: o.u16(0x8000)})),
        o.persons((1, [(1, o.sfloat(98) + o.absolute())])),
        o.fixed((77, o.sfloat(1))),
    ]
    stream = BEGIN + plain + b"".join(others)
    rest: list[tuple[int, int]] = []
    assert len(read_columns(stream, ReadContext(), rest=rest)) == 1
    assert [stream[start:stop] for start, stop in rest] == others


def test_a_status_is_never_lost() -> None:
    table = {**o.SATURATION, 2645: o.value_map((2636, 2), (2375, 2))}
    stream = o.association_request() + o.configuration((o.NU, 1, table)) + o.fixed((1, o.sfloat(98) + o.u16(0x8000)))
    rest: list[tuple[int, int]] = []
    assert len(read_columns(stream, ReadContext(), rest=rest)) == 0
    assert len(rest) == 1


def test_a_new_configuration_makes_new_rows() -> None:
    other = o.configuration((o.NU, 1, {**o.PULSE, 2645: o.value_map((2646, 4))}), number=0x4001)
    stream = BEGIN + o.fixed((1, o.sfloat(98) + o.absolute())) + other + o.fixed((1, o.float32(55)))
    batch = read_columns(stream, ReadContext())
    assert flat(list(batch.records())) == by_records(stream)
    assert [record.code.codings[0].refid for record in batch.records()] == [
        "MDC_PULS_OXIM_SAT_O2",
        "MDC_PULS_OXIM_PULS_RATE",
    ]


def test_errors_are_the_reader_s() -> None:
    stream = BEGIN + o.fixed((1, o.sfloat(98) + o.absolute()))
    with pytest.raises(TruncatedInput):
        read_columns(stream[:-1], ReadContext())
    with pytest.raises(MalformedInput):
        read_columns(stream + b"\0\0\0\0", ReadContext())


@given(st.data())
def test_damage_gives_the_same_rows_or_an_input_error(data: st.DataObject) -> None:
    stream = bytearray(BEGIN + o.fixed((1, o.sfloat(98) + o.absolute()), (10, o.sfloat(72) + o.absolute())) * 2)
    place = data.draw(st.integers(0, len(stream) - 1))
    stream[place] ^= data.draw(st.integers(1, 255))
    rest: list[tuple[int, int]] = []
    try:
        rows = flat(list(read_columns(bytes(stream), ReadContext(), rest=rest).records()))
    except InputError:
        return
    if not rest:
        assert rows == by_records(bytes(stream))


@pytest.mark.parametrize("count", [2, 4, 5])
def test_a_compound_of_another_size_is_not_for_columns(count: int) -> None:
    """Its octets fit the observation, but would reach into the time stamp, or leave some over."""
    values = o.u16(count) + o.u16(2 * count) + b"".join(o.sfloat(n) for n in (120, 80, 100))
    stream = BEGIN + o.fixed((2, values + o.absolute()))
    rest: list[tuple[int, int]] = []
    assert len(read_columns(stream, ReadContext(), rest=rest)) == 0
    assert len(rest) == 1


@pytest.mark.parametrize("mapped", [((2636, 4),), ((2636, 2), (2646, 4)), ((2448, 8), (2439, 8)), ((2677, 8),)])
def test_an_odd_value_map_is_not_for_columns(mapped: tuple[tuple[int, int], ...]) -> None:
    table = {**PRESSURE, 2645: o.value_map(*mapped)}
    stream = o.association_request() + o.configuration((o.NU, 1, table))
    stream += o.fixed((1, bytes(sum(length for _, length in mapped))))
    rest: list[tuple[int, int]] = []
    assert len(read_columns(stream, ReadContext(), rest=rest)) == 0
    assert len(rest) == 1


def test_a_stamp_that_is_no_date_is_named() -> None:
    begin = BEGIN + o.fixed((3, o.float32(1)))
    stream = begin + o.fixed((1, o.sfloat(98) + b"\xff" * 8))
    received = Instant(value="2026-11-24T11:00:00Z")
    for context in (ReadContext(), ReadContext(received=received)):
        rest: list[tuple[int, int]] = []
        batch = read_columns(stream, context, rest=rest)
        assert [stream[start:stop] for start, stop in rest] == [b"\xff" * 8]
        assert flat(list(batch.records())) == by_records(stream, context)


def test_answers_of_the_manager_are_passed_over() -> None:
    answer = o.data(7, 0x0201, o.u16(0) + o.u32(0) + o.u16(0x0D1D) + o.octets(b""))
    stream = BEGIN + (o.fixed((1, o.sfloat(98) + o.absolute())) + answer) * 3
    rest: list[tuple[int, int]] = []
    assert len(read_columns(stream, ReadContext(), rest=rest)) == 3
    assert not rest


def test_a_changed_attribute_changes_the_rows() -> None:
    report = o.fixed((1, o.sfloat(98) + o.absolute()))
    stream = BEGIN + report + o.variable((1, {2454: o.u16(2720)})) + report
    batch = read_columns(stream, ReadContext())
    assert flat(list(batch.records())) == by_records(stream)
    assert len(batch.units) == 2
