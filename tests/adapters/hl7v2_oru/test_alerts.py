"""Alerts: PCD-04 with its parts and its evidence, PCD-05, alerts among the data of a device."""

from __future__ import annotations

from pathlib import Path

import pytest
from adapters.hl7v2_oru.support import content, of, one, read

from iomt_interop.model import AlertSignal
from iomt_interop.terminology import systems

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures/hl7v2_oru"
EVIDENCE = read((FIXTURES / "pcd04_evidence.hl7").read_bytes())
LIMIT, OCCLUSION = of(EVIDENCE, "alert")


def test_the_measurement_that_broke_its_limits() -> None:
    assert LIMIT.code.codings[0].refid == "MDC_EVT_LO"
    assert LIMIT.source.codings[0].refid == "MDC_PULS_OXIM_SAT_O2"
    assert (LIMIT.value.text, LIMIT.value.unit) == ("84", "%")
    assert (LIMIT.limits.low.text, LIMIT.limits.high.text, LIMIT.limits.low.unit) == ("90", "100", "%")
    metric = next(m for m in of(EVIDENCE, "metric") if m.id == LIMIT.source_metric)
    assert (metric.handle, metric.code.codings[0].code) == ("1.3.1.150456", "150456")


def test_priority_and_kind_may_stand_in_the_flags_alone() -> None:
    assert (LIMIT.priority, LIMIT.alert_kind) == ("high", "physiological")
    assert ("OBX(2)-8", "L~PH~SP") in [(e.path, e.value) for e in LIMIT.extensions]


def test_what_was_done_to_the_announcement() -> None:
    assert (LIMIT.phase, LIMIT.state) == ("escalate", "latched")
    assert LIMIT.inactivation == "audio-off~alert-acknowledged"
    assert LIMIT.signals == (AlertSignal(manifestation="auditory", activation="off"),)
    assert LIMIT.acknowledgement.state == "acknowledged"


def test_evidence_is_what_stands_beside_the_alert() -> None:
    rate, wave = one(EVIDENCE, "observation"), one(EVIDENCE, "waveform")
    assert {link.target for link in LIMIT.links} == {rate.id, wave.id}
    assert {link.relation for link in LIMIT.links} == {"derived_from"}
    assert OCCLUSION.links == ()  # of another device than what was measured
    assert (rate.code.codings[0].refid, rate.value.text) == ("MDC_PULS_OXIM_PULS_RATE", "131")


def test_a_wave_in_an_alert_is_a_wave_and_its_facets_are_no_alert() -> None:
    wave = one(EVIDENCE, "waveform")
    (channel,) = wave.channels
    assert (channel.period.numerator, channel.period.denominator) == (1, 4)
    assert wave.segments[0].marks == b"\0\2\0\0"  # -32768 stands for an invalid sample
    assert [(mark.index, mark.text) for mark in wave.annotations] == [(2, "beat")]
    assert wave.annotations[0].code.codings[0].refid == "MDC_EVT_BEAT"


def test_the_event_may_stand_in_the_value() -> None:
    assert OCCLUSION.code.codings[0].code == "196940"
    assert OCCLUSION.code.codings[0].refid == "MDC_EVT_FLUID_LINE_OCCL"
    assert OCCLUSION.code.text == "Occlusion"
    assert OCCLUSION.text == "Line & bag"  # what MDC_ATTR_ALERT_TEXT says, unescaped
    assert OCCLUSION.source.codings[0].refid == "MDC_DEV_PUMP_INFUS_MDS"
    assert (OCCLUSION.priority, OCCLUSION.alert_kind, OCCLUSION.phase) == ("medium", "technical", "start")
    assert OCCLUSION.time.start.value == "2026-11-24T11:29:58+01:00"


def test_parts_leave_nothing_that_the_record_says() -> None:
    # Numbers of the framework, ST and the repeated flags and times are understood; a code outside of the tables is not.
    assert [e.path for e in LIMIT.extensions] == ["OBX(2)-8", "OBX(2)-11"]
    assert ("OBX(15)-3", "68546^MDC_ATTR_ALERT_TEXT^MDC") in [(e.path, e.value) for e in OCCLUSION.extensions]


def test_a_part_without_its_own_flag_is_told_from_one_that_repeats_it() -> None:
    data = (FIXTURES / "pcd04_evidence.hl7").read_bytes()
    other = data.replace(b"|escalate|||L~PH~SP|", b"|escalate||||")
    assert data != other
    assert content(read(data)) != content(read(other))


def test_what_became_of_an_alert() -> None:
    records = read((FIXTURES / "pcd05_status.hl7").read_bytes())
    accepted, delivered, unknown = of(records, "alert")
    assert {alert.identifiers[0].value for alert in of(records, "alert")} == {"al-77"}
    assert accepted.acknowledgement.state == "acknowledged"
    assert accepted.acknowledgement.by.identifiers[0].value == "N17"
    assert accepted.acknowledgement.time.value == "2026-11-24T11:30:03+01:00"
    assert delivered.acknowledgement.state == "none"
    assert unknown.acknowledgement is None
    assert ("PRT(3)-3", "LostInSpace") in [(e.path, e.value) for e in unknown.extensions]


def test_an_alert_of_an_interface_that_lists_what_is_active() -> None:
    inop, other = of(read((FIXTURES / "vendor_philips_iic.hl7").read_bytes()), "alert")
    assert (inop.text, inop.alert_kind, inop.state) == ("SpO2T  No Pulse", "technical", "active")
    assert inop.code.codings[0].native_system == "MDIL-ALERT"
    assert other.alert_kind is None


def test_a_condition_among_the_data_of_a_pump() -> None:
    records = read((FIXTURES / "pcd10_event.hl7").read_bytes())
    alert = one(records, "alert")
    assert alert.code.codings[0].refid == "MDC_EVT_SYRINGE_NEAR_EMPTY"
    source = next(d for d in of(records, "device") if d.id == alert.device)
    assert (source.handle, source.type.codings[0].system) == ("1.1.2.0", systems.MDC)


@pytest.mark.parametrize("code", [b"196652^MDC_EVT_HI^MDC", b"0^MDCX_EVT_OWN^MDC"])
def test_an_event_alone_is_an_alert_only_where_the_report_says_so(code: bytes) -> None:
    head = b"MSH|^~\\&|A|||||ORU^R40^ORU_R40|1|P|2.6\rOBR|1||x|%s\r"
    line = b"OBX|1|ST|" + code + b"|1.1.1.1.1|text||||||F\r"
    assert one(read(head % b"196616^MDC_EVT_ALARM^MDC" + line), "alert").text == "text"
    assert not of(read(head % b"1^other^L" + line), "alert")
