"""``iomt vault``: the commands of a vault's keeper."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from ..crypto.hpke import RecipientKey, RecipientSecret
from ..crypto.signing import SigningKey, VerifyKey
from ..errors import InvalidRecord, InvalidRequest, IomtError, ModelError
from ..guarded import verify_copy
from ..model import Record
from ..model.record import record_from_json
from ..portability import open_portable
from ..vault import Versions
from ..vault.place import exists, is_url
from .asked import Asked, asks
from .common import JsonOption, check_outputs, console, emit_json, errors, printable, put_out, refuse
from .desk import GuardedDesk, bind
from .guarding import erase_due
from .keys import (
    KeyFileOption,
    KeyServiceOption,
    NewKeyFileOption,
    NewKeyServiceOption,
    key_provider,
    new_key_provider,
    service_of,
)
from .store import ChangedVault, VaultArgument, open_or_create, open_vault, vault_app

__all__: list[str] = []

SubjectOption = Annotated[str, typer.Option("--subject", help="Id of the subject, or an identifier that only one has.")]
SignerOption = Annotated[Path | None, typer.Option("--signing-key", help="Ed25519 key file; made where there is none.")]
SignerNameOption = Annotated[str, typer.Option("--signer", help="Name of a signing key that is made.")]


def _signer(path: Path | None, name: str) -> SigningKey | None:
    if path is None:
        return None
    if path.exists():
        return SigningKey.load(path)
    key = SigningKey.generate(name)
    key.save(path)
    console.print(f"verify with: {key.verify_key}", markup=False, highlight=False)
    return key


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


@vault_app.command("create")
@asks
def create(
    path: ChangedVault,
    key_file: NewKeyFileOption = None,
    key_service: KeyServiceOption = None,
    *,
    asked: Asked,
) -> None:
    """Make an empty vault; with a policy and an audit log, one that is bound to them."""
    with errors():
        if exists(path):
            raise InvalidRequest("USE-002", path="vault", hint="something stands at this path already")
        with open_or_create(path, key_file, key_service, asked) as vault:
            if isinstance(vault, GuardedDesk):
                try:
                    bind(vault)
                except IomtError:
                    # It has nothing yet, and would be bound to nothing.
                    if not is_url(path):
                        Path(path).unlink()
                    raise


@vault_app.command("get")
@asks
def get(
    path: VaultArgument,
    record: Annotated[str, typer.Argument(help="Id of the record.")],
    subject: Annotated[str | None, typer.Option("--subject", help="Whose record it is (id or identifier).")] = None,
    key_file: KeyFileOption = None,
    key_service: KeyServiceOption = None,
    *,
    asked: Asked,
) -> None:
    """Print every version of a record as JSON, the oldest first."""
    with errors(), open_vault(path, key_file, key_service, asked) as vault:
        put_out(_lines(vault.history(record, subject)), None)


@vault_app.command("query")
@asks
def query(
    path: VaultArgument,
    subject: Annotated[str | None, typer.Option("--subject", help="Only of this subject (id or identifier).")] = None,
    kind: Annotated[list[str] | None, typer.Option("--kind", help="Only of this kind; repeatable.")] = None,
    versions: Annotated[Versions, typer.Option("--versions", help="merged, latest or all.")] = "merged",
    output: Annotated[str | None, typer.Option("-o", "--output", help="Where to write.")] = None,
    key_file: KeyFileOption = None,
    key_service: KeyServiceOption = None,
    *,
    asked: Asked,
) -> None:
    """Print records as JSON, one a line."""
    with errors():
        check_outputs(output, keep={"the vault": path, "the key file": key_file, **asked.files})
        with open_vault(path, key_file, key_service, asked) as vault:
            put_out(_lines(vault.records(subject, kind or None, versions=versions)), output)


@vault_app.command("put")
@asks
def put(
    path: ChangedVault,
    source: Annotated[
        str, typer.Argument(metavar="FILE", help="Records as query writes them, one a line; - for standard input.")
    ],
    key_file: KeyFileOption = None,
    key_service: KeyServiceOption = None,
    as_json: JsonOption = False,
    *,
    asked: Asked,
) -> None:
    """Store canonical records, all of them or none; files of devices go in by ingest."""
    with errors(as_json=as_json):
        records = _records(source)
        with open_vault(path, key_file, key_service, asked, mode="write") as vault:
            done = vault.put(records)
    counts = {"stored": done.stored, "replaced": done.replaced, "unchanged": done.unchanged}
    if as_json:
        emit_json(counts)
    else:
        console.print(", ".join(f"{count} {name}" for name, count in counts.items()))


def _records(source: str) -> list[Record]:
    """Read records, one a line; an error says in which line."""
    try:
        data = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
    except OSError:
        raise InvalidRequest("USE-002", path="FILE", hint="the file cannot be read") from None
    found: list[Record] = []
    for number, line in enumerate(data.splitlines(), 1):
        if line.strip():
            try:
                found.append(record_from_json(line))
            except ModelError as error:
                raise InvalidRecord(error.code, path=f"line {number}", hint=error.hint) from None
    return found


def _lines(records: Iterable[Record]) -> Iterator[bytes]:
    return (record.model_dump_json(exclude_none=True).encode() + b"\n" for record in records)


@vault_app.command("subjects")
@asks
def subjects(
    path: VaultArgument,
    key_file: KeyFileOption = None,
    key_service: KeyServiceOption = None,
    as_json: JsonOption = False,
    *,
    asked: Asked,
) -> None:
    """List the ids of the subjects, with how sure it is who they are."""
    with errors(as_json=as_json), open_vault(path, key_file, key_service, asked) as vault:
        rows = [(record.id, record.confidence) for record in vault.subjects()]
    if as_json:
        emit_json([{"subject": subject, "confidence": confidence} for subject, confidence in rows])
    else:
        for subject, confidence in rows:
            console.print(f"{subject} {confidence}", highlight=False)


@vault_app.command("rotate")
@asks
def rotate(
    path: ChangedVault,
    key_file: KeyFileOption = None,
    key_service: KeyServiceOption = None,
    new_key_file: Annotated[
        Path | None, typer.Option("--new-key-file", help="File of the new key; made where there is none.")
    ] = None,
    new_key_service: NewKeyServiceOption = None,
    data_keys: Annotated[
        bool, typer.Option("--data-keys", help="Let new data keys seal what comes; the vault's key stays.")
    ] = False,
    rewrap: Annotated[
        bool, typer.Option("--rewrap", help="Let the key service wrap the vault's key anew; the key stays.")
    ] = False,
    *,
    asked: Asked,
) -> None:
    """Put another key in the place of the vault's key; no data is rewritten.

    Without --new-key-file and --new-key-provider the new one is a passphrase: IOMT_NEW_PASSPHRASE, or asked for on
    the terminal.
    """
    with (
        errors(),
        open_vault(path, key_file, key_service, asked, mode="write") as desk,
        desk.keeping("renew" if data_keys else "rewrap" if rewrap else "rotate", "key") as vault,
    ):
        if data_keys:
            vault.renew()
            console.print("what is stored from now on has new data keys")
            return
        if rewrap:
            if key_service is None:
                raise InvalidRequest("USE-001", path="--rewrap", hint="give --key-provider")
            vault.rewrap(service_of(key_service))
            console.print("the vault's key is wrapped anew")
            return
        count = vault.rotate(new_key_provider(new_key_file, new_key_service))
    console.print(f"{count} data keys wrapped anew; destroy the old key to close earlier copies", highlight=False)


@vault_app.command("erase")
@asks
def erase(
    path: ChangedVault,
    subject: Annotated[
        str | None, typer.Option("--subject", help="Id of the subject, or an identifier that only one has.")
    ] = None,
    due: Annotated[bool, typer.Option("--due", help="Everybody whom the retention rules of the policy name.")] = False,
    on: Annotated[str | None, typer.Option("--on", help="The day for --due, as 2026-11-24; today.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    compact: Annotated[bool, typer.Option(help="Take the ciphertext off the disk too.")] = True,
    signing_key: SignerOption = None,
    signer: SignerNameOption = "iomt-vault",
    receipt: Annotated[
        str | None,
        typer.Option("--receipt", help="Write the receipt to this file; with --due, each to one in this folder."),
    ] = None,
    key_file: KeyFileOption = None,
    key_service: KeyServiceOption = None,
    *,
    asked: Asked,
) -> None:
    """Destroy a person's keys: what is stored of the person cannot be read again by anybody."""
    with errors():
        if (subject is None) is not due:
            raise InvalidRequest("USE-001", path="--subject", hint="give --subject, or --due")
        keep = {"the vault": path, "the key file": key_file, "the signing key": signing_key, **asked.files}
        check_outputs(None if due else receipt, keep=keep)
        what = "Erase all data of everybody who is due" if due else "Erase all data of this person"
        if not yes and not typer.confirm(f"{what} for good?", err=True):
            refuse("nothing was erased")
        with open_vault(path, key_file, key_service, asked, mode="write") as vault:
            key = _signer(signing_key, signer)
            if subject is None:
                put_out((text.encode() for text in erase_due(vault, on, receipt, key, compact=compact)), None)
                return
            done = vault.erase(subject, at=_now(), signer=key, compact=compact)
            put_out([(done.note or done.text()).encode()], receipt)


