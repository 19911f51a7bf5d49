"""What the files of an audit log are made of, and how they are read: headers, entries, parts."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Final
from zlib import crc32

from ..crypto.signing import SIGNATURE_SIZE, VerifyKey
from ..errors import InvalidRequest, IomtError, ModelError, StoreDamaged
from ..privacy.audit.checkpoint import Checkpoint, note_of
from ..privacy.audit.merkle import HASH_SIZE, CompactRange, leaf_hash
from ..privacy.audit.sink import AuditRecord

__all__ = ["MAX_EVENT", "AuditState", "Frame", "LogReader", "Start"]

MAX_EVENT: Final = 1 << 24
"""Octets of one event."""

_MAGIC: Final = b"iomt-audit 1 "
_NEXT: Final = b"iomt-audit 2 "
_MAX_HEADER: Final = 8192
_PREFIX: Final = re.compile(rb"([0-9a-f]{8})([0-9a-f]{8}) ")
_PREFIX_SIZE: Final = 17
_SIGNATURE_LINE: Final = (SIGNATURE_SIZE + 2) // 3 * 4 + 1
_NUMBER: Final = re.compile(rb"[1-9][0-9]{0,17}")


@dataclass(frozen=True, slots=True)
class Start:
    """Where a later part of a log begins: its number, the tree so far, and the signature of that state."""

    part: int
    edge: CompactRange
    signature: bytes
    """The last line of the part before."""

    def fields(self) -> bytes:
        """Return what the header says of it."""
        peaks = base64.b64encode(b"".join(self.edge.peaks))
        return b" %d %d %b %b" % (self.part, self.edge.size, peaks, self.signature[:-1])


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
    parts: int = 1
    """Files that were read."""
    absent: int = 0
    """Events of the parts that are kept elsewhere: they were not read, the tree goes on from their checkpoint."""

    @property
    def checkpoint(self) -> Checkpoint:
        """The state as a checkpoint."""
        return Checkpoint(self.key.name, self.events, self.root)


@dataclass(frozen=True, slots=True)
class Frame:
    """One entry as it stands in the file."""

    leaf: bytes
    event: bytes
    signature: bytes
    end: int


def check_of(length: int, number: int) -> bytes:
    """Return a check of an entry's length, which cannot be told from a torn end otherwise."""
    return b"%08x" % crc32(b"%d of %d" % (length, number))


def framed(text: bytes, number: int) -> bytes:
    """Return the line of an event."""
    return b"%08x%b %b\n" % (len(text), check_of(len(text), number), text)


def signature_line(signature: bytes) -> bytes:
    """Return the line of a signature."""
    return base64.b64encode(signature) + b"\n"


def header_of(key: VerifyKey, start: Start | None = None) -> bytes:
    """Return the first line of a part."""
    name = str(key).encode()
    return _MAGIC + name + b"\n" if start is None else _NEXT + name + start.fields() + b"\n"


def part_of(path: Path, number: int) -> Path:
    """Return the name of a part that is closed."""
    return path.with_name(f"{path.name}.{number:06d}")


def _damaged(number: int) -> StoreDamaged:
    return StoreDamaged("AUD-002", path=f"entry {number}")


class LogReader:
    """Reads one part of a log from its beginning.

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
        name, _, rest = line[len(_MAGIC) : -1].partition(b" ")
        if line[: len(_MAGIC)] not in (_MAGIC, _NEXT) or not line.endswith(b"\n"):
            raise StoreDamaged("AUD-002", path="header")
        try:
            self.key = VerifyKey.parse(name.decode("utf-8", "strict"))
        except (IomtError, UnicodeDecodeError):
            raise StoreDamaged("AUD-002", path="header") from None
        self.start = _start(rest, self.key) if line.startswith(_NEXT) else None
        if header_of(self.key, self.start) != line:
            raise StoreDamaged("AUD-002", path="header")
        self.carried = line
        self.end = len(line)
        self.torn = 0
        self._number = self.edge.size + 1

    @property
    def edge(self) -> CompactRange:
        """The tree as it was when this part began."""
        return CompactRange() if self.start is None else self.start.edge.copy()

    @property
    def part(self) -> int:
        """The part's number, from 1."""
        return 1 if self.start is None else self.start.part

    def resume(self, end: int, events: int, carried: bytes) -> None:
        """Go on behind what was read before: at a place, after a number of events, with the line before it."""
        self._stream.seek(end)
        self.end, self._number, self.carried = end, events + 1, carried

    def frames(self) -> Iterator[Frame]:
        """Yield every whole entry; what a crash cut off ends it, and is counted in ``torn``.

        Raises
        ------
        StoreDamaged
            ``AUD-002`` at the first entry that is not one.
        """
        while True:
            number = self._number
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
            leaf = leaf_hash(self.carried + prefix + event + b"\n")
            self.carried = signature
            self._number += 1
            yield Frame(leaf, event, signature, self.end)

    @staticmethod
    def _length(prefix: bytes, number: int) -> int | None:
        """Return the length that an entry states, or ``None`` when the file ends inside the statement."""
        if len(prefix) < _PREFIX_SIZE:
            # What a crash left is the beginning of a prefix; a longer one is checked whole.
            if re.fullmatch(rb"[0-9a-f]{0,16}", prefix) is None:
                raise _damaged(number)
            if len(prefix) == _PREFIX_SIZE - 1 and prefix[8:] != check_of(int(prefix[:8], 16), number):
                raise _damaged(number)
            return None
        match = _PREFIX.fullmatch(prefix)
        if match is None:
            raise _damaged(number)
        length = int(match[1], 16)
        if match[2] != check_of(length, number) or not 0 < length <= MAX_EVENT:
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


