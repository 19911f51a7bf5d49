"""MSH, PID, PV1, ORC, OBR and NTE."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from ...model import Actor, Concept, Encounter, Identifier, Instant, Interval, Message, Note, Order, Subject
from ...model.time import Time
from ...terminology import systems
from ...wire.hl7v2.compose import components, leaf, repetitions, segment, subcomponents
from .datatypes import Lost, coded, concept_list, cx, ei, person, pl, table_code, unsaid, xad, xpn, xtn
from .keeping import NAMESPACE, restore
from .tables import MONITORING, PROCESSING_CODES

__all__ = ["APPLICATION", "encounter", "header", "notes", "order", "subject"]

APPLICATION: Final = "IOMT_INTEROP"
"""MSH-3 and assigning authority of what the source gave no name."""

NAMELESS: Final = "^^^^^^U"
"""PID-5, which must be there, of a person who is not named (table 0200: unspecified)."""

Stamp = Callable[[Instant, str], str]
"""Writes an instant of the message; the path is for its losses."""

_ENCOUNTER_ACTORS: Final = {"attending": 7, "referring": 8, "consulting": 9, "admitting": 17}
_VISIT_LISTS: Final = {"arrangements": 15, "courtesies": 16, "diets": 38}
_VISIT_CODES: Final = {"readmission": 13, "admit_source": 14, "disposition": 36}
_ORDER_ACTORS: Final = {"collector": 10, "ordering-provider": 16, "copy-to": 28}


def _party(found: Actor | None, lost: Lost, path: str) -> tuple[str, str]:
    """Return application and facility of MSH-3 to MSH-6."""
    if found is None:
        return "", ""
    for name in unsaid(found, _SENDER):
        lost(f"{path}.{name}", "a sender is one application and one facility")
    known = found.identifiers[0] if found.identifiers else None
    behind = found.behalf.identifiers[:1] if found.behalf is not None else ()
    facility = components(leaf(found.organization), *(part for each in behind for part in _hd_id(each)))
    return _hd(known), facility


_SENDER: Final = frozenset({"role", "party", "identifiers", "organization", "behalf"})


def _hd_id(found: Identifier) -> tuple[str, str]:
    """Return universal id and type of a facility."""
    return leaf(found.authority_id or found.value), leaf(found.authority_id_type)


def _hd(found: Identifier | None) -> str:
    """Return a hierarchic designator; its universal id is the identifier's value."""
    if found is None:
        return ""
    kind = found.authority_id_type or _UNIVERSAL.get(found.system or "") or ("URI" if found.system else None)
    if found.value is None:
        return components(leaf(found.authority))
    if found.authority is None and kind is None:
        return components(leaf(found.value))
    return components(leaf(found.authority), leaf(found.value), leaf(kind))


_UNIVERSAL: Final = {systems.EUI64: "EUI-64"}


def header(
    source: Message | None,
    *,
    kind: str,
    profile: str | None,
    gateway: tuple[str | None, str | None],
    test: bool,
    lost: Lost,
    dropped: Callable[[], None],
) -> dict[int, str]:
    """Return the fields of MSH without its time and control id.

    Parameters
    ----------
    source : Message or None
        The header that the records came with.
    kind : str
        MSH-9.
    profile : str or None
        MSH-21 that says what the message is.
    gateway : tuple
        Name and EUI-64 of the sender, where the source has no header.
    test : bool
        Whether the message is of no patient.
    lost, dropped : callable
        Told of what has no place.
    """
    name, eui = gateway
    sender = components(leaf(name or APPLICATION), leaf(eui), "EUI-64" if eui else "")
    fields = {
        2: "^~\\&",
        3: sender,
        9: kind,
        11: "T" if test else "P",
        12: "2.6",
        15: "AL",
        16: "NE",
        18: "UNICODE UTF-8",
    }
    profiles: list[str] = []
    if source is not None:
        application, facility = _party(source.sender, lost, "sender")
        fields[3], fields[4] = application or sender, facility
        fields[5], fields[6] = _party(source.receiver, lost, "receiver")
        if source.processing is not None:
            fields[11] = PROCESSING_CODES[source.processing]
        fields[8], fields[17] = leaf(source.security), leaf(source.country)
        if source.language is not None:
            fields[19] = coded(source.language).text
        profiles = [ei(found) for found in source.profiles]
        restore("MSH", None, fields, source.extensions, dropped)
    if profile is not None and not any("IHE PCD" in known for known in profiles):
        profiles.insert(0, profile)
    fields[21] = repetitions(profiles)
    return fields


