"""Terminology tables against collected nomenclatures, guides and concept maps."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from iomt_interop.terminology import _unit_table as table
from iomt_interop.terminology import bits, hl7tables, loinc, mdc, units

# Term -> why our UCUM is none of those that the RTMMS units table lists.
EXPLAINED = {
    928: "RTMMS marks the unit as not to be used",
    960: "RTMMS marks the unit as not to be used",
    1952: "RTMMS appends a number sign to the same unit",
    4160: "RTMMS writes a (year) for ampere",
    4768: "RTMMS writes mol for equivalents",
    6880: "later tables read the code per day, and per hour under 10400",
    6898: "later tables read the code per day, and per hour under 10418",
    7442: "RTMMS writes the same unit with blanks",
    8244: "nV.s equals uV.ms",
    8288: "RTMMS writes a stray quotation mark after S; /Ohm equals S",
    8576: "RTMMS writes WU, which is no UCUM, for mm[Hg].min/L",
    8608: "RTMMS writes b (barn) for bit",
    8640: "RTMMS writes B (bel) for byte",
    8800: "RTMMS annotates before the unit, which UCUM forbids",
}


@pytest.fixture(scope="module")
def nomenclature(corpus: Path) -> Path:
    """Return the nomenclature folder of the corpus, or skip."""
    folder = corpus / "ieee11073" / "nomenclature"
    if not folder.is_dir():
        pytest.skip("the corpus has no ieee11073/nomenclature")
    return folder


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def _check(root: Path, script: str, *arguments: str) -> int:
    command = [sys.executable, str(root / "tools" / script), *arguments, "--check"]
    return subprocess.run(command, check=False, capture_output=True).returncode


def test_generated_tables_are_reproducible(root: Path, corpus: Path, nomenclature: Path) -> None:
    guide = corpus / "fhir_model" / "phd_ig" / "compiled_by_sushi" / "CodeSystem-ASN1ToHL7.json"
    assert _check(root, "generate_mdc.py", str(nomenclature)) == 0
    assert _check(root, "generate_units.py") == 0
    assert _check(root, "generate_bits.py", str(guide)) == 0


def test_every_licensed_row_is_there_and_no_other(nomenclature: Path) -> None:
    rows = _rows(nomenclature / "union_refid_code.csv")
    licensed = {
        (int(row["cf_code10"]), row["refid"])
        for row in rows
        if {"reinhold", "philips_ghs"} & set(row["sources"].split("|"))
    }
    assert len({code for code, _ in licensed}) == 2410
    for code, refid in licensed:
        assert refid in mdc.refids_of(code)
        assert {"r", "p"} & set(mdc.provenance(code, refid))
    for row in rows:
        code, refid = int(row["cf_code10"]), row["refid"]
        if (code, refid) not in licensed and refid in mdc.refids_of(code):
            assert set(mdc.provenance(code, refid)) <= {"g", "m", "s", "f"}


def test_conflicting_refids_resolve_to_a_licensed_code(nomenclature: Path) -> None:
    codes: dict[str, dict[int, str]] = defaultdict(dict)
    for row in _rows(nomenclature / "union_refid_code.csv"):
        codes[row["refid"]][int(row["cf_code10"])] = row["sources"]
    conflicting = {refid: own for refid, own in codes.items() if len(own) > 1}
    assert len(conflicting) == 12
    for refid, own in conflicting.items():
        code = mdc.code_of(refid)
        assert code in own
        assert own[code] not in {"rtmms", "antidote"}


def test_codes_with_several_refids_show_a_known_one(nomenclature: Path) -> None:
    refids: dict[int, set[str]] = defaultdict(set)
    for row in _rows(nomenclature / "union_refid_code.csv"):
        refids[int(row["cf_code10"])].add(row["refid"])
    several = {code: own for code, own in refids.items() if len(own) > 1}
    assert len(several) == 74
    shown = {code: mdc.refid_of(code) for code in several}
    assert {code for code, refid in shown.items() if refid is not None and refid not in several[code]} == set()
    # What nobody may ship is not shown: only codes that RTMMS alone names are missing.
    assert {code for code, refid in shown.items() if refid is None} == {266272}


def test_units_agree_with_rtmms(nomenclature: Path) -> None:
    listed: dict[int, set[str]] = defaultdict(set)
    for row in _rows(nomenclature / "rtmms2019_units_ucum.csv"):
        if row["code10"]:
            listed[int(row["code10"])] |= {text.strip().strip('"') for text in row["ucum"].split("|")}
    compared = [number for number in table.UCUM if number in listed]
    assert len(compared) > 400
    different = {number for number in compared if table.UCUM[number] not in listed[number]}
    assert different <= set(EXPLAINED)
    for number, (general, _) in table.AMBIGUOUS.items():
        assert general[1] in listed[number]


def test_prefixed_names_obey_the_prefix_rule_but_three(nomenclature: Path) -> None:
    words = {"DECA": 1, "HECTO": 2, "KILO": 3, "MEGA": 4, "GIGA": 5, "TERA": 6, "DECI": 16, "CENTI": 17, "MILLI": 18,
             "MICRO": 19, "NANO": 20, "PICO": 21, "FEMTO": 22}  # fmt: skip
    broken = set()
    for row in _rows(nomenclature / "union_refid_code.csv"):
        word = row["refid"].removeprefix("MDC_DIM_").split("_")[0]
        licensed = {"reinhold", "philips_ghs"} & set(row["sources"].split("|"))
        number = int(row["cf_code10"]) & 0xFFFF
        if licensed and row["partition"] == "4" and word in words and number & 0x1F != words[word]:
            broken.add(number)
    assert broken == {3850, 4724, 4728}
    assert all(number in table.UCUM for number in broken)


def test_prefix_rule_alone_gives_the_table_but_once() -> None:
    """4724 is nmol/L by the rule, and mg/dL/min in the nomenclature."""
    wrong = {}
    for number, ucum in table.UCUM.items():
        template = table.BASES.get(number & ~0x1F)
        prefix = units._PREFIX_OF.get(number & 0x1F)
        if template and prefix and template.replace("~", prefix) != ucum:
            wrong[number] = ucum
    assert wrong == {4724: "mg/dL/min"}


def test_bits_agree_with_the_csv(nomenclature: Path) -> None:
    rows = _rows(nomenclature / "asn1_bits_hl7_phd.csv")
    assert len(rows) == 126
    for row in rows:
        bit = bits.bit_of(int(row["mdc_code"]), int(row["bit"]))
        assert bit is not None
        assert (bit.code, bit.name, bit.kind, bit.source) == (
            row["code"], row["name"], row["event_or_state"], row["source"],
        )  # fmt: skip


def test_vital_signs_agree_with_the_profiles(corpus: Path) -> None:
    path = corpus / "fhir_model" / "vitalsigns_profile_fixed_values_R4.json"
    found = {}
    for profile in json.loads(path.read_text(encoding="utf-8")):
        fixed = profile["fixed"]
        codes = [text.split('"')[1] for text in fixed if text.startswith("code.coding") and ".code=" in text]
        exact = [text.split('"')[1] for text in fixed if text.startswith("value[x]") and ".code=" in text]
        sets = [text.split(":")[-1].split(",") for text in fixed if text.startswith("value[x]") and " IN " in text]
        if codes:
            found[profile["profile"]] = (codes[0], set(exact) | {unit for units_ in sets for unit in units_})
    for row in loinc.VITAL_SIGNS:
        assert found[row.profile][0] == row.loinc
        assert found[row.profile][1] == set(row.units)


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("AdministrativeSex", hl7tables.ADMINISTRATIVE_SEX),
        ("InterpretationCodes", hl7tables.INTERPRETATION),
        ("ObservationResultStatusCodesInterpretation", hl7tables.RESULT_STATUS),
    ],
)
def test_hl7_tables_agree_with_the_concept_maps(corpus: Path, name: str, rows: dict[str, hl7tables.TableRow]) -> None:
    folder = corpus / "hl7v2" / "v2-to-fhir" / "mappings" / "codesystems"
    (path,) = folder.glob(f"*Map_ {name} - *.csv")
    with path.open(encoding="utf-8", newline="") as handle:
        lines = list(csv.reader(handle))[2:]
    official = {line[0].strip(): line[6].strip() or None for line in lines if line[0].strip()}
    assert {code: row.fhir for code, row in rows.items() if code in official} == official


def test_the_guides_codes_are_known(corpus: Path) -> None:
    """Every MDC code that the PHD examples use with a display carries that reference id here."""
    seen = 0
    for path in sorted((corpus / "ieee11073" / "fhir_phd").glob("*.json")):
        for code, display in _codings(json.loads(path.read_text(encoding="utf-8"))):
            if display.startswith("MDC_"):
                seen += 1
                assert display in mdc.refids_of(int(code)), (path.name, code)
    assert seen > 20


def _codings(node: object) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    pending = [node]
    while pending:
        item = pending.pop()
        if isinstance(item, list):
            pending.extend(item)
        elif isinstance(item, dict):
            pending.extend(item.values())
            if item.get("system") == "urn:iso:std:iso:11073:10101" and "display" in item:
                found.append((str(item["code"]), str(item["display"])))
    return found
