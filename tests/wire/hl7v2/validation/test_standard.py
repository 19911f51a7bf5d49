"""The standard's rules: one violating message for each, none for a clean one, and what another library says of them."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iomt_interop.errors import CODES, InvalidRequest
from iomt_interop.wire import hl7v2
from iomt_interop.wire.hl7v2.validation import Finding, Severity, validate

SECRET = "ZEBRA48151623"
CLEAN = [
    "MSH|^~\\&|MON|ICU|EHR|HOSP|20261124105800+0100||ORU^R01^ORU_R01|7|P|2.6|||AL|NE",
    "PID|||17^^^HOSP^MR||Doe^Jane^^^^^L",
    "PV1||I",
    "OBR|1||A7|44616-1^Panel^LN|||20261124105800",
    "OBX|1|NM|150456^MDC_PULS_OXIM_SAT_O2^MDC|1.1.1.1|98|262688^MDC_DIM_PERCENT^MDC|||||R",
    "OBX|2|SN|150456^MDC_PULS_OXIM_SAT_O2^MDC|1.1.1.2|>^98||||||F",
    "OBX|3||69965^MDC_DEV_MON_PHYSIO_MULTI_PARAM_MDS^MDC|1.0.0.0|||||||X",
]


def check(*lines: str) -> list[tuple[str, str | None]]:
    return [(each.code, each.path) for each in validate(hl7v2.parse("\r".join(lines) + "\r"))]


def replaced(number: int, line: str) -> list[str]:
    return [*CLEAN[:number], line, *CLEAN[number + 1 :]]


def test_a_clean_message_has_no_findings() -> None:
    assert check(*CLEAN) == []


HEADER = CLEAN[0]
OBX = "OBX|1|NM|150456^MDC_PULS_OXIM_SAT_O2^MDC|1.1.1.1|98|262688^MDC_DIM_PERCENT^MDC|||||R"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (replaced(0, HEADER.replace("20261124105800+0100", "")), ("HL7-311", "MSH(1)-7")),
        (replaced(0, HEADER.replace("|7|P", "||P")), ("HL7-311", "MSH(1)-10")),
        (replaced(0, HEADER.replace("|AL|", "|XX|")), ("HL7-315", "MSH(1)-15")),
        (replaced(0, HEADER.replace("^ORU_R01", "^ORU_R30")), ("HL7-308", "MSH(1)-9.3")),
        (replaced(6, CLEAN[6].replace("OBX|3|", "OBX|5|")), ("HL7-323", "OBX(3)-1")),
        ([CLEAN[0], "PID|2||17^^^HOSP^MR||Doe", *CLEAN[2:]], ("HL7-323", "PID(1)-1")),
        (replaced(0, HEADER.replace("20261124105800+0100", "20261324")), ("HL7-130", "MSH(1)-7")),
        (replaced(0, HEADER.replace("|7|P", "|7~8|P")), ("HL7-312", "MSH(1)-10")),
        (replaced(1, "PID|||^^^HOSP^MR||Doe^Jane"), ("HL7-311", "PID(1)-3.1")),
        (replaced(1, "PID|||17||Doe^Jane||||" + "|" * 40 + "x"), ("HL7-313", "PID(1)-49")),
        (replaced(1, "PID|||17^^^HOSP^MR||Doe^Jane^^^^^L||19701331"), ("HL7-130", "PID(1)-7")),
        (replaced(1, "PID|||17^^^HOSP^MR^^^^^^^^^x||Doe"), ("HL7-135", "PID(1)-3.14")),
        (replaced(1, "PID|||17||Doe|||Q"), ("HL7-316", "PID(1)-8")),
        (replaced(4, OBX.replace("|98|", "|ninety|")), ("HL7-130", "OBX(1)-5")),
        (replaced(4, OBX.replace("|98|", "|98,5|")), ("HL7-131", "OBX(1)-5")),
        (replaced(5, CLEAN[5].replace("|>^98|", "|=<^98|")), ("HL7-130", "OBX(2)-5.1")),
        (replaced(5, CLEAN[5].replace("|>^98|", "|^98^x^99|")), ("HL7-130", "OBX(2)-5.3")),
        (replaced(4, OBX.replace("|NM|", "||")), ("HL7-317", "OBX(1)-2")),
        (replaced(4, OBX.replace("|NM|", "|QQ|")), ("HL7-318", "OBX(1)-2")),
        (replaced(4, OBX.replace("|R", "|Q")), ("HL7-315", "OBX(1)-11")),
        (replaced(4, OBX.replace("|||||R", "")), ("HL7-311", "OBX(1)-11")),
        ([*CLEAN, "XYZ|1"], ("HL7-301", "XYZ(1)")),
        ([*CLEAN, "PV1||I"], ("HL7-302", "PV1(2)")),
        ([*CLEAN[:3], "PV1||I", *CLEAN[3:]], ("HL7-303", "PV1(2)")),
        (["MSH|^~\\&|||||20261124||ACK|1|P|2.6"], ("HL7-304", "ACK.MSA")),
        (CLEAN[:3], ("HL7-304", "ORU_R01.ORDER_OBSERVATION")),
        ([*CLEAN[:3], *CLEAN[4:]], ("HL7-304", "ORU_R01.ORDER_OBSERVATION.OBR")),
        (["MSH|^~\\&|||||20261124||ZZZ^Z01|1|P|2.6"], ("HL7-305", "MSH-9")),
        (["MSH|^~\\&|||||20261124||ORU^R01^ORU_X|1|P|2.6", *CLEAN[1:]], ("HL7-306", "MSH-9")),
        (["MSH|^~\\&|||||20261124||ORM^O01|1|P|2.8"], ("HL7-307", "MSH-9")),
    ],
)  # fmt: skip
def test_one_violation_of_each_rule(lines: list[str], expected: tuple[str, str]) -> None:
    found = check(*lines)
    assert expected in found
    if expected[0] not in {"HL7-304", "HL7-305", "HL7-306", "HL7-307", "HL7-308"}:
        assert [each for each in found if each[0] != "HL7-316"] in ([expected], [])


def test_versions_without_tables_of_their_own() -> None:
    lines = ["MSH|^~\\&|A|B|C|D|20261124||ORU^R01|1|P|2.3", "OBR|1|||1^x^LN", "OBX|1|ST|1^x^LN||on|||Q|||Q"]
    found = [each for each in check(*lines) if each[0] in {"HL7-315", "HL7-316"}]
    assert found == [("HL7-315", "OBX(1)-8"), ("HL7-315", "OBX(1)-11")]
    assert not [each for each in check(*lines[:2], "OBX|1|ST|1^x^LN||on|||H|||F") if each[0] == "HL7-315"]


def test_a_finding_has_place_rule_and_severity_but_no_value() -> None:
    message = hl7v2.parse("\r".join(replaced(4, f"OBX|1|NM|{SECRET}|1.1.1.1|{SECRET}||||||{SECRET}")) + "\r")
    found = validate(message)
    value = next(each for each in found if each.code == "HL7-130")
    assert value.severity is Severity.ERROR
    assert value.rule == "HL7 v2.6 OBX-5 (NM)"
    assert value.span is not None
    assert bytes(message)[slice(*value.span)] == SECRET.encode()
    assert SECRET not in repr(found)
    assert all(each.code in CODES for each in found)


def test_the_null_is_neither_missing_nor_malformed() -> None:
    assert check(*replaced(1, 'PID|||17^^^HOSP^MR||Doe^Jane^^^^^L||""|""')) == []


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ('PID|||""||Doe^Jane', "PID(1)-3"),
        ('PID|||17^^^HOSP^MR||""', "PID(1)-5"),
        ('PID|||""^^^HOSP^MR||Doe^Jane', "PID(1)-3.1"),
    ],
)
def test_the_null_in_a_required_place(line: str, path: str) -> None:
    """A field that must have a value cannot be told to lose it (2.5.3.3)."""
    assert check(*replaced(1, line)) == [("HL7-324", path)]


def test_unknown_rules_are_refused() -> None:
    with pytest.raises(InvalidRequest):
        validate(hl7v2.parse(b""), rules=("pcd99",))


def test_findings_are_limited_and_time_is_linear() -> None:
    text = "\r".join([*CLEAN[:4], *["OBX|1|NM|a||b~c||||||Q"] * 20_000])
    start = time.process_time()
    assert len(validate(hl7v2.parse(text), limit=500)) == 500
    many = "\r".join([*CLEAN[:4], "OBX|1|NA|150456^X^MDC||" + "^".join(["x"] * 20_000) + "||||||R"])
    assert 0 < len(validate(hl7v2.parse(many))) < 200
    assert time.process_time() - start < 20


@given(st.one_of(
    st.binary(max_size=200),
    st.lists(st.sampled_from([b"PID", b"OBX|1|NM|", b"|", b"^", b"~", b"\r", b"x", b'""', b"&", b"20"]), max_size=40)
    .map(lambda parts: b"MSH|^~\\&|||||||ORU^R01|1|P|2.6\r" + b"".join(parts)),
))  # fmt: skip
def test_any_octets_are_validated(data: bytes) -> None:
    found = validate(hl7v2.parse(data), rules=("pcd01", "pcd04"))
    assert all(isinstance(each, Finding) and each.code in CODES for each in found)


@pytest.mark.parametrize(
    ("lines", "is_valid"),
    [
        (CLEAN[:5], True),
        (["MSH|^~\\&|A|B|C|D|20261124||ADT^A01^ADT_A01|1|P|2.5", "EVN||20261124", "PID|||1||Doe", "PV1||I"], True),
        (["MSH|^~\\&|A|B|C|D|20261124||ACK^A01^ACK|1|P|2.5", "MSA|AA|1"], True),
        (["MSH|^~\\&|A|B|C|D|20261124||ACK^A01^ACK|1|P|2.5"], False),
        (["MSH|^~\\&|A|B|C|D|20261124||ACK^A01^ACK||P|2.5", "MSA|AA|1"], False),
        (["MSH|^~\\&|A|B|C|D|20261124||ADT^A01^ADT_A01|1|P|2.5", "EVN||20261124", "PID|||1||Doe"], False),
        (["MSH|^~\\&|A|B|C|D|20261124||ADT^A01^ADT_A01|1|P|2.5", "PID|||1||Doe", "PV1||I"], False),
        (["MSH|^~\\&|A|B|C|D|20261124||ADT^A01^ADT_A01|1|P|2.5", "EVN||20261124", "PID|||1", "PV1||I"], False),
        (["MSH|^~\\&|A|B|C|D|20261124||ADT^A01^ADT_A01|1|P|2.5", "EVN||20261124", "PID|||1||Doe", "PV1|1"], False),
        (["MSH|^~\\&|A|B|C|D|20261124||ADT^A01^ADT_A01|1|P|2.5", "EVN||20261124", "PID|||1||Doe", "PV1||I~O"], False),
    ],
)
def test_hl7apy_agrees(lines: list[str], is_valid: bool) -> None:
    parser = pytest.importorskip("hl7apy.parser")
    validation = pytest.importorskip("hl7apy.validation")
    exceptions = pytest.importorskip("hl7apy.exceptions")
    try:
        theirs = parser.parse_message("\r".join(lines) + "\r", find_groups=True)
        agrees = bool(validation.Validator.validate(theirs))
    except exceptions.HL7apyException:
        agrees = False
    ours = validate(hl7v2.parse("\r".join(lines) + "\r"))
    assert agrees == is_valid
    assert any(each.severity is Severity.ERROR for each in ours) != is_valid


@pytest.mark.parametrize(
    "version",
    ["2.1", "2.2", "2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6", "2.7", "2.7.1", "2.8", "2.8.1", "2.8.2", "2.9"],
)
def test_a_result_without_conditional_fields_is_clean_in_every_version(version: str) -> None:
    """OBX-4 is conditional throughout (7.4.2.4), quantity and timing of OBR and how precise a time is, optional."""
    kind = "ORU" if version == "2.1" else "ORU^R01" if version < "2.3.1" else "ORU^R01^ORU_R01"
    found = check(
        f"MSH|^~\\&|MON|ICU|EHR|HOSP|20261124105800||{kind}|7|P|{version}",
        "PID|||17^^^HOSP^MR||Doe^Jane" if version > "2.1" else "PID|||17||Doe^Jane",
        "OBR|1||7|x^Panel^L|||20261124105800"
        + ("|20261124105800|1|||||20261124105800||||||||20261124105800" if version == "2.1" else ""),
        "OBX|1|ST|y^Status^L||on||||||F",
    )
    assert found == []


@pytest.mark.parametrize("version", ["2.3.1", "2.7", "2.8"])
def test_a_device_without_a_value_needs_no_value_type(version: str) -> None:
    """OBX-2 is conditional: not valued where OBX-11 says that there is no result (7.4.2.2)."""
    assert check(CLEAN[0].replace("2.6", version), *CLEAN[1:3], CLEAN[3], CLEAN[6].replace("OBX|3", "OBX|1")) == []


@pytest.mark.parametrize("status", "ABV")
def test_statuses_of_2_8_stay(status: str) -> None:
    for version in ("2.8", "2.8.1", "2.8.2", "2.9"):
        assert check(CLEAN[0].replace("2.6", version), *CLEAN[1:4], OBX[:-1] + status) == []


def test_set_ids_may_begin_anew_be_left_out_and_run_on() -> None:
    """OBX-1 and NTE-1 count within their group or within the message, as the sender likes."""
    notes = ["NTE|1||a", "NTE|2||b"]
    assert check(*CLEAN[:5], *notes, CLEAN[5], *notes, CLEAN[3], OBX) == []
    assert check(*CLEAN[:4], OBX.replace("|1|", "||", 1), OBX) == []
