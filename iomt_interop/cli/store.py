"""The commands that use a vault: ``ingest``, ``export``, ``vault info``, ``vault verify``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Column, Table

from ..errors import InputError
from ..facade import read, sniff, stream_chunks
from ..model import Record
from ..plugins import Candidate, ReadContext, WriteContext, check_writer, choose, default_registry, guarded
from ..vault import Vault
from .common import (
    FINDINGS,
    STDIO,
    AdapterOption,
    FormOption,
    JsonOption,
    OutputOption,
    ReportOption,
    StrictnessOption,
    TestDataOption,
    ZoneOption,
    console,
    emit_json,
    errors,
    files_below,
    json_needs_a_file,
    printable,
    put_out,
    reading_progress,
    source_of,
    tell,
)
from .keys import KeyFileOption, key_provider

__all__ = ["Ingested", "export", "ingest", "ingest_file", "open_or_create", "show_ingested", "vault_app"]

BATCH = 2000
"""Records that are handed to the vault at a time; each hand-over is one durable transaction."""

vault_app = typer.Typer(help="Look at a vault.", no_args_is_help=True)

VaultOption = Annotated[Path, typer.Option("--vault", help="The vault; made where there is none.")]


@dataclass
class Ingested:
    """What became of one file."""

    file: str
    adapter: str | None = None
    evidence: str | None = None
    kinds: Counter[str] = field(default_factory=Counter)
    problem: str | None = None

    def as_json(self) -> dict[str, object]:
        """Return plain data."""
        return {**self.__dict__, "kinds": dict(self.kinds)}


def open_or_create(path: Path, key_file: Path | None) -> Vault:
    """Open the vault for writing, or make it."""
    if path.exists():
        return Vault.open(path, keys=key_provider(key_file), mode="write")
    return Vault.create(path, keys=key_provider(key_file, new=True))


def ingest(
    paths: Annotated[list[str], typer.Argument(help="Files or folders; - is standard input.")],
    vault: VaultOption,
    key_file: KeyFileOption = None,
    adapter: AdapterOption = None,
    strictness: StrictnessOption = "lenient",
    zone: ZoneOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read files and store their records encrypted; a second run stores nothing twice."""
    context = ReadContext(strictness=strictness, default_zone=zone)
    files: list[Path | str] = [STDIO] if paths == [STDIO] else list(files_below(paths))
    total = sum(f.stat().st_size for f in files if isinstance(f, Path) and f.is_file())
    done: list[Ingested] = []
    with errors(), open_or_create(vault, key_file) as store, reading_progress(total or None, "reading") as advance:
        for file in files:
            done.append(ingest_file(store, str(file), adapter=adapter, context=context, progress=advance))
    if as_json:
        emit_json([entry.as_json() for entry in done])
    else:
        show_ingested(done)
    if any(entry.problem for entry in done):
        raise typer.Exit(FINDINGS)


def ingest_file(
    store: Vault,
    file: str,
    *,
    adapter: str | None,
    context: ReadContext,
    progress: Callable[[int], None] | None = None,
) -> Ingested:
    """Store one file's records; a file that breaks off gives what was whole, and a problem."""
    entry = Ingested(file)
    batch: list[Record] = []
    try:
        if adapter is None and file != STDIO:
            best: Candidate = choose(sniff(Path(file)))
            entry.adapter, entry.evidence = best.adapter, best.evidence.name
        else:
            entry.adapter = adapter
        for record in read(source_of(file), adapter=entry.adapter, context=context, progress=progress):
            entry.kinds[record.kind] += 1
            batch.append(record)
            if len(batch) >= BATCH:
                store.put(batch)
                batch.clear()
    except InputError as error:
        entry.problem = str(error)
    store.put(batch)
    return entry


def show_ingested(done: list[Ingested], *, names: bool = False) -> None:
    """Print a table: file, format and evidence, records by kind, issues, residue.

    Parameters
    ----------
    done : list of Ingested
        A row each.
    names : bool
        Whether files are shown by their names alone.
    """
    table = Table(Column("file", overflow="fold"), "format, evidence", "records", "issues", "residue")
    for entry in done:
        kinds = [f"{n} {kind}" for kind, n in sorted(entry.kinds.items()) if kind not in {"issue", "residue"}]
        file = Path(entry.file).name if names else entry.file
        found = f"{entry.adapter or '?'} {entry.evidence or ''}".rstrip()
        cells = (file, found, entry.problem or ", ".join(kinds) or "none")
        table.add_row(*map(printable, cells), str(entry.kinds["issue"]), str(entry.kinds["residue"]))
    console.print(table)


def export(
    vault: VaultOption,
    to: Annotated[str, typer.Option("--to", help="Id of the adapter that writes.")],
    output: OutputOption = None,
    key_file: KeyFileOption = None,
    form: FormOption = None,
    include_test: TestDataOption = False,
    report: ReportOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write what a vault holds in another format."""
    json_needs_a_file(as_json, output)
    with errors():
        target = default_registry().get(to)
        context = WriteContext(form=form, include_test_data=include_test)
        writer = check_writer(to, guarded(to, target.writer_factory(), context))
        with Vault.open(vault, keys=key_provider(key_file)) as store:
            put_out(stream_chunks(to, writer.write(store.records())), output)
        tell(writer.losses, (), as_json=as_json, report=report)


@vault_app.command("info")
def vault_info(path: Path, key_file: KeyFileOption = None, as_json: JsonOption = False) -> None:
    """Say what a vault holds: counts and sizes, nothing of a patient."""
    with errors(), Vault.open(path, keys=key_provider(key_file)) as store:
        info = store.info()
    if as_json:
        emit_json(info)
    else:
        table = Table("fact", "value")
        for name, value in info.items():
            table.add_row(name, str(value))
        console.print(table)


@vault_app.command("verify")
def vault_verify(path: Path, key_file: KeyFileOption = None, as_json: JsonOption = False) -> None:
    """Decrypt and check every block; any change since it was written is an error."""
    with errors(), Vault.open(path, keys=key_provider(key_file)) as store:
        store.verify()
    if as_json:
        emit_json({"verified": True})
    else:
        console.print("every block is as it was written")
