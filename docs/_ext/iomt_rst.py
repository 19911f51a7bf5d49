"""Small pieces of reStructuredText."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence

__all__ = ["bullets", "indented", "literal", "prose", "table", "titled"]


def titled(text: str, mark: str = "-") -> list[str]:
    """Return a heading."""
    return [text, mark * max(len(text), 3), ""]


def literal(value: object) -> str:
    """Return inline literal text; an empty value gives an empty cell."""
    text = str(value)
    return f"``{text}``" if text else ""


def indented(lines: Iterable[str], width: int = 3) -> list[str]:
    """Indent all lines but empty ones."""
    return [" " * width + line if line else "" for line in lines]


def bullets(items: Iterable[str]) -> list[str]:
    """Return a list of one-line items."""
    return [*(f"- {item}" for item in items), ""]


def prose(docstring: str | None) -> list[str]:
    """Return a docstring's text without its numpydoc sections, as lines of reStructuredText."""
    lines = inspect.cleandoc(docstring or "").splitlines()
    for number in range(1, len(lines)):
        if re.fullmatch(r"-{3,}", lines[number].strip()):
            lines = lines[: number - 1]
            break
    return [*lines, ""]


def table(header: Sequence[str], rows: Iterable[Sequence[str]], *, widths: Sequence[int] = ()) -> list[str]:
    """Return a list-table; a cell may have several lines; an empty header gives none."""
    out = [".. list-table::", f"   :header-rows: {int(bool(header))}", "   :align: left"]
    if widths:
        out.append("   :widths: " + " ".join(map(str, widths)))
    out.append("")
    for row in [*([header] if header else []), *rows]:
        for column, cell in enumerate(row):
            first, *rest = cell.splitlines() or [""]
            out.append(f"   {'*' if column == 0 else ' '} - {first}".rstrip())
            out += [f"       {line}".rstrip() for line in rest]
    return [*out, ""]
