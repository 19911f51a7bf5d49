"""Lines of a TOML text by path, as TOML readers do not tell them: near enough to find a finding."""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

__all__ = ["line_of", "lines_of"]

_HEADER: Final = re.compile(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?")
_KEY: Final = re.compile(r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")
_ITEM: Final = re.compile(r"\s*\{")


def lines_of(text: str) -> dict[str, int]:
    """Return the line, counted from 1, of each table and key that begins a line."""
    found: dict[str, int] = {}
    prefix = key = ""
    count: Counter[str] = Counter()
    item = 0
    for number, line in enumerate(text.splitlines(), 1):
        header = _HEADER.fullmatch(line)
        match = _KEY.match(line)
        if header is not None:
            parts = _plain(header[2]).split(".")
            # A table inside the last element of an array of tables belongs to that element.
            prefix = _inside(parts, count, header[1] == "[[")
            key, item = prefix, 0
        elif match is not None:
            key = f"{prefix}.{_plain(match[1])}".removeprefix(".")
            item = 0
        elif _ITEM.match(line):
            found.setdefault(f"{key}[{item}]", number)
            item += 1
            continue
        else:
            continue
        found.setdefault(key, number)
    return found


def _inside(parts: list[str], count: Counter[str], is_array: bool) -> str:
    path = ""
    for number, part in enumerate(parts):
        path = f"{path}.{part}".removeprefix(".")
        if number == len(parts) - 1 and is_array:
            count[path] += 1
        if count[path]:
            path = f"{path}[{count[path] - 1}]"
    return path


def _plain(text: str) -> str:
    return re.sub(r"""["'\s]""", "", text)


def line_of(path: str, lines: dict[str, int]) -> int | None:
    """Return the line of a path, or of the nearest table around it."""
    while path:
        if path in lines:
            return lines[path]
        cut = max(path.rfind("."), path.rfind("["))
        path = path[:cut] if cut > 0 else ""
    return None
