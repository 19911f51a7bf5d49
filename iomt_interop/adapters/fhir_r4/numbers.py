"""Order numbers: the placer's and the filler's among the identifiers of a resource (v2-to-FHIR guide, ORC-2, ORC-3)."""

from __future__ import annotations

from typing import Any, Final

from ...terminology import systems
from .datatypes import IDENTIFIER
from .fields import Emit, Parse, items, text_of
from .jsontext import Tree
from .tables import OWN

__all__ = ["put_numbers", "take_numbers"]

_KINDS: Final = {"placer": "PLAC", "filler": "FILL", "groups": None}
_ROLE: Final = OWN + "order-number"


def _typed(code: str) -> Tree:
    return {"coding": [{"system": systems.v2_table("0203"), "code": code}]}


def put_numbers(out: Tree, record: Any, e: Emit) -> None:
    """Set ``identifier``; a number without a type of its own gets that of its field, another one is marked."""
    found: list[Tree] = []
    for name, code in _KINDS.items():
        for index, identifier in enumerate(getattr(record, name, ())):
            json = IDENTIFIER.out(identifier, e, f"{name}[{index}]")
            if json is None:
                continue
            if code is not None and "type" not in json:
                json = {"type": _typed(code), **json}
            else:
                json.setdefault("extension", []).append({"url": _ROLE, "valueCode": name})
            found.append(json)
    if found:
        out["identifier"] = found


def take_numbers(tree: Tree, p: Parse) -> dict[str, Any]:
    """Read what :func:`put_numbers` wrote; a number that says nothing of its kind is the filler's."""
    found: dict[str, list[Any]] = {}
    for json in items(tree, "identifier"):
        name = next((text_of(one, "valueCode") for one in items(json, "extension") if one.get("url") == _ROLE), None)
        if name not in _KINDS:
            name = next((key for key, code in _KINDS.items() if code and json.get("type") == _typed(code)), None)
            if name is not None:
                json = {key: value for key, value in json.items() if key != "type"}
        identifier = IDENTIFIER.into(json, p)
        if identifier is not None:
            found.setdefault(name or "filler", []).append(identifier)
    return {name: tuple(identifiers) for name, identifiers in found.items()}
