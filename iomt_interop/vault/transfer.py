"""A whole vault from one backend to another: copies in a file, vaults that move to a database and back."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Final, TypeVar

from ..errors import InvalidRequest, StoreDamaged
from .backend import Backend
from .files import publish
from .sqlite import SqliteBackend

__all__ = ["copy_to_file", "pour"]

T = TypeVar("T")

_PORTION: Final = 5000
"""Entries of the index that are written at a time."""


def pour(source: Backend, target: Backend) -> None:
    """Write all of one view of a store into a store that has nothing, in a transaction of the caller's."""
    with source.reading():
        for name, value in source.metas():
            target.set_meta(name, value)
        for row in source.subjects():
            target.add_subject(row)
        for number, handle in source.erasures(0):
            target.add_erasure(number, handle)
        for blind, sealed in source.holds():
            target.set_hold(blind, sealed)
        for rows in _portions(source.records()):
            target.set_records(rows)
        for pairs in _portions(source.identifiers()):
            target.add_identifiers(pairs)
        for seq, *_ in source.headers(0):
            block = source.block(seq)
            if block is None:
                raise StoreDamaged("SEC-004")
            target.add_blocks([block])


def _portions(rows: Iterator[T]) -> Iterator[list[T]]:
    while portion := list(islice(rows, _PORTION)):
        yield portion


def copy_to_file(source: Backend, path: str | os.PathLike[str]) -> None:
    """Write a copy as a file of SQLite; it appears under its name only when it is whole.

    Raises
    ------
    InvalidRequest
        ``USE-002`` when something stands at the path, or it cannot be written to.
    """
    final = Path(path)
    draft = final.with_name(f".{final.name}.{os.getpid()}.copy")
    taken = InvalidRequest("USE-002", path="vault", hint="something stands at this path already")
    if os.path.lexists(final):
        raise taken
    target = SqliteBackend.create(draft, {})
    try:
        try:
            with target.writing():
                pour(source, target)
        finally:
            target.close()
        with draft.open("rb") as stream:
            os.fsync(stream.fileno())
        publish(draft, final)
    except FileExistsError:
        raise taken from None
    except OSError:
        raise InvalidRequest("USE-002", path="vault", hint="the file system does not take it") from None
    finally:
        for end in ("", "-wal", "-shm", "-journal"):
            with suppress(OSError):
                os.unlink(f"{draft}{end}")
