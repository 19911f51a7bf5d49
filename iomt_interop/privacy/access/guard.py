"""The guard: nothing leaves unless every layer permits it and the audit trail has taken the event first."""

from __future__ import annotations

import hmac
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any, Final

from ...crypto import SecretKey
from ...errors import AccessDenied, AuditUnavailable, InvalidRequest
from ...model import Record
from ..agreements import Policy, check_disclosure
from ..audit.sink import AuditRecord, AuditSink, Operation, Outcome, record_all
from ..consent import ConsentStore
from ..facts import UNKNOWN_LEVEL, Facts, facts_of, labels_of, subject_of
from ..minimise import MinimisationPolicy, Minimised, Pseudonyms, policy_for
from ..vocabulary import ACT_REASON, BREAK_GLASS, CONFIDENTIALITIES, is_purpose
from .context import Context, Decision, PolicyProvider
from .events import OPERATIONS, iso, numbered
from .policy import DISCLOSING, AccessPolicy
from .request import Actor, Emergency, Request
from .sift import Page, Projection, Sifted, projected

__all__ = ["Guard", "Page", "Projection", "Session"]

_CONTEXTS: Final = 1024


class Session:
    """Decisions for one request about one subject; consents are asked for again at every decision."""

    __slots__ = ("_context", "_epoch_of", "_guard", "subject")

    def __init__(self, guard: Guard, context: Context) -> None:
        self._guard, self._context = guard, context
        self._epoch_of = guard._epoch_of(context.request)
        self.subject = context.subject

    def __repr__(self) -> str:
        return "Session()"

    @property
    def consents(self) -> tuple[str, ...]:
        """Digests of the consents that govern."""
        return self._context.rulings.used if self._context.request.action in DISCLOSING else ()

    def decide(self, facts: Facts) -> Decision:
        """Decide about one record."""
        context = self._context
        if self._epoch_of(self.subject) != context.epoch:
            context = self._context = self._guard._context(context.request, self.subject)
        return context.decide(facts)

    def move(self, at: int) -> None:
        """Go on at a later time, in UTC nanoseconds: consents and emergencies that are over by then permit no more.

        A session that is kept for longer than a moment must be moved, since nothing here looks at a clock.
        """
        self._context = self._guard._context(self._context.request.later(at), self.subject)

    def judge(self, record: Record) -> tuple[Facts, Decision]:
        """Decide about one record, and return what was taken from it; no more than the decision asks for."""
        guard = self._guard
        if self._epoch_of(self.subject) != self._context.epoch:
            self._context = guard._context(self._context.request, self.subject)
        offset = guard.policy.zone_offset_minutes
        facts = facts_of(record, aliases=guard.aliases, offset=offset, wants=self._context.wants)
        return facts, self._context.decide(facts)


