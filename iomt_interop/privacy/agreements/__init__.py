"""Agreements with recipients, the register of processing, retention: policy files as data, checked beforehand."""

from __future__ import annotations

from .check import REASONS, DisclosureDecision, check_disclosure, require_agreement
from .policy import (
    Agreement,
    AgreementKind,
    Contact,
    Controller,
    Hold,
    Policy,
    Purpose,
    Recipient,
    Retention,
    load_policy,
)
from .register import Activity, Interface, RecipientLine, register, register_markdown
from .retention import Due, Held, due_for_erasure, held_of

__all__ = [
    "REASONS",
    "Activity",
    "Agreement",
    "AgreementKind",
    "Contact",
    "Controller",
    "Due",
    "Held",
    "Hold",
    "Interface",
    "Policy",
    "Purpose",
    "Recipient",
    "RecipientLine",
    "Retention",
    "DisclosureDecision",
    "check_disclosure",
    "due_for_erasure",
    "held_of",
    "load_policy",
    "register",
    "register_markdown",
    "require_agreement",
]
