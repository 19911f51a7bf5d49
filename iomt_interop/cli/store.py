"""The commands that use a vault: ``ingest``, ``export``, ``vault info``, ``vault verify``."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final, Literal

import typer
from rich.table import Column, Table

from .. import __version__
from ..errors import InputError, InvalidRequest, SecurityError
from ..facade import read, sniff, stream_chunks
from ..model import Document, Issue, Record
from ..plugins import Candidate, ReadContext, WriteContext, Writer, check_writer, choose, default_registry, guarded
from ..portability import original_of
from ..vault.documents import owner_of
from ..vault.place import Place, exists, is_url
from .asked import Asked, asks
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
    check_outputs,
    console,
    emit_json,
    errors,
    files_below,
    printable,
    put_out,
    reading_progress,
    show_table,
    source_of,
    tell,
)
from .desk import Desk, Takes, create_at_desk, open_desk
from .keys import KeyFileOption, KeyServiceOption, NewKeyFileOption, key_provider
from .parquet import PARQUET, ParquetKeyOption, ParquetOut, PlaintextOption
from .terminal import complain

__all__ = [
    "ChangedVault",
    "Ingested",
    "VaultArgument",
    "export",
    "ingest",
    "ingest_file",
    "open_or_create",
    "open_vault",
    "show_ingested",
    "vault_app",
]

BATCH: Final = 2000
"""Records that are handed to the vault at a time; each hand-over is one durable transaction."""

_COUNTS: Final = {"stored": "stored", "replaced": "new versions", "unchanged": "unchanged"}
"""What a vault counts, and its words for people."""

vault_app = typer.Typer(help="Look at a vault.", no_args_is_help=True)

_VAULT: Final = "The vault's file, or its URL (postgresql://...)"

NewVaultOption = Annotated[str, typer.Option("--vault", metavar="VAULT", help=f"{_VAULT}; made where there is none.")]
VaultOption = Annotated[str, typer.Option("--vault", metavar="VAULT", help=f"{_VAULT}; it is only read.")]
RecipientOption = Annotated[
    str | None, typer.Option("--recipient", help="Who gets it: id in the register of agreements, which must permit it.")
]
VaultArgument = Annotated[str, typer.Argument(metavar="VAULT", help=f"{_VAULT}; it is only read.")]
ChangedVault = Annotated[str, typer.Argument(metavar="VAULT", help=f"{_VAULT}; it is changed.")]


@dataclass
class Ingested:
    """What became of one file."""

    file: str
    adapter: str | None = None
    evidence: str | None = None
    kinds: Counter[str] = field(default_factory=Counter)
    problem: str | None = None
    counts: Counter[str] = field(default_factory=Counter)
    """What the vault did: ``stored``, ``replaced`` (a new version of a known record), ``unchanged``."""

    def put(self, store: Takes, batch: list[Record]) -> None:
        """Store some of the file's records."""
        result = store.put(batch)
        self.counts.update({name: getattr(result, name) for name in _COUNTS})

    def as_json(self) -> dict[str, object]:
        """Return plain data."""
        told = {"file": self.file, "adapter": self.adapter, "evidence": self.evidence, "kinds": dict(self.kinds)}
        return {**told, "problem": self.problem, **{name: self.counts[name] for name in _COUNTS}}


def open_or_create(
    path: Place, key_file: Path | None, key_service: str | None = None, asked: Asked | None = None
) -> Desk:
    """Open the vault for writing, or make it; a key file that was made for a vault that was not is taken away."""
    if key_file is not None and os.path.realpath(key_file) == os.path.realpath(path):
        raise InvalidRequest("USE-001", path="--key-file", hint="it is the vault")
    if exists(path):
        return open_desk(path, key_provider(key_file, key_service), asked or Asked(), mode="write")
    if not is_url(path) and not os.access(Path(path).parent, os.W_OK | os.X_OK):
        raise InvalidRequest("USE-002", path="vault", hint="there is no such folder, or it is not writable")
    made = None if key_file is None or os.path.lexists(key_file) else key_file
    keys = key_provider(key_file, key_service, new=True)
    try:
        return create_at_desk(path, keys, asked or Asked())
    except BaseException:
        with suppress(OSError, SecurityError):
            if made is not None and not exists(path):
                made.unlink()
        raise


