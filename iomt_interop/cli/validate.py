"""``iomt validate``: HL7 v2 messages held against the standard, IHE's rules and a conformance profile."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, BinaryIO

import typer
from rich.table import Table

from ..errors import CODES, SourceUnavailable
from ..wire.hl7v2 import iter_messages
from ..wire.hl7v2.validation import MAX_PROFILE, RULES, Finding, Profile, Severity, read_profile, validate
from .common import FINDINGS, STDIO, JsonOption, console, emit_json, errors, files_below, printable, refuse, source_of
from .terminal import show_table

__all__ = ["validate_command"]

ProfileOption = Annotated[
    Path | None, typer.Option("--profile", help="An HL7 v2 conformance profile in XML.", show_default=False)
]
RulesOption = Annotated[
    list[str] | None, typer.Option("--rules", help=f"Rules of IHE: {', '.join(RULES)}; may be repeated.")
]


def validate_command(
    paths: Annotated[list[str], typer.Argument(help="Files or folders with HL7 v2 messages; - is standard input.")],
    profile: ProfileOption = None,
    rules: RulesOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check HL7 v2 messages: codes, places and rules, never a value; exit 1 for errors and warnings."""
    wanted = frozenset(rules or ())
    if not wanted <= RULES.keys():
        refuse(f"--rules takes {', '.join(RULES)}")
    rows: list[dict[str, object]] = []
    totals = Counter(messages=0)
    with errors(as_json=as_json):
        held_against = None if profile is None else read_profile(_octets(profile))
        for file, number, found in _checked(paths, held_against, wanted):
            totals["messages"] += 1
            totals.update(each.severity.value for each in found)
            rows += [_row(file, number, each) for each in found]
    counts = {"messages": totals["messages"], **{each.value: totals[each.value] for each in Severity}}
    if as_json:
        emit_json({"counts": counts, "findings": rows})
    else:
        _show(rows, counts)
    if totals["error"] or totals["warning"] or not totals["messages"]:
        raise typer.Exit(FINDINGS)


def _checked(
    paths: list[str], profile: Profile | None, rules: frozenset[str]
) -> Iterator[tuple[str, int, tuple[Finding, ...]]]:
    for path in [STDIO] if paths == [STDIO] else files_below(paths):
        source = source_of(str(path))
        if isinstance(source, Path):
            with _opened(source) as stream:
                yield from _of(str(path), stream, profile, rules)
        else:
            yield from _of(str(path), source, profile, rules)


def _of(
    file: str, stream: BinaryIO, profile: Profile | None, rules: frozenset[str]
) -> Iterator[tuple[str, int, tuple[Finding, ...]]]:
    for number, message in enumerate(iter_messages(stream), 1):
        yield file, number, validate(message, profile=profile, rules=rules)


def _row(file: str, number: int, found: Finding) -> dict[str, object]:
    return {
        "file": file,
        "message": number,
        "code": found.code,
        "severity": found.severity.value,
        "path": found.path,
        "span": found.span,
        "rule": found.rule,
        "text": CODES[found.code],
    }


def _show(rows: list[dict[str, object]], counts: dict[str, int]) -> None:
    if rows:
        table = Table("file", "message", "severity", "code", "where", "what", "rule")
        for row in rows:
            cells = (row[name] for name in ("file", "message", "severity", "code", "path", "text", "rule"))
            table.add_row(*(printable("" if cell is None else str(cell)) for cell in cells))
        show_table(table)
    console.print(", ".join(f"{name}: {count}" for name, count in counts.items()), highlight=False)


def _octets(path: Path) -> bytes:
    with _opened(path) as stream:
        return stream.read(MAX_PROFILE + 1)


def _opened(path: Path) -> BinaryIO:
    try:
        return open(path, "rb")
    except OSError:
        raise SourceUnavailable("SRC-004", path=str(path)) from None
