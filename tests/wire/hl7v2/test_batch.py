"""Batches and files with their counts; messages in fragments; everything that can be read. Expectations: ch. 2.10."""

from __future__ import annotations

import io
import mmap
import zipfile
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iomt_interop.errors import InvalidRequest, LimitExceeded, MalformedInput, SourceUnavailable
from iomt_interop.wire import hl7v2

ONE = b"MSH|^~\\&|A|||||||1\rPID|||1\r"
TWO = b"MSH|^~\\&|B|||||||2\rPID|||2\r"
FILE = (
    b"\r\nFHS|^~\\&|F\rBHS|^~\\&|B1\r" + ONE + TWO + b"BTS|2|fine\rBHS#*~\\&#B2\r" + ONE + b"BTS#1#also*fine\rFTS|2\r"
)


def test_batches_are_objects() -> None:
    file = hl7v2.read_batches(FILE)
    assert [[m["MSH-10"] for m in batch.messages] for batch in file.batches] == [["1", "2"], ["1"]]
    assert [batch.diagnostics for batch in file.batches] == [(), ()]
    first, second = file.batches
    assert first.header is not None
    assert second.trailer is not None
    assert first.header["BHS-3"] == "B1"
    assert (second.trailer["BTS-1"], second.trailer["BTS-2.2"]) == ("1", "fine")
    assert file.header is not None
    assert file.trailer is not None
    assert (file.header["FHS-3"], file.trailer["FTS-1"], file.diagnostics) == ("F", "2", ())
    assert [m["MSH-3"] for m in file.messages] == ["A", "B", "A"]
    assert bytes(file) == FILE
    assert "B1" not in repr(file) + repr(first)


@pytest.mark.parametrize(
    ("data", "own", "batches"),
    [
        (FILE.replace(b"BTS|2", b"BTS|3"), [], [["HL7-118"], []]),
        (FILE.replace(b"FTS|2", b"FTS|9"), ["HL7-118"], [[], []]),
        (FILE.replace(b"FTS|2\r", b""), ["HL7-123"], [[], []]),
        (FILE.replace(b"BTS|2|fine\r", b""), [], [[], ["HL7-123"]]),
        (ONE + b"BTS|1\r", [], [["HL7-123"]]),
        (ONE + TWO, [], [[]]),
        (FILE.replace(b"BTS|2", b"BTS|two"), [], [["HL7-118"], []]),
        (FILE.replace(b"BTS|2", b"BTS|"), [], [[], []]),
        (FILE.replace(b"BTS|2", b"BTS|0000000002"), [], [[], []]),  # all ten characters of the field
        (FILE.replace(b"BTS|2", b"BTS|0000000020"), [], [["HL7-118"], []]),
        (FILE.replace(b"BTS|2|fine", b'BTS|""').replace(b"FTS|2", b'FTS|""'), [], [[], []]),
        (FILE.replace(b"BTS|2|fine", b"BTS").replace(b"FTS|2", b"FTS"), [], [[], []]),  # all fields are optional
        (FILE.replace(b"BTS#1#also*fine\rFTS|2\r", b"BTS\nFTS"), [], [[], []]),
        (b"FHS|^~\\&|F\r" + ONE + TWO + b"FTS|1\r", [], [[]]),  # 2.10.3.1: a batch without BHS and BTS is one
        (b"FHS|^~\\&|F\r" + ONE + b"BHS|^~\\&|B\r" + TWO + b"BTS|1\r" + ONE + b"FTS|3\r", [], [[], [], []]),
        (b"FHS|^~\\&|F\r" + ONE + b"FTS|2\r", ["HL7-118"], [[]]),
    ],
)
def test_doubts_about_envelopes(data: bytes, own: list[str], batches: list[list[str]]) -> None:
    file = hl7v2.read_batches(data)
    assert [d.code for d in file.diagnostics] == own
    assert [[d.code for d in batch.diagnostics] for batch in file.batches] == batches
    assert bytes(file) == data
    assert [bytes(m) for m in file.messages] == [bytes(m) for m in hl7v2.iter_messages(data)]
    told = [d.code for m in hl7v2.iter_messages(data) for d in m.diagnostics]
    assert told == [*(code for batch in batches for code in batch), *own]
    if told:
        with pytest.raises(MalformedInput, match=told[0]):
            list(hl7v2.iter_messages(data, strict=True))
        with pytest.raises(MalformedInput, match=told[0]):
            hl7v2.read_batches(data, strict=True)


