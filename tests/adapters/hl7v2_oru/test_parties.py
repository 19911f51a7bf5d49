"""Persons, organisations and places of fields without a target in the guide, and what an OBR tells of a specimen."""

from __future__ import annotations

from typing import Any

import pytest
from adapters.hl7v2_oru.support import of, one, read
from adapters.hl7v2_oru.test_by_the_guide import resources

from iomt_interop.adapters.fhir_r4.tables import OWN
from iomt_interop.model import Record

_MSH = "MSH|^~\\&|APP|HOSP|EHR|WEST|20261124120000+0100||{}|M-1|P|2.5.1"
_PID = "PID|1||4711^^^LAB^MR||Berg^Eva"
_ORDER = ("ORC|NW|P-1||||||||||{0}|{1}" + "|" * 8 + "{2}", "OBR|1|P-1||a^A^L" + "|" * 12 + "{0}")


def records(*segments: str, kind: str = "ORU^R01^ORU_R01") -> list[Record]:
    return read("\r".join((_MSH.format(kind), *segments, "")).encode())


def parties(found: list[dict[str, Any]], kind: str) -> list[tuple[str, str, Any]]:
    """Return role, type of resource and name (or number) of whom the resources of a kind name by the extension."""
    named = []
    for tree in (other for other in found if other["resourceType"] == kind):
        inner = {"#" + each["id"]: each for each in tree.get("contained", ())}
        for entry in (e for e in tree.get("extension", ()) if e["url"] == OWN + "party"):
            (role,) = (e["valueString"] for e in entry["valueReference"]["extension"] if e["url"] == OWN + "role")
            who = inner[entry["valueReference"]["reference"]]
            known = who.get("name") or who["identifier"][0]["value"]
            named.append((role, who["resourceType"], known if isinstance(known, str) else known[0]["family"]))
    return named


_CASES: list[tuple[str, tuple[str, ...], str, list[tuple[str, str, str]]]] = [
    ("IN1-9 and IN1-30",
     (_PID, "IN1|1|PLAN|I-1||||||Staff^^^^^^^^^ST-1" + "|" * 21 + "71^Veri^Ria"), "Coverage",
     [("group", "Organization", "Staff"), ("verifier", "Practitioner", "Veri")]),
    ("PD1-14", (_PID, "PD1" + "|" * 14 + "Chapel~Temple^^^^^^^^^TE-1"), "Patient",
     [("place-of-worship", "Organization", "Temple")]),
    ("PV2-23", (_PID, "PV1|1|O", "PV2" + "|" * 23 + "Clinic~Ward clinic"), "Encounter",
     [("clinic", "Organization", "Clinic"), ("clinic", "Organization", "Ward clinic")]),
    ("NK1-13", (_PID, "NK1|1|Berg^Ben" + "|" * 11 + "Works~Other works"), "RelatedPerson",
     [("organization", "Organization", "Works"), ("organization", "Organization", "Other works")]),
    ("SFT-1", ("SFT|Maker^^^^^^^^^MK-1|2.1|Server", _PID, "PV1|1|O"), "MessageHeader",
     [("software-vendor", "Organization", "Maker")]),
    ("ORC-13, ORC-21 and OBR-16",
     (_PID, _ORDER[0].format("23^Ord^Max", "DESK^2", "Clinic~Branch"), _ORDER[1].format("23^Ord^Max~25^Oth^Ali")),
     "ServiceRequest",
     [("ordering-provider", "Practitioner", "Oth"), ("ordering-facility", "Organization", "Branch"),
      ("enterer-location", "Location", "2, DESK")]),
    ("OBR-16 without ORC-12", (_PID, "OBR|1|||a^A^L" + "|" * 12 + "23^Ord^Max~25^Oth^Ali"), "ServiceRequest",
     [("ordering-provider", "Practitioner", "Oth")]),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "segments", "kind", "expected"), _CASES, ids=[one[0] for one in _CASES])
def test_who_is_named_without_an_element_is_a_resource(
    fields: str, segments: tuple[str, ...], kind: str, expected: list[tuple[str, str, str]]
) -> None:
    assert parties(resources(*segments), kind) == expected


