"""Units of measure: MDC unit codes and message texts to UCUM and back, and exact conversion.

What has no certain UCUM gives None: the caller keeps the MDC code or the text as it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from . import mdc
from .ucum import UcumUnit, commensurable, convert, is_valid_ucum, parse_ucum

__all__ = [
    "MdcUnit",
    "UcumUnit",
    "commensurable",
    "convert",
    "is_valid_ucum",
    "mdc_unit_of",
    "mdc_units_of",
    "parse_ucum",
    "ucum_of",
    "ucum_of_text",
    "unit_of",
]

_PARTITION: Final = 4
_DIMENSIONLESS: Final = 512

# The low five bits of a unit term are a decimal prefix of the base whose low bits are zero.
_PREFIX_OF: Final[dict[int, str]] = {
    1: "da", 2: "h", 3: "k", 4: "M", 5: "G", 6: "T", 16: "d", 17: "c", 18: "m", 19: "u", 20: "n", 21: "p", 22: "f",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class MdcUnit:
    """An MDC unit code and what it means.

    Parameters
    ----------
    code : int
        The 32-bit code.
    refid : str or None
        The reference id; None for a derived one.
    ucum : str or None
        The UCUM expression; None where there is none, or where two readings exist and none was chosen.
    derived : bool
        True when no table holds the code and the prefix rule made the unit.
    readings : tuple of (str, str)
        Reference id and UCUM of every reading, when tables give the code to different quantities.
    """

    code: int
    refid: str | None
    ucum: str | None
    derived: bool = False
    readings: tuple[tuple[str, str], ...] = ()


def unit_of(code: int, *, fitness: bool = False) -> MdcUnit | None:
    """Look an MDC unit code up.

    Parameters
    ----------
    code : int
        The 32-bit code, or the 16-bit term of partition 4.
    fitness : bool, optional
        True when the device follows the personal health fitness profile (IEEE 11073-10441), which reads six
        codes otherwise than the general nomenclature (268896 is steps per minute there).

    Returns
    -------
    MdcUnit or None
        None when no table and no rule knows the code. A code with two readings gives the one that ``fitness``
        chooses when it is True, else no UCUM.
    """
    if not 0 <= code < 1 << 32:
        return None
    number = mdc.term(code)
    if mdc.partition(code) not in {0, _PARTITION}:
        return None
    return _unit(number, fitness)


def ucum_of(code: int, *, fitness: bool = False) -> str | None:
    """Return the UCUM expression of an MDC unit code.

    Parameters
    ----------
    code : int
        The 32-bit code, or the 16-bit term of partition 4.
    fitness : bool, optional
        See :func:`unit_of`.

    Returns
    -------
    str or None
        None when it is not certain.
    """
    unit = unit_of(code, fitness=fitness)
    return unit.ucum if unit else None


def mdc_units_of(ucum: str) -> tuple[int, ...]:
    """Return the MDC unit codes that have this UCUM expression, the one to send first.

    Parameters
    ----------
    ucum : str
        A UCUM expression, compared as text.

    Returns
    -------
    tuple of int
        32-bit codes; empty when there is none.
    """
    return _reverse().get(ucum, ())


def mdc_unit_of(ucum: str) -> int | None:
    """Return the MDC unit code to send for a UCUM expression.

    Parameters
    ----------
    ucum : str
        A UCUM expression, compared as text (``"/min"`` gives the plain rate, not beats or breaths).

    Returns
    -------
    int or None
        The 32-bit code, or None.
    """
    known = _reverse().get(ucum)
    return known[0] if known else None


def ucum_of_text(text: str) -> str | None:
    """Read a unit text that names no coding system (``bpm``, ``mmHg``, ``°C``, ``mL/hr``).

    Parameters
    ----------
    text : str
        What the message or the file says.

    Returns
    -------
    str or None
        A UCUM expression; None when the text is not known or could mean two units.
    """
    from . import _unit_texts as texts  # noqa: PLC0415 - loaded on first look-up

    plain = text.strip().translate(texts.EQUIVALENT_CHARACTERS)
    if not plain:
        return None
    found = texts.EXACT.get(plain)
    if found is not None:
        return found
    if plain in texts.PLAIN_LETTERS or (len(plain) > 1 and plain in _reverse()):
        return plain
    return texts.FOLDED.get("".join(plain.split()).casefold())


@lru_cache(maxsize=2048)
def _unit(number: int, fitness: bool) -> MdcUnit | None:
    from . import _unit_table as table  # noqa: PLC0415 - large: loaded on first look-up

    code = mdc.context_free(_PARTITION, number)
    readings = table.AMBIGUOUS.get(number)
    if readings is not None:
        refid, ucum = readings[1] if fitness else (readings[0][0], None)
        return MdcUnit(code, refid, ucum, readings=readings)
    refids = mdc.refids_of(code)
    if refids:
        return MdcUnit(code, refids[0], table.UCUM.get(number))
    template = table.BASES.get(number & ~0x1F)
    prefix = _PREFIX_OF.get(number & 0x1F)
    if template is None or prefix is None:
        return None
    return MdcUnit(code, None, template.replace("~", prefix), derived=True)


@lru_cache(maxsize=1)
def _reverse() -> dict[str, tuple[int, ...]]:
    from . import _unit_table as table  # noqa: PLC0415 - large: loaded on first look-up

    found: dict[str, tuple[int, ...]] = {}
    for number, ucum in table.UCUM.items():
        code = mdc.context_free(_PARTITION, number)
        known = found.get(ucum, ())
        found[ucum] = (code, *known) if table.REVERSE.get(ucum) == number else (*known, code)
    return found
