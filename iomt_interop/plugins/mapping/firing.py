"""One rule on one row: the fields, the references, the id, the record."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Literal

from pydantic import ValidationError

from ...model import Channel, Envelope, Identifier, Provenance, Quality, Record, Segment, record_id
from ..contract import ReadContext
from .conditions import holds
from .fields import FIELDS, MODELS, NEEDS
from .nodes import Node
from .parts import BUILDERS
from .people import References
from .schema import Mapping, Rule
from .scope import Ledger, Scope
from .units import Unit
from .waves import channel_of
from .words import choice_of, identifier_of

__all__ = ["Firing", "fire"]

_REFERS_TO: Final = {"device": "device", "gateway": "device", "parent": "device", "encounter": "encounter"}
"""Field to the kind of record that it names."""

_OF_A_PERSON: Final = frozenset(MODELS) - {"subject", "device"}
_TIMED: Final = frozenset(kind for kind, fields in FIELDS.items() if "time" in fields and kind != "session")
_TEST: Final[dict[str, Literal["test", "demo"]]] = {"test-data": "test", "demo-data": "demo"}


@dataclass(slots=True, repr=False)
class Firing:
    """A rule, a row, and where the row comes from."""

    rule: Rule
    mapping: Mapping
    context: ReadContext
    row: Node
    origin: Provenance
    unit: Unit
    adapter: str
    ledger: Ledger = field(default_factory=Ledger)

    @property
    def scope(self) -> Scope:
        """What the rule sees."""
        return Scope(self.mapping, self.context, self.row, self.ledger)


def fire(firing: Firing, references: References, out: list[Record]) -> Envelope | None:
    """Return the rule's record, ``None`` when it makes none; records that it refers to go to ``out`` before it."""
    rule, scope = firing.rule, firing.scope
    if not holds(scope, rule.when):
        firing.ledger.missing.clear()
        return None
    values, named = _values(firing, scope)
    if not all(any(name in values or name in named for name in group) for group in NEEDS[rule.kind]):
        return None
    key = _key(firing, scope, values, references)
    new: list[Record] = []
    for name, identifier in named.items():
        values[name] = references.refer(_REFERS_TO[name], identifier, firing.origin, new)
    if rule.kind in _OF_A_PERSON:
        values["subject"] = _subject(firing, scope, values, references, new)
    if rule.kind in _TIMED and "time" not in rule.fields and firing.context.received is not None:
        values["time"] = firing.context.received.replace(origin="received")
    try:
        record = MODELS[rule.kind](id=key, provenance=firing.origin, **values)
    except ValidationError:
        record = None
    if record is None:
        scope.doubt("MAP-205", rule.label)
        return None
    out += new
    return record


def _values(firing: Firing, scope: Scope) -> tuple[dict[str, Any], dict[str, Identifier]]:
    """Return the fields that the row fills, and the identifiers of what it refers to."""
    kind = firing.rule.kind
    values: dict[str, Any] = {}
    named: dict[str, Identifier] = {}
    for name, spec in firing.rule.fields.items():
        form = FIELDS[kind][name]
        if form == "reference":
            identifier = identifier_of(scope, spec)
            if identifier is not None:
                named[name] = identifier
        elif form == "choice":
            word, native = choice_of(scope, spec, kind, name)
            _keep_native(kind, name, native, values)
            if word is not None:
                values[name] = word
        elif form == "channels":
            _channels(scope, spec, values)
        else:
            value = BUILDERS[form](scope, spec)
            if value is not None and value != ():
                values[name] = value
    _start_segments(values)
    return values, named


def _keep_native(kind: str, name: str, native: str | None, values: dict[str, Any]) -> None:
    """Keep the source's own word where the model has a place for it."""
    if native is None:
        return
    if name == "status" and kind in {"observation", "waveform"}:
        values["native_status"] = native
    elif kind == "alert":
        values["native"] = (*values.get("native", ()), native)


def _channels(scope: Scope, specs: tuple[Any, ...], values: dict[str, Any]) -> None:
    found: list[tuple[Channel, Segment]] = []
    for spec in specs:
        channel = channel_of(scope, spec, len(found))
        if channel is not None:
            found.append(channel)
    if found:
        values["channels"] = tuple(channel for channel, _ in found)
        values["segments"] = tuple(segment for _, segment in found)


def _start_segments(values: dict[str, Any]) -> None:
    time = values.get("time")
    start = getattr(time, "start", time) if getattr(time, "shape", "day") != "day" else None
    segments: tuple[Segment, ...] = values.get("segments", ())
    if segments and start is not None:
        values["segments"] = tuple(segment.replace(start=start) for segment in segments)


def _subject(
    firing: Firing, scope: Scope, values: dict[str, Any], references: References, new: list[Record]
) -> str | None:
    """Return whose data it is: nobody's for test data, else whom the row names, else whom the caller names."""
    quality = values.get("quality")
    mode: str | None = None
    if isinstance(quality, Quality):
        told = [quality.mode] if quality.mode in {"test", "demo"} else [_TEST.get(flag) for flag in quality.flags]
        mode = next((each for each in told if each is not None), None)
    spec = firing.rule.subject
    if spec is not None and not references.is_excluded(mode):
        identifier = identifier_of(scope, spec)
        if identifier is not None:
            return references.refer("subject", identifier, firing.origin, new)
    return references.whose(new, mode)


def _key(firing: Firing, scope: Scope, values: dict[str, Any], references: References) -> str:
    """Return the record's id.

    Who and what a device is: by the identifier. Everything else: by the texts of ``key``, else by what the row
    says; and where that has no time, by its place too, as equal rows may then be different measurements.
    """
    rule = firing.rule
    identifier = next(iter(values.get("identifiers", ())), None)
    if rule.kind in {"subject", "device", "encounter"}:
        identifier = identifier or Identifier(value=values.get("serial"))
        return references.id_of(rule.kind, identifier)
    label = rule.label
    if rule.key:
        texts = [leaf.text for path in rule.key if (leaf := scope.leaf(path)) is not None]
        return record_id(rule.kind, firing.adapter, label, *texts)
    row, unit = firing.row, firing.unit
    own = unit.raw.strip() if row is unit.root else unit.raw[row.start : row.stop]
    texts = [leaf.text for leaf in firing.ledger.taken]
    place = None
    if "time" not in values and "period" not in values:
        place = f"{unit.digest if unit.root is row else ''}{firing.origin.path}/{firing.origin.span}"
    return record_id(rule.kind, firing.adapter, label, place, own, *texts)
