"""Rules of a mapping against each other and against themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from .conditions import written
from .fields import FIELDS, NEEDS, choices
from .schema import PATH_KEYS, Mapping, Rule, walk
from .specs import Condition, PathText, TextFrom

__all__ = ["rule_findings"]

_Raw = tuple[str, str, str]


def rule_findings(mapping: Mapping) -> Iterator[_Raw]:
    """Yield rules that can never fire, that are there twice, or ask for what a table does not have."""
    for number, rule in enumerate(mapping.rules):
        place = f"record[{rule.index}]"
        if _contradicts(rule.when):
            yield "MAP-308", f"{place}.when", ""
        for earlier in mapping.rules[:number]:
            if _content(earlier) == _content(rule):
                yield "MAP-309", place, f"as record[{earlier.index}]"
            if _hides(earlier, rule):
                yield "MAP-307", place, f"record[{earlier.index}]"
        yield from _words(mapping, rule, place)
        yield from _choices(mapping, rule, place)


def _content(rule: Rule) -> tuple[Any, ...]:
    return (rule.kind, rule.each, rule.when, rule.subject, rule.fields)


def _hides(earlier: Rule, later: Rule) -> bool:
    """Tell whether the earlier rule stops on every row on which the later one could fire."""
    if not earlier.stop or earlier.each != later.each:
        return False
    if any(condition not in later.when for condition in earlier.when):
        return False
    return _required(earlier) <= _required(later) | {condition.path for condition in later.when}


def _required(rule: Rule) -> set[PathText]:
    """Return the paths without which the rule makes no record."""
    names = {name for group in NEEDS[rule.kind] for name in group if name in rule.fields}
    paths: set[PathText] = set()
    for name in names:
        for _, spec in walk(rule.fields[name], ""):
            for key in PATH_KEYS & type(spec).model_fields.keys():
                value = getattr(spec, key)
                paths.update(value if isinstance(value, tuple) else () if value is None else (value,))
    return paths


def _contradicts(conditions: tuple[Condition, ...]) -> bool:
    """Tell whether no text could meet all conditions on one path."""
    by_path: dict[PathText, list[Condition]] = {}
    for condition in conditions:
        by_path.setdefault(condition.path, []).append(condition)
    return any(_impossible(group) for group in by_path.values())


def _impossible(group: list[Condition]) -> bool:
    absent = any(each.exists is False for each in group)
    if absent and any(_asks_for_text(each) for each in group):
        return True
    allowed = [set(map(written, each.in_)) for each in group if each.in_ is not None]
    allowed += [{written(each.equals)} for each in group if each.equals is not None]
    if not allowed:
        return False
    left = set.intersection(*allowed)
    for each in group:
        if each.not_equals is not None:
            left.discard(written(each.not_equals))
        left -= set(map(written, each.not_in or ()))
        if each.matches is not None:
            pattern = re.compile(each.matches, re.DOTALL)
            left = {word for word in left if pattern.fullmatch(word)}
    return not left


def _asks_for_text(condition: Condition) -> bool:
    """Tell whether the condition fails where nothing stands."""
    tests = (condition.equals, condition.not_equals, condition.in_, condition.not_in, condition.matches)
    return condition.exists is True or any(test is not None for test in tests)


def _words(mapping: Mapping, rule: Rule, place: str) -> Iterator[_Raw]:
    """Yield conditions on a word that the table for the same path does not have: the look-up would find nothing."""
    wanted = {each.path: each for each in rule.when if each.equals is not None or each.in_ is not None}
    for where, spec in walk(rule.fields, place):
        table = getattr(spec, "table", None)
        condition = wanted.get(getattr(spec, "path", None) or "")
        if table is None or condition is None or getattr(spec, "pattern", None) is not None:
            continue
        asked = condition.in_ if condition.in_ is not None else (condition.equals,)
        known = _table(mapping, table)
        if any(word is not None and written(word) not in known for word in asked):
            yield "MAP-311", f"{where}.table", "a word of the rule's conditions is missing"


def _table(mapping: Mapping, table: Any) -> dict[str, Any]:
    return mapping.tables.get(table, {}) if isinstance(table, str) else dict(table)


def _choices(mapping: Mapping, rule: Rule, place: str) -> Iterator[_Raw]:
    """Yield entries of tables that a field of fixed words cannot hold."""
    for name, spec in rule.fields.items():
        if FIELDS[rule.kind][name] != "choice" or not isinstance(spec, TextFrom) or spec.table is None:
            continue
        base = f"tables.{spec.table}" if isinstance(spec.table, str) else f"{place}.{name}.table"
        for key, entry in _table(mapping, spec.table).items():
            if not isinstance(entry, str) or entry not in choices(rule.kind, name):
                yield "MAP-302", f"{base}.{key}", "one of " + ", ".join(sorted(choices(rule.kind, name)))
