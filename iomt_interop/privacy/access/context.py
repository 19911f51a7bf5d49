"""Decisions compiled for one request and one subject: what does not depend on the record is settled once.

The layers are asked in turn, and each of them can only deny: whose record it is, roles, labels, token scopes, a policy
provider where there is one, consent. What permits in the end is the consent, or the reason why none is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol, runtime_checkable

from ..consent import Consent, Verdict, prepare
from ..consent.evaluate import narrow
from ..facts import UNKNOWN_LEVEL, Facts, labels_of
from ..vocabulary import ACT_CODE, ACT_REASON, BREAK_GLASS, covered_by, is_purpose, specialisations
from .policy import DISCLOSING, AccessPolicy, Role
from .request import Request
from .scopes import granted

__all__ = ["Context", "Decision", "PolicyProvider"]

Decision = Verdict
"""Permit or deny, and the reason's code."""

_IMPERSONAL: Final = frozenset({"device", "metric", "clock_sync", "issue"})
"""Kinds that are of no person unless they say so."""
_MEMO: Final = 4096


@runtime_checkable
class PolicyProvider(Protocol):
    """A policy engine beside the rules here; it can deny and cannot permit."""

    def permits(self, request: Request, facts: Facts, /) -> bool:
        """Tell whether it has no objection. An exception denies."""
        ...


def _deny(reason: str) -> Decision:
    return Decision(False, reason)


_SUBJECT: Final = _deny("subject-mismatch")
_NOT_GOVERNED: Final = Decision(True, "not-consent-governed")
_SELF: Final = Decision(True, "self-access")
_GLASS: Final = Decision(True, "break-glass")


