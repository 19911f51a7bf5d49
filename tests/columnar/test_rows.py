"""Tables of records: every record comes back equal, numbers stay integers, and a changed table is noticed."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.full import Planter, full_records
from support.records import AT, SPO2, every_kind, make

from iomt_interop import model as m
from iomt_interop.columnar import COLUMNS, DERIVED, PARTS, PLACE, REST, SCHEMA, from_table, to_table
from iomt_interop.errors import InvalidRecord, MalformedInput

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=8)
MAYBE = st.none() | TEXT
CODINGS = st.lists(st.builds(m.Coding, system=MAYBE, code=MAYBE, refid=MAYBE, display=MAYBE, version=MAYBE), max_size=3)
CONCEPT = st.builds(m.Concept, codings=CODINGS.map(tuple), text=MAYBE)
INTEGERS = st.integers(-(2**64), 2**64) | st.sampled_from([0, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1])
QUANTITY = st.builds(
    m.Quantity,
    mantissa=INTEGERS,
    exponent=st.integers(-1000, 1000) | st.sampled_from([-129, -128, 127, 128]),
    special=st.sampled_from([None, None, "nan", "+inf"]),
    unit=MAYBE,
    literal=MAYBE,
    native_unit=st.none() | st.builds(m.Coding, code=MAYBE),
)
INSTANT = st.builds(
    m.Instant,
    value=st.sampled_from(["2026", "2026-02-30T01:00Z", "2026-11-24T10:58:03.200000001-00:30", "0001-01-01T24:00Z"]),
    origin=st.sampled_from(["observed", "order"]),
    native=MAYBE,
)
TIME = st.none() | INSTANT | st.builds(m.Interval, start=st.none() | INSTANT, end=st.none() | INSTANT)
VALUE = st.none() | st.one_of(
    QUANTITY,
    st.builds(m.TextValue, text=TEXT, format=MAYBE),
    st.builds(m.CodedValue, concepts=st.lists(CONCEPT, max_size=2).map(tuple)),
    st.builds(m.Range, low=st.none() | QUANTITY, text=MAYBE),
    st.builds(m.Ratio, numerator=QUANTITY, denominator=QUANTITY),
    st.builds(m.Absent, reason=st.just("error"), concept=st.none() | CONCEPT),
    st.builds(m.AttachmentValue, data=st.none() | st.binary(max_size=4)),
    st.builds(m.TimeValue, time=INSTANT),
)
COMMON: dict[str, Any] = {
    "id": st.integers(0, 9).map(m.record_id),
    "provenance": st.builds(m.Provenance, adapter=TEXT, version=TEXT, digest=MAYBE, path=MAYBE),
    "subject": MAYBE,
    "code": CONCEPT,
    "time": TIME,
    "handle": MAYBE,
}
COMPONENT = st.builds(m.Component, code=CONCEPT, value=VALUE, handle=MAYBE)
CHANNEL = st.builds(
    m.Channel,
    code=CONCEPT,
    unit=MAYBE,
    period=st.none() | st.builds(m.Rational, numerator=INTEGERS, denominator=st.integers(1, 2**65)),
    factor=st.builds(m.Number, mantissa=INTEGERS, exponent=st.integers(-200, 200), literal=MAYBE),
)
SEGMENT = st.builds(
    m.Segment,
    channel=st.integers(0, 3) | st.just(2**31),
    start=st.none() | INSTANT,
    start_index=INTEGERS,
    dtype=st.just("u1"),
    data=st.binary(max_size=9),
    n=INTEGERS,
    marks=st.none() | st.binary(max_size=3),
)
RECORDS = st.one_of(
    st.builds(m.Observation, **COMMON, value=VALUE, components=st.lists(COMPONENT, max_size=3).map(tuple)),
    st.builds(
        m.Waveform,
        **COMMON,
        channels=st.lists(CHANNEL, max_size=2).map(tuple),
        segments=st.lists(SEGMENT, max_size=2).map(tuple),
    ),
    st.builds(m.Event, **{k: v for k, v in COMMON.items() if k != "handle"}, text=MAYBE),
)


@given(st.lists(RECORDS, max_size=6))
def test_what_goes_in_comes_out(records: list[m.Record]) -> None:
    back = from_table(to_table(records))
    assert back == records
    assert m.to_json(back) == m.to_json(records)


def test_every_kind_with_every_field() -> None:
    records = [*every_kind(), *full_records(Planter())]
    assert from_table(to_table(records)) == records


def test_no_column_is_a_float() -> None:
    assert not any(pa.types.is_floating(field.type) or pa.types.is_decimal(field.type) for field in SCHEMA)


def test_every_column_is_used_and_has_one_type() -> None:
    named = {leaf.name: leaf.type for leaf in COLUMNS}
    for part in PARTS:
        for leaf in part.leaves:
            assert named.setdefault(leaf.name, leaf.type) == leaf.type
    assert {*named, PLACE, REST, *dict(DERIVED)} == set(SCHEMA.names)


def test_an_observation_in_columns() -> None:
    quantity = m.Quantity.from_text("98.00").replace(unit="%")
    row = to_table([make(m.Observation, code=SPO2, value=quantity, time=AT, status="final")]).to_pylist()[0]
    assert (row["value_mantissa"], row["value_exponent"], row["unit"]) == (9800, -2, "%")
    assert Decimal(row["value_mantissa"]).scaleb(row["value_exponent"]) == Decimal("98.00")
    assert (row["code"], row["code_refid"], row["kind"], row["status"]) == (
        "150456", "MDC_PULS_OXIM_SAT_O2", "observation", "final",
    )  # fmt: skip
    assert (row["time"], row["time_precision"]) == ("2026-11-24T10:58:03.20+01:00", "fraction")
    # date -u -d 2026-11-24T09:58:03 +%s
    assert row["time_utc_ns"] == 1795514283_200000000


@pytest.mark.parametrize(
    ("value", "precision", "utc"),
    [
        ("2026-11-24T10:58:03", "second", None),
        ("2026-11-24", "day", None),
        ("1970-01-01T00:00:00Z", "second", 0),
        ("1969-12-31T23:59:59.999999999Z", "fraction", -1),
        ("2026-02-30T00:00:00Z", "second", None),
        ("9999-01-01T00:00:00Z", "second", None),
    ],
)
def test_a_time_without_an_offset_has_no_utc(value: str, precision: str, utc: int | None) -> None:
    row = to_table([make(m.Observation, code=SPO2, time=m.Instant(value=value))]).to_pylist()[0]
    assert (row["time"], row["time_precision"], row["time_utc_ns"]) == (value, precision, utc)


def test_a_waveform_is_a_row_and_rows_of_its_parts() -> None:
    channel = m.Channel(code=SPO2, unit="mV", period=m.Rational(numerator=1, denominator=500),
                        factor=m.Number.from_text("0.0050"))  # fmt: skip
    runs = [m.Segment(channel=0, dtype="i2", data=bytes((n, 0)), n=1, start_index=n, start=AT) for n in range(2)]
    record = make(m.Waveform, code=SPO2, channels=(channel,), segments=tuple(runs))
    table = to_table([record])
    rows = table.to_pylist()
    assert [(row["kind"], row["place"]) for row in rows] == [
        ("waveform", None), ("channel", 0), ("segment", 0), ("segment", 1),
    ]  # fmt: skip
    assert {row["id"] for row in rows} == {record.id}
    assert (rows[1]["period_numerator"], rows[1]["period_denominator"]) == (1, 500)
    assert (rows[1]["factor_mantissa"], rows[1]["factor_exponent"], rows[1]["unit"]) == (50, -4, "mV")
    assert [row["data"] for row in rows[2:]] == [b"\0\0", b"\1\0"]
    assert rows[3]["time_utc_ns"] == 1795514283_200000000
    assert from_table(table) == [record]


def test_numbers_beyond_the_columns_stay_exact() -> None:
    for mantissa, exponent in ((2**63, 0), (7, 128), (7, -129), (10**900, -1000)):
        record = make(m.Observation, code=SPO2, value=m.Quantity(mantissa=mantissa, exponent=exponent))
        table = to_table([record])
        assert None in (table["value_mantissa"][0].as_py(), table["value_exponent"][0].as_py())
        assert from_table(table) == [record]


def changed(rows: list[dict[str, Any]], at: int, **changes: Any) -> pa.Table:
    """Return a table in which a row has other values."""
    return pa.Table.from_pylist([row | changes if n == at else row for n, row in enumerate(rows)], schema=SCHEMA)


@pytest.mark.parametrize("rest", ["", "[]", "null", "{", "[" * 100_000, None, '{"id":"x"}', '{"provenance":7}'])
def test_rest_that_is_none_of_a_record(rest: str | None) -> None:
    rows = to_table([make(m.Event, code=SPO2)]).to_pylist()
    with pytest.raises(MalformedInput, match="COL-001"):
        from_table(changed(rows, 0, rest=rest))


@pytest.mark.parametrize("rest", ['{"a":"\\ud800"}', '{"a":NaN}', '{"a":1e999}', "{}"])
def test_rest_that_the_model_does_not_know(rest: str) -> None:
    rows = to_table([make(m.Event, code=SPO2)]).to_pylist()
    with pytest.raises(InvalidRecord, match="MDL-005"):
        from_table(changed(rows, 0, rest=rest, adapter=None))


def test_parts_out_of_their_places() -> None:
    parts = (m.Component(code=SPO2), m.Component(code=SPO2))
    rows = to_table([make(m.Observation, code=SPO2, components=parts)]).to_pylist()
    for wrong in ({"place": 1}, {"place": None}, {"id": "other"}):
        with pytest.raises(MalformedInput):
            from_table(changed(rows, 1, **wrong))
    with pytest.raises(MalformedInput):
        from_table(pa.Table.from_pylist(rows[1:], schema=SCHEMA))
    with pytest.raises(MalformedInput):
        from_table(pa.Table.from_pylist([rows[0], rows[2]], schema=SCHEMA))
    with pytest.raises(MalformedInput):
        from_table(changed(rows, 0, rest=json.dumps(json.loads(rows[0]["rest"]) | {"components": 7})))


def test_other_columns_are_refused() -> None:
    table = to_table(every_kind())
    for other in (table.drop_columns(["rest"]), table.append_column("more", [[None] * len(table)]), pa.table({})):
        with pytest.raises(MalformedInput):
            from_table(other)
