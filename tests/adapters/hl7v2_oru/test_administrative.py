"""Messages between information systems: what HL7's v2-to-FHIR guide makes of each segment, and nothing lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from adapters.hl7v2_oru.support import altered, content, leaves, of, one, read
from support.oracle import validate

import iomt_interop as iomt
from iomt_interop.adapters.fhir_r4.resources import to_fhir_resources
from iomt_interop.adapters.fhir_r4.writer import make_writer
from iomt_interop.model import Activity, Instant
from iomt_interop.plugins import ReadContext, WriteContext


def segment(name: str, **fields: str) -> str:
    """Compose a segment from its fields by number (``f3``)."""
    numbers = {int(key[1:]): value for key, value in fields.items()}
    return "|".join((name, *(numbers.get(n, "") for n in range(1, max(numbers) + 1))))


_PID = segment(
    "PID", f1="1", f3="4711^3^M10^LAB&2.999.1&ISO^MR^SITE&2.999.2&ISO^20200101^20301231",
    f5="Berg&van&Berg&de&Meer^Eva^M^II^Dr^MD^L^^^^G^20010203^20300101^RN", f7="19800229101500+0100", f8="F",
    f11="1 Road&Road^Flat 2^Ghent^OV^9000^BEL^H^^OV^17", f13="^PRN^PH^^32^9^5551234^7",
    f14="^WPN^Internet^eva@example.org", f16="M^Married^HL70002", f17="CHR^Christian^HL70006",
    f18="ACC-7^^^BILLING&2.999.7&ISO^AN",
    f21="0900^^^LAB&2.999.1&ISO^MR",
    f23="Bruges", f24="Y",
    f25="2", f26="BE^Belgium", f33="20260101101500+0100", f34="HOSP^2.999.3^ISO",
)  # fmt: skip
_PV1 = segment(
    "PV1", f1="1", f2="I",
    f3="WARD&2.999.6&ISO^12^B^HOSP&2.999.4&ISO^active^^MAIN&M-1^3^by the window^PLACE-1^BEDS&MINE&L",
    f4="R", f5="PRE-1",
    f6="WARD^11^A", f7="7^Who^Ann^^^Dr", f8="8^Ref^Bo", f9="9^Con^Cy", f10="CAR", f11="TMP^1", f14="7", f15="A0",
    f17="10^Adm^Di", f19="VN-1", f36="01", f37="HOME", f42="OTHER^2", f43="OLD^3", f44="20261124080000+0100",
    f45="20261125090000+0100", f54="EPISODE-1^^^LAB",
)  # fmt: skip
MESSAGES = {
    "ADT^A01^ADT_A01": (
        segment("SFT", f1="Maker^^^^^^^^^MK-1", f2="2.1", f3="ADT server", f4="B-7"),
        "EVN|A01|20261124080500+0100|20261125|01|77^Clerk^Jo|20261124080000+0100",
        _PID,
        segment(
            "PD1", f3="Practice^^^^^^^^^P-1", f4="99^Doc^Fay", f6="H^Handicap", f10="DUP-1^^^LAB^MR",
            f14="Chapel~Temple^^^^^^^^^TE-1",
        ),
        segment("NTE", f1="1", f3="deaf in one ear", f5="93^Com^Xia", f6="20261124075900+0100"),
        segment(
            "ROL", f2="AD", f3="PP^Primary^HL70443", f4="98^Doc^Ida", f5="20200101", f11="6 Road^^Ghent",
            f12="^WPN^PH^^32^9^5554444", f13="PRACTICE^3", f14="Group practice^^^^^^^^^GP-1",
        ),
        segment("ROL", f2="AD", f3="GT^Guarantor^HL70443", f4="97^Gua^Rik", f6="20301231"),
        segment(
            "NK1", f1="1", f2="Berg^Ben^^^Mr", f3="SPO^Spouse^HL70063", f4="2 Road^^Ghent", f5="^PRN^PH^^32^9^5559876",
            f6="^WPN^PH^^32^9^5554321", f7="E^Employer^HL70131", f8="20200101", f9="20301231",
            f13="Works^^^^^^^^^W-1~Other works^^^^^^^^^W-2",
            f15="M", f16="19790101", f20="EN^English", f30="Ask^Abe", f31="^WPN^PH^^32^9^5553333", f32="9 Road^^Ghent",
        ),
        _PV1,
        segment(
            "PV2", f3="FEVER^Fever", f11="5", f12="Short stay", f13="13^Refer^Gil", f22="Y",
            f23="Clinic^^^^^^^^^CL-1~Ward clinic", f25="2^Urgent", f38="A^Ambulance",
        ),
        segment("ROL", f2="AD", f3="AT^Attending^HL70443", f4="96^Att^Uma"),
        "AL1|1|DA^Drug allergy^HL70127|PEN^Penicillin^L|SV^Severe^HL70128|rash~swelling|20100101",
        segment(
            "DG1", f1="1", f3="J18.9^Pneumonia^I10", f4="Pneumonia, community acquired", f5="20261124",
            f6="A^Admitting",
            f15="1", f16="7^Who^Ann", f19="20261124093000+0100", f20="DG-1^LAB",
        ),
        segment(
            "PR1", f1="1", f3="0BJ^Bronchoscopy^I10P", f4="looked inside", f5="20261124100000+0100", f6="D",
            f11="11^Surg^Sue", f15="J18.9^Pneumonia^I10", f19="PR-1^LAB",
        ),
        segment(
            "IN1", f1="1", f2="PLAN^Plan A^L", f4="Insurer^^^^^^^^^I-1", f5="3 Road^^Ghent", f9="Staff^^^^^^^^^ST-1",
            f30="71^Veri^Ria", f10="M-1^^^INS^SN",
            f11="Group^^^^^^^^^G-1", f12="20260101", f13="20261231", f15="HMO^Plan^L", f16="Berg^Eva",
            f17="SEL^Self^HL70063",
        ),
        segment("IN3", f1="1", f2="CERT-1", f21="Sal Steward"),
    ),
    "ADT^A40^ADT_A39": (
        "EVN|A40|20261124", _PID,
        segment("MRG", f1="0815^^^LAB&2.999.1&ISO^MR", f3="ACC-6^^^BILLING^AN", f7="Berg^Eve"),
    ),
    "OML^O21^OML_O21": (
        _PID,
        _PV1,
        segment(
            "ORC", f1="NW", f2="P-1^EHR", f3="F-1^LAB", f4="G-1^EHR", f9="20261124070000+0100", f10="21^Ent^Kim",
            f11="22^Ver^Lee", f12="23^Ord^Max", f13="DESK^2", f14="^WPN^PH^^32^9^5550000", f19="24^Act^Noa",
            f21="Clinic^^^^^^^^^C-1~Branch^^^^^^^^^C-2", f22="4 Road^^Ghent", f23="^WPN^PH^^32^9^5551111",
            f24="5 Road^^Ghent",
            f29="I^Inpatient",
        ),
        segment(
            "OBR", f1="1", f2="P-1^EHR", f3="F-1^LAB", f4="2345-7^Glucose^LN", f5="S", f6="20261124080000+0100",
            f9="5^mL", f10="31^Col^Pat", f11="G", f13="fasting", f14="20261124081500+0100", f15="BLD&Blood&L",
            f16="23^Ord^Max~25^Oth^Ali", f17="^WPN^PH^^32^9^5552222", f31="R73^High glucose^I10",
        ),
        segment("PRT", f2="AD", f4="SC^Specimen collector^HL70443", f5="95^Spe^Vic"),
        "NTE|1|L|please hurry|RE^Remark|23^Ord^Max|20261124075900+0100",
        "OBX|1|ST|11^Question^L||Answer||||||F",
        segment(
            "PRT", f2="AD", f4="RO^Responsible observer^HL70912", f5="94^Obs^Wim", f8="Laboratory", f9="LAB^2",
            f10="UDI-1", f16="00844588003288", f17="20250101", f18="20300101", f19="LOT-3", f20="SER-4", f21="DON-5",
            f22="ANALYSER^Analyser^L",
        ),
        segment(
            "SPM", f1="1", f2="S-1&EHR^S-2&LAB", f4="119297000^Blood^SCT", f7="V^Venipuncture", f8="ARM^Arm",
            f12="5^mL", f14="clotted~dark", f17="20261124081000+0100^20261124081200+0100", f18="20261124090000+0100",
            f20="Y",
            f24="HEM^Hemolyzed", f27="TUBE^Tube", f30="ACC-1",
        ),
        "OBX|2|NM|3167-4^Volume^LN||5|mL^^UCUM|||||F",
    ),
    "ORU^R01^ORU_R01": (
        _PID,
        segment("OBR", f1="1", f3="F-5^LAB", f4="2345-7^Glucose^LN", f7="202611240810+0100", f24="CH", f25="F"),
        "OBX|1||2345-7^Glucose^LN||||||||N",
    ),
    "VXU^V04^VXU_V04": (
        _PID,
        segment("ORC", f1="RE", f2="P-2^EHR", f3="F-2^IIS", f12="23^Ord^Max"),
        segment(
            "RXA", f1="0", f2="1", f3="20261124100000+0100", f5="08^Hep B^CVX", f6="0.5", f7="mL^^UCUM",
            f10="41^Nur^Quy", f15="LOT-9", f16="20271231", f17="MSD^Merck^MVX", f20="CP", f21="A",
            f22="20261124100500+0100", f27="CLINIC^1",
        ),
        "RXR|IM^Intramuscular^HL70162|LA^Left arm^HL70163",
    ),
    "ORM^O01^ORM_O01": (
        _PID,
        segment(
            "ORC", f1="NW", f2="P-7^EHR", f3="F-7^PHARMACY", f9="20261124070000+0100", f12="23^Ord^Max",
        ),
        segment(
            "TQ1", f1="1", f2="1^TAB", f3="BID&Twice a day&HL70335^^^^12^h", f7="20261124080000+0100",
            f8="20261201080000+0100", f9="S", f10="with food", f11="one tablet twice a day", f14="14",
        ),
        segment(
            "RXO", f1="197696^Fluconazole^RXNORM", f2="50", f3="100", f4="mg^^UCUM", f5="TAB^Tablet^L",
            f9="G", f11="14",
            f12="TAB", f13="2", f18="50", f19="mg^^UCUM", f25="5", f26="mL^^UCUM",
        ),
        "NTE|1|L|take all of it||23^Ord^Max",
        segment("RXR", f1="PO^Oral^HL70162", f2="MTH^Mouth^HL70163", f4="SW^Swallow^HL70165", f5="AM^Morning^L"),
    ),
    "SIU^S12^SIU_S12": (
        segment(
            "SCH", f1="A-1^EHR", f2="A-2^RIS", f7="R^Routine", f8="CHK^Check-up", f9="30", f10="min",
            f11="^^^20261201090000+0100^20261201093000+0100", f16="51^Fil^Rob", f20="52^Ent^Sam", f25="Booked",
        ),
        "NTE|1||bring papers",
        _PID,
        "AIS|1||XR^X-ray^L",
        "AIG|1||X-9^Scanner^L|EQ^Equipment||||20261201090000+0100|||45|MIN",
        "AIP|1||61^Tec^Tom|T^Technician||20261201091500+0100",
        "AIL|1||XRAY^1|ROOM^Room||20261201090000+0100|||1|H",
    ),
    "MDM^T02^MDM_T02": (
        "EVN|T02|20261124",
        _PID,
        _PV1,
        segment(
            "TXA", f1="1", f2="DS^Discharge summary", f3="TX", f6="20261124110000+0100", f9="7^Who^Ann",
            f12="DOC-1^EHR",
            f17="AU", f19="AV", f25="Summary",
        ),
        "OBX|1|TX|1^Text^L||went home~in good health||||||F",
    ),
}  # fmt: skip


def message(name: str) -> bytes:
    header = f"MSH|^~\\&|ADT^2.999.9^ISO|HOSP^2.999.8^ISO|EHR|WEST|20261124120000+0100||{name}|M-1|P|2.5.1"
    return ("\r".join((header, *MESSAGES[name])) + "\r").encode()


def resources(name: str) -> list[dict[str, Any]]:
    payload = iomt.translate(message(name), to="fhir_r4", adapter="hl7v2_oru").payload
    to_fhir_resources(payload)
    return [entry["resource"] for entry in json.loads(payload)["entry"]]


@pytest.mark.parametrize("name", MESSAGES)
def test_every_leaf_reaches_the_records(name: str) -> None:
    data = message(name)
    known = content(read(data))
    lost = [
        (segment, data[start:stop])
        for segment, start, stop in leaves(data)
        if content(read(altered(data, start, stop))) == known
    ]
    assert lost == []


@pytest.mark.parametrize("name", MESSAGES)
def test_fhir_gives_the_records_back(name: str) -> None:
    # The translation itself is an activity of which the source does not say when; that the caller says.
    context = ReadContext(received=Instant(value="2026-11-24T12:00:01+01:00"))
    read_ = iomt.read(message(name), adapter="hl7v2_oru", context=context)
    records = [record for record in read_ if record.kind not in {"issue", "residue"}]
    writer = make_writer(WriteContext(form="ndjson"))
    back = {record.id: record for record in iomt.read(b"".join(writer.write(records)), adapter="fhir_r4")}
    # FHIR has no Provenance without the instant at which it was recorded.
    unsaid = {loss.record for loss in writer.losses if (loss.kind, loss.path) == ("activity", "recorded")}
    assert {record.id for record in records} - back.keys() == unsaid
    for record in records:
        if record.id in unsaid:
            assert isinstance(record, Activity)
            # No time at all, or a day, or a local time: no point in time.
            assert record.recorded is None or record.recorded.offset_minutes is None
    for record in records:
        if record.id in unsaid:
            continue
        mine, its = (one_.model_dump(exclude={"provenance", "extensions"}) for one_ in (record, back[record.id]))
        assert {key: (mine[key], its[key]) for key in mine if mine[key] != its[key]} == {}


def test_the_independent_validator_accepts_all_of_them(tmp_path: Path) -> None:
    context = ReadContext(received=Instant(value="2026-11-24T12:00:01+01:00"))
    lines = b"".join(
        iomt.translate(
            message(name),
            to="fhir_r4",
            adapter="hl7v2_oru",
            context=context,
            write_context=WriteContext(form="ndjson"),
        ).payload
        for name in MESSAGES
    )
    path = tmp_path / "administrative.ndjson"
    path.write_bytes(lines)
    assert validate(path) == ""


def test_admission() -> None:
    found = {resource["resourceType"]: resource for resource in resources("ADT^A01^ADT_A01")}
    assert found.keys() >= {
        "AllergyIntolerance", "Condition", "Coverage", "Encounter", "MessageHeader", "Patient", "Procedure",
        "Provenance", "RelatedPerson",
    }  # fmt: skip
    stay = found["Encounter"]
    assert (stay["class"]["code"], stay["status"], stay["length"]["value"]) == ("IMP", "finished", 5)
    assert [place.get("status") for place in stay["location"]] == [
        "active",
        "completed",
        "active",
        "reserved",
        "completed",
    ]
    assert [one_["type"][0]["coding"][0]["code"] for one_ in stay["participant"]] == [
        "ATND",
        "REF",
        "CON",
        "ADM",
        "REF",
        "AT",
    ]
    patient = found["Patient"]
    assert patient["name"][0]["suffix"] == ["II", "MD", "RN"]
    assert [one_["value"] for one_ in patient["telecom"]] == ["+32 9 5551234 X7", "eva@example.org"]
    assert patient["multipleBirthInteger"] == 2
    assert found["AllergyIntolerance"]["category"] == ["medication"]
    assert [one_["text"] for one_ in found["AllergyIntolerance"]["reaction"][0]["manifestation"]] == [
        "rash",
        "swelling",
    ]


def test_merge() -> None:
    person, old = of(read(message("ADT^A40^ADT_A39")), "subject")[::-1]
    assert old.active is False
    assert [(link.relation, link.target) for link in person.links] == [("replaces", old.id)]
    kinds = [
        (one_.get("active"), "link" in one_)
        for one_ in resources("ADT^A40^ADT_A39")
        if one_["resourceType"] == "Patient"
    ]
    assert sorted(kinds, key=str) == [(False, False), (None, True)]


def test_order() -> None:
    records = read(message("OML^O21^OML_O21"))
    asked, sample = one(records, "request"), of(records, "specimen")[1]
    assert (asked.intent, asked.groups[0].type.codings[0].code) == ("reflex-order", "PGN")
    assert asked.requester.behalf.name == "Clinic"
    assert asked.specimens[1] == sample.id
    # What stands behind SPM is about the specimen, and informs no order.
    assert asked.observations == (of(records, "observation")[0].id,)
    assert [number.type.codings[0].code for number in sample.identifiers] == ["PGN", "FGN"]
    done = next(record for record in of(records, "activity") if record.targets[0].kind == "request")
    assert [actor.role for actor in done.actors] == ["enterer", "verifier", "performer", "ordering-provider"]
    assert done.code.codings[0].code == "CREATE"


def test_prescription() -> None:
    """RXO[MedicationRequest], TQ1[MedicationRequest] and RXR[MedicationRequest] of the v2-to-FHIR guide."""
    found = next(one_ for one_ in resources("ORM^O01^ORM_O01") if one_["resourceType"] == "MedicationRequest")
    (drug,) = (one_ for one_ in found["contained"] if one_["resourceType"] == "Medication")
    assert found["medicationReference"] == {"reference": "#" + drug["id"]}
    assert (drug["code"]["coding"][0]["code"], drug["form"]["coding"][0]["code"]) == ("197696", "TAB")
    strength = drug["ingredient"][0]["strength"]
    assert (strength["numerator"]["value"], strength["denominator"]["value"]) == (50, 5)
    (dosage,) = found["dosageInstruction"]
    ranged, single = dosage["doseAndRate"]
    assert (ranged["type"]["coding"][0]["code"], single["doseQuantity"]["value"]) == ("ordered", 1)
    assert (ranged["doseRange"]["low"]["value"], ranged["doseRange"]["high"]["code"]) == (50, "mg")
    assert (dosage["route"]["coding"][0]["code"], dosage["site"]["coding"][0]["code"]) == ("PO", "MTH")
    assert dosage["text"] == "one tablet twice a day"
    assert [one_.get("text") for one_ in dosage["additionalInstruction"]] == [None, "with food"]
    repeat = dosage["timing"]["repeat"]
    assert (repeat["period"], repeat["periodUnit"], repeat["countMax"]) == (12, "h", 14)
    assert repeat["boundsPeriod"]["start"] == "2026-11-24T08:00:00+01:00"
    assert (found["status"], found["intent"], found["priority"]) == ("active", "order", "stat")
    assert found["dispenseRequest"]["numberOfRepeatsAllowed"] == 2
    assert found["substitution"]["allowedCodeableConcept"]["coding"][0]["code"] == "G"
    assert found["note"][0]["text"] == "take all of it"


def test_vaccination() -> None:
    dose = next(one_ for one_ in resources("VXU^V04^VXU_V04") if one_["resourceType"] == "Immunization")
    assert (dose["status"], dose["lotNumber"], dose["expirationDate"]) == ("completed", "LOT-9", "2027-12-31")
    assert (dose["doseQuantity"]["value"], dose["doseQuantity"]["code"]) == (0.5, "mL")
    assert [one_["function"]["coding"][0]["code"] for one_ in dose["performer"]] == ["AP", "OP"]


def test_appointment() -> None:
    found = next(one_ for one_ in resources("SIU^S12^SIU_S12") if one_["resourceType"] == "Appointment")
    assert (found["status"], found["minutesDuration"], found["comment"]) == ("booked", 30, "bring papers")
    assert (found["start"], found["end"]) == ("2026-12-01T09:00:00+01:00", "2026-12-01T09:30:00+01:00")
    assert len(found["participant"]) == 6
    assert [
        (one_["period"]["start"], one_["period"].get("end")) for one_ in found["participant"] if "period" in one_
    ] == [
        ("2026-12-01T09:00:00+01:00", "2026-12-01T09:45:00+01:00"),
        ("2026-12-01T09:15:00+01:00", None),
        ("2026-12-01T09:00:00+01:00", "2026-12-01T10:00:00+01:00"),
    ]


def test_an_appointment_in_a_message_without_components() -> None:
    """MSH-2 may be empty: then no field has parts."""
    data = b"MSH||||||||SIU|M-1|P|2.5.1\rSCH|1||||||||30|min\rAIG|1||X|EQ||||20261201090000+0100|||45|MIN\r"
    assert [record.minutes for record in of(read(data), "appointment")] == [30]


def test_document() -> None:
    paper = one(read(message("MDM^T02^MDM_T02")), "document")
    assert (paper.title, paper.data) == ("Summary", b"went home\nin good health")


def test_the_time_of_reading_is_the_callers() -> None:
    data = message("ADT^A40^ADT_A39")
    read_at = Instant(value="2026-11-24T12:00:01+01:00")
    for context, expected in ((None, None), (ReadContext(received=read_at), read_at.value)):
        rules = next(a for a in of(read(data, context) if context else read(data), "activity") if a.policies)
        assert (rules.recorded and rules.recorded.value) == expected
