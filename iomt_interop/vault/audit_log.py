"""The audit trail on a disk: append-only files, every event durable and signed before the call returns.

The file is text::

    iomt-audit 1 <verifier key>
    <length><check> <event as JSON>
    <signature>
    <length><check> <event as JSON>
    <signature>

An entry of the Merkle tree is everything from the end of one event's line to the end of the next one's, so that the
last signature covers every octet before it. A signature is the key's over the checkpoint (origin, number of entries,
root), and gives a signed note together with them. What stands behind the last signature and is the beginning of an
entry was never acknowledged: a crash left it, and the next writer removes it. Anything else that is not as it was
written is damage. That the end of the file was cut off between two entries shows no file by itself: keep a
checkpoint elsewhere.

A log that has grown long is closed and goes on in another file; the closed part gets a number (``audit.log.000001``).
The header of the next part says where the tree stands, with the last signature before it::

    iomt-audit 2 <verifier key> <part> <entries so far> <peaks of the tree> <signature>

So all parts are one tree: checkpoints, and proofs between them, do not know of parts.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Final, Self

from ..crypto.signing import SigningKey, VerifyKey
from ..errors import AuditUnavailable, InvalidRequest, StoreDamaged, VaultLocked
from ..privacy.audit.checkpoint import Checkpoint
from ..privacy.audit.handles import SubjectHandles
from ..privacy.audit.merkle import CompactRange, MerkleTree, leaf_hash
from ..privacy.audit.sink import AuditRecord
from .audit_entries import (
    MAX_EVENT,
    AuditState,
    LogReader,
    Start,
    framed,
    header_of,
    parse_event,
    part_of,
    readers,
    signature_line,
    signed,
    state_of,
)

__all__ = ["AuditLog"]

_PAUSE: Final = 0.005


class AuditLog:
    """A log that is being written: an :class:`~iomt_interop.privacy.audit.AuditSink` for all threads of one process.

    Parameters
    ----------
    path : path
        The file; made when there is none.
    key : SigningKey
        Signs every event; its name is the log's origin.
    shared : bool
        Whether other processes write to it too: then each event is written under a lock, behind what they wrote.
        Otherwise the log is this object's alone until it is closed.
    wait : float
        Seconds to wait for others in a shared log.

    Raises
    ------
    VaultLocked
        ``SEC-003`` when another process keeps it for itself.
    StoreDamaged
        ``AUD-002`` when it is not what was written, ``AUD-003`` when another key signed it.
    InvalidRequest
        ``USE-002`` when the file cannot be opened.
    """

    def __init__(
        self, path: str | os.PathLike[str], key: SigningKey, *, shared: bool = False, wait: float = 10.0
    ) -> None:
        self._path, self._key, self._shared, self._wait = Path(path), key, shared, wait
        self._handles = SubjectHandles(key.derive(SubjectHandles.LABEL))
        self._edge: CompactRange = CompactRange()
        self._carried: bytes = b""
        self._part = 1
        self._first = 0
        self._end = 0
        self._one_at_a_time = Lock()
        self._process = os.getpid()
        self._handle = -1
        self._attach()
        if shared:
            self._unlock()

    def __repr__(self) -> str:
        return f"AuditLog({self._edge.size} events)" if self._handle >= 0 else "AuditLog(closed)"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __len__(self) -> int:
        return self._edge.size

    @property
    def verify_key(self) -> VerifyKey:
        """The public half of the key that signs."""
        return self._key.verify_key

    @property
    def path(self) -> Path:
        """The last part."""
        return self._path

    def handle(self, subject: str) -> str:
        """Return by what the log calls a subject, by the subject's id."""
        return self._handles(subject)

    def close(self) -> None:
        """Let go of the file."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def record(self, event: AuditRecord, /) -> None:
        """Append an event, sign the new state and make both durable.

        Raises
        ------
        AuditUnavailable
            ``AUD-001`` when that is not possible. The log then takes nothing more until it was opened anew, because
            nobody knows what of a failed write is on the disk.
        """
        self.record_all((event,))

    def record_all(self, events: Sequence[AuditRecord], /) -> None:
        """Append several events, each with its signature, and make all of them durable at once.

        Raises
        ------
        AuditUnavailable
            ``AUD-001`` as :meth:`record` does.
        """
        texts = [event.to_json() for event in events]
        if any(len(text) > MAX_EVENT for text in texts):
            raise AuditUnavailable("AUD-001", hint="the event is too long")
        with self._one_at_a_time:
            try:
                with self._locked():
                    self._append(texts)
            except (StoreDamaged, VaultLocked, InvalidRequest) as error:
                # What another process did to a shared log.
                self.close()
                raise AuditUnavailable("AUD-001", hint=error.code) from None

    def rotate(self) -> Path:
        """Close the present part and go on in another file; return the name of what was closed.

        Nothing of it changes any more: it may be copied, and moved to an archive.

        Raises
        ------
        InvalidRequest
            ``USE-002`` when the part has no event yet.
        AuditUnavailable
            ``AUD-001`` when the file system does not take it; what was recorded is there. Open it anew then.
        """
        with self._one_at_a_time, self._locked():
            if self._edge.size == self._first:
                raise InvalidRequest("USE-002", path="audit log", hint="there is no event since the last rotation")
            old, start = part_of(self._path, self._part), Start(self._part + 1, self._edge.copy(), self._carried)
            header = header_of(self._key.verify_key, start)
            try:
                handle = self._publish(old, header)
            except OSError:
                self.close()
                raise AuditUnavailable("AUD-001", hint="the file system does not take it") from None
            os.close(self._handle)
            self._handle, self._carried, self._end = handle, header, len(header)
            self._part, self._first = start.part, start.edge.size
            return old

    def _publish(self, old: Path, header: bytes) -> int:
        """Give the present part its number and put the next one, locked, in its place; each step is whole."""
        draft = self._path.with_name(f"{self._path.name}.new")
        handle = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _write_all(handle, header)
            os.fsync(handle)
            if not old.exists() or not old.samefile(self._path):
                os.link(self._path, old)
            os.replace(draft, self._path)
            _sync_folder(self._path.parent)
        except BaseException:
            os.close(handle)
            raise
        return handle

    def checkpoint(self) -> str:
        """Return the signed note of the present state, to be kept elsewhere."""
        return Checkpoint(self._key.name, self._edge.size, self._edge.root()).sign(self._key)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the lock of the last part; behind what others wrote in the meantime."""
        if self._handle < 0:
            raise AuditUnavailable("AUD-001", hint="the log is closed")
        if os.getpid() != self._process:
            # A forked child shares the file and its lock, and not what its parent has written since.
            raise AuditUnavailable("AUD-001", hint="the log was opened by another process")
        if not self._shared:
            yield
            return
        _lock(self._handle, self._wait)
        try:
            if not _is_at(self._handle, self._path):
                self._follow()
            elif (size := os.fstat(self._handle).st_size) != self._end:
                if size < self._end:
                    raise StoreDamaged("AUD-002", path="audit log", hint="it was cut off beside its writer")
                self._catch_up(self._end)
            yield
        finally:
            self._unlock()

    def _follow(self) -> None:
        """Go on in what a rotation put in the file's place; it knows of every event that there was."""
        before = self._edge.size
        if not self._path.exists():
            raise StoreDamaged("AUD-002", path="audit log", hint="it was taken away beside its writer")
        os.close(self._handle)
        self._handle = -1
        self._attach()
        if self._edge.size < before:
            raise StoreDamaged("AUD-002", path="audit log", hint="it has fewer events than before")

    def _unlock(self) -> None:
        if self._handle >= 0:
            fcntl.flock(self._handle, fcntl.LOCK_UN)

    def _append(self, texts: Sequence[bytes]) -> None:
        edge, carried, data = self._edge.copy(), self._carried, bytearray()
        for text in texts:
            line = framed(text, edge.size + 1)
            edge.append(leaf_hash(carried + line))
            note = Checkpoint(self._key.name, edge.size, edge.root()).text()
            carried = signature_line(self._key.sign(note.encode()))
            data += line + carried
        try:
            _write_all(self._handle, data)
            os.fsync(self._handle)
        except OSError:
            self.close()
            raise AuditUnavailable("AUD-001", hint="the file system does not take it") from None
        except BaseException:
            self.close()
            raise
        self._edge, self._carried, self._end = edge, carried, self._end + len(data)

    def _attach(self) -> None:
        """Open the last part, take its lock, read what is there."""
        while True:
            self._handle = _open(self._path)
            try:
                _lock(self._handle, self._wait if self._shared else 0)
                if _is_at(self._handle, self._path):
                    self._recover()
                    return
            except BaseException:
                self.close()
                raise
            self.close()

    def _recover(self) -> None:
        size = os.fstat(self._handle).st_size
        if size and not self._is_begun():
            # The log was cut off while it was being made.
            os.ftruncate(self._handle, 0)
            size = 0
        if not size:
            self._begin()
            return
        self._catch_up(0)
        closed = part_of(self._path, self._part)
        if closed.exists() and closed.samefile(self._path):
            # A rotation that a crash cut off: the part is not closed.
            closed.unlink()

    def _is_begun(self) -> bool:
        header = os.pread(self._handle, len(header_of(self._key.verify_key)), 0)
        return header.endswith(b"\n") or not header_of(self._key.verify_key).startswith(header)

    def _catch_up(self, end: int) -> None:
        """Read from a place on, remove what a crash left behind the last signature, go to the end."""
        with open(os.dup(self._handle), "rb") as stream:
            stream.seek(0)
            reader = LogReader(stream)
            if reader.key != self._key.verify_key:
                raise StoreDamaged("AUD-003", hint="the log is signed with another key")
            if end:
                reader.resume(end, self._edge.size, self._carried)
            else:
                self._edge, self._part, self._first = reader.edge, reader.part, reader.edge.size
            edge = self._edge.copy()
            before = edge.size
            for frame in reader.frames():
                edge.append(frame.leaf)
            if edge.size > before:
                signed(reader.key, edge, reader.carried)
        if reader.torn:
            os.ftruncate(self._handle, reader.end)
            os.fsync(self._handle)
        os.lseek(self._handle, reader.end, os.SEEK_SET)
        self._edge, self._carried, self._end = edge, reader.carried, reader.end

    def _begin(self) -> None:
        if part_of(self._path, 1).exists():
            raise StoreDamaged("AUD-002", path="audit log", hint="its last part is gone")
        header = header_of(self._key.verify_key)
        try:
            os.lseek(self._handle, 0, os.SEEK_SET)
            _write_all(self._handle, header)
            os.fsync(self._handle)
            _sync_folder(self._path.parent)
        except OSError:
            raise InvalidRequest("USE-002", path="audit log", hint="the file system does not take it") from None
        self._edge, self._carried, self._end = CompactRange(), header, len(header)

    @staticmethod
    def verify(
        path: str | os.PathLike[str],
        key: VerifyKey | None = None,
        *,
        at: str | bytes | None = None,
        archived: bool = False,
    ) -> AuditState:
        """Check a log with all its parts, while it is being written too.

        Parameters
        ----------
        path : path
            The last part.
        key : VerifyKey, optional
            The key that must have signed it. Without it, the log's own: that finds damage, but not a log that
            somebody made anew with a key of theirs.
        at : str, optional
            A signed note that was kept elsewhere.
        archived : bool
            Whether the oldest parts may be elsewhere: the tree then goes on from the signed state before the first
            part that is here, and a checkpoint that is older than that cannot be compared.

        Raises
        ------
        StoreDamaged
            ``AUD-002`` for a log that is not what was written, or lacks a part; ``AUD-003`` for a checkpoint that the
            key did not sign, or that says of the log what is not so.
        """
        return state_of(readers(Path(path), archived=archived), key, at=at)

    @staticmethod
    def events(path: str | os.PathLike[str], *, archived: bool = False) -> Iterator[AuditRecord]:
        """Yield the events of all parts of a log in order; check them with :meth:`verify`.

        Raises
        ------
        StoreDamaged
            ``AUD-002`` at an entry that is none.
        """
        for reader in readers(Path(path), archived=archived):
            for number, frame in enumerate(reader.frames(), reader.edge.size + 1):
                yield parse_event(frame.event, number)

    @staticmethod
    def tree(path: str | os.PathLike[str]) -> MerkleTree:
        """Return the Merkle tree of all parts, to make proofs of inclusion and of consistency."""
        return MerkleTree(frame.leaf for reader in readers(Path(path)) for frame in reader.frames())


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError:
        raise InvalidRequest("USE-002", path="audit log", hint="it cannot be opened for writing") from None


def _lock(handle: int, wait: float) -> None:
    until = time.monotonic() + wait
    while True:
        with suppress(BlockingIOError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        if time.monotonic() >= until:
            raise VaultLocked("SEC-003", hint="the audit log has a writer")
        time.sleep(_PAUSE)


def _is_at(handle: int, path: Path) -> bool:
    """Tell whether a file still has its name: a rotation gives the name to the next part."""
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path))
    except OSError:
        return False


def _sync_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _write_all(handle: int, data: bytes | bytearray) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(handle, rest) :]
