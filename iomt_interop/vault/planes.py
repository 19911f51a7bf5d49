"""Columns of numbers and texts as octets that compress: the first octets of all, then the second ones, and so on."""

from __future__ import annotations

import json
import sys
from array import array
from collections.abc import Sequence
from struct import Struct
from struct import error as struct_error
from typing import Final

from ..errors import StoreDamaged

__all__ = ["pack_columns", "pack_texts", "unpack_columns", "unpack_texts"]

_EVEN: Final = Struct(">BII")
_LISTED: Final = b"\0"


def pack_columns(columns: Sequence[array[int]]) -> bytes:
    """Write columns of one length, which is not zero.

    For each octet of each column: a flag whether it differs from row to row; the octets that do not; then those that
    do, row after row.
    """
    flags, constants, planes = bytearray(), bytearray(), []
    for column in columns:
        width, raw = column.itemsize, _little(column).tobytes()
        if raw == raw[:width] * len(column):
            flags += bytes(width)
            constants += raw[:width]
            continue
        for place in range(width):
            plane = raw[place::width]
            if plane == plane[:1] * len(plane):
                flags.append(0)
                constants += plane[:1]
            else:
                flags.append(1)
                planes.append(plane)
    return b"".join((flags, constants, *planes))


def unpack_columns(raw: bytes, codes: str, rows: int) -> list[array[int]]:
    """Read columns of some type codes; raises ``SEC-004`` when they are not there, whole and alone."""
    columns = [array(code) for code in codes]
    width = sum(column.itemsize for column in columns)
    flags = raw[:width]
    constant, plane = width, 2 * width - sum(flags)
    if rows < 1 or flags.strip(b"\0\1") or len(raw) != plane + rows * sum(flags):
        raise StoreDamaged("SEC-004")
    number = 0
    for column in columns:
        size = column.itemsize
        octets = bytearray(rows * size)
        for place in range(size):
            if flags[number]:
                octets[place::size] = raw[plane : plane + rows]
                plane += rows
            else:
                if raw[constant]:
                    octets[place::size] = raw[constant : constant + 1] * rows
                constant += 1
            number += 1
        column.frombytes(octets)
        if sys.byteorder == "big":
            column.byteswap()
    return columns


def pack_texts(texts: Sequence[str]) -> bytes:
    """Write texts: ASCII of one length place by place, any others as JSON; ``UnicodeEncodeError`` for half a pair."""
    if not texts:
        return b""
    joined, length = "".join(texts), len(texts[0])
    if not length or len(joined) != length * len(texts) or not joined.isascii() or set(map(len, texts)) != {length}:
        return _LISTED + json.dumps(texts, ensure_ascii=False).encode()
    raw = joined.encode()
    return _EVEN.pack(1, len(texts), length) + b"".join([raw[place::length] for place in range(length)])


def unpack_texts(raw: bytes) -> list[str]:
    """Read what :func:`pack_texts` wrote; raises ``SEC-004`` for anything else."""
    if not raw:
        return []
    try:
        if raw[:1] == _LISTED:
            found: list[str] = json.loads(raw[1:])
            return found
        _, count, length = _EVEN.unpack_from(raw)
        if len(raw) != _EVEN.size + count * length or not count:
            raise StoreDamaged("SEC-004")
        octets = bytearray(count * length)
        for place in range(length):
            at = _EVEN.size + place * count
            octets[place::length] = raw[at : at + count]
        text = octets.decode("ascii")
    except (ValueError, RecursionError, struct_error):
        raise StoreDamaged("SEC-004") from None
    return [text[at : at + length] for at in range(0, len(text), length)]


def _little(column: array[int]) -> array[int]:
    if sys.byteorder == "big":
        column = column[:]
        column.byteswap()
    return column
