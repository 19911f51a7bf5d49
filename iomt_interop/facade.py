"""The facade: the only place where files meet readers."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from io import BytesIO, TextIOBase, UnsupportedOperation
from itertools import chain
from pathlib import Path
from typing import BinaryIO, Final, get_args

from .errors import InvalidRequest, LimitExceeded, SourceUnavailable, UnrecognisedFormat
from .model import Issue, Record
from .plugins import (
    HEAD,
    AdapterInfo,
    Candidate,
    DirectoryReader,
    ReadContext,
    Reader,
    Registry,
    Translation,
    WriteContext,
    check_directory_reader,
    check_reader,
    check_writer,
    choose,
    default_registry,
    guarded,
    sniff_bytes,
    sniff_members,
)

__all__ = ["CHUNK", "Source", "adapters", "message_reader", "read", "sniff", "stream_chunks", "translate", "write"]

Source = bytes | bytearray | memoryview | str | os.PathLike[str] | BinaryIO
"""Bytes, the path of a file or (for adapters that read directories) of a folder, or a binary file object."""

CHUNK: Final = 1 << 20
"""Octets that are read at a time."""

_A_SOURCE: Final = "bytes, a path or a binary file"
_RECORD_KINDS: Final[tuple[type, ...]] = get_args(get_args(Record)[0])


def adapters(*, registry: Registry | None = None) -> tuple[AdapterInfo, ...]:
    """List the installed adapters; no adapter is imported.

    Returns
    -------
    tuple of AdapterInfo
        In alphabetical order; an adapter that cannot be used says why in ``problem``.

    Examples
    --------
    >>> import iomt_interop as iomt
    >>> "fhir_r4" in [adapter.id for adapter in iomt.adapters() if "write" in adapter.directions]
    True
    """
    return tuple(adapter.info() for adapter in (registry or default_registry()).adapters.values())


def sniff(source: Source, *, name: str | None = None, registry: Registry | None = None) -> list[Candidate]:
    """Ask every installed adapter whether it knows the source; no adapter is imported.

    Parameters
    ----------
    source : bytes, path or binary file
        A seekable file is left where it was; of others the first octets are consumed.
    name : str, optional
        File name to judge by; a path brings its own.

    Returns
    -------
    list of Candidate
        Best evidence first; empty when nobody knows the source.

    Raises
    ------
    UnrecognisedFormat
        ``SRC-001`` when the source is empty.
    SourceUnavailable
        When the source cannot be opened or read.
    """
    folder = _folder(source)
    if folder is not None:
        return _sniff_folder(folder, registry or default_registry())
    with ExitStack() as stack:
        stream, known = _open(source, stack)
        head = _head(stream)
        if _seekable(stream):
            stream.seek(-len(head), os.SEEK_CUR)
    if not head:
        raise UnrecognisedFormat("SRC-001")
    return sniff_bytes(head, name or known, (registry or default_registry()).usable())


def read(
    source: Source,
    *,
    adapter: str | None = None,
    context: ReadContext | None = None,
    registry: Registry | None = None,
    progress: Callable[[int], None] | None = None,
) -> Iterator[Record]:
    """Read canonical records from a source, at constant memory.

    Parameters
    ----------
    source : bytes, path or binary file
        What to read.
    adapter : str, optional
        Id of the adapter; overrides detection.
    context : ReadContext, optional
        How to read.
    progress : callable, optional
        Called with the number of octets just consumed.

    Yields
    ------
    Record
        In the order of the source. A source that breaks off gives what was whole, then the error.

    Raises
    ------
    UnrecognisedFormat, AmbiguousFormat
        When detection finds no adapter, or several equally good ones.
    SourceUnavailable
        When the source cannot be opened or read.
    InputError
        When the source is malformed beyond what the context's strictness allows.
    InvalidRequest
        When the source is none of the kinds named above: a text file, for instance.
    """
    registry = registry or default_registry()
    context = context or ReadContext()
    folder = _folder(source)
    if folder is not None:
        if adapter is None:
            adapter = choose(_sniff_folder(folder, registry)).adapter
        made = guarded(adapter, registry.get(adapter).reader_factory(), context)
        members = _folder_batches(adapter, check_directory_reader(adapter, made), folder, context, progress)
        yield from _counted(members, context)
        return
    with ExitStack() as stack:
        stream, name = _open(source, stack)
        head = _head(stream)
        if not head:
            raise UnrecognisedFormat("SRC-001")
        if adapter is None:
            adapter = choose(sniff_bytes(head, name, registry.usable())).adapter
        target = registry.get(adapter)
        if target.manifest is not None and target.manifest.medium == "directory":
            raise InvalidRequest("USE-001", path=adapter, hint="this adapter reads a folder")
        reader = check_reader(adapter, guarded(adapter, target.reader_factory(), context))
        yield from _counted(_batches(adapter, reader, chain([head], _chunks(stream)), context, progress), context)


def message_reader(
    adapter: str, *, context: ReadContext | None = None, registry: Registry | None = None
) -> Callable[[bytes], list[Record]]:
    """Return what reads one whole message after the other: :func:`read` for many short sources of one adapter.

    Parameters
    ----------
    adapter : str
        Id of the adapter.
    context : ReadContext, optional
        How to read; its limits are those of each message.

    Raises
    ------
    AdapterNotFound
        When no installed adapter has the id.
    InvalidRequest
        When the adapter reads folders.
    """
    context = context or ReadContext()
    target = (registry or default_registry()).get(adapter)
    if target.manifest is not None and target.manifest.medium == "directory":
        raise InvalidRequest("USE-001", path=adapter, hint="this adapter reads a folder")
    make, limits = target.reader_factory(), context.limits
    checked: type | None = None

    def one(message: bytes) -> list[Record]:
        nonlocal checked
        if not message:
            raise UnrecognisedFormat("SRC-001")
        if len(message) > limits.max_bytes:
            raise LimitExceeded("SRC-005", span=(limits.max_bytes, len(message)))
        reader: Reader = guarded(adapter, make, context)
        if type(reader) is not checked:
            checked = type(check_reader(adapter, reader))
        found = [*guarded(adapter, reader.feed, message), *guarded(adapter, reader.finish)]
        if len(found) > limits.max_records:
            raise LimitExceeded("SRC-006")
        return found

    return one


def _counted(batches: Iterable[Sequence[Record]], context: ReadContext) -> Iterator[Record]:
    count = 0
    for records in batches:
        count += len(records)
        if count > context.limits.max_records:
            raise LimitExceeded("SRC-006")
        yield from records


def _batches(
    adapter: str, reader: Reader, chunks: Iterable[bytes], context: ReadContext, progress: Callable[[int], None] | None
) -> Iterator[Sequence[Record]]:
    """Feed a reader and yield what it gives, chunk by chunk."""
    total = 0
    for chunk in chunks:
        total += len(chunk)
        if total > context.limits.max_bytes:
            raise LimitExceeded("SRC-005", span=(context.limits.max_bytes, total))
        yield guarded(adapter, reader.feed, chunk)
        if progress is not None:
            progress(len(chunk))
    yield guarded(adapter, reader.finish)


def _folder_batches(
    adapter: str,
    reader: DirectoryReader,
    folder: Path,
    context: ReadContext,
    progress: Callable[[int], None] | None,
) -> Iterator[Sequence[Record]]:
    """Feed a folder's files in the order of their relative paths."""
    total = 0
    for name in _members(folder):
        yield guarded(adapter, reader.member, name)
        with ExitStack() as stack:
            stream, _ = _open(folder / name, stack)
            for chunk in _chunks(stream):
                total += len(chunk)
                if total > context.limits.max_bytes:
                    raise LimitExceeded("SRC-005", path=adapter)
                yield guarded(adapter, reader.feed, chunk)
                if progress is not None:
                    progress(len(chunk))
    yield guarded(adapter, reader.finish)