def subject(found: Subject | None, identity: str, stamp: Stamp, lost: Lost, dropped: Callable[[], None]) -> str:
    """Return PID; a person who is known by the record's id alone is named by it."""
    fields = {1: "1", 3: components(leaf(identity), "", "", APPLICATION, "PI")}
    if found is not None:
        if found.identifiers or found.confidence != "certain":
            fields[3] = repetitions(cx(each, lost, "identifiers") for each in found.identifiers)
        fields[5] = repetitions(xpn(each, lost, "names") for each in found.names)
        fields[7] = "" if found.birth_date is None else stamp(found.birth_date, "birth_date")
        fields[8] = table_code(found.sex, "0001", lost, "sex")
        fields[10] = concept_list(found.race, lost, "race")
        fields[11] = repetitions(xad(each, lost, "addresses") for each in found.addresses)
        work = [each for each in found.telecoms if each.use == "work"]
        home = [each for each in found.telecoms if each.use != "work"]
        fields[13], fields[14] = (repetitions(xtn(each, lost, "telecoms") for each in group) for group in (home, work))
        if any(each.use is None for each in home):
            lost("telecoms.use", "PID-13 is for numbers at home")
        _further(found, fields, lost)
        fields[15] = _single(found.languages, lost, "languages")
        fields[16] = _single([found.marital_status] if found.marital_status else [], lost, "marital_status")
        fields[22] = concept_list(found.ethnicity, lost, "ethnicity")
        if isinstance(found.deceased, Instant):
            fields[29] = stamp(found.deceased, "deceased")
            fields[30] = "Y"
        elif found.deceased is not None:
            fields[30] = "Y" if found.deceased else "N"
        if found.confidence in ("assumed", "ambiguous", "quality-control"):
            lost("confidence", "PID cannot say how sure the identity is")
        restore("PID", None, fields, found.extensions, dropped)
    fields[5] = fields.get(5) or NAMELESS
    return segment("PID", fields)


def _further(found: Subject, fields: dict[int, str], lost: Lost) -> None:
    """Put what PID says of a person beside name and address."""
    fields[6] = repetitions(xpn(each, lost, "maiden_names") for each in found.maiden_names)
    fields[17] = _single([found.religion] if found.religion else [], lost, "religion")
    fields[23] = leaf(found.birth_place)
    fields[24] = "" if found.multiple_birth is None else "Y" if found.multiple_birth else "N"
    fields[25] = "" if found.birth_order is None else str(found.birth_order)
    fields[26] = concept_list(found.citizenships, lost, "citizenships")
    fields[28] = _single([found.nationality] if found.nationality else [], lost, "nationality")


def _single(concepts: Sequence[Concept], lost: Lost, path: str) -> str:
    """Return the first concept of a field that does not repeat."""
    if len(concepts) > 1:
        lost(path, "the field does not repeat")
    return concept_list(concepts[:1], lost, path)


def _actors(found: Iterable[Actor], places: dict[str, int], fields: dict[int, str], lost: Lost) -> None:
    """Put persons into the fields of their roles."""
    for number in places.values():
        role = next(name for name, place in places.items() if place == number)
        fields[number] = repetitions(person(each, lost, "actors") for each in found if each.role == role)
    if any(each.role not in places for each in found):
        lost("actors", "no field for such a role")


