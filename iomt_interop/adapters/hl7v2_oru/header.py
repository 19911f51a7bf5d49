"""MSH, PID, PV1: the message, the person, the stay."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final, Literal

from ...model import (
    Actor,
    Coding,
    Concept,
    Device,
    Identifier,
    Instant,
    Message,
    Mould,
    Organization,
    Provenance,
    Subject,
    Telecom,
    record_id,
)
from ...terminology import systems
from .codes import coded, decode_concept, decode_topic, table_coding
from .ledger import MAX_REMEMBERED, NULL, Node, Syntax, decoder
from .orders import notes
from .people import address, cx, each, ei, hd_identifier, name, organization, organizations, persons, telecom, universal
from .tables import PROCESSING
from .times import decode_message, decode_stated
from .unit import ADAPTER, HTEST, NAMESPACE, VERSION, Segment, Unit, extension

__all__ = [
    "decode_facility", "decode_identifiers", "eui64", "identity", "is_identified", "message", "plain_subject_id",
    "read_facility", "sender", "subject",
]  # fmt: skip

_EUI64: Final = re.compile(r"[0-9A-F]{16}", re.IGNORECASE)
_STANDARD_DELIMITERS: Final = ("|", "^~\\&")

decode_identifiers = decoder(lambda field: each(field, cx))
_names = decoder(lambda field: each(field, name))
_addresses = decoder(lambda field: each(field, address))
_telecoms = decoder(lambda field: each(field, telecom))
_concepts = decoder(coded)
_profiles = decoder(lambda field: each(field, ei), cache=64)
_application = decoder(lambda field: hd_identifier(field[1]), cache=256)
_sex = decoder(lambda field: table_coding(field[1], "0001"))
_character_sets = decoder(
    lambda field: tuple(text for part in field.children if (text := part.take()) is not None), cache=64
)


_message_type = decoder(lambda field: field.take_raw(), cache=64)
_mode = decoder(lambda field: (field[1].text(1), field[1].text(2)), cache=64)
_responsible = decoder(lambda field: organization(field[1]))
_citizenship = decoder(coded)
_home = decoder(lambda field: each(field, lambda part: _use_of(part, "home")))
_work = decoder(lambda field: each(field, lambda part: _use_of(part, "work")))
_congregations = organizations("place-of-worship")
_whole = decoder(lambda field: field.take_whole())
_LINES: Final = ((13, _home), (14, _work), (40, _telecoms))
_UNIVERSAL: Final = systems.v2_table("0301")


def _use_of(node: Node, usual: Literal["home", "work"]) -> Telecom | None:
    """Read a number of a field whose definition says what it is for (v2-to-FHIR guide, PID-13, PID-14)."""
    found = telecom(node)
    return found.replace(use=usual) if found is not None and found.use is None and not node[2].raw else found


def _facility(node: Node) -> tuple[str | None, Organization | None]:
    """Read an HD that names an organisation: its name, and its universal id as an identifier (HD[Organization])."""
    title, value, kind = node.text(1), node.text(2), node.text(3)
    if value is None and kind is None:
        return title, None
    concept = None if kind is None else Concept(codings=(Coding(system=_UNIVERSAL, code=kind),))
    system = systems.URI if kind in ("ISO", "UUID") else None
    return title, Organization(identifiers=(Identifier(value=value, type=concept, system=system),))


read_facility = decoder(lambda field: _facility(field[1]))
decode_facility = decoder(lambda field: _facility(field[1]), cache=256)
"""As :data:`read_facility`, for senders and receivers, who come again with every message."""


def eui64(text: str | None) -> str | None:
    """Return an EUI-64 as 16 upper-case hexadecimal digits, ``None`` when the text is none."""
    plain = (text or "").replace("-", "").replace(":", "")
    return plain.upper() if _EUI64.fullmatch(plain) else None


def sender(segment: Segment) -> tuple[str | None, str | None]:
    """Return EUI-64 and name of the sending application; the EUI-64 stands in MSH-3.2, or in front of its type."""
    raw = segment.raw(3)
    return (_sender if len(raw) <= MAX_REMEMBERED else _sender.__wrapped__)(raw, segment.syntax)


@lru_cache(256)
def _sender(raw: str, syntax: Syntax) -> tuple[str | None, str | None]:
    field = Node(raw, syntax)[1]
    first, second, third = (field[number].peek() for number in (1, 2, 3))
    stated = "EUI-64" in (second, third) or "EUI64" in (second, third)
    if stated and eui64(second):
        return eui64(second), first
    if stated and eui64(first):
        return eui64(first), None
    return None, first


def is_identified(segment: Segment) -> bool:
    """Tell whether PID names a person by an identifier."""
    return bool(segment.raw(3)) and identity(decode_identifiers(segment.raw(3), segment.syntax).value) is not None


_MAX_MOULDS: Final = 256
_PLAIN: Final = re.compile(r"[0-9A-Za-z._:/-]{1,199}")
"""A control id that is written as it is; see also :func:`_is_marked`."""
_SENT, _CONTROL = 7, 10
_SENDER: Final = (1, 2, 3, 4, 5, 6, 9, 11, 12, 15, 16, 17, 18, 19, 21)
"""Fields that come again with every message of a sender; a header that fills any other is none of these."""
_OTHERS: Final = (8, 13, 14, 20, 22, 23, 24, 25)
_ACCEPTED: Final = frozenset({"", "AL", "NE", "ER", "SU"})
"""HL7 table 0155."""
_ORIGIN: Final = Mould(Provenance(adapter=ADAPTER, version=VERSION, digest=None, span=None, path=None, clause=None))
_NOTHING: Final = {"id": "", "provenance": _ORIGIN.record, "subject": None, "sent": None, "control_id": None}
"""What is not kept of a header."""
_moulds: Final[dict[tuple[Any, ...], Mould[Message]]] = {}
"""What the header of a sender says but for these: who sends, to whom, and what for; never of which patient."""


def message(unit: Unit, segment: Segment, software: Device | None = None, answer: Segment | None = None) -> Message:
    """Map MSH; the software of SFT is the sender's. MSA tells which message this one answers (MSA[MessageHeader])."""
    fields = segment.fields
    sent = decode_message(fields[_SENT], segment.syntax) if fields[_SENT] else None
    alone = software is None and answer is None and unit.mode is None and not segment.has_kept
    if not alone or sent is None or sent.rest or not _is_usual(segment):
        return _message(unit, segment, software, answer)
    same = tuple(fields[number] for number in _SENDER)
    key = (segment.syntax, same)
    mould = _moulds.get(key)
    if mould is not None:
        base, stop = unit.base, unit.base + len(unit.raw)
        place = {"digest": unit.digest, "span": (base + segment.span[0], stop), "path": segment.path}
        return mould.cast({
            "id": record_id("message", ADAPTER, unit.digest), "provenance": _ORIGIN.cast(place),
            "subject": unit.subject, "sent": sent.value, "control_id": fields[_CONTROL],
        })  # fmt: skip
    found = _message(unit, segment, None, None)
    if sum(map(len, same)) <= MAX_REMEMBERED:
        if len(_moulds) >= _MAX_MOULDS:
            _moulds.clear()
        _moulds[key] = Mould(found, _NOTHING)
    return found


