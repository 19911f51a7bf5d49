"""Decide by consent: who asks and when is settled first; what is left are conditions on the single record.

The rules, from IHE ITI PCF 1.1.0 (content profiles; notes of the examples) and, where it is silent, closed:

- Of the consents on the same policies the last one governs; drafts and errors never were. Consents of equal date must
  all permit. What the last one replaced does not come back when it is withdrawn.
- An exception goes before its base rule; among exceptions deny goes before permit; among policies deny wins.
- A permitting exception takes over what it does not say itself from a permitting base; a denying one only the purposes.
- A permit needs certainty (the record surely lies in the period), a denial only the possibility.
- A consent in force that does not permit something denies it; without one the implicit policy decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, Literal, NamedTuple

from ...errors import TimeError
from ...model import Coding
from ..facts import Facts, Labels
from ..period import ALWAYS, Window, span_of, window_of
from ..vocabulary import (
    ACT_CODE,
    ACT_REASON,
    BREAK_GLASS,
    CONFIDENTIALITIES,
    CONFIDENTIALITY,
    Code,
    code_of,
    covered_by,
    is_purpose,
    is_sensitivity,
)
from .model import Consent, Provision

__all__ = ["ImplicitPolicy", "Ruling", "Rulings", "Verdict", "prepare"]

ImplicitPolicy = Literal["deny", "permit-treatment", "permit-authorized", "break-glass-only"]
"""What holds where no consent is in force (PCF 53.2.1, Implicit option); its default there is to deny all."""

_RECIPIENTS: Final = frozenset({"IRCP", "PRCP"})
"""Roles of v3 ParticipationType that receive information; PCF fixes IRCP."""
_PARTICIPATION: Final = frozenset(
    {"http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "urn:oid:2.16.840.1.113883.5.90"}
)
_LEVELS: Final = {code: level for level, code in enumerate(CONFIDENTIALITIES)}

_FAR: Final = ALWAYS.sure_end


class Verdict(NamedTuple):
    """What consents say of one record."""

    permit: bool
    reason: str


class _Rule(NamedTuple):
    """The conditions of one provision that only a record can meet; the others are met."""

    permit: bool
    labels: frozenset[Code] | None
    level: int | None
    """For a denial: this confidentiality and above."""
    window: Window | None
    instances: frozenset[str] | None
    related: frozenset[str]
    dependents: frozenset[str]
    authors: frozenset[str]

    @property
    def unconditional(self) -> bool:
        return self.labels is None and self.window is None and self.instances is None

    def meets(self, facts: Facts) -> bool:
        """Tell whether the record meets the conditions: surely for a permit, possibly for a denial."""
        return (
            (self.labels is None or self._labelled(facts.labels))
            and (self.window is None or self._timed(self.window, facts.span))
            and (self.instances is None or self._meant(self.instances, facts))
        )

    def compiled(self) -> Callable[[Facts], bool]:
        """Return :meth:`meets`, shorter where there is one condition or none."""
        window = self.window
        if self.unconditional:
            return lambda _: True
        if window is None or self.labels is not None or self.instances is not None:
            return self.meets
        unknown = not self.permit
        first, last = (window.sure_start, window.sure_end) if self.permit else (window.any_start, window.any_end)
        if self.permit:
            return lambda facts: unknown if facts[3] is None else first <= facts[3][0] and facts[3][1] <= last
        return lambda facts: unknown if facts[3] is None else facts[3][0] < last and first < facts[3][1]

    def _labelled(self, labels: Labels) -> bool:
        assert self.labels is not None
        if not self.labels.isdisjoint(labels.codes):
            return True
        return not self.permit and self.level is not None and labels.level >= self.level

    def _timed(self, window: Window, span: tuple[int, int] | None) -> bool:
        if span is None:
            return not self.permit
        return window.surely_holds(*span) if self.permit else window.may_touch(*span)

    def _meant(self, instances: frozenset[str], facts: Facts) -> bool:
        names, relations = facts.names, facts.relations
        return (
            not instances.isdisjoint(names)
            or not (self.related.isdisjoint(names) and self.related.isdisjoint(relations))
            or not (self.dependents.isdisjoint(names) and self.dependents.isdisjoint(relations))
            or not self.authors.isdisjoint(facts.authors)
        )


class Ruling(NamedTuple):
    """One consent, prepared for one actor, purpose and time."""

    denies: tuple[_Rule, ...] = ()
    permits: tuple[_Rule, ...] = ()
    base: _Rule | None = None
    constant: Verdict | None = None
    """Set when no record can change it."""

    def decide(self, facts: Facts) -> Verdict | None:
        """Return what the consent says of a record; ``None`` when nothing."""
        if self.constant is not None:
            return self.constant
        for rule in self.denies:
            if rule.meets(facts):
                return _EXCEPTION_DENY
        for rule in self.permits:
            if rule.meets(facts):
                return _EXCEPTION_PERMIT
        if self.base is not None and self.base.meets(facts):
            return _PERMIT if self.base.permit else _DENY
        return None


_PERMIT: Final = Verdict(True, "consent-permit")
_DENY: Final = Verdict(False, "consent-deny")
_EXCEPTION_PERMIT: Final = Verdict(True, "consent-exception-permit")
_EXCEPTION_DENY: Final = Verdict(False, "consent-exception-deny")
_NOT_COVERED: Final = Verdict(False, "consent-not-covered")


class Rulings(NamedTuple):
    """Everything that the consents of one patient say to one actor for one purpose, for a while."""

    groups: tuple[tuple[Ruling, ...], ...]
    """For each set of policies the ruling that governs; several where nobody knows the last one."""
    implicit: Verdict
    start: int
    """From this UTC nanosecond on."""
    end: int
    """Up to this one the preparation holds."""
    used: tuple[str, ...] = ()
    """Ids of the consents that govern."""

    @property
    def constant(self) -> Verdict | None:
        """The verdict, where it is the same for every record."""
        if not self.groups:
            return self.implicit
        rulings = [ruling for group in self.groups for ruling in group]
        denial = next((r.constant for r in rulings if r.constant is not None and not r.constant.permit), None)
        if denial is not None:
            return denial
        open_ends = any(r.constant is None and (r.denies or r.permits or r.base is not None) for r in rulings)
        return None if open_ends else self.decide(_NOBODY)

    @property
    def wants(self) -> frozenset[str]:
        """What of a record beside its labels can change the verdict: ``time``, ``references``."""
        rulings = [r for group in self.groups for r in group if r.constant is None]
        rules = [rule for r in rulings for rule in (*r.denies, *r.permits, *((r.base,) if r.base else ()))]
        timed = any(rule.window is not None for rule in rules)
        meant = any(rule.instances is not None for rule in rules)
        return frozenset(name for name, wanted in (("time", timed), ("references", meant)) if wanted)

    def asking(self) -> Callable[[Facts], Verdict]:
        """Return :meth:`decide`, shorter where one consent governs alone."""
        if len(self.groups) != 1 or len(self.groups[0]) != 1:
            return self.decide
        ruling = self.groups[0][0]
        # One verdict after the other in a flat list: this is asked for every record.
        steps = [(rule.compiled(), _EXCEPTION_DENY) for rule in ruling.denies]
        steps += [(rule.compiled(), _EXCEPTION_PERMIT) for rule in ruling.permits]
        if ruling.base is not None:
            steps.append((ruling.base.compiled(), _PERMIT if ruling.base.permit else _DENY))
        if ruling.constant is not None:
            steps = [(lambda _: True, ruling.constant)]

        def decide(facts: Facts) -> Verdict:
            for meets, verdict in steps:
                if meets(facts):
                    return verdict
            return _NOT_COVERED

        return decide

    def decide(self, facts: Facts) -> Verdict:
        """Return the verdict on a record; deny wins."""
        if not self.groups:
            return self.implicit
        found: Verdict | None = None
        for group in self.groups:
            whole: Verdict | None = None
            covered = True
            for ruling in group:
                verdict = ruling.decide(facts)
                if verdict is None:
                    covered = False
                elif not verdict.permit:
                    return verdict
                else:
                    whole = verdict
            if covered and whole is not None:
                found = found or whole
        return found or _NOT_COVERED


_NOBODY: Final = Facts("", None, Labels(0, frozenset(), frozenset()))


def prepare(
    consents: Sequence[Consent],
    *,
    patient: frozenset[str],
    actor: frozenset[str],
    purpose: Code,
    at: int,
    implicit: ImplicitPolicy = "deny",
    treats: bool = False,
    offset: int | None = None,
) -> Rulings:
    """Prepare decisions by the consents of one patient.

    Parameters
    ----------
    consents : sequence of Consent
        All of the patient's consents on file, in any state.
    patient : frozenset of str
        References by which consents call the patient.
    actor : frozenset of str
        References by which consents call whoever asks: the person, their organisations and groups, the client.
    purpose : tuple of str
        System and code of the purpose of use.
    at : int
        The time of the request in UTC nanoseconds.
    implicit : {"deny", "permit-treatment", "permit-authorized", "break-glass-only"}
        What holds without a consent in force.
    treats : bool
        Whether the actor is a clinician, for ``permit-treatment``; for ``break-glass-only`` whether they may declare
        an emergency.
    offset : int, optional
        Minutes from UTC of dates without a zone; when none, such a date is as uncertain as the Earth is round.
    """
    groups, used = [], []
    start, end = -_FAR, _FAR
    lapsed: str | None = None
    for governing in _governing(consents):
        group, over = [], False
        for consent in governing:
            state, edges = _state(consent, at, offset)
            start, end = narrow(start, end, edges, at)
            if state is not None:
                lapsed, over = lapsed or state, True
                continue
            used.append(consent.id)
            ruling, edges = _ruling(consent, patient, actor, purpose, at, offset)
            start, end = narrow(start, end, edges, at)
            group.append(ruling)
        if group:
            # Where nobody knows which of several is the last, all of them must permit; one that is over does not.
            groups.append((*group, Ruling()) if over else tuple(group))
    return Rulings(tuple(groups), _implicit(implicit, purpose, treats, lapsed), start, end, tuple(used))


def narrow(start: int, end: int, edges: Iterable[int], at: int) -> tuple[int, int]:
    """Bound the time for which a preparation holds by edges of periods."""
    for edge in edges:
        if edge <= at:
            start = max(start, edge)
        else:
            end = min(end, edge)
    return start, end


def _implicit(policy: ImplicitPolicy, purpose: Code, treats: bool, lapsed: str | None) -> Verdict:
    covering = covered_by(purpose)
    permit = (
        policy == "permit-authorized"
        or (policy == "permit-treatment" and treats and (ACT_REASON, "TREAT") in covering)
        or (policy == "break-glass-only" and treats and purpose == (ACT_REASON, BREAK_GLASS))
    )
    return Verdict(permit, "implicit-permit" if permit else lapsed or "consent-none")


def _governing(consents: Sequence[Consent]) -> list[list[Consent]]:
    """Return the consents that no later one replaced, together where they share a policy."""
    counted = [c for c in consents if c.status not in ("draft", "proposed", "entered-in-error")]
    spans = {id(consent): span_of(consent.time) for consent in counted}
    latest: dict[str, int] = {}
    for consent in counted:
        span = spans[id(consent)]
        if span is not None:
            for policy in consent.policies:
                latest[policy] = max(latest.get(policy, span[0]), span[0])

    def replaced(consent: Consent) -> bool:
        span = spans[id(consent)]
        return span is not None and all(span[1] <= latest[p] for p in consent.policies) and bool(consent.policies)

    kept = [consent for consent in counted if not replaced(consent)]
    by_policy: dict[str, list[int]] = {}
    for number, consent in enumerate(kept):
        for policy in consent.policies:
            by_policy.setdefault(policy, []).append(number)
    groups: list[list[Consent]] = []
    seen: set[int] = set()
    for number in range(len(kept)):
        group, todo = [], [number]
        while todo:
            each = todo.pop()
            if each not in seen:
                seen.add(each)
                group.append(kept[each])
                # A policy's list is walked once: whoever is in it comes into this group.
                todo += [other for policy in kept[each].policies for other in by_policy.pop(policy, ())]
        if group:
            groups.append(group)
    return groups


def _state(consent: Consent, at: int, offset: int | None) -> tuple[str | None, tuple[int, ...]]:
    """Return why a consent is not in force, and the times at which that may change."""
    if consent.status == "inactive":
        return "consent-withdrawn", ()
    rule = consent.provision
    if rule is None or rule.period is None or consent.doubts or consent.status != "active":
        return None, ()
    try:
        window = window_of(rule.period, offset)
    except TimeError:
        return None, ()  # a doubt, and found as one by whoever rules
    first, last = (window.sure_start, window.sure_end) if rule.type == "permit" else (window.any_start, window.any_end)
    return (None if first <= at < last else "consent-expired"), (first, last)


def _denial(reason: str) -> Ruling:
    return Ruling(constant=Verdict(False, reason))


def _ruling(
    consent: Consent, patient: frozenset[str], actor: frozenset[str], purpose: Code, at: int, offset: int | None
) -> tuple[Ruling, tuple[int, ...]]:
    """Prepare one consent that is in force, and tell when its exceptions begin and end."""
    doubt = _doubt(consent, patient, offset)
    if doubt is not None:
        return _denial(doubt), ()
    base = consent.provision
    assert base is not None  # a doubt
    denies: list[_Rule] = []
    permits: list[_Rule] = []
    edges: list[int] = []
    for rule in base.exceptions:
        window = window_of(rule.period, offset)
        if rule.period is not None:
            edges += list(window)
        holds = window.surely_holds(at, at) if rule.type == "permit" else window.may_touch(at, at + 1)
        effective = _inherit(rule, base)
        if holds and _asks(effective, actor, purpose):
            (permits if rule.type == "permit" else denies).append(_rule(effective, offset))
    root = _rule(base, offset) if _asks(base, actor, purpose) else None
    return _settled(Ruling(tuple(denies), tuple(permits), root)), tuple(edges)


def _settled(ruling: Ruling) -> Ruling:
    """Find the verdict that no record can change."""
    if any(rule.unconditional for rule in ruling.denies):
        return ruling._replace(constant=_EXCEPTION_DENY)
    if ruling.denies:
        return ruling
    if any(rule.unconditional for rule in ruling.permits):
        return ruling._replace(constant=_EXCEPTION_PERMIT)
    if not ruling.permits and ruling.base is not None and ruling.base.unconditional:
        return ruling._replace(constant=_PERMIT if ruling.base.permit else _DENY)
    return ruling


def _inherit(rule: Provision, base: Provision) -> Provision:
    """Complete an exception by its base: a permit must not be wider, a denial not narrower than it was meant."""
    changes: dict[str, object] = {}
    names = ["purposes"] if rule.type == "deny" else ["purposes", "actors", "labels", "data_period", "data"]
    for name in names:
        if not getattr(rule, name) and getattr(base, name):
            changes[name] = getattr(base, name)
    return rule.replace(**changes) if changes else rule


def _asks(rule: Provision, actor: frozenset[str], purpose: Code) -> bool:
    """Tell whether a rule is about whoever asks, and what for."""
    if rule.actors and not any(each.reference in actor for each in rule.actors):
        return False
    return not rule.purposes or not covered_by(purpose).isdisjoint(map(code_of, rule.purposes))


def _rule(rule: Provision, offset: int | None) -> _Rule:
    labels = [code_of(label) for label in rule.labels]
    levels = [_LEVELS[code] for system, code in labels if system == CONFIDENTIALITY]
    meant: dict[str, set[str]] = {}
    for data in rule.data:
        meant.setdefault(data.meaning, set()).add(data.reference)
    return _Rule(
        permit=rule.type == "permit",
        labels=frozenset(labels) if labels else None,
        level=min(levels, default=None),
        window=None if rule.data_period is None else window_of(rule.data_period, offset),
        instances=frozenset(meant.get("instance", ())) if rule.data else None,
        related=frozenset(meant.get("related", ())),
        dependents=frozenset(meant.get("dependents", ())),
        authors=frozenset(meant.get("authoredby", ())),
    )


def _doubt(consent: Consent, patient: frozenset[str], offset: int | None) -> str | None:
    """Return why a consent cannot be followed."""
    if consent.doubts:
        return consent.doubts[0]
    if consent.status == "rejected":
        return "consent-rejected"
    if consent.status != "active":
        return "consent-status"
    if consent.patient not in patient:
        return "consent-patient"
    if consent.provision is None or consent.provision.type is None:
        return "consent-type"
    checks: tuple[tuple[str, bool], ...] = (
        ("consent-date", consent.time is None),
        ("consent-policy", not consent.policies),
        ("consent-scope", not _is_privacy(consent)),
        ("consent-nesting", any(rule.exceptions for rule in consent.provision.exceptions)),
    )
    failed = next((reason for reason, bad in checks if bad), None)
    return failed or next(
        (bad for rule in (consent.provision, *consent.provision.exceptions) if (bad := _rule_doubt(rule, offset))), None
    )


def _is_privacy(consent: Consent) -> bool:
    scope = "http://terminology.hl7.org/CodeSystem/consentscope"
    codings: tuple[Coding, ...] = () if consent.scope is None else consent.scope.codings
    return any((c.system, c.code) == (scope, "patient-privacy") for c in codings)


def _rule_doubt(rule: Provision, offset: int | None) -> str | None:
    if rule.type is None:
        return "consent-type"
    for actor in rule.actors:
        if actor.role is None or actor.role.system not in _PARTICIPATION or actor.role.code not in _RECIPIENTS:
            return "consent-role"
    if not all([actor.reference for actor in rule.actors] + [data.reference for data in rule.data]):
        return "consent-reference"
    if any(data.meaning == "unknown" for data in rule.data):
        return "consent-meaning"
    if not all(map(_known, map(code_of, (*rule.labels, *rule.purposes)))):
        return "consent-label"
    try:
        window_of(rule.period, offset)
        window_of(rule.data_period, offset)
    except TimeError:
        return "consent-period"
    return None


def _known(code: Code) -> bool:
    """Tell whether a code is known in its system; of systems of others each code only means itself."""
    system, text = code
    if system == CONFIDENTIALITY:
        return text in _LEVELS
    if system == ACT_CODE:
        return is_sensitivity(text)
    return is_purpose(text) if system == ACT_REASON else bool(system and text)
