"""The contract that adapters fulfil: two protocols, and the plain data that passes between them and the library.

There is no base class to inherit. A reader takes chunks of bytes and gives records; a writer takes records
and gives chunks of bytes and a list of what its format could not say. Neither opens a file or a socket.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final, Literal, Protocol, get_args, runtime_checkable
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ..errors import InvalidRequest
from ..model import Instant, Issue, Record, Subject

__all__ = [
    "AdapterInfo",
    "Candidate",
    "DirectoryReader",
    "Evidence",
    "Limits",
    "Loss",
    "ReadContext",
    "Reader",
    "ReaderFactory",
    "Strictness",
    "Translation",
    "WriteContext",
    "Writer",
    "WriterFactory",
]

Strictness = Literal["lenient", "standard", "strict"]

_STRICTNESS: Final[tuple[str, ...]] = get_args(Strictness)
_IDENTITY: Final = ("keep", "exclude")
_RAW_STATUS: Final = ("preliminary", "final")


def _one_of(field_name: str, value: object, allowed: tuple[str, ...]) -> None:
    # A misspelt word would otherwise count as the most lenient one, in silence.
    if not isinstance(value, str) or value not in allowed:
        raise InvalidRequest("USE-001", path=field_name, hint="one of " + ", ".join(allowed))


def _is_a(field_name: str, value: object, kind: type, hint: str) -> None:
    if not isinstance(value, kind):
        raise InvalidRequest("USE-001", path=field_name, hint=hint)


def _zone(field_name: str, value: object) -> None:
    if value is None:
        return
    if isinstance(value, str):
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            pass
        else:
            return
    raise InvalidRequest("USE-001", path=field_name, hint="an IANA zone that is known here, as Europe/Berlin")


class Evidence(IntEnum):
    """How sure a detection is."""

    NO = 0
    NAME = 1
    """The file name fits."""
    SHAPE = 2
    """The content looks like it."""
    MAGIC = 3
    """The content says so."""
    VERIFIED = 4
    """The content's structure was checked."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a reader may spend; beyond it :class:`~iomt_interop.errors.LimitExceeded` is raised.

    Raises
    ------
    InvalidRequest
        ``USE-001`` when a limit is not a whole number above 0.
    """

    max_bytes: int = 4 << 30
    """Length of a source."""
    max_unit: int = 64 << 20
    """Length of one message, APDU or resource."""
    max_records: int = 50_000_000
    max_depth: int = 64
    """Nesting of structures."""

    def __post_init__(self) -> None:
        for name in ("max_bytes", "max_unit", "max_records", "max_depth"):
            value: object = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise InvalidRequest("USE-001", path=name, hint="a whole number above 0")


@dataclass(frozen=True, slots=True)
class ReadContext:
    """How to read; frozen, one per call, nothing global.

    Raises
    ------
    InvalidRequest
        ``USE-001`` with the field's name as its path, when a field has a value that it cannot have.
    """

    strictness: Strictness = "lenient"
    limits: Limits = field(default_factory=Limits)
    default_zone: str | None = None
    """IANA zone of local times without an offset; ``None`` leaves them local. A time that was completed this
    way carries the flag ``assumed-offset``."""
    subject: Subject | None = None
    """Whose data it is, where the source itself does not say (a personal device at home)."""
    received: Instant | None = None
    """When the source arrived; used, and marked as such, only where the source has no time at all."""
    identity: Literal["keep", "exclude"] = "exclude"
    """What happens to demo, test and quality-control data: ``exclude`` keeps them from the patient (their
    ``subject`` is a subject of confidence ``demo`` or ``test``), ``keep`` leaves them with the patient, marked."""

    def __post_init__(self) -> None:
        _one_of("strictness", self.strictness, _STRICTNESS)
        _is_a("limits", self.limits, Limits, "a Limits")
        _zone("default_zone", self.default_zone)
        if self.subject is not None:
            _is_a("subject", self.subject, Subject, "a Subject or None")
        if self.received is not None:
            _is_a("received", self.received, Instant, "an Instant or None")
        _one_of("identity", self.identity, _IDENTITY)


@dataclass(frozen=True, slots=True)
class WriteContext:
    """How to write; frozen, one per call.

    Raises
    ------
    InvalidRequest
        ``USE-001`` with the field's name as its path, when a field has a value that it cannot have.
    """

    strictness: Strictness = "standard"
    form: str | None = None
    """A variant of the target format (``fhir_r4``: ``collection``, ``transaction``, ``ndjson``, ``source``)."""
    include_test_data: bool = False
    """Whether demo, test and quality-control data are written at all."""
    raw_status: Literal["preliminary", "final"] = "preliminary"
    """What the unvalidated status of a device (OBX-11 ``R``) becomes; the source's own is written beside it."""

    def __post_init__(self) -> None:
        _one_of("strictness", self.strictness, _STRICTNESS)
        if self.form is not None:
            _is_a("form", self.form, str, "a name or None")
        _is_a("include_test_data", self.include_test_data, bool, "True or False")
        _one_of("raw_status", self.raw_status, _RAW_STATUS)


