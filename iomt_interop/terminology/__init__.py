"""Terminologies as pure look-ups: MDC (IEEE 11073-10101), UCUM, LOINC, HL7 v2 tables, system URIs.

Nothing is loaded until it is used: each submodule is imported on first attribute access, and each large table
on the first look-up in it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from types import ModuleType

    from . import bits, hl7tables, loinc, mdc, overlays, systems, ucum, units

__all__ = ["bits", "hl7tables", "loinc", "mdc", "overlays", "systems", "ucum", "units"]

_MODULES: Final[frozenset[str]] = frozenset(__all__)


def __getattr__(name: str) -> ModuleType:
    if name in _MODULES:
        return importlib.import_module(f".{name}", __name__)
    raise AttributeError(name)


def __dir__() -> list[str]:
    return sorted(_MODULES)
