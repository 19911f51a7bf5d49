"""One strategy per model class, derived from its fields, so that a new field is generated from its first day.

What the types alone do not say (that a range's low end is the lower one, that a code is of a real system) stands
in the tables of :mod:`~iomt_interop.testing.strategies._rules`.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Annotated, Any, Final, Literal, TypeVar, Union, get_args, get_origin

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from ...model.base import Model
from ...model.envelope import Envelope
from ._text import texts

__all__ = ["Fields", "Fixed", "Flavour", "Rules", "derive", "fields_of", "rules"]

M = TypeVar("M", bound=Model)
Fields = dict[str, Any]
Fixed = Mapping[str, SearchStrategy[Any]]

_WIDE: Final = 2**63
_MAX_ITEMS: Final = 2
_MANY, _FEW = 5, 2
"""How many optional fields a record has on average, and a part of one."""
_MAX_OCTETS: Final = 24


@dataclass(frozen=True, slots=True)
class Flavour:
    """The options that hold for a whole record, down to its last text."""

    identifying: bool = True
    printable: bool = False


Group = Callable[[Flavour, Fixed], SearchStrategy[Fields]]


@dataclass(slots=True)
class Rules:
    """What the types of the fields do not say.

    Attributes
    ----------
    groups
        Of a class: fields that depend on each other, and what draws them together.
    fields
        Of a class and a field: its strategy.
    names
        Of a text field of this name in any class: its strategy.
    exclusive
        Of a class: fields of which at most one is set.
    personal
        Of a class: fields that stay at their default without identifying data.
    empty
        Of a class: what its mandatory fields hold then.
    settle
        Of a class: what puts the drawn fields in order.
    """

    groups: dict[type[Model], tuple[tuple[str, ...], Group]]
    fields: dict[tuple[type[Model], str], Callable[[Flavour], SearchStrategy[Any]]]
    names: dict[str, Callable[[Flavour], SearchStrategy[Any]]]
    exclusive: dict[type[Model], tuple[str, ...]]
    personal: dict[type[Model], tuple[str, ...]]
    empty: dict[type[Model], Fields]
    settle: dict[type[Model], Callable[[Fields], None]] = field(default_factory=dict)


def rules() -> Rules:
    """Return the tables; they need this module, so they are imported when first used."""
    from ._rules import RULES  # noqa: PLC0415 - the tables name strategies that are derived here

    return RULES


@cache
def _cached(cls: type[M], flavour: Flavour) -> SearchStrategy[M]:
    return _made(cls, flavour, {})


def derive(cls: type[M], flavour: Flavour, fixed: Fixed | None = None) -> SearchStrategy[M]:
    """Return the strategy of a class; ``fixed`` replaces the strategies of some fields and always sets them."""
    return _made(cls, flavour, fixed) if fixed else _cached(cls, flavour)


def _made(cls: type[M], flavour: Flavour, fixed: Fixed) -> SearchStrategy[M]:
    tables = rules()
    always, sometimes = fields_of(cls, flavour)
    grouped, group = tables.groups.get(cls, ((), None))
    excluded = set(fixed) | set(grouped)
    always = {name: strategy for name, strategy in always.items() if name not in excluded}
    if set(fixed) & set(tables.exclusive.get(cls, ())):
        excluded |= set(tables.exclusive[cls])
    sometimes = {name: strategy for name, strategy in sometimes.items() if name not in excluded}
    together = None if group is None else group(flavour, fixed)
    return _record(_Plan(cls, always | dict(fixed), sometimes, together))


class _Plan:
    """What a record is drawn from; no dataclass, as Hypothesis would print its fields, which are all strategies."""

    __slots__ = ("always", "cls", "sometimes", "together")

    def __init__(
        self,
        cls: type[Model],
        always: Mapping[str, SearchStrategy[Any]],
        sometimes: Mapping[str, SearchStrategy[Any]],
        together: SearchStrategy[Fields] | None,
    ) -> None:
        self.cls = cls
        self.always = always
        self.sometimes = sometimes
        self.together = together

    def __repr__(self) -> str:
        return self.cls.__name__


@st.composite
def _record(draw: DrawFn, plan: _Plan) -> Any:
    """Draw the mandatory fields and a few of the others: a record in which all are set is rare, and hard to read."""
    tables = rules()
    cls, sometimes = plan.cls, plan.sometimes
    fields: Fields = {} if plan.together is None else draw(plan.together)
    for name, strategy in plan.always.items():
        fields[name] = draw(strategy)
    # One small choice right before each value: that is what shrinks well, a list of names in front does not.
    odds = max(2, len(sometimes) // (_MANY if issubclass(cls, Envelope) else _FEW))
    for name, strategy in sometimes.items():
        if draw(st.integers(0, odds - 1)) == odds - 1:
            fields[name] = draw(strategy)
    for name in [name for name in tables.exclusive.get(cls, ()) if name in fields][1:]:
        del fields[name]
    if cls in tables.settle:
        tables.settle[cls](fields)
    return cls(**fields)


def fields_of(
    cls: type[Model], flavour: Flavour
) -> tuple[dict[str, SearchStrategy[Any]], dict[str, SearchStrategy[Any]]]:
    """Return the strategies of a class's mandatory fields and of those that have a default."""
    tables = rules()
    always: dict[str, SearchStrategy[Any]] = {}
    sometimes: dict[str, SearchStrategy[Any]] = {}
    dropped = () if flavour.identifying else tables.personal.get(cls, ())
    empty = {} if flavour.identifying else tables.empty.get(cls, {})
    for name, info in cls.model_fields.items():
        if name in empty:
            always[name] = st.just(empty[name])
        elif name in dropped or _constant(info.annotation):
            continue
        else:
            strategy = _field(cls, name, info.annotation, flavour)
            (always if info.is_required() else sometimes)[name] = strategy
    return always, sometimes


def _field(cls: type[Model], name: str, annotation: Any, flavour: Flavour) -> SearchStrategy[Any]:
    tables = rules()
    for owner in cls.__mro__:
        if (owner, name) in tables.fields:
            return tables.fields[owner, name](flavour)
    if name in tables.names and str in (annotation, *get_args(annotation)):
        return tables.names[name](flavour)
    return _typed(annotation, flavour)


def _constant(annotation: Any) -> bool:
    return get_origin(annotation) is Literal and len(get_args(annotation)) == 1


def _typed(annotation: Any, flavour: Flavour) -> SearchStrategy[Any]:
    """Return the strategy of a type; ``None`` is left to the field's absence."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _typed(parts[0], flavour)
    if origin is Literal:
        return st.sampled_from(parts)
    if origin in (Union, types.UnionType):
        return st.one_of([_typed(part, flavour) for part in parts if part is not type(None)])
    if origin is tuple and parts[-1] is Ellipsis:
        return st.lists(_typed(parts[0], flavour), min_size=1, max_size=_MAX_ITEMS).map(tuple)
    if origin is tuple:
        return st.tuples(*[_typed(part, flavour) for part in parts])
    if isinstance(annotation, type) and issubclass(annotation, Model):
        return derive(annotation, flavour)
    return _plain(annotation, flavour)


def _plain(annotation: Any, flavour: Flavour) -> SearchStrategy[Any]:
    if annotation is str:
        return texts(printable=flavour.printable, min_size=1)
    if annotation is bool:
        return st.booleans()
    if annotation is int:
        return st.integers(-_WIDE, _WIDE - 1)
    if annotation is bytes:
        return st.binary(max_size=_MAX_OCTETS)
    raise TypeError(f"no strategy for a field of type {annotation!r}")
