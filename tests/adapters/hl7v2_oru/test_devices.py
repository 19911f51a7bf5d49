"""The containment tree, equipment, codes, subjects: expectations from IHE PCD TF-2 appendix B and section 3.1."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from adapters.hl7v2_oru.support import of, one, read

from iomt_interop.adapters.hl7v2_oru.devices import IMPLIED, parse_handle
from iomt_interop.model import Absent, Identifier, Instant, Provenance, Quantity, Subject, TextValue
from iomt_interop.plugins import ReadContext
from iomt_interop.terminology import systems

ROOT = Path(__file__).resolve().parents[3]
FIXTURES = ROOT / "fixtures/hl7v2_oru"
MONITOR = (ROOT / "iomt_interop/adapters/hl7v2_oru/samples/pcd01_monitor.hl7").read_bytes()
RECORDS = read(MONITOR)
CALLER = Subject(id="c" * 32, provenance=Provenance(adapter="caller", version="1"))


def by(records: list[Any], kind: str) -> dict[str | None, Any]:
    return {record.handle: record for record in of(records, kind)}


def test_the_tree_is_that_of_the_addresses() -> None:
    devices = by(RECORDS, "device")
    assert {handle: device.node for handle, device in devices.items()} == {
        None: "gateway",
        "1.0.0.0": "mds",
        "1.1.0.0": "vmd",
        "1.1.1.0": "channel",
        "1.2.0.0": "vmd",
        "1.2.1.0": "channel",
        "1.3.0.0": "vmd",
        "1.3.1.0": "channel",
        "1.4.0.0": "vmd",
        "1.4.1.0": "channel",
        "1.5.0.0": "vmd",
    }
    for handle, parent in (("1.1.1.0", "1.1.0.0"), ("1.1.0.0", "1.0.0.0"), ("1.5.0.0", "1.0.0.0")):
        assert devices[handle].parent == devices[parent].id
    assert devices["1.0.0.0"].identifiers[0] == Identifier(system=systems.EUI64, value="02ABCDFFFE000017")
    assert devices["1.0.0.0"].identifiers[1].value == "MON-0017"
    assert devices[None].identifiers[0].value == "02ABCDFFFE000001"
    assert {o.gateway for o in of(RECORDS, "observation")} == {devices[None].id}
    assert {o.device for o in of(RECORDS, "observation")} == {devices["1.0.0.0"].id}


def test_a_structural_obx_is_no_cancelled_observation() -> None:
    assert not [o for o in of(RECORDS, "observation") if o.status == "cancelled"]
    assert all(not device.extensions for device in of(RECORDS, "device"))


def test_metrics_stand_in_their_channel() -> None:
    metrics, devices = by(RECORDS, "metric"), by(RECORDS, "device")
    assert metrics["1.2.1.1"].parent == devices["1.2.1.0"].id
    assert metrics["1.5.0.1"].parent == devices["1.5.0.0"].id
    assert metrics["1.0.0.1"].parent == devices["1.0.0.0"].id
    nibp = metrics["1.3.1.1"]
    assert (nibp.category, nibp.derivation, nibp.availability) == ("measurement", "auto", "intermittent")
    observations = by(RECORDS, "observation")
    assert observations["1.3.1.1"].metric == nibp.id
    assert observations["1.3.1.1"].time.value == "2026-11-24T10:55:00+01:00"
    assert observations["1.1.1.1"].time.start.origin == "window"


def test_nodes_that_nobody_declares_are_marked() -> None:
    records = read(b"MSH|^~\\&|A|||||ORU^R01|1|P|2.6\rOBX|1|NM|150456^MDC_PULS_OXIM_SAT_O2^MDC|1.3.1.150456|99\r")
    devices = by(records, "device")
    assert list(devices) == ["1.0.0.0", "1.3.0.0", "1.3.1.0"]
    assert {device.provenance.clause for device in devices.values()} == {IMPLIED}


def test_devices_are_the_same_in_the_next_message_and_unidentified_ones_are_not_shared() -> None:
    later = MONITOR.replace(b"EX-000042", b"EX-000043").replace(b"1.1.1.1|72|", b"1.1.1.1|73|")
    assert {d.id for d in of(read(later), "device")} == {d.id for d in of(RECORDS, "device")}
    assert {m.id for m in of(read(later), "metric")} == {m.id for m in of(RECORDS, "metric")}
    message = b"MSH|^~\\&|A|||||ORU^R01|%d|P|2.6\rPV1||I|%s\rOBX|1|NM|1^a^L|1.1.1.1|99\r"
    first, second = (by(read(message % (n, b"")), "device")["1.0.0.0"].id for n in (1, 2))
    assert first != second
    bed, same, other = (
        by(read(message % (n, b)), "device")["1.0.0.0"].id for n, b in ((1, b"W^1"), (2, b"W^1"), (2, b"W^2"))
    )
    assert bed == same != other


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("id^^02ABCDFFFE000017^EUI-64", ["02ABCDFFFE000017", "id"]),
        ("02ABCDFFFE000017^VENDOR", ["02ABCDFFFE000017", "02ABCDFFFE000017"]),
        ("0123456789ABCDEF^VENDOR", ["0123456789ABCDEF"]),
        ("urn:uuid:0a^^urn:uuid:0a^URN", ["urn:uuid:0a"]),
        ("P-17", ["P-17"]),
        ("^^02ABCDFFFE000017^EUI-64", ["02ABCDFFFE000017"]),
        ("^^0011223344556677^EUI64", ["0011223344556677"]),
        ("^^00-11-22-33-44-55-66-77^EUI-64", ["0011223344556677"]),
        ("^WARD^0011223344556677^EUI-64", ["0011223344556677"]),
        ("^0011223344556677^EUI-64", ["0011223344556677"]),
        ("^0011223344556677^^EUI-64", ["0011223344556677"]),
        ("0011223344556677^^^EUI-64", ["0011223344556677", "0011223344556677"]),
        ("M1^0011223344556677^EUI-64", ["0011223344556677", "M1"]),
        ("^^0011223344556677^ISO", ["0011223344556677"]),
        ("^^1.2.3^ISO", ["urn:oid:1.2.3"]),
        ("^^DF041F5C-A3C9-11E9-8D8A-0050B612AFEB^UUID", ["urn:uuid:df041f5c-a3c9-11e9-8d8a-0050b612afeb"]),
        ("^^urn:x:1^URN", ["urn:x:1"]),
        ("^^pump.example^DNS", ["pump.example"]),
        ("A^X~B^X~C^X", ["A", "B", "C"]),
    ],
)
def test_forms_of_the_equipment_identifier(field: str, values: list[str]) -> None:
    data = f"MSH|^~\\&|A|||||ORU^R01|1|P|2.6\rOBX|1|NM|1^a^L||99||||||||||||||{field}\r".encode().replace(
        b"99||||||||||||||", b"99|||||||||||||"
    )
    device = one(read(data), "device")
    assert [identifier.value for identifier in device.identifiers] == values
    assert one(read(data), "observation").device == device.id


@pytest.mark.parametrize("name", ["", "M1", "0011223344556677"])
def test_a_device_is_the_same_however_its_eui_64_is_written(name: str) -> None:
    data = b"MSH|^~\\&|A|||||ORU^R01|1|P|2.6\rOBX|1|NM|1^a^L||99|||||||||||||%b\r"
    fields = (f"{name}^^0011223344556677^EUI-64", f"{name}^0011223344556677^EUI-64", "^^00-11-22-33-44-55-66-77^EUI64")
    devices = [one(read(data % field.encode()), "device") for field in fields]
    assert len({device.id for device in devices}) == 1
    for device in devices:
        found = device.identifiers[0]
        assert (found.system, found.value) == (systems.EUI64, "0011223344556677")
    assert len({device.identifiers for device in devices}) == len(devices)  # how it was written is kept


def test_an_eui_64_that_names_a_maker_alone_is_no_device() -> None:
    data = b"MSH|^~\\&|A|||||ORU^R01|1|P|2.6\rOBX|1|NM|1^a^L||99|||||||||||||^^02ABCD0000000000^EUI-64\r"
    assert systems.EUI64 not in {found.system for found in one(read(data), "device").identifiers}


def test_repetitions_behind_empty_ones_are_levels() -> None:
    records = read((FIXTURES / "dialects.hl7").read_bytes())
    rack = next(d for d in of(records, "device") if any(i.value == "RACK" for i in d.identifiers))
    assert rack.parent == by(records, "device")["1.7.6.0"].id
    assert by(records, "observation")["1.7.6.1"].device == rack.id


def test_parts_that_repeat_the_identity_of_their_monitor_are_still_parts() -> None:
    devices = by(read((FIXTURES / "pcd01_30obx.hl7").read_bytes()), "device")
    assert len({device.id for device in devices.values()}) == len(devices)
    assert devices["1.2.1.0"].parent == devices["1.2.0.0"].id
    assert devices["1.2.0.0"].parent == devices["1.0.0.0"].id
    assert devices["1.2.0.0"].identifiers == devices["1.0.0.0"].identifiers


def test_a_declared_part_implies_what_contains_it() -> None:
    data = b"MSH|^~\\&|A|||||ORU^R01|1|P|2.6\rOBX|1||69986^MDC_DEV_PUMP_INFUS_VMD^MDC|1.1.0.0|||||||X\r"
    devices = by(read(data), "device")
    assert devices["1.1.0.0"].parent == devices["1.0.0.0"].id


def test_dialects() -> None:
    records = read((FIXTURES / "dialects.hl7").read_bytes())
    heart, spo2, packed, pulse, wrong = of(records, "observation")
    mode = one(records, "setting")
    assert heart.code.codings[0].native_system == "MDIL"
    assert heart.code.coding(systems.MDC).code == "147842"
    assert heart.code.coding(systems.LOINC).code == "8867-4"
    assert heart.value.unit in {"/min", "{beat}/min", "{beats}/min"}
    assert heart.time.value == "2026-01-24T13:15:40.000+08:00"
    assert heart.group == "0"
    assert spo2.value == Absent(reason="invalid", native="-999")
    assert packed.code.codings[0].system == systems.LOINC
    assert packed.code.codings[0].native_system == "LOINC"
    assert [c.code for c in pulse.code.codings if c.system == systems.MDC] == ["149530"]
    assert [(c.system, c.code) for c in pulse.code.codings][:2] == [(systems.LOINC, "8889-8"), (systems.MDC, "149530")]
    # The reference id says plethysmogram, the number says ECG lead II: the name counts.
    assert wrong.code.codings[0].code == "131330"
    assert wrong.code.codings[0].refid == "MDC_PULS_OXIM_PLETH"
    assert wrong.code.codings[1].code == "150452"
    assert mode.code.coding(systems.MDC) is None  # partition 0402 is the vendor's own
    assert mode.programmed == TextValue(text="MONITORING", format="ST")


def test_sentinels_are_those_of_a_vendor() -> None:
    data = b"MSH|^~\\&|OTHER|||||ORU^R01|1|P|2.6\rOBX|1|NM|1^a^L||-999\r"
    assert isinstance(one(read(data), "observation").value, Quantity)


@pytest.mark.parametrize(
    ("text", "facet_of", "nodes"),
    [
        ("1.0.0.0", None, ("1.0.0.0",)),
        ("1.2.0.5", None, ("1.0.0.0", "1.2.0.0")),
        ("1.1.1.1001.1", "1.1.1.1001", ("1.0.0.0", "1.1.0.0", "1.1.1.0")),
        ("1.3.1.150456", None, ("1.0.0.0", "1.3.0.0", "1.3.1.0")),
    ],
)
def test_addresses(text: str, facet_of: str | None, nodes: tuple[str, ...]) -> None:
    handle = parse_handle(text)
    assert handle is not None
    assert (handle.facet_of, handle.nodes) == (facet_of, nodes)


@pytest.mark.parametrize("text", ["", "0", "1.2.3", "1.2.3.x", "1..2.3", "1.2.3.4.5.6.7"])
def test_what_is_no_address(text: str) -> None:
    assert parse_handle(text) is None


def test_person() -> None:
    person = one(RECORDS, "subject")
    first, second = person.identifiers
    assert (first.value, first.authority, first.system, first.type.codings[0].code) == (
        "EX-4711",
        "EXAMPLE",
        "urn:oid:1.2.3.4.5",
        "MR",
    )
    assert (second.value, second.authority) == ("900017", "NATIONAL")
    (name,) = person.names
    assert (name.family, name.given, name.prefix, name.use) == ("Muster", ("Erika", "Maria"), ("Dr.",), "official")
    assert (person.birth_date.value, person.sex.code, person.confidence) == ("1980-02-29", "F", "certain")
    assert (person.addresses[0].city, person.addresses[0].use) == ("Musterstadt", "home")
    stay = one(RECORDS, "encounter")
    assert (stay.location.point_of_care, stay.location.room, stay.location.bed, stay.location.facility) == (
        "ICU",
        "R2",
        "B7",
        "HOSPITAL",
    )
    assert stay.period.start.value == "2026-11-23T14:00:00+01:00"
    assert {r.subject for r in RECORDS if r.kind not in ("subject",)} == {person.id}


def test_the_same_person_has_one_id_in_every_message() -> None:
    lab = read((ROOT / "iomt_interop/adapters/hl7v2_oru/samples/oru_lab.hl7").read_bytes())
    assert one(lab, "subject").id == one(RECORDS, "subject").id


def test_an_explicit_null_is_no_value() -> None:
    person = one(read((FIXTURES / "types.hl7").read_bytes()), "subject")
    assert person.names[0].given == ("Erika",)
    assert ("PID(1)-5.3", '""') in [(e.path, e.value) for e in person.extensions]
    assert person.birth_date.precision == "year"


def test_persons_without_an_identifier_are_never_merged() -> None:
    data = b"MSH|^~\\&|A|||||ORU^R01|%d|P|2.6\rPID|||^^^Hospital^PI||Doe^Jane\rOBX|1|NM|1^a^L||99\r"
    first, second = (read(data % number) for number in (1, 2))
    assert one(first, "subject").confidence == "unknown"
    assert one(first, "subject").id != one(second, "subject").id
    assert one(read(b"MSH|^~\\&|A|||||ORU^R01|1|P|2.6\rOBX|1|NM|1^a^L||99\r"), "observation").subject is None


def test_the_callers_subject_stands_in_only_where_the_message_names_nobody() -> None:
    context = ReadContext(subject=CALLER)
    nobody = read(b"MSH|^~\\&|A|||||ORU^R01|1|P|2.6\rPID|||||Doe\rOBX|1|NM|1^a^L||99\r" * 2, context)
    assert of(nobody, "subject") == [CALLER]
    assert {o.subject for o in of(nobody, "observation")} == {CALLER.id}
    assert [r.raw for r in of(nobody, "residue")] == [b"PID|||||Doe"] * 2
    assert one(read(MONITOR, context), "subject").id == one(RECORDS, "subject").id


@pytest.mark.parametrize("flag", [b"D", b"T"])
def test_training_and_debugging_are_not_of_the_patient(flag: bytes) -> None:
    data = MONITOR.replace(b"|EX-000042|P|", b"|EX-000042|" + flag + b"|")
    person = one(read(data), "subject")
    assert person.confidence == "test"
    assert person.id != one(RECORDS, "subject").id
    kept = one(read(data, ReadContext(identity="keep")), "subject")
    assert (kept.id, kept.confidence) == (one(RECORDS, "subject").id, "certain")
    assert one(read(data), "message").labels[0].code == "HTEST"


def test_one_demo_value_is_not_of_the_patient() -> None:
    data = MONITOR.replace(b"|50-120||||R", b"|50-120|DEMO|||R")
    records = read(data)
    certain, demo = of(records, "subject")
    heart, *others = of(records, "observation")
    assert (certain.confidence, demo.confidence) == ("certain", "demo")
    assert heart.subject == demo.id
    assert {o.subject for o in others} == {certain.id}
    assert heart.quality.mode == "demo"
    assert of(read(data, ReadContext(identity="keep")), "observation")[0].subject == certain.id


def test_time_is_inherited_and_says_so() -> None:
    data = b"MSH|^~\\&|A||||%s||ORU^R01|1|P|2.6\rOBR|1||||||%s\rOBX|1|NM|1^a^L||99||||||%s\r"
    cases = [
        (b"2024", b"2025", b"|||2026", "2026", "observed"),
        (b"2024", b"2025", b"", "2025", "order"),
        (b"2024", b"", b"", "2024", "message"),
    ]
    for sent, report, own, value, origin in cases:
        found = one(read(data % (sent, report, own)), "observation").time
        assert (found.value, found.origin) == (value, origin)
    received = Instant(value="2027")
    found = one(read(data % (b"", b"", b""), ReadContext(received=received)), "observation").time
    assert (found.value, found.origin) == ("2027", "received")


def test_comments_stand_with_what_they_comment() -> None:
    lab = read((ROOT / "iomt_interop/adapters/hl7v2_oru/samples/oru_lab.hl7").read_bytes())
    assert one(lab, "order").notes[0].text == "Second line of the day\nhandled as routine"
    assert [o.notes[0].text for o in of(lab, "observation") if o.notes] == ["about the comment"]
    assert [note.text for note in one(lab, "subject").notes] == ["fasting"]
    asked = one(lab, "request")
    assert (asked.native_status, one(lab, "order").request) == ("RE", asked.id)
    assert of(lab, "observation")[4].status == "corrected"
    assert of(lab, "observation")[4].value.literal == "4,1"


def test_alert() -> None:
    records = read((FIXTURES / "alert.hl7").read_bytes())
    alert = one(records, "alert")
    assert alert.code.codings[0].refid == "MDC_EVT_HI"
    assert alert.text == "HR high"
    assert alert.source.codings[0].refid == "MDC_ECG_HEART_RATE"
    assert (alert.phase, alert.state, alert.priority, alert.alert_kind) == (
        "start",
        "active",
        "medium",
        "physiological",
    )
    assert (alert.inactivation, alert.handle, alert.time.value) == (
        "audio-paused",
        "1.1.1.1",
        "2026-11-24T11:29:57+01:00",
    )
    assert alert.identifiers[0].value == "al-77"
    assert not of(records, "observation")
