"""What shows no record asks, too: for persons as a whole, for the store, for what is to be stored."""

from __future__ import annotations

import pytest
from support.guards import NURSE, PHYSICIAN, POLICY, Sink, ask, guard, observation
from support.records import SECRET

from iomt_interop import model as m
from iomt_interop.errors import AccessDenied, AuditUnavailable
from iomt_interop.privacy.access import Actor, Projection, parse_scopes
from iomt_interop.privacy.audit import AuditRecord
from iomt_interop.privacy.audit.sink import record_all
from iomt_interop.privacy.minimise import built_in

KEEPING = POLICY + '\n[roles.keeper]\nactions = ["keep", "delete"]\npurposes = ["HOPERAT"]\n'
KEEPER = Actor("it-1", roles=frozenset({"keeper"}))


def test_a_keeper_keeps_and_sees_nothing() -> None:
    sink = Sink()
    guarded = guard(sink, policy=KEEPING)
    keep = ask(KEEPER, "keep", "HOPERAT")
    guarded.admit(keep, "key", name="rotate")
    guarded.admit(ask(KEEPER, "delete", "HOPERAT"), "erase", ["alice", "bob"])
    first, *others = sink.events
    assert (first.operation, first.parameters, first.subjects, first.outcome) == ("key", ("rotate",), (), "success")
    assert [(e.operation, len(e.subjects), e.request) for e in others] == [("erase", 1, others[0].request)] * 2
    assert others[0].request is not None
    assert guarded.release(ask(KEEPER, "search", "HOPERAT"), [observation()]).total == 0


@pytest.mark.parametrize(
    ("actor", "action", "purpose", "scopes", "reason"),
    [
        (PHYSICIAN, "keep", "TREAT", None, "role-denied"),
        (KEEPER, "keep", "TREAT", None, "role-denied"),
        (KEEPER, "keep", "FUN", None, "purpose-unknown"),
        (Actor("x"), "keep", "HOPERAT", None, "role-none"),
        (KEEPER, "keep", "HOPERAT", parse_scopes("system/*.cruds"), "scope-denied"),
        (KEEPER, "delete", "HOPERAT", parse_scopes("system/*.cru"), "scope-denied"),
    ],
)
def test_who_may_not_is_told_why_and_written_down(
    actor: Actor, action: str, purpose: str, scopes: object, reason: str
) -> None:
    sink = Sink()
    with pytest.raises(AccessDenied) as caught:
        guard(sink, policy=KEEPING).admit(ask(actor, action, purpose, scopes=scopes), "execute", ["alice"])
    assert caught.value.hint == reason
    assert [(event.outcome, event.reasons) for event in sink.events] == [("denied", (reason,))]


def test_no_label_keeps_a_person_from_being_erased() -> None:
    guard(policy=KEEPING).admit(ask(KEEPER, "delete", "HOPERAT", scopes=parse_scopes("system/*.d")), "erase", ["alice"])


def test_of_records_that_are_to_be_stored_one_denial_denies_all() -> None:
    sink = Sink()
    guarded = guard(sink)
    guarded.admit_records(ask(action="create"), [observation(), observation(subject="bob"), observation()])
    assert [(e.operation, e.outcome, e.records) for e in sink.events] == [
        ("create", "success", 2),
        ("create", "success", 1),
    ]
    sink.events.clear()
    with pytest.raises(AccessDenied) as caught:
        guarded.admit_records(ask(action="create"), [observation(), observation("V", subject="bob")])
    assert caught.value.hint == "label-clearance"
    assert [(e.outcome, e.records) for e in sink.events] == [("denied", 0), ("denied", 0)]
    with pytest.raises(AccessDenied):
        guarded.admit_records(ask(NURSE, "create"), [observation()])


def test_without_the_trail_nothing_is_admitted() -> None:
    sink = Sink()
    sink.fail(OSError("full"))
    guarded = guard(sink, policy=KEEPING)
    keep = ask(KEEPER, "keep", "HOPERAT")
    for call in (
        lambda: guarded.admit(keep, "key"),
        lambda: guarded.admit_records(ask(action="create"), [observation()]),
        lambda: guarded.note(keep, "key", "failed", "store-failed"),
    ):
        with pytest.raises(AuditUnavailable):
            call()


def test_an_answer_is_cut_to_what_the_purpose_needs_and_counted_so() -> None:
    sink = Sink()
    records = [observation(notes=(m.Note(text=SECRET),)), observation("V"), m.Document(
        id="d", provenance=observation().provenance, subject="alice", title=SECRET)]  # fmt: skip
    project = Projection(built_in("safe-harbor"), as_of=2026)
    page = guard(sink).release(ask(), records, project=project)
    assert SECRET not in m.to_json(page.records).decode()
    assert page.total == len(page.records) == sink.events[0].records
    assert built_in("safe-harbor").digest in sink.events[0].policies


def test_events_of_one_operation_are_taken_together_where_a_sink_can() -> None:
    class Together(Sink):
        def __init__(self) -> None:
            super().__init__()
            self.taken: list[int] = []

        def record_all(self, events: list[AuditRecord], /) -> None:
            self.taken.append(len(events))

    sink = Together()
    guard(sink).release(ask(), [observation(), observation(subject="bob")])
    assert (sink.taken, sink.events) == ([2], [])
    plain = Sink()
    guard(plain).release(ask(), [observation(), observation(subject="bob")])
    assert len(plain.events) == 2
    record_all(plain, plain.events[:1])
    assert len(plain.events) == 3
