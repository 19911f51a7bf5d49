"""MLLP: the same blocks however the stream is cut; python-hl7's own framer as a witness; linear time."""

from __future__ import annotations

import asyncio
import io
import time
from contextlib import suppress
from itertools import pairwise

import pytest
from hl7.client import read_stream
from hl7.mllp.streams import HL7StreamReader
from hypothesis import example, given, settings
from hypothesis import strategies as st

from iomt_interop.errors import InvalidRequest, NotRepresentable
from iomt_interop.wire import mllp
from iomt_interop.wire.mllp.framer import HEAD, STRAY

MESSAGE = b"MSH|^~\\&|A|||||||1\rPID|||1\r"
FRAME = b"\x0b" + MESSAGE + b"\x1c\r"
PIECES = [
    FRAME, MESSAGE, b"\x0b", b"\x1c", b"\r", b"\n", b"\x1c\r", b"MSH|", b"MSH", b"MS", b"BHS^", b"junk", b"\x06",
    b"\x15", mllp.COMMIT_ACK, mllp.COMMIT_NAK, b"x" * 50, b"-" * (STRAY - 2), b"y" * 2000,
]  # fmt: skip
STREAMS = st.lists(st.sampled_from(PIECES) | st.binary(max_size=8), max_size=12).map(b"".join)
INSIDE: list[mllp.Inside] = ["data", "edge"]


def blocks(data: bytes, cuts: list[int], *, inside: mllp.Inside = "data", limit: int = 1500) -> list[mllp.Block]:
    """Return the blocks of a stream that arrives in pieces."""
    framer = mllp.Framer(max_payload=limit, inside=inside)
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    found = [block for a, b in pairwise(edges) for block in framer.feed(data[a:b])]
    return found + framer.finish()


def codes(block: mllp.Block) -> list[str]:
    """Return the codes of a block's doubts."""
    return [doubt.code for doubt in block.doubts]


@pytest.mark.parametrize("inside", INSIDE)
@settings(max_examples=50)
@given(data=STREAMS, cuts=st.lists(st.integers(0, 9000), max_size=20))
@example(data=b"-" * (STRAY - 2) + b"MSH|x\x1c\r", cuts=list(range(STRAY + 9)))
@example(data=b"\x0b\x0b\x0bMSH|", cuts=[1, 2, 3])
def test_blocks_tile_the_stream_and_do_not_depend_on_the_cuts(
    inside: mllp.Inside, data: bytes, cuts: list[int]
) -> None:
    whole = blocks(data, [], inside=inside)
    assert blocks(data, cuts, inside=inside) == whole
    assert blocks(data, list(range(len(data))), inside=inside) == whole
    at = 0
    for block in whole:
        start, stop = block.span
        assert start == at
        assert stop > start
        at = stop
        raw = data[start:stop]
        assert block.kind == "oversize" or block.payload in raw
        if block.kind == "stray":
            assert block.payload == raw
        if block.kind == "oversize":
            assert len(raw) > 1500
            assert len(block.payload) == HEAD
        for doubt in block.doubts:
            assert start <= doubt.span[0] <= doubt.span[1] <= stop
    assert at == len(data)


@given(st.lists(st.binary(max_size=60) | st.sampled_from(PIECES), max_size=6), st.lists(st.integers(0, 400)))
def test_what_is_encoded_is_read_back(payloads: list[bytes], cuts: list[int]) -> None:
    stream, sent = b"", []
    for payload in payloads:
        with suppress(NotRepresentable):
            stream += mllp.encode(payload)
            sent.append(payload)
    found = blocks(stream, cuts, limit=1 << 20)
    assert [block.payload for block in found] == sent
    assert all(block.kind == "message" and block.complete for block in found)


@given(st.lists(st.binary(max_size=60).filter(lambda p: not set(p) & {0x0B, 0x1C, 0x0C, 0x0D} and p), max_size=6))
def test_python_hl7_reads_the_same_payloads(payloads: list[bytes]) -> None:
    payloads = [payload for payload in payloads if payload not in (mllp.ACK, mllp.NAK)]
    stream = b"".join(mllp.encode(payload) for payload in payloads)
    assert list(read_stream(io.BytesIO(stream))) == payloads

    async def read() -> list[bytes]:
        reader = HL7StreamReader()
        reader.feed_data(stream)
        reader.feed_eof()
        return [await reader.readblock() for _ in payloads]

    assert asyncio.run(read()) == payloads
    assert [block.payload for block in blocks(stream, [])] == payloads


@pytest.mark.parametrize(
    "payload", [b"a\x1c\rb", b"a\x1c\nb", b"a\x1c\x0b", b"\x0bMSH|", b"a\x0bFHS^", b"\x06", b"\x15"]
)
def test_what_would_be_read_otherwise_is_not_encoded(payload: bytes) -> None:
    with pytest.raises(NotRepresentable) as caught:
        mllp.encode(payload)
    assert caught.value.code == "MLP-111"
    assert [b.payload for b in blocks(b"\x0b" + payload + b"\x1c\r", []) if b.kind == "message"] != [payload]


