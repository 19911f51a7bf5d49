"""RXO with the ORC and TQ1 before it and the RXR behind it: an order of a drug (v2-to-FHIR guide).

The maps are RXO[MedicationRequest], TQ1[MedicationRequest] and RXR[MedicationRequest].
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from ...model import Coding, Concept, Dosage, Interval, Prescription, Quantity, Range, Ratio
from ...model.time import Time
from ...terminology import systems
from ...terminology.v2_fhir import map_code
from .codes import Unit as Measure
from .codes import coded, decode_concept, decode_unit
from .ledger import Node, decoder
from .orders import decode_entities, notes
from .people import persons
from .specimens import decode_amount, decode_quantity
from .times import decode_stated
from .unit import Segment, Unit
from .values import quantity

__all__ = ["Drug", "prescription"]

_concepts = decoder(coded)
_people = persons("ordering-provider")
_CANCELLED: Final = {"revoked": "cancelled"}
"""Where a request of a drug has another word than other requests have."""
_PERIODS: Final = frozenset({"s", "min", "h", "d", "wk", "mo", "a"})
"""Units of RPT.6 that are UCUM's and FHIR's as well; the field states no code system."""
_MOST: Final = 9
"""Digits of a count."""


@dataclass(slots=True)
class Drug:
    """One RXO with what belongs to it."""

    order: Segment
    common: list[Segment] = field(default_factory=list)
    """ORC."""
    timings: list[Segment] = field(default_factory=list)
    """TQ1."""
    routes: list[Segment] = field(default_factory=list)
    """RXR."""
    comments: list[Segment] = field(default_factory=list)

    def segments(self) -> tuple[Segment, ...]:
        """Return all but the comments."""
        return (self.order, *self.common, *self.timings, *self.routes)


def _in_table(code: str, table: str) -> Concept:
    return Concept(codings=(Coding(system=systems.v2_table(table), code=code),))


def _repeat(node: Node) -> tuple[Concept | None, Quantity | None]:
    """Read RPT: the code of a pattern, and its period (RPT[Timing]); the rest of it stays an extension."""
    code = node[1][1].take()
    number, unit = node[5].peek(), node[6][1].peek()
    period = None
    if number is not None and unit is not None:
        known = Measure(unit, None, Concept()) if unit in _PERIODS else decode_unit(unit, node.syntax).value
        period = quantity(number, known)
    if period is not None:
        node[5].take()
        node[6][1].take()
    return (None if code is None else _in_table(code, "0335")), period


_pattern = decoder(lambda field_: _repeat(field_[1]))


def _count(segment: Segment, number: int) -> int | None:
    raw = segment.raw(number)
    if raw.isascii() and raw.isdigit() and len(raw) <= _MOST and str(int(raw)) == raw:
        return int(segment.strike(number))
    return None


def _span(segment: Segment) -> Time | None:
    start, end = segment.use(7, decode_stated), segment.use(8, decode_stated)
    return None if start is end is None else Interval(start=start, end=end)


def _dose(segment: Segment) -> Range | None:
    """Map RXO-2 to RXO-4: the least and the most that is to be given, in one unit."""
    unit = decode_unit(segment.raw(4), segment.syntax).value
    low, high = (quantity(raw, unit) if (raw := segment.raw(number)) else None for number in (2, 3))
    if low is None and high is None:
        return None
    for number, found in ((2, low), (3, high)):
        if found is not None:
            segment.strike(number)
    segment.use(4, decode_unit)
    return Range(low=low, high=high)


def _strength(segment: Segment) -> Ratio | None:
    """Map RXO-18, RXO-19, RXO-25 and RXO-26 where both amounts are stated."""
    if not segment.raw(18) or not segment.raw(25):
        return None
    parts = [quantity(segment.raw(n), decode_unit(segment.raw(n + 1), segment.syntax).value) for n in (18, 25)]
    if parts[0] is None or parts[1] is None:
        return None
    for number in (18, 25):
        segment.strike(number)
        segment.use(number + 1, decode_unit)
    return Ratio(numerator=parts[0], denominator=parts[1])


def _dosages(drug: Drug) -> tuple[Dosage, ...]:
    """Map dose, times and ways: a dosage for each TQ1, or one where there is none."""
    dose = _dose(drug.order)
    way: dict[str, Any] = {}
    for route in drug.routes[:1]:
        way = {
            "route": route.use(1, decode_concept),
            "site": route.use(2, decode_concept),
            "method": route.use(4, decode_concept),
            "instructions": route.use(5, _concepts) or (),
        }
    found = []
    for segment in drug.timings:
        pattern, period = segment.use(3, _pattern) or (None, None)
        found.append(
            Dosage(
                dose=segment.use(2, decode_quantity),
                dose_range=dose,
                pattern=pattern,
                period=period,
                bounds=_span(segment),
                count=_count(segment, 14),
                condition=segment.text(10),
                text=segment.text(11),
                **way,
            )
        )
    if not found and (dose is not None or any(way.values())):
        found = [Dosage(dose_range=dose, **way)]
    return tuple(found)


def _common(drug: Drug) -> dict[str, Any]:
    """Map what ORC says: numbers, status by ORC-5, else by ORC-1, who ordered and when."""
    facts: dict[str, Any] = {"placer": (), "filler": ()}
    for orc in drug.common[:1]:
        control, state = orc.text(1), orc.text(5)
        known = map_code("OrderStatus", state) or (
            map_code("OrderControlCode[ServiceRequest.status]", control) if state is None else None
        )
        if state is not None and control is not None:
            orc.keep(1, [("", control)])
        people = orc.raw(12) and _people(orc.raw(12), orc.syntax).value
        facts = {
            "placer": orc.use(2, decode_entities) or (),
            "filler": orc.use(3, decode_entities) or (),
            "status": None if known is None else _CANCELLED.get(known.code, known.code),
            "native_status": state or control,
            "authored": orc.use(9, decode_stated),
        }
        if people and len(people) == 1:
            facts["requester"] = (orc.use(12, _people) or (None,))[0]
    return facts


def prescription(unit: Unit, drug: Drug) -> Prescription:
    """Map an order of a drug."""
    segment = drug.order
    facts = _common(drug)
    substitution = segment.text(9)
    urgency = None
    for timing in drug.timings[:1]:
        urgency = map_code("ExtendedPriorityCodes", timing.raw(9) or None)
        if urgency is not None:
            timing.keep(9, [("", timing.strike(9))])
    dosages = _dosages(drug)
    texts, kept = notes(drug.comments)
    return Prescription(
        id=unit.id("prescription", segment),
        provenance=unit.provenance(segment),
        subject=unit.subject,
        encounter=unit.encounter,
        drug=segment.use(1, decode_concept),
        form=segment.use(5, decode_concept),
        strength=_strength(segment),
        dosages=dosages,
        priority=None if urgency is None else urgency.code,
        substitution=None if substitution is None else _in_table(substitution, "0161"),
        quantity=decode_amount(segment, 11, 12),
        repeats=_count(segment, 13),
        notes=texts,
        **facts,
        extensions=tuple(e for one in drug.segments() for e in one.extensions()) + kept,
    )