@vault_app.command("compact")
@asks
def compact(
    path: ChangedVault,
    key_file: KeyFileOption = None,
    key_service: KeyServiceOption = None,
    *,
    asked: Asked,
) -> None:
    """Take the ciphertext of what was erased off the disk."""
    with (
        errors(),
        open_vault(path, key_file, key_service, asked, mode="write") as desk,
        desk.keeping("compact") as vault,
    ):
        console.print(f"{vault.compact():,} bytes taken away", highlight=False)


@vault_app.command("hold")
@asks
def hold(
    path: ChangedVault,
    subject: SubjectOption,
    reason: Annotated[str | None, typer.Option("--reason", help="Why; stored encrypted.")] = None,
    release: Annotated[bool, typer.Option("--release", help="Lift the hold.")] = False,
    key_file: KeyFileOption = None,
    key_service: KeyServiceOption = None,
    *,
    asked: Asked,
) -> None:
    """Put a legal hold on a person's data, or lift it: while it stands, nothing is erased."""
    with errors(), open_vault(path, key_file, key_service, asked, mode="write") as vault:
        if release:
            console.print("lifted" if vault.release(subject) else "there was no hold")
        else:
            vault.hold(subject, reason or "")


@vault_app.command("holds")
@asks
def holds(
    path: VaultArgument,
    key_file: KeyFileOption = None,
    key_service: KeyServiceOption = None,
    as_json: JsonOption = False,
    *,
    asked: Asked,
) -> None:
    """List the legal holds and their reasons."""
    with (
        errors(as_json=as_json),
        open_vault(path, key_file, key_service, asked) as desk,
        desk.keeping("holds") as vault,
    ):
        found = vault.holds()
    if as_json:
        emit_json([{"subject": subject, "reason": reason} for subject, reason in found.items()])
    else:
        for subject, reason in found.items():
            console.print(f"{subject} {printable(reason)}", highlight=False)


