"""A field as a tree of leaves, with a ledger of which of them the model has taken.

What a mapping takes is marked; what it does not take goes to extensions by itself. So a mapping cannot lose
anything by forgetting it: forgetting a component is what keeps it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final, Generic, NamedTuple, TypeVar

from ...wire.hl7v2 import escape, unescape

__all__ = ["MAX_REMEMBERED", "NULL", "Decoded", "Decoder", "Node", "Rest", "Syntax", "decoder"]

MAX_REMEMBERED: Final = 512
"""Length of a field that is remembered across messages: what is longer would fill the memory and comes once."""

NULL: Final = '""'
"""The explicit null of HL7 v2: delete what you had. It is no value, so it is never taken."""

T = TypeVar("T")

Rest = tuple[tuple[str, str], ...]
"""What a mapping did not take: path behind the field number (``[2].4``) and verbatim text."""


class Syntax(NamedTuple):
    """How one message is written; part of the key of every cache of decoded fields."""

    field: str
    repetition: str
    component: str
    subcomponent: str
    escape: str
    charset: str
    """Python's name of the character set, for ``\\X..\\``."""
    offset: str = ""
    """Offset of local times that MSH-7 sets for the whole message (``+01:00``)."""
    zone: str = ""
    """IANA zone for local times of a message that sets none."""
    truncation: str = ""
    """What ``\\P\\`` stands for; empty for the usual one."""


_FIELD, _REPETITION, _COMPONENT, _LEAF = range(4)


class Node:
    """A field, repetition, component or subcomponent.

    Parameters
    ----------
    raw : str
        The text as it stands in the message, escapes and all.
    syntax : Syntax
        The message's delimiters.
    level : int
        0 for a field, 3 for a subcomponent.
    """

    __slots__ = ("_children", "_taken", "level", "raw", "syntax")

    def __init__(self, raw: str, syntax: Syntax, level: int = _FIELD) -> None:
        self.raw = raw
        self.syntax = syntax
        self.level = level
        self._children: list[Node] | None = None
        self._taken = False

    def __repr__(self) -> str:
        return f"Node(level {self.level}, {len(self.raw)} characters)"

    @property
    def children(self) -> list[Node]:
        """The parts one level down; one part when there is no delimiter.

        Parts in which no lower delimiter occurs are leaves at once, whatever their level would be.
        """
        found = self._children
        if found is None:
            if self.level == _LEAF:
                return [self]
            raw, syntax = self.raw, self.syntax
            level = self.level + 1
            while level < _LEAF and not (syntax[1 + level] and syntax[1 + level] in raw):
                level += 1
            delimiter = syntax[1 + self.level]
            parts = raw.split(delimiter) if delimiter else [raw]
            # The level is skipped for all parts or for none, so that paths stay those of the field.
            level = _LEAF if level == _LEAF else self.level + 1
            found = self._children = [Node(part, syntax, level) for part in parts]
        return found

    def __getitem__(self, number: int) -> Node:
        """Return a part by its number from 1; beyond the end an empty one."""
        children = self._children or self.children
        return children[number - 1] if number <= len(children) else _EMPTY

    def text(self, number: int) -> str | None:
        """Take the text of a part, as ``self[number].take()`` does."""
        children = self._children or self.children
        return children[number - 1].take() if number <= len(children) else None

    def peek(self) -> str | None:
        """Return the text of the first leaf without taking it; ``None`` for an empty one and for the null."""
        raw = self._first_leaf().raw
        return None if raw in ("", NULL) else _plain(raw, self.syntax)

    def take(self) -> str | None:
        """Return the text of the first leaf and mark it as taken.

        A text whose escapes do not come back the same when written again is not marked: the record then holds
        its meaning, and an extension how it was written.
        """
        node = self if self.level == _LEAF else self._first_leaf()
        raw = node.raw
        if not raw or raw == NULL:
            return None
        if self.syntax.escape not in raw:
            node._taken = True
            return raw
        text = unescape(raw, self.syntax)
        node._taken = text == raw or escape(text, self.syntax) == raw
        return text

    def _first_leaf(self) -> Node:
        node = self
        while node.level < _LEAF:
            node = (node._children or node.children)[0]
        return node

    def take_whole(self) -> str | None:
        """Return everything in here as one text, for data types whose text should hold no delimiters."""
        if self.raw in ("", NULL):
            return None
        text = _plain(self.raw, self.syntax)
        self._taken = text == self.raw if self.level == _LEAF else escape(text, self.syntax) == self.raw
        return text

    def take_raw(self) -> str:
        """Take everything in here verbatim, escapes and delimiters included."""
        self._taken = True
        return self.raw

    def rest(self) -> Rest:
        """Return path and text of what was not taken, in the largest pieces that nothing was taken from."""
        if self._taken or not self.raw:
            return ()
        return tuple(self._left("", "".join(self.syntax[1:4]))[1])

    def _left(self, path: str, delimiters: str) -> tuple[bool, Sequence[tuple[str, str]]]:
        """Return whether anything in here was taken, and what was not."""
        pieces: list[tuple[str, str]] = []
        touched = False
        children = self._children or ()
        for number, child in enumerate(children, 1):
            if child._taken:
                touched = True
            elif child.raw:
                step = "" if len(children) == 1 else f"[{number}]" if self.level == _FIELD else f".{number}"
                taken, left = child._left(path + step, delimiters)
                touched = touched or taken
                pieces += left
        if touched:
            return True, pieces
        return False, ((path, self.raw),) if self.raw.strip(delimiters) else ()


_EMPTY: Final = Node("", Syntax("", "", "", "", "", ""), _LEAF)


def _plain(raw: str, syntax: Syntax) -> str:
    return unescape(raw, syntax) if syntax.escape and syntax.escape in raw else raw


class Decoded(NamedTuple, Generic[T]):
    """What a mapping made of a field, and what it left."""

    value: T
    rest: Rest


Decoder = Callable[[str, Syntax], Decoded[T]]


def decoder(mapping: Callable[[Node], T], *, cache: int = 0) -> Decoder[T]:
    """Turn a mapping of a field's tree into a function of the field's text.

    Parameters
    ----------
    mapping : callable
        Takes leaves of the field and returns what they mean.
    cache : int, optional
        How many results to remember across messages; only for fields that hold no person's data.
    """

    def decode(raw: str, syntax: Syntax) -> Decoded[T]:
        node = Node(raw, syntax)
        value = mapping(node)
        return Decoded(value, node.rest())

    if not cache:
        return decode
    remembered = lru_cache(cache)(decode)
    return lambda raw, syntax: remembered(raw, syntax) if len(raw) <= MAX_REMEMBERED else decode(raw, syntax)
