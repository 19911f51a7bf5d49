"""Names of the bits of BITS enumerations (HL7 code system ASN1ToHL7 of the PHD guide, CC0).

Bit 0 is the most significant bit of the string, as in IEEE 11073-20601. An event says something only when it is
set; a state says something either way.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, Literal, NamedTuple, cast

__all__ = ["BIT_WIDTHS", "Bit", "bit_of", "bit_text", "bits_of"]


BIT_WIDTHS: Final = (8, 16, 24, 32, 64)
"""How long bit strings are."""


class Bit(NamedTuple):
    """One named bit.

    Parameters
    ----------
    mdc_code : int
        The 32-bit code of the enumeration.
    bit : int
        Its number, 0 for the most significant.
    name : str
        Its name in the code system.
    kind : {"event", "state"}
        Whether only a set bit speaks, or a cleared one too.
    source : {"device", "measurement"}
        What it describes.
    """

    mdc_code: int
    bit: int
    name: str
    kind: Literal["event", "state"]
    source: Literal["device", "measurement"]

    @property
    def code(self) -> str:
        """Return the code in the ASN1ToHL7 system (``"67925.8"``)."""
        return f"{self.mdc_code}.{self.bit}"


def bit_of(mdc_code: int, bit: int) -> Bit | None:
    """Look a bit up.

    Parameters
    ----------
    mdc_code : int
        The 32-bit code of the enumeration.
    bit : int
        The bit's number, 0 for the most significant.

    Returns
    -------
    Bit or None
        None when the code system does not name it.
    """
    for row in bits_of(mdc_code):
        if row.bit == bit:
            return row
    return None


def bits_of(mdc_code: int) -> tuple[Bit, ...]:
    """Return every named bit of an enumeration.

    Parameters
    ----------
    mdc_code : int
        The 32-bit code of the enumeration.

    Returns
    -------
    tuple of Bit
        By number; empty when the code system has none.
    """
    return _table().get(mdc_code, ())


@lru_cache(maxsize=1024)
def bit_text(mdc_code: int | None, bit: int) -> str:
    """Return name and number of a bit as HL7 v2 writes them, a plain name where the code system has none.

    Examples
    --------
    >>> from iomt_interop.terminology.bits import bit_text
    >>> bit_text(67925, 8), bit_text(None, 3)
    ('chargingFull(8)', 'bit(3)')
    """
    found = None if mdc_code is None else bit_of(mdc_code, bit)
    return f"{'bit' if found is None else found.name}({bit})"


@lru_cache(maxsize=1)
def _table() -> dict[int, tuple[Bit, ...]]:
    from ._bits_table import ROWS  # noqa: PLC0415 - loaded on first look-up

    found: dict[int, tuple[Bit, ...]] = {}
    for mdc_code, bit, name, kind, source in ROWS:
        row = Bit(
            mdc_code,
            bit,
            name,
            cast("Literal['event', 'state']", kind),
            cast("Literal['device', 'measurement']", source),
        )
        found[mdc_code] = (*found.get(mdc_code, ()), row)
    return found
