"""The audit trail on a disk: one append-only file, every event durable and signed before the call returns.

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
"""

from __future__ import annotations

import base64
import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import BinaryIO, Final, Self
from zlib import crc32

from ..crypto.signing import SIGNATURE_SIZE, SigningKey, VerifyKey
from ..errors import AuditUnavailable, InvalidRequest, IomtError, ModelError, StoreDamaged, VaultLocked
from ..privacy.audit.checkpoint import Checkpoint, note_of
from ..privacy.audit.merkle import CompactRange, MerkleTree, leaf_hash
from ..privacy.audit.sink import AuditRecord

__all__ = ["AuditLog", "AuditState", "LogReader"]

_MAGIC: Final = b"iomt-audit 1 "
_MAX_HEADER: Final = 512
_MAX_EVENT: Final = 1 << 24
_PREFIX: Final = re.compile(rb"([0-9a-f]{8})([0-9a-f]{8}) ")
_PREFIX_SIZE: Final = 17
_SIGNATURE_LINE: Final = (SIGNATURE_SIZE + 2) // 3 * 4 + 1


@dataclass(frozen=True, slots=True)
class AuditState:
    """What a whole reading of a log found."""

    key: VerifyKey
    """The key that signed it."""
    events: int
    root: bytes
    torn: int
    """Octets of an event that a crash cut off before it was acknowledged."""
    note: str | None = None
    """The checkpoint as a signed note, with the log's own last signature; ``None`` of an empty log."""

    @property
    def checkpoint(self) -> Checkpoint:
        """The state as a checkpoint."""
        return Checkpoint(self.key.name, self.events, self.root)


@dataclass(frozen=True, slots=True)
class _Frame:
    """One entry as it stands in the file."""

    leaf: bytes
    event: bytes
    signature: bytes
    end: int


def _check(length: int, number: int) -> bytes:
    """Return a check of an entry's length, which cannot be told from a torn end otherwise."""
    return b"%08x" % crc32(b"%d of %d" % (length, number))


def _damaged(number: int) -> StoreDamaged:
    return StoreDamaged("AUD-002", path=f"entry {number}")


