"""What surrounds observations through FHIR and back: everything comes back that is not listed as lost."""

from __future__ import annotations

from typing import Any

import pytest
from adapters.fhir_r4.test_roundtrip import EXAMPLES, FORM, ID, PROVENANCE, identifiers, normal, read, texts
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from iomt_interop import model as m
from iomt_interop.adapters.fhir_r4.resources import to_fhir_resources
from iomt_interop.adapters.fhir_r4.writer import make_writer
from iomt_interop.testing import strategies as records

KINDS = [
    "request", "specimen", "related_person", "coverage", "condition", "allergy", "procedure", "immunization",
    "appointment", "account", "care_team", "activity", "subject", "encounter", "order", "message",
]  # fmt: skip


def said(tree: Any) -> Any:
    """Leave out what says nothing: a concept without a coding and a text is no concept."""
    if isinstance(tree, dict):
        if "refid" in tree and tree["display"] == tree["refid"]:
            tree = tree | {"display": None}
        return {key: kept for key, value in tree.items() if (kept := said(value)) not in (None, {}, ())}
    if isinstance(tree, tuple | list):
        return tuple(kept for value in tree if (kept := said(value)) not in (None, {}, ()))
    return tree


@pytest.mark.parametrize("kind", KINDS)
def test_comes_back(kind: str) -> None:
    strategy = records.records(
        [kind], id=st.just(ID), provenance=st.just(PROVENANCE), extensions=st.just(()), labels=st.just(()),
    )  # fmt: skip

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(strategy)
    def check(record: Any) -> None:
        writer = make_writer(FORM)
        payload = b"".join(writer.write([record]))
        if writer.losses:
            return
        [back] = [one for one in read(payload) if one.kind == kind]
        expected, found = said(normal(record)), said(normal(back))
        assert {key: (expected.get(key), value) for key, value in found.items() if value != expected.get(key)} == {}
        assert found.keys() == expected.keys()

    check()


people = st.builds(
    m.PersonName, family=texts, own_prefix=texts, own_name=texts, partner_name=texts, assembly_order=st.just("G"),
    suffix=st.just(("II", "MD")),
)  # fmt: skip
units = st.builds(
    m.Organization, name=texts, identifiers=st.tuples(identifiers),
    addresses=st.just((m.Address(city="Ghent", census_tract="6059", start="2022", end="2023-01-02"),)),
)  # fmt: skip
one = st.tuples(identifiers)
parties = st.one_of(
    st.builds(m.Actor, role=texts, party=st.just("person"), names=st.tuples(people), identifiers=one),
    st.builds(m.Actor, role=texts, party=st.just("person"), names=st.tuples(people), behalf=units),
    st.builds(m.Actor, role=texts, party=st.just("person"), organization=texts, start=st.just("2022-01-01")),
    st.builds(m.Actor, role=texts, party=st.just("organization"), organization=texts, identifiers=one),
    st.builds(m.Actor, role=texts, party=st.just("device"), identifiers=st.tuples(identifiers)),
    st.builds(
        m.Actor, role=texts, party=st.just("person"), names=st.tuples(people),
        places=st.just((m.Location(bed="B", room="1", facility="H", facility_id="2.4.4.4", facility_id_type="ISO"),)),
    ),
)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(st.lists(parties, min_size=1, max_size=3).map(tuple))
def test_parties_are_contained_resources_and_come_back(actors: tuple[m.Actor, ...]) -> None:
    record = m.Observation(id=ID, provenance=PROVENANCE, code=m.Concept(text="x"), performers=actors, status="final")
    writer = make_writer(FORM)
    payload = b"".join(writer.write([record]))
    assert not writer.losses
    assert to_fhir_resources(payload)
    [back] = read(payload)
    assert back.performers == actors


def test_a_place_is_a_chain_of_locations() -> None:
    place = m.Location(bed="B", room="1", point_of_care="ICU", facility="H", identifiers=(m.Identifier(value="9"),))
    record = m.Encounter(id=ID, provenance=PROVENANCE, location=place, status="in-progress")
    payload = b"".join(make_writer(FORM).write([record]))
    [resource] = to_fhir_resources(payload)
    levels = {one.physicalType.coding[0].code: one for one in resource.contained}
    assert list(levels) == ["si", "wa", "ro", "bd"]
    assert resource.location[0].location.reference == "#" + levels["bd"].id
    assert levels["bd"].partOf.reference == "#" + levels["ro"].id
    [back] = read(payload)
    assert back.location == place


def test_order_numbers_have_the_guides_types() -> None:
    numbers = {"placer": (m.Identifier(value="P1"),), "filler": (m.Identifier(value="F1"),)}
    record = m.Request(id=ID, provenance=PROVENANCE, status="active", intent="order", **numbers)
    payload = b"".join(make_writer(FORM).write([record]))
    [resource] = to_fhir_resources(payload)
    assert [(one.type.coding[0].code, one.value) for one in resource.identifier] == [("PLAC", "P1"), ("FILL", "F1")]
    [back] = read(payload)
    assert (back.placer, back.filler) == (numbers["placer"], numbers["filler"])
