"""What makes records without validation makes what validation would have let through."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given

from iomt_interop.errors import InvalidRecord
from iomt_interop.model import Coding, Concept, Mould, Observation, Provenance, Quantity, Record
from iomt_interop.testing import strategies

ORIGIN = Provenance(adapter="a", version="1", digest="d", span=(0, 1), path="OBX(1)", clause=None)


@given(strategies.records())
def test_of_valid_is_the_constructor(record: Record) -> None:
    values = {name: getattr(record, name) for name in record.model_fields_set}
    made = type(record).of_valid(values)
    assert made == record
    assert hash(made) == hash(record)
    assert made.model_fields_set == record.model_fields_set
    assert made.model_dump_json() == record.model_dump_json()
    assert pickle.loads(pickle.dumps(made)) == record
    assert type(record).model_validate_json(made.model_dump_json()) == record


@given(strategies.records())
def test_a_cast_of_nothing_is_the_record(record: Record) -> None:
    made = Mould(record).cast({})
    assert made == record
    assert made.model_dump_json() == record.model_dump_json()


def test_a_missing_or_unknown_field_is_refused() -> None:
    for values in ({}, {"id": "x", "provenance": ORIGIN}, {"adapter": "a", "version": "1", "colour": "red"}):
        model = Observation if "id" in values else Provenance
        with pytest.raises(InvalidRecord) as caught:
            model.of_valid(values)
        assert caught.value.code == "MDL-005"


def test_a_mould_keeps_what_it_is_told_to_keep() -> None:
    concept = Concept(codings=(Coding(system="s", code="c"),))
    record = Observation(id="secret", provenance=ORIGIN, code=concept, value=Quantity(mantissa=1), subject="secret")
    mould = Mould(record, {"id": "", "subject": None, "value": None})
    assert "secret" not in repr(mould.record.model_dump())
    made = mould.cast({"id": "n", "subject": "m", "value": Quantity(mantissa=2)})
    assert (made.id, made.subject, made.value, made.code) == ("n", "m", Quantity(mantissa=2), concept)
    assert record.id == "secret"