def _start(rest: bytes, key: VerifyKey) -> Start:
    """Read where a later part begins; its own key must have signed that state."""
    words = rest.split(b" ")
    if len(words) != 4 or not all(map(_NUMBER.fullmatch, words[:2])):
        raise StoreDamaged("AUD-002", path="header")
    try:
        raw = base64.b64decode(words[2], validate=True)
    except ValueError:
        raise StoreDamaged("AUD-002", path="header") from None
    part, size = int(words[0]), int(words[1])
    if part < 2 or len(raw) != size.bit_count() * HASH_SIZE:
        raise StoreDamaged("AUD-002", path="header")
    edge = CompactRange.of(size, [raw[at : at + HASH_SIZE] for at in range(0, len(raw), HASH_SIZE)])
    line = words[3] + b"\n"
    signed(key, edge, line)
    return Start(part, edge, line)


def signed(key: VerifyKey, edge: CompactRange, line: bytes) -> bytes:
    """Return the signature of a line when it is the key's over this state.

    Raises
    ------
    StoreDamaged
        ``AUD-002`` when it is not.
    """
    try:
        signature = base64.b64decode(line[:-1], validate=True)
    except ValueError:
        raise _damaged(edge.size) from None
    state = Checkpoint(key.name, edge.size, edge.root())
    # Of the last character of a base64 text some bits mean nothing; they must not be changed either.
    if signature_line(signature) != line or not key.verify(signature, state.text().encode()):
        raise _damaged(edge.size)
    return signature


def parse_event(event: bytes, number: int) -> AuditRecord:
    """Read the event of an entry.

    Raises
    ------
    StoreDamaged
        ``AUD-002`` when it is none.
    """
    try:
        return AuditRecord.from_json(event)
    except ModelError:
        raise _damaged(number) from None


def readers(path: Path, *, archived: bool = False) -> Iterator[LogReader]:
    """Yield a reader of every part, the oldest first; each is closed when the next one is asked for.

    Parameters
    ----------
    path : Path
        The last part, which is being written to.
    archived : bool
        Whether the oldest parts may be elsewhere.

    Raises
    ------
    StoreDamaged
        ``AUD-002`` when a part is missing, or is not the part that its name says.
    """
    with opened(path) as stream:
        last = LogReader(stream)
        found = False
        for number in range(1, last.part):
            name = part_of(path, number)
            if archived and not found and not name.exists():
                continue
            found = True
            if not name.exists():
                raise StoreDamaged("AUD-002", path=f"part {number}", hint="it is missing")
            with opened(name) as old:
                reader = LogReader(old)
                if reader.part != number:
                    raise StoreDamaged("AUD-002", path=f"part {number}", hint="it is another part")
                yield reader
        yield last


def opened(path: Path) -> BinaryIO:
    """Open a part for reading.

    Raises
    ------
    InvalidRequest
        ``USE-002`` when that is not possible.
    """
    try:
        return path.open("rb")
    except OSError:
        raise InvalidRequest("USE-002", path="audit log", hint="it cannot be read") from None


def state_of(parts: Iterator[LogReader], key: VerifyKey | None, *, at: str | bytes | None = None) -> AuditState:
    """Read and check all parts of a log.

    Parameters
    ----------
    parts : iterator of LogReader
        The parts, the oldest first.
    key : VerifyKey or None
        The key that must have signed it; without it, the one that the log itself names.
    at : str or bytes, optional
        A signed note that was kept elsewhere: the log must contain what it says.

    Raises
    ------
    StoreDamaged
        ``AUD-002`` when it is not what was written, ``AUD-003`` when it is not what the checkpoint says.
    """
    edge, line, count, absent, torn = CompactRange(), b"", 0, 0, 0
    kept: Checkpoint | None = None
    seen = at is None
    for reader in parts:
        key = key or reader.key
        if key != reader.key:
            raise StoreDamaged("AUD-003", hint="the log is signed with another key")
        if at is not None and kept is None:
            kept = Checkpoint.open(at, [key])
        if not count:
            edge, absent = reader.edge, reader.edge.size
        elif torn or not _goes_on(reader, edge, line):
            raise StoreDamaged("AUD-002", path=f"part {reader.part}", hint="it does not go on where the last one ended")
        line = line if reader.start is None else reader.start.signature
        count += 1
        seen = seen or _same(kept, edge, key)
        for frame in reader.frames():
            parse_event(frame.event, edge.size + 1)
            edge.append(frame.leaf)
            line = frame.signature
            seen = seen or _same(kept, edge, key)
        torn = reader.torn
    assert key is not None  # there is a last part always
    found = AuditState(key, edge.size, edge.root(), torn, parts=count, absent=absent)
    if edge.size:
        found = replace(found, note=note_of(found.checkpoint, key, signed(key, edge, line)))
    if not seen:
        raise StoreDamaged("AUD-003", hint="the log does not hold what the checkpoint says: cut off, or another")
    return found


def _goes_on(reader: LogReader, edge: CompactRange, line: bytes) -> bool:
    """Tell whether a part begins with the state that the part before ended with."""
    start = reader.start
    return start is not None and (start.signature, start.edge.size, start.edge.root()) == (
        line, edge.size, edge.root(),
    )  # fmt: skip


def _same(at: Checkpoint | None, edge: CompactRange, key: VerifyKey) -> bool:
    """Tell whether a log of this state is what a checkpoint says."""
    return at is not None and edge.size == at.size and edge.root() == at.root and at.origin == key.name