def _folder(source: Source) -> Path | None:
    """Return the path of a folder; the empty text is no name of the current one."""
    if not isinstance(source, str | os.PathLike) or not os.fspath(source) or not os.path.isdir(source):
        return None
    if not os.access(source, os.R_OK | os.X_OK):
        raise SourceUnavailable("SRC-004", hint="it may not be read by this user")
    return Path(source)


def _members(folder: Path) -> list[str]:
    """List the files of a folder by relative path; hidden ones, and links that lead out of it, are passed over."""
    root = folder.resolve()
    found = []
    for path in folder.rglob("*"):
        name = path.relative_to(folder)
        if any(part.startswith(".") for part in name.parts):
            continue
        if path.is_file() and path.resolve().is_relative_to(root):
            found.append(name.as_posix())
    return sorted(found)


def _sniff_folder(folder: Path, registry: Registry) -> list[Candidate]:
    def head(name: str) -> bytes:
        with ExitStack() as stack:
            return _head(_open(folder / name, stack)[0])

    adapters = [a for a in registry.usable() if a.manifest is not None and a.manifest.medium == "directory"]
    return sniff_members(_members(folder), head, adapters) if adapters else []


def write(
    records: Iterable[Record],
    *,
    to: str,
    context: WriteContext | None = None,
    registry: Registry | None = None,
) -> bytes:
    """Write records in another format; see :func:`translate` for the losses.

    Raises
    ------
    AdapterNotFound
        When no installed adapter has the id ``to``.
    InvalidRequest
        When ``records`` is not an iterable of records.
    """
    return _written(records, to, context, registry).payload


