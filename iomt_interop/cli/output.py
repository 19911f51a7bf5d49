"""Output that is never half-written, and never falls on what the command reads or must keep."""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final, NoReturn

from .terminal import refuse

__all__ = ["STDIO", "check_outputs", "goes_to_stdout", "json_needs_a_file", "put_out", "write_atomically"]

STDIO: Final = "-"

_COMPANIONS: Final = ("", "-wal", "-shm", "-journal")
"""Ends of the names of the files that belong to a vault."""
_STDIN_FD: Final = 0
_STDOUT_FD: Final = 1
_STDERR_FD: Final = 2


def check_outputs(
    output: str | None,
    report: str | None = None,
    *,
    keep: Mapping[str, str | Path | None] | None = None,
    as_json: bool = False,
) -> None:
    """Refuse outputs that cannot be right, before any work is done.

    Parameters
    ----------
    output : str or None
        Where the payload goes; ``None`` and ``-`` are standard output.
    report : str or None
        Where the report goes; ``-`` is standard output, ``None`` means no report.
    keep : mapping of str to path
        What no output may replace, by its name in a sentence: ``{"the vault": vault, "the key file": key}``.
        A folder stands for all that is in it, a vault for all of its files, ``-`` for standard input.
    as_json : bool
        Whether a report goes to standard output anyway.
    """
    json_needs_a_file(as_json, output)
    if report is not None and goes_to_stdout(report) and goes_to_stdout(output):
        refuse("--report and the payload cannot share standard output: give -o FILE or another --report")
    if report is not None and output is not None and _is_kept(report, output):
        refuse("--report and -o name the same file: give two")
    for option, target in (("-o", output), ("--report", report)):
        if target is None or goes_to_stdout(target):
            continue
        refuse_to_replace(option, target, keep or {})
        _check_writable(Path(target), option)


def refuse_to_replace(option: str, target: str | Path, keep: Mapping[str, str | Path | None]) -> None:
    """Refuse an output that would take the place of what is kept, by its name in a sentence."""
    for what, path in keep.items():
        if path is not None and _is_kept(str(target), path):
            refuse(f"{option} names {what}, which would be lost: give another file")


def json_needs_a_file(as_json: bool, output: str | None) -> None:
    """Refuse to mix a report and a payload on standard output."""
    if as_json and goes_to_stdout(output):
        refuse("--json reports on standard output: give -o FILE for the payload")


def goes_to_stdout(target: str | Path | None) -> bool:
    """Tell whether a target is standard output, by any name (``/dev/stdout``), the null device aside."""
    if target is None or str(target) == STDIO:
        return True
    found = _stat(target)
    return found is not None and _is_descriptor(found, _STDOUT_FD) and not os.path.samestat(found, os.stat(os.devnull))


def put_out(chunks: Iterable[bytes], target: str | None) -> int:
    """Write to standard output, or to a file that appears only when it is whole; return the octets."""
    if target is None or target == STDIO:
        sys.stdout.flush()
        return _pour(chunks, sys.stdout.buffer, "standard output")
    return write_atomically(Path(target), chunks)


def write_atomically(path: Path, chunks: Iterable[bytes]) -> int:
    """Write a file beside its place, readable by its owner alone, and move it there when it is whole.

    A link stays, and what it leads to is written. A device, a pipe and the standard streams cannot be moved to:
    they are written as the chunks come.

    Returns
    -------
    int
        The octets written.
    """
    found = _check_writable(path, None)
    for number in (_STDOUT_FD, _STDERR_FD):
        # `/dev/stdout` may lead to an ordinary file: to replace that would part it from the shell that opened it.
        if found is not None and _is_descriptor(found, number):
            sys.stdout.flush()
            with os.fdopen(os.dup(number), "wb") as stream:
                return _pour(chunks, stream, str(path))
    if found is not None and not stat.S_ISREG(found.st_mode):
        try:
            node = open(path, "wb")  # noqa: SIM115 - what the chunks raise is not to be taken for its failure
        except OSError as error:
            _cannot(str(path), error)
        with suppress(BrokenPipeError), node:
            return _pour(chunks, node, str(path))
    return _replace(Path(os.path.realpath(path)), chunks, str(path))


def _replace(path: Path, chunks: Iterable[bytes], shown: str) -> int:
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name[:100]}.", suffix=".part", dir=path.parent)
    except OSError as error:
        _cannot(shown, error)
    try:
        with os.fdopen(handle, "wb") as stream:
            size = _pour(chunks, stream, shown)
            try:
                os.fsync(stream.fileno())
                os.replace(name, path)
            except OSError as error:
                _cannot(shown, error)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise
    return size


def _pour(chunks: Iterable[bytes], stream: BinaryIO, shown: str) -> int:
    """Write chunks; only what the stream raises is its failure, not what the making of a chunk raises."""
    size = 0
    for chunk in chunks:
        try:
            stream.write(chunk)
        except OSError as error:
            _cannot(shown, error)
        size += len(chunk)
    try:
        stream.flush()
    except OSError as error:
        _cannot(shown, error)
    return size


def _cannot(shown: str, error: OSError) -> NoReturn:
    """Refuse with the system's own phrase; a reader that went away is no failure of the output."""
    if isinstance(error, BrokenPipeError):
        raise error
    refuse(f"cannot write {shown}: {os.strerror(error.errno or 0)}")


def _check_writable(path: Path, option: str | None) -> os.stat_result | None:
    """Refuse a place where no file can stand; return what stands there, if anything."""
    shown = f"{option} {path}" if option else str(path)
    found = _stat(path)
    if found is None:
        if os.path.islink(path) and _stat(os.path.realpath(path)) is None and os.path.islink(os.path.realpath(path)):
            refuse(f"cannot write {shown}: it is a link in a loop")
        if not os.path.isdir(os.path.dirname(os.path.realpath(path))):
            refuse(f"cannot write {shown}: there is no such folder")
    elif stat.S_ISDIR(found.st_mode):
        refuse(f"cannot write {shown}: it is a folder")
    elif not os.access(path, os.W_OK):
        refuse(f"cannot write {shown}: it may not be written by this user")
    return found


def _is_kept(target: str | Path, kept: str | Path) -> bool:
    """Tell whether a target is a kept file, one of its companions, or inside a kept folder; devices are never kept."""
    found = _stat(target)
    if found is not None and stat.S_ISCHR(found.st_mode):
        return False
    if str(kept) == STDIO:
        return found is not None and stat.S_ISREG(found.st_mode) and _is_descriptor(found, _STDIN_FD)
    real, base = os.path.realpath(target), os.path.realpath(kept)
    if os.path.isdir(base):
        return os.path.commonpath((real, base)) == base
    for end in _COMPANIONS:
        there = _stat(base + end)
        if real == base + end or (found is not None and there is not None and os.path.samestat(found, there)):
            return True
    return False


def _is_descriptor(found: os.stat_result, number: int) -> bool:
    try:
        return os.path.samestat(found, os.fstat(number))
    except OSError:
        return False


def _stat(path: str | Path) -> os.stat_result | None:
    try:
        return os.stat(path)
    except (OSError, ValueError):
        return None
