"""What the device's words mean. Tables only: somebody who knows the device and not Python can check them."""

from __future__ import annotations

from typing import Final

from ...model import Coding, Concept

__all__ = ["ADAPTER", "LETTERS", "PROBE", "SITES", "TEMPERATURE", "UNITS", "VERSION"]

ADAPTER: Final = "example"
VERSION: Final = "1"
"""Version of the mapping, in every record's provenance: count up when the same input gives other records."""

_MDC: Final = "urn:iso:std:iso:11073:10101"

TEMPERATURE: Final = Concept(codings=(Coding(system=_MDC, code="150364", refid="MDC_TEMP_BODY"),))
"""What an ``M`` line measures."""

PROBE: Final = Concept(codings=(Coding(system=_MDC, code="150344", refid="MDC_TEMP"),))
"""What a ``W`` line samples."""

UNITS: Final[dict[str, str]] = {"C": "Cel", "F": "[degF]"}
"""The device's letter to UCUM. A letter that is not here stays as the native unit, and no UCUM code is claimed."""

LETTERS: Final[dict[str, str]] = {ucum: letter for letter, ucum in UNITS.items()}
"""UCUM to the device's letter."""

SITES: Final[dict[str, Concept]] = {
    "oral": Concept(codings=(Coding(code="oral", display="Mouth"),)),
    "axil": Concept(codings=(Coding(code="axil", display="Armpit"),)),
    "": Concept(),
}
"""The device's word to the body site; nothing when the device does not say."""
