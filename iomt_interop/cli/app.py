"""The commands, one function each; what they share is in the modules beside this one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from .. import __version__
from ..facade import adapters as list_adapters
from ..facade import read, stream_chunks
from ..model import Issue, Record
from ..plugins import ReadContext, WriteContext, check_writer, default_registry, guarded
from . import doctor as doctor_module
from . import keep as _keep  # noqa: F401 - adds its commands to the vault's
from .audit import audit_app
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
    complain,
    console,
    emit_json,
    errors,
    files_below,
    put_out,
    reading_progress,
    source_of,
    tell,
)
from .conformance import conformance
from .listen import listen
from .listing import show_adapters
from .mapping import mapping_app
from .patient import agreements_app, devices, report
from .pin import pin
from .scaffold import new_adapter
from .send import send
from .sniffing import show_sniffed, sniffed
from .store import export, ingest, vault_app
from .validate import validate_command

__all__ = ["app"]

app = typer.Typer(
    name="iomt",
    help="Translate medical device data through one canonical model, encrypted at rest.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # its tracebacks show local variables, and those hold patient data
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(vault_app, name="vault")
app.add_typer(audit_app, name="audit")
app.add_typer(agreements_app, name="agreements")
app.add_typer(mapping_app, name="mapping")
app.command("ingest")(ingest)
app.command("export")(export)
app.command("conformance")(conformance)
app.command("new-adapter")(new_adapter)
app.command("pin")(pin)
app.command("devices")(devices)
app.command("report")(report)
app.command("listen")(listen)
app.command("send")(send)
app.command("validate")(validate_command)


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", "-V", help="Print the version and leave.")] = False,
) -> None:
    if version:
        console.print(__version__)
        raise typer.Exit


@app.command()
def adapters(as_json: JsonOption = False) -> None:
    """List the installed adapters; none of them is imported."""
    infos = list_adapters()
    if as_json:
        emit_json([{key: getattr(info, key) for key in info.__slots__} for info in infos])
    else:
        show_adapters(infos)
    if any(info.problem for info in infos):
        raise typer.Exit(FINDINGS)


@app.command()
def sniff(
    paths: Annotated[list[str], typer.Argument(help="Files or folders; - is standard input.")],
    as_json: JsonOption = False,
) -> None:
    """Say what each file is, with the evidence; none of the adapters is imported."""
    with errors(as_json=as_json):
        rows = [sniffed(str(path)) for path in (paths if paths == [STDIO] else files_below(paths))]
    if as_json:
        emit_json([row.as_json() for row in rows])
    elif rows:
        show_sniffed(rows)
    else:
        complain("no file is there to look at")
    if not rows or any(row.adapter is None for row in rows):
        raise typer.Exit(FINDINGS)


@app.command()
def translate(
    file: Annotated[str, typer.Argument(help="What to read; - is standard input.")],
    to: Annotated[str, typer.Option("--to", help="Id of the adapter that writes.")],
    output: OutputOption = None,
    adapter: AdapterOption = None,
    form: FormOption = None,
    strictness: StrictnessOption = "lenient",
    zone: ZoneOption = None,
    include_test: TestDataOption = False,
    report: ReportOption = None,
    as_json: JsonOption = False,
) -> None:
    """Translate a file; losses and issues are told on standard error."""
    issues: list[Issue] = []
    with errors(as_json=as_json):
        check_outputs(output, report, keep={"the input": file}, as_json=as_json)
        source = source_of(file)
        total = source.stat().st_size if isinstance(source, Path) and source.is_file() else None
        context = ReadContext(strictness=strictness, default_zone=zone)
        target = default_registry().get(to)
        write_context = WriteContext(form=form, include_test_data=include_test)
        writer = check_writer(to, guarded(to, target.writer_factory(), write_context))
        with reading_progress(total, file) as advance:
            records = read(source, adapter=adapter, context=context, progress=advance)
            put_out(stream_chunks(to, writer.write(_noting(records, issues))), output)
        tell(writer.losses, issues, as_json=as_json, report=report)
    if any(issue.severity == "error" for issue in issues):
        raise typer.Exit(FINDINGS)


@app.command()
def doctor(as_json: JsonOption = False) -> None:
    """Check the installation: kernels, dependencies, adapters, cryptography."""
    checks = doctor_module.checks()
    if as_json:
        emit_json([check.__dict__ for check in checks])
    else:
        doctor_module.show(checks)
    if not all(check.ok for check in checks):
        raise typer.Exit(FINDINGS)


@app.command()
def demo(
    into: Annotated[
        Path | None, typer.Option("--into", help="Folder to work in; a new temporary one by default.")
    ] = None,
) -> None:
    """Show the whole way: samples, detection, canonical records, encrypted vault, FHIR."""
    from .demo import run  # noqa: PLC0415 - only the demo needs it

    with errors():
        ok = run(into)
    if not ok:
        raise typer.Exit(FINDINGS)


def _noting(records: Iterable[Record], issues: list[Issue]) -> Iterator[Record]:
    """Pass records on and keep the issues among them."""
    for record in records:
        if isinstance(record, Issue):
            issues.append(record)
        yield record
