"""What the command says, and how: tables, one-line diagnostics, errors as text or JSON."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ..errors import CODES, AdapterError, IomtError, UsageError

__all__ = [
    "FINDINGS",
    "USAGE",
    "Refused",
    "complain",
    "console",
    "emit_json",
    "error_as_json",
    "errors",
    "exit_code",
    "printable",
    "refuse",
    "show_table",
    "stderr",
]

FINDINGS: Final = 1
USAGE: Final = 2

console: Final = Console(soft_wrap=True)
"""Results, on standard output."""
stderr: Final = Console(stderr=True, soft_wrap=True)


class Refused(typer.Exit):
    """The command ends because of what was asked for; the reason has been told on standard error."""

    def __init__(self, text: str) -> None:
        super().__init__(USAGE)
        self.text = text


def printable(text: str) -> str:
    """Return a text for a terminal: no control character of a file's name reaches it, and no markup of rich."""
    return escape("".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text))


def complain(text: str) -> None:
    """Print a diagnostic on standard error."""
    stderr.print(printable(text), highlight=False)


def refuse(text: str) -> NoReturn:
    """Say in one line why the command does not do what was asked for, and leave with the code for wrong use."""
    complain(text)
    raise Refused(text)


def emit_json(value: object) -> None:
    """Print a JSON document on standard output."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def show_table(table: Table) -> None:
    """Print a table; where nobody looks at a terminal, each row is one line that a script can search."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isascii() and columns.isdigit() and 0 < len(columns) < 6:
        width: int | None = max(int(columns), 1)
    elif console.is_terminal:
        width = None
    else:
        width = max(console.measure(table, options=console.options.update(width=10_000)).maximum, 1)
    # A console of its own: rich takes no more than the width that a console had when it was made.
    Console(soft_wrap=True, width=width).print(table)


def exit_code(error: IomtError) -> int:
    """Return the exit code that an error of the library means."""
    return USAGE if isinstance(error, UsageError | AdapterError) else FINDINGS


def error_as_json(error: IomtError) -> dict[str, object]:
    """Return an error as plain data: code, class, place; never a value."""
    return {
        "code": error.code,
        "type": type(error).__name__,
        "message": CODES.get(error.code),
        "text": str(error),
        "path": error.path,
        "span": error.span,
        "clause": error.clause,
        "hint": error.hint,
    }


@contextmanager
def errors(*, as_json: bool = False, **more: object) -> Iterator[None]:
    """Turn an error of the library into one line on standard error and an exit code.

    Parameters
    ----------
    as_json : bool
        Whether ``{"error": {...}}`` is printed on standard output too. Then whatever the command prints there
        itself must come after the block, or as its last step.
    **more : object
        Further members of that object.
    """
    try:
        yield
    except IomtError as error:
        complain(str(error))
        if as_json:
            emit_json({**more, "error": error_as_json(error)})
        raise typer.Exit(exit_code(error)) from None
    except Refused as refused:
        if as_json:
            empty = dict.fromkeys(("path", "span", "clause", "hint"))
            told = {"code": None, "type": "Refused", "message": refused.text, "text": refused.text, **empty}
            emit_json({**more, "error": told})
        raise
    except BrokenPipeError:
        # The reader of our output went away (`| head`): that is its right.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(0) from None
