"""Parquet files of records, encrypted whole: every page, every column's header and the footer under one key.

Parquet Modular Encryption, AES-256-GCM, "uniform": one key for the footer and all columns. Files in which some columns
have a key and others have none are neither written nor read here: what is not covered is not authenticated either.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, Final

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as modular

from ..crypto import KEY_SIZE, SecretKey
from ..errors import DecryptionFailed, InvalidRequest, KeyUnavailable, MalformedInput, SourceUnavailable
from ..model import Record, Waveform
from .columns import REST, SCHEMA
from .rows import from_rows, to_table

__all__ = ["parquet_chunks", "read_parquet", "write_parquet"]

Source = str | os.PathLike[str] | bytes | BinaryIO

_ROWS: Final = 10_000
_OCTETS: Final = 32 << 20
"""Records, and octets of samples, in one row group: what is in memory at a time."""
_LAYOUT: Final[dict[str, Any]] = {
    "compression": "zstd",
    "use_dictionary": [name for name in SCHEMA.names if name not in {"id", "data", "marks", REST}],
    "data_page_size": 1 << 30,
    "dictionary_pagesize_limit": 1 << 30,
}
"""One page for each column of a row group: DuckDB (2.0) reads no second one of an encrypted column."""
_BATCH: Final = 1_000
"""Records that are read at a time."""
_ENCRYPTED: Final = b"PARE"
"""The first and the last octets of a file whose footer is encrypted."""
_TRAILER: Final = 8
"""Octets behind the footer: its length, and the mark."""
_CLEAR: Final = 4096
"""Octets in front of an encrypted footer that are looked at."""
_IN_CLEAR: Final = re.compile(
    rb"\x1c\x1c\x28\x08.{8}\x12?\x00\x00(?:\x18[\x80-\xff]{0,2}[\x00-\x7f].*)?\x00", re.DOTALL
)
"""``FileCryptoMetaData`` in Thrift: AES_GCM_V1, eight octets of the file's own, no AAD prefix, perhaps a key's name."""
_MODULE: Final = 1 << 20
"""More octets than an encrypted page header has."""
_FOREIGN: Final = (pa.ArrowException, OSError, ValueError, TypeError, KeyError, OverflowError, MemoryError)
"""What pyarrow raises for octets that are not what was written."""


class _Sink:
    """What a Parquet writer writes into: it keeps the octets until they are taken."""

    closed = False

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: Any) -> int:
        """Keep a copy."""
        self._parts.append(bytes(data))
        return len(self._parts[-1])

    def flush(self) -> None:
        """Do nothing: there is nothing below."""

    def close(self) -> None:
        """Do nothing."""

    def take(self) -> Iterator[bytes]:
        """Give what was kept."""
        parts, self._parts = self._parts, []
        return iter(parts)


def parquet_chunks(
    records: Iterable[Record], *, key: SecretKey | None = None, plaintext: bool = False
) -> Iterator[bytes]:
    """Return a Parquet file of records in chunks, row group by row group.

    Parameters
    ----------
    records : iterable of Record
        Of any kinds; as many are held as a row group has.
    key : SecretKey
        256 bits; of this file alone, best.
    plaintext : bool
        Write the file in clear; only without a key.

    Raises
    ------
    InvalidRequest
        ``USE-001`` without a key, unless ``plaintext`` says so; for both; and for a key of another length.
    """
    properties = None
    if key is not None:
        _check(key, plaintext)
        properties = modular.create_encryption_properties(bytes(key.value), encryption_algorithm="AES_GCM_V1")
    elif not plaintext:
        raise InvalidRequest("USE-001", path="key", hint="a key, or plaintext=True")
    return _chunks(records, properties)


def _chunks(records: Iterable[Record], properties: Any) -> Iterator[bytes]:
    sink = _Sink()
    # No page index and no bloom filters: a reader that does not ask for them would not notice that they were changed.
    writer = pq.ParquetWriter(sink, SCHEMA, encryption_properties=properties, **_LAYOUT)
    try:
        for group in _groups(records):
            writer.write_table(to_table(group), row_group_size=_ROWS)
            yield from sink.take()
    finally:
        writer.close()
    yield from sink.take()


def _groups(records: Iterable[Record]) -> Iterator[list[Record]]:
    group: list[Record] = []
    octets = 0
    for record in records:
        group.append(record)
        if isinstance(record, Waveform):
            octets += sum(len(segment.data) for segment in record.segments)
        if len(group) >= _ROWS or octets >= _OCTETS:
            yield group
            group, octets = [], 0
    if group:
        yield group


def write_parquet(
    records: Iterable[Record],
    target: str | os.PathLike[str] | BinaryIO,
    *,
    key: SecretKey | None = None,
    plaintext: bool = False,
) -> int:
    """Write a Parquet file of records, encrypted; return its octets.

    A path appears when the file is whole, readable by its owner alone; what stood there is replaced.

    Parameters
    ----------
    records : iterable of Record
        Of any kinds; as many are held as a row group has.
    target : path or binary file
        Where it is written.
    key : SecretKey
        256 bits; of this file alone, best.
    plaintext : bool
        Write the file in clear; only without a key.

    Raises
    ------
    InvalidRequest
        ``USE-001`` without a key, unless ``plaintext`` says so; for both; and for a key of another length.
        ``USE-002`` when the file cannot be written.
    """
    chunks = parquet_chunks(records, key=key, plaintext=plaintext)
    if not isinstance(target, str | os.PathLike):
        return sum(_written(target.write, chunk) for chunk in chunks)
    path = Path(os.path.realpath(target))
    refused = InvalidRequest("USE-002", path="target", hint="the file cannot be written")
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name[:100]}.", suffix=".part", dir=path.parent)
    except OSError:
        raise refused from None
    try:
        with os.fdopen(handle, "wb") as stream:
            size = sum(_written(stream.write, chunk) for chunk in chunks)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(name, path)
    except BaseException as error:
        with suppress(OSError):
            os.unlink(name)
        if isinstance(error, OSError):
            raise refused from None
        raise
    return size


def _written(write: Callable[[bytes], object], chunk: bytes) -> int:
    write(chunk)
    return len(chunk)


def read_parquet(source: Source, *, key: SecretKey | None = None) -> Iterator[Record]:
    """Yield the records of a Parquet file that :func:`write_parquet` wrote, equal and in order.

    Parameters
    ----------
    source : path, bytes or binary file
        The file.
    key : SecretKey, optional
        Its key; with a key a file in clear is refused, so that nobody can put one in the place of an encrypted one.

    Raises
    ------
    DecryptionFailed
        ``SEC-001`` for a wrong key, changed data, and a file in clear where a key was given.
    KeyUnavailable
        ``SEC-002`` for an encrypted file without a key.
    MalformedInput
        ``COL-001`` when the file is no Parquet, or has other columns.
    InvalidRecord
        ``MDL-005`` when a row is no record.
    SourceUnavailable
        ``SRC-004`` when the file cannot be opened.
    """
    properties = None
    if key is not None:
        _check(key, plaintext=False)
        properties = modular.create_decryption_properties(bytes(key.value))
    with _opened(source) as stream:
        encrypted = _is_encrypted(stream)
        if key is None and encrypted:
            raise KeyUnavailable("SEC-002", hint="the file is encrypted")
        if key is not None and not encrypted:
            raise DecryptionFailed("SEC-001", hint="the file is not encrypted, or was changed")
        yield from from_rows(_rows(stream, properties))


def _rows(stream: BinaryIO, properties: Any) -> Iterator[dict[str, Any]]:
    """Yield rows; an exception of pyarrow, whose text holds values, ends here."""
    batches = _batches(stream, properties)
    while True:
        try:
            rows = next(batches, None)
        except _FOREIGN:
            rows = None
        else:
            if rows is None:
                return
            yield from rows
            continue
        raise MalformedInput("COL-001") if properties is None else DecryptionFailed("SEC-001")


def _batches(stream: BinaryIO, properties: Any) -> Iterator[list[dict[str, Any]]]:
    file = pq.ParquetFile(stream, decryption_properties=properties)
    if file.schema_arrow.names != SCHEMA.names or file.schema_arrow.types != SCHEMA.types:
        raise MalformedInput("COL-001")
    if properties is not None:
        _check_covered(file.metadata, stream)
        _check_footer(stream)
    read = 0
    for batch in file.iter_batches(batch_size=_BATCH):
        read += batch.num_rows
        yield batch.to_pylist()
    if read != file.metadata.num_rows:
        raise ValueError


def _check_covered(metadata: pq.FileMetaData, stream: BinaryIO) -> None:
    """Refuse a file that has columns in clear beside encrypted ones: whoever can write could change those.

    An encrypted column begins with the length of its first module, four octets, little-endian; one in clear with a page
    header of Thrift (0x15, the type, 0x15, ...), which as a length would be beyond a mebibyte.
    """
    for group in range(metadata.num_row_groups):
        for place in range(metadata.num_columns):
            column = metadata.row_group(group).column(place)
            first = column.dictionary_page_offset if column.has_dictionary_page else column.data_page_offset
            stream.seek(first)
            if int.from_bytes(stream.read(4), "little") >= _MODULE:
                raise ValueError


@contextmanager
def _opened(source: Source) -> Iterator[BinaryIO]:
    if isinstance(source, bytes):
        yield BytesIO(source)
    elif isinstance(source, str | os.PathLike):
        try:
            stream = open(source, "rb")  # noqa: SIM115 - closed below; what is read is not to be taken for its failure
        except OSError:
            raise SourceUnavailable("SRC-004") from None
        with stream:
            yield stream
    else:
        yield source


def _is_encrypted(stream: BinaryIO) -> bool:
    """Tell whether a file is of the encrypted kind, with both of its marks."""
    try:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(max(0, size - len(_ENCRYPTED)))
        last = stream.read(len(_ENCRYPTED))
        stream.seek(0)
        return last == _ENCRYPTED == stream.read(len(_ENCRYPTED))
    except OSError:
        raise SourceUnavailable("SRC-004") from None


def _check_footer(stream: BinaryIO) -> None:
    """Look at what pyarrow reads generously: what stands in clear in front of the encrypted footer, and its length."""
    end = stream.seek(-_TRAILER, os.SEEK_END)
    start = end - int.from_bytes(stream.read(4), "little")
    stream.seek(start)
    head = stream.read(_CLEAR)
    for place in range(len(head) - 3):
        if int.from_bytes(head[place : place + 4], "little") == end - start - place - 4:
            if _IN_CLEAR.fullmatch(head, 0, place) is not None:
                return
            break
    raise ValueError


def _check(key: SecretKey, plaintext: bool) -> None:
    if plaintext:
        raise InvalidRequest("USE-001", path="plaintext", hint="a key or plaintext, not both")
    if len(key.value) != KEY_SIZE:
        raise InvalidRequest("USE-001", path="key", hint="256 bits")
