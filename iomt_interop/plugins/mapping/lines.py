"""Lines of a stream (CSV rows, JSON lines), however it arrives, and a CSV line's cells."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ...errors import LimitExceeded, MalformedInput, TruncatedInput
from .nodes import Node

__all__ = ["ENCODINGS", "Dialect", "LineCutter", "cells_of"]

ENCODINGS: Final = frozenset(
    {"utf-8", "ascii", "latin-1", "cp437", "cp850", "shift_jis", "cp932", "gbk", "gb18030", "big5", "euc_jp", "euc_kr"}
    | {f"iso8859-{n}" for n in range(2, 17) if n != 12}
    | {f"cp{n}" for n in range(1250, 1259)}
)
"""Encodings in which line ends, quotes and the usual delimiters are the octets of ASCII and nothing else is."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a table is written."""

    delimiter: bytes = b","
    quote: bytes = b'"'
    encoding: str = "utf-8"


class LineCutter:
    """Cut a stream into lines; a line end inside quotes is none.

    Parameters
    ----------
    limit : int
        Longest line.
    dialect : Dialect, optional
        Where quotes count: at a cell's beginning, as in RFC 4180. Without it, no quote counts.
    """

    def __init__(self, limit: int, dialect: Dialect | None = None) -> None:
        self._limit = limit
        self._quote = dialect.quote if dialect is not None else b""
        self._before = (b"\n", dialect.delimiter, b"") if dialect is not None else ()
        self._mark = re.compile(b"[\n" + re.escape(self._quote) + b"]") if self._quote else re.compile(b"\n")
        self._buffer = bytearray()
        self._searched = 0
        self._offset = 0
        self._quoted = False
        self._closed = -1

    def feed(self, chunk: bytes | memoryview) -> Iterator[tuple[int, bytes]]:
        """Yield the offset of each line that is now whole, and its octets with the line end.

        Raises
        ------
        LimitExceeded
            ``MAP-107`` when a line is longer than the limit.
        """
        self._buffer += chunk  # a copy: the caller may overwrite the chunk as soon as feed returns
        start = 0
        for at in [match.start() for match in self._mark.finditer(self._buffer, self._searched)]:
            if self._buffer[at] != 0x0A:
                self._turn(at, start)
            elif not self._quoted:
                yield self._offset + start, bytes(self._buffer[start : at + 1])
                start = at + 1
        del self._buffer[:start]
        self._offset += start
        self._searched = len(self._buffer)
        if len(self._buffer) > self._limit:
            raise LimitExceeded("MAP-107", span=(self._offset, self._offset + len(self._buffer)))

    def _turn(self, at: int, start: int) -> None:
        """Take note of a quote: it closes, opens at a cell's beginning, or is the second of a doubled one."""
        place = self._offset + at
        if self._quoted:
            self._quoted, self._closed = False, place
            return
        before = bytes(self._buffer[max(at - 1, start) : at])
        first = self._offset == 0 and start == 0 and at == 3 and self._buffer.startswith(codecs.BOM_UTF8)
        self._quoted = before in self._before or first or self._closed == place - 1 >= 0

    def rest(self) -> tuple[int, bytes]:
        """Return the offset and the octets of the line that has not ended.

        Raises
        ------
        TruncatedInput
            ``MAP-106`` when it ends inside quotes.
        """
        if self._quoted:
            raise TruncatedInput("MAP-106", span=(self._offset, self._offset + len(self._buffer)))
        return self._offset, bytes(self._buffer)


def cells_of(line: bytes, dialect: Dialect, parent: Node, span: tuple[int, int]) -> list[Node]:
    """Return the cells of a line, each with its text.

    Raises
    ------
    MalformedInput
        ``MAP-101`` for octets that are no text, ``MAP-111`` for a stray quote.
    """
    body = line.removesuffix(b"\n").removesuffix(b"\r")
    if dialect.encoding == "utf-8" and span[0] == 0:
        body = body.removeprefix(codecs.BOM_UTF8)
    cells: list[Node] = []
    for raw in _split(body, dialect, span):
        text = _decode(raw, dialect.encoding)
        if text is None:
            raise MalformedInput("MAP-101", span=span)
        cells.append(Node("cell", len(cells), text, parent, 0, len(line)))
    return cells


def _split(body: bytes, dialect: Dialect, span: tuple[int, int]) -> Iterator[bytes]:
    quote, delimiter = dialect.quote, dialect.delimiter
    if not quote or quote not in body:
        yield from body.split(delimiter)
        return
    at = 0
    while True:
        if body.startswith(quote, at):
            raw, at = _quoted(body, at + 1, quote, span)
            if at < len(body) and not body.startswith(delimiter, at):
                raise MalformedInput("MAP-111", span=span)
        else:
            end = body.find(delimiter, at)
            end = len(body) if end < 0 else end
            raw, at = body[at:end], end
        yield raw
        if at >= len(body):
            return
        at += 1


def _quoted(body: bytes, at: int, quote: bytes, span: tuple[int, int]) -> tuple[bytes, int]:
    pieces: list[bytes] = []
    while True:
        end = body.find(quote, at)
        if end < 0:
            raise MalformedInput("MAP-111", span=span)
        pieces.append(body[at:end])
        if not body.startswith(quote, end + 1):
            return quote.join(pieces), end + 1
        at = end + 2


def _decode(raw: bytes, encoding: str) -> str | None:
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError:
        return None
