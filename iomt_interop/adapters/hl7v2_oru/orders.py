"""ORC, OBR and NTE: the request, the report under which observations were made, and comments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from ...model import (
    Activity,
    Actor,
    Coding,
    Concept,
    Extension,
    Identifier,
    Instant,
    Interval,
    Location,
    Note,
    Order,
    Organization,
    PersonName,
    Request,
    Target,
)
from ...model.time import Time
from ...terminology import systems
from ...terminology.v2_fhir import map_code
from .codes import coded, decode_concept, decode_topic
from .ledger import Node, decoder
from .people import Persons, actor, actors, address, cx, each, ei, eip, organizations, persons, places, telecom
from .times import decode_order, decode_stated, decode_window, instant
from .unit import Segment, Unit

__all__ = ["Before", "decode_entities", "is_request_alone", "notes", "order", "ordered", "report_time", "request"]

decode_entities = decoder(lambda field: each(field, ei))
_parent = decoder(lambda field: eip(field[1]))
_reasons = decoder(coded)
_comment = decoder(lambda field: "\n".join(line.take_whole() or "" for line in field.children))


def _listed_name(node: Node, role: str) -> Actor | None:
    """Read NDL: a person, a time and a place (2.A.48)."""
    person = node[1]
    value, family, given, second = (person.text(n) for n in (1, 2, 3, 4))
    suffix = tuple(text for n in (5, 7) if (text := person.text(n)) is not None)
    prefix = person.text(6)
    parts: dict[str, Any] = {
        "point_of_care": node.text(4), "room": node.text(5), "bed": node.text(6), "facility": node[7].text(1),
        "facility_id": node[7].text(2), "facility_id_type": node[7].text(3), "status": node.text(8),
        "type": node.text(9), "building": node.text(10), "floor": node.text(11),
    }  # fmt: skip
    place = Location(**parts)
    times = [instant(text, node.syntax, "stated") if (text := node[n].peek()) else None for n in (2, 3)]
    if value is family is given is None and place == Location():
        return None
    spoken = PersonName(
        family=family, given=tuple(t for t in (given, second) if t), suffix=suffix, prefix=(prefix,) if prefix else ()
    )
    return Actor(
        role="interpreter" if role == "assistant-interpreter" else role,
        party="person",
        identifiers=() if value is None else (Identifier(value=value),),
        names=() if spoken == PersonName() else (spoken,),
        places=() if place == Location() else (place,),
        start=times[0].value if times[0] else None,
        end=times[1].value if times[1] else None,
    )


def _listed(role: str) -> Any:
    return decoder(lambda field: each(field, lambda part: _listed_name(part, role)))


_PEOPLE: Final[Persons] = ((16, persons("ordering-provider")), (28, persons("copy-to")))
_ACTORS: Final[Persons] = (
    (10, persons("collector")),
    *_PEOPLE,
    (32, _listed("interpreter")),
    (33, _listed("assistant-interpreter")),
    (34, _listed("technician")),
    (35, _listed("transcriptionist")),
)
_FUNCTIONS: Final = {"technician": "SPRF", "transcriptionist": "TRANS"}
_PARTICIPATION: Final = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"


_author = decoder(lambda field: actor(field[1], "author"))


def notes(segments: Sequence[Segment]) -> tuple[tuple[Note, ...], tuple[Extension, ...]]:
    """Map NTE segments; repetitions of a comment are its lines. What a note cannot hold is for its owner to keep."""
    found: list[Note] = []
    kept: list[Extension] = []
    for segment in segments:
        text, kind = segment.use(3, _comment), None
        if text:
            kind = segment.use(4, decode_concept)
            when = segment.use(6, decode_stated)
            author = segment.use(5, _author)
            found.append(Note(text=text, type=kind, by=author, time=None if when is None else when.value))
        kept.extend(segment.extensions())
    return tuple(found), tuple(kept)


def report_time(segment: Segment) -> Time | None:
    """Map OBR-7 and OBR-8: one time, or the window that the report covers."""
    if not segment.raw(8):
        return segment.use(7, decode_order)
    start, end = segment.use(7, decode_window), segment.use(8, decode_window)
    return None if start is end is None else Interval(start=start, end=end)


def _people(segment: Segment) -> tuple[Actor, ...]:
    """Map the people of OBR, with the code of what they did where HL7's guide has one."""
    found = []
    for one in actors(segment, _ACTORS):
        code = _FUNCTIONS.get(one.role)
        known = None if code is None else Concept(codings=(Coding(system=_PARTICIPATION, code=code),))
        found.append(one if known is None else one.replace(code=known))
    return tuple(found)


