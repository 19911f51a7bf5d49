"""``iomt report`` and ``iomt devices``: what a vault holds, for the person and for the device department."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from ..crypto.signing import SigningKey
from ..errors import AccessDenied, InvalidRequest
from ..facade import adapters as list_adapters
from ..guarded import PolicySet, consents_of
from ..model import Record, Subject
from ..privacy.advisories import load_advisory, match
from ..privacy.agreements import (
    Held,
    Interface,
    Policy,
    check_disclosure,
    due_for_erasure,
    held_of,
    load_policy,
    register,
    register_markdown,
)
from ..privacy.audit import AuditRecord
from ..privacy.audit.times import parse
from ..privacy.consent import consent_from_fhir
from ..privacy.inventory import DeviceEntry, inventory
from ..privacy.report import ConsentLine, consent_line, gather, render
from ..vault.audit_log import AuditLog
from .asked import Asked, asks
from .audit import AuditKeyOption, handle_of
from .common import FINDINGS, JsonOption, OutputOption, check_outputs, emit_json, errors, printable, put_out, show_table
from .desk import GuardedDesk, PlainDesk
from .keys import KeyFileOption, KeyServiceOption
from .store import VaultOption, open_vault

__all__ = ["agreements_app", "devices", "report"]

agreements_app = typer.Typer(
    help="The register of processing and the agreements of a policy file.", no_args_is_help=True
)
PolicyArgument = Annotated[Path, typer.Argument(help="The policy file, TOML.")]
DayOption = Annotated[str, typer.Option("--on", help="The day, as 2026-11-24.")]
_OWN_REQUEST = "PATRQT"
"""Purpose of use of who answers the person."""


def _octets(path: Path, what: str) -> bytes:
    with suppress(OSError):
        return path.read_bytes()
    raise InvalidRequest("USE-002", path=what, hint="the file cannot be read")


def _policy(path: Path) -> Policy:
    return load_policy(_octets(path, "policy file"))


@asks
def devices(
    vault: VaultOption,
    key_file: KeyFileOption = None,
    key_service: KeyServiceOption = None,
    advisory: Annotated[
        list[Path] | None, typer.Option("--advisory", help="CSAF 2.0 documents; devices that they name are findings.")
    ] = None,
    as_json: JsonOption = False,
    *,
    asked: Asked,
) -> None:
    """List the devices of a vault: model, serial, firmware, when seen, how the clock runs, what needs an update."""
    with errors(as_json=as_json):
        known = [load_advisory(_octets(path, "advisory")) for path in advisory or ()]
        with open_vault(vault, key_file, key_service, asked) as store:
            entries = inventory(store.records())
        found = match(entries, known)
    if as_json:
        emit_json({"devices": [asdict(entry) for entry in entries], "advisories": [asdict(one) for one in found]})
    else:
        table = Table(
            "maker", "model", "serial", "firmware", "first seen", "last seen", "clock", "certified", "advisories"
        )
        for entry in entries:
            named = [
                f"{one.vulnerability} {one.state}{'' if one.sure else '?'}" for one in found if one.device == entry.id
            ]
            table.add_row(*map(printable, _row(entry, named)))
        show_table(table)
    if found:
        raise typer.Exit(FINDINGS)


def _row(entry: DeviceEntry, named: list[str]) -> tuple[str, ...]:
    clock = ""
    if entry.drift is not None and entry.drift.offset_ns is not None:
        clock = f"{_milliseconds(entry.drift.offset_ns):+d} ms"
        if entry.drift.per_day_ns is not None:
            clock += f", {_milliseconds(entry.drift.per_day_ns):+d} ms/day"
    cells = (entry.manufacturer, entry.model or entry.type, entry.serial, entry.version("firmware"))
    seen = (entry.first_seen, entry.last_seen)
    return (*(cell or "" for cell in cells + seen), clock, ", ".join(entry.certifications), ", ".join(named))


def _milliseconds(ns: int) -> int:
    return (ns + 500_000) // 1_000_000


@asks
def report(
    vault: VaultOption,
    output: OutputOption = None,
    subject: Annotated[str | None, typer.Option("--subject", help="Id of the person.")] = None,
    identifier: Annotated[
        str | None, typer.Option("--identifier", help="An identifier of the person, exactly.")
    ] = None,
    key_file: KeyFileOption = None,
    key_service: KeyServiceOption = None,
    audit_log: Annotated[
        Path | None, typer.Option("--audit-log", help="The audit log; the report is recorded in it.")
    ] = None,
    audit_key: AuditKeyOption = None,
    policy: Annotated[
        list[Path] | None, typer.Option("--policy", help="Policy files: officer, recipients, retention; access.")
    ] = None,
    consent: Annotated[list[Path] | None, typer.Option("--consent", help="FHIR R4 Consents of the person.")] = None,
    at: Annotated[str | None, typer.Option("--at", help="Time of the report, ISO 8601 with offset; now.")] = None,
    actor: Annotated[str, typer.Option("--actor", help="Who makes the report, for the audit trail.")] = "command-line",
    *,
    asked: Asked,
) -> None:
    """Write a person's report as one HTML page: what is stored, from which devices, who saw it, how to object.

    Of a guarded vault, the guard decides, its log is told and read, and the consents in the vault are shown.
    """
    with errors():
        keep = {"the vault": vault, "the key file": key_file, "the audit log": audit_log, "the audit key": audit_key}
        check_outputs(output, None, keep={**keep, **asked.files}, as_json=False)
        made = datetime.now().astimezone() if at is None else parse(at)
        lines = [consent_line(consent_from_fhir(_octets(path, "consent"))) for path in consent or ()]
        if asked.policy is not None and not PolicySet.has_access(_octets(path, "policy file") for path in asked.policy):
            asked.policy = None
        with open_vault(vault, key_file, key_service, asked) as store:
            if isinstance(store, GuardedDesk):
                page = _guarded_page(store, _one_of(subject, identifier), made, lines)
            else:
                terms = None if not policy else _policy(policy[0])
                page = _plain_page(
                    store, _one_of(subject, identifier), made, lines, terms, (audit_log, audit_key, actor)
                )
        put_out([page], output)


def _one_of(subject: str | None, identifier: str | None) -> str:
    if subject is not None and identifier is None:
        return subject
    if identifier is not None and subject is None:
        return identifier
    raise InvalidRequest("USE-001", path="--subject", hint="give --subject or --identifier")


def _plain_page(
    store: PlainDesk,
    who: str,
    made: datetime,
    lines: list[ConsentLine],
    terms: Policy | None,
    trail_of: tuple[Path | None, Path | None, str],
) -> bytes:
    """Make the page of a vault that is not guarded; its making is recorded where there is a log."""
    audit_log, audit_key, actor = trail_of
    if (audit_log is None) != (audit_key is None):
        raise InvalidRequest("USE-001", path="--audit-log", hint="together with --audit-key")
    key = None if audit_key is None else SigningKey.load(audit_key)
    records = list(store.records(who))
    handle = None if key is None else handle_of(_subject_of(records, who), key)
    trail = [] if audit_log is None else list(AuditLog.events(audit_log))
    page = render(gather(records, trail, handle=handle, made=made, policy=terms, consents=lines))
    if audit_log is not None and key is not None and handle is not None:
        with AuditLog(audit_log, key) as log:
            log.record(_event(made, actor, handle, records, terms))
    return page


def _guarded_page(store: GuardedDesk, who: str, made: datetime, lines: list[ConsentLine]) -> bytes:
    records, log = list(store.records(who)), store.asked.log
    if not records or log is None:
        raise AccessDenied("PRV-204")
    person, terms = _subject_of(records, who), store.vault.policies.agreements
    answered = store.asked.purpose == _OWN_REQUEST
    # Who may see a measurement may not therefore see what the person agreed to, and who else saw it.
    if answered or any(record.kind == "document" for record in records):
        lines = [*lines, *map(consent_line, consents_of(store.vault, person))]
    trail = list(AuditLog.events(log.path)) if answered else []
    handle = log.handle(person) if answered else None
    return render(gather(records, trail, handle=handle, made=made, policy=terms, consents=lines))


def _subject_of(records: list[Record], who: str) -> str:
    """Return the id of the person that records are of."""
    return (
        next((r.id if isinstance(r, Subject) else r.subject for r in records if r.subject or r.kind == "subject"), who)
        or who
    )


def _event(made: datetime, actor: str, handle: str, records: list[Record], policy: Policy | None) -> AuditRecord:
    try:
        return AuditRecord(
            time=made.isoformat(),
            operation="read",
            outcome="success",
            actor=actor,
            purpose=_OWN_REQUEST,
            reasons=("patient-report",),
            subjects=(handle,),
            kinds=tuple(sorted({record.kind for record in records})),
            records=len(records),
            policies=() if policy is None else (policy.digest,),
        )
    except ValueError:
        raise InvalidRequest("USE-001", path="--actor", hint="a name without blanks") from None


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidRequest("USE-001", path="--on", hint="a day as 2026-11-24") from None


@agreements_app.command("register")
def register_command(path: PolicyArgument, on: DayOption, output: OutputOption = None) -> None:
    """Write the record of processing activities (GDPR Article 30) as Markdown."""
    with errors():
        policy, day = _policy(path), _day(on)
        faces = [Interface(info.id, info.title, info.records, info.phi) for info in list_adapters()]
        put_out([register_markdown(policy, register(policy, faces, day), day).encode()], output)


@agreements_app.command("check")
def check_command(
    path: PolicyArgument,
    recipient: Annotated[str, typer.Option("--recipient", help="Id of the recipient.")],
    purpose: Annotated[str, typer.Option("--purpose", help="Code of the purpose of use.")],
    on: DayOption,
    kind: Annotated[list[str] | None, typer.Option("--kind", help="Kinds of records that would go.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Say whether data may go to a recipient; a refusal gives exit code 1 and its reasons."""
    with errors(as_json=as_json):
        verdict = check_disclosure(_policy(path), recipient, purpose, _day(on), kinds=kind or ())
    if as_json:
        emit_json(asdict(verdict))
    else:
        table = Table("permitted", "reasons", "agreement", "policy")
        cells = (str(verdict.permitted), ", ".join(verdict.reasons), verdict.agreement or "", verdict.policy)
        table.add_row(*map(printable, cells))
        show_table(table)
    if not verdict.permitted:
        raise typer.Exit(FINDINGS)


