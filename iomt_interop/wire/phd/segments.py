"""Stored measurements: the map of a PM segment, and its entries (Annex A.11.8)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from ...errors import UnsupportedFeature
from ..mder import Cursor
from .attributes import Attribute, attribute_map

__all__ = ["Entry", "EntryElement", "SegmentMap", "decode_entries", "decode_segment_map"]

HEADER_FIELDS: Final = ((0x8000, "absolute", 8), (0x4000, "relative", 4), (0x2000, "hi-res", 8))
"""Bit of SegmEntryHeader, kind of time, octets; lower bit numbers first."""


class EntryElement(NamedTuple):
    """One object's part of an entry."""

    object_class: int
    type: int
    handle: int
    value_map: tuple[tuple[int, int], ...]


class SegmentMap(NamedTuple):
    """PmSegmentEntryMap: how every entry of the segment is laid out."""

    header: int
    elements: tuple[EntryElement, ...]


class Entry(NamedTuple):
    """One entry: its times, and each element's attributes with their byte ranges."""

    number: int
    times: tuple[tuple[str, bytes], ...]
    elements: tuple[tuple[EntryElement, tuple[tuple[Attribute, tuple[int, int]], ...]], ...]
    span: tuple[int, int]


def decode_segment_map(raw: bytes) -> SegmentMap:
    """Read PM_SEG_MAP; raises as :class:`~iomt_interop.wire.mder.Cursor` does."""
    cursor = Cursor(raw)
    header = cursor.u16()
    count, inner = cursor.sequence()
    elements = tuple(
        EntryElement(inner.u16(), inner.u16() << 16 | inner.u16(), inner.u16(), attribute_map(inner))
        for _ in range(count)
    )
    inner.end()
    cursor.end()
    return SegmentMap(header, elements)


def decode_entries(octets: bytes, layout: SegmentMap, first: int, origin: int) -> Iterator[Entry]:
    """Cut the entries of a segment; they follow each other without separators.

    Parameters
    ----------
    octets : bytes
        Segment-Fixed-Data.
    layout : SegmentMap
        The segment's map.
    first : int
        Number of the first entry.
    origin : int
        Offset of the octets in the source.

    Raises
    ------
    UnsupportedFeature
        ``PHD-109`` when the header has an unknown bit: how long the header is cannot be known then.
    TruncatedInput
        When the octets end inside an entry.
    """
    if layout.header & ~sum(bit for bit, _, _ in HEADER_FIELDS):
        raise UnsupportedFeature("PHD-109", span=(origin, origin + len(octets)))
    cursor = Cursor(octets, origin=origin)
    number = first
    size = sum(n for bit, _, n in HEADER_FIELDS if layout.header & bit)
    size += sum(length for element in layout.elements for _, length in element.value_map)
    while len(cursor) and size:
        start = cursor.position
        times = tuple((kind, cursor.take(n)) for bit, kind, n in HEADER_FIELDS if layout.header & bit)
        elements = tuple((element, tuple(_attributes(cursor, element))) for element in layout.elements)
        yield Entry(number, times, elements, (start, cursor.position))
        number += 1
    cursor.end()


def _attributes(cursor: Cursor, element: EntryElement) -> Iterator[tuple[Attribute, tuple[int, int]]]:
    for attribute, length in element.value_map:
        start = cursor.position
        yield Attribute(attribute, cursor.take(length)), (start, cursor.position)
