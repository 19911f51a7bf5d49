"""Answers from templates are those that the codec composes, octet for octet; nothing of a message changes that."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iomt_interop.errors import IomtError, LimitExceeded, MalformedInput, StoreUnavailable, UnsupportedVersion
from iomt_interop.transport.answers import Answers, read_head
from iomt_interop.transport.delivery import Verdict, verdict_of
from iomt_interop.wire import hl7v2, mllp
from iomt_interop.wire.hl7v2.ack import Outcome, acknowledge, decide

FIELD = st.sampled_from([b"", b"A", b"ICU^B7", b"a&b~c", b"\\X0D\\", b'""', b"AL", b"NE", b"ER", b"SU", b"ACK", b"2.6",
                         b"ORU^R40^ORU_R40", b"2.3", b"P", b"\xc3\xa4", b"\xff", b"\x1b", b"\x1c", b"\x0b",
                         b"UNICODE UTF-8"])  # fmt: skip
IDS = st.sampled_from([b"1", b"ABC-9_x.7", b"", b"a b", b'""', b"x^y", b"\\E\\", b"\xe4", b"\x1c", b"9" * 300])
HEADS = st.tuples(
    st.sampled_from(
        [b"MSH|^~\\&", b"MSH|^~\\&#", b"MSH#*!?+", b"MSH|", b"MSH\x7f^~\\&", b"MSH^^~\\&", b"FHS|^~\\&", b"MS|x"]
    ),
    st.lists(FIELD, min_size=4, max_size=4),
    st.tuples(FIELD, FIELD, FIELD, IDS),
    st.lists(FIELD, max_size=11),
)
BODIES = st.sampled_from([b"\r", b"\rPID|||X\r", b"\rMSA|AA|1\r", b"\n", b"\nPID|1\n", b"", b"\rOBX|\xff\r"])


@given(HEADS, st.lists(BODIES, min_size=1, max_size=3), st.sampled_from(list(Outcome)), st.booleans())
def test_templates_say_what_the_codec_says(
    head: tuple[bytes, list[bytes], tuple[bytes, ...], list[bytes]], bodies: list[bytes], outcome: Outcome, commit: bool
) -> None:
    start, parties, middle, rest = head
    payload = start[3:4].join([start, *parties, *middle, *rest])
    answers = Answers(commit)
    for body in [*bodies, *bodies]:
        message = hl7v2.parse(payload + body)
        found = answers.compose(payload + body, read_head(payload + body), Verdict(outcome), b"20260101120000+0000")
        framer = mllp.Framer()
        blocks = framer.feed(found) + framer.finish()
        if commit:
            assert blocks.pop(0).kind == ("ack" if outcome is Outcome.ACCEPTED else "nak")
        codes = [code for code in decide(message, outcome) if code is not None]
        if answers.failed:
            continue
        assert len(blocks) == len(codes)
        for code, block in zip(codes, blocks, strict=True):
            assert (block.kind, block.complete, block.doubts) == ("message", True, ())
            control_id = hl7v2.parse(block.payload)["MSH-10"]
            assert control_id is not None
            expected = acknowledge(message, code, control_id=control_id, at="20260101120000+0000")
            assert block.payload == expected


@given(HEADS, BODIES)
def test_the_head_is_what_the_codec_reads(
    head: tuple[bytes, list[bytes], tuple[bytes, ...], list[bytes]], body: bytes
) -> None:
    start, parties, middle, rest = head
    payload = start[3:4].join([start, *parties, *middle, *rest]) + body
    found, header = read_head(payload), hl7v2.parse(payload).segment("MSH")
    assert found.exists == (header is not None)
    if header is not None:
        control_id = header.field(10).raw
        assert found.key == ((header.field(3).raw, header.field(4).raw, control_id) if control_id else None)
        assert found.is_acknowledgement == (header.field(9)[1][1].raw == b"ACK")


@pytest.mark.parametrize(
    ("error", "outcome", "condition"),
    [
        (MalformedInput("HL7-130", path="OBX(1)-5"), Outcome.ERROR, "199"),
        (MalformedInput("HL7-101"), Outcome.ERROR, "100"),
        (LimitExceeded("HL7-120"), Outcome.ERROR, "104"),
        (UnsupportedVersion("EXA-001"), Outcome.REJECTED, "203"),  # 2.9.2.2: MSH-9, MSH-11 and MSH-12 are rejected
        (StoreUnavailable("SEC-006"), Outcome.REJECTED, "207"),
    ],
)
def test_what_an_error_means(error: IomtError, outcome: Outcome, condition: str) -> None:
    found = verdict_of(error)
    assert (found.outcome, [each.condition for each in found.errors]) == (outcome, [condition])
