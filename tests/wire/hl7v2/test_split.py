"""Streams: concatenations, batches, frames; the same units however the bytes are cut."""

from __future__ import annotations

import io
import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iomt_interop.errors import LimitExceeded
from iomt_interop.wire import hl7v2

ONE = b"MSH|^~\\&|A|||||||1\rPID|||1\r"
TWO = b"MSH|^~\\&|B|||||||2\rPID|||2\r"
BATCH = b"FHS|^~\\&|F\rBHS|^~\\&|B\r" + ONE + TWO + b"BTS|2\rFTS|1\r"
PIECES = [
    ONE,
    TWO,
    b"\x0b",
    b"\x1c\r",
    b"\r\n",
    b"FHS|^~\\&|x\r",
    b"BTS|1\r",
    b"FTS|1\r",
    b"junk",
    b"\xef\xbb\xbf",
    b"MSH",
    b"|",
    b"\n",
    b"MSHX",
]


def units(data: bytes, cuts: list[int]) -> list[tuple[int, bytes]]:
    splitter = hl7v2.MessageSplitter()
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    found = [unit for a, b in pairwise(edges) for unit in splitter.feed(data[a:b])]
    return found + splitter.finish()


@given(st.lists(st.sampled_from(PIECES), max_size=12).map(b"".join), st.lists(st.integers(0, 400), max_size=20))
def test_units_do_not_depend_on_the_cuts(data: bytes, cuts: list[int]) -> None:
    whole = units(data, [])
    assert b"".join(unit for _, unit in whole) == data
    assert units(data, cuts) == whole
    assert units(data, list(range(len(data)))) == whole
    assert [offset for offset, _ in whole] == [sum(len(u) for _, u in whole[:i]) for i in range(len(whole))]


def test_messages_of_a_batch_and_its_counts() -> None:
    messages = list(hl7v2.iter_messages(BATCH))
    assert [m["MSH-10"] for m in messages] == ["1", "2"]
    assert [d.code for m in messages for d in m.diagnostics] == []
    wrong = list(hl7v2.iter_messages(BATCH.replace(b"BTS|2", b"BTS|3")))
    assert [d.code for m in wrong for d in m.diagnostics] == ["HL7-118"]
    wrong = list(hl7v2.iter_messages(BATCH.replace(b"FTS|1", b"FTS|x")))
    assert [d.code for m in wrong for d in m.diagnostics] == ["HL7-118"]
    assert [d.code for m in hl7v2.iter_messages(BATCH.replace(b"BTS|2", b"BTS|")) for d in m.diagnostics] == []


def test_files_with_byte_order_marks_one_behind_the_other() -> None:
    bom = b"\xef\xbb\xbf"
    data = bom + ONE + bom + TWO[:-1] + bom + ONE + bom + b"BTS|3\r"
    messages = list(hl7v2.iter_messages(data))
    assert [bytes(m) for m in messages] == [bom + ONE, bom + TWO[:-1], bom + ONE]
    assert [d.code for d in messages[0].diagnostics] == ["HL7-102"]
    assert "HL7-118" not in [d.code for d in messages[2].diagnostics]


@pytest.mark.parametrize("before", [b"\xef\xbb\xbf\x0b", b"\x0b\xef\xbb\xbf", b"\x0b\x0b\xef\xbb\xbf"])
def test_a_byte_order_mark_on_either_side_of_the_frame(before: bytes) -> None:
    data = before + b"MSH|^~\\&|A\rPID|||1||M\xc3\xbcller\r\x1c\r"
    assert [d.code for d in hl7v2.parse(data).diagnostics] == ["HL7-102"]
    for size in (1, 7, len(data) * 3):
        splitter = hl7v2.MessageSplitter()
        stream = data * 3
        units = [u for at in range(0, len(stream), size) for _, u in splitter.feed(stream[at : at + size])]
        assert [*units, *(unit for _, unit in splitter.finish())] == [data] * 3
    for message in hl7v2.iter_messages(data * 2):
        assert ([d.code for d in message.diagnostics], message["PID-5"]) == (["HL7-102"], "Müller")


def test_frames_of_mllp() -> None:
    messages = list(hl7v2.iter_messages(io.BytesIO(b"\x0b" + ONE + b"\x1c\r\x0b" + TWO + b"\x1c\r")))
    assert [m["MSH-10"] for m in messages] == ["1", "2"]
    assert [[s.id for s in m] for m in messages] == [["MSH", "PID"]] * 2
    assert not any(m.diagnostics for m in messages)


def test_a_long_stream_is_cut_in_linear_time_and_bounded() -> None:
    splitter = hl7v2.MessageSplitter(max_message=1000)
    with pytest.raises(LimitExceeded):
        splitter.feed(b"MSH|^~\\&|" + b"x" * 2000)
    splitter = hl7v2.MessageSplitter()
    found = 0
    for _ in range(2000):
        found += len(splitter.feed(ONE))
    assert found + len(splitter.finish()) == 2000


class Repeated(io.RawIOBase):
    """A stream of the same messages, which exists nowhere as a whole."""

    def __init__(self, unit: bytes, count: int) -> None:
        self.unit, self.count = unit, count

    def read(self, size: int = -1) -> bytes:
        if not self.count:
            return b""
        self.count -= 1
        return self.unit


def test_a_long_stream_needs_the_memory_of_a_chunk() -> None:
    unit = ONE + b"OBX|1|ST|||" + b"x" * 5000 + b"\r"
    tracemalloc.start()
    try:
        found = sum(len(message) for message in hl7v2.iter_messages(Repeated(unit * 20, 200)))  # type: ignore[arg-type]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found == 3 * 20 * 200
    assert peak < len(unit) * 20 * 20 < len(unit) * 20 * 200 / 8
