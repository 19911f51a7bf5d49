"""``iomt new-adapter``: a new adapter package to begin with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..testing.scaffold import Framing, Medium, generate
from .common import console, errors, printable

__all__ = ["new_adapter"]


def new_adapter(
    adapter_id: Annotated[str, typer.Argument(help="Id of the adapter, as acme_x200; also its folder's name.")],
    medium: Annotated[Medium, typer.Option("--medium", help="What one source is.")],
    framing: Annotated[Framing, typer.Option("--framing", help="What its octets look like.")],
    into: Annotated[Path, typer.Option("--into", help="Folder in which the package is made.")] = Path(),
    title: Annotated[str | None, typer.Option("--title", help="What the adapter reads, in words.")] = None,
    vendor: Annotated[str | None, typer.Option("--vendor", help="Who makes the device.")] = None,
) -> None:
    """Write an installable adapter package: a field table, a reader that walks it, samples, tests, CI."""
    with errors():
        folder = generate(adapter_id, medium=medium, framing=framing, into=into, title=title, vendor=vendor)
    console.print(f"made {printable(str(folder))}", highlight=False)
    console.print("Begin with README.md there; what your device's fields mean goes into tables.py.", highlight=False)
