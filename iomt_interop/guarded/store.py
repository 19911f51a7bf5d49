"""A vault that asks before it does anything.

Each method takes the request (who, what for, when), asks the guard, has the audit trail take the events, and only then
does or returns something. What shows records gives one event for each person that they are about; events of one
operation carry one request id. A change is written down before it is made; one that then fails has a second event, with
the outcome ``failed``.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Final, Literal, Self

from ..crypto import KeyProvider
from ..crypto.hpke import RecipientKey
from ..errors import AccessDenied, InvalidRequest, IomtError
from ..model import Envelope, Record, Subject
from ..portability import seal_portable
from ..privacy.access import AccessPolicy, Actor, Emergency, Guard, Page, PolicyProvider, Projection, Request
from ..privacy.audit.sink import AuditSink, Operation
from ..privacy.consent import Consent
from ..privacy.minimise import MinimisationPolicy, Pseudonyms, minimise
from ..privacy.vocabulary import ACT_REASON
from ..vault import PutResult, Vault, Versions
from ..vault.files import length, log_of, uri_of
from ..vault.place import exists, is_url
from .consents import VaultConsents
from .keeping import GuardedKeeping
from .policies import PolicySet
from .recipients import expect_agreement, register_for
from .terms import Terms

__all__ = ["GuardedVault", "consents_of", "create_bound", "forget_terms", "open_either", "person_of", "verify_copy"]

_NOBODY: Final = "no-such-thing"


class _Admitted(Vault):
    """A vault that opens although it is bound: its opener compares the terms."""

    _through_the_guard: ClassVar[bool] = True


class GuardedVault(GuardedKeeping):
    """A vault behind the guard; use :meth:`open`.

    Parameters
    ----------
    vault : Vault
        The vault; nobody else should hold it.
    policies : PolicySet
        The policies.
    audit : AuditSink
        Takes the events, best an :class:`~iomt_interop.vault.audit_log.AuditLog`.
    handle : callable, optional
        Gives the handle of a subject for the audit trail, by its id; by default the log's own.
    name : str, optional
        What the audit trail calls the store.
    provider : PolicyProvider, optional
        A policy engine that can deny, too.
    pseudonyms : callable, optional
        Gives the names and date shifts of a recipient; without it each answer has its own, which are forgotten.
    still : callable, optional
        As for :class:`~iomt_interop.guarded.VaultConsents`.
    """

    def __init__(
        self,
        vault: Vault,
        policies: PolicySet,
        audit: AuditSink,
        *,
        handle: Callable[[str], str] | None = None,
        name: str | None = None,
        provider: PolicyProvider | None = None,
        pseudonyms: Callable[[str], Pseudonyms] | None = None,
        still: Callable[[], bool] = lambda: True,
    ) -> None:
        self._vault, self.policies, self._pseudonyms = vault, policies, pseudonyms
        self._consents = VaultConsents(vault, still=still)
        self._guard = Guard(
            policies.access,
            self._consents,
            audit,
            names=self._consents.names,
            handle=handle or getattr(audit, "handle", None),
            provider=provider,
            store=name,
            keys=lambda: (vault.key_id,),
        )

    def __repr__(self) -> str:
        return "GuardedVault()"

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        policies: PolicySet,
        audit: AuditSink,
        *,
        keys: KeyProvider,
        mode: Literal["read", "write"] = "read",
        **more: object,
    ) -> Self:
        """Open a vault behind the guard.

        Parameters
        ----------
        path : path
            The vault.
        policies : PolicySet
            The policies; of a bound vault, those that it is bound to.
        audit : AuditSink
            The audit log; of a bound vault, the one that it is bound to.
        keys : KeyProvider
            Gives the key.
        mode : {"read", "write"}
            As for :meth:`Vault.open <iomt_interop.vault.Vault.open>`.
        **more : object
            As for the class.

        Raises
        ------
        AccessDenied
            ``PRV-205`` when the vault is bound to other policies, or to another log.
        """
        found = open_either(path, lambda _: (policies, audit), keys=keys, mode=mode, make=cls, **more)
        assert isinstance(found, cls)
        return found

    @staticmethod
    def terms(path: str | os.PathLike[str], *, keys: KeyProvider) -> Terms | None:
        """Return what a vault is bound to; ``None`` when it is not guarded."""
        with _Admitted.open(path, keys=keys) as vault:
            return terms_of(vault)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the store and forget the keys."""
        self._vault.close()

    @property
    def access(self) -> AccessPolicy:
        """The access policy."""
        return self.policies.access

    # What shows records.

    def query(
        self,
        request: Request,
        subject: str | None = None,
        kinds: Collection[str] | None = None,
        *,
        versions: Versions = "merged",
        offset: int = 0,
        limit: int | None = None,
    ) -> Page:
        """Return records that may be seen, as the purpose needs them; the total counts these alone.

        Nothing tells a person who is not there from one of whom nothing may be seen: the page is empty.

        Parameters
        ----------
        request : Request
            Who asks, and what for.
        subject : str, optional
            Id of a person, or an identifier that only one person has whom the actor may see.
        kinds : collection of str, optional
            Only records of these kinds.
        versions : {"merged", "latest", "all"}
            As for :meth:`Vault.records <iomt_interop.vault.Vault.records>`.
        offset, limit : int, optional
            The part of the answer that is wanted.

        Raises
        ------
        AccessDenied
            ``PRV-302`` when nobody said what the purpose needs.
        AuditUnavailable
            ``AUD-001`` when the audit trail does not take the events.
        """
        request = replace(request, action="search")
        project = self._projection(request, "search")
        parameters = tuple(name for name, value in (("subject", subject), ("kind", kinds)) if value is not None)
        owner = None if subject is None else self._person(request, subject, project)
        if subject is not None and owner is None:
            return Page((), 0)
        records = list(self._vault.records(owner, kinds, versions=versions))
        return self._guard.release(request, records, offset=offset, limit=limit, project=project, parameters=parameters)

    def history(self, request: Request, record_id: str, subject: str | None = None) -> list[Record]:
        """Return every version of a record that may be seen, the oldest first.

        Raises
        ------
        AccessDenied
            ``PRV-204``, the same for a record that does not exist and for one of which nothing may be seen.
        """
        request = replace(request, action="read")
        project = self._projection(request, "read")
        if project.policy.ids != "keep":
            self._guard.note(request, "read", "denied", "purpose-unnamed")
            raise AccessDenied("PRV-204")
        page = self._guard.release(request, self._vault.history(record_id, subject), project=project)
        if not page.records:
            raise AccessDenied("PRV-204")
        return list(page.records)

    def subjects(self, request: Request) -> list[Subject]:
        """Return the persons whose own record may be seen."""
        page = self.query(request, kinds={"subject"})
        return [record for record in page.records if isinstance(record, Subject)]

    def find(self, request: Request, value: str, system: str | None = None) -> list[str]:
        """Return the ids of the persons who have an identifier, and whose own record may be seen.

        A purpose that may not know who somebody is finds nobody: the answer would tell it.
        """
        request = replace(request, action="search")
        project = self._projection(request, "search")
        found = self._described(self._vault.find(value, system))
        named = project.policy.direct_identifiers is not None
        page = self._guard.release(request, found if named else (), parameters=("identifier",))
        return [record.id for record in page.records]

    def export(
        self,
        request: Request,
        *,
        recipient: str | None = None,
        subject: str | None = None,
        kinds: Collection[str] | None = None,
        versions: Versions = "merged",
    ) -> list[Record]:
        """Return what may leave: for the actor's own purpose, or to a recipient under an agreement in force.

        Parameters
        ----------
        request : Request
            Who asks, and what for: for a recipient, the recipient's purpose.
        recipient : str, optional
            Id of the recipient in the register.
        subject, kinds, versions : optional
            As for :meth:`query`.

        Raises
        ------
        AccessDenied
            ``AGR-003`` when no agreement in force covers it, ``PRV-302`` as for :meth:`query`.
        """
        request = replace(request, action="export")
        project = self._projection(request, "export", recipient)
        if subject is not None:
            expect_agreement(self._guard, self.policies, request, recipient)
        owner = None if subject is None else self._person(request, subject, project, recipient)
        if subject is not None and owner is None:
            return []
        records = list(self._vault.records(owner, kinds, versions=versions))
        return self._given(request, records, project, recipient)

    def export_each(
        self, request: Request, *, recipient: str | None = None, versions: Versions = "merged"
    ) -> Iterator[Record]:
        """Yield what may leave of the whole vault, person by person, of a vault that is too large for the memory.

        What is of nobody comes first. A person's event is on the disk before the first of that person's records is
        yielded; all events have one request id. The vault is read twice. What is stored meanwhile of somebody who was
        not there at the beginning does not come.

        Parameters
        ----------
        request, recipient, versions : optional
            As for :meth:`export`.

        Raises
        ------
        AccessDenied
            As for :meth:`export`; ``AGR-003`` also in the middle, for a kind of record that no agreement covers. What
            was yielded before is then written down as given.
        """
        request = replace(request, action="export", request_id=request.request_id or secrets.token_hex(8))
        project = self._projection(request, "export", recipient)
        owners, hidden = self._guard.survey(request, self._vault.records(versions=versions))
        for owner in sorted(owners, key=bool) or [""]:
            yield from self._given(
                request, list(self._vault.records(owner, versions=versions)), project, recipient, hidden
            )

    def portable(self, request: Request, subject: str, key: RecipientKey, *, recipient: str | None = None) -> bytes:
        """Return what may leave of a person, every version, sealed for one recipient.

        Parameters
        ----------
        request : Request
            Who asks, and what for.
        subject : str
            As for :meth:`query`.
        key : RecipientKey
            Who alone can open the file.
        recipient : str, optional
            Id of the recipient in the register; none for the person and for the actor.
        """
        request = replace(request, action="export")
        project = self._projection(request, "export", recipient)
        expect_agreement(self._guard, self.policies, request, recipient)
        owner = self._person(request, subject, project, recipient)
        if owner is None:
            raise AccessDenied("PRV-204")
        together = self._guard.visible(request, list(self._vault.records(owner)))
        merged = minimise(together, project.policy, pseudonyms=project.pseudonyms, as_of=project.as_of).records
        records = self._given(request, list(self._vault.records(owner, versions="all")), project, recipient)
        if not records:
            raise AccessDenied("PRV-204")
        return seal_portable(records, merged, key)

    def _given(
        self,
        request: Request,
        records: list[Record],
        project: Projection,
        recipient: str | None,
        hidden: set[str] | None = None,
    ) -> list[Record]:
        if recipient is None:
            return list(self._guard.release(request, records, project=project, hidden=hidden).records)
        agreements = register_for(self._guard, self.policies, request, recipient)
        return self._guard.disclose(
            request,
            records,
            recipient=recipient,
            agreements=agreements,
            day=self.policies.day(request.at),
            policy=project.policy,
            pseudonyms=project.pseudonyms,
            as_of=project.as_of,
            hidden=hidden,
        ).records

    def _projection(self, request: Request, operation: Operation, recipient: str | None = None) -> Projection:
        """Return what the purpose needs; a purpose of which nobody said that is refused, and the refusal recorded."""
        system, code = request.purpose
        try:
            policy: MinimisationPolicy = self.policies.needs(code if system == ACT_REASON else "")
        except InvalidRequest:
            self._guard.note(request, operation, "denied", "purpose-unserved", recipient=recipient)
            raise AccessDenied("PRV-302") from None
        names = None if self._pseudonyms is None else self._pseudonyms(recipient or request.actor.id)
        return Projection(policy, names or Pseudonyms(), self.policies.day(request.at).year)

    def _person(self, request: Request, text: str, project: Projection, recipient: str | None = None) -> str | None:
        """Return the id of whom an id or an identifier means, as far as the actor may know; ``None`` is recorded.

        Nobody, somebody who is hidden, and anybody, where the purpose must not know who somebody is, are one answer.
        """
        if recipient is None and project.policy.ids != "keep":
            self._guard.note(request, "search", "denied", "purpose-unnamed")
            return None
        if any(True for _ in self._vault.records(text)):
            return text
        found = self._described(self._vault.find(text))
        seen = self._guard.visible(request, found)
        if len(seen) == 1:
            return seen[0].id
        self._guard.release(request, found, limit=0, parameters=("subject",))
        if seen:
            raise InvalidRequest("USE-002", path="subject", hint="several have this identifier; give the id")
        return None

    def _described(self, ids: Iterable[str]) -> list[Record]:
        return [record for one in ids for record in self._vault.records(one, {"subject"})]

    # What stores records.

    def put(self, request: Request, records: Iterable[Record]) -> PutResult:
        """Store records, all of them or none.

        Parameters
        ----------
        request : Request
            Who stores, and what for; the action is ``create``, or ``update`` where the request says so.
        records : iterable of Record
            The records.

        Raises
        ------
        AccessDenied
            ``PRV-202`` when one of them may not be stored by the actor.
        """
        waiting = list(records)
        if not all(isinstance(record, Envelope) for record in waiting):
            raise InvalidRequest("USE-001", path="records", hint="an iterable of canonical records")
        if request.action == "update":
            return self._stored(request, waiting, "update")
        return self._stored(replace(request, action="create"), waiting, "create")

    def receive(self, request: Request, records: Iterable[Record]) -> PutResult:
        """Store what came from another controller, as :meth:`put` does; the audit trail calls it an import."""
        return self._stored(replace(request, action="create"), list(records), "import")

    def _stored(self, request: Request, records: list[Record], operation: Operation) -> PutResult:
        self._guard.admit_records(request, records, operation=operation)
        owners = {record.id if isinstance(record, Subject) else record.subject or "" for record in records}
        with self._failing(request, operation, sorted(owners - {""})):
            return self._vault.put(records)

    # Consents.

    def consents(self, request: Request, subject: str) -> list[Record]:
        """Return the document with a person's consents, every version, as far as it may be seen."""
        request = replace(request, action="read")
        project = self._projection(request, "read")
        owner = self._person(request, subject, project)
        if owner is None:
            return []
        found = [r for r in self._vault.records(owner, {"document"}, versions="all") if self._consents.holds(r)]
        return list(self._guard.release(request, found, project=project).records)

    def consent(self, request: Request, subject: str, resource: bytes | Mapping[str, Any]) -> None:
        """Take a person's consent (FHIR R4), or another state of one; the next decision of everybody knows it."""
        self._change(request, subject, lambda owner: self._consents.with_consent(owner, resource))

    def withdraw(self, request: Request, subject: str, name: str) -> None:
        """Make a person's consent inactive; the next decision of everybody knows it."""
        self._change(request, subject, lambda owner: self._consents.without_consent(owner, name))

    def _change(self, request: Request, subject: str, change: Callable[[str], Record]) -> None:
        request = replace(request, action="update")
        owner = self._whose(request, "consent", subject)
        try:
            document = change(owner)
        except IomtError:
            self._guard.note(request, "consent", "failed", _NOBODY, [owner])
            raise
        self._guard.admit_records(request, [document], operation="consent")
        with self._failing(request, "consent", [owner]):
            self._vault.put([document])
        self._consents.forget()

    # Emergencies.

    def break_glass(self, actor: Actor, subject: str, *, reason: str, minutes: int, at: int) -> Emergency:
        """Declare an emergency for a person, by id or by an identifier that one person alone has.

        It holds once the audit trail has taken it.

        Raises
        ------
        AccessDenied
            ``PRV-202`` for whoever may not; ``PRV-204``, for whoever may, when there is no such person.
        """
        owner = self._named(subject)
        if owner is None and self._guard.may_break_glass(actor):
            self._guard.note(Request.of(actor, "read", "BTG", at), "break-glass", "denied", _NOBODY)
            raise AccessDenied("PRV-204")
        return self._guard.break_glass(actor, owner or "", reason=reason, minutes=minutes, at=at)

    @contextmanager
    def _failing(self, request: Request, operation: Operation, subjects: Collection[str] = ()) -> Iterator[None]:
        """Write down that something failed which was admitted."""
        try:
            yield
        except IomtError:
            self._guard.note(request, operation, "failed", "store-failed", tuple(subjects))
            raise


