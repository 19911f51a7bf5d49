"""Messages in UTF-16 and UTF-32: they are read as UTF-8, and their records stand where the source has them."""

from __future__ import annotations

from collections.abc import Iterable

from ...model import Issue, Record, Residue
from ...wire import hl7v2

__all__ = ["placed"]


def placed(records: Iterable[Record], message: hl7v2.Message) -> list[Record]:
    """Return the records of a wide message with the spans and the octets of its source."""
    return [_placed(record, message) for record in records]


def _placed(record: Record, message: hl7v2.Message) -> Record:
    found = record.provenance
    moved = None if found is None or found.span is None else found.replace(span=_span(found.span, message))
    if moved is not None:
        record = record.replace(provenance=moved)
    if isinstance(record, Residue | Issue) and record.span is not None:
        start, stop = _span(record.span, message)
        record = record.replace(span=(start, stop))
        if isinstance(record, Residue):
            record = record.replace(raw=message.raw[start - message.origin : stop - message.origin])
    return record


def _span(span: tuple[int, int], message: hl7v2.Message) -> tuple[int, int]:
    start, stop = (message.place(at - message.origin) for at in span)
    return start, stop
