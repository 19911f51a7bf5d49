"""PCD-04: one alert from the OBX that are its parts (IHE PCD TF-2 3.4.4.1, OBX-4 ``a.b.c.d.n``).

Senders disagree about the numbers of the parts and about some names, so that every part is also kept whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from ...model import Alert, Concept, Identifier
from ...model.time import Time
from .codes import concept, decode_code
from .devices import Tree
from .ledger import Node
from .observations import Item
from .tables import ALERT_PARTS, ALERT_VALUES
from .times import decode_observed
from .unit import HTEST, Segment, Unit

__all__ = ["ALARM_EVENT", "alert", "split_alerts"]

ALARM_EVENT: Final = "MDC_EVT_ALARM"
"""Reference id in OBR-4 of a report that is an alert."""


def split_alerts(items: Sequence[Item]) -> tuple[list[list[Item]], list[Item]]:
    """Return the parts of each alert, by the address that they share, and all other OBX."""
    groups: dict[str, list[Item]] = {}
    others: list[Item] = []
    for item in items:
        if item.handle is None or item.handle.facet_of is None:
            others.append(item)
        else:
            groups.setdefault(item.handle.facet_of, []).append(item)
    return list(groups.values()), others


def alert(
    unit: Unit, tree: Tree, items: Sequence[Item], identifiers: tuple[Identifier, ...], time: Time | None
) -> Alert:
    """Map the parts of one alert; the identifiers and the time are those of its OBR."""
    first = items[0]
    kept = tuple(part.whole() for item in items for part in (item.segment, *item.comments))
    facts: dict[str, Any] = {"time": time}
    native: list[str] = []
    for item in items:
        segment = item.segment
        code = decode_code(segment.raw(3), segment.syntax).value
        if code.issue is not None:
            unit.issue(code.issue, f"{segment.path}-3", segment.span)
        kind = ALERT_PARTS.get(code.refid or "")
        if kind is None and "code" not in facts:
            facts["code"] = code.concept
            facts["text"] = segment.raw(5) or None
        elif kind == "source":
            facts["source"] = _source(segment)
        elif kind is not None:
            native.append(segment.raw(5))
            facts |= _part(kind, segment.raw(5))
    stated = decode_observed(first.segment.raw(14), first.segment.syntax).value if first.segment.raw(14) else None
    if stated is not None:
        facts["time"] = stated
    if first.handle is not None:
        tree.contain(first.segment, first.handle)
    return Alert(
        id=unit.id("alert", first.segment),
        provenance=unit.provenance(first.segment),
        subject=unit.subject,
        encounter=unit.encounter,
        identifiers=identifiers,
        device=tree.equipment(first.segment, first.handle),
        handle=first.handle.facet_of if first.handle else None,
        native=tuple(native),
        labels=(HTEST,) if unit.mode is not None else (),
        extensions=kept,
        **facts,
    )


def _source(segment: Segment) -> Concept | None:
    """Read what raised the alert: a code, though the type is often ST, or a name."""
    field = Node(segment.raw(5), segment.syntax)
    return concept(field[1]) if len(field[1].children) > 1 else Concept(text=field.peek())


def _part(kind: str, text: str) -> dict[str, str]:
    if kind == "inactivation":
        return {kind: text}
    known = ALERT_VALUES[kind].get(text)
    return {} if known is None else {kind: known}