def open_vault(
    path: Place,
    key_file: Path | None,
    key_service: str | None = None,
    asked: Asked | None = None,
    *,
    mode: Literal["read", "write"] = "read",
) -> Desk:
    """Open the vault; nobody is asked for the passphrase of a file that is not there."""
    if not exists(path):
        raise InvalidRequest("USE-002", path="vault", hint="there is no vault here")
    return open_desk(path, key_provider(key_file, key_service), asked or Asked(), mode=mode)


@asks
def ingest(
    paths: Annotated[list[str], typer.Argument(help="Files or folders; - is standard input.")],
    vault: NewVaultOption,
    key_file: NewKeyFileOption = None,
    key_service: KeyServiceOption = None,
    adapter: AdapterOption = None,
    strictness: StrictnessOption = "lenient",
    zone: ZoneOption = None,
    originals: Annotated[
        bool, typer.Option("--keep-originals", help="Store each file as it is too, encrypted beside its records.")
    ] = False,
    as_json: JsonOption = False,
    *,
    asked: Asked,
) -> None:
    """Read files and store their records encrypted; a second run stores nothing twice.

    What a later file says otherwise of the same record is a new version; no version is lost.
    """
    done: list[Ingested] = []
    with errors(as_json=as_json):
        context = ReadContext(strictness=strictness, default_zone=zone)
        files: list[Path | str] = [STDIO] if paths == [STDIO] else list(files_below(paths))
        if not files:
            complain("nothing was found to read")
        total = sum(f.stat().st_size for f in files if isinstance(f, Path) and f.is_file())
        with (
            open_or_create(vault, key_file, key_service, asked) as store,
            reading_progress(total or None, "reading") as advance,
        ):
            for file in files:
                done.append(
                    ingest_file(
                        store, str(file), adapter=adapter, context=context, progress=advance, original=originals
                    )
                )
    if as_json:
        emit_json([entry.as_json() for entry in done])
    else:
        show_ingested(done)
    if any(entry.problem for entry in done):
        raise typer.Exit(FINDINGS)


def ingest_file(
    store: Takes,
    file: str,
    *,
    adapter: str | None,
    context: ReadContext,
    progress: Callable[[int], None] | None = None,
    original: bool = False,
) -> Ingested:
    """Store one file's records; a file that breaks off gives what was whole, and a problem.

    With ``original`` the file itself is stored too, as a document of the person that it is about, where that is one.
    """
    entry = Ingested(file)
    batch: list[Record] = []
    owners: set[str] = set()
    try:
        if adapter is None and file != STDIO:
            best: Candidate = choose(sniff(Path(file)))
            entry.adapter, entry.evidence = best.adapter, best.evidence.name
        else:
            entry.adapter = adapter
        for record in read(source_of(file), adapter=entry.adapter, context=context, progress=progress):
            entry.kinds[record.kind] += 1
            owners.add(owner_of(record))
            batch.append(record)
            if len(batch) >= BATCH:
                entry.put(store, batch)
                batch.clear()
    except InputError as error:
        entry.problem = str(error)
    if original and file != STDIO and Path(file).is_file():
        batch.append(_original(Path(file), entry.adapter, owners))
    entry.put(store, batch)
    return entry


def _original(path: Path, adapter: str | None, owners: set[str]) -> Document:
    """Return a file as a document; of several persons it is nobody's, whose records stay under nobody's key."""
    persons = owners - {""}
    subject = persons.pop() if len(persons) == 1 else None
    return original_of(path.read_bytes(), adapter=adapter or "", version=__version__, subject=subject)


def show_ingested(done: list[Ingested], *, names: bool = False) -> None:
    """Print a table: file, format and evidence, records by kind, issues, residue, what the vault did; problems below.

    Parameters
    ----------
    done : list of Ingested
        A row each.
    names : bool
        Whether files are shown by their names alone.
    """
    table = Table(Column("file", overflow="fold"), "format, evidence", "records", "issues", "residue", "in the vault")
    for entry in done:
        kinds = [f"{n} {kind}" for kind, n in sorted(entry.kinds.items()) if kind not in {"issue", "residue"}]
        file = Path(entry.file).name if names else entry.file
        found = f"{entry.adapter or '?'} {entry.evidence or ''}".rstrip()
        counts = [f"{word} {entry.counts[name]}" for name, word in _COUNTS.items() if entry.counts[name]]
        records = ", ".join(kinds) or ("" if entry.problem else "none")
        # Line by line: what breaks off gave something before, and the one must not hide the other.
        said = "\n".join(printable(line) for line in (records, entry.problem) if line)
        numbers = (str(entry.kinds["issue"]), str(entry.kinds["residue"]), ", ".join(counts) or "nothing")
        table.add_row(printable(file), printable(found), said, *numbers)
    show_table(table)