@vault_app.command("checkpoint")
@asks
def checkpoint(
    path: VaultArgument,
    signing_key: Annotated[Path, typer.Option("--signing-key", help="Ed25519 key file; made where there is none.")],
    signer: SignerNameOption = "iomt-vault",
    output: Annotated[str | None, typer.Option("-o", "--output", help="Where to write.")] = None,
    key_file: KeyFileOption = None,
    key_service: KeyServiceOption = None,
    *,
    asked: Asked,
) -> None:
    """Write the vault's state as a signed note; keep it where the vault's keeper cannot change it."""
    with errors():
        keep = {"the vault": path, "the key file": key_file, "the signing key": signing_key, **asked.files}
        check_outputs(output, keep=keep)
        with open_vault(path, key_file, key_service, asked) as desk, desk.keeping("checkpoint") as vault:
            if not signing_key.exists():
                SigningKey.generate(signer).save(signing_key)
            put_out([vault.checkpoint(SigningKey.load(signing_key)).encode()], output)


@vault_app.command("check")
@asks
def check(
    path: VaultArgument,
    note: Annotated[Path, typer.Option("--checkpoint", help="A signed note of checkpoint.")],
    verifier: Annotated[str, typer.Option("--verifier", help="The public key, name+id+key.")],
    key_file: KeyFileOption = None,
    key_service: KeyServiceOption = None,
    *,
    asked: Asked,
) -> None:
    """Compare the vault with a checkpoint of its past: an older copy and a rewritten past are errors."""
    with errors(), open_vault(path, key_file, key_service, asked) as desk, desk.keeping("check") as vault:
        try:
            text = note.read_bytes()
        except OSError:
            raise InvalidRequest("USE-002", path="--checkpoint", hint="the file cannot be read") from None
        vault.check(text, VerifyKey.parse(verifier))
    console.print("everything that was there then is there now")


