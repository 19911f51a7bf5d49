"""The path language: where in a row, in what encloses it, or in the document a text stands.

JSON: ``a.b[0]."quoted name"[*]``, ``$.x`` from the document's root, ``^.x`` from what encloses the row,
``items[name="hr"].value`` where a member has a value, ``times[#]`` at the row's own position in its array.
XML: ``r:row/r:value/@unit``, ``/r:report`` from the root, ``^/@id``, ``v[2]``, ``v[@n="hr"]``, ``text()``.
CSV: a column's name as it stands in the header, its number (from 1), or ``^[2][1]``: line and column before the header.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from .nodes import Node, leaf_of

__all__ = ["Framing", "Path", "PathSyntaxError", "Step", "parse_path", "select"]

Framing = Literal["json", "ndjson", "csv", "xml"]

_ROOT: Final = -1
_NAME: Final = r'(?P<name>[A-Za-z_][A-Za-z0-9_-]*)|"(?P<quoted>(?:[^"\\]|\\["\\])*)"'
_TAIL: Final = (
    r"\[(?:(?P<index>[0-9]{1,9})|(?P<each>\*)|(?P<same>\#)"
    r'|(?P<filter>@?[\w:.-]+)="(?P<value>[^"]*)")\]'
)
_JSON: Final = re.compile(rf"\.?(?:{_NAME})|{_TAIL}", re.ASCII)
_XML: Final = re.compile(rf"/?(?P<xname>@?[\w.-]+(?::[\w.-]+)?(?:\(\))?)|{_TAIL}")
_UP: Final = {"json": re.compile(r"\^(?:\.(?=\^))?"), "xml": re.compile(r"\^/?")}
_BEFORE: Final = re.compile(r"\^\[([1-9][0-9]{0,8})\]\[([1-9][0-9]{0,8})\]")


class PathSyntaxError(ValueError):
    """The text is no path; a fault of the mapping, never of the input."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step down."""

    kind: Literal["child", "index", "each", "same", "filter", "column"]
    name: str = ""
    number: int = 0
    value: str = ""


@dataclass(frozen=True, slots=True)
class Path:
    """A parsed path: how many levels up (-1 for the root), then steps down."""

    text: str
    up: int
    steps: tuple[Step, ...]

    @property
    def names(self) -> frozenset[str]:
        """The names that stand in the path."""
        return frozenset(step.name for step in self.steps if step.name)


def parse_path(text: str | int, framing: Framing, namespaces: Mapping[str, str] | None = None) -> Path:
    """Read a path.

    Raises
    ------
    PathSyntaxError
        When it is none, or uses a namespace prefix that the mapping does not define.
    """
    if framing == "csv":
        return _csv_path(text)
    if isinstance(text, int):
        raise PathSyntaxError("a number is a path in CSV only")
    if text == ".":
        return Path(text, 0, ())
    language: Literal["json", "xml"] = "xml" if framing == "xml" else "json"
    up, position = _anchor(text, language)
    grammar = _JSON if language == "json" else _XML
    steps: list[Step] = []
    while position < len(text):
        match = grammar.match(text, position)
        if match is None or match.end() == position:
            raise PathSyntaxError("not a path")
        steps.append(_step(match, language, namespaces or {}))
        position = match.end()
    if not steps and up == 0:
        raise PathSyntaxError("an empty path")
    return Path(text, up, tuple(steps))


def _csv_path(text: str | int) -> Path:
    if isinstance(text, int):
        if text < 1:
            raise PathSyntaxError("columns count from 1")
        return Path(f"#{text}", 0, (Step("index", number=text - 1),))
    if text == ".":
        return Path(text, 0, ())
    if text.startswith("^["):
        match = _BEFORE.fullmatch(text)
        if match is None:
            raise PathSyntaxError("not a place before the header")
        return Path(text, 1, tuple(Step("index", number=int(part) - 1) for part in match.groups()))
    if not text:
        raise PathSyntaxError("an empty path")
    return Path(text, 0, (Step("column", name=text),))


