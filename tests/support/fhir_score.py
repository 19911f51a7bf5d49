"""How much of another converter's FHIR is in ours: leaves (path, value) reproduced, missed, contradicted.

Resources are paired by type and by how much they have in common, elements of arrays likewise; a reference counts
by the type of what it names. What a converter makes up (ids, URLs, its own extensions, times of conversion, the
software that converts) is taken out before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

__all__ = ["Finding", "Score", "leaves", "resources", "score"]

Tree = dict[str, Any]
_MADE_UP = frozenset({"id", "fullUrl", "resourceType", "text.div", "versionId", "lastUpdated", "contained"})
Leaf = tuple[str, Any]
_IDENTIFYING = ("identifier.value", "Organization.name", "name.family", "telecom.value")
"""What tells two things of one kind apart."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One leaf of the oracle that ours does not say."""

    path: str
    expected: Any
    found: Any
    """What ours says in this place; None where it says nothing."""


@dataclass(slots=True)
class Score:
    """Leaves of the oracle: how many, how many of them are ours too, and the others."""

    total: int = 0
    hits: int = 0
    findings: list[Finding] = field(default_factory=list)

    def add(self, other: Score) -> None:
        """Add another score to this one."""
        self.total += other.total
        self.hits += other.hits
        self.findings += other.findings

    @property
    def share(self) -> float:
        """Share of the oracle's leaves that are ours too."""
        return self.hits / self.total if self.total else 1.0

    @property
    def contradictions(self) -> list[Finding]:
        """Leaves in whose place ours says something else."""
        return [finding for finding in self.findings if finding.found is not None]


def resources(bundle: Tree, own: Callable[[str], bool], made_up: Callable[[Tree], bool]) -> list[Tree]:
    """Return the resources of a Bundle, contained ones too, without what a converter makes up.

    Parameters
    ----------
    bundle : dict
        The Bundle.
    own : callable
        Tells whether the URL of an extension is the converter's own.
    made_up : callable
        Tells whether a resource stands for the conversion and not for the message.
    """
    entries = [entry["resource"] for entry in bundle.get("entry", []) if "resource" in entry]
    types: dict[str, str | None] = {}
    for entry in bundle.get("entry", []):
        resource = entry.get("resource", {})
        kind = resource.get("resourceType", "")
        for name in (entry.get("fullUrl"), f"{kind}/{resource.get('id')}"):
            types[name] = None if made_up(resource) else kind
    found = []
    for resource in entries:
        inner = {"#" + one.get("id", ""): one["resourceType"] for one in resource.get("contained", [])}
        for one in (resource, *resource.get("contained", [])):
            if not made_up(one):
                plain = _plain(one, own, types | inner)
                found.append({"resourceType": one["resourceType"], **(plain or {})})
    return found


def _plain(tree: Any, own: Callable[[str], bool], types: dict[str, str | None]) -> Any:
    """Return a tree without made-up parts; None when nothing is left."""
    if isinstance(tree, list):
        return [kept for one in tree if (kept := _plain(one, own, types)) is not None] or None
    if not isinstance(tree, dict):
        return tree
    found: Tree = {}
    for key, value in tree.items():
        if key in _MADE_UP:
            continue
        if key == "extension":
            value = [one for one in value if not own(one.get("url", ""))]
        elif key == "reference" and isinstance(value, str):
            value = types[value] if value in types else value.partition("/")[0]
        kept = None if value is None else _plain(value, own, types)
        if kept is not None:
            found[key] = kept
    if set(found) == {"url"}:
        return None
    return found or None


def leaves(tree: Any, path: str) -> Iterator[Leaf]:
    """Yield path and value of every leaf; array indexes are no part of a path."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            if key != "resourceType":
                yield from leaves(value, f"{path}.{key}")
    elif isinstance(tree, list):
        for value in tree:
            yield from leaves(value, path)
    else:
        yield path, tree


def _same(expected: Any, found: Any) -> bool:
    if expected == found:
        return True
    if isinstance(expected, str) and isinstance(found, str) and "T" in expected and "T" in found:
        try:
            return datetime.fromisoformat(expected) == datetime.fromisoformat(found)
        except (ValueError, TypeError):
            return False
    return False


def _url(tree: Any) -> Any:
    return tree.get("url") if isinstance(tree, dict) else None


def _missed(tree: Any, path: str) -> Score:
    found = [Finding(where, value, None) for where, value in leaves(tree, path)]
    return Score(len(found), 0, found)


def compare(expected: Any, found: Any, path: str) -> Score:
    """Compare two trees at one place."""
    if isinstance(expected, dict):
        if not isinstance(found, dict):
            return _missed(expected, path)
        total = Score()
        for key, value in expected.items():
            if key != "resourceType":
                where = f"{path}.{key}"
                total.add(_missed(value, where) if key not in found else compare(value, found[key], where))
        return total
    if isinstance(expected, list):
        return _arrays(expected, found if isinstance(found, list) else [found], path)
    if isinstance(found, dict | list):
        return Score(1, 0, [Finding(path, expected, None)])
    if _same(expected, found):
        return Score(1, 1)
    return Score(1, 0, [Finding(path, expected, found)])


def _arrays(expected: list[Any], found: list[Any], path: str, *, again: bool = False) -> Score:
    """Pair elements, the best pair first; ``again`` lets an element of ours stand for several."""
    pairs = sorted(
        (
            (compare(one, other, path), at, to)
            for at, one in enumerate(expected)
            for to, other in enumerate(found)
            if not path.endswith("xtension") or _url(one) == _url(other)
        ),
        key=lambda pair: (-pair[0].hits, len(pair[0].contradictions), abs(pair[1] - pair[2]), pair[1]),
    )
    total, left, taken = Score(), set(range(len(expected))), set()
    for result, at, to in pairs:
        if isinstance(expected[at], dict):
            if not result.hits:
                continue
            result = _other_thing(result)
        if at in left and (again or to not in taken):
            left.remove(at)
            taken.add(to)
            total.add(result)
    for at in sorted(left):
        total.add(_missed(expected[at], path))
    return total


def _other_thing(result: Score) -> Score:
    """Return the result of a pair, without contradictions where the two are not the same thing.

    They are not when they have another number or name, or disagree on more than they agree on.
    """
    wrong = result.contradictions
    if len(wrong) < result.hits and not any(one.path.endswith(_IDENTIFYING) for one in wrong):
        return result
    return Score(result.total, result.hits, [Finding(one.path, one.expected, None) for one in result.findings])


def score(expected: Iterable[Tree], found: Iterable[Tree]) -> Score:
    """Return how much of the expected resources the found ones say; a copy of a resource counts as the resource."""
    total = Score()
    ours = list(found)
    for resource in expected:
        kind = resource["resourceType"]
        same = [one for one in ours if one["resourceType"] == kind]
        total.add(_arrays([resource], same, kind, again=True))
    return total
