"""Where the command finds the vault's key: a key file, a key service, the environment, or a prompt."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from ..errors import CODES, InvalidRequest
from ..vault import KeyFile, KeyProvider, PassphraseKey, RewrappingProvider
from .terminal import complain

__all__ = [
    "PASSPHRASE_VARIABLE",
    "KeyFileOption",
    "KeyServiceOption",
    "NewKeyFileOption",
    "NewKeyServiceOption",
    "key_provider",
    "new_key_provider",
    "service_of",
]

PASSPHRASE_VARIABLE: Final = "IOMT_PASSPHRASE"  # noqa: S105 - the name of a variable, not a secret

NEW_PASSPHRASE_VARIABLE: Final = "IOMT_NEW_PASSPHRASE"  # noqa: S105 - as above

_ELSE: Final = f"Without it the passphrase in {PASSPHRASE_VARIABLE}, else one that is asked for on the terminal."

KeyFileOption = Annotated[
    Path | None, typer.Option("--key-file", help=f"File with the vault's key, which must be there. {_ELSE}")
]
NewKeyFileOption = Annotated[
    Path | None,
    typer.Option(
        "--key-file",
        help=f"File with the vault's key; with a new vault a missing one is made, for its owner alone. {_ELSE}",
    ),
]

_FORMS: Final = "aws-kms:KEY or vault-transit:[MOUNT/]NAME"

KeyServiceOption = Annotated[
    str | None,
    typer.Option(
        "--key-provider",
        metavar="SERVICE:KEY",
        help=f"Key service with the vault's key: {_FORMS}; settings are those of the service's own environment.",
    ),
]
NewKeyServiceOption = Annotated[
    str | None,
    typer.Option("--new-key-provider", metavar="SERVICE:KEY", help=f"Key service of the new key: {_FORMS}."),
]


def service_of(text: str) -> RewrappingProvider:
    """Return the key service that an option names.

    Raises
    ------
    InvalidRequest
        ``USE-001`` when it names none.
    """
    kind, _, name = text.partition(":")
    mount, _, last = name.rpartition("/")
    if kind == "aws-kms" and name:
        from ..crypto.aws_kms import AwsKmsKey  # noqa: PLC0415 - an extra

        return AwsKmsKey(name)
    if kind == "vault-transit" and last:
        from ..crypto.vault_transit import VaultTransitKey  # noqa: PLC0415 - an extra

        return VaultTransitKey(last, mount=mount or "transit")
    raise InvalidRequest("USE-001", path="--key-provider", hint=_FORMS)


def _one_of(key_file: Path | None, service: str | None, option: str) -> None:
    if key_file is not None and service is not None:
        raise InvalidRequest("USE-001", path=option, hint="a key file or a key service, not both")


def key_provider(key_file: Path | None, service: str | None = None, *, new: bool = False) -> KeyProvider:
    """Return the key provider that the user chose.

    Parameters
    ----------
    key_file : Path or None
        The option; without any ``IOMT_PASSPHRASE``, else a prompt on the terminal.
    service : str or None
        The other option (:func:`service_of`).
    new : bool
        Whether a vault is being made: then a passphrase is asked for twice, and a missing key file is made.

    Raises
    ------
    InvalidRequest
        ``USE-002`` when nobody is there to be asked, or the key file cannot be made; ``USE-001`` for both options.
    """
    _one_of(key_file, service, "--key-provider")
    if service is not None:
        return service_of(service)
    if key_file is not None:
        if new and not os.path.lexists(key_file):
            return KeyFile.create(key_file)
        return _from_file(key_file)
    passphrase = os.environ.get(PASSPHRASE_VARIABLE)
    if passphrase is None:
        passphrase = _asked("Passphrase", f"give --key-file, {PASSPHRASE_VARIABLE}, or a passphrase at the prompt", new)
    return PassphraseKey(passphrase)


def _from_file(key_file: Path) -> KeyFile:
    """Return the key in a file; a container's mounted secret may be readable by its group, so that this only warns."""
    found = KeyFile(key_file)
    if found.is_exposed:
        complain(f"SEC-013 {CODES['SEC-013']}; chmod 600 keeps it to its owner")
    return found


def _asked(name: str, hint: str, twice: bool) -> str:
    """Ask on the terminal; what stands on standard input may be data, and is never taken for a passphrase."""
    try:
        if not _has_terminal():
            raise typer.Abort
        return str(typer.prompt(name, hide_input=True, confirmation_prompt=twice, err=True))
    except typer.Abort:
        raise InvalidRequest("USE-002", path="key", hint=hint) from None


def _has_terminal() -> bool:
    try:
        with open("/dev/tty", "rb"):
            return True
    except OSError:
        return sys.stdin.isatty()


def new_key_provider(key_file: Path | None, service: str | None = None) -> KeyProvider:
    """Return the key provider that shall take the present one's place; a missing key file is made.

    Raises
    ------
    InvalidRequest
        As :func:`key_provider` does.
    """
    _one_of(key_file, service, "--new-key-provider")
    if service is not None:
        return service_of(service)
    if key_file is not None:
        return _from_file(key_file) if os.path.lexists(key_file) else KeyFile.create(key_file)
    passphrase = os.environ.get(NEW_PASSPHRASE_VARIABLE)
    if passphrase is None:
        hint = f"give --new-key-file, {NEW_PASSPHRASE_VARIABLE}, or a passphrase at the prompt"
        passphrase = _asked("New passphrase", hint, True)
    return PassphraseKey(passphrase)
