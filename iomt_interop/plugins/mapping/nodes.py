"""The tree that all framings become: named nodes whose leaves hold the source's own text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final, Literal

__all__ = ["Node", "NodeKind", "extension_text", "leaf_of", "leaves", "path_below", "step_of"]

NodeKind = Literal[
    "object", "array", "string", "number", "literal", "null", "element", "markup", "sheet", "row", "cell",
]  # fmt: skip
"""``markup`` is an attribute, text or comment of XML; ``sheet``, ``row`` and ``cell`` belong to CSV."""

_INNER: Final = frozenset({"object", "array", "element", "sheet", "row"})
_MANY: Final = 16
_BARE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_AMBIGUOUS: Final = re.compile(
    r'-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?|true|false|\{\}|\[\]|".*', re.DOTALL
)


class Node:
    """One object, array, element, row, or leaf.

    Attributes
    ----------
    name : str or int
        Key of an object's member, position in an array (from 0), name of an element (``{uri}name``), ``@name`` of
        an attribute, ``text()``, column of a cell.
    text : str or None
        A leaf's text as the source wrote it; a JSON string without its quotes and escapes.
    start, stop : int
        Byte range in the unit.
    used : bool
        Whether a record holds the leaf.
    label : str
        The last step of the node's path, for people.
    """

    __slots__ = ("_index", "children", "kind", "label", "name", "parent", "start", "stop", "text", "used")

    def __init__(
        self,
        kind: NodeKind,
        name: str | int = "",
        text: str | None = None,
        parent: Node | None = None,
        start: int = 0,
        stop: int = 0,
    ) -> None:
        self.kind = kind
        self.name = name
        self.text = text
        self.parent = parent
        self.start = start
        self.stop = stop
        self.used = False
        self.label = ""
        self._index: dict[str | int, list[Node]] | None = None
        self.children: Sequence[Node] = [] if kind in _INNER else ()

    def __repr__(self) -> str:
        # The name may be a value of the input (an object keyed by patient numbers).
        return f"Node({self.kind})"

    def add(self, child: Node) -> None:
        """Take a child."""
        assert isinstance(self.children, list)
        self.children.append(child)

    def named(self, name: str) -> list[Node]:
        """Return the children of a name; only for a tree that is whole."""
        if len(self.children) < _MANY:
            return [child for child in self.children if child.name == name]
        # Every row may look at the same enclosing element: without an index that takes the square of the rows.
        if self._index is None:
            self._index = {}
            for child in self.children:
                self._index.setdefault(child.name, []).append(child)
        return self._index.get(name, [])

    @property
    def is_leaf(self) -> bool:
        """Whether it has nothing below it: a scalar, but also an empty object or array."""
        return not self.children and self.kind not in {"row", "sheet"}


def leaf_of(node: Node) -> Node | None:
    """Return what holds the node's text: itself, or an element's only text; ``None`` when there is none."""
    if node.kind == "element":
        inside = [child for child in node.children if not str(child.name).startswith("@")]
        return inside[0] if len(inside) == 1 and inside[0].name == "text()" else None
    return None if node.kind in _INNER else node


def leaves(top: Node) -> Iterator[Node]:
    """Yield all leaves at and below a node, in the order of the source."""
    stack = [top]
    while stack:
        node = stack.pop()
        if node.is_leaf:
            yield node
        else:
            stack.extend(reversed(node.children))


def path_below(node: Node, top: Node) -> str:
    """Return the path from ``top`` to a node below it, in the mapping's own path language; ``.`` for itself."""
    steps: list[str] = []
    at: Node | None = node
    while at is not None and at is not top:
        steps.append(step_of(at))
        at = at.parent
    steps.reverse()
    if not steps:
        return "."
    if node.kind in {"element", "markup"}:
        return "/".join(steps)
    return "".join(steps).removeprefix(".")


def step_of(node: Node) -> str:
    """Return the last step of a node's path."""
    if node.label:
        return node.label
    if isinstance(node.name, int):
        return f"[{node.name}]"
    if _BARE.fullmatch(node.name):
        return f".{node.name}"
    escaped = node.name.replace("\\", "\\\\").replace('"', '\\"')
    return f'."{escaped}"'


def extension_text(leaf: Node) -> str | None:
    """Return a leaf's text for an extension, so that a string and a number of the same letters differ."""
    if leaf.kind == "string" and _AMBIGUOUS.fullmatch(leaf.text or ""):
        return f'"{leaf.text}"'
    if leaf.kind == "object":
        return "{}"
    if leaf.kind == "array":
        return "[]"
    return leaf.text