@agreements_app.command("due")
@asks
def due_command(
    path: PolicyArgument,
    vault: VaultOption,
    on: DayOption,
    key_file: KeyFileOption = None,
    key_service: KeyServiceOption = None,
    audit_key: AuditKeyOption = None,
    every: Annotated[bool, typer.Option("--all", help="List what is kept, too.")] = False,
    as_json: JsonOption = False,
    *,
    asked: Asked,
) -> None:
    """List what a vault holds longer than the policy file says; nothing is erased, and findings give exit code 1."""
    with errors(as_json=as_json):
        policy, day = _policy(path), _day(on)
        key = None if audit_key is None else SigningKey.load(audit_key)
        if key is None and any(hold.subjects for hold in policy.holds):
            raise InvalidRequest("USE-001", path="--audit-key", hint="the file's legal holds name people by handles")
        with open_vault(vault, key_file, key_service, asked) as store, store.keeping("due") as kept:
            stored = held_of(kept.records(versions="latest"))
        named = {held.subject: held.subject if key is None else handle_of(held.subject, key) for held in stored}
        held = [Held(named[one.subject], one.kind, one.newest) for one in stored]
        states = due_for_erasure(policy, held, day)
    found = [
        {"subject": one.subject, "kind": one.kind, "newest": str(one.newest or ""), "state": state.state,
         "on": str(state.on or ""), "holds": list(state.holds)}
        for one, state in zip(stored, states, strict=True)
        if every or state.state != "kept"
    ]  # fmt: skip
    if as_json:
        emit_json(found)
    else:
        table = Table("person", "kind", "newest", "state", "may be erased from", "holds")
        for line in found:
            table.add_row(*(printable(", ".join(c) if isinstance(c, list) else str(c)) for c in line.values()))
        show_table(table)
    if any(state.state == "due" for state in states):
        raise typer.Exit(FINDINGS)