def _anchor(text: str, language: Literal["json", "xml"]) -> tuple[int, int]:
    mark = "$" if language == "json" else "/"
    if text.startswith(mark):
        return _ROOT, 1 if language == "json" else 0
    up = position = 0
    while (match := _UP[language].match(text, position)) is not None:
        up += 1
        position = match.end()
    if up == 0 and text.startswith("."):
        raise PathSyntaxError("a path does not begin with a dot")
    return up, position


def _step(match: re.Match[str], language: str, namespaces: Mapping[str, str]) -> Step:
    parts = match.groupdict()
    if parts["index"] is not None:
        # XPath counts from 1, JSON from 0: each as its users expect.
        number = int(parts["index"]) - (language == "xml")
        if number < 0:
            raise PathSyntaxError("elements count from 1")
        return Step("index", number=number)
    if parts["each"] is not None:
        return Step("each")
    if parts["same"] is not None:
        return Step("same")
    if parts["filter"] is not None:
        name = _qualified(parts["filter"], namespaces) if language == "xml" else parts["filter"]
        return Step("filter", name=name, value=parts["value"])
    if language == "xml":
        return Step("child", name=_qualified(parts["xname"], namespaces))
    quoted = parts["quoted"]
    return Step("child", name=parts["name"] if quoted is None else re.sub(r"\\(.)", r"\1", quoted))


def _qualified(name: str, namespaces: Mapping[str, str]) -> str:
    """Return the name as lxml writes it: ``{uri}local``."""
    if name.endswith("()"):
        if name != "text()":
            raise PathSyntaxError("no such function")
        return name
    mark = "@" if name.startswith("@") else ""
    prefix, colon, local = name.removeprefix("@").rpartition(":")
    if not colon and mark:
        return name
    uri = namespaces.get(prefix)
    if uri is None:
        if colon:
            raise PathSyntaxError("a namespace prefix that is not defined")
        return name
    return f"{mark}{{{uri}}}{local}"


def select(row: Node, path: Path) -> tuple[list[Node], list[Node]]:
    """Follow a path from a row.

    Returns
    -------
    tuple of list
        The nodes that were found, and the leaves that filters compared on the way.
    """
    start = _start(row, path.up)
    found = [] if start is None else [start]
    compared: list[Node] = []
    for step in path.steps:
        if step.kind == "filter":
            found = _filtered(found, step, compared)
        elif step.kind == "index":
            found = _indexed(found, step.number)
        elif step.kind == "each":
            found = [child for node in found for child in (node.children if node.kind == "array" else (node,))]
        elif step.kind == "same":
            found = _indexed(found, _own_index(row))
        else:
            found = [child for node in found for child in node.named(step.name)]
            if step.kind == "column":
                found = found[:1]
    return found, compared


def _start(row: Node, up: int) -> Node | None:
    node: Node | None = row
    if up == _ROOT:
        while node is not None and node.parent is not None:
            node = node.parent
        return node
    for _ in range(up):
        node = node.parent if node is not None else None
        while node is not None and node.kind == "array":
            node = node.parent
    return node


def _own_index(row: Node) -> int:
    node: Node | None = row
    while node is not None and not isinstance(node.name, int):
        node = node.parent
    return node.name if node is not None and isinstance(node.name, int) else _ROOT


def _indexed(found: list[Node], number: int) -> list[Node]:
    if number < 0:
        return []
    if found and found[0].kind in {"array", "row", "sheet"}:
        return [node.children[number] for node in found if number < len(node.children)]
    return found[number : number + 1] if found and found[0].kind in {"element", "markup"} else []


def _filtered(found: list[Node], step: Step, compared: list[Node]) -> list[Node]:
    kept = []
    candidates = [child for node in found for child in (node.children if node.kind == "array" else (node,))]
    for node in candidates:
        for child in node.named(step.name):
            leaf = leaf_of(child)
            if leaf is not None and leaf.text == step.value:
                compared.append(leaf)
                kept.append(node)
                break
    return kept
