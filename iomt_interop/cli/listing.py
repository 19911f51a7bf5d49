"""The table of adapters."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Column, Table

from ..plugins import AdapterInfo
from .common import printable, show_table

__all__ = ["show_adapters"]


def show_adapters(infos: Sequence[AdapterInfo]) -> None:
    """Print a table of adapters; an id is never cut."""
    width = max((len(info.id) for info in infos), default=0)
    others = ("title", "version", "medium", "directions", "lossless", "clock", "status")
    table = Table(Column("adapter", no_wrap=True, min_width=width), *others)
    for info in infos:
        cells = (info.id, info.title, info.version, info.medium, "+".join(info.directions), info.lossless)
        table.add_row(*map(printable, (*cells, info.clock, info.problem or info.status)))
    show_table(table)
