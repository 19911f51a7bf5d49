"""An audit record as a FHIR R4 AuditEvent, in the shape of IHE Basic Audit Log Patterns (BALP 1.1).

One operation gives one resource. A profile of BALP is claimed only where the resource satisfies it: its profiles are
of operations that succeeded, and those with a patient are of exactly one. Subjects are logical references to the
store's handles; nothing in the resource can be followed to a person without the store's key.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Final

from .sink import AuditRecord

__all__ = ["to_fhir", "to_fhir_json"]

_BALP: Final = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit."
_BALP_ENTITY: Final = "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType"
_DCM: Final = "http://dicom.nema.org/resources/ontology/DCM"
_EVENT_TYPE: Final = "http://terminology.hl7.org/CodeSystem/audit-event-type"
_INTERACTION: Final = "http://hl7.org/fhir/restful-interaction"
_LIFECYCLE: Final = "http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle"
_PARTICIPATION: Final = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
_SNOMED: Final = "http://snomed.info/sct"
_REASON: Final = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
_ENTITY_TYPE: Final = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
_ROLE: Final = "http://terminology.hl7.org/CodeSystem/object-role"
_SOURCE: Final = "http://terminology.hl7.org/CodeSystem/security-source-type"
_CONFIDENTIALITY: Final = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
_ACT_CODE: Final = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
_HANDLE: Final = "urn:iomt-interop:subject-handle"

Json = dict[str, object]


@dataclass(frozen=True, slots=True)
class _Kind:
    """How BALP writes an operation: type, subtypes, action, and which role ids client and server have."""

    type: tuple[str, str, str]
    subtypes: tuple[tuple[str, str, str], ...]
    action: str
    profile: str | None = None
    """Name of the profile with a patient; without "Patient" it is the one without."""
    gives: bool = False
    """Whether data flow from the store to the client: then the store is the source."""
    user: tuple[str, str, str] = (_PARTICIPATION, "IRCP", "information recipient")


_REST: Final = (_EVENT_TYPE, "rest", "Restful Operation")
_AUTHOR: Final = (_PARTICIPATION, "AUT", "author (originator)")
_ALERT: Final = (_DCM, "110113", "Security Alert")
_SECURITY: Final = (_DCM, "110129", "Security Configuration")
_DISCLOSE: Final = (_LIFECYCLE, "disclose", "Disclose Record Lifecycle Event")


def _rest(code: str, action: str, **more: object) -> _Kind:
    return _Kind(_REST, ((_INTERACTION, code, code),), action, **more)  # type: ignore[arg-type]


_KINDS: Final[dict[str, _Kind]] = {
    "create": _rest("create", "C", profile="PatientCreate", user=_AUTHOR),
    "read": _rest("read", "R", profile="PatientRead", gives=True),
    "search": _rest("search", "E", profile="PatientQuery"),
    "update": _rest("update", "U", user=_AUTHOR),
    "delete": _rest("delete", "D", user=_AUTHOR),
    "execute": _rest("operation", "E"),
    "erase": _Kind(
        _REST,
        ((_INTERACTION, "delete", "delete"), (_LIFECYCLE, "destroy", "Destroy/Delete Record Lifecycle Event")),
        "D",
        user=_AUTHOR,
    ),
    "export": _Kind((_DCM, "110106", "Export"), (_DISCLOSE,), "R", profile="PrivacyDisclosure.Source", gives=True),
    "disclose": _Kind((_DCM, "110106", "Export"), (_DISCLOSE,), "R", profile="PrivacyDisclosure.Source", gives=True),
    "import": _Kind(
        (_DCM, "110107", "Import"),
        ((_LIFECYCLE, "receive", "Receive/Retain Record Lifecycle Event"),),
        "C",
        user=_AUTHOR,
    ),
    "break-glass": _Kind(_ALERT, ((_DCM, "110127", "Emergency Override Started"),), "E"),
    "consent": _rest("update", "U", user=_AUTHOR),
    "policy": _Kind(_ALERT, (_SECURITY,), "U", user=_AUTHOR),
    "key": _Kind(_ALERT, (_SECURITY,), "U", user=_AUTHOR),
}
_OUTCOMES: Final = {"success": "0", "denied": "4", "failed": "8"}


def to_fhir(record: AuditRecord, *, site: str) -> Json:
    """Return the AuditEvent of a record.

    Parameters
    ----------
    record : AuditRecord
        The record.
    site : str
        Name of the system that recorded it, the source of the event.
    """
    kind = _KINDS[record.operation]
    profile = _profile(record, kind)
    event: Json = {"resourceType": "AuditEvent"}
    if profile is not None:
        event["meta"] = {"profile": [_BALP + profile]}
    event |= {
        "type": _coding(*kind.type),
        "subtype": [_coding(*subtype) for subtype in kind.subtypes],
        "action": kind.action,
        "recorded": record.time,
        "outcome": _OUTCOMES[record.outcome],
    }
    if record.reasons:
        event["outcomeDesc"] = " ".join(record.reasons)
    if record.purpose is not None:
        event["purposeOfEvent"] = [_purpose(record.purpose)]
    event["agent"] = _agents(record, kind, site)
    event["source"] = {
        "site": site,
        "observer": {"display": site},
        "type": [_coding(_SOURCE, "4", "Application Server")],
    }
    event["entity"] = _entities(record, site)
    return event


def to_fhir_json(record: AuditRecord, *, site: str) -> bytes:
    """Return the AuditEvent as one line of JSON."""
    return json.dumps(to_fhir(record, site=site), ensure_ascii=False, separators=(",", ":")).encode()


def _profile(record: AuditRecord, kind: _Kind) -> str | None:
    """Return the name of the profile that the event satisfies."""
    if record.outcome != "success" or kind.profile is None:
        return None
    if kind.profile.startswith("PrivacyDisclosure"):
        return kind.profile if len(record.subjects) == 1 and record.recipient is not None else None
    return kind.profile if len(record.subjects) == 1 else kind.profile.removeprefix("Patient")


def _coding(system: str, code: str, display: str) -> Json:
    return {"system": system, "code": code, "display": display}


def _concept(system: str, code: str, display: str | None = None) -> Json:
    coding: Json = {"system": system, "code": code}
    return {"coding": [coding | ({"display": display} if display else {})]}


def _purpose(code: str) -> Json:
    return _concept(_REASON, code)


def _agents(record: AuditRecord, kind: _Kind, site: str) -> list[Json]:
    source, destination = ("110153", "Source Role ID"), ("110152", "Destination Role ID")
    server_role, client_role = (source, destination) if kind.gives else (destination, source)
    disclosed = record.operation in {"export", "disclose"} and record.recipient is not None
    client = (record.recipient if disclosed else record.client) or site
    user: Json = {
        "type": _concept(*kind.user),
        "role": [{"text": role} for role in record.roles],
        "who": {"identifier": {"value": record.actor}},
        "requestor": True,
        "policy": [f"urn:sha256:{digest}" for digest in record.policies],
        "purposeOfUse": [_purpose(record.purpose)] if record.purpose else [],
    }
    agents = [
        _machine(client_role, {"identifier": {"value": client}}, client),
        # The source of a disclosure is the observer itself (invariant val-audit-source).
        _machine(server_role, {"display": site}, site),
        {name: value for name, value in user.items() if value != []},
    ]
    if disclosed and record.client is not None:
        agents.append(_machine(("110150", "Application"), {"identifier": {"value": record.client}}, record.client))
    if record.authorizer is not None:
        who: Json = {"identifier": {"value": record.authorizer}}
        agents.append({"type": _concept(_SNOMED, "429577009", "Patient advocate"), "who": who, "requestor": False})
    return agents


def _machine(role: tuple[str, str], who: Json, address: str) -> Json:
    network = {"address": address, "type": "1"}
    return {"type": _concept(_DCM, *role), "who": who, "requestor": False, "network": network}


def _entities(record: AuditRecord, site: str) -> list[Json]:
    labels = [_label(label) for label in record.labels]
    system_object = _coding(_ENTITY_TYPE, "2", "System Object")
    data: Json = {"type": system_object}
    if record.operation == "search":
        # Names of parameters only: their values are what identifies.
        query = base64.b64encode("&".join(record.parameters).encode() or b"-").decode()
        data |= {"role": _coding(_ROLE, "24", "Query"), "query": query}
    else:
        data |= {
            "what": {"identifier": {"value": record.store or site}},
            "role": _coding(_ROLE, "4", "Domain Resource"),
        }
    if labels:
        data["securityLabel"] = labels
    if record.operation == "execute" and record.parameters:
        data["name"] = " ".join(record.parameters)
    told = [f"{record.records} records", *record.kinds, *(f"key {key}" for key in record.keys)]
    data["description"] = ", ".join(told)
    entities = [data]
    for handle in record.subjects:
        entities.append({
            "what": {"type": "Patient", "identifier": {"system": _HANDLE, "value": handle}},
            "type": _coding(_ENTITY_TYPE, "1", "Person"),
            "role": _coding(_ROLE, "1", "Patient"),
        })  # fmt: skip
    for digest in record.consents:
        entities.append({
            "what": {"type": "Consent", "identifier": {"value": f"urn:sha256:{digest}"}},
            "type": _coding("http://hl7.org/fhir/resource-types", "Consent", "Consent"),
        })  # fmt: skip
    if record.request is not None:
        code: Json = {"system": _BALP_ENTITY, "code": "XrequestId"}
        entities.append({"what": {"identifier": {"value": record.request}}, "type": code})
    return entities


def _label(code: str) -> Json:
    system = _CONFIDENTIALITY if code in {"U", "L", "M", "N", "R", "V"} else _ACT_CODE
    return {"system": system, "code": code}