@dataclass(frozen=True, slots=True)
class Loss:
    """One thing that the target format could not say; names a place, never a value."""

    record: str
    """Id of the record."""
    kind: str
    path: str
    """Canonical path inside the record (``quality.index``)."""
    reason: str
    """A short fixed phrase."""


@dataclass(frozen=True, slots=True, repr=False)
class Translation:
    """The result of a translation."""

    payload: bytes
    losses: tuple[Loss, ...] = ()
    issues: tuple[Issue, ...] = ()

    def __repr__(self) -> str:
        return f"Translation({len(self.payload)} bytes, {len(self.losses)} losses, {len(self.issues)} issues)"


@dataclass(frozen=True, slots=True)
class Candidate:
    """One answer to the question what a source is."""

    adapter: str
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class AdapterInfo:
    """One installed adapter, as its manifest tells it."""

    id: str
    title: str
    version: str
    distribution: str
    medium: str
    directions: tuple[str, ...]
    records: tuple[str, ...]
    lossless: str
    clock: str
    status: str
    phi: tuple[str, ...]
    problem: str | None = None
    """Why it cannot be used; ``None`` when it can."""


@runtime_checkable
class Reader(Protocol):
    """Turns bytes into records, however the bytes are cut."""

    def feed(self, chunk: bytes | memoryview, /) -> Sequence[Record]:
        """Take more input and return the records that are now whole."""
        ...

    def finish(self) -> Sequence[Record]:
        """End the input and return the rest; raise an InputError where it ends inside a structure."""
        ...


@runtime_checkable
class DirectoryReader(Reader, Protocol):
    """Reader of a directory (``medium = "directory"``): it is told the name of each file before its bytes.

    The files come in the order of their relative paths; spans of records are byte ranges within a file, and
    their ``provenance.path`` begins with its name.
    """

    def member(self, name: str, /) -> Sequence[Record]:
        """Begin a file, named by its path relative to the directory; return what ended with the one before."""
        ...


@runtime_checkable
class Writer(Protocol):
    """Turns records into bytes and lists what its format could not say."""

    @property
    def losses(self) -> Sequence[Loss]:
        """Whatever has been lost so far."""
        ...

    def write(self, records: Iterable[Record], /) -> Iterator[bytes]:
        """Return the payload in chunks."""
        ...


class ReaderFactory(Protocol):
    """``make_reader`` of an adapter."""

    def __call__(self, context: ReadContext, /) -> Reader:
        """Return a new reader for one source."""
        ...


class WriterFactory(Protocol):
    """``make_writer`` of an adapter."""

    def __call__(self, context: WriteContext, /) -> Writer:
        """Return a new writer for one payload."""
        ...
