"""Units to records: each rule on each of its rows, and then whatever no rule took."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final

from ...errors import MalformedInput
from ...model import Envelope, Extension, Issue, Message, Provenance, Record, Residue, record_id
from ..contract import ReadContext
from .firing import Firing, fire
from .nodes import Node, extension_text, leaves, path_below
from .paths import select
from .people import REFERRED, References
from .schema import Mapping, Rule
from .units import Unit

__all__ = ["Engine", "RowTrace"]

_BESIDE: Final = frozenset(REFERRED)
"""Kinds that say who and with what; a row's left-over leaves belong to what was measured, if there is that."""


@dataclass(slots=True)
class RowTrace:
    """What happened to one row: labels of rules, paths, never a value."""

    row: Node
    fired: list[str] = field(default_factory=list)
    missing: list[tuple[str, str]] = field(default_factory=list)
    """Rule, and a path that gave nothing."""
    extensions: list[Node] = field(default_factory=list)
    is_residue: bool = False


@dataclass(slots=True, repr=False)
class _Row:
    node: Node
    origin: Provenance
    trace: RowTrace
    records: list[int] = field(default_factory=list)
    """Places of the row's records in the output."""
    repeated: list[Record] = field(default_factory=list)
    doubts: list[tuple[str, str]] = field(default_factory=list)
    """Of rules that made no record; told when none did."""
    stopped: bool = False