@vault_app.command("public-key")
def public_key(signing_key: Annotated[Path, typer.Argument(help="Ed25519 key file.")]) -> None:
    """Print the public half of a signing key: what --verifier takes."""
    with errors():
        put_out([f"{SigningKey.load(signing_key).verify_key}\n".encode()], None)


@vault_app.command("backup")
@asks
def backup(
    path: VaultArgument,
    copy: Annotated[str, typer.Argument(help="Where the copy goes, a file or a URL; nothing may stand there.")],
    key_file: KeyFileOption = None,
    key_service: KeyServiceOption = None,
    *,
    asked: Asked,
) -> None:
    """Write a consistent copy under the same key, and verify it."""
    with errors(), open_vault(path, key_file, key_service, asked) as desk, desk.keeping("backup") as vault:
        vault.backup(copy)
        verify_copy(copy, keys=key_provider(key_file, key_service))


@vault_app.command("restore")
@asks
def restore(
    copy: Annotated[str, typer.Argument(help="The copy; it is only read.")],
    path: Annotated[str, typer.Argument(help="Where the vault goes, a file or a URL; nothing may stand there.")],
    key_file: KeyFileOption = None,
    key_service: KeyServiceOption = None,
    *,
    asked: Asked,
) -> None:
    """Verify a copy and put it in a vault's place.

    Whoever was erased after the copy was made is in it, if the key was not rotated since: erase again.
    """
    with errors():
        with open_vault(copy, key_file, key_service, asked) as desk, desk.keeping("restore") as vault:
            vault.verify()
            vault.backup(path)
        if not is_url(copy) and not is_url(path):
            shutil.copymode(copy, path)


@vault_app.command("recipient")
def recipient(secret: Annotated[Path, typer.Argument(help="Key file; made where there is none.")]) -> None:
    """Make a recipient's key pair; print the public key, which a sender needs."""
    with errors():
        if not secret.exists():
            RecipientSecret.generate().save(secret)
        put_out([f"{RecipientSecret.load(secret).public}\n".encode()], None)


@vault_app.command("export")
@asks
def export_portable(
    path: VaultArgument,
    subject: SubjectOption,
    to: Annotated[str, typer.Option("--recipient", help="The recipient's public key (iomt-x25519:...).")],
    output: Annotated[str, typer.Option("-o", "--output", help="Where to write.")],
    recipient_id: Annotated[
        str | None, typer.Option("--recipient-id", help="Who that is: id in the register of agreements.")
    ] = None,
    key_file: KeyFileOption = None,
    key_service: KeyServiceOption = None,
    *,
    asked: Asked,
) -> None:
    """Write all data of a person as a file that only the recipient can open: records, FHIR, original messages."""
    with errors():
        check_outputs(output, keep={"the vault": path, "the key file": key_file, **asked.files})
        with open_vault(path, key_file, key_service, asked) as vault:
            put_out([vault.portable(subject, RecipientKey.parse(to), recipient_id)], output)


@vault_app.command("import")
@asks
def import_portable(
    path: ChangedVault,
    file: Annotated[Path, typer.Argument(help="A file of export.")],
    secret: Annotated[Path, typer.Option("--secret", help="The recipient's key file.")],
    key_file: NewKeyFileOption = None,
    key_service: KeyServiceOption = None,
    what: Annotated[
        Literal["records", "fhir"], typer.Option("--what", help="Store the records, or print the FHIR alone.")
    ] = "records",
    *,
    asked: Asked,
) -> None:
    """Open a sealed file and store its records; the vault is made where there is none."""
    with errors():
        try:
            data = file.read_bytes()
        except OSError:
            raise InvalidRequest("USE-002", path="file", hint="it cannot be read") from None
        portable = open_portable(data, RecipientSecret.load(secret))
        if what == "fhir":
            put_out([portable.fhir], None)
            return
        with open_or_create(path, key_file, key_service, asked) as vault:
            result = vault.receive(portable.records)
    console.print(f"stored {result.stored}, new versions {result.replaced}, unchanged {result.unchanged}")
