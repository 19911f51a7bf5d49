"""The truth table of consents: its shapes as FHIR resources, its records as facts."""

from __future__ import annotations

import csv
import json
import tomllib
from pathlib import Path
from typing import Any

from iomt_interop.model import Coding, Instant
from iomt_interop.privacy.facts import Facts, labels_of
from iomt_interop.privacy.vocabulary import ACT_CODE, ACT_REASON, CONFIDENTIALITY

__all__ = ["AT", "FOLDER", "IRCP", "PATIENT", "consent_json", "facts_in", "purpose_code", "table", "truth_rows"]

FOLDER = Path(__file__).resolve().parent.parent / "privacy" / "consent"
PATIENT = frozenset({"Patient/ex-patient"})
IRCP = {"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "IRCP"}
AT = 1_706_788_800 * 10**9  # 2024-02-01T12:00Z


def table() -> dict[str, Any]:
    return tomllib.loads((FOLDER / "truth.toml").read_text(encoding="utf-8"))


def truth_rows() -> list[dict[str, str]]:
    with (FOLDER / "truth.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def purpose_code(name: str) -> tuple[str, str]:
    return ("http://example.org/policies/purposeOfUse" if name == "FooBar" else ACT_REASON, name)


def label(code: str) -> dict[str, str]:
    return {"system": CONFIDENTIALITY if len(code) == 1 else ACT_CODE, "code": code}


def _provision(short: dict[str, Any]) -> dict[str, Any]:
    """Write out a provision that the table gives in short."""
    full = dict(short)
    if "purpose" in short:
        full["purpose"] = [dict(zip(("system", "code"), purpose_code(p), strict=True)) for p in short["purpose"]]
    if "actor" in short:
        full["actor"] = [{"role": {"coding": [IRCP]}, "reference": {"reference": a}} for a in short["actor"]]
    if "securityLabel" in short:
        full["securityLabel"] = [label(code) for code in short["securityLabel"]]
    if "data" in short:
        full["data"] = [{"meaning": d["meaning"], "reference": {"reference": d["reference"]}} for d in short["data"]]
    if "provision" in short:
        full["provision"] = [_provision(inner) for inner in short["provision"]]
    return full


def consent_json(short: str | dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return a Consent of the shape that PCF asks for, with a provision in short."""
    tree: dict[str, Any] = {
        "resourceType": "Consent",
        "id": "a-consent",
        "status": "active",
        "scope": {
            "coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]
        },
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "patient": {"reference": "Patient/ex-patient"},
        "dateTime": "2022-06-13",
        "performer": [{"reference": "Patient/ex-patient"}],
        "organization": [{"reference": "Organization/ex-organization"}],
        "sourceReference": {"reference": "DocumentReference/ex-documentreference"},
        "policy": [{"uri": "urn:example:policy"}],
        "provision": _provision(json.loads(short) if isinstance(short, str) else short),
    }
    tree |= changes
    return {name: value for name, value in tree.items() if value is not None}


def facts_in(record: dict[str, Any]) -> Facts:
    """Return the facts of a record of the table."""
    from iomt_interop.privacy.period import span_of

    labels = [Coding(**label(code)) for code in record.get("labels", ())]
    when = Instant(value=f"{record['year']}-06-15T10:00:00+02:00") if "year" in record else None
    return Facts(
        "observation",
        "subject",
        labels_of(labels),
        span_of(when),
        frozenset({record["name"]}),
        frozenset({record["encounter"]} if "encounter" in record else ()),
        frozenset({record["author"]}),
    )
