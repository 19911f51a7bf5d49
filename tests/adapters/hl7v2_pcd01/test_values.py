"""OBX-2, OBX-5 and OBX-6 by kind of value; the notations are those of HL7 v2.6 chapter 2.A and IHE PCD TF-2 B.8."""

from __future__ import annotations

from typing import Any

import pytest
from adapters.hl7v2_pcd01.support import read, segments, written
from adapters.hl7v2_pcd01.test_writer import at, made, observed

from iomt_interop import model as m
from iomt_interop.terminology import systems


def q(text: str, unit: str | None = None, **fields: Any) -> m.Quantity:
    return m.Quantity(**(m.Quantity.from_text(text).model_dump(exclude={"unit"}) | {"unit": unit} | fields))


SNOMED = m.Concept(codings=(m.Coding(system=systems.SNOMED_CT, code="1", display="one"),), text="said")
CELSIUS = "268192^MDC_DIM_DEGC^MDC^Cel^Cel^UCUM"


@pytest.mark.parametrize(
    ("value", "kind", "text", "unit"),
    [
        (q("36.60", "Cel"), "NM", "36.60", CELSIUS),
        (q("-0.5"), "NM", "-0.5", ""),
        (q("+7"), "NM", "+7", ""),
        (q("60", comparator="<"), "SN", "<^60", ""),
        (q("60", native_unit=m.Coding(code="bpm")), "NM", "60", "bpm"),
        (m.Range(low=q("35.5", "Cel"), high=q("37", "Cel")), "SN", "^35.5^-^37", CELSIUS),
        (m.Range(low=q("35.5", "Cel")), "NR", "35.5", CELSIUS),
        (m.Range(high=q("37")), "NR", "^37", ""),
        (m.Ratio(numerator=q("1"), denominator=q("128")), "SN", "^1^:^128", ""),
        (m.CodedValue(concepts=(SNOMED, SNOMED)), "CWE", "1^one^SCT^^^^^^said~1^one^SCT^^^^^^said", ""),
        (m.TextValue(text="a|b"), "ST", "a\\F\\b", ""),
        (m.TextValue(text="x" * 200), "TX", "x" * 200, ""),
        (m.TimeValue(time=at("2026-11-24")), "DT", "20261124", ""),
        (m.TimeValue(time=at("2026-11-24T10:58:03.5+01:00")), "DTM", "20261124105803.5+0100", ""),
        (m.TimeValue(time=m.Interval(start=at("2026"), end=at("2027"))), "DR", "2026^2027", ""),
        (m.TimeOfDayValue(value="11:30"), "TM", "1130", ""),
        (m.AttachmentValue(media_type="application/pdf", data=b"%PDF-"), "ED", "^AP^PDF^Base64^JVBERi0=", ""),
        (m.AttachmentValue(media_type="image/png", url="https://x/1"), "RP", "https://x/1^^IM^png", ""),
        (m.BooleanValue(value=True), "CWE", "Y^Yes^HL70136", ""),
        (
            m.BitSetValue(width=8, bits=0x81),
            "CWE",
            "1^bit(0)~0^bit(1)~0^bit(2)~0^bit(3)~0^bit(4)~0^bit(5)~0^bit(6)~1^bit(7)",
            "",
        ),
        (m.BitSetValue(width=16, bits=0x8001, mask=0xC001), "CWE", "1^bit(0)~0^bit(1)~1^bit(15)", ""),
        (m.BitSetValue(width=16, bits=0x0080, mask=0x00C0), "CWE", "1^bit(8)~0^bit(9)", ""),
        (m.BitSetValue(width=32, bits=0x80000000, mask=0x80000000), "CWE", "1^bit(0)~^bit(31)", ""),
    ],
)
def test_value(value: Any, kind: str, text: str, unit: str) -> None:
    (obx,) = segments(written([observed("o", value=value)])[0], "OBX")
    assert (obx[2], obx[5], obx[6]) == (kind, text, unit)


@pytest.mark.parametrize(
    ("value", "flag"),
    [
        (m.Absent(reason="not-available"), "NAV"),
        (m.Absent(reason="sensor-off"), "NAV"),
        (m.Absent(reason="invalid"), "INV"),
        (m.Absent(reason="calibrating"), "CAL"),
        (m.Quantity(special="nan"), "NAV"),
        (m.Quantity(special="+inf"), ">"),
        (m.Quantity(special="-inf"), "<"),
    ],
)
def test_a_missing_value_is_empty_and_flagged(value: Any, flag: str) -> None:
    (obx,) = segments(written([observed("o", value=value)])[0], "OBX")
    assert (obx[2], obx[5], obx[8]) == ("", "", flag)


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (m.Quantity(mantissa=2, exponent=3), "value"),
        (q("5", comparator="~"), "value.comparator"),
        (m.Range(low=q("1", "kg"), high=q("2", "g")), "value"),
        (m.Absent(reason="masked"), "value.reason"),
        (m.TextValue(text=""), "value.text"),
        (m.BitSetValue(width=8, bits=1, mask=0xFF), "value.mask"),
        (m.BitSetValue(width=8, bits=3, mask=1), "value.bits"),
        (m.BitSetValue(width=8, bits=0, mask=0), "value"),
        (m.AttachmentValue(data=b"x", title="t"), "value.title"),
        (m.TimeValue(time=m.Day(value="2026-11-24")), "value"),
    ],
)
def test_what_a_type_cannot_say_is_a_loss(value: Any, path: str) -> None:
    _, writer = written([observed("o", value=value)])
    assert ("observation", path) in {(loss.kind, loss.path) for loss in writer.losses}


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (m.Range(low=q("50"), high=q("120")), "50-120"),
        (m.Range(low=q("50")), ">50"),
        (m.Range(high=q("98", comparator="<=")), "<=98"),
        (m.Range(text="up to 5 & more"), "up to 5 \\T\\ more"),
    ],
)
def test_limits(found: m.Range, text: str) -> None:
    ranges = (m.ReferenceRange(range=found),)
    assert segments(written([observed("o", reference_ranges=ranges)])[0], "OBX")[0][7] == text


