"""Records made of values that are known to fit, without looking at them: the readable twin of ``ext/mould.pyx``."""

from __future__ import annotations

from typing import Any, Final

from ..errors import InvalidRecord

__all__ = ["cast", "filled", "refuse"]

_set: Final = object.__setattr__
"""How a frozen model is filled."""


def refuse() -> InvalidRecord:
    """Return the error for a change of a field that is not to change."""
    return InvalidRecord("MDL-005")


def filled(model: type[Any], fields: dict[str, Any], given: set[str]) -> Any:
    """Return a record.

    Parameters
    ----------
    model : type
        A pydantic model.
    fields : dict
        All its fields, in their order; the record takes it over.
    given : set of str
        The fields that were set, and not left to their defaults.
    """
    found = object.__new__(model)
    _set(found, "__dict__", fields)
    _set(found, "__pydantic_fields_set__", given)
    _set(found, "__pydantic_extra__", None)
    _set(found, "__pydantic_private__", None)
    return found


def cast(model: type[Any], fields: dict[str, Any], varied: frozenset[str], given: set[str], changes: dict[str, Any]) -> Any:
    """Return a record with the values of ``fields``, but for ``changes``.

    Raises
    ------
    InvalidRecord
        ``MDL-005`` when a field changes that is not among those of ``varied``.
    """
    if not changes.keys() <= varied:
        raise refuse()
    return filled(model, fields | changes, given)
