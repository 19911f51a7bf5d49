"""PRT and ROL of clinical messages: who, what and where took part in what the segment before tells.

v2-to-FHIR guide, PRT[PractitionerRole], PRT[RelatedPerson], PRT[Device], ROL[Patient-GeneralPractitioner] and
ROL[Encounter-PractitionerRole]. They come after the records of their owners, so that these are looked up and completed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ...model import Actor, Device, Interval, Organization, RelatedPerson, Udi
from .codes import decode_concept
from .ledger import decoder
from .people import address, each, location, organization, persons, telecom
from .times import decode_stated
from .unit import Segment, Unit

__all__ = ["Taking", "took_part"]

_units = decoder(lambda field: each(field, organization))
_places = decoder(lambda field: each(field, location))
_addresses = decoder(lambda field: each(field, address))
_telecoms = decoder(lambda field: each(field, telecom))
_carriers = decoder(lambda field: tuple(t for part in field.children if (t := part[1].take()) is not None))
_people = persons("participant")
_PRIMARY: Final = "PP"
_REQUESTER: Final = "OP"
_INTERPRETER: Final = "PRI"
"""Codes of HL7 table 0443: primary care provider, ordering provider, principal result interpreter."""
_DELETED: Final = frozenset({"D", "DE", "UN"})
"""Action codes that take a party away (HL7 tables 0206 and 0287)."""


@dataclass(frozen=True, slots=True)
class _Fields:
    """Where a segment says what about a party."""

    role: int
    person: int
    start: int
    end: int
    address: int
    phone: int
    place: int
    unit: int


_FIELDS: Final = {"PRT": _Fields(4, 5, 11, 12, 14, 15, 9, 8), "ROL": _Fields(3, 4, 5, 6, 11, 12, 13, 14)}
_DEVICE: Final = (10, *range(16, 23))
"""Fields of PRT that are of a device."""


@dataclass(slots=True)
class Taking:
    """One PRT or ROL, and the segment that it stands behind."""

    owner: Segment
    segment: Segment


def _parties(segment: Segment) -> tuple[Actor, ...]:
    """Map persons, and the organisation, place and addresses by which they act; one actor where nobody is named."""
    at = _FIELDS[segment.name]
    role = segment.use(at.role, decode_concept)
    people = segment.use(at.person, _people) or ()
    units = segment.use(at.unit, _units) or ()
    start, end = segment.use(at.start, decode_stated), segment.use(at.end, decode_stated)
    facts: dict[str, Any] = {
        "code": role,
        "places": segment.use(at.place, _places) or (),
        "addresses": segment.use(at.address, _addresses) or (),
        "telecoms": segment.use(at.phone, _telecoms) or (),
        "start": None if start is None else start.value,
        "end": None if end is None else end.value,
    }
    known = {name: value for name, value in facts.items() if value}
    whose = _acting_for(units)
    if people:
        return tuple(one.replace(**whose, **known) for one in people)
    if units and "places" not in known:
        return tuple(
            Actor(role="participant", party="organization", organization=one.name, identifiers=one.identifiers, **known)
            for one in units
        )
    if units or known.keys() - {"code"}:
        return (Actor(role="participant", party="person", **whose, **known),)
    return ()


def _acting_for(units: tuple[Organization, ...]) -> dict[str, Any]:
    """Return for whom a person acts: the first organisation, by its name where nothing else is known."""
    if not units:
        return {}
    plain = units[0] == Organization(name=units[0].name)
    return {"organization": units[0].name} if plain else {"behalf": units[0]}


def _code(segment: Segment) -> str | None:
    """Look at the code of what the party did."""
    raw = segment.raw(_FIELDS[segment.name].role)
    concept = decode_concept(raw, segment.syntax).value if raw else None
    return concept.codings[0].code if concept is not None and concept.codings else None


def _device(unit: Unit, segment: Segment) -> Device | None:
    """Map PRT-10 and PRT-16 to PRT-22: a device that is told apart by the parts of its UDI (PRT[Device])."""
    if segment.name != "PRT" or not any(segment.raw(number) for number in _DEVICE):
        return None
    return Device(
        id=unit.id("device", segment),
        provenance=unit.provenance(segment),
        subject=unit.subject,
        udi=tuple(Udi(device_identifier=one) for number in (10, 16) for one in segment.use(number, _carriers) or ()),
        manufactured=segment.use(17, decode_stated),
        expires=segment.use(18, decode_stated),
        lot=segment.text(19),
        serial=segment.text(20),
        donation=segment.text(21),
        type=segment.use(22, decode_concept),
    )


def _relation(unit: Unit, segment: Segment) -> RelatedPerson:
    """Map somebody who has to do with the person, and cares for nobody (PRT[RelatedPerson], ROL[RelatedPerson])."""
    at = _FIELDS[segment.name]
    role = segment.use(at.role, decode_concept)
    people = segment.use(at.person, _people) or ()
    start, end = segment.use(at.start, decode_stated), segment.use(at.end, decode_stated)
    return RelatedPerson(
        id=unit.id("related_person", segment),
        provenance=unit.provenance(segment),
        subject=unit.subject,
        relationships=() if role is None else (role,),
        identifiers=tuple(number for one in people for number in one.identifiers),
        names=tuple(name for one in people for name in one.names),
        addresses=segment.use(at.address, _addresses) or (),
        telecoms=segment.use(at.phone, _telecoms) or (),
        period=None if start is end is None else Interval(start=start, end=end),
        extensions=segment.extensions(),
    )


# ---- Owners


def _reported(record: Any, segment: Segment) -> dict[str, Any]:
    """Complete the report: who interpreted it, and who else took part."""
    role = "interpreter" if _code(segment) == _INTERPRETER else "participant"
    return {"actors": (*record.actors, *(one.replace(role=role) for one in _parties(segment)))}


def _asked(record: Any, segment: Segment) -> dict[str, Any]:
    """Complete the request: who asked for it where nobody is named yet, else who is to do it."""
    actors = _parties(segment)
    if segment.name == "PRT" and record.requester is None and actors and _is(actors[0], _REQUESTER):
        return {
            "requester": actors[0].replace(role="ordering-provider"),
            "performers": (*record.performers, *actors[1:]),
        }
    return {"performers": (*record.performers, *actors)}


def _is(actor: Actor, code: str) -> bool:
    return actor.code is not None and any(one.code == code for one in actor.code.codings)


def _observed(record: Any, segment: Segment) -> dict[str, Any]:
    """Complete the observation: who made it."""
    return {"performers": (*record.performers, *_parties(segment))}


def _visited(record: Any, segment: Segment) -> dict[str, Any]:
    return {"actors": (*record.actors, *_parties(segment))}


def _cared(record: Any, segment: Segment) -> dict[str, Any]:
    return {"practitioners": (*record.practitioners, *_parties(segment))}


_OWNERS: Final = {
    "PID": "subject", "PD1": "subject", "PV1": "encounter", "PV2": "encounter", "OBX": "observation",
    "PR1": "procedure",
}  # fmt: skip
_COMPLETE: Final[dict[str, Callable[[Any, Segment], dict[str, Any]]]] = {
    "subject": _cared,
    "encounter": _visited,
    "request": _asked,
    "order": _reported,
    "observation": _observed,
    "procedure": _visited,
}


def _kind(segment: Segment, owner: str, known: set[str]) -> str | None:
    """Return the kind of record that the segment completes, of those that its owner became."""
    if owner == "OBR":
        asks = _code(segment) == _REQUESTER or "order" not in known
        return "request" if asks and "request" in known else "order" if "order" in known else None
    kind = _OWNERS.get(owner)
    return kind if kind in known else None


def took_part(unit: Unit, found: Sequence[Taking], reports: Mapping[int, Segment | None]) -> None:
    """Complete the records of a patient by those who took part.

    What names a party of a segment that became no record is kept verbatim; so is one whose action code says that the
    party took no part after all (PRT-2, ROL-2).

    Parameters
    ----------
    unit : Unit
        The message.
    found : sequence of Taking
        The segments.
    reports : mapping
        OBR of each ORC, by its identity.
    """
    if not found:
        return
    places: dict[tuple[str, str | None], int] = {(one.kind, one.id): at for at, one in enumerate(unit.records)}
    for taking in found:
        owner, segment = reports.get(id(taking.owner)) or taking.owner, taking.segment
        ids = {
            "subject": unit.subject, "encounter": unit.encounter,
            **{kind: unit.id(kind, owner) for kind in ("request", "order", "observation", "procedure")},
        }  # fmt: skip
        kind = _kind(segment, owner.name, {kind for kind, identity in ids.items() if (kind, identity) in places})
        if kind is None or segment.raw(2) in _DELETED:
            unit.residue(segment.span, segment.path, "ORU-301")
            continue
        if kind == "subject" and _code(segment) != _PRIMARY:
            unit.add(_relation(unit, segment))
            continue
        at = places[kind, ids[kind]]
        device = _device(unit, segment)
        record: Any = unit.records[at]
        changes = _COMPLETE[kind](record, segment)
        if device is not None:
            unit.add(device)
            if kind == "observation" and record.device is None:
                changes["device"] = device.id
        unit.records[at] = record.replace(**changes, extensions=record.extensions + segment.extensions())