def wave(**fields: Any) -> m.Waveform:
    code = m.Concept(codings=(m.Coding(system=systems.MDC, code="150452", refid="MDC_PULS_OXIM_PLETH"),))
    plain: dict[str, Any] = {"code": code, "unit": "mV", "period": m.Rational(numerator=1, denominator=256)}
    channel = m.Channel(**(plain | fields.pop("channel", {})))
    runs = fields.pop("runs", [(0, b"\x01\x00\xfe\xff", None)])
    found = tuple(
        m.Segment(channel=number, start_index=start, dtype="i2", data=data, n=len(data) // 2, marks=marks)
        for number in range(fields.get("width", 1))
        for start, data, marks in runs
    )
    return made(m.Waveform, "w", code=code, channels=(channel,) * fields.pop("width", 1), segments=found, **fields)


def facets(data: bytes) -> dict[str, str]:
    return {obx[3].split("^")[1]: obx[5] for obx in segments(data, "OBX")[1:]}


@pytest.mark.parametrize(
    ("record", "kind", "text", "described"),
    [
        (wave(), "NA", "1^-2", {"MDC_ATTR_SAMP_RATE": "256"}),
        (wave(channel={"factor": m.Number.from_text("0.01")}), "NA", "0.01^-0.02", {"MDC_ATTR_SAMP_RATE": "256"}),
        (
            wave(channel={"factor": m.Number.from_text("0.0025"), "raw_range": (-5, 5)}),
            "NA",
            "1^-2",
            {"MDC_ATTR_SAMP_RATE": "256", "MDC_ATTR_NU_MSMT_RES": "0.0025", "MDC_ATTR_DATA_RANGE": "-5^5"},
        ),
        (
            wave(channel={"origin": m.Number.from_text("0.5"), "factor": m.Number.from_text("0.25")}),
            "NA",
            "0.75^0.00",
            {"MDC_ATTR_SAMP_RATE": "256"},
        ),
        (wave(runs=[(0, b"\x01\x00", None), (3, b"\x02\x00", None)]), "NA", "1~^^2", {"MDC_ATTR_SAMP_RATE": "256"}),
        (wave(runs=[(0, b"\x01\x00\x02\x00", b"\x01\x00")]), "NA", "^2", {"MDC_ATTR_SAMP_RATE": "256"}),
        (
            wave(channel={"period": m.Rational(numerator=3, denominator=1000), "filters": ("0.5-40 Hz",)}),
            "NA",
            "1^-2",
            {"MDC_ATTR_TIME_PD_SAMP": "0.003", "MDC_ATTR_FILTER_LABEL_STRING": "0.5-40 Hz"},
        ),
        (wave(width=2), "MA", "1^1~-2^-2", {"MDC_ATTR_SAMP_RATE": "256"}),
    ],
)
def test_waveform(record: m.Waveform, kind: str, text: str, described: dict[str, str]) -> None:
    data, _ = written([record])
    first = segments(data, "OBX")[0]
    assert (first[2], first[5], facets(data)) == (kind, text, described)


def test_samples_come_back_to_the_bit() -> None:
    record = wave(channel={"factor": m.Number.from_text("0.0025")}, runs=[(0, bytes(range(64)), None)])
    (back,) = (r for r in read(written([record])[0]) if r.kind == "waveform")
    assert back.segments[0].data == record.segments[0].data
    assert back.channels[0].factor.to_fraction() == record.channels[0].factor.to_fraction()
    assert back.channels[0].period == record.channels[0].period
    assert back.channels[0].unit == "mV"


@pytest.mark.parametrize("text", ["^2^+", ">^5", "^1^:^128", "odd&x^2", "^1^-^3"])
def test_a_structured_numeric_stays_one(text: str) -> None:
    """What the model has no kind of value for goes out as it was written (HL7 v2.8 ch. 2A.3.71)."""
    data = f"MSH|^~\\&|A|||||ORU^R01|1|P|2.6\rPID|||1^^^A^MR\rOBR|1|||x|||20261124\rOBX|1|SN|a^b^L||{text}|||||F\r"
    assert f"|SN|a^b^L||{text}|".encode() in written(read(data.encode()))[0]
