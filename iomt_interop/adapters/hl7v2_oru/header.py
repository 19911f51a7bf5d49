"""MSH, PID, PV1: the message, the person, the stay."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from ...model import Actor, Encounter, Identifier, Instant, Interval, Message, Subject, record_id
from .codes import coded, decode_concept, decode_topic, table_coding
from .ledger import NULL, Node, decoder
from .people import Persons, actors, address, cx, each, ei, hd_identifier, location, name, persons, telecom, universal
from .tables import PROCESSING
from .times import decode_message, decode_stated
from .unit import ADAPTER, HTEST, NAMESPACE, Segment, Unit, extension

__all__ = ["encounter", "eui64", "is_identified", "message", "plain_subject_id", "sender", "subject"]

_EUI64: Final = re.compile(r"[0-9A-F]{16}", re.IGNORECASE)
_STANDARD_DELIMITERS: Final = ("|", "^~\\&")

_identifiers = decoder(lambda field: each(field, cx))
_names = decoder(lambda field: each(field, name))
_addresses = decoder(lambda field: each(field, address))
_telecoms = decoder(lambda field: each(field, telecom))
_concepts = decoder(coded)
_profiles = decoder(lambda field: each(field, ei), cache=64)
_application = decoder(lambda field: hd_identifier(field[1]), cache=256)
_location = decoder(lambda field: location(field[1]))
_sex = decoder(lambda field: table_coding(field[1], "0001"), cache=64)
_class = decoder(lambda field: table_coding(field[1], "0004"), cache=64)
_character_sets = decoder(lambda field: tuple(text for part in field.children if (text := part.take()) is not None))


_message_type = decoder(lambda field: field.take_raw())


def eui64(text: str | None) -> str | None:
    """Return an EUI-64 as 16 upper-case hexadecimal digits, ``None`` when the text is none."""
    plain = (text or "").replace("-", "").replace(":", "")
    return plain.upper() if _EUI64.fullmatch(plain) else None


def sender(segment: Segment) -> tuple[str | None, str | None]:
    """Return EUI-64 and name of the sending application; the EUI-64 stands in MSH-3.2, or in front of its type."""
    field = Node(segment.raw(3), segment.syntax)[1]
    first, second, third = (field[number].peek() for number in (1, 2, 3))
    stated = "EUI-64" in (second, third) or "EUI64" in (second, third)
    if stated and eui64(second):
        return eui64(second), first
    if stated and eui64(first):
        return eui64(first), None
    return None, first


def is_identified(segment: Segment) -> bool:
    """Tell whether PID names a person by an identifier."""
    return bool(segment.raw(3)) and identity(_identifiers(segment.raw(3), segment.syntax).value) is not None


def message(unit: Unit, segment: Segment) -> Message:
    """Map MSH."""
    provenance = unit.provenance(segment)
    if provenance.span is not None:
        # The message is all of it, to the end of its last line.
        provenance = provenance.replace(span=(provenance.span[0], unit.base + len(unit.raw)))
    if (segment.raw(1), segment.raw(2)) == _STANDARD_DELIMITERS:
        segment.fields[1:3] = ["", ""]
    kept = [extension(f"{segment.path}-{n}", segment.strike(n)) for n in (1, 2)]
    processing = segment.raw(11)
    return Message(
        id=record_id("message", ADAPTER, unit.digest),
        provenance=provenance,
        subject=unit.subject,
        protocol=NAMESPACE,
        sent=segment.use(7, decode_message),
        sender=_party(segment, 3, "sender"),
        receiver=_party(segment, 5, "receiver"),
        type=segment.use(9, _message_type),
        control_id=segment.text(10),
        processing=PROCESSING[segment.strike(11)] if processing in PROCESSING else None,
        version=segment.text(12),
        character_set=segment.use(18, _character_sets) or (),
        language=segment.use(19, decode_topic),
        profiles=segment.use(21, _profiles) or (),
        extensions=tuple(e for e in kept if e.value) + segment.extensions(),
        labels=(HTEST,) if unit.mode is not None else (),
    )


def _party(segment: Segment, number: int, role: str) -> Actor | None:
    """Map an application and the facility behind it."""
    application = segment.use(number, _application)
    facility = segment.text(number + 1)
    if application is None and facility is None:
        return None
    return Actor(role=role, identifiers=() if application is None else (application,), organization=facility)


def identity(identifiers: tuple[Identifier, ...]) -> tuple[str | None, ...] | None:
    """Return what makes a person the same in every message: the first identifier that has a value."""
    for found in identifiers:
        if found.value is not None:
            code = found.type.codings[0].code if found.type is not None else None
            return (found.system or found.authority, code, found.value)
    return None


def plain_subject_id(raw: str) -> str | None:
    """Return the id of the subject of a PID-3 in standard delimiters, ``None`` where it takes more than a split."""
    if "\\" in raw or NULL in raw:
        return None
    value, _, _, authority, code = ([*raw.partition("~")[0].split("^"), "", "", "", ""])[:5]
    if not value or "&" in value or "&" in code:
        return None
    return record_id("subject", _system(authority), code or None, value)


@lru_cache(256)
def _system(authority: str) -> str | None:
    namespace, identifier, kind = ([*authority.split("&"), "", ""])[:3]
    return universal(identifier or None, kind or None) or namespace or None


def subject(unit: Unit, segment: Segment, comments: Sequence[Segment] = ()) -> Subject:
    """Map PID; comments about the person stay extensions.

    A person without any identifier is a subject of this message alone, of confidence ``unknown``, so that it can
    never be taken for somebody else; demo and test messages get a subject of their own as well.
    """
    identifiers = segment.use(3, _identifiers) or ()
    known = identity(identifiers)
    excluded = unit.mode if unit.exclude else None
    key = known if known is not None else (ADAPTER, unit.digest, segment.path)
    return Subject(
        id=record_id("subject", *key) if excluded is None else record_id("subject", excluded, *key),
        provenance=unit.provenance(segment),
        identifiers=identifiers,
        names=segment.use(5, _names) or (),
        birth_date=segment.use(7, decode_stated),
        sex=segment.use(8, _sex),
        race=segment.use(10, _concepts) or (),
        addresses=segment.use(11, _addresses) or (),
        telecoms=segment.use(13, _telecoms) or (),
        languages=segment.use(15, _concepts) or (),
        marital_status=segment.use(16, decode_concept),
        ethnicity=segment.use(22, _concepts) or (),
        deceased=_deceased(segment),
        confidence=excluded or ("unknown" if known is None else "certain"),
        labels=(HTEST,) if unit.mode is not None else (),
        extensions=sum((comment.extensions() for comment in comments), segment.extensions()),
    )


def _deceased(segment: Segment) -> Instant | bool | None:
    """Map PID-29, else PID-30; a flag beside a time stays an extension."""
    when = segment.use(29, decode_stated)
    if when is not None:
        return when
    flag = segment.raw(30)
    if flag in ("Y", "N"):
        segment.strike(30)
        return flag == "Y"
    return None


_ACTORS: Final[Persons] = tuple(
    (number, persons(role))
    for number, role in ((7, "attending"), (8, "referring"), (9, "consulting"), (17, "admitting"))
)


def encounter(unit: Unit, segment: Segment) -> Encounter:
    """Map PV1."""
    identifiers = segment.use(19, _identifiers) or ()
    known = identity(identifiers)
    key = known if known is not None else (ADAPTER, unit.digest, segment.path)
    start, end = segment.use(44, decode_stated), segment.use(45, decode_stated)
    return Encounter(
        id=record_id("encounter", unit.subject, *key),
        provenance=unit.provenance(segment),
        subject=unit.subject,
        identifiers=identifiers,
        patient_class=segment.use(2, _class),
        location=segment.use(3, _location),
        admission_type=segment.use(4, decode_concept),
        prior_location=segment.use(6, _location),
        service=segment.use(10, decode_topic),
        period=None if start is end is None else Interval(start=start, end=end),
        actors=actors(segment, _ACTORS),
        extensions=segment.extensions(),
    )