# What must come out: kind, payload, complete, codes.
CASES: dict[str, tuple[bytes, list[tuple[str, bytes, bool, list[str]]]]] = {
    "two in one read": (FRAME * 2, [("message", MESSAGE, True, [])] * 2),
    "commit octets": (mllp.COMMIT_ACK + mllp.COMMIT_NAK, [("ack", b"\x06", True, []), ("nak", b"\x15", True, [])]),
    "empty": (b"\x0b\x1c\r", [("message", b"", True, [])]),
    "no CR, another follows": (
        FRAME[:-1] + FRAME,
        [("message", MESSAGE, True, ["MLP-103"]), ("message", MESSAGE, True, [])],
    ),
    "no CR at the end": (FRAME[:-1], [("message", MESSAGE, True, ["MLP-103"])]),
    "no VT": (FRAME[1:], [("message", MESSAGE, True, ["MLP-102"])]),
    "no VT behind another": (
        FRAME + FRAME[1:],
        [("message", MESSAGE, True, []), ("message", MESSAGE, True, ["MLP-102"])],
    ),
    "no end, another follows": (
        b"\x0b" + MESSAGE + FRAME,
        [("message", MESSAGE, False, ["MLP-104"]), ("message", MESSAGE, True, [])],
    ),
    "breaks off": (FRAME[:-5], [("message", MESSAGE[:-3], False, ["MLP-107"])]),
    "junk before": (b"junk" + FRAME, [("stray", b"junk", True, ["MLP-101"]), ("message", MESSAGE, True, [])]),
    "line end between": (FRAME + b"\n", [("message", MESSAGE, True, []), ("stray", b"\n", True, ["MLP-101"])]),
    "two VT": (b"\x0b" + FRAME, [("stray", b"\x0b", True, ["MLP-101"]), ("message", MESSAGE, True, [])]),
    "FS inside": (b"\x0bMSH|a\x1cb\r\x1c\r", [("message", b"MSH|a\x1cb\r", True, ["MLP-105"])]),
    "LF for CR": (  # where every CR became LF on the way; waiting for a CR would wait for ever
        b"\x0bMSH|a\n\x1c\n\x0bMSH|b\n\x1c\n",
        [
            ("message", b"MSH|a\n", True, ["MLP-103"]),
            ("stray", b"\n", True, ["MLP-101"]),
            ("message", b"MSH|b\n", True, ["MLP-103"]),
            ("stray", b"\n", True, ["MLP-101"]),
        ],
    ),
    "VT inside": (b"\x0bMSH|a\x0bb\r\x1c\r", [("message", b"MSH|a\x0bb\r", True, ["MLP-106"])]),
    "no header in it": (b"\x0bhello\x1c\r", [("message", b"hello", True, [])]),
}


@pytest.mark.parametrize("name", CASES)
def test_policy(name: str) -> None:
    data, expected = CASES[name]
    found = [(block.kind, block.payload, block.complete, codes(block)) for block in blocks(data, [])]
    assert found == expected


def test_edges_are_always_edges_where_the_caller_says_so() -> None:
    found = blocks(b"\x0bMSH|a\x1cb\x0bc\x1c\r", [], inside="edge")
    assert [(b.kind, b.payload, codes(b)) for b in found] == [
        ("message", b"MSH|a", ["MLP-103"]),
        ("stray", b"b", ["MLP-101"]),
        ("message", b"c", []),
    ]


def test_a_block_without_its_cr_is_given_when_the_caller_waits_no_longer() -> None:
    framer = mllp.Framer()
    assert framer.feed(b"\x0b" + MESSAGE) == []
    assert framer.settle() == []
    assert framer.waiting
    assert framer.feed(b"\x1c") == []
    [block] = framer.settle()
    assert (block.payload, codes(block)) == (MESSAGE, ["MLP-103"])
    assert not framer.waiting
    late, block = framer.feed(b"\r" + FRAME)
    assert (late.kind, late.payload, block.payload) == ("stray", b"\r", MESSAGE)


def test_a_block_beyond_the_limit_is_passed_over_at_constant_memory() -> None:
    framer = mllp.Framer(max_payload=10_000)
    assert framer.feed(b"\x0b" + MESSAGE) == []
    for _ in range(1000):
        assert framer.feed(b"x" * 5000) == []
        assert len(framer._buffer) <= 15_001
    block, following = framer.feed(b"\x1c\r" + FRAME)
    assert (block.kind, block.complete, codes(block)) == ("oversize", True, ["MLP-110"])
    assert block.payload.startswith(MESSAGE)
    assert block.span == (0, 1 + len(MESSAGE) + 5_000_000 + 2)
    assert following.payload == MESSAGE


def test_a_limit_is_the_last_length_that_is_taken() -> None:
    limit = len(MESSAGE)
    assert [b.kind for b in blocks(FRAME, [], limit=limit)] == ["message"]
    assert [b.kind for b in blocks(FRAME, [], limit=limit - 1)] == ["oversize"]
    assert [b.kind for b in blocks(FRAME, list(range(99)), limit=limit - 1)] == ["oversize"]


@pytest.mark.parametrize(
    "pattern", [b"\x0b", b"\x1c", b"\x0bM", b"MSH", b"\r", b"\x0b\x1c\r", b"\x1c\x0b", b"\x0bMSH|", b"\rMS"]
)
@pytest.mark.parametrize("chunk", [1000, 1 << 20])
def test_time_is_linear(pattern: bytes, chunk: int) -> None:
    def seconds(size: int) -> float:
        data = b"\x0bM" + pattern * (size // len(pattern))
        start = time.process_time()
        framer = mllp.Framer(max_payload=1 << 30)
        for at in range(0, len(data), chunk):
            framer.feed(data[at : at + chunk])
        framer.finish()
        return time.process_time() - start

    small = min(seconds(20_000) for _ in range(3))
    assert min(seconds(160_000) for _ in range(3)) < 8 * 4 * max(small, 0.002)


def test_arguments_are_checked_and_nothing_is_shown() -> None:
    with pytest.raises(InvalidRequest):
        mllp.Framer(max_payload=0)
    with pytest.raises(InvalidRequest):
        mllp.Framer(inside="maybe")  # type: ignore[arg-type]
    framer = mllp.Framer()
    [block] = framer.feed(b"\x0bMSH|SECRET\r\x1c\r\x0bSECRET")
    assert "SECRET" not in repr(block) + repr(framer)
