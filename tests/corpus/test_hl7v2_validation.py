"""Validation of real messages: hl7apy's verdict, IHE's rules on PCD captures, and no value in any finding."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from iomt_interop.errors import CODES
from iomt_interop.wire import hl7v2
from iomt_interop.wire.hl7v2.structure import structure
from iomt_interop.wire.hl7v2.validation import Finding, Severity, validate

# What hl7apy checks as well: children that are unknown, missing, too many, or withdrawn.
COMPARABLE = {"HL7-301", "HL7-302", "HL7-303", "HL7-304", "HL7-311", "HL7-312", "HL7-313", "HL7-135"}

# What IHE's rules find in captures: everything but notes about ancestors without an OBX.
CAPTURES = {
    "nist_acme_gateway_nibp.hl7": ("pcd01", []),
    "mindray_vs900_oru_r01.hl7": ("pcd01", [("HL7-333", "PID(1)-3[1].1")]),
    "uv_pocd_philips_mx500.hl7": ("pcd01", [("HL7-339", "OBX(6)-11"), ("HL7-340", "OBX(1)-18")]),
    "ge_mural_pcd04_alert.hl7": (
        "pcd04", [("HL7-333", "PID(1)-3[1].4"), ("HL7-333", "PID(1)-3[1].5"), ("HL7-340", "OBX(1)-18")],
    ),
}  # fmt: skip


def test_hl7apy_gives_the_same_verdict(corpus: Path) -> None:
    parser = pytest.importorskip("hl7apy.parser")
    validation = pytest.importorskip("hl7apy.validation")
    exceptions = pytest.importorskip("hl7apy.exceptions")

    def names(element: Any) -> Iterator[str]:
        for child in element.children:
            if child.classname == "Group":
                yield from names(child)
            else:
                yield child.name

    compared, different = 0, []
    for path in sorted((corpus / "hl7v2").rglob("*.hl7"))[::2]:
        message = hl7v2.parse(path.read_bytes())
        resolution = structure(message).resolution
        if len(message) > 25 or resolution.version != resolution.definitions.version:
            continue
        text = "\r".join(bytes(s).decode("latin-1").replace("^~\\&#", "^~\\&") for s in message) + "\r"
        try:
            theirs = parser.parse_message(text, find_groups=True)
        except (exceptions.HL7apyException, ValueError, AttributeError, KeyError):
            continue
        if theirs.name is None or list(names(theirs)) != [segment.id for segment in message]:
            continue  # it lost a segment or moved it
        try:
            validation.Validator.validate(theirs)
            refused = False
        except exceptions.HL7apyException:
            refused = True
        compared += 1
        if refused != any(each.code in COMPARABLE for each in validate(message)):
            different.append(path.name)
    assert compared >= 130
    assert different == []


@pytest.mark.parametrize("name", sorted(CAPTURES))
def test_captures_by_the_rules_of_ihe(corpus: Path, name: str) -> None:
    rules, expected = CAPTURES[name]
    message = hl7v2.parse((corpus / "hl7v2" / "ihe_pcd" / name).read_bytes())
    found = [each for each in validate(message, rules=(rules,)) if each.rule.startswith("IHE")]
    assert [(each.code, each.path) for each in found if each.severity is not Severity.INFORMATION] == expected


def test_every_message_is_validated_without_a_value_in_any_finding(corpus: Path) -> None:
    count = findings = 0
    for path in sorted((corpus / "hl7v2").rglob("*.hl7")):
        for message in hl7v2.iter_messages(path.read_bytes()):
            found = validate(message, rules=("pcd01", "pcd04"))
            values = {
                text for segment in message for field in segment if len(text := field.raw.decode("latin-1")) > 8
            } - {"IHE_PCD_ORU_R01"}
            for each in found:
                assert isinstance(each, Finding)
                assert each.code in CODES
                assert not any(value in (each.path or "") or value == each.rule for value in values), path
            count += 1
            findings += len(found)
    assert count >= 350
    assert findings >= 1000
