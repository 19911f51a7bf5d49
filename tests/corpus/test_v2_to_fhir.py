"""HL7 v2 to FHIR against two other converters: CDC ReportStream, leaf by leaf, and Microsoft's FHIR Converter.

ReportStream follows HL7's v2-to-FHIR guide as we do. Where it says something else, a row of the guide (or a rule of
FHIR that no guide can lift) decides; :data:`DECIDED` names it.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from support.fhir_score import Finding, Score, leaves, resources, score
from support.oracle import validate

import iomt_interop as iomt
from iomt_interop.adapters.fhir_r4.resources import to_fhir_resources
from iomt_interop.model import Instant
from iomt_interop.plugins import ReadContext, WriteContext

RECEIVED = Instant(value="2026-11-24T12:00:00+01:00")
"""When the messages came: the time of the translation, of which a Provenance tells."""


class Decision(NamedTuple):
    """Where the oracle says something else than we do, and what decides."""

    path: str
    expected: str
    row: str
    """Map and row of the guide, or the clause of a standard."""
    reason: str


_TIME = r"\d{4}(-\d\d(-\d\dT.*)?)?"
DECIDED = (
    Decision(
        r"Provenance\.(target\.reference|activity\.coding\.(system|code))", r"Patient|UPDATE|.*v3-DataOperation",
        "ORU_R01, PID to Provenance[4]", "only where PID-33 and PID-34 are valued",
    ),
    Decision(
        r"Provenance\.policy", r".*message-oru-r01-to-bundle", "MSH[Provenance-Transformation], policy",
        "the rules of the message's own structure, not always those of ORU_R01",
    ),
    Decision(
        r"DiagnosticReport\.specimen\.reference|Specimen\.collection\.collectedDateTime", r"Specimen|2023-02-27",
        "ORU_R01, 4.2.2 OBR to Specimen[1]: the OBR specimen data",
        "an OBR without a word about a specimen makes none: the oracle's is empty, or has the time of OBR-7 alone,"
        " which is that of a collection only in a section that is a laboratory (OBR-24)",
    ),
    Decision(
        r"Patient\.contact\.extension\..*", r".*", "NK1[Patient], NK1-3 and NK1-7",
        "the guide has contact.relationship, and no such extension",
    ),
    Decision(
        r".*coding\.system", r"https://terminology\.hl7\.org/CodeSystem-v2-0396.*", "CWE[CodeableConcept], CWE.3",
        "a local system is named by its own name; the address of a web page is no code system",
    ),
    Decision(
        r"Patient\.extension\.valueHumanName.*", r".*", "PID[Patient], PID-6", "valueString; the parts stand beside it",
    ),
    Decision(
        r".*\.address\.extension\.valueCode", r".*", "XAD[Address], XAD.10",
        "FHIR defines iso21090-ADXP-censusTract as a string",
    ),
    Decision(
        r"(RelatedPerson|Patient)\.identifier\.extension\.valueString", r".*", "CX[Identifier], CX.3",
        "FHIR defines namingsystem-checkDigit as a code; the oracle itself writes one in XCN and XON",
    ),
    Decision(
        r"Coverage\.extension\.(url|valueIdentifier\..*)", r".*/R5/.*|SN|PN|19|555221234",
        "IN1[Coverage], IN1-10 and IN1-49", "the guide's URL has 5.0",
    ),
    Decision(
        r".*(\.start|\.end|dateTime|DateTime|issued|receivedTime|birthDate|\.recorded)", _TIME,
        "MSH-7 (HL7 v2 2.14.9.7), DTM[dateTime]",
        "the offset of MSH-7 holds for all times of a message; a time without any offset is no time in UTC",
    ),
    Decision(
        r"MessageHeader\.source\.endpoint", r"urn:oid:2\.16\.840\.1\.114222\.XXX", "MSH-3 and MSH-24",
        "MSH-3 gives the endpoint only where MSH-24 is not valued",
    ),
    Decision(
        r"MessageHeader\.(source|destination)\.endpoint", r"urn:[a-z]+:Sending App Universal",
        "HD[MessageHeader.source-endpoint], HD.2", "FHIR url: what is no OID makes no URN",
    ),
    Decision(
        r"MessageHeader\.source\.name", r".*-CLIA:.*", "HD[MessageHeader.source-endpoint], HD.2",
        "name and universal id stay apart",
    ),
    Decision(
        r"(Patient|Practitioner|Organization|RelatedPerson)\.identifier\.system", r"(?!http).*",
        "CX.4, XCN.9, XON.6 (assigner or system)", "a name space is the assigner; a system is a URI",
    ),
    Decision(
        r"Encounter\.location\.extension.*", r".*", "PV1[Encounter], PV1-11",
        "the guide has no extension temporary-location",
    ),
    Decision(
        r"Encounter\.location\.status", "planned", "PV1[Encounter], PV1-42", "a pending location is reserved",
    ),
    Decision(
        r"Encounter\.episodeOfCare\.reference", "EpisodeOfCare", "PV1[Encounter], PV1-54",
        "only where PV1-54 is valued; the oracle's is empty",
    ),
    Decision(
        r"Encounter\.length\.system", r".*/", "NM[Quantity-LengthOfStay]", "the URI of UCUM has no slash at its end",
    ),
    Decision(
        r".*\.name\.use", "official", "NameType",
        "only the types of name that the concept map has: B and D have none",
    ),
    Decision(r"ServiceRequest\.intent", "order", "OBR[ServiceRequest], OBR-11", "G is a reflex order"),
    Decision(
        r"ServiceRequest\.identifier\..*", r"FGN|Specimen12322|.*v2-0203", "ORC[ServiceRequest], ORC-4",
        "one number is the placer's; the filler's is there only where ORC-4.2 is valued",
    ),
    Decision(r".*\.gender", "unknown", "AdministrativeSex", "N maps to other"),
    Decision(r"Observation\.valueTime", r"\d{6}.*", "FHIR R4 time", "hh:mm:ss with colons"),
    Decision(
        r".*\.note\.text", r".*", "NTE[Observation], NTE-3", "all repetitions of a comment, not the first alone",
    ),
    Decision(
        r".*\.telecom\.use", "home", "TelecommunicationEquipmentType", "CP is a mobile phone",
    ),
    Decision(
        r"Patient\.telecom\.use", "work", "PID[Patient], PID-14", "only where PID-14.2 is not valued",
    ),
    Decision(
        r"Observation\.valueString", r".*", "OBX[Observation], OBX-5 (SN, VR)",
        "the source's own writing, components and all",
    ),
    Decision(
        r"Observation\.value(Quantity|Range\.(low|high)|Ratio\.(numerator|denominator))\.(system|code)", "METRIC|1",
        "CWE[Quantity]",
        "the unit in UCUM where it is certain; the source's own code stands beside it",
    ),
    Decision(
        r"Observation\.value(Range|Ratio)\.extension.*", r".*", "SN[Ratio], SN[Range]",
        "extensions named SN.1 and SN.3 are the oracle's own, without its prefix",
    ),
    Decision(r"(Patient|RelatedPerson|Organization)(\.contact)?\.telecom\.system", "other|email|phone",
             "XTN[ContactPoint], XTN.3", "a number that has digits is a phone's unless XTN.3 says otherwise"),
    Decision(r"Patient\.contact\.telecom\..*", r".*", "NK1[Patient], NK1-31", "the organisation's, not the contact's"),
    Decision(
        r"Observation\.valueQuantity\..*", r"SN\.[34]|[.13>]|ML", "SN[Quantity], originalText (SN.3 or SN.4 valued)",
        "a number whose second part belongs to it is no number without it: the source's own writing",
    ),
    Decision(
        r"Location\.partOf\.reference", "Location", "PL[Location], PL.4",
        "part of a wider place only where one is named: the oracle's leads to an empty one",
    ),
    Decision(
        r"RelatedPerson\..*", r".*", "ORU_R01, 4.2.4.3.2 PRT of an observation (PRT[PractitionerRole])",
        "who took part in an observation performed it; a RelatedPerson comes of a PRT of the patient alone",
    ),
    Decision(
        r"Patient\.link\..*", "RelatedPerson|seealso", "CX[RelatedPerson-Mother]; FHIR R4 Patient.link",
        "a link leads to another record of the same person, and the mother is another person",
    ),
    Decision(
        r"Organization\.identifier\.value|Practitioner\.identifier\.assigner\.reference", "NPI|Organization",
        "XCN[Practitioner], XCN.9", "of an authority of which only the name is known, assigner.display says it",
    ),
    Decision(
        r"MessageHeader\.destination\.receiver\.reference", "Organization", "MSH[MessageHeader], MSH-6 and MSH-23",
        "both are of destination[1]; the oracle makes further destinations without an address",
    ),
    Decision(
        r"Observation\.dataAbsentReason\..*", r"cannot-be-obtained|unknown|.*/data-absent-reason",
        "OBX[Observation], OBX-11", "X has status cancelled with alternate-codes; FHIR has no code cannot-be-obtained",
    ),
    Decision(
        r"Observation\.extension\..*", r".*observation-value-attachment|JPEG|A+", "OBX[Observation], OBX-5 (ED)",
        "what is no Base64 is kept as it was written",
    ),
    Decision(
        r"PractitionerRole\.extension\..*", r"TRANS|.*(event-performerFunction|v3-ParticipationType)",
        "OBR[DiagnosticReport], OBR-35", "the function is an extension of DiagnosticReport.performer",
    ),
    Decision(
        r"Device\.identifier\.type\.coding\.code", "DII", "OBX[Observation], OBX-18 (EI[Identifier-Extension])",
        "without a type, and an identifier without a value is none",
    ),
    Decision(
        r"Encounter\.identifier\.type\.coding\.system", r".*v2-0203", "PV1[Encounter], PV1-50 (CX.5)",
        "a code system without a code says nothing",
    ),
    Decision(
        r"Encounter\.hospitalization\.destination\.reference", "Location", "DLD[Location-Discharge], DLD.1",
        "a time alone is no place",
    ),
    Decision(
        r"Patient\._birthDate\.extension\.url", r".*patient-birthTime", "PID[Patient], PID-7; FHIR R4 dateTime",
        "a time of day has minutes, and an offset",
    ),
    Decision(r"Organization\.address\..*", '""', "HL7 v2 2.5.3 (null)", "an explicit null is no text"),
)  # fmt: skip
"""What decides, for everything that the oracle says otherwise and for what it says and we do not."""


def decision(finding: Finding) -> Decision | None:
    """Return what decides a finding."""
    return next(
        (
            one
            for one in DECIDED
            if re.fullmatch(one.path, finding.path) and re.fullmatch(one.expected, str(finding.expected), re.DOTALL)
        ),
        None,
    )


def ours(data: bytes) -> list[dict[str, Any]]:
    """Translate a message and return the resources; a local time without an offset is UTC, as for the oracle."""
    result = iomt.translate(
        data,
        to="fhir_r4",
        adapter="hl7v2_oru",
        context=ReadContext(identity="keep", received=RECEIVED, default_zone="UTC"),
        write_context=WriteContext(include_test_data=True),
    )
    return resources(json.loads(result.payload), lambda url: False, lambda resource: False)


def converter(resource: dict[str, Any]) -> bool:
    """Tell whether a resource stands for ReportStream itself."""
    return resource.get("resourceType") == "Organization" and any(
        one.get("value") == "CDC PRIME - Atlanta" for one in resource.get("identifier", ())
    )


def oracle(text: str) -> list[dict[str, Any]]:
    """Return the resources of an expected Bundle, without the times at which it was made."""
    bundle = json.loads(text)
    for entry in bundle["entry"]:
        resource = entry["resource"]
        made = bundle.get("meta", {}).get("lastUpdated", "")[:4]
        if resource["resourceType"] == "Provenance" and resource.get("recorded", "").startswith(("2024", made)):
            del resource["recorded"]
    return resources(bundle, lambda url: "reportstream.cdc.gov" in url or "ibm.com/fhir" in url, converter)


_SET_ASIDE = re.compile(
    r".*\.(reference|start|end|issued|recorded|receivedTime|authoredOn|(effective|occurrence|occurred|collected)DateTime)"
)
"""References, and the times at which something was done."""


@pytest.fixture(scope="module")
def set_aside(corpus: Path) -> int:
    """Return how many leaves of the oracle the narrower figure leaves out."""
    folder = corpus / "hl7v2" / "reportstream" / "catchall"
    bundles = [path.with_suffix(".fhir") for path in folder.rglob("*.hl7")]
    return sum(
        _SET_ASIDE.fullmatch(path) is not None
        for bundle in bundles
        if bundle.is_file()
        for resource in oracle(bundle.read_text())
        for path, _ in leaves(resource, resource["resourceType"])
    )


@pytest.fixture(scope="module")
def scores(corpus: Path) -> dict[str, Score]:
    folder = corpus / "hl7v2" / "reportstream" / "catchall"
    if not folder.is_dir():
        pytest.skip("the corpus has no ReportStream pairs")
    found: dict[str, Score] = {}
    for path in sorted(folder.rglob("*.hl7")):
        expected = path.with_suffix(".fhir")
        if expected.is_file():
            one = score(oracle(expected.read_text()), ours(path.read_bytes()))
            found.setdefault(str(path.parent.relative_to(folder)), Score()).add(one)
    return found


def test_leaves_of_reportstream(scores: dict[str, Score], set_aside: int) -> None:
    """All leaves; then those alone that are neither references nor times at which something was done."""
    total = Score()
    for folder, one in scores.items():
        print(f"{folder:24} {one.hits:5} of {one.total:5}  {one.share:.1%}")
        total.add(one)
    undecided = [finding for finding in total.findings if decision(finding) is None]
    agreed = total.hits / (total.hits + len(undecided))
    print(
        f"{total.hits} of {total.total} leaves, {total.share:.1%}; {agreed:.1%} of those that the guide leaves standing"
    )
    rest = total.total - set_aside
    narrower = 1 - sum(_SET_ASIDE.fullmatch(one.path) is None for one in total.findings) / rest
    print(f"{narrower:.1%} of the {rest} leaves that are neither references nor times")
    assert total.total > 8000
    assert rest > 6900
    assert total.share >= 0.888
    assert narrower >= 0.9
    assert agreed >= 0.99


def test_every_contradiction_is_decided(scores: dict[str, Score]) -> None:
    open_ones = [one for score_ in scores.values() for one in score_.contradictions if decision(one) is None]
    assert {(one.path, one.expected, one.found) for one in open_ones} == set()


def test_a_decision_decides_something(scores: dict[str, Score]) -> None:
    used = {decision(one) for score_ in scores.values() for one in score_.findings}
    assert [one.path for one in DECIDED if one not in used] == []


def test_leaves_of_microsoft(corpus: Path) -> None:
    folder = corpus / "hl7v2" / "microsoft"
    if not (folder / "expected").is_dir():
        pytest.skip("the corpus has no bundles of Microsoft's converter")
    total = Score()
    for path in sorted((folder / "expected").rglob("*-expected.json")):
        [source] = [*(folder / "input").rglob(path.name.replace("-expected.json", ".hl7"))] or [None]
        if source is not None:
            bundle = json.loads(path.read_text())
            one = score(resources(bundle, lambda url: False, lambda resource: False), ours(source.read_bytes()))
            print(f"{path.parent.name:10} {source.stem:36} {one.hits:5} of {one.total:5}  {one.share:.1%}")
            total.add(one)
    print(f"{total.hits} of {total.total} leaves, {total.share:.1%}: a second opinion, by other rules than the guide's")
    assert total.total > 3000
    assert total.share >= 0.535


SAMPLES = (
    "reportstream/catchall/omlo21/oml_o21-full", "reportstream/catchall/orur01/oru_r01-full",
    "microsoft/input/ADT-A01-01", "microsoft/input/ADT-A40-01", "microsoft/input/SIU-S12-01",
    "microsoft/input/VXU-V04-01", "microsoft/input/MDM-T02-01", "microsoft/input/ORM-O01-01",
)  # fmt: skip


def test_what_is_written_is_valid_fhir(corpus: Path, tmp_path: Path) -> None:
    lines = b""
    for name in SAMPLES:
        path = corpus / "hl7v2" / f"{name}.hl7"
        if not path.is_file():
            pytest.skip("the corpus has not all of the messages")
        lines += iomt.translate(
            path.read_bytes(), to="fhir_r4", adapter="hl7v2_oru",
            context=ReadContext(identity="keep", received=RECEIVED),
            write_context=WriteContext(include_test_data=True, form="ndjson"),
        ).payload  # fmt: skip
    assert len(to_fhir_resources(lines)) == len(lines.splitlines())
    file = tmp_path / "clinical.ndjson"
    file.write_bytes(lines)
    assert [line for line in validate(file).splitlines() if line.startswith("REJECT")] == []


_PARTICIPANT = {"member": {"reference": "Patient/1"}}


@pytest.mark.parametrize(
    ("more", "participants", "said"),
    [
        ({}, 1, None), ({}, 2, None), ({}, 4, None), ({"status": "nonsense"}, 1, "status"),
        ({"status": "nonsense"}, 3, "status"), ({"encounter": {"reference": "Patient/1"}}, 3, "CareTeam.encounter"),
        ({"participant": [_PARTICIPANT] * 3 + [_PARTICIPANT | {"smith": 1}]}, 0, "smith"),
        ({"participant": [_PARTICIPANT] * 3 + [_PARTICIPANT | {"onBehalfOf": {"reference": "Organization/1"}}]}, 0,
         "ctm-1 not met"),
    ],
)  # fmt: skip
def test_a_rule_that_the_oracle_cannot_try_hides_no_other(
    tmp_path: Path, more: dict[str, Any], participants: int, said: str | None
) -> None:
    team: Any = {"resourceType": "CareTeam", "id": "a", "participant": [_PARTICIPANT] * participants} | more
    team["text"] = {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">x</div>'}
    file = tmp_path / "team.json"
    file.write_text(json.dumps(team))
    found = validate(file)
    assert (said in found) if said is not None else found == ""


def test_the_table_is_what_the_generator_makes(corpus: Path) -> None:
    folder = corpus / "hl7v2" / "v2-to-fhir" / "mappings" / "codesystems"
    if not folder.is_dir():
        pytest.skip("the corpus has no concept maps of the guide")
    root = Path(__file__).parents[2]
    made = subprocess.run(
        [sys.executable, str(root / "tools" / "generate_v2_to_fhir.py"), str(folder)], capture_output=True, check=True
    )
    assert made.stdout == (root / "iomt_interop" / "terminology" / "_v2_fhir_table.py").read_bytes()
