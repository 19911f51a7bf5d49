"""Texts, codes and identifiers of a row."""

from __future__ import annotations

from typing import Any, Final

from ...model import Coding, Concept, Identifier, PersonName
from ...terminology import mdc, systems
from .fields import choices
from .scope import Leaf, Scope
from .specs import (
    BooleanFrom,
    BooleanSpec,
    CodingSpec,
    ConceptSpec,
    Entry,
    IdentifierSpec,
    NameSpec,
    TextFrom,
    TextSpec,
)

__all__ = ["SYSTEMS", "boolean_of", "choice_of", "coding_of", "concept_of", "fixed_coding", "identifier_of",
           "integer_of", "name_of", "table_of", "text_of", "truth", "word_of"]  # fmt: skip

SYSTEMS: Final = {
    "MDC": systems.MDC, "LOINC": systems.LOINC, "SNOMED": systems.SNOMED_CT, "UCUM": systems.UCUM,
}  # fmt: skip
"""Short names of systems."""


def table_of(scope: Scope, table: str | dict[str, Entry]) -> dict[str, Entry]:
    """Return a table, named or written in place."""
    return scope.mapping.tables.get(table, {}) if isinstance(table, str) else table


def word_of(scope: Scope, spec: TextSpec) -> tuple[str | None, Leaf | None]:
    """Return a word, through its table, and the leaf it came from; the leaf is not taken yet."""
    if isinstance(spec, str):
        return spec, None
    leaf = scope.leaf(spec.path, spec.pattern)
    if leaf is None or not leaf.text:
        return None, leaf
    if spec.table is None:
        return leaf.text, leaf
    table = table_of(scope, spec.table)
    entry = table.get(leaf.text)
    if not isinstance(entry, str):
        scope.doubt("MAP-204", spec.path)
        return None, leaf
    # Where two words mean the same, the record does not tell which of them it was.
    alone = sum(other == entry for other in table.values()) == 1
    return entry, Leaf(leaf.text, leaf.node, leaf.whole and alone)


def text_of(scope: Scope, spec: TextSpec) -> str | None:
    """Return a text."""
    word, leaf = word_of(scope, spec)
    if word is not None and leaf is not None:
        scope.take(leaf)
    return word


def choice_of(scope: Scope, spec: TextSpec, kind: str, field: str) -> tuple[str | None, str | None]:
    """Return a word of a fixed set, and the source's own word."""
    word, leaf = word_of(scope, spec)
    if word is not None and word in choices(kind, field):
        if leaf is not None:
            scope.take(leaf)
        return word, None if leaf is None else leaf.text
    if word is not None and leaf is not None:
        scope.doubt("MAP-204", spec.path if isinstance(spec, TextFrom) else field)
    return None, None if leaf is None else leaf.text


def boolean_of(scope: Scope, spec: BooleanSpec) -> bool | None:
    """Return true or false."""
    if isinstance(spec, bool):
        return spec
    leaf = scope.leaf(spec.path, spec.pattern)
    return None if leaf is None or leaf.text is None else truth(scope, spec, leaf)


def truth(scope: Scope, spec: BooleanFrom | Any, leaf: Leaf) -> bool | None:
    """Read a text as true or false; several words for one of them leave the word to an extension."""
    for answer, words in ((True, spec.true), (False, spec.false)):
        if leaf.text in words:
            if len(words) == 1:
                scope.take(leaf)
            return answer
    if leaf.text:
        scope.doubt("MAP-202", spec.path)
    return None


def integer_of(scope: Scope, spec: TextFrom) -> int | None:
    """Return an integer."""
    leaf = scope.leaf(spec.path, spec.pattern)
    if leaf is None or not leaf.text:
        return None
    digits = leaf.text.removeprefix("-")
    if not digits.isascii() or not digits.isdigit() or len(digits) > 18 or str(int(leaf.text)) != leaf.text:
        scope.doubt("MAP-202", spec.path)
        return None
    scope.take(leaf)
    return int(leaf.text)