class LogReader:
    """Reads a log from its beginning.

    Parameters
    ----------
    stream : binary file
        At its beginning.

    Raises
    ------
    StoreDamaged
        ``AUD-002`` when it is no log.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        line = stream.readline(_MAX_HEADER)
        if not line.startswith(_MAGIC) or not line.endswith(b"\n"):
            raise StoreDamaged("AUD-002", path="header")
        try:
            self.key = VerifyKey.parse(line[len(_MAGIC) : -1].decode("utf-8", "strict"))
        except (IomtError, UnicodeDecodeError):
            raise StoreDamaged("AUD-002", path="header") from None
        if _header(self.key) != line:
            raise StoreDamaged("AUD-002", path="header")
        self._carried = line
        self.end = len(line)
        self.torn = 0

    def frames(self) -> Iterator[_Frame]:
        """Yield every whole entry; what a crash cut off ends it, and is counted in :attr:`torn`.

        Raises
        ------
        StoreDamaged
            ``AUD-002`` at the first entry that is not one.
        """
        number = 1
        while True:
            prefix = self._stream.read(_PREFIX_SIZE)
            length = self._length(prefix, number)
            rest = b"" if length is None else self._stream.read(length + 1 + _SIGNATURE_LINE)
            if length is None or len(rest) < length + 1 + _SIGNATURE_LINE:
                self.torn = len(prefix) + len(rest)
                self._check_torn(rest, length, number)
                return
            event, signature = rest[:length], rest[length + 1 :]
            if rest[length : length + 1] != b"\n" or signature[-1:] != b"\n":
                raise _damaged(number)
            self.end += len(prefix) + len(rest)
            yield _Frame(leaf_hash(self._carried + prefix + event + b"\n"), event, signature, self.end)
            self._carried = signature
            number += 1

    @staticmethod
    def _length(prefix: bytes, number: int) -> int | None:
        """Return the length that an entry states, or ``None`` when the file ends inside the statement."""
        if len(prefix) < _PREFIX_SIZE:
            # What a crash left is the beginning of a prefix; a longer one is checked whole.
            if re.fullmatch(rb"[0-9a-f]{0,16}", prefix) is None:
                raise _damaged(number)
            if len(prefix) == _PREFIX_SIZE - 1 and prefix[8:] != _check(int(prefix[:8], 16), number):
                raise _damaged(number)
            return None
        match = _PREFIX.fullmatch(prefix)
        if match is None:
            raise _damaged(number)
        length = int(match[1], 16)
        if match[2] != _check(length, number) or not 0 < length <= _MAX_EVENT:
            raise _damaged(number)
        return length

    @staticmethod
    def _check_torn(rest: bytes, length: int | None, number: int) -> None:
        # A line's end inside the event or the signature, or none between them, is no crash's doing.
        if length is None:
            return
        event, end, signature = rest[:length], rest[length : length + 1], rest[length + 1 :]
        if b"\n" in event or end not in (b"", b"\n") or re.fullmatch(rb"[A-Za-z0-9+/=]*", signature) is None:
            raise _damaged(number)

    def state(self, key: VerifyKey | None = None, *, at: Checkpoint | None = None) -> AuditState:
        """Read and check the whole log.

        Parameters
        ----------
        key : VerifyKey, optional
            The key that must have signed it; without it, the one that the log itself names.
        at : Checkpoint, optional
            A verified checkpoint that was kept elsewhere: the log must contain what it says.

        Raises
        ------
        StoreDamaged
            ``AUD-002`` when it is not what was written, ``AUD-003`` when it is not what the checkpoint says.
        """
        if key is not None and key != self.key:
            raise StoreDamaged("AUD-003", hint="the log is signed with another key")
        edge, last = CompactRange(), b""
        seen = _same(at, edge, self.key)
        for frame in self.frames():
            _parse(frame.event, edge.size + 1)
            edge.append(frame.leaf)
            last = frame.signature
            seen = seen or _same(at, edge, self.key)
        found = AuditState(self.key, edge.size, edge.root(), self.torn)
        if edge.size:
            found = replace(found, note=note_of(found.checkpoint, self.key, _require_signature(found, last)))
        if not seen:
            raise StoreDamaged("AUD-003", hint="the log does not hold what the checkpoint says: cut off, or another")
        return found


def _same(at: Checkpoint | None, edge: CompactRange, key: VerifyKey) -> bool:
    """Tell whether a log of this state is what a checkpoint says."""
    if at is None:
        return True
    return edge.size == at.size and edge.root() == at.root and at.origin == key.name


def _require_signature(state: AuditState, line: bytes) -> bytes:
    """Return the signature when it is the key's over this state."""
    try:
        signature = base64.b64decode(line[:-1], validate=True)
    except ValueError:
        raise _damaged(state.events) from None
    # Of the last character of a base64 text some bits mean nothing; they must not be changed either.
    if _signature_line(signature) != line or not state.key.verify(signature, state.checkpoint.text().encode()):
        raise _damaged(state.events)
    return signature


def _signature_line(signature: bytes) -> bytes:
    return base64.b64encode(signature) + b"\n"


def _header(key: VerifyKey) -> bytes:
    return _MAGIC + str(key).encode() + b"\n"


def _parse(event: bytes, number: int) -> AuditRecord:
    try:
        record = AuditRecord.from_json(event)
    except ModelError:
        raise _damaged(number) from None
    return record


