"""JSON mappings: exact, nothing lost, any cuts, any octets."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plugins.mapping.helpers import HEAD, kinds, observation, outcome, read, texts

from iomt_interop.errors import InputError, LimitExceeded, MalformedInput, TruncatedInput
from iomt_interop.model import Absent, Instant, Issue, Message, Observation, Quantity, Residue, Subject, TextValue
from iomt_interop.plugins import Limits

TEMPERATURE = observation('each = "rows[*]"\nvalue = { path = "v", unit = "Cel" }\n')


def test_the_wearable_export_gives_what_its_text_says() -> None:
    mapping, data = texts("band_declarative")
    records = read(mapping, data)
    assert kinds(records) == ["message", "subject", "device", *["observation"] * 6, "session"]
    subject, first, second, off = records[1], records[3], records[4], records[5]
    assert isinstance(first, Observation)
    assert isinstance(second, Observation)
    assert isinstance(off, Observation)
    assert isinstance(second.value, Quantity)
    assert (second.value.text, second.value.unit) == ("62.50", "/min")
    assert isinstance(first.time, Instant)
    assert (first.time.value, first.time.native) == ("2026-11-24T07:58:03.250Z", "1795507083250")
    assert first.subject == subject.id
    assert first.device == records[2].id
    assert [(each.path, each.value) for each in first.extensions] == [("conf", "0.98")]
    assert off.value == Absent(reason="sensor-off", native="-1")
    start, stop = first.provenance.span or (0, 0)
    assert data[start:stop] == b'{"t": 1795507083250, "bpm": 61, "conf": 0.98}'
    assert first.provenance.path == "days[0].heart_rate[0]"
    assert [(e.path, e.value) for e in records[0].extensions] == [
        ("format", "band-day"), ("edition", "3"), ("days[0].date", "2026-11-24"), ("days[1].date", "2026-11-25"),
        ("days[1].heart_rate", "[]"), ("days[1].note", "worn on the left"),
    ]  # fmt: skip


def test_a_compound_takes_parts_of_one_text_and_keeps_the_text() -> None:
    mapping, data = texts("band_declarative")
    pressure = read(mapping, data)[8]
    assert isinstance(pressure, Observation)
    values = [part.value for part in pressure.components]
    assert [value.text for value in values if isinstance(value, Quantity)] == ["128", "81"]
    assert [each.value for each in pressure.extensions] == ["128/81"]


@pytest.mark.parametrize("text", ["36.60", "3.660e1", "-0.0", "1E+2", "0.1", "123456789012345678901234567890.10"])
def test_a_number_keeps_its_digits(text: str) -> None:
    record = read(TEMPERATURE, b'{"rows":[{"v":%s}]}' % text.encode())[-1]
    assert isinstance(record, Observation)
    assert isinstance(record.value, Quantity)
    assert text in (record.value.text, record.value.literal)


def test_a_factor_multiplies_exactly() -> None:
    mapping = observation('value = { path = "v", unit = "Cel", factor = "0.1" }\n')
    record = read(mapping, b'{"v":3660}')[-1]
    assert isinstance(record, Observation)
    assert isinstance(record.value, Quantity)
    assert record.value.text == "366.0"


def test_what_is_no_number_stays_a_text_with_a_doubt() -> None:
    data = b'{"rows":[{"v":"warm"},{"v":"<35.0"}]}'
    _, text, issue, less = read(TEMPERATURE, data)
    assert isinstance(text, Observation)
    assert isinstance(less, Observation)
    assert text.value == TextValue(text="warm")
    assert isinstance(issue, Issue)
    assert issue.code == "MAP-202"
    assert isinstance(less.value, Quantity)
    assert (less.value.comparator, less.value.text) == ("<", "35.0")
    with pytest.raises(MalformedInput) as caught:
        read(TEMPERATURE, data, strictness="strict")
    assert caught.value.span == (9, 21)
    assert "warm" not in f"{caught.value} {caught.value!r} {caught.value.__cause__} {caught.value.__context__}"


def test_a_row_that_no_rule_takes_is_residue_verbatim() -> None:
    data = b'{"rows":[{"w": 1.0 }]}'
    _, residue, issue = read(TEMPERATURE, data)
    assert isinstance(residue, Residue)
    assert (residue.raw, residue.span, residue.path) == (b'{"w": 1.0 }', (9, 20), "rows[0]")
    assert isinstance(issue, Issue)
    assert issue.code == residue.reason == "MAP-201"
    with pytest.raises(MalformedInput):
        read(TEMPERATURE, data, strictness="strict")


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b'{"rows":[],"rows":[]}', "MAP-103"),
        (b'{"rows":["\\ud800"]}', "MAP-104"),
        (b'{"rows":[01]}', "MAP-102"),
        (b'{"rows":[]} x', "MAP-102"),
        (b'{"rows":[NaN]}', "MAP-102"),
        (b'{"rows":["a\nb"]}', "MAP-102"),
        (b'{"rows":["\xff"]}', "MAP-101"),
        (b'{"rows":[1,]}', "MAP-102"),
        (b'{"rows" 1}', "MAP-102"),
    ],
)
def test_malformed_json(data: bytes, code: str) -> None:
    with pytest.raises(MalformedInput) as caught:
        read(TEMPERATURE, data)
    assert caught.value.code == code


def test_every_cut_of_a_document_is_truncated() -> None:
    data = '{"rows":[{"v":-12.5e1,"t":"\\u00e9ü"},true,false,null]}'.encode()
    for end in range(len(data)):
        with pytest.raises(TruncatedInput):
            read(TEMPERATURE, data[:end])


def test_limits() -> None:
    with pytest.raises(LimitExceeded):
        read(TEMPERATURE, b"[" * 100_000, limits=Limits(max_depth=64))
    with pytest.raises(LimitExceeded):
        read(TEMPERATURE, b" " * 100, limits=Limits(max_unit=99))


NAMES = st.sampled_from(["a", "b", "v", "rows", "x y", 'q"', "1"])
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-9999, 9999), st.text('abc{}[]"\\é0.1', max_size=6), st.floats(0, 9, width=16)
)
TREES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=20
)


def _leaves(tree: Any) -> list[str | None]:
    if isinstance(tree, dict) and tree:
        return [leaf for each in tree.values() for leaf in _leaves(each)]
    if isinstance(tree, list) and tree:
        return [leaf for each in tree for leaf in _leaves(each)]
    return [tree if isinstance(tree, str) else None if tree is None else json.dumps(tree)]


@given(st.lists(TREES, max_size=4), TREES, st.booleans())
def test_nothing_is_lost(rows: list[Any], beside: Any, is_pretty: bool) -> None:
    text = json.dumps({"beside": beside, "rows": rows}, indent=1 if is_pretty else None)
    records = read(TEMPERATURE, text.encode())
    kept: list[str | None] = []
    for record in records:
        kept += [each.value for each in record.extensions]
        if isinstance(record, Residue):
            kept += _leaves(json.loads(record.raw))
        elif isinstance(record, Observation):
            value = record.value
            kept.append(value.literal or value.text if isinstance(value, Quantity) else getattr(value, "text", None))
            if isinstance(value, Quantity) and value.comparator:
                kept[-1] = f"{value.comparator}{kept[-1]}"
    plain = [each[1:-1] if each and each.startswith('"') and len(each) > 1 else each for each in kept]
    for leaf in set(_leaves({"beside": beside, "rows": rows})):
        wanted = _leaves({"beside": beside, "rows": rows}).count(leaf)
        assert sum(leaf in pair for pair in zip(kept, plain, strict=True)) >= wanted


@given(st.data(), st.booleans())
def test_the_cuts_do_not_matter(data: st.DataObject, is_strict: bool) -> None:
    mapping, sample = texts("band_declarative")
    sample = bytearray(sample)
    for _ in range(data.draw(st.integers(0, 2))):
        sample[data.draw(st.integers(0, len(sample) - 1))] = data.draw(st.integers(0, 255))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(sample)), max_size=5)))
    pieces = [bytes(sample[a:b]) for a, b in zip([0, *cuts], [*cuts, len(sample)], strict=True)]
    strictness = "strict" if is_strict else "lenient"
    whole, error = outcome(mapping, [bytes(sample)], strictness=strictness)
    parts, other = outcome(mapping, pieces, strictness=strictness)
    assert whole == parts
    assert str(error) == str(other)


@given(st.binary(max_size=200) | st.text('{}[]:,"0e.-tfn \\u', max_size=60).map(str.encode))
def test_any_octets(data: bytes) -> None:
    _, error = outcome(TEMPERATURE, [data])
    assert error is None or isinstance(error, InputError)


def test_the_same_person_is_told_once_and_by_the_same_id() -> None:
    mapping = observation(
        'each = "rows[*]"\nsubject = { path = "p", system = "urn:s" }\nvalue = { path = "v", unit = "1" }\n'
    )
    data = b'{"rows":[{"p":"a","v":1},{"p":"b","v":2},{"p":"a","v":3}]}'
    records = read(mapping, data)
    assert kinds(records) == ["message", "subject", "observation", "subject", "observation", "observation"]
    assert records[1].id == records[5].subject
    assert isinstance(records[1], Subject)
    assert read(mapping, data) == records


def test_a_reference_without_a_description_is_told_at_the_end() -> None:
    mapping = (
        HEAD
        + '[[record]]\nkind = "subject"\neach = "people[*]"\nidentifiers = { path = "id" }\n[[record]]\n'
        + 'kind = "observation"\neach = "rows[*]"\ncode = { text = "x" }\n'
        + 'subject = { path = "p" }\nvalue = { path = "v" }\n'
    )
    records = read(mapping, b'{"people":[{"id":"a","n":1}],"rows":[{"p":"a","v":1},{"p":"b","v":2}]}')
    assert kinds(records) == ["message", "subject", "observation", "observation", "subject"]
    assert records[4].id == records[3].subject


def test_parallel_arrays_are_joined_by_position() -> None:
    mapping = observation(
        'each = "hr[*]"\nvalue = { path = ".", unit = "/min" }\ntime = { path = "^.at[#]", format = "epoch-s" }\n'
    )
    records = read(mapping, b'{"at":[0,60],"hr":[71,72.0]}')
    times = [
        record.time.value for record in records if isinstance(record, Observation) and isinstance(record.time, Instant)
    ]
    assert times == ["1970-01-01T00:00:00Z", "1970-01-01T00:01:00Z"]
    assert isinstance(records[0], Message)
    assert not records[0].extensions


def test_filters_pick_members_by_a_value() -> None:
    mapping = observation('value = { path = "items[n=\\"hr\\"].v", unit = "/min" }\n')
    record = read(mapping, b'{"items":[{"n":"spo2","v":97},{"n":"hr","v":70}]}')[-1]
    assert isinstance(record, Observation)
    assert isinstance(record.value, Quantity)
    assert record.value.text == "70"
    assert [(each.path, each.value) for each in record.extensions] == [("items[0].n", "spo2"), ("items[0].v", "97")]


def test_equal_rows_without_a_time_are_two_records() -> None:
    records = read(TEMPERATURE, b'{"rows":[{"v":1},{"v":1}]}')
    assert records[1].id != records[2].id
