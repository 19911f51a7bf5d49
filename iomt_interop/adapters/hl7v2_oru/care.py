"""NK1, IN1, AL1, DG1, PR1, RXA, SCH and TXA: what surrounds a patient, by HL7's v2-to-FHIR guide."""

from __future__ import annotations

import re
from typing import Any, Final

from ...model import (
    Activity,
    Actor,
    Allergy,
    Coding,
    Concept,
    Condition,
    Contact,
    Coverage,
    Document,
    Identifier,
    Immunization,
    Instant,
    Interval,
    Message,
    Organization,
    Procedure,
    Reaction,
    RelatedPerson,
    Target,
    record_id,
)
from ...terminology import systems
from ...terminology.v2_fhir import map_code
from .codes import coded, decode_concept, table_coding
from .header import decode_identifiers, read_facility
from .ledger import Node, decoder
from .people import actor, address, each, ei, location, name, organization, organizations, persons, telecom
from .specimens import decode_amount
from .times import decode_stated
from .unit import ADAPTER, Segment, Unit

__all__ = [
    "activities",
    "allergy",
    "condition",
    "contact",
    "coverage",
    "document",
    "happened",
    "immunization",
    "kin",
    "mother",
    "procedure",
    "updated",
]

_names = decoder(lambda field: each(field, name))
_addresses = decoder(lambda field: each(field, address))
_telecoms = decoder(lambda field: each(field, telecom))
_work_telecoms = decoder(lambda field: tuple(one.replace(use="work") for one in each(field, telecom)))
_concepts = decoder(coded)
_sex = decoder(lambda field: table_coding(field[1], "0001"))
_entities = decoder(lambda field: each(field, ei))
_units = decoder(lambda field: tuple(found for part in field.children if (found := organization(part)) is not None))
_location = decoder(lambda field: location(field[1]))
_SSN: Final = "http://hl7.org/fhir/sid/us-ssn"
_AGENT: Final = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
_OPERATION: Final = "http://terminology.hl7.org/CodeSystem/v3-DataOperation"
_STRUCTURE: Final = re.compile(r"[a-z]{3}_[a-z0-9]{3}")
_SNOMED: Final = systems.SNOMED_CT


def _concept(system: str | None, code: str, display: str | None = None) -> Concept:
    return Concept(codings=(Coding(system=system, code=code, display=display),))


def _frame(kind: str, unit: Unit, segment: Segment) -> dict[str, Any]:
    return {"id": unit.id(kind, segment), "provenance": unit.provenance(segment), "subject": unit.subject}


def _period(segment: Segment, first: int, last: int) -> Interval | None:
    start, end = segment.use(first, decode_stated), segment.use(last, decode_stated)
    return None if start is end is None else Interval(start=start, end=end)


# ---- NK1


def kin(unit: Unit, segment: Segment) -> RelatedPerson:
    """Map NK1 to somebody related (NK1[RelatedPerson])."""
    numbers = (segment.use(12, decode_identifiers) or ()) + (segment.use(33, decode_identifiers) or ())
    security = segment.text(37)
    if security is not None:
        numbers += (Identifier(value=security, system=_SSN, type=_concept(systems.v2_table("0203"), "SS")),)
    lines = tuple(
        one
        for number, decode in ((5, _telecoms), (6, _work_telecoms), (31, _telecoms), (40, _telecoms), (41, _telecoms))
        for one in segment.use(number, decode) or ()
    )
    return RelatedPerson(
        **_frame("related_person", unit, segment),
        identifiers=numbers,
        relationships=(segment.use(3, _concepts) or ()) + (segment.use(7, _concepts) or ()),
        names=(segment.use(2, _names) or ()) + (segment.use(30, _names) or ()),
        telecoms=lines,
        addresses=(segment.use(4, _addresses) or ()) + (segment.use(32, _addresses) or ()),
        sex=segment.use(15, _sex),
        birth_date=segment.use(16, decode_stated),
        period=_period(segment, 8, 9),
        languages=segment.use(20, _concepts) or (),
        parties=segment.use(13, _employers) or (),
        extensions=segment.extensions(),
    )


_employers = organizations("organization")
_MOTHER: Final = _concept("http://terminology.hl7.org/CodeSystem/v3-RoleCode", "MTH", "mother")


def mother(unit: Unit, segment: Segment) -> RelatedPerson | None:
    """Map PID-21: the numbers of the person's mother (CX[RelatedPerson-Mother])."""
    numbers = segment.use(21, decode_identifiers) or ()
    if not numbers:
        return None
    return RelatedPerson(
        id=unit.id("related_person", segment),
        provenance=unit.provenance(segment),
        identifiers=numbers,
        relationships=(_MOTHER,),
    )