def terms_of(vault: Vault) -> Terms | None:
    """Return what an open vault is bound to."""
    raw = vault.terms()
    return None if raw is None else Terms.from_json(raw)


def open_either(
    path: str | os.PathLike[str],
    supply: Callable[[Terms | None], tuple[PolicySet, AuditSink] | None],
    *,
    keys: KeyProvider,
    mode: Literal["read", "write"] = "read",
    make: type[GuardedVault] = GuardedVault,
    **more: object,
) -> Vault | GuardedVault:
    """Open a vault that may be bound or not.

    Parameters
    ----------
    path : path
        The vault.
    supply : callable
        Takes what the vault is bound to, and gives policies and audit log; ``None`` when a vault that is not bound is
        to be opened without a guard.
    keys : KeyProvider
        Gives the key.
    mode : {"read", "write"}
        As for :meth:`GuardedVault.open`.
    make : type
        The class of the guarded vault.
    **more : object
        As for that class.

    Raises
    ------
    AccessDenied
        ``PRV-205`` when the vault is bound, and to something else.
    """
    still = _stillness(path)
    vault = _Admitted.open(path, keys=keys, mode=mode)
    try:
        terms = terms_of(vault)
        supplied = supply(terms)
        if supplied is None and terms is None:
            return vault
        if supplied is None:
            raise AccessDenied("PRV-205")
        policies, audit = supplied
        if terms is not None:
            key = getattr(audit, "verify_key", None)
            terms.check(policies, None if key is None else str(key))
        return make(vault, policies, audit, still=still, **more)  # type: ignore[arg-type]  # checked by the class
    except BaseException:
        vault.close()
        raise


