"""Kernel document: the compiled writer against pydantic, which its twin is, for whatever records hold."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from pydantic_core import PydanticSerializationError
from support.kernels import each

from iomt_interop import model as m
from iomt_interop import read
from iomt_interop._accel import document_py as pure

FIXTURES = Path(__file__).parents[2] / "fixtures"
CODE = m.Concept(codings=(m.Coding(system="urn:x", code="1"),))
FROM = m.Provenance(adapter="a", version="1")

kernel = each("document")


def observation(**more: Any) -> m.Observation:
    return m.Observation(id="1", provenance=FROM, code=CODE, **more)


def witness(record: BaseModel) -> bytes:
    return record.model_dump_json(exclude_none=True).encode()


@pytest.mark.parametrize(
    ("adapter", "pattern"),
    [("hl7v2_oru", "*.hl7"), ("fhir_r4", "*.json"), ("ieee11073_phd", "*.apdu")],
)
def test_records_of_the_fixtures_are_written_as_by_pydantic(kernel: ModuleType, adapter: str, pattern: str) -> None:
    found = [path for path in sorted((FIXTURES / adapter).glob(pattern)) if ".golden." not in path.name]
    assert found
    for path in found:
        for record in read(path, adapter=adapter):
            assert kernel.dump(record) == witness(record)


def test_every_text_and_number_is_written_as_by_pydantic(kernel: ModuleType) -> None:
    special = st.text('\x00\x07\x08\t\n\x0b\x0c\r\x1f"\\/\x7fé\U0001f600')
    texts = st.text(st.characters(exclude_categories=["Cs"])) | special

    @given(texts, texts, st.integers() | st.integers(-(2**63) - 1, -(2**63) + 1) | st.integers(2**63 - 1, 2**63))
    def check(text: str, other: str, number: int) -> None:
        value = m.Quantity(mantissa=number, unit=other, literal=text)
        record = observation(value=value, extensions=(m.Extension(namespace=text, path=other, value=text),))
        assert kernel.dump(record) == witness(record)
        assert m.record_from_json(kernel.dump(record)) == record

    check()


@pytest.mark.parametrize("data", [b"", b"x", b"\xff\xfe\xfb", bytes(range(256))])
def test_octets_are_base64_for_urls(kernel: ModuleType, data: bytes) -> None:
    record = m.Document(id="1", provenance=FROM, data=data)
    assert kernel.dump(record) == witness(record)
    assert m.record_from_json(kernel.dump(record)) == record


def test_of_a_derived_class_the_fields_of_the_declared_one_are_written(kernel: ModuleType) -> None:
    """A quantity is a number, and a metric's resolution is a number without a unit."""
    resolution = m.Quantity(mantissa=5, unit="mV")
    record = m.Metric(id="1", provenance=FROM, code=CODE, resolution=resolution)
    assert b"mV" not in kernel.dump(record)
    assert kernel.dump(record) == witness(record)


def test_fields_of_a_record_that_was_not_validated_are_written_too(kernel: ModuleType) -> None:
    record = m.Observation.of_valid({"id": "1", "provenance": FROM, "code": CODE, "subject": "s"})
    assert kernel.dump(record) == witness(record)


def test_a_copy_keeps_its_order(kernel: ModuleType) -> None:
    record = observation().model_copy(update={"subject": "s", "id": "2"})
    assert kernel.dump(record) == witness(record)


def test_a_kind_of_value_that_no_field_declares_is_pydantics_business(kernel: ModuleType) -> None:
    class Text(str):
        __slots__ = ()

    record = observation().model_copy(update={"subject": Text("s")})
    assert kernel.dump(record) == witness(record)


def test_half_a_surrogate_pair_is_refused(kernel: ModuleType) -> None:
    record = observation(subject="\ud800")
    with pytest.raises(PydanticSerializationError):
        kernel.dump(record)


def test_what_a_field_may_hold_is_read_from_the_model() -> None:
    parts = pure.parts_of(m.Observation)
    assert parts["id"] == frozenset()
    assert m.Quantity in parts["value"]
    assert m.Coding not in parts["value"]
    assert parts["time"] == {m.Instant, m.Interval, m.Day}