def _is_usual(segment: Segment) -> bool:
    """Tell whether a header has a plain number, and no more fields than those that come again."""
    fields, control = segment.fields, segment.fields[_CONTROL]
    if any(fields[number] for number in _OTHERS) or any(fields[26:]):
        return False
    if fields[15] not in _ACCEPTED or fields[16] not in _ACCEPTED:
        return False
    return _PLAIN.fullmatch(control) is not None and not _is_marked(control, segment.syntax)


def _is_marked(text: str, syntax: Syntax) -> bool:
    """Tell whether one of the message's own delimiters stands in a text."""
    return any(mark and mark in text for mark in syntax[1:5])


def _message(unit: Unit, segment: Segment, software: Device | None, answer: Segment | None) -> Message:
    provenance = unit.provenance(segment)
    if provenance.span is not None:
        # The message is all of it, to the end of its last line.
        provenance = provenance.replace(span=(provenance.span[0], unit.base + len(unit.raw)))
    if (segment.raw(1), segment.raw(2)) == _STANDARD_DELIMITERS:
        segment.fields[1:3] = ["", ""]
    kept = [extension(f"{segment.path}-{n}", segment.strike(n)) for n in (1, 2)]
    processing, mode = segment.use(11, _mode) or (None, None)
    if processing is not None and processing not in PROCESSING:
        segment.keep(11, [("", processing)])
    return Message.of_valid({
        "id": record_id("message", ADAPTER, unit.digest),
        "provenance": provenance,
        "subject": unit.subject,
        "protocol": NAMESPACE,
        "sent": segment.use(7, decode_message),
        "sender": _party(segment, 3, 4, "sender"),
        "receiver": _party(segment, 5, 6, "receiver"),
        "receivers": _receivers(segment),
        "responsible": _responsible_actor(segment, 22, "responsible"),
        "sender_address": segment.use(24, _application),
        "type": segment.use(9, _message_type),
        "control_id": segment.text(10),
        "answer": None if answer is None else answer.text(1),
        "answer_to": None if answer is None else answer.text(2),
        "processing": PROCESSING.get(processing or ""),
        "mode": mode,
        "security": segment.text(8),
        "country": segment.text(17),
        "software": software.names[0] if software is not None and software.names else None,
        "software_version": software.versions[0].value if software is not None and software.versions else None,
        "version": segment.text(12),
        "character_set": segment.use(18, _character_sets) or (),
        "language": segment.use(19, decode_topic),
        "profiles": segment.use(21, _profiles) or (),
        "extensions": tuple(e for e in kept if e.value)
        + segment.extensions()
        + (() if answer is None else answer.extensions()),
        "labels": (HTEST,) if unit.mode is not None else (),
    })  # fmt: skip


