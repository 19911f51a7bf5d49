"""Real device messages: every leaf accounted for, and the facts that the standard gives each of them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import hl7
import pytest
from adapters.hl7v2_oru.support import altered, content, leaves, of, one, read

from iomt_interop.adapters.hl7v2_oru.columns import read_columns
from iomt_interop.model import Absent, Quantity, TextValue
from iomt_interop.plugins import ReadContext
from iomt_interop.terminology import systems

DEVICE_MESSAGES = {
    "ihe_pcd/draeger_ack_v27_truncation": "message",
    "ihe_pcd/draeger_pcd04_watchdog": "message subject encounter order alert device:2",
    "ihe_pcd/ge_b1x5_vsp_art": "message subject encounter order device:3 metric observation",
    "ihe_pcd/ge_mural_pcd04_alert": "message subject encounter order alert device",
    "ihe_pcd/mindray_vs900_oru_r01": "message subject encounter order device:7 metric:7 observation:7",
    "ihe_pcd/nist_acme_gateway_nibp": "message subject encounter order device:4 metric:4 observation:4",
    "ihe_pcd/sll_dordriver_waveform_na": "message subject encounter order device:3 metric:3 waveform:3",
    "ihe_pcd/sll_t5_pulseox_nte": "message subject encounter order device:3 metric observation",
    "ihe_pcd/uv_pocd_philips_mx500": "message subject encounter order:2 waveform observation:3 metric:4 device:6",
    "vendor_device/mindray_egateway_waveform_v231": "message subject encounter order device:3 metric:3 observation:3",
    "vendor_device/mindray_waveform_17digit_ms_no_dot": "message order device:3 metric waveform",
    "vendor_device/mindray_xh80x_sentinel_minus999": "message subject order device:10 metric:4 observation:4",
    "vendor_device/philips_iic_mdil_v23": "message activity subject encounter order observation:7",
    "vendor_device/philips_iic_mdil_v23.latin1": "message activity subject encounter order observation:7",
    "vendor_device/philips_mdil_alert_mixed": "message subject encounter order observation:5 setting:2 alert",
    "vendor_device/roche_cobas_yen_escape_na_repeats": (
        "message activity:2 specimen request order device observation:2 waveform residue"
    ),
    "vendor_device/vitalrecorder_numeric": (
        "message activity:2 subject encounter request order observation:4 waveform event"
    ),
}
"""Kinds of record and how many, once where no number stands."""


def counts(text: str) -> dict[str, int]:
    return {kind: int(number or 1) for kind, _, number in (word.partition(":") for word in text.split())}


@pytest.fixture
def messages(corpus: Path) -> Path:
    folder = corpus / "hl7v2"
    if not (folder / "ihe_pcd").is_dir():
        pytest.skip("the corpus has no HL7 v2 messages")
    return folder


def load(messages: Path, name: str) -> list[Any]:
    return read((messages / f"{name}.hl7").read_bytes())


@pytest.mark.parametrize("name", DEVICE_MESSAGES)
def test_counts(messages: Path, name: str) -> None:
    found = Counter(record.kind for record in load(messages, name))
    del found["issue"]
    assert dict(found) == counts(DEVICE_MESSAGES[name])


@pytest.mark.parametrize("name", DEVICE_MESSAGES)
def test_every_leaf_reaches_the_records(messages: Path, name: str) -> None:
    data = (messages / f"{name}.hl7").read_bytes()
    known = content(read(data))
    assert not [
        (segment, start) for segment, start, stop in leaves(data) if content(read(altered(data, start, stop))) == known
    ]


def test_all_files_are_read_without_an_exception(messages: Path) -> None:
    paths = sorted([*messages.rglob("*.hl7"), *messages.rglob("*.bin")])
    assert len(paths) > 300
    for path in paths:
        data = path.read_bytes()
        records = read(data)
        assert records, path.name
        assert read(data, size=997) == records, path.name


def test_any_leaf_of_any_message_reaches_the_records(messages: Path) -> None:
    pick = Random(2)
    tried = 0
    for path in sorted(messages.rglob("*.hl7")):
        data = path.read_bytes()
        found = list(leaves(data)) if b"MSH" in data else []
        known = content(read(data))
        for name, start, stop in pick.sample(found, min(3, len(found))):
            assert content(read(altered(data, start, stop))) != known, (path.name, name, start)
            tried += 1
    assert tried > 900


def test_every_reference_has_its_record(messages: Path) -> None:
    for path in sorted(messages.rglob("*.hl7")):
        records = read(path.read_bytes())
        known = {record.id for record in records}
        for record in records:
            for name in ("subject", "encounter", "order", "device", "metric", "source_metric", "gateway"):
                target = getattr(record, name, None)
                assert target is None or target in known, (path.name, record.kind, name)
            for link in record.links:
                assert link.target in known, path.name
            if record.kind == "device":
                assert record.parent is None or record.parent in known, path.name


def test_columns_never_say_more_than_records(messages: Path) -> None:
    for path in sorted(messages.rglob("*.hl7")):
        data = path.read_bytes()
        if data.count(b"MSH|") != 1:
            continue
        known = {record.id: record for record in of(read(data), "observation")}
        for row in read_columns(data, ReadContext()).records():
            assert row.code == known[row.id].code, path.name
            assert row.value.text == known[row.id].value.text  # type: ignore[union-attr]


@pytest.mark.parametrize("name", [name for name in DEVICE_MESSAGES if "roche" not in name and "latin1" not in name])
def test_a_second_parser_sees_the_same_fields(messages: Path, name: str) -> None:
    data = (messages / f"{name}.hl7").read_bytes()
    records = read(data)
    parsed = hl7.parse(data.decode().replace("\r\n", "\r").replace("\n", "\r"))
    texts = [segment for segment in parsed if str(segment[0]) == "OBX"]
    by_path = {record.provenance.path: record for record in records if record.kind in ("observation", "waveform")}
    for number, segment in enumerate(texts, 1):
        record = by_path.get(f"OBX({number})")
        if record is None:
            continue
        first = str(segment[3]).split("^")[0]
        assert (record.code.codings[0].code or "") == first
        assert (record.handle or getattr(record, "group", None) or "") == str(segment[4])
        assert record.native_type == (str(segment[2]) or None)
        value = getattr(record, "value", None)
        if isinstance(value, Quantity):
            assert (value.literal or value.text) == str(segment[5])
        elif isinstance(value, TextValue):
            assert value.text == str(segment[5])
        elif isinstance(value, Absent):
            assert (value.native or "") == str(segment[5])


def test_stockholm_pulse_oximeter(messages: Path) -> None:
    records = load(messages, "ihe_pcd/sll_t5_pulseox_nte")
    found = one(records, "observation")
    assert [(c.system, c.code, c.refid) for c in found.code.codings][:2] == [
        (systems.LOINC, "8889-8", None),
        (systems.MDC, "149530", "MDC_PULS_OXIM_PULS_RATE"),
    ]
    assert (found.value.text, found.value.unit) == ("55", "{beats}/min")
    assert (found.reference_ranges[0].range.low.text, found.reference_ranges[0].range.high.text) == ("35", "125")
    assert (found.native_status, found.time.value) == ("R", "2012-05-30T11:23:40")
    assert (found.method[0].codings[0].code, found.metric_category) == ("AMEAS", "measurement")
    assert found.body_site.codings[0].system == systems.SNOMED_CT
    assert found.notes[0].text == "This is a comment about pulse"
    assert one(records, "order").notes[0].text.startswith("This comment refers to all")
    root = next(d for d in of(records, "device") if d.node == "mds")
    assert root.identifiers[1].value == "0123456789ABCDEF"
    assert root.identifiers[0].system == systems.EUI64


def test_stockholm_waveforms(messages: Path) -> None:
    records = load(messages, "ihe_pcd/sll_dordriver_waveform_na")
    waves = of(records, "waveform")
    assert [wave.code.codings[0].refid for wave in waves] == ["MDC_ECG_LEAD_I", "MDC_ECG_LEAD_II", "MDC_ECG_LEAD_III"]
    assert [wave.handle for wave in waves] == ["1.1.1.1001", "1.1.1.1002", "1.1.1.1003"]
    for wave in waves:
        (channel,) = wave.channels
        assert (channel.period.numerator, channel.period.denominator) == (1, 256)
        assert (channel.factor.text, channel.unit) == ("0.000000000000000001", "mV")
        assert channel.physical_range.low.text == "-0.9999728924443673"
        assert wave.time.value == "2015-06-15T14:55:31.000"
        # Two facets each, kept whole beside what they mean.
        assert len([e for e in wave.extensions if "." not in e.path and "-" not in e.path]) == 2


def test_ge_tree_and_inherited_time(messages: Path) -> None:
    records = load(messages, "ihe_pcd/ge_b1x5_vsp_art")
    nodes = {d.handle: d for d in of(records, "device")}
    assert [d.node for d in nodes.values()] == ["mds", "vmd", "channel"]
    assert nodes["1.13.1.0"].parent == nodes["1.13.0.0"].id
    assert nodes["1.0.0.0"].identifiers[0].value == "080019FFFE134535"
    pressure = one(records, "observation")
    assert (pressure.time.value, pressure.time.origin) == ("2024-12-19T10:30:00-07:00", "order")
    assert pressure.time.flags == ("assumed-offset",)  # OBR-7 has none; MSH-7 states it for the message
    assert (pressure.value.text, pressure.value.unit) == ("120", "mm[Hg]")
    assert pressure.gateway is None  # the sender is the monitor itself


def test_mindray_vital_signs(messages: Path) -> None:
    records = load(messages, "ihe_pcd/mindray_vs900_oru_r01")
    by_handle = {o.handle: o for o in of(records, "observation")}
    assert {h: o.value.text for h, o in by_handle.items()} == {
        "1.3.1.150456": "99", "1.3.1.149530": "94", "1.3.1.150488": "0.94", "1.1.9.150301": "147",
        "1.1.9.150303": "109", "1.1.9.150302": "90", "1.2.5.188496": "35.1",
    }  # fmt: skip
    cuff = by_handle["1.1.9.150301"]
    assert (cuff.time.value, cuff.time.origin) == ("2019-12-06T11:10:16", "observed")
    assert next(m for m in of(records, "metric") if m.id == cuff.metric).availability == "intermittent"
    assert one(records, "subject").confidence == "unknown"


def test_mindray_sentinels(messages: Path) -> None:
    found = of(load(messages, "vendor_device/mindray_xh80x_sentinel_minus999"), "observation")
    assert [o.value for o in found] == [Absent(reason="invalid", native=n) for n in ("-999", "-999", "-999", "-99.9")]


def test_mindray_waveform_with_17_digits(messages: Path) -> None:
    wave = one(load(messages, "vendor_device/mindray_waveform_17digit_ms_no_dot"), "waveform")
    assert wave.time.start.value == "2026-01-24T13:15:39.000+08:00"
    assert wave.channels[0].factor.text == "0.001221"
    assert (wave.channels[0].period.numerator, wave.channels[0].period.denominator) == (1, 500)
    assert wave.segments[0].data == b"\x50\0\x58\0\x5c\0"


def test_demo_and_training_messages_have_no_patient(messages: Path) -> None:
    for name in (
        "ihe_pcd/uv_pocd_philips_mx500",
        "ihe_pcd/draeger_pcd04_watchdog",
        "vendor_device/philips_mdil_alert_mixed",
    ):
        person = one(load(messages, name), "subject")
        assert person.confidence == "test"
        kept = one(read((messages / f"{name}.hl7").read_bytes(), ReadContext(identity="keep")), "subject")
        assert person.id != kept.id
        assert person.identifiers == kept.identifiers


def test_draeger_alert(messages: Path) -> None:
    alert = one(load(messages, "ihe_pcd/draeger_pcd04_watchdog"), "alert")
    assert alert.code.codings[0].refid == "MDC_EVT_ACTIVE"
    assert (alert.phase, alert.state, alert.alert_kind, alert.inactivation) == (
        "start",
        "active",
        "advisory",
        "enabled",
    )
    assert (alert.priority, alert.text) == ("none", "Heartbeat-useless")
    assert alert.time.value == "2019-11-05T18:39:41+01:00"


def test_philips_hexadecimal_pairs(messages: Path) -> None:
    found = of(load(messages, "vendor_device/philips_iic_mdil_v23"), "observation")
    codes = {o.code.codings[0].display: o.code.coding(systems.MDC) for o in found}
    assert codes["HR"] is not None
    assert codes["HR"].code == str(0x2 << 16 | 0x4182)
    assert {o.code.codings[0].display: o.value.unit for o in found}["ABPs"] == "mm[Hg]"
    latin = of(load(messages, "vendor_device/philips_iic_mdil_v23.latin1"), "observation")
    assert latin[0].value.unit == "Cel"
    assert [o.value for o in latin[1:]] == [o.value for o in found[1:]]


def test_philips_alert_settings_and_limits(messages: Path) -> None:
    records = load(messages, "vendor_device/philips_mdil_alert_mixed")
    alert = one(records, "alert")
    assert (alert.text, alert.alert_kind) == ("SpO2T  No Pulse", "technical")
    assert {s.code.codings[0].display: s.programmed.text for s in of(records, "setting")} == {
        "sMode": "MONITORING",
        "Model": "Monitoring Data",
    }
    found = {o.code.codings[0].display: o for o in of(records, "observation")}
    assert {name: o.value.text for name, o in found.items() if o.value is not None} == {
        "RR": "30", "HR": "80", "PVC": "0", "RhySta": "Learning Rhythm",
    }  # fmt: skip
    (limits,) = found["HR"].reference_ranges
    assert (limits.range.low.text, limits.range.high.text, limits.purpose) == ("50", "120", "alarm")
    assert {o.time.value for o in found.values()} == {"2016-08-02T10:48:00"}


def test_recorder_of_an_operating_room(messages: Path) -> None:
    records = load(messages, "vendor_device/vitalrecorder_numeric")
    found = {o.code.codings[0].code: (o.value.text, o.value.unit) for o in of(records, "observation")}
    assert found == {
        "ECG_HR": ("72", "/min"), "PLETH_SPO2": ("98", "%"), "NIBP_SBP": ("118", "mm[Hg]"), "BT": ("36.7", "Cel"),
    }  # fmt: skip
    assert one(records, "event").text == "Induction Start"
    wave = one(records, "waveform")
    (channel,) = wave.channels
    assert (channel.period.numerator, channel.period.denominator, channel.unit) == (1, 100, "mV")
    assert (channel.factor.text, channel.physical_range.low.text) == ("0.01", "-1.5")
    assert wave.segments[0].data == b"\x0c\0\x0f\0\0\0\x0b\0"
    assert wave.segments[0].marks == b"\0\0\1\0"
    assert wave.time.start.value == "2025-03-23T14:30:00"


def test_ge_alert(messages: Path) -> None:
    records = load(messages, "ihe_pcd/ge_mural_pcd04_alert")
    alert = one(records, "alert")
    assert alert.code.codings[0].refid == "MDCX_EVT_ALERT_ADVISORY"
    assert (alert.text, alert.source.text) == ("HYPERTENSION-Alert Recheck BP", "GE_Mural_DH_NM")
    assert (alert.phase, alert.state, alert.priority, alert.alert_kind) == ("update", "active", "medium", "advisory")
    assert alert.time.value == "2021-01-20T08:23:26.275+00:00"
    assert alert.device == one(records, "device").id
    assert one(records, "device").handle == "1.0.0.0"
    assert alert.identifiers[0].value == "56eb716f-ce7a-3b85-909c-a09d31fe324f"


def test_blood_pressure_of_a_gateway(messages: Path) -> None:
    records = load(messages, "ihe_pcd/nist_acme_gateway_nibp")
    found = {o.code.codings[0].refid: o for o in of(records, "observation")}
    assert {name: (o.value.text, o.value.unit) for name, o in found.items()} == {
        "MDC_PRESS_BLD_NONINV_SYS": ("120", "mm[Hg]"),
        "MDC_PRESS_BLD_NONINV_DIA": ("80", "mm[Hg]"),
        "MDC_PRESS_BLD_NONINV_MEAN": ("93", "mm[Hg]"),
        "MDC_PULS_RATE_NON_INV": ("63", "{beat}/min"),
    }
    nodes = {d.handle: d for d in of(records, "device")}
    assert {d.node for d in nodes.values()} == {"gateway", "mds", "vmd", "channel"}
    assert nodes["1.1.1.0"].parent == nodes["1.1.0.0"].id
    gateway = next(d for d in of(records, "device") if d.node == "gateway")
    assert (gateway.names, gateway.identifiers[0].value) == (("ACME_Gateway",), "080019FFFE3ED02D")
    assert {o.gateway for o in found.values()} == {gateway.id}
    assert {o.time.value for o in found.values()} == {"2011-06-02T04:58:42+00:00"}


def test_intellivue_monitor(messages: Path) -> None:
    records = load(messages, "ihe_pcd/uv_pocd_philips_mx500")
    found = {o.handle: o for o in of(records, "observation")}
    rate, rhythm = found["1.2.1.1"], found["1.2.4.20"]
    assert (rate.value.text, rate.value.unit, rate.status) == ("60", "/min", "final")
    assert (rate.reference_ranges[0].range.low.text, rate.reference_ranges[0].purpose) == ("50", "alarm")
    assert (rhythm.code.codings[0].refid, rhythm.value.text) == ("MDC_ECG_STAT_RHY", "MDC_ECG_PACED_RHY")
    wave = one(records, "waveform")
    assert (wave.code.codings[0].code, wave.handle, wave.channels[0].unit) == ("131329", "1.1.1.2", "10.mV/4096")
    assert (wave.time.start.value, wave.time.end.value) == (
        "2021-04-26T13:20:52.548-04:00",
        "2021-04-26T13:20:53.548-04:00",
    )
    assert wave.segments[0].data[:4] == b"\xf6\xff\xf6\xff"
    assert wave.segments[0].marks[-1] == 2  # a sign without a number


def test_pump_with_a_lost_line_end(messages: Path) -> None:
    records = read((messages / "malformed/bbraun_lost_cr_before_pid.hl7").read_bytes())
    nodes = {d.handle: d for d in of(records, "device") if d.handle}
    assert nodes["1.0.0.0"].type.codings[0].refid == "MDC_DEV_PUMP_INFUS_SYRINGE_MDS"
    # The EUI-64 is that of the maker; the pump is known by the number beside it.
    assert [(i.value, i.system) for i in nodes["1.0.0.0"].identifiers] == [("P52814", None)]
    assert nodes["1.1.0.0"].model == "B Braun SpacePlus Perfusor"
    found = {o.code.codings[0].refid: o.value for o in of(records, "observation")}
    assert (found["MDC_FLOW_FLUID_PUMP_CURRENT"].text, found["MDC_FLOW_FLUID_PUMP_CURRENT"].unit) == ("0", "mL/h")
    assert found["MDC_PUMP_NOT_DELIVERING_REASON"].concepts[0].codings[0].display == "pump-stopped-powered-off"
    assert found["MDC_PUMP_DRUG_LIBRARY_NAME"].text == "PHKL_D6"
    assert {o.device for o in of(records, "observation")} == {nodes["1.0.0.0"].id}


def test_text_in_the_place_of_samples(messages: Path) -> None:
    records = load(messages, "vendor_device/mindray_egateway_waveform_v231")
    assert [o.value for o in of(records, "observation")] == [
        Absent(reason="as-text", native=n) for n in ("Pleth signal", "Lead I", "Lead II")
    ]
    # 131330 is ECG lead II by the nomenclature: the sender's number and name are of two things.
    assert "ORU-205" in {i.code for i in of(records, "issue")}
    assert "ORU-201" in {i.code for i in of(records, "issue")}


def test_yen_sign_as_escape(messages: Path) -> None:
    records = load(messages, "vendor_device/roche_cobas_yen_escape_na_repeats")
    wave = one(records, "waveform")
    assert wave.channels[0].unit == "umol/L"
    assert [segment.n for segment in wave.segments][:3] == [1, 5, 5]
    assert {r.path for r in of(records, "residue")} == {"SAC(1)"}
    assert [one(records, "specimen").id] == list(one(records, "order").specimens)
    assert [i.value for i in one(records, "device").identifiers] == ["c303", "3333", "1"]
