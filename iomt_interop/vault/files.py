"""The vault's file as a file: whether it is one, how it may be opened, how it gets its name."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from ..errors import InvalidRequest, StoreDamaged

__all__ = ["is_file", "length", "log_of", "publish", "uri_of"]

_WAL: Final = b"\2\2"  # octets 18 and 19 of the file: whoever opens it needs the files -wal and -shm beside it


def is_file(path: Path) -> bool:
    """Tell whether a file is there, as far as one may know."""
    try:
        return path.is_file()
    except OSError:
        return False


def log_of(path: Path) -> Path:
    """Return where SQLite keeps what was committed and not yet moved to the file."""
    return path.with_name(path.name + "-wal")


def length(path: Path) -> int:
    """Return the octets of a file that may not be there."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def uri_of(path: Path, readonly: bool) -> str:
    """Choose how SQLite is to open a file.

    Who may write there reads with the right to write, because the last reader clears away what a killed writer left.
    Who may not reads the file alone: with locks, or, when the file asks for a log that is not there and could not be
    made, as a file that nobody writes.

    Raises
    ------
    InvalidRequest
        ``USE-002`` when the file may not be read.
    StoreDamaged
        ``SEC-006`` when it is to be written and may not be.
    """
    if not _allowed(path, os.R_OK):
        raise InvalidRequest("USE-002", path="vault", hint="the file may not be read")
    if _allowed(path, os.W_OK) and _allowed(path.parent, os.W_OK):
        mode = "mode=rw"
    elif not readonly:
        raise StoreDamaged("SEC-006", hint="the file or its folder may not be written")
    elif not length(log_of(path)) and _asks_for_log(path):
        mode = "mode=ro&immutable=1"
    else:
        mode = "mode=ro"
    return f"{path.as_uri()}?{mode}"


def publish(draft: Path, final: Path) -> None:
    """Give a finished file its name, which must be free, and make the name durable."""
    os.link(draft, final)
    folder = os.open(final.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _allowed(path: Path, right: int) -> bool:
    return os.access(path, right, effective_ids=os.access in os.supports_effective_ids)


def _asks_for_log(path: Path) -> bool:
    # Closing a file drops the locks that its process has on it: not for a file that this process may be writing.
    with path.open("rb") as stream:
        return stream.read(20)[18:] == _WAL
