"""The concept maps of HL7's v2-to-FHIR guide."""

from __future__ import annotations

import pytest

from iomt_interop.terminology.v2_fhir import Target, concept_maps, map_code


def test_codes_of_the_guide() -> None:
    assert map_code("PatientClass[EncounterClass]", "I") == Target(
        "IMP", "", "http://terminology.hl7.org/CodeSystem/v3-ActCode"
    )
    assert map_code("ResultStatus[Non-Queries]", "R") == Target(
        "partial", "Partial", "http://hl7.org/fhir/diagnostic-report-status"
    )
    assert map_code("AdministrativeSex", "F") == Target("female", "Female", "http://hl7.org/fhir/administrative-gender")


def test_what_the_guide_leaves_open_has_no_target() -> None:
    assert map_code("ResultStatus[Non-Queries]", "A") is None
    assert map_code("NameType", "B") is None
    assert map_code("NameType", None) is None
    with pytest.raises(KeyError):
        map_code("NoSuchMap", "A")


def test_every_map_says_something() -> None:
    assert len(concept_maps()) >= 70
