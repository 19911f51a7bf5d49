"""Streams in UTF-16 and UTF-32: the same messages as in UTF-8, spans in the octets of the source."""

from __future__ import annotations

import tracemalloc
from itertools import pairwise
from typing import BinaryIO, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

import iomt_interop as iomt
from iomt_interop.errors import LimitExceeded
from iomt_interop.wire import hl7v2
from iomt_interop.wire.hl7v2.ack import acknowledge
from iomt_interop.wire.hl7v2.validation import validate

CODECS = ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"]
ONE = "MSH|^~\\&|A|||||||1\rPID|||1||Zoë^心\U0001f600\r"
TWO = "MSH|^~\\&|B|||||||2\rPID|||2||MSH|x^ÿMSH|\r"
BATCH = f"FHS|^~\\&|F\rBHS|^~\\&|B\r{ONE}{TWO}BTS|2\rFTS|1\r"
PIECES = [
    ONE,
    TWO,
    "\x0b",
    "\x1c\r",
    "\r\n",
    "FHS|^~\\&|x\r",
    "BTS|1\r",
    "FTS\r",
    "junk",
    "ÿ",
    "\ufeff",
    "MSH",
    "|",
    "心",
]
wide = pytest.mark.parametrize("codec", CODECS)


def units(data: bytes, cuts: list[int]) -> list[tuple[int, bytes]]:
    splitter = hl7v2.MessageSplitter()
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    found = [unit for a, b in pairwise(edges) for unit in splitter.feed(data[a:b])]
    return found + splitter.finish()


@wide
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_messages_of_a_wide_file(codec: str, mark: str) -> None:
    data = (mark + ONE + TWO + mark + ONE).encode(codec)
    messages = list(hl7v2.iter_messages(data))
    assert [each["MSH-10"] for each in messages] == ["1", "2", "1"]
    assert [each["PID-5.2"] for each in messages[::2]] == ["心\U0001f600"] * 2
    assert b"".join(map(bytes, messages)) == data
    assert [[d.code for d in each.diagnostics] for each in messages] == [
        ["HL7-102"] * bool(mark),
        [],
        ["HL7-102"] * bool(mark),
    ]


@wide
def test_a_wide_batch_and_its_counts(codec: str) -> None:
    data = ("\ufeff" + BATCH).encode(codec)
    assert [m["MSH-10"] for m in hl7v2.iter_messages(data)] == ["1", "2"]
    file = hl7v2.read_batches(data)
    assert bytes(file) == data
    assert file.trailer is not None
    assert file.trailer["FTS-1"] == "1"
    assert [len(each.messages) for each in file.batches] == [2]
    wrong = list(hl7v2.iter_messages(data.replace("BTS|2".encode(codec), "BTS|3".encode(codec))))
    assert [d.code for m in wrong for d in m.diagnostics] == ["HL7-118"]


@given(
    st.sampled_from(CODECS), st.sampled_from(["\ufeff", ONE, "\x0b" + ONE]),
    st.lists(st.sampled_from(PIECES), max_size=12).map("".join), st.lists(st.integers(0, 900), max_size=20),
    st.binary(max_size=3),
)  # fmt: skip
def test_units_are_those_of_utf_8_and_do_not_depend_on_the_cuts(
    codec: str, begin: str, text: str, cuts: list[int], rest: bytes
) -> None:
    data = (begin + text).encode(codec) + rest
    whole = units(data, [])
    assert b"".join(unit for _, unit in whole) == data
    assert units(data, cuts) == whole
    assert units(data, list(range(len(data)))) == whole
    assert [offset for offset, _ in whole] == [sum(len(u) for _, u in whole[:i]) for i in range(len(whole))]
    if not rest:
        narrow = units((begin + text).encode(), [])
        assert [unit.decode(codec) for _, unit in whole] == [unit.decode() for _, unit in narrow]