PIECES = [
    ONE,
    TWO,
    b"FHS|^~\\&|x\r",
    b"BHS|^~\\&|x\r",
    b"BTS|1\r",
    b"FTS|1\r",
    b"junk\r",
    b"\r\n",
    b"\x0b",
    b"\x1c\r",
    b"BTS",
    b"BTS\r",
    b"FTS\n",
]


@given(st.lists(st.sampled_from(PIECES), max_size=12).map(b"".join))
def test_no_octet_of_a_file_is_lost(data: bytes) -> None:
    file = hl7v2.read_batches(data)
    assert bytes(file) == data
    assert [bytes(m) for m in file.messages] == [bytes(m) for m in hl7v2.iter_messages(data)]


def test_everything_that_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "batch.hl7"
    path.write_bytes(FILE)
    with zipfile.ZipFile(tmp_path / "batch.zip", "w") as archive:
        archive.writestr("batch.hl7", FILE)
    wanted = [ONE, TWO, ONE]
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        sources = [FILE, bytearray(FILE), memoryview(FILE), FILE.decode(), io.BytesIO(FILE), path, mapped, stream,
                   zipfile.Path(tmp_path / "batch.zip", "batch.hl7"), memoryview(FILE * 2)[: len(FILE)]]  # fmt: skip
        for source in sources:
            assert [bytes(m) for m in hl7v2.iter_messages(source)] == wanted, type(source)
    path.write_bytes(ONE)
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        backwards = memoryview(ONE[::-1])[::-1]
        for one in (
            ONE,
            bytearray(ONE),
            memoryview(ONE),
            ONE.decode(),
            io.BytesIO(ONE),
            path,
            mapped,
            stream,
            backwards,
        ):
            assert bytes(hl7v2.parse(one)) == ONE, type(one)
    with pytest.raises(LimitExceeded):
        hl7v2.parse(io.BytesIO(ONE * 100), max_message=100)


class Endless(io.RawIOBase):
    """A stream without an end, that counts what was taken of it."""

    taken = 0

    def read(self, size: int = -1) -> bytes:
        self.taken += size
        return b"x" * size


def test_an_endless_stream_is_refused_at_the_limit() -> None:
    stream = Endless()
    with pytest.raises(LimitExceeded):
        hl7v2.parse(stream, max_message=5_000_000)  # type: ignore[arg-type]
    assert stream.taken <= 5_000_000 + (1 << 20)
    with pytest.raises(LimitExceeded):
        list(hl7v2.iter_messages(Endless(), max_message=5_000_000))  # type: ignore[arg-type]


def test_what_cannot_be_read_is_refused_and_tells_no_name(tmp_path: Path) -> None:
    for wrong in (5, None, io.StringIO(ONE.decode()), ["MSH"]):
        with pytest.raises(InvalidRequest, match="USE-001"):
            hl7v2.parse(wrong)  # type: ignore[arg-type]
        with pytest.raises(InvalidRequest, match="USE-001"):
            list(hl7v2.iter_messages(wrong))  # type: ignore[arg-type]
    for path in (tmp_path / "ZEBRA48151623", tmp_path):
        with pytest.raises(SourceUnavailable, match="SRC-004") as caught:
            hl7v2.parse(path)
        assert "ZEBRA" not in f"{caught.value}{caught.value.__cause__}"


