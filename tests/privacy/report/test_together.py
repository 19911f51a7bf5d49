"""The guard, the log, the accounting and the page together: what happened is what the person is told."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import pytest
from lxml import html
from support.consents import consent_json
from support.guards import POLICY as WARD
from support.guards import ask, observation
from support.policy import POLICY

import iomt_interop as iomt
from iomt_interop.crypto.signing import SigningKey
from iomt_interop.errors import AccessDenied, AuditUnavailable
from iomt_interop.privacy import find_leaks, identifying_values
from iomt_interop.privacy.access import AccessPolicy, Actor, Guard
from iomt_interop.privacy.agreements import load_policy, require_agreement
from iomt_interop.privacy.audit import AuditRecord, accounting, to_fhir, to_fhir_json
from iomt_interop.privacy.audit.handles import SubjectHandles
from iomt_interop.privacy.consent import ConsentRegistry, consent_from_fhir
from iomt_interop.privacy.report import consent_line, gather, render
from iomt_interop.vault.audit_log import AuditLog

KEY = SigningKey.generate("hospital.example/audit")
HANDLES = SubjectHandles(KEY.derive(SubjectHandles.LABEL))
MADE = datetime.fromisoformat("2026-12-24T12:00:00+01:00")


def test_what_happened_is_what_the_person_is_told(tmp_path: Path) -> None:
    consent = consent_from_fhir(consent_json('{"type": "permit"}'))
    registry = ConsentRegistry()
    registry.put("alice", consent)
    records = [observation() for _ in range(3)]
    with AuditLog(tmp_path / "audit.log", KEY) as log:
        guard = Guard(
            AccessPolicy.from_toml(WARD), registry, log, handle=HANDLES,
            names=lambda subject: frozenset({"Patient/ex-patient"}),
        )  # fmt: skip
        assert len(guard.release(ask(), records).records) == 3
        with pytest.raises(AccessDenied):
            guard.read(ask(Actor("clerk-9", roles=frozenset({"wizard"}))), records[0])
        guard.release(ask(purpose="HRESCH", action="export"), records, recipient="registry")
        log.close()
        with pytest.raises(AuditUnavailable):
            guard.release(ask(), records)
    trail = list(AuditLog.events(tmp_path / "audit.log"))
    assert [event.outcome for event in trail] == ["success", "denied", "success"]
    assert all(to_fhir(event, site="x")["resourceType"] == "AuditEvent" for event in trail)
    handle = HANDLES("alice")
    (one,) = accounting(trail, handle, MADE)
    assert (one.recipient, one.records, one.purpose) == ("registry", 3, "HRESCH")
    page = render(
        gather(records, trail, handle=handle, made=MADE, policy=load_policy(POLICY), consents=[consent_line(consent)])
    )
    text = html.fromstring(page.decode()).text_content()
    for told in ("user-1", "your treatment", "Heart Registry (DE)", "You permit the use of your data", "1 request for"):
        assert told in text, told
    used = html.fromstring(page.decode()).xpath("//section[@aria-labelledby='consents']//tbody/tr/td[4]")
    assert [cell.text_content() for cell in used] == ["yes"]
    assert "clerk-9" not in text
    raw = (tmp_path / "audit.log").read_text()
    assert "alice" not in raw
    assert "Patient/ex-patient" not in raw


def test_nothing_that_identifies_gets_into_the_trail(tmp_path: Path, root: Path) -> None:
    records = [
        record
        for name in ("hl7v2_oru/pcd01_30obx.hl7", "ieee11073_phd/pulse_oximeter.apdu", "hl7v2_oru/types.hl7")
        for record in iomt.read(root / "fixtures" / name)
    ]
    values = sorted({value for record in records for value in identifying_values([record])} | {r.id for r in records})
    assert len(values) > 100
    with AuditLog(tmp_path / "audit.log", KEY) as log:
        guard = Guard(AccessPolicy.from_toml(WARD), ConsentRegistry(), log, handle=HANDLES)
        for record in records:
            guard.release(ask(action="read"), [record])
        guard.release(ask(), records)
        people = {r.id if r.kind == "subject" else r.subject for r in records}
        assert len(log) == len(records) + len(people)
    raw = (tmp_path / "audit.log").read_bytes()
    events = b"\n".join(to_fhir_json(event, site="ward") for event in AuditLog.events(tmp_path / "audit.log"))
    assert find_leaks(raw, values) == []
    assert find_leaks(events, values) == []


def test_a_disclosure_without_an_agreement_is_refused_and_written_down(tmp_path: Path) -> None:
    event = AuditRecord(
        time="2026-05-01T10:00:00Z", operation="disclose", outcome="success", actor="batch", purpose="HRESCH",
        recipient="registry", subjects=(HANDLES("alice"),), kinds=("observation",), records=7,
    )  # fmt: skip
    policy = load_policy(POLICY)
    with AuditLog(tmp_path / "audit.log", KEY) as log:
        told = require_agreement(policy, log, event, date(2026, 5, 1))
        assert (told.reasons, told.policies, told.records) == (("agreement-permit",), (policy.digest,), 7)
        assert len(log) == 0
        with pytest.raises(AccessDenied) as caught:
            require_agreement(policy, log, event, date(2027, 5, 1))
        assert caught.value.code == "AGR-003"
    (refused,) = AuditLog.events(tmp_path / "audit.log")
    assert (refused.outcome, refused.reasons, refused.records) == ("denied", ("agreement-expired",), 0)
    with pytest.raises(AuditUnavailable):
        require_agreement(policy, log, event, date(2027, 5, 1))


@pytest.mark.parametrize(
    ("provision", "title"),
    [
        ('{"type": "deny", "purpose": ["HRESCH"]}', "You refuse the use of your data for research"),
        ('{"type": "deny", "provision": [{"type": "permit"}]}', "You refuse the use of your data, with an exception"),
        ('{"type": "permit"}', "You permit the use of your data"),
    ],
)
def test_a_consent_in_a_line(provision: str, title: str) -> None:
    line = consent_line(consent_from_fhir(consent_json(provision)))
    assert line.title == title
    assert line.state == "active"
    assert line.digest is not None
    assert len(line.digest) == 64