def _stillness(place: str | os.PathLike[str]) -> Callable[[], bool]:
    """Return what tells whether a file that can only be read as it is now still is so."""
    if is_url(place) or not exists(place):
        return lambda: True
    path = Path(place).absolute()
    try:
        frozen = "immutable" in uri_of(path, readonly=True)
    except OSError:
        frozen = False  # opening it tells why
    if not frozen:
        return lambda: True

    def stamp() -> tuple[int, int, int, int]:
        found = os.stat(path)
        return found.st_ino, found.st_mtime_ns, found.st_size, length(log_of(path))

    before = stamp()
    return lambda: stamp() == before


def person_of(vault: GuardedVault, text: str) -> str | None:
    """Return the id of the one person whom an id or an identifier means, for a program that must know who asks.

    It tells of everybody who is there; so whoever asks must not see it.
    """
    return vault._named(text)


def consents_of(vault: GuardedVault, subject: str) -> tuple[Consent, ...]:
    """Return a person's consents, to tell the person of them: a list of titles and dates, no record."""
    return vault._consents.consents(subject)


def create_bound(
    path: str | os.PathLike[str], policies: PolicySet, audit: AuditSink, *, keys: KeyProvider, **more: object
) -> GuardedVault:
    """Make a vault behind the guard; it is bound by :meth:`GuardedVault.bind <GuardedKeeping.bind>` alone."""
    return GuardedVault(_Admitted.create(path, keys=keys), policies, audit, **more)  # type: ignore[arg-type]


def forget_terms(path: str | os.PathLike[str], *, keys: KeyProvider) -> None:
    """Let a vault open without a guard whose audit log, or whose policy, was lost and cannot be brought back.

    Nobody is asked and nothing is recorded, since there is nothing to record it in: whoever has the vault's key can do
    it, as they can read the vault without this library. Write down elsewhere that it was done.
    """
    with _Admitted.open(path, keys=keys, mode="write") as vault:
        vault.bind(b"")


def verify_copy(path: str | os.PathLike[str], *, keys: KeyProvider) -> None:
    """Decrypt every block of a copy, bound or not; nothing of it is shown."""
    with _Admitted.open(path, keys=keys) as copy:
        copy.verify()
