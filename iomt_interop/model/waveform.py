"""Sampled signals: raw buffers with an exact scale; never one object per sample."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from .base import Model
from .coding import Coding, Concept
from .context import Note
from .envelope import Envelope
from .number import Number, Range
from .observation import ObservationStatus, Quality
from .time import Instant, Time

__all__ = ["SAMPLE_TYPES", "Annotation", "Channel", "Rational", "SampleType", "Segment", "Waveform"]

SampleType = Literal["i1", "u1", "i2", "u2", "i4", "u4", "i8", "f4", "f8"]
"""Sample format: kind and octets, always little-endian."""

SAMPLE_TYPES: Final[dict[str, str]] = {
    "i1": "b", "u1": "B", "i2": "h", "u2": "H", "i4": "i", "u4": "I", "i8": "q", "f4": "f", "f8": "d",
}  # fmt: skip
"""Sample format to the type code of :mod:`array` and :mod:`struct`."""


class Rational(Model):
    """An exact proportion; a sample period of 1/500 s is ``1/500``, not ``0.002``."""

    numerator: int
    denominator: Annotated[int, Field(gt=0)] = 1


class Channel(Model):
    """One signal. Physical value = raw sample * ``factor`` + ``origin``, in ``unit``."""

    code: Concept
    unit: str | None = None
    native_unit: Coding | None = None
    period: Rational | None = None
    """Seconds from one sample to the next; ``None`` when the source does not say."""
    factor: Number = Number(mantissa=1)
    origin: Number = Number()
    raw_range: tuple[int, int] | None = None
    """Lowest and highest raw sample that the converter gives."""
    physical_range: Range | None = None
    resolution: Number | None = None
    significant_bits: int | None = None
    filters: tuple[str, ...] = ()
    site: Concept | None = None
    metric: str | None = None
    handle: str | None = None


class Segment(Model):
    """An unbroken run of samples of one channel; a gap is the space between two segments."""

    channel: int
    """Index into :attr:`Waveform.channels`."""
    start: Instant | None = None
    """Of the first sample; ``None`` when it follows :attr:`start_index` alone."""
    start_index: int = 0
    """Number of sample periods since the start of the waveform."""
    dtype: SampleType
    data: bytes
    """Samples, little-endian; ``len(data) == n * size``."""
    n: int
    marks: bytes | None = None
    """One octet per sample: 0 valid, 1 missing, 2 error, 3 below range, 4 above range; ``None`` when all are valid."""


class Annotation(Model):
    """A mark on the signal (a pacer spike, a beat)."""

    channel: int | None = None
    index: int
    code: Concept | None = None
    text: str | None = None


class Waveform(Envelope):
    """One or more signals on one clock."""

    kind: Literal["waveform"] = "waveform"
    code: Concept
    channels: tuple[Channel, ...]
    segments: tuple[Segment, ...] = ()
    annotations: tuple[Annotation, ...] = ()
    time: Time | None = None
    status: ObservationStatus = "unknown"
    native_status: str | None = None
    categories: tuple[Concept, ...] = ()
    quality: Quality | None = None
    device: str | None = None
    gateway: str | None = None
    encounter: str | None = None
    order: str | None = None
    clock_sync: str | None = None
    notes: tuple[Note, ...] = ()
    handle: str | None = None
    native_type: str | None = None