def contact(segment: Segment) -> Contact:
    """Map NK1 to a contact of the patient (NK1[Patient]); the segment is looked at, and nothing struck off."""

    def peeked(number: int, decode: Any) -> Any:
        return decode(segment.raw(number), segment.syntax).value if segment.raw(number) else ()

    start, end = peeked(8, decode_stated), peeked(9, decode_stated)
    units = peeked(13, _units)
    unit = units[0] if units else None
    asked = {
        "contact_names": peeked(30, _names), "contact_telecoms": peeked(31, _telecoms),
        "contact_addresses": peeked(32, _addresses),
    }  # fmt: skip
    if any(asked.values()):
        unit = (unit or Organization()).replace(**asked)
    lines = tuple(
        one
        for number, decode in ((5, _telecoms), (6, _work_telecoms), (40, _telecoms), (41, _telecoms))
        for one in peeked(number, decode)
    )
    return Contact(
        relationships=peeked(3, _concepts) + peeked(7, _concepts),
        names=peeked(2, _names)[:1],
        telecoms=lines,
        addresses=peeked(4, _addresses)[:1],
        sex=peeked(15, _sex) or None,
        organization=unit,
        start=start.value if start else None,
        end=end.value if end else None,
    )


# ---- IN1


def coverage(unit: Unit, segment: Segment) -> Coverage:
    """Map IN1."""
    payors = segment.use(4, _units) or ()
    places = segment.use(5, _addresses) or ()
    plan = segment.use(2, _plan)
    member = segment.use(10, decode_identifiers) or ()
    insured = segment.use(49, decode_identifiers) or ()
    numbers = tuple(one for one in member if _code(one) == "SN")
    groups = segment.use(11, _units) or ()
    relation = segment.use(17, decode_concept)
    holder = groups[0] if groups else None
    itself = relation is not None and any(one.code == "SEL" for one in relation.codings)
    people = () if itself else segment.use(16, _names) or ()
    return Coverage(
        **_frame("coverage", unit, segment),
        identifiers=() if plan is None else (plan,),
        type=segment.use(15, decode_concept),
        payors=tuple(
            Actor(
                role="payor", party="organization", organization=one.name, identifiers=one.identifiers, addresses=places
            )
            for one in payors or ((Organization(),) if places else ())
        ),
        holder=None
        if holder is None and not member
        else Actor(
            role="policy-holder",
            party="organization",
            organization=None if holder is None else holder.name,
            identifiers=(() if holder is None else holder.identifiers) + member,
        ),
        subscriber_ids=numbers + insured,
        subscriber=None if not people else Actor(role="subscriber", party="person", names=people),
        subscribes=True if itself else None,
        relationship=relation,
        period=_period(segment, 12, 13),
        parties=(segment.use(9, _groups) or ()) + (segment.use(30, _verifiers) or ()),
        extensions=segment.extensions(),
    )


_groups = organizations("group")
_verifiers = persons("verifier")
_plan = decoder(lambda field: _plan_id(field[1]))


def _plan_id(node: Node) -> Identifier | None:
    """Read the id of a plan, a coded element, as an identifier; its text stays an extension (CWE[Identifier])."""
    value = node[1].take()
    return None if value is None else Identifier(value=value, authority=node[3].take())


def _code(one: Identifier) -> str | None:
    return one.type.codings[0].code if one.type is not None and one.type.codings else None


# ---- AL1, DG1, PR1


def allergy(unit: Unit, segment: Segment) -> Allergy:
    """Map AL1."""
    kind, severity = segment.use(2, decode_concept), segment.use(4, decode_concept)
    code = None if kind is None or not kind.codings else kind.codings[0].code
    weight = None if severity is None or not severity.codings else severity.codings[0].code
    category = map_code("AllergenType[AllergyIntoleranceCategory]", code)
    type_ = map_code("AllergyType", code)
    felt = map_code("AllergySeverity[AllergyIntolerance.reaction.severity]", weight)
    shown = segment.use(5, _reactions) or ()
    reactions: tuple[Reaction, ...] = ()
    if shown or felt is not None:
        reactions = (Reaction(manifestations=shown, severity=_one_of(felt, ("mild", "moderate", "severe"))),)
    return Allergy(
        **_frame("allergy", unit, segment),
        type=_one_of(type_, ("allergy", "intolerance")),
        category=_one_of(category, ("food", "medication", "environment", "biologic")),
        native_category=kind,
        severity=severity,
        code=segment.use(3, decode_concept),
        reactions=reactions,
        onset=segment.use(6, decode_stated),
        extensions=segment.extensions(),
    )


_reactions = decoder(
    lambda field: tuple(Concept(text=t) for part in field.children if (t := part[1].take()) is not None)
)


