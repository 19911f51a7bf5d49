"""Texts, codes of real systems, ids: what every other strategy is made of."""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from ...errors import CODES
from ...model import Coding
from ...terminology import systems

__all__ = ["KNOWN_CODINGS", "UNITS", "digests", "error_codes", "ids", "spans", "texts"]

UNITS: Final = ("1", "%", "/min", "mm[Hg]", "kPa", "Cel", "[degF]", "K", "mV", "uV", "kg", "[lb_av]", "cm", "mL/h",
                "mmol/L", "mg/dL", "L/min", "cm[H2O]", "s", "ms", "dB", "{beats}/min", "10*3/uL")  # fmt: skip
"""UCUM codes of bedside and home devices."""

KNOWN_CODINGS: Final = (
    Coding(system=systems.MDC, code="150456", refid="MDC_PULS_OXIM_SAT_O2"),
    Coding(system=systems.MDC, code="149530", refid="MDC_PULS_OXIM_PULS_RATE"),
    Coding(system=systems.MDC, code="147842", refid="MDC_ECG_HEART_RATE"),
    Coding(system=systems.MDC, code="150021", refid="MDC_PRESS_BLD_NONINV_SYS"),
    Coding(system=systems.MDC, code="131328", refid="MDC_ECG_ELEC_POTL"),
    Coding(system=systems.MDC, code="188736", refid="MDC_MASS_BODY_ACTUAL"),
    Coding(system=systems.LOINC, code="8867-4", display="Heart rate"),
    Coding(system=systems.LOINC, code="59408-5"),
    Coding(system=systems.SNOMED_CT, code="22762002"),
    Coding(system=systems.UCUM, code="mm[Hg]"),
    Coding(native_system="99VENDOR", code="HR~1"),
)
"""Codings that real devices send, one of them of a vendor's own system."""

_PRINTABLE: Final = ("L", "M", "N", "P", "S", "Zs")
_CODES: Final = tuple(sorted(CODES))


def texts(*, printable: bool = False, min_size: int = 0, max_size: int = 20) -> SearchStrategy[str]:
    """Generate text of all Unicode but surrogates, which no encoding can write.

    Parameters
    ----------
    printable : bool
        Leave out control, format, private-use and unassigned characters and line ends.
    min_size, max_size : int
        Length in code points.
    """
    if printable:
        alphabet = st.characters(codec="utf-8", categories=_PRINTABLE)
    else:
        alphabet = st.characters(exclude_categories=["Cs"])
    return st.text(alphabet, min_size=min_size, max_size=max_size)


def ids() -> SearchStrategy[str]:
    """Generate record ids: 32 hexadecimal digits."""
    return st.binary(min_size=16, max_size=16).map(bytes.hex)


def digests() -> SearchStrategy[str]:
    """Generate SHA-256 digests in hexadecimal."""
    return st.binary(min_size=32, max_size=32).map(bytes.hex)


def spans() -> SearchStrategy[tuple[int, int]]:
    """Generate half-open byte ranges."""
    return st.tuples(st.integers(0, 1 << 40), st.integers(0, 1 << 20)).map(lambda pair: (pair[0], sum(pair)))


def error_codes() -> SearchStrategy[str]:
    """Generate codes of :data:`iomt_interop.errors.CODES`."""
    return st.sampled_from(_CODES)
