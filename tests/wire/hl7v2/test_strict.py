"""Strict mode: which rule, where, and which clause; and that no run of line ends costs more than its length."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iomt_interop.errors import MalformedInput
from iomt_interop.wire import hl7v2

GOOD = b"MSH|^~\\&|A\rPID|||1\rOBX|1|ST|||x\r"


@pytest.mark.parametrize(
    ("data", "code", "clause", "at"),
    [
        (b"hello", "HL7-101", "2.14.9", b"hello"),
        (b"\xef\xbb\xbf" + GOOD, "HL7-102", "2.14.9.18", b"\xef\xbb\xbf"),
        (b"[log] " + GOOD, "HL7-103", "2.5.1", b"[log] "),
        (GOOD.replace(b"\r", b"\n"), "HL7-104", "2.5.4", b"\n"),
        (GOOD.replace(b"^~\\&", b"^~&"), "HL7-105", "2.5.4", b"~&|A"),
        (GOOD.replace(b"\r", b"\r\n"), "HL7-112", "2.5.4", b"\r\n"),
        (GOOD.replace(b"x", b"x\ny"), "HL7-113", "2.7.1", b"\n"),
        (GOOD.replace(b"1\r", b"1\r\r"), "HL7-114", "2.5.4", b"\r\r"),
        (GOOD[:-1], "HL7-115", "2.5.4", b""),
        (GOOD.replace(b"PID", b"pid"), "HL7-116", "2.5.2", b"pid|||1"),
        (GOOD.replace(b"1\rOBX", b"1OBX"), "HL7-117", "2.5.4", b"OBX"),
        (GOOD.replace(b"1\rOBX", b"1 OBX"), "HL7-117", "2.5.4", b"OBX"),
        (GOOD.replace(b"x", b"C:\\temp"), "HL7-121", "2.7.1", b"C:\\temp"),
    ],
)
def test_strict_mode_names_rule_place_and_clause(data: bytes, code: str, clause: str, at: bytes) -> None:
    with pytest.raises(MalformedInput) as caught:
        hl7v2.parse(data, strict=True, origin=100)
    error = caught.value
    assert (error.code, error.clause) == (code, f"HL7 v2.8 ch. {clause}")
    assert error.span is not None
    start, stop = error.span
    assert data[start - 100 : stop - 100] == at if code != "HL7-105" else start == 104
    lenient = hl7v2.parse(data)
    assert bytes(lenient) == data
    assert code in [d.code for d in lenient.diagnostics]


def test_a_text_that_names_a_segment_is_no_lost_terminator() -> None:
    message = hl7v2.parse(GOOD.replace(b"|x", b"|OBX"))
    assert message.diagnostics == ()
    assert hl7v2.parse(b"MSH|^~\\&|A\rERR|OBX|1|5\r").diagnostics == ()


def test_runs_of_line_ends_are_indexed_in_linear_time() -> None:
    """Looking ahead from each of them would take the square of their number: minutes for this."""
    for run in (b"\n" * 400_000, b"\r\n" * 200_000, b"\n\r" * 200_000):
        message = hl7v2.parse(GOOD[:-1] + run + b"x")
        assert len(message) >= 3
        assert bytes(message).endswith(run + b"x")
        assert message.diagnostics


@given(
    st.lists(
        st.sampled_from([b"\n", b"\r", b"PID|1", b"PIDX", b"x", b"\x1b$B", b"\x1b(B", b"|", b"\\", b"\xa5"]),
        max_size=30,
    )
)
def test_terminators_of_any_kind_lose_nothing(parts: list[bytes]) -> None:
    data = GOOD + b"".join(parts)
    message = hl7v2.parse(data)
    assert bytes(message) == data
    spans = [(s.start, s.stop) for s in message]
    between = data
    for start, stop in reversed(spans):
        between = between[:start] + between[stop:]
    assert not between.strip(b"\r\n")
    assert message.diagnostics is not None
