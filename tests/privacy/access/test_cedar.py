"""Cedar as a second opinion: as a provider it can only deny; as a witness it decides the guard's own rules alike."""

from __future__ import annotations

import pytest

pytest.importorskip("cedarpy", reason="the extra 'cedar' is not installed")

from hypothesis import given, settings
from hypothesis import strategies as st
from support.guards import NURSE, PHYSICIAN, Sink, ask, guard, observation, put

from iomt_interop.errors import InvalidRequest
from iomt_interop.privacy.access import CedarProvider, Facts, Request
from iomt_interop.privacy.consent import ConsentRegistry

EVERYTHING = "permit(principal, action, resource);"

# The roles of the guard's test policy in Cedar's own words: default deny, forbid wins.
ROLES = """
permit(principal, action in [Action::"read", Action::"search", Action::"export"], resource)
when { principal.roles.contains("physician") && ["TREAT", "COC", "HRESCH"].contains(context.purpose) };
permit(principal, action in [Action::"read", Action::"search"], resource)
when { principal.roles.contains("nurse") && ["TREAT", "COC"].contains(context.purpose)
       && ["observation", "device", "subject"].contains(context.kind) };
forbid(principal, action, resource) when { context.confidentiality == "V" || context.confidentiality == "?" };
forbid(principal, action, resource) when { context.confidentiality == "R" && !principal.roles.contains("physician") };
forbid(principal, action, resource)
unless { ["ETH", "ETHUD", "OPIOIDUD", "PSY"].containsAll(context.sensitivities) };
forbid(principal, action, resource)
when { !principal.roles.contains("physician") && !context.sensitivities.isEmpty() };
"""

LABELS = st.lists(st.sampled_from(["N", "R", "V", "X", "PSY", "ETHUD", "HIV"]), max_size=3)


@settings(max_examples=150)
@given(
    st.sampled_from([PHYSICIAN, NURSE]),
    st.sampled_from(["read", "search", "export"]),
    st.sampled_from(["TREAT", "COC", "HPAYMT", "HRESCH"]),
    LABELS,
)
def test_roles_and_labels_are_decided_as_cedar_decides_them(
    actor: object, action: str, purpose: str, labels: list[str]
) -> None:
    registry = ConsentRegistry()
    put(registry, '{"type": "permit"}')
    guarded = guard(registry=registry)
    request = ask(actor, action, purpose)
    facts = guarded.facts(observation(*labels))
    assert CedarProvider(ROLES).permits(request, facts) == guarded.decide(request, facts).permit


def test_as_a_provider_it_denies_and_cannot_permit() -> None:
    forbid = EVERYTHING + 'forbid(principal, action, resource) when { context.sensitivities.contains("PSY") };'
    guarded = guard(provider=CedarProvider(forbid))
    assert guarded.decide(ask(), guarded.facts(observation("R"))).permit
    assert guarded.decide(ask(), guarded.facts(observation("R", "PSY"))) == (False, "provider-deny")
    generous = guard(provider=CedarProvider(EVERYTHING))
    assert generous.decide(ask(), generous.facts(observation("V"))) == (False, "label-clearance")


def test_a_policy_that_fails_denies() -> None:
    broken = guard(provider=CedarProvider(EVERYTHING + "forbid(principal, action, resource) when { context.absent };"))
    assert not broken.decide(ask(), broken.facts(observation())).permit

    class Broken:
        def permits(self, request: Request, facts: Facts, /) -> bool:
            raise RuntimeError("Alice")

    guarded = guard(Sink(), provider=Broken())
    assert guarded.decide(ask(), guarded.facts(observation())) == (False, "provider-error")


def test_what_is_no_cedar_is_refused() -> None:
    with pytest.raises(InvalidRequest) as caught:
        CedarProvider("permit everybody called Alice")
    assert (caught.value.code, "Alice" in str(caught.value)) == ("PRV-201", False)
