"""Any consent that is understood is decided as Cedar decides its rules: a formally modelled engine as a witness."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("cedarpy", reason="the extra 'cedar' is not installed")

import cedarpy
from hypothesis import given, settings
from hypothesis import strategies as st
from support.consents import AT, PATIENT, consent_json, facts_in, purpose_code

from iomt_interop.privacy.consent import consent_from_fhir, prepare

# Each code with what it is a kind of (HL7 v3 ActReason, ActCode; PCF's value set of labels).
PURPOSES = {"TREAT": ["TREAT"], "BTG": ["BTG", "ETREAT", "TREAT"], "HRESCH": ["HRESCH"], "FooBar": ["FooBar"]}
LABELS = {"N": ["N"], "R": ["R"], "PSY": ["R", "PSY"], "ETHUD": ["R", "ETHUD", "ETH"], "V": ["V"]}
NAMES = ["Observation/1", "Observation/2"]
ACTORS = ["Practitioner/1", "Organization/2", "Group/3"]


def some(values: list[str]) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(values), min_size=1, max_size=2, unique=True)


RULE = st.fixed_dictionaries(
    {"type": st.sampled_from(["permit", "deny"])},
    optional={
        "purpose": some(["TREAT", "ETREAT", "HRESCH", "FooBar"]),
        "actor": some(ACTORS),
        "securityLabel": some(["N", "R", "V", "PSY", "ETH"]),
        "data": some(NAMES).map(lambda names: [{"meaning": "instance", "reference": name} for name in names]),
    },
)
CONSENT = st.builds(
    lambda base, inner: base | {"provision": inner} if inner else base, RULE, st.lists(RULE, max_size=3)
)


def conditions(rule: dict[str, Any]) -> str:
    """Return the conditions of a rule in Cedar."""
    found = ["true"]
    for name, key in (("purpose", "purposes"), ("actor", "actors")):
        if name in rule:
            found.append(f"context.{key}.containsAny({listed(rule[name])})")
    if "securityLabel" in rule:
        codes = list(rule["securityLabel"])
        levels = [level for level in "NRV" if level in codes]
        if rule["type"] == "deny" and levels:  # a denial means what is above, too
            codes += "NRV"["NRV".index(levels[0]) :]
        found.append(f"context.labels.containsAny({listed(codes)})")
    if "data" in rule:
        found.append(f"{listed([each['reference'] for each in rule['data']])}.contains(context.name)")
    return " && ".join(found)


def listed(texts: list[str]) -> str:
    return "[" + ", ".join(f'"{text}"' for text in texts) + "]"


def policies(consent: dict[str, Any]) -> Iterator[str]:
    """Write a consent in Cedar: default deny, and forbid wins, but for a base that an exception opens."""
    inner = consent.get("provision", [])
    permits = []
    for rule in inner:
        names = ["purpose"] if rule["type"] == "deny" else ["purpose", "actor", "securityLabel", "data"]
        whole = {name: consent[name] for name in names if name in consent} | rule
        if rule["type"] == "deny":
            yield f"forbid(principal, action, resource) when {{ {conditions(whole)} }};"
        else:
            permits.append(conditions(whole))
            yield f"permit(principal, action, resource) when {{ {permits[-1]} }};"
    if consent["type"] == "permit":
        yield f"permit(principal, action, resource) when {{ {conditions(consent)} }};"
    else:
        unless = " || ".join(f"({each})" for each in permits) or "false"
        yield f"forbid(principal, action, resource) when {{ {conditions(consent)} }} unless {{ {unless} }};"


@settings(max_examples=300)
@given(
    CONSENT,
    st.sampled_from(list(PURPOSES)),
    st.lists(st.sampled_from(ACTORS), unique=True),
    st.sampled_from(list(LABELS)),
    st.sampled_from(NAMES),
)
def test_a_consent_is_decided_as_cedar_decides_it(
    short: dict[str, Any], purpose: str, actors: list[str], label: str, name: str
) -> None:
    rulings = prepare(
        [consent_from_fhir(consent_json(short))],
        patient=PATIENT,
        actor=frozenset(actors),
        purpose=purpose_code(purpose),
        at=AT,
    )
    facts = facts_in({"labels": [c for c in LABELS[label] if c != "ETH"], "name": name, "author": "Practitioner/9"})
    verdict = rulings.decide(facts)
    assert rulings.asking()(facts).permit == verdict.permit
    assert rulings.constant is None or rulings.constant.permit == verdict.permit
    asked = {
        "principal": {"type": "User", "id": "u"},
        "action": {"type": "Action", "id": "read"},
        "resource": {"type": "Record", "id": "r"},
        "context": {"purposes": PURPOSES[purpose], "actors": actors, "labels": LABELS[label], "name": name},
    }
    result = cedarpy.is_authorized(asked, "\n".join(policies(short)), [])
    assert not result.diagnostics.errors
    assert verdict.permit == result.allowed