def translate(
    source: Source,
    *,
    to: str,
    adapter: str | None = None,
    context: ReadContext | None = None,
    write_context: WriteContext | None = None,
    registry: Registry | None = None,
    progress: Callable[[int], None] | None = None,
) -> Translation:
    r"""Translate a source into another format.

    Returns
    -------
    Translation
        ``payload`` in the target format, ``losses`` that the target could not say, ``issues`` that the
        reader found.

    Examples
    --------
    >>> import iomt_interop as iomt
    >>> message = b"MSH|^~\\&|MON||||20261124105800+0100||ORU^R01^ORU_R01|1|P|2.6\rPID|||X1\rOBR|1\r"
    >>> result = iomt.translate(message, to="fhir_r4")
    >>> result.payload.startswith(b'{"resourceType":"Bundle"')
    True
    """
    issues: list[Issue] = []

    def kept() -> Iterator[Record]:
        for record in read(source, adapter=adapter, context=context, registry=registry, progress=progress):
            if isinstance(record, Issue):
                issues.append(record)
            yield record

    result = _written(kept(), to, write_context, registry)
    return Translation(result.payload, result.losses, tuple(issues))


def _written(
    records: Iterable[Record], to: str, context: WriteContext | None, registry: Registry | None
) -> Translation:
    target = (registry or default_registry()).get(to)
    writer = check_writer(to, guarded(to, target.writer_factory(), context or WriteContext()))
    payload = b"".join(stream_chunks(to, writer.write(_only_records(records))))
    return Translation(payload, tuple(writer.losses))


def _only_records(records: Iterable[Record]) -> Iterator[Record]:
    """Pass records on; anything else is the caller's mistake, and not the adapter's that would stumble over it."""
    # A record is iterable itself: pydantic's models yield their fields.
    if isinstance(records, _RECORD_KINDS) or not isinstance(records, Iterable):
        raise InvalidRequest("USE-001", path="records", hint="an iterable of records, as read() gives it")
    return _each_a_record(records)


def _each_a_record(records: Iterable[Record]) -> Iterator[Record]:
    for number, record in enumerate(records):
        if not isinstance(record, _RECORD_KINDS):
            raise InvalidRequest("USE-001", path=f"records[{number}]", hint="not a record")
        yield record


def stream_chunks(adapter_id: str, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield an adapter's chunks; what it raises passes the boundary of :func:`~iomt_interop.plugins.guarded`."""
    while (chunk := guarded(adapter_id, next, chunks, None)) is not None:
        yield chunk


def _open(source: Source, stack: ExitStack) -> tuple[BinaryIO, str | None]:
    if isinstance(source, memoryview):
        return BytesIO(source.tobytes()), None
    if isinstance(source, bytes | bytearray):
        return BytesIO(source), None
    if isinstance(source, str | os.PathLike):
        try:
            return stack.enter_context(open(source, "rb")), Path(source).name
        except (OSError, ValueError) as error:
            hint = _why(error)
        raise SourceUnavailable("SRC-004", hint=hint)
    if isinstance(source, TextIOBase) or not callable(getattr(source, "read", None)):
        raise InvalidRequest("USE-001", path="source", hint=_A_SOURCE)
    return source, None


def _why(error: OSError | ValueError) -> str:
    """Say in a fixed phrase why a path cannot be opened."""
    match error:
        case FileNotFoundError() | NotADirectoryError():
            return "there is no such file"
        case IsADirectoryError():
            return "it is a folder"
        case PermissionError():
            return "it may not be read by this user"
        case OSError():
            return "the operating system cannot open it"
    return "it is no name of a file"


def _seekable(stream: BinaryIO) -> bool:
    seekable = getattr(stream, "seekable", None)
    return seekable is not None and bool(seekable())


def _head(stream: BinaryIO) -> bytes:
    parts: list[bytes] = []
    wanted = HEAD
    while wanted and (part := _take(stream, wanted)):
        parts.append(part)
        wanted -= len(part)
    return b"".join(parts)


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    while chunk := _take(stream, CHUNK):
        yield chunk


def _take(stream: BinaryIO, size: int) -> bytes:
    try:
        chunk: object = stream.read(size)
    except (UnsupportedOperation, ValueError):
        # Open for writing, or closed.
        raise InvalidRequest("USE-001", path="source", hint=_A_SOURCE) from None
    except (OSError, EOFError):  # the second is how a decompressing file says that it breaks off
        raise SourceUnavailable("SRC-004", hint="reading failed") from None
    if not isinstance(chunk, bytes):
        # Text; or None, which a file that does not wait gives: to take it for the end would lose the rest.
        raise InvalidRequest("USE-001", path="source", hint=_A_SOURCE)
    return chunk