class Guard:
    """Decides, filters and records.

    Parameters
    ----------
    policy : AccessPolicy
        Roles and rules.
    consents : ConsentStore
        Where patients' consents are; asked at every decision.
    sink : AuditSink
        Takes the audit event of every operation before its data leave.
    names : callable, optional
        Gives references by which consents call a subject (``Patient/4711``), by its id.
    handle : callable, optional
        Gives the handle of a subject for the audit trail; without it events name nobody.
    aliases : mapping, optional
        References by which consents call records, by the records' ids.
    provider : PolicyProvider, optional
        A policy engine that can deny, too.
    store : str, optional
        Name of the store that the records are in, for the audit trail.
    keys : callable, optional
        Gives the ids of the keys that the records are sealed with, for the audit trail.
    """

    def __init__(
        self,
        policy: AccessPolicy,
        consents: ConsentStore,
        sink: AuditSink,
        *,
        names: Callable[[str], frozenset[str]] = lambda _: frozenset(),
        handle: Callable[[str], str] | None = None,
        aliases: Mapping[str, frozenset[str]] | None = None,
        provider: PolicyProvider | None = None,
        store: str | None = None,
        keys: Callable[[], tuple[str, ...]] = tuple,
    ) -> None:
        self.policy, self.consents, self._sink, self._store = policy, consents, sink, store
        self._names, self._handle, self.aliases, self._provider = names, handle, aliases, provider
        self._keys = keys
        self._contexts: OrderedDict[tuple[Request, str], Context] = OrderedDict()
        self._seal = SecretKey.generate()

    def __repr__(self) -> str:
        return "Guard()"

    # Decisions.

    def facts(self, record: Record) -> Facts:
        """Take what decisions need from a record."""
        return facts_of(record, aliases=self.aliases, offset=self.policy.zone_offset_minutes)

    def handle(self, subject: str) -> str:
        """Return by what the audit trail calls a subject; nothing where it names nobody."""
        return "" if self._handle is None else self._handle(subject)

    def session(self, request: Request, subject: str) -> Session:
        """Prepare decisions for many records of one subject."""
        return Session(self, self._context(request, subject))

    def decide(self, request: Request, facts: Facts, subject: str | None = None) -> Decision:
        """Decide about one record."""
        return self._context(request, facts.subject or subject or "").decide(facts)

    def _context(self, request: Request, subject: str) -> Context:
        """Return prepared decisions that the consents as they are now allow."""
        key = (replace(request, at=0, request_id=None), subject)
        epoch = self._epoch_of(request)(subject)
        context = self._contexts.get(key)
        if context is None or context.epoch != epoch or not context.start <= request.at < context.end:
            context = self._prepare(request, subject, epoch)
            self._contexts[key] = context
            if len(self._contexts) > _CONTEXTS:
                self._contexts.popitem(last=False)
        return context

    def _epoch_of(self, request: Request) -> Callable[[str], int]:
        """Return what tells that consents have changed; nobody is asked where consents decide nothing."""
        return self.consents.epoch if request.action in DISCLOSING else _no_consents

    def _prepare(self, request: Request, subject: str, epoch: int) -> Context:
        names = frozenset() if request.action not in DISCLOSING else self._names(subject)
        names |= {subject, f"Patient/{subject}"}
        consents = self.consents.consents(subject) if request.action in DISCLOSING else ()
        glass = self._glass(request, subject)
        return Context(
            self.policy, request, subject, consents, epoch, names=names, provider=self._provider, glass=glass
        )

    def _names_purpose(self, request: Request) -> bool:
        """Tell whether a purpose is a code that may stand in the audit trail."""
        system, code = request.purpose
        return (system == ACT_REASON and is_purpose(code)) or request.purpose in self.policy.purposes.values()

    def may(self, request: Request, subject: str = "") -> Decision:
        """Decide about something that is done to a person's data as a whole, or to the store; nothing is recorded."""
        return self._context(request, subject).operate()

    # Breaking the glass.

    def may_break_glass(self, actor: Actor) -> bool:
        """Tell whether an actor is in a group that may declare an emergency."""
        return bool((actor.references | actor.roles) & set(self.policy.break_glass.groups))

    def break_glass(self, actor: Actor, subject: str, *, reason: str, minutes: int, at: int) -> Emergency:
        """Declare an emergency; it holds once the audit trail has taken it.

        Parameters
        ----------
        actor : Actor
            Who declares it; must be in a group of the policy.
        subject : str
            Id of the subject whose data are needed.
        reason : str
            One of the policy's codes.
        minutes : int
            For how long; at most what the policy allows.
        at : int
            Now, in UTC nanoseconds.

        Raises
        ------
        AccessDenied
            ``PRV-202``, the hint is the reason's code; the denial is recorded, too.
        AuditUnavailable
            ``AUD-001`` when the audit trail does not take the event.
        """
        rule = self.policy.break_glass
        if reason not in rule.reasons or not 1 <= minutes <= rule.minutes:
            raise InvalidRequest("USE-001", path="reason or minutes", hint="not what the policy allows")
        request = Request.of(actor, "read", BREAK_GLASS, at)
        allowed = self.may_break_glass(actor)
        why = reason if allowed else "break-glass-group"
        self._take([self._event(request, "break-glass", subject, [why], "success" if allowed else "denied")])
        if not allowed:
            raise AccessDenied("PRV-202", hint="break-glass-group")
        found = Emergency(actor.id, subject, reason, at, at + minutes * 60 * 10**9)
        return replace(found, seal=self._sealed(found))

    def _sealed(self, emergency: Emergency) -> bytes:
        parts = (emergency.actor, emergency.subject, emergency.reason, emergency.start, emergency.end)
        return self._seal.mac(repr(parts).encode("utf-8", "surrogatepass"))

    def _glass(self, request: Request, subject: str) -> str | None:
        """Return why the glass is not broken."""
        if request.purpose != (ACT_REASON, BREAK_GLASS):
            return "break-glass-undeclared"
        emergency = request.emergency
        if emergency is None or (emergency.actor, emergency.subject) != (request.actor.id, subject):
            return "break-glass-undeclared"
        if not hmac.compare_digest(emergency.seal, self._sealed(emergency)):
            return "break-glass-unaudited"
        return None if emergency.start <= request.at < emergency.end else "break-glass-over"

    # Release.

    def release(
        self,
        request: Request,
        records: Iterable[Record],
        *,
        offset: int = 0,
        limit: int | None = None,
        recipient: str | None = None,
        policies: tuple[str, ...] = (),
        project: Projection | None = None,
        parameters: tuple[str, ...] = (),
        hidden: set[str] | None = None,
    ) -> Page:
        """Return what may be seen, once the audit trail has taken an event for every person that it is about.

        Total, offset and limit count what may be seen alone; links to records that may not be seen are taken out.

        Parameters
        ----------
        request : Request
            What is asked for.
        records : iterable of Record
            The whole answer, as if everything could be seen.
        offset, limit : int, optional
            The part of it that is wanted.
        recipient : str, optional
            Who gets it, for the audit trail.
        policies : tuple of str, optional
            Digests of further policies that took part.
        project : Projection, optional
            What the purpose needs; without it, records are shown as they are.
        parameters : tuple of str, optional
            Names of the search's parameters, for the audit trail.
        hidden : set of str, optional
            Ids of hidden records of the whole answer, where this is a part of it (:meth:`survey`).

        Raises
        ------
        AuditUnavailable
            ``AUD-001`` when the audit trail does not take the events; nothing is released.
        """
        if offset < 0 or (limit is not None and limit < 0):
            raise InvalidRequest("USE-001", path="offset or limit")
        found = self._sift(request, records, hidden)
        given = projected(found, project)
        policies = policies if project is None else (*policies, project.policy.digest)
        part = slice(offset, None if limit is None else offset + limit)
        page, owners = given.records[part], given.owners[part]
        more: dict[str, Any] = {"recipient": recipient, "policies": policies, "parameters": parameters}
        self._take(self._events(request, OPERATIONS[request.action], found, page, owners, **more))
        return Page(tuple(page), len(given.records))

    def read(self, request: Request, record: Record | None) -> Record:
        """Return one record that was looked up by its id.

        Raises
        ------
        AccessDenied
            ``PRV-204``, the same for a record that does not exist and for one that may not be seen.
        AuditUnavailable
            ``AUD-001`` when the audit trail does not take the event.
        """
        page = self.release(request, () if record is None else (record,))
        if not page.records:
            raise AccessDenied("PRV-204")
        return page.records[0]

    def visible(self, request: Request, records: Iterable[Record]) -> list[Record]:
        """Return what may be seen, for a search to run over; to be released afterwards.

        A search that looks at records which may not be seen tells of them by what it finds; so it must look at these
        alone, through every chain of references.
        """
        return self._sift(request, records).seen

    def survey(self, request: Request, records: Iterable[Record]) -> tuple[list[str], set[str]]:
        """Return whose records there are, and the ids of those that may not be seen; nothing is kept of the records.

        So an answer that is too large to be held can be released person by person, and no reference in it leads to a
        record of another person that is hidden.
        """
        sessions: dict[str, Session] = {}
        hidden: set[str] = set()
        for record in records:
            subject = subject_of(record) or ""
            session = sessions.get(subject) or sessions.setdefault(subject, self.session(request, subject))
            if not session.judge(record)[1].permit:
                hidden.add(record.id)
        return list(sessions), hidden

    def _sift(self, request: Request, records: Iterable[Record], hidden: set[str] | None = None) -> Sifted:
        found = Sifted(hidden)
        sessions: dict[str, Session] = {}
        nobody = request.emergency.subject if request.emergency is not None else request.scope_subject or ""
        for record in records:
            subject = subject_of(record) or nobody
            session = sessions.get(subject)
            if session is None:
                session = sessions[subject] = self.session(request, subject)
            facts, decision = session.judge(record)
            found.take(record, facts, decision)
        found.bury()
        for owner, share in found.shares.items():
            share.consents = sessions[owner or nobody].consents
        return found

    def disclose(
        self,
        request: Request,
        records: Iterable[Record],
        *,
        recipient: str,
        agreements: Policy,
        day: date,
        policy: MinimisationPolicy | None = None,
        pseudonyms: Pseudonyms | None = None,
        as_of: int | None = None,
        hidden: set[str] | None = None,
    ) -> Minimised:
        """Return what may go to a recipient: what may be seen, no more than the purpose needs, under an agreement.

        Parameters
        ----------
        request : Request
            An export, and the purpose of the recipient.
        records : iterable of Record
            What was asked for.
        recipient : str
            Id of the recipient in the register of agreements.
        agreements : Policy
            The register.
        day : date
            Today, where the controller is.
        policy : MinimisationPolicy, optional
            What the recipient needs; by default the strictest one built in that serves the purpose.
        pseudonyms : Pseudonyms, optional
            Names and date shifts of the recipient.
        as_of : int, optional
            The year in which ages are counted; the year of ``day`` by default.
        hidden : set of str, optional
            As for :meth:`release`.

        Raises
        ------
        AccessDenied
            ``AGR-003`` when no agreement in force covers it; the refusal is in the audit trail.
        AuditUnavailable
            ``AUD-001`` when the audit trail does not take the event; nothing is disclosed.
        InvalidRequest
            ``PRV-302`` when the policy, or any, does not serve the purpose.
        """
        if request.action != "export":
            raise InvalidRequest("USE-001", path="request.action", hint="a disclosure is an export")
        system, code = request.purpose
        chosen = policy or policy_for(code if system == ACT_REASON else "")
        if system != ACT_REASON or not chosen.serves(code):
            raise InvalidRequest("PRV-302")
        found = self._sift(request, records, hidden)
        years = day.year if as_of is None else as_of
        result = projected(found, Projection(chosen, pseudonyms, years))
        kinds = {record.kind for record in result.records}
        verdict = check_disclosure(agreements, recipient, code, day, kinds=kinds)
        more: dict[str, Any] = {
            "recipient": recipient,
            "policies": (chosen.digest, verdict.policy),
            "reasons": verdict.reasons,
        }
        refused = not verdict.permitted
        given = ([], []) if refused else (result.records, result.owners)
        self._take(self._events(request, "disclose", found, *given, refused=refused, **more))
        if not verdict.permitted:
            raise AccessDenied("AGR-003", hint=", ".join(verdict.reasons))
        return result

    # What shows nothing: it is decided and written down all the same.

    def admit(
        self, request: Request, operation: Operation, subjects: Sequence[str] = (), *, name: str | None = None
    ) -> None:
        """Let something be done to persons' data, or to the store, that shows no record to anybody.

        Parameters
        ----------
        request : Request
            Who, what for, and which action of the policy it is.
        operation : str
            What the audit trail calls it.
        subjects : sequence of str
            Ids of the persons whose data are meant; an event each.
        name : str, optional
            What exactly is done, for the audit trail.

        Raises
        ------
        AccessDenied
            ``PRV-202``, the hint is the reason's code; the denial is recorded.
        AuditUnavailable
            ``AUD-001`` when the audit trail does not take the events; nothing may be done.
        """
        found = [(one, self.may(request, one or "")) for one in subjects or (None,)]
        denied = [decision.reason for _, decision in found if not decision.permit]
        outcome: Outcome = "denied" if denied else "success"
        parameters = () if name is None else (name,)
        request = numbered(request, len(found))
        self._take([
            self._event(request, operation, subject, [decision.reason], outcome, parameters=parameters)
            for subject, decision in found
        ])  # fmt: skip
        if denied:
            raise AccessDenied("PRV-202", hint=denied[0])

    def admit_records(self, request: Request, records: Sequence[Record], *, operation: Operation | None = None) -> None:
        """Let records be stored, all of them or none.

        Raises
        ------
        AccessDenied
            ``PRV-202`` when one of them may not be; the denial is recorded.
        AuditUnavailable
            ``AUD-001`` when the audit trail does not take the events; nothing may be stored.
        """
        found = Sifted()
        sessions: dict[str | None, Session] = {}
        for record in records:
            subject = subject_of(record)
            session = sessions.get(subject) or sessions.setdefault(subject, self.session(request, subject or ""))
            found.take(record, *session.judge(record))
        denied = bool(found.hidden)
        stored = [] if denied else list(records)
        owners = [subject_of(record) for record in stored]
        named = operation or OPERATIONS[request.action]
        self._take(self._events(request, named, found, stored, owners, refused=denied))
        if denied:
            reasons = [reason for share in found.shares.values() if share.hidden for reason in share.reasons]
            raise AccessDenied("PRV-202", hint=reasons[0])

    def note(
        self,
        request: Request,
        operation: Operation,
        outcome: Outcome,
        reason: str,
        subjects: Sequence[str] = (),
        *,
        recipient: str | None = None,
        policies: tuple[str, ...] = (),
        name: str | None = None,
    ) -> None:
        """Write down what was refused for another reason, or what failed after it was admitted.

        Raises
        ------
        AuditUnavailable
            ``AUD-001`` when the audit trail does not take the event.
        """
        more: dict[str, Any] = {
            "recipient": recipient,
            "policies": policies,
            "parameters": () if name is None else (name,),
        }
        several = subjects or (None,)
        request = numbered(request, len(several))
        self._take([self._event(request, operation, one, [reason], outcome, **more) for one in several])

    # Events.

    def _take(self, events: Sequence[AuditRecord]) -> None:
        try:
            record_all(self._sink, events)
        except AuditUnavailable:
            raise
        except Exception:  # noqa: BLE001 - an event that was not taken releases nothing
            raise AuditUnavailable("AUD-001") from None

    def _events(
        self,
        request: Request,
        operation: Operation,
        found: Sifted,
        released: Sequence[Record],
        owners: Sequence[str | None],
        *,
        refused: bool = False,
        reasons: tuple[str, ...] = (),
        **more: Any,
    ) -> list[AuditRecord]:
        """Make an event for every person that an operation is about, and one for what is of nobody.

        BALP asks for an event per patient; the request's id says which belong together.
        """
        shown: dict[str | None, list[Record]] = {}
        for record, owner in zip(released, owners, strict=True):
            shown.setdefault(owner, []).append(record)
        shares = found.told()
        if None not in shares and None in shown:
            # What is of nobody came with the one person's.
            shown[next(iter(shares))] = list(released)
        request = numbered(request, len(shares))
        events = []
        for subject, share in shares.items():
            denied = refused or bool(share.hidden and not share.seen)
            outcome: Outcome = "denied" if denied else "success"
            why = (*share.reasons, *reasons)
            given = shown.get(subject, [])
            events.append(
                self._event(request, operation, subject, why, outcome, given, consents=share.consents, **more)
            )
        return events

    def _event(
        self,
        request: Request,
        operation: Operation,
        subject: str | None,
        reasons: Iterable[str],
        outcome: Outcome,
        released: Sequence[Record] = (),
        *,
        recipient: str | None = None,
        policies: tuple[str, ...] = (),
        consents: tuple[str, ...] = (),
        parameters: tuple[str, ...] = (),
    ) -> AuditRecord:
        """Make the audit event, or raise: what cannot be written down does not happen."""
        # Known codes alone: what stands in a label of a stranger's must not get into the trail.
        held = [labels_of(record.labels) for record in released if record.labels]
        labels = {code for each in held for code in each.sensitivities}
        labels |= {CONFIDENTIALITIES[each.level] for each in held if each.level < UNKNOWN_LEVEL}
        try:
            return AuditRecord(
                time=iso(request.at),
                operation=operation,
                outcome=outcome,
                actor=request.actor.id,
                client=request.actor.client,
                roles=tuple(sorted(request.actor.roles)),
                purpose=request.purpose[1] if self._names_purpose(request) else None,
                reasons=tuple(reasons),
                subjects=() if self._handle is None or not subject else (self._handle(subject),),
                kinds=tuple(sorted({record.kind for record in released})),
                records=len(released),
                recipient=recipient,
                break_glass=request.emergency is not None or operation == "break-glass",
                labels=tuple(sorted(labels)),
                parameters=parameters,
                request=request.request_id,
                store=self._store,
                keys=self._keys(),
                policies=(self.policy.digest, *policies),
                consents=consents,
            )
        except Exception:  # noqa: BLE001 - whatever is wrong with it, nothing is released
            raise AuditUnavailable("AUD-001") from None


def _no_consents(_: str) -> int:
    return 0
