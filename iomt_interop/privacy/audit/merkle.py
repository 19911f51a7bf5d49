"""The Merkle tree of RFC 6962: an append-only list in 32 octets, and proofs about it in a handful of them.

A leaf is hashed behind one octet 0, a node behind one octet 1, so that neither passes for the other. Proofs are made
by the recursive definitions of section 2.1 and checked by the iterative ones of RFC 9162, sections 2.1.3 and 2.1.4;
the two are independent of each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Final

from ...errors import InvalidRequest

__all__ = [
    "EMPTY_ROOT",
    "HASH_SIZE",
    "CompactRange",
    "MerkleTree",
    "leaf_hash",
    "node_hash",
    "verify_consistency",
    "verify_inclusion",
    "verify_subtree_consistency",
    "verify_subtree_inclusion",
]

HASH_SIZE: Final = 32
EMPTY_ROOT: Final = sha256(b"").digest()
"""Root of the tree without leaves."""


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of an entry."""
    return sha256(b"\0" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of two subtrees."""
    return sha256(b"\1" + left + right).digest()


class CompactRange:
    """The right edge of a tree: append and root with a logarithm of its memory."""

    __slots__ = ("_peaks", "size")

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[bytes] = []  # roots of the full subtrees, the largest first

    @classmethod
    def of(cls, size: int, peaks: Sequence[bytes]) -> CompactRange:
        """Return the edge of a tree of a size, from the roots of its full subtrees, the largest first."""
        found = cls()
        if size < 0 or len(peaks) != size.bit_count():
            raise InvalidRequest("USE-001", path="peaks", hint="one for each bit of the size")
        found.size, found._peaks = size, list(peaks)
        return found

    @property
    def peaks(self) -> tuple[bytes, ...]:
        """Roots of the full subtrees, the largest first."""
        return tuple(self._peaks)

    def copy(self) -> CompactRange:
        """Return an independent copy, to try an append that may fail."""
        other = CompactRange()
        other.size, other._peaks = self.size, self._peaks.copy()
        return other

    def append(self, leaf: bytes) -> None:
        """Take the hash of one more entry."""
        rest = self.size
        while rest & 1:
            leaf = node_hash(self._peaks.pop(), leaf)
            rest >>= 1
        self._peaks.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        """Return the tree's root."""
        if not self._peaks:
            return EMPTY_ROOT
        found = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            found = node_hash(peak, found)
        return found


class MerkleTree:
    """A tree that keeps the hashes of its full subtrees, 64 octets an entry, and makes proofs.

    Parameters
    ----------
    leaves : iterable of bytes
        Hashes of the first entries.
    """

    __slots__ = ("_levels", "size")

    def __init__(self, leaves: Iterable[bytes] = ()) -> None:
        self.size = 0
        self._levels: list[bytearray] = [bytearray()]
        for leaf in leaves:
            self.append(leaf)

    def append(self, leaf: bytes) -> None:
        """Take the hash of one more entry."""
        self._levels[0] += leaf
        self.size += 1
        level, count = 0, self.size
        while not count & 1:
            below = self._levels[level]
            level, count = level + 1, count >> 1
            if len(self._levels) == level:
                self._levels.append(bytearray())
            left, right = bytes(below[-2 * HASH_SIZE : -HASH_SIZE]), bytes(below[-HASH_SIZE:])
            self._levels[level] += node_hash(left, right)

    def leaf(self, index: int) -> bytes:
        """Return the hash of an entry."""
        self._require(0 <= index < self.size, "index")
        return bytes(self._levels[0][index * HASH_SIZE : (index + 1) * HASH_SIZE])

    def root(self, size: int | None = None) -> bytes:
        """Return the root of the whole tree, or of what it was at a size."""
        size = self.size if size is None else size
        self._require(0 <= size <= self.size, "size")
        return self._hash(0, size) if size else EMPTY_ROOT

    def inclusion(self, index: int, size: int | None = None) -> list[bytes]:
        """Return the audit path of an entry in the tree of a size (RFC 6962 section 2.1.1)."""
        size = self.size if size is None else size
        self._require(0 <= index < size <= self.size, "index")
        path: list[bytes] = []
        start, end = 0, size
        while end - start > 1:
            middle = start + _split(end - start)
            if index < middle:
                path.append(self._hash(middle, end))
                end = middle
            else:
                path.append(self._hash(start, middle))
                start = middle
        return path[::-1]

    def consistency(self, old: int, size: int | None = None) -> list[bytes]:
        """Return the proof that the tree of a size begins with the tree of an older one (section 2.1.2)."""
        size = self.size if size is None else size
        self._require(0 <= old <= size <= self.size, "old")
        if old in (0, size):
            return []
        path: list[bytes] = []
        start, end = 0, size
        while old != end:
            middle = start + _split(end - start)
            if old <= middle:
                path.append(self._hash(middle, end))
                end = middle
            else:
                path.append(self._hash(start, middle))
                start = middle
        if start:
            # The old tree ends inside: the verifier does not have this part's hash.
            path.append(self._hash(start, end))
        return path[::-1]

    def _hash(self, start: int, end: int) -> bytes:
        """Return the hash of a range of entries that is a subtree."""
        count = end - start
        if not count & (count - 1) and not start % count:
            position = start // count * HASH_SIZE
            return bytes(self._levels[count.bit_length() - 1][position : position + HASH_SIZE])
        middle = start + _split(count)
        return node_hash(self._hash(start, middle), self._hash(middle, end))

    @staticmethod
    def _require(holds: bool, path: str) -> None:
        if not holds:
            raise InvalidRequest("USE-001", path=path, hint="outside the tree")


def verify_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes) -> bool:
    """Tell whether an entry with this hash stands at this place in the tree with this size and root."""
    if not 0 <= index < size or not _hashes(leaf, root, *proof):
        return False
    first, last, found = index, size - 1, leaf
    for other in proof:
        if not last:
            return False
        if first & 1 or first == last:
            found = node_hash(other, found)
            while not first & 1 and first:
                first, last = first >> 1, last >> 1
        else:
            found = node_hash(found, other)
        first, last = first >> 1, last >> 1
    return not last and found == root


