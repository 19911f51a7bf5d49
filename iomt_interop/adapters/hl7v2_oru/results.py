"""The fields of OBX beside the value: quality, status, method, time, performers; the same for all kinds of result."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final, Literal, NamedTuple, get_args

from ...model import Absent, Actor, Coding, Concept, Identifier, Organization, Quality, ReferenceRange
from ...model.observation import QualityFlag
from ...terminology import hl7tables, systems
from .codes import coded, concept, decode_topic, decode_unit
from .ledger import MAX_REMEMBERED, Node, Syntax, decoder
from .orders import decode_entities
from .people import Persons, address, each, organizations, persons
from .tables import ABSENT_BY_FLAG, FLAGS, METHODS, TEST_MODES
from .times import decode_stated
from .unit import Mode, Segment
from .values import reference_range

__all__ = ["Method", "Purpose", "Verdict", "absence", "decode_method", "decode_verdict", "details", "limits"]

Purpose = Literal["reference", "alarm", "technical", "unknown"]

_ORDER: Final[tuple[QualityFlag, ...]] = get_args(QualityFlag)


class Verdict(NamedTuple):
    """What OBX-8 says."""

    quality: Quality | None
    interpretation: tuple[Concept, ...]
    mode: Mode | None


class Method(NamedTuple):
    """What OBX-17 says."""

    concepts: tuple[Concept, ...]
    facts: dict[str, str]
    """Category, derivation, availability (see :data:`~.tables.METHODS`)."""


def _verdict(field: Node) -> Verdict:
    flags: set[QualityFlag] = set()
    native: list[str] = []
    judgements: list[Concept] = []
    for part in field.children:
        flag = FLAGS.get(part.raw)
        if flag is not None:
            flags.add(flag)
            native.append(part.take_raw())
        if flag is None or part.raw in hl7tables.INTERPRETATION:
            judgement = concept(part)
            if judgement is not None:
                judgements.append(_in_table(judgement))
    modes = [TEST_MODES[flag] for flag in TEST_MODES if flag in flags]
    quality = Quality(
        flags=tuple(sorted(flags, key=_ORDER.index)), native=tuple(native), mode=modes[0] if modes else None
    )
    return Verdict(quality if native else None, tuple(judgements), modes[0] if modes else None)


def _in_table(judgement: Concept) -> Concept:
    """OBX-8 is bound to table 0078; a bare code of it gets the table's system."""
    first = judgement.codings[0] if judgement.codings else None
    if first is None or first.system or first.native_system or first.code not in hl7tables.INTERPRETATION:
        return judgement
    return judgement.replace(codings=(first.replace(system=systems.v2_table("0078")), *judgement.codings[1:]))


def _method(field: Node) -> Method:
    concepts = coded(field)
    facts: dict[str, str] = {}
    for found in (c for whole in concepts for c in whole.codings):
        for name in (found.code, found.refid, found.display):
            facts |= METHODS.get(name or "", {})
    return Method(concepts, facts)


def _producer(node: Node) -> Actor | None:
    value, title, system = node[1].take(), node[2].take(), node[3].take()
    if value is title is system is None:
        return None
    identifiers = () if value is system is None else (Identifier(value=value, authority=system),)
    return Actor(role="producer", party="organization", organization=title, identifiers=identifiers)


decode_verdict = decoder(_verdict, cache=1024)
decode_method = decoder(_method, cache=256)

_PERFORMERS: Final[Persons] = (
    (15, decoder(lambda field: each(field, _producer))),
    (16, persons("responsible-observer")),
    (23, organizations("performing-organization")),
    (25, persons("medical-director")),
)
_FILLER: Final = Concept(codings=(Coding(system=systems.v2_table("0203"), code="FILL"),))
"""Type of OBX-21 (v2-to-FHIR guide, OBX-21)."""
_addresses = decoder(lambda field: each(field, address))
_FUNCTIONS: Final = {
    "responsible-observer": (
        "http://terminology.hl7.org/CodeSystem/practitioner-role", "responsibleObserver",
    ),
    "medical-director": (systems.v2_table("0912"), "MDIR"),
}  # fmt: skip
"""What an actor did, as a code (v2-to-FHIR guide, OBX-16 and OBX-25)."""


def _performers(segment: Segment) -> tuple[Actor, ...]:
    """Map who made the result; the medical director speaks for the performing organisation (OBX-23 to OBX-25)."""
    found = [actor for n, decode in _PERFORMERS for actor in segment.use(n, decode) or ()]
    places = segment.use(24, _addresses) or ()
    unit = next((actor for actor in found if actor.role == "performing-organization"), None)
    if places and unit is None:
        unit = Actor(role="performing-organization", party="organization")
        found.append(unit)
    made: list[Actor] = []
    director = any(actor.role == "medical-director" for actor in found)
    for actor in found:
        changes: dict[str, Any] = {}
        if actor is unit and not director:
            changes["addresses"] = places
        elif actor is unit:
            continue
        if actor.role in _FUNCTIONS:
            system, code = _FUNCTIONS[actor.role]
            changes["code"] = Concept(codings=(Coding(system=system, code=code),))
        if actor.role == "medical-director" and unit is not None:
            changes["behalf"] = Organization(name=unit.organization, identifiers=unit.identifiers, addresses=places)
        made.append(actor.replace(**changes) if changes else actor)
    return tuple(made)


def details(segment: Segment) -> dict[str, Any]:
    """Map the fields behind OBX-14 that most devices leave out."""
    if not any(segment.fields[15:]):
        return {}
    found = {
        "performers": _performers(segment),
        "analysed": segment.use(19, decode_stated),
        "body_site": segment.use(20, decode_topic),
        "identifiers": tuple(
            one if one.type is not None else one.replace(type=_FILLER) for one in segment.use(21, decode_entities) or ()
        ),
    }
    return {name: value for name, value in found.items() if value}


@lru_cache(1024)
def _limits(raw: str, unit: str, syntax: Syntax, purpose: Purpose) -> ReferenceRange:
    known = decode_unit(unit, syntax).value
    return ReferenceRange(range=reference_range(raw, known), purpose=purpose)


def limits(segment: Segment, unit: str, purpose: Purpose) -> tuple[ReferenceRange, ...]:
    """Map OBX-7: the alarm limits of a device metric, the reference range of any other result."""
    raw = segment.strike(7)
    read = _limits if len(raw) + len(unit) <= MAX_REMEMBERED else _limits.__wrapped__
    return (read(raw, unit, segment.syntax, purpose),) if raw else ()


def absence(quality: Quality | None) -> Absent | None:
    """Return why there is no value, where a flag says so."""
    if quality is not None:
        for flag, reason in ABSENT_BY_FLAG.items():
            if flag in quality.flags:
                return Absent(reason=reason)
    return None
