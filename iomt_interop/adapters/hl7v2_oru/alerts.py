"""PCD-04 and PCD-05: one alert from the OBX that are its parts (IHE PCD TF-2 3.4.4.1, OBX-4 ``a.b.c.d.n``).

Senders disagree about the numbers of the parts and about some names, so that a part is known by its reference id,
and whatever is written otherwise than the framework does stays an extension.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from ...model import (
    Acknowledgement,
    Alert,
    AlertSignal,
    Concept,
    Identifier,
    Link,
    Observation,
    Quantity,
    Record,
    Waveform,
)
from ...terminology import mdc, systems
from .codes import Code, decode_code
from .devices import parse_handle
from .happenings import core, stated_code
from .observations import Item, Report
from .people import persons
from .results import limits
from .tables import ACKNOWLEDGEMENTS, ALERT_PARTS, ALERT_VALUES, SIGNALS
from .times import decode_stated
from .unit import HTEST, Segment, Unit

__all__ = ["ALARM_EVENT", "acknowledged", "add_alerts", "split_alerts"]

ALARM_EVENT: Final = "MDC_EVT_ALARM"
"""Reference id in OBR-4 of a report that is an alert; in OBX-3 it says that the event itself stands in OBX-5."""

_PARTS: Final = {"event": "1", "source": "2", "phase": "3", "state": "4", "inactivation": "5", "priority": "6",
                 "alert_kind": "7", "text": "8"}  # fmt: skip
"""Number of each part in OBX-4."""
_person: Final = persons("acknowledger")
_SHARED: Final = (8, 11, 14, 18)
"""Fields that many senders repeat in every part of an alert."""


def _code(segment: Segment) -> Code | None:
    return decode_code(segment.raw(3), segment.syntax).value if segment.raw(3) else None


def _is_alert(parts: Sequence[Item], alarm: bool) -> bool:
    """Tell an alert from the facets of a metric that stands elsewhere, as those of a wave that goes with it."""
    codes = [code for item in parts if (code := _code(item.segment)) is not None]
    named = any((code.refid or "") in ALERT_PARTS or code.refid == ALARM_EVENT for code in codes)
    return named or (alarm and any(code.role == "event" for code in codes[:1]))


def split_alerts(items: Sequence[Item], *, alarm: bool) -> tuple[list[list[Item]], list[Item]]:
    """Return the parts of each alert, by the address that they share, and all other OBX.

    Parameters
    ----------
    items : sequence of Item
        The OBX of one report.
    alarm : bool
        Whether the report says that it is an alert.
    """
    groups: dict[str, list[Item]] = {}
    for item in items:
        if item.handle is not None and item.handle.facet_of is not None:
            groups.setdefault(item.handle.facet_of, []).append(item)
    found = [parts for parts in groups.values() if _is_alert(parts, alarm)]
    taken = {id(item) for parts in found for item in parts}
    return found, [item for item in items if id(item) not in taken]


def add_alerts(
    report: Report, alerts: Sequence[Sequence[Item]], identifiers: tuple[Identifier, ...], measured: Sequence[Record]
) -> None:
    """Map the alerts of one report; the identifiers are those of its OBR.

    What was measured in a report that is an alert is the evidence for it: all of it for its only alert, else what
    stands in the same channel, for the first alert of that.
    """
    found: dict[str, list[Link]] = {}
    for record in measured:
        if isinstance(record, Observation | Waveform):
            handle = parse_handle(record.handle or "") if len(alerts) > 1 else None
            place = handle.nodes[-1] if handle is not None else ""
            found.setdefault(place, []).append(Link(relation="derived_from", target=record.id))
    for parts in alerts:
        own = parts[0].handle
        place = own.nodes[-1] if own is not None and len(alerts) > 1 else ""
        _add_alert(report, parts, identifiers, tuple(found.pop(place, ())))


def _add_alert(
    report: Report, items: Sequence[Item], identifiers: tuple[Identifier, ...], links: tuple[Link, ...]
) -> None:
    """Map the parts of one alert; the identifiers are those of its OBR."""
    first = items[0]
    _strike_repeated([item.segment for item in items])
    facts = core(report, first)
    if first.handle is not None:
        facts["handle"] = first.handle.facet_of
        first.segment.fields[4] = first.handle.text
    parts = _Parts(report, first)
    for item in items:
        parts.take(item)
    facts |= parts.facts
    verdict = first.segment.raw(8).split(first.segment.syntax.repetition or "~")
    for kind in ("priority", "alert_kind"):
        named = [ALERT_VALUES[kind][text] for text in verdict if text in ALERT_VALUES[kind]]
        if kind not in facts and named:
            facts[kind] = named[0]
    kept = tuple(e for item in items for part in (item.segment, *item.comments) for e in part.extensions())
    report.unit.add(
        Alert(
            id=report.unit.id("alert", first.segment),
            identifiers=identifiers,
            native=tuple(parts.native),
            extensions=kept,
            links=links,
            **facts,
        )
    )


def _strike_repeated(segments: Sequence[Segment]) -> None:
    """Keep a field that is alike in all parts only once."""
    for number in _SHARED:
        raws = {segment.raw(number) for segment in segments}
        if len(raws) == 1:
            for segment in segments[1:]:
                segment.strike(number)


@dataclass(slots=True, repr=False)
class _Parts:
    """What the parts of one alert say."""

    report: Report
    first: Item
    facts: dict[str, Any] = field(default_factory=dict)
    native: list[str] = field(default_factory=list)

    def take(self, item: Item) -> None:
        """Take over one part."""
        segment = item.segment
        code = _code(segment)
        if code is None:
            return
        if code.issue is not None:
            self.report.unit.issue(code.issue, f"{segment.path}-3", segment.span)
        kind = ALERT_PARTS.get(code.refid or "")
        if kind is not None:
            self._part(kind, segment)
        elif "code" not in self.facts:
            self._event(code, segment)
            kind = "event"
        else:
            self._evidence(code, segment)
            kind = "source"
        _strike_address(item, kind)

    def _event(self, code: Code, segment: Segment) -> None:
        """Take the condition: OBX-3, or OBX-5 where OBX-3 only says that there is an alarm."""
        if code.refid == ALARM_EVENT and segment.raw(5):
            found = stated_code(segment)
            self.facts["code"] = found
            shown = found.text or next((c.display for c in found.codings if c.display), None)
            self.facts["text"] = shown
            _strike_code(segment)
            return
        self.facts["code"] = code.concept
        segment.strike(3) if _gives_back(code.concept, segment) else None
        self._limits(segment, segment.raw(6))
        self.facts["text"] = segment.text(5)
        if segment.raw(2) == "ST":
            segment.strike(2)

    def _evidence(self, code: Code, segment: Segment) -> None:
        """Take the measurement that raised the alert, and the limits that it broke (3.4.4.1, source)."""
        if "source" not in self.facts:
            self.facts["source"] = code.concept
            self.facts["source_metric"] = self._metric(code.concept, segment)
            unit = segment.raw(6)
            values, _ = self.report.values(segment)
            if len(values) == 1:
                self.facts["value"] = values[0]
                if segment.raw(2) == "NM" and isinstance(values[0], Quantity):
                    segment.strike(2)
            self._limits(segment, unit)
            segment.strike(3) if _gives_back(code.concept, segment) else None

    def _limits(self, segment: Segment, unit: str) -> None:
        if segment.raw(7) and "limits" not in self.facts:
            (found,) = limits(segment, unit, "alarm")
            self.facts["limits"] = found.range

    def _part(self, kind: str, segment: Segment) -> None:
        if kind == "source":
            self._source(segment)
        elif kind == "text":
            self.facts["text"] = segment.text(5)
        else:
            raw = segment.strike(5)
            self.native.append(raw)
            self.facts |= _said(kind, raw, segment)
        if segment.raw(2) == "ST":
            segment.strike(2)
        _strike_code(segment)

    def _source(self, segment: Segment) -> None:
        """Take what raised the alert: a code, though the type is often ST; an address of the tree; a name."""
        if not segment.raw(5):
            return
        handle = parse_handle(segment.raw(5))
        found = stated_code(segment)
        self.facts["source"] = found
        if handle is not None and handle.is_node:
            self.report.tree.contain(segment, handle)
            self.facts["device"] = self.report.tree.id(handle.text)
        else:
            self.facts["source_metric"] = self._metric(found, segment)

    def _metric(self, source: Concept, segment: Segment) -> str | None:
        """Return the metric at the address of the alert, where the source is what is measured there."""
        own = self.first.handle
        if own is None or own.parts[3] == 0:
            return None
        metric = parse_handle(own.facet_of or "")
        key = next((c.refid or c.code for c in source.codings if c.system == systems.MDC), None)
        if metric is None or key is None:
            return None
        return self.report.tree.metric(segment, metric, Code(source, key, key, None), {})


def _said(kind: str, raw: str, segment: Segment) -> dict[str, Any]:
    """Return what phase, state, inactivation, priority or kind say."""
    if kind != "inactivation":
        known = ALERT_VALUES[kind].get(raw)
        return {} if known is None else {kind: known}
    words = raw.split(segment.syntax.repetition) if segment.syntax.repetition else [raw]
    signals = tuple(AlertSignal(manifestation=SIGNALS[w][0], activation=SIGNALS[w][1]) for w in words if w in SIGNALS)
    state = next((ACKNOWLEDGEMENTS[word] for word in words if word in ACKNOWLEDGEMENTS), None)
    found: dict[str, Any] = {"inactivation": raw or None, "signals": signals}
    return found if state is None else found | {"acknowledgement": Acknowledgement(state=state)}


def _strike_address(item: Item, kind: str) -> None:
    """Strike OBX-4 off where the part has the number that the framework gives it."""
    handle = item.handle
    if handle is not None and handle.text == f"{handle.facet_of}.{_PARTS.get(kind)}":
        item.segment.strike(4)


def _strike_code(segment: Segment) -> None:
    """Strike OBX-3 of a part off where it is written as the nomenclature does."""
    syntax = segment.syntax
    parts = segment.raw(3).split(syntax.component) if syntax.component else []
    if len(parts) == 3 and parts[2] == "MDC" and parts[0] == str(mdc.code_of(parts[1])):
        segment.strike(3)


def _gives_back(known: Concept, segment: Segment) -> bool:
    """Tell whether OBX-3 is a single coding that the record holds whole."""
    rest = decode_code(segment.raw(3), segment.syntax).rest
    return not rest and bool(known.codings)


def acknowledged(unit: Unit, identifiers: tuple[Identifier, ...], segments: Sequence[Segment]) -> None:
    """Map PCD-05 (ORA^R41): what became of an alert that was reported; it is known by its identifiers alone."""
    for segment in segments:
        state = ACKNOWLEDGEMENTS.get(segment.raw(3))
        text = segment.strike(3) if state is not None else ""
        found = None
        if state is not None:
            several = bool(segment.syntax.repetition) and segment.syntax.repetition in segment.raw(5)
            who = () if several else segment.use(5, _person) or ()
            found = Acknowledgement(state=state, by=next(iter(who), None), time=segment.use(11, decode_stated))
        unit.add(
            Alert(
                id=unit.id("alert", segment),
                provenance=unit.provenance(segment),
                subject=unit.subject,
                encounter=unit.encounter,
                identifiers=identifiers,
                acknowledgement=found,
                native=(text,) if text else (),
                labels=(HTEST,) if unit.mode is not None else (),
                extensions=segment.extensions(),
            )
        )