def _party(segment: Segment, number: int, place: int, role: str) -> Actor | None:
    """Map an application and the facility behind it."""
    application = segment.use(number, _application)
    title, behalf = segment.use(place, decode_facility) or (None, None)
    if application is None and title is None and behalf is None:
        return None
    known = () if application is None else (application,)
    return Actor(role=role, identifiers=known, organization=title, behalf=behalf)


def _responsible_actor(segment: Segment, number: int, role: str) -> Actor | None:
    found = segment.use(number, _responsible)
    if found is None:
        return None
    return Actor(role=role, party="organization", organization=found.name, identifiers=found.identifiers)


def _receivers(segment: Segment) -> tuple[Actor, ...]:
    """Map MSH-25 and MSH-23: a further address, and the organisation that is to answer for the message there.

    Both are of one destination (MSH[MessageHeader], ``destination[1]``).
    """
    network, unit = segment.use(25, _application), segment.use(23, _responsible)
    if network is None and unit is None:
        return ()
    role = "receiving-organization" if network is None else "receiving-network"
    return (Actor(role=role, identifiers=() if network is None else (network,), behalf=unit),)


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


def subject(unit: Unit, segment: Segment, comments: Sequence[Segment] = (), more: Segment | None = None) -> Subject:
    """Map PID and PD1, and the comments about the person.

    A person without any identifier is a subject of this message alone, of confidence ``unknown``, so that it can
    never be taken for somebody else; demo and test messages get a subject of their own as well.
    """
    identifiers = segment.use(3, decode_identifiers) or ()
    known = identity(identifiers)
    excluded = unit.mode if unit.exclude else None
    key = known if known is not None else (ADAPTER, unit.digest, segment.path)
    numbers = sum((segment.use(n, decode_identifiers) or () for n in (2, 4)), ())
    twins = segment.text(24)
    kept = [] if twins in ("Y", "N", None) else [extension(f"{segment.path}-24", twins)]
    texts, rest = notes(comments) if comments else ((), ())
    return Subject.of_valid({
        "id": record_id("subject", *key) if excluded is None else record_id("subject", excluded, *key),
        "provenance": unit.provenance(segment),
        "identifiers": identifiers + numbers + _numbers(segment),
        "names": (segment.use(5, _names) or ()) + (segment.use(9, _names) or ()),
        "maiden_names": segment.use(6, _names) or (),
        "birth_date": segment.use(7, decode_stated),
        "sex": segment.use(8, _sex),
        "race": segment.use(10, _concepts) or (),
        "addresses": segment.use(11, _addresses) or (),
        "telecoms": sum((segment.use(n, decode) or () for n, decode in _LINES), ()),
        "languages": segment.use(15, _concepts) or (),
        "marital_status": segment.use(16, decode_concept),
        "religion": segment.use(17, decode_concept),
        "ethnicity": segment.use(22, _concepts) or (),
        "birth_place": segment.use(23, _whole),
        "multiple_birth": None if twins not in ("Y", "N") else twins == "Y",
        "birth_order": _order(segment),
        "citizenships": (segment.use(26, _citizenship) or ()) + (segment.use(39, _citizenship) or ()),
        "nationality": segment.use(28, decode_concept),
        "species": segment.use(35, decode_concept),
        "breed": segment.use(36, decode_concept),
        "deceased": _deceased(segment),
        "confidence": excluded or ("unknown" if known is None else "certain"),
        "labels": (HTEST,) if unit.mode is not None else (),
        **({} if more is None else _more(more)),
        **({"notes": texts} if texts else {}),
        "extensions": segment.extensions() + tuple(kept) + rest + (() if more is None else more.extensions()),
    })  # fmt: skip


