"""The octets of a record beside its JSON: a signal, a document, what nobody understood."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ..errors import StoreDamaged
from ..model import Document, Observation, Record, Residue, Segment, Waveform
from ..model.value import AttachmentValue

__all__ = ["WITH_OCTETS", "Part", "attach", "detach"]

Part = tuple[int, bytes]
"""Which of a record's fields, and its octets."""

WITH_OCTETS: Final = frozenset({Waveform, Document, Residue, Observation})
"""The classes of records that may have octets beside their JSON."""

_SHORT: Final = 64
"""Fewer octets stay in the JSON, as base64: they are not worth a place in the directory."""


def detach(record: Record) -> tuple[Record, tuple[Part, ...]]:
    """Return a record without its long octets, and those octets."""
    if isinstance(record, Waveform):
        return _detach_segments(record)
    if isinstance(record, Document) and _long(record.data):
        return record.model_copy(update={"data": b""}), ((0, record.data or b""),)
    if isinstance(record, Residue) and _long(record.raw):
        return record.model_copy(update={"raw": b""}), ((0, record.raw),)
    if isinstance(record, Observation) and isinstance(record.value, AttachmentValue) and _long(record.value.data):
        value = record.value.model_copy(update={"data": b""})
        return record.model_copy(update={"value": value}), ((0, record.value.data or b""),)
    return record, ()


def attach(record: Record, parts: Sequence[Part]) -> Record:
    """Return a record with its octets; undoes :func:`detach`.

    Raises
    ------
    StoreDamaged
        ``SEC-004`` for octets of a field that the record does not have.
    """
    if isinstance(record, Waveform):
        return _attach_segments(record, parts)
    (slot, octets), *more = parts
    if slot == 0 and not more:
        if isinstance(record, Document):
            return record.model_copy(update={"data": octets})
        if isinstance(record, Residue):
            return record.model_copy(update={"raw": octets})
        if isinstance(record, Observation) and isinstance(record.value, AttachmentValue):
            return record.model_copy(update={"value": record.value.model_copy(update={"data": octets})})
    raise StoreDamaged("SEC-004")


def _long(octets: bytes | None) -> bool:
    return octets is not None and len(octets) >= _SHORT


def _detach_segments(record: Waveform) -> tuple[Record, tuple[Part, ...]]:
    """Take samples and marks out: two slots for each segment."""
    parts: list[Part] = []
    segments: list[Segment] = []
    for number, segment in enumerate(record.segments):
        update = {}
        for slot, name in enumerate(("data", "marks")):
            octets = getattr(segment, name)
            if _long(octets):
                parts.append((2 * number + slot, octets))
                update[name] = b""
        segments.append(segment.model_copy(update=update) if update else segment)
    return (record.model_copy(update={"segments": tuple(segments)}) if parts else record), tuple(parts)


def _attach_segments(record: Waveform, parts: Sequence[Part]) -> Record:
    segments = list(record.segments)
    for slot, octets in parts:
        number, which = divmod(slot, 2)
        if number >= len(segments):
            raise StoreDamaged("SEC-004")
        segments[number] = segments[number].model_copy(update={"marks" if which else "data": octets})
    return record.model_copy(update={"segments": tuple(segments)})
