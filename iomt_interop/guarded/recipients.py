"""Whether data may go to a recipient at all, before it is known whether there are any."""

from __future__ import annotations

from ..errors import AccessDenied
from ..privacy.access import Guard, Request
from ..privacy.agreements import Policy, check_disclosure
from .policies import PolicySet

__all__ = ["expect_agreement", "register_for"]


def register_for(guard: Guard, policies: PolicySet, request: Request, recipient: str) -> Policy:
    """Return the register of agreements; without one nobody gets anything, and the refusal is recorded.

    Raises
    ------
    AccessDenied
        ``AGR-003`` when there is none.
    """
    if policies.agreements is None:
        guard.note(request, "disclose", "denied", "recipient-unknown", recipient=recipient)
        raise AccessDenied("AGR-003", hint="there is no register of agreements")
    return policies.agreements


def expect_agreement(guard: Guard, policies: PolicySet, request: Request, recipient: str | None) -> None:
    """Refuse a recipient before anybody is looked up: a refusal that came later would tell who is there.

    Raises
    ------
    AccessDenied
        ``AGR-003`` when no agreement in force is with the recipient, for this purpose; it is recorded.
    """
    if recipient is None:
        return
    register = register_for(guard, policies, request, recipient)
    verdict = check_disclosure(register, recipient, request.purpose[1], policies.day(request.at))
    if not verdict.permitted:
        reason, digests = verdict.reasons[0], (verdict.policy,)
        guard.note(request, "disclose", "denied", reason, recipient=recipient, policies=digests)
        raise AccessDenied("AGR-003", hint=", ".join(verdict.reasons))
