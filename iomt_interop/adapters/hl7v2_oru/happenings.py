"""Results that are no observations: what a device is set to, what happened, what it warns of.

A record of these kinds has fewer places than an observation, so that more of the OBX stays in extensions. What
happened may stand in OBX-3 (``MDC_EVT_*``), or in OBX-5 of a condition with a second OBX for its source (IHE PCD-10).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal

from ...model import Alert, CodedValue, Concept, Event, Extension, Link, Quantity, Setting, TextValue, Value
from .codes import Code, concept, decode_code
from .devices import parse_handle
from .orders import notes
from .results import decode_method, decode_verdict
from .tables import SETTING_MARKS, STATUS, Role
from .unit import HTEST, Segment

if TYPE_CHECKING:
    from .observations import Item, Report

__all__ = ["SOURCES", "add_happening", "core", "role_of", "stated_code"]

SOURCES: Final[dict[Role, Role]] = {"event-source": "event-condition", "alert-source": "alert-condition"}
"""A result that tells where another happened, and which."""

_EVENT_NAME: Final = "EVENT"
_ALERT_KINDS: Final[dict[str, Literal["technical"]]] = {"HardInop": "technical", "SoftInop": "technical"}
"""Kinds of alert by the name that MDIL-ALERT gives them; an inop is a technical alarm."""


def role_of(segment: Segment, code: Code, *, marks: bool) -> Role | None:
    """Return what a result is when it is no observation; ``marks`` for senders that note events as texts."""
    if code.role is None:
        if code.device and segment.raw(13) in SETTING_MARKS:
            return "setting"
        if marks and code.key == _EVENT_NAME:
            return "event"
    return code.role


def add_happening(report: Report, role: Role, item: Item, facets: Sequence[Item]) -> bool:
    """Map the result; ``False`` for a source without a condition, which is an observation."""
    make = _MAKERS.get(role)
    if make is None:
        return False
    identity = make(report, item, [f for f in facets if _is_source(f)])
    for facet in facets:
        if not _is_source(facet):
            report.observe(facet, (), (Link(relation="part_of", target=identity),))
    return True


def _is_source(item: Item) -> bool:
    raw = item.segment.raw(3)
    return bool(raw) and decode_code(raw, item.segment.syntax).value.role in SOURCES


def core(report: Report, item: Item) -> dict[str, Any]:
    """Map what settings, events and alerts have in common."""
    segment, handle, unit = item.segment, item.handle, report.unit
    mode = decode_verdict(segment.raw(8), segment.syntax).value.mode if segment.raw(8) else None
    facts: dict[str, Any] = {
        "provenance": unit.provenance(segment),
        "subject": unit.person(segment, mode),
        "time": report.moment(segment),
        "encounter": unit.encounter,
    }
    if handle is not None:
        report.tree.contain(segment, handle)
        facts["handle"] = segment.strike(4)
    facts["device"] = report.tree.equipment(segment, handle)
    if mode is not None or unit.mode is not None:
        facts["labels"] = (HTEST,)
    return facts


def _judged(segment: Segment) -> dict[str, Any]:
    """Map OBX-8 and OBX-11 of a setting or an event: how far it holds, and its status."""
    facts: dict[str, Any] = {}
    verdict, status = segment.use(8, decode_verdict), segment.strike(11)
    if verdict is not None:
        facts |= {"quality": verdict.quality, "interpretation": verdict.interpretation}
    if status:
        facts |= {"status": STATUS.get(status, "unknown"), "native_status": status}
    return facts


def stated_code(segment: Segment) -> Concept:
    """Read a code from OBX-5, whatever OBX-2 calls it; a bare text is a meaning without a code."""
    node = segment.node(5)
    first = node[1]
    found = concept(first) if len(first.children) > 1 else None
    if found is None:
        text = first.take()
        found = Concept(text=text)
    segment.settle(5, node)
    return found


def _one(report: Report, segment: Segment, *, held: bool = False) -> Value | None:
    """Map OBX-5 to a single value: several codes are one, several others are kept as their text."""
    raw, kind = segment.raw(5), segment.raw(2)
    values, _ = report.values(segment, held=held)
    if len(values) > 1:
        coded = [found for found in values if isinstance(found, CodedValue)]
        if len(coded) == len(values):
            return CodedValue(concepts=tuple(c for found in coded for c in found.concepts))
        return TextValue(text=raw, format=kind)
    found = values[0] if values else None
    if (kind == "NM" and isinstance(found, Quantity)) or (isinstance(found, TextValue) and found.format == kind):
        segment.strike(2)
    return found


def _text_or_value(report: Report, segment: Segment) -> tuple[str | None, Value | None]:
    """Map OBX-5 to the text of a happening, or to its value; a text of another type than ST names it."""
    found = _one(report, segment)
    if not isinstance(found, TextValue):
        return None, found
    if found.format != "ST" and not segment.raw(2):
        segment.keep(2, [("", found.format)])
    return found.text, None


def _rest(item: Item) -> tuple[Extension, ...]:
    return item.segment.extensions() + tuple(e for part in item.comments for e in part.extensions())


def _setting(report: Report, item: Item, sources: Sequence[Item]) -> str:
    segment, handle = item.segment, item.handle
    code = report.code(segment)
    identity = report.unit.id("setting", segment)
    facts = core(report, item) | _judged(segment)
    unit, measure = report.unit_facts(segment), segment.raw(6)
    value = _one(report, segment, held=handle is not None and report.tree.holds_unit(handle, code, measure))
    if handle is not None:
        method = decode_method(segment.raw(17), segment.syntax).value.facts if segment.raw(17) else {}
        known = {"category": "setting"} | method | unit
        facts["metric"] = report.tree.metric(segment, handle, code, known, measure)
    segment.strike(6) if isinstance(value, Quantity) else None
    report.unit.add(
        Setting(
            id=identity,
            code=code.concept,
            programmed=value,
            order=report.order,
            extensions=_rest(item) + _whole(sources),
            **facts,
        )
    )
    return identity


def _event(report: Report, item: Item, sources: Sequence[Item]) -> str:
    segment = item.segment
    identity = report.unit.id("event", segment)
    code = report.code(segment)
    facts = core(report, item) | _judged(segment)
    facts["text"], value = _text_or_value(report, segment)
    comments, kept = notes(item.comments)
    report.unit.add(
        Event(
            id=identity,
            code=code.concept,
            value=value,
            order=report.order,
            notes=comments,
            extensions=segment.extensions() + kept + _whole(sources),
            **facts,
        )
    )
    return identity


def _condition(report: Report, item: Item, sources: Sequence[Item]) -> str:
    """Map the condition of PCD-10: the event stands in OBX-5, its source in a result beside it."""
    segment = item.segment
    identity = report.unit.id("event", segment)
    facts = core(report, item) | _judged(segment)
    _locate(report, sources, facts)
    comments, kept = notes(item.comments)
    report.unit.add(
        Event(
            id=identity,
            code=stated_code(segment),
            order=report.order,
            notes=comments,
            extensions=segment.extensions() + kept + _whole(sources),
            **facts,
        )
    )
    return identity


def _alert_condition(report: Report, item: Item, sources: Sequence[Item]) -> str:
    """Map a condition that a device reports among its data."""
    segment = item.segment
    identity = report.unit.id("alert", segment)
    facts = core(report, item)
    _locate(report, sources, facts)
    report.unit.add(Alert(id=identity, code=stated_code(segment), extensions=_rest(item) + _whole(sources), **facts))
    return identity


def _alert(report: Report, item: Item, sources: Sequence[Item]) -> str:
    """Map an alert that one OBX tells whole: it is listed while it lasts."""
    segment = item.segment
    identity = report.unit.id("alert", segment)
    code = report.code(segment)
    facts = core(report, item)
    name = code.concept.codings[0].display if code.concept.codings else None
    facts["text"], value = _text_or_value(report, segment)
    report.unit.add(
        Alert(
            id=identity,
            code=code.concept,
            alert_kind=_ALERT_KINDS.get(name or ""),
            state="active",
            value=value,
            extensions=_rest(item) + _whole(sources),
            **facts,
        )
    )
    return identity


def _locate(report: Report, sources: Sequence[Item], facts: dict[str, Any]) -> None:
    """Take the device from the address that a source names."""
    for item in sources:
        handle = parse_handle(item.segment.raw(5))
        if handle is not None and handle.is_node:
            report.tree.contain(item.segment, handle)
            facts["device"] = report.tree.id(handle.text)


def _whole(items: Sequence[Item]) -> tuple[Extension, ...]:
    return tuple(part.whole() for item in items for part in (item.segment, *item.comments))


_MAKERS: Final[dict[Role, Callable[[Report, Item, Sequence[Item]], str]]] = {
    "setting": _setting,
    "event": _event,
    "event-condition": _condition,
    "alert-condition": _alert_condition,
    "alert": _alert,
}
