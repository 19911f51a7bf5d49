"""Where the command finds the vault's key: a key file, the environment, or a prompt."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Final

import typer

from ..vault import KeyFile, KeyProvider, PassphraseKey
from .common import USAGE, complain

__all__ = ["PASSPHRASE_VARIABLE", "KeyFileOption", "key_provider"]

PASSPHRASE_VARIABLE: Final = "IOMT_PASSPHRASE"  # noqa: S105 - the name of a variable, not a secret

KeyFileOption = Annotated[
    Path | None,
    typer.Option("--key-file", help="File with the vault's key; made, for its owner alone, where a vault is made."),
]


def key_provider(key_file: Path | None, *, new: bool = False) -> KeyProvider:
    """Return the key provider that the user chose.

    Parameters
    ----------
    key_file : Path or None
        The option; without it ``IOMT_PASSPHRASE``, else a prompt on the terminal.
    new : bool
        Whether a vault is being made: then a passphrase is asked for twice, and a missing key file is made.
    """
    if key_file is not None:
        if new and not key_file.exists():
            return KeyFile.create(key_file)
        return KeyFile(key_file)
    passphrase = os.environ.get(PASSPHRASE_VARIABLE)
    if passphrase is None:
        try:
            passphrase = typer.prompt("Passphrase", hide_input=True, confirmation_prompt=new, err=True)
        except typer.Abort:
            complain(f"no key: give --key-file, {PASSPHRASE_VARIABLE}, or a passphrase at the prompt")
            raise typer.Exit(USAGE) from None
    return PassphraseKey(passphrase)
