"""SCH with AIS, AIG, AIL and AIP: an appointment and who, what and where takes part (v2-to-FHIR guide)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from ...model import Actor, Appointment, Coding, Concept, Identifier, Instant, Interval, Note, Participant
from ...terminology.v2_fhir import map_code
from .codes import coded, decode_concept
from .ledger import Node, decoder
from .people import each, ei, location, persons
from .times import decode_stated
from .unit import Segment, Unit

__all__ = ["appointment"]

_concepts = decoder(coded)
_entities = decoder(lambda field: each(field, ei))
_location = decoder(lambda field: location(field[1]))
_people = persons("participant")
_ENTERER: Final = Concept(
    codings=(
        Coding(system="http://terminology.hl7.org/CodeSystem/provenance-participant-type", code="enterer"),
    )
)  # fmt: skip
_CONTACTS: Final[tuple[tuple[int, str, tuple[Concept, ...]], ...]] = (
    (12, "placer-contact", ()), (16, "filler-contact", ()), (20, "enterer", (_ENTERER,)),
)  # fmt: skip


class _Fields(NamedTuple):
    """Where a segment says when somebody or something takes part, how long, and as what."""

    start: int
    duration: int
    type: int


_FIELDS: Final = {"AIG": _Fields(8, 11, 4), "AIL": _Fields(6, 9, 4), "AIP": _Fields(6, 9, 4)}
_SECONDS: Final = {
    "S": 1, "SEC": 1, "M": 60, "MIN": 60, "MINUTE": 60, "MINUTES": 60, "H": 3600, "HR": 3600, "HOUR": 3600,
}  # fmt: skip
_LONGEST: Final = 5
"""Digits of a duration that is added to a time."""


def _unit(segment: Segment, number: int) -> str:
    """Look at the code of a unit; the message may have no delimiter of components at all."""
    return (Node(segment.raw(number), segment.syntax)[1][1].peek() or "").upper()


def _later(start: Instant, segment: Segment, number: int) -> Instant | None:
    """Return start and duration together, where both are exact; the duration itself stays an extension."""
    raw, unit = segment.raw(number), _unit(segment, number + 1)
    known = raw.isascii() and raw.isdigit() and len(raw) <= _LONGEST and unit in _SECONDS
    if not known or start.precision not in ("minute", "second") or start.offset_minutes is None:
        return None
    try:
        end = datetime.fromisoformat(start.value) + timedelta(seconds=int(raw) * _SECONDS[unit])
    except (OverflowError, ValueError):
        return None
    exact = "seconds" if start.precision == "second" or end.second else "minutes"
    return Instant(value=end.isoformat(timespec=exact), origin=start.origin)


def _period(segment: Segment, at: _Fields) -> Interval | None:
    start = segment.use(at.start, decode_stated)
    return None if start is None else Interval(start=start, end=_later(start, segment, at.duration))


def _resource(node: Node) -> Actor | None:
    """Read a general resource, a coded element, by its number (AIG-3, CWE[Identifier]); its name stays an extension."""
    value = node[1].take()
    if value is None:
        return None
    return Actor(role="resource", identifiers=(Identifier(value=value, authority=node[3].take()),))


_resources = decoder(lambda field: each(field, _resource))


def _participants(part: Segment) -> list[Participant]:
    """Map AIG, AIL and AIP."""
    at = _FIELDS[part.name]
    facts: dict[str, Any] = {"types": part.use(at.type, _concepts) or (), "period": _period(part, at)}
    if part.name == "AIL":
        place = part.use(3, _location)
        return [] if place is None and not any(facts.values()) else [Participant(location=place, **facts)]
    found = part.use(3, _people if part.name == "AIP" else _resources) or ()
    if not found and any(facts.values()):
        return [Participant(**facts)]
    return [Participant(actor=one, **facts) for one in found]


def appointment(unit: Unit, segment: Segment, parts: list[Segment], comments: list[Segment]) -> Appointment:
    """Map SCH with AIS, AIG, AIL and AIP."""
    participants: list[Participant] = []
    services: list[Concept] = []
    kept: tuple[Any, ...] = ()
    for number, role, types in _CONTACTS:
        people = segment.use(number, persons(role)) or ()
        participants += [Participant(actor=one, types=types) for one in people]
    for part in parts:
        if part.name == "AIS":
            found: tuple[Concept, ...] = part.use(3, _concepts) or ()
            services += found
        else:
            participants += _participants(part)
        kept += part.extensions()
    time = segment.use(11, _timing) or (None, None)
    state = segment.use(25, decode_concept)
    code = state.codings[0].code if state is not None and state.codings else None
    target = map_code("FillerStatusCodes[Appointment]", code)
    texts = tuple(Note(text=t) for one in comments if (t := one.text(3)) is not None)
    return Appointment(
        id=unit.id("appointment", segment),
        provenance=unit.provenance(segment),
        subject=unit.subject,
        identifiers=(segment.use(1, _entities) or ()) + (segment.use(2, _entities) or ()),
        status=None if target is None else target.code,
        native_status=state,
        reason=segment.use(7, _concepts) or (),
        type=segment.use(8, decode_concept),
        services=tuple(services),
        start=time[0],
        end=time[1],
        minutes=_minutes(segment),
        participants=tuple(participants),
        requests=(segment.use(26, _entities) or ()) + (segment.use(27, _entities) or ()),
        notes=texts,
        extensions=segment.extensions() + kept + tuple(e for one in comments for e in one.extensions()),
    )


def _quantity_timing(node: Node) -> tuple[Instant | None, Instant | None]:
    """Read start and end of TQ."""
    start = decode_stated(node[4].raw, node.syntax).value if node[4].raw else None
    end = decode_stated(node[5].raw, node.syntax).value if node[5].raw else None
    for found, number in ((start, 4), (end, 5)):
        if found is not None:
            node[number].take()
    return start, end


_timing = decoder(lambda field: _quantity_timing(field[1]))


def _minutes(segment: Segment) -> int | None:
    """Map SCH-9 where SCH-10 says that it counts minutes."""
    raw, unit = segment.raw(9), _unit(segment, 10)
    if unit in ("MIN", "M", "MINUTES", "MINUTE") and raw.isascii() and raw.isdigit() and str(int(raw)) == raw:
        return int(segment.strike(9))
    return None