class Engine:
    """The rules of a mapping at work on one source.

    Parameters
    ----------
    mapping : Mapping
        The rules.
    context : ReadContext
        How to read.
    adapter, version : str
        For ids and provenance.
    """

    def __init__(self, mapping: Mapping, context: ReadContext, adapter: str, version: str) -> None:
        self._mapping = mapping
        self._context = context
        self._adapter = adapter
        self._version = version
        self._references = References(mapping, context, adapter, version)
        self._groups: list[tuple[str, list[Rule]]] = _by_rows(mapping)
        self.observer: list[RowTrace] | None = None

    def run(self, unit: Unit) -> list[Record]:
        """Return the records of a unit."""
        if unit.kind == "rows":
            return self._rows(unit)
        if unit.kind == "header":
            return list(self._header(unit))
        origin = self._origin(unit)
        if self.observer is not None:
            self.observer.append(RowTrace(unit.root, is_residue=True))
        severity_is_low = unit.kind == "passed"
        return list(self._residue(unit.raw, origin, unit.code or "MAP-201", low=severity_is_low))

    def finish(self) -> list[Record]:
        """Return what remains at the end of the source."""
        return self._references.rest()

    def _rows(self, unit: Unit) -> list[Record]:
        out: list[Record] = []
        self._references.of_the_rest(out)
        rows: dict[int, _Row] = {}
        digest = unit.digest
        for each, rules in self._groups:
            nodes, _ = select(unit.root, self._mapping.paths[each])
            for node in nodes:
                row = rows.get(id(node))
                if row is None:
                    row = rows[id(node)] = _Row(node, self._row_origin(unit, node, digest), RowTrace(node))
                self._row(unit, row, rules, out)
        for row in rows.values():
            if not row.records and row.repeated:
                # The only thing that the row says was said before; without it the row would be gone.
                row.records.append(len(out))
                out.append(row.repeated[0])
        return self._settle(unit, rows, out, digest)

    def _row(self, unit: Unit, row: _Row, rules: list[Rule], out: list[Record]) -> None:
        for rule in rules:
            if row.stopped:
                return
            firing = Firing(rule, self._mapping, self._context, row.node, row.origin, unit, self._adapter)
            record = fire(firing, self._references, out)
            row.trace.missing += [(rule.label, path) for path in firing.ledger.missing]
            if record is not None:
                self._took(row, rule, firing, record, out)
            else:
                row.doubts += [(code, f"{rule.label}: {path}") for code, path in firing.ledger.doubts]

    def _took(self, row: _Row, rule: Rule, firing: Firing, record: Envelope, out: list[Record]) -> None:
        if firing.ledger.doubts and self._context.strictness == "strict":
            code, path = firing.ledger.doubts[0]
            raise MalformedInput(code, path=f"{rule.label}: {path}", span=row.origin.span)
        for leaf in firing.ledger.taken:
            leaf.used = True
        row.trace.fired.append(rule.label)
        row.stopped = rule.stop
        if rule.kind in REFERRED and not self._references.is_news(record):
            row.repeated.append(_as_record(record))
        else:
            row.records.append(len(out))
            out.append(_as_record(record))
        for code, path in dict.fromkeys(firing.ledger.doubts):
            out.append(self._issue(row.origin, code, f"{rule.label}: {path}", subject=record.subject))

    def _settle(self, unit: Unit, rows: dict[int, _Row], out: list[Record], digest: str) -> list[Record]:
        """Give every leaf that no record took to its row, and what is outside all rows to the document."""
        outside: list[Node] = []
        left: dict[int, list[Node]] = {key: [] for key in rows}
        for leaf in leaves(unit.root):
            # An empty cell says nothing that the row's other cells do not.
            if not leaf.used and not (leaf.kind == "cell" and not leaf.text):
                owner = _owner(leaf, rows)
                (outside if owner is None else left[owner]).append(leaf)
        for key, row in rows.items():
            if self.observer is not None:
                row.trace.extensions = left[key]
                self.observer.append(row.trace)
            if row.records:
                if left[key]:
                    self._extend(row, left[key], out)
            elif left[key] or row.node.kind == "row":
                row.trace.extensions, row.trace.is_residue = [], True
                out += self._unmatched(unit, row)
        if unit.code is not None:
            out.append(self._issue(self._origin(unit), unit.code, None))
        whole = rows.get(id(unit.root))
        if whole is None or not (whole.records or whole.trace.is_residue):
            # Behind the person that it is about, before all that it carries.
            place = 1 if out and out[0].kind == "subject" and out[0] is self._context.subject else 0
            return [*out[:place], *self._document(unit, outside, digest), *out[place:]]
        return out

    def _extend(self, row: _Row, left: list[Node], out: list[Record]) -> None:
        place = next((n for n in row.records if out[n].kind not in _BESIDE), row.records[0])
        more = tuple(self._extension(leaf, row.node) for leaf in left)
        record = out[place]
        out[place] = record.model_copy(update={"extensions": (*record.extensions, *more)})

    def _unmatched(self, unit: Unit, row: _Row) -> Iterator[Record]:
        if self._context.strictness == "strict":
            raise MalformedInput("MAP-201", span=row.origin.span)
        raw = unit.raw if row.node is unit.root else unit.raw[row.node.start : row.node.stop]
        yield from self._residue(raw, row.origin, "MAP-201")
        for code, path in dict.fromkeys(row.doubts):
            yield self._issue(row.origin, code, path)

    def _document(self, unit: Unit, outside: list[Node], digest: str) -> Iterator[Record]:
        """Say once what the document says outside of all rows."""
        out: list[Record] = []
        origin = self._origin(unit)
        subject = self._references.of_the_rest(out)
        yield from out
        yield Message(
            id=record_id("message", self._adapter, digest),
            provenance=origin,
            subject=subject,
            protocol=self._mapping.source.framing,
            extensions=tuple(self._extension(leaf, unit.root) for leaf in outside),
        )

    def _header(self, unit: Unit) -> Iterator[Record]:
        """Keep what stands before the rows, and say which columns are not there.

        Raises
        ------
        MalformedInput
            ``MAP-112`` when it is another table altogether.
        """
        lines = list(unit.root.children)
        names = [cell.text or "" for cell in lines[-1].children] if self._mapping.source.header is True else None
        wanted = _columns(self._mapping)
        missing = [] if names is None else [name for name in wanted if name not in (text.strip() for text in names)]
        if missing and len(missing) == len(wanted):
            raise MalformedInput("MAP-112", span=unit.span)
        # Rows to come may read these cells too; here they are kept whatever becomes of them.
        cells = [cell for line in lines for cell in line.children if cell.text]
        yield from self._document(unit, cells, unit.digest)
        for name in missing:
            yield self._issue(self._origin(unit), "MAP-207", name)

    def _residue(self, raw: bytes, origin: Provenance, code: str, *, low: bool = False) -> Iterator[Record]:
        out: list[Record] = []
        subject = self._references.of_the_rest(out)
        yield from out
        start = None if origin.span is None else origin.span[0]
        yield Residue(
            id=record_id("residue", self._adapter, start, raw),
            provenance=origin,
            subject=subject,
            path=origin.path,
            span=origin.span,
            raw=raw,
            reason=code,
        )
        yield self._issue(origin, code, None, low=low, subject=subject)

    def _issue(
        self, origin: Provenance, code: str, path: str | None, *, low: bool = False, subject: str | None = None
    ) -> Issue:
        start = None if origin.span is None else origin.span[0]
        return Issue(
            id=record_id("issue", self._adapter, origin.digest, start, origin.path, code, path),
            provenance=origin,
            subject=subject,
            severity="information" if low else "warning",
            code=code,
            path=path,
            span=origin.span,
        )

    def _extension(self, leaf: Node, top: Node) -> Extension:
        return Extension(namespace=self._adapter, path=path_below(leaf, top), value=extension_text(leaf))

    def _origin(self, unit: Unit) -> Provenance:
        return Provenance(adapter=self._adapter, version=self._version, digest=unit.digest, span=unit.span)

    def _row_origin(self, unit: Unit, node: Node, digest: str) -> Provenance:
        if node is unit.root:
            span, path = unit.span, None
        else:
            span = (unit.offset + node.start, unit.offset + node.stop)
            path = path_below(node, unit.root)
        return Provenance(adapter=self._adapter, version=self._version, digest=digest, span=span, path=path)


def _by_rows(mapping: Mapping) -> list[tuple[str, list[Rule]]]:
    """Group the rules by their rows, in the order in which the rows are first named."""
    order = {each: number for number, each in reversed(list(enumerate(rule.each for rule in mapping.rules)))}
    ordered = sorted(mapping.rules, key=lambda rule: order[rule.each])
    return [(each, list(rules)) for each, rules in groupby(ordered, key=lambda rule: rule.each)]


def _owner(leaf: Node, rows: dict[int, _Row]) -> int | None:
    """Return the innermost row that holds a leaf."""
    node: Node | None = leaf
    while node is not None:
        if id(node) in rows:
            return id(node)
        node = node.parent
    return None


def _columns(mapping: Mapping) -> list[str]:
    return sorted({step.name for path in mapping.paths.values() for step in path.steps if step.kind == "column"})


def _as_record(record: Envelope) -> Record:
    """Tell the type checker what every model of the table of kinds is."""
    return record  # type: ignore[return-value]
