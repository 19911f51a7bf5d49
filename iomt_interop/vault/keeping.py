"""What a keeper of a vault does: rotate keys, hold, erase, compact, checkpoint, back up."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from ..crypto import KeyProvider, RewrappingProvider, Sealed, open_sealed, seal
from ..crypto.signing import SigningKey, VerifyKey
from ..errors import InvalidRequest, LegalHold, StoreDamaged
from ..privacy.audit.checkpoint import Checkpoint, sign_note, verify_note
from .backend import Backend
from .index import Index
from .ledger import Ledger
from .place import copy_to_url, is_url

__all__ = ["ErasureReceipt", "Keeping"]

_SALT: Final = 32
_ORIGIN: Final = "iomt-vault/"
_REASON: Final = 1000
"""Characters that the reason of a hold may have."""


@dataclass(frozen=True, slots=True)
class ErasureReceipt:
    """What an erasure took away; it names nobody.

    Attributes
    ----------
    store : str
        Id of the vault.
    handles : tuple of str
        The handles under which the person's blocks stood.
    blocks, versions : int
        How many blocks and record versions can never be read again; of batches, the rows.
    erasures : int
        How many handles the vault has erased by now.
    digest : str
        Digest of the list of all of them.
    at : str
        The time that the caller gave.
    note : str or None
        The receipt as a signed note, where there was a key to sign it.
    """

    store: str
    handles: tuple[str, ...]
    blocks: int
    versions: int
    erasures: int
    digest: str
    at: str
    note: str | None = None

    def text(self) -> str:
        """Return the text that is signed."""
        handles = " ".join(self.handles)
        counts = f"blocks {self.blocks} versions {self.versions}"
        return (
            f"{_ORIGIN}{self.store} erasure\n{self.erasures}\n{self.digest}\n"
            f"handles {handles}\n{counts}\nat {self.at}\n"
        )


class Keeping:
    """The part of a vault that changes keys and takes away; :class:`~iomt_interop.vault.Vault` has it."""

    _backend: Backend
    _ledger: Ledger
    _index: Index

    def rotate(self, keys: KeyProvider) -> int:
        """Put another key-encryption key in the place of the present one; no data is rewritten.

        One durable transaction: after a crash the vault opens with the one key or with the other. Every copy of
        the vault that was made before still opens with the old key: destroy that key, and the copies are closed.

        Parameters
        ----------
        keys : KeyProvider
            Gives the new key.

        Returns
        -------
        int
            The data keys that were wrapped anew.

        Raises
        ------
        KeyUnavailable
            ``SEC-002`` when there is no new key; the vault stays as it is.
        """
        with self._backend.writing():
            self._ledger.catch_up()
            count = self._ledger.rotate(keys)
        self._ledger.wipe()
        self._ledger.__init__(self._backend, keys)  # type: ignore[misc]  # the same ledger, under the new key
        with self._backend.reading():
            self._ledger.catch_up()
        return count

    def rewrap(self, keys: RewrappingProvider) -> None:
        """Let a key service wrap the vault's key anew, under the newest version of its own; the vault's key stays.

        Copies that were made before still open with the older version.

        Parameters
        ----------
        keys : RewrappingProvider
            The provider that the vault was made with; of AWS KMS also one of another key, which takes over.

        Raises
        ------
        KeyUnavailable
            ``SEC-002`` when the service does not, or gives another key; the vault stays as it is.
        """
        with self._backend.writing():
            self._ledger.catch_up()
            self._ledger.rewrap(keys)

    def renew(self) -> None:
        """Let everybody's next block have a new data key; what is there stays under the old one.

        The change is lazy: a person of whom nothing new comes keeps the key.
        """
        with self._backend.writing():
            self._ledger.catch_up()
            self._ledger.renew()

    def hold(self, subject: str, reason: str) -> None:
        """Put a legal hold on a subject: while it stands, nothing of the subject is erased.

        Parameters
        ----------
        subject : str
            Id of the subject.
        reason : str
            Stored encrypted; up to 1,000 characters.
        """
        if not reason.strip() or len(reason) > _REASON:
            raise InvalidRequest("USE-001", path="reason", hint="a text of up to 1,000 characters")
        try:
            told = f"{subject}\n{reason}".encode()
        except UnicodeEncodeError:
            # It would carry both to whoever sees it.
            raise InvalidRequest("USE-001", path="reason", hint="a text holds half a surrogate pair") from None
        blind = self._index.subject(subject)
        with self._backend.writing():
            self._ledger.catch_up()
            if not self._backend.subject(blind):
                raise InvalidRequest("USE-002", path="subject", hint="the vault has no such subject")
            self._ledger.check_holds()
            sealed = seal(self._ledger.seal_key, told, self._held(blind))
            self._backend.set_hold(blind, sealed.salt + sealed.commitment + sealed.ciphertext)
            self._ledger.seal_holds()

    def release(self, subject: str) -> bool:
        """Lift a legal hold; tell whether there was one."""
        blind = self._index.subject(subject)
        with self._backend.writing():
            self._ledger.catch_up()
            self._ledger.check_holds()
            held = self._backend.hold(blind) is not None
            self._backend.set_hold(blind, None)
            self._ledger.seal_holds()
        return held

    def holds(self) -> dict[str, str]:
        """Return the reason of every legal hold, by the subject's id."""
        with self._backend.reading():
            self._ledger.catch_up()
            self._ledger.check_holds()
            return dict(self._reasons())

    def erase(self, subject: str, *, at: str, signer: SigningKey | None = None) -> ErasureReceipt:
        """Destroy a subject's keys, and what the index holds of the subject; what was under them is gone.

        Until :meth:`compact` the ciphertext stays, which nobody can open. A copy of the vault that was made before
        holds the keys still, wrapped: :meth:`rotate` and the destruction of the old key-encryption key close it.

        Parameters
        ----------
        subject : str
            Id of the subject; ``""`` for the records of nobody.
        at : str
            The time for the receipt (RFC 3339).
        signer : SigningKey, optional
            Signs the receipt.

        Raises
        ------
        LegalHold
            ``SEC-010`` while a hold stands.
        InvalidRequest
            ``USE-002`` when the vault has no such subject.
        """
        blind = self._index.subject(subject)
        ledger, backend = self._ledger, self._backend
        mark = ledger.mark()
        try:
            with backend.writing():
                ledger.catch_up()
                handles = ledger.handles(blind)
                if not handles:
                    raise InvalidRequest("USE-002", path="subject", hint="the vault has no such subject")
                ledger.check_holds()
                if backend.hold(blind) is not None:
                    raise LegalHold("SEC-010")
                # A key that is out of sight meanwhile would come back afterwards, and open what it sealed.
                ledger.check_subjects()
                blocks = [header for header in ledger.living() if header.handle in handles]
                backend.erase(blind, handles, [header.seq for header in blocks])
                for handle in sorted(handles):
                    backend.add_erasure(ledger.note_erasure(handle), handle)
                ledger.seal_root()
        except BaseException:
            ledger.forget(mark)
            raise
        _, _, erasures, digest = ledger.state()
        receipt = ErasureReceipt(
            store=ledger.store.hex(),
            handles=tuple(sorted(handle.hex() for handle in handles)),
            blocks=len(blocks),
            versions=sum(header.rows or header.count for header in blocks),
            erasures=erasures,
            digest=base64.b64encode(digest).decode(),
            at=at,
        )
        return receipt if signer is None else replace(receipt, note=sign_note(receipt.text(), signer))

    def compact(self) -> int:
        """Take the ciphertext of what was erased off the disk; return its octets.

        The blocks' headers stay, for the chain. The file system may still hold what it was told to give up: of
        that, and of copies elsewhere, only the destruction of keys is proof.
        """
        with self._backend.writing():
            self._ledger.catch_up()
            gone = [header.seq for header in self._ledger.headers.values() if header.handle in self._ledger.erased]
            size = self._backend.clear_blocks(gone)
        self._backend.shrink()
        return size

    def checkpoint(self, signer: SigningKey) -> str:
        """Return the vault's state as a signed note, to be kept where the vault's keeper cannot change it.

        It holds counts and digests alone (c2sp.org/tlog-checkpoint, with a line for the erasures).
        """
        with self._backend.reading():
            self._ledger.catch_up()
            blocks, head, erasures, gone = self._ledger.state()
        state = Checkpoint(_ORIGIN + self._ledger.store.hex(), blocks, head)
        return sign_note(f"{state.text()}erasures {erasures} {base64.b64encode(gone).decode()}\n", signer)

    def check(self, note: str | bytes, *keys: VerifyKey) -> None:
        """Compare the vault with a checkpoint of its past: everything that was there then is there now.

        Raises
        ------
        StoreDamaged
            ``SEC-011`` when the vault is an older copy, or another one, or was changed before the checkpoint;
            ``AUD-003`` when none of the keys signed the note.
        """
        text = verify_note(note, keys)
        state = Checkpoint.parse(text)
        words = text.split("\n")[3].split(" ")
        if len(words) != 3 or words[0] != "erasures" or not (words[1].isascii() and words[1].isdigit()):
            raise StoreDamaged("AUD-003", hint="not a vault's checkpoint")
        with self._backend.reading():
            self._ledger.catch_up()
            found = self._ledger.state_at(state.size, int(words[1][:18]))
        if state.origin != _ORIGIN + self._ledger.store.hex():
            raise StoreDamaged("SEC-011", hint="the checkpoint is another vault's")
        if found is None or found[0] != state.root or base64.b64encode(found[1]).decode() != words[2]:
            raise StoreDamaged("SEC-011")

    def bind(self, terms: bytes) -> None:
        """Bind the vault to terms under which alone it may be opened; nothing binds it to none.

        They are stored sealed and under the root's MAC: whoever has the file and not the key can neither read them nor
        take them away. A vault that is bound opens only through the guard that holds to them
        (:class:`~iomt_interop.guarded.GuardedVault`).
        """
        backend, ledger = self._backend, self._ledger
        with backend.writing():
            ledger.catch_up()
            sealed = seal(ledger.seal_key, terms, b"guard" + ledger.store) if terms else None
            raw = b"" if sealed is None else sealed.salt + sealed.commitment + sealed.ciphertext
            backend.set_meta("guard", raw)
            ledger.seal_root()

    def terms(self) -> bytes | None:
        """Return what the vault is bound to, if anything."""
        with self._backend.reading():
            self._ledger.catch_up()
            raw = self._backend.meta("guard")
        if not raw:
            return None
        sealed = Sealed(raw[:_SALT], raw[_SALT : 2 * _SALT], raw[2 * _SALT :])
        return open_sealed(self._ledger.seal_key, sealed, b"guard" + self._ledger.store)

    @property
    def key_id(self) -> str:
        """By what the audit trail knows the present key-encryption key: the vault's id and the key's epoch."""
        return f"{self._ledger.store.hex()}/{self._ledger.epoch}"

    def tag(self, text: bytes) -> bytes:
        """Return a keyed digest by which the vault knows again what was written for it, and by it alone."""
        return self._ledger.seal_key.derive(b"tag").mac(self._ledger.store + text)

    def extent(self) -> tuple[int, int]:
        """Return how many blocks and erasures there are: two other numbers once anything was stored or erased."""
        with self._backend.reading():
            self._ledger.catch_up()
            blocks, _, erasures, _ = self._ledger.state()
        return blocks, erasures

    def backup(self, path: str | os.PathLike[str]) -> None:
        """Write a copy of the vault as it is now, under the same key; others may go on writing meanwhile.

        Parameters
        ----------
        path : path or str
            Where the copy goes: a file, or the URL of a schema of PostgreSQL.

        Raises
        ------
        InvalidRequest
            ``USE-002`` when something stands at the path, or it cannot be written to.
        """
        if is_url(path):
            copy_to_url(self._backend, str(path))
        else:
            self._backend.backup(path)

    def _reasons(self) -> Iterator[tuple[str, str]]:
        for blind, raw in self._backend.holds():
            sealed = Sealed(raw[:_SALT], raw[_SALT : 2 * _SALT], raw[2 * _SALT :])
            subject, _, reason = open_sealed(self._ledger.seal_key, sealed, self._held(blind)).decode().partition("\n")
            yield subject, reason

    def _held(self, blind: bytes) -> bytes:
        return b"hold" + self._ledger.store + blind
