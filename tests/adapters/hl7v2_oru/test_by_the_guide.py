"""Rows of HL7's v2-to-FHIR guide, one by one: a segment, and where the guide's map puts each part of it.

The rows are named as in the guide's tables (segment or data type, target, row).
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from adapters.hl7v2_oru.support import read

import iomt_interop as iomt
from iomt_interop.adapters.fhir_r4.resources import to_fhir_resources
from iomt_interop.model import Instant
from iomt_interop.plugins import ReadContext, WriteContext

_MSH = r"MSH|^~\&|APP^2.999.9^ISO|HOSP|{receiver}|20261124120000+0100|{security}|{type}|M-1|P|2.5.1{more}"
_PID = "PID|1||4711^^^LAB&2.999.1&ISO^MR||Berg^Eva"
_PHYSICAL = "http://terminology.hl7.org/CodeSystem/location-physical-type"
RECEIVED = Instant(value="2026-11-24T12:00:01+01:00")


def resources(*segments: str, kind: str = "ORU^R01^ORU_R01", receiver: str = "EHR|WEST", security: str = "",
              more: str = "") -> list[dict[str, Any]]:  # fmt: skip
    """Translate a message; contained resources stand beside the others."""
    header = _MSH.format(type=kind, receiver=receiver, security=security, more=more)
    data = ("\r".join((header, *segments)) + "\r").encode()
    payload = iomt.translate(
        data,
        to="fhir_r4",
        adapter="hl7v2_oru",
        context=ReadContext(identity="keep", received=RECEIVED),
        write_context=WriteContext(include_test_data=True),
    ).payload
    to_fhir_resources(payload)
    found = [entry["resource"] for entry in json.loads(payload)["entry"]]
    return found + [inner for outer in found for inner in outer.get("contained", ())]


def values(tree: Any, path: str) -> list[Any]:
    """Return everything at a path; lists are looked through."""
    if isinstance(tree, list):
        return [found for one in tree for found in values(one, path)]
    head, _, rest = path.partition(".")
    if head not in tree:
        return []
    inner = tree[head]
    return values(inner, rest) if rest else inner if isinstance(inner, list) else [inner]


def said(found: list[dict[str, Any]], path: str) -> list[Any]:
    """Return everything that resources say at a path which begins with their type."""
    kind, _, rest = path.partition(".")
    return values([one for one in found if one["resourceType"] == kind], rest)


_PLACE = "PV1|1|I|WARD&2.999.11&ISO^12&2.999.12&ISO^B^HOSP^active^^&MAIN&L^3^by the window^L-7^BEDS&MINE&L"
_VISIT = "PV1|1|O|WARD||||||||||||||||VN-1||||||||||||||||||HOME^Home^L|||||||||||||ALT-1||||EP-1"
_PARTY = "7^Who&van^Ann^^^^^^LAB&2.999.1&ISO"
ROWS: list[tuple[str, tuple[str, ...], str, str, list[Any]]] = [
    ("PL[Location], PL.3", (_PID, _PLACE), "ORU^R01^ORU_R01", "Location.physicalType.coding.code", ["bd"]),
    ("HD[Identifier], HD.2 of PL.1", (_PID, _PLACE), "", "Location.identifier.value", ["2.999.11"]),
    ("HD[Identifier], HD.3 of PL.2", (_PID, _PLACE), "", "Location.identifier.type.coding.code", ["ISO"]),
    ("HD[Identifier], HD.2 alone of PL.7", (_PID, _PLACE), "", "Location.identifier.value", ["MAIN"]),
    ("PL[Location], PL.11 (HD[Organization])", (_PID, _PLACE), "", "Organization.identifier.value", ["BEDS", "MINE"]),
    ("PV1[Encounter], PV1-54", (_PID, _VISIT), "", "EpisodeOfCare.identifier.value", ["EP-1"]),
    ("DLD[Location-Discharge], DLD.1", (_PID, _VISIT), "", "Location.type.coding.code", ["HOME"]),
    ("PV2[Encounter], PV2-12", (_PID, "PV1|1|O", "PV2||||||||||||a < b"), "", "Encounter.text.div",
     ['<div xmlns="http://www.w3.org/1999/xhtml">a &lt; b</div>']),
    ("PV2[Encounter], PV2-22 (YesNoIndicator)", (_PID, "PV1|1|O", "PV2" + "|" * 22 + "Y"), "",
     "Encounter.meta.security.code", ["true"]),
    ("CX[RelatedPerson-Mother]", (_PID + "|" * 16 + "M-9^^^LAB^MR",), "", "RelatedPerson.relationship.coding.code",
     ["MTH"]),
    ("CX[RelatedPerson-Mother], CX.1", (_PID + "|" * 16 + "M-9^^^LAB^MR",), "", "RelatedPerson.identifier.value",
     ["M-9"]),
    ("PID[Provenance-Patient], PID-34", (_PID + "|" * 28 + "20260101101500+0100|HOSP^2.999.3^ISO",), "",
     "Provenance.agent.type.coding.code", ["performer"]),
    ("HD[Organization] of PID-34", (_PID + "|" * 28 + "20260101101500+0100|HOSP^2.999.3^ISO",), "",
     "Organization.identifier.value", ["HOSP", "2.999.3"]),
    ("PD1[Patient], PD1-14 (XON[string], XON.10)", (_PID, "PD1" + "|" * 14 + "^^^^^^^^^C-1"), "",
     "Patient.extension.valueString", ["C-1"]),
    ("NTE[Observation], NTE-5", (_PID, "OBX|1|ST|a^A^L||x||||||F", f"NTE|1||note||{_PARTY}"), "",
     "Practitioner.name.family", ["Who"]),
    ("PRT[PractitionerRole], PRT-4", (_PID, "OBX|1|ST|a^A^L||x||||||F", f"PRT|1|A||AP^Admin^HL70443|{_PARTY}"), "",
     "PractitionerRole.code.coding.code", ["AP"]),
    ("PRT[PractitionerRole], PRT-9", (_PID, "OBX|1|ST|a^A^L||x||||||F", f"PRT|1|A||AP|{_PARTY}||||W^1"), "",
     "Location.physicalType.coding.code", ["ro", "wa"]),
    ("PRT[RelatedPerson], PRT-5", (_PID, f"PRT|1|A||GT^Guarantor^HL70443|{_PARTY}"), "", "RelatedPerson.name.family",
     ["Who"]),
    ("PRT[Patient-GeneralPractitioner-PractitionerRole]", (_PID, f"PRT|1|A||PP^Primary^HL70443|{_PARTY}"), "",
     "Patient.generalPractitioner.reference", []),
    ("PRT[Device], PRT-16", (_PID, "OBX|1|ST|a^A^L||x||||||F", "PRT|1|A||EQUIP" + "|" * 12 + "00844588003288"), "",
     "Device.udiCarrier.deviceIdentifier", ["00844588003288"]),
    ("PRT[Device], PRT-20", (_PID, "OBX|1|ST|a^A^L||x||||||F", "PRT|1|A||EQUIP" + "|" * 16 + "S-3"), "",
     "Device.serialNumber", ["S-3"]),
    ("ROL[Encounter-PractitionerRole], ROL-4", (_PID, "PV1|1|O", f"ROL|1|AD|AT^Attending^HL70443|{_PARTY}"), "",
     "Encounter.participant.type.coding.code", ["AT"]),
    ("ORC[Provenance], ORC-12", (_PID, "ORC|NW|P-1||||||||||5^Ord^Max~6^Sec^Sue", "OBR|1|P-1||a^A^L"),
     "OML^O21^OML_O21", "Practitioner.name.family", ["Ord", "Sec"]),
    ("IN1[Coverage], IN1-10 (SN)", (_PID, "IN1|1|PLAN|I-1|||||||19^^^INS^SN"), "",
     "Coverage.extension.valueIdentifier.value", ["19"]),
    ("IN1[Coverage], IN1-10", (_PID, "IN1|1|PLAN|I-1|||||||19^^^INS^SN|Group"), "", "Organization.identifier.value",
     ["19"]),
    ("IN1[Coverage], IN1-16", (_PID, "IN1|1|PLAN|I-1" + "|" * 13 + "Doe^Ros|SPO"), "", "RelatedPerson.name.family",
     ["Doe"]),
    ("SPS[Specimen-Source], SPS.6", (_PID, "OBR|1|||a^A^L|||||||||||BLD^^^^^R&Refrigerated&L"), "",
     "Specimen.condition.coding.code", ["R"]),
    ("OBR[Specimen], OBR-7", (_PID, "OBR|1|||a^A^L|||20261124|||||||20261125|BLD"), "",
     "Specimen.collection.collectedDateTime", ["2026-11-24"]),
    ("SPM[Specimen], SPM-3 (EIP), a second parent", (_PID, "OBR|1|||a^A^L", "SPM|1|K-1|P-1^F-1~P-2^F-2|BLD"), "",
     "Specimen.identifier.value", ["P-1", "F-1", "P-2", "F-2", "K-1"]),
    ("NDL[PractitionerRole], NDL.4 to NDL.7",
     (_PID, "OBR|1|||a^A^L" + "|" * 21 + "F" + "|" * 7 + "5&Typ&Ina^^^WARD^12^B^HOSP"), "",
     "Location.physicalType.coding.code", ["si", "wa", "ro", "bd"]),
    ("CQ[Quantity], CQ.2", (_PID, "OBR|1|||a^A^L", "SPM|1|||BLD||||||||5^TUBES&little tubes&L"), "",
     "Specimen.collection.quantity.unit", ["little tubes"]),
    ("OBX[Observation], OBX-21", (_PID, "OBX|1|ST|a^A^L||x||||||F||||||||||O-1"), "",
     "Observation.identifier.type.coding.code", ["FILL"]),
    ("SN[Ratio], SN.1", (_PID, "OBX|1|SN|a^A^L||>^1^:^128||||||F"), "", "Observation.valueRatio.numerator.comparator",
     [">"]),
    ("CWE[Quantity] of SN[Ratio]", (_PID, "OBX|1|SN|a^A^L||^1^:^128|mg/dL^^UCUM|||||F"), "",
     "Observation.valueRatio.denominator.code", ["mg/dL"]),
    ("XTN[ContactPoint], XTN.3", (_PID + "|" * 8 + "5551234",), "", "Patient.telecom._system.extension.valueCode",
     ["unknown"]),
    ("XTN[ContactPoint], XTN.18", (_PID + "|" * 8 + "^PRN^PH^^^9^5551234" + "^" * 11 + "2",), "",
     "Patient.telecom.rank", [2]),
    ("AddressType[Type], M", (_PID + "|" * 6 + "1 Road^^Ghent^^^^M",), "", "Patient.address.type", ["postal"]),
    ("PatientClass[EncounterClass], O", (_PID, "PV1|1|O"), "", "Encounter.class.display", ["ambulatory"]),
    ("PID[Account], PID-18", (_PID + "|" * 13 + "A-1^^^BILL^AN",), "ADT^A01^ADT_A01", "Account.identifier.value",
     ["A-1"]),
    ("PID[Account], PID: status", (_PID + "|" * 13 + "A-1^^^BILL^AN",), "ADT^A01^ADT_A01", "Account.status",
     ["active"]),
    ("MRG[Account], MRG-3", (_PID, "MRG|0815^^^LAB^MR||A-0^^^BILL^AN"), "ADT^A06^ADT_A06", "Account.identifier.value",
     ["A-0"]),
    ("MRG[Account], MRG: status", (_PID, "MRG|0815^^^LAB^MR||A-0^^^BILL^AN"), "ADT^A06^ADT_A06", "Account.status",
     ["unknown"]),
    ("IN3[CareTeam], IN3-21", (_PID, "IN1|1|PLAN|I-1", "IN3|1" + "|" * 20 + "Sal Steward"), "ADT^A01^ADT_A01",
     "CareTeam.participant.role.coding.code", ["768832004"]),
    ("IN3[CareTeam], IN3-21, whose name it is", (_PID, "IN1|1|PLAN|I-1", "IN3|1" + "|" * 20 + "Sal Steward"), "",
     "Practitioner.name.text", ["Sal Steward"]),
    ("XPN[HumanName], XPN.7 (NameType)", (_PID.replace("Berg^Eva", "Berg^Eva^^^^^R"),), "", "Patient.name.use",
     ["official"]),
    ("XTN[ContactPoint], XTN.3 (SAT)", (_PID + "|" * 8 + "^PRN^SAT^^^9^5551234",), "", "Patient.telecom.system",
     ["other"]),
    ("SPM[Specimen], SPM-14", (_PID, "OBR|1|||a^A^L", "SPM|1|||BLD" + "|" * 10 + "clotted~dark"), "",
     "Specimen.note.text", ["clotted", "dark"]),
    ("OBX[Observation], OBX-11 (N)", (_PID, "OBX|1||a^A^L||||||||N"), "",
     "Observation.dataAbsentReason.coding.code", ["not-asked"]),
    ("OBR[Specimen], OBR-7 of a laboratory",
     (_PID, "OBR|1|||a^A^L|||202611240810+0100" + "|" * 17 + "CH|F"), "",
     "Specimen.collection.collectedDateTime", ["2026-11-24T08:10:00+01:00"]),
    ("OBR[DiagnosticReport], OBR-35", (_PID, "OBR|1|||a^A^L" + "|" * 21 + "F" + "|" * 10 + "5&Typ&Ina"), "",
     "DiagnosticReport.performer.extension.valueCodeableConcept.coding.code", ["TRANS"]),
]  # fmt: skip


@pytest.mark.parametrize(("row", "segments", "kind", "path", "expected"), ROWS, ids=[one[0] for one in ROWS])
def test_row(row: str, segments: tuple[str, ...], kind: str, path: str, expected: list[Any]) -> None:
    found = said(resources(*segments, kind=kind or "ORU^R01^ORU_R01"), path)
    assert found, f"{row}: nothing at {path}"
    assert [one for one in expected if one not in found] == []


def test_levels_are_part_of_each_other() -> None:
    places = {one["physicalType"]["coding"][0]["code"]: one for one in resources(_PID, _PLACE)
              if one["resourceType"] == "Location"}  # fmt: skip
    assert set(places) == {"bd", "ro", "wa", "bu", "lvl", "si"}
    by_id = {"#" + one["id"]: one for one in places.values()}
    chain, at = [], places["bd"]
    while "partOf" in at:
        at = by_id[at["partOf"]["reference"]]
        chain.append(at["physicalType"]["coding"][0]["code"])
    assert chain == ["ro", "wa", "lvl", "bu", "si"]
    assert {one["status"] for one in places.values()} == {"active"}
    assert places["bd"]["identifier"][-1]["value"] == "L-7"


def again(*segments: str) -> list[Any]:
    """Return the records of a message and those of its FHIR."""
    data = "\r".join((_MSH.format(type="ORU^R01^ORU_R01", receiver="EHR|WEST", security="", more=""), *segments)) + "\r"
    records = list(read(data.encode()))
    payload = iomt.write(records, to="fhir_r4", context=WriteContext(include_test_data=True))
    return [records, list(iomt.read(payload, adapter="fhir_r4", context=ReadContext(identity="keep")))]


def test_a_role_names_all_levels_of_its_place_and_is_read_as_one_place() -> None:
    """NDL[PractitionerRole], NDL.4 to NDL.7: a Location each."""
    report = "OBR|1|||a^A^L" + "|" * 21 + "F" + "|" * 7 + "5&Typ&Ina^^^WARD^12^B^HOSP"
    assert len(said(resources(_PID, report), "PractitionerRole.location.reference")) == 4
    places = [[one.places for record in records if record.kind == "order" for one in record.actors if one.places]
              for records in again(_PID, report)]  # fmt: skip
    assert [len(one) for one in places[0]] == [1]
    assert places[0] == places[1]


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("P-1^F-1~P-2^F-2", [["P-1", "F-1"], ["P-2", "F-2"]]),
        ("P-1~P-2^F-2", [["P-1"], ["P-2", "F-2"]]),
        ("^F-1~^F-2", [["F-1"], ["F-2"]]),
        ("P-1~^F-2", [["P-1"], ["F-2"]]),
    ],
)
def test_parents_of_a_specimen(field: str, expected: list[list[str]]) -> None:
    """SPM[Specimen], SPM-3: each repetition is a specimen, whose numbers are the placer's and the filler's."""
    segments = (_PID, "OBR|1|||a^A^L", f"SPM|1|K-1|{field}|BLD")
    found = resources(*segments)
    (child,) = (one for one in found if one["resourceType"] == "Specimen" and "parent" in one)
    by_id = {"#" + one["id"]: one for one in child["contained"]}
    numbers = [[n["value"] for n in by_id[one["reference"]]["identifier"]] for one in child["parent"]]
    assert numbers == expected
    before, after = ([one.parents for one in records if one.kind == "specimen"] for records in again(*segments))
    assert before == after


@pytest.mark.parametrize(
    ("receiver", "more", "expected"),
    [
        ("|WEST", "|" * 13 + "NET^2.999.5^ISO", [("NET", "urn:oid:2.999.5", True)]),
        ("EHR^2.999.4^ISO|", "|" * 11 + "WEST^^^^^^^^^W-1", [("EHR", "urn:oid:2.999.4", True)]),
    ],
    ids=["MSH-6 and MSH-25", "MSH-5 and MSH-23"],
)
def test_one_destination(receiver: str, more: str, expected: list[tuple[str, str, bool]]) -> None:
    """MSH[MessageHeader]: MSH-5, MSH-6, MSH-23 and MSH-25 are of ``destination[1]``."""
    (header,) = (one for one in resources(_PID, receiver=receiver, more=more) if one["resourceType"] == "MessageHeader")
    assert [(one["name"], one["endpoint"], "receiver" in one) for one in header["destination"]] == expected


def test_secrecy_of_a_message() -> None:
    """MSH[MessageHeader], MSH-8: ``meta.security``; it is no label of the record."""
    assert said(resources(_PID, security="HUSH"), "MessageHeader.meta.security.code") == ["HUSH"]
    header = _MSH.format(type="ORU^R01^ORU_R01", receiver="EHR|WEST", security="HUSH", more="")
    (message,) = (one for one in read((header + "\r" + _PID + "\r").encode()) if one.kind == "message")
    assert (message.security, message.labels) == ("HUSH", ())


def test_a_message_without_an_event() -> None:
    """MSG[Coding]: the display is the whole type, and there is no code without MSG.2."""
    (header,) = (one for one in resources(_PID, kind="ORU^^ORU_R01") if one["resourceType"] == "MessageHeader")
    assert header["eventCoding"] == {"display": "ORU^^ORU_R01"}


@pytest.mark.parametrize("code", ["D", "DE", "UN"])
def test_who_took_no_part_is_kept_verbatim(code: str) -> None:
    """PRT-2: the guide would end the relation to a resource that this message does not make."""
    header = _MSH.format(type="ORU^R01^ORU_R01", receiver="EHR|WEST", security="", more="")
    data = "\r".join((header, _PID, "PV1|1|O", f"PRT|1|{code}||AP|{_PARTY}", "")).encode()
    records = read(data)
    assert [one.path for one in records if one.kind == "residue"] == ["PRT(1)"]
    assert [one.actors for one in records if one.kind == "encounter"] == [()]


def test_a_ratio_with_an_odd_sign_keeps_it() -> None:
    """OBX[Observation], OBX-5: a Ratio unless SN.1 is ``<>``; a sign of no meaning is told and kept."""
    header = _MSH.format(type="ORU^R01^ORU_R01", receiver="EHR|WEST", security="", more="")
    records = read(
        "\r".join((header, _PID, 'OBX|1|SN|a^A^L||"^1^:^3||||||F', "OBX|2|SN|a^A^L||<>^1^:^3||||||F", "")).encode()
    )
    first, second = (one for one in records if one.kind == "observation")
    assert (first.value.type, [e.value for e in first.extensions]) == ("ratio", ['"', ":"])
    assert second.value.type == "text"
    assert [one.code for one in records if one.kind == "issue"].count("ORU-202") == 2


@pytest.mark.parametrize(
    ("code", "expected"), [("AA", "ok"), ("CA", "ok"), ("AE", "transient-error"), ("CR", "fatal-error")]
)
def test_what_a_message_answers(code: str, expected: str) -> None:
    """MSA[MessageHeader], MSA-1 and MSA-2: FHIR R4 response-type has accepted, error and rejected."""
    found = resources(f"MSA|{code}|Q-77", kind="ACK^R01^ACK")
    assert said(found, "MessageHeader.response") == [{"identifier": "Q-77", "code": expected}]
    header = _MSH.format(type="ORA^R41^ORA_R41", receiver="EHR|WEST", security="", more="")
    records = read(f"{header}\rMSA|{code}|Q 77|why\r".encode())
    assert [(one.answer, one.answer_to) for one in records if one.kind == "message"] == [(code, "Q 77")]
    assert [one.value for record in records for one in record.extensions if one.path == "MSA(1)-3"] == ["why"]
    assert not [one for one in records if one.kind == "residue"]


def test_status_and_flags_of_a_setting() -> None:
    """OBX-8 and OBX-11 of a setting are its own, in FHIR as well (ObservationResultStatusCodesInterpretation)."""
    line = "OBX|1|NM|16929196^MDC_VENT_PRESS_MAX^MDC|1.1.1.1|30|cm[H2O]^^UCUM||INV|||{}||SETTING"
    header = _MSH.format(type="ORU^R01^ORU_R01", receiver="EHR|WEST", security="", more="")
    report = "OBR|1|||182777000^monitoring^SCT|||20261124"
    records = read("\r".join((header, _PID, report, line.format("D"), "")).encode())
    (setting,) = (one for one in records if one.kind == "setting")
    assert (setting.status, setting.native_status, setting.quality.flags) == ("entered-in-error", "D", ("invalid",))
    assert not [one for one in setting.extensions if one.path.startswith(("OBX(1)-8", "OBX(1)-11"))]
    found = [one for one in resources(_PID, report, line.format("D")) if one["resourceType"] == "Observation"]
    assert [one["status"] for one in found] == ["entered-in-error"]


def test_accounts_are_of_whom_they_were_charged_for() -> None:
    """MRG-3 is the account of the record that was replaced; PID-18 of other messages stays verbatim."""
    lines = (_PID + "|" * 13 + "A-1^^^BILL^AN", "MRG|0815^^^LAB^MR||A-0^^^BILL^AN")
    found = resources(*lines, kind="ADT^A40^ADT_A39")
    patients = {one["identifier"][0]["value"]: one["id"] for one in found if one["resourceType"] == "Patient"}
    whose = {
        one["identifier"][0]["value"]: one["subject"][0]["reference"].rpartition(":")[2].replace("-", "")
        for one in found
        if one["resourceType"] == "Account"
    }
    assert whose == {"A-1": patients["4711"], "A-0": patients["0815"]}
    header = _MSH.format(type="ORU^R01^ORU_R01", receiver="EHR|WEST", security="", more="")
    (person,) = (one for one in read("\r".join((header, lines[0], "")).encode()) if one.kind == "subject")
    assert "PID(1)-18" in {one.path for one in person.extensions}


@pytest.mark.parametrize("line", ["IN3|1|CERT-1", "IN2|1|900", "GT1|1||Berg^Ben"])
def test_billing_segments_without_a_row_stay_verbatim(line: str) -> None:
    header = _MSH.format(type="ADT^A01^ADT_A01", receiver="EHR|WEST", security="", more="")
    records = read("\r".join((header, _PID, "IN1|1|PLAN|I-1", line, "")).encode())
    assert [one.raw.decode() for one in records if one.kind == "residue"] == [line]
