"""The trees of HL7 v3 codes, against the order in which HL7 lists them, and their closures against each other."""

from __future__ import annotations

from iomt_interop.model import Coding
from iomt_interop.privacy.facts import labels_of
from iomt_interop.privacy.vocabulary import (
    ACT_CODE,
    ACT_REASON,
    CONFIDENTIALITY,
    code_of,
    covered_by,
    is_purpose,
    purposes,
    specialisations,
)

# The value set v3-PurposeOfUse in the order of FHIR R4's expansion (each code before those under it).
PUBLISHED = """
HMARKT HOPERAT CAREMGT DONAT FRAUD GOV HACCRED HCOMPL HDECD HDIRECT HDM HLEGAL HOUTCOMS HPRGRP HQUALIMP HSYSADMIN
LABELING METAMGT MEMADMIN MILCDM PATADMIN PATSFTY PERFMSR RECORDMGT SYSDEV HTEST TRAIN HPAYMT CLMATTCH COVAUTH
COVERAGE ELIGDTRM ELIGVER ENROLLM MILDCRG REMITADV HRESCH BIORCH CLINTRCH CLINTRCHNPC CLINTRCHPC PRECLINTRCH DSRCH
POARCH TRANSRCH PATRQT FAMRQT PWATRNY SUPNWK PUBHLTH DISASTER THREAT TREAT CLINTRL COC ETREAT BTG ERTREAT POPHLTH
"""


def test_the_tree_of_purposes_lists_them_in_the_published_order() -> None:
    assert list(purposes()) == PUBLISHED.split()


def test_a_purpose_is_covered_by_what_it_is_a_kind_of() -> None:
    assert covered_by((ACT_REASON, "BTG")) == {(ACT_REASON, c) for c in ("BTG", "ETREAT", "TREAT")}
    assert covered_by(("http://example.org", "BTG")) == {("http://example.org", "BTG")}
    for code in purposes():
        for other in purposes():
            below = (ACT_REASON, other) in specialisations([(ACT_REASON, code)])
            assert below == ((ACT_REASON, code) in covered_by((ACT_REASON, other)))


def test_alcohol_is_substance_abuse_in_both_trees() -> None:
    assert {code for _, code in covered_by((ACT_CODE, "ETHUD"))} == {"ETHUD", "ETH", "SUD", "BH", "SPI"}


def test_a_system_has_one_name() -> None:
    assert code_of(Coding(system="urn:oid:2.16.840.1.113883.5.25", code="R")) == (CONFIDENTIALITY, "R")
    assert not is_purpose("NONE")


def test_the_highest_confidentiality_counts_and_a_sensitivity_restricts() -> None:
    def levels(*codes: tuple[str, str]) -> tuple[int, frozenset[str]]:
        found = labels_of([Coding(system=system, code=code) for system, code in codes])
        return found.level, frozenset(code for system, code in found.codes if system == CONFIDENTIALITY)

    assert levels() == (3, {"N"})
    assert levels((CONFIDENTIALITY, "N"), (CONFIDENTIALITY, "V")) == (5, {"V"})
    assert levels((ACT_CODE, "HIV")) == (4, {"R"})
    assert levels((ACT_CODE, "HIV"), (CONFIDENTIALITY, "N")) == (3, {"N"})
    assert levels((CONFIDENTIALITY, "N"), (CONFIDENTIALITY, "zzz")) == (6, frozenset())
