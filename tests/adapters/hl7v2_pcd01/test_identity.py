"""Canonical to PCD-01 to canonical is the identity on what PCD-01 can say; the rest is in the losses."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from adapters.hl7v2_pcd01.support import facts, normal, read, segments, written
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from iomt_interop import model as m
from iomt_interop.adapters.hl7v2_pcd01.tables import FLAG_CODES
from iomt_interop.plugins import ReadContext, default_registry
from iomt_interop.terminology import systems
from iomt_interop.testing import assert_records_equal
from iomt_interop.testing import strategies as records

FIXTURES = Path(__file__).parents[3] / "fixtures"
PCD01 = ("pcd01_30obx", "types", "waves")


def open_with(adapter: str, path: Path) -> list[Any]:
    reader = default_registry().get(adapter).reader_factory()(ReadContext())
    return [*reader.feed(path.read_bytes()), *reader.finish()]


@pytest.mark.parametrize("name", PCD01)
def test_a_message_comes_back_whole(name: str) -> None:
    original = read((FIXTURES / "hl7v2_oru" / f"{name}.hl7").read_bytes())
    data, _ = written(original)
    assert_records_equal(normal(read(data)), normal(original), values=True)


@pytest.mark.parametrize("path", sorted((FIXTURES / "hl7v2_oru").glob("*.hl7")), ids=lambda path: path.stem)
def test_the_results_of_every_dialect_come_back_in_the_general_form(path: Path) -> None:
    original = read(path.read_bytes())
    data, writer = written(original, form="oru")
    assert facts(read(data)) == facts(original)
    assert {loss.record for loss in writer.losses} <= {record.id for record in original}


@pytest.mark.parametrize("name", PCD01)
def test_writing_again_changes_nothing_but_the_control_id(name: str) -> None:
    first, _ = written(read((FIXTURES / "hl7v2_oru" / f"{name}.hl7").read_bytes()))
    second, _ = written(read(first))
    assert without_control_id(second) == without_control_id(first)


def without_control_id(data: bytes) -> list[list[str]]:
    lines = [line.split("|") for line in data.decode().split("\r")]
    return [[*line[:9], *line[10:]] if line[0] == "MSH" else line for line in lines]


@pytest.mark.parametrize(
    ("adapter", "name"),
    [
        *(("ieee11073_phd", path.name) for path in sorted((FIXTURES / "ieee11073_phd").glob("*.apdu"))),
        ("fhir_r4", "vitals.ndjson"),
        ("fhir_r4", "odd.json"),
        ("example", "ward.wtherm"),
        ("example", "odd.wtherm"),
    ],
)
def test_the_results_of_other_sources_come_back(adapter: str, name: str) -> None:
    original = open_with(adapter, FIXTURES / adapter / name)
    data, _ = written(original)
    assert facts(read(data)) == facts(original)


def test_a_personal_device_comes_back() -> None:
    original = open_with("ieee11073_phd", FIXTURES / "ieee11073_phd" / "blood_pressure.apdu")
    back = read(written(original)[0])
    assert [s[4] for s in segments(written(original)[0], "OBX") if s[2] == "NM"] == [
        "1.0.0.1.1",
        "1.0.0.1.2",
        "1.0.0.2",
    ]
    (device,) = (r for r in back if r.kind == "device" and r.node == "mds")
    (meter,) = (r for r in original if r.kind == "device" and r.model)
    assert (device.manufacturer, device.model, device.serial) == (meter.manufacturer, meter.model, meter.serial)
    assert device.identifiers[0] == meter.identifiers[0]
    (pressure,) = (r for r in back if r.kind == "observation" and r.components)
    assert [c.value.text for c in pressure.components if isinstance(c.value, m.Quantity)] == ["118", "76"]


# ---- Generated results

REFIDS = {
    "MDC_PULS_OXIM_SAT_O2": 150456,
    "MDC_ECG_HEART_RATE": 147842,
    "MDC_TEMP_BODY": 150364,
    "MDC_AWAY_CO2_ET": 151708,
}
CODES = st.sampled_from(
    [m.Concept(codings=(m.Coding(system=systems.MDC, code=str(code), refid=name),)) for name, code in REFIDS.items()]
)
PLAIN = m.Coding(system="http://snomed.info/sct", code="7569003", display="finger")
UNITS = st.sampled_from(["%", "/min", "Cel", "mm[Hg]", "mV", "mmol/L", "10*3/uL"])
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), min_size=1, max_size=12)
DIGITS = st.builds(
    lambda digits, places: m.Number(mantissa=digits, exponent=-places), st.integers(-(10**9), 10**9), st.integers(0, 6)
)


@st.composite
def quantities(draw: st.DrawFn, unit: str | None = None) -> m.Quantity:
    number = draw(DIGITS)
    return m.Quantity(
        mantissa=number.mantissa,
        exponent=number.exponent,
        unit=unit or draw(UNITS),
        comparator=draw(st.sampled_from([None, None, "<", ">", "<=", ">="])) if unit is None else None,
    )


@st.composite
def instants(draw: st.DrawFn) -> m.Instant:
    text = draw(st.datetimes(min_value=datetime(1950, 1, 1))).strftime("%Y-%m-%dT%H:%M:%S")
    fraction = draw(st.sampled_from(["", ".5", ".25", ".0001"]))
    return m.Instant(value=text + fraction + draw(st.sampled_from(["Z", "+01:00", "-03:30"])))


@st.composite
def ranges(draw: st.DrawFn) -> m.Range:
    unit = draw(UNITS)
    return m.Range(low=draw(quantities(unit)), high=draw(quantities(unit)))


VALUES = st.one_of(
    quantities(),
    ranges(),
    st.builds(lambda text: m.TextValue(text=text), TEXTS),
    st.builds(lambda time: m.TimeValue(time=time), instants()),
    st.builds(lambda *codes: m.CodedValue(concepts=(m.Concept(codings=(codes[0],)),)), st.just(PLAIN)),
    st.builds(lambda data: m.AttachmentValue(data=data), st.binary(min_size=1, max_size=20)),
    st.sampled_from([m.Absent(reason="not-available"), m.Absent(reason="invalid"), m.Absent(reason="calibrating")]),
)
FLAGS = st.lists(
    st.sampled_from([f for f in FLAG_CODES if f not in ("test-data", "demo-data")]), unique=True, max_size=3
)
PROVENANCE = m.Provenance(adapter="generated", version="1")


@st.composite
def monitored(draw: st.DrawFn) -> list[Any]:
    """A monitor with a channel, a person, and what was measured."""
    mds = m.Device(
        id=m.record_id("mds"),
        provenance=PROVENANCE,
        node="mds",
        type=m.Concept(
            codings=(m.Coding(system=systems.MDC, code="69965", refid="MDC_DEV_MON_PHYSIO_MULTI_PARAM_MDS"),)
        ),
        identifiers=(m.Identifier(system=systems.EUI64, value="02ABCDFFFE000009"),),
    )
    vmd = m.Device(id=m.record_id("vmd"), provenance=PROVENANCE, node="vmd", parent=mds.id)
    channel = m.Device(id=m.record_id("channel"), provenance=PROVENANCE, node="channel", parent=vmd.id)
    person = m.Subject(
        id=m.record_id("person"), provenance=PROVENANCE, identifiers=(m.Identifier(value=draw(TEXTS), authority="W"),)
    )
    results = []
    for number in range(draw(st.integers(1, 4))):
        code = draw(CODES)
        parts = draw(st.lists(st.builds(m.Component, code=CODES, value=VALUES), max_size=2))
        flags = draw(FLAGS)
        results.append(
            m.Observation(
                id=m.record_id("observation", number),
                provenance=PROVENANCE,
                subject=person.id,
                code=code,
                device=draw(st.sampled_from([mds.id, channel.id])),
                value=draw(VALUES),
                components=tuple(parts),
                time=draw(instants()),
                status=draw(st.sampled_from(["final", "preliminary", "corrected"])),
                quality=m.Quality(flags=tuple(f for f in FLAG_CODES if f in flags)) if flags else None,
                body_site=draw(st.none() | st.just(m.Concept(codings=(PLAIN,)))),
                notes=tuple(draw(st.lists(st.builds(lambda text: m.Note(text=text), TEXTS), max_size=2))),
            )
        )
    return [mds, vmd, channel, person, *results]


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(monitored())
def test_generated_results_come_back(original: list[Any]) -> None:
    data, writer = written(original)
    assert facts(read(data)) == facts(original)
    assert {loss.path for loss in writer.losses} <= {"quality.flags", "value.media_type"}


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(records.batches())
def test_anything_is_written_and_read_and_every_loss_names_a_record(batch: Any) -> None:
    batch = list(batch)
    known = {record.id for record in batch}
    for target in ("hl7v2_pcd01", "hl7v2_pcd04"):
        data, writer = written(batch, target)
        assert {loss.record for loss in writer.losses} <= known
        back = read(data)
        assert not [r for r in back if r.kind == "issue" and r.severity == "error"]
        assert written(batch, target)[0] == data


@pytest.mark.parametrize(
    "field",
    [
        "^^0011223344556677^EUI-64", "^WARD^00-11-22-33-44-55-66-77^EUI64", "^0011223344556677^EUI-64",
        "^0011223344556677^^EUI-64", "M1^^0011223344556677^EUI-64", "0011223344556677^^0011223344556677^EUI-64",
        "^^1.2.3^ISO", "^^DF041F5C-A3C9-11E9-8D8A-0050B612AFEB^UUID", "^^urn:x:1^URN", "^WARD^urn:x:1^URI",
    ],
)  # fmt: skip
def test_equipment_without_an_entity_is_written_as_it_came(field: str) -> None:
    original = read(
        "MSH|^~\\&|A|B|||20261124||ORU^R01^ORU_R01|1|P|2.6\rOBR|1||1|x^y^L|||20261124\r"
        f"OBX|1||69965^MDC_DEV_MON_PHYSIO_MULTI_PARAM_MDS^MDC|1.0.0.0|||||||X|||||||{field}\r".encode()
    )
    data, _ = written(original)
    assert f"|{field}\r".encode() in data
    devices = [
        [record.identifiers for record in each if isinstance(record, m.Device)] for each in (read(data), original)
    ]
    assert devices[0] == devices[1]


BIT_SETS = st.sampled_from([8, 16, 24, 32, 64]).flatmap(
    lambda width: st.tuples(
        st.just(width), st.integers(0, (1 << width) - 1), st.none() | st.integers(1, (1 << width) - 2)
    )
)


@given(BIT_SETS, st.sampled_from(["", "68219", "67925"]))
def test_bit_sets_come_back(found: tuple[int, int, int | None], code: str) -> None:
    width, bits, mask = found
    value = m.BitSetValue(width=width, bits=bits if mask is None else bits & mask, mask=mask)  # type: ignore[arg-type]
    named = {"68219": "MDC_TIME_CAP_STATE", "67925": "MDC_ATTR_POWER_STAT"}.get(code)
    coding = (
        m.Coding(system=systems.MDC, code=code, refid=named) if named else m.Coding(system=systems.LOINC, code="8867-4")
    )
    record = m.Observation(
        id="observation:1", provenance=m.Provenance(adapter="x", version="1"), code=m.Concept(codings=(coding,)),
        value=value,
        status="final", time=m.Instant(value="2026-11-24T10:58:03Z"),
    )  # fmt: skip
    data, writer = written([record])
    (back,) = [each for each in read(data) if isinstance(each, m.Observation)]
    assert back.value == value
    assert not [loss for loss in writer.losses if loss.path.startswith("value")]
    again, _ = written(read(data))
    assert segments(again, "OBX")[0][5] == segments(data, "OBX")[0][5]
    assert not [each for each in back.extensions if "(" in (each.value or "")]  # no name of a bit is left over


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1^mds-time-capab-real-time-clock(0)~0^mds-time-capab-set-clock(1)", (8, 0x80, 0xC0)),
        ("1^mds-time-capab-real-time-clock(0)~1^mds-time-state-abs-time-synced(8)", (16, 0x8080, 0x8080)),
        ("1^real time clock(0)~0^mds-time-capab-set-clock(1)", (8, 0x80, 0xC0)),
        ("1^mds-time-capab-real-time-clock(0)^99X", None),
        ("2^mds-time-capab-real-time-clock(0)", None),
        ("1^b(3)~1^a(3)", None),
        ("1^b(3)~1^a(2)", None),
        ("^b(3)", None),
        ("^b(3)~1^a(7)", None),
        ("1^b(64)", None),
    ],
)
def test_bits_of_a_message(text: str, value: tuple[int, int, int] | None) -> None:
    data = (
        "MSH|^~\\&|A|B|||20261124||ORU^R01^ORU_R01|1|P|2.6\rOBR|1||1|x^y^L|||20261124\r"
        f"OBX|1|CWE|68219^MDC_TIME_CAP_STATE^MDC|1.0.0.7|{text}||||||R\r"
    ).encode()
    (found,) = [each for each in read(data) if isinstance(each, m.Observation)]
    if value is None:
        assert isinstance(found.value, m.CodedValue)
    else:
        width, bits, mask = value
        assert found.value == m.BitSetValue(width=width, bits=bits, mask=mask)  # type: ignore[arg-type]
    again, writer = written(read(data))
    told = [loss for loss in writer.losses if loss.path == "extensions"]
    assert (f"|{text}|" in again.decode()) == (not told)  # a name that is not that of the code is kept, and not written
    assert bool(told) == ("real time clock" in text)
