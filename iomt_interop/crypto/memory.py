"""Overwriting what keys and records leave behind in memory that Python has freed."""

from __future__ import annotations

import ctypes
import gc
import sys
from contextlib import suppress
from typing import Final

__all__ = ["overwrite", "sweep_memory"]

_KNOWN: Final = sys.implementation.name == "cpython"
_memset: Final = ctypes.memset
_HEADER: Final = bytes.__basicsize__ - 1
"""Octets of CPython's ``bytes`` object in front of its contents (``PyBytesObject`` ends in one octet of them)."""
_SHARED: Final = 1
"""Longest contents that CPython shares between objects."""
_BLOCKS: Final = range(64, 513, 16)
"""Sizes of the blocks that CPython's allocator keeps for itself (``Objects/obmalloc.c``), from what holds a text."""


def overwrite(value: bytes) -> None:
    """Overwrite an object that is about to be dropped; only its maker, who gave it to nobody else, may.

    A freed object stays in memory as it is until something else takes its place. Only CPython's layout is known here;
    elsewhere nothing happens.
    """
    size = len(value)
    if _KNOWN and size > _SHARED and type(value) is bytes:
        _memset(id(value) + _HEADER, 0, size)


def sweep_memory(octets: int = 16 << 20) -> None:
    """Overwrite what freed objects left in memory, as far as that can be reached from here.

    For a process that lives on after it closed a vault; it takes about a second. Cycles are collected, the free
    blocks of Python's allocator are filled, and what malloc has left is given back to the system (glibc). Not reached:
    the last few buffers of compiled libraries, the stack, and whatever is held still.

    Parameters
    ----------
    octets : int
        How much is filled for each size of block; as much as the records took, or more.
    """
    gc.collect()
    for size in _BLOCKS if _KNOWN else ():
        filled = [bytes(size - _HEADER - 1) for _ in range(octets // size)]
        del filled
    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
