"""Overwriting what a key leaves behind in objects that Python calls immutable."""

from __future__ import annotations

import ctypes
import sys
from typing import Final

__all__ = ["overwrite"]

_KNOWN: Final = sys.implementation.name == "cpython"
_memset: Final = ctypes.memset

_HEADER: Final = bytes.__basicsize__ - 1
"""Octets of CPython's ``bytes`` object in front of its contents (``PyBytesObject`` ends in one octet of them)."""

_SHARED: Final = 1
"""Longest contents that CPython shares between objects."""


def overwrite(value: bytes) -> None:
    """Overwrite an object that is about to be dropped; only its maker, who gave it to nobody else, may.

    A freed object stays in memory as it is until something else takes its place. Only CPython's layout is known here;
    elsewhere nothing happens.
    """
    size = len(value)
    if _KNOWN and size > _SHARED and type(value) is bytes:
        _memset(id(value) + _HEADER, 0, size)
