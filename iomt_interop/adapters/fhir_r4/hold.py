"""Records that are told again and again, held back until it is known that no newer version follows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from ...model import MERGED_KINDS, Merge, Record, Residue, mould_of
from ...plugins import Loss
from .envelope import is_own
from .patch import NAMESPACE, is_edit
from .references import RESOURCES, resource_of

__all__ = ["Held", "Hold", "is_held"]

_HELD: Final = MERGED_KINDS | {"association"}
"""Kinds that every message tells again."""

_MANY: Final = 64
"""Elements of one list that older versions may fill it up to; a source that says another thing each time would
otherwise take memory and time without end."""
_UNSAID: Final = (None, (), "unknown", "unspecified")


def is_held(record: Record) -> bool:
    """Tell whether a record is of a kind that every message tells again."""
    if isinstance(record, Residue):
        return is_own(record) and resource_of(record)[0] == RESOURCES["association"]
    return record.kind in _HELD


class Held:
    """All versions of one record so far: their merge, or of kinds that are not merged the newest.

    Attributes
    ----------
    order : int
        Which of all records that were held it is.
    gone : bool
        Whether it has been let go.
    latest : Record
        The newest version.
    versions : dict or None
        What differing versions said; ``None`` while there is only one.
    """

    # One is made for every device of every message; most have a single version.
    gone = False
    versions: dict[str, dict[Any, None]] | None = None

    def __init__(self, record: Any, order: int = 0) -> None:
        self.order = order
        self.latest = record

    def add(self, newer: Any) -> None:
        """Take a newer version."""
        older, self.latest = self.latest, newer
        if _same_content(older, newer):
            return
        if self.versions is None:
            self._merge: Merge | None = None
            self.versions, self._lost = {}, dict[str, str]()
            self._edits: dict[str, None] = {}
            self._take(older)
        if self._take(newer):
            self._shorten()

    def _take(self, record: Any) -> bool:
        """Add a version to the merge; tell whether its lists have become long."""
        if record.kind in MERGED_KINDS:
            if self._merge is None:
                self._merge = Merge()
            self._merge.add(record)
        if is_own(record):
            self._edits |= dict.fromkeys(_pointers(record))
        crowded = False
        assert self.versions is not None
        for name, value in record.__dict__.items():
            if name in {"provenance", "extensions"} or value in _UNSAID:
                continue
            said = self.versions.setdefault(name, {})
            said |= dict.fromkeys(value if isinstance(value, tuple) else (value,))
            crowded |= len(said) > 2 * _MANY + (len(value) if isinstance(value, tuple) else 0)
        return crowded

    def _shorten(self) -> None:
        """Keep the newest of what the versions said, and report the rest."""
        record, _ = self.whole()
        changes: dict[str, Any] = {}
        for name, value in record.__dict__.items():
            if isinstance(value, tuple) and len(value) > max(_MANY, len(getattr(self.latest, name))):
                changes[name] = value[:_MANY]
                self._lost[name] = "more elements of older versions than are kept"
        self._merge, self.versions = None, {}
        self._take(record.replace(**changes) if changes else record)

    def whole(self) -> tuple[Any, list[Loss]]:
        """Return what the versions say together, with the provenance of the newest, and what it does not say."""
        record = latest = self.latest
        if self.versions is None:
            return record, []
        if self.versions:
            record = self._merged() if self._merge is not None else latest
            for name, said in self.versions.items():
                value = getattr(record, name)
                kept = set(value) if isinstance(value, tuple) else {value}
                if not kept.issuperset(said):
                    self._lost.setdefault(name, "an older version says otherwise")
            now = _pointers(latest) if is_own(latest) else []
            for pointer in self._edits:
                if pointer not in now:
                    self._lost[f"extensions[{pointer}]"] = "source element of an older version"
        return record, [Loss(record.id, record.kind, path, reason) for path, reason in self._lost.items()]

    def _merged(self) -> Any:
        assert self._merge is not None
        record, latest = self._merge.result(), self.latest
        # Edits fit the very version that they were made for.
        extensions = tuple(one for one in record.extensions if one.namespace != NAMESPACE or one in latest.extensions)
        return record.replace(extensions=extensions, provenance=latest.provenance)


class Hold:
    """Held records by kind and id; beyond the limit the one that was told longest ago is let go.

    Attributes
    ----------
    held : dict
        What is held, by kind and id.
    count : int
        How many records have been held.
    limit : int or None
        How many are held at most.
    leaving : list of Held
        What was let go, until somebody takes it from here.
    """

    def __init__(self, limit: int | None) -> None:
        self.limit = limit
        self.held: dict[tuple[str, str], Held] = {}
        self.count = 0
        self.leaving: list[Held] = []

    def take(self, record: Any) -> Held:
        """Hold a record, or add it to its older versions; what must leave in exchange is in :attr:`leaving`."""
        values = record.__dict__
        key = values["kind"], values["id"]
        held = self.held.pop(key, None)
        if held is not None:
            held.add(record)
            self.held[key] = held
            return held
        self.count += 1
        held = self.held[key] = Held(record, self.count)
        if self.limit is not None and len(self.held) > self.limit:
            oldest = self.held.pop(next(iter(self.held)))
            oldest.gone = True
            self.leaving.append(oldest)
        return held

    def clear(self) -> None:
        """Forget all records: they have been let go."""
        self.held.clear()

    def rest(self) -> Iterator[Held]:
        """Let all records go, in the order in which they first came."""
        rest = sorted(self.held.values(), key=lambda held: held.order)
        self.held.clear()
        for held in rest:
            held.gone = True
        yield from rest


def _same_content(one: Any, other: Any) -> bool:
    """Tell whether two versions differ in nothing but their provenance, and are read by the same adapter."""
    if is_own(one) != is_own(other):
        return False
    mould = mould_of(one)
    if mould is not None and mould is mould_of(other):
        told, again = one.__dict__, other.__dict__
        return all(told[name] == again[name] for name in mould.varied if name != "provenance")
    return bool({**one.__dict__, "provenance": None} == {**other.__dict__, "provenance": None})


def _pointers(record: Any) -> list[str]:
    """Return the places of a resource that its record has no field for."""
    return [one.path.rpartition("@")[0] or one.path for one in record.extensions if is_edit(one)]
