"""The stream as such: cuts, truncation, damage, repetition, limits, and what must never show."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import pytest
from adapters.ieee11073_phd import phd_octets as o
from hypothesis import given
from hypothesis import strategies as st

from iomt_interop.adapters.ieee11073_phd.reader import make_reader
from iomt_interop.errors import CODES, InputError, LimitExceeded, MalformedInput, TruncatedInput
from iomt_interop.model import (
    ClockSync,
    CodedValue,
    Device,
    DeviceAssociation,
    Event,
    Identifier,
    Instant,
    Issue,
    Message,
    Observation,
    Provenance,
    Quantity,
    Record,
    Residue,
    Subject,
    record_id,
    to_json,
)
from iomt_interop.plugins import Limits, ReadContext, Reader

SECRET = "ZEBRA481"
MDS = {
    2650: o.sequence([o.u16(4100) + o.u16(1)]),
    2344: o.octets(b"ACME Health\0") + o.octets(b"OX-1000\0"),
    2436: o.octets(o.SYSTEM_ID),
    2349: o.sequence(o.u16(n) + o.u16(0) + o.octets(text) for n, text in ((1, b"ZEBRA481"), (2, b"P-7"), (5, b"1.2"))),
    2635: o.sequence([
        b"\x02\x01" + o.octets(b"\x01\x05" + o.sequence([o.u16(4), o.u16(0x2004)])),
        b"\x02\x02" + o.octets(o.u16(0x8000)),
    ]),
    2629: o.u16(0xC010) + o.u16(7936) + o.u32(0xFFFFFFFF) + o.u16(100) + o.u16(8000) + o.u32(1),
    2389: o.u16(0x4000),
    2460: o.u16(87),
    2439: o.absolute("2026112410000000"),
    2447: o.u32(80_000),
    9999: b"\x01\x02\x03",
}  # fmt: skip
STREAM = b"".join((
    o.association_request(),
    o.association_response(3, bytes.fromhex("AABBCCDDEEFF0011")),
    o.configuration((o.NU, 1, o.SATURATION), (o.NU, 10, o.PULSE), (o.SCAN_EPI, 55, {2387: o.u16(1)})),
    o.mds(MDS),
    o.fixed((1, o.sfloat(98) + o.absolute()), (10, o.sfloat(72) + o.absolute()), time=81_000),
    o.variable((1, {2636: o.sfloat(97), 2449: o.u32(88_000)})),
    o.persons((66, [(1, o.sfloat(96) + o.absolute())]), (0xFFFF, [(1, o.sfloat(95) + o.absolute())])),
    o.data(11, 0x0107, o.u16(0) + o.u16(0x0C17) + o.octets(o.absolute("2026112411000000") + o.float32(1, -2))),
    o.data(12, 0x0300, o.u16(24) + o.octets(b"\x00\x07")),
    o.fixed((99, o.sfloat(1) + o.absolute())),
    o.apdu(0xE400, o.u16(0)),
    o.apdu(0xE500, o.u16(0)),
    o.apdu(0xE600, o.u16(2)),
))  # fmt: skip
WHOLE = [0]
while WHOLE[-1] < len(STREAM):
    WHOLE.append(WHOLE[-1] + 4 + int.from_bytes(STREAM[WHOLE[-1] + 2 : WHOLE[-1] + 4], "big"))


def drain(reader: Reader, chunks: Iterable[bytes]) -> tuple[list[Record], InputError | None]:
    records: list[Record] = []
    try:
        for chunk in chunks:
            records += reader.feed(chunk)
        records += reader.finish()
    except InputError as error:
        return records, error
    return records, None


def read(stream: bytes, context: ReadContext | None = None) -> tuple[list[Record], InputError | None]:
    return drain(make_reader(context or ReadContext()), [stream])


RECORDS, ERROR = read(STREAM)


def test_the_whole_stream_is_read() -> None:
    assert ERROR is None
    kinds = {record.kind for record in RECORDS}
    assert kinds == {
        "message", "subject", "device", "association", "metric", "clock_sync", "observation", "event", "residue",
        "issue",
    }  # fmt: skip
    ids = [record.id for record in RECORDS if not isinstance(record, Device)]
    assert len(set(ids)) == len(ids)
    assert {issue.code for issue in RECORDS if isinstance(issue, Issue)} <= set(CODES)


@given(st.lists(st.integers(0, len(STREAM)), max_size=30))
def test_chunks_do_not_matter(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(STREAM)]
    chunks = [STREAM[a:b] for a, b in pairwise(edges)]
    assert drain(make_reader(ReadContext()), chunks) == (RECORDS, None)


def test_octet_by_octet_as_memoryview() -> None:
    reader = make_reader(ReadContext())
    found = [record for n in range(len(STREAM)) for record in reader.feed(memoryview(STREAM)[n : n + 1])]
    assert [*found, *reader.finish()] == RECORDS


def test_truncation_gives_what_was_whole_and_then_the_error() -> None:
    by_end = {stop: read(STREAM[:stop])[0] for stop in WHOLE}
    for stop in range(len(STREAM)):
        records, error = read(STREAM[:stop])
        assert records == by_end[max(n for n in WHOLE if n <= stop)]
        assert records == RECORDS[: len(records)]
        assert (stop in WHOLE) == (error is None)
        assert error is None or isinstance(error, TruncatedInput)


def test_a_malformed_apdu_ends_the_reading_but_loses_nothing_before_it() -> None:
    bad = STREAM[: WHOLE[4]] + o.data(1, 0x9999, b"")
    reader = make_reader(ReadContext())
    records, error = drain(reader, [bad, b""])
    assert records == RECORDS[: len(records)]
    assert len(records) == len(read(STREAM[: WHOLE[4]])[0])
    assert isinstance(error, MalformedInput)
    with pytest.raises(MalformedInput):
        reader.finish()


@given(st.integers(0, len(STREAM) - 1), st.integers(1, 255))
def test_any_changed_octet_gives_records_or_an_input_error(place: int, change: int) -> None:
    damaged = bytearray(STREAM)
    damaged[place] ^= change
    read(bytes(damaged))


@given(st.binary(max_size=300))
def test_any_octets_give_records_or_an_input_error(noise: bytes) -> None:
    read(noise)
    read(o.OXIMETER + noise)
    read(o.OXIMETER + o.event(0x0D1D, noise))
    read(o.OXIMETER + o.mds({2635: noise, 2349: noise, 2629: noise, 2344: noise}))


def stripped(records: list[Record]) -> str:
    """Return what the records say apart from what a digest of the input says."""
    text = to_json(records).decode()
    for record in records:
        text = text.replace(record.id, "id")
    for digest in {r.provenance.digest for r in records if r.provenance.digest is not None}:
        text = text.replace(digest, "digest")
    return text


def test_every_octet_matters() -> None:
    """Change any octet, and what comes out changes; digests and ids do not count."""
    plain = stripped(RECORDS)
    for place in range(len(STREAM)):
        for change in (0x01, 0x80):
            damaged = bytearray(STREAM)
            damaged[place] ^= change
            records, error = read(bytes(damaged))
            assert error is not None or stripped(records) != plain, (place, change)


def test_sent_again_it_is_the_same_record() -> None:
    report = o.fixed((1, o.sfloat(98) + o.absolute()))
    once, _ = read(o.OXIMETER + report)
    twice, _ = read(o.OXIMETER + report + report)
    ids = [record.id for record in twice if isinstance(record, Observation)]
    assert len(ids) == 2
    assert set(ids) == {record.id for record in once if isinstance(record, Observation)}


def test_device() -> None:
    device = [record for record in RECORDS if isinstance(record, Device) and record.node == "phd"][-1]
    assert (device.manufacturer, device.model, device.serial, device.part) == ("ACME Health", "OX-1000", SECRET, "P-7")
    assert [(v.value, v.type.codings[0].refid if v.type else None) for v in device.versions] == [
        ("1.2", "MDC_ID_PROD_SPEC_FW")
    ]
    assert [s.type.codings[0].code for s in device.specializations] == ["528388"]
    assert device.regulated is False  # the bit is negated: set means not regulated
    assert [c.codings[0].code for c in device.certifications] == ["4", "8196"]
    assert device.battery is not None
    assert (device.battery.text, device.battery.unit) == ("87", "%")
    codes = {p.type.codings[0].code for p in device.properties}
    assert {"68219", "68220", "68221", "68222", "68223", "68224", "67925", "68164", "532352", "532354"} <= codes
    assert ("handle 0/attribute 9999", "010203") in {(e.path, e.value) for e in device.extensions}
    assert ("handle 55/attribute 2387", "0001") in {(e.path, e.value) for e in device.extensions}


def test_gateway_is_who_answered() -> None:
    (manager,) = (record for record in RECORDS if isinstance(record, Device) and record.node == "gateway")
    assert manager.identifiers[0].value == "AABBCCDDEEFF0011"
    assert {record.gateway for record in RECORDS if isinstance(record, Observation)} == {manager.id}


def test_events_say_why() -> None:
    events = [record for record in RECORDS if isinstance(record, Event)]
    told = [
        (
            event.code.codings[0].code,
            event.value.concepts[0].codings[0].display if isinstance(event.value, CodedValue) else None,
        )
        for event in events
    ]
    assert told == [
        ("AARQ", None),
        ("AARE", "accepted-unknown-config"),
        ("RLRQ", "normal"),
        ("RLRE", "normal"),
        ("ABRT", "response-timeout"),
    ]


def test_relative_stamp_is_computed_from_the_stream_s_own_comparison() -> None:
    sync, change = (record for record in RECORDS if isinstance(record, ClockSync))
    found = [record for record in RECORDS if isinstance(record, Observation)][2]
    assert isinstance(found.time, Instant)
    # 88,000 ticks are 8,000 after the comparison: one second.
    assert (found.time.value, found.time.origin) == ("2026-11-24T10:00:01.000000", "device-clock")
    assert found.time.clock_sync == sync.id
    assert sync.device_time is not None
    assert sync.device_time.value == "2026-11-24T10:00:00.00"
    assert change.timeline_change
    assert change.reference is not None
    assert change.reference.value == "2026-11-24T11:00:00.00"


def test_undecodable_octets_are_kept_with_their_reason() -> None:
    (residue,) = (record for record in RECORDS if isinstance(record, Residue))
    assert (residue.raw, residue.reason) == (o.sfloat(1) + o.absolute(), "PHD-107")
    assert residue.span is not None
    assert STREAM[slice(*residue.span)] == residue.raw


def test_spans_lead_to_the_octets() -> None:
    values = {b"\x00\x62": "98", b"\x00\x48": "72", b"\x00\x61": "97", b"\x00\x60": "96", b"\x00\x5f": "95"}
    found = [record for record in RECORDS if isinstance(record, Observation)]
    assert len(found) == len(values)
    for record, (octets, text) in zip(found, values.items(), strict=True):
        assert isinstance(record.value, Quantity)
        assert record.value.text == text
        assert record.provenance.span is not None
        assert octets in STREAM[slice(*record.provenance.span)]


def test_messages_carry_invoke_id_and_report_number() -> None:
    wanted = "roiv-cmip-confirmed-event-report MDC_NOTI_SCAN_REPORT_FIXED"
    message = next(record for record in RECORDS if isinstance(record, Message) and record.type == wanted)
    assert message.control_id == "7"
    told = {e.path: e.value for e in message.extensions}
    assert told["PRST/request-id"] == "61440"
    assert told["PRST/number"] == "3"
    assert told["PRST/time"] == "81000"


def known_person(*identifiers: Identifier) -> Subject:
    return Subject(
        id=record_id("subject", "urn:example", "7"),
        provenance=Provenance(adapter="caller", version="1"),
        identifiers=(Identifier(system="urn:example", value="7"), *identifiers),
    )


def subjects(stream: bytes, person: Subject | None) -> list[tuple[str | None, str | None]]:
    """Return person's confidence and identifier for each observation."""
    records, _ = read(stream, ReadContext(subject=person))
    known = {record.id: record for record in records if isinstance(record, Subject)}
    found = [known.get(record.subject or "") for record in records if isinstance(record, Observation)]
    return [(None, None) if s is None else (s.confidence, s.identifiers[0].value) for s in found]


