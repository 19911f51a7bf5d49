"""The message as a whole: grouping, identity, time, and what is not written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from adapters.hl7v2_pcd01.support import read, segments, written

from iomt_interop import model as m
from iomt_interop.adapters.hl7v2_pcd01.pool import MOST_RESULTS
from iomt_interop.errors import InvalidRequest
from iomt_interop.privacy.identifiers import find_leaks, identifying_values
from iomt_interop.terminology import systems

FIXTURES = Path(__file__).parents[3] / "fixtures"
MADE = m.Provenance(adapter="made", version="1")
SPO2 = m.Concept(codings=(m.Coding(system=systems.MDC, code="150456", refid="MDC_PULS_OXIM_SAT_O2"),))


def made(kind: Any, name: str, **fields: Any) -> Any:
    return kind(**({"id": m.record_id(name), "provenance": MADE} | fields))


def observed(name: str, text: str = "97", **fields: Any) -> m.Observation:
    value = m.Quantity(**m.Quantity.from_text(text).model_dump(exclude={"unit"}), unit="%")
    return made(m.Observation, name, **({"code": SPO2, "value": value, "status": "final"} | fields))


def at(text: str, **fields: Any) -> m.Instant:
    return m.Instant(value=text, **fields)


def person(name: str) -> m.Subject:
    names = (m.PersonName(family=f"Family-{name}"),)
    return made(m.Subject, name, identifiers=(m.Identifier(value=f"ID-{name}"),), names=names)


def lost(writer: Any) -> set[tuple[str, str]]:
    return {(loss.kind, loss.path) for loss in writer.losses}


@pytest.mark.parametrize(("folder", "name"), [("hl7v2_pcd01", "monitor"), ("hl7v2_pcd04", "heart_rate")])
def test_the_fixture_is_written_as_it_was_read_line_by_line(folder: str, name: str) -> None:
    path = FIXTURES / folder / name
    records = m.records_from_json(path.with_suffix(".json").read_bytes())
    data, writer = written(records, folder)
    assert data == path.with_suffix(".hl7").read_bytes()
    assert not writer.losses


# ---- Persons


def test_a_message_holds_one_person_and_nothing_of_another() -> None:
    people = [person("alpha"), person("beta")]
    notes = [(m.Note(text=f"about {p.names[0].family}"),) for p in people]
    results = [observed(f"o{n}", subject=people[n % 2].id, notes=notes[n % 2]) for n in range(4)]
    data, _ = written([*people, *results])
    messages = [b"MSH" + part for part in data.split(b"MSH")[1:]]
    assert len(messages) == 2
    for own, other, message in zip(people, people[::-1], messages, strict=True):
        assert find_leaks(message, identifying_values([own]))
        assert not find_leaks(message, identifying_values([other]))


def test_two_persons_of_one_source_message_become_two_messages() -> None:
    source = (
        b"MSH|^~\\&|A|B|||20261124105800+0100||ORU^R01^ORU_R01|7|P|2.6\r"
        b"PID|1||X1^^^W^MR||One^Person\rOBR|1||F1|1^a^L|||20261124105800+0100\rOBX|1|NM|1^a^L||5||||||F\r"
        b"PID|2||X2^^^W^MR||Two^Person\rOBR|1||F2|1^a^L|||20261124105800+0100\rOBX|1|NM|1^a^L||6||||||F\r"
    )
    data, _ = written(read(source))
    first, second = (part for part in data.split(b"MSH")[1:])
    assert b"X1" in first
    assert b"X2" not in first
    assert b"X2" in second
    assert b"X1" not in second


def test_what_is_noted_of_a_shared_device_stays_with_the_person_of_the_note() -> None:
    one, other = person("alpha"), person("beta")
    kind = m.Concept(codings=(m.Coding(system=systems.MDC, code="65573", refid="MDC_MOC_VMS_MDS_SIMP"),))
    kept = (m.Extension(namespace="hl7v2", path="OBX(1)-13", value="belongs to alpha"),)
    notes = (m.Note(text="carried by alpha"),)
    device = made(m.Device, "d", node="mds", type=kind, subject=one.id, notes=notes, extensions=kept)
    results = [observed(name, subject=who.id, device=device.id) for name, who in (("a", one), ("b", other))]
    first, second = written([one, other, device, *results])[0].split(b"MSH")[1:]
    assert b"carried by alpha" in first
    assert b"65573" in second
    assert b"alpha" not in second


def test_a_person_without_a_record_is_known_by_its_id_alone() -> None:
    data, _ = written([observed("o", subject="ab" * 16)])
    assert segments(data, "PID")[0][3] == f"{'ab' * 16}^^^IOMT_INTEROP^PI"


# ---- Control id and time


def test_the_control_id_follows_from_the_content() -> None:
    one, _ = written([observed("o")])
    again, _ = written([observed("o")])
    other, _ = written([observed("o", "98")])
    assert one == again
    ids = [segments(data, "MSH")[0][10] for data in (one, other)]
    assert len(set(ids)) == 2
    assert all(0 < len(text) <= 20 for text in ids)


def test_the_time_of_the_message_is_that_of_the_source_else_the_latest_in_it() -> None:
    early, late = at("2026-11-24T10:00:00+01:00"), at("2026-11-24T09:30:00Z")
    data, _ = written([observed("a", time=late), observed("b", time=early)])
    assert segments(data, "MSH")[0][7] == "20261124093000+0000"
    assert segments(data, "OBR")[0][7:9] == ["20261124100000+0100", "20261124093000+0000"]


def test_no_time_is_made_up() -> None:
    data, _ = written([observed("a")])
    assert segments(data, "MSH")[0][7] == ""
    assert segments(data, "OBX")[0][11] == "F"


def test_a_local_time_gets_no_offset_through_the_header() -> None:
    """MSH-7 sets the offset "for the whole message" (2.14.9.7): so it has none here."""
    data, _ = written([observed("a", time=at("2026-11-24T10:00:00")), observed("b", time=at("2026-11-25T10:00:00Z"))])
    assert segments(data, "MSH")[0][7].isdigit()
    times = {record.time.value for record in read(data) if record.kind == "observation"}
    assert times == {"2026-11-24T10:00:00", "2026-11-25T10:00:00+00:00"}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026", "2026"),
        ("2026-11", "202611"),
        ("2026-11-24", "20261124"),
        ("2026-11-24T10", "2026112410"),
        ("2026-11-24T10:58", "202611241058"),
        ("2026-11-24T10:58:03", "20261124105803"),
        ("2026-11-24T10:58:03.20", "20261124105803.20"),
        ("2026-11-24T10:58:60Z", "20261124105860+0000"),
        ("2026-11-24T10:58:03-03:30", "20261124105803-0330"),
    ],
)
def test_a_time_has_the_precision_that_it_has(value: str, expected: str) -> None:
    """DTM of 2.A.22."""
    assert segments(written([observed("a", time=at(value))])[0], "OBX")[0][14] == expected


def test_more_than_four_digits_of_a_second_and_impossible_days_are_losses() -> None:
    data, writer = written([observed("a", time=at("2026-11-24T10:58:03.123456Z"))])
    assert segments(data, "OBX")[0][14] == "20261124105803.1234+0000"
    assert ("observation", "time") in lost(writer)
    data, writer = written([observed("a", time=at("2026-02-30T10:00:00Z"))])
    assert len(segments(data, "OBX")[0]) < 15
    assert ("observation", "time") in lost(writer)


def test_a_result_without_a_time_is_told_when_it_would_get_one() -> None:
    _, writer = written([observed("a"), observed("b", time=at("2026-11-24T10:58:03Z"))])
    assert ("observation", "time") in lost(writer)


def test_an_interval_has_an_order_of_its_own() -> None:
    window = m.Interval(start=at("2026-11-24T10:00:00Z"), end=at("2026-11-24T10:05:00Z"))
    data, _ = written([observed("a", time=window), observed("b", time=at("2026-11-24T11:00:00Z"))])
    assert [obr[7:9] for obr in segments(data, "OBR")] == [
        ["20261124100000+0000", "20261124100500+0000"],
        ["20261124110000+0000"],
    ]
    assert [obx[14:15] for obx in segments(data, "OBX")] == [[], ["20261124110000+0000"]]


# ---- Test data, forms, limits


def test_test_data_are_not_written_unless_asked_for() -> None:
    patient, nobody = person("patient"), person("demo").replace(confidence="demo")
    flagged = observed("flagged", subject=patient.id, quality=m.Quality(flags=("demo-data",)))
    records = [patient, nobody, observed("real", subject=patient.id), observed("demo", subject=nobody.id), flagged]
    data, writer = written(records, include_test_data=False)
    assert len(segments(data, "OBX")) == 1
    assert b"ID-demo" not in data
    assert {loss.record for loss in writer.losses if loss.reason == "test data excluded"} == {
        nobody.id, flagged.id, m.record_id("demo")
    }  # fmt: skip
    data, _ = written(records)
    heads = zip(segments(data, "MSH"), segments(data, "PID"), strict=True)
    assert [(msh[11], "ID-demo" in pid[3]) for msh, pid in heads] == [("P", False), ("T", True)]
    assert "DEMO" in {obx[8] for obx in segments(data, "OBX") if len(obx) > 8}


def test_the_general_form_names_no_profile_and_keeps_the_order_of_codings() -> None:
    code = m.Concept(codings=(m.Coding(code="X", display="own", native_system="L"), *SPO2.codings))
    plain, _ = written([observed("a", code=code)], form="oru")
    assert "IHE" not in plain.decode()
    assert segments(plain, "OBX")[0][3] == "X^own^L^150456^MDC_PULS_OXIM_SAT_O2^MDC"
    device, _ = written([observed("a", code=code)])
    assert segments(device, "OBX")[0][3] == "150456^MDC_PULS_OXIM_SAT_O2^MDC^X^own^L"
    assert segments(device, "MSH")[0][21] == "IHE_PCD_001^IHE PCD^1.3.6.1.4.1.19376.1.6.1.1.1^ISO"


@pytest.mark.parametrize("to", ["hl7v2_pcd01", "hl7v2_pcd04"])
def test_an_unknown_form_is_refused(to: str) -> None:
    with pytest.raises(InvalidRequest):
        written([], to, form="xml")


def test_a_long_stream_becomes_several_messages() -> None:
    results = [observed(f"o{n}") for n in range(MOST_RESULTS + 1)]
    data, _ = written(results)
    assert [len(part.split(b"\rOBX")) - 1 for part in data.split(b"MSH")[1:]] == [MOST_RESULTS, 1]


def test_nothing_gives_nothing() -> None:
    assert written([])[0] == b""


def test_what_has_no_place_is_listed_once_and_no_value_with_it() -> None:
    rich = observed(
        "rich",
        accuracy=m.Quantity(mantissa=2),
        categories=(m.Concept(text="secret"),),
        extensions=(m.Extension(namespace="acme", path="x", value="secret"),) * 2,
    )
    _, writer = written([rich, made(m.Document, "d", data=b"x"), made(m.Alert, "alert", text="secret")])
    assert sorted((loss.kind, loss.path) for loss in writer.losses) == [
        ("alert", ""), ("document", ""), ("observation", "accuracy"), ("observation", "categories"),
        ("observation", "extensions"),
    ]  # fmt: skip
    assert "secret" not in repr(writer.losses)


def test_a_hostile_extension_cannot_leave_its_field() -> None:
    evil = m.Provenance(adapter="hl7v2_oru", version="1", path="OBX(1)")
    paths = ["OBX(1)-13", "OBX(1)-12.2", "OBX(1)-4", "PID(1)-3", "OBX(1)-99999", "OBX(1)"]
    extensions = tuple(m.Extension(namespace="hl7v2", path=path, value="a|b\rZZZ|1") for path in paths)
    data, writer = written([observed("a", extensions=extensions).replace(provenance=evil)])
    assert b"ZZZ" not in data
    assert len(data.split(b"\r")) == 4
    assert ("observation", "extensions") in lost(writer)


def test_devices_in_a_circle_and_too_deep_ones_have_an_address() -> None:
    names = [m.record_id("device", number) for number in range(6)]
    circle = [m.Device(id=names[n], provenance=MADE, type=SPO2, parent=names[1 - n]) for n in (0, 1)]
    assert segments(written([*circle, observed("o", device=names[0])])[0], "OBX")[-1][4].count(".") == 3
    deep = [
        m.Device(id=name, provenance=MADE, parent=above) for above, name in zip([None, *names], names, strict=False)
    ]
    assert segments(written([*deep, observed("o", device=names[5])])[0], "OBX")[-1][4] == "1.1.1.150456"


def test_two_metrics_of_one_code_have_addresses_of_their_own() -> None:
    device = made(m.Device, "d", node="mds", type=SPO2)
    metrics = [made(m.Metric, f"m{n}", code=SPO2, device=device.id) for n in range(3)]
    results = [observed(f"o{n}", device=device.id, metric=metrics[n % 3].id) for n in range(4)]
    found = [obx[4] for obx in segments(written([device, *metrics, *results])[0], "OBX")]
    assert found == ["1.0.0.0", "1.0.0.150456", "1.0.0.150457", "1.0.0.150458", "1.0.0.150456"]


def test_a_setting_is_a_result_where_a_device_has_it() -> None:
    device = made(m.Device, "pump", node="mds", type=SPO2)
    rate = m.Quantity(mantissa=100, unit="mL/h")
    code = m.Concept(codings=(m.Coding(system=systems.MDC, code="157784", refid="MDC_FLOW_FLUID_PUMP"),))
    ordered = made(m.Setting, "ordered", code=code, programmed=rate)
    data, writer = written([device, ordered, made(m.Setting, "set", code=code, programmed=rate, device=device.id)])
    assert [(obx[5], obx[17]) for obx in segments(data, "OBX") if obx[2]] == [("100", "ASET^auto-setting^MDC")]
    assert [loss.record for loss in writer.losses] == [ordered.id]
    (back,) = (record for record in read(data) if record.kind == "setting")
    assert (back.code.codings[0].code, back.programmed.text) == ("157784", "100")  # type: ignore[union-attr]
