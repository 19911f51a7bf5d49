"""What is put: known already or not, into which block, and what the index will say of it; one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from ..model import Subject
from .backend import Backend, Block
from .documents import Draft, Entry, Pending
from .index import Index, index_damaged
from .ledger import Ledger

__all__ = ["Intake", "Item", "PutResult"]

_STORED, _REPLACED, _UNCHANGED = range(3)
_HELD: Final = 8 << 20
"""Octets of sealed blocks that wait to be handed to the backend together."""


@dataclass(frozen=True, slots=True)
class PutResult:
    """What became of what was put: records, or batches."""

    stored: int
    """New ones."""
    replaced: int
    """New versions of known ones."""
    unchanged: int
    """Those that were there already, equal, as the latest version or an older one."""


@dataclass(slots=True)
class Item:
    """A draft, whose it is, and in which group it came; the index's digests of it."""

    group: int
    owner: str
    draft: Draft = field(repr=False)
    person: Subject | None = None
    name: bytes = b""
    content: bytes = b""
    version: bytes = b""


class Intake:
    """One transaction of a vault; inside the backend's.

    Parameters
    ----------
    backend, ledger, index
        Of the vault.
    pending : class
        Which kind of block is made.
    """

    def __init__(self, backend: Backend, ledger: Ledger, index: Index, pending: type[Pending]) -> None:
        self._backend, self._ledger, self._index, self._make = backend, ledger, index, pending
        self._first = len(ledger.headers) + 1
        self._entries: dict[bytes, Entry] = {}
        self._known: dict[bytes, Entry] = {}
        self._older: frozenset[bytes] = frozenset()
        # The names as older versions of what was stored here, where they are known.
        self._versions: dict[bytes, bytes] = {}
        self._blocks: list[Block] = []
        self._held = 0

    def __repr__(self) -> str:
        return "Intake()"

    def put(self, items: Sequence[Item], groups: int) -> list[PutResult]:
        """Store items; return what became of those of each group."""
        counts = [[0, 0, 0] for _ in range(groups)]
        by_owner: dict[str, list[tuple[int, Item]]] = {}
        for position, item in enumerate(items):
            owned = by_owner.get(item.owner)
            if owned is None:
                owned = by_owner[item.owner] = []
            owned.append((position, item))
        self._look_up(items, by_owner)
        persons: list[Subject] = []
        for owner, group in by_owner.items():
            pending, seq = self._make(), len(self._ledger.headers) + 1
            for position, item in group:
                if pending.full(item.draft.size):
                    self._seal(owner, pending)
                    pending, seq = self._make(), seq + 1
                counts[item.group][self._take(pending, seq, position, item, persons)] += 1
            self._seal(owner, pending)
        self._finish(persons)
        return [PutResult(*count) for count in counts]

    def _look_up(self, items: Sequence[Item], by_owner: dict[str, list[tuple[int, Item]]]) -> None:
        """Ask the index once for all: what is there, and whether what is there otherwise was there before."""
        index, purpose = self._index, self._make.purpose
        for owner, group in by_owner.items():
            names = index.names(purpose, owner, [item.draft.identity for _, item in group])
            for (_, item), name in zip(group, names, strict=True):
                item.name = name
        for item, content in zip(items, index.contents(item.draft.content() for item in items), strict=True):
            item.content = content
        self._known = index.find({item.name for item in items}, latest=True)
        if not self._known:
            return
        for owner, group in by_owner.items():
            # Else a new key would be made beside one that was taken away, and what that one sealed would not be missed.
            found = {known.seq for _, item in group if (known := self._known.get(item.name)) is not None}
            if found and not index.opens(owner, found):
                raise index_damaged()
        latest = self._known.get
        changed = [item for item in items if (known := latest(item.name)) is not None and known.content != item.content]
        versions = index.version_names((item.name, item.content) for item in changed)
        for item, version in zip(changed, versions, strict=True):
            item.version = version
        self._older = frozenset(index.find(set(versions), latest=False))

    def _take(self, pending: Pending, seq: int, position: int, item: Item, persons: list[Subject]) -> int:
        """Store an item or not; return which of the counts it adds to."""
        name, content = item.name, item.content
        known, previous = self._entries.get(name) or self._known.get(name), b""
        if known is not None:
            previous = known.content
            if previous == content:
                return _UNCHANGED
            item.version = item.version or self._index.version(name, content)
            if item.version in self._older or item.version in self._entries:
                return _UNCHANGED
            pending.replaced.append((known.seq, known.ordinal))
            self._entries[self._versions.get(name) or self._index.version(name, previous)] = known
        self._entries[name] = Entry(content, seq, len(pending.positions), previous)
        self._versions[name] = item.version
        pending.take(position, item.draft)
        if item.person is not None and not self._index.told_of(name + previous, name + content, item.person):
            persons.append(item.person)
        return _STORED if known is None else _REPLACED

    def _seal(self, owner: str, pending: Pending) -> None:
        if not len(pending):
            return
        block = self._ledger.append(self._ledger.subject_row(self._index.subject(owner)), pending, self._first)
        self._blocks.append(block)
        self._held += len(block.ciphertext)
        if self._held > _HELD:
            self._flush()

    def _flush(self) -> None:
        self._backend.add_blocks(self._blocks)
        self._blocks, self._held = [], 0

    def _finish(self, persons: Sequence[Subject]) -> None:
        if len(self._ledger.headers) < self._first:
            return
        self._flush()
        self._index.write(self._entries)
        self._index.add_identifiers(persons)
        self._ledger.seal_root()
