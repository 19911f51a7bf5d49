"""Bytes to units: a document, a row, a line that is none; whatever the cuts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal, Protocol

from ...errors import LimitExceeded, MalformedInput, TruncatedInput
from ..contract import ReadContext
from .jsontree import parse_json
from .lines import Dialect, LineCutter, cells_of
from .nodes import Node
from .schema import Mapping, SourceSpec
from .xmltree import parse_xml

__all__ = ["Framer", "Unit", "make_framer"]


@dataclass(frozen=True, slots=True, repr=False)
class Unit:
    """A piece of the source that is understood by itself."""

    kind: Literal["rows", "header", "passed", "bad"]
    root: Node
    raw: bytes
    offset: int
    code: str | None = None
    """Why it is bad, or what is doubtful about it."""

    @property
    def span(self) -> tuple[int, int]:
        """Byte range in the source."""
        return (self.offset, self.offset + len(self.raw))

    @property
    def digest(self) -> str:
        """SHA-256, in hexadecimal."""
        return sha256(self.raw).hexdigest()


class Framer(Protocol):
    """Cuts a source into units."""

    def feed(self, chunk: bytes | memoryview) -> Iterator[Unit]:
        """Take octets and yield the units that are whole."""
        ...

    def finish(self) -> Iterator[Unit]:
        """End the source and yield the rest."""
        ...


def make_framer(mapping: Mapping, context: ReadContext) -> Framer:
    """Return a new framer for one source."""
    framing = mapping.source.framing
    if framing == "csv":
        return _Table(mapping.source, context)
    if framing == "ndjson":
        return _JsonLines(mapping.source, context)
    return _Document(mapping.source, context)


class _Document:
    """The whole source is one unit."""

    def __init__(self, source: SourceSpec, context: ReadContext) -> None:
        self._source = source
        self._limits = context.limits
        self._buffer = bytearray()

    def feed(self, chunk: bytes | memoryview) -> Iterator[Unit]:
        self._buffer += chunk
        if len(self._buffer) > self._limits.max_unit:
            raise LimitExceeded("MAP-107", span=(0, len(self._buffer)))
        return iter(())

    def finish(self) -> Iterator[Unit]:
        raw = bytes(self._buffer)
        self._buffer.clear()
        if not raw.strip():
            raise TruncatedInput("MAP-106", span=(0, len(raw)))
        if self._source.framing == "xml":
            root = parse_xml(raw, max_depth=self._limits.max_depth, prefixes=self._source.namespaces)
        else:
            root = parse_json(raw, base=0, max_depth=self._limits.max_depth)
        yield Unit("rows", root, raw, 0)


class _JsonLines:
    """Each line is a JSON text."""

    def __init__(self, source: SourceSpec, context: ReadContext) -> None:
        self._source = source
        self._context = context
        self._lines = LineCutter(context.limits.max_unit)

    def feed(self, chunk: bytes | memoryview) -> Iterator[Unit]:
        for offset, line in self._lines.feed(chunk):
            yield from self._line(offset, line, whole=True)

    def finish(self) -> Iterator[Unit]:
        offset, line = self._lines.rest()
        if line and self._source.final_newline:
            raise TruncatedInput("MAP-106", span=(offset, offset + len(line)))
        yield from self._line(offset, line, whole=False)

    def _line(self, offset: int, line: bytes, *, whole: bool) -> Iterator[Unit]:
        if not line.strip(b" \t\r\n"):
            return
        try:
            root = parse_json(line, base=offset, max_depth=self._context.limits.max_depth)
        except TruncatedInput:
            if not whole:
                raise
            code = "MAP-102"
        except MalformedInput as error:
            code = error.code
        else:
            yield Unit("rows", root, line, offset)
            return
        if self._context.strictness == "strict":
            raise MalformedInput(code, span=(offset, offset + len(line)))
        yield Unit("bad", Node("row"), line, offset, code)


class _Table:
    """Each line is a row of cells; lines before the header are cells too, for paths that begin with ``^``."""

    def __init__(self, source: SourceSpec, context: ReadContext) -> None:
        self._source = source
        self._strict = context.strictness == "strict"
        self._dialect = Dialect(source.delimiter.encode(), source.quote.encode(), source.encoding)
        self._lines = LineCutter(context.limits.max_unit, self._dialect)
        self._comment = source.comment.encode(source.encoding, "ignore")
        self._sheet = Node("sheet")
        self._head = bytearray()
        self._names: tuple[str, ...] | None = source.header if isinstance(source.header, tuple) else None
        self._ready = source.skip == 0 and source.header is not True

    def feed(self, chunk: bytes | memoryview) -> Iterator[Unit]:
        for offset, line in self._lines.feed(chunk):
            yield from self._line(offset, line, whole=True)

    def finish(self) -> Iterator[Unit]:
        offset, line = self._lines.rest()
        span = (offset, offset + len(line))
        if line and self._source.final_newline:
            raise TruncatedInput("MAP-106", span=span)
        if line:
            yield from self._line(offset, line, whole=False)
        if not self._ready:
            raise TruncatedInput("MAP-106", span=(0, offset + len(line)))

    def _line(self, offset: int, line: bytes, *, whole: bool) -> Iterator[Unit]:
        if not self._ready:
            yield from self._before(offset, line)
            return
        if not line.strip(b"\r\n"):
            return
        if self._comment and line.startswith(self._comment):
            yield Unit("passed", Node("row"), line, offset, "MAP-208")
            return
        span = (offset, offset + len(line))
        row = Node("row", "", None, self._sheet, 0, len(line))
        try:
            cells = cells_of(line, self._dialect, row, span)
        except MalformedInput as error:
            code = error.code
        else:
            yield self._row(row, cells, line, offset, whole=whole)
            return
        if self._strict:
            raise MalformedInput(code, span=span)
        yield Unit("bad", row, line, offset, code)

    def _row(self, row: Node, cells: list[Node], line: bytes, offset: int, *, whole: bool) -> Unit:
        names = self._names
        for number, cell in enumerate(cells):
            named = names is not None and number < len(names) and names[number] != ""
            cell.name = names[number] if names is not None and named else number
            cell.label = str(cell.name) if named else f"#{number + 1}"
            row.add(cell)
        code = None
        if names is not None and len(cells) != len(names):
            span = (offset, offset + len(line))
            if not whole and len(cells) < len(names):
                raise TruncatedInput("MAP-106", span=span)
            if self._strict:
                raise MalformedInput("MAP-113", span=span)
            code = "MAP-113"
        return Unit("rows", row, line, offset, code)

    def _before(self, offset: int, line: bytes) -> Iterator[Unit]:
        """Take a line before the rows: those to skip, then the header."""
        skipped = len(self._sheet.children)
        if skipped >= self._source.skip and not line.strip(b"\r\n"):
            self._head += line
            return
        self._head += line
        at = Node("array", skipped, None, self._sheet, offset, offset + len(line))
        at.label = f"^[{skipped + 1}]"
        for number, cell in enumerate(cells_of(line, self._dialect, at, (offset, offset + len(line))), 1):
            cell.label = f"[{number}]"
            at.add(cell)
        self._sheet.add(at)
        if skipped < self._source.skip - (self._source.header is not True):
            return
        if self._source.header is True:
            self._names = tuple((cell.text or "").strip() for cell in at.children)
        self._ready = True
        yield Unit("header", self._sheet, bytes(self._head), 0)
        self._head.clear()
