"""Whether data may go to a recipient: only under an agreement in force that covers purpose, kinds and country."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Final

from ...errors import AccessDenied
from ..audit.sink import AuditRecord, AuditSink
from .policy import Agreement, AgreementKind, Policy, Recipient

__all__ = ["REASONS", "DisclosureDecision", "check_disclosure", "require_agreement"]

REASONS: Final[dict[str, str]] = {
    "agreement-permit": "an agreement in force covers it",
    "agreement-exempt": "the policy says that this recipient needs no agreement for this purpose, and why",
    "recipient-unknown": "the recipient is not in the register",
    "recipient-blocked": "the register blocks the recipient",
    "purpose-unregistered": "the purpose is not in the register of processing",
    "purpose-kind": "the register does not say that data of this kind are processed for the purpose",
    "recipient-purpose": "the register does not name the recipient for the purpose",
    "agreement-none": "there is no agreement with the recipient",
    "agreement-not-begun": "the agreement is not yet in force",
    "agreement-expired": "the agreement has run out",
    "agreement-terminated": "the agreement was terminated",
    "agreement-purpose": "no agreement in force covers the purpose",
    "agreement-kind": "no agreement in force covers data of this kind",
    "agreement-transfer": "the recipient's country needs a safeguard for transfers, and none is in force",
}
"""Every reason and what it means."""

_PROTECTING: Final[frozenset[AgreementKind]] = frozenset({"baa", "processing", "joint-control", "data-use"})


@dataclass(frozen=True, slots=True)
class DisclosureDecision:
    """Whether a disclosure is permitted, why, and by which agreement of which file."""

    permitted: bool
    reasons: tuple[str, ...]
    agreement: str | None
    policy: str
    """Digest of the policy file, for the audit record."""


def check_disclosure(
    policy: Policy, recipient: str, purpose: str, day: date, *, kinds: Collection[str] = ()
) -> DisclosureDecision:
    """Decide whether data may go to a recipient.

    Parameters
    ----------
    policy : Policy
        The policy file.
    recipient : str
        Id of the recipient.
    purpose : str
        Code of the purpose of use.
    day : date
        The day of the disclosure, where the controller is.
    kinds : collection of str
        Kinds of the records that would go.
    """
    refusals, agreement = _decide(policy, recipient, purpose, day, frozenset(kinds))
    if refusals:
        return DisclosureDecision(False, tuple(refusals), None, policy.digest)
    reason = "agreement-permit" if agreement else "agreement-exempt"
    return DisclosureDecision(True, (reason,), agreement.id if agreement else None, policy.digest)


def require_agreement(policy: Policy, sink: AuditSink, event: AuditRecord, day: date) -> AuditRecord:
    """Let a disclosure pass, or write down that it was refused.

    Parameters
    ----------
    policy : Policy
        The policy file.
    sink : AuditSink
        Takes the refusal before it is told.
    event : AuditRecord
        What is about to happen: its recipient, purpose and kinds are checked.
    day : date
        The day of the disclosure, where the controller is.

    Returns
    -------
    AuditRecord
        The event with the reason and the policy's digest, for the caller to record before the data leave.

    Raises
    ------
    AccessDenied
        ``AGR-003`` when no agreement covers it; the reasons are in the trail.
    AuditUnavailable
        ``AUD-001`` when the trail does not take the refusal.
    """
    found = check_disclosure(policy, event.recipient or "", event.purpose or "", day, kinds=event.kinds)
    told = event.replace(reasons=(*event.reasons, *found.reasons), policies=(*event.policies, found.policy))
    if not found.permitted:
        sink.record(told.replace(outcome="denied", records=0))
        raise AccessDenied("AGR-003", hint=", ".join(found.reasons))
    return told


def _decide(
    policy: Policy, name: str, purpose: str, day: date, kinds: frozenset[str]
) -> tuple[list[str], Agreement | None]:
    recipient = policy.recipient(name)
    if recipient is None:
        return ["recipient-unknown"], None
    if recipient.blocked:
        return ["recipient-blocked"], None
    activity = next((entry for entry in policy.purposes if entry.code == purpose), None)
    if activity is None:
        return ["purpose-unregistered"], None
    refusals = []
    if name not in activity.recipients:
        refusals.append("recipient-purpose")
    if not kinds <= set(activity.kinds):
        refusals.append("purpose-kind")
    mine = [agreement for agreement in policy.agreements if agreement.recipient == name]
    found: Agreement | None = None
    if purpose not in recipient.exempt_purposes:
        found, why = _covering([a for a in mine if a.kind in _PROTECTING], purpose, day, kinds)
        refusals += why
    refusals += _transfer(policy, recipient, mine, purpose, day, kinds)
    return refusals, found


def _covering(
    agreements: list[Agreement], purpose: str, day: date, kinds: frozenset[str]
) -> tuple[Agreement | None, list[str]]:
    """Return the first agreement that covers it, or why none does: what the nearest of them lacks."""
    if not agreements:
        return None, ["agreement-none"]
    force = [agreement for agreement in agreements if agreement.in_force(day)]
    if not force:
        last = max(agreements, key=lambda agreement: agreement.valid_from)
        if day < last.valid_from:
            return None, ["agreement-not-begun"]
        ended = last.terminated is not None and day >= last.terminated
        return None, ["agreement-terminated" if ended else "agreement-expired"]
    named = [agreement for agreement in force if purpose in agreement.purposes]
    if not named:
        return None, ["agreement-purpose"]
    whole = [agreement for agreement in named if not agreement.kinds or kinds <= set(agreement.kinds)]
    return (whole[0], []) if whole else (None, ["agreement-kind"])


def _transfer(
    policy: Policy, recipient: Recipient, mine: list[Agreement], purpose: str, day: date, kinds: frozenset[str]
) -> list[str]:
    """Refuse a transfer out of the area without a safeguard (GDPR Article 44); no area, no such rule."""
    if not policy.controller.area or recipient.country in policy.controller.area or recipient.role == "individual":
        return []
    found, _ = _covering([agreement for agreement in mine if agreement.kind == "transfer"], purpose, day, kinds)
    return [] if found else ["agreement-transfer"]
