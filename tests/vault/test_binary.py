"""Octets beside the JSON: they cost what they are, come back as they were, and count as content."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.places import Places
from support.records import SPO2, every_kind, make

from iomt_interop import model as m
from iomt_interop.errors import SecurityError, StoreDamaged
from iomt_interop.vault import KeyFile, PutResult, Vault
from iomt_interop.vault.binary import attach, detach
from iomt_interop.vault.blocks import pack, unpack
from iomt_interop.vault.documents import draft_of

OCTETS = st.binary(max_size=90)
SEGMENTS = st.builds(
    m.Segment, channel=st.just(0), dtype=st.just("u1"), data=OCTETS, n=st.integers(0, 9), marks=st.none() | OCTETS
)


def wave(*segments: m.Segment) -> m.Waveform:
    """Return a waveform."""
    record = make(m.Waveform, code=SPO2, channels=(m.Channel(code=SPO2),), segments=segments, subject="s")
    assert isinstance(record, m.Waveform)
    return record


RECORDS = (
    st.lists(SEGMENTS, max_size=4).map(lambda segments: wave(*segments))
    | (st.none() | OCTETS).map(lambda data: make(m.Document, data=data))
    | OCTETS.map(lambda raw: make(m.Residue, raw=raw, reason="HL7-199"))
    | (st.none() | OCTETS).map(lambda data: make(m.Observation, code=SPO2, value=m.AttachmentValue(data=data)))
)


@settings(max_examples=100)
@given(st.lists(RECORDS, min_size=1, max_size=5))
def test_octets_come_back(records: list[m.Record]) -> None:
    drafts = [draft_of(record) for record in records]
    parts = [(n, *part) for n, draft in enumerate(drafts) for part in draft.parts]
    raw = pack(range(len(drafts)), [draft.document for draft in drafts], parts)
    positions, text, again = unpack(raw, len(records))
    assert (list(positions), again) == (list(range(len(records))), parts)
    found = m.records_from_json(text)
    for n, record in enumerate(found):
        mine = [part for number, *part in parts if number == n]
        assert (attach(record, mine) if mine else record) == records[n]  # type: ignore[arg-type]
        for slot, octets in mine:
            assert isinstance(slot, int)
            assert len(bytes(octets)) >= 64  # type: ignore[call-overload]


@given(RECORDS, RECORDS)
def test_content_is_equal_when_records_are(one: m.Record, other: m.Record) -> None:
    assert (draft_of(one).content() == draft_of(other).content()) is (one == other)


def test_what_has_no_octets_is_left_alone() -> None:
    for record in every_kind():
        rest, parts = detach(record)
        assert (rest is record) is (not parts)
        assert (attach(rest, parts) if parts else rest) == record


@pytest.mark.parametrize(
    ("record", "parts"),
    [
        (wave(), [(0, b"x")]),
        (make(m.Document), [(1, b"x")]),
        (make(m.Document), [(0, b"x"), (0, b"y")]),
        (make(m.Event, code=SPO2), [(0, b"x")]),
        (make(m.Observation, code=SPO2), [(0, b"x")]),
    ],
)
def test_octets_of_no_field_are_damage(record: m.Record, parts: list[tuple[int, bytes]]) -> None:
    with pytest.raises(StoreDamaged):
        attach(record, parts)


def test_a_megabyte_of_noise_costs_a_megabyte(places: Places, key: KeyFile) -> None:
    """As base64 in a text it would be a third longer before compression."""
    noise = random.Random(5).randbytes(1 << 20)
    record = wave(m.Segment(channel=0, dtype="i2", data=noise, n=1 << 19))
    place = places.new("noise")
    with Vault.create(place, keys=key) as vault:
        empty = sum(v for k, v in vault.info().items() if k.endswith("bytes") and isinstance(v, int))
        vault.put([record])
    ((size,),) = places.rows(place, "SELECT length(ciphertext) FROM blocks")
    assert (1 << 20) < int(str(size)) < (1 << 20) + 2048
    if isinstance(place, Path):
        assert place.stat().st_size < (1 << 20) + 16384 + empty
    with Vault.open(place, keys=key, mode="write") as vault:
        assert list(vault.records()) == [record]
        assert vault.put([record]) == PutResult(0, 0, 1)
        other = wave(m.Segment(channel=0, dtype="i2", data=noise[:-1] + b"\0", n=1 << 19))
        assert vault.put([other]) == PutResult(0, 1, 0)
        assert vault.history(record.id, subject="s") == [record, other]
        vault.verify()


def test_a_smooth_signal_costs_less_than_it_is_long(places: Places, key: KeyFile) -> None:
    ramp = b"".join(n.to_bytes(2, "little") for n in range(1 << 15)) * 8
    place = places.new("ramp")
    with Vault.create(place, keys=key) as vault:
        vault.put([wave(m.Segment(channel=0, dtype="u2", data=ramp, n=1 << 18))])
        assert isinstance(next(vault.records()), m.Waveform)
    ((size,),) = places.rows(place, "SELECT length(ciphertext) FROM blocks")
    assert int(str(size)) < len(ramp)


def test_a_vault_of_the_format_before_is_refused(places: Places, key: KeyFile) -> None:
    place = places.new("old")
    Vault.create(place, keys=key).close()
    places.run(place, "UPDATE meta SET value = CAST('3' AS BLOB) WHERE name = 'format'")
    with pytest.raises(SecurityError, match="SEC-005"):
        Vault.open(place, keys=key)