class AuditLog:
    """A log that is being written: an :class:`~iomt_interop.privacy.audit.AuditSink` for all threads of one process.

    Parameters
    ----------
    path : path
        The file; made when there is none.
    key : SigningKey
        Signs every event; its name is the log's origin.

    Raises
    ------
    VaultLocked
        ``SEC-003`` when another process writes to it.
    StoreDamaged
        ``AUD-002`` when it is not what was written, ``AUD-003`` when another key signed it.
    InvalidRequest
        ``USE-002`` when the file cannot be opened.
    """

    def __init__(self, path: str | os.PathLike[str], key: SigningKey) -> None:
        self._key = key
        self._edge: CompactRange = CompactRange()
        self._carried: bytes = b""
        self._one_at_a_time = Lock()
        self._process = os.getpid()
        self._handle = _open(Path(path))
        try:
            with suppress(BlockingIOError):
                fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._recover(Path(path))
                return
            raise VaultLocked("SEC-003", hint="the audit log has a writer")
        except BaseException:
            os.close(self._handle)
            self._handle = -1
            raise

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
        text = event.to_json()
        if len(text) > _MAX_EVENT:
            raise AuditUnavailable("AUD-001", hint="the event is too long")
        with self._one_at_a_time:
            self._append(text)

    def _append(self, text: bytes) -> None:
        if self._handle < 0:
            raise AuditUnavailable("AUD-001", hint="the log is closed")
        if os.getpid() != self._process:
            # A forked child shares the file and its lock, and not what its parent has written since.
            raise AuditUnavailable("AUD-001", hint="the log was opened by another process")
        edge = self._edge.copy()
        prefix = b"%08x%b " % (len(text), _check(len(text), edge.size + 1))
        edge.append(leaf_hash(self._carried + prefix + text + b"\n"))
        note = Checkpoint(self._key.name, edge.size, edge.root()).text()
        signature = _signature_line(self._key.sign(note.encode()))
        try:
            _write_all(self._handle, prefix + text + b"\n" + signature)
            os.fsync(self._handle)
        except OSError:
            self.close()
            raise AuditUnavailable("AUD-001", hint="the file system does not take it") from None
        except BaseException:
            self.close()
            raise
        self._edge, self._carried = edge, signature

    def checkpoint(self) -> str:
        """Return the signed note of the present state, to be kept elsewhere."""
        return Checkpoint(self._key.name, self._edge.size, self._edge.root()).sign(self._key)

    def _recover(self, path: Path) -> None:
        """Read what is there, remove what a crash left behind the last signature, go to the end."""
        if os.fstat(self._handle).st_size == 0:
            self._begin(path)
            return
        with open(os.dup(self._handle), "rb") as stream:
            stream.seek(0)
            header = stream.readline(_MAX_HEADER)
            if not header.endswith(b"\n") and _header(self._key.verify_key).startswith(header):
                # The log was cut off while it was being made.
                os.ftruncate(self._handle, 0)
                self._begin(path)
                return
            stream.seek(0)
            reader = LogReader(stream)
            if reader.key != self._key.verify_key:
                raise StoreDamaged("AUD-003", hint="the log is signed with another key")
            edge, last = CompactRange(), b""
            for frame in reader.frames():
                edge.append(frame.leaf)
                last = frame.signature
            if edge.size:
                _require_signature(AuditState(reader.key, edge.size, edge.root(), 0), last)
        if reader.torn:
            os.ftruncate(self._handle, reader.end)
            os.fsync(self._handle)
        os.lseek(self._handle, reader.end, os.SEEK_SET)
        self._edge, self._carried = edge, last or _header(reader.key)

    def _begin(self, path: Path) -> None:
        header = _header(self._key.verify_key)
        try:
            os.lseek(self._handle, 0, os.SEEK_SET)
            _write_all(self._handle, header)
            os.fsync(self._handle)
            folder = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError:
            raise InvalidRequest("USE-002", path="audit log", hint="the file system does not take it") from None
        self._edge, self._carried = CompactRange(), header

    @staticmethod
    def verify(
        path: str | os.PathLike[str], key: VerifyKey | None = None, *, at: str | bytes | None = None
    ) -> AuditState:
        """Check a log file, while it is being written too.

        Parameters
        ----------
        path : path
            The file.
        key : VerifyKey, optional
            The key that must have signed it. Without it, the log's own: that finds damage, but not a log that
            somebody made anew with a key of theirs.
        at : str, optional
            A signed note that was kept elsewhere.

        Raises
        ------
        StoreDamaged
            ``AUD-002`` for a log that is not what was written; ``AUD-003`` for a checkpoint that the key did not
            sign, or that says of the log what is not so.
        """
        with _reading(path) as stream:
            reader = LogReader(stream)
            kept = None if at is None else Checkpoint.open(at, [key or reader.key])
            return reader.state(key, at=kept)

    @staticmethod
    def events(path: str | os.PathLike[str]) -> Iterator[AuditRecord]:
        """Yield the events of a log in order; check them with :meth:`verify`.

        Raises
        ------
        StoreDamaged
            ``AUD-002`` at an entry that is none.
        """
        with _reading(path) as stream:
            for number, frame in enumerate(LogReader(stream).frames(), 1):
                yield _parse(frame.event, number)

    @staticmethod
    def tree(path: str | os.PathLike[str]) -> MerkleTree:
        """Return the log's Merkle tree, to make proofs of inclusion and of consistency."""
        with _reading(path) as stream:
            return MerkleTree(frame.leaf for frame in LogReader(stream).frames())


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError:
        raise InvalidRequest("USE-002", path="audit log", hint="it cannot be opened for writing") from None


def _reading(path: str | os.PathLike[str]) -> BinaryIO:
    try:
        return Path(path).open("rb")
    except OSError:
        raise InvalidRequest("USE-002", path="audit log", hint="it cannot be read") from None


def _write_all(handle: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(handle, rest) :]
