"""SMART scopes for clinical data (SMART App Launch 2.2, "Scopes for requesting FHIR resources")."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, Literal, NamedTuple
from urllib.parse import unquote_plus

from ..facts import RESOURCES, Facts
from ..vocabulary import Code
from .policy import Action

__all__ = ["Scope", "granted", "parse_scopes"]

_MAX_SCOPES: Final = 1000
_SCOPE: Final = re.compile(
    r"(patient|user|system)/(\*|[A-Z][A-Za-z]{1,63})\.(c?r?u?d?s?|read|write|\*)(?:\?(\S{1,2000}))?"
)
_V1: Final = {"read": "rs", "write": "cud", "*": "cruds"}
_NEEDS: Final[dict[Action, str]] = {
    "read": "r", "search": "s", "export": "rs", "create": "c", "update": "u", "delete": "d", "keep": "-",
}  # fmt: skip
"""What each action needs; an export reads and searches, and no scope of SMART lets anybody keep a store."""

_PARAMETERS: Final = ("category", "code", "_security")


class Scope(NamedTuple):
    """One scope that grants something."""

    level: Literal["patient", "user", "system"]
    resource: str
    """A FHIR resource type, or ``*``."""
    permissions: frozenset[str]
    """Of ``c``, ``r``, ``u``, ``d``, ``s``."""
    conditions: tuple[tuple[str, frozenset[Code]], ...] = ()
    """Search parameters that the data must meet: all of them, each by one of its values."""

    def covers(self, facts: Facts, action: Action, *, own: bool) -> bool:
        """Tell whether the scope grants an action on a record.

        Parameters
        ----------
        facts : Facts
            The record.
        action : str
            What is asked for.
        own : bool
            Whether the record is of the patient in the token's context.
        """
        if self.level == "patient" and not own:
            return False
        if self.resource not in ("*", RESOURCES.get(facts.kind, "Basic")) or not self.permissions.issuperset(
            _NEEDS[action]
        ):
            return False
        return all(_meets(values, name, facts) for name, values in self.conditions)


def _meets(values: frozenset[Code], name: str, facts: Facts) -> bool:
    held = {"category": facts.categories, "code": facts.codes, "_security": facts.labels.codes}[name]
    if not values.isdisjoint(held):
        return True
    # A token without a system ("category=vital-signs") means the code in any system; "|code" means in none.
    return any(system == "*" and any(code == each for _, each in held) for system, code in values)


def parse_scopes(text: str) -> tuple[Scope, ...]:
    """Read the scopes of a token; whatever is no scope for clinical data, or is not understood, grants nothing.

    SMART v1 scopes (``.read``, ``.write``, ``.*``) mean ``rs``, ``cud``, ``cruds``, as the standard says. Of search
    parameters ``category``, ``code`` and ``_security`` are understood; a scope with another one grants nothing.
    """
    found = []
    for word in text.split()[:_MAX_SCOPES]:
        match = _SCOPE.fullmatch(word)
        if match is None:
            continue
        level, resource, letters, query = match.groups()
        conditions = _conditions(query)
        permissions = frozenset(_V1.get(letters, letters))
        if conditions is not None and permissions:
            found.append(Scope(level, resource, permissions, conditions))  # type: ignore[arg-type]  # by the pattern
    return tuple(found)


def _conditions(query: str | None) -> tuple[tuple[str, frozenset[Code]], ...] | None:
    """Return the conditions of a search; ``None`` when they are not understood."""
    if query is None:
        return ()
    found = []
    for part in query.split("&"):
        name, equals, text = part.partition("=")
        if name not in _PARAMETERS or not equals or not text:
            return None
        values = set()
        for value in text.split(","):
            system, bar, code = unquote_plus(value).rpartition("|")
            if not code:
                return None
            values.add((system if bar else "*", code))
        found.append((name, frozenset(values)))
    return tuple(found)


def granted(scopes: Iterable[Scope], facts: Facts, action: Action, *, own: bool) -> bool:
    """Tell whether one of the scopes grants an action on a record."""
    return any(scope.covers(facts, action, own=own) for scope in scopes)
