"""What may stay of a text: known states, ZIP codes, countries, code systems, codes and units; never anything else."""

from __future__ import annotations

import re
from datetime import date, timedelta
from fractions import Fraction
from functools import lru_cache
from typing import Final

from ...terminology.ucum import is_valid_ucum
from .policy import tables

__all__ = ["age_limit", "code", "country", "shifted", "state", "system", "unit", "year_of", "zip3"]

_ZIP: Final = re.compile(r"([0-9]{3})[0-9]{2}(?:-?[0-9]{4})?")
_COUNTRY: Final = re.compile(r"[A-Z]{2,3}|[0-9]{3}")
_CODE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._^:-]{0,31}")
REFID: Final = re.compile(r"MDC[A-Z0-9_]{0,96}")
VERSION: Final = re.compile(r"[0-9][0-9.-]{0,15}")
_BRACES: Final = re.compile(r"\{([^{}]*)\}")
TIME_OF_DAY: Final = re.compile(r"[0-2][0-9]:[0-5][0-9](?::[0-6][0-9](?:\.[0-9]{1,9})?)?")
_DATED: Final = re.compile(r"(\d{4})-(\d\d)-(\d\d)(.*)", re.DOTALL)


def zip3(value: str, nation: str | None) -> str | None:
    """Return the first three digits of a ZIP code, ``000`` where few people live (164.514(b)(2)(i)(B))."""
    match = _ZIP.fullmatch(value.strip())
    if match is None or nation not in (None, *tables()["united_states"]):
        return None
    return "000" if match[1] in tables()["zip3_restricted"] else match[1]


def state(value: str, nation: str | None) -> str | None:
    """Return a state of the United States; elsewhere a region may be too small."""
    known = value.upper() in tables()["states"] and nation in (None, *tables()["united_states"])
    return value.upper() if known else None


def country(value: str) -> str | None:
    """Return a country's code."""
    return value if _COUNTRY.fullmatch(value) else None


@lru_cache(1024)
def system(value: str) -> bool:
    """Tell whether the codes of a system say what and never who."""
    return any(value.startswith(known[:-1]) if known.endswith("*") else value == known for known in tables()["systems"])


def code(value: str) -> str | None:
    """Return a code that is written like one."""
    return value if _CODE.fullmatch(value) else None


@lru_cache(1024)
def unit(value: str) -> str | None:
    """Return a UCUM unit that is one; a text in braces only where it is known."""
    if len(value) > 64 or not all(text in tables()["annotations"] for text in _BRACES.findall(value)):
        return None
    return value if is_valid_ucum(value) else None


def year_of(value: str) -> str:
    """Return the year of a date or time."""
    return value[:4]


def shifted(value: str, days: int) -> str | None:
    """Return a date or time some days earlier or later; ``None`` for one that is less than a whole date."""
    match = _DATED.fullmatch(value)
    if match is None:
        return None
    try:
        moved = date(int(match[1]), int(match[2]), int(match[3])) + timedelta(days=days)
    except (ValueError, OverflowError):
        return None
    return moved.isoformat() + match[4]


def age_limit(unit_text: str | None, oldest: int) -> Fraction | None:
    """Return the highest age that is told, in a unit of time; ``None`` for another unit."""
    years = tables()["ages"]["units"].get(unit_text or "")
    return None if years is None else (oldest + 1) / Fraction(years)
