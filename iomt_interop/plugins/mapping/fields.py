"""Which fields a rule of each kind may fill, as data: field, how it is said, what a rule cannot do without."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final, Literal, get_args, get_origin

from pydantic import TypeAdapter

from ...model import (
    Alert,
    Device,
    DeviceAssociation,
    Document,
    Encounter,
    Envelope,
    Event,
    Observation,
    Session,
    Setting,
    Subject,
    Waveform,
)
from . import specs as s

__all__ = ["FIELDS", "FORMS", "MODELS", "NEEDS", "RuleKind", "choices", "form_adapter"]

RuleKind = Literal[
    "subject", "device", "association", "encounter", "observation", "waveform", "event", "session", "setting",
    "alert", "document",
]  # fmt: skip

MODELS: Final[dict[str, type[Envelope]]] = {
    "subject": Subject,
    "device": Device,
    "association": DeviceAssociation,
    "encounter": Encounter,
    "observation": Observation,
    "waveform": Waveform,
    "event": Event,
    "session": Session,
    "setting": Setting,
    "alert": Alert,
    "document": Document,
}

FORMS: Final[dict[str, Any]] = {
    "text": s.TextSpec,
    "texts": tuple[s.TextSpec, ...],
    "choice": s.TextSpec,
    "boolean": s.BooleanSpec,
    "integer": s.TextFrom,
    "base64": s.TextFrom,
    "concept": s.ConceptSpec,
    "concepts": tuple[s.ConceptSpec, ...],
    "coding": s.ConceptSpec,
    "value": s.ValueSpec,
    "quantity": s.QuantitySpec,
    "time": s.TimeSpec,
    "instant": s.InstantSpec,
    "identifiers": tuple[s.IdentifierSpec, ...],
    "reference": s.IdentifierSpec,
    "names": tuple[s.NameSpec, ...],
    "notes": tuple[s.TextSpec, ...],
    "versions": tuple[s.VersionSpec, ...],
    "components": tuple[s.ComponentSpec, ...],
    "ranges": tuple[s.ReferenceRangeSpec, ...],
    "limits": s.LimitsSpec,
    "quality": s.QualitySpec,
    "channels": tuple[s.ChannelSpec, ...],
    "stages": tuple[s.StageSpec, ...],
    "totals": tuple[s.TotalSpec, ...],
}
"""How a field is said in the mapping."""

_TIMED: Final = {"time": "time", "device": "reference", "encounter": "reference"}

FIELDS: Final[dict[str, Mapping[str, str]]] = {
    "subject": {
        "identifiers": "identifiers", "names": "names", "birth_date": "instant", "sex": "coding",
        "languages": "concepts", "active": "boolean", "confidence": "choice",
    },
    "device": {
        "identifiers": "identifiers", "node": "choice", "type": "concept", "manufacturer": "text", "model": "text",
        "serial": "text", "part": "text", "lot": "text", "names": "texts", "versions": "versions",
        "regulated": "boolean", "activation": "choice", "operating_mode": "choice", "operating_hours": "integer",
        "operating_cycles": "integer", "battery": "quantity", "status": "text", "owner": "text", "handle": "text",
        "parent": "reference", "notes": "notes",
    },
    "association": {
        "device": "reference", "period": "time", "state": "choice", "body_site": "concept", "native_person": "text",
    },
    "encounter": {
        "identifiers": "identifiers", "status": "text", "patient_class": "coding", "period": "time",
        "service": "concept", "admission_type": "concept",
    },
    "observation": {
        **_TIMED, "code": "concept", "value": "value", "components": "components", "status": "choice",
        "categories": "concepts", "metric_category": "choice", "issued": "instant", "analysed": "instant",
        "quality": "quality", "interpretation": "concepts", "reference_ranges": "ranges", "body_site": "concept",
        "method": "concepts", "statistic": "coding", "identifiers": "identifiers", "gateway": "reference",
        "notes": "notes", "handle": "text", "group": "text",
    },
    "waveform": {
        **_TIMED, "code": "concept", "channels": "channels", "status": "choice", "categories": "concepts",
        "quality": "quality", "gateway": "reference", "notes": "notes", "handle": "text",
    },
    "event": {
        **_TIMED, "code": "concept", "value": "value", "text": "text", "handle": "text", "notes": "notes",
    },
    "session": {
        "time": "time", "device": "reference", "session_type": "choice", "code": "concept", "stages": "stages",
        "totals": "totals", "nap": "boolean", "notes": "notes",
    },
    "setting": {
        **_TIMED, "code": "concept", "programmed": "value", "delivered": "value", "mode": "concept",
        "reason": "concept", "handle": "text",
    },
    "alert": {
        **_TIMED, "identifiers": "identifiers", "code": "concept", "text": "text", "source": "concept",
        "alert_kind": "choice", "priority": "choice", "phase": "choice", "state": "choice", "inactivation": "text",
        "limits": "limits", "limits_state": "choice", "value": "value", "handle": "text",
    },
    "document": {
        **_TIMED, "code": "concept", "media_type": "text", "data": "base64", "url": "text", "title": "text",
    },
}  # fmt: skip
"""Kind of record, field of the canonical model, form of :data:`FORMS`."""

NEEDS: Final[dict[str, tuple[tuple[str, ...], ...]]] = {
    "subject": (("identifiers",),),
    "device": (("identifiers", "serial"),),
    "association": (("device",),),
    "encounter": (("identifiers",),),
    "observation": (("code",), ("value", "components")),
    "waveform": (("code",), ("channels",)),
    "event": (("code",),),
    "session": (("session_type",), ("time",)),
    "setting": (("code",), ("programmed", "delivered")),
    "alert": (("code", "text"),),
    "document": (("data", "url", "title"),),
}
"""Of each group at least one field must be said, and must give something, or the rule gives no record."""


@cache
def form_adapter(form: str) -> TypeAdapter[Any]:
    """Return what checks a field's form."""
    return TypeAdapter(FORMS[form])


@cache
def choices(kind: str, field: str) -> frozenset[str]:
    """Return the words that a field of fixed words may hold."""
    return frozenset(_literals(MODELS[kind].model_fields[field].annotation))


def _literals(annotation: Any) -> list[str]:
    if get_origin(annotation) is Literal:
        return [word for word in get_args(annotation) if isinstance(word, str)]
    return [word for part in get_args(annotation) for word in _literals(part)]
