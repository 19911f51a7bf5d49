"""Whatever records a vault is given, in whatever portions, it gives them back: equal, exact, in order."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.places import Places

from iomt_interop import model as m
from iomt_interop.privacy import find_leaks
from iomt_interop.vault import KeyFile, Vault

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=12)
MAYBE = st.none() | TEXT
PARTS = {
    "code": st.builds(m.Concept, codings=st.tuples(st.builds(m.Coding, system=MAYBE, code=MAYBE)), text=MAYBE),
    "quantity": st.builds(
        m.Quantity,
        mantissa=st.integers(-(10**40), 10**40),
        exponent=st.integers(-1000, 1000),
        special=st.sampled_from([None, None, None, "nan", "nres", "+inf", "-inf", "reserved"]),
        unit=MAYBE,
        literal=MAYBE,
    ),
    "instant": st.builds(
        m.Instant,
        value=st.sampled_from(["2026", "2026-11-24T10:58:03.200000000000000001-00:30", "0001-01-01T24:00Z"]),
        uncertainty_ns=st.none() | st.integers(-(2**70), 2**70),
    ),
}
VALUES = st.one_of(
    PARTS["quantity"],
    st.builds(m.TextValue, text=TEXT),
    st.builds(m.CodedValue, concepts=st.lists(PARTS["code"], max_size=2).map(tuple)),
    st.builds(m.BitSetValue, width=st.just(64), bits=st.integers(0, 2**64 - 1)),
    st.builds(m.Range, low=st.none() | PARTS["quantity"], high=st.none() | PARTS["quantity"]),
    st.builds(m.Ratio, numerator=PARTS["quantity"], denominator=PARTS["quantity"]),
)
COMMON = {
    "id": st.integers(0, 40).map(m.record_id),
    "provenance": st.builds(m.Provenance, adapter=TEXT, version=TEXT, path=MAYBE),
    "subject": st.sampled_from([None, None, "one", "two", "", "three\x00"]),
    "extensions": st.lists(st.builds(m.Extension, namespace=TEXT, path=TEXT, value=MAYBE), max_size=2).map(tuple),
}
SEGMENT = st.builds(m.Segment, channel=st.integers(0, 3), dtype=st.just("u1"), data=st.binary(max_size=9), n=st.just(1))
RECORDS = st.one_of(
    st.builds(m.Observation, **COMMON, code=PARTS["code"], value=st.none() | VALUES, time=PARTS["instant"]),
    st.builds(m.Waveform, **COMMON, code=PARTS["code"], channels=st.just(()), segments=st.tuples(SEGMENT)),
    st.builds(m.Residue, **COMMON, raw=st.binary(max_size=40), reason=TEXT),
    st.builds(m.Document, **COMMON, data=st.none() | st.binary(max_size=40), media_type=MAYBE),
    st.builds(m.Event, **COMMON, code=PARTS["code"], text=MAYBE),
    st.builds(m.Device, **COMMON, node=st.just("mds"), serial=MAYBE),
    st.builds(
        m.Subject,
        **COMMON,
        identifiers=st.lists(st.builds(m.Identifier, value=MAYBE, system=MAYBE, authority=MAYBE), max_size=2).map(
            tuple
        ),
    ),
)


def owner(record: m.Record) -> str:
    """Return whose a record is: a subject's own, else the subject it names."""
    return record.id if isinstance(record, m.Subject) else record.subject or ""


def together(history: list[m.Record]) -> m.Record:
    """Return what is given of a record's versions."""
    same = [record for record in history if record.kind == history[-1].kind]
    return m.merge_versions(same) if history[-1].kind in m.MERGED_KINDS else history[-1]


@given(st.lists(st.lists(RECORDS, max_size=8), max_size=4))
@settings(max_examples=60)
def test_what_is_put_is_given_back(
    places: Places, tmp_path_factory: pytest.TempPathFactory, portions: list[list[m.Record]]
) -> None:
    place = places.new("any")
    key = KeyFile.create(tmp_path_factory.mktemp("any") / "key")
    versions: dict[tuple[str, str], list[m.Record]] = {}
    everything: list[m.Record] = []
    with Vault.create(place, keys=key) as vault:
        for portion in portions:
            result = vault.put(portion)
            assert result.stored + result.replaced + result.unchanged == len(portion)
            for record in portion:
                name = (owner(record), record.id)
                known = versions.get(name, [])
                if record not in known:
                    versions.pop(name, None)
                    versions[name] = [*known, record]
                    everything.append(record)
    with Vault.open(place, keys=key) as vault:
        vault.verify()
        found = list(vault.records())
        latest = [history[-1] for history in versions.values()]
        assert list(vault.records(versions="latest")) == latest
        assert m.to_json(vault.records(versions="latest")) == m.to_json(latest)
        assert list(vault.records(versions="all")) == everything
        assert found == [together(history) for history in versions.values()]
        for (person, identity), history in versions.items():
            assert vault.history(identity, subject=person) == history
        for person in {owner(record) for record in found}:
            assert list(vault.records(subject=person)) == [record for record in found if owner(record) == person]
        subjects = [record for record in found if isinstance(record, m.Subject)]
        for identifier in {i.value for s in subjects for i in s.identifiers if i.value}:
            holders = [s.id for s in subjects if identifier in {i.value for i in s.identifiers}]
            assert vault.find(identifier) == holders


def test_no_name_of_a_record_stands_in_any_column(tmp_path: Path) -> None:
    """Ids are digests of identifiers, so somebody who guesses the identifier could look them up."""
    key = KeyFile.create(tmp_path / "key")
    subject = m.record_id("subject", "WARD", "MR", "48151623")
    record = m.Event(
        id=m.record_id("event"), provenance=m.Provenance(adapter="test", version="1"), code=m.Concept(), subject=subject
    )
    with Vault.create(tmp_path / "v", keys=key) as vault:
        vault.put([record])
    connection = sqlite3.connect(tmp_path / "v")
    tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    cells = [cell for t in tables for row in connection.execute(f"SELECT * FROM {t}") for cell in row]
    connection.close()
    stored = b"\n".join(cell if isinstance(cell, bytes) else str(cell).encode() for cell in cells)
    raw = [bytes.fromhex(name) for name in (subject, record.id)]
    assert find_leaks(stored, [subject, record.id, "event", "48151623"]) == []
    assert not any(name in stored for name in raw)
