"""Acknowledgements: modes by the standard's table, octets read back by two other parsers, total on any message."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from iomt_interop.errors import InvalidRequest
from iomt_interop.wire import hl7v2
from iomt_interop.wire.hl7v2.ack import AckError, Outcome, acknowledge, decide, wants

SECRET = b"ZEBRA48151623"
AT = "20261125120000.5+0100"


def request(
    version: bytes = b"2.6",
    kind: bytes = b"ORU^R01^ORU_R01",
    modes: bytes = b"",
    charset: bytes = b"",
    second: bytes = b"^~\\&",
) -> hl7v2.Message:
    accept, _, application = modes.partition(b"/")
    fields = [b"MSH", second, b"MON^0011223344556677^EUI-64", b"ICU", b"EHR", b"HOSP^1.2.3^ISO", b"20261125", SECRET]
    fields += [kind, b"M-42", b"P", version, b"", b"", accept, application, b"DEU", charset]
    return hl7v2.parse(b"|".join(fields) + b"\rPID|||" + SECRET + b"\rOBX|1|ST|x||" + SECRET + b"\r")


def answer(message: hl7v2.Message, code: str = "AA", *errors: AckError) -> bytes:
    return acknowledge(message, code, control_id="A-1", at=AT, errors=errors)


@pytest.mark.parametrize(
    ("modes", "outcome", "accept", "application"),
    [  # HL7 v2.8 table 0155 and ch. 2.9.2
        (b"", Outcome.ACCEPTED, None, "AA"),
        (b"", Outcome.ERROR, None, "AE"),
        (b"", Outcome.REJECTED, None, "AR"),
        (b"AL/AL", Outcome.ACCEPTED, "CA", "AA"),
        (b"AL/NE", Outcome.ACCEPTED, "CA", None),
        (b"AL/NE", Outcome.REJECTED, "CR", None),
        (b"NE/AL", Outcome.ERROR, None, "AE"),
        (b"ER/SU", Outcome.ACCEPTED, None, "AA"),
        (b"ER/SU", Outcome.ERROR, "CE", None),
        (b"SU/ER", Outcome.ACCEPTED, "CA", None),
        (b"SU/ER", Outcome.REJECTED, None, "AR"),
        (b"AL", Outcome.ACCEPTED, "CA", None),
        (b"/AL", Outcome.ACCEPTED, None, "AA"),
        (b"NE/NE", Outcome.ERROR, None, None),
        (b'""/""', Outcome.ACCEPTED, None, "AA"),
        (b"al /xx", Outcome.ACCEPTED, "CA", "AA"),
    ],
)
def test_who_is_answered(modes: bytes, outcome: Outcome, accept: str | None, application: str | None) -> None:
    assert decide(request(modes=modes), outcome) == (accept, application)


def test_wants_are_the_fields() -> None:
    assert wants(request(modes=b"AL/NE")) == ("AL", "NE")
    assert wants(request(modes=b"ER")) == ("ER", None)
    assert not wants(request()).is_enhanced
    assert wants(hl7v2.parse(b"")) == (None, None)


def test_an_acknowledgement_is_never_acknowledged() -> None:
    message = hl7v2.parse(answer(request(modes=b"AL/AL")))
    assert decide(message, Outcome.ACCEPTED) == (None, None)
    response = hl7v2.parse(b"MSH|^~\\&|||||||RSP^K11^RSP_K11|1|P|2.6\rMSA|AA|1\r")
    assert decide(response, Outcome.ACCEPTED) == (None, None)


def test_header_is_turned_round_and_correlated() -> None:
    back = hl7v2.parse(answer(request(charset=b"UNICODE UTF-8")), strict=True)
    expected = {
        "MSH-3": "EHR", "MSH-4.1": "HOSP", "MSH-4.3": "ISO", "MSH-5.2": "0011223344556677", "MSH-6": "ICU",
        "MSH-7": AT, "MSH-8": "", "MSH-9.1": "ACK", "MSH-9.2": "R01", "MSH-9.3": "ACK", "MSH-10": "A-1",
        "MSH-11": "P", "MSH-12": "2.6", "MSH-17": "DEU", "MSH-18": "UNICODE UTF-8", "MSA-1": "AA", "MSA-2": "M-42",
    }  # fmt: skip
    assert {path: back[path] for path in expected} == expected
    assert [segment.id for segment in back] == ["MSH", "MSA"]


@pytest.mark.parametrize(
    ("version", "kind", "code", "expected"),
    [
        (b"2.6", b"ORU^R01^ORU_R01", "AA", b"ACK^R01^ACK"),
        (b"2.3.1", b"ADT^A01", "AE", b"ACK^A01^ACK"),
        (b"2.3", b"ADT^A01", "AA", b"ACK^A01"),
        (b"2.1", b"ADT", "AA", b"ACK"),
        (b"2.5.1^USA", b"ORU^R01", "AR", b"ACK^R01^ACK"),
        (b"", b"ORU", "AA", b"ACK^^ACK"),
        (b"2.6", b"ORU^R40^ORU_R40", "AA", b"ORA^R41^ORA_R41"),
        (b"2.6", b"ORU^R40^ORU_R40", "CA", b"ACK^R40^ACK"),
    ],
)
def test_message_type(version: bytes, kind: bytes, code: str, expected: bytes) -> None:
    back = hl7v2.parse(answer(request(version, kind), code))
    part = back.get("MSH-9")
    assert part is not None
    assert part.raw == expected


ERRORS = (
    AckError("101", "PID-3[2].4.1", application="HL7-301"),
    AckError("207", severity="F"),
    AckError("100", "OBX(3)", severity="W"),
)


def test_errors_since_2_5() -> None:
    data = answer(request(), "AE", *ERRORS)
    assert data.split(b"\r")[2:-1] == [
        b"ERR||PID^1^3^2^4^1|101^required field missing^HL70357|E|HL7-301",
        b"ERR|||207^internal error^HL70357|F",
        b"ERR||OBX^3|100^segments out of sequence^HL70357|W",
    ]


def test_errors_before_2_5() -> None:
    data = answer(request(b"2.4"), "AE", *ERRORS)
    assert data.split(b"\r")[2:-1] == [
        b"ERR|PID^1^3^101&required field missing&HL70357~^^^207&internal error&HL70357"
        b"~OBX^3^^100&segments out of sequence&HL70357"
    ]


@pytest.mark.parametrize("version", [b"2.2", b"2.4", b"2.5", b"2.6", b"2.8.2", b""])
def test_nothing_of_the_body_comes_back(version: bytes) -> None:
    assert SECRET not in answer(request(version), "AE", *ERRORS)


@pytest.mark.parametrize(
    "arguments",
    [{"condition": "999"}, {"condition": "101", "severity": "X"}, {"condition": "101", "path": "Jane Doe"},
     {"condition": "101", "path": "PID-3[*]"}, {"condition": "101", "application": "Jane Doe"}],
)  # fmt: skip
def test_an_error_has_no_room_for_a_value(arguments: dict[str, str]) -> None:
    with pytest.raises(InvalidRequest):
        AckError(**arguments)


@pytest.mark.parametrize(("code", "at"), [("XX", AT), ("AA", "yesterday"), ("AA", "2026-11-25"), ("AA", "")])
def test_what_cannot_be_an_answer(code: str, at: str) -> None:
    with pytest.raises(InvalidRequest):
        acknowledge(request(), code, control_id="1", at=at)


@pytest.mark.parametrize("version", [b"2.3", b"2.4", b"2.5", b"2.5.1", b"2.6", b"2.7", b"2.8"])
@pytest.mark.parametrize("code", ["AA", "AE", "CR"])
def test_two_other_parsers_read_it(version: bytes, code: str) -> None:
    hl7 = pytest.importorskip("hl7")
    hl7apy = pytest.importorskip("hl7apy.parser")
    data = answer(request(version), code, *ERRORS)
    theirs = hl7.parse(data.decode())
    assert str(theirs["MSA.F1"]) == code
    assert str(theirs["MSA.F2"]) == "M-42"
    assert len(list(theirs.segments("ERR"))) == (1 if version < b"2.5" else 3)
    tree = hl7apy.parse_message(data.decode())
    assert (tree.msa.msa_1.value, tree.msa.msa_2.value) == (code, "M-42")
    assert tree.msh.msh_9.msh_9_1.value == "ACK"
    if version >= b"2.5":
        assert tree.err[0].err_2.to_er7() == "PID^1^3^2^4^1"
        assert tree.err[0].err_4.value == "E"


@pytest.mark.parametrize(
    "second", [b"^~\\&", b"^~\\&#", b"^~&", b"$%*+", b"^", b"", b"^^\\&", b"^~\\\\&", b"+-.:", b"\xa7~\\&", b"^\x1c\\&"]
)
def test_delimiters_are_those_of_the_request(second: bytes) -> None:
    message = request(second=second)
    back = hl7v2.parse(answer(message, "AE", *ERRORS))
    assert back["MSA-2"] == "M-42"
    assert back["MSA-1"] == "AE"
    assert back["MSH-7"] == AT
    given_marks = [mark for mark in message.delimiters[1:] if mark and mark != b"\x1c"]
    assert [mark for mark in back.delimiters[1:] if mark in given_marks] == given_marks


def test_a_wide_request_gets_a_wide_answer() -> None:
    text = "MSH|^~\\&|MONÄ|ICU|EHR|HOSP|20261125||ORU^R01^ORU_R01|Ж7|P|2.6||||||UNICODE UTF-16\r"
    data = answer(hl7v2.parse(b"\xff\xfe" + text.encode("utf-16-le")))
    assert data.startswith(b"\xff\xfe")
    assert data[2:].decode("utf-16-le").split("\r")[1] == "MSA|AA|Ж7"


def test_no_control_character_of_the_request_ends_a_frame() -> None:
    data = answer(hl7v2.parse(b"MSH|^~\\&|||||||ORU^R01|a\x1c|P|2.6\r"))
    assert b"\x1c" not in data
    assert hl7v2.parse(data)["MSA-2"] == "a\x1c"


HEADERS = st.builds(
    lambda mark, second, fields: b"MSH" + mark + second + mark + mark.join(fields) + b"\rOBX|x\r",
    st.sampled_from([b"|", b"#", b"+", b"\x1c", b"\xa7", b"\x00", b"-"]),
    st.one_of(st.sampled_from([b"^~\\&", b"^~&", b""]), st.binary(max_size=7)),
    st.lists(st.binary(max_size=6).map(lambda raw: raw.replace(b"\r", b"")), max_size=19),
)


@given(st.one_of(st.binary(max_size=200), HEADERS), st.sampled_from(["AA", "AE", "AR", "CA", "CE", "CR"]))
@example(b"", "AA")
@example(b"MSH", "AE")
@example(b"MSH|", "AE")
@example(b"FHS|^~\\&|\r", "CR")
def test_any_message_gets_an_answer(data: bytes, code: str) -> None:
    message = hl7v2.parse(data)
    reply = answer(message, code, *ERRORS)
    body = reply if not re.match(rb"\xff\xfe|\xfe\xff|\0\0\xfe\xff", reply) else b""
    assert not re.search(rb"[\x00-\x0c\x0e-\x1a\x1c-\x1f]", body)
    back = hl7v2.parse(reply)
    assert [segment.id for segment in back][:2] == ["MSH", "MSA"]
    assert back["MSA-1"] == code
    mine, theirs = message["MSH-10"], back["MSA-2"]
    if message.delimiters.escape and message.syntax.charset == back.syntax.charset and message.segment("MSH"):
        assert (theirs or "") == (mine or "") or back.delimiters != message.delimiters