@pytest.mark.parametrize(("fields", "segments", "kind", "expected"), _CASES, ids=[one[0] for one in _CASES])
def test_nothing_verbatim_is_needed_for_them(
    fields: str, segments: tuple[str, ...], kind: str, expected: list[tuple[str, str, str]]
) -> None:
    kept = {extension.path for record in records(*segments) for extension in record.extensions}
    numbers = {f"{part.split('-')[0]}(1)-{part.split('-')[1]}" for part in fields.split() if "-" in part}
    assert not {path for path in kept if path.rstrip(",") in {number.rstrip(",") for number in numbers}}


def test_a_vendor_of_whom_the_name_alone_is_known_is_a_name() -> None:
    found = resources("SFT|Maker|2.1|Server", _PID)
    assert parties(found, "MessageHeader") == []
    assert [one["manufacturer"] for one in found if one["resourceType"] == "Device"] == ["Maker"]


def test_a_comment_about_a_person_has_its_author() -> None:
    """NTE behind PID: FHIR has no element for it, and its extension is an Annotation."""
    found = resources(_PID, "NTE|1||deaf in one ear||93^Com^Xia")
    (patient,) = (one for one in found if one["resourceType"] == "Patient")
    (note,) = (e["valueAnnotation"] for e in patient["extension"] if e["url"] == OWN + "note")
    assert (note["text"], note["authorReference"]["reference"]) == ("deaf in one ear", "#c1")
    assert patient["contained"][0]["name"][0]["family"] == "Com"


def _report(section: str, when: str = "20261124081000+0100", more: str = "") -> str:
    return f"OBR|1|||a^A^L|||{when}" + "|" * 17 + f"{section}|F{more}"


@pytest.mark.parametrize("section", ["CH", "HM", "MB", "LAB"])
def test_a_laboratory_examines_a_specimen(section: str) -> None:
    """HL7 v2 4.5.3.7: OBR-7 of a study of a specimen is when it was collected."""
    found = records(_PID, _report(section))
    assert one(found, "specimen").collected.value == "2026-11-24T08:10:00+01:00"
    assert one(found, "order").specimens == (one(found, "specimen").id,)


@pytest.mark.parametrize(
    "segments",
    [
        (_report("RAD"),), (_report("EC"),), (_report("ICU"),), (_report("NRS"),), (_report("OTH"),), (_report(""),),
        (_report("CH", ""),),
        (_report("ICU"), "OBX|1|NM|149530^MDC_PULS_OXIM_PULS_RATE^MDC|1.1.1.1|72"),
        (_report("LAB"), "OBX|1|NM|149530^MDC_PULS_OXIM_PULS_RATE^MDC|1.1.1.1|72"),
        (_report("LAB"), "OBX|1|NM|8867-4^Heart rate^LN||72|/min", "OBX|2|NM|x^X^L^8480-6^Systolic^LN||120|mm[Hg]"),
        (_report("LAB").replace("a^A^L", "34534-8^12 lead EKG panel^LN"), "OBX|1|TX|a^A^L||sinus rhythm"),
        (_report("LAB"), "OBX|1|NM|8633-0^QRS duration^LN||90|ms"),
        (_report("LAB"), "OBX|1|NM|a^A^L||1" + "|" * 13 + "SN-1^PUMP"),
    ],
    ids=["radiology", "ECG", "monitoring", "nursing", "other", "no section", "no time", "device", "device in a lab",
         "vital signs", "order of an ECG", "interval of an ECG", "a device's result"],
)  # fmt: skip
def test_elsewhere_a_time_is_no_specimen(segments: tuple[str, ...]) -> None:
    assert of(records(_PID, *segments), "specimen") == []


@pytest.mark.parametrize(
    "line",
    [
        "OBX|1|NM|29463-7^Body weight^LN||72|kg",
        "OBX|1|NM|b^B^L||1" + "|" * 13 + "SN-1^ANALYSER",
        "OBX|1|NM|8867-4^x^L||1",
    ],
)
def test_a_laboratory_may_tell_of_the_body_and_of_analysers_too(line: str) -> None:
    assert len(of(records(_PID, _report("CH"), line, "OBX|2|NM|2345-7^Glucose^LN||5"), "specimen")) == 1


def test_who_collected_something_is_no_specimen() -> None:
    found = records(_PID, "OBR|1|||a^A^L|||20261124|||95^Spe^Vic")
    assert of(found, "specimen") == []
    assert [each.role for each in one(found, "order").actors] == ["collector"]


