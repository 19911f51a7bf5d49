"""Take references to hidden records out of those that are shown, so that nothing points at what may not be known."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import TypeVar

from ...model import Link, Record
from ...model.base import Model

__all__ = ["needs", "without"]

_Part = TypeVar("_Part", bound=Model)


def needs(record: Record, hidden: AbstractSet[str]) -> bool:
    """Tell whether a record cannot be without a reference to one that is hidden."""
    return any(
        field.is_required() and name != "id" and getattr(record, name) in hidden
        for name, field in type(record).model_fields.items()
        if isinstance(getattr(record, name), str)
    )


def without(record: Record, hidden: AbstractSet[str]) -> Record:
    """Return a record without references to hidden ones, wherever they stand in it."""
    return _part(record, hidden) if hidden else record


def _part(part: _Part, hidden: AbstractSet[str]) -> _Part:
    changes: dict[str, object] = {}
    for name in part.model_fields_set:
        value = getattr(part, name)
        if isinstance(value, str):
            if name != "id" and value in hidden and not type(part).model_fields[name].is_required():
                changes[name] = None
        elif isinstance(value, tuple):
            kept = tuple(
                _part(item, hidden) if isinstance(item, Model) else item
                for item in value
                if not (isinstance(item, Link) and item.target in hidden)
                and not (isinstance(item, str) and item in hidden)
            )
            if kept != value:
                changes[name] = kept
        elif isinstance(value, Model):
            inner = _part(value, hidden)
            if inner is not value:
                changes[name] = inner
    return part.replace(**changes) if changes else part
