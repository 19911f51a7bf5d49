"""Whatever is not understood permits nothing and says why; drafts, errors, the past and the withdrawn."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from support.consents import AT, IRCP, PATIENT, consent_json, facts_in, table

from iomt_interop.privacy.consent import ConsentRegistry, Verdict, consent_from_fhir, prepare
from iomt_interop.privacy.vocabulary import ACT_REASON

FACTS = {name: facts_in(record) for name, record in table()["records"].items()}
PERMIT = '{"type": "permit", "purpose": ["TREAT"]}'
DENY = '{"type": "deny", "purpose": ["TREAT"]}'
ACTOR = frozenset({"Practitioner/ex-practitioner", "Organization/ex-organization"})


def decide(*trees: dict[str, Any], at: int = AT, record: str = "plain", **more: Any) -> Verdict:
    consents = [consent_from_fhir(json.dumps(tree)) for tree in trees]
    purpose = (ACT_REASON, more.pop("purpose", "TREAT"))
    rulings = prepare(consents, patient=PATIENT, actor=ACTOR, purpose=purpose, at=at, **more)
    found = rulings.decide(FACTS[record])
    assert rulings.constant in (None, found)
    return found


def provided(change: dict[str, Any]) -> dict[str, Any]:
    tree = consent_json(PERMIT)
    tree["provision"] |= change
    return tree


def test_the_consent_that_is_changed_below_permits() -> None:
    assert decide(consent_json(PERMIT)) == (True, "consent-permit")


CODE = {"coding": [{"system": "http://example.org", "code": "x"}]}
NESTED = {"type": "deny", "purpose": [], "provision": [{"type": "permit"}]}


@pytest.mark.parametrize(
    ("tree", "reason"),
    [
        (consent_json(PERMIT, modifierExtension=[{"url": "http://example.org/not", "valueBoolean": True}]), "modifier"),
        (consent_json(PERMIT, implicitRules="http://example.org/rules"), "modifier"),
        (provided({"modifierExtension": [{"url": "http://example.org/not"}]}), "modifier"),
        (provided({"code": [CODE]}), "element"),
        (provided({"class": [{"code": "x"}]}), "element"),
        (provided({"action": [CODE]}), "element"),
        (provided({"action": [CODE | {"modifierExtension": []}]}), "modifier"),
        (provided({"_type": {"extension": []}}), "element"),
        (provided({"sometimes": True}), "element"),
        (provided({"actor": []}), "element"),
        (provided({"purpose": {}}), "element"),
        (consent_json(PERMIT, policyRule=CODE), "element"),
        (consent_json(PERMIT, verification=[{"verified": False}]), "element"),
        (consent_json(PERMIT, decision="permit"), "element"),
        (provided({"provision": [{"type": "deny", "provision": [{"type": "permit"}]}]}), "nesting"),
        (provided({"provision": [{"purpose": []}]}), "type"),
        (consent_json("{}"), "type"),
        (consent_json(PERMIT, provision=None), "type"),
        (provided({"type": "allow"}), "type"),
        (provided({"data": [{"meaning": "about", "reference": {"reference": "Observation/1"}}]}), "meaning"),
        (provided({"data": [{"meaning": "instance", "reference": {"identifier": {"value": "1"}}}]}), "reference"),
        (provided({"data": [{"meaning": "instance", "reference": {"reference": "#inside"}}]}), "reference"),
        (provided({"actor": [{"role": {"coding": [IRCP]}, "reference": {"display": "somebody"}}]}), "reference"),
        (provided({"actor": [{"reference": {"reference": "Practitioner/ex-practitioner"}}]}), "role"),
        (
            provided(
                {
                    "actor": [
                        {
                            "role": {"coding": [IRCP | {"code": "CST"}]},
                            "reference": {"reference": "Practitioner/ex-practitioner"},
                        }
                    ]
                }
            ),
            "role",
        ),
        (consent_json(PERMIT, scope={"coding": [{"system": "http://example.org", "code": "research"}]}), "scope"),
        (consent_json(PERMIT, scope=None), "scope"),
        (consent_json(PERMIT, status="entered-in-terror"), "status"),
        (consent_json(PERMIT, status=None), "status"),
        (consent_json(PERMIT, dateTime=None), "date"),
        (consent_json(PERMIT, dateTime="last summer"), "date"),
        (consent_json(PERMIT, policy=None), "policy"),
        (consent_json(PERMIT, patient={"reference": "Patient/somebody-else"}), "patient"),
        (consent_json(PERMIT, patient=None), "reference"),
        (provided({"period": {"end": "31.12.2030"}}), "period"),
        (provided({"period": {}}), "period"),
        (provided({"dataPeriod": {"start": "2023-02-30"}}), "period"),
        (provided({"dataPeriod": {"start": "2023-01-01", "end": "2022-01-01"}}), "period"),
        (provided({"purpose": [{"system": ACT_REASON, "code": "TREATMENT"}]}), "label"),
        (provided({"purpose": [{"code": "TREAT"}]}), "label"),
        (
            provided(
                {
                    "provision": [
                        {
                            "type": "deny",
                            "securityLabel": [
                                {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "X"}
                            ],
                        }
                    ]
                }
            ),
            "label",
        ),
        (consent_json(PERMIT, status="rejected"), "rejected"),
    ],
)
def test_what_is_not_understood_permits_nothing(tree: dict[str, Any], reason: str) -> None:
    for record in FACTS:
        verdict = decide(tree, record=record, implicit="permit-authorized")
        assert not verdict.permit
        assert verdict.reason in (f"consent-{reason}", "consent-element" if reason in ("meaning", "label") else "")


@pytest.mark.parametrize("status", ["draft", "proposed", "entered-in-error"])
def test_what_never_was_decides_nothing(status: str) -> None:
    later = consent_json(DENY, status=status, dateTime="2023-01-01")
    assert decide(later) == (False, "consent-none")
    assert decide(later, implicit="permit-authorized") == (True, "implicit-permit")
    assert decide(consent_json(PERMIT), later) == (True, "consent-permit")


def test_the_last_consent_on_a_policy_governs() -> None:
    old, new = consent_json(PERMIT), consent_json(DENY, dateTime="2023-01-01")
    assert decide(old, new) == decide(new, old) == (False, "consent-deny")
    old, new = consent_json(DENY), consent_json(PERMIT, dateTime="2023-01-01")
    assert decide(old, new) == decide(new, old) == (True, "consent-permit")


def test_what_the_last_one_replaced_does_not_come_back() -> None:
    old = consent_json(PERMIT)
    assert decide(old, consent_json(PERMIT, status="inactive", dateTime="2023-01-01")) == (False, "consent-withdrawn")
    ended = consent_json('{"type": "permit", "period": {"end": "2023-06-30"}}', dateTime="2023-01-01")
    assert decide(old, ended) == (False, "consent-expired")


def test_of_consents_of_one_day_all_must_permit() -> None:
    narrow = consent_json('{"type": "permit", "purpose": ["TREAT"], "securityLabel": ["N"]}')
    assert decide(consent_json(PERMIT), narrow, record="restricted").permit is False
    assert decide(consent_json(PERMIT), narrow, record="normal").permit is True
    hour = consent_json(PERMIT, dateTime="2022-06-13T10:00:00Z")
    assert decide(hour, consent_json(DENY)) == (False, "consent-deny")
    assert decide(consent_json(PERMIT), consent_json(PERMIT, status="inactive")).permit is False


def test_another_policy_does_not_replace_and_deny_wins_among_policies() -> None:
    research = consent_json('{"type": "permit", "purpose": ["HRESCH"]}', policy=[{"uri": "urn:other"}])
    both = (consent_json(PERMIT), research)
    assert decide(*both).permit
    assert decide(*both, purpose="HRESCH").permit
    assert decide(*both, purpose="HPAYMT") == (False, "consent-not-covered")
    out = consent_json('{"type": "deny"}', policy=[{"uri": "urn:other"}], dateTime="2020-01-01")
    assert decide(consent_json(PERMIT), out) == (False, "consent-deny")


def test_a_newer_consent_on_one_of_two_policies_narrows_the_older() -> None:
    wide = consent_json(PERMIT, policy=[{"uri": "urn:a"}, {"uri": "urn:b"}])
    narrow = consent_json(
        '{"type": "permit", "purpose": ["TREAT"], "securityLabel": ["N"]}',
        policy=[{"uri": "urn:a"}],
        dateTime="2023-01-01",
    )
    assert not decide(wide, narrow, record="restricted").permit
    assert decide(wide, narrow, record="normal").permit
    assert not decide(wide, narrow | {"status": "inactive"}, record="normal").permit


@pytest.mark.parametrize(
    ("implicit", "purpose", "treats", "permit"),
    [
        ("deny", "TREAT", True, False),
        ("permit-treatment", "TREAT", True, True),
        ("permit-treatment", "COC", True, True),
        ("permit-treatment", "TREAT", False, False),
        ("permit-treatment", "HPAYMT", True, False),
        ("permit-authorized", "HRESCH", False, True),
        ("break-glass-only", "TREAT", True, False),
        ("break-glass-only", "BTG", True, True),
        ("break-glass-only", "BTG", False, False),
    ],
)
def test_without_a_consent_the_stated_policy_decides(implicit: str, purpose: str, treats: bool, permit: bool) -> None:
    verdict = decide(purpose=purpose, implicit=implicit, treats=treats)
    assert verdict == (permit, "implicit-permit" if permit else "consent-none")


def test_a_day_without_a_zone_ends_when_it_may_have_ended() -> None:
    until = consent_json('{"type": "permit", "period": {"end": "2024-01-31"}}')
    noon, hour = AT - 24 * 3600 * 10**9, 3600 * 10**9  # 2024-01-31T12:00Z
    assert decide(until, at=noon - 3 * hour).permit  # before midnight everywhere on Earth
    assert not decide(until, at=noon).permit  # in UTC+14 February has begun
    assert decide(until, at=noon, offset=0).permit
    assert not decide(until, at=noon + 12 * hour, offset=0).permit
    refusal = consent_json('{"type": "deny", "period": {"end": "2024-01-31"}}')
    assert decide(refusal, at=noon + 23 * hour, implicit="permit-authorized") == (False, "consent-deny")
    assert decide(refusal, at=noon + 24 * hour, implicit="permit-authorized").permit


def test_a_preparation_says_until_when_it_holds() -> None:
    consent = consent_from_fhir(consent_json('{"type": "permit", "period": {"end": "2024-01-31T10:00:00Z"}}'))
    rulings = prepare([consent], patient=PATIENT, actor=ACTOR, purpose=(ACT_REASON, "TREAT"), at=0)
    end = rulings.end
    assert rulings.decide(FACTS["plain"]).permit
    for at in (end - 1, end):
        again = prepare([consent], patient=PATIENT, actor=ACTOR, purpose=(ACT_REASON, "TREAT"), at=at)
        assert again.decide(FACTS["plain"]).permit is (at < end)


@pytest.mark.parametrize(
    ("provision", "record", "permit"),
    [
        # A permitting exception takes over what it does not say itself; a denying one does not.
        (
            '{"type": "permit", "purpose": ["TREAT"], "dataPeriod": {"start": "2023"}, "provision":'
            ' [{"type": "permit", "actor": ["Practitioner/ex-practitioner"], "securityLabel": ["R"]}]}',
            "restricted",
            False,
        ),
        (
            '{"type": "permit", "purpose": ["TREAT"], "securityLabel": ["N"], "provision":'
            ' [{"type": "permit", "securityLabel": ["R"]},'
            ' {"type": "deny", "data": [{"meaning": "instance", "reference": "Observation/ex-bloodSugar"}]}]}',
            "restricted",
            False,
        ),
        # A denial of restricted data holds for what is above; a permission only for what it names.
        ('{"type": "permit", "provision": [{"type": "deny", "securityLabel": ["N"]}]}', "restricted", False),
        ('{"type": "permit", "securityLabel": ["R"]}', "normal", False),
    ],
)
def test_exceptions_and_levels(provision: str, record: str, permit: bool) -> None:
    assert decide(consent_json(provision), record=record).permit is permit


def test_withdrawal_works_on_the_next_read() -> None:
    registry = ConsentRegistry()
    registry.put("s", consent_from_fhir(consent_json(PERMIT)))
    before = registry.epoch("s")
    assert registry.withdraw("s", "a-consent")
    assert registry.epoch("s") != before
    assert [c.status for c in registry.consents("s")] == ["inactive"]
    assert not registry.withdraw("s", "another")
    assert registry.epoch("another") == 0


def test_many_consents_take_time_in_proportion() -> None:
    """All of one day, so that none replaces another; each shares a policy with the next."""
    consent = consent_from_fhir(consent_json(PERMIT))
    chain = [consent.replace(policies=(f"urn:{i}", f"urn:{i + 1}")) for i in range(2000)]

    def seconds(count: int) -> float:
        begin = time.process_time()
        rulings = prepare(chain[:count], patient=PATIENT, actor=ACTOR, purpose=(ACT_REASON, "TREAT"), at=AT)
        assert [len(group) for group in rulings.groups] == [count]
        return time.process_time() - begin

    short, long = min(seconds(500) for _ in range(3)), min(seconds(2000) for _ in range(3))
    assert long < 12 * short
