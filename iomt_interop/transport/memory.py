"""Which messages were accepted under which control id, to answer a repetition as the first time."""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

__all__ = ["Answered", "Key", "Memory"]

Key = tuple[bytes, bytes, bytes]
"""MSH-3, MSH-4 and MSH-10: a control id is unique for its sender only."""


class Answered(NamedTuple):
    """A message that was accepted: the digest of its octets, and the octets of its answers."""

    digest: bytes
    answers: bytes


class Memory:
    """The last messages; of older ones nothing is known any more, and the store finds out that it has them.

    Parameters
    ----------
    size : int
        How many.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._known: OrderedDict[Key, Answered] = OrderedDict()

    def __repr__(self) -> str:
        return f"Memory({len(self._known)} messages)"

    def get(self, key: Key) -> Answered | None:
        """Return what is known under a key."""
        found = self._known.get(key)
        if found is not None:
            self._known.move_to_end(key)
        return found

    def put(self, key: Key, digest: bytes, answers: bytes) -> None:
        """Remember an accepted message; the longest unused one is forgotten."""
        self._known[key] = Answered(digest, answers)
        self._known.move_to_end(key)
        if len(self._known) > self._size:
            self._known.popitem(last=False)
