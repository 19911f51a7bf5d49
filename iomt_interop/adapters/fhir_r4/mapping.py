"""Which resource a record becomes and the other way round, with the edits that make a resource come back as it was."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Final, cast

from pydantic import ValidationError

from ...errors import MalformedInput
from ...model import (
    Alert,
    ClockSync,
    Device,
    Document,
    Encounter,
    Event,
    Extension,
    Issue,
    Message,
    Metric,
    Model,
    Observation,
    Order,
    Provenance,
    Record,
    Residue,
    Setting,
    Subject,
    Waveform,
    record_id,
)
from .care import CARE, emit_care, read_care
from .clock import emit_clock, is_clock, read_clock
from .device import emit_association, emit_device, emit_metric, read_device, read_metric
from .envelope import is_canonical_id, is_own, resource_id
from .fields import Emit, Parse, items, text_of
from .happenings import emit_happening, happening_kind, read_happening
from .jsontext import MAX_DEPTH, Tree, dumps, parse
from .observation import emit_observation, read_observation
from .patch import apply, diff, is_edit
from .patient import emit_patient, read_patient
from .tables import ADAPTER, VERSION
from .visit import (
    emit_document,
    emit_encounter,
    emit_message,
    emit_order,
    read_document,
    read_encounter,
    read_message,
    read_order,
)
from .waveform import emit_waveform, is_waveform, read_waveform

__all__ = ["Origin", "identity_of", "plain_reference", "read_resource", "to_resources"]

_EMIT: Final[dict[str, Callable[[Any, Emit], list[Tree]]]] = {
    "subject": emit_patient, "device": emit_device, "metric": emit_metric, "observation": emit_observation,
    "waveform": emit_waveform, "clock_sync": emit_clock, "alert": emit_happening, "setting": emit_happening,
    "event": emit_happening, "encounter": emit_encounter, "order": emit_order, "message": emit_message,
    "document": emit_document, "association": emit_association, **dict.fromkeys(CARE, emit_care),
}  # fmt: skip

_READ: Final[dict[str, tuple[type[Model], Callable[[Tree, Parse], Tree]]]] = {
    "Patient": (Subject, read_patient),
    "Device": (Device, read_device),
    "DeviceMetric": (Metric, read_metric),
    "Encounter": (Encounter, read_encounter),
    "DiagnosticReport": (Order, read_order),
    "MessageHeader": (Message, read_message),
    "DocumentReference": (Document, read_document),
    **{care.resource: (care.model, read_care) for care in CARE.values()},
}
_HAPPENINGS: Final[dict[str, type[Model]]] = {"alert": Alert, "setting": Setting, "event": Event}


def plain_reference(resource: str, target: str) -> str:
    """Return a relative reference (``Patient/0a1b...``)."""
    return f"{resource}/{resource_id(target)}"


# ---- Records to resources


def to_resources(record: Record, e: Emit) -> list[Tree]:
    """Return the resources that a record becomes; losses are noted in ``e``."""
    e.record, e.kind, e.prefix = record.id, record.kind, ""
    if isinstance(record, Residue):
        return _residue(record, e)
    emit = _EMIT.get(record.kind)
    if emit is None:
        e.loss("", "kind of record without a FHIR resource")
        return []
    if not is_own(record):
        return emit(record, e)
    # The reader compared with what this emission gives, whatever the form and the policies of a payload are.
    plain = Emit(reference=plain_reference, losses=e.losses)
    trees = emit(record, plain)
    edits = [extension for extension in record.extensions if is_edit(extension)]
    if not edits or len(trees) != 1:
        return trees
    tree, failed = apply(trees[0], edits)
    for pointer in failed:
        e.loss(f"extensions[{pointer}]", "source element whose place has changed since")
    return [tree]


def _residue(record: Residue, e: Emit) -> list[Tree]:
    """Return a resource that this adapter kept whole."""
    if is_own(record) and record.reason == "resource":
        try:
            tree = parse(record.raw, max_depth=MAX_DEPTH)
        except MalformedInput:
            tree = None
        if isinstance(tree, dict) and text_of(tree, "resourceType") is not None:
            return [tree]
    e.loss("raw", "input that could not be understood")
    return []


# ---- Resources to records


@dataclass(slots=True)
class Origin:
    """Where resources come from: one Bundle, line or document."""

    digest: str
    span: tuple[int, int]
    index: MutableMapping[str, tuple[str, str]] = field(default_factory=dict)
    """Full URL, or type and id, to resource type and id of the record."""
    adjust: Callable[[type[Model], Tree], None] = lambda _, __: None
    """What the read context adds."""

    def resolve(self, text: str, types: tuple[str, ...]) -> str | None:
        """Return the id of the record that a reference names."""
        known = self.index.get(text)
        if known is not None:
            return known[1] if known[0] in types else None
        head, _, identity = text.rpartition("/")
        resource = head.rpartition("/")[2]
        if resource not in types or not identity:
            return None
        return identity if is_canonical_id(identity) and head == resource else record_id("fhir", text)

    def provenance(self, path: str) -> Provenance:
        """Return the provenance of a resource."""
        return Provenance(adapter=ADAPTER, version=VERSION, digest=self.digest, span=self.span, path=path)


def identity_of(tree: Tree, origin: Origin, path: str) -> str:
    """Return the id of the record that a resource becomes.

    A patient is known by the first identifier that has a value, so that the same person gives the same id from
    every source; other resources by type and id.
    """
    resource, identity = text_of(tree, "resourceType") or "", text_of(tree, "id")
    if identity is not None and is_canonical_id(identity):
        return identity
    if resource == "Patient":
        for identifier in items(tree, "identifier"):
            value = text_of(identifier, "value")
            if value is not None:
                kind = items(identifier.get("type"), "coding")
                authority = text_of(identifier, "system") or text_of(identifier.get("assigner"), "display")
                return record_id("subject", authority, text_of(kind[0], "code") if kind else None, value)
    if identity is not None:
        return record_id("fhir", f"{resource}/{identity}")
    return record_id("fhir", origin.digest, path)


def read_resource(tree: Tree, origin: Origin, path: str, kept: tuple[Extension, ...] = ()) -> list[Record]:
    """Read one resource.

    Parameters
    ----------
    tree : dict
        The resource.
    origin : Origin
        Where it comes from.
    path : str
        Where it stands there.
    kept : tuple of Extension
        What its Bundle entry says beside it.

    Returns
    -------
    list of Record
        The record, or a residue that holds the whole resource; issues behind it.
    """
    identity = identity_of(tree, origin, path)
    model, values, issues = _parse(tree, origin, path)
    if model is not None:
        origin.adjust(model, values)
        kept += tuple(values.pop("extensions", ()))
        frame = {"id": identity, "provenance": origin.provenance(path)}
        try:
            record = cast("Any", model)(**frame, **values, extensions=kept)
        except ValidationError:
            issues.append(_issue(origin, path, "FHR-101"))
        else:
            made = _EMIT[record.kind](record, Emit(reference=plain_reference))
            if len(made) == 1:
                edits = diff(made[0], tree)
                return [record.replace(extensions=(*kept, *edits)) if edits else record, *issues]
    residue = Residue(
        id=record_id("residue", identity), provenance=origin.provenance(path), path=path, span=origin.span,
        raw=dumps(tree).encode(), reason="resource", extensions=kept,
    )  # fmt: skip
    return [residue, *issues]


def _parse(tree: Tree, origin: Origin, path: str) -> tuple[type[Model] | None, Tree, list[Record]]:
    inner = {identity: one for one in items(tree, "contained") if (identity := text_of(one, "id")) is not None}
    p = Parse(resolve=origin.resolve, contained=inner)
    resource = text_of(tree, "resourceType")
    if resource == "Observation":
        return _parse_observation(tree, origin, path, p)
    found = _READ.get(resource or "")
    return (None, {}, []) if found is None else (found[0], found[1](tree, p), [])


def _parse_observation(tree: Tree, origin: Origin, path: str, p: Parse) -> tuple[type[Model], Tree, list[Record]]:
    kind = happening_kind(tree)
    if kind is not None:
        return _HAPPENINGS[kind], read_happening(kind, tree, p), []
    if is_clock(tree):
        return ClockSync, read_clock(tree, p), []
    if not is_waveform(tree):
        return Observation, read_observation(tree, p), []
    found = read_waveform(tree, p)
    if found is None:
        return Observation, read_observation(tree, p), [_issue(origin, path, "FHR-102")]
    values, recovered = found
    return Waveform, values, [_issue(origin, path, "FHR-103")] if recovered else []


def _issue(origin: Origin, path: str, code: str) -> Issue:
    return Issue(
        id=record_id("issue", origin.digest, path, code), provenance=origin.provenance(path), severity="warning",
        code=code, path=path, span=origin.span,
    )  # fmt: skip