def fixed_coding(spec: CodingSpec) -> Coding:
    """Return a code as the mapping states it; an MDC reference identifier finds its number."""
    system = None if spec.system is None else SYSTEMS.get(spec.system, spec.system)
    code = None if spec.code is None else str(spec.code)
    if code is None and system == systems.MDC and spec.refid is not None:
        number = mdc.code_of(spec.refid)
        code = None if number is None else str(number)
    return Coding(system=system, code=code, refid=spec.refid, display=spec.display, version=spec.version)


def concept_of(scope: Scope, spec: ConceptSpec) -> Concept | None:
    """Return a meaning: fixed, or of the word at a path. The source's own word stays in ``text``."""
    concept, leaf = _meaning(scope, spec)
    if leaf is not None:
        scope.take(leaf)
    return concept


def _meaning(scope: Scope, spec: ConceptSpec) -> tuple[Concept | None, Leaf | None]:
    if spec.path is None:
        return _fixed(scope, spec), None
    leaf = scope.leaf(spec.path, spec.pattern)
    if leaf is None or not leaf.text:
        return None, None
    if spec.table is None:
        system = None if spec.system is None else SYSTEMS.get(spec.system, spec.system)
        coding = Coding(system=system, code=leaf.text, display=spec.display, version=spec.version)
        return Concept(codings=(coding,)), leaf
    entry = table_of(scope, spec.table).get(leaf.text)
    if entry is None:
        scope.doubt("MAP-204", spec.path)
        return Concept(codings=(Coding(code=leaf.text),)), leaf
    if isinstance(entry, str):
        entry = CodingSpec(system=spec.system, code=entry)
    several = entry if isinstance(entry, tuple) else (entry,)
    return Concept(codings=tuple(fixed_coding(each) for each in several), text=leaf.text), leaf


def _fixed(scope: Scope, spec: ConceptSpec) -> Concept:
    known = scope.mapping.cache.get(id(spec))
    if known is None:
        own = (spec,) if spec.code is not None or spec.refid is not None else ()
        codings = tuple(fixed_coding(each) for each in (*own, *spec.codings))
        known = scope.mapping.cache[id(spec)] = Concept(codings=codings, text=spec.text)
    assert isinstance(known, Concept)
    return known


def coding_of(scope: Scope, spec: ConceptSpec) -> Coding | None:
    """Return one code; the source's own word is its display, unless the mapping states another."""
    concept, leaf = _meaning(scope, spec)
    if concept is None or not concept.codings:
        return None
    coding = concept.codings[0]
    if concept.text is not None and coding.display is not None:
        return coding  # the source's word has no place here: the leaf stays open for an extension
    if leaf is not None:
        scope.take(leaf)
    return coding if concept.text is None else coding.replace(display=concept.text)


def identifier_of(scope: Scope, spec: IdentifierSpec) -> Identifier | None:
    """Return an identifier; ``None`` when the path gives nothing."""
    value = spec.value
    if spec.path is not None:
        leaf = scope.leaf(spec.path, spec.pattern)
        if leaf is None or not leaf.text:
            return None
        scope.take(leaf)
        value = leaf.text
    kind = None
    if spec.type is not None:
        kind = Concept(codings=(Coding(system=systems.v2_table("0203"), code=spec.type),))
    return Identifier(value=value, system=spec.system, authority=spec.authority, type=kind, use=spec.use)


def name_of(scope: Scope, spec: NameSpec) -> PersonName | None:
    """Return a person's name; ``None`` when no part is there."""
    family, text = (None if part is None else text_of(scope, part) for part in (spec.family, spec.text))
    parts = [None if part is None else text_of(scope, part) for part in (spec.given, spec.prefix, spec.suffix)]
    if family is None and text is None and not any(parts):
        return None
    given, prefix, suffix = (() if part is None else (part,) for part in parts)
    return PersonName(family=family, given=given, prefix=prefix, suffix=suffix, text=text)
