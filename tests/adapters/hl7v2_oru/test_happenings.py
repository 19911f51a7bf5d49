"""Settings and events: by the nomenclature, by the mark of an interface, by a second OBX that names the source."""

from __future__ import annotations

from pathlib import Path

import pytest
from adapters.hl7v2_oru.support import of, one, read

from iomt_interop.adapters.hl7v2_oru.columns import read_columns
from iomt_interop.plugins import ReadContext

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures/hl7v2_oru"
PUMP = read((FIXTURES / "pcd10_event.hl7").read_bytes())
HEAD = b"MSH|^~\\&|A|||||ORU^R01^ORU_R01|1|P|2.6\rOBR|1|||x|||20261124101500\r"


def by_refid(records, kind: str) -> dict[str, object]:
    return {record.code.codings[0].refid: record for record in of(records, kind)}


def test_what_a_pump_is_programmed_to_and_what_it_does() -> None:
    settings, measured = by_refid(PUMP, "setting"), by_refid(PUMP, "observation")
    assert set(settings) == {
        "MDC_DRUG_NAME_LABEL", "MDC_FLOW_FLUID_PUMP", "MDC_VOL_FLUID_TBI", "MDC_PUMP_PROGRAM_DELIVERY_MODE",
    }  # fmt: skip
    rate = settings["MDC_FLOW_FLUID_PUMP"]
    assert (rate.programmed.text, rate.programmed.unit, rate.handle) == ("12.5", "mL/h", "1.1.2.5")
    assert rate.time.value == "2026-11-24T10:14:59+01:00"
    assert rate.order == one(PUMP, "order").id
    metric = next(m for m in of(PUMP, "metric") if m.id == rate.metric)
    assert (metric.category, metric.derivation) == ("setting", "manual")  # MSET
    assert metric.unit.codings[0].refid == "MDC_DIM_MILLI_L_PER_HR"
    assert {"MDC_FLOW_FLUID_PUMP_CURRENT", "MDC_VOL_FLUID_TBI_REMAIN"} <= set(measured)


def test_an_event_and_where_it_happened() -> None:
    started, change = of(PUMP, "event")
    assert started.code.codings[0].refid == "MDC_EVT_PUMP_DELIV_START"
    assert started.time.value == "2026-11-24T10:15:00+01:00"
    assert next(d for d in of(PUMP, "device") if d.id == started.device).handle == "1.1.2.0"
    assert started.order == one(PUMP, "order").id
    assert (change.code.codings[0].code, change.text) == ("197300", "new patient")
    assert not {"MDC_ATTR_EVT_COND", "MDC_ATTR_EVT_SOURCE"} & set(by_refid(PUMP, "observation"))


def test_a_source_without_a_condition_is_a_statement() -> None:
    data = HEAD + b"OBX|1|ST|68488^MDC_ATTR_EVT_SOURCE^MDC|1.1.0.4|1.1.2.0||||||R\r"
    assert one(read(data), "observation").value.text == "1.1.2.0"


@pytest.mark.parametrize(
    "code",
    [
        b"0^MDC_PRESS_AWAY_MAX_SETTING^MDC",
        b"16929196^MDC_VENT_MODE^MDC",  # 258 * 65536 + 20908
        b"157784^MDC_FLOW_FLUID_PUMP^MDC",
        b"0102-51ac^x^MDIL",
    ],
)
def test_settings_by_reference_id_and_by_partition(code: bytes) -> None:
    data = HEAD + b"OBX|1|NM|" + code + b"|1.1.1.1|30|266048^MDC_DIM_CM_H2O^MDC|||||R\r"
    found = one(read(data), "setting")
    assert (found.programmed.text, found.programmed.unit) == ("30", "cm[H2O]")
    assert len(read_columns(data, ReadContext())) == 0


@pytest.mark.parametrize(
    ("mark", "kind"), [(b"SETTING", "setting"), (b"CONFIGURATION", "setting"), (b"x", "observation")]
)
def test_settings_by_the_mark_of_an_interface(mark: bytes, kind: str) -> None:
    data = HEAD + b"OBX||NM|0002-5012^rate^MDIL|0|25|0004-0ae0^rpm^MDIL|||||F||" + mark + b"\r"
    found = one(read(data), kind)
    assert (found.programmed if kind == "setting" else found.value).text == "25"
    assert len(read_columns(data, ReadContext())) == (kind == "observation")


def test_the_mark_means_nothing_beside_other_codes() -> None:
    data = HEAD + b"OBX|1|NM|1^a^L||25||||||F||SETTING\r"
    assert one(read(data), "observation").value.text == "25"


def test_a_setting_may_have_several_values_and_facets() -> None:
    data = HEAD + (
        b"OBX|1|CWE|158008^MDC_DEV_PUMP_PROGRAM_DELIVERY_MODE^MDC|1.1.2.1|^a~^b||||||R\r"
        b"OBX|2|NM|158018^MDC_DOSE_LOADING^MDC|1.1.2.2|1~2||||||R\r"
        b"OBX|3|NM|1^a^L|1.1.2.2.1|7||||||R\r"
    )
    mode, dose = of(read(data), "setting")
    assert [c.codings[0].display for c in mode.programmed.concepts] == ["a", "b"]
    assert dose.programmed.text == "1~2"
    facet = one(read(data), "observation")
    assert (facet.links[0].relation, facet.links[0].target) == ("part_of", dose.id)


def test_a_note_of_a_recorder_is_an_event() -> None:
    records = read((FIXTURES / "vendor_vitalrecorder.hl7").read_bytes())
    assert one(records, "event").text == "Induction Start"
    wave = one(records, "waveform")
    (channel,) = wave.channels
    assert (channel.period.numerator, channel.period.denominator) == (1, 100)
    assert (channel.physical_range.low.text, channel.physical_range.high.text) == ("-1.5", "1.5")
    assert wave.segments[0].marks == b"\0\0\1\0"
    # What is displayed is no reference range, and no alarm limit.
    assert [r.purpose for r in one(records, "observation").reference_ranges] == ["unknown"]


def test_demo_settings_are_not_of_the_patient() -> None:
    data = (
        HEAD.replace(b"\rOBR", b"\rPID|||1^^^A^MR\rOBR")
        + b"OBX|1|NM|157784^MDC_FLOW_FLUID_PUMP^MDC|1.1.2.5|12|||DEMO\r"
    )
    found = one(read(data), "setting")
    person = next(s for s in of(read(data), "subject") if s.id == found.subject)
    assert person.confidence == "demo"
    assert found.labels


def test_what_a_result_says_of_the_device_that_contains_it() -> None:
    pump = next(d for d in of(PUMP, "device") if d.handle == "1.1.0.0")
    assert pump.model == "Example LVP 5"
    assert "MDC_ATTR_ID_MODEL" in by_refid(PUMP, "observation")


def test_an_eui64_of_a_maker_alone_names_no_device() -> None:
    pump = next(d for d in of(PUMP, "device") if d.node == "mds")
    assert [(i.value, i.system, i.authority_id) for i in pump.identifiers] == [("PUMP-17", None, "0012210000000000")]
    data = (FIXTURES / "pcd10_event.hl7").read_bytes().replace(b"PUMP-17", b"PUMP-18")
    assert next(d for d in of(read(data), "device") if d.node == "mds").id != pump.id
