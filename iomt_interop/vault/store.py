"""The vault: canonical records in sealed blocks, a key per person, a chain over everything.

What is in clear: a random id of the store, random handles of subjects, keyed digests, numbers of blocks, sizes and
counts. Record ids and subject ids are not: they are digests of identifiers and could be guessed.

What it detects: any changed, moved, swapped, dropped or replayed block or key, when it is opened or read; a
dropped entry of the index, when it is verified. What it does not: the whole file
replaced by an older copy of itself, which is consistent; keep a checkpoint elsewhere if that matters.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from types import TracebackType
from typing import Final, Literal, Self

from ..crypto import KeyProvider
from ..errors import InvalidRequest
from ..model import Envelope, Record, Subject
from .backend import Backend
from .blocks import FORMAT
from .documents import Entry, Pending, by_subject, document_of, owner_of
from .index import Index, has_identifier, index_damaged
from .keeping import Keeping
from .ledger import Ledger, first_meta, parameters_of
from .selection import Selection, Versions
from .sqlite import SqliteBackend

__all__ = ["PutResult", "Vault"]

_MODES: Final = ("read", "write")


@dataclass(frozen=True, slots=True)
class PutResult:
    """What became of the records of one :meth:`Vault.put`."""

    stored: int
    """New records."""
    replaced: int
    """New versions of known records."""
    unchanged: int
    """Records that were there already, equal, as the latest version or an older one."""


class Vault(Keeping):
    r"""An encrypted store of canonical records; use :meth:`create` or :meth:`open`.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> import iomt_interop as iomt
    >>> from iomt_interop.vault import KeyFile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> key = KeyFile.create(folder / "ward.key")
    >>> with iomt.Vault.create(folder / "ward.vault", keys=key) as vault:
    ...     vault.put(iomt.read(b"MSH|^~\\&|MON||||20261124||ORU^R01|1|P|2.6\rPID|||X1\r")).replaced
    0
    >>> with iomt.Vault.open(folder / "ward.vault", keys=key) as vault:
    ...     sorted({record.kind for record in vault.records()})
    ['activity', 'message', 'subject']
    """

    def __init__(self, backend: Backend, keys: KeyProvider) -> None:
        self._backend = backend
        self._ledger = Ledger(backend, keys)
        self._index = Index(backend, self._ledger)
        with backend.reading():
            self._ledger.catch_up()

    def __repr__(self) -> str:
        # A traceback may show a vault that could not be opened.
        ledger = getattr(self, "_ledger", None)
        return f"Vault({len(ledger.headers) if ledger else 0} blocks)"

    @classmethod
    def create(cls, path: str | os.PathLike[str], *, keys: KeyProvider) -> Self:
        """Make a vault.

        Raises
        ------
        InvalidRequest
            ``USE-002`` when something stands at the path, or it cannot be written to.
        KeyUnavailable
            ``SEC-002`` when there is no key.
        """
        return cls(SqliteBackend.create(path, first_meta(keys)), keys)

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, keys: KeyProvider, mode: Literal["read", "write"] = "read") -> Self:
        """Open a vault and check its chain.

        Parameters
        ----------
        path : path
            The file.
        keys : KeyProvider
            Gives the key.
        mode : {"read", "write"}
            A vault that is read needs no right to write, neither to the file nor to its folder.

        Raises
        ------
        InvalidRequest
            ``USE-002`` when there is no file at the path, or it may not be read; ``USE-001`` for another mode.
        DecryptionFailed
            ``SEC-001`` for a wrong key.
        SecurityError
            ``SEC-007`` when the file is no vault; others when the store is not what was written.
        """
        if mode not in _MODES:
            raise InvalidRequest("USE-001", path="mode", hint="'read' or 'write'")
        backend = SqliteBackend(path, readonly=mode == "read")
        try:
            return cls(backend, keys)
        except BaseException:
            backend.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the store and forget the keys."""
        self._ledger.wipe()
        self._backend.close()

    def put(self, records: Iterable[Record]) -> PutResult:
        """Store records in one durable transaction.

        When the call returns, they are on the disk; when it raises, none of them is. A record that is there
        already, equal, in whatever version, is not stored again; another content under the same id and subject
        becomes the new version, and the older ones stay.

        Raises
        ------
        InvalidRequest
            ``USE-002`` when the vault was opened for reading, ``USE-001`` for what is not a record.
        VaultLocked
            ``SEC-003`` when another process keeps writing.
        InvalidRecord
            ``MDL-005`` when a record holds what JSON cannot give back (half a surrogate pair, an integer of more
            than 4,300 digits) or is longer than 128 MiB.
        """
        waiting = [records] if isinstance(records, Envelope) else list(records)
        if isinstance(records, Envelope) or not all(isinstance(record, Envelope) for record in waiting):
            raise InvalidRequest("USE-001", path="records", hint="an iterable of canonical records")
        counts = {"stored": 0, "replaced": 0, "unchanged": 0}
        mark = self._ledger.mark()
        try:
            with self._backend.writing():
                self._ledger.catch_up()
                first = len(self._ledger.headers) + 1
                for subject, group in by_subject(waiting).items():
                    self._put_group(subject, group, first, counts)
                if len(self._ledger.headers) >= first:
                    self._ledger.seal_root()
        except BaseException:
            self._ledger.forget(mark)
            raise
        return PutResult(**counts)

    def records(
        self, subject: str | None = None, kinds: Collection[str] | None = None, *, versions: Versions = "merged"
    ) -> Iterator[Record]:
        """Yield every record, in the order of storing of its latest version.

        What is put after the first record was asked for does not show, not even as a gap.

        Parameters
        ----------
        subject : str, optional
            Id of a subject; only its records.
        kinds : collection of str, optional
            Only records of these kinds.
        versions : {"merged", "latest", "all"}
            A person, encounter, device or metric of several versions is given as what they say together
            (:func:`~iomt_interop.model.merge_versions`), of other records the latest version; or the latest version
            of all as it is; or every version, each in its place.

        Raises
        ------
        InvalidRequest
            ``USE-001`` for kinds or versions that there are not.
        SecurityError
            When a block is not what was written; what was yielded before is whole and right.
        """
        return self._records(subject, Selection(kinds, versions))

    def history(self, record_id: str, subject: str | None = None) -> list[Record]:
        """Return every version of a record, the oldest first.

        Parameters
        ----------
        record_id : str
            Its id.
        subject : str, optional
            Id of the subject whose record it is, ``""`` for nobody's. Without it the whole vault is searched, unless
            the id is a subject's own, and a device that is described for several persons is given for all of them.

        Raises
        ------
        SecurityError
            When a version is missing or is not what was written.
        """
        with self._backend.reading():
            self._ledger.catch_up()
            owner = record_id if subject is None else subject
            if self._backend.subject(self._index.subject(owner)):
                return list(self._index.versions(self._index.name(owner, record_id)))[::-1]
            if subject is not None:
                self._ledger.check_subjects()
                return []
        return [record for record in self.records(versions="all") if record.id == record_id]

    def subjects(self) -> Iterator[str]:
        """Yield the ids of all subjects."""
        for record in self.records(kinds={"subject"}, versions="latest"):
            yield record.id

    def find(self, value: str, system: str | None = None) -> list[str]:
        """Return the ids of the subjects that have an identifier, in any version, by a keyed digest of it.

        Parameters
        ----------
        value : str
            The identifier, exactly.
        system : str, optional
            URI or assigning authority; any when it is not given.
        """
        found = []
        with self._backend.reading():
            self._ledger.catch_up()
            for name in self._index.identified(value, system):
                latest = self._index.latest(name)
                if latest is None:
                    raise index_damaged()
                for record in self._index.versions(name):
                    if has_identifier(record, value, system):
                        found.append((latest.seq, latest.ordinal, record.id))
                        break
        return [subject for _, _, subject in sorted(found)]

    def info(self) -> dict[str, int | str]:
        """Return counts and sizes; nothing of a person.

        ``bytes`` is the size of the file; ``log_bytes``, where there are any, what a writer has yet to move there.
        """
        with self._backend.reading():
            self._ledger.catch_up()
            subjects = len({row.blind for row in self._backend.subjects()})
        living = {header.seq: header.count for header in self._ledger.living()}
        versions = sum(living.values())
        rest, log = self._backend.sizes()
        return {
            "format": FORMAT,
            "records": versions - sum(seq in living for seq, _ in self._ledger.replaced),
            "versions": versions,
            "blocks": len(self._ledger.headers),
            "subjects": subjects,
            "erased": len(self._ledger.erased),
            "bytes": rest,
            **({"log_bytes": log} if log else {}),
            "key": parameters_of(self._backend)["kind"],
        }

    def verify(self) -> None:
        """Decrypt every block and check the index against them.

        Raises
        ------
        SecurityError
            At the first thing that is not as it was written.
        """
        count = 0
        before: dict[bytes, bytes] = {}
        identifiers: set[tuple[bytes, bytes]] = set()
        with self._backend.reading():
            self._ledger.catch_up()
            self._ledger.check_subjects()
            for header in self._ledger.living():
                for ordinal, (_, record) in enumerate(self._ledger.open_block(header)):
                    count += 1
                    if isinstance(record, Subject):
                        identifiers.update(self._index.identifiers(record))
                    self._verify_entry(record, header.seq, ordinal, before)
            if count != sum(1 for _ in self._backend.records()) or identifiers != set(self._backend.identifiers()):
                raise index_damaged()

    def _verify_entry(self, record: Record, seq: int, ordinal: int, before: dict[bytes, bytes]) -> None:
        """Check what the index says of a version; ``before`` holds the contents of the last older versions."""
        name, content = self._index.name(owner_of(record), record.id), self._index.content(document_of(record))
        expected = Entry(content, seq, ordinal, before.pop(name, b""))
        if (seq, ordinal) in self._ledger.replaced:
            before[name] = content
            found = self._index.older(name, content)
        else:
            found = self._index.latest(name)
        if found != expected:
            raise index_damaged()

    def _put_group(self, subject: str, group: list[tuple[int, Record]], first: int, counts: dict[str, int]) -> None:
        index, ledger = self._index, self._ledger
        pending = Pending(len(ledger.headers) + 1)
        for position, record in group:
            document = document_of(record)
            name, content = index.name(subject, record.id), index.content(document)
            if pending.full(len(document)):
                self._write_block(subject, pending, first)
                pending = Pending(len(ledger.headers) + 1)
            known = pending.entries.get(name) or index.latest(name)
            if known is None:
                counts["stored"] += 1
            elif known.content == content or self._was_stored(pending, name, content):
                counts["unchanged"] += 1
                continue
            else:
                counts["replaced"] += 1
                pending.entries[index.version(name, known.content)] = known
            pending.add(position, document, name, content, known)
            if isinstance(record, Subject):
                index.add_identifiers(record)
        self._write_block(subject, pending, first)

    def _was_stored(self, pending: Pending, name: bytes, content: bytes) -> bool:
        return self._index.version(name, content) in pending.entries or self._index.older(name, content) is not None

    def _write_block(self, subject: str, pending: Pending, first: int) -> None:
        if pending.documents:
            self._ledger.append(self._ledger.subject_row(self._index.subject(subject)), pending, first)
            for name, entry in pending.entries.items():
                self._index.write(name, entry)

    def _records(self, subject: str | None, selection: Selection) -> Iterator[Record]:
        with self._backend.reading():
            self._ledger.catch_up()
            handles = None if subject is None else self._ledger.handles(self._index.subject(subject))
            if subject is not None and not handles:
                # Nobody, unless somebody took the row away.
                self._ledger.check_subjects()
                return
            headers, replaced = list(self._ledger.living()), self._ledger.replaced.copy()
        for _, blocks in groupby(headers, key=lambda header: header.first):
            whole: list[tuple[int, Record]] = []
            for header in blocks:
                if handles is None or header.handle in handles:
                    block = self._ledger.open_block(header)
                    whole += selection.of(header, self._ledger.owner(header.handle), block, replaced)
            for _, record in sorted(whole, key=lambda pair: pair[0]):
                yield record
