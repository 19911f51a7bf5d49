"""ORC, OBR and NTE: the order or report under which observations were made, and comments."""

from __future__ import annotations

from typing import Final

from ...model import Extension, Interval, Note, Order
from ...model.time import Time
from .codes import coded, decode_concept, decode_topic
from .ledger import decoder
from .people import Persons, actors, each, ei, eip, persons
from .times import decode_order, decode_stated, decode_window
from .unit import Segment, Unit

__all__ = ["decode_entities", "notes", "order", "report_time"]

decode_entities = decoder(lambda field: each(field, ei))
_parent = decoder(lambda field: eip(field[1]))
_reasons = decoder(coded)
_comment = decoder(lambda field: "\n".join(line.take_whole() or "" for line in field.children))

_ACTORS: Final[Persons] = tuple(
    (number, persons(role)) for number, role in ((10, "collector"), (16, "ordering-provider"), (28, "copy-to"))
)


def notes(segments: list[Segment]) -> tuple[tuple[Note, ...], tuple[Extension, ...]]:
    """Map NTE segments; repetitions of a comment are its lines. What a note cannot hold is for its owner to keep."""
    found: list[Note] = []
    kept: list[Extension] = []
    for segment in segments:
        text, kind = segment.use(3, _comment), None
        if text:
            kind = segment.use(4, decode_concept)
            found.append(Note(text=text, type=kind))
        kept.extend(segment.extensions())
    return tuple(found), tuple(kept)


def report_time(segment: Segment) -> Time | None:
    """Map OBR-7 and OBR-8: one time, or the window that the report covers."""
    if not segment.raw(8):
        return segment.use(7, decode_order)
    start, end = segment.use(7, decode_window), segment.use(8, decode_window)
    return None if start is end is None else Interval(start=start, end=end)


def order(unit: Unit, segment: Segment, common: list[Segment], comments: list[Segment], time: Time | None) -> Order:
    """Map OBR and the ORC before it.

    ORC is kept whole; where OBR names no placer or filler, that of ORC stands in.
    """
    placer = segment.use(2, decode_entities) or ()
    filler = segment.use(3, decode_entities) or ()
    for orc in common:
        placer = placer or decode_entities(orc.raw(2), orc.syntax).value
        filler = filler or decode_entities(orc.raw(3), orc.syntax).value
    texts, kept = notes(comments)
    return Order(
        id=unit.id("order", segment),
        provenance=unit.provenance(segment),
        subject=unit.subject,
        encounter=unit.encounter,
        placer=placer,
        filler=filler,
        code=segment.use(4, decode_topic),
        requested=segment.use(6, decode_stated),
        time=time,
        actors=actors(segment, _ACTORS),
        reported=segment.use(22, decode_stated),
        status=segment.text(25),
        parent=segment.use(29, _parent) or (),
        reason=segment.use(31, _reasons) or (),
        notes=texts,
        extensions=segment.extensions() + tuple(e for orc in common for e in orc.extensions()) + kept,
    )
