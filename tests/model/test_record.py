"""Records: one union, content equality, silent text, lossless JSON, a schema that an outside validator accepts."""

from __future__ import annotations

import json
import typing
from hashlib import blake2b

import jsonschema
import pytest
from pydantic import ValidationError
from support.records import AT, SECRET, SPO2, every_kind

from iomt_interop import model as m
from iomt_interop.errors import InvalidRecord
from iomt_interop.model.envelope import RecordKind
from iomt_interop.model.record import Record


def test_every_kind_of_the_union_is_here() -> None:
    assert {record.kind for record in every_kind()} == set(typing.get_args(RecordKind))
    assert len(typing.get_args(typing.get_args(Record)[0])) == len(typing.get_args(RecordKind))


def test_json_round_trip_is_the_identity() -> None:
    records = every_kind()
    back = m.records_from_json(m.to_json(records))
    assert back == records
    assert [hash(r) for r in back] == [hash(r) for r in records]
    assert back[8].value.text == "98.00"


def test_the_schema_accepts_what_is_written_and_nothing_else() -> None:
    schema = m.json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    for document in json.loads(m.to_json(every_kind())):
        validator.validate(document)
        assert not validator.is_valid({**document, "unheard_of": 1})
        assert not validator.is_valid({k: v for k, v in document.items() if k != "id"})


@pytest.mark.parametrize("record", every_kind(), ids=lambda r: r.kind)
def test_nothing_a_record_says_of_itself_holds_a_value(record: m.Record) -> None:
    assert SECRET not in repr(record)
    assert SECRET not in str(record)
    assert SECRET not in f"{record}"
    with pytest.raises(ValidationError) as caught:
        type(record)(**{**dict(record), "id": 1, "unheard_of": SECRET})
    assert SECRET not in str(caught.value)


def test_records_are_frozen() -> None:
    with pytest.raises(ValidationError):
        every_kind()[0].id = "x"


def test_bad_json_is_our_error_and_says_no_value() -> None:
    for text in (
        f'[{{"kind":"subject","id":"{SECRET}"}}]',
        f'[{{"kind":"{SECRET}"}}]',
        "[",
        '{"a":1}',
        f'["{SECRET}"]',
    ):
        with pytest.raises(InvalidRecord) as caught:
            m.records_from_json(text.encode())
        assert SECRET not in str(caught.value)
        assert caught.value.__cause__ is None


def test_replace_validates() -> None:
    observation = every_kind()[8]
    assert observation.replace(status="amended").status == "amended"
    assert observation.replace(status="amended").replace(status="final") == observation
    with pytest.raises(InvalidRecord):
        observation.replace(status=SECRET)


def test_ids_are_stable_and_parts_do_not_run_together() -> None:
    assert m.record_id("a", 1, b"x", None) == blake2b(b"1:a1:11:x-", digest_size=16).hexdigest()
    assert m.record_id("ab", "c") != m.record_id("a", "bc")
    assert m.record_id(None) != m.record_id("")
    assert m.record_id("a", "b") == m.record_id("a", "b")


def test_bit_zero_is_the_most_significant() -> None:
    bits = m.BitSetValue(width=16, bits=0x8001)
    assert [position for position in range(16) if bits.is_set(position)] == [0, 15]


def test_a_batch_gives_the_records_that_were_put_in() -> None:
    batch = m.ObservationBatch(
        adapter="t",
        version="1",
        digest="00",
        base=100,
        subject="s",
        status="final",
        codes=[SPO2],
        units=[("%", None)],
        times=[AT],
    )
    for mantissa, exponent, special in ((9800, -2, 0), (0, 0, 2), (-5, 3, 0)):
        for column, value in (
            ("mantissa", mantissa),
            ("exponent", exponent),
            ("special", special),
            ("code", 0),
            ("unit", 0),
            ("time", 0),
            ("start", 4),
            ("stop", 8),
        ):
            getattr(batch, column).append(value)
    first, second, third = batch.records()
    assert first.value == m.Quantity(mantissa=9800, exponent=-2, unit="%")
    assert second.value == m.Absent(reason="not-at-this-resolution", native="nres")
    assert third.value.text == "-5E3"
    assert first.provenance.span == (104, 108)
