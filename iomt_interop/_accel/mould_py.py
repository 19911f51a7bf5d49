"""Records made of values that are known to fit, without looking at them: the readable twin of ``ext/mould.pyx``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from ..errors import InvalidRecord

__all__ = ["cast", "cast_report", "completed", "filled", "refuse"]

T = TypeVar("T")

_set: Final = object.__setattr__
"""How a frozen model is filled."""


def refuse() -> InvalidRecord:
    """Return the error for a change of a field that is not to change."""
    return InvalidRecord("MDL-005")


def filled(model: type[T], fields: dict[str, Any], given: set[str]) -> T:
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


def completed(model: type[T], template: dict[str, Any], required: tuple[str, ...], values: dict[str, Any]) -> T:
    """Return a record of some values, with the defaults of all other fields.

    Parameters
    ----------
    model : type
        A pydantic model.
    template : dict
        All its fields with their defaults, in their order.
    required : tuple of str
        Those that have none.
    values : dict
        What was given.

    Raises
    ------
    InvalidRecord
        ``MDL-005`` when a field is missing or unknown.
    """
    fields = template | values
    if len(fields) != len(template) or not all(name in values for name in required):
        raise refuse()
    return filled(model, fields, set(values))


def cast(model: type[T], fields: dict[str, Any], varied: frozenset[str], given: set[str], changes: dict[str, Any]) -> T:
    """Return a record with the values of ``fields``, but for ``changes``.

    Raises
    ------
    InvalidRecord
        ``MDL-005`` when a field changes that is not among those of ``varied``.
    """
    if not changes.keys() <= varied:
        raise refuse()
    return filled(model, fields | changes, given)


Parts = tuple[type[Any], dict[str, Any], set[str]]
"""A mould: model, fields, and the fields that were given."""


def _cast(mould: Parts, changes: dict[str, Any]) -> Any:
    model, fields, given = mould
    return filled(model, fields | changes, given)


def cast_report(
    steps: tuple[Any, ...],
    items: Sequence[Any],
    base: int,
    origin: Parts,
    shared: dict[str, Any],
    sentinels: frozenset[str],
    amount_of: Callable[[str, Any], Any],
    time_of: Callable[[str, Any], Any],
    id_of: Callable[[str, Any], str],
    doubt_of: Callable[[Any, Any, Any], Any],
) -> list[Any] | None:
    """Return the records of an HL7 v2 report whose pattern is known, OBX by OBX.

    Parameters
    ----------
    steps : tuple
        What each OBX becomes: a tuple of (mould or what a doubt is made of, clause or None, doubt or None), the mould
        of its observation or None, the mould of its amount.
    items : sequence
        Per OBX a tuple that begins with its segment: ``span``, ``path``, ``fields``, ``syntax``.
    base : int
        What is added to spans.
    origin : tuple
        The mould of provenances.
    shared : dict
        Fields of all observations, ``subject`` and ``time`` among them; OBX-14 goes before the time.
    sentinels : frozenset of str
        Texts of OBX-5 that are no numbers.
    amount_of, time_of : callable
        Read OBX-5 and OBX-14; None when there is more to them than a number and a time.
    id_of, doubt_of : callable
        Return the id of a record of a segment, and a doubt about it.

    Returns
    -------
    list or None
        None when a number or a time is unusual.
    """
    found: list[Any] = []
    for (segment, *_), (before, result, amount) in zip(items, steps, strict=True):
        start, stop = segment.span
        place = {"span": (base + start, base + stop), "path": segment.path}
        provenance = _cast(origin, place)
        for mould, clause, doubt in before:
            if doubt is not None:
                found.append(doubt_of(mould, doubt, segment))
                continue
            where = provenance if clause is None else _cast(origin, place | {"clause": clause})
            found.append(_cast(mould, {"provenance": where, "subject": shared["subject"]}))
        if result is None:
            continue
        raw, when = segment.fields[5], segment.fields[14]
        value = None if raw in sentinels else amount_of(raw, amount)
        time = time_of(when, segment.syntax) if when else shared["time"]
        if value is None or (time is None and when):
            return None
        own = {"id": id_of("observation", segment), "provenance": provenance, "value": value, "time": time}
        found.append(_cast(result, shared | own))
    return found
