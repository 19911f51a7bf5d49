"""The tree against the recursive definitions of RFC 6962, and proofs against every change to them."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iomt_interop.errors import InvalidRequest
from iomt_interop.privacy.audit.merkle import (
    EMPTY_ROOT,
    CompactRange,
    MerkleTree,
    leaf_hash,
    verify_consistency,
    verify_inclusion,
    verify_subtree_consistency,
    verify_subtree_inclusion,
)

# Roots of the trees over the first n of these entries, as the Certificate Transparency implementations publish them.
ENTRIES = [
    bytes.fromhex(text)
    for text in (
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
    )
]  # fmt: skip
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def mth(entries: list[bytes]) -> bytes:
    """RFC 6962 section 2.1, word for word."""
    if not entries:
        return sha256(b"").digest()
    if len(entries) == 1:
        return sha256(b"\0" + entries[0]).digest()
    k = 1
    while k * 2 < len(entries):
        k *= 2
    return sha256(b"\1" + mth(entries[:k]) + mth(entries[k:])).digest()


@pytest.mark.parametrize("size", range(9))
def test_published_roots(size: int) -> None:
    tree, edge = MerkleTree(map(leaf_hash, ENTRIES[:size])), CompactRange()
    for entry in ENTRIES[:size]:
        edge.append(leaf_hash(entry))
    assert tree.root().hex() == edge.root().hex() == mth(ENTRIES[:size]).hex() == ROOTS[size]


@given(st.integers(1, 200), st.data())
def test_proofs_of_every_shape_hold_and_no_changed_one_does(size: int, data: st.DataObject) -> None:
    entries = [number.to_bytes(2, "big") for number in range(size)]
    tree = MerkleTree(map(leaf_hash, entries))
    assert tree.root() == mth(entries)
    index, old = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size))
    assert tree.root(old) == mth(entries[:old])
    proof = tree.inclusion(index)
    assert verify_inclusion(index, size, leaf_hash(entries[index]), proof, tree.root())
    assert not verify_inclusion(index, size, leaf_hash(b"else"), proof, tree.root())
    assert not verify_inclusion(index, size, leaf_hash(entries[index]), [*proof, bytes(32)], tree.root())
    assert not verify_inclusion(index + size, size, leaf_hash(entries[index]), proof, tree.root())
    other = data.draw(st.integers(0, size - 1).filter(lambda n: n != index)) if size > 1 else None
    if other is not None:
        assert not verify_inclusion(other, size, leaf_hash(entries[index]), proof, tree.root())
    path = tree.consistency(old)
    assert verify_consistency(old, size, tree.root(old), tree.root(), path)
    changed = MerkleTree(map(leaf_hash, [b"forged", *entries[1:]]))
    assert not verify_consistency(old, size, tree.root(old), changed.root(), changed.consistency(old))
    for position in range(len(path)):
        broken = [*path[:position], bytes(32), *path[position + 1 :]]
        assert not verify_consistency(old, size, tree.root(old), tree.root(), broken)
        assert not verify_consistency(old, size, tree.root(old), tree.root(), path[:position] + path[position + 1 :])


@given(st.integers(0, 6), st.integers(0, 20), st.integers(1, 64), st.integers(0, 300))
def test_subtrees(level: int, block: int, count: int, more: int) -> None:
    width = 1 << level
    start, end = block * width, block * width + min(count, width)
    entries = [number.to_bytes(2, "big") for number in range(end + more)]
    part = MerkleTree(map(leaf_hash, entries[start:end]))
    for index in range(start, end):
        proof = part.inclusion(index - start)
        assert verify_subtree_inclusion(index, start, end, leaf_hash(entries[index]), proof, part.root())
    tree = MerkleTree(map(leaf_hash, entries))
    if not start:
        path = tree.consistency(end)
        assert verify_subtree_consistency(0, end, len(entries), part.root(), tree.root(), path)
    assert not verify_subtree_consistency(start, end, len(entries), bytes(32), tree.root(), tree.consistency(end))


def test_the_empty_tree() -> None:
    tree = MerkleTree()
    assert tree.root() == EMPTY_ROOT == CompactRange().root()
    assert verify_consistency(0, 0, EMPTY_ROOT, EMPTY_ROOT, [])
    assert not verify_consistency(0, 1, EMPTY_ROOT, leaf_hash(b""), [])
    with pytest.raises(InvalidRequest):
        tree.inclusion(0)
    with pytest.raises(InvalidRequest):
        tree.leaf(0)
    with pytest.raises(InvalidRequest):
        tree.consistency(1)


def test_a_copy_of_the_edge_stands_alone() -> None:
    edge = CompactRange()
    edge.append(leaf_hash(b"1"))
    other = edge.copy()
    other.append(leaf_hash(b"2"))
    assert (edge.size, other.size) == (1, 2)
    assert edge.root() == mth([b"1"])
