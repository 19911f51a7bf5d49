"""Lists of elements that name a party and what it did: ``performer``, ``agent``, ``participant``."""

from __future__ import annotations

from typing import Any

from .datatypes import CODEABLE
from .fields import Emit, First, Kind, Parse, extension, read_own
from .jsontext import Tree
from .parties import AGENT
from .scalars import BOOLEAN
from .tables import OWN

__all__ = ["Performers"]


class Performers(Kind):
    """A list of elements that name a party and what it did."""

    def __init__(self, party: str, code: str, *, several: bool = False) -> None:
        self.party, self.code = party, code
        self._codes: Kind = First(CODEABLE) if several else CODEABLE

    def out(self, value: Any, e: Emit, path: str) -> Any:
        """Return the elements."""
        found = []
        for index, actor in enumerate(value):
            entry: Tree = {}
            if actor.code is not None:
                self._codes.put(entry, self.code, actor.code, e, f"{path}[{index}].code")
            AGENT.put(entry, self.party, actor, e, f"{path}[{index}]")
            if self.party not in entry:
                entry[self.party] = {"display": "unknown"}
                extension(entry, OWN + "no-party", BOOLEAN, True, e, path)
            found.append(entry)
        return found or None

    def into(self, json: Any, p: Parse) -> Any:
        """Return the actors."""
        found = []
        for entry in json if isinstance(json, list) else ():
            if not isinstance(entry, dict):
                continue
            shown = {} if read_own(entry, OWN + "no-party", BOOLEAN, p) else entry.get(self.party)
            actor = AGENT.into(shown, p)
            code = self._codes.get(entry, self.code, p)
            if actor is not None:
                found.append(actor if code is None else actor.replace(code=code))
        return tuple(found)