def _one_of(target: Any, codes: tuple[str, ...]) -> Any:
    return target.code if target is not None and target.code in codes else None


def condition(unit: Unit, segment: Segment) -> Condition:
    """Map DG1."""
    code, text = segment.use(3, decode_concept), segment.text(4)
    if text is not None and (code is None or code.text is None):
        code = (code or Concept()).replace(text=text)
    elif text is not None:
        segment.keep(4, [("", text)])
    deleted = segment.raw(21) == "D"
    if deleted:
        segment.strike(21)
    rank = segment.raw(15)
    return Condition(
        **_frame("condition", unit, segment),
        encounter=unit.encounter,
        identifiers=segment.use(20, _entities) or (),
        code=code,
        onset=segment.use(5, decode_stated),
        use=segment.use(6, decode_concept),
        rank=int(segment.strike(15)) if rank.isascii() and rank.isdigit() and str(int(rank)) == rank else None,
        asserter=segment.use(16, _clinician),
        recorded=segment.use(19, decode_stated),
        refuted=True if deleted else None,
        extensions=segment.extensions(),
    )


_clinician = decoder(lambda field: actor(field[1], "asserter"))


def _performers(segment: Segment, places: tuple[tuple[int, str, Concept | None], ...]) -> tuple[Actor, ...]:
    found = []
    for number, role, code in places:
        for one in segment.use(number, persons(role)) or ():
            found.append(one if code is None else one.replace(code=code))
    return tuple(found)


def procedure(unit: Unit, segment: Segment) -> Procedure:
    """Map PR1."""
    code, text = segment.use(3, decode_concept), segment.text(4)
    if text is not None and (code is None or code.text is None):
        code = (code or Concept()).replace(text=text)
    elif text is not None:
        segment.keep(4, [("", text)])
    return Procedure(
        **_frame("procedure", unit, segment),
        encounter=unit.encounter,
        identifiers=segment.use(19, _entities) or (),
        code=code,
        time=segment.use(5, decode_stated),
        category=segment.use(6, decode_concept),
        actors=_performers(
            segment,
            (
                (8, "anesthesiologist", _concept(_SNOMED, "88189002")),
                (11, "surgeon", _concept(_SNOMED, "304292004")),
                (12, "procedure-practitioner", None),
            ),
        ),
        reason=segment.use(15, _concepts) or (),
        location=segment.use(23, _location),
        extensions=segment.extensions(),
    )


# ---- RXA


def immunization(unit: Unit, segment: Segment, common: list[Segment], routes: list[Segment]) -> Immunization:
    """Map RXA, with the ORC before it and the RXR behind it."""
    facts: dict[str, Any] = {}
    roles = systems.v2_table("0443")
    actors = _performers(segment, ((10, "administering-provider", _concept(roles, "AP")),))
    for orc in common:
        facts["identifiers"] = (orc.use(2, _entities) or ()) + (orc.use(3, _entities) or ())
        actors += _performers(orc, ((12, "ordering-provider", _concept(roles, "OP")),))
    for route in routes[:1]:
        facts |= {"route": route.use(1, decode_concept), "body_site": route.use(2, decode_concept)}
    state = "D" if segment.raw(21) == "D" else segment.raw(20)
    status: Any = "entered-in-error" if state == "D" else "completed"
    if state not in ("", "D"):
        status = _one_of(map_code("CompletionStatus", state), ("completed", "entered-in-error", "not-done"))
        segment.keep(20, [("", segment.strike(20))])
    maker = segment.use(17, decode_concept)
    units = () if maker is None else maker.codings[:1]
    return Immunization(
        **_frame("immunization", unit, segment),
        encounter=unit.encounter,
        status=status,
        status_reason=segment.use(18, decode_concept),
        vaccine=segment.use(5, decode_concept),
        time=segment.use(3, decode_stated),
        dose=decode_amount(segment, 6, 7),
        actors=actors,
        location=segment.use(27, _location),
        lot=segment.text(15),
        expires=segment.use(16, decode_stated),
        manufacturer=Actor(
            role="manufacturer",
            party="organization",
            organization=units[0].display,
            identifiers=(Identifier(value=units[0].code, authority=units[0].native_system),) if units[0].code else (),
        )
        if units
        else None,
        reason=segment.use(19, _concepts) or (),
        recorded=segment.use(22, decode_stated) if segment.raw(21) == "A" else None,
        **facts,
        extensions=segment.extensions() + tuple(e for one in (*common, *routes) for e in one.extensions()),
    )


# ---- TXA


