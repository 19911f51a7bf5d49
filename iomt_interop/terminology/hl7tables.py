"""HL7 v2 tables that device messages use, and the coding systems of CWE-3 as URIs.

The codes and their FHIR counterparts are those of HL7's v2-to-FHIR concept maps (CC0); the texts are our own.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from . import systems

__all__ = [
    "ADMINISTRATIVE_SEX",
    "CODING_SYSTEMS",
    "IDENTIFIER_TYPE",
    "INTERPRETATION",
    "PCD_FLAGS",
    "RESULT_STATUS",
    "TableRow",
    "coding_system_id",
    "coding_system_uri",
]


class TableRow(NamedTuple):
    """One code of a table.

    Parameters
    ----------
    text : str
        A short name, our own words.
    fhir : str or None
        The FHIR code that the official concept map gives; None where it gives none.
    """

    text: str
    fhir: str | None = None


# Table 0001, PID-8; counterpart: administrative-gender.
ADMINISTRATIVE_SEX: Final[dict[str, TableRow]] = {
    "F": TableRow("female", "female"),
    "M": TableRow("male", "male"),
    "O": TableRow("other", "other"),
    "U": TableRow("unknown", "unknown"),
    "A": TableRow("ambiguous", "other"),
    "N": TableRow("not applicable", "other"),
    "X": TableRow("other than female or male"),
}

# Table 0078, OBX-8; counterpart: v3-ObservationInterpretation (same code) where the map has one.
INTERPRETATION: Final[dict[str, TableRow]] = {
    "<": TableRow("below the scale", "<"),
    ">": TableRow("above the scale", ">"),
    "A": TableRow("abnormal", "A"),
    "AA": TableRow("critically abnormal", "AA"),
    "AC": TableRow("anti-complementary substances"),
    "B": TableRow("better", "B"),
    "CAR": TableRow("carrier", "CAR"),
    "D": TableRow("fallen significantly", "D"),
    "DET": TableRow("detected", "DET"),
    "E": TableRow("equivocal", "E"),
    "EX": TableRow("outside the threshold", "EX"),
    "EXP": TableRow("expected", "EXP"),
    "H": TableRow("high", "H"),
    "HH": TableRow("critically high", "HH"),
    "HM": TableRow("held for review"),
    "HU": TableRow("significantly high", "HU"),
    "I": TableRow("intermediate", "I"),
    "IE": TableRow("evidence insufficient", "IE"),
    "IND": TableRow("indeterminate", "IND"),
    "L": TableRow("low", "L"),
    "LL": TableRow("critically low", "LL"),
    "LU": TableRow("significantly low", "LU"),
    "MS": TableRow("moderately susceptible", "MS"),
    "N": TableRow("normal", "N"),
    "NCL": TableRow("no breakpoint defined", "NCL"),
    "ND": TableRow("not detected", "ND"),
    "NEG": TableRow("negative", "NEG"),
    "NR": TableRow("not reactive", "NR"),
    "NS": TableRow("not susceptible", "NS"),
    "OBX": TableRow("qualified in separate OBX segments"),
    "POS": TableRow("positive", "POS"),
    "QCF": TableRow("quality control failed"),
    "R": TableRow("resistant", "R"),
    "RR": TableRow("reactive", "RR"),
    "S": TableRow("susceptible", "S"),
    "SDD": TableRow("susceptible, dose-dependent", "SDD"),
    "SYN-R": TableRow("synergy, resistant", "SYN-R"),
    "SYN-S": TableRow("synergy, susceptible", "SYN-S"),
    "TOX": TableRow("cytotoxic substance"),
    "U": TableRow("risen significantly", "U"),
    "UNE": TableRow("unexpected", "UNE"),
    "VS": TableRow("very susceptible", "VS"),
    "W": TableRow("worse", "W"),
    "WR": TableRow("weakly reactive", "WR"),
}

# What IHE PCD-01 adds to OBX-8: the state of the measurement, not a judgement of its value.
PCD_FLAGS: Final[dict[str, TableRow]] = {
    "INV": TableRow("invalid"),
    "QUES": TableRow("questionable"),
    "NAV": TableRow("not available"),
    "CAL": TableRow("calibration in progress"),
    "TEST": TableRow("test data"),
    "DEMO": TableRow("demonstration data"),
    "EARLY": TableRow("early estimate"),
    "BUSY": TableRow("measurement in progress"),
    "ALACT": TableRow("in alarm"),
    "ALINH": TableRow("alarm inhibited"),
    "OFF": TableRow("numeric switched off"),
    "NI": TableRow("no information"),
}

# Table 0085, OBX-11; counterpart: observation-status.
RESULT_STATUS: Final[dict[str, TableRow]] = {
    "A": TableRow("amended from placer's demographics", "amended"),
    "B": TableRow("appended, values unchanged"),
    "C": TableRow("corrected final", "corrected"),
    "D": TableRow("deleted", "entered-in-error"),
    "F": TableRow("final", "final"),
    "I": TableRow("specimen received, pending"),
    "N": TableRow("not asked"),
    "O": TableRow("order detail only"),
    "P": TableRow("preliminary", "preliminary"),
    "R": TableRow("entered, not verified"),
    "S": TableRow("partial"),
    "U": TableRow("preliminary becomes final unchanged"),
    "V": TableRow("verified final"),
    "W": TableRow("posted wrongly", "entered-in-error"),
    "X": TableRow("cannot be obtained", "cancelled"),
}

# Table 0203, CX-5, the types that patient and device identifiers use.
IDENTIFIER_TYPE: Final[dict[str, TableRow]] = {
    "AN": TableRow("account number", "AN"),
    "ACSN": TableRow("accession", "ACSN"),
    "BR": TableRow("birth registry number", "BR"),
    "DL": TableRow("driver's licence", "DL"),
    "FILL": TableRow("filler's identifier", "FILL"),
    "JHN": TableRow("jurisdictional health number", "JHN"),
    "MC": TableRow("Medicare number", "MC"),
    "MR": TableRow("medical record number", "MR"),
    "MRT": TableRow("temporary medical record number", "MRT"),
    "NH": TableRow("national health plan identifier", "NH"),
    "NI": TableRow("national unique identifier", "NI"),
    "NPI": TableRow("national provider identifier", "NPI"),
    "PI": TableRow("patient internal identifier", "PI"),
    "PLAC": TableRow("placer's identifier", "PLAC"),
    "PN": TableRow("person number", "PN"),
    "PPN": TableRow("passport number", "PPN"),
    "PT": TableRow("patient external identifier", "PT"),
    "RI": TableRow("resource identifier", "RI"),
    "SNO": TableRow("serial number", "SNO"),
    "SS": TableRow("social security number", "SS"),
    "TAX": TableRow("tax number", "TAX"),
    "U": TableRow("unspecified identifier", "U"),
    "UDI": TableRow("unique device identifier", "UDI"),
    "VN": TableRow("visit number", "VN"),
    "XX": TableRow("organization identifier", "XX"),
}

# Table 0396 identifiers of coding systems; the first identifier of a URI is the one to send.
CODING_SYSTEMS: Final[dict[str, str]] = {
    "MDC": systems.MDC,
    "LN": systems.LOINC,
    "SCT": systems.SNOMED_CT,
    "SNM": "http://snomed.info/snm",
    "UCUM": systems.UCUM,
    "RXNORM": systems.RXNORM,
    "DCM": systems.DICOM,
    "I9": "http://terminology.hl7.org/CodeSystem/icd9",
    "I9C": systems.ICD9_CM,
    "I9CDX": systems.ICD9_CM,
    "I10": systems.ICD10,
    "I10C": systems.ICD10_CM,
    "ISO+": "urn:oid:2.16.840.1.113883.6.10",
    "CVX": "http://hl7.org/fhir/sid/cvx",
    "NDC": "http://hl7.org/fhir/sid/ndc",
    "C4": "http://www.ama-assn.org/go/cpt",
    "ISO639": "urn:ietf:bcp:47",
    "ISO3166_1": "urn:iso:std:iso:3166",
}

_ALIASES: Final[dict[str, str]] = {
    "ISO11073": "MDC",
    "11073": "MDC",
    "LOINC": "LN",
    "SNOMED": "SCT",
    "SNOMED-CT": "SCT",
    "RXN": "RXNORM",
    "ICD9": "I9",
    "ICD-10": "I10",
    "ICD10": "I10",
    "ISO": "ISO+",
}


def coding_system_uri(identifier: str) -> str | None:
    """Return the URI of a coding system named in CWE-3 (table 0396).

    Parameters
    ----------
    identifier : str
        ``"MDC"``, ``"LN"``, ``"HL70078"``, an OID with ``urn:oid:``, ...

    Returns
    -------
    str or None
        None for local systems (``L``, ``99...``) and those that are not known.
    """
    name = identifier.strip().upper()
    name = _ALIASES.get(name, name)
    found = CODING_SYSTEMS.get(name)
    if found is None and name.startswith("HL7") and name[3:].isascii() and name[3:].isdigit() and len(name) == 7:
        return systems.v2_table(name[3:])
    return found


def coding_system_id(uri: str) -> str | None:
    """Return the table 0396 identifier of a code system's URI.

    Parameters
    ----------
    uri : str
        A URI, as in FHIR's ``Coding.system``.

    Returns
    -------
    str or None
        None when HL7 v2 has no identifier for it here.
    """
    if uri == systems.MDC_OID:
        return "MDC"
    for name, known in CODING_SYSTEMS.items():
        if known == uri:
            return name
    rest = uri.removeprefix(systems.V2_TABLE_PREFIX)
    if rest != uri and len(rest) == 4 and rest.isascii() and rest.isdigit():
        return f"HL7{rest}"
    return None