@asks
def export(
    vault: VaultOption,
    to: Annotated[str, typer.Option("--to", help="Id of the adapter that writes, or parquet.")],
    output: OutputOption = None,
    key_file: KeyFileOption = None,
    key_service: KeyServiceOption = None,
    form: FormOption = None,
    include_test: TestDataOption = False,
    parquet_key_file: ParquetKeyOption = None,
    plaintext: PlaintextOption = False,
    report: ReportOption = None,
    recipient: RecipientOption = None,
    subject: Annotated[str | None, typer.Option("--subject", help="Only of this subject (id or identifier).")] = None,
    as_json: JsonOption = False,
    *,
    asked: Asked,
) -> None:
    """Write what a vault holds in another format, or all of it as an encrypted Parquet file (--to parquet)."""
    with errors(as_json=as_json):
        keep = {"the vault": vault, "the key file": key_file, "the Parquet key": parquet_key_file, **asked.files}
        check_outputs(output, report, keep=keep, as_json=as_json)
        if (
            key_file is not None
            and parquet_key_file is not None
            and os.path.realpath(key_file) == os.path.realpath(parquet_key_file)
        ):
            raise InvalidRequest("USE-001", path="--parquet-key-file", hint="it is the vault's; take another")
        writer = _writer(to, WriteContext(form=form, include_test_data=include_test), parquet_key_file, plaintext)
        issues: list[Issue] = []
        with open_vault(vault, key_file, key_service, asked) as store:
            leaving = _noting(store.export(recipient, subject), issues)
            put_out(stream_chunks(to, writer.write(leaving)), output)
        tell(writer.losses, issues, as_json=as_json, report=report)


def _noting(records: Iterable[Record], issues: list[Issue]) -> Iterator[Record]:
    """Pass records on, and note the issues among them: what the reader doubted when they came in."""
    for record in records:
        if isinstance(record, Issue):
            issues.append(record)
        yield record


def _writer(to: str, context: WriteContext, parquet_key_file: Path | None, plaintext: bool) -> Writer:
    if to == PARQUET:
        if context.form is not None:
            raise InvalidRequest("USE-001", path="--form", hint="Parquet has no variants")
        return ParquetOut(parquet_key_file, plaintext=plaintext, include_test=context.include_test_data)
    if parquet_key_file is not None or plaintext:
        raise InvalidRequest("USE-001", path="--to", hint="--parquet-key-file and --plaintext are of --to parquet")
    return check_writer(to, guarded(to, default_registry().get(to).writer_factory(), context))


@vault_app.command("info")
@asks
def vault_info(
    path: VaultArgument,
    key_file: KeyFileOption = None,
    key_service: KeyServiceOption = None,
    as_json: JsonOption = False,
    *,
    asked: Asked,
) -> None:
    """Say what a vault holds: counts and sizes, nothing of a patient; and whether it is guarded."""
    with (
        errors(as_json=as_json),
        open_vault(path, key_file, key_service, asked) as store,
        store.keeping("info") as vault,
    ):
        info = vault.info() | {"key_id": vault.key_id, "guarded": vault.terms() is not None}
    if as_json:
        emit_json(info)
    else:
        table = Table("fact", "value")
        for name, value in info.items():
            table.add_row(name, str(value))
        show_table(table)


@vault_app.command("verify")
@asks
def vault_verify(
    path: VaultArgument,
    key_file: KeyFileOption = None,
    key_service: KeyServiceOption = None,
    as_json: JsonOption = False,
    *,
    asked: Asked,
) -> None:
    """Decrypt and check every block; any change since it was written is an error."""
    with (
        errors(as_json=as_json, ok=False, verified=False),
        open_vault(path, key_file, key_service, asked) as store,
        store.keeping("verify") as vault,
    ):
        vault.verify()
    if as_json:
        emit_json({"verified": True})
    else:
        console.print("every block is as it was written")
