"""What a rule sees of one row: texts by path, and a ledger of which leaves a record took."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from ..contract import ReadContext
from .nodes import Node, leaf_of
from .paths import select
from .schema import Mapping
from .specs import PathText

__all__ = ["Ledger", "Leaf", "Scope"]


@dataclass(frozen=True, slots=True, repr=False)
class Leaf:
    """A text of the source, ``None`` for an explicit null."""

    text: str | None
    node: Node
    whole: bool
    """Whether the text is all that the node says."""


@dataclass(slots=True, repr=False)
class Ledger:
    """What one rule did with one row; it counts only when a record came of it."""

    taken: list[Node] = field(default_factory=list)
    doubts: list[tuple[str, str]] = field(default_factory=list)
    """Code, and path in the mapping's language."""
    missing: list[str] = field(default_factory=list)
    """Paths that gave nothing."""


class Scope:
    """One row, or a part of it, under one rule."""

    def __init__(self, mapping: Mapping, context: ReadContext, row: Node, ledger: Ledger) -> None:
        self.mapping = mapping
        self.context = context
        self.row = row
        self.ledger = ledger

    def nodes(self, path: PathText) -> list[Node]:
        """Return the nodes at a path; what a filter compared counts as taken, for the rule's text says it."""
        found, compared = select(self.row, self.mapping.paths[path])
        if not found:
            self.ledger.missing.append(str(path))
        self.ledger.taken += compared
        return found

    def leaf(self, path: PathText, pattern: str | None = None) -> Leaf | None:
        """Return the first text at a path; ``None`` when there is none."""
        found = self.nodes(path)
        node = leaf_of(found[0]) if found else None
        if node is None:
            return None
        if pattern is None or node.text is None:
            return Leaf(node.text, node, True)
        match = _compiled(pattern).fullmatch(node.text)
        if match is None or match[1] is None:
            return None
        # What stands around the group has no place in the record: the node stays open for an extension.
        return Leaf(match[1], node, match[1] == node.text)

    def take(self, leaf: Leaf) -> None:
        """Note that the record says what the leaf says."""
        if leaf.whole:
            self.ledger.taken.append(leaf.node)

    def doubt(self, code: str, path: PathText) -> None:
        """Note what is doubtful about the row; it counts if a record comes of it, or none at all."""
        self.ledger.doubts.append((code, str(path)))

    def below(self, path: PathText) -> Iterator[Scope]:
        """Yield a scope for each node at a path."""
        for node in self.nodes(path):
            yield Scope(self.mapping, self.context, node, self.ledger)


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.DOTALL)
