"""A measured, calculated, set or stated fact."""

from __future__ import annotations

from typing import Literal

from .base import Model
from .coding import Coding, Concept, Identifier
from .context import Actor, Note
from .envelope import Envelope
from .number import Number, Quantity, Range
from .time import Instant, Time
from .value import Value

__all__ = ["Component", "Observation", "ObservationStatus", "Quality", "QualityFlag", "ReferenceRange"]

ObservationStatus = Literal[
    "registered",
    "preliminary",
    "final",
    "amended",
    "corrected",
    "cancelled",
    "entered-in-error",
    "unknown",
]

QualityFlag = Literal[
    "invalid",
    "questionable",
    "not-available",
    "calibration-ongoing",
    "test-data",
    "demo-data",
    "validated",
    "early-indication",
    "msmt-ongoing",
    "in-alarm",
    "alarm-inhibited",
    "alarm-acknowledged",
    "threshold-error",
    "threshold-disabled",
    "overflow",
    "underflow",
    "sensor-off",
    "busy",
    "no-information",
    "manual-entry",
]
"""A superset of 11073 MeasurementStatus, BICEPS MeasurementValidity and the PCD-01 flags of OBX-8."""


class Quality(Model):
    """How far the value can be trusted, and how the source said so."""

    flags: tuple[QualityFlag, ...] = ()
    """In the order of :data:`QualityFlag`, without repeats."""
    index: Number | None = None
    """Quality index, 0 to 1 (BICEPS Qi)."""
    mode: Literal["real", "test", "demo"] | None = None
    status_bits: int | None = None
    """MeasurementStatus as sent (BITS-16), all bits, known or not."""
    native: tuple[str, ...] = ()
    """The source's own texts (repetitions of OBX-8, ``Vld``)."""


class ReferenceRange(Model):
    """Limits to compare with: a reference range, or the device's alarm limits."""

    range: Range
    purpose: Literal["reference", "alarm", "technical", "unknown"] = "unknown"
    applies_to: tuple[Concept, ...] = ()
    age: Range | None = None


class Component(Model):
    """One part of a compound (systolic of a blood pressure), or a facet of the observation."""

    code: Concept
    value: Value | None = None
    interpretation: tuple[Concept, ...] = ()
    reference_ranges: tuple[ReferenceRange, ...] = ()
    quality: Quality | None = None
    handle: str | None = None


class Observation(Envelope):
    """One observation; a compound has components and no value of its own."""

    kind: Literal["observation"] = "observation"
    code: Concept
    value: Value | None = None
    components: tuple[Component, ...] = ()
    status: ObservationStatus = "unknown"
    native_status: str | None = None
    """Status as the source wrote it (OBX-11 ``R``)."""
    categories: tuple[Concept, ...] = ()
    metric_category: Literal["measurement", "calculation", "setting", "preset", "recommendation", "unspecified"] = (
        "unspecified"
    )
    time: Time | None = None
    issued: Instant | None = None
    analysed: Instant | None = None
    quality: Quality | None = None
    interpretation: tuple[Concept, ...] = ()
    reference_ranges: tuple[ReferenceRange, ...] = ()
    body_site: Concept | None = None
    method: tuple[Concept, ...] = ()
    statistic: Coding | None = None
    """Mean, minimum, maximum of an interval; ``None`` for a plain value."""
    supplemental: tuple[Concept, ...] = ()
    accuracy: Quantity | None = None
    confidence_95: Quantity | None = None
    identifiers: tuple[Identifier, ...] = ()
    metric: str | None = None
    """Id of the :class:`~iomt_interop.model.Metric`."""
    device: str | None = None
    """Id of the measuring :class:`~iomt_interop.model.Device`."""
    gateway: str | None = None
    encounter: str | None = None
    order: str | None = None
    clock_sync: str | None = None
    """Id of the :class:`~iomt_interop.model.ClockSync` that applies."""
    specimen: str | None = None
    """Id of the :class:`~iomt_interop.model.Specimen`, or what the source calls it."""
    performers: tuple[Actor, ...] = ()
    notes: tuple[Note, ...] = ()
    handle: str | None = None
    """Address of the metric in its source (OBX-4 ``1.2.1.1``, a PHD handle)."""
    group: str | None = None
    """Sub-identifier that groups repeats where it is not an address (OBX-4 in laboratory use)."""
    native_type: str | None = None
    """Data type of the value in the source (OBX-2)."""