@wide
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_spans_count_octets_of_the_source(codec: str, mark: str) -> None:
    data = (mark + ONE * 3 + TWO.replace("|2\r", "|2|\\odd|\rpid|x\r", 1)).encode(codec)
    for message in hl7v2.iter_messages(data):
        for segment in message:
            assert data[slice(*segment.span)].decode(codec) == bytes(segment).decode()
            for field in segment:
                assert data[slice(*field.span)].decode(codec) == field.raw.decode()
    doubts = {each.code: each.span for each in message.diagnostics}
    assert data[slice(*(doubts["HL7-116"] or ()))].decode(codec) == "pid|x"
    assert data[slice(*(doubts["HL7-121"] or ()))].decode(codec) == "\\odd"


@wide
def test_spans_far_behind_the_beginning(codec: str) -> None:
    text = "MSH|^~\\&|A|||||||1|P|2.6\r" + "OBX|1|ST|x||ä心\U0001f600 \r" * 3000 + "OBX|2|NM|y||last||||||F\r"
    message = hl7v2.parse(text.encode(codec), origin=100)
    part = message.get("OBX(3001)-5")
    assert part is not None
    assert (b"." * 100 + text.encode(codec))[slice(*part.span)].decode(codec) == "last"
    found = next(each for each in validate(message, limit=100_000) if each.path == "OBX(3001)-5")
    assert found.span == part.span


@wide
def test_octets_that_are_no_text_are_told(codec: str) -> None:
    data = ONE.encode(codec) + TWO.encode(codec)[:-1]
    first, second = hl7v2.iter_messages(data)
    assert [d.code for d in first.diagnostics] == []
    assert "HL7-110" in [d.code for d in second.diagnostics]
    assert bytes(first) + bytes(second) == data


def test_constant_memory() -> None:
    class Stream:
        left = 40

        def read(self, _size: int = -1) -> bytes:
            self.left -= 1
            return (
                ("MSH|^~\\&|A|||||||1\rOBX|1|ST|||" + "x" * 200_000 + "\r").encode("utf-16-le")
                if self.left > 0
                else b""
            )

    tracemalloc.start()
    assert sum(1 for _ in hl7v2.iter_messages(cast(BinaryIO, Stream()))) == 39
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20  # of 16 MB


def test_the_limit_is_in_octets() -> None:
    splitter = hl7v2.MessageSplitter(max_message=1000)
    with pytest.raises(LimitExceeded):
        splitter.feed((ONE + "x" * 500).encode("utf-16-le"))


@wide
def test_records_of_a_wide_file_and_where_they_stand(codec: str) -> None:
    observation = (
        "OBR|1||7|1^x^L|||20261124\rOBX|1|NM|8867-4^Heart rate^LN||6ä||||||F\rOBX|2|NM|8867-4^x^LN||61||||||F\r"
    )
    data = ("\ufeffjunk\r" + (ONE + observation) * 2).encode(codec)
    records = list(iomt.read(data, adapter="hl7v2_oru"))
    found = [each for each in records if each.kind == "observation"]
    assert len(found) == 4
    for each in found:
        assert each.provenance.span is not None
        assert data[slice(*each.provenance.span)].decode(codec).startswith("OBX|")
    residues = [each for each in records if each.kind == "residue"]
    assert residues[0].raw == "\ufeffjunk\r".encode(codec)
    issue = next(each for each in records if each.kind == "issue" and each.code == "ORU-202")
    assert data[slice(*issue.span)].decode(codec).startswith("OBX|1")


@wide
def test_an_answer_is_in_the_encoding_of_its_message(codec: str) -> None:
    second = list(hl7v2.iter_messages(("\ufeff" + ONE + ONE).encode(codec)))[1]
    answer = acknowledge(second, "AA", control_id="A1", at="20261124")
    assert hl7v2.parse(answer)["MSA-2"] == "1"
    assert hl7v2.parse(answer).wide == codec
