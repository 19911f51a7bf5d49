"""Where the command finds the vault's key: a key file, the environment, or a prompt."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Final

import typer

from ..errors import InvalidRequest
from ..vault import KeyFile, KeyProvider, PassphraseKey

__all__ = ["PASSPHRASE_VARIABLE", "KeyFileOption", "NewKeyFileOption", "key_provider", "new_key_provider"]

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


def key_provider(key_file: Path | None, *, new: bool = False) -> KeyProvider:
    """Return the key provider that the user chose.

    Parameters
    ----------
    key_file : Path or None
        The option; without it ``IOMT_PASSPHRASE``, else a prompt on the terminal.
    new : bool
        Whether a vault is being made: then a passphrase is asked for twice, and a missing key file is made.

    Raises
    ------
    InvalidRequest
        ``USE-002`` when nobody is there to be asked, or the key file cannot be made.
    """
    if key_file is not None:
        if new and not os.path.lexists(key_file):
            return KeyFile.create(key_file)
        return KeyFile(key_file)
    passphrase = os.environ.get(PASSPHRASE_VARIABLE)
    if passphrase is None:
        try:
            passphrase = typer.prompt("Passphrase", hide_input=True, confirmation_prompt=new, err=True)
        except typer.Abort:
            hint = f"give --key-file, {PASSPHRASE_VARIABLE}, or a passphrase at the prompt"
            raise InvalidRequest("USE-002", path="key", hint=hint) from None
    return PassphraseKey(passphrase)


def new_key_provider(key_file: Path | None) -> KeyProvider:
    """Return the key provider that shall take the present one's place; a missing key file is made.

    Raises
    ------
    InvalidRequest
        As :func:`key_provider` does.
    """
    if key_file is not None:
        return KeyFile(key_file) if os.path.lexists(key_file) else KeyFile.create(key_file)
    passphrase = os.environ.get(NEW_PASSPHRASE_VARIABLE)
    if passphrase is None:
        try:
            passphrase = typer.prompt("New passphrase", hide_input=True, confirmation_prompt=True, err=True)
        except typer.Abort:
            hint = f"give --new-key-file, {NEW_PASSPHRASE_VARIABLE}, or a passphrase at the prompt"
            raise InvalidRequest("USE-002", path="key", hint=hint) from None
    return PassphraseKey(passphrase)
