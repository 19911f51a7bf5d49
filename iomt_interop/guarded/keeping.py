"""What a keeper does with a guarded vault: it shows no record, and asks all the same."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import date

from ..crypto.signing import SigningKey
from ..errors import AccessDenied, InvalidRequest, LegalHold
from ..privacy.access import Guard, Request
from ..privacy.agreements import Due, Held, Policy, due_for_erasure, held_of
from ..privacy.audit.sink import Operation
from ..vault import ErasureReceipt, Vault
from .policies import PolicySet
from .terms import Terms

__all__ = ["DuePerson", "GuardedKeeping", "due_persons"]


@dataclass(frozen=True, slots=True)
class DuePerson:
    """What the retention rules say of everything that is stored of one person."""

    subject: str
    state: str
    """``due`` when every kind of record is; ``held`` when a hold stops it; otherwise the first reason that keeps it."""
    kinds: tuple[Due, ...]
    """The state of each kind of record."""


class GuardedKeeping:
    """The part of a guarded vault that holds, erases and keeps; :class:`~iomt_interop.guarded.GuardedVault` has it."""

    _vault: Vault
    _guard: Guard
    policies: PolicySet
    _failing: Callable[..., AbstractContextManager[None]]

    @contextmanager
    def keeping(
        self, request: Request, name: str, operation: Operation = "execute", *, action: str = "keep"
    ) -> Iterator[Vault]:
        """Let a keeper do what shows no record: check, count, copy, change keys.

        Parameters
        ----------
        request : Request
            Who, and what for.
        name : str
            What is done, for the audit trail: ``rotate``, ``backup``.
        operation : str
            What the audit trail calls it.
        action : str
            What the policy calls it.

        Yields
        ------
        Vault
            The vault itself, for this one thing.

        Raises
        ------
        AccessDenied
            ``PRV-202`` when the actor may not.
        """
        request = replace(request, action=action)  # type: ignore[arg-type]  # one of the policy's
        self._guard.admit(request, operation, name=name)
        with self._failing(request, operation):
            yield self._vault

    def bind(self, request: Request, terms: Terms | None) -> None:
        """Bind the vault to other terms, or to none."""
        with self.keeping(request, "bind" if terms is not None else "unbind", "policy") as vault:
            vault.bind(b"" if terms is None else terms.to_json())

    def hold(self, request: Request, subject: str, reason: str) -> None:
        """Put a legal hold on a person."""
        request = replace(request, action="keep")
        owner = self._whose(request, "update", subject)
        self._guard.admit(request, "update", [owner], name="hold")
        with self._failing(request, "update", [owner]):
            self._vault.hold(owner, reason)

    def release(self, request: Request, subject: str) -> bool:
        """Lift a legal hold; tell whether there was one."""
        request = replace(request, action="keep")
        owner = self._whose(request, "update", subject)
        self._guard.admit(request, "update", [owner], name="release-hold")
        with self._failing(request, "update", [owner]):
            return self._vault.release(owner)

    def erase(
        self,
        request: Request,
        subject: str,
        *,
        at: str,
        signer: SigningKey | None = None,
        reason: str | None = None,
        compact: bool = False,
    ) -> ErasureReceipt:
        """Destroy a person's keys.

        Parameters
        ----------
        request : Request
            Who, and what for; the policy's action is ``delete``.
        subject : str
            Id of a person, or an identifier that one person alone has.
        at : str
            The time for the receipt.
        signer : SigningKey, optional
            Signs the receipt.
        reason : str, optional
            Why, for the audit trail: ``retention``.
        compact : bool
            Whether the ciphertext is taken off the disk too.

        Raises
        ------
        LegalHold
            ``SEC-010`` while a hold stands; it is recorded.
        """
        request = replace(request, action="delete")
        owner = self._whose(request, "erase", subject)
        if owner in self._vault.holds() or self._held(owner, self.policies.day(request.at)):
            self._guard.note(request, "erase", "denied", "legal-hold", [owner])
            raise LegalHold("SEC-010")
        self._guard.admit(request, "erase", [owner], name=reason)
        with self._failing(request, "erase", [owner]):
            receipt = self._vault.erase(owner, at=at, signer=signer)
            if compact:
                self._vault.compact()
            return receipt

    def due(self, request: Request, day: date | None = None) -> list[DuePerson]:
        """Return what the register's retention rules say of everybody, in the order of storing."""
        agreements = self.policies.agreements
        if agreements is None:
            raise InvalidRequest("USE-001", path="policies", hint="no file has retention rules")
        with self.keeping(request, "due") as vault:
            return due_persons(vault, agreements, day or self.policies.day(request.at), self._guard.handle)

    def _held(self, owner: str, day: date) -> bool:
        agreements = self.policies.agreements
        return agreements is not None and any(hold.covers(self._guard.handle(owner), day) for hold in agreements.holds)

    def _whose(self, request: Request, operation: Operation, text: str) -> str:
        """Return the id of whom an id or an identifier means; who may do nothing to anybody learns nothing by it."""
        verdict = self._guard.may(request)
        owner = self._named(text) if verdict.permit else None
        if not verdict.permit:
            self._guard.note(request, operation, "denied", verdict.reason)
            raise AccessDenied("PRV-202", hint=verdict.reason)
        if owner is None:
            self._guard.note(request, operation, "failed", "no-such-thing")
            raise InvalidRequest("USE-002", path="subject", hint="not one person has this id or identifier")
        return owner

    def _named(self, text: str) -> str | None:
        """Return the id of the one person whom an id or an identifier means, whoever asks."""
        if any(True for _ in self._vault.records(text)):
            return text
        found = self._vault.find(text)
        return found[0] if len(found) == 1 else None


def due_persons(vault: Vault, policy: Policy, day: date, handle: Callable[[str], str]) -> list[DuePerson]:
    """Return what retention rules say of everybody in a vault; a hold is the register's or the vault's own."""
    stored = held_of(vault.records(versions="latest"))
    named = {one.subject: handle(one.subject) for one in stored}
    states = due_for_erasure(policy, [Held(named[one.subject], one.kind, one.newest) for one in stored], day)
    holds = vault.holds()
    found: dict[str, list[Due]] = defaultdict(list)
    for one, state in zip(stored, states, strict=True):
        found[one.subject].append(state)
    return [DuePerson(subject, _together(kinds, subject in holds), tuple(kinds)) for subject, kinds in found.items()]


def _together(kinds: Collection[Due], held: bool) -> str:
    """Return the state of a person: only what is due in every kind can be erased, since one key seals all."""
    states = [one.state for one in kinds]
    kept = [state for state in states if state not in ("due", "held")]
    if kept:
        return kept[0]
    return "held" if held or "held" in states else "due"
