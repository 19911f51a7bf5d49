"""RGV^O15 (IHE PCD-03, infusion orders): what a pump is to be programmed with, as settings.

RXG says what to give, TQ1 when, RXR by which way; the OBX behind them name the pump and what is known of the patient.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from ...model import CodedValue, Coding, Concept, Extension, Identifier, Interval, Order, Ratio, Setting
from ...model.number import Quantity
from ...model.time import Time
from ...terminology import mdc, systems, units
from .codes import coded, decode_topic, decode_unit
from .devices import Handle, Tree
from .ledger import Node, decoder
from .orders import decode_entities, notes
from .times import decode_order, decode_window
from .unit import HTEST, Segment, Unit
from .values import quantity

__all__ = ["Therapy", "give"]

_CLAUSE: Final = "IHE PCD TF-2 3.3.4.4"
_codes: Final = decoder(coded)


class _Amount(NamedTuple):
    """Fields of RXG or TQ1 that are an amount: the number, its unit, and what it is by the kind of its unit."""

    value: int
    unit: int
    meanings: tuple[tuple[str, str], ...]
    """A UCUM expression that the unit must be commensurable with, and the reference id that it means."""


_GIVE: Final[tuple[_Amount, ...]] = (
    _Amount(5, 7, (("mL", "MDC_VOL_FLUID_TBI"), ("g", "MDC_DOSE_DRUG_TBI"), ("mol", "MDC_DOSE_DRUG_TBI"))),
    _Amount(15, 16, (("mL/h", "MDC_FLOW_FLUID_PUMP"),)),
    _Amount(23, 24, (("mL", "MDC_VOL_FLUID_CONTAINER_START"),)),
)
"""RXG-5 give amount, RXG-15 rate, RXG-23 volume that the drug is in (4.14.6)."""
_OTHERWISE: Final[dict[int, str]] = {5: "MDC_DOSE_DRUG_TBI", 15: "MDC_RATE_DOSE", 23: "MDC_VOL_FLUID_CONTAINER_START"}
"""What the amount is when its unit is of another kind: a dose in units, a rate of a dose."""
_UNITS: Final = frozenset({7, 16, 18, 24})
_ALTERNATE: Final = (4, 5, 6)
_ALTERNATE_PATHS: Final = frozenset(f".{n}" for n in _ALTERNATE)
_STRENGTH, _STRENGTH_UNIT, _VOLUME, _VOLUME_UNIT = 17, 18, 23, 24


@dataclass(slots=True)
class Therapy:
    """One RXG with what belongs to it."""

    give: Segment
    common: list[Segment] = field(default_factory=list)
    others: list[Segment] = field(default_factory=list)
    """TQ1, RXR and RXC."""


def give(unit: Unit, tree: Tree, therapy: Therapy, comments: list[Segment], pump: tuple[Segment, Handle] | None) -> str:
    """Map an order to give: its record, and a setting for each thing that it programs. Return the order's id.

    Parameters
    ----------
    unit, tree : Unit, Tree
        The message and its devices.
    therapy : Therapy
        RXG and what belongs to it.
    comments : list of Segment
        NTE behind RXG.
    pump : tuple or None
        The OBX that names the pump, and its address.
    """
    segment = therapy.give
    identity = unit.id("order", segment)
    device = _device(tree, pump)
    time = _timing(therapy)
    drug = segment.use(4, decode_topic)
    placer: tuple[Identifier, ...] = ()
    filler: tuple[Identifier, ...] = ()
    for orc in therapy.common:
        placer = placer or orc.use(2, decode_entities) or ()
        filler = filler or orc.use(3, decode_entities) or ()
    texts, kept = notes(comments)
    settings = list(_settings(unit, segment))
    routes = [found for part in therapy.others if part.name == "RXR" for found in part.use(1, _codes) or ()]
    unit.add(
        Order(
            id=identity,
            provenance=unit.provenance(segment, _CLAUSE),
            subject=unit.subject,
            encounter=unit.encounter,
            placer=placer,
            filler=filler,
            code=drug,
            time=time,
            devices=() if device is None else (device,),
            notes=texts,
            extensions=segment.extensions() + _left([*therapy.common, *therapy.others]) + kept,
        )
    )
    if drug is not None:
        settings.insert(0, ("MDC_DRUG_NAME_LABEL", CodedValue(concepts=(drug,))))
    if routes:
        settings.append(("route", CodedValue(concepts=tuple(routes))))
    common: dict[str, Any] = {"subject": unit.subject, "encounter": unit.encounter, "order": identity}
    for number, (name, value) in enumerate(settings):
        unit.add(
            Setting(
                id=unit.id(f"setting {number}", segment),
                provenance=unit.provenance(segment, _CLAUSE),
                code=_meaning(name),
                programmed=value,
                time=time,
                device=device,
                labels=(HTEST,) if unit.mode is not None else (),
                **common,
            )
        )
    return identity


def _left(segments: Sequence[Segment]) -> tuple[Extension, ...]:
    return tuple(e for part in segments for e in part.extensions())


def _device(tree: Tree, pump: tuple[Segment, Handle] | None) -> str | None:
    """Return the pump that the order is for: the node that an OBX of the order names."""
    if pump is None:
        return None
    segment, handle = pump
    tree.contain(segment, handle)
    return tree.id(handle.text)


def _timing(therapy: Therapy) -> Time | None:
    """Map TQ1-7 and TQ1-8: when to start and when to end."""
    for part in therapy.others:
        if part.name == "TQ1" and (part.raw(7) or part.raw(8)):
            if not part.raw(8):
                return part.use(7, decode_order)
            start, end = part.use(7, decode_window), part.use(8, decode_window)
            return None if start is end is None else Interval(start=start, end=end)
    return None


def _settings(unit: Unit, segment: Segment) -> Sequence[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    concentration = _concentration(segment)
    for amount in _GIVE:
        if amount.value == _VOLUME and concentration is not None:
            continue
        value = _amount(unit, segment, amount.value, amount.unit)
        if value is not None:
            kinds = (name for ucum, name in amount.meanings if value.unit and units.commensurable(value.unit, ucum))
            found.append((next(kinds, _OTHERWISE[amount.value]), value))
    strength = None if concentration is not None else _amount(unit, segment, _STRENGTH, _STRENGTH_UNIT)
    if concentration is not None or strength is not None:
        found.append(("MDC_CONC_DRUG", concentration or strength))
    return found


def _concentration(segment: Segment) -> Ratio | None:
    """Return strength per volume (RXG-17, 18, 23, 24) where both are stated."""
    parts = [_read(segment, *pair) for pair in ((_STRENGTH, _STRENGTH_UNIT), (_VOLUME, _VOLUME_UNIT))]
    if parts[0] is None or parts[1] is None:
        return None
    for number in (_STRENGTH, _STRENGTH_UNIT, _VOLUME, _VOLUME_UNIT):
        _strike(segment, number)
    return Ratio(numerator=parts[0], denominator=parts[1])


def _amount(unit: Unit, segment: Segment, number: int, measure: int) -> Quantity | None:
    found = _read(segment, number, measure)
    if found is None:
        if segment.raw(number):
            unit.issue("ORU-202", f"{segment.path}-{number}", segment.span)
        return None
    _strike(segment, number)
    _strike(segment, measure)
    return found


def _read(segment: Segment, number: int, measure: int) -> Quantity | None:
    raw = segment.raw(measure)
    return quantity(segment.raw(number), decode_unit(raw, segment.syntax).value) if segment.raw(number) else None


def _strike(segment: Segment, number: int) -> None:
    """Strike a number off, or a unit of which the rest is kept."""
    raw = segment.strike(number)
    if number not in _UNITS or not raw:
        return
    unit, rest = decode_unit(raw, segment.syntax)
    field = Node(raw, segment.syntax)[1]
    said = [field[n].raw for n in _ALTERNATE]
    if unit.ucum is not None and said == [unit.ucum, unit.ucum, "UCUM"]:
        # The alternate says in UCUM what the amount's unit says.
        rest = tuple((path, text) for path, text in rest if path not in _ALTERNATE_PATHS)
    segment.keep(number, rest)


def _meaning(name: str) -> Concept:
    """Return the code of a setting by its reference id; a route has a name alone."""
    code = mdc.code_of(name)
    if code is None:
        return Concept(text=name)
    return Concept(codings=(Coding(system=systems.MDC, code=str(code), refid=name),))
