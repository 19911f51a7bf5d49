"""Two parsers of others read what is written: python-hl7 as it is, hl7apy against the structure and types of 2.6."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import hl7
import pytest
from adapters.hl7v2_pcd01.support import written
from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.parser import parse_message

from iomt_interop import model as m
from iomt_interop.plugins import ReadContext, default_registry

FIXTURES = Path(__file__).parents[3] / "fixtures"
SOURCES = [
    ("hl7v2_oru", "pcd01_30obx.hl7"),
    ("hl7v2_oru", "waves.hl7"),
    ("ieee11073_phd", "blood_pressure.apdu"),
    ("ieee11073_phd", "pulse_oximeter.apdu"),
    ("ieee11073_phd", "weighing_scale.apdu"),
    ("fhir_r4", "vitals.ndjson"),
    ("example", "odd.wtherm"),
]


def messages(adapter: str, name: str) -> list[str]:
    reader = default_registry().get(adapter).reader_factory()(ReadContext())
    records = [*reader.feed((FIXTURES / adapter / name).read_bytes()), *reader.finish()]
    data = written(records)[0].decode()
    return [f"MSH{text}" for text in data.split("MSH")[1:]]


@pytest.mark.parametrize(("adapter", "name"), SOURCES)
def test_hl7apy_accepts_structure_and_types(adapter: str, name: str) -> None:
    found = messages(adapter, name)
    assert found
    for text in found:
        parsed = parse_message(text, validation_level=VALIDATION_LEVEL.STRICT, find_groups=True)
        assert parsed.validate()
        assert parsed.to_er7() == text.rstrip("\r")


@pytest.mark.parametrize(("adapter", "name"), SOURCES)
def test_python_hl7_sees_every_field(adapter: str, name: str) -> None:
    for text in messages(adapter, name):
        parsed = hl7.parse(text)
        assert [str(segment[0]) for segment in parsed] == [line[:3] for line in text.rstrip("\r").split("\r")]
        assert str(parsed) == text
        for number, segment in enumerate((s for s in parsed if str(s[0]) == "OBX"), 1):
            assert str(segment[1]) == str(number)


def test_hl7apy_reads_the_fixture_as_the_records_say() -> None:
    text = (FIXTURES / "hl7v2_pcd01" / "monitor.hl7").read_bytes().decode()
    records: list[Any] = m.records_from_json((FIXTURES / "hl7v2_pcd01" / "monitor.json").read_bytes())
    parsed = parse_message(text, validation_level=VALIDATION_LEVEL.STRICT, find_groups=True)
    assert parsed.validate()
    (result,) = parsed.oru_r01_patient_result
    person = next(record for record in records if record.kind == "subject")
    assert result.oru_r01_patient.pid.pid_3.cx_1.to_er7() == person.identifiers[0].value
    assert result.oru_r01_patient.pid.pid_5.xpn_1.fn_1.to_er7() == person.names[0].family
    stated = [
        each.obx.obx_5.to_er7()
        for each in result.oru_r01_order_observation.oru_r01_observation
        if each.obx.obx_2.to_er7() == "NM" and each.obx.obx_3.to_er7().startswith("150456")
    ]
    assert stated == [next(r.value.text for r in records if r.kind == "observation" and r.value)]