def document(unit: Unit, segment: Segment, texts: list[Segment]) -> Document:
    """Map TXA; the text of the OBX behind it is the content where it is plain."""
    title = segment.text(25)
    lines = [t for one in texts if one.raw(2) in ("TX", "FT", "ST") and (t := one.use(5, _lines)) is not None]
    return Document(
        **_frame("document", unit, segment),
        code=segment.use(2, decode_concept),
        time=segment.use(6, decode_stated),
        encounter=unit.encounter,
        title=title,
        media_type="text/plain" if lines else None,
        data="\n".join(lines).encode() if lines else None,
        extensions=segment.extensions() + tuple(e for one in texts for e in one.extensions()),
    )


_lines = decoder(lambda field: "\n".join(part.take_whole() or "" for part in field.children))


# ---- Activities


def activities(
    unit: Unit, header: Message, targets: tuple[Target, ...], sources: tuple[str, ...], received: Instant | None
) -> list[Activity]:
    """Return who wrote the message, and by which rules it was read (MSH[Provenance-Source], -Transformation).

    The second was recorded when the message was received, where the caller says so; nothing in it tells. So was the
    first where the time of the message has no offset and is no point in time.
    """
    arrived = None if received is None else received.replace(origin="received")
    sent = header.sent
    if arrived is not None and (sent is None or sent.offset_minutes is None):
        sent = arrived
    frame: dict[str, Any] = {"provenance": header.provenance}
    author = header.responsible
    sender = header.sender
    if author is None and sender is not None and (sender.organization or sender.behalf):
        unit_of = sender.behalf if sender.behalf is not None else Organization()
        name_of = () if sender.organization is None else (Identifier(value=sender.organization),)
        author = Actor(role="author", party="organization", identifiers=(*name_of, *unit_of.identifiers))
    agents = () if author is None else (author.replace(role="author", code=_concept(_AGENT, "author")),)
    kind = (header.type or "").lower().split("^")
    structure = kind[2] if len(kind) > 2 else "_".join(kind[:2])
    return [
        Activity(
            id=record_id("activity", ADAPTER, unit.digest, "source"),
            **frame,
            targets=(Target(kind="message", id=header.id), *targets),
            code=Concept(codings=(Coding(display=header.type),)),
            recorded=sent,
            time=header.sent,
            actors=agents,
            sources=sources,
        ),
        Activity(
            id=record_id("activity", ADAPTER, unit.digest, "transformation"),
            **frame,
            targets=(Target(kind="message", id=header.id),),
            code=Concept(codings=(Coding(code="v2-FHIR transformation"),)),
            recorded=arrived,
            policies=(f"http://hl7.org/fhir/uv/v2mappings/message-{structure.replace('_', '-')}-to-bundle",)
            if _STRUCTURE.fullmatch(structure)
            else (),
            actors=(
                Actor(role="assembler", party="organization", organization=ADAPTER, code=_concept(_AGENT, "assembler")),
            ),
        ),
    ]


def happened(unit: Unit, segment: Segment, header: Message) -> Activity:
    """Map EVN: the event in the real world (EVN[Provenance])."""
    people = segment.use(5, _operators) or ()
    kept = (segment.raw(1), segment.strike(1))[0]
    return Activity(
        id=unit.id("activity", segment),
        provenance=unit.provenance(segment),
        subject=unit.subject,
        targets=(Target(kind="message", id=header.id),),
        code=Concept(codings=(Coding(code=kept or None, display=header.type),)),
        recorded=segment.use(2, decode_stated),
        reason=segment.use(4, _concepts) or (),
        actors=tuple(one.replace(code=_concept(_AGENT, "enterer")) for one in people),
        time=segment.use(6, decode_stated),
        extensions=segment.extensions(),
    )


_operators = persons("operator")


def updated(unit: Unit, segment: Segment, received: Instant | None) -> Activity | None:
    """Map PID-33 and PID-34: when and where the person's record was last changed (PID[Provenance-Patient]).

    It was recorded when the message was translated, as the guide has it: when it was received.
    """
    when, where = segment.use(33, decode_stated), segment.use(34, read_facility)
    if when is None and where is None:
        return None
    agents: tuple[Actor, ...] = ()
    if where is not None:
        title, unit_of = where
        names = () if title is None else (Identifier(value=title),)
        numbers = names + (() if unit_of is None else unit_of.identifiers)
        agents = (
            Actor(role="performer", party="organization", identifiers=numbers, code=_concept(_AGENT, "performer")),
        )
    return Activity(
        id=unit.id("activity", segment),
        provenance=unit.provenance(segment),
        subject=unit.subject,
        targets=(Target(kind="subject", id=unit.subject),) if unit.subject is not None else (),
        code=_concept(_OPERATION, "UPDATE"),
        recorded=None if received is None else received.replace(origin="received"),
        time=when,
        actors=agents,
    )
