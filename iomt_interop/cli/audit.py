"""``iomt audit``: check, search and account for what the audit trail holds."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.table import Table

from ..crypto.signing import SigningKey, VerifyKey
from ..errors import InvalidRequest
from ..privacy.audit import AuditRecord
from ..privacy.audit.accounting import accounting
from ..privacy.audit.anomaly import WatchRules, counters, watch
from ..privacy.audit.balp import to_fhir_json
from ..privacy.audit.breach import authority_notice, breach_scope, person_notice
from ..privacy.audit.handles import SubjectHandles
from ..privacy.audit.times import parse, utc_ns
from ..vault.audit_log import AuditLog
from .asked import AUDIT_KEY
from .common import (
    FINDINGS,
    JsonOption,
    OutputOption,
    check_outputs,
    console,
    emit_json,
    errors,
    printable,
    put_out,
    show_table,
)

__all__ = ["AuditKeyOption", "audit_app", "handle_of"]

audit_app = typer.Typer(help="Check, search and account for what the audit trail holds.", no_args_is_help=True)

LogArgument = Annotated[Path, typer.Argument(help="The audit log's file; it is only read.")]
TimeOption = Annotated[str | None, typer.Option(help="ISO 8601 instant with offset.")]
HandleOption = Annotated[str | None, typer.Option("--handle", help="Handle of the person, as the trail names them.")]
SubjectOption = Annotated[str | None, typer.Option("--subject", help="Id of the person; needs --audit-key.")]
AuditKeyOption = Annotated[
    Path | None,
    typer.Option("--audit-key", help="File with the key that signs the log; makes handles of ids.", envvar=AUDIT_KEY),
]
ArchivedOption = Annotated[
    bool, typer.Option("--archived", help="The oldest parts may be elsewhere; go on from the first that is here.")
]
VerifierOption = Annotated[str | None, typer.Option("--verifier", help="Public key that must have signed the log.")]


def handle_of(subject: str, key: SigningKey) -> str:
    """Return the handle of a person in a log that this key signs."""
    return SubjectHandles(key.derive(SubjectHandles.LABEL))(subject)


def _handle(handle: str | None, subject: str | None, key_file: Path | None) -> str | None:
    if subject is None:
        return handle
    if handle is not None or key_file is None:
        raise InvalidRequest("USE-001", path="--subject", hint="with --audit-key, and without --handle")
    return handle_of(subject, SigningKey.load(key_file))


def _needed(handle: str | None) -> str:
    if handle is None:
        raise InvalidRequest("USE-001", path="--handle", hint="give --handle, or --subject and --audit-key")
    return handle


def _spare(output: str | None, log: Path) -> None:
    """Refuse to write over the log."""
    if output is not None:
        check_outputs(output, None, keep={"the audit log": log}, as_json=False)


def _moment(text: str | None) -> datetime | None:
    return None if text is None else parse(text)


@audit_app.command("new-key")
def new_key(
    name: Annotated[str, typer.Argument(help="The log's name, best a URL without scheme: hospital.example/audit.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The key file; never overwritten.")],
) -> None:
    """Make the key that signs a log, and print its public half."""
    with errors():
        key = SigningKey.generate(name)
        key.save(output)
    console.print(printable(str(key.verify_key)), highlight=False)


@audit_app.command("verify")
def verify(
    log: LogArgument,
    verifier: VerifierOption = None,
    checkpoint: Annotated[
        Path | None, typer.Option("--checkpoint", help="Signed note that was kept elsewhere: the log must hold it.")
    ] = None,
    output: Annotated[str | None, typer.Option("-o", "--output", help="Write the present signed note here.")] = None,
    archived: ArchivedOption = False,
    as_json: JsonOption = False,
) -> None:
    """Check every entry and signature; with a checkpoint also that nothing before it was cut off or changed."""
    with errors(as_json=as_json, ok=False, verified=False):
        _spare(output, log)
        key = None if verifier is None else VerifyKey.parse(verifier)
        kept = None if checkpoint is None else _read(checkpoint)
        state = AuditLog.verify(log, key, at=kept, archived=archived)
    if output is not None and state.note is not None:
        put_out([state.note.encode()], output)
    facts = {
        "verified": True,
        "events": state.events,
        "parts": state.parts,
        "events_elsewhere": state.absent,
        "root": state.root.hex(),
        "signed_by": str(state.key),
        "key_given": key is not None,
        "checkpoint_given": kept is not None,
        "torn_bytes": state.torn,
    }
    _show_facts(facts, as_json)
    if state.torn:
        raise typer.Exit(FINDINGS)


@audit_app.command("rotate")
def rotate(
    log: Annotated[Path, typer.Argument(help="The audit log's file; it goes on in another one.")],
    audit_key: Annotated[Path, typer.Option("--audit-key", help="Key file that signs the log.", envvar=AUDIT_KEY)],
    output: Annotated[str | None, typer.Option("-o", "--output", help="Write the present signed note here.")] = None,
) -> None:
    """Close the present part of a log and go on in another file; print the name of what was closed.

    Programs that write to it go on in the new part. The parts are one log: verify and query read all of them.
    """
    with errors():
        _spare(output, log)
        if not log.exists():
            raise InvalidRequest("USE-002", path="audit log", hint="there is none here")
        with AuditLog(log, SigningKey.load(audit_key), shared=True) as opened:
            closed = opened.rotate()
            note = opened.checkpoint()
        if output is not None:
            put_out([note.encode()], output)
    console.print(printable(str(closed)), highlight=False)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        raise InvalidRequest("USE-002", path="file", hint="the file cannot be read") from None


def _show_facts(facts: dict[str, object], as_json: bool) -> None:
    if as_json:
        emit_json(facts)
        return
    table = Table("fact", "value")
    for name, value in facts.items():
        table.add_row(name, printable(str(value)))
    show_table(table)


_COLUMNS: Final = ("time", "operation", "outcome", "actor", "purpose", "recipient", "records", "reasons")


@audit_app.command("query")
def query(
    log: LogArgument,
    actor: Annotated[str | None, typer.Option("--actor", help="Who did it.")] = None,
    operation: Annotated[str | None, typer.Option("--operation", help="read, search, disclose, ...")] = None,
    outcome: Annotated[str | None, typer.Option("--outcome", help="success, denied or failed.")] = None,
    purpose: Annotated[str | None, typer.Option("--purpose", help="Code of the purpose of use.")] = None,
    recipient: Annotated[str | None, typer.Option("--recipient", help="Id of the recipient.")] = None,
    handle: HandleOption = None,
    subject: SubjectOption = None,
    audit_key: AuditKeyOption = None,
    since: TimeOption = None,
    until: TimeOption = None,
    fhir: Annotated[
        str | None, typer.Option("--fhir", help="Write AuditEvents as NDJSON; the name of the site.")
    ] = None,
    output: OutputOption = None,
    as_json: JsonOption = False,
) -> None:
    """List events, as a table, as JSON or as FHIR AuditEvents in the shape of IHE BALP."""
    wanted = {"actor": actor, "operation": operation, "outcome": outcome, "purpose": purpose, "recipient": recipient}
    with errors(as_json=as_json):
        _spare(output, log)
        person = _handle(handle, subject, audit_key)
        start, end = _moment(since), _moment(until)
        found = [
            record
            for record in AuditLog.events(log)
            if all(value is None or getattr(record, name) == value for name, value in wanted.items())
            and (person is None or person in record.subjects)
            and (start is None or record.utc_ns >= utc_ns(start))
            and (end is None or record.utc_ns <= utc_ns(end))
        ]
    if fhir is not None:
        put_out((to_fhir_json(record, site=fhir) + b"\n" for record in found), output)
    elif as_json:
        emit_json([json.loads(record.to_json()) for record in found])
    else:
        _show_records(found)


def _show_records(found: Iterable[AuditRecord]) -> None:
    table = Table(*_COLUMNS)
    for record in found:
        cells = [getattr(record, name) for name in _COLUMNS]
        table.add_row(*(printable(" ".join(c) if isinstance(c, tuple) else str(c or "")) for c in cells))
    show_table(table)


@audit_app.command("accounting")
def accounting_command(
    log: LogArgument,
    until: Annotated[str, typer.Option("--until", help="Time of the request, ISO 8601 with offset.")],
    since: TimeOption = None,
    handle: HandleOption = None,
    subject: SubjectOption = None,
    audit_key: AuditKeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the disclosures of a person's data in the six years before a time (HIPAA 164.528)."""
    with errors(as_json=as_json):
        person = _needed(_handle(handle, subject, audit_key))
        events = list(AuditLog.events(log))
        if subject is not None and not any(person in event.subjects for event in events):
            hint = "the log says nothing of this id; an identifier of a person is none (iomt vault subjects)"
            raise InvalidRequest("USE-002", path="--subject", hint=hint)
        found = accounting(events, person, parse(until), since=_moment(since))
    if as_json:
        emit_json([asdict(one) for one in found])
        return
    table = Table("time", "recipient", "purpose", "what", "records")
    for one in found:
        row = (one.time, one.recipient, one.purpose or "", ", ".join(one.kinds), str(one.records))
        table.add_row(*map(printable, row))
    show_table(table)


