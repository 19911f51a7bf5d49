"""XML and JSON encodings: there and back on any message, the standard's names, and refusal of what they are not."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from iomt_interop.errors import InputError, LimitExceeded, MalformedInput
from iomt_interop.wire import hl7v2
from iomt_interop.wire.hl7v2.json import from_json, to_json
from iomt_interop.wire.hl7v2.xml import NAMESPACE, from_xml, to_xml

MESSAGE = (
    b"MSH|^~\\&|MON^1122334455667788^EUI-64|ICU|||20261124105800+0100||ORU^R01^ORU_R01|7|P|2.6||||||UNICODE UTF-8\r"
    b'PID|||17^^^HOSP&1.2.3&ISO^MR~~4711^^^NAT^NI||M\xc3\xbcller^J\\T\\o||""|""\r'
    b"OBR|1|||44616-1^Panel^LN\r"
    b"OBX|1|FT|150456^MDC_PULS_OXIM_SAT_O2^MDC|1.1.1.1|a\\.br\\\\H\\b\\N\\ \\X0D\\\\S\\<\\T\\>]]>||\r"
    b"ZZ1|x^y&z||^^\r"
)

Leaves = list[tuple[str, list[tuple[tuple[int, ...], str]]]]


def leaves(message: hl7v2.Message) -> Leaves:
    """Return every leaf that is not empty, with its numbers."""

    def walk(part: hl7v2.Part, numbers: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], str]]:
        below = list(part)
        if part.level == 3 and part:
            yield numbers, "NULL" if part.presence is hl7v2.Presence.NULL else part.text
        for number, each in enumerate(below, 1):
            yield from walk(each, (*numbers, number))

    return [
        (message.decode(bytes(segment)), [])
        if segment.id == "no segment"
        else (segment.id, [leaf for number, field in enumerate(segment, 1) for leaf in walk(field, (number,))])
        for segment in message
    ]


def both(message: hl7v2.Message) -> Iterator[hl7v2.Message]:
    yield from_xml(to_xml(message))
    yield from_json(to_json(message))


def test_the_standards_names() -> None:
    etree = pytest.importorskip("lxml.etree")
    root = etree.fromstring(to_xml(hl7v2.parse(MESSAGE)))
    names = {"v": NAMESPACE}
    assert root.tag == f"{{{NAMESPACE}}}ORU_R01"
    pid = "v:ORU_R01.PATIENT_RESULT/v:ORU_R01.PATIENT/v:PID"
    assert root.xpath(f"{pid}/v:PID.3[1]/v:CX.4/v:HD.2/text()", namespaces=names) == ["1.2.3"]
    assert root.xpath(f"{pid}/v:PID.3[3]/v:CX.1/text()", namespaces=names) == ["4711"]
    assert root.xpath(f"{pid}/v:PID.5/v:XPN.2/text()", namespaces=names) == ["J&o"]
    assert root.xpath(f"{pid}/v:PID.8/text()", namespaces=names) == ['""']
    obx = "v:ORU_R01.PATIENT_RESULT/v:ORU_R01.ORDER_OBSERVATION/v:ORU_R01.OBSERVATION/v:OBX"
    assert root.xpath(f"{obx}/v:OBX.5/v:escape/@V", namespaces=names) == [".br", "H", "N", "X0D"]
    assert root.xpath(f"{obx}/v:OBX.3/v:CWE.3/text()", namespaces=names) == ["MDC"]
    assert root.xpath("v:MSH/v:MSH.2/text()", namespaces=names) == ["^~\\&"]


def test_the_stated_json() -> None:
    document = json.loads(to_json(hl7v2.parse(MESSAGE)))
    assert (document["structure"], document["version"]) == ("ORU_R01", "2.6")
    header, result = document["content"]
    assert header["segment"] == "MSH"
    assert header["fields"]["2"] == ["^~\\&"]
    patient = result["content"][0]
    assert patient["group"] == "ORU_R01.PATIENT"
    fields = patient["content"][0]["fields"]
    assert fields["3"] == [
        {"1": "17", "4": {"1": "HOSP", "2": "1.2.3", "3": "ISO"}, "5": "MR"},
        "",
        {"1": "4711", "4": {"1": "NAT"}, "5": "NI"},
    ]
    assert fields["8"] == [None]
    value = result["content"][1]["content"][1]["content"][0]["fields"]["5"]
    assert value == [["a", {"escape": ".br"}, {"escape": "H"}, "b", {"escape": "N"}, " \r^<&>]]>"]]


def test_there_and_back() -> None:
    message = hl7v2.parse(MESSAGE)
    for back in both(message):
        assert leaves(back) == leaves(message)
        assert back["PID-3[3].1"] == "4711"
        assert back.presence("PID-8") is hl7v2.Presence.NULL
        assert to_json(back) == to_json(message)
        assert to_xml(back) == to_xml(message)


@pytest.mark.parametrize("charset", ["8859/1", "UNICODE UTF-8", "UNICODE UTF-16", "GB 18030-2000", ""])
def test_character_sets(charset: str) -> None:
    text = f"MSH|^~\\&|||||||ACK|1|P|2.6||||||{charset}\rMSA|AA|Größe\r"
    wide = charset.endswith("16")
    codec = {"8859/1": "latin-1", "GB 18030-2000": "gb18030"}.get(charset, "utf-16" if wide else "utf-8")
    message = hl7v2.parse(text.encode(codec))
    for back in both(message):
        assert back["MSA-2"] == message["MSA-2"] == "Größe"
        assert back["MSH-18"] == (charset or None) or charset == ""


DELIMITERS = st.sampled_from([b"|^~\\&", b"|^~\\&#", b"|^~&", b"#$%*+", b"|^", b"|", b"|^^\\&"])
PIECES = st.sampled_from([
    b"a", b"^", b"~", b"&", b"\\", b"|", b"\\.br\\", b"\\T\\", b"\\X0D\\", b"\\XFF\\", b"\\H\\", b"\\C2842\\",
    b"\\Zx\\",
    b'""', b"\xc3\xbc", b"\xff", b"\x00", b"\x0b", b"<", b"]]>", b" ", b"#", b"\\X2222\\", b"\\.", b"$", b"\n",
])  # fmt: skip
FIELDS = st.lists(st.lists(PIECES, max_size=6).map(b"".join), max_size=6)
SEGMENTS = st.tuples(st.sampled_from([b"PID", b"OBX", b"OBR", b"ZZ1", b"no segment", b"FHS", b"NTE"]), FIELDS)


@st.composite
def messages(draw: st.DrawFn) -> bytes:
    delimiters = draw(DELIMITERS)
    mark = delimiters[:1]
    lines = [b"MSH" + mark + delimiters[1:] + mark * 7 + b"ORU"]
    lines += [mark.join([name, *fields]) for name, fields in draw(st.lists(SEGMENTS, max_size=5)) if name != b"FHS"]
    return b"\r".join(lines) + b"\r"


@given(messages())
@example(b'MSH|^~\\&|||||||ORU\rPID|\\X2222\\|""\r')
@example(b"MSH|^~\\&|||||||ORU\rPID|a^^b~~c&&d|^|~|&\r")
def test_any_message_there_and_back(data: bytes) -> None:
    message = hl7v2.parse(data)
    if not message.delimiters.escape and b"\n" in data:
        return  # nothing can say that a line feed is data
    if b"\\C" in data and not data.isascii():
        return  # octets of one set, switched to another, in a message of a third
    for back in both(message):
        assert leaves(back) == leaves(message)


@given(st.binary(max_size=200))
def test_any_octets_can_be_written(data: bytes) -> None:
    message = hl7v2.parse(data)
    assert to_xml(message)
    assert json.loads(to_json(message))["content"] is not None


HEADER = f'<ACK xmlns="{NAMESPACE}"><MSH><MSH.1>|</MSH.1><MSH.2>^~\\&amp;</MSH.2></MSH>'


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "HL7-403"),
        ("<ACK>", "HL7-403"),
        ("MSH|^~\\&|", "HL7-403"),
        ('<!DOCTYPE ACK [<!ENTITY x "y">]><ACK>&x;</ACK>', "HL7-403"),
        ('<!DOCTYPE ACK SYSTEM "file:///etc/passwd"><ACK/>', "HL7-403"),
        ("<ACK><PID><PID.1>1</PID.1></PID></ACK>", "HL7-401"),
        ("<ACK><MSH><MSH.1>a</MSH.1><MSH.2>^</MSH.2></MSH></ACK>", "HL7-401"),
        ("<ACK><MSH/></ACK>", "HL7-401"),
        (HEADER + "<MSA><MSA>x</MSA></MSA></ACK>", "HL7-401"),
        (HEADER + "<MSA><MSA.0>x</MSA.0></MSA></ACK>", "HL7-401"),
        (HEADER + "<MSA><MSA.1>x<CX.1>y</CX.1></MSA.1></MSA></ACK>", "HL7-401"),
        (HEADER + "<MSA><MSA.1><CX.1>x</CX.1><CX.1>y</CX.1></MSA.1></MSA></ACK>", "HL7-401"),
        (HEADER + '<MSA><MSA.1><escape V="a|b"/></MSA.1></MSA></ACK>', "HL7-401"),
        (HEADER + "<MSA><MSA.9999999>x</MSA.9999999></MSA></ACK>", "HL7-402"),
        (HEADER + "<A.B>" * 40 + "</A.B>" * 40 + "</ACK>", "HL7-402"),
        (HEADER + "".join(f"<MSA><MSA.900000>{n}</MSA.900000></MSA>" for n in range(30)) + "</ACK>", "HL7-402"),
    ],
)
def test_what_is_no_xml_encoding(text: str, code: str) -> None:
    with pytest.raises(InputError) as caught:
        from_xml(text.encode())
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "HL7-404"),
        ("{", "HL7-404"),
        ('{"content":[],"content":[]}', "HL7-404"),
        ('{"content":NaN}', "HL7-404"),
        ("[]", "HL7-401"),
        ("{}", "HL7-401"),
        ('{"content":[1]}', "HL7-401"),
        ('{"content":[{"segment":"MSH","fields":{}}]}', "HL7-401"),
        ('{"content":[{"segment":"MSH","fields":{"1":["|"],"2":["^~"],"x":["a"]}}]}', "HL7-401"),
        ('{"content":[{"segment":"MSH","fields":{"1":["|"],"2":["^~"],"3":[7]}}]}', "HL7-401"),
        ('{"content":[{"segment":"MSH","fields":{"1":["|"],"2":["^~"],"3":[{"1":{"1":{"1":"x"}}}]}}]}', "HL7-401"),
        ('{"content":' * 20 + "1" + "}" * 20, "HL7-401"),
        ("[" * 100_000, "HL7-402"),
    ],
)
def test_what_is_no_json_form(text: str, code: str) -> None:
    with pytest.raises(InputError) as caught:
        from_json(text.encode())
    assert caught.value.code == code


@given(st.binary(max_size=100))
def test_any_octets_are_read_or_refused(data: bytes) -> None:
    readers: list[Callable[[bytes], hl7v2.Message]] = [from_xml, from_json]
    for reader in readers:
        with contextlib.suppress(MalformedInput, LimitExceeded):
            assert bytes(reader(data)) is not None


def test_what_cannot_be_written_without_an_escape_character_is_refused() -> None:
    text = '{"content":[{"segment":"MSH","fields":{"1":["|"],"2":["^~"],"3":["%s"]}}]}'
    assert from_json((text % "a&b").encode())["MSH-3"] == "a&b"
    for value in ("a|b", "a^b", "a~b", "a\\nb", "a\\rb"):
        with pytest.raises(MalformedInput) as caught:
            from_json((text % value).encode())
        assert caught.value.code == "HL7-401"


def test_entities_do_not_grow() -> None:
    start = time.process_time()
    bomb = '<!DOCTYPE A [<!ENTITY a "aaaaaaaaaa">' + "".join(
        f'<!ENTITY {chr(98 + n)} "{("&" + chr(97 + n) + ";") * 10}">' for n in range(9)
    )
    with pytest.raises(MalformedInput):
        from_xml((bomb + "]><A>&j;</A>").encode())
    assert time.process_time() - start < 2


def test_a_text_that_was_cut_and_one_that_ends_in_the_character_stay_two_things() -> None:
    """Ch. 2.5.5.2: a truncation character at the end says that there was more; ``P`` is the character itself."""
    data = b"MSH|^~\\&%|A|||||||1|P|2.7\rPID|||1|2%|3\\P\\\r"
    message = hl7v2.parse(data)
    assert [bytes(each) for each in (from_xml(to_xml(message)), from_json(to_json(message)))] == [data, data]
