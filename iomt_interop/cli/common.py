"""What the commands share: exit codes, error texts, progress, output that is never half-written."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, BinaryIO, Final

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from ..errors import AdapterError, IomtError, UsageError
from ..facade import sniff
from ..model import Issue
from ..plugins import Loss, Strictness

__all__ = [
    "FINDINGS",
    "USAGE",
    "STDIO",
    "AdapterOption",
    "FormOption",
    "JsonOption",
    "OutputOption",
    "ReportOption",
    "StrictnessOption",
    "TestDataOption",
    "ZoneOption",
    "complain",
    "console",
    "emit_json",
    "errors",
    "files_below",
    "json_needs_a_file",
    "printable",
    "put_out",
    "reading_progress",
    "source_of",
    "stderr",
    "tell",
    "write_atomically",
]

FINDINGS: Final = 1
USAGE: Final = 2
STDIO: Final = "-"

console: Final = Console(soft_wrap=True)
"""Results, on standard output."""
stderr: Final = Console(stderr=True, soft_wrap=True)

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of tables.")]
AdapterOption = Annotated[str | None, typer.Option("--adapter", help="Adapter id; overrides detection.")]
FormOption = Annotated[
    str | None, typer.Option("--form", help="Variant of the target (fhir_r4: collection, transaction, ndjson).")
]
OutputOption = Annotated[str | None, typer.Option("-o", "--output", help="Where to write; standard output by default.")]
ReportOption = Annotated[str | None, typer.Option("--report", help="Write losses and issues as JSON to this file.")]
TestDataOption = Annotated[bool, typer.Option("--include-test-data", help="Write demo and test data too.")]
ZoneOption = Annotated[str | None, typer.Option("--zone", help="IANA zone of local times that state no offset.")]
StrictnessOption = Annotated[Strictness, typer.Option("--strictness", help="lenient, standard or strict.")]


def printable(text: str) -> str:
    """Return a text for a terminal: no control character of a file's name reaches it, and no markup of rich."""
    return escape("".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text))


def complain(text: str) -> None:
    """Print a diagnostic on standard error."""
    stderr.print(printable(text), highlight=False)


@contextmanager
def errors() -> Iterator[None]:
    """Turn an error of the library into one line on standard error and an exit code."""
    try:
        yield
    except IomtError as error:
        complain(str(error))
        raise typer.Exit(USAGE if isinstance(error, UsageError | AdapterError) else FINDINGS) from None
    except BrokenPipeError:
        # The reader of our output went away (`| head`): that is its right.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(0) from None


def json_needs_a_file(as_json: bool, output: str | None) -> None:
    """Refuse to mix a report and a payload on standard output."""
    if as_json and output in (None, STDIO):
        complain("--json reports on standard output: give -o FILE for the payload")
        raise typer.Exit(USAGE)


def tell(losses: Iterable[Loss], issues: Iterable[Issue], *, as_json: bool = False, report: str | None = None) -> None:
    """Tell losses and issues: as JSON on standard output, in a file, or as two numbers on standard error."""
    told: dict[str, list[dict[str, object]]] = {
        "losses": [{"record": x.record, "kind": x.kind, "path": x.path, "reason": x.reason} for x in losses],
        "issues": [{"severity": x.severity, "code": x.code, "path": x.path, "span": x.span} for x in issues],
    }
    if report is not None:
        write_atomically(Path(report), [json.dumps(told, indent=2).encode() + b"\n"])
    if as_json:
        emit_json(told)
        return
    more = "" if report else " (--report FILE lists them)"
    complain(f"{len(told['losses'])} losses, {len(told['issues'])} issues{more}")


def emit_json(value: object) -> None:
    """Print a JSON document on standard output."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def source_of(path: str) -> Path | BinaryIO:
    """Return a path, or standard input for ``-``."""
    return sys.stdin.buffer if path == STDIO else Path(path)


def files_below(paths: Iterable[str]) -> list[Path]:
    """List what to read: a file itself, a folder that an adapter knows as one source, any other folder's files.

    Hidden files are passed over.
    """
    found: list[Path] = []
    for text in paths:
        path = Path(text)
        if path.is_dir() and not sniff(path):
            inside = (p for p in sorted(path.rglob("*")) if p.is_file())
            found += [p for p in inside if not any(part.startswith(".") for part in p.relative_to(path).parts)]
        else:
            found.append(path)
    return found


@contextmanager
def reading_progress(total: int | None, label: str) -> Iterator[Callable[[int], None]]:
    """Show how many octets have been read, on standard error and only on a terminal."""
    if not stderr.is_terminal:
        yield lambda _count: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=stderr, transient=True) as progress:
        task = progress.add_task(label, total=total)
        yield lambda count: progress.advance(task, count)


def put_out(chunks: Iterable[bytes], target: str | None) -> int:
    """Write to standard output, or to a file that appears only when it is whole; return the octets."""
    if target is None or target == STDIO:
        size = 0
        for chunk in chunks:
            sys.stdout.buffer.write(chunk)
            size += len(chunk)
        sys.stdout.buffer.flush()
        return size
    return write_atomically(Path(target), chunks)


def write_atomically(path: Path, chunks: Iterable[bytes]) -> int:
    """Write a file beside its place, readable by its owner alone, and move it there when it is whole."""
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    except OSError:
        complain(f"cannot write to the folder of {path}")
        raise typer.Exit(USAGE) from None
    size = 0
    try:
        with os.fdopen(handle, "wb") as stream:
            for chunk in chunks:
                stream.write(chunk)
                size += len(chunk)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(name, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise
    return size