@audit_app.command("watch")
def watch_command(
    log: LogArgument,
    rules: Annotated[Path | None, typer.Option("--rules", help="JSON object of thresholds.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Look for bulk reads, odd hours, bursts of break-glass and unusual days; findings give exit code 1."""
    with errors(as_json=as_json):
        thresholds = WatchRules() if rules is None else _rules(_read(rules))
        records = list(AuditLog.events(log))
        found = watch(records, thresholds)
    if as_json:
        emit_json({"anomalies": [asdict(one) for one in found], "counters": counters(records, found)})
    else:
        table = Table("time", "rule", "actor", "count", "limit")
        for one in found:
            table.add_row(*map(printable, (one.time, one.rule, one.actor, str(one.count), str(one.limit))))
        show_table(table)
    if found:
        raise typer.Exit(FINDINGS)


def _rules(data: bytes) -> WatchRules:
    try:
        return WatchRules.model_validate_json(data)
    except ValueError:
        raise InvalidRequest(
            "USE-001", path="--rules", hint="an object of thresholds, by the names of the guide"
        ) from None


@audit_app.command("breach")
def breach(
    log: LogArgument,
    discovered: Annotated[str, typer.Option("--discovered", help="When it was discovered, ISO 8601 with offset.")],
    keys_exposed: Annotated[bool, typer.Option("--keys-exposed/--keys-safe", help="Whether the keys were taken too.")],
    key: Annotated[str | None, typer.Option("--key", help="Id of the exposed key.")] = None,
    store: Annotated[str | None, typer.Option("--store", help="Name of the lost store or file.")] = None,
    actor: Annotated[str | None, typer.Option("--actor", help="The account that was misused.")] = None,
    recipient: Annotated[str | None, typer.Option("--recipient", help="The recipient that lost data.")] = None,
    since: TimeOption = None,
    until: TimeOption = None,
    draft: Annotated[str | None, typer.Option("--draft", help="Write a draft: authority or person.")] = None,
    controller: Annotated[str, typer.Option("--controller", help="Who notifies.")] = "(to be filled in)",
    contact: Annotated[str, typer.Option("--contact", help="Data protection officer.")] = "(to be filled in)",
    output: OutputOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say who is affected by a breach and until when what must be told; draft both notices."""
    with errors(as_json=as_json):
        _spare(output, log)
        if draft not in (None, "authority", "person"):
            raise InvalidRequest("USE-001", path="--draft", hint="authority or person")
        conditions: dict[str, Any] = {"key": key, "store": store, "actor": actor, "recipient": recipient}
        conditions |= {"since": _moment(since), "until": _moment(until)}
        scope = breach_scope(AuditLog.events(log), discovered=discovered, keys_exposed=keys_exposed, **conditions)
    if draft is not None:
        text = (authority_notice if draft == "authority" else person_notice)(
            scope, controller=controller, contact=contact
        )
        put_out([text.encode()], output)
        return
    facts: dict[str, object] = {
        "individuals": len(scope.subjects),
        "500_or_more": scope.large,
        "unsecured": scope.unsecured,
        "records": scope.records,
        "events": scope.events,
        "first": scope.first,
        "last": scope.last,
        "authority_until": scope.clocks.authority,
        "individuals_until": scope.clocks.individuals,
    }
    _show_facts(facts | ({"subjects": list(scope.subjects)} if as_json else {}), as_json)
