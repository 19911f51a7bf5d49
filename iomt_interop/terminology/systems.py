"""URIs that name code systems and identifier systems."""

from __future__ import annotations

from typing import Final

__all__ = [
    "ABSENT_REASON",
    "ASN1_TO_HL7",
    "BLUETOOTH_ADDRESS",
    "CONTINUA_HFS",
    "CONTINUA_PHD",
    "DICOM",
    "DICOM_UID",
    "EUI64",
    "ICD9_CM",
    "ICD10",
    "ICD10_CM",
    "INTERPRETATION",
    "LOINC",
    "MDC",
    "MDC_OID",
    "OBSERVATION_CATEGORY",
    "OID_PREFIX",
    "RXNORM",
    "SNOMED_CT",
    "UCUM",
    "URI",
    "UUID_PREFIX",
    "V2_TABLE_PREFIX",
    "v2_table",
]

MDC: Final = "urn:iso:std:iso:11073:10101"
MDC_OID: Final = "urn:oid:2.16.840.1.113883.6.24"
LOINC: Final = "http://loinc.org"
SNOMED_CT: Final = "http://snomed.info/sct"
UCUM: Final = "http://unitsofmeasure.org"
RXNORM: Final = "http://www.nlm.nih.gov/research/umls/rxnorm"
ICD9_CM: Final = "http://hl7.org/fhir/sid/icd-9-cm"
ICD10: Final = "http://hl7.org/fhir/sid/icd-10"
ICD10_CM: Final = "http://hl7.org/fhir/sid/icd-10-cm"
DICOM: Final = "http://dicom.nema.org/resources/ontology/DCM"
DICOM_UID: Final = "urn:dicom:uid"

EUI64: Final = "urn:oid:1.2.840.10004.1.1.1.0.0.1.0.0.1.2680"
BLUETOOTH_ADDRESS: Final = "http://hl7.org/fhir/sid/eui-48/bluetooth"
ASN1_TO_HL7: Final = "http://terminology.hl7.org/CodeSystem/ASN1ToHL7"
CONTINUA_PHD: Final = "http://hl7.org/fhir/uv/phd/CodeSystem/ContinuaPHDInterfaceIDs"
CONTINUA_HFS: Final = "http://hl7.org/fhir/uv/phd/CodeSystem/ContinuaHFS"

OBSERVATION_CATEGORY: Final = "http://terminology.hl7.org/CodeSystem/observation-category"
INTERPRETATION: Final = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
ABSENT_REASON: Final = "http://terminology.hl7.org/CodeSystem/data-absent-reason"

URI: Final = "urn:ietf:rfc:3986"
OID_PREFIX: Final = "urn:oid:"
UUID_PREFIX: Final = "urn:uuid:"
V2_TABLE_PREFIX: Final = "http://terminology.hl7.org/CodeSystem/v2-"


def v2_table(number: str) -> str:
    """Return the URI of an HL7 v2 table.

    Parameters
    ----------
    number : str
        The table's number, with or without leading zeros (``"78"``, ``"0078"``).

    Returns
    -------
    str
        The URI in HL7's terminology server name space.
    """
    return V2_TABLE_PREFIX + number.zfill(4)
