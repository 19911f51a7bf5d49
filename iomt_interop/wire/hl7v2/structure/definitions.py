"""What the standard says of segments, fields and message structures, version by version, loaded when asked for."""

from __future__ import annotations

import re
from functools import cache
from importlib import import_module
from typing import Final, NamedTuple

from ....terminology.hl7tables import ADMINISTRATIVE_SEX, INTERPRETATION, RESULT_STATUS
from .composed import composed
from .grammar import GroupRule, read_grammar, read_usage

__all__ = ["DEFAULT_VERSION", "KNOWN", "Definitions", "FieldRule", "definitions", "nearest_version"]

KNOWN: Final = ("2.1", "2.2", "2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6", "2.7", "2.8", "2.8.1", "2.8.2")
"""Versions that have tables; 2.7.1 is read by those of 2.7, 2.9 by those of 2.8.2."""

DEFAULT_VERSION: Final = "2.5.1"
"""By which a message is read whose MSH-12 says nothing."""

_VERSION: Final = re.compile(r"\s*2\.(\d{1,3})(?:\.(\d{1,3}))?")
_OF_ALL_VERSIONS: Final = {"0001": ADMINISTRATIVE_SEX, "0078": INTERPRETATION, "0085": RESULT_STATUS}

Entries = dict[str, str]


class FieldRule(NamedTuple):
    """A field or a component: how often it stands, of which type it is, and its table.

    ``high`` is ``None`` for as often as one likes and 0 for what was withdrawn; ``table`` is the number as HL7
    writes it (``"0085"``), or ``None``.
    """

    number: int
    name: str
    datatype: str
    low: int
    high: int | None
    table: str | None


def nearest_version(text: str) -> str:
    """Return the version by whose tables a message is read: the last one that is not newer, else the oldest.

    Examples
    --------
    >>> from iomt_interop.wire.hl7v2.structure import nearest_version
    >>> [nearest_version(text) for text in ("2.6", "2.7.1", "2.9", "2.5.1^USA", "3", "")]
    ['2.6', '2.7', '2.8.2', '2.5.1', '2.5.1', '2.5.1']
    """
    match = _VERSION.match(text)
    if match is None:
        return DEFAULT_VERSION
    wanted = (int(match[1]), int(match[2] or 0))
    older = [version for version in KNOWN if _ordered(version) <= wanted]
    return older[-1] if older else KNOWN[0]


def _ordered(version: str) -> tuple[int, int]:
    _, minor, patch = (*version.split("."), "0")[:3]
    return int(minor), int(patch)


@cache
def _tables(version: str) -> tuple[Entries, Entries, Entries, Entries]:
    """Return segments, structures, data types and code tables of a version, put together from the first one on."""
    position = KNOWN.index(version)
    before: tuple[Entries, ...] = _tables(KNOWN[position - 1]) if position else ({}, {}, {}, {})
    module = import_module(f"{__package__}._v{version.replace('.', '_')}")
    merged = []
    for old, changes in zip(before, (module.SEGMENTS, module.STRUCTURES, module.DATATYPES, module.TABLES), strict=True):
        now = {**old, **changes}
        merged.append({name: text for name, text in now.items() if text is not None})
    segments, structures, datatypes, codes = merged
    return segments, structures, datatypes, codes


class Definitions:
    """The tables of one version. Use :func:`definitions` to get them.

    Attributes
    ----------
    version : str
        One of :data:`KNOWN`.
    """

    __slots__ = ("_codes", "_grammars", "_rows", "version")

    def __init__(self, version: str) -> None:
        self.version = version
        self._rows: dict[tuple[int, str], tuple[FieldRule | None, ...] | None] = {}
        self._grammars: dict[str, GroupRule | None] = {}
        self._codes: dict[str, frozenset[str] | None] = {}

    def __repr__(self) -> str:
        return f"Definitions({self.version!r})"

    @property
    def structures(self) -> tuple[str, ...]:
        """Names of the message structures of this version."""
        return tuple(_tables(self.version)[1])

    @property
    def segments(self) -> tuple[str, ...]:
        """Identifiers of the segments of this version."""
        return tuple(_tables(self.version)[0])

    def segment(self, segment_id: str) -> tuple[FieldRule | None, ...] | None:
        """Return the fields of a segment, from number 1; ``None`` for what is not a segment of this version."""
        return self._read(0, segment_id)

    def datatype(self, name: str) -> tuple[FieldRule | None, ...] | None:
        """Return the components of a data type, from number 1; ``None`` for primitive and unknown ones."""
        return self._read(2, name)

    def structure(self, name: str) -> GroupRule | None:
        """Return the grammar of a message structure; ``None`` where this version has none of this name."""
        if name not in self._grammars:
            texts = _tables(self.version)[1]
            text = texts.get(name) or composed(name, texts)
            self._grammars[name] = None if text is None else read_grammar(name, text)
        return self._grammars[name]

    def codes(self, table: str) -> frozenset[str] | None:
        """Return the codes of a table; ``None`` where none are known, or not all of them.

        Versions before 2.3.1 have no tables of their own; for what observations need, those of all versions stand in.
        """
        if table not in self._codes:
            texts = _tables(self.version)[3]
            found = texts.get(table, "...").split("|") if texts else [*_OF_ALL_VERSIONS.get(table, ("...",))]
            self._codes[table] = None if found[-1] == "..." else frozenset(found)
        return self._codes[table]

    def _read(self, kind: int, name: str) -> tuple[FieldRule | None, ...] | None:
        key = (kind, name)
        if key not in self._rows:
            text = _tables(self.version)[kind].get(name)
            self._rows[key] = None if text is None else tuple(
                _rule(number, row, kind) for number, row in enumerate(text.split("|"), 1)
            )  # fmt: skip
        return self._rows[key]


def _rule(number: int, row: str, kind: int) -> FieldRule | None:
    words = row.split()
    if not words:
        return None
    name = words.pop(0) if kind == 0 else ""
    low, high = read_usage(words[1])
    return FieldRule(number, name, words[0], low, high, words[2] if len(words) > 2 else None)


def definitions(version: str) -> Definitions:
    """Return the tables of a version, or of the nearest one that has tables."""
    return _definitions(nearest_version(version))


@cache
def _definitions(version: str) -> Definitions:
    return Definitions(version)
