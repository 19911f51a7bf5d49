"""``iomt vault guard``, ``consent`` and ``due``: what an officer does with a vault."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from ..crypto.signing import SigningKey
from ..errors import InvalidRequest
from ..guarded import DuePerson, PolicySet
from ..model import Document
from ..vault.audit_log import AuditLog
from .asked import Asked, asks
from .common import FINDINGS, JsonOption, console, emit_json, errors, printable, put_out, show_table, write_atomically
from .desk import Desk, GuardedDesk, PlainDesk
from .keys import KeyFileOption, KeyServiceOption
from .store import ChangedVault, VaultArgument, open_vault, vault_app

__all__ = ["due_in", "erase_due"]

DayOption = Annotated[str | None, typer.Option("--on", help="The day, as 2026-11-24; today.")]


def _guarded(desk: Desk) -> GuardedDesk:
    if isinstance(desk, PlainDesk):
        raise InvalidRequest("USE-001", path="--policy", hint="the policy files, --audit and --audit-key")
    return desk


@vault_app.command("guard")
@asks
def guard(
    path: ChangedVault,
    new_policy: Annotated[
        list[Path] | None, typer.Option("--new-policy", help="Policy files that take the present ones' place.")
    ] = None,
    new_audit: Annotated[
        Path | None, typer.Option("--new-audit", help="An audit log that takes the present one's place, under its key.")
    ] = None,
    off: Annotated[bool, typer.Option("--off", help="Let it open without a guard again.")] = False,
    key_file: KeyFileOption = None,
    key_service: KeyServiceOption = None,
    *,
    asked: Asked,
) -> None:
    """Bind a vault to its policy files and its audit log: from then on it opens only behind the guard.

    Before a log is moved, bind the vault to where it will be; what is bound already is changed under the present
    policy, and recorded in the present log.
    """
    with errors(), open_vault(path, key_file, key_service, asked, mode="write") as desk:
        vault = _guarded(desk)
        policies = vault.vault.policies if not new_policy else PolicySet.of([_octets(one) for one in new_policy])
        if new_audit is None or asked.audit_key is None:
            terms = asked.terms(policies, new_policy)
        else:
            with AuditLog(new_audit, SigningKey.load(asked.audit_key), shared=True) as log:
                terms = asked.terms(policies, new_policy, log)
        vault.vault.bind(asked.request(vault.vault, "keep"), None if off else terms)
    console.print("it opens without a guard" if off else "it opens only under this policy, with this audit log")


@vault_app.command("consent")
@asks
def consent(
    path: ChangedVault,
    subject: Annotated[str, typer.Option("--subject", help="Whose consent it is (id or identifier).")],
    put: Annotated[Path | None, typer.Option("--put", help="A FHIR R4 Consent to be stored.")] = None,
    withdraw: Annotated[str | None, typer.Option("--withdraw", help="Id of a consent that holds no more.")] = None,
    key_file: KeyFileOption = None,
    key_service: KeyServiceOption = None,
    *,
    asked: Asked,
) -> None:
    """Store a person's consent in a guarded vault, or withdraw it; print what is stored.

    It is sealed under the person's own key, and holds for the next decision of every process.
    """
    with errors():
        if put is not None and withdraw is not None:
            raise InvalidRequest("USE-001", path="--withdraw", hint="not together with --put")
        changes = put is not None or withdraw is not None
        with open_vault(path, key_file, key_service, asked, mode="write" if changes else "read") as desk:
            vault = _guarded(desk).vault
            if put is not None:
                vault.consent(asked.request(vault, "update"), subject, _octets(put))
            elif withdraw is not None:
                vault.withdraw(asked.request(vault, "update"), subject, withdraw)
            else:
                found = vault.consents(asked.request(vault, "read", subject), subject)
                put_out((_resources(record) for record in found[-1:] if isinstance(record, Document)), None)


def _resources(record: Document) -> bytes:
    _, resources = json.loads((record.data or b"").partition(b"\n")[2])
    return b"".join(json.dumps(one, ensure_ascii=False).encode() + b"\n" for one in resources)


@vault_app.command("due")
@asks
def due(
    path: VaultArgument,
    on: DayOption = None,
    every: Annotated[bool, typer.Option("--all", help="List who is kept, too.")] = False,
    key_file: KeyFileOption = None,
    key_service: KeyServiceOption = None,
    as_json: JsonOption = False,
    *,
    asked: Asked,
) -> None:
    """List whose data the retention rules say are to be erased; findings give exit code 1."""
    with errors(as_json=as_json):
        day = _day(on)
        with open_vault(path, key_file, key_service, asked) as desk:
            found = due_in(desk, day)
    shown = [one for one in found if every or one.state in ("due", "held")]
    if as_json:
        emit_json([
            {"subject": one.subject, "state": one.state, "kinds": {k.kind: k.state for k in one.kinds}} for one in shown
        ])  # fmt: skip
    else:
        table = Table("person", "state", "kinds")
        for one in shown:
            table.add_row(printable(one.subject), one.state, ", ".join(f"{k.kind} {k.state}" for k in one.kinds))
        show_table(table)
    if any(one.state == "due" for one in found):
        raise typer.Exit(FINDINGS)


def due_in(desk: Desk, day: date | None) -> list[DuePerson]:
    """Return what the retention rules say of everybody in a vault."""
    vault = _guarded(desk)
    return vault.vault.due(vault.asked.request(vault.vault, "keep"), day)


def erase_due(
    desk: Desk, on: str | None, folder: str | None, signer: SigningKey | None, *, compact: bool
) -> Iterator[str]:
    """Erase everybody who is due, one after the other; yield each receipt once it is kept.

    Parameters
    ----------
    desk : Desk
        At the guard.
    on : str or None
        The day.
    folder : str or None
        Where each receipt gets a file of its own.
    signer : SigningKey or None
        Signs the receipts.
    compact : bool
        Whether the ciphertext is taken off the disk, once at the end.
    """
    found = [one.subject for one in due_in(desk, _day(on)) if one.state == "due"]
    for number, subject in enumerate(found, 1):
        at = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        last = number == len(found)
        done = desk.erase(subject, at=at, signer=signer, compact=compact and last, reason="retention")
        text = done.note or done.text()
        if folder is not None:
            write_atomically(Path(folder) / f"{done.handles[0]}.txt", [text.encode()])
        yield text


def _day(text: str | None) -> date | None:
    if text is None:
        return None
    with suppress(ValueError):
        return date.fromisoformat(text)
    raise InvalidRequest("USE-001", path="--on", hint="a day as 2026-11-24")


def _octets(path: Path) -> bytes:
    with suppress(OSError):
        return path.read_bytes()
    raise InvalidRequest("USE-002", path="file", hint="it cannot be read")
