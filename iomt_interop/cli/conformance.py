"""``iomt conformance``: the conformance kit from the shell."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from ..plugins import default_registry
from ..testing import Case, Law, Report, run_conformance
from ..testing.runner import Progress as Told
from .common import (
    FINDINGS,
    USAGE,
    JsonOption,
    complain,
    console,
    emit_json,
    errors,
    printable,
    show_table,
    write_atomically,
)
from .common import stderr as stderr_console

__all__ = ["conformance"]

_COLOURS = {"passed": "green", "failed": "red", "waived": "yellow"}


def conformance(
    adapter: Annotated[str | None, typer.Argument(help="Id of an installed adapter.")] = None,
    corpus: Annotated[
        Path | None, typer.Option("--corpus", help="Folder of inputs, beside the samples that the adapter ships.")
    ] = None,
    report: Annotated[Path | None, typer.Option("--report", help="Write the report as JSON to this file.")] = None,
    law: Annotated[list[str] | None, typer.Option("--law", help="Try this law alone (K4, chunks); repeatable.")] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Try every installed adapter; CORPUS/<id> and REPORT/<id>.json are used.")
    ] = False,
    accept: Annotated[bool, typer.Option("--accept", help="Write the golden files anew.")] = False,
    thorough: Annotated[bool, typer.Option("--thorough", help="Try 16 times as many variants.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Hold an adapter to the laws of this library, by what its manifest claims."""
    if (adapter is None) != every or (accept and corpus is None):
        complain("give an adapter or --all" if not accept else "--accept writes beside the inputs: give --corpus")
        raise typer.Exit(USAGE)
    names = [each.id for each in default_registry().usable()] if every else [str(adapter)]
    reports = []
    for name in names:
        folder = corpus / name if corpus is not None and every else corpus
        with errors(), _progress(name) as told:
            done = run_conformance(
                name,
                corpus=folder if folder is None or folder.is_dir() or not every else None,
                laws=tuple(law or ()),
                accept=accept,
                thorough=thorough,
                progress=told,
            )
        reports.append(done)
        if report is not None:
            target = report / f"{name}.json" if every else report
            target.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(target, [done.to_json()])
        if not as_json:
            _show(done)
    if as_json:
        emit_json([each.model_dump(mode="json") for each in reports] if every else reports[0].model_dump(mode="json"))
    if not all(each.passed for each in reports):
        raise typer.Exit(FINDINGS)


@contextmanager
def _progress(name: str) -> Iterator[Told | None]:
    """Show which law is being tried, on standard error and only on a terminal."""
    if not stderr_console.is_terminal:
        yield None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=stderr_console, transient=True) as progress:
        task = progress.add_task(printable(name))

        def told(law: Law, case: Case | None, number: int, total: int) -> None:
            where = f"{name} {law.id} {law.name} {case.name if case else ''}"
            progress.update(task, description=printable(where), completed=number, total=total)

        yield told


def _show(done: Report) -> None:
    table = Table(
        "law",
        "what it asks",
        "result",
        "tried",
        title=printable(f"{done.adapter} {done.version}"),
        title_justify="left",
    )
    for result in done.laws:
        colour = _COLOURS.get(result.status, "dim")
        table.add_row(f"{result.law} {result.name}", result.title, f"[{colour}]{result.status}[/]", str(result.cases))
    show_table(table)
    for result in done.laws:
        for finding in result.findings:
            waived = f" (waived: {finding.waived})" if finding.waived else ""
            place = f"{finding.case}: " if finding.case else ""
            console.print(f"{result.law} {printable(place + finding.text + waived)}", highlight=False)
        if result.status == "not applicable":
            console.print(f"{result.law} not tried: {printable(result.reason or '')}", highlight=False)
    console.print("passed" if done.passed else "failed", style="bold")
