"""The compiled ER7 kernel gives what its readable twin gives: values and exceptions."""

from __future__ import annotations

import sys
import threading
from array import array
from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.kernels import outcome, pair

from iomt_interop._accel import er7_py

TOKENS = [
    b"OBX", b"|", b"^", b"~", b"NM", b"\r", b"\n", b"\r\n", b"PID", b"12.50", b'""', b"x", b"ZZ1", b"MSH|^~\\&|",
    b"-3", b"\x0b", b"\x1c", b"\xff", b"+7", b"99999999999999999999",
]  # fmt: skip
messages = st.one_of(st.binary(max_size=80), st.lists(st.sampled_from(TOKENS), max_size=80).map(b"".join))
decimals = st.one_of(
    st.just(b""),
    st.from_regex(rb"[+-]?[0-9]{0,5}(\.[0-9]{0,5})?", fullmatch=True),
    st.from_regex(rb"[+-]?[0-9]{0,20}(\.[0-9]{0,20})?", fullmatch=True),
    st.binary(max_size=3),
)


@given(messages, st.data())
def test_index_and_rows_agree(data: bytes, draw: st.DataObject) -> None:
    pure, compiled = pair("er7")
    start = draw.draw(st.integers(-1, len(data) + 1))
    stop = draw.draw(st.integers(-1, len(data) + 1))
    separator = draw.draw(st.sampled_from(b"|^#"))
    expected = outcome(pure.index, data, start, stop, separator)
    assert outcome(compiled.index, data, start, stop, separator) == expected
    assert outcome(compiled.index, memoryview(data), start, stop, separator) == expected
    if isinstance(expected[0], bytes):
        rows = pure.obx_rows(data, expected[0], expected[1], 94, 126)
        assert compiled.obx_rows(data, expected[0], expected[1], 94, 126) == rows


@given(st.lists(st.sampled_from([b"|", b"\r", b"\n", b"x", b"OBX", b"|" * 70, b"y" * 70]), max_size=60).map(b"".join))
def test_index_of_more_than_a_block(data: bytes) -> None:
    """Sixty-four octets are looked at at a time, each of which may matter."""
    pure, compiled = pair("er7")
    for start in (0, min(5, len(data))):
        assert compiled.index(data, start, len(data), 124) == pure.index(data, start, len(data), 124)


KEYS = [b"a", b"b", b"c", b"u", b"v", b"w"]
PIECES = [b"98", b"1.5", b'""', b"", b"x", b"-3"]


@given(
    st.lists(
        st.tuples(st.sampled_from([b"OBX", b"NTE"]), st.sampled_from([b"NM", b"ST"]), st.sampled_from(KEYS[:3]),
                  st.sampled_from(PIECES), st.sampled_from(KEYS[3:]), st.integers(0, 3)),
        max_size=8,
    ),
    st.integers(0, 70),
)  # fmt: skip
def test_plain_rows_agree(rows: list[tuple[bytes, bytes, bytes, bytes, bytes, int]], many: int) -> None:
    pure, compiled = pair("er7")
    lines = [b"%s|1|%s|%s|1.1|%s|%s|||||R|||t%d" % row for row in rows]
    lines += [b"OBX|1|NM|a|1.1|7|u|||||R|||m%d" % n for n in range(many)]
    data = b"\r".join([b"MSH|^~\\&", *lines])
    segments, fields, _ = pure.index(data, 0, len(data), 124)
    codes = {b"a|1.1": 0, b"b|1.1": -1}
    rests = {b"u|||||R": 1 << 4 | 2, b"v|||||R": 0 << 4 | 1, b"w|||||R": -1}
    expected = pure.plain_rows(data, segments, fields, codes, rests)
    assert compiled.plain_rows(data, segments, fields, codes, rests) == expected
    # What another message left there is looked at first, and changes nothing.
    before = b"\r".join([b"MSH|^~\\&", *lines[1:], *lines[:1]])
    recent: list[tuple[bytes, int, bytes, int]] = []
    for other in (before, data, data):
        index = pure.index(other, 0, len(other), 124)[:2]
        found = compiled.plain_rows(other, *index, codes, rests, recent)
        assert found == pure.plain_rows(other, *index, codes, rests)


