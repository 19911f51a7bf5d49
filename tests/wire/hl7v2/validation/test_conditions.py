"""Conditional fields: for each predicate one message that keeps it and one that does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from iomt_interop.wire import hl7v2
from iomt_interop.wire.hl7v2.validation import Severity, validate
from iomt_interop.wire.hl7v2.validation.conditions import AGREEMENTS, CONDITIONS, PAIRS

HEAD = "MSH|^~\\&|MON|ICU|EHR|HOSP|20261124105800+0100||ORU^R01^ORU_R01|7|P|{version}|||{accept}"
PATIENT = "PID|||17^^^HOSP^MR||Doe^Jane"
OBR = "OBR|1|P1|A7|44616-1^Panel^LN|||20261124105800"
OBX = "OBX|1|ST|1^x^LN||on||||||F"
PRT = "PRT|1|UC||EQUIP^Equipment^HL70912|"
DEVICE = PRT + "|" * 5 + "M-1"


def check(*lines: str, version: str = "2.6", accept: str = "AL|NE") -> list[tuple[str, str | None]]:
    text = "\r".join([HEAD.format(version=version, accept=accept), *lines]) + "\r"
    codes = {"HL7-325", "HL7-326"}
    return [(each.code, each.path) for each in validate(hl7v2.parse(text)) if each.code in codes]


def species(**fields: str) -> str:
    """Return PID with fields by number."""
    return PATIENT + "|" * 29 + "|".join(["", *(fields.get(f"f{n}", "") for n in range(35, 39))])


KEPT_AND_BROKEN = [
    ("MSH-15", {"accept": "|"}, {"accept": "|AL"}, (PATIENT, OBR, OBX), (PATIENT, OBR, OBX)),
    ("MSH-16", {"accept": "AL|NE"}, {"accept": "AL|"}, (PATIENT, OBR, OBX), (PATIENT, OBR, OBX)),
    ("PID-35", {}, {}, (species(f35="Dog", f36="Beagle"), OBR, OBX), (species(f36="Beagle"), OBR, OBX)),
    ("PID-35", {}, {}, (species(f35="Cow", f38="DA"), OBR, OBX), (species(f38="DA"), OBR, OBX)),
    ("PID-36", {}, {}, (species(f35="Mouse", f36="B6", f37="J"), OBR, OBX), (species(f35="Mouse", f37="J"), OBR, OBX)),
    ("OBR-3", {}, {}, (PATIENT, "ORC|RE||A7", OBR.replace("A7", ""), OBX), (PATIENT, OBR.replace("A7", ""), OBX)),
    ("OBR-7", {}, {}, (PATIENT, OBR, OBX), (PATIENT, OBR.replace("|20261124105800", ""), OBX)),
    ("OBX-5", {}, {}, (PATIENT, OBR, OBX.replace("on|||", "|||H")), (PATIENT, OBR, OBX.replace("|on|", "||"))),
    ("OBX-5", {}, {}, (PATIENT, OBR, OBX.replace("on||||||F", "||||||N")), (PATIENT, OBR, OBX.replace("|on|", "||"))),
    ("PRT-5", {"version": "2.7"}, {"version": "2.7"}, (PATIENT, OBR, DEVICE, OBX), (PATIENT, OBR, PRT, OBX)),
]  # fmt: skip


@pytest.mark.parametrize(("field", "kept", "broken", "keeps", "breaks"), KEPT_AND_BROKEN)
def test_each_condition(
    field: str, kept: dict[str, str], broken: dict[str, str], keeps: tuple[str, ...], breaks: tuple[str, ...]
) -> None:
    name, number = field.split("-")
    assert check(*keeps, **kept) == []
    assert check(*breaks, **broken) == [("HL7-325", f"{name}(1)-{number}")]


def test_every_row_of_the_table_is_tried() -> None:
    tried = {field for field, *_ in KEPT_AND_BROKEN}
    assert {f"{each.segment}-{each.field}" for each in CONDITIONS} == tried
    assert {(each.segment, each.field) for each in AGREEMENTS} == {("OBR", 2), ("OBR", 3)}
    assert set(PAIRS) == {"EI", "HD"}


def test_a_condition_begins_with_its_version() -> None:
    assert check(PATIENT, OBR, PRT, OBX, version="2.6") == []
    assert check(species(f36="Beagle"), OBR, OBX, version="2.4") == []


def test_an_order_is_no_report() -> None:
    text = "MSH|^~\\&|A|B|C|D|20261124||OML^O21^OML_O21|1|P|2.6\rORC|NW|P1\rOBR|1|||x^y^L\r"
    assert not [each for each in validate(hl7v2.parse(text)) if each.code == "HL7-325"]


@pytest.mark.parametrize(
    ("orc", "obr", "expected"),
    [
        ("ORC|RE|P1|A7", OBR, []),
        ("ORC|RE|P1^WARD|A7^LAB^1.2.3^ISO", OBR.replace("A7", "A7^LAB"), []),
        ("ORC|RE||", OBR, []),
        ('ORC|RE|""|A7', OBR, []),
        ("ORC|RE|P2|A7", OBR, [("HL7-326", "OBR(1)-2")]),
        ("ORC|RE|P1|A8", OBR, [("HL7-326", "OBR(1)-3")]),
        ("ORC|RE|P1|A7^RIS", OBR.replace("A7", "A7^LAB"), [("HL7-326", "OBR(1)-3")]),
    ],
)
def test_numbers_that_stand_twice(orc: str, obr: str, expected: list[tuple[str, str]]) -> None:
    assert check(PATIENT, orc, obr, OBX) == expected


def test_an_order_of_another_group_is_not_compared() -> None:
    assert check(PATIENT, "ORC|RE|P1|A7", OBR, OBX, OBR.replace("P1", "P2").replace("A7", "A8"), OBX) == []


@pytest.mark.parametrize(
    ("number", "path"),
    [
        ("A7^LAB^1.2.3^ISO", None),
        ("A7^LAB", None),
        ("A7^LAB^1.2.3", "OBR(1)-3.4"),
        ("A7^LAB^^ISO", "OBR(1)-3.3"),
        ('A7^LAB^""^ISO', "OBR(1)-3.3"),
    ],
)
def test_universal_ids_have_a_type(number: str, path: str | None) -> None:
    assert check(PATIENT, OBR.replace("A7", number), OBX) == ([] if path is None else [("HL7-325", path)])


def test_what_devices_send_has_no_new_error(corpus: Path) -> None:
    """Of captures nothing but universal ids without a type is more than a note."""
    found = []
    for folder in ("ihe_pcd", "vendor_device"):
        for path in sorted((corpus / "hl7v2" / folder).rglob("*.hl7")):
            for message in hl7v2.iter_messages(path.read_bytes()):
                found += [
                    each.rule.split(", ", 1)[1].split(":")[0]
                    for each in validate(message, rules=("pcd04",))
                    if each.code in {"HL7-324", "HL7-325", "HL7-326", "HL7-344"}
                    and each.severity is not Severity.INFORMATION
                ]
    assert sorted(set(found)) == ["2.A.28", "2.A.33", "7.4.1.7"]
    assert found.count("7.4.1.7") == 1