def order(
    unit: Unit, segment: Segment, common: list[Segment], comments: list[Segment], time: Time | None,
    asked: Request | None = None,
) -> Order:  # fmt: skip
    """Map OBR and the ORC before it.

    What ORC and OBR say of the request is the request's where there is one; otherwise ORC is kept whole. Where OBR
    names no placer or filler, that of ORC stands in.
    """
    numbers = segment.raw(2), segment.raw(3)
    placer = segment.use(2, decode_entities) or ()
    filler = segment.use(3, decode_entities) or ()
    if asked is not None:
        for number, raw, own, its in zip((2, 3), numbers, (placer, filler), (asked.placer, asked.filler), strict=True):
            if own not in ((), its):
                segment.keep(number, [("", raw)])
        placer, filler = asked.placer, asked.filler
    for orc in common if asked is None else ():
        placer = placer or decode_entities(orc.raw(2), orc.syntax).value
        filler = filler or decode_entities(orc.raw(3), orc.syntax).value
    texts, kept = notes(comments)
    section = segment.text(24)
    return Order.of_valid({
        "id": unit.id("order", segment),
        "provenance": unit.provenance(segment),
        "subject": unit.subject,
        "encounter": unit.encounter,
        "placer": placer,
        "filler": filler,
        "code": segment.use(4, decode_topic),
        "request": None if asked is None else asked.id,
        "categories": () if section is None else (_in_table(section, "0074"),),
        "requested": segment.use(6, decode_stated),
        "time": time,
        "actors": tuple(one for one in _people(segment) if asked is None or one.role != "ordering-provider"),
        "reported": segment.use(22, decode_stated),
        "status": segment.text(25),
        "parent": segment.use(29, _parent) or (),
        "reason": segment.use(31, _reasons) or (),
        "notes": texts,
        "extensions": segment.extensions() + tuple(e for orc in common for e in orc.extensions()) + kept,
    })  # fmt: skip


def _in_table(code: str, table: str) -> Concept:
    return Concept(codings=(Coding(system=systems.v2_table(table), code=code),))


# ---- The request

_orderers = persons("ordering-provider")
_units = organizations("ordering-facility")
_enterers_places = places("enterer-location")
_addresses = decoder(lambda field: each(field, address))
_telecoms = decoder(lambda field: each(field, telecom))
_group = decoder(lambda field: eip(field[1]) if _paired(field) else tuple(filter(None, (ei(field[1]),))))
_alternates = decoder(lambda field: each(field, cx))


def _paired(field: Node) -> bool:
    """Tell whether a group number is written as a pair (EIP, since 2.8.2) or as one (EI)."""
    return bool(field.syntax.subcomponent) and field.syntax.subcomponent in field.raw


def _typed(found: tuple[Identifier, ...], *codes: str) -> tuple[Identifier, ...]:
    """Give identifiers the type that their field implies (HL7 table 0203)."""
    return tuple(
        one if one.type is not None else one.replace(type=_in_table(code, "0203"))
        for one, code in zip(found, codes * len(found), strict=False)
    )


def _requester(orc: Segment | None, segment: Segment) -> tuple[Actor | None, tuple[Actor, ...]]:
    """Map who ordered: ORC-12 with address, for the facility of ORC-21 to ORC-23; else OBR-16.

    A request has one requester (FHIR R4 ServiceRequest.requester): further facilities, and whom OBR-16 names beside
    ORC-12, are parties of it; so is the place where the order was entered (ORC-13).
    """
    known = () if orc is None else orc.use(12, _orderers) or ()
    others = _orderers(segment.raw(16), segment.syntax).value if segment.raw(16) else ()
    person = next(iter((*known, *others)), None)
    parties = tuple(one for one in others if one not in known and one is not person)
    if orc is None:
        return person, parties
    units = orc.use(21, _units) or ()
    streets, phones = orc.use(22, _addresses) or (), orc.use(23, _telecoms) or ()
    home = orc.use(24, _addresses) or ()
    parties += units[1:] + (orc.use(13, _enterers_places) or ())
    behalf = None
    if units or streets or phones:
        unit = Organization(name=units[0].organization, identifiers=units[0].identifiers) if units else Organization()
        behalf = unit.replace(addresses=streets, telecoms=phones)
    if person is None and behalf is None and not home:
        return None, parties
    return (person or Actor(role="ordering-provider", party="person")).replace(behalf=behalf, addresses=home), parties


def _control(orc: Segment) -> dict[str, Any]:
    """Map what ORC says of the order as such: its status by ORC-5, else by ORC-1."""
    control, state = orc.text(1), orc.text(5)
    known = map_code("OrderStatus", state) or (
        map_code("OrderControlCode[ServiceRequest.status]", control) if state is None else None
    )
    if state is not None and control is not None:
        orc.keep(1, [("", control)])
    return {
        "status": None if known is None else known.code,
        "native_status": state or control,
        "intent": "order",
        "authored": orc.use(9, decode_stated) if control == "NW" else None,
        "callback": orc.use(14, _telecoms) or (),
        "location": orc.use(29, decode_concept),
    }


_AGENT: Final = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
_OPERATION: Final = "http://terminology.hl7.org/CodeSystem/v3-DataOperation"
_DONE: Final = {"NW": "CREATE", "SC": "UPDATE", "OC": "CANCEL", "CA": "CANCEL"}
_AGENTS: Final = tuple(
    (number, role, persons(role)) for number, role in ((10, "enterer"), (11, "verifier"), (19, "performer"))
)


