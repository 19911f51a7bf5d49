"""MDER kernels in plain Python: the readable specification of ``ext/mder.pyx``.

Columns are native-endian and packed into ``bytes``. Special values (IEEE 11073-20601 Annex F.7) are numbered:
1 NaN, 2 NRes, 3 +INF, 4 -INF, 5 reserved; 0 is a plain number.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import Final, NamedTuple

__all__ = ["FLOAT", "FLOATS", "NO_TIME", "SFLOAT", "SFLOATS", "TIME", "floats", "scan_fixed"]

SFLOAT, FLOAT, TIME, SFLOATS, FLOATS = 1, 2, 3, 4, 5
"""Kinds of a plan: one SFLOAT, one FLOAT, an eight-octet time stamp, a counted list of either."""

NO_TIME: Final = 0xFFFFFFFF

_SPECIALS: Final = {
    2: {0x7FF: 1, 0x800: 2, 0x7FE: 3, 0x802: 4, 0x801: 5},
    4: {0x7FFFFF: 1, 0x800000: 2, 0x7FFFFE: 3, 0x800002: 4, 0x800001: 5},
}


class _Entry(NamedTuple):
    length: int
    fields: tuple[tuple[int, int, int], ...]


def _decode(raw: bytes) -> tuple[int, int, int]:
    """Return mantissa, exponent and special of two or four octets."""
    bits = 12 if len(raw) == 2 else 24
    word = int.from_bytes(raw, "big")
    mantissa, exponent = word & (1 << bits) - 1, word >> bits
    half = 1 << (len(raw) * 8 - bits - 1)
    if exponent >= half:
        exponent -= 2 * half
    special = _SPECIALS[len(raw)].get(mantissa, 0)
    if special:
        return 0, exponent, special
    return (mantissa - (1 << bits) if mantissa >> bits - 1 else mantissa), exponent, 0


def floats(data: bytes | memoryview, start: int, stop: int, size: int) -> tuple[bytes, bytes, bytes]:
    """Decode a run of SFLOATs or FLOATs.

    Parameters
    ----------
    data : bytes-like
        The buffer.
    start, stop : int
        Range of the run.
    size : int
        2 for SFLOAT, 4 for FLOAT.

    Returns
    -------
    tuple of bytes
        Mantissas (``int32``), exponents (``int8``), specials (``uint8``).

    Raises
    ------
    ValueError
        When the range is not a whole run within the buffer.
    """
    if size not in (2, 4) or not 0 <= start <= stop <= len(data) or (stop - start) % size:
        raise ValueError("range")
    columns = array("i"), array("b"), array("B")
    for at in range(start, stop, size):
        for column, value in zip(columns, _decode(bytes(data[at : at + size])), strict=True):
            column.append(value)
    return columns[0].tobytes(), columns[1].tobytes(), columns[2].tobytes()


def scan_fixed(
    data: bytes | memoryview, start: int, stop: int, plan: bytes
) -> tuple[int, bytes, bytes, bytes, bytes, bytes, bytes, bytes, bytes] | None:
    """Decode the observation list of a fixed scan report into columns.

    Parameters
    ----------
    data : bytes-like
        The buffer.
    start, stop : int
        Range of the list, its count and length included.
    plan : bytes
        ``uint16`` words; for each handle: handle, octets of its observation, number of fields, and for each field
        attribute, kind, offset in the observation.

    Returns
    -------
    tuple or None
        ``(rows, handles, attributes, members, mantissas, exponents, specials, offsets, times)``: ``uint16``,
        ``uint16``, ``uint8`` (position in a compound), ``int32``, ``int8``, ``uint8``, ``uint32`` (of the value),
        ``uint32`` (of the time stamp, :data:`NO_TIME` for none). ``None`` when the list is not as the plan says:
        then read it the slow way, which knows what is wrong.

    Raises
    ------
    ValueError
        When the range is not in the buffer or the plan reads outside an observation.
    """
    if not 0 <= start <= stop <= len(data) or stop - start < 4 or len(data) >= NO_TIME:
        raise ValueError("range")
    table = _read_plan(plan)
    raw = bytes(data[:stop])
    count, size = int.from_bytes(raw[start : start + 2], "big"), int.from_bytes(raw[start + 2 : start + 4], "big")
    if size != stop - start - 4:
        return None
    columns = array("H"), array("H"), array("B"), array("i"), array("b"), array("B"), array("I"), array("I")
    at = start + 4
    for _ in range(count):
        handle, length = int.from_bytes(raw[at : at + 2], "big"), int.from_bytes(raw[at + 2 : at + 4], "big")
        entry = table.get(handle)
        if at + 4 > stop or at + 4 + length > stop or entry is None or entry.length != length:
            return None
        base = at + 4
        time = next((base + offset for _, kind, offset in reversed(entry.fields) if kind == TIME), NO_TIME)
        for attribute, kind, offset in entry.fields:
            values = _values(raw, base + offset, kind, entry.length - offset)
            if values is None:
                return None
            for member, (place, value) in enumerate(values):
                row = (handle, attribute, min(member, 255), *value, place, time)
                for column, cell in zip(columns, row, strict=True):
                    column.append(cell)
        at = base + length
    if at != stop:
        return None
    packed = [column.tobytes() for column in columns]
    return (len(columns[0]), *packed)  # type: ignore[return-value]  # eight columns, as built above


def _values(raw: bytes, at: int, kind: int, room: int) -> list[tuple[int, tuple[int, int, int]]] | None:
    """Return the values of one field with their offsets; ``None`` when a compound does not fit its place."""
    if kind == TIME:
        return []
    size = 2 if kind in (SFLOAT, SFLOATS) else 4
    if kind in (SFLOAT, FLOAT):
        return [(at, _decode(raw[at : at + size]))]
    count, length = int.from_bytes(raw[at : at + 2], "big"), int.from_bytes(raw[at + 2 : at + 4], "big")
    if length != count * size or 4 + length > room:
        return None
    places = range(at + 4, at + 4 + length, size)
    return [(place, _decode(raw[place : place + size])) for place in places]


def _read_plan(plan: bytes) -> dict[int, _Entry]:
    table: dict[int, _Entry] = {}
    for handle, entry in _entries(array("H", plan[: len(plan) // 2 * 2])):
        table.setdefault(handle, entry)
    return table


def _entries(words: array[int]) -> Iterator[tuple[int, _Entry]]:
    at = 0
    while at < len(words):
        if at + 3 > len(words) or at + 3 + 3 * words[at + 2] > len(words):
            raise ValueError("plan")
        handle, length, n = words[at : at + 3]
        flat = words[at + 3 : at + 3 + 3 * n]
        fields = tuple((flat[i], flat[i + 1], flat[i + 2]) for i in range(0, 3 * n, 3))
        for _, kind, offset in fields:
            need = 2 if kind == SFLOAT else 8 if kind == TIME else 4
            if not SFLOAT <= kind <= FLOATS or offset + need > length:
                raise ValueError("plan")
        yield handle, _Entry(length, fields)
        at += 3 + 3 * n
