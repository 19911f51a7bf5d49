"""What the device's words mean. Tables only."""

from __future__ import annotations

from typing import Final

from iomt_interop.model import Coding, Concept

__all__ = ["SITES", "TEMPERATURE", "UNITS"]

MDC: Final = "urn:iso:std:iso:11073:10101"

TEMPERATURE: Final = Concept(codings=(Coding(system=MDC, code="150364", refid="MDC_TEMP_BODY"),))

UNITS: Final[dict[str, str]] = {"C": "Cel", "F": "[degF]"}
"""The device's letter to UCUM."""

SITES: Final[dict[str, Concept]] = {
    "oral": Concept(codings=(Coding(code="oral", display="Mouth"),)),
    "axil": Concept(codings=(Coding(code="axil", display="Armpit"),)),
}
