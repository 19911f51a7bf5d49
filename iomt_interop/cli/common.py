"""What the commands share: options, what there is to read, progress, the account of losses and issues."""

from __future__ import annotations

import json
import os
import stat
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from ..errors import SourceUnavailable
from ..facade import sniff
from ..model import Issue
from ..plugins import Loss, Strictness
from .output import STDIO, check_outputs, goes_to_stdout, json_needs_a_file, put_out, write_atomically
from .terminal import (
    FINDINGS,
    USAGE,
    complain,
    console,
    emit_json,
    errors,
    printable,
    refuse,
    show_table,
    stderr,
)

__all__ = [
    "FINDINGS",
    "STDIO",
    "USAGE",
    "AdapterOption",
    "FormOption",
    "JsonOption",
    "OutputOption",
    "ReportOption",
    "StrictnessOption",
    "TestDataOption",
    "ZoneOption",
    "check_outputs",
    "complain",
    "console",
    "emit_json",
    "errors",
    "files_below",
    "json_needs_a_file",
    "printable",
    "put_out",
    "reading_progress",
    "refuse",
    "show_table",
    "source_of",
    "stderr",
    "tell",
    "write_atomically",
]

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of tables.")]
AdapterOption = Annotated[str | None, typer.Option("--adapter", help="Adapter id; overrides detection.")]
FormOption = Annotated[
    str | None, typer.Option("--form", help="Variant of the target (fhir_r4: collection, transaction, ndjson, source).")
]
OutputOption = Annotated[str | None, typer.Option("-o", "--output", help="Where to write; standard output by default.")]
ReportOption = Annotated[
    str | None, typer.Option("--report", help="Write losses and issues as JSON to this file, or - .")
]
TestDataOption = Annotated[bool, typer.Option("--include-test-data", help="Write demo and test data too.")]
ZoneOption = Annotated[str | None, typer.Option("--zone", help="IANA zone of local times that state no offset.")]
StrictnessOption = Annotated[Strictness, typer.Option("--strictness", help="lenient, standard or strict.")]


def tell(losses: Iterable[Loss], issues: Iterable[Issue], *, as_json: bool = False, report: str | None = None) -> None:
    """Tell losses and issues: as JSON on standard output, in a file, or as two numbers on standard error."""
    told: dict[str, list[dict[str, object]]] = {
        "losses": [{"record": x.record, "kind": x.kind, "path": x.path, "reason": x.reason} for x in losses],
        "issues": [{"severity": x.severity, "code": x.code, "path": x.path, "span": x.span} for x in issues],
    }
    to_stdout = report is not None and goes_to_stdout(report)
    if report is not None and not to_stdout:
        write_atomically(Path(report), [json.dumps(told, indent=2).encode() + b"\n"])
    if as_json or to_stdout:
        emit_json(told)
        return
    more = "" if report else " (--report FILE lists them)"
    complain(f"{len(told['losses'])} losses, {len(told['issues'])} issues{more}")


def source_of(path: str) -> Path | BinaryIO:
    """Return a path, or standard input for ``-``."""
    if path != STDIO:
        return Path(path)
    if sys.stdin is None:
        raise SourceUnavailable("SRC-004", hint="standard input is closed")
    return sys.stdin.buffer


def files_below(paths: Iterable[str]) -> list[Path]:
    """List what to read: a file itself, a folder that an adapter knows as one source, any other folder's files.

    What a folder holds beside readable files (hidden ones, broken links, pipes) is passed over and counted on
    standard error.
    """
    found: list[Path] = []
    passed: Counter[str] = Counter()
    for text in paths:
        path = Path(text)
        if not path.is_dir() or sniff(path):
            found.append(path)
            continue
        for inside in sorted(path.rglob("*")):
            why = _passed_over(inside, path)
            if why is None:
                found.append(inside)
            elif why:
                passed[why] += 1
    if passed:
        complain("passed over: " + ", ".join(f"{count} {why}" for why, count in sorted(passed.items())))
    return found


def _passed_over(path: Path, folder: Path) -> str | None:
    """Say why an entry of a folder is not read; ``None`` when it is, nothing for a folder inside."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return "broken link" if path.is_symlink() else "that cannot be looked at"
    if stat.S_ISDIR(mode):
        return ""
    if any(part.startswith(".") for part in path.relative_to(folder).parts):
        return "hidden"
    return None if stat.S_ISREG(mode) else "that is no file"


@contextmanager
def reading_progress(total: int | None, label: str) -> Iterator[Callable[[int], None]]:
    """Show how many octets have been read, on standard error and only on a terminal."""
    if not stderr.is_terminal:
        yield lambda _count: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=stderr, transient=True) as progress:
        task = progress.add_task(printable(label), total=total)
        yield lambda count: progress.advance(task, count)