_SSN: Final = "http://hl7.org/fhir/sid/us-ssn"


def _numbers(segment: Segment) -> tuple[Identifier, ...]:
    """Map PID-19 and PID-20: numbers of social security and of a driver's licence."""
    found = []
    security = segment.text(19)
    if security is not None:
        concept = Concept(codings=(Coding(system=systems.v2_table("0203"), code="SS"),))
        found.append(Identifier(value=security, system=_SSN, type=concept))
    licence = segment.use(20, _licence)
    return (*found, *(() if licence is None else (licence,)))


def _read_licence(node: Node) -> Identifier | None:
    value = node.text(1)
    if value is None:
        return None
    concept = Concept(codings=(Coding(system=systems.v2_table("0203"), code="DL"),))
    return Identifier(value=value, authority=node.text(2), type=concept)


_licence = decoder(lambda field: _read_licence(field[1]))


def _order(segment: Segment) -> int | None:
    """Map PID-25 where it is a small number as it should be written."""
    raw = segment.raw(25)
    if raw.isascii() and raw.isdigit() and len(raw) < 3 and str(int(raw)) == raw:
        return int(segment.strike(25))
    return None


def _more(segment: Segment) -> dict[str, Any]:
    """Map PD1: general practitioners, handicap, congregation, other records of the same person."""
    units, worship = segment.use(3, _primary) or (), segment.use(14, _congregations) or ()
    return {
        "practitioners": units + (segment.use(4, _doctors) or ()),
        "disability": segment.use(6, decode_concept),
        "duplicates": segment.use(10, decode_identifiers) or (),
        "congregations": tuple(text for one in worship if (text := _called(one)) is not None),
        "parties": tuple(one for one in worship if one.identifiers),
    }


def _called(unit: Actor) -> str | None:
    """Return what an organisation is called: its name, else its number (XON[string])."""
    return unit.organization or (unit.identifiers[0].value if unit.identifiers else None)


_primary = organizations("primary-facility")
_doctors = persons("primary-care-provider")


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
