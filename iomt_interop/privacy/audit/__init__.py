"""The audit trail: one record per operation, durable before data leave, and what is computed from it."""

from __future__ import annotations

from .sink import AuditRecord, AuditSink, Digest, Handle, Operation, Outcome, Token

__all__ = [
    "AuditRecord",
    "AuditSink",
    "Digest",
    "Handle",
    "Operation",
    "Outcome",
    "Token",
]
