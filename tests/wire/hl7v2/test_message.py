"""Messages, segments, parts: three states, paths, delimiters, escapes, edits. Expectations are the standard's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iomt_interop.errors import InvalidRequest, LimitExceeded, MalformedInput
from iomt_interop.wire import hl7v2
from iomt_interop.wire.hl7v2 import Presence

SECRET = "ZEBRA48151623"
MESSAGE = (
    b"MSH|^~\\&|MON^1122334455667788^EUI-64|ICU|||20261124105800+0100||ORU^R01^ORU_R01|7|P|2.6||||||UNICODE UTF-8\r"
    b'PID|||17^^^HOSP&1.2.3&ISO^MR~4711^^^NAT^NI||M\xc3\xbcller^J\\T\\o||""\r'
    b"OBR|1|||44616-1^Panel^LN\r"
    b"OBX|1|NM|150456^MDC_PULS_OXIM_SAT_O2^MDC|1.1.1.1|98|%\r"
    b"OBX|2|NM|149530^MDC_PULS_OXIM_PULS_RATE^MDC|1.1.1.2||\r"
)


@pytest.mark.parametrize(
    ("path", "text", "presence"),
    [
        ("MSH-1", "|", Presence.VALUE),
        ("MSH-2", "^~\\&", Presence.VALUE),
        ("MSH-3.2", "1122334455667788", Presence.VALUE),
        ("MSH-9.3", "ORU_R01", Presence.VALUE),
        ("PID-3[2].4", "NAT", Presence.VALUE),
        ("PID-3.4.2", "1.2.3", Presence.VALUE),
        ("PID-3[2].1.1", "4711", Presence.VALUE),
        ("PID-3[3]", None, Presence.ABSENT),
        ("PID-3.4.4", None, Presence.ABSENT),
        ("PID-5.1", "Müller", Presence.VALUE),
        ("PID-5.2", "J&o", Presence.VALUE),
        ("PID-6", "", Presence.EMPTY),
        ("PID-7", '""', Presence.NULL),
        ("PID-8", None, Presence.ABSENT),
        ("OBX(2)-5", "", Presence.EMPTY),
        ("OBX(2)-6", "", Presence.EMPTY),
        ("OBX(2)-7", None, Presence.ABSENT),
        ("OBX(3)-5", None, Presence.ABSENT),
        ("ZZZ-1", None, Presence.ABSENT),
    ],
)
def test_paths_and_the_three_states(path: str, text: str | None, presence: Presence) -> None:
    message = hl7v2.parse(MESSAGE, strict=True)
    assert message[path] == text
    assert message.presence(path) is presence


def test_wildcards_and_iteration() -> None:
    message = hl7v2.parse(MESSAGE)
    assert [part.text for part in message.select("OBX(*)-3.2")] == ["MDC_PULS_OXIM_SAT_O2", "MDC_PULS_OXIM_PULS_RATE"]
    assert [part.text for part in message.select("PID-3[*].1")] == ["17", "4711"]
    assert [segment.id for segment in message] == ["MSH", "PID", "OBR", "OBX", "OBX"]
    assert b"\r".join(bytes(segment) for segment in message.segments) + b"\r" == MESSAGE


def test_spans_point_at_the_bytes() -> None:
    message = hl7v2.parse(b"\x0b" + MESSAGE + b"\x1c\r", origin=100)
    part = message.get("PID-3[2].4")
    assert part is not None
    start, stop = part.span
    assert bytes(message)[start - 100 : stop - 100] == b"NAT"
    assert not message.diagnostics


@pytest.mark.parametrize(
    "path", ["", "PID", "pid-3", "PID-0", "PID-3[0]", "PID-3.0", "PID(0)-3", "PID-3.1.1.1", "PID-3 "]
)
def test_what_is_no_path(path: str) -> None:
    with pytest.raises(InvalidRequest):
        _ = hl7v2.parse(MESSAGE)[path]


@pytest.mark.parametrize(
    ("header", "codes", "path", "text"),
    [
        (b"MSH|^~\\&#|A^B\r", [], "MSH-3.2", "B"),  # truncation character, v2.7
        (b"MSH|^~&|A^B&C\r", ["HL7-105"], "MSH-3.2.2", "C"),  # the escape character is lost
        (b"MSH|^~\\\\&|A^B&C\r", ["HL7-106"], "MSH-3.2.2", "C"),  # it is doubled
        (b"MSH|^~\xc2\xa5&|A\xc2\xa5S\xc2\xa5B&C\r", [], "MSH-3.1.2", "C"),  # yen sign
        (b"MSH|^~\\|A^B\r", [], "MSH-3.2", "B"),
        (b"MSH#*~\\&#A*B\r", [], "MSH-3.2", "B"),
        (b"MSH|^^\\&|A^B\r", ["HL7-107"], "MSH-3.2", "B"),
        (b"MSH|^A\\&|A^B\r", ["HL7-107"], "MSH-3.2", "B"),
    ],
)
def test_delimiters_are_the_message_s_own(header: bytes, codes: list[str], path: str, text: str) -> None:
    message = hl7v2.parse(header)
    assert [d.code for d in message.diagnostics if d.path == "MSH-2"] == codes
    assert message[path] == text


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (rb"a\F\b\S\c\T\d\R\e\E\f\P\g", r"a|b^c&d~e\f#g"),
        (rb"\X41\\X42\\X4344\.", "ABCD."),
        (rb"\XC3BC\ber", "über"),  # one character of the message's own set, not two of another
        (rb"\X0\x", r"\X0\x"),  # an odd nibble
        (rb"\X4\\F\ ", "\\X4\\| "),
        (rb"C:\temp\x", r"C:\temp\x"),  # unescaped, unknown, unterminated: verbatim
        (rb"a\.br\b\H\c\N\d\Zx\e\C1B\f\.sp3\ ", r"a\.br\b\H\c\N\d\Zx\e\C1B\f\.sp3\ "),
        (rb"end\F", r"end\F"),
        (rb"\\F\ ", r"\| "),
    ],
)
def test_escapes(raw: bytes, text: str) -> None:
    message = hl7v2.parse(b"MSH|^~\\&||||||||||||||||UNICODE UTF-8\rNTE|1||" + raw + b"|\r")
    assert message["NTE-3"] == text


@given(st.text())
def test_unescape_undoes_escape(text: str) -> None:
    syntax = hl7v2.parse(MESSAGE).syntax
    written = hl7v2.escape(text, syntax)
    assert hl7v2.unescape(written, syntax) == text
    assert not set(written) & set("|^~&\r\n")


@pytest.mark.parametrize(
    ("declared", "raw", "text", "codes"),
    [
        (b"UNICODE UTF-8", "Zoë".encode(), "Zoë", []),
        (b"UTF-8", "Zoë".encode(), "Zoë", []),
        (b"UTF-8~UNICODE", "Zoë".encode(), "Zoë", []),
        (b"8859/1", "Zoë".encode("latin-1"), "Zoë", []),
        (b"8859/15", "5 €".encode("iso8859-15"), "5 €", []),
        (b"ISO 8859-2", "Łódź".encode("iso8859-2"), "Łódź", []),
        (b"GB 18030-2000", "心电图".encode("gb18030"), "心电图", []),
        (b"", "Zoë".encode(), "Zoë", ["HL7-110"]),
        (b"UNICODE UTF-8", "Zoë".encode("latin-1"), "Zoë", ["HL7-110"]),
        (b"wrong", "Zoë".encode(), "Zoë", ["HL7-110"]),
        (b"wrong", b"Zoe", "Zoe", ["HL7-109"]),
    ],
)
def test_character_sets(declared: bytes, raw: bytes, text: str, codes: list[str]) -> None:
    message = hl7v2.parse(b"MSH|^~\\&||||||||||||||||" + declared + b"\rPID|||||" + raw + b"\r")
    assert message["PID-5"] == text
    assert [d.code for d in message.diagnostics] == codes


@pytest.mark.parametrize("codec", ["utf-16", "utf-16-be", "utf-32"])
def test_wide_encodings_with_a_byte_order_mark(codec: str) -> None:
    marks = {"utf-16": b"", "utf-32": b"", "utf-16-be": b"\xfe\xff"}
    data = marks[codec] + "MSH|^~\\&|A\rPID|||||Zoë\r".encode(codec)
    message = hl7v2.parse(data)
    assert message["PID-5"] == "Zoë"
    assert bytes(message) == data


@pytest.mark.parametrize(
    ("path", "text", "written"),
    [
        ("PID-5.1", "Meier", b"|Meier^J\\T\\o|"),
        ("PID-5.3", "X|Y", b"^J\\T\\o^X\\F\\Y|"),
        ("PID-3[2].4", "A&B", b"~4711^^^A\\T\\B^NI|"),
        ("PID-10", "n", b'|""|||n\r'),
        ("PID-8[2].2", "q", b'|""|~^q\r'),
        ("OBX(2)-5", '""', b'|1.1.1.2|""|\r'),
        ("MSH-10", "8", b"|8|P|"),
    ],
)
def test_an_edit_changes_its_place_alone(path: str, text: str, written: bytes) -> None:
    message = hl7v2.parse(MESSAGE)
    edited = hl7v2.edit(message, path, text)
    assert edited[path] == text
    assert written in bytes(edited)
    assert bytes(message) == MESSAGE
    before = {p: message[p] for p in ("MSH-2", "MSH-9", "PID-7", "OBR-4", "OBX(1)-5")}
    assert {p: edited[p] for p in before} == before


@pytest.mark.parametrize("path", ["ZZZ-1", "OBX(*)-5", "MSH-1", "MSH-2", "OBX(9)-5"])
def test_an_edit_needs_one_place(path: str) -> None:
    with pytest.raises(InvalidRequest):
        hl7v2.edit(hl7v2.parse(MESSAGE), path, "x")


def read_all(message: hl7v2.Message) -> None:
    """Decode every leaf."""
    for segment in message:
        for field in segment:
            texts = [leaf.text for repetition in field for component in repetition for leaf in component]
            assert all(isinstance(text, str) for text in texts)


@given(st.binary(max_size=200))
def test_any_bytes_parse_and_come_back(data: bytes) -> None:
    message = hl7v2.parse(data)
    assert bytes(message) == data
    read_all(message)
    if message.diagnostics:
        with pytest.raises(MalformedInput, match="HL7-1"):
            hl7v2.parse(data, strict=True)
    else:
        assert bytes(hl7v2.parse(data, strict=True)) == data


TOKENS = [
    b"MSH|^~\\&|", b"PID|", b"\r", b"\n", b"|", b"^", b"~", b"\\", b"&", b"a", b"\x0b", b"\x1c", b'""', b"\\r", b"\xff",
]  # fmt: skip


@given(st.lists(st.sampled_from(TOKENS), max_size=60).map(b"".join))
def test_message_like_bytes_parse_and_come_back(data: bytes) -> None:
    message = hl7v2.parse(data)
    assert bytes(message) == data
    read_all(message)


def test_limits_and_strictness_tell_no_value() -> None:
    with pytest.raises(LimitExceeded, match="HL7-120"):
        hl7v2.parse(MESSAGE, max_message=100)
    for bad in (SECRET.encode(), b"MSH|^~\\&|A\n" + SECRET.encode() + b"\n", b"MSH|^~\\&|A|" + SECRET.encode()):
        with pytest.raises(MalformedInput) as caught:
            hl7v2.parse(bad, strict=True)
        assert SECRET not in f"{caught.value}{caught.value!r}"
    message = hl7v2.parse(MESSAGE.replace(b"4711", SECRET.encode()))
    shown = [repr(message), *map(repr, message), *(repr(f) for s in message for f in s), repr(message.diagnostics)]
    assert SECRET not in "".join(shown)


@pytest.mark.parametrize(
    ("path", "presence"),
    [
        ("PID-3", Presence.VALUE),
        ("PID-3[1]", Presence.EMPTY),
        ("PID-3[2]", Presence.NULL),
        ("PID-3[3]", Presence.VALUE),
        ("PID-3[4]", Presence.ABSENT),
        ("PID-3[3].1", Presence.EMPTY),
        ("PID-3[3].2", Presence.NULL),
        ("PID-3[3].3", Presence.VALUE),
        ("PID-3[3].4", Presence.ABSENT),
        ("PID-3[3].3.1", Presence.EMPTY),
        ("PID-3[3].3.2", Presence.NULL),
        ("PID-3[3].3.3", Presence.VALUE),
        ("PID-3[3].3.4", Presence.ABSENT),
        ("PID-3[4].3.4", Presence.ABSENT),
        ("PID-4", Presence.EMPTY),
        ("PID-5", Presence.NULL),
        ("PID-5.1.1", Presence.NULL),
        ("PID-6", Presence.ABSENT),
        ("PID-6.2", Presence.ABSENT),
    ],
)
def test_three_states_at_every_level(path: str, presence: Presence) -> None:
    message = hl7v2.parse(b'MSH|^~\\&|A\rPID|||~""~^""^&""&x||""\r')
    assert message.presence(path) is presence
    assert (message[path] is None) == (presence is Presence.ABSENT)


@given(st.integers(0, 4), st.integers(0, 3), st.integers(0, 3))
def test_parts_are_those_of_a_plain_split(repetitions: int, components: int, subcomponents: int) -> None:
    text = "~".join(["^".join(["&".join(["a"] * (subcomponents + 1))] * (components + 1))] * (repetitions + 1))
    message = hl7v2.parse(f"MSH|^~\\&|A\rPID|{text}|z\r")
    field = message.get("PID-1")
    assert field is not None
    assert len(field) == len(list(field)) == repetitions + 1
    for number, part in enumerate(field, 1):
        assert (field[number].start, field[number].stop, len(part)) == (part.start, part.stop, components + 1)
        assert [leaf.text for component in part for leaf in component] == ["a"] * (components + 1) * (subcomponents + 1)
    assert field[repetitions + 2].absent


@pytest.mark.parametrize(
    "data",
    [
        rb"MSH|^~\&|A\rPID|||1\r",
        rb"MSH|^~\&|A\r\nPID|||1\r\n",
        rb"MSH|^~\&|A\nPID|||1\n" + b"\r\n",
        b"\x0b" + rb"MSH|^~\&|A\rPID|||1\r" + b"\x1c\r",
        rb"MSH|^~\&|A\rPID|||1",
    ],
)
def test_the_last_terminator_that_is_written_as_text_is_one_as_well(data: bytes) -> None:
    message = hl7v2.parse(data)
    assert [bytes(segment) for segment in message] == [b"MSH|^~\\&|A", b"PID|||1"]
    assert "HL7-108" in [doubt.code for doubt in message.diagnostics]
    assert bytes(message) == data


def test_the_same_two_characters_at_the_end_of_an_ordinary_message_are_data() -> None:
    assert hl7v2.parse(rb"MSH|^~\&|A|C:\r" + b"\r")["MSH-4"] == "C:\\r"
