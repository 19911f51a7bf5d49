"""Nothing that is hidden can be told from what is shown: totals, pages, look-ups, searches, references, exports.

After known faults of another server: protected values found through chained searches, totals that count hidden records,
exports that skip the per-record check.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.guards import PHYSICIAN, Sink, ask, guard, observation
from support.records import SPO2, make

from iomt_interop import model as m
from iomt_interop.errors import AccessDenied

HIDDEN = ("V",)


@st.composite
def answers(draw: st.DrawFn) -> tuple[list[m.Record], list[m.Record]]:
    """Return an answer, and the same without what may not be seen."""
    whole: list[m.Record] = []
    for hidden in draw(st.lists(st.booleans(), max_size=8)):
        links: tuple[m.Link, ...] = ()
        if whole and draw(st.booleans()):
            links = (m.Link(relation="derived_from", target=draw(st.sampled_from(whole)).id),)
        whole.append(observation(*(HIDDEN if hidden else ()), links=links))
    return whole, [record for record in whole if not record.labels]


@given(answers(), st.integers(0, 9), st.none() | st.integers(0, 9), st.sampled_from(["search", "export"]))
def test_an_answer_is_the_same_as_if_the_hidden_records_did_not_exist(
    case: tuple[list[m.Record], list[m.Record]], offset: int, limit: int | None, action: str
) -> None:
    whole, seen = case
    guarded = guard()
    page = guarded.release(ask(action=action), whole, offset=offset, limit=limit)
    assert page.total == len(seen)
    stop = None if limit is None else offset + limit
    shown = {record.id for record in seen}
    expected = [
        record.replace(links=tuple(link for link in record.links if link.target in shown))
        if any(link.target not in shown for link in record.links)
        else record
        for record in seen[offset:stop]
    ]
    assert list(page.records) == expected


def test_a_record_that_is_hidden_and_one_that_is_not_there_are_refused_alike() -> None:
    sink = Sink()
    guarded = guard(sink)
    told = []
    for record in (observation(*HIDDEN), observation(subject=None), None):
        with pytest.raises(AccessDenied) as caught:
            guarded.read(ask(action="read"), record)
        told.append((type(caught.value), str(caught.value), repr(caught.value), caught.value.args))
    assert len(set(told)) == 1
    assert len(sink.events) == 3


def test_a_search_through_references_finds_nothing_by_hidden_values() -> None:
    """A chain (subjects that have an observation of some value) must run over what may be seen alone."""
    guarded, request = guard(), ask()
    subject = make(m.Subject).replace(id="alice")
    secret = observation(*HIDDEN, value=m.TextValue(text="positive"))

    def has(records: list[m.Record], text: str) -> list[m.Record]:
        found = {r.subject for r in records if isinstance(r, m.Observation) and r.value == m.TextValue(text=text)}
        return [r for r in records if isinstance(r, m.Subject) and r.id in found]

    everything: list[m.Record] = [subject, secret]
    assert has(everything, "positive") == [subject]
    assert has(guarded.visible(request, everything), "positive") == []
    open_ = observation(value=m.TextValue(text="positive"))
    assert has(guarded.visible(request, [*everything, open_]), "positive") == [subject]


@pytest.mark.parametrize(
    ("record", "field"),
    [
        (make(m.Observation, code=SPO2, subject="alice", encounter="H"), "encounter"),
        (make(m.Observation, code=SPO2, subject="alice", device="H", gateway="H"), "device"),
        (make(m.Order, subject="alice", devices=("H", "D")), "devices"),
        (make(m.Alert, subject="alice", source_metric="H"), "source_metric"),
        (make(m.Observation, code=SPO2, subject="alice", time=m.Instant(value="2024", clock_sync="H")), "time"),
        (make(m.Device, node="mds", calibrations=(m.Calibration(devices=("H",)),)), "calibrations"),
    ],
)
def test_no_reference_to_a_hidden_record_is_left(record: m.Record, field: str) -> None:
    hidden: Any = observation(*HIDDEN).replace(id="H")
    page = guard().release(ask(), [record, hidden])
    assert page.total == 1
    assert '"H"' not in m.to_json(page.records).decode()
    alone = guard().release(ask(), [record])
    assert alone.records == (record,)


def test_what_is_nothing_without_a_hidden_record_is_hidden_too() -> None:
    device = make(m.Device, node="mds", labels=(m.Coding(system="urn:oid:2.16.840.1.113883.5.25", code="V"),))
    association = make(m.DeviceAssociation, device=device.id, subject="alice")
    assert guard().release(ask(), [device, association]).total == 0
    assert guard().release(ask(), [association]).total == 1


def test_records_of_several_subjects_are_decided_each_by_their_own() -> None:
    from support.guards import put

    from iomt_interop.privacy.consent import ConsentRegistry

    registry = ConsentRegistry()
    put(registry, '{"type": "deny"}', subject="alice")
    guarded = guard(registry=registry)
    page = guarded.release(ask(PHYSICIAN), [observation(), observation(subject="bob"), observation(subject="carol")])
    assert {record.subject for record in page.records} == {"bob", "carol"}
