"""The short way for a report like the ones before it: the same addresses, codes, units and equipment, other numbers.

A monitor sends the same containment tree with every message. What the tree and the metrics become is worked out
for two messages; when both agree, later messages of the same pattern are cast from it: what differs are the numbers,
the times, the patient, and where each segment stands. Everything else goes through :class:`.observations.Report`.

A pattern holds devices, codes and units, and nothing of a person. Patterns are bounded in number and size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ..._accel import load
from ...model import Device, Issue, Metric, Mould, Observation, Provenance, Quantity, Record, record_id
from ...model.time import Time
from .ledger import MAX_REMEMBERED, Syntax
from .observations import Item, Report
from .times import decode_observed
from .unit import ADAPTER, VERSION, Segment, Unit
from .values import quantity_of

if TYPE_CHECKING:
    from ..._accel import mould_py as kernel
else:
    kernel = load("mould")

__all__ = ["add_results"]

_MAX_PATTERNS: Final = 256
_MAX_ITEMS: Final = 512
_OWN: Final = (Device, Metric)

_ORIGIN: Final = Mould(Provenance(adapter=ADAPTER, version=VERSION, digest=None, span=None, path=None, clause=None))
_NOBODY: Final = {"provenance": _ORIGIN.record, "subject": None}
"""What is not kept of a device or metric."""
_NOTHING: Final = _NOBODY | {"id": "", "value": None, "time": None, "encounter": None, "order": None}
"""What is not kept of a result."""
_NOWHERE: Final = _NOBODY | {"id": "", "path": None, "span": None}
"""What is not kept of a doubt."""
_AMOUNT: Final = {"mantissa": 0, "exponent": 0, "literal": None}

Key = tuple[Any, ...]
Parts = tuple[type[Any], dict[str, Any], Any]


class Step(NamedTuple):
    """What one OBX becomes: moulds, in parts."""

    before: tuple[tuple[Any, str | None, tuple[str, str] | None], ...]
    """Devices and metrics, each with the clause of its provenance; and moulds of doubts, with their code and field."""
    result: Parts | None
    """An observation; ``None`` for a node of the tree."""
    amount: Parts | None


@dataclass(slots=True)
class Pattern:
    """What the OBX of a report become, one by one."""

    steps: tuple[Step, ...]
    digest: str
    """Of the message that it was learnt from."""
    agreed: bool = False
    """Whether another message gave the same."""


_patterns: Final[dict[Key, Pattern | None]] = {}
"""``None`` for a report that has no pattern."""


def add_results(report: Report, items: Sequence[Item], *, alone: bool) -> None:
    """Map the OBX of a report, as ``report.add(items)`` does.

    Parameters
    ----------
    report : Report
        What the results share.
    items : sequence of Item
        The OBX.
    alone : bool
        Whether the report is the only one of its message, so that nothing was added to the tree before.
    """
    key = _key(report, items) if alone else None
    if key is None:
        report.add(items)
        return
    unit = report.unit
    known = _patterns.get(key)
    cast = None if known is None else _cast(known, report, items)
    if cast is not None and known is not None and known.agreed:
        unit.records += cast
        return
    numbers = [item.segment.fields[2] == "NM" for item in items]
    before = len(unit.records)
    report.add(items)
    made = unit.records[before:]
    if known is None:
        if key not in _patterns:
            if len(_patterns) >= _MAX_PATTERNS:
                _patterns.clear()
            _patterns[key] = _learnt(made, items, numbers, report)
    elif cast is not None and unit.digest != known.digest:
        known.agreed = cast == made
        if not known.agreed:
            _patterns[key] = None


def _key(report: Report, items: Sequence[Item]) -> Key | None:
    """Return all that the records of a report follow from but numbers, times, the patient and the place."""
    unit, tree = report.unit, report.tree
    if unit.mode is not None or report.specimens or tree.place is None or not 0 < len(items) <= _MAX_ITEMS:
        return None
    place = record_id("place", *tree.place)  # which may be somebody's home
    parts: list[Any] = [report.rated, report.device, report.sentinels, place, tree.gateway]
    parts.append(items[0].segment.syntax)
    mark = parts[-1].field
    for segment, comments, handle in items:
        fields = segment.fields
        if handle is None or comments or fields[1] or segment.has_kept:
            return None
        if fields[16] or fields[25]:  # persons: who answers for the result, and for the laboratory
            return None
        number = fields[2] == "NM"
        if not number and (fields[5] or fields[14]):  # a node's time is an extension of it, not cast
            return None
        text = mark.join((*fields[2:5], *fields[6:14], *fields[15:]))
        if len(text) > MAX_REMEMBERED:
            return None
        parts.append(text)
    return tuple(parts)


def _learnt(made: Sequence[Record], items: Sequence[Item], numbers: Sequence[bool], report: Report) -> Pattern | None:
    """Return the pattern of what a report became; ``None`` when there is more in it than it can say."""
    unit = report.unit
    steps: list[Step] = []
    at = 0
    for (segment, _, _), number in zip(items, numbers, strict=True):
        span = (unit.base + segment.span[0], unit.base + segment.span[1])
        own: list[Record] = []
        while at < len(made) and made[at].provenance.span == span:
            own.append(made[at])
            at += 1
        step = _step(own, segment.path, number=number)
        if step is None or any(record.subject != unit.subject for record in own):
            return None
        steps.append(step)
    return Pattern(tuple(steps), unit.digest) if at == len(made) else None


def _step(own: list[Record], path: str, *, number: bool) -> Step | None:
    """Return what one OBX became; ``None`` for other records than its place in the tree and a plain number."""
    result: Parts | None = None
    amount: Parts | None = None
    if number:
        found = own.pop() if own else None
        if not isinstance(found, Observation) or found.labels or found.extensions:
            return None
        if not isinstance(found.value, Quantity):
            return None
        result, amount = Mould(found, _NOTHING).parts, Mould(found.value, _AMOUNT).parts
    before: list[tuple[Any, str | None, tuple[str, str] | None]] = []
    for record in own:
        if isinstance(record, Issue):
            doubt = (record.code, (record.path or "").removeprefix(path))
            before.append((Mould(record, _NOWHERE), None, doubt))
        elif type(record) in _OWN:
            before.append((Mould(record, _NOBODY).parts, record.provenance.clause, None))
        else:
            return None
    return Step(tuple(before), result, amount)


def _cast(pattern: Pattern, report: Report, items: Sequence[Item]) -> list[Record] | None:
    """Return the records of a report that has a known pattern; ``None`` when a number or a time is unusual."""
    unit = report.unit
    shared = {"subject": unit.subject, "encounter": unit.encounter, "order": report.order, "time": report.time}
    origin = Mould(_ORIGIN.cast({"digest": unit.digest})).parts

    def doubt_of(mould: Mould[Issue], doubt: tuple[str, str], segment: Segment) -> Issue:
        return _doubt(mould, doubt, unit, segment)

    return kernel.cast_report(
        pattern.steps, items, unit.base, origin, shared, report.sentinels, _amount_of, _time_of, unit.id, doubt_of
    )


def _amount_of(text: str, parts: Parts) -> Quantity | None:
    return quantity_of(text, parts[2].mould)


def _time_of(text: str, syntax: Syntax) -> Time | None:
    """Return the time of OBX-14; ``None`` when it says something else as well."""
    time, rest = decode_observed(text, syntax)
    return None if rest else time


def _doubt(mould: Mould[Issue], doubt: tuple[str, str], unit: Unit, segment: Segment) -> Issue:
    """Return a doubt about the content of another segment."""
    code, path = doubt[0], segment.path + doubt[1]
    span = (unit.base + segment.span[0], unit.base + segment.span[1])
    return mould.cast(
        {
            "id": unit.issue_id(code, path, span),
            "provenance": Provenance(adapter=ADAPTER, version=VERSION, digest=unit.digest, span=span, path=path),
            "subject": unit.subject,
            "path": path,
            "span": span,
        }
    )
