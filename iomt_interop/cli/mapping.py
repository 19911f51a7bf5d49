"""``iomt mapping``: check a declarative mapping, and see what it makes of a sample."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.table import Table

from ..plugins import ReadContext
from ..plugins.mapping import Explanation, explain, lint
from .common import FINDINGS, USAGE, JsonOption, ZoneOption, complain, console, emit_json, errors, printable, show_table

__all__ = ["mapping_app"]

_SHOWN: Final = 40
"""Rows of a table on the terminal; ``--json`` has all."""

mapping_app: Final = typer.Typer(help="Check declarative mappings.", no_args_is_help=True)

MappingArgument = Annotated[Path, typer.Argument(metavar="MAPPING", help="A mapping.toml.")]


@mapping_app.command("lint")
def lint_command(mapping: MappingArgument, as_json: JsonOption = False) -> None:
    """Check a mapping: keys, paths, units, codes, rules that can never fire."""
    findings = lint(_text(mapping))
    if as_json:
        emit_json([asdict(finding) for finding in findings])
    elif findings:
        table = Table("line", "severity", "code", "where", "what")
        for each in findings:
            cells = (str(each.line or ""), each.severity, each.code, each.path, each.message)
            table.add_row(*map(printable, cells))
        show_table(table)
    if any(finding.severity != "remark" for finding in findings):
        raise typer.Exit(FINDINGS)


@mapping_app.command("explain")
def explain_command(
    mapping: MappingArgument,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A sample.")],
    zone: ZoneOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell which rules took which rows of a sample, and what none took: paths and counts, never a value."""
    text = _text(mapping)
    data = _octets(file)
    with errors():
        found = explain(text, data, ReadContext(default_zone=zone))
    if as_json:
        emit_json({"clean": found.is_clean, **asdict(found)})
    else:
        _show(found)
    if not found.is_clean:
        raise typer.Exit(FINDINGS)


def _show(found: Explanation) -> None:
    rules = Table("rule", "records", "paths that gave nothing")
    missing = Counter(each for row in found.rows for each in row.missing)
    for label, count in found.fired.items():
        paths = ", ".join(f"{path} ({times})" for (rule, path), times in missing.items() if rule == label)
        rules.add_row(printable(label), str(count), printable(paths))
    show_table(rules)
    kept = Counter(path for row in found.rows for path in row.extensions)
    if kept:
        extensions = Table("kept as an extension", "rows")
        for path, times in kept.most_common(_SHOWN):
            extensions.add_row(printable(path), str(times))
        show_table(extensions)
    left = [row.path for row in found.rows if row.is_residue]
    if left:
        residue = Table("kept as residue")
        for path in left[:_SHOWN]:
            residue.add_row(printable(path))
        show_table(residue)
    records = ", ".join(f"{count} {kind}" for kind, count in found.records.items()) or "none"
    issues = ", ".join(f"{count} {code}" for code, count in found.issues.items()) or "none"
    console.print(f"rows: {len(found.rows)}; records: {records}; issues: {issues}", highlight=False)
    if found.error is not None:
        complain(f"the reading ended with {found.error}")


def _text(path: Path) -> str:
    try:
        return _octets(path).decode("utf-8")
    except UnicodeDecodeError:
        complain(f"not UTF-8: {path}")
    raise typer.Exit(USAGE)


def _octets(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        complain(f"cannot be read: {path}")
    raise typer.Exit(USAGE)
