"""OBX-5 by data type; expectations from HL7 v2 chapter 2.A and IHE PCD TF-2 appendix B."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from adapters.hl7v2_oru.support import of, one, read

from iomt_interop.model import Absent, AttachmentValue, CodedValue, Quantity, Range, Ratio, TextValue, TimeValue
from iomt_interop.plugins import ReadContext

ROOT = Path(__file__).resolve().parents[3]
FIXTURES = ROOT / "fixtures/hl7v2_oru"
TYPES = {
    record.code.codings[0].code: record for record in of(read((FIXTURES / "types.hl7").read_bytes()), "observation")
}


def obx(fields: str, context: ReadContext | None = None) -> Any:
    """Read one OBX of a message without times or patient."""
    return one(read(f"MSH|^~\\&|A|||||ORU^R01|1|P|2.6\rOBX|1|{fields}\r".encode(), context), "observation")


@pytest.mark.parametrize(
    ("code", "number", "literal", "comparator", "unit"),
    [
        ("N1", "7", "+7", None, None),
        ("N2", "98", ">98", ">", "%"),
        ("N5", "2.00", None, None, "mL/h"),
        ("N6", "1E3", "1e3", None, "10*3/uL"),
        ("S3", "119", None, None, "mg/dL"),
    ],
)
def test_numbers_keep_their_precision_and_their_writing(
    code: str, number: str, literal: str | None, comparator: str | None, unit: str | None
) -> None:
    value = TYPES[code].value
    assert isinstance(value, Quantity)
    assert (value.text, value.literal, value.comparator) == (number, literal, comparator)
    assert value.to_decimal() == Decimal(number)
    if unit is not None:
        assert value.unit == unit


def test_what_is_no_number_is_never_made_one() -> None:
    assert TYPES["N3"].value == Absent(reason="not-available", native="---")
    assert TYPES["N4"].value == TextValue(text="high", format="NM")
    assert TYPES["Q1"].value == Absent(reason="null", native='""')
    assert TYPES["Q1"].status == "entered-in-error"


@pytest.mark.parametrize(("text", "kind"), [("4,1", Quantity), ("1,234", TextValue), ("1,2,3", TextValue)])
def test_a_decimal_comma_only_where_it_cannot_separate_thousands(text: str, kind: type) -> None:
    assert isinstance(obx(f"NM|a||{text}").value, kind)


def test_structured_numerics() -> None:
    ratio, limits = TYPES["S1"].value, TYPES["S2"].value
    assert isinstance(ratio, Ratio)
    assert (ratio.numerator.text, ratio.denominator.text) == ("1", "128")
    assert isinstance(limits, Range)
    assert (limits.low.text, limits.high.text, limits.low.unit) == ("10", "20", "kg")
    assert [e.value for e in TYPES["S3"].extensions] == ["="]
    nr = TYPES["R1"].value
    assert (nr.low.text, nr.high.text, nr.high.unit) == ("35.5", "37.5", "Cel")
    assert isinstance(obx("SN|a||^2^+").value, TextValue)


@pytest.mark.parametrize(("raw", "doubted"), [("^2^+", False), ("^2^x", True), (">^1^-^2", True), ("=<^5", True)])
def test_a_graded_response_is_no_doubt(raw: str, doubted: bool) -> None:
    """2.A.71: ``^2^+`` is what a structured numeric is for; no number and no unit come of it."""
    records = read(f"MSH|^~\\&|A|||||ORU^R01|1|P|2.6\rOBX|1|SN|a||{raw}\r".encode())
    assert one(records, "observation").value == TextValue(text=raw, format="SN")
    assert [issue.code for issue in of(records, "issue") if issue.path == "OBX(1)-5"] == ["ORU-202"] * doubted


def test_times_as_values() -> None:
    assert TYPES["D1"].value.time.value == "2026-11-24"
    assert TYPES["D2"].value.value == "11:30"
    assert [c.value.time.value for c in TYPES["D3"].components] == [
        "2026-11-24T11:30:00.25+01:00",
        "2026-11-24T11:30:05.25+01:00",
    ]
    period = TYPES["D4"].value.time
    assert (period.start.value, period.end.value) == ("2026-11-24T10:00:00", "2026-11-24T11:00:00")
    assert TYPES["D5"].value == TextValue(text="20260230", format="DTM")
    assert isinstance(TYPES["D1"].value, TimeValue)


def test_attachments() -> None:
    assert TYPES["E1"].value == AttachmentValue(media_type="application/pdf", data=b"%PDF-1.4\n")
    assert TYPES["E2"].value == AttachmentValue(media_type="image/png", url="https://example.org/p/1")
    assert obx("ED|a||^AP^PDF^Base64^not base64!").value.data is None


@pytest.mark.parametrize(
    "raw",
    [
        "^AP^PDF^base64^SGVsbG8=",
        "^AP^PDF^BASE64^SGVsbG8=",
        "^AP^PDF^Base64^SGVs\\.br\\bG8=",
        "^AP^PDF^Base64^SGVs\\X0D0A\\bG8=",
        "^AP^PDF^hex^48656c6C6F",
    ],
)
def test_attachments_are_read_however_their_encoding_is_spelled_and_broken(raw: str) -> None:
    record = obx(f"ED|a||{raw}")
    assert record.value == AttachmentValue(media_type="application/pdf", data=b"Hello")
    assert [extension.value for extension in record.extensions if extension.path == "OBX(1)-5"] == [raw]


def test_texts_keep_what_is_no_escape() -> None:
    assert TYPES["X1"].value.text == "one\\.br\\two \\H\\bold\\N\\ A"
    assert TYPES["X2"].value.text == "C:\\temp\\x"
    assert TYPES["I1"].value == TextValue(text="42^NS^1.2.3^ISO", format="EI")
    assert TYPES["U1"].value.text == "free^text"
    assert [c.value.text for c in TYPES["U2"].components] == ["a&b", "c"]


def test_repeated_codes_are_one_value() -> None:
    value = TYPES["C1"].value
    assert isinstance(value, CodedValue)
    assert [[c.code for c in concept.codings] for concept in value.concepts] == [["A", "65"], ["B"]]


def test_flags_are_quality_and_judgements_are_interpretation() -> None:
    found = TYPES["Q2"]
    assert found.quality.flags == ("invalid",)
    assert found.quality.native == ("INV",)
    assert [c.codings[0].code for c in found.interpretation] == ["L"]
    assert found.value == Absent(reason="invalid")
    assert found.status == "cancelled"


@pytest.mark.parametrize(
    ("raw", "low", "high"),
    [
        ("50-120", "50", "120"),
        ("40^200", "40", "200"),
        (">98", "98", None),
        ("<5.6", None, "5.6"),
        ("-1.5--0.5", "-1.5", "-0.5"),
        ("see text", None, None),
    ],
)
def test_reference_ranges(raw: str, low: str | None, high: str | None) -> None:
    (found,) = obx(f"NM|a||1|%|{raw}").reference_ranges
    assert found.range.text == raw
    assert (found.range.low and found.range.low.text, found.range.high and found.range.high.text) == (low, high)
    assert found.purpose == "reference"
    (device,) = obx(f"NM|a|1.1.1.1|1|%|{raw}").reference_ranges
    assert device.purpose == "alarm"


@pytest.mark.parametrize(
    ("field", "ucum"),
    [
        ("264864^MDC_DIM_BEAT_PER_MIN^MDC", {"/min", "{beat}/min", "{beats}/min"}),
        ("266016^MDC_DIM_MMHG^MDC", {"mm[Hg]"}),
        ("0^MDC_DIM_MMHG^MDC", {"mm[Hg]"}),
        ("0004-0f20^mmHg^MDIL", {"mm[Hg]"}),
        ("265266^MDC_DIM_MILLI_L_PER_HR^MDC^mL/h^mL/h^UCUM", {"mL/h"}),
        ("mm[Hg]^mm[Hg]^UCUM", {"mm[Hg]"}),
        ("mm(hg)^^ISO+", {"mm[Hg]"}),
        ("bpm", {"/min", "{beat}/min", "{beats}/min"}),
        ("°C", {"Cel"}),
        ("furlongs", {None}),
    ],
)
def test_units_become_ucum_only_where_it_is_certain(field: str, ucum: set[str | None]) -> None:
    value = obx(f"NM|a||1|{field}").value
    assert value.unit in ucum
    assert value.native_unit is not None


@pytest.mark.parametrize(
    ("first", "second", "kept"),
    [
        (b"265266^MDC_X^MDC^mL/h^mL/h^UCUM", b"265266^MDC_X^MDC^mL/h^mL/h^UCUM", []),
        (
            b"265266^MDC_X^MDC^mL/h^mL/h^UCUM",
            b"265266^MDC_X^MDC^mL/h^other^UCUM",
            ["OBX(2)-6.4", "OBX(2)-6.5", "OBX(2)-6.6"],
        ),
        (b"265266^MDC_X^MDC~a^b^L", b"", ["OBX(1)-6[2]"]),
        (b"265266^MDC_X^MDC^^^^^^^^^^^^x", b"", ["OBX(1)-6.15"]),
    ],
)
def test_the_metric_holds_the_other_codings_of_its_unit(first: bytes, second: bytes, kept: list[str]) -> None:
    line = b"OBX|%d|NM|1^rate^L|1.1.1.1|12|%s\r"
    records = read(b"MSH|^~\\&|A|||||ORU^R01|1|P|2.6\r" + line % (1, first) + line % (2, second))
    paths = [e.path for o in of(records, "observation") for e in o.extensions]
    assert paths == kept
    assert one(records, "metric").unit.codings[0].code == "265266"


def test_performers_methods_and_the_other_fields_behind_the_time() -> None:
    found = TYPES["N6"]
    roles = [(a.role, a.organization or a.names[0].family if a.names else a.organization) for a in found.performers]
    assert roles == [
        ("producer", "Operator"),
        ("responsible-observer", "Nurse"),
        ("responsible-observer", "Aide"),
        ("medical-director", "Dir"),
    ]
    assert found.performers[3].behalf.name == "Org"
    assert found.method[0].codings[0].display == "APERIODIC"
    assert found.analysed.value == "2026-11-24T11:30:00"
    assert found.body_site.codings[0].code == "7087005"
    assert found.identifiers[0].value == "OID-1"
    assert (found.performers[3].behalf.addresses[0].lines, found.performers[3].behalf.addresses[0].city) == (
        ("1 Road",),
        "Town",
    )


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("2026", "2026"),
        ("202611", "2026-11"),
        ("20261124", "2026-11-24"),
        ("2026112410", "2026-11-24T10"),
        ("202611241058", "2026-11-24T10:58"),
        ("20261124105803.2000+0100", "2026-11-24T10:58:03.2000+01:00"),
        ("20260124131540000+0800", "2026-01-24T13:15:40.000+08:00"),
        ("20261124240000", "2026-11-24T24:00:00"),
        ("20261231235960Z", "2026-12-31T23:59:60Z"),
        ("20260000", "2026"),
        ("2026-11-24 10:58:03", "2026-11-24T10:58:03"),
        ("20240229", "2024-02-29"),
        ("20230229", None),
        ("20261324", None),
        ("19", None),
    ],
)
def test_moments_keep_their_precision(raw: str, value: str | None) -> None:
    found = obx(f"ST|a||x|||||||||{raw}").time
    if value is None:
        assert found is None
    else:
        assert (found.value, found.native, found.origin) == (value, raw, "observed")


def test_local_times_get_an_offset_only_from_the_message_or_the_caller() -> None:
    assert obx("ST|a||x|||||||||20260701120000").time.offset_minutes is None
    berlin = ReadContext(default_zone="Europe/Berlin")
    found = obx("ST|a||x|||||||||20260701120000", berlin).time
    assert (found.value, found.flags, found.native) == (
        "2026-07-01T12:00:00+02:00",
        ("assumed-offset",),
        "20260701120000",
    )
    twice = obx("ST|a||x|||||||||20261025023000", berlin).time
    assert twice.flags == ("assumed-offset", "dst-ambiguous")
    never = obx("ST|a||x|||||||||20260329023000", berlin).time
    assert (never.value, never.flags) == ("2026-03-29T02:30:00", ("invalid",))
    assert obx("ST|a||x|||||||||20260701", berlin).time.value == "2026-07-01"
    message = b"MSH|^~\\&|A||||20260701120000-0500||ORU^R01|1|P|2.6\rOBX|1|ST|a||x|||||||||20260701115959\r"
    stated = one(read(message, berlin), "observation").time
    assert (stated.value, stated.flags) == ("2026-07-01T11:59:59-05:00", ("assumed-offset",))


def test_a_null_time_is_no_time_that_is_badly_written() -> None:
    """2.5.3.3: two quotes say that there is none; they are no date, and no doubt either."""
    records = read(b'MSH|^~\\&|A||||||ORU^R01|1|P|2.6\rOBR|1|||x^y^L|||""\rOBX|1|NM|a^b^L||5||||||F|||""\r')
    assert not of(records, "issue")
    observation = one(records, "observation")
    assert observation.time is None
    assert ("OBX(1)-14", '""') in [(each.path, each.value) for each in observation.extensions]
    assert ("OBR(1)-7", '""') in [(each.path, each.value) for each in one(records, "order").extensions]


@pytest.mark.parametrize("mark", ["#", "%", ""])
def test_the_truncation_character_is_the_message_s_own(mark: str) -> None:
    """2.5.5.2: ``P`` is the fifth character of MSH-2; a text that it ends was not cut."""
    records = read(f"MSH|^~\\&{mark}|A||||||ORU^R01|1|P|2.7\rOBX|1|ST|a||up 5\\P\\||||||F\r".encode())
    assert one(records, "observation").value == TextValue(text=f"up 5{mark or '#'}", format="ST")
