"""PV1 and PV2: the stay (v2-to-FHIR guide, PV1[Encounter] and PV2[Encounter])."""

from __future__ import annotations

from typing import Any, Final

from ...model import (
    Actor,
    Coding,
    Concept,
    Encounter,
    Identifier,
    Interval,
    Location,
    Number,
    Quantity,
    Stay,
    record_id,
)
from ...terminology import systems
from ...terminology.v2_fhir import map_code
from .codes import coded, coding, concept, decode_concept, table_coding
from .header import decode_identifiers, identity
from .ledger import Node, decoder
from .people import Persons, actors, cx, location, organizations, persons
from .times import decode_stated
from .unit import ADAPTER, Segment, Unit

__all__ = ["encounter"]

_DAYS: Final = Coding(display="days")
_PARTICIPATION: Final = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
_CODES: Final[dict[str, tuple[str, str | None, str | None]]] = {
    "attending": ("ATND", "attender", None),
    "referring": ("REF", None, "referrer"),
    "consulting": ("CON", None, "consultant"),
    "admitting": ("ADM", None, "admitter"),
    "other": ("PART", None, "Participation"),
}
"""Role to code, its text, and the text of the concept."""
_ACTORS: Final[Persons] = tuple(
    (number, persons(role))
    for number, role in ((7, "attending"), (8, "referring"), (9, "consulting"), (17, "admitting"), (52, "other"))
)
_REFERRAL: Final[Persons] = ((13, persons("referring")),)
_clinics = organizations("clinic")
_location = decoder(lambda field: location(field[1]))
_class = decoder(lambda field: table_coding(field[1], "0004"))
_concepts = decoder(coded)
_first = decoder(lambda field: cx(field[1]))
_coding = decoder(lambda field: coding(field[1]))
_discharged = decoder(lambda field: _discharge(field[1]))


def _discharge(node: Node) -> Location | None:
    """Read DLD: where somebody was discharged to, as a code (DLD[Location-Discharge])."""
    role = concept(node[1])
    return None if role is None else Location(role=role)


def _coded(actor: Actor) -> Actor:
    known = _CODES.get(actor.role)
    if known is None:
        return actor
    code, display, text = known
    concept = Concept(codings=(Coding(system=_PARTICIPATION, code=code, display=display),), text=text)
    return actor.replace(code=concept)


def _stays(segment: Segment, more: Segment | None) -> tuple[Stay, ...]:
    """Map the other places: temporary, pending, prior temporary, prior pending."""
    found: list[Stay] = []
    places: tuple[tuple[Segment | None, int, Any, bool | None], ...] = (
        (segment, 11, "active", True), (segment, 42, "reserved", None), (segment, 43, "completed", True),
        (more, 1, "planned", False),
    )  # fmt: skip
    for of, number, status, temporary in places:
        place = None if of is None else of.use(number, _location)
        if place is not None:
            found.append(Stay(location=place, status=status, temporary=temporary))
    return tuple(found)


def _status(segment: Segment, patient_class: Coding | None, ended: bool, event: str | None) -> str | None:
    """Return the status: finished at discharge, else by the trigger event, else by the class of the patient."""
    if ended:
        return "finished"
    known = map_code("Event[EncounterStatus]", event)
    if known is None or known.code == "unknown":
        known = map_code("PatientClass[EncounterStatus]", None if patient_class is None else patient_class.code)
    return None if known is None else known.code


def _visit_numbers(segment: Segment) -> tuple[Identifier, ...]:
    """Map PV1-19, which the guide types as a visit number, and PV1-50."""
    found = segment.use(19, decode_identifiers) or ()
    number = Concept(codings=(Coding(system=systems.v2_table("0203"), code="VN"),), text="visit number")
    typed = tuple(one if one.type is not None else one.replace(type=number) for one in found)
    return typed + (segment.use(50, decode_identifiers) or ())


def _length(segment: Segment) -> Quantity | None:
    """Map PV2-11: the length of the stay in days."""
    raw = segment.raw(11)
    if not (raw.isascii() and raw.isdigit() and len(raw) < 10):
        return None
    days = Number.from_text(segment.strike(11))
    return Quantity(**days.model_dump(exclude_defaults=True), unit="d", native_unit=_DAYS)


def _details(segment: Segment | None) -> dict[str, Any]:
    """Map PV2."""
    if segment is None:
        return {}
    return {
        "reason": segment.use(3, _concepts) or (),
        "length": _length(segment),
        "description": segment.text(12),
        "priority": segment.use(25, decode_concept),
        "arrival": segment.use(38, _coding),
        "protection": segment.use(22, _coding),
        "parties": segment.use(23, _clinics) or (),
    }


def encounter(unit: Unit, segment: Segment, more: Segment | None = None, event: str | None = None) -> Encounter:
    """Map PV1 and PV2.

    Parameters
    ----------
    unit : Unit
        The message.
    segment, more : Segment
        PV1, and PV2 where there is one.
    event : str, optional
        Trigger event (MSH-9.2).
    """
    known = identity(decode_identifiers(segment.raw(19), segment.syntax).value if segment.raw(19) else ())
    key = known if known is not None else (ADAPTER, unit.digest, segment.path)
    start, end = segment.use(44, decode_stated), segment.use(45, decode_stated)
    patient_class = segment.use(2, _class)
    people = actors(segment, _ACTORS) + (() if more is None else actors(more, _REFERRAL))
    facts = _details(more)
    stays = _stays(segment, more)
    return Encounter.of_valid({
        "id": record_id("encounter", unit.subject, *key),
        "provenance": unit.provenance(segment),
        "subject": unit.subject,
        "identifiers": _visit_numbers(segment),
        "status": _status(segment, patient_class, end is not None, event),
        "patient_class": patient_class,
        "location": segment.use(3, _location),
        "admission_type": segment.use(4, decode_concept),
        "pre_admission": segment.use(5, _first),
        "prior_location": segment.use(6, _location),
        "stays": stays,
        "service": segment.use(10, decode_concept),
        "readmission": segment.use(13, decode_concept),
        "admit_source": segment.use(14, decode_concept),
        "arrangements": segment.use(15, _concepts) or (),
        "courtesies": segment.use(16, _concepts) or (),
        "disposition": segment.use(36, decode_concept),
        "destination": segment.use(37, _discharged),
        "diets": segment.use(38, _concepts) or (),
        "episodes": segment.use(54, decode_identifiers) or (),
        "period": None if start is end is None else Interval(start=start, end=end),
        "actors": tuple(map(_coded, people)),
        **facts,
        "extensions": segment.extensions() + (() if more is None else more.extensions()),
    })  # fmt: skip