def test_segments_without_a_header_are_split_by_given_delimiters() -> None:
    fragment = hl7v2.parse(b"PID|||1^2\rOBX|1\r", delimiters=hl7v2.parse(ONE).delimiters)
    assert (fragment["PID-3.2"], [segment.id for segment in fragment]) == ("2", ["PID", "OBX"])
    assert len(hl7v2.parse(b"PID|||1^2\r")) == 0


def fragments(body: bytes, cuts: list[int]) -> list[bytes]:
    """Cut the segments behind a header anywhere, as 2.10.2 does: ADD where a segment is cut, DSC, the pointer."""
    edges = [0, *cuts, len(body)]
    pieces = [body[a:b] for a, b in pairwise(edges)]
    made = []
    for number, piece in enumerate(pieces):
        header = b"MSH|^~\\&|A|||||||%d||||%b\r" % (number, b"p%d" % number if number else b"")
        inside = number > 0 and edges[number] > 0 and body[edges[number] - 1 : edges[number]] != b"\r"
        text = header + (b"ADD|" if inside else b"") + piece
        if number < len(pieces) - 1:
            cut = (
                piece[-1:] != b"\r"
                and bool(body[: edges[number + 1]])
                and not body[: edges[number + 1]].endswith(b"\r")
            )
            text += (b"\rADD|\r" if cut else b"") + b"DSC|p%d|F\r" % (number + 1)
        made.append(text)
    return made


BODY = b"PID|||1\rOBX|1|FT|||A long text, and \\T\\ more|x\rNTE|1||end\r"


@given(st.sets(st.integers(1, len(BODY) - 1), min_size=1, max_size=4))
def test_a_message_cut_anywhere_is_joined_again(cuts: set[int]) -> None:
    came = [hl7v2.parse(piece) for piece in fragments(BODY, sorted(cuts))]
    joined = list(hl7v2.join_continued(came))
    assert [bytes(m) for m in joined] == [b"MSH|^~\\&|A|||||||0||||\r" + BODY]
    assert joined[0].diagnostics == ()


def test_other_messages_pass_between_fragments_and_orphans_are_told() -> None:
    first, second = (hl7v2.parse(piece) for piece in fragments(BODY, [30]))
    other = hl7v2.parse(ONE)
    assert [m["MSH-10"] for m in hl7v2.join_continued([first, other, second])] == ["1", "0"]
    lost = list(hl7v2.join_continued([second, other]))
    assert [[d.code for d in m.diagnostics] for m in lost] == [["HL7-122"], []]
    (waiting,) = hl7v2.join_continued([hl7v2.parse(fragments(BODY, [30])[0])])
    assert bytes(waiting) == fragments(BODY, [30])[0]
    assert [d.code for d in waiting.diagnostics] == ["HL7-122"]


def test_an_interactive_continuation_is_none() -> None:
    answer = hl7v2.parse(b"MSH|^~\\&|A\rQAK|1\rDSC|p1|I\r")
    assert [bytes(m) for m in hl7v2.join_continued([answer])] == [bytes(answer)]
    done = hl7v2.parse(b"MSH|^~\\&|A\rQAK|1\rDSC|\r")
    assert [bytes(m) for m in hl7v2.join_continued([done])] == [bytes(done)]


def test_no_more_waits_than_may() -> None:
    many = [hl7v2.parse(b"MSH|^~\\&|A\rPID|||" + b"x" * 500 + b"\rDSC|p%d|F\r" % n) for n in range(10)]
    with pytest.raises(LimitExceeded, match="HL7-120"):
        list(hl7v2.join_continued(many, max_message=2000))


@given(st.lists(st.sampled_from([b"MSH|^~\\&|A\r", b"MSH|^~\\&|A|||||||1||||p\r", b"ADD|\r", b"ADD|x\r", b"DSC|p|F\r",
                                 b"OBX|1\r", b"ADD", b"\r"]), max_size=14).map(b"".join))  # fmt: skip
def test_any_order_of_fragments_is_taken(data: bytes) -> None:
    for message in hl7v2.join_continued(hl7v2.iter_messages(data)):
        assert isinstance(bytes(message), bytes)