def encounter(found: Encounter, stamp: Stamp, lost: Lost, dropped: Callable[[], None]) -> str:
    """Return PV1."""
    fields = {
        1: "1",
        2: table_code(found.patient_class, "0004", lost, "patient_class") or "U",
        3: pl(found.location, lost, "location"),
        4: _single([found.admission_type] if found.admission_type else [], lost, "admission_type"),
        6: pl(found.prior_location, lost, "prior_location"),
        10: _single([found.service] if found.service else [], lost, "service"),
        19: repetitions(cx(each, lost, "identifiers") for each in found.identifiers),
    }
    fields |= {number: concept_list(getattr(found, name), lost, name) for name, number in _VISIT_LISTS.items()}
    for name, number in _VISIT_CODES.items():
        known = getattr(found, name)
        fields[number] = "" if known is None else _single([known], lost, name)
    fields[5] = "" if found.pre_admission is None else cx(found.pre_admission, lost, "pre_admission")
    fields[54] = repetitions(cx(each, lost, "episodes") for each in found.episodes)
    if isinstance(found.period, Interval):
        for number, end in ((44, found.period.start), (45, found.period.end)):
            fields[number] = "" if end is None else stamp(end, "period")
    elif found.period is not None:
        lost("period", "a stay has a beginning and an end")
    _actors(found.actors, _ENCOUNTER_ACTORS, fields, lost)
    restore("PV1", None, fields, found.extensions, dropped)
    return segment("PV1", fields)


_SECTIONS: Final = systems.v2_table("0074")


def order(
    found: Order | None,
    number: int,
    identity: str,
    span: tuple[Instant | None, Instant | None],
    stamp: Stamp,
    lost: Lost,
    dropped: Callable[[], None],
) -> list[str]:
    """Return OBR, the ORC before it where the source had one, and its comments.

    Parameters
    ----------
    found : Order or None
        The order; without one the OBR says that somebody was monitored.
    number : int
        OBR-1.
    identity : str
        Filler number where nobody gave one.
    span : tuple
        Beginning and end of the results.
    """
    filler = components(identity[:20], APPLICATION)
    fields = {1: str(number), 2: filler, 3: filler, 4: MONITORING}
    start, end = span
    fields[7] = "" if start is None else stamp(start, "time")
    fields[8] = "" if end is None else stamp(end, "time")
    if found is None:
        return [segment("OBR", fields)]
    if found.filler or found.placer:
        fields[2] = repetitions(map(ei, found.placer))
        fields[3] = repetitions(map(ei, found.filler))
    if found.code is not None:
        fields[4] = _single([found.code], lost, "code")
    fields[6] = "" if found.requested is None else stamp(found.requested, "requested")
    fields[22] = "" if found.reported is None else stamp(found.reported, "reported")
    section = [coding.code for each in found.categories for coding in each.codings if coding.system == _SECTIONS]
    fields[24] = leaf(section[0] if section else None)
    if len(found.categories) > len(section[:1]):
        lost("categories", "OBR-24 is one code of table 0074")
    fields[25] = leaf(found.status)
    _actors(found.actors, _ORDER_ACTORS, fields, lost)
    pair = [subcomponents(*ei(each).split("^")) for each in found.parent[:2]]
    fields[29] = components(*pair)
    if len(found.parent) > 2:
        lost("parent", "a parent has two identifiers")
    fields[31] = concept_list(found.reason, lost, "reason")
    common = [each for each in found.extensions if each.namespace == NAMESPACE and each.path.startswith("ORC(")]
    rest = [each for each in found.extensions if each not in common]
    restore("OBR", None, fields, rest, dropped)
    lines = []
    if common:
        orc: dict[int, str] = {}
        restore("ORC", "1", orc, common, dropped)
        lines.append(segment("ORC", orc))
    return [*lines, segment("OBR", fields), *notes(found.notes, lost)]


def notes(found: Iterable[Note], lost: Lost) -> list[str]:
    """Return comments as NTE; the lines of a text are repetitions."""
    lines = []
    for number, note in enumerate(found, 1):
        if note.author is not None or note.by is not None or note.time is not None:
            lost("notes", "NTE has no author and time here")
        rows = note.text.split("\n")
        # An empty repetition at an end would not count, so that such a text is one repetition.
        text = repetitions(leaf(row) for row in rows) if rows[0] and rows[-1] else leaf(note.text)
        if not text:
            lost("notes", "a comment without a text")
        kind = "" if note.type is None else coded(note.type).text
        lines.append(segment("NTE", {1: str(number), 3: text, 4: kind}))
    return lines


def interval_of(time: Time | None) -> tuple[Instant | None, Instant | None]:
    """Return beginning and end of a time of an order."""
    if isinstance(time, Interval):
        return time.start, time.end
    return (time, None) if isinstance(time, Instant) else (None, None)
