"""The contract: chunks, determinism, strictness, limits, silence about values."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from adapters.hl7v2_oru.support import content, of, read
from hypothesis import given
from hypothesis import strategies as st

from iomt_interop.adapters.hl7v2_oru.reader import make_reader
from iomt_interop.errors import InputError, InvalidRequest, LimitExceeded, MalformedInput
from iomt_interop.plugins import Evidence, Limits, ReadContext, Reader, default_registry, sniff_bytes

ROOT = Path(__file__).resolve().parents[3]
MONITOR = (ROOT / "iomt_interop/adapters/hl7v2_oru/samples/pcd01_monitor.hl7").read_bytes()
LAB = (ROOT / "iomt_interop/adapters/hl7v2_oru/samples/oru_lab.hl7").read_bytes()
STREAM = b"\x0b" + MONITOR + b"\x1c\r" + b"BHS|^~\\&|A\r" + LAB + b"\r\nMSH|^~\\&|X|||||ACK|1|P|2.5\rMSA|AA|1\r"


def test_is_a_reader() -> None:
    assert isinstance(make_reader(ReadContext()), Reader)


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_chunks_do_not_matter(size: int) -> None:
    assert read(STREAM, size=size) == read(STREAM)


@given(st.lists(st.integers(0, len(STREAM)), max_size=5))
def test_any_cut_gives_the_same_records(cuts: list[int]) -> None:
    reader = make_reader(ReadContext())
    edges = [0, *sorted(cuts), len(STREAM)]
    found = [r for a, b in pairwise(edges) for r in reader.feed(memoryview(STREAM)[a:b])]
    assert [*found, *reader.finish()] == read(STREAM)


def test_a_message_sent_again_gives_the_same_ids_whatever_carried_it() -> None:
    plain = [record.id for record in read(MONITOR) if record.kind != "issue"]
    framed = [record.id for record in read(b"\x0b" + MONITOR + b"\x1c\r") if record.kind != "issue"]
    assert plain == framed
    assert len(set(plain)) == len(plain)


def test_every_span_is_the_segment_in_the_stream() -> None:
    for record in read(STREAM):
        path, span = record.provenance.path, record.provenance.span
        if path is not None and "(" in path and record.kind != "issue":
            assert STREAM[slice(*span)].startswith(path.partition("(")[0].encode())


@given(st.binary(max_size=400))
def test_any_octets_give_records(data: bytes) -> None:
    read(data)
    read(b"MSH|^~\\&|" + data)


@given(
    st.integers(0, len(STREAM)),
    st.binary(max_size=12) | st.sampled_from([b"|", b"^", b"~", b"\\", b'""', b"\r", b"\n", b"MSH|", b"\xff", b"&&"]),
    st.integers(0, 40),
)
def test_a_damaged_stream_gives_records(at: int, patch: bytes, removed: int) -> None:
    read(STREAM[:at] + patch + STREAM[at + removed :])


@given(
    st.binary(max_size=200),
    st.sampled_from([b"NM", b"SN", b"NA", b"MA", b"ED", b"DR", b"TM", b"DTM", b"CWE", b"NR", b"RP"]),
)
def test_any_value_of_any_type_gives_a_result(value: bytes, kind: bytes) -> None:
    value = value.replace(b"\r", b"").replace(b"\n", b"").replace(b"|", b"")
    data = (
        b"MSH|^~\\&|A|||||ORU^R01|1||2.6\rOBR|1\rOBX|1|" + kind + b"|a^b^MDC|1.1.1.1|" + value + b"|%|1-2|L||||||2026\r"
    )
    assert len(of(read(data), "observation")) + len(of(read(data), "waveform")) == 1


def test_a_ragged_table_of_samples_does_not_grow() -> None:
    rows = b"1^" * 5000 + b"~" * 5000
    data = b"MSH|^~\\&|A|||||ORU^R01|1||2.6\rOBX|1|MA|a||" + rows + b"\r"
    assert of(read(data), "waveform") == []


def test_strict_mode_raises_for_what_lenient_mode_doubts() -> None:
    strict = ReadContext(strictness="strict")
    assert content(read(MONITOR, strict)) == content(read(MONITOR))
    wrong = MONITOR.replace(b"|72|", b"|72x|")
    assert [i.code for i in of(read(wrong), "issue")] == ["ORU-202"]
    with pytest.raises(MalformedInput) as caught:
        read(wrong, strict)
    assert (caught.value.code, caught.value.path) == ("ORU-202", "OBX(4)-5")


def test_limits() -> None:
    with pytest.raises(LimitExceeded):
        read(MONITOR, ReadContext(limits=Limits(max_unit=100)))


def test_an_unknown_zone_is_the_callers_fault() -> None:
    with pytest.raises(InvalidRequest):
        make_reader(ReadContext(default_zone="Nowhere/Town"))


PLANTED = ("Planted", "987654321", "20010203")


def test_nothing_outside_of_records_names_a_value() -> None:
    data = (
        b"MSH|^~\\&|A|||||ORU^R01|1|P|2.6\rPID|||987654321^^^H^MR||Planted^Name||20010203\rPlanted 987654321\r"
        b"OBX|1|NM|Planted^987654321^L||Planted|%|Planted|Planted||||||20010203x\r"
    )
    reader = make_reader(ReadContext())
    records = [*reader.feed(data), *reader.finish()]
    shown = [repr(reader), *map(repr, records), *map(str, records)]
    shown += [f"{i.code} {i.path} {i.span}" for i in of(records, "issue")]
    for context in (ReadContext(strictness="strict"), ReadContext(limits=Limits(max_unit=20))):
        with pytest.raises(InputError) as caught:
            read(data, context)
        shown += [str(caught.value), repr(caught.value)]
        assert caught.value.__cause__ is None
    assert not [text for text in shown for word in PLANTED if word in text]


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (MONITOR, Evidence.MAGIC),
        (b"\x0b" + LAB, Evidence.MAGIC),
        (b"\xef\xbb\xbf\r\nMSH|^~\\&|", Evidence.MAGIC),
        (b"\x0b\xef\xbb\xbfMSH|^~\\&|", Evidence.MAGIC),
        (b"FHS|^~\\&|A\rBHS|^~\\&|", Evidence.MAGIC),
        ("\ufeffMSH|^~\\&|A\r".encode("utf-16-le"), Evidence.MAGIC),
        ("MSH|^~\\&|A\r".encode("utf-16-be"), Evidence.MAGIC),
        ("\ufeffMSH|^~\\&|A\r".encode("utf-32-be"), Evidence.MAGIC),
        ("BHS|^~\\&|A\r".encode("utf-32-le"), Evidence.MAGIC),
        ("MSHELL scripts\n".encode("utf-16-le"), None),
        (b"MSH$%~\\&$", Evidence.MAGIC),
        (b"MSH^~|\\&^", Evidence.MAGIC),
        ("MSH|^~¥&|".encode(), Evidence.MAGIC),
        (b"MSHELL scripts\n", None),
        (b"MSH,name,value\n", None),
        (b"ISA*00*  *00*", None),
        (b'{"resourceType":"Bundle"}', None),
        (b"\xe2\x00\x00\x32", None),
        (b"H|\\^&|||analyser", None),
    ],
)
def test_detection(head: bytes, expected: Evidence | None) -> None:
    adapters = [a for a in default_registry().usable() if a.id == "hl7v2_oru"]
    if not adapters:
        pytest.skip("the project is not installed: it has no entry points")
    found = sniff_bytes(head, None, adapters)
    assert [c.evidence for c in found] == ([] if expected is None else [expected])


@pytest.mark.parametrize(
    ("before", "kept"),
    [
        (b"\xef\xbb\xbf", []),
        (b"\x0b\xef\xbb\xbf", []),
        (b"\xef\xbb\xbf\x0b", []),
        (b"\xef\xbb\xbf\r\n", []),
        (b"\xef\xbb\xbfHTTP/1.1 200 OK ", [b"\xef\xbb\xbfHTTP/1.1 200 OK "]),
    ],
)
def test_what_stands_before_a_message_is_kept_unless_it_is_a_mark(before: bytes, kept: list[bytes]) -> None:
    records = read(before + b"MSH|^~\\&|A||||||ORU^R01|1|P|2.6\rOBX|1|NM|a||5\r\x1c\r")
    assert [record.raw for record in of(records, "residue")] == kept
    assert len(of(records, "observation")) == 1


FIRST = b"MSH|^~\\&|A||||20261124||ORU^R01|1|P|2.6\rPID|||17\rOBX|1|FT|a^b^L||no sign of \rADD|\rDSC|p1|F\r"
SECOND = b"MSH|^~\\&|A||||20261124||ORU^R01|2|P|2.6||p1\rADD|disease||||||F\rOBX|2|NM|c^d^L||5||||||F\r"


@pytest.mark.parametrize("size", [1, 50, 1000])
def test_a_message_in_fragments_is_read_as_one(size: int) -> None:
    """2.10.2: what a fragment says is not said to its end; half a text must not be taken for a result."""
    data = FIRST + b"MSH|^~\\&|A||||20261124||ORU^R01|3|P|2.6\rOBX|1|NM|e^f^L||6||||||F\r" + SECOND
    adapter = make_reader(ReadContext())
    records = [r for at in range(0, len(data), size) for r in adapter.feed(data[at : at + size])]
    records += adapter.finish()
    values = {o.code.codings[0].code: o for o in of(records, "observation")}
    assert sorted(values) == ["a", "c", "e"]
    assert (values["a"].value.text, values["a"].status) == ("no sign of disease", "final")
    assert {o.subject is None for o in values.values()} == {False, True}
    assert len(of(records, "message")) == 2
    assert not of(records, "issue") + of(records, "residue")


@pytest.mark.parametrize("data", [FIRST, SECOND])
def test_a_fragment_alone_is_told(data: bytes) -> None:
    records = read(data)
    assert [issue.code for issue in of(records, "issue")] == ["HL7-122"]
    assert len(of(records, "message")) == 1