class Context:
    """Decisions for one request about one subject, as long as consents and clock allow."""

    __slots__ = (
        "_ask", "_consent", "_final", "_memo", "_provider", "_roles", "_wide", "emergency", "end", "epoch",
        "purpose_known", "request", "rulings", "start", "subject", "wants",
    )  # fmt: skip

    def __init__(
        self,
        policy: AccessPolicy,
        request: Request,
        subject: str,
        consents: Sequence[Consent],
        epoch: int,
        *,
        names: frozenset[str],
        provider: PolicyProvider | None = None,
        glass: str | None = None,
    ) -> None:
        self.request, self.subject, self.epoch = request, subject, epoch
        self._provider = provider
        actor = request.actor
        self.purpose_known = is_purpose(request.purpose[1]) and request.purpose[0] == ACT_REASON
        self.purpose_known = self.purpose_known or request.purpose in policy.purposes.values()
        self.emergency = request.purpose == (ACT_REASON, BREAK_GLASS) and glass is None
        self._roles = _roles(policy, request, opened=self.emergency)
        self.rulings = prepare(
            consents,
            patient=names,
            actor=actor.references,
            purpose=request.purpose,
            at=request.at,
            implicit=policy.implicit_consent,
            treats=self.emergency or any(role.treats for role in _held(policy, actor.roles)),
            offset=policy.zone_offset_minutes,
        )
        self.start, self.end = self.rulings.start, self.rulings.end
        if request.emergency is not None:
            edges = (request.emergency.start, request.emergency.end)
            self.start, self.end = narrow(self.start, self.end, edges, request.at)
        self._final = self._always(policy, glass)
        conditional = any(scope.conditions for scope in request.scopes or ())
        self._wide = conditional or provider is not None
        self.wants = self.rulings.wants | ({"codes"} if self._wide else set())
        constant = self.rulings.constant
        self._consent = None if constant is None else self._settle(constant)
        self._ask = self.rulings.asking()
        self._memo: dict[tuple[object, ...], Decision | None] = {}

    def __repr__(self) -> str:
        return "Context()"

    def _always(self, policy: AccessPolicy, glass: str | None) -> Decision | None:
        """Return the denial that holds for every record."""
        if not self.purpose_known:
            return _deny("purpose-unknown")
        if self.request.purpose == (ACT_REASON, BREAK_GLASS) and glass is not None:
            return _deny(glass)
        if not _held(policy, self.request.actor.roles):
            return _deny("role-none")
        return None if self._roles else _deny("role-denied")

    def decide(self, facts: Facts) -> Decision:
        """Decide about one record."""
        if self._final is not None:
            return self._final
        kind, subject, labels, _, _, _, _, categories, codes = facts
        key = (kind, subject, labels, categories, codes) if self._wide else (kind, subject, labels)
        try:
            found = self._memo[key]
        except KeyError:
            if len(self._memo) >= _MEMO:
                self._memo.clear()
            found = self._memo[key] = self._gate(facts)
        if found is not None:
            return found
        verdict = self._ask(facts)
        return _GLASS if self.emergency and verdict.permit else verdict

    def operate(self) -> Decision:
        """Decide about something that is done to the subject's data as a whole, or to the store, and shows nothing.

        No record's label counts: who erases a person, or holds, must not learn what there is.
        """
        if self._final is not None:
            return self._final
        facts = Facts("subject", self.subject or None, labels_of(()))
        for check in (self._scopes_deny, self._provider_denies):
            denial = check(facts)
            if denial is not None:
                return denial
        return _NOT_GOVERNED

    def _settle(self, verdict: Decision) -> Decision:
        return _GLASS if verdict.permit and self.emergency else verdict

    def _gate(self, facts: Facts) -> Decision | None:
        """Ask everything that looks at kind, subject, labels and codes; ``None`` when consent must see the record."""
        if facts.subject is not None and facts.subject != self.subject:
            return _SUBJECT
        impersonal = facts.subject is None and facts.kind in _IMPERSONAL
        for check in (self._roles_deny, self._scopes_deny, self._provider_denies):
            denial = check(facts)
            if denial is not None:
                return denial
        request = self.request
        if impersonal or request.action not in DISCLOSING:
            return _NOT_GOVERNED
        if request.actor.subject == self.subject and (ACT_REASON, "PATRQT") in covered_by(request.purpose):
            return _SELF
        if self._consent is not None:
            return self._consent
        return None if self.rulings.wants else self._settle(self.rulings.decide(facts))

    def _roles_deny(self, facts: Facts) -> Decision | None:
        """Ask the roles; one of them alone must allow kind and labels."""
        level, sensitivities = facts.labels.level, facts.labels.sensitivities
        fitting = [r for r in self._roles if r.kinds is None or facts.kind in r.kinds]
        if not fitting:
            return _deny("role-denied")
        if facts.subject is None and facts.kind not in _IMPERSONAL:
            fitting = [r for r in fitting if r.unattributed]
            if not fitting:
                return _deny("subject-unknown")
        if level >= UNKNOWN_LEVEL:
            return _deny("label-unknown")
        if any(level <= r.level and (r.sensitive is None or r.sensitive >= sensitivities) for r in fitting):
            return None
        return _deny("label-clearance")

    def _scopes_deny(self, facts: Facts) -> Decision | None:
        scopes = self.request.scopes
        if scopes is None:
            return None
        own = self.request.scope_subject == self.subject
        return None if granted(scopes, facts, self.request.action, own=own) else _deny("scope-denied")

    def _provider_denies(self, facts: Facts) -> Decision | None:
        if self._provider is None:
            return None
        try:
            return None if self._provider.permits(self.request, facts) is True else _deny("provider-deny")
        except Exception:  # noqa: BLE001 - whatever goes wrong there, nothing is released here
            return _deny("provider-error")


class _Compiled:
    """A role, ready to compare."""

    __slots__ = ("kinds", "level", "sensitive", "unattributed")

    def __init__(self, role: Role, level: int, *, opened: bool) -> None:
        self.kinds = None if "*" in role.kinds else frozenset(role.kinds)
        self.level = level
        self.unattributed = role.unattributed
        every = opened or "*" in role.sensitivities
        codes = specialisations((ACT_CODE, code) for code in role.sensitivities)
        self.sensitive = None if every else frozenset(code for _, code in codes)


def _held(policy: AccessPolicy, names: frozenset[str]) -> list[Role]:
    return [policy.roles[name] for name in sorted(names) if name in policy.roles]


def _roles(policy: AccessPolicy, request: Request, *, opened: bool) -> tuple[_Compiled, ...]:
    """Return the actor's roles that allow the action for the purpose."""
    covering = covered_by(request.purpose)
    found = []
    for role in _held(policy, request.actor.roles):
        if request.action in role.actions and not covering.isdisjoint(map(policy.purpose, role.purposes)):
            level = policy.level(role.clearance)
            level = max(level, policy.level(policy.break_glass.clearance)) if opened else level
            found.append(_Compiled(role, level, opened=opened))
    return tuple(found)
