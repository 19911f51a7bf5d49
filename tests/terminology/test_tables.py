"""Bits, HL7 v2 tables, system URIs, LOINC pairs: against what the standards print."""

from __future__ import annotations

import pytest

from iomt_interop.terminology import bits, hl7tables, loinc, mdc, systems, units


def test_bits_of_the_phd_guide() -> None:
    bit = bits.bit_of(67925, 8)
    assert bit is not None
    assert (bit.name, bit.kind, bit.source, bit.code) == ("chargingFull", "event", "device", "67925.8")
    negated = bits.bit_of(532354, 0)
    assert negated is not None
    assert negated.kind == "state"
    assert [row.bit for row in bits.bits_of(150605)] == [0, 1, 2, 3]
    assert bits.bit_of(67925, 31) is None
    assert bits.bits_of(1) == ()


@pytest.mark.parametrize(
    ("identifier", "uri"),
    [
        ("MDC", "urn:iso:std:iso:11073:10101"),
        ("LN", "http://loinc.org"),
        ("SCT", "http://snomed.info/sct"),
        ("UCUM", "http://unitsofmeasure.org"),
        ("DCM", "http://dicom.nema.org/resources/ontology/DCM"),
        ("I10", "http://hl7.org/fhir/sid/icd-10"),
        ("HL70078", "http://terminology.hl7.org/CodeSystem/v2-0078"),
    ],
)
def test_coding_systems(identifier: str, uri: str) -> None:
    assert hl7tables.coding_system_uri(identifier) == uri
    assert hl7tables.coding_system_id(uri) == identifier


@pytest.mark.parametrize(
    "identifier", ["L", "99ROC", "99zzz", "MDIL", "", "HL7", "HL7xxxx", "HL7\u0661\u0662\u0663\u0664"]
)
def test_local_systems_have_no_uri(identifier: str) -> None:
    assert hl7tables.coding_system_uri(identifier) is None


def test_the_oid_of_mdc_is_mdc() -> None:
    assert hl7tables.coding_system_id("urn:oid:2.16.840.1.113883.6.24") == "MDC"
    assert hl7tables.coding_system_id("http://example.org/own") is None


def test_v2_table_uri() -> None:
    assert systems.v2_table("78") == systems.v2_table("0078") == "http://terminology.hl7.org/CodeSystem/v2-0078"


def test_loinc_pairs_round() -> None:
    for code, numbers in loinc.MDC_TO_LOINC.items():
        assert mdc.refid_of(code) is not None
        for number in numbers:
            back = loinc.mdc_of(number)
            assert back is not None
            assert number in loinc.loinc_of(back)


@pytest.mark.parametrize(
    "number", sorted({n for own in loinc.MDC_TO_LOINC.values() for n in own} | {"9843-4", "85353-1"})
)
def test_loinc_check_digit(number: str) -> None:
    """Check the Mod 10 digit that the LOINC Users' Guide (appendix on check digits) defines."""
    body, _, check = number.partition("-")
    backwards = body[::-1]
    doubled = str(int(backwards[0::2][::-1]) * 2)
    total = sum(int(digit) for digit in doubled + backwards[1::2])
    assert (10 - total % 10) % 10 == int(check)


def test_vital_signs() -> None:
    pressure = loinc.vital_sign_of("85354-9")
    assert pressure is not None
    assert dict(pressure.components) == {"8480-6": ("mm[Hg]",), "8462-4": ("mm[Hg]",)}
    assert loinc.vital_sign_of("0-0") is None
    for row in loinc.VITAL_SIGNS:
        assert set(row.units) <= loinc.VITAL_SIGNS_COMPONENT_UNITS
        assert all(units.commensurable(unit, row.units[0]) for unit in row.units)
