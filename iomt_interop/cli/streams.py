"""The standard streams, which may be closed, full, or left by their reader."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Final

__all__ = ["finish", "give_up_stdout", "prepare"]

_STREAMS: Final = ((0, "stdin"), (1, "stdout"), (2, "stderr"))


def prepare() -> str | None:
    """Occupy the numbers of closed streams, and say why the command cannot run.

    A file that is opened later would otherwise get the number of a stream, and what is meant for the stream would
    end in it.

    Returns
    -------
    str or None
        What is wrong; ``None`` when standard output is there.
    """
    for number, _ in _STREAMS:
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - open until the end
    return "standard output is closed" if sys.stdout is None else None


def finish() -> str | None:
    """Write out what is buffered for standard output; say what is wrong when that fails."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        give_up_stdout()
    except (OSError, ValueError) as error:
        give_up_stdout()
        return f"cannot write standard output: {os.strerror(getattr(error, 'errno', None) or 0)}"
    return None


def give_up_stdout() -> None:
    """Let the interpreter's own flush at its end go nowhere."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
