"""Where the commands get records and hand them in: at the vault itself, or at the guard in front of it.

A vault that an officer has bound to its policy opens only behind the guard. Any other one is its user's own, unless a
policy is given.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Literal, Self

from ..crypto import KeyProvider
from ..crypto.hpke import RecipientKey
from ..crypto.signing import SigningKey
from ..errors import InvalidRecord, InvalidRequest
from ..guarded import GuardedVault, create_bound, open_either
from ..model import Record, Subject
from ..portability import export_subject
from ..privacy.access import Action, Request
from ..privacy.audit.sink import Operation
from ..transport.sink import Takes
from ..vault import ErasureReceipt, PutResult, Vault, Versions
from ..vault.place import Place
from .asked import AS, PURPOSE, Asked

__all__ = ["Desk", "bind", "GuardedDesk", "PlainDesk", "Takes", "create_at_desk", "open_desk"]


class _Closing:
    """Lets go of what it has when the block ends."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go."""
        raise NotImplementedError


class PlainDesk(_Closing):
    """At a vault that is not guarded."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def records(
        self, subject: str | None = None, kinds: Collection[str] | None = None, *, versions: Versions = "merged"
    ) -> Iterator[Record]:
        """Return records, of a person by id or identifier, or of all."""
        return self._vault.records(None if subject is None else self._person(subject), kinds, versions=versions)

    def history(self, record: str, subject: str | None = None) -> list[Record]:
        """Return the versions of a record."""
        found = self._vault.history(record, None if subject is None else self._person(subject))
        if not found:
            raise InvalidRequest("USE-002", path="record", hint="the vault has no such record")
        return found

    def subjects(self) -> list[Subject]:
        """Return the persons."""
        return [record for record in self._vault.records(kinds={"subject"}) if isinstance(record, Subject)]

    def export(self, recipient: str | None, subject: str | None = None) -> Iterator[Record]:
        """Return what leaves; to whom, the program decides that runs it."""
        _no_recipient(recipient)
        return self.records(subject)

    def portable(self, subject: str, key: RecipientKey, recipient: str | None) -> bytes:
        """Return a person's data, sealed."""
        _no_recipient(recipient)
        return export_subject(self._vault, self._person(subject), key)

    def put(self, records: Iterable[Record]) -> PutResult:
        """Store records."""
        return self._vault.put(records)

    receive = put

    def put_groups(self, groups: Iterable[Iterable[Record]]) -> list[PutResult | InvalidRecord]:
        """Store groups of records, each whole or not at all."""
        return self._vault.put_groups(groups)

    def erase(
        self, subject: str, *, at: str, signer: SigningKey | None, compact: bool, reason: str | None = None
    ) -> ErasureReceipt:
        """Erase a person."""
        receipt = self._vault.erase(self._person(subject), at=at, signer=signer)
        if compact:
            self._vault.compact()
        return receipt

    def hold(self, subject: str, reason: str) -> None:
        """Put a legal hold on a person."""
        self._vault.hold(self._person(subject), reason)

    def release(self, subject: str) -> bool:
        """Lift a legal hold."""
        return self._vault.release(self._person(subject))

    @contextmanager
    def keeping(self, name: str, operation: Operation = "execute") -> Iterator[Vault]:
        """Give the vault itself."""
        yield self._vault

    def close(self) -> None:
        """Let go of the vault."""
        self._vault.close()

    def _person(self, text: str) -> str:
        """Return a subject's id for what was typed: the id itself, or an identifier of one person."""
        if any(True for _ in self._vault.records(subject=text)):
            return text
        found = self._vault.find(text)
        if len(found) != 1:
            hint = "several subjects have this identifier; give the id" if found else "the vault has no such subject"
            raise InvalidRequest("USE-002", path="--subject", hint=hint)
        return found[0]


