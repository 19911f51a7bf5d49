"""A guard over a small ward, with an audit trail that can be told to fail."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from support.consents import AT, consent_json
from support.records import SPO2, make

from iomt_interop import model as m
from iomt_interop.errors import AuditUnavailable
from iomt_interop.privacy.access import AccessPolicy, Actor, Guard, Request
from iomt_interop.privacy.audit.sink import AuditRecord
from iomt_interop.privacy.consent import ConsentRegistry, consent_from_fhir
from iomt_interop.privacy.vocabulary import ACT_CODE, CONFIDENTIALITY

__all__ = ["AT", "NURSE", "PHYSICIAN", "POLICY", "Sink", "ask", "guard", "observation", "put"]

POLICY = """
version = 1
id = "ward"
implicit_consent = "permit-treatment"

[roles.physician]
actions = ["read", "search", "export", "create", "update"]
purposes = ["TREAT", "HRESCH"]
clearance = "R"
sensitivities = ["ETH", "PSY"]
treats = true

[roles.nurse]
actions = ["read", "search"]
purposes = ["TREAT"]
kinds = ["observation", "device", "subject"]
treats = true

[roles.patient]
actions = ["read", "search", "export"]
purposes = ["PATRQT"]
clearance = "V"
sensitivities = ["*"]

[roles.scientist]
actions = ["search", "export"]
purposes = ["foobar"]

[break_glass]
groups = ["Group/ex-privilegedUsers"]
minutes = 30
reasons = ["unconscious", "disaster"]

[purposes]
foobar = ["http://example.org/policies/purposeOfUse", "FooBar"]
"""
PHYSICIAN = Actor("user-1", roles=frozenset({"physician"}), references=frozenset({"Practitioner/1"}), client="app-1")
NURSE = Actor("user-2", roles=frozenset({"nurse"}), references=frozenset({"Practitioner/2"}))


class Sink:
    """Keeps events, or fails."""

    def __init__(self) -> None:
        self.events: list[AuditRecord] = []
        self.failure: Exception | None = None

    def record(self, event: AuditRecord, /) -> None:
        if self.failure is not None:
            raise self.failure
        self.events.append(event)

    def fail(self, failure: Exception | None = None) -> None:
        self.failure = failure or AuditUnavailable("AUD-001")


def guard(sink: Sink | None = None, registry: ConsentRegistry | None = None, **more: Any) -> Guard:
    return Guard(
        AccessPolicy.from_toml(more.pop("policy", POLICY)),
        registry or ConsentRegistry(),
        sink or Sink(),
        names=lambda subject: frozenset({"Patient/ex-patient"}),
        handle=lambda subject: "ab" * 8,
        **more,
    )


def put(registry: ConsentRegistry, provision: str, subject: str = "alice", **changes: Any) -> None:
    registry.put(subject, consent_from_fhir(consent_json(provision, **changes)))


def ask(actor: Actor = PHYSICIAN, action: Any = "search", purpose: str = "TREAT", at: int = AT, **more: Any) -> Request:
    return Request.of(actor, action, purpose, at, **more)


_numbers: Callable[[], int] = iter(range(10**9)).__next__


def observation(*labels: str, subject: str | None = "alice", **fields: Any) -> m.Observation:
    """Return an observation of its own id."""
    codings = tuple(m.Coding(system=CONFIDENTIALITY if len(c) == 1 else ACT_CODE, code=c) for c in labels)
    made = make(m.Observation, code=SPO2, subject=subject, labels=codings, **fields)
    assert isinstance(made, m.Observation)
    return made.replace(id=m.record_id("observation", _numbers()))