@pytest.mark.parametrize("field", [9, 14, 15, 39])
def test_results_are_of_the_specimen_of_their_report(field: int) -> None:
    """ORU_R01, 4.2.2: all Observations of the OBR reference its Specimen; those behind SPM have one of their own."""
    told = {9: "5^mL", 14: "20261125", 15: "BLD", 39: "cloudy"}[field]
    report = "OBR|1|||a^A^L" + "|" * (field - 4) + told
    lines = (_PID, report, "OBX|1|NM|a^A^L||1", "OBX|2|NM|b^B^L||2", "SPM|1|S-1||UR", "OBX|1|NM|c^C^L||3")
    found = records(*lines)
    sample, second = of(found, "specimen")
    assert [each.specimen for each in of(found, "observation")] == [sample.id, sample.id, None]
    assert of(found, "observation")[2].links[0].target == second.id
    trees = [tree for tree in resources(*lines) if tree["resourceType"] == "Observation"]
    assert ["specimen" in tree for tree in trees] == [True, True, False]
    assert all(each.specimen is None for each in of(records(_PID, "OBR|1|||a^A^L", lines[2]), "observation"))


def test_a_result_that_names_its_specimen_is_of_that_one() -> None:
    lines = (_PID, "OBR|1|||a^A^L" + "|" * 11 + "BLD", "OBX|1|NM|a^A^L||1" + "|" * 28 + "S-1", "SPM|1|S-1||UR")
    found = records(*lines)
    assert one(found, "observation").specimen == of(found, "specimen")[1].id


def test_a_specimen_that_spm_tells_of_is_one() -> None:
    found = records(_PID, _report("CH"), "SPM|1|S-1||BLD")
    assert [one.provenance.path for one in of(found, "specimen")] == ["SPM(1)"]
    first = records("SPM|1|S-1||BLD", _PID, _report("CH"), kind="OUL^R22^OUL_R22")
    assert of(first, "specimen") == []


@pytest.mark.parametrize("kind", ["OUL^R22^OUL_R22", "OUL^R23^OUL_R23"])
def test_a_specimen_before_its_orders_is_theirs(kind: str) -> None:
    found = records(
        _PID, "SPM|1|S-1||BLD", "OBR|1|P-1||a^A^L", "OBX|1|NM|a^A^L||1", "OBR|2|P-2||b^B^L", "OBX|1|NM|b^B^L||2",
        "SPM|2|S-2||UR", "OBX|1|NM|c^C^L||3", "OBR|3|P-3||d^D^L", "OBX|1|NM|d^D^L||4", "SPM|3|S-3||SER",
        "PID|2||4712^^^LAB^MR", "OBR|4|P-4||e^E^L", kind=kind,
    )  # fmt: skip
    first, second = of(found, "specimen")
    assert [each.identifiers[0].value for each in (first, second)] == ["S-1", "S-2"]
    assert [each.specimens for each in of(found, "order")] == [(first.id,), (first.id,), (second.id,), ()]
    orders = [each.id for each in of(found, "order")]
    assert [each.order for each in of(found, "observation")] == [orders[0], orders[1], None, orders[2]]
    assert [each.links for each in of(found, "observation")] == [()] * 4
    assert [each.path for each in of(found, "residue")] == ["SPM(3)"]


def test_results_behind_spm_are_about_the_specimen() -> None:
    """ORU_R01, 4.2.7.2.1: Observation.focus; results before it are about the person."""
    lines = (
        _PID, _report("CH"), "OBX|1|NM|a^A^L||1", "SPM|1|S-1||BLD", "OBX|1|NM|b^B^L||2", "SPM|2|S-2||UR",
        "OBX|1|NM|c^C^L||3",
    )  # fmt: skip
    found = records(*lines)
    ids = [one.id for one in of(found, "specimen")]
    assert [[link.target for link in one.links] for one in of(found, "observation")] == [[], ids[:1], ids[1:]]
    trees = {one["code"]["coding"][0]["code"]: one for one in resources(*lines) if one["resourceType"] == "Observation"}
    assert "focus" not in trees["a"]
    urls = [trees[code]["focus"][0]["reference"] for code in "bc"]
    assert [url.rpartition(":")[2].replace("-", "") for url in urls] == [
        one["id"] for one in resources(*lines) if one["resourceType"] == "Specimen"
    ]
