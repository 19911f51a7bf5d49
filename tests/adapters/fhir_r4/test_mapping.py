"""One test per rule of the mapping, with the guide that asks for it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from iomt_interop import model as m
from iomt_interop.adapters.fhir_r4.reader import make_reader
from iomt_interop.adapters.fhir_r4.tables import ABSENT_CODES, FLAG_CODES
from iomt_interop.adapters.fhir_r4.writer import make_writer
from iomt_interop.plugins import Loss, ReadContext, WriteContext
from iomt_interop.terminology import systems

PROVENANCE = m.Provenance(adapter="acme_x200", version="1.0", digest="ab" * 32, span=(3, 17))
PATIENT, DEVICE = m.record_id("patient"), m.record_id("device")
TIME = m.Instant(value="2026-11-24T10:58:03.20+01:00")
STATUS_SYSTEM = "http://hl7.org/fhir/uv/pocd/CodeSystem/measurement-status"


def mdc(code: int, refid: str | None = None) -> m.Concept:
    return m.Concept(codings=(m.Coding(system=systems.MDC, code=str(code), refid=refid),))


def observation(**fields: Any) -> m.Observation:
    given = {"id": m.record_id("o"), "provenance": PROVENANCE, "code": mdc(150456), "status": "final"} | fields
    return m.Observation(**given)


def write(*records: Any, **context: Any) -> tuple[list[dict[str, Any]], list[Loss]]:
    writer = make_writer(WriteContext(form="ndjson", **context))
    lines = b"".join(writer.write(records)).splitlines()
    return [json.loads(line, parse_float=str, parse_int=str) for line in lines], list(writer.losses)


def one(record: Any, **context: Any) -> dict[str, Any]:
    trees, losses = write(record, **context)
    assert losses == []
    assert len(trees) == 1
    return trees[0]


def own(tree: Any, name: str) -> Any:
    found = [entry for entry in tree["extension"] if entry["url"].endswith("/" + name)]
    return found[0] if found else None


def test_spo2_has_mdc_first_then_loinc_and_the_category_of_its_profile() -> None:
    """FHIR R4 vital signs, oxygensat; PHD guide, PhdNumericObservation.code."""
    value = m.Quantity(mantissa=970, exponent=-1, unit="%")
    tree = one(observation(value=value, subject=PATIENT, time=TIME))
    assert [coding["code"] for coding in tree["code"]["coding"]] == ["150456", "2708-6"]
    assert tree["category"][0]["coding"][0]["code"] == "vital-signs"
    assert tree["valueQuantity"] == {"value": "97.0", "unit": "%", "system": systems.UCUM, "code": "%"}
    assert tree["effectiveDateTime"] == "2026-11-24T10:58:03.20+01:00"


@pytest.mark.parametrize("lack", [{"subject": None}, {"time": None}, {"value": m.Quantity(mantissa=1, unit="g/L")}])
def test_no_vital_sign_is_claimed_that_its_profile_would_refuse(lack: dict[str, Any]) -> None:
    """FHIR R4 vital signs: subject 1..1, effective 1..1, the unit is fixed."""
    whole = {"value": m.Quantity(mantissa=97, unit="%"), "subject": PATIENT, "time": TIME}
    tree = one(observation(**(whole | lack)))
    assert "category" not in tree
    assert len(tree["code"]["coding"]) == 1


def test_blood_pressure_is_a_compound_without_a_value() -> None:
    """FHIR R4 vital signs, bp: 8480-6 and 8462-4 in mm[Hg]; PHD guide, PhdCompoundNumericObservation."""
    parts = tuple(
        m.Component(code=mdc(code), value=m.Quantity(mantissa=n, unit="mm[Hg]"))
        for code, n in ((150021, 121), (150022, 79))
    )
    tree = one(observation(code=mdc(150020), components=parts, subject=PATIENT, time=TIME))
    assert [part["code"]["coding"][1]["code"] for part in tree["component"]] == ["8480-6", "8462-4"]
    assert tree["code"]["coding"][1]["code"] == "85354-9"
    assert not any(key.startswith("value") for key in tree)


def test_unit_without_ucum_is_the_mdc_unit_code() -> None:
    """PHD guide: the MDC code system is allowed where UCUM has no code; nothing is guessed."""
    native = m.Coding(system=systems.MDC, code="268992", refid="MDC_DIM_ODD")
    tree = one(observation(value=m.Quantity(mantissa=1, native_unit=native)))
    assert tree["valueQuantity"] == {"value": "1", "system": systems.MDC, "code": "268992", "unit": "MDC_DIM_ODD"}


def test_unit_that_is_no_ucum_is_never_written_as_ucum() -> None:
    tree = one(observation(value=m.Quantity(mantissa=1, unit="beats/minute")))
    assert "system" not in tree["valueQuantity"]


@pytest.mark.parametrize("reason", sorted(ABSENT_CODES))
def test_absence_has_a_code_of_the_value_set_and_comes_back(reason: str) -> None:
    """FHIR R4 data-absent-reason; PHD guide, special FLOAT values."""
    tree = one(observation(value=m.Absent(reason=reason)))
    assert tree["dataAbsentReason"]["coding"][0]["code"] == ABSENT_CODES[reason]
    assert read(tree)[0].value == m.Absent(reason=reason)


@pytest.mark.parametrize(
    ("special", "code"), [("nan", "not-a-number"), ("+inf", "positive-infinity"), ("-inf", "negative-infinity")]
)
def test_special_value_is_an_absence(special: str, code: str) -> None:
    """PHD guide, PhdNumericObservation.dataAbsentReason."""
    tree = one(observation(value=m.Quantity(special=special)))
    assert tree["dataAbsentReason"]["coding"][0]["code"] == code
    assert "valueQuantity" not in tree


@pytest.mark.parametrize("flag", sorted(FLAG_CODES))
def test_quality_flag_is_an_interpretation(flag: str) -> None:
    """PoCD guide, measurement-status code system."""
    tree = one(observation(value=m.Quantity(mantissa=1), quality=m.Quality(flags=(flag,))))
    assert tree["interpretation"][0]["coding"][0]["system"] == STATUS_SYSTEM
    assert tree["interpretation"][0]["coding"][0]["code"] == FLAG_CODES[flag][0]
    assert tree["status"] == ("preliminary" if flag == "early-indication" else "final")


def test_invalid_value_is_withheld_and_entered_in_error() -> None:
    """PHD guide, measurement status: invalid is dataAbsentReason error and status entered-in-error."""
    tree = one(observation(value=m.Quantity(mantissa=999), quality=m.Quality(flags=("invalid",))))
    assert tree["status"] == "entered-in-error"
    assert tree["dataAbsentReason"]["coding"][0]["code"] == "error"
    assert "valueQuantity" not in tree
    assert own(tree, "withheld-value")["valueQuantity"] == {"value": "999"}


def test_bits_are_components_states_always_events_when_set() -> None:
    """PHD guide, PhdBitsEnumerationObservation; code system ASN1ToHL7."""
    value = m.BitSetValue(width=16, bits=0x2000)
    tree = one(observation(code=mdc(150604), value=value))
    found = {part["code"]["coding"][0]["code"]: part["valueBoolean"] for part in tree["component"]}
    assert found["150604.2"] is True
    assert "150604.3" not in found
    state = one(observation(code=mdc(67846), value=m.BitSetValue(width=16, bits=0x8000)))
    assert [part["valueBoolean"] for part in state["component"]][:2] == [True, False]


@pytest.mark.parametrize(("policy", "status"), [("final", "final"), ("preliminary", "preliminary")])
def test_unvalidated_device_status_follows_the_caller(policy: str, status: str) -> None:
    tree = one(observation(status="unknown", native_status="R"), raw_status=policy)
    assert tree["status"] == status
    assert read(tree)[0].status == "unknown"


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("2026-11-24T10:58:03", "2026-11-24"),
        ("2026-11-24T10:58", "2026-11-24"),
        ("2026-11-24T10", "2026-11-24"),
        ("2026-11-24T10+01:00", "2026-11-24"),
        ("2026-11-24T10:58+01:00", "2026-11-24T10:58:00+01:00"),
        ("2026-11-24T10:58Z", "2026-11-24T10:58:00Z"),
    ],
)
def test_time_that_fhir_cannot_say_whole_has_its_text_beside(text: str, date: str) -> None:
    """FHIR R4 dateTime: an offset is required with a time, and never made up; seconds may be filled up with zeros."""
    tree = one(observation(time=m.Instant(value=text)))
    assert tree["effectiveDateTime"] == date
    assert tree["_effectiveDateTime"]["extension"][0]["valueString"] == text
    (back,) = (record for record in read(tree) if record.kind == "observation")
    assert back.time.value == text


def test_test_data_are_left_out_and_listed() -> None:
    demo = m.Subject(id=PATIENT, provenance=PROVENANCE, confidence="demo")
    mine, flagged = observation(subject=PATIENT), observation(quality=m.Quality(flags=("test-data",)))
    trees, losses = write(demo, mine, flagged)
    assert trees == []
    assert {loss.reason for loss in losses} == {"test data excluded"}
    assert len(losses) == 3
    trees, _ = write(flagged, include_test_data=True)
    assert trees[0]["meta"]["security"][0]["code"] == "HTEST"


def test_personal_device_has_the_identifier_and_type_of_its_profile() -> None:
    """PHD guide, PhdDevice: SYSID, EUI-64 with dashes, type 65573, no parent."""
    device = m.Device(
        id=DEVICE, provenance=PROVENANCE, node="phd",
        identifiers=(m.Identifier(system=systems.EUI64, value="0A1B2CFFFE3D4E5F"),),
    )  # fmt: skip
    tree = one(device)
    assert tree["identifier"][0]["value"] == "0A-1B-2C-FF-FE-3D-4E-5F"
    assert tree["identifier"][0]["type"]["coding"][0]["code"] == "SYSID"
    assert tree["type"]["coding"][0] == {"system": systems.MDC, "code": "65573", "display": "MDC_MOC_VMS_MDS_SIMP"}
    trees, _ = write(device, observation(device=DEVICE, value=m.Quantity(mantissa=1)))
    assert trees[1]["category"][0]["coding"][0]["code"] == "phd"
    assert trees[1]["device"]["reference"] == f"Device/{DEVICE}"


def test_observation_of_a_monitor_points_to_its_metric() -> None:
    """PoCD guide, NumericObservation.device is a DeviceMetric."""
    metric = m.record_id("metric")
    tree = one(observation(device=DEVICE, metric=metric))
    assert tree["device"]["reference"] == f"DeviceMetric/{metric}"
    assert own(tree, "device")["valueReference"]["reference"] == f"Device/{DEVICE}"


def wave(**fields: Any) -> m.Waveform:
    channel = m.Channel(
        code=mdc(131329), unit="mV", period=m.Rational(numerator=1, denominator=500),
        factor=m.Number(mantissa=25, exponent=-4), origin=m.Number(mantissa=-5, exponent=-1),
    )  # fmt: skip
    segment = m.Segment(channel=0, dtype="i2", data=b"\x01\x00\xff\xff\x00\x02\x00\x00", n=4, marks=b"\0\0\0\x03")
    given = {"code": mdc(131329), "channels": (channel,), "segments": (segment,)} | fields
    return m.Waveform(id=m.record_id("w"), provenance=PROVENANCE, status="final", **given)


def test_waveform_is_sampled_data_with_exact_scale() -> None:
    """FHIR R4 SampledData: value = sample * factor + origin, period in milliseconds, L below the range."""
    data = one(wave())["valueSampledData"]
    assert data["data"] == "1 -1 512 L"
    assert (data["period"], data["factor"], data["origin"]["value"], data["dimensions"]) == ("2", "0.0025", "-0.5", "1")


def test_period_without_finite_decimals_keeps_its_proportion() -> None:
    channel = wave().channels[0].replace(period=m.Rational(numerator=1, denominator=300))
    tree = one(wave(channels=(channel,)))
    assert tree["valueSampledData"]["period"].startswith("3.3333333333")
    assert read(tree)[0].channels[0].period == channel.period


def test_gap_makes_another_observation() -> None:
    first = wave().segments[0]
    late = first.replace(start_index=4000)
    trees, losses = write(wave(segments=(first, late)))
    assert losses == []
    assert len({tree["id"] for tree in trees}) == len(trees) == 2


def test_missing_sample_is_a_listed_loss() -> None:
    segment = wave().segments[0].replace(marks=b"\0\0\0\x01")
    trees, losses = write(wave(segments=(segment,)))
    assert trees[0]["valueSampledData"]["data"].endswith("E")
    assert [loss.path for loss in losses] == ["segments.marks"]


def test_alert_is_an_observation_in_alarm() -> None:
    """PHD guide, SimpleAlerting; PoCD guide, measurement-status in-alarm."""
    limits = m.Range(low=m.Quantity(mantissa=85, unit="%"))
    alert = m.Alert(
        id=m.record_id("a"), provenance=PROVENANCE, code=mdc(196670), limits=limits, priority="high", time=TIME
    )
    tree = one(alert)
    assert tree["interpretation"][0]["coding"][0]["code"] == "in-alarm"
    assert tree["referenceRange"][0]["type"]["coding"][0]["code"] == "alarm-limits"
    assert "interpretation" not in one(alert.replace(phase="end"))


def test_clock_comparison_is_a_coincident_timestamp() -> None:
    """PHD guide, PhdCoincidentTimeStampObservation."""
    sync = m.ClockSync(
        id=m.record_id("c"), provenance=PROVENANCE, device=DEVICE, gateway=PATIENT, reference=TIME, device_time=TIME
    )
    tree = one(sync)
    assert tree["code"]["coding"][0]["code"] == "67975"
    assert tree["subject"]["reference"] == f"Device/{DEVICE}"
    assert tree["valueDateTime"] == tree["effectiveDateTime"] == TIME.value


def test_report_lists_its_observations() -> None:
    order = m.Order(id=m.record_id("order"), provenance=PROVENANCE, code=mdc(69965), status="F")
    trees, losses = write(order, observation(order=order.id, value=m.Quantity(mantissa=1)))
    assert losses == []
    report = next(tree for tree in trees if tree["resourceType"] == "DiagnosticReport")
    assert report["result"] == [{"reference": f"Observation/{m.record_id('o')}"}]
    assert report["status"] == "final"


def test_what_fhir_cannot_say_is_listed_by_place_and_never_by_value() -> None:
    extension = m.Extension(namespace="acme_x200", path="byte 9", value="SECRET")
    study = m.Study(id=m.record_id("s"), provenance=PROVENANCE, description="SECRET")
    _, losses = write(observation(extensions=(extension,)), study)
    assert [(loss.kind, loss.path) for loss in losses] == [("observation", "extensions[0]"), ("study", "")]
    assert "SECRET" not in repr(losses)


def test_every_field_of_an_observation_is_written_or_deliberately_not() -> None:
    """A field added to the model must find its place here."""
    from iomt_interop.adapters.fhir_r4 import observation as rules

    by_row = {row.field for row in (*rules._READ_ROWS, *rules.BEFORE_CODE)}
    by_rule = {"code", "value", "components", "status", "time", "quality", "interpretation", "method", "supplemental",
               "metric", "device", "links", "labels", "consent", "extensions"}  # fmt: skip
    frame = {"id", "kind", "schema_version", "provenance"}
    assert set(m.Observation.model_fields) == by_row | by_rule | frame


def read(tree: Any) -> list[Any]:
    reader = make_reader(ReadContext())
    text = json.dumps(tree)
    for key in ("value", "period", "factor", "dimensions", "valueDecimal"):
        text = _numbers(text, key)
    return [*reader.feed(text.encode()), *reader.finish()]


def _numbers(text: str, key: str) -> str:
    import re

    return re.sub(rf'"{key}": "(-?[0-9][0-9.E]*)"', rf'"{key}": \1', text)


def test_repeated_record_is_one_entry_and_a_changed_observation_a_new_version() -> None:
    """FHIR R4 Bundle, bdl-7."""
    first = observation(value=m.Quantity(mantissa=1))
    records = [first, first, first.replace(status="corrected")]
    for form, versions in (("collection", [None, "2"]), ("transaction", [None])):
        bundle = json.loads(b"".join(make_writer(WriteContext(form=form)).write(records)))
        assert [entry["resource"]["meta"].get("versionId") for entry in bundle["entry"]] == versions
        assert bundle["entry"][-1]["resource"]["status"] == "corrected"


def test_empty_payload_is_a_bundle_without_entries() -> None:
    assert b"".join(make_writer(WriteContext()).write([])) == b'{"resourceType":"Bundle","type":"collection"}'


def test_long_payload_comes_in_chunks_while_records_come() -> None:
    taken = 0

    def records() -> Any:
        nonlocal taken
        for number in range(500):
            taken += 1
            yield observation(id=m.record_id(number), value=m.Quantity(mantissa=number), time=TIME)

    chunks = make_writer(WriteContext()).write(records())
    next(chunks)
    assert taken < 500
    assert len(list(chunks)) > 1
