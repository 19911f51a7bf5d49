"""The vault: canonical records in sealed blocks, a key per person, a chain over everything.

What is in clear: a random id of the store, random handles of subjects, keyed digests, numbers of blocks, sizes and
counts. Record ids and subject ids are not: they are digests of identifiers and could be guessed.

What it detects: any changed, moved, swapped, dropped or replayed block or key, when it is opened or read; a
dropped entry of the index, when it is verified. What it does not: the whole file
replaced by an older copy of itself, which is consistent; keep a checkpoint elsewhere if that matters.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import groupby, islice
from operator import attrgetter, itemgetter
from types import TracebackType
from typing import ClassVar, Final, Literal, Self

from ..crypto import KeyProvider
from ..errors import AccessDenied, InvalidRecord, InvalidRequest
from ..model import Envelope, Observation, ObservationBatch, Record, Subject
from .backend import Backend
from .blocks import COLUMNS, DOCUMENTS, FORMAT, Header
from .columns import Dictionary, PendingBatches
from .documents import NOBODY, Entry, Pending, PendingRecords, draft_of, owner_of
from .index import Index, has_identifier, index_damaged
from .intake import Intake, Item, PutResult
from .keeping import Keeping
from .ledger import Ledger, first_meta, parameters_of
from .place import create_backend, open_backend
from .selection import Selection, Versions

__all__ = ["PutResult", "Vault"]

_MODES: Final = ("read", "write")
_COMPARED: Final = 4096
"""Entries of the index that are verified at a time."""
_PAGE: Final = 512
"""Rows that are looked up in the index at a time."""
_FIRST: Final = attrgetter("first")
_POSITION: Final = itemgetter(0)


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

    _through_the_guard: ClassVar[bool] = False

    def __init__(self, backend: Backend, keys: KeyProvider) -> None:
        self._backend = backend
        self._ledger = Ledger(backend, keys)
        self._index = Index(backend, self._ledger)
        self._words = Dictionary()
        with backend.reading():
            self._ledger.catch_up()
            if backend.meta("guard") and not self._through_the_guard:
                self._ledger.wipe()
                raise AccessDenied("PRV-205")

    def __repr__(self) -> str:
        # A traceback may show a vault that could not be opened.
        ledger = getattr(self, "_ledger", None)
        return f"Vault({len(ledger.headers) if ledger else 0} blocks)"

    @classmethod
    def create(cls, path: str | os.PathLike[str], *, keys: KeyProvider) -> Self:
        """Make a vault.

        Parameters
        ----------
        path : path or str
            Where: a file, or the URL of a schema of PostgreSQL (``postgresql://...?schema=...``).
        keys : KeyProvider
            Gives the key.

        Raises
        ------
        InvalidRequest
            ``USE-002`` when something stands at the path, or it cannot be written to.
        StoreUnavailable
            ``SEC-012`` when the database cannot be reached.
        KeyUnavailable
            ``SEC-002`` when there is no key.
        """
        return cls(create_backend(path, first_meta(keys)), keys)

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, keys: KeyProvider, mode: Literal["read", "write"] = "read") -> Self:
        """Open a vault and check its chain.

        Parameters
        ----------
        path : path or str
            The file, or the URL of a schema of PostgreSQL (``postgresql://...?schema=...``).
        keys : KeyProvider
            Gives the key.
        mode : {"read", "write"}
            A vault that is read needs no right to write, neither to the file nor to its folder; in PostgreSQL no more
            than ``SELECT``.

        Raises
        ------
        InvalidRequest
            ``USE-002`` when there is no vault at the place, or it may not be read; ``USE-001`` for another mode.
        StoreUnavailable
            ``SEC-012`` when the database cannot be reached.
        DecryptionFailed
            ``SEC-001`` for a wrong key.
        AccessDenied
            ``PRV-205`` when it is bound to a guard: open it with :class:`~iomt_interop.guarded.GuardedVault`.
        SecurityError
            ``SEC-007`` when the file is no vault; others when the store is not what was written.
        """
        if mode not in _MODES:
            raise InvalidRequest("USE-001", path="mode", hint="'read' or 'write'")
        backend = open_backend(path, readonly=mode == "read")
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

        When the call returns, they are on the disk; when it raises, none of them is, or, where the disk failed in the
        last moment, all of them. A record that is there
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
        (result,) = self.put_groups([records])
        if isinstance(result, InvalidRecord):
            raise result
        return result

    def put_groups(self, groups: Iterable[Iterable[Record]]) -> list[PutResult | InvalidRecord]:
        r"""Store several groups of records, the messages of many senders, in one durable transaction.

        A disk is waited for once instead of once for each group. A group is stored whole or not at all: one that
        cannot be stored is refused, and the others do not suffer from it. For everything else it is as if
        :meth:`put` were called for one group after the other.

        Returns
        -------
        list of PutResult or InvalidRecord
            For each group what became of it, or why it was refused.

        Raises
        ------
        SecurityError
            As :meth:`put`; nothing of any group is stored then.

        Examples
        --------
        >>> import tempfile, pathlib
        >>> import iomt_interop as iomt
        >>> from iomt_interop.vault import KeyFile
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> message = b"MSH|^~\\&|MON||||20261124||ORU^R01|%d|P|2.6\rPID|||X1\r"
        >>> with iomt.Vault.create(folder / "v", keys=KeyFile.create(folder / "k")) as vault:
        ...     [done.replaced for done in vault.put_groups(iomt.read(message % n) for n in range(3))]
        [0, 1, 1]
        """
        refused: dict[int, InvalidRecord] = {}
        items: list[Item] = []
        count = 0
        for number, group in enumerate(groups):
            # Each while it is fresh: a caller that reads as it gives them needs to hold no more than one.
            records, count = _group_of(group), number + 1
            try:
                items += [
                    Item(number, owner_of(record), draft_of(record), record if record.kind == "subject" else None)
                    for record in records
                ]
            except InvalidRecord as error:
                refused[number] = error
        done = self._put(items, count, PendingRecords)
        return [refused.get(number, result) for number, result in enumerate(done)]

    def put_batches(self, batches: Iterable[ObservationBatch]) -> PutResult:
        """Store batches of observations as columns, in one durable transaction.

        Nothing is made per row: no object, no document, no entry of the index. A batch is known by its adapter, the
        digest of its source and its offset there: one that is there already, equal, is not stored again; another
        content becomes the new version. A batch without rows is not stored.

        Returns
        -------
        PutResult
            Counts of batches.

        Raises
        ------
        InvalidRequest
            ``USE-001`` for what is not a batch; as :meth:`put`.
        InvalidRecord
            ``MDL-005`` when columns have different lengths or name what their tables do not have, or when a batch
            takes more than 128 MiB.
        """
        waiting = [batches] if isinstance(batches, ObservationBatch) else list(batches)
        if isinstance(batches, ObservationBatch) or not all(isinstance(batch, ObservationBatch) for batch in waiting):
            raise InvalidRequest("USE-001", path="batches", hint="an iterable of batches")
        items = [Item(0, batch.subject or NOBODY, self._words.draft(batch)) for batch in waiting if len(batch)]
        return self._put(items, 1, PendingBatches)[0]

    def batches(self, subject: str | None = None) -> Iterator[ObservationBatch]:
        """Yield every batch, the latest version of each, in the order of storing.

        A batch comes back with its rows in their order, exact; its tables hold what its rows name, in the order of
        first use.

        Parameters
        ----------
        subject : str, optional
            Id of a subject; only its batches.

        Raises
        ------
        SecurityError
            When a block is not what was written; what was yielded before is whole and right.
        """
        headers, replaced = self._headers(subject)
        for _, blocks in groupby((header for header in headers if header.kind == COLUMNS), key=_FIRST):
            whole = [pair for header in blocks for pair in self._latest_batches(header, replaced)]
            for _, batch in sorted(whole, key=_POSITION):
                yield batch

    def records(
        self, subject: str | None = None, kinds: Collection[str] | None = None, *, versions: Versions = "merged"
    ) -> Iterator[Record]:
        """Yield every record, in the order of storing of its latest version.

        What is put after the first record was asked for does not show, not even as a gap. Rows of batches are
        given as observations; a row gives way to a record of its id and subject, which was read from the same octets.

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
                found = list(self._index.versions(self._index.name(owner, record_id)))[::-1]
                return found or [row for row in self._rows_of(owner) if row.id == record_id]
            if subject is not None:
                self._ledger.check_subjects(self._index.subject(subject))
                return []
        return [record for record in self.records(versions="all") if record.id == record_id]

    def subjects(self) -> Iterator[str]:
        """Yield the ids of all subjects that were described; of whom there are batches alone is not among them."""
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

        ``rows`` are the observations of batches, replaced versions too; ``bytes`` is the size of the file;
        ``log_bytes``, where there are any, what a writer has yet to move there.
        """
        with self._backend.reading():
            self._ledger.catch_up()
            subjects = len({row.blind for row in self._backend.subjects()})
        living = {header.seq: header for header in self._ledger.living()}
        replaced = [living[seq].kind for seq, _ in self._ledger.replaced if seq in living]
        versions = {kind: sum(h.count for h in living.values() if h.kind == kind) for kind in (DOCUMENTS, COLUMNS)}
        rest, log = self._backend.sizes()
        return {
            "format": FORMAT,
            "records": versions[DOCUMENTS] - replaced.count(DOCUMENTS),
            "versions": versions[DOCUMENTS],
            "batches": versions[COLUMNS] - replaced.count(COLUMNS),
            "rows": sum(header.rows for header in living.values()),
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
        # The contents of the last older versions, by the names of their records.
        before: dict[bytes, bytes] = {}
        identifiers: set[tuple[bytes, bytes]] = set()
        latest, older = dict[bytes, Entry](), dict[bytes, Entry]()
        with self._backend.reading():
            self._ledger.catch_up()
            self._ledger.check_subjects()
            self._ledger.check_lookups()
            self._ledger.check_holds()
            for header in self._ledger.living():
                if len(latest) + len(older) >= _COMPARED:
                    self._verify_entries(latest, older)
                for ordinal, (name, content, person) in enumerate(self._named(header)):
                    count += 1
                    if person is not None:
                        identifiers.update(self._index.identifiers(person))
                    entry = Entry(content, header.seq, ordinal, before.pop(name, b""))
                    if (header.seq, ordinal) in self._ledger.replaced:
                        before[name] = content
                        older[self._index.version(name, content)] = entry
                    else:
                        latest[name] = entry
            self._verify_entries(latest, older)
            if count != sum(1 for _ in self._backend.records()) or identifiers != set(self._backend.identifiers()):
                raise index_damaged()

    def _named(self, header: Header) -> Iterator[tuple[bytes, bytes, Subject | None]]:
        """Yield the name and the content of each entry of a block, as the index is to have them."""
        index = self._index
        if header.kind == COLUMNS:
            for _, batch in self._ledger.open_batches(header):
                draft = self._words.draft(batch)
                name = index.naming(PendingBatches.purpose, batch.subject or NOBODY)(draft.identity)
                yield name, index.content(draft.content()), None
            return
        for _, record in self._ledger.open_block(header):
            person = record if isinstance(record, Subject) else None
            yield index.name(owner_of(record), record.id), index.content(draft_of(record).content()), person

    def _verify_entries(self, latest: dict[bytes, Entry], older: dict[bytes, Entry]) -> None:
        """Compare what the index is to say of versions, by their names, with what it says; then forget them."""
        for entries, newest in ((latest, True), (older, False)):
            if self._index.find(entries, latest=newest) != entries:
                raise index_damaged()
            entries.clear()

    def _put(self, items: Sequence[Item], groups: int, pending: type[Pending]) -> list[PutResult]:
        ledger = self._ledger
        mark = ledger.mark()
        try:
            with self._backend.writing():
                ledger.catch_up()
                return Intake(self._backend, ledger, self._index, pending).put(items, groups)
        except BaseException:
            ledger.forget(mark)
            raise

    def _headers(self, subject: str | None) -> tuple[list[Header], set[tuple[int, int]]]:
        """Return the blocks of a subject, or of all, and which places are replaced, as they are now."""
        with self._backend.reading():
            self._ledger.catch_up()
            blind = b"" if subject is None else self._index.subject(subject)
            handles = self._ledger.handles(blind) if blind else None
            if handles is not None and not handles:
                # Nobody, unless somebody took the row away.
                self._ledger.check_subjects(blind)
            living = self._ledger.living()
            return [h for h in living if handles is None or h.handle in handles], self._ledger.replaced.copy()

    def _records(self, subject: str | None, selection: Selection) -> Iterator[Record]:
        headers, replaced = self._headers(subject)
        for _, blocks in groupby(headers, key=_FIRST):
            whole: list[tuple[int, Iterable[Record]]] = []
            for header in blocks:
                if header.kind == COLUMNS:
                    if "observation" in selection.kinds:
                        batches = self._latest_batches(header, selection.replaced(replaced))
                        whole += [(position, self._rows(batch, headers[-1].seq)) for position, batch in batches]
                    continue
                owner, block = self._ledger.owner(header.handle), self._ledger.open_block(header)
                whole += [(position, (record,)) for position, record in selection.of(header, owner, block, replaced)]
            for _, records in sorted(whole, key=_POSITION):
                yield from records

    def _latest_batches(
        self, header: Header, replaced: Collection[tuple[int, int]]
    ) -> Iterator[tuple[int, ObservationBatch]]:
        """Yield positions and batches of a block, without those that another batch replaced."""
        for ordinal, pair in enumerate(self._ledger.open_batches(header)):
            if (header.seq, ordinal) not in replaced:
                yield pair

    def _rows(self, batch: ObservationBatch, last: int) -> Iterator[Observation]:
        """Yield a batch's rows of which there is no record, up to a block."""
        name = self._index.naming(PendingRecords.purpose, batch.subject or NOBODY)
        rows = batch.records()
        while page := list(islice(rows, _PAGE)):
            names = [name(row.id) for row in page]
            known = self._index.find(names, latest=True)
            for row, named in zip(page, names, strict=True):
                if named not in known or not self._index.was_there(named, known[named], last):
                    yield row

    def _rows_of(self, subject: str) -> Iterator[Observation]:
        """Yield the rows of a subject's batches, of every version; inside a view of the caller's."""
        handles = self._ledger.handles(self._index.subject(subject))
        for header in list(self._ledger.living()):
            if header.kind == COLUMNS and header.handle in handles:
                for _, batch in self._ledger.open_batches(header):
                    yield from batch.records()


def _group_of(records: Iterable[Record]) -> list[Record]:
    if not isinstance(records, Envelope):
        group = list(records)
        if all(isinstance(record, Envelope) for record in group):
            return group
    raise InvalidRequest("USE-001", path="records", hint="an iterable of canonical records")
