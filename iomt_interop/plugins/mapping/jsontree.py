"""JSON text to a tree, exactly: digits as they were written, the byte range of each value, no key twice."""

from __future__ import annotations

import json
import re
from typing import Final, NoReturn

from ...errors import LimitExceeded, MalformedInput, TruncatedInput
from .nodes import Node, NodeKind

__all__ = ["parse_json"]

_TOKEN: Final = re.compile(
    rb'[ \t\n\r]*+(?:([{}\[\],:])|"([^"\\\x00-\x1f]*+(?:\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4})[^"\\\x00-\x1f]*+)*+)"'
    rb"|(-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?)|(true|false|null))"
)
_UNFINISHED: Final = re.compile(
    rb'[ \t\n\r]*+(?:"[^"\\\x00-\x1f]*+(?:\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4})[^"\\\x00-\x1f]*+)*+'
    rb"(?:\\(?:u[0-9A-Fa-f]{0,3})?)?"
    rb"|-|tr?u?|t|f(?:a(?:ls?)?)?|n(?:ul?)?)?\Z"
)
_BLANK: Final = re.compile(rb"[ \t\n\r]*+")
_PART: Final = re.compile(rb"[.eE][+-]?[0-9]*+\Z")
_BOM: Final = b"\xef\xbb\xbf"


def parse_json(data: bytes, *, base: int, max_depth: int) -> Node:
    """Read one JSON text (RFC 8259).

    Parameters
    ----------
    data : bytes
        The whole text, UTF-8; a byte-order mark is passed over.
    base : int
        Where it begins in the source; for the spans of errors.
    max_depth : int
        Deepest nesting.

    Raises
    ------
    MalformedInput
        ``MAP-101``, ``MAP-102``, ``MAP-103`` or ``MAP-104``.
    TruncatedInput
        ``MAP-106`` when the text ends inside a value.
    LimitExceeded
        ``MAP-105`` beyond the depth.
    """
    _check_encoding(data, base)
    return _Parser(data, base, max_depth).run()


def _check_encoding(data: bytes, base: int) -> None:
    try:
        data.decode("utf-8")
        return
    except UnicodeDecodeError as error:
        start, cut = error.start, error.reason == "unexpected end of data"
    span = (base + start, base + len(data))
    if cut:
        raise TruncatedInput("MAP-106", span=span)
    raise MalformedInput("MAP-101", span=span)


class _Parser:
    """One pass over the tokens with a stack of its own, so that deep nesting is bounded by a number."""

    def __init__(self, data: bytes, base: int, max_depth: int) -> None:
        self._data = data
        self._base = base
        self._max_depth = max_depth
        self._at = len(_BOM) if data.startswith(_BOM) else 0
        self._root: Node | None = None
        self._stack: list[Node] = []
        self._keys: list[set[str]] = []

    def run(self) -> Node:
        """Return the root."""
        self._value("")
        while self._stack:
            self._member(self._stack[-1])
        end = _BLANK.match(self._data, self._at)
        if end is None or end.end() != len(self._data) or self._root is None:
            self._fail()
        return self._root

    def _member(self, inside: Node) -> None:
        """Read what follows in the innermost object or array: a member, or its end."""
        is_object = inside.kind == "object"
        close = b"}" if is_object else b"]"
        first = not inside.children
        match = self._token()
        mark = match[1]
        if mark == close:
            inside.stop = match.end()
            self._at = match.end()
            self._stack.pop()
            self._keys.pop()
            return
        if not first:
            if mark != b",":
                self._fail()
            self._at = match.end()
        if is_object:
            self._value(self._key())
        else:
            self._value(len(inside.children))

    def _key(self) -> str:
        match = self._token()
        if match[2] is None:
            self._fail()
        name = self._string(match[2])
        if name in self._keys[-1]:
            raise MalformedInput("MAP-103", span=self._span(match.start(2), match.end(2)))
        self._keys[-1].add(name)
        self._at = match.end()
        colon = self._token()
        if colon[1] != b":":
            self._fail()
        self._at = colon.end()
        return name

    def _value(self, name: str | int) -> None:
        match = self._token()
        mark, string, number, word = match.groups()
        start = match.start(match.lastindex or 0)
        parent = self._stack[-1] if self._stack else None
        kind: NodeKind
        text: str | None = None
        if string is not None:
            kind, text, start = "string", self._string(string), start - 1
        elif number is not None:
            if _PART.match(self._data, match.end()):  # "1." at the very end
                raise TruncatedInput("MAP-106", span=self._span(start, len(self._data)))
            kind, text = "number", number.decode("ascii")
        elif word is not None:
            kind, text = ("null", None) if word == b"null" else ("literal", word.decode("ascii"))
        elif mark in {b"{", b"["}:
            kind = "object" if mark == b"{" else "array"
        else:
            self._fail()
        node = Node(kind, name, text, parent, start, match.end())
        if parent is None:
            self._root = node
        else:
            parent.add(node)
        self._at = match.end()
        if mark is not None:
            if len(self._stack) >= self._max_depth:
                raise LimitExceeded("MAP-105", span=self._span(start, match.end()))
            self._stack.append(node)
            self._keys.append(set())

    def _token(self) -> re.Match[bytes]:
        match = _TOKEN.match(self._data, self._at)
        if match is None:
            self._fail()
        return match

    def _string(self, raw: bytes) -> str:
        text = raw.decode("utf-8")
        if "\\" not in text:
            return text
        text = str(json.loads(f'"{text}"'))
        if any("\ud800" <= letter <= "\udfff" for letter in text):
            raise MalformedInput("MAP-104", span=self._span(self._at, self._at + len(raw)))
        return text

    def _span(self, start: int, stop: int) -> tuple[int, int]:
        return (self._base + start, self._base + stop)

    def _fail(self) -> NoReturn:
        span = self._span(self._at, len(self._data))
        if _UNFINISHED.match(self._data, self._at):
            raise TruncatedInput("MAP-106", span=span)
        raise MalformedInput("MAP-102", span=span)
