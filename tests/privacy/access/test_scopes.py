"""SMART scopes: the standard's examples, the first version's letters, and whatever is not understood grants nothing."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iomt_interop.privacy.access import Facts, labels_of, parse_scopes
from iomt_interop.privacy.access.scopes import granted
from iomt_interop.privacy.vocabulary import ACT_CODE

CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
PLAIN = labels_of(())
VITAL = Facts("observation", "s", PLAIN, categories=frozenset({(CATEGORY, "vital-signs")}))
LAB = Facts("observation", "s", PLAIN, categories=frozenset({(CATEGORY, "laboratory")}))
PATIENT = Facts("subject", "s", PLAIN)


def may(scope: str, facts: Facts, action: str = "read", *, own: bool = True) -> bool:
    return granted(parse_scopes(scope), facts, action, own=own)


@pytest.mark.parametrize(
    ("scope", "actions"),
    [
        ("patient/Observation.rs", {"read", "search", "export"}),
        ("patient/Observation.r", {"read"}),
        ("patient/Observation.s", {"search"}),
        ("patient/Observation.cruds", {"read", "search", "export", "create", "update", "delete"}),
        ("patient/*.cud", {"create", "update", "delete"}),
        # "Scopes for version 1": read is rs, write is cud, * is cruds.
        ("user/Observation.read", {"read", "search", "export"}),
        ("user/Observation.write", {"create", "update", "delete"}),
        ("system/*.*", {"read", "search", "export", "create", "update", "delete"}),
        ("patient/Patient.rs", set()),
        # Letters must be in order; what is no scope for clinical data grants nothing.
        ("patient/Observation.sr", set()),
        ("patient/Observation.", set()),
        ("patient/observation.rs", set()),
        ("Patient/Observation.rs", set()),
        ("openid fhirUser launch/patient offline_access", set()),
        ("patient/Observation.rs!", set()),
        ("", set()),
    ],
)
def test_what_a_scope_grants(scope: str, actions: set[str]) -> None:
    every = ("read", "search", "export", "create", "update", "delete")
    assert {action for action in every if may(scope, VITAL, action)} == actions


def test_a_patient_scope_is_about_the_patient_in_context() -> None:
    assert not may("patient/Observation.rs", VITAL, own=False)
    assert may("user/Observation.rs", VITAL, own=False)


@pytest.mark.parametrize(
    ("query", "vital", "lab"),
    [
        (f"category={CATEGORY}|vital-signs", True, False),
        ("category=laboratory", False, True),
        (f"category={CATEGORY}|vital-signs,{CATEGORY}|laboratory", True, True),
        (f"category={CATEGORY}|vital-signs&category={CATEGORY}|laboratory", False, False),
        ("category=http%3A%2F%2Fterminology.hl7.org%2FCodeSystem%2Fobservation-category%7Cvital-signs", True, False),
        ("category=|vital-signs", False, False),
        ("category=", False, False),
        ("date=gt2020", False, False),
        (f"category={CATEGORY}|vital-signs&status=final", False, False),
        ("category:not=vital-signs", False, False),
        ("_security=http://terminology.hl7.org/CodeSystem/v3-Confidentiality|N", True, True),
    ],
)
def test_a_search_in_a_scope_narrows_it(query: str, vital: bool, lab: bool) -> None:
    scope = f"user/Observation.rs?{query}"
    assert (may(scope, VITAL), may(scope, LAB)) == (vital, lab)


def test_scopes_add_up_but_not_within_an_action() -> None:
    both = f"user/Observation.r user/Observation.s?category={CATEGORY}|laboratory"
    assert may(both, VITAL)
    assert not may(both, VITAL, "search")
    assert may(both, LAB, "search")
    assert not may(both, LAB, "export"), "one scope alone must grant both"


@given(st.text(st.characters(codec="utf-8"), max_size=60))
def test_any_text_is_read_and_grants_nothing_unless_it_names_a_level(text: str) -> None:
    scopes = parse_scopes(text)
    if not any(level in text for level in ("patient/", "user/", "system/")):
        assert scopes == ()


def test_every_combination_means_itself() -> None:
    for flags in product((False, True), repeat=5):
        letters = "".join(letter for letter, flag in zip("cruds", flags, strict=True) if flag)
        found = parse_scopes(f"system/*.{letters}")
        assert [scope.permissions for scope in found] == ([frozenset(letters)] if letters else [])


def test_labels_of_a_sensitive_record_can_be_asked_for() -> None:
    from iomt_interop.model import Coding

    hiv = Facts("observation", "s", labels_of([Coding(system=ACT_CODE, code="HIV")]))
    assert may(f"user/Observation.rs?_security={ACT_CODE}|HIV", hiv)
    assert not may(f"user/Observation.rs?_security={ACT_CODE}|HIV", VITAL)
