"""Which components a data type has, in which version of the standard."""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

from ._table import COMPOSITES

__all__ = ["LATEST", "PRIMITIVES", "TYPE_NAMES", "VERSIONS", "Component", "components", "components_up_to"]

VERSIONS: Final = (
    "2.1",
    "2.2",
    "2.3",
    "2.3.1",
    "2.4",
    "2.5",
    "2.5.1",
    "2.6",
    "2.7",
    "2.7.1",
    "2.8",
    "2.8.1",
    "2.8.2",
    "2.9",
)
"""Versions of the standard, the oldest first."""

LATEST: Final = VERSIONS[-1]
"""What is taken for a version that nobody knows."""

PRIMITIVES: Final = frozenset({"DT", "DTM", "FT", "GTS", "ID", "IS", "NM", "SI", "SNM", "ST", "TM", "TN", "TX", "WD"})
"""Data types without components; ``WD`` is a withdrawn component, whatever it was."""

TYPE_NAMES: Final = frozenset({*PRIMITIVES, *COMPOSITES, "CM"})
"""All data types of all versions. ``CM`` is the composite of 2.1 and 2.2 whose components only its field tells."""

_WITHDRAWN: Final = "WD"
_SUCCESSORS: Final = {"CE": "CWE"}
"""What took the place of a type, with its components as its own first ones."""
_RANK: Final = {version: rank for rank, version in enumerate(VERSIONS)}


class Component(NamedTuple):
    """One component of a data type."""

    position: int
    name: str
    type_name: str
    """Of a withdrawn component the type that it had: senders go on."""
    withdrawn: bool = False


@lru_cache(maxsize=1024)
def components(type_name: str, version: str = LATEST) -> tuple[Component, ...]:
    """Return the components of a data type; none for a primitive and for a type that nobody knows.

    Parameters
    ----------
    type_name : str
        The data type (``CX``).
    version : str, optional
        Version of the standard. A version before the type, after its withdrawal, or unknown is answered with the
        nearest definition that there is; senders use types before and after their time.

    Examples
    --------
    >>> from iomt_interop.wire.hl7v2.types import components
    >>> [each.name for each in components("HD")]
    ['namespace_id', 'universal_id', 'universal_id_type']
    >>> len(components("CX", "2.3")), len(components("CX", "2.8"))
    (6, 12)
    """
    definitions = COMPOSITES.get(type_name)
    if definitions is None:
        return ()
    wanted = _RANK.get(version, len(VERSIONS))
    before: dict[int, str] = {}
    chosen: tuple[Component, ...] = ()
    for since, words in definitions:
        if chosen and _RANK[since] > wanted:
            break
        rows = [word.partition(":")[::2] for word in words.split()]
        before |= {position: kind for position, (_, kind) in enumerate(rows, 1) if kind != _WITHDRAWN}
        chosen = tuple(
            Component(position, name, before.get(position, "ST"), kind == _WITHDRAWN)
            for position, (name, kind) in enumerate(rows, 1)
        )
    return chosen


@lru_cache(maxsize=1024)
def components_up_to(count: int, type_name: str, version: str) -> tuple[Component, ...]:
    """Return the components of a data type, with those that came later where a value has as many.

    Senders write components of later versions, and those of CWE behind a CE.
    """
    known = components(type_name, version)
    if count > len(known):
        known += components(type_name)[len(known) :]
    if count > len(known):
        known += components(_SUCCESSORS.get(type_name, type_name))[len(known) :]
    return known
