"""Whether a rule fires on a row."""

from __future__ import annotations

import re
from functools import lru_cache

from .nodes import Node, leaf_of
from .scope import Scope
from .specs import Condition

__all__ = ["holds", "written"]


def written(value: str | int | bool) -> str:
    """Return a condition's value as a source writes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def holds(scope: Scope, conditions: tuple[Condition, ...]) -> bool:
    """Tell whether all conditions hold.

    What ``equals`` compared counts as taken: the rule's own text says it. What the others compared does not, as
    several texts pass them.
    """
    return all(_holds(scope, each) for each in conditions)


def _holds(scope: Scope, condition: Condition) -> bool:
    found = scope.nodes(condition.path)
    leaf = leaf_of(found[0]) if found else None
    if condition.exists is not None and condition.exists is not _has(found, leaf):
        return False
    if condition.exists is False:
        return True
    text = None if leaf is None else leaf.text
    if condition.equals is not None:
        if leaf is None or text != written(condition.equals):
            return False
        scope.ledger.taken.append(leaf)
    if condition.in_ is not None and (text is None or text not in map(written, condition.in_)):
        return False
    if condition.not_equals is not None and (text is None or text == written(condition.not_equals)):
        return False
    if condition.not_in is not None and (text is None or text in map(written, condition.not_in)):
        return False
    return condition.matches is None or (text is not None and _compiled(condition.matches).fullmatch(text) is not None)


def _has(found: list[Node], leaf: Node | None) -> bool:
    """Tell whether something stands there: a text that is not empty, or a structure with something inside."""
    return bool(leaf.text) if leaf is not None else bool(found and found[0].children)


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.DOTALL)
