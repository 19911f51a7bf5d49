"""FHIR Consent in and out: total, lossless, silent; read the same by an independent class library."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from fhir.resources.R4B.consent import Consent as Witness
from hypothesis import given
from hypothesis import strategies as st
from support.consents import consent_json, table

from iomt_interop.errors import InputError
from iomt_interop.privacy.consent import MAX_CONSENT, consent_from_fhir, consent_to_fhir

SHAPES = [shape["provision"] for shape in table()["shape"]]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)
NAMES = [
    "status", "scope", "category", "patient", "dateTime", "performer", "organization", "sourceReference", "policy",
    "provision", "id", "meta", "extension", "modifierExtension", "a.b", "c[0", "~1", "",
]  # fmt: skip


@pytest.mark.parametrize("provision", SHAPES)
def test_what_is_written_is_a_consent_for_another_library(provision: str) -> None:
    consent = consent_from_fhir(consent_json(provision))
    written = consent_to_fhir(consent)
    assert json.loads(written) == consent_json(provision)
    witness = Witness.model_validate_json(written)
    assert witness.status == consent.status
    assert witness.provision.type == consent.provision.type
    assert len(witness.provision.provision or ()) == len(consent.provision.exceptions)


@given(st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=8), JSON, max_size=6))
def test_any_object_is_read_and_nothing_of_it_is_lost(changes: dict[str, Any]) -> None:
    tree = consent_json(SHAPES[0]) | changes | {"resourceType": "Consent"}
    consent = consent_from_fhir(json.dumps(tree))
    again = consent_from_fhir(consent_to_fhir(consent))
    assert again.replace(id=consent.id) == consent
    known = {"id", "meta", "extension", "language", "text", "identifier", "contained"}
    if set(changes) - known - set(consent_json(SHAPES[0])):
        assert consent.doubts


@given(
    st.lists(st.dictionaries(st.sampled_from(["type", "actor", "data", "purpose", "period", "code"]), JSON), max_size=3)
)
def test_any_provision_is_read_and_nothing_of_it_is_lost(provisions: list[dict[str, Any]]) -> None:
    tree = consent_json({"type": "permit"})
    tree["provision"]["provision"] = provisions
    consent = consent_from_fhir(tree)
    assert consent_from_fhir(consent_to_fhir(consent)).replace(id=consent.id) == consent


@given(st.binary(max_size=200) | st.text(max_size=200))
def test_any_octets_give_a_consent_or_an_error_of_ours(data: bytes | str) -> None:
    with suppress(InputError):
        consent_from_fhir(data)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"[]", "PRV-102"),
        (b'{"resourceType": "Patient"}', "PRV-102"),
        (b'{"resourceType": "Consent", "status": "active", "status": "draft"}', "PRV-101"),
        (b'{"resourceType": "Consent", "id": NaN}', "PRV-101"),
        (b'{"resourceType": "Consent", "id": "\\ud800"}', "PRV-101"),
        ({"resourceType": "Consent", "id": b"octets"}, "PRV-101"),
        ({"resourceType": "Consent", 1: "x", "y": "z"}, "PRV-101"),
        (b"\xff", "PRV-101"),
        (b" " * (MAX_CONSENT + 1), "PRV-103"),
        (b'{"resourceType": "Consent", "x": ' + b"[" * 100_000, "PRV-103"),
        (
            b'{"resourceType": "Consent", "provision": ' + b'{"provision": [' * 100 + b"]}" * 100 + b"}",
            "PRV-103",
        ),
    ],
)
def test_what_is_no_consent_is_refused(data: Any, code: str) -> None:
    with pytest.raises(InputError) as caught:
        consent_from_fhir(data)
    assert caught.value.code == code
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_nothing_of_a_consent_is_told() -> None:
    consent = consent_from_fhir(consent_json(SHAPES[0], patient={"reference": "Patient/ZEBRA-4815"}))
    assert consent.patient == "Patient/ZEBRA-4815"
    assert "ZEBRA" not in repr(consent) + str(consent)
    with pytest.raises(InputError) as caught:
        consent_from_fhir('{"resourceType": "ZEBRA-4815"}')
    assert "ZEBRA" not in str(caught.value) + repr(caught.value)
