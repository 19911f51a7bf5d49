"""The codes that decisions turn on: purposes of use, sensitivities and confidentialities of HL7 v3, as trees."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Any, Final

from ..model import Coding

__all__ = [
    "ACT_CODE",
    "ACT_REASON",
    "BREAK_GLASS",
    "CONFIDENTIALITIES",
    "CONFIDENTIALITY",
    "Code",
    "code_of",
    "covered_by",
    "is_purpose",
    "is_sensitivity",
    "purposes",
    "specialisations",
]

ACT_REASON: Final = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
ACT_CODE: Final = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
CONFIDENTIALITY: Final = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
BREAK_GLASS: Final = "BTG"
"""The purpose of use by which a user asks for what they would not get otherwise."""

Code = tuple[str, str]
"""System and code."""

# The same systems by the names that HL7 v2, v3 and CDA use for them.
_ALIASES: Final = {
    "urn:oid:2.16.840.1.113883.5.8": ACT_REASON,
    "urn:oid:2.16.840.1.113883.5.4": ACT_CODE,
    "urn:oid:2.16.840.1.113883.5.25": CONFIDENTIALITY,
    "http://hl7.org/fhir/v3/ActReason": ACT_REASON,
    "http://hl7.org/fhir/v3/ActCode": ACT_CODE,
    "http://hl7.org/fhir/v3/Confidentiality": CONFIDENTIALITY,
}


@cache
def _document() -> dict[str, Any]:
    return tomllib.loads(files(__package__).joinpath("vocabulary.toml").read_text(encoding="utf-8"))


CONFIDENTIALITIES: Final[tuple[str, ...]] = tuple(_document()["confidentiality"])
"""From open to very restricted; the order is total."""


@cache
def _tree(system: str) -> dict[str, tuple[str, ...]]:
    """Return every code of a tree with the codes under it."""
    name = {ACT_REASON: "purpose", ACT_CODE: "sensitivity"}.get(system)
    if name is None:
        return {}
    table: dict[str, list[str]] = _document()[name]
    return {each: tuple(table.get(each, ())) for parent, below in table.items() for each in (parent, *below)}


def code_of(coding: Coding) -> Code:
    """Return system and code; a system by its canonical URI."""
    system = coding.system or ""
    return _ALIASES.get(system, system), coding.code or ""


def is_purpose(code: str) -> bool:
    """Tell whether HL7 v3 PurposeOfUse has a code."""
    return code in _tree(ACT_REASON)


def is_sensitivity(code: str) -> bool:
    """Tell whether a code is a sensitivity of HL7 v3 ActCode that this library knows."""
    return code in _tree(ACT_CODE)


def purposes() -> tuple[str, ...]:
    """Return all purposes of use, each before those under it."""
    tree = _tree(ACT_REASON)
    under = {below for children in tree.values() for below in children}
    found: list[str] = []
    todo = [code for code in reversed(tree) if code not in under]
    while todo:
        code = todo.pop()
        found.append(code)
        todo += reversed(tree[code])
    return tuple(found)


@cache
def covered_by(code: Code) -> frozenset[Code]:
    """Return a code and all that it is a kind of: whoever names one of them means this code, too."""
    tree = _tree(code[0])
    found, todo = {code}, [code[1]]
    while todo:
        special = todo.pop()
        for general, below in tree.items():
            if special in below and (code[0], general) not in found:
                found.add((code[0], general))
                todo.append(general)
    return frozenset(found)


def specialisations(codes: Iterable[Code]) -> frozenset[Code]:
    """Return codes and all kinds of them."""
    found, todo = set(), list(codes)
    while todo:
        system, code = todo.pop()
        if (system, code) not in found:
            found.add((system, code))
            todo += [(system, below) for below in _tree(system).get(code, ())]
    return frozenset(found)
