"""Keys are overwritten where they were, and what was overwritten is no key of zeros."""

from __future__ import annotations

import gc
import os
import sys

import pytest

from iomt_interop.crypto import KeyWrap, SecretKey
from iomt_interop.crypto.envelope import _Bits
from iomt_interop.crypto.memory import overwrite, sweep_memory
from iomt_interop.errors import KeyUnavailable

cpython = pytest.mark.skipif(sys.implementation.name != "cpython", reason="only CPython's layout is known")


@cpython
@pytest.mark.parametrize("size", [2, 16, 31, 32, 33, 64, 500, 5_000])
def test_octets_are_overwritten_and_their_neighbours_are_not(size: int) -> None:
    before, value, after = os.urandom(size), os.urandom(size), os.urandom(size)
    copies = bytes(bytearray(before)), bytes(bytearray(after))
    overwrite(value)
    assert value == bytes(size)
    assert (before, after) == copies
    assert len(value) == size


def test_what_others_share_is_left_alone() -> None:
    for shared in (b"", b"x"):
        overwrite(shared)
    assert bytes([120]) == b"x"


@cpython
def test_a_key_takes_its_source_over() -> None:
    source = os.urandom(32)
    kept = bytes(bytearray(source))
    key = SecretKey.taken(source)
    assert source == bytes(32)
    assert key.value == kept
    assert SecretKey(kept) == key
    assert kept != bytes(32)


def test_bits_live_as_long_as_somebody_has_them() -> None:
    bits = SecretKey(b"k" * 32).value
    gc.collect()
    assert bits == b"k" * 32
    assert SecretKey(b"k" * 32).derive(b"x").value == SecretKey(b"k" * 32).derive(b"x").value != bytes(32)


def test_bits_are_overwritten_when_nobody_has_them() -> None:
    with memoryview(_Bits(b"k" * 32)) as view:
        view.obj.__del__()
        assert bytes(view) == bytes(32)


def test_a_wrapping_key_that_was_let_go_is_an_error() -> None:
    wrap, key = KeyWrap(SecretKey(b"w" * 32)), SecretKey(b"k" * 32)
    wrapped = wrap.wrap(key, b"x")
    assert wrap.unwrap(wrapped, b"x") == key
    wrap.wipe()
    for use in (lambda: wrap.wrap(key, b"x"), lambda: wrap.unwrap(wrapped, b"x"), lambda: wrap.to(wrap, b"", b"")):
        with pytest.raises(KeyUnavailable, match="SEC-002"):
            use()
    wrap.wipe()


def test_the_sweep_leaves_what_is_held() -> None:
    held = [os.urandom(size) for size in range(1, 600)]
    copies = [bytearray(each) for each in held]
    sweep_memory(1 << 16)
    assert held == copies
