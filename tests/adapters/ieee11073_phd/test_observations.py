"""What devices measured, read from octets packed by hand."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TypeVar

import pytest
from adapters.ieee11073_phd import phd_octets as o

from iomt_interop.adapters.ieee11073_phd.reader import make_reader
from iomt_interop.model import (
    Absent,
    BitSetValue,
    CodedValue,
    Device,
    Instant,
    Interval,
    Metric,
    Observation,
    Quantity,
    Record,
    Subject,
    TextValue,
    Waveform,
    record_id,
)
from iomt_interop.model.observation import Quality
from iomt_interop.plugins import ReadContext

R = TypeVar("R")
BASE = o.association_request()


def read(stream: bytes, context: ReadContext | None = None) -> list[Record]:
    reader = make_reader(context or ReadContext())
    return [*reader.feed(stream), *reader.finish()]


def only(records: Sequence[Record], kind: type[R]) -> list[R]:
    return [record for record in records if isinstance(record, kind)]


def one(table: dict[int, bytes], value: dict[int, bytes], kind: int = o.NU) -> Observation:
    found = only(read(BASE + o.configuration((kind, 1, table)) + o.variable((1, value))), Observation)
    assert len(found) == 1
    return found[0]


def test_oximeter() -> None:
    stream = o.OXIMETER + o.fixed((1, o.sfloat(98) + o.absolute()), (10, o.sfloat(720, -1) + o.absolute()))
    saturation, pulse = only(read(stream), Observation)
    assert saturation.code.codings[0].code == str((2 << 16) + 19384) == "150456"
    assert saturation.code.codings[0].refid == "MDC_PULS_OXIM_SAT_O2"
    assert isinstance(saturation.value, Quantity)
    assert isinstance(pulse.value, Quantity)
    assert (saturation.value.text, saturation.value.unit) == ("98", "%")
    assert pulse.value.text == "72.0"  # the exponent survives
    assert pulse.value.native_unit is not None
    assert pulse.value.native_unit.code == str((4 << 16) + 2720)
    assert isinstance(saturation.time, Instant)
    assert saturation.time.value == "2026-11-24T10:58:03.20"
    assert saturation.status == "final"
    assert (saturation.handle, pulse.handle) == ("1", "10")
    assert saturation.provenance.span is not None
    start, stop = saturation.provenance.span
    assert o.sfloat(98) + o.absolute() in stream[start:stop]


def test_device_and_metrics_come_before_what_they_measured() -> None:
    records = read(o.OXIMETER + o.fixed((1, o.sfloat(98) + o.absolute())))
    observation = only(records, Observation)[0]
    device = only(records, Device)[0]
    metric = next(m for m in only(records, Metric) if m.id == observation.metric)
    assert records.index(device) < records.index(metric) < records.index(observation)
    assert observation.device == device.id == metric.device
    assert [i.value for i in device.identifiers] == [o.SYSTEM_ID.hex().upper()]
    assert (metric.handle, metric.availability, metric.category) == ("1", "continuous", "measurement")
    assert metric.unit is not None
    assert [c.code for c in metric.unit.codings] == [str((4 << 16) + 544), "%"]


SPECIALS = [
    (0x07FF, "not-a-number"),
    (0x0800, "not-at-this-resolution"),
    (0x07FE, "positive-infinity"),
    (0x0802, "negative-infinity"),
    (0x0801, "reserved"),
]


@pytest.mark.parametrize(("word", "reason"), SPECIALS)
def test_special_values_are_five_absences(word: int, reason: str) -> None:
    value = one(o.SATURATION, {2636: o.u16(word)}).value
    assert isinstance(value, Absent)
    assert value.reason == reason


@pytest.mark.parametrize("attribute", [2646, 2384])
def test_long_numeric_forms(attribute: int) -> None:
    value = o.float32(0xC8, -2)
    if attribute == 2384:  # metric id, state, unit: of this very observation
        value = o.u16(18458) + o.u16(0x4000) + o.u16(2720) + value
    found = one(o.SATURATION, {attribute: value})
    assert isinstance(found.value, Quantity)
    assert found.value.text == "2.00"
    if attribute == 2384:
        assert found.code.codings[0].refid == "MDC_PULS_OXIM_PULS_RATE"
        assert found.value.native_unit is not None
        assert found.value.native_unit.code == str((4 << 16) + 2720)
        assert found.quality is not None
        assert found.quality.flags == ("questionable",)


PRESSURE = {
    2351: o.oid(2, 18948),
    2630: o.u16(0xF040),
    2675: bytes([3, 3]),
    2678: o.sequence(o.u16(n) for n in (18949, 18950, 18951)),
    2454: o.u16(3872),
    2645: o.value_map((2677, 10), (2448, 8)),
}


def test_compound_keeps_the_order_of_its_list_and_each_special_value() -> None:
    value = o.sequence([o.sfloat(120), o.sfloat(80), o.u16(0x07FF)])
    stream = BASE + o.configuration((o.NU, 1, PRESSURE)) + o.fixed((1, value + o.absolute()))
    (found,) = only(read(stream), Observation)
    assert found.code.codings[0].refid == "MDC_PRESS_BLD_NONINV"
    assert found.value is None
    assert [c.code.codings[0].code for c in found.components] == ["150021", "150022", "150023"]
    systolic, diastolic, mean = (c.value for c in found.components)
    assert isinstance(systolic, Quantity)
    assert isinstance(diastolic, Quantity)
    assert isinstance(mean, Absent)
    assert (systolic.to_decimal(), diastolic.to_decimal(), mean.reason) == (Decimal(120), Decimal(80), "not-a-number")
    assert systolic.unit == "mm[Hg]"


STATUS = [
    (0x0000, (), "final"),
    (0x8000, ("invalid",), "entered-in-error"),
    (0x4000, ("questionable",), "final"),
    (0x2000, ("not-available",), "final"),
    (0x1000, ("calibration-ongoing",), "final"),
    (0x0080, ("validated",), "final"),
    (0x0040, ("early-indication",), "preliminary"),
    (0x0020, ("msmt-ongoing",), "final"),
    (0x0018, (), "final"),  # bits that nobody assigned stay visible
]


@pytest.mark.parametrize(("bits", "flags", "status"), STATUS)
def test_measurement_status(bits: int, flags: tuple[str, ...], status: str) -> None:
    found = one(o.SATURATION, {2636: o.sfloat(98), 2375: o.u16(bits)})
    assert isinstance(found.quality, Quality)
    assert (found.quality.flags, found.quality.status_bits, found.status) == (flags, bits, status)


@pytest.mark.parametrize(("bit", "mode"), [(0x0800, "test"), (0x0400, "demo")])
@pytest.mark.parametrize("identity", ["exclude", "keep"])
def test_test_data_are_of_no_patient(bit: int, mode: str, identity: str) -> None:
    person = patient()
    context = ReadContext(subject=person, identity="keep" if identity == "keep" else "exclude")
    stream = BASE + o.configuration((o.NU, 1, o.SATURATION)) + o.variable((1, {2636: o.sfloat(98), 2375: o.u16(bit)}))
    records = read(stream, context)
    (found,) = only(records, Observation)
    subject = next(s for s in only(records, Subject) if s.id == found.subject)
    assert found.quality is not None
    assert found.quality.mode == mode
    assert [label.code for label in found.labels] == ["HTEST"]
    assert subject.confidence == (mode if identity == "exclude" else "certain")
    assert (subject.id == person.id) == (identity == "keep")


def patient() -> Subject:
    from iomt_interop.model import Identifier, Provenance

    return Subject(
        id=record_id("subject", "urn:example", "7"),
        provenance=Provenance(adapter="caller", version="1"),
        identifiers=(Identifier(system="urn:example", value="7"),),
    )


def test_enumeration_of_a_code_takes_its_partition() -> None:
    table = {2351: o.oid(2, 29188), 2630: o.u16(0x4040), 2656: o.u16(8)}
    value = one(table, {2633: o.u16(1234)}, o.ENUM).value
    assert isinstance(value, CodedValue)
    assert value.concepts[0].codings[0].code == str((8 << 16) + 1234)
    value = one({**table, 2656: o.u16(130)}, {2633: o.u16(77)}, o.ENUM).value
    assert isinstance(value, CodedValue)
    assert value.concepts[0].codings[0].code == str((130 << 16) + 77)


def test_enumeration_of_text_and_bits() -> None:
    table = {2351: o.oid(2, 19532), 2630: o.u16(0x4040)}
    text = one(table, {2634: o.octets(b"ok\0\0")}, o.ENUM).value
    assert isinstance(text, TextValue)
    assert text.text == "ok"
    bits = one(table, {2661: o.u32(0x80000001)}, o.ENUM).value
    assert isinstance(bits, BitSetValue)
    assert (bits.width, bits.is_set(0), bits.is_set(1), bits.is_set(31)) == (32, True, False, True)
    short = one(table, {2662: o.u16(0x0400)}, o.ENUM).value
    assert isinstance(short, BitSetValue)
    assert (short.width, short.is_set(5)) == (16, True)


def test_long_enumeration_carries_its_metric_and_state() -> None:
    table = {2351: o.oid(2, 19532), 2630: o.u16(0x4040)}
    value = o.u16(19533) + o.u16(0x4000) + o.u16(16) + o.octets(o.u32(0x40000000))
    found = one(table, {2462: value}, o.ENUM)
    assert isinstance(found.value, BitSetValue)
    assert found.value.is_set(1)
    assert found.code.codings[0].code == str((2 << 16) + 19533)
    assert found.quality is not None
    assert found.quality.flags == ("questionable",)


def test_waveform_keeps_raw_samples_and_an_exact_scale() -> None:
    table = {
        2351: o.oid(2, 256),
        2630: o.u16(0x4040),
        2454: o.u16(4274),
        2445: o.u32(16),  # 16 ticks of 125 us: 2 ms
        2413: o.u16(4) + o.u8(16) + o.u8(255) + o.u16(0),
        2415: o.float32(-5) + o.float32(5) + o.u16(0xF830) + o.u16(0x07D0),  # -2000..2000 is -5..5 mV
        2645: o.value_map((2632, 10)),
    }
    samples = b"".join(n.to_bytes(2, "big", signed=True) for n in (-2000, 0, 1, 2000))
    records = read(BASE + o.configuration((o.RT_SA, 1, table)) + o.fixed((1, o.octets(samples))))
    (wave,) = only(records, Waveform)
    (channel,) = wave.channels
    (segment,) = wave.segments
    assert (segment.n, segment.dtype) == (4, "i2")
    assert segment.data == b"".join(n.to_bytes(2, "little", signed=True) for n in (-2000, 0, 1, 2000))
    assert channel.factor.to_decimal() == Decimal("0.0025")
    assert channel.origin.to_decimal() == 0
    assert channel.period is not None
    assert (channel.period.numerator, channel.period.denominator) == (1, 500)
    assert channel.raw_range == (-2000, 2000)
    assert channel.physical_range is not None
    assert channel.unit == "mV"


def test_source_handle_reference_leads_to_the_last_value_of_that_handle() -> None:
    table = {**o.PULSE, 2631: o.u16(1)}
    stream = BASE + o.configuration((o.NU, 1, o.SATURATION), (o.NU, 10, table))
    stream += o.fixed((1, o.sfloat(97) + o.absolute()))
    stream += o.fixed((1, o.sfloat(98) + o.absolute()), (10, o.sfloat(72) + o.absolute()))
    _, last, pulse = only(read(stream), Observation)
    assert [(link.relation, link.target) for link in pulse.links] == [("derived_from", last.id)]


def test_measurement_with_a_duration_is_an_interval() -> None:
    found = one(o.SATURATION, {2636: o.sfloat(98), 2448: o.absolute(), 2649: o.float32(15, -1)})
    assert isinstance(found.time, Interval)
    assert found.time.start is not None
    assert found.time.end is not None
    assert (found.time.start.value, found.time.end.value) == ("2026-11-24T10:58:03.20", "2026-11-24T10:58:04.70")


def test_private_code_is_kept_with_whose_it_is() -> None:
    found = one({**o.SATURATION, 2351: o.oid(2, 0xF012), 2343: o.octets(b"BMR\0")}, {2636: o.sfloat(98)})
    coding = found.code.codings[0]
    assert coding.code == str((2 << 16) + 0xF012)
    assert coding.native_system is not None
    assert o.SYSTEM_ID.hex().upper() in coding.native_system
    assert found.code.text == "BMR"


def test_private_attribute_is_an_extension() -> None:
    found = one(o.SATURATION, {2636: o.sfloat(98), 0xF102: b"\x01\x02"})
    assert [(e.path, e.value) for e in found.extensions] == [("handle 1/attribute 61698", "0102")]


def test_clock_attribute_in_the_value_map_is_a_time_stamp() -> None:
    """The Nonin 9560 maps Absolute-Time (2439) where a time stamp (2448) belongs."""
    table = {**o.SATURATION, 2645: o.value_map((2636, 2), (2439, 8))}
    stream = BASE + o.configuration((o.NU, 1, table)) + o.fixed((1, o.sfloat(98) + o.absolute()))
    (found,) = only(read(stream), Observation)
    assert isinstance(found.time, Instant)
    assert found.time.value == "2026-11-24T10:58:03.20"


def test_supplemental_types_and_accuracy() -> None:
    table = {**o.SATURATION, 2657: o.sequence([o.oid(2, 19516)]), 2378: o.float32(2)}
    found = one(table, {2636: o.sfloat(98)})
    assert [c.codings[0].refid for c in found.supplemental] == ["MDC_MODALITY_SPOT"]
    assert found.accuracy is not None
    assert (found.accuracy.text, found.accuracy.unit) == ("2", "%")


def test_no_time_stamp_is_no_time_unless_the_caller_knows_one() -> None:
    stream = BASE + o.configuration((o.NU, 1, o.SATURATION)) + o.variable((1, {2636: o.sfloat(98)}))
    assert only(read(stream), Observation)[0].time is None
    received = Instant(value="2026-11-24T11:00:00Z")
    time = only(read(stream, ReadContext(received=received)), Observation)[0].time
    assert isinstance(time, Instant)
    assert (time.value, time.origin) == ("2026-11-24T11:00:00Z", "received")
