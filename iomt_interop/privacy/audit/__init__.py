"""The audit trail: one record per operation, durable before data leave, and what is computed from it."""

from __future__ import annotations

from .accounting import Access, AccessReport, Disclosure, access_report, accounting
from .anomaly import Anomaly, WatchRules, counters, watch
from .balp import to_fhir, to_fhir_json
from .breach import BreachScope, Clocks, authority_notice, breach_scope, clocks, person_notice
from .sink import AuditRecord, AuditSink, Digest, Handle, Operation, Outcome, Token

__all__ = [
    "Access",
    "AccessReport",
    "Anomaly",
    "AuditRecord",
    "AuditSink",
    "BreachScope",
    "Clocks",
    "Digest",
    "Disclosure",
    "Handle",
    "Operation",
    "Outcome",
    "Token",
    "WatchRules",
    "access_report",
    "accounting",
    "authority_notice",
    "breach_scope",
    "clocks",
    "counters",
    "person_notice",
    "to_fhir",
    "to_fhir_json",
    "watch",
]
