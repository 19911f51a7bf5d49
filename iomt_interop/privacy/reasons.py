"""Reason codes: why a decision came out as it did. They name rules and never say what a record holds."""

from __future__ import annotations

from typing import Final

__all__ = ["REASONS"]

REASONS: Final[dict[str, str]] = {
    # Why something was permitted.
    "consent-permit": "the consent in force permits it",
    "consent-exception-permit": "an exception of the consent in force permits it",
    "implicit-permit": "there is no consent in force, and the implicit policy permits it",
    "self-access": "the patient asks for their own data",
    "not-consent-governed": "the record is of no person, or the action discloses nothing",
    # What the consents in force say.
    "consent-deny": "the consent in force denies it",
    "consent-exception-deny": "an exception of the consent in force denies it",
    "consent-not-covered": "there is a consent in force, and it does not permit this",
    "consent-none": "there is no consent in force, and the implicit policy denies it",
    "consent-expired": "the last consent is over or has not begun; the implicit policy decides",
    "consent-withdrawn": "the last consent was withdrawn; the implicit policy decides",
    "consent-rejected": "the patient has rejected the last consent",
    # A consent that is not understood denies everything.
    "consent-modifier": "the consent has a modifier that is not known",
    "consent-element": "the consent uses an element that no rule here covers",
    "consent-nesting": "the consent has exceptions of exceptions",
    "consent-meaning": "the consent means data in a way that is not known",
    "consent-reference": "the consent lacks a reference, or has one that cannot be compared",
    "consent-role": "the consent names an actor that is no recipient",
    "consent-scope": "the consent is not about privacy",
    "consent-status": "the consent's status is not known",
    "consent-type": "the consent or an exception says neither permit nor deny",
    "consent-period": "a period of the consent cannot be understood",
    "consent-date": "the consent has no date, so that nobody knows which one is the last",
    "consent-policy": "the consent names no policy",
    "consent-label": "the consent names a security label or purpose that is not known",
    "consent-patient": "the consent is of another patient",
    # Who asks, and for what.
    "role-none": "the actor has no role that the policy knows",
    "role-denied": "no role of the actor may do this",
    "purpose-unknown": "the purpose of use is none of HL7 v3 PurposeOfUse or of the policy",
    "scope-denied": "no scope of the token covers it",
    "subject-mismatch": "the record is of somebody else",
    "subject-unknown": "nobody knows whose record it is",
    "label-clearance": "the record's label is above what the actor's roles may see",
    "label-unknown": "the record's confidentiality label is not known",
    "provider-deny": "the policy provider denies it",
    "provider-error": "the policy provider gave no decision",
    # What the store says of it.
    "purpose-unserved": "no minimisation policy serves the purpose",
    "purpose-unnamed": "the purpose may not know of whom the data are, and one person was asked for",
    "legal-hold": "a legal hold stands",
    "store-failed": "it was admitted, and the store did not take it",
    "no-such-thing": "there is nothing of that name",
    # Breaking the glass.
    "break-glass": "access in an emergency that was declared, with a reason, and recorded",
    "break-glass-undeclared": "the purpose is break-glass, and nobody declared an emergency",
    "break-glass-group": "the actor is in no group that may break the glass",
    "break-glass-over": "the declared emergency is over",
    "break-glass-unaudited": "the audit trail did not take the declaration",
}
"""Every reason and what it means; the pages of the documentation are made of it."""
