"""Nomenclature codes and units as shared canonical values."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from ...model import Coding, Concept
from ...terminology import loinc, mdc, systems, units

__all__ = [
    "INFRASTRUCTURE",
    "OBJECT",
    "PROTOCOL",
    "Unit",
    "coding",
    "concept",
    "name",
    "native",
    "unit",
    "unit_concept",
]

Unit = tuple[str | None, Coding | None]
"""A unit in UCUM, where it has one, and as the device coded it."""

DIMENSIONS: Final = 4 << 16
"""Partition 4, units of measure."""

OBJECT: Final = 1 << 16
"""Partition 1, object infrastructure: classes, attributes, events."""

INFRASTRUCTURE: Final = 8 << 16
"""Partition 8, communication infrastructure: specialisations, time protocols, production specification."""

PROTOCOL: Final = "ieee11073-20601"


@lru_cache(maxsize=4096)
def coding(code: int, owner: str | None = None) -> Coding:
    """Return the MDC coding of a 32-bit code.

    Parameters
    ----------
    code : int
        The context-free code.
    owner : str, optional
        Whose private code it is; it means nothing without.
    """
    return Coding(
        system=systems.MDC,
        code=str(code),
        refid=mdc.refid_of(code),
        native_system=owner if owner is not None and mdc.is_private(code) else None,
    )


@lru_cache(maxsize=4096)
def concept(code: int, owner: str | None = None, text: str | None = None) -> Concept:
    """Return a concept of an MDC code, LOINC beside it where known; ``text`` is the device's own label for it."""
    known = (Coding(system=systems.LOINC, code=number) for number in loinc.loinc_of(code))
    return Concept(codings=(coding(code, owner), *known), text=text)


@lru_cache(maxsize=1024)
def unit(term: int, fitness: bool = False) -> Unit:
    """Return the unit of a term of partition 4.

    Parameters
    ----------
    term : int
        Unit-Code.
    fitness : bool, optional
        Whether the device is one of health and fitness, whose standards give some terms another meaning
        (IEEE 11073-10441).
    """
    return units.ucum_of(DIMENSIONS | term, fitness=fitness), coding(DIMENSIONS | term)


@lru_cache(maxsize=1024)
def unit_concept(term: int, fitness: bool = False, text: str | None = None) -> Concept:
    """Return the unit as a concept, its UCUM beside it; ``text`` is the device's own label."""
    ucum, own = unit(term, fitness)
    codings = (own,) if own is not None else ()
    return Concept(codings=codings if ucum is None else (*codings, Coding(system=systems.UCUM, code=ucum)), text=text)


def name(term: int) -> str:
    """Return the reference id of a term of partition 1 (an attribute, an event, an action), else its number."""
    return mdc.refid_of(OBJECT | term) or str(term)


@lru_cache(maxsize=256)
def native(code: str, display: str) -> Concept:
    """Return a concept of the protocol itself, which no nomenclature codes (an APDU, a reason)."""
    return Concept(codings=(Coding(code=code, display=display, native_system=PROTOCOL),))
