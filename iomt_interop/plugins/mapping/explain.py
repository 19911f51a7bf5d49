"""What a mapping made of a sample: rules, paths and counts, never a value."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Final

from ...errors import InputError
from ..contract import ReadContext
from .engine import RowTrace
from .nodes import Node, step_of
from .reader import MappedReader
from .schema import Mapping, parse_mapping

__all__ = ["Explanation", "RowReport", "explain"]

_WORD: Final = re.compile(r"@?(?:\{[^{}]*\})?[^\W\d][^\W\d]*(?:[ _.:/()%-]{1,2}[^\W\d]+){0,5}[ _(]?\d{0,2}[)%]?")
"""What looks like a key or a column's name. Anything else may be a value: an object keyed by patient numbers."""


@dataclass(frozen=True, slots=True)
class RowReport:
    """What happened to one row."""

    path: str
    rules: tuple[str, ...]
    """Labels of the rules that made a record."""
    missing: tuple[tuple[str, str], ...]
    """Rule, and a path of it that gave nothing."""
    extensions: tuple[str, ...]
    """Paths, relative to the row, of leaves that no rule took."""
    is_residue: bool


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a mapping made of a sample."""

    rows: tuple[RowReport, ...]
    records: dict[str, int]
    """Kind of record, and how many."""
    issues: dict[str, int]
    """Code, and how often."""
    fired: dict[str, int]
    """Label of each rule, and how often it made a record; rules that never did are here with 0."""
    error: str | None = None
    """Code of the error that ended the reading."""

    @property
    def is_clean(self) -> bool:
        """Whether every row was taken, and nothing was doubtful."""
        return self.error is None and not self.issues and not any(row.is_residue for row in self.rows)


def explain(mapping_text: str, data: bytes, context: ReadContext | None = None) -> Explanation:
    """Read a sample and tell what each rule did with each row.

    Names of keys and columns that the mapping does not have are shown when they look like words, else as ``*``.

    Parameters
    ----------
    mapping_text : str
        The mapping, TOML.
    data : bytes
        A sample.
    context : ReadContext, optional
        How to read.

    Raises
    ------
    AdapterContractError
        ``MAP-001`` when the mapping is not valid.
    """
    mapping = parse_mapping(mapping_text)
    reader = MappedReader(mapping, context or ReadContext(), "mapping", "0")
    traces: list[RowTrace] = []
    reader.engine.observer = traces
    kinds: Counter[str] = Counter()
    issues: Counter[str] = Counter()
    error = None
    for is_end in (False, True):
        try:
            records = reader.finish() if is_end else reader.feed(data)
        except InputError as failure:
            error = failure.code
            break
        kinds.update(record.kind for record in records)
        issues.update(record.code for record in records if record.kind == "issue")
    known = frozenset(name for path in mapping.paths.values() for name in path.names)
    fired = Counter({rule.label: 0 for rule in mapping.rules})
    fired.update(label for trace in traces for label in trace.fired)
    rows = tuple(_report(trace, known, mapping) for trace in traces)
    return Explanation(rows, dict(kinds), dict(issues), dict(fired), error)


def _report(trace: RowTrace, known: frozenset[str], mapping: Mapping) -> RowReport:
    return RowReport(
        path=_shown(trace.row, None, known, mapping),
        rules=tuple(trace.fired),
        missing=tuple(dict.fromkeys(trace.missing)),
        extensions=tuple(_shown(leaf, trace.row, known, mapping) for leaf in trace.extensions),
        is_residue=trace.is_residue,
    )


def _shown(node: Node, top: Node | None, known: frozenset[str], mapping: Mapping) -> str:
    """Write a path for people, without names that may be values."""
    steps: list[str] = []
    at: Node | None = node
    while at is not None and at is not top and at.name != "":
        name = at.name
        if isinstance(name, int) or name in known or name.endswith("()") or (len(name) < 80 and _WORD.fullmatch(name)):
            steps.append(step_of(at))
        else:
            steps.append(".*")
        at = at.parent
    joined = ("/" if mapping.source.framing == "xml" else "").join(reversed(steps))
    return joined.removeprefix(".") or "."
