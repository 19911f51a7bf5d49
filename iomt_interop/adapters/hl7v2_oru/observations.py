"""OBX of one report: observations, the facets that belong to them, and what all kinds of result share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, NamedTuple

from ...model import (
    Annotation,
    Channel,
    CodedValue,
    Component,
    Concept,
    Extension,
    Instant,
    Interval,
    Link,
    Number,
    Observation,
    Quantity,
    Range,
    Ratio,
    ReferenceRange,
    Specimen,
    TextValue,
    Value,
    Waveform,
)
from ...model.time import Time
from .bits import bit_set
from .codes import Code, decode_code, decode_topic, decode_unit
from .codes import Unit as Measure
from .devices import Handle, Tree, is_structural
from .happenings import SOURCES, add_happening, role_of
from .ledger import MAX_REMEMBERED, NULL, Decoded, Syntax
from .orders import notes
from .results import Method, Purpose, Verdict, absence, decode_method, decode_verdict, details, limits
from .specimens import related_specimen
from .tables import ATTRIBUTES, STATUS, Role
from .times import decode_observed
from .unit import HTEST, Segment, Unit
from .values import Task, quantity, reference_range, value
from .waveforms import Sampling, Signal, named_rate, sample_at, sampling

__all__ = ["Item", "Report", "strike_set_ids"]

_NO_CODE: Final = Code(Concept(), "", None, None)
_BITS: Final = frozenset({"CWE", "CNE"})
_NO_UNIT: Final = Measure(None, None, Concept())
_NO_VERDICT: Final = Verdict(None, (), None)
_NO_METHOD: Final = Method((), {})
_SAMPLED: Final = frozenset({"NA", "MA"})
_ATTRIBUTE: Final = "MDC_ATTR_"
"""Beginning of the reference ids of conditions and their sources (see :data:`~.tables.ROLES`)."""
_STRUCK: Final = [""] * 7
_AMOUNTS: Final = frozenset({Quantity, Range, Ratio})


class Item(NamedTuple):
    """One OBX, its comments, and where it stands in the tree."""

    segment: Segment
    comments: list[Segment]
    handle: Handle | None


class Plan(NamedTuple):
    """What the fields of a plain number mean that come again in every message."""

    code: Code
    unit: Measure
    alternates: bool
    """Whether OBX-6 has codings beside the one that a value carries."""
    facts: dict[str, Any]
    metric: dict[str, Any]


@lru_cache(4096)
def plan_of(
    code: str, unit: str, limit: str, flags: str, status: str, method: str, purpose: Purpose, syntax: Syntax
) -> Plan | None:
    """Understand OBX-3, OBX-6 to OBX-8, OBX-11 and OBX-17; ``None`` where a record does not hold them whole.

    None of them says anything of a person.
    """
    if not code:
        return None
    named = decode_code(code, syntax)
    measure = decode_unit(unit, syntax) if unit else Decoded(_NO_UNIT, ())
    verdict = decode_verdict(flags, syntax) if flags else Decoded(_NO_VERDICT, ())
    way = decode_method(method, syntax) if method else Decoded(_NO_METHOD, ())
    rest = named.rest or verdict.rest or way.rest
    if rest or named.value.issue or named.value.role or verdict.value.mode:
        return None
    facts: dict[str, Any] = {"code": named.value.concept, "native_type": "NM"}
    if status:
        facts |= {"status": STATUS.get(status, "unknown"), "native_status": status}
    if verdict.value.quality is not None:
        facts["quality"] = verdict.value.quality
    if verdict.value.interpretation:
        facts["interpretation"] = verdict.value.interpretation
    if limit:
        facts["reference_ranges"] = (ReferenceRange(range=reference_range(limit, measure.value), purpose=purpose),)
    if way.value.concepts:
        facts |= {"method": way.value.concepts, "metric_category": way.value.facts.get("category", "unspecified")}
    return Plan(named.value, measure.value, bool(measure.rest), facts, _metric_facts(measure.value, way.value, None))


@dataclass(slots=True, repr=False)
class Report:
    """What all results of one OBR share, and the mapping of its OBX.

    Attributes
    ----------
    time : Time or None
        Of OBR, else of MSH: for results that state none.
    sentinels : frozenset of str
        Numbers that are no measurement for this sender.
    rated : bool
        Whether the sender writes rates into names (see :data:`~.tables.RATE_IN_NAME`).
    device : bool
        Whether the sender is a device (see :data:`~.tables.DEVICE_SENDERS`).
    """

    unit: Unit
    tree: Tree
    sentinels: frozenset[str]
    order: str | None = None
    time: Time | None = None
    rated: bool = False
    device: bool = False
    specimens: dict[str, str] = field(default_factory=dict)
    """Numbers of specimens, and the ids of their records."""
    sample: Specimen | None = None
    """What OBR itself tells of."""

    def add(self, items: Sequence[Item]) -> None:
        """Map the OBX in their order; a facet goes to the metric that it follows, a source to its condition."""
        bundles: list[tuple[Item, list[Item]]] = []
        owners: dict[str, list[Item]] = {}
        conditions: dict[tuple[Role, str], list[Item]] = {}
        for item in items:
            handle = item.handle
            owner = None if handle is None or handle.facet_of is None else owners.get(handle.facet_of)
            attribute = handle is not None and _ATTRIBUTE in item.segment.fields[3]
            if owner is None and handle is not None and attribute:
                owner = _condition_of(item, handle, conditions)
            if owner is not None:
                owner.append(item)
                continue
            facets: list[Item] = []
            bundles.append((item, facets))
            if handle is not None and not is_structural(item.segment, handle):
                owners[handle.text] = facets
                role = _peeked(item.segment).role if attribute else None
                if role is not None:
                    conditions[role, handle.nodes[-1]] = facets
        for item, facets in bundles:
            self._bundle(item, facets)

    def _bundle(self, item: Item, facets: list[Item]) -> None:
        segment, handle = item.segment, item.handle
        if handle is not None and is_structural(segment, handle):
            self.tree.declare(segment, handle, item.comments)
            return
        if segment.raw(2) in _SAMPLED and self._waveform(item, facets):
            return
        if not facets and self._plain(item):
            return
        role = role_of(segment, _peeked(segment), marks=self.rated)
        if role is None or not add_happening(self, role, item, facets):
            self.observe(item, facets)

    def _plain(self, item: Item) -> bool:
        """Map a number of a metric on a short way; ``False`` for everything that is written in any unusual way.

        It gives the same record as :meth:`observe`.
        """
        segment, handle = item.segment, item.handle
        fields = segment.fields
        if handle is None or item.comments or self.specimens or fields[2] != "NM" or any(fields[19:]):
            return False
        if fields[9] or fields[10] or fields[12] or fields[13] or fields[15] or fields[16]:
            return False
        if len(fields[3]) + len(fields[6]) + len(fields[7]) + len(fields[8]) + len(fields[17]) > MAX_REMEMBERED:
            return False
        purpose = self._purpose(_NO_CODE, handle)
        plan = plan_of(fields[3], fields[6], fields[7], fields[8], fields[11], fields[17], purpose, segment.syntax)
        found = None if plan is None or fields[5] in self.sentinels else quantity(fields[5], plan.unit)
        unit, tree, measure = self.unit, self.tree, fields[6]
        if plan is None or found is None:
            return False
        if plan.alternates and not (plan.unit.complete and tree.holds_unit(handle, plan.code, measure)):
            return False
        fields[2:9] = _STRUCK
        fields[11] = fields[17] = ""
        time = self.moment(segment)
        tree.contain(segment, handle)
        device = tree.equipment(segment, handle)
        unit.add(
            Observation.of_valid(
                {
                    "id": unit.id("observation", segment),
                    "provenance": unit.provenance(segment),
                    "subject": unit.subject,
                    "extensions": segment.extensions(),
                    "labels": (HTEST,) if unit.mode is not None else (),
                    "value": found,
                    "time": time,
                    "metric": tree.metric(segment, handle, plan.code, plan.metric, measure),
                    "device": device,
                    "gateway": tree.gateway,
                    "encounter": unit.encounter,
                    "order": self.order,
                    "handle": handle.text,
                    **plan.facts,
                }
            )
        )
        return True

    def observe(self, item: Item, facets: Sequence[Item], links: tuple[Link, ...] = ()) -> None:
        """Map a measurement or a statement."""
        segment, handle = item.segment, item.handle
        code, unit_text = self.code(segment), segment.raw(6)
        held = handle is not None and self.tree.holds_unit(handle, code, unit_text)
        verdict = segment.use(8, decode_verdict) or _NO_VERDICT
        method = segment.use(17, decode_method) or _NO_METHOD
        values, unit = self.values(segment, held=held, code=code)
        facts = self._common(item, verdict, self.moment(segment)) | _content(values, code, verdict)
        if handle is not None:
            resolution = _resolution(facets) if facets else None
            described = _metric_facts(unit, method, resolution)
            facts["metric"] = self.tree.metric(segment, handle, code, described, unit_text)
        elif segment.raw(4):
            facts["group"] = segment.strike(4)
        if method.concepts:
            facts["method"] = method.concepts
            facts["metric_category"] = method.facts.get("category", "unspecified")
        if verdict.interpretation:
            facts["interpretation"] = verdict.interpretation
        if segment.raw(7):
            facts["reference_ranges"] = limits(segment, unit_text, self._purpose(code, handle))
        kept = facts.pop("extensions", ())
        for facet in facets:
            component, rest = self._component(facet)
            facts["components"] = (*facts.get("components", ()), component)
            kept += rest
        facts |= details(segment)
        if self.specimens:
            sample = related_specimen(segment.raw(33), segment, self.specimens)
            facts |= {} if sample is None else {"specimen": sample}
        if links:
            facts["links"] = links
        native_type = segment.strike(2)
        self.unit.add(
            Observation(
                id=self.unit.id("observation", segment),
                code=code.concept,
                native_type=native_type or None,
                extensions=segment.extensions() + kept,
                **facts,
            )
        )

    def _waveform(self, item: Item, facets: Sequence[Item]) -> bool:
        """Map NA and MA; ``False`` when there is no number in it."""
        segment = item.segment
        found = sampling(segment.raw(2), segment.raw(5), segment.syntax)
        if found is None or not found.fits:
            return False
        signal, described, others = self._signal(facets)
        if self.rated:
            _named_signal(segment, signal)
        time = self.moment(segment)
        start = time.start if isinstance(time, Interval) else time if isinstance(time, Instant) else None
        runs = found.marked(signal).runs(start)
        marks, others = self._annotations(others, start, signal, found.length)
        self._check_samples(segment, found)
        code = self.code(segment)
        # A waveform has no place for a judgement of its value: such flags are read and stay an extension as well.
        verdict = decode_verdict(segment.raw(8), segment.syntax).value if segment.raw(8) else _NO_VERDICT
        if not verdict.interpretation:
            segment.use(8, decode_verdict)
        facts = self._common(item, verdict, time)
        channel = self._channel(item, code, signal, found)
        kept = facts.pop("extensions", ()) + described + _whole([facet for _, facet in marks])
        identity = self.unit.id("waveform", segment)
        self.unit.add(
            Waveform(
                id=identity,
                code=code.concept,
                channels=(channel,) * len(found.channels),
                segments=runs or (),
                annotations=tuple(mark for mark, _ in marks),
                native_type=segment.strike(2),
                extensions=segment.extensions() + kept,
                **facts,
            )
        )
        for facet in others:
            self.observe(facet, (), (Link(relation="part_of", target=identity),))
        return True

    def _signal(self, facets: Sequence[Item]) -> tuple[Signal, tuple[Extension, ...], list[Item]]:
        """Return what the facets say of the signal, their segments whole, and the facets that say something else."""
        signal = Signal()
        described: list[Item] = []
        others: list[Item] = []
        for facet in facets:
            known = _peeked(facet.segment)
            taken = signal.describe(known.refid, facet.segment)
            (described if taken else others).append(facet)
            if taken:
                self._check_code(known, facet.segment)
        return signal, _whole(described), others

    def _annotations(
        self, facets: Sequence[Item], start: Instant | None, signal: Signal, length: int
    ) -> tuple[list[tuple[Annotation, Item]], list[Item]]:
        """Return the events among the facets that happened at a sample, and all other facets."""
        found: list[tuple[Annotation, Item]] = []
        others: list[Item] = []
        for facet in facets:
            segment, code = facet.segment, _peeked(facet.segment)
            index = None
            if code.role == "event" and segment.raw(14) and start is not None and signal.period is not None:
                moment = decode_observed(segment.raw(14), segment.syntax).value
                index = None if moment is None else sample_at(start, moment, signal.period)
            if index is None or index >= length:
                others.append(facet)
            else:
                text = segment.node(5).peek() if segment.syntax.component not in segment.raw(5) else None
                found.append((Annotation(index=index, code=code.concept, text=text), facet))
        return found, others

    def _channel(self, item: Item, code: Code, signal: Signal, found: Sampling) -> Channel:
        segment, handle, metric = item.segment, item.handle, None
        unit = segment.use(6, decode_unit) or signal.unit or _NO_UNIT
        if handle is not None:
            metric = self.tree.metric(segment, handle, code, _metric_facts(unit, _NO_METHOD, signal.resolution))
        return Channel(
            code=code.concept,
            unit=unit.ucum,
            native_unit=unit.native,
            period=signal.period,
            filters=tuple(signal.filters),
            site=segment.use(20, decode_topic),
            metric=metric,
            handle=None if handle is None else handle.text,
            **found.scale(signal),
        )

    def _check_samples(self, segment: Segment, found: Sampling) -> None:
        """Strike OBX-5 off when the samples give it back to the letter; else it is kept beside them."""
        raw = segment.strike(5)
        if not found.exact:
            segment.keep(5, [("", raw)])
        if found.wrong:
            self.unit.issue("ORU-206", f"{segment.path}-5", segment.span)

    def _common(self, item: Item, verdict: Verdict, time: Time | None) -> dict[str, Any]:
        """Map what every kind of result has."""
        segment, handle, unit = item.segment, item.handle, self.unit
        facts: dict[str, Any] = {
            "provenance": unit.provenance(segment),
            "subject": unit.person(segment, verdict.mode),
            "time": time,
            "encounter": unit.encounter,
            "order": self.order,
            "gateway": self.tree.gateway,
        }
        if verdict.quality is not None:
            facts["quality"] = verdict.quality
        status = segment.strike(11)
        if status:
            facts["status"], facts["native_status"] = STATUS.get(status, "unknown"), status
        if handle is not None:
            self.tree.contain(segment, handle)
            facts["handle"] = segment.strike(4)
        facts["device"] = self.tree.equipment(segment, handle)
        if verdict.mode is not None or unit.mode is not None:
            facts["labels"] = (HTEST,)
        if item.comments:
            facts["notes"], facts["extensions"] = notes(item.comments)
        return facts

    def _component(self, facet: Item) -> tuple[Component, tuple[Extension, ...]]:
        """Map a facet: a component has fewer places than an observation, so that more stays in extensions."""
        segment = facet.segment
        kind, raw, unit_text = segment.raw(2), segment.raw(5), segment.raw(6)
        code = self.code(segment)
        verdict = segment.use(8, decode_verdict) or _NO_VERDICT
        values, _ = self.values(segment, code=code)
        content = _content(values, code, verdict)
        found = content["value"] if "value" in content else TextValue(text=raw, format=kind)
        if (kind == "NM" and isinstance(found, Quantity)) or (isinstance(found, TextValue) and found.format == kind):
            segment.strike(2)
        component = Component(
            code=code.concept,
            value=found,
            interpretation=verdict.interpretation,
            reference_ranges=limits(segment, unit_text, "alarm"),
            quality=verdict.quality,
            handle=segment.strike(4),
        )
        return component, sum((part.extensions() for part in facet.comments), segment.extensions())

    def code(self, segment: Segment) -> Code:
        """Map OBX-3."""
        code = segment.use(3, decode_code) or _NO_CODE
        self._check_code(code, segment)
        return code

    def _purpose(self, code: Code, handle: Handle | None) -> Purpose:
        """Tell what OBX-7 of a result limits."""
        if self.rated:
            return "unknown"  # what the display shows
        return "alarm" if handle is not None or code.device or self.device else "reference"

    def unit_facts(self, segment: Segment) -> dict[str, Any]:
        """Return what OBX-6 says of a metric, without striking it off."""
        raw = segment.raw(6)
        return _metric_facts(decode_unit(raw, segment.syntax).value, _NO_METHOD, None) if raw else {}

    def _check_code(self, code: Code, segment: Segment) -> None:
        if code.issue is not None:
            self.unit.issue(code.issue, f"{segment.path}-3", segment.span)

    def moment(self, segment: Segment) -> Time | None:
        """Map OBX-14; a result that states no time has that of its report."""
        if raw := segment.raw(14):
            found = segment.use(14, decode_observed)
            if found is not None:
                return found
            if raw != NULL:
                self.unit.issue("ORU-203", f"{segment.path}-14", segment.span)
        return self.time

    def values(self, segment: Segment, *, held: bool = False, code: Code = _NO_CODE) -> tuple[list[Value], Measure]:
        """Map OBX-5, and OBX-6 where a value carries it.

        A value carries one coding of its unit; ``held`` says that the metric carries the others. The
        bits of a string have the names that ``code`` gives them.
        """
        syntax, kind, raw = segment.syntax, segment.raw(2), segment.raw(5)
        unit, rest = decode_unit(segment.raw(6), syntax) if segment.raw(6) else (_NO_UNIT, ())
        if not raw:
            return [], unit
        plain = quantity(raw, unit) if kind == "NM" and raw not in self.sentinels else None
        if plain is not None:
            segment.strike(5)
            values: list[Value] = [plain]
        else:
            path = f"{segment.path}-5"
            task = Task(kind, unit, self.sentinels, lambda code: self.unit.issue(code, path, segment.span))
            field = segment.node(5)
            bits = bit_set(field, code) if kind in _BITS and raw.endswith(")") else None
            values = [value(part, task) for part in field.children if part.raw] if bits is None else [bits]
            segment.settle(5, field)
        if any(type(found) in _AMOUNTS for found in values):
            segment.strike(6)
            segment.keep(6, () if held and unit.complete else rest)
        return values, unit


def _whole(items: Sequence[Item]) -> tuple[Extension, ...]:
    return tuple(part.whole() for item in items for part in (item.segment, *item.comments))


def _named_signal(segment: Segment, signal: Signal) -> None:
    """Take the rate from the name of a wave, and the range that is displayed from OBX-7."""
    shown = _peeked(segment).concept.codings
    if signal.period is None and shown and shown[0].display is not None:
        signal.period = named_rate(shown[0].display)
    if signal.limits is None and signal.take_range(segment, 7):
        segment.strike(7)


def strike_set_ids(items: Sequence[Item]) -> None:
    """Keep OBX-1 only where it says something: another number than the OBX has in its report, or none."""
    for number, item in enumerate(items, 1):
        raw = item.segment.raw(1)
        if raw == str(number):
            item.segment.strike(1)
        elif not raw:
            item.segment.keep(1, [("", None)])


def _condition_of(item: Item, handle: Handle, conditions: dict[tuple[Role, str], list[Item]]) -> list[Item] | None:
    """Return the facets of the condition that an OBX names the source of."""
    if handle.facet_of is not None:
        return None
    role = _peeked(item.segment).role
    condition = None if role is None else SOURCES.get(role)
    return None if condition is None else conditions.get((condition, handle.nodes[-1]))


def _peeked(segment: Segment) -> Code:
    raw = segment.raw(3)
    return decode_code(raw, segment.syntax).value if raw else _NO_CODE


def _content(values: list[Value], code: Code, verdict: Verdict) -> dict[str, Any]:
    """Return the value; several codes are one value, several others are components of the same code."""
    if not values:
        return {"value": absence(verdict.quality)}
    if len(values) == 1:
        return {"value": values[0]}
    coded = [found for found in values if isinstance(found, CodedValue)]
    if len(coded) == len(values):
        return {"value": CodedValue(concepts=tuple(c for found in coded for c in found.concepts))}
    return {"components": tuple(Component(code=code.concept, value=found) for found in values)}


def _metric_facts(unit: Measure, method: Method, resolution: Number | None) -> dict[str, Any]:
    facts: dict[str, Any] = dict(method.facts)
    if unit.concept.codings:
        facts["unit"] = unit.concept
    if resolution is not None:
        facts["resolution"] = resolution
    return facts


def _resolution(facets: Sequence[Item]) -> Number | None:
    signal = Signal()
    for facet in facets:
        if ATTRIBUTES.get(_peeked(facet.segment).refid or "") == "resolution":
            signal.take_resolution(facet.segment)
    return signal.resolution