def _authors(raw: str, orc: Segment, asked: Request) -> tuple[Actor, ...]:
    """Return who ordered, all of them: the request has room for the first, whose address ORC-24 gives."""
    found = _orderers(raw, orc.syntax).value if raw else ()
    if found and asked.requester is not None:
        found = (found[0].replace(addresses=asked.requester.addresses), *found[1:])
    return found


class Before(NamedTuple):
    """What ORC said before the request took its part."""

    control: str
    time: str
    orderers: str

    @classmethod
    def of(cls, orc: Segment) -> Before:
        """Look at ORC."""
        return cls(orc.raw(1), orc.raw(9), orc.raw(12))


def ordered(
    unit: Unit, orc: Segment, before: Before, asked: Request, received: Instant | None, *, asks: bool
) -> Activity | None:
    """Map who entered, verified, placed and carried out an order (ORC[Provenance]); nothing where nobody is named.

    Parameters
    ----------
    unit : Unit
        The message.
    orc : Segment
        ORC, of which the request has taken its part.
    before : Before
        Order control code and ordering providers.
    asked : Request
        The request.
    received : Instant or None
        When the message came: that is when it was recorded where ORC-9 is no point in time.
    asks : bool
        Whether the message asks for something; in a report the one who ordered is the request's alone.
    """
    named = [(role, one) for number, role, decode in _AGENTS for one in orc.use(number, decode) or ()]
    authors = _authors(before.orderers, orc, asked)
    if asks or named or len(authors) > 1:
        named += [("author", one) for one in authors]
    if not named:
        return None
    agents = tuple(one.replace(code=Concept(codings=(Coding(system=_AGENT, code=role),))) for role, one in named)
    code = _DONE.get(before.control)
    when = decode_stated(before.time, orc.syntax).value if before.time else None
    known = when is not None and when.offset_minutes is not None
    return Activity(
        id=unit.id("activity", orc),
        provenance=unit.provenance(orc),
        subject=unit.subject,
        targets=(Target(kind="request", id=asked.id),),
        code=None if code is None else Concept(codings=(Coding(system=_OPERATION, code=code),)),
        recorded=when if known or received is None else received.replace(origin="received"),
        time=when,
        actors=agents,
    )


def request(unit: Unit, segment: Segment, common: list[Segment], comments: list[Segment]) -> Request:
    """Map what ORC and OBR say of the request (v2-to-FHIR guide, ORC[ServiceRequest] and OBR[ServiceRequest]).

    What request and report have in common is looked at here, and taken by :func:`order`.

    Parameters
    ----------
    unit : Unit
        The message.
    segment : Segment
        OBR.
    common : list of Segment
        ORC.
    comments : list of Segment
        NTE of the order.
    """
    orc = common[0] if common else None
    placer = decode_entities(segment.raw(2), segment.syntax).value if segment.raw(2) else ()
    filler = decode_entities(segment.raw(3), segment.syntax).value if segment.raw(3) else ()
    facts: dict[str, Any] = {}
    groups: tuple[Identifier, ...] = ()
    if orc is not None:
        placer = (orc.use(2, decode_entities) or ()) or placer
        filler = (orc.use(3, decode_entities) or ()) or filler
        groups = _typed(orc.use(4, _group) or (), "PGN", "FGN") + _typed(orc.use(33, _alternates) or (), "PLAC")
        facts = _control(orc)
    groups += _typed(segment.use(53, _alternates) or (), "PLAC")
    if segment.raw(11) == "G":
        facts["intent"] = "reflex-order"
    urgency = map_code("ExtendedPriorityCodes", segment.raw(5) or None)
    if urgency is not None:
        facts["priority"] = urgency.code
        segment.keep(5, [("", segment.strike(5))])
    if not facts.get("callback"):
        facts["callback"] = segment.use(17, _telecoms) or ()
    details = (segment.use(46, _reasons) or ()) + (segment.use(47, _reasons) or ())
    occurrence = decode_stated(segment.raw(6), segment.syntax).value if segment.raw(6) else None
    texts = notes([_copy(comment) for comment in comments])[0]
    requester, parties = _requester(orc, segment)
    reason = decode_reasons(segment.raw(31), segment.syntax).value if segment.raw(31) else ()
    return Request(
        id=unit.id("request", segment),
        provenance=unit.provenance(segment),
        subject=unit.subject,
        encounter=unit.encounter,
        placer=placer,
        filler=filler,
        groups=groups,
        code=decode_topic(segment.raw(4), segment.syntax).value if segment.raw(4) else None,
        details=details,
        occurrence=occurrence,
        requester=requester,
        reason=reason,
        parties=parties,
        notes=texts,
        **facts,
    )


decode_reasons = decoder(coded)


def _copy(segment: Segment) -> Segment:
    """Return a segment to read without striking anything off."""
    return Segment(segment.name, 0, list(segment.fields), segment.span, segment.syntax)


def is_request_alone(found: Order) -> bool:
    """Tell whether OBR says nothing that only a report has: times, status, people, results of another report."""
    told = (found.time, found.reported, found.status, found.parent, found.actors, found.categories)
    return not any(told)
