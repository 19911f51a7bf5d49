"""The compound parts of a record: components, ranges, quality, stages; and the table of all forms."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Any, Final, cast, get_args

from ...model import (
    Coding,
    Component,
    Concept,
    DeviceVersion,
    Note,
    Quality,
    Range,
    ReferenceRange,
    Stage,
    Value,
)
from ...model.observation import QualityFlag
from . import specs as s
from .amounts import number_of, quantity_of, value_of
from .scope import Scope
from .times import instant_of, time_of
from .words import boolean_of, coding_of, concept_of, identifier_of, integer_of, name_of, text_of, word_of

__all__ = ["BUILDERS", "components_of"]

_FLAGS: Final[tuple[QualityFlag, ...]] = get_args(QualityFlag)
_MODES: Final = frozenset({"real", "test", "demo"})


def components_of(scope: Scope, parts: tuple[s.ComponentSpec, ...]) -> tuple[Component, ...]:
    """Return the parts that have a value."""
    found: list[Component] = []
    for spec in parts:
        for inner in (scope,) if spec.each is None else scope.below(spec.each):
            before = len(inner.ledger.taken)
            code, value = concept_of(inner, spec.code), value_of(inner, spec.value)
            if code is None or value is None:
                del inner.ledger.taken[before:]  # no record says it: it stays open for an extension
                continue
            meaning = None if spec.interpretation is None else concept_of(inner, spec.interpretation)
            found.append(Component(code=code, value=value, interpretation=() if meaning is None else (meaning,)))
    return tuple(found)


def _limits(scope: Scope, spec: s.LimitsSpec) -> Range | None:
    low, high = (None if each is None else quantity_of(scope, each) for each in (spec.low, spec.high))
    return None if low is high is None else Range(low=low, high=high)


def _ranges(scope: Scope, parts: tuple[s.ReferenceRangeSpec, ...]) -> tuple[ReferenceRange, ...]:
    found = [(spec, _limits(scope, spec)) for spec in parts]
    return tuple(ReferenceRange(range=each, purpose=spec.purpose) for spec, each in found if each is not None)


def _quality(scope: Scope, spec: s.QualitySpec) -> Quality | None:
    flags: set[str] = set()
    native: list[str] = []
    mode = index = None
    for number, each in enumerate((*spec.flags, *(() if spec.mode is None else (spec.mode,)))):
        word, leaf = word_of(scope, each)
        is_mode = number == len(spec.flags)
        if word is None or word not in (_MODES if is_mode else _FLAGS):
            if word is not None and leaf is not None and isinstance(each, s.TextFrom):
                scope.doubt("MAP-204", each.path)
            continue
        if is_mode:
            mode = word
        else:
            flags.add(word)
        if leaf is not None:
            native.append(leaf.text or "")
            scope.ledger.taken.append(leaf.node)
    if spec.index is not None and (leaf := scope.leaf(spec.index.path, spec.index.pattern)) is not None and leaf.text:
        found = number_of(leaf.text, scope.mapping.source.decimal, None)
        if found is None or found[1] is not None:
            scope.doubt("MAP-202", spec.index.path)
        else:
            index = found[0]
            scope.take(leaf)
    if not flags and mode is None and index is None:
        return None
    ordered = tuple(flag for flag in _FLAGS if flag in flags)
    return Quality(flags=ordered, index=index, mode=cast("Any", mode), native=tuple(native))


def _notes(scope: Scope, parts: tuple[s.TextSpec, ...]) -> tuple[Note, ...]:
    return tuple(Note(text=text) for text in _texts(scope, parts))


def _texts(scope: Scope, parts: tuple[s.TextSpec, ...]) -> tuple[str, ...]:
    return tuple(text for each in parts if (text := text_of(scope, each)) is not None)


def _versions(scope: Scope, parts: tuple[s.VersionSpec, ...]) -> tuple[DeviceVersion, ...]:
    found = []
    for spec in parts:
        value = text_of(scope, spec.value)
        if value is not None:
            kind = Concept(codings=(Coding(code=spec.type),))
            found.append(DeviceVersion(type=kind, value=value, component=spec.component))
    return tuple(found)


def _stages(scope: Scope, parts: tuple[s.StageSpec, ...]) -> tuple[Stage, ...]:
    found: list[Stage] = []
    for spec in parts:
        for inner in scope.below(spec.each):
            before = len(inner.ledger.taken)
            code, time = concept_of(inner, spec.code), time_of(inner, spec.time)
            if code is None or time is None:
                del inner.ledger.taken[before:]
                continue
            value = None if spec.value is None else value_of(inner, spec.value)
            found.append(Stage(code=code, time=time, value=value))
    return tuple(found)


def _totals(scope: Scope, parts: tuple[s.TotalSpec, ...]) -> tuple[tuple[Concept, Value], ...]:
    found: list[tuple[Concept, Value]] = []
    for spec in parts:
        before = len(scope.ledger.taken)
        code, value = concept_of(scope, spec.code), value_of(scope, spec.value)
        if code is None or value is None:
            del scope.ledger.taken[before:]
        else:
            found.append((code, value))
    return tuple(found)


def _base64(scope: Scope, spec: s.TextFrom) -> bytes | None:
    leaf = scope.leaf(spec.path, spec.pattern)
    if leaf is None or not leaf.text:
        return None
    try:
        data = base64.b64decode(leaf.text, validate=True)
    except (binascii.Error, ValueError):
        data = b""
    if base64.b64encode(data).decode("ascii") != leaf.text:
        scope.doubt("MAP-202", spec.path)
        return None
    scope.take(leaf)
    return data


def _many(one: Callable[[Scope, Any], Any]) -> Callable[[Scope, Any], Any]:
    """Return a builder of a list out of one of its items."""

    def several(scope: Scope, parts: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(found for each in parts if (found := one(scope, each)) is not None)

    return several


BUILDERS: Final[dict[str, Callable[[Scope, Any], Any]]] = {
    "text": text_of,
    "texts": _texts,
    "boolean": boolean_of,
    "integer": integer_of,
    "base64": _base64,
    "concept": concept_of,
    "concepts": _many(concept_of),
    "coding": coding_of,
    "value": value_of,
    "quantity": quantity_of,
    "time": time_of,
    "instant": instant_of,
    "identifiers": _many(identifier_of),
    "names": _many(name_of),
    "notes": _notes,
    "versions": _versions,
    "components": components_of,
    "ranges": _ranges,
    "limits": _limits,
    "quality": _quality,
    "stages": _stages,
    "totals": _totals,
}
"""Form of :data:`.fields.FORMS` to what makes it; words of fixed sets, references and signals know their rule."""