@given(messages, st.lists(st.integers(0, 100), max_size=12), st.lists(st.integers(0, 100), max_size=12))
def test_a_foreign_index_is_refused_alike(data: bytes, triples: list[int], seps: list[int]) -> None:
    pure, compiled = pair("er7")
    index = array("I", triples[: len(triples) // 3 * 3]).tobytes(), array("I", seps).tobytes()
    assert outcome(compiled.obx_rows, data, *index, 94, 126) == outcome(pure.obx_rows, data, *index, 94, 126)


@given(st.lists(decimals, max_size=12).map(b"^".join), st.data())
def test_samples_agree(data: bytes, draw: st.DataObject) -> None:
    pure, compiled = pair("er7")
    start = draw.draw(st.sampled_from([0, 0, 0, -1, 1]))
    assert outcome(compiled.samples, data, start, len(data), 94) == outcome(pure.samples, data, start, len(data), 94)


@given(st.lists(st.decimals(-(10**6), 10**6, places=None, allow_nan=False), min_size=1, max_size=20))
def test_samples_are_exact(values: list[Decimal]) -> None:
    texts = [f"{value:f}" for value in values]
    result = er7_py.samples("^".join(texts).encode(), 0, len("^".join(texts)), 94)
    if result is None:
        assert max(len(text) for text in texts) > 10
        return
    n, numbers, exponent, marks, exact = result
    written = [Decimal(x).scaleb(exponent) for x in array("q", numbers)]
    assert exact == ([format(x, "f") for x in written] == texts)
    assert (n, marks) == (len(values), None)
    assert [Decimal(x).scaleb(exponent) for x in array("q", numbers)] == [Decimal(text) for text in texts]


@pytest.mark.parametrize(
    ("text", "exact"),
    [
        (b"1^2^-3^0", True), (b"1^^2", True), (b"", None), (b"1.0^2.5^-0.5", True), (b"1.0^2.5^3", False),
        (b"+1", False), (b"-0", False), (b"-0.0", False), (b"00", False), (b"01", False), (b"1.", False),
        (b".5", False), (b"0.5^-10.0", True), (b"0.5^-010.0", False), (b"0^0", True), (b"-1^-0", False),
        (b"-0.01^0.00", True),
    ],
)  # fmt: skip
def test_whether_numbers_are_written_as_shortly_as_can_be(text: bytes, exact: bool | None) -> None:
    for kernel in pair("er7"):
        found = kernel.samples(text, 0, len(text), 94)
        assert found[4] is (True if exact is None else exact)


def test_a_segment_ends_as_the_standard_and_the_field_say() -> None:
    """CR ends; LF ends when a segment or nothing follows; any other LF is data (HL7 v2.8 ch. 2.6)."""
    data = b"MSH|^~\\&|a\rNTE|1||line one\nline two\nOBX|1\r\nPV1|x\n\nZZZ\n"
    segments, _, stats = er7_py.index(data, 0, len(data), ord("|"))
    triples = array("I", segments)
    found = [data[triples[i] : triples[i + 1]] for i in range(0, len(triples), 3)]
    assert found == [b"MSH|^~\\&|a", b"NTE|1||line one\nline two", b"OBX|1", b"PV1|x", b"ZZZ"]
    assert stats == (2, 1, 4, 1, 1, 0)


@given(messages, st.integers(-1, 90), st.integers(-5, 90))
def test_heads_agree(data: bytes, start: int, stop: int) -> None:
    pure, compiled = pair("er7")
    data = data.replace(b"x", b"FHS").replace(b"^", b"BTS|").replace(b"~", b"S")
    expected = outcome(pure.heads, data, start, stop)
    assert outcome(compiled.heads, bytearray(data), start, stop) == expected
    if isinstance(expected, list):
        names = (b"MSH", b"FHS", b"BHS", b"BTS", b"FTS")
        assert expected == [at for at in range(start, stop + 1) if data[at : at + 3] in names]


@given(messages, st.sampled_from(b"|^"), st.data())
def test_tidy_agrees(data: bytes, separator: int, draw: st.DataObject) -> None:
    pure, compiled = pair("er7")
    segments, fields, _ = pure.index(data, 0, len(data), separator)
    if draw.draw(st.booleans()) and segments:  # an index of something else
        data = data[: draw.draw(st.integers(0, len(data)))]
    for inner in (b"", b"PID", b"OBXPID"):
        expected = outcome(pure.tidy, data, segments, fields, b"OBXMSHPIDZZ1", inner)
        assert (
            outcome(compiled.tidy, memoryview(data), memoryview(segments), fields, b"OBXMSHPIDZZ1", inner) == expected
        )


def test_tidy_is_what_holds_no_other_segment() -> None:
    for module in pair("er7"):
        for data, expected in (
            (b"MSH|^~\\&\rPID|1\rOBX|1|x\r", True),
            (b"MSH|^~\\&\rPID|1\x0bOBX|1|x\r", False),
            (b"MSH|^~\\&\rPID|1\rZZZ|1\r", False),
            (b"MSH|^~\\&\rPID\r", False),
            (b"MSH|^~\\&\rPID|1\r\x1c\r", True),
        ):
            segments, fields, _ = module.index(data, 0, len(data.rstrip(b"\r\x1c")), 124)
            assert module.tidy(data, segments, fields, b"MSHPIDOBX", b"PIDOBX") is expected


def test_arguments_that_fit_nothing() -> None:
    for module in pair("er7"):
        assert module.heads(b"MSH|", 0, sys.maxsize) == [0]
        assert not module.tidy(b"O\0\0|\r", array("I", [0, 4, 0]).tobytes(), array("I", [3]).tobytes(), b"O", b"")
        for segments, fields in ((b"x" * 13, b""), (b"", b"x" * 5)):
            with pytest.raises(ValueError, match="index"):
                module.tidy(b"", segments, fields, b"OBX", b"")
            with pytest.raises(ValueError, match="index"):
                module.obx_rows(b"", segments, fields, 94, 126)
        for separator in (-1, 256, 380):
            with pytest.raises(ValueError, match="range"):
                module.index(b"a|b", 0, 3, separator)


def test_a_buffer_that_changes_is_refused_or_read() -> None:
    """Another thread writes into it while the kernel runs: nothing is written behind what was counted."""
    pure, compiled = pair("er7")
    data = bytearray(b"MSH|^~\\&\r" + b"XXX|1|NA||1^2^3^4\r" * 2000)
    segments, fields, _ = compiled.index(bytes(data).replace(b"XXX", b"OBX"), 0, len(data), 124)
    done = threading.Event()

    def flip() -> None:
        while not done.is_set():
            for at in range(10, len(data) - 20, 18):
                data[at : at + 3] = b"OBX" if data[at] == 88 else b"XXX"
                data[at + 11] = 94 if data[at + 11] == 49 else 49

    thread = threading.Thread(target=flip)
    thread.start()
    try:
        for _ in range(200):
            for call in (
                lambda: compiled.index(data, 0, len(data), 124),
                lambda: compiled.obx_rows(data, segments, fields, 94, 126),
                lambda: compiled.samples(data, 0, len(data), 94),
            ):
                with suppress(BufferError):
                    call()
    finally:
        done.set()
        thread.join()
    assert compiled.index(data, 0, len(data), 124) == pure.index(data, 0, len(data), 124)
    assert compiled.obx_rows(data, segments, fields, 94, 126) == pure.obx_rows(data, segments, fields, 94, 126)