def people(*numbers: int) -> bytes:
    return o.OXIMETER + b"".join(o.persons((n, [(1, o.sfloat(90) + o.absolute())])) for n in numbers)


def test_persons_are_never_mixed() -> None:
    alone = o.OXIMETER + o.fixed((1, o.sfloat(98) + o.absolute()))
    assert subjects(alone, None) == [(None, None)]
    assert subjects(alone, known_person()) == [("certain", "7")]
    assert subjects(people(1, 2, 0xFFFF), None) == [("ambiguous", "1"), ("ambiguous", "2"), ("unknown", "65535")]
    assert subjects(people(1, 2, 1), known_person()) == [("certain", "7"), ("ambiguous", "2"), ("certain", "7")]
    assert subjects(people(0xFFFF), known_person()) == [("unknown", "65535")]
    stated = known_person(Identifier(value="2", authority_id=o.SYSTEM_ID.hex().upper(), authority_id_type="EUI-64"))
    assert subjects(people(1, 2), stated) == [("ambiguous", "1"), ("certain", "7")]


def test_person_numbers_become_associations() -> None:
    links = [record for record in RECORDS if isinstance(record, DeviceAssociation)]
    assert [link.native_person for link in links] == ["66", "65535"]


def test_nothing_planted_shows() -> None:
    for stop in range(len(STREAM)):
        records, error = read(STREAM[:stop])
        shown = "".join(map(repr, records)) + "".join(map(str, records)) + f"{error}{error!r}"
        shown += str([record.model_dump() for record in records if isinstance(record, Issue)])
        assert SECRET not in shown
        assert "ACME" not in shown
        assert o.SYSTEM_ID.hex() not in shown.lower()
    assert SECRET not in repr(make_reader(ReadContext()))


def test_limits() -> None:
    for limits in (Limits(max_bytes=200), Limits(max_records=5), Limits(max_unit=60)):
        records, error = read(STREAM, ReadContext(limits=limits))
        assert isinstance(error, LimitExceeded)
        assert records == RECORDS[: len(records)]
        again = drain(make_reader(ReadContext(limits=limits)), [STREAM[n : n + 7] for n in range(0, len(STREAM), 7)])
        assert again[0] == records


def test_reading_is_deterministic() -> None:
    assert to_json(read(STREAM)[0]) == to_json(RECORDS)


def test_time_adjustment_breaks_the_timeline() -> None:
    stream = o.association_request() + o.variable((0, {2658: (-6000).to_bytes(6, "big", signed=True)}))
    (sync,) = (record for record in read(stream)[0] if isinstance(record, ClockSync))
    assert (sync.timeline_change, sync.offset_ns) == (True, -60 * 10**9)
