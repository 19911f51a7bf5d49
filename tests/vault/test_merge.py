"""Versions of one record as one record."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.records import AT, SPO2, make

from iomt_interop import model as m
from iomt_interop.errors import InvalidRequest


def concept(code: str) -> m.Concept:
    """Return a concept of one code."""
    return m.Concept(codings=(m.Coding(code=code),))


def merged(cls: type[m.Envelope], *versions: dict[str, object]) -> m.Envelope:
    """Return the merge of versions, the oldest first."""
    return m.merge_versions([make(cls, **fields) for fields in versions])


def test_lists_are_united_and_the_newest_stand_first() -> None:
    a, b, c = (m.Identifier(value=value) for value in "abc")
    found = merged(m.Subject, {"identifiers": (a, b)}, {"identifiers": ()}, {"identifiers": (c, a)})
    assert found == make(m.Subject, identifiers=(c, a, b))
    label, link = m.Coding(code="R"), m.Link(relation="replaces", target="x")
    found = merged(m.Device, {"labels": (label,), "names": ("old",)}, {"links": (link,), "names": ("new", "old")})
    assert found == make(m.Device, labels=(label,), links=(link,), names=("new", "old"))


def test_of_single_values_the_newest_that_was_stated_counts() -> None:
    found = merged(
        m.Subject,
        {"birth_date": m.Instant(value="1980"), "active": True, "confidence": "assumed", "deceased": AT},
        {"birth_date": m.Instant(value="1980-02-29"), "active": False, "deceased": False},
        {"confidence": "unknown"},
    )
    assert found == make(
        m.Subject, birth_date=m.Instant(value="1980-02-29"), active=False, deceased=False, confidence="unknown"
    )
    assert merged(m.Subject, {"confidence": "test"}, {}) == make(m.Subject, confidence="certain")


def test_what_says_nothing_overrides_nothing() -> None:
    assert merged(m.Device, {"node": "mds", "serial": "1"}, {}) == make(m.Device, node="mds", serial="1")
    assert merged(m.Metric, {"code": SPO2, "category": "setting"}, {"code": SPO2}) == make(
        m.Metric, code=SPO2, category="setting"
    )


def test_states_are_not_united() -> None:
    old, new, other = (
        m.DeviceVersion(type=concept("firmware"), value="1"),
        m.DeviceVersion(type=concept("firmware"), value="2"),
        m.DeviceVersion(type=concept("hardware"), value="A"),
    )
    found = merged(
        m.Device,
        {"versions": (other, old), "activation": "failed", "activation_reasons": (concept("x"),)},
        {"versions": (new,), "activation": "on"},
    )
    assert found == make(m.Device, versions=(new, other), activation="on")
    cell = m.Extension(namespace="hl7v2_oru", path="PID-11.5", value="1")
    found = merged(m.Subject, {"extensions": (cell,)}, {"extensions": (cell.replace(value="2"),)})
    assert found == make(m.Subject, extensions=(cell.replace(value="2"),))
    found = merged(
        m.Metric, {"code": SPO2, "body_sites": (concept("l"),)}, {"code": SPO2, "body_sites": (concept("r"),)}
    )
    assert found == make(m.Metric, code=SPO2, body_sites=(concept("r"),))


def test_a_place_and_the_place_before_are_one_statement() -> None:
    one, two, three = (m.Location(bed=bed) for bed in "123")
    versions = [{"location": one}, {"location": two, "prior_location": one}, {"location": three}, {"status": "x"}]
    assert merged(m.Encounter, *versions) == make(m.Encounter, location=three, status="x")
    assert merged(m.Encounter, *versions[:2]) == make(m.Encounter, location=two, prior_location=one)


def test_provenance_is_the_newest_s_and_one_version_is_itself() -> None:
    old = make(m.Device, names=("a", "a"))
    new = old.replace(provenance=m.Provenance(adapter="other", version="2"), names=())
    assert m.merge_versions([old]) is old
    assert m.merge_versions([old, new]) == new.replace(names=("a",))


def test_only_versions_of_one_lasting_thing_are_merged() -> None:
    device = make(m.Device)
    for wrong in ([make(m.Event, code=SPO2)], [device, device.replace(id="0")], [device, make(m.Subject)], ["x"]):
        with pytest.raises(InvalidRequest, match="USE-001"):
            m.merge_versions(wrong)  # type: ignore[arg-type]
    with pytest.raises(InvalidRequest, match="USE-002"):
        m.merge_versions([])


IDENTIFIERS = st.lists(st.sampled_from([m.Identifier(value=v) for v in "abcd"]), max_size=3).map(tuple)
PERSONS = st.fixed_dictionaries(
    {"identifiers": IDENTIFIERS}, optional={"active": st.just(True), "sex": st.just(m.Coding(code="F"))}
)


@given(st.lists(PERSONS, min_size=1, max_size=4))
def test_without_contradictions_the_order_decides_only_who_stands_first(persons: list[dict[str, object]]) -> None:
    versions = [make(m.Subject, **fields) for fields in persons]
    results = []
    for order in itertools.permutations(versions):
        record = m.merge_versions(order)
        assert isinstance(record, m.Subject)
        results.append((frozenset(record.identifiers), record.active, record.sex))
        if len(order) > 1:
            assert record == m.merge_versions([m.merge_versions(order[:-1]), order[-1]])
    assert len(set(results)) == 1
    assert results[0][0] == {i for version in versions for i in version.identifiers}  # type: ignore[attr-defined]
