"""The guard's layers: each can deny and says so; consent is asked at every decision; audit comes first."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from support.guards import AT, NURSE, PHYSICIAN, POLICY, Sink, ask, guard, observation, put
from support.records import every_kind, make

from iomt_interop import model as m
from iomt_interop.errors import AccessDenied, AuditUnavailable, InvalidRequest
from iomt_interop.privacy.access import AccessPolicy, Actor, Guard, Request, parse_scopes
from iomt_interop.privacy.consent import ConsentRegistry
from iomt_interop.privacy.reasons import REASONS
from iomt_interop.privacy.vocabulary import ACT_REASON

MINUTE = 60 * 10**9
ALICE = Actor("p", roles=frozenset({"patient"}), subject="alice")
GLASS_ONLY = (
    '{"type": "deny", "provision": [{"type": "permit", "purpose": ["BTG"], "actor": ["Group/ex-privilegedUsers"]}]}'
)


def reason(guarded: Guard, request: Request, record: m.Record) -> str:
    decision = guarded.session(request, "alice").judge(record)[1]
    assert decision == guarded.decide(request, guarded.facts(record), "alice")
    assert decision.reason in REASONS
    return decision.reason if not decision.permit else f"+{decision.reason}"


@pytest.mark.parametrize(
    ("request_", "record", "expected"),
    [
        (ask(), observation(), "+implicit-permit"),
        (ask(purpose="COC"), observation(), "+implicit-permit"),
        (ask(purpose="HPAYMT"), observation(), "role-denied"),
        (ask(purpose="HRESCH"), observation(), "consent-none"),
        (ask(purpose="HEALING"), observation(), "purpose-unknown"),
        (ask(action="delete"), observation(), "role-denied"),
        (ask(Actor("x", roles=frozenset({"wizard"}))), observation(), "role-none"),
        (ask(Actor("x")), observation(), "role-none"),
        (ask(NURSE), observation(), "+implicit-permit"),
        (ask(NURSE), make(m.Event, code=m.Concept(), subject="alice"), "role-denied"),
        (ask(NURSE), observation("R"), "label-clearance"),
        (ask(), observation("R"), "+implicit-permit"),
        (ask(), observation("V"), "label-clearance"),
        (ask(), observation("X"), "label-unknown"),
        (ask(), observation("R", "PSY"), "+implicit-permit"),
        (ask(), observation("R", "ETHUD"), "+implicit-permit"),
        (ask(), observation("R", "HIV"), "label-clearance"),
        (ask(), observation("N", "HIV"), "label-clearance"),
        (ask(), observation(subject="bob"), "subject-mismatch"),
        (ask(), observation(subject=None), "subject-unknown"),
        (ask(), make(m.Residue, raw=b"PID|", reason="ORU-301"), "subject-unknown"),
        (ask(), make(m.Device, node="mds"), "+not-consent-governed"),
        (ask(action="create"), observation(), "+not-consent-governed"),
        (ask(scopes=parse_scopes("patient/Observation.rs"), scope_subject="alice"), observation(), "+implicit-permit"),
        (ask(scopes=parse_scopes("patient/Observation.rs"), scope_subject="bob"), observation(), "scope-denied"),
        (ask(scopes=()), observation(), "scope-denied"),
        (ask(scopes=parse_scopes("user/Observation.r")), observation(), "scope-denied"),
        (ask(ALICE, purpose="PATRQT"), observation("V"), "+self-access"),
        (ask(replace(ALICE, subject="bob"), purpose="PATRQT"), observation(), "consent-none"),
        (ask(purpose="BTG"), observation(), "break-glass-undeclared"),
    ],
)  # fmt: skip
def test_each_layer_can_deny(request_: Request, record: m.Record, expected: str) -> None:
    if record.subject == "bob":
        decision = guard().session(request_, "alice").judge(record)[1]
        assert decision == (False, "subject-mismatch")
    else:
        assert reason(guard(), request_, record) == expected


def test_a_purpose_of_the_policys_own_is_known_by_system_and_code() -> None:
    registry = ConsentRegistry()
    put(registry, '{"type": "permit", "purpose": ["FooBar"]}')
    scientist = Actor("x", roles=frozenset({"scientist"}))
    own = Request(scientist, "search", ("http://example.org/policies/purposeOfUse", "FooBar"), AT)
    assert reason(guard(registry=registry), own, observation()) == "+consent-permit"
    other = replace(own, purpose=("http://example.org/other", "FooBar"))
    assert reason(guard(registry=registry), other, observation()) == "purpose-unknown"


def test_the_patients_own_refusal_does_not_keep_them_out() -> None:
    registry = ConsentRegistry()
    put(registry, '{"type": "deny"}')
    patient = Actor("p", roles=frozenset({"patient"}), subject="alice")
    assert reason(guard(registry=registry), ask(patient, purpose="PATRQT"), observation()) == "+self-access"
    assert reason(guard(registry=registry), ask(), observation()) == "consent-deny"


def test_withdrawal_works_on_the_next_decision_of_a_session_that_is_open() -> None:
    registry = ConsentRegistry()
    put(registry, '{"type": "permit", "purpose": ["HRESCH"]}')
    guarded = guard(registry=registry)
    session = guarded.session(ask(purpose="HRESCH"), "alice")
    facts = guarded.facts(observation())
    assert session.decide(facts).permit
    registry.withdraw("alice", "a-consent")
    assert session.decide(facts) == (False, "consent-withdrawn")
    assert guarded.decide(ask(purpose="HRESCH"), facts) == (False, "consent-withdrawn")
    put(registry, '{"type": "permit", "purpose": ["HRESCH"]}', dateTime="2023-01-01")
    assert session.decide(facts).permit
    sink = Sink()
    assert guard(sink, registry).release(ask(purpose="HRESCH"), [observation()]).total == 1
    assert sink.events[0].consents == (registry.consents("alice")[0].id,)


def test_a_cached_decision_does_not_outlive_the_consents_period() -> None:
    registry = ConsentRegistry()
    put(registry, '{"type": "permit", "purpose": ["HRESCH"], "period": {"end": "2024-02-01T12:00:00Z"}}')
    guarded, facts = guard(registry=registry), guard().facts(observation())
    assert guarded.decide(ask(purpose="HRESCH", at=AT), facts).permit
    assert not guarded.decide(ask(purpose="HRESCH", at=AT + MINUTE), facts).permit
    assert guarded.decide(ask(purpose="HRESCH", at=AT), facts).permit


@pytest.mark.parametrize("failure", [AuditUnavailable("AUD-001"), OSError("disk full"), ValueError("Alice")])
def test_without_the_audit_trail_nothing_leaves(failure: Exception) -> None:
    sink = Sink()
    sink.fail(failure)
    guarded = guard(sink)
    with pytest.raises(AuditUnavailable) as caught:
        guarded.release(ask(), [observation()])
    assert "Alice" not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value is failure
    with pytest.raises(AuditUnavailable):
        guarded.read(ask(), observation())
    actor = replace(PHYSICIAN, references=frozenset({"Group/ex-privilegedUsers"}))
    with pytest.raises(AuditUnavailable):
        guarded.break_glass(actor, "alice", reason="unconscious", minutes=5, at=AT)


def test_an_event_that_cannot_be_written_down_releases_nothing() -> None:
    with pytest.raises(AuditUnavailable):
        guard().release(ask(replace(PHYSICIAN, id="Dr. Alice Smith")), [observation()])


def test_each_operation_is_one_event_that_says_who_what_why_and_what_came_of_it() -> None:
    sink = Sink()
    guarded = guard(sink)
    guarded.release(ask(request_id="r-1"), [observation("R", "PSY"), observation("V"), make(m.Device, node="mds")])
    guarded.release(ask(NURSE), [observation("V")])
    with pytest.raises(AccessDenied):
        guarded.read(ask(action="read"), None)
    first, second, third = sink.events
    assert (first.operation, first.outcome, first.actor, first.client, first.purpose) == (
        "search", "success", "user-1", "app-1", "TREAT",
    )  # fmt: skip
    assert (first.records, first.kinds, first.labels) == (2, ("device", "observation"), ("PSY", "R"))
    assert first.reasons == ("implicit-permit", "label-clearance", "not-consent-governed")
    assert (first.request, first.subjects, first.roles) == ("r-1", ("ab" * 8,), ("physician",))
    assert first.policies == (guarded.policy.digest,)
    assert (second.outcome, second.records, second.labels) == ("denied", 0, ())
    assert (third.operation, third.records) == ("read", 0)


def test_a_label_that_is_no_code_does_not_reach_the_trail() -> None:
    sink = Sink()
    policy = POLICY.replace("permit-treatment", "permit-authorized")
    record = observation().replace(labels=(m.Coding(system="urn:x", code="Alice-Smith"),))
    assert guard(sink, policy=policy).release(ask(), [record]).total == 1
    assert "Alice" not in sink.events[0].to_json().decode()


# Breaking the glass.

GROUP = replace(PHYSICIAN, references=frozenset({"Practitioner/1", "Group/ex-privilegedUsers"}))


def declared(guarded: Guard, **more: Any) -> Any:
    return guarded.break_glass(
        more.pop("actor", GROUP), "alice", **({"reason": "unconscious", "minutes": 10, "at": AT} | more)
    )


def test_breaking_the_glass_opens_what_the_consent_leaves_to_it_for_as_long_as_declared() -> None:
    registry, sink = ConsentRegistry(), Sink()
    put(registry, GLASS_ONLY)
    guarded = guard(sink, registry)
    assert reason(guarded, ask(GROUP), observation()) == "consent-deny"
    emergency = declared(guarded)
    assert [(e.operation, e.outcome, e.reasons, e.break_glass) for e in sink.events] == [
        ("break-glass", "success", ("unconscious",), True)
    ]
    glass = ask(GROUP, purpose="BTG", emergency=emergency)
    assert reason(guarded, glass, observation("R", "HIV")) == "+break-glass"
    assert reason(guarded, glass, observation("V")) == "label-clearance"
    assert reason(guarded, glass.later(AT + 10 * MINUTE - 1), observation()) == "+break-glass"
    assert reason(guarded, glass.later(AT + 10 * MINUTE), observation()) == "break-glass-over"
    assert reason(guarded, glass.later(AT - 1), observation()) == "break-glass-over"
    assert guarded.release(glass, [observation("R"), make(m.Device, node="mds")]).total == 2
    assert sink.events[-1].break_glass


def test_a_consent_that_does_not_leave_it_open_stays_closed() -> None:
    registry = ConsentRegistry()
    put(registry, '{"type": "deny"}')
    guarded = guard(registry=registry)
    glass = ask(GROUP, purpose="BTG", emergency=declared(guarded))
    assert reason(guarded, glass, observation()) == "consent-deny"


def test_a_session_that_is_moved_on_ends_with_the_emergency() -> None:
    guarded = guard()
    session = guarded.session(ask(GROUP, purpose="BTG", emergency=declared(guarded)), "alice")
    facts = guarded.facts(observation())
    assert session.decide(facts) == (True, "break-glass")
    session.move(AT + 10 * MINUTE)
    assert session.decide(facts) == (False, "break-glass-over")


def test_nobody_else_can_use_or_make_a_declaration() -> None:
    guarded = guard()
    emergency = declared(guarded)
    stranger = replace(GROUP, id="user-3")
    assert reason(guarded, ask(stranger, purpose="BTG", emergency=emergency), observation()) == "break-glass-undeclared"
    longer = replace(emergency, end=emergency.end + MINUTE)
    assert reason(guarded, ask(GROUP, purpose="BTG", emergency=longer), observation()) == "break-glass-unaudited"
    other = guard()
    assert reason(other, ask(GROUP, purpose="BTG", emergency=emergency), observation()) == "break-glass-unaudited"
    bob = guarded.session(ask(GROUP, purpose="BTG", emergency=emergency), "bob")
    assert bob.judge(observation(subject="bob"))[1] == (False, "break-glass-undeclared")


def test_who_is_in_no_group_is_refused_and_recorded() -> None:
    sink = Sink()
    with pytest.raises(AccessDenied) as caught:
        declared(guard(sink), actor=PHYSICIAN)
    assert caught.value.hint == "break-glass-group"
    assert [(e.outcome, e.reasons) for e in sink.events] == [("denied", ("break-glass-group",))]


@pytest.mark.parametrize("change", [{"reason": "curious"}, {"minutes": 0}, {"minutes": 31}])
def test_reason_and_time_are_the_policys(change: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        declared(guard(), **change)


# Policy files.


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ("version = 1", "version = 2", "version"),
        ('clearance = "R"', 'clearance = "X"', "roles.physician.clearance"),
        ('"ETH", "PSY"', '"ALICE"', "roles.physician.sensitivities"),
        ('["TREAT", "HRESCH"]', '["FUN"]', "roles.physician.purposes"),
        ("minutes = 30", "minutes = 3000", "break_glass.minutes"),
        ("treats = true", "treat = true", "roles.physician.treat"),
        ('implicit_consent = "permit-treatment"', 'implicit_consent = "yes"', "implicit_consent"),
        ("version = 1", "version = ", None),
    ],
)
def test_a_policy_that_is_not_valid_is_refused_with_the_place(old: str, new: str, path: str | None) -> None:
    with pytest.raises(InvalidRequest) as caught:
        AccessPolicy.from_toml(POLICY.replace(old, new, 1))
    assert caught.value.code == "PRV-201"
    assert caught.value.path == path
    assert "ALICE" not in str(caught.value)


def test_the_digest_is_of_the_file() -> None:
    import hashlib

    assert AccessPolicy.from_toml(POLICY).digest == hashlib.sha256(POLICY.encode()).hexdigest()


def test_nothing_tells_of_a_record_in_its_repr() -> None:
    guarded = guard()
    session = guarded.session(ask(), "alice")
    texts = [guarded, session, ask(), PHYSICIAN, guarded.release(ask(), every_kind()), declared(guarded)]
    assert "alice" not in repr(texts)
    assert ACT_REASON not in repr(texts)