class GuardedDesk(_Closing):
    """At the guard; each call is one operation of whoever the options name."""

    def __init__(self, vault: GuardedVault, asked: Asked) -> None:
        self.vault, self.asked = vault, asked

    def records(
        self, subject: str | None = None, kinds: Collection[str] | None = None, *, versions: Versions = "merged"
    ) -> Iterable[Record]:
        """Return records, of a person by id or identifier, or of all."""
        request = self._request("search", subject)
        return self.vault.query(request, subject, kinds, versions=versions).records

    def history(self, record: str, subject: str | None = None) -> list[Record]:
        """Return the versions of a record."""
        return self.vault.history(self._request("read", subject), record, subject)

    def subjects(self) -> list[Subject]:
        """Return the persons."""
        return self.vault.subjects(self._request("search"))

    def export(self, recipient: str | None, subject: str | None = None) -> Iterable[Record]:
        """Return what leaves; of the whole vault, person by person."""
        request = self._request("export", subject)
        if subject is None:
            return self.vault.export_each(request, recipient=recipient)
        return self.vault.export(request, recipient=recipient, subject=subject)

    def portable(self, subject: str, key: RecipientKey, recipient: str | None) -> bytes:
        """Return a person's data, sealed."""
        return self.vault.portable(self._request("export", subject), subject, key, recipient=recipient)

    def put(self, records: Iterable[Record]) -> PutResult:
        """Store records."""
        waiting = list(records)
        if not waiting:
            return PutResult(0, 0, 0)
        return self.vault.put(self._request("create"), waiting)

    def receive(self, records: Iterable[Record]) -> PutResult:
        """Store what another controller sent."""
        return self.vault.receive(self._request("create"), records)

    def erase(
        self, subject: str, *, at: str, signer: SigningKey | None, compact: bool, reason: str | None = None
    ) -> ErasureReceipt:
        """Erase a person."""
        request = self._request("delete")
        return self.vault.erase(request, subject, at=at, signer=signer, compact=compact, reason=reason)

    def hold(self, subject: str, reason: str) -> None:
        """Put a legal hold on a person."""
        self.vault.hold(self._request("keep"), subject, reason)

    def release(self, subject: str) -> bool:
        """Lift a legal hold."""
        return self.vault.release(self._request("keep"), subject)

    @contextmanager
    def keeping(self, name: str, operation: Operation = "execute") -> Iterator[Vault]:
        """Give the vault itself for what shows no record."""
        with self.vault.keeping(self._request("keep"), name, operation) as vault:
            yield vault

    def close(self) -> None:
        """Let go of the vault and of the audit log."""
        self.vault.close()
        if self.asked.log is not None:
            self.asked.log.close()

    def _request(self, action: Action, subject: str | None = None) -> Request:
        return self.asked.request(self.vault, action, subject)


Desk = PlainDesk | GuardedDesk


def open_desk(
    path: Place, keys: KeyProvider, asked: Asked, *, mode: Literal["read", "write"] = "read"
) -> PlainDesk | GuardedDesk:
    """Open a vault, behind the guard where it is bound to one, or a policy is given.

    Raises
    ------
    AccessDenied
        ``PRV-205`` when the vault is bound, and its policy or audit log is not at hand.
    InvalidRequest
        ``USE-001`` for options that ask the guard, where there is none.
    """
    found = open_either(path, asked.supply, keys=keys, mode=mode, name=name_of(path))
    if not isinstance(found, GuardedVault):
        try:
            _refuse_idle(asked)
        except BaseException:
            found.close()
            raise
        return PlainDesk(found)
    desk = GuardedDesk(found, asked)
    try:
        asked.check(found)
    except BaseException:
        desk.close()
        raise
    return desk


def create_at_desk(path: Place, keys: KeyProvider, asked: Asked) -> PlainDesk | GuardedDesk:
    """Make a vault, behind the guard where a policy is given."""
    supplied = asked.supply(None)
    if supplied is None:
        _refuse_idle(asked)
        return PlainDesk(Vault.create(path, keys=keys))
    return GuardedDesk(create_bound(path, *supplied, keys=keys, name=name_of(path)), asked)


def _refuse_idle(asked: Asked) -> None:
    """Refuse options that ask a guard where there is none: whoever gave them believes that somebody decides.

    The environment may name who asks for all vaults of a user, guarded or not.
    """
    given = {
        "--as": None if asked.who == os.environ.get(AS) else asked.who,
        "--purpose": None if asked.purpose == os.environ.get(PURPOSE) else asked.purpose,
        "--token": asked.token,
        "--reference": asked.references,
        "--break-glass": asked.break_glass,
    }
    for option, value in given.items():
        if value:
            hint = "this vault is not guarded, so nobody would decide or write it down; give --policy and --audit"
            raise InvalidRequest("USE-001", path=option, hint=hint)


def bind(desk: GuardedDesk, *, off: bool = False) -> None:
    """Bind the vault to the policy files and the audit log of the options, or to none."""
    asked, vault = desk.asked, desk.vault
    vault.bind(asked.request(vault, "keep"), None if off else asked.terms(vault.policies))


def name_of(path: Place) -> str | None:
    """Return by what the audit trail calls a vault: the file's name, where it can stand there."""
    name = os.path.basename(os.fspath(path))
    fits = name[:1].isalnum() and all(c.isascii() and (c.isalnum() or c in "._-") for c in name)
    return name if fits and len(name) <= 128 else None


def _no_recipient(recipient: str | None) -> None:
    if recipient is not None:
        raise InvalidRequest("USE-001", path="--recipient", hint="with --policy: the register says who it is")
