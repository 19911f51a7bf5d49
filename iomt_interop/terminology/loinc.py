"""LOINC codes of vital signs: pairs with MDC, and the FHIR vital-signs profiles.

This material contains content from LOINC (http://loinc.org). LOINC is copyright (c) Regenstrief Institute, Inc. and
the Logical Observation Identifiers Names and Codes (LOINC) Committee and is available at no cost under the license
at http://loinc.org/license. The full mapping to MDC is an accessory file of each LOINC release:
:func:`.overlays.load_loinc_ieee` reads it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = [
    "MDC_TO_LOINC",
    "VITAL_SIGNS",
    "VITAL_SIGNS_COMPONENT_UNITS",
    "VitalSign",
    "is_of_body",
    "loinc_of",
    "mdc_of",
    "vital_sign_of",
]

# MDC code -> LOINC codes, the one that the vital-signs profile fixes first. From the FHIR core profiles and the
# examples of the HL7 PHD guide.
MDC_TO_LOINC: Final[dict[int, tuple[str, ...]]] = {
    147842: ("8867-4",),
    149530: ("8867-4",),
    150020: ("85354-9",),
    150021: ("8480-6",),
    150022: ("8462-4",),
    150023: ("8478-0",),
    150364: ("8310-5",),
    150456: ("2708-6", "59408-5"),
    151562: ("9279-1",),
    188736: ("29463-7",),
    188740: ("8302-2",),
    188752: ("39156-5",),
}

_LOINC_TO_MDC: Final[dict[str, int]] = {
    "8867-4": 147842,
    "85354-9": 150020,
    "8480-6": 150021,
    "8462-4": 150022,
    "8478-0": 150023,
    "8310-5": 150364,
    "2708-6": 150456,
    "59408-5": 150456,
    "9279-1": 151562,
    "29463-7": 188736,
    "8302-2": 188740,
    "39156-5": 188752,
}


@dataclass(frozen=True, slots=True)
class VitalSign:
    """What a FHIR R4 vital-signs profile fixes.

    Parameters
    ----------
    profile : str
        The profile's id under ``http://hl7.org/fhir/StructureDefinition/``.
    loinc : str
        The LOINC code that must be present.
    units : tuple of str
        The UCUM codes allowed for the value; empty when the profile has no value of its own.
    components : tuple of (str, tuple of str)
        LOINC code and allowed UCUM codes of each required component.
    """

    profile: str
    loinc: str
    units: tuple[str, ...] = ()
    components: tuple[tuple[str, tuple[str, ...]], ...] = ()


_LENGTH: Final = ("cm", "[in_i]")
_PRESSURE: Final = ("mm[Hg]",)

VITAL_SIGNS: Final[tuple[VitalSign, ...]] = (
    VitalSign("resprate", "9279-1", ("/min",)),
    VitalSign("heartrate", "8867-4", ("/min",)),
    VitalSign("oxygensat", "2708-6", ("%",)),
    VitalSign("bodytemp", "8310-5", ("Cel", "[degF]")),
    VitalSign("bodyheight", "8302-2", _LENGTH),
    VitalSign("headcircum", "9843-4", _LENGTH),
    VitalSign("bodyweight", "29463-7", ("kg", "[lb_av]", "g")),
    VitalSign("bmi", "39156-5", ("kg/m2",)),
    VitalSign("bp", "85354-9", (), (("8480-6", _PRESSURE), ("8462-4", _PRESSURE))),
    VitalSign("vitalspanel", "85353-1"),
)

# The only units that a component of any Observation in the vital-signs category may carry.
VITAL_SIGNS_COMPONENT_UNITS: Final[frozenset[str]] = frozenset(
    {"%", "cm", "[in_i]", "kg", "g", "[lb_av]", "Cel", "[degF]", "mm[Hg]", "/min", "kg/m2", "m2"}
)

_ECG: Final = frozenset(
    {"11524-6", "18844-1", "34534-8", "8601-7", "8625-6", "8626-4", "8632-2", "8633-0", "8634-8", "8636-3"}
)
"""Studies, intervals, axes and impressions of an electrocardiogram."""

_BY_LOINC: Final[dict[str, VitalSign]] = {row.loinc: row for row in VITAL_SIGNS}


def loinc_of(mdc_code: int) -> tuple[str, ...]:
    """Return the LOINC codes paired with an MDC code.

    Parameters
    ----------
    mdc_code : int
        A 32-bit MDC code.

    Returns
    -------
    tuple of str
        The one to show first; empty when the built-in list has none.
    """
    return MDC_TO_LOINC.get(mdc_code, ())


def mdc_of(loinc: str) -> int | None:
    """Return the MDC code to send for a LOINC code.

    Parameters
    ----------
    loinc : str
        A LOINC code.

    Returns
    -------
    int or None
        None when the built-in list has none.
    """
    return _LOINC_TO_MDC.get(loinc)


def vital_sign_of(loinc: str) -> VitalSign | None:
    """Return the FHIR vital-signs profile of a LOINC code.

    Parameters
    ----------
    loinc : str
        A LOINC code.

    Returns
    -------
    VitalSign or None
        None when the code has no vital-signs profile.
    """
    return _BY_LOINC.get(loinc)


def is_of_body(loinc: str) -> bool:
    """Tell whether a code is a vital sign or an electrocardiogram: then nobody took a specimen.

    Parameters
    ----------
    loinc : str
        A LOINC code.

    Returns
    -------
    bool
        False also where the built-in list does not know the code.
    """
    return loinc in _LOINC_TO_MDC or loinc in _BY_LOINC or loinc in _ECG
