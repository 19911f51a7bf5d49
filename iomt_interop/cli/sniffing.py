"""What ``iomt sniff`` finds of each file, and how it shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.table import Column, Table

from ..errors import InputError, UnrecognisedFormat
from ..facade import sniff
from ..plugins import Candidate
from .common import printable, show_table, source_of

__all__ = ["Sniffed", "show_sniffed", "sniffed"]


@dataclass(frozen=True, slots=True)
class Sniffed:
    """What one file is, as far as anybody knows."""

    file: str
    candidates: tuple[Candidate, ...] = ()
    problem: str | None = None
    """Why nobody knows it, or why it could not be looked at."""

    @property
    def adapter(self) -> str | None:
        """Id of the adapter whose evidence is the best; ``None`` when there is no such adapter, or several."""
        best = [c for c in self.candidates if c.evidence == self.candidates[0].evidence]
        return best[0].adapter if len(best) == 1 else None

    def as_json(self) -> dict[str, object]:
        """Return plain data."""
        candidates = [{"adapter": c.adapter, "evidence": c.evidence.name} for c in self.candidates]
        return {"file": self.file, "adapter": self.adapter, "candidates": candidates, "problem": self.problem}


def sniffed(file: str) -> Sniffed:
    """Sniff one file; what is wrong with it is part of the answer."""
    try:
        found = sniff(source_of(file))
    except InputError as error:
        return Sniffed(file, problem=str(error))
    return Sniffed(file, tuple(found), None if found else str(UnrecognisedFormat("SRC-002")))


def show_sniffed(rows: Sequence[Sniffed], *, names: bool = False) -> None:
    """Print a table; an adapter's id is never cut.

    Parameters
    ----------
    rows : sequence of Sniffed
        A row each.
    names : bool
        Whether files are shown by their names alone.
    """
    shown = [(row, _adapter_cell(row)) for row in rows]
    width = max((len(cell) for _, cell in shown), default=0)
    table = Table(Column("file", overflow="fold"), Column("adapter", no_wrap=True, min_width=width), "evidence")
    for row, cell in shown:
        evidence = ", ".join(f"{c.adapter}: {c.evidence.name}" for c in row.candidates) or row.problem or ""
        table.add_row(printable(Path(row.file).name if names else row.file), printable(cell), printable(evidence))
    show_table(table)


def _adapter_cell(row: Sniffed) -> str:
    return row.adapter or ("ambiguous" if row.candidates else "not recognised")
