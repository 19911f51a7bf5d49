"""MDC: the device nomenclature of IEEE 11073-10101, codes and reference ids.

A code is 32 bits: partition in the upper half, term in the lower ("context-free code"). Tables disagree in places:
a code may be known by several reference ids and a reference id may carry several codes, so neither direction is a
plain inversion of the other. The table keeps all of them, with provenance; a rule names the one that is shown.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

__all__ = [
    "PARTITIONS",
    "PROVENANCE",
    "code_of",
    "codes_of",
    "context_free",
    "is_private",
    "partition",
    "provenance",
    "refid_of",
    "refids_of",
    "term",
]

PARTITIONS: Final[dict[int, str]] = {
    1: "object infrastructure",
    2: "SCADA: metrics",
    3: "events and alerts",
    4: "dimensions: units",
    5: "virtual attributes",
    6: "parameter groups",
    7: "body sites",
    8: "communication infrastructure",
    9: "file exchange format",
    10: "ECG extensions",
    128: "PHD disease management",
    129: "PHD health and fitness",
    130: "PHD ageing independently",
    255: "return codes",
    256: "external nomenclatures",
    258: "settings",
}

PROVENANCE: Final[dict[str, str]] = {
    "r": "Brian Reinhold, NordicPHDs (MIT)",
    "p": "philips-labs, BLE-GHS-Server-Simulator (MIT)",
    "g": "HL7 PHD and PoCD implementation guides (CC0)",
    "m": "public IHE PCD messages",
    "s": "IEEE 11073-20601 attribute numbering",
    "f": "seen in the field against the nomenclature",
}

_PRIVATE_TERM: Final = 0xF000
_PRIVATE_PARTITION: Final = 1024


def context_free(partition: int, term: int) -> int:
    """Join a partition and a term into the 32-bit context-free code.

    Parameters
    ----------
    partition, term : int
        Both 16 bits, unsigned.

    Returns
    -------
    int
        ``partition * 65536 + term``.
    """
    return (partition & 0xFFFF) << 16 | (term & 0xFFFF)


def partition(code: int) -> int:
    """Return the partition of a context-free code.

    Parameters
    ----------
    code : int
        A 32-bit code.

    Returns
    -------
    int
        Its upper 16 bits.
    """
    return code >> 16


def term(code: int) -> int:
    """Return the term within its partition.

    Parameters
    ----------
    code : int
        A 32-bit code.

    Returns
    -------
    int
        Its lower 16 bits.
    """
    return code & 0xFFFF


def is_private(code: int) -> bool:
    """Tell whether the code is the vendor's own: term F000 and above, or a partition from 1024 on.

    Parameters
    ----------
    code : int
        A 32-bit code.

    Returns
    -------
    bool
        True when no standard can give it a meaning.
    """
    return term(code) >= _PRIVATE_TERM or partition(code) >= _PRIVATE_PARTITION


def refids_of(code: int) -> tuple[str, ...]:
    """Return every reference id known for a code, the one to show first.

    Parameters
    ----------
    code : int
        A 32-bit code.

    Returns
    -------
    tuple of str
        Empty when the code is not known.
    """
    return _refids().get(code, ())


def refid_of(code: int) -> str | None:
    """Return the reference id to show for a code.

    Parameters
    ----------
    code : int
        A 32-bit code.

    Returns
    -------
    str or None
        None when the code is not known.
    """
    known = _refids().get(code)
    return known[0] if known else None


def codes_of(refid: str) -> tuple[int, ...]:
    """Return every code that carries a reference id, the one to send first.

    Parameters
    ----------
    refid : str
        A reference id (``"MDC_ECG_HEART_RATE"``).

    Returns
    -------
    tuple of int
        Empty when the reference id is not known.
    """
    return _codes().get(refid, ())


def code_of(refid: str) -> int | None:
    """Return the code to send for a reference id.

    Parameters
    ----------
    refid : str
        A reference id.

    Returns
    -------
    int or None
        None when the reference id is not known, or only known as a misuse of another attribute's number.
    """
    for code in _codes().get(refid, ()):
        if provenance(code, refid) != ("f",):
            return code
    return None


def provenance(code: int, refid: str) -> tuple[str, ...]:
    """Return the letters of :data:`PROVENANCE` that vouch for a pair.

    Parameters
    ----------
    code : int
        A 32-bit code.
    refid : str
        A reference id.

    Returns
    -------
    tuple of str
        Empty when the table does not hold the pair.
    """
    return _letters().get((code, refid), ())


@lru_cache(maxsize=1)
def _refids() -> dict[int, tuple[str, ...]]:
    from ._mdc_table import ROWS  # noqa: PLC0415 - large: loaded on first look-up

    found: dict[int, tuple[str, ...]] = {}
    for code, refid, _ in ROWS:
        found[code] = (*found.get(code, ()), refid)
    return found


@lru_cache(maxsize=1)
def _codes() -> dict[str, tuple[int, ...]]:
    from ._mdc_table import PREFERRED, ROWS  # noqa: PLC0415 - large: loaded on first look-up

    found: dict[str, tuple[int, ...]] = {}
    for code, refid, _ in ROWS:
        known = found.get(refid, ())
        found[refid] = (code, *known) if PREFERRED.get(refid) == code else (*known, code)
    return found


@lru_cache(maxsize=1)
def _letters() -> dict[tuple[int, str], tuple[str, ...]]:
    from ._mdc_table import ROWS  # noqa: PLC0415 - large: loaded on first look-up

    return {(code, refid): tuple(letters) for code, refid, letters in ROWS}