def verify_consistency(old: int, size: int, old_root: bytes, root: bytes, proof: Sequence[bytes]) -> bool:
    """Tell whether the tree with this size and root begins with the older one, so that nothing was changed or lost.

    That any tree begins with the empty one says nothing of it: the answer is yes only where both are empty.
    """
    if not old:
        return not size and not proof and old_root == root == EMPTY_ROOT
    return verify_subtree_consistency(0, old, size, old_root, root, proof)


def verify_subtree_inclusion(
    index: int, start: int, end: int, leaf: bytes, proof: Sequence[bytes], root: bytes
) -> bool:
    """Tell whether an entry stands at this place, counted from the whole tree, in a subtree with this root."""
    if not _is_subtree(start, end) or not start <= index < end:
        return False
    return verify_inclusion(index - start, end - start, leaf, proof, root)


def verify_subtree_consistency(
    start: int, end: int, size: int, part_root: bytes, root: bytes, proof: Sequence[bytes]
) -> bool:
    """Tell whether a subtree with this root is a part of the tree with this size and root.

    The algorithm is that of draft-ietf-plants-merkle-tree-certs; with ``start`` 0 it is that of RFC 9162.
    """
    if 0 <= start == end <= size:
        return not proof and part_root == EMPTY_ROOT
    if (start, end) == (0, size):
        return not proof and part_root == root
    if not _is_subtree(start, end) or end > size or not _hashes(part_root, root, *proof):
        return False
    first, last, top = start, end - 1, size - 1
    while first != last and (last == top or last & 1):
        first, last, top = first >> 1, last >> 1, top >> 1
    rest = list(proof)
    if first == last:
        part = whole = part_root
    elif rest:
        part = whole = rest.pop(0)
    else:
        return False
    for other in rest:
        if not top:
            return False
        if last & 1 or last == top:
            part = node_hash(other, part) if first < last else part
            whole = node_hash(other, whole)
            while not last & 1:
                first, last, top = first >> 1, last >> 1, top >> 1
        else:
            whole = node_hash(whole, other)
        first, last, top = first >> 1, last >> 1, top >> 1
    return not top and part == part_root and whole == root


def _split(count: int) -> int:
    """Return the largest power of two below a number above one."""
    return 1 << (count - 1).bit_length() - 1


def _is_subtree(start: int, end: int) -> bool:
    return 0 <= start < end and not start % (1 << (end - start - 1).bit_length())


def _hashes(*values: bytes) -> bool:
    return all(len(value) == HASH_SIZE for value in values)
