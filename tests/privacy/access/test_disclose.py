"""A disclosure: what may be seen, as little as the purpose needs, under an agreement in force, written down first."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from support.guards import PHYSICIAN, Sink, ask, guard, observation, put
from support.policy import POLICY as AGREEMENTS
from support.records import SECRET

from iomt_interop import model as m
from iomt_interop.errors import AccessDenied, AuditUnavailable, InvalidRequest
from iomt_interop.privacy.access import Request
from iomt_interop.privacy.agreements import load_policy
from iomt_interop.privacy.consent import ConsentRegistry
from iomt_interop.privacy.minimise import built_in

REGISTER = load_policy(AGREEMENTS)
IN_FORCE, OVER = date(2026, 2, 1), date(2027, 1, 1)
EXPORT = ask(PHYSICIAN, "export", "HRESCH")
RECORDS = [observation("N", notes=(m.Note(text=SECRET),)), observation("V"), observation(subject="bob")]


def disclosed(sink: Sink, request: Request = EXPORT, **more: Any) -> Any:
    registry = ConsentRegistry()
    put(registry, '{"type": "permit", "purpose": ["HRESCH"]}')
    given = {"recipient": "registry", "agreements": REGISTER, "day": IN_FORCE} | more
    return guard(sink, registry).disclose(request, RECORDS, **given)


def test_the_recipient_gets_what_may_be_seen_minimised_and_an_event_each_says_so() -> None:
    sink = Sink()
    result = disclosed(sink)
    assert [record.kind for record in result.records] == ["observation"]
    assert SECRET not in m.to_json(result.records).decode()
    assert result.records[0].subject != "alice"
    event, other = sink.events
    assert (event.operation, event.outcome, event.recipient, event.records) == ("disclose", "success", "registry", 1)
    assert {"consent-permit", "label-clearance", "agreement-permit"} == set(event.reasons)
    assert set(event.policies) >= {REGISTER.digest, built_in("safe-harbor").digest}
    assert len(event.consents) == 1
    # The other person, of whom nothing is disclosed, has an event too; both are of one operation.
    assert (other.outcome, other.records, other.consents) == ("denied", 0, ())
    assert event.request is not None
    assert event.request == other.request


def test_without_an_agreement_in_force_nothing_leaves_and_the_refusal_is_written_down() -> None:
    for more in ({"day": OVER}, {"recipient": "nobody"}):
        sink = Sink()
        with pytest.raises(AccessDenied) as caught:
            disclosed(sink, **more)
        assert caught.value.code == "AGR-003"
        assert [(event.outcome, event.records) for event in sink.events] == [("denied", 0)] * 2


@pytest.mark.parametrize("day", [IN_FORCE, OVER])
def test_without_the_audit_trail_nothing_leaves(day: date) -> None:
    sink = Sink()
    sink.fail(OSError("disk full"))
    with pytest.raises(AuditUnavailable):
        disclosed(sink, day=day)


def test_a_policy_for_another_purpose_is_no_policy() -> None:
    with pytest.raises(InvalidRequest) as caught:
        disclosed(Sink(), policy=built_in("treatment"))
    assert caught.value.code == "PRV-302"
    with pytest.raises(InvalidRequest):
        disclosed(Sink(), ask(PHYSICIAN, "search", "HRESCH"))
    foreign = Request(PHYSICIAN, "export", ("http://example.org", "HRESCH"), EXPORT.at)
    with pytest.raises(InvalidRequest):
        disclosed(Sink(), foreign)


def test_when_everything_is_hidden_the_event_says_denied() -> None:
    sink = Sink()
    result = guard(sink).disclose(EXPORT, RECORDS, recipient="registry", agreements=REGISTER, day=IN_FORCE)
    assert result.records == []
    assert [(event.outcome, event.records) for event in sink.events] == [("denied", 0)] * 2
