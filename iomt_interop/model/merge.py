"""Versions of one record as one record: what a later message does not say again is not gone.

A source repeats its context in every message, each time as far as that message needs it. The versions of a person,
a stay, a device or a metric are therefore not corrections of each other but parts of one description.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from ..errors import InvalidRequest
from .envelope import Envelope

__all__ = ["MERGED_KINDS", "Merge", "merge_versions"]

MERGED_KINDS: Final[frozenset[str]] = frozenset({"subject", "encounter", "device", "metric"})
"""Kinds of records that describe a lasting thing; versions of the others replace each other."""

_UNSTATED: Final[frozenset[str]] = frozenset({"unknown", "unspecified"})
"""Defaults that say nothing."""

_KEYS: Final[dict[str, tuple[str, ...]]] = {
    "extensions": ("namespace", "path"),
    "versions": ("type", "component"),
    "properties": ("type",),
    "calibrations": ("type",),
}
"""Lists of states: of elements that are of the same thing, the newest version's count."""

_WHOLE: Final[frozenset[str]] = frozenset({"body_sites", "supplemental"})
"""Lists that are one state as a whole."""

_TOGETHER: Final[dict[str, frozenset[str]]] = {
    name: frozenset(group)
    for group in (("location", "prior_location"), ("activation", "activation_reasons"))
    for name in group
}
"""Fields that are one statement: the version that states one of them states all."""


class Merge:
    """What several versions of one record say together; they are added from the oldest to the newest.

    Raises
    ------
    InvalidRequest
        ``USE-001`` when a record is not of a kind that is merged, or not a version of the one before.
    """

    def __init__(self) -> None:
        self._newest: Envelope | None = None
        self._count = 0
        self._single: dict[str, Any] = {}
        self._lists: dict[str, dict[Any, None]] = {}

    def add(self, newer: Envelope) -> None:
        """Take in the next version."""
        newest = self._newest
        if getattr(newer, "kind", None) not in MERGED_KINDS:
            raise InvalidRequest("USE-001", path="record", hint="records of this kind are not merged")
        if newest is not None and (type(newest), newest.id) != (type(newer), newer.id):
            raise InvalidRequest("USE-001", path="record", hint="this is a version of another record")
        self._newest, self._count = newer, self._count + 1
        for name, field in type(newer).model_fields.items():
            value = getattr(newer, name)
            if not _stated(value, field.default) and not _says_with(newer, name):
                continue
            if not isinstance(value, tuple) or name in _WHOLE or name in _TOGETHER:
                self._single[name] = value
            elif name in _KEYS:
                self._single[name] = value + _others(self._single.get(name, ()), value, _KEYS[name])
            else:
                elements = self._lists.setdefault(name, {})
                for element in reversed(value):
                    elements.pop(element, None)
                    elements[element] = None

    def result(self) -> Envelope:
        """Return the merged record; a single version as it is.

        Raises
        ------
        InvalidRequest
            ``USE-002`` when nothing was added.
        """
        newest = self._newest
        if newest is None:
            raise InvalidRequest("USE-002", path="versions", hint="there is none")
        if self._count == 1:
            return newest
        lists = {name: tuple(reversed(elements)) for name, elements in self._lists.items()}
        merged = {**self._single, **lists}
        changes = {name: value for name, value in merged.items() if value != getattr(newest, name)}
        return newest.replace(**changes) if changes else newest


def merge_versions(versions: Iterable[Envelope]) -> Envelope:
    """Return what several versions of one record say together.

    Identifiers, names, addresses and all other lists: each element once, the newest version's first. Single values:
    the newest that was stated. Lists of states (a device's versions, properties, calibrations; extensions by their
    path): the newest version's element for each thing. Provenance: the newest version's. The order of the
    versions so decides which of two contradicting values stands, and which element stands first; nothing else.

    Parameters
    ----------
    versions : iterable of Envelope
        From the oldest to the newest.

    Raises
    ------
    InvalidRequest
        ``USE-001`` when the records are not versions of one, or of a kind that is not merged; ``USE-002`` when there
        is none.

    Examples
    --------
    >>> from iomt_interop.model import Identifier, Provenance, Subject, merge_versions, record_id
    >>> source = Provenance(adapter="example", version="1")
    >>> older = Subject(id=record_id("p"), provenance=source, identifiers=(Identifier(value="A"),), active=True)
    >>> newer = Subject(id=record_id("p"), provenance=source, identifiers=(Identifier(value="B"),))
    >>> merged = merge_versions([older, newer])
    >>> [identifier.value for identifier in merged.identifiers], merged.active
    (['B', 'A'], True)
    """
    merge = Merge()
    for version in versions:
        merge.add(version)
    return merge.result()


def _stated(value: object, default: object) -> bool:
    if isinstance(value, str):
        return value not in _UNSTATED or value != default
    return value is not None and value != ()


def _says_with(record: Envelope, name: str) -> bool:
    """Tell whether a field's companion is stated, and with it that this field is empty."""
    return any(getattr(record, other, None) for other in _TOGETHER.get(name, ()))


def _others(older: tuple[Any, ...], newer: tuple[Any, ...], fields: tuple[str, ...]) -> tuple[Any, ...]:
    """Return the older elements that are of other things than the newer ones."""
    known = {tuple(getattr(element, field) for field in fields) for element in newer}
    return tuple(e for e in older if tuple(getattr(e, field) for field in fields) not in known)
