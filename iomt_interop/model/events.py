"""Alarms, therapy, events, sessions, studies, documents; and what could not be understood."""

from __future__ import annotations

from typing import Literal

from .base import Model
from .coding import Concept, Identifier
from .context import Actor, Location, Note
from .envelope import Envelope
from .number import Range
from .observation import ObservationStatus, Quality
from .time import Instant, Time
from .value import Value

__all__ = [
    "Acknowledgement",
    "Alert",
    "AlertSignal",
    "Document",
    "Event",
    "Issue",
    "Residue",
    "Session",
    "Setting",
    "Stage",
    "Study",
]


class AlertSignal(Model):
    """How an alert was announced."""

    manifestation: Literal["auditory", "visual", "tactile", "other"]
    activation: Literal["on", "off", "paused"] | None = None
    presence: Literal["on", "off", "latched", "acknowledged"] | None = None
    location: Literal["local", "remote"] | None = None


class Acknowledgement(Model):
    """Who took note of an alert."""

    state: Literal["none", "acknowledged", "confirmed", "rejected"]
    by: Actor | None = None
    time: Instant | None = None


class Alert(Envelope):
    """An alarm or advisory of a device (IHE PCD-04, BICEPS AlertCondition, 11073-10201 Alert)."""

    kind: Literal["alert"] = "alert"
    identifiers: tuple[Identifier, ...] = ()
    code: Concept | None = None
    """The condition (MDC_EVT_*)."""
    text: str | None = None
    source: Concept | None = None
    """What raised it (a parameter, a channel)."""
    source_metric: str | None = None
    device: str | None = None
    alert_kind: Literal["physiological", "technical", "advisory", "other"] | None = None
    priority: Literal["none", "low", "medium", "high"] | None = None
    phase: Literal["start", "continue", "end", "update", "escalate", "deescalate", "reset", "present"] | None = None
    state: Literal["active", "inactive", "latched"] | None = None
    inactivation: str | None = None
    """Which announcement is paused or off, as the source wrote it (``audio-paused``)."""
    limits: Range | None = None
    limits_state: Literal["all", "low-off", "high-off", "none"] | None = None
    value: Value | None = None
    signals: tuple[AlertSignal, ...] = ()
    acknowledgement: Acknowledgement | None = None
    time: Time | None = None
    encounter: str | None = None
    location: Location | None = None
    handle: str | None = None
    native: tuple[str, ...] = ()
    """Priority, kind, state and phase as the source wrote them."""


class Setting(Envelope):
    """What a device was told to do, and what it does."""

    kind: Literal["setting"] = "setting"
    code: Concept
    programmed: Value | None = None
    delivered: Value | None = None
    mode: Concept | None = None
    reason: Concept | None = None
    status: ObservationStatus | None = None
    native_status: str | None = None
    """Status as the source wrote it (OBX-11)."""
    quality: Quality | None = None
    interpretation: tuple[Concept, ...] = ()
    time: Time | None = None
    device: str | None = None
    metric: str | None = None
    order: str | None = None
    encounter: str | None = None
    handle: str | None = None


class Event(Envelope):
    """Something that happened: a marker, a calibration, a disconnection, an induction of anaesthesia."""

    kind: Literal["event"] = "event"
    code: Concept
    value: Value | None = None
    text: str | None = None
    status: ObservationStatus | None = None
    native_status: str | None = None
    """Status as the source wrote it (OBX-11)."""
    quality: Quality | None = None
    interpretation: tuple[Concept, ...] = ()
    time: Time | None = None
    device: str | None = None
    encounter: str | None = None
    order: str | None = None
    handle: str | None = None
    notes: tuple[Note, ...] = ()


class Stage(Model):
    """One part of a session (a sleep stage, a lap, a pause)."""

    code: Concept
    time: Time
    value: Value | None = None


class Session(Envelope):
    """A stretch of a person's time that has a kind: sleep, a workout, an infusion."""

    kind: Literal["session"] = "session"
    session_type: Literal["sleep", "workout", "infusion", "monitoring", "other"]
    code: Concept | None = None
    time: Time
    stages: tuple[Stage, ...] = ()
    totals: tuple[tuple[Concept, Value], ...] = ()
    nap: bool | None = None
    device: str | None = None
    notes: tuple[Note, ...] = ()


class Study(Envelope):
    """An imaging or signal study that other records belong to."""

    kind: Literal["study"] = "study"
    identifiers: tuple[Identifier, ...] = ()
    modality: tuple[Concept, ...] = ()
    description: str | None = None
    time: Time | None = None
    series: tuple[Identifier, ...] = ()
    device: str | None = None
    encounter: str | None = None
    order: str | None = None


class Document(Envelope):
    """An attachment: its bytes as they came."""

    kind: Literal["document"] = "document"
    code: Concept | None = None
    media_type: str | None = None
    data: bytes | None = None
    url: str | None = None
    title: str | None = None
    time: Time | None = None
    device: str | None = None
    encounter: str | None = None
    order: str | None = None


class Residue(Envelope):
    """Input that no record could take up, verbatim."""

    kind: Literal["residue"] = "residue"
    path: str | None = None
    span: tuple[int, int] | None = None
    raw: bytes
    reason: str
    """Code of the reason, as in :data:`iomt_interop.errors.CODES`, or a short fixed word."""


class Issue(Envelope):
    """A doubt about the data; it names a code and a place and never a value."""

    kind: Literal["issue"] = "issue"
    severity: Literal["information", "warning", "error"]
    code: str
    path: str | None = None
    span: tuple[int, int] | None = None
