"""SPM, and the specimen of OBR-15 (v2-to-FHIR guide, SPM[Specimen] and OBR[Specimen])."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from ...errors import InvalidRecord
from ...model import Coding, Concept, Identifier, Interval, Link, Note, Number, Quantity, Specimen
from ...model.time import Time
from ...terminology import loinc, systems, units
from .codes import coded, concept, decode_concept, decode_topic, decode_unit
from .ledger import Node, decoder
from .people import actor, cx, each, ei, eip
from .times import decode_stated, interval
from .unit import Segment, Unit

__all__ = [
    "decode_amount",
    "decode_quantity",
    "drawn",
    "focus",
    "is_of_body",
    "related_specimen",
    "specimen",
    "specimen_of_report",
]

_pairs = decoder(lambda field: tuple(one for part in field.children for one in eip(part)))
_concepts = decoder(coded)
_first = decoder(lambda field: cx(field[1]))
_numbers = decoder(lambda field: each(field, cx))
_shipment = decoder(lambda field: ei(field[1]))
_window = decoder(lambda field: interval(field[1], "stated"))
_collector = decoder(lambda field: actor(field[1], "collector"))
_NUMBER: Final = systems.v2_table("0203")


def _typed(one: Identifier, code: str) -> Identifier:
    return one if one.type is not None else one.replace(type=Concept(codings=(Coding(system=_NUMBER, code=code),)))


def _typed_pairs(field: Node) -> tuple[Identifier, ...]:
    """Read identifier pairs: the placer's and the filler's number, as which the guide types them (EIP).

    A filler's number alone behind a placer's number alone stays without a type: with it the two would read as a pair.
    """
    found: list[Identifier] = []
    alone = False
    for part in field.children:
        first, second = ei(part[1]), ei(part[2])
        if first is not None:
            found.append(_typed(first, "PGN"))
        if second is not None:
            found.append(second if first is None and alone else _typed(second, "FGN"))
        alone = second is None and (first is not None or alone)
    return tuple(found)


_names = decoder(_typed_pairs)
_texts = decoder(lambda field: tuple(text for part in field.children if (text := part.take()) is not None))


def _amount(field: Node) -> Quantity | None:
    """Read CQ: a number and its unit."""
    node = field[1]
    text, unit = node[1].peek(), node[2][1].peek()
    label = node[2][9].peek() or node[2][2].peek()
    if text is None:
        return None
    try:
        number = Number.from_text(text)
    except InvalidRecord:
        return None
    node[1].take()
    known = None if unit is None else units.ucum_of_text(unit)
    native = None if unit is label is None else Coding(code=unit, display=label)
    node[2][1].take()
    node[2][9 if node[2][9].peek() else 2].take()
    return Quantity(**number.model_dump(exclude_defaults=True), unit=known, native_unit=native)


decode_quantity = decoder(_amount)


def _collected(found: Interval | None) -> Time | None:
    return found.start if found is not None and found.end is None else found


def specimen(unit: Unit, segment: Segment) -> Specimen:
    """Map SPM."""
    available = segment.raw(20)
    others = segment.use(31, _numbers) or ()
    shipment = segment.use(32, _shipment)
    return Specimen(
        id=unit.id("specimen", segment),
        provenance=unit.provenance(segment),
        subject=unit.subject,
        identifiers=(segment.use(2, _names) or ()) + others + (() if shipment is None else (_typed(shipment, "SHIP"),)),
        parents=segment.use(3, _names) or (),
        type=segment.use(4, decode_topic),
        conditions=segment.use(24, _concepts) or (),
        additives=segment.use(6, _concepts) or (),
        method=segment.use(7, decode_concept),
        body_site=segment.use(8, decode_topic),
        quantity=segment.use(12, decode_quantity),
        notes=tuple(Note(text=text) for text in segment.use(14, _texts) or ()),
        collected=_collected(segment.use(17, _window)),
        received=segment.use(18, decode_stated),
        available=segment.strike(20) == "Y" if available in ("Y", "N") else None,
        container=segment.use(27, decode_concept),
        accession=segment.use(30, _first),
        extensions=segment.extensions(),
    )


def _source(field: Node) -> dict[str, Any]:
    """Read SPS: type, additives, text, site, collection method modifier (2.A.76, SPS[Specimen-Source])."""
    node = field[1]
    found: dict[str, Any] = {
        "type": concept(node[1]),
        "additives": tuple(c for c in (concept(node[2]),) if c is not None),
        "body_site": concept(node[4]),
        "conditions": tuple(c for c in (concept(node[6]),) if c is not None),
    }
    text = node[3].take()
    if text is not None:
        found["notes"] = (Note(text=text),)
    return {name: value for name, value in found.items() if value}


_specimen_source = decoder(_source)


_LABORATORY: Final = frozenset({
    "BG", "BLB", "CG", "CH", "CP", "GE", "HM", "IMM", "LAB", "MB", "MCB", "MYC", "OSL", "PAR", "PAT", "SP", "SR",
    "TX", "VR",
})  # fmt: skip
"""Sections that examine specimens (HL7 table 0074)."""


def specimen_of_report(unit: Unit, segment: Segment, collected: Time | None, *, alone: bool) -> Specimen | None:
    """Map what OBR says of the specimen, where it names one (OBR-9, OBR-14, OBR-15, OBR-39).

    Then the time of OBR-7 and OBR-8 is that of its collection (OBR[Specimen]). Without them that time tells of a
    specimen where the section that reports is a laboratory (OBR-24): of a study of a specimen it is when the specimen
    was taken (HL7 v2 4.5.3.7), and of anything else when a person was observed.

    Parameters
    ----------
    unit : Unit
        The message.
    segment : Segment
        OBR.
    collected : Time or None
        OBR-7 and OBR-8.
    alone : bool
        Whether no SPM tells of the specimen, and the results are none of a body (see :func:`is_of_body`).
    """
    if not any(segment.raw(number) for number in (9, 14, 15, 39)) and not (
        alone and collected is not None and segment.raw(24) in _LABORATORY
    ):
        return None
    source = segment.use(15, _specimen_source) or {}
    remarks = tuple(
        Note(text=", ".join(t for c in one.codings for t in (c.code, c.display) if t) or one.text or "?")
        for one in segment.use(39, _concepts) or ()
    )
    collector = _collector(segment.raw(10), segment.syntax).value if segment.raw(10) else None
    return Specimen(
        id=unit.id("specimen", segment),
        provenance=unit.provenance(segment),
        subject=unit.subject,
        quantity=segment.use(9, decode_quantity),
        collector=collector,
        collected=collected,
        received=segment.use(14, decode_stated),
        **(source | {"notes": source.get("notes", ()) + remarks}),
    )


def is_of_body(segment: Segment, results: Sequence[Segment]) -> bool:
    """Tell whether OBR or all its OBX are of a body, and no specimen: vital signs, ECG, what a device measured."""
    return _is_body_code(segment, 4) or (
        bool(results) and all(bool(one.raw(18)) or _is_body_code(one, 3) for one in results)
    )


def _is_body_code(segment: Segment, number: int) -> bool:
    node = Node(segment.raw(number), segment.syntax)[1]
    return any(node[at + 2].peek() == "LN" and loinc.is_of_body(node[at].peek() or "") for at in (1, 4))


def drawn(unit: Unit, sample: Specimen, before: int) -> None:
    """Refer to the specimen that OBR tells of (ORU_R01, 4.2.2) from its results that name no other.

    Parameters
    ----------
    unit : Unit
        The message, whose records are changed.
    sample : Specimen
        That of OBR.
    before : int
        How many records were there before those of the report.
    """
    for at, record in enumerate(unit.records[before:], before):
        if (
            record.kind == "observation"
            and record.specimen is None
            and all(e.relation != "focus" for e in record.links)
        ):
            unit.records[at] = record.replace(specimen=sample.id)


def focus(unit: Unit, groups: Sequence[tuple[Segment, Sequence[Segment]]], before: int) -> None:
    """Link results behind an SPM to the specimen (ORU_R01, 4.2.7.2.1: Observation.focus).

    Parameters
    ----------
    unit : Unit
        The message, whose records are changed.
    groups : sequence of tuple
        Each SPM, and the OBX that stand behind it; of several the last is the one.
    before : int
        How many records were there before those of the report.
    """
    about: dict[str, str] = {}
    for segment, results in groups:
        about |= dict.fromkeys((unit.id("observation", one) for one in results), unit.id("specimen", segment))
    for at, record in enumerate(unit.records[before:], before):
        if record.kind == "observation" and record.id in about:
            link = Link(relation="focus", target=about[record.id])
            unit.records[at] = record.replace(links=(*record.links, link))


def related_specimen(raw: str, segment: Segment, known: dict[str, str]) -> str | None:
    """Return the specimen whose number OBX-33 names."""
    for one in _pairs(raw, segment.syntax).value if raw else ():
        if one.value is not None and one.value in known:
            return known[one.value]
    return None


def decode_amount(segment: Segment, number: int, unit: int) -> Quantity | None:
    """Map a number and the unit that another field gives."""
    raw = segment.raw(number)
    try:
        found = Number.from_text(raw) if raw else None
    except InvalidRecord:
        found = None
    if found is None:
        return None
    segment.strike(number)
    measure = segment.use(unit, decode_unit)
    native, known = (None, None) if measure is None else (measure.native, measure.ucum)
    return Quantity(**found.model_dump(exclude_defaults=True), unit=known, native_unit=native)
