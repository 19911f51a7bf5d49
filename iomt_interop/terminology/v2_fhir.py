"""The concept maps of HL7's v2-to-FHIR guide: what a code of a v2 table is in FHIR."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

__all__ = ["Target", "concept_maps", "map_code"]


class Target(NamedTuple):
    """A code of FHIR.

    Parameters
    ----------
    code : str
        The code.
    display : str
        Its text, empty where the guide gives none.
    system : str
        Its system, empty where the guide names none.
    """

    code: str
    display: str
    system: str


@cache
def _maps() -> dict[str, dict[str, tuple[str, str, str]]]:
    from ._v2_fhir_table import MAPS  # noqa: PLC0415 - large: loaded when a message needs it

    return MAPS


def concept_maps() -> tuple[str, ...]:
    """Return the names of the maps, as the guide writes them (``PatientClass[EncounterClass]``)."""
    return tuple(_maps())


def map_code(name: str, code: str | None) -> Target | None:
    """Return what the guide's map ``name`` makes of a code; ``None`` where it has no target.

    Examples
    --------
    >>> map_code("PatientClass[EncounterClass]", "I").code
    'IMP'
    """
    found = None if code is None else _maps()[name].get(code)
    return None if found is None else Target(*found)
