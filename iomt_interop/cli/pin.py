"""``iomt pin``: make an allow-list of adapters from their wheels."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..plugins import ALLOW_VARIABLE, allow_list_text, wheel_pins
from .common import OutputOption, complain, errors, put_out

__all__ = ["pin"]


def pin(
    wheels: Annotated[list[Path], typer.Argument(help="Wheels of the adapters that shall be permitted.")],
    output: OutputOption = None,
) -> None:
    """Write the allow-list that permits the adapters of these wheels: id, version, digest of the wheel's content."""
    with errors():
        pins = [each for wheel in wheels for each in wheel_pins(wheel)]
        put_out([allow_list_text(pins).encode()], output)
    complain(f"{len(pins)} adapters; name the file in {ALLOW_VARIABLE} to put it into force")
