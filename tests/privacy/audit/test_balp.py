"""AuditEvents by two witnesses, fhir.resources and the independent validator, and by the profiles' own tables."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any, get_args

import pytest
from fhir.resources.R4B.auditevent import AuditEvent
from support.oracle import validate

from iomt_interop.privacy.audit import AuditRecord, Operation
from iomt_interop.privacy.audit.balp import to_fhir, to_fhir_json

OPERATIONS = get_args(Operation)
PROFILES = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit."


def record(operation: str, **more: Any) -> AuditRecord:
    values: dict[str, Any] = {
        "time": "2026-11-24T10:00:00.5+01:00",
        "operation": operation,
        "outcome": "success",
        "actor": "user-7",
        "client": "ward-app",
        "roles": ("nurse",),
        "purpose": "TREAT",
        "reasons": ("permit-treat",),
        "subjects": ("0123456789abcdef" * 2,),
        "kinds": ("observation",),
        "records": 3,
        "labels": ("R", "PSY"),
        "request": "req-1",
        "store": "ward.vault",
        "keys": ("kek-1",),
        "policies": ("ab" * 32,),
        "consents": ("cd" * 32,),
    }
    if operation in {"export", "disclose"}:
        values["recipient"] = "registry-1"
    if operation == "search":
        values["parameters"] = ("patient", "date")
    return AuditRecord(**(values | more))


CASES = [
    *(record(operation, outcome=outcome) for operation in OPERATIONS for outcome in ("success", "denied", "failed")),
    *(AuditRecord(time="2026-11-24T10:00:00Z", operation=op, outcome="success", actor="u") for op in OPERATIONS),
    record("search", subjects=("0" * 32, "1" * 32), labels=()),
    record("disclose", authorizer="dpo"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c.operation}-{c.outcome}")
def test_fhir_resources_accepts_every_event(case: AuditRecord) -> None:
    raw = to_fhir_json(case, site="iomt.hospital.example")
    event = AuditEvent.model_validate_json(raw)
    back, sent = json.loads(event.model_dump_json()), json.loads(raw)
    assert back | {"recorded": ""} == sent | {"recorded": ""}
    assert b"\n" not in raw


def test_the_independent_validator_accepts_every_event(tmp_path: Path) -> None:
    path = tmp_path / "audit.ndjson"
    path.write_bytes(b"\n".join(to_fhir_json(case, site="iomt.hospital.example") for case in CASES))
    assert validate(path) == ""


def slices(event: dict[str, Any], name: str) -> list[str]:
    found = []
    for part in event[name]:
        kind = part["type"]
        found.append(kind["coding"][0]["code"] if "coding" in kind else kind["code"])
    return found


# The profiles' tables (FSH of ITI.BasicAudit): type, a subtype, action, agents (client, server), entities.
TABLE = {
    "create": ("PatientCreate", "rest", "create", "C", ("110153", "110152"), ("2", "1")),
    "read": ("PatientRead", "rest", "read", "R", ("110152", "110153"), ("2", "1")),
    "search": ("PatientQuery", "rest", "search", "E", ("110153", "110152"), ("2", "1")),
    "export": ("PrivacyDisclosure.Source", "110106", "disclose", "R", ("110152", "110153"), ("2", "1")),
    "disclose": ("PrivacyDisclosure.Source", "110106", "disclose", "R", ("110152", "110153"), ("2", "1")),
}


@pytest.mark.parametrize("operation", TABLE)
def test_the_claimed_profile_is_satisfied(operation: str) -> None:
    profile, kind, subtype, action, agents, entities = TABLE[operation]
    event: dict[str, Any] = to_fhir(record(operation), site="iomt")
    assert event["meta"]["profile"] == [PROFILES + profile]
    assert (event["type"]["code"], event["action"], event["outcome"]) == (kind, action, "0")
    assert subtype in [part["code"] for part in event["subtype"]]
    found = slices(event, "agent")
    assert tuple(found[:2]) == agents
    for machine in event["agent"][:2]:
        assert machine["who"]
        assert machine["network"]
        assert "media" not in machine
    user = event["agent"][2]
    assert user["requestor"] is True
    assert "network" not in user
    assert user["type"]["coding"][0]["code"] == ("AUT" if operation == "create" else "IRCP")
    assert user["purposeOfUse"][0]["coding"][0]["code"] == "TREAT"
    assert [found.count(code) for code in agents] == [1, 1]
    kinds = slices(event, "entity")
    assert [kinds.count(code) for code in entities] == [1, 1]
    patient = event["entity"][kinds.index("1")]
    assert (patient["role"]["code"], patient["what"]["type"]) == ("1", "Patient")
    data = event["entity"][kinds.index("2")]
    if operation == "search":
        assert data["role"]["code"] == "24"
        assert base64.b64decode(data["query"]) == b"patient&date"
        assert not {"what", "lifecycle", "detail"} & set(data)
    else:
        assert data["role"]["code"] in {"4", "3", "20"}
        assert data["what"]
    if kind == "110106":
        source = event["agent"][found.index("110153")]
        assert source["who"] == event["source"]["observer"]  # val-audit-source
    transaction = event["entity"][kinds.index("XrequestId")]
    assert transaction["what"]["identifier"]["value"] == "req-1"


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("outcome", ["denied", "failed"])
def test_what_did_not_succeed_claims_no_profile_of_success(operation: str, outcome: str) -> None:
    event = to_fhir(record(operation, outcome=outcome), site="iomt")
    assert "meta" not in event
    assert event["outcome"] == {"denied": "4", "failed": "8"}[outcome]
    assert event["outcomeDesc"] == "permit-treat"


def test_an_event_about_several_people_claims_no_profile_of_one() -> None:
    event: dict[str, Any] = to_fhir(record("read", subjects=("0" * 32, "1" * 32)), site="iomt")
    assert event["meta"]["profile"] == [PROFILES + "Read"]
    assert slices(event, "entity").count("1") == 2
    assert "meta" not in to_fhir(record("disclose", subjects=("0" * 32, "1" * 32)), site="iomt")
    assert "meta" not in to_fhir(record("export", recipient=None), site="iomt")
