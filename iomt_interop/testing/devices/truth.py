"""What a device measured, and the same read back from records, so that the two can be compared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

from ...model import Absent, Alert, Concept, Instant, Interval, Observation, Quantity, Record, Waveform
from ...model.time import Time
from ...model.value import Value
from ...model.waveform import SAMPLE_TYPES
from ...terminology.systems import MDC

__all__ = ["Measured", "Raised", "Sampled", "Truth", "truth_of"]


@dataclass(frozen=True, slots=True)
class Measured:
    """One number that a device measured, with the precision that it displays."""

    code: int
    """MDC code."""
    digits: str | None
    """The number as the device writes it, ``98.0``; ``None`` when it has none (a sensor fell off)."""
    unit: str | None
    """UCUM code; ``None`` where there is no number."""
    time: str
    """What the device's clock said, ISO 8601 with the precision and offset that the device sends."""
    after: timedelta | None = field(default=None, compare=False)
    """When it truly was, since the start; not compared, as no reader can know it."""

    @property
    def value(self) -> Decimal | None:
        """The exact number."""
        return None if self.digits is None else Decimal(self.digits)


@dataclass(frozen=True, slots=True)
class Sampled:
    """One run of a signal."""

    code: int
    samples: tuple[Fraction | None, ...]
    """Physical values; ``None`` for a sample that is missing."""
    unit: str | None
    period: Fraction
    """Seconds from one sample to the next."""
    time: str
    """Of the first sample."""
    after: timedelta | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Raised:
    """One report of an alert."""

    code: int
    source: int
    """MDC code of what raised it."""
    phase: str | None
    priority: str | None
    time: str
    after: timedelta | None = field(default=None, compare=False)


Truth = Measured | Sampled | Raised
"""What a device meant."""


def truth_of(records: Iterable[Record]) -> Iterator[Truth]:
    """Yield what records say was measured, in the form of a device's own truth.

    Observations with a number or an absence, the components of compounds, waveforms and alerts; other records
    and observations of another kind are passed over.

    Examples
    --------
    >>> from iomt_interop.testing.devices import Thermometer, truth_of
    >>> import iomt_interop as iomt
    >>> device = Thermometer()
    >>> tuple(truth_of(iomt.read(b"".join(device.messages())))) == device.truth()
    True
    """
    for record in records:
        if isinstance(record, Observation):
            yield from _measured(record)
        elif isinstance(record, Waveform):
            yield from _sampled(record)
        elif isinstance(record, Alert):
            code, source = _mdc(record.code), _mdc(record.source)
            if code is not None and source is not None:
                yield Raised(code, source, record.phase, record.priority, _start(record.time))


def _measured(record: Observation) -> Iterator[Measured]:
    parts: list[tuple[Concept, Value | None]] = [(record.code, record.value)]
    parts += [(component.code, component.value) for component in record.components]
    for concept, value in parts:
        code = _mdc(concept)
        if code is None:
            continue
        if isinstance(value, Quantity) and value.special is None:
            yield Measured(code, value.literal or value.text, value.unit, _start(record.time))
        elif isinstance(value, Absent | Quantity):
            yield Measured(code, None, None, _start(record.time))


def _sampled(record: Waveform) -> Iterator[Sampled]:
    for segment in record.segments:
        channel = record.channels[segment.channel]
        code = _mdc(channel.code)
        if code is None or channel.period is None or segment.dtype[0] == "f":
            continue
        factor, origin = channel.factor.to_fraction(), channel.origin.to_fraction()
        octets = memoryview(segment.data)
        width = int(segment.dtype[1])
        signed = SAMPLE_TYPES[segment.dtype].islower()
        raw = [int.from_bytes(octets[at : at + width], "little", signed=signed) for at in range(0, len(octets), width)]
        marks = segment.marks or bytes(len(raw))
        samples = tuple(None if mark else number * factor + origin for number, mark in zip(raw, marks, strict=True))
        period = Fraction(channel.period.numerator, channel.period.denominator)
        yield Sampled(code, samples, channel.unit, period, _start(segment.start or record.time))


def _mdc(concept: Concept | None) -> int | None:
    coding = None if concept is None else concept.coding(MDC)
    return int(coding.code) if coding is not None and coding.code is not None and coding.code.isdecimal() else None


def _start(time: Time | None) -> str:
    if isinstance(time, Interval):
        time = time.start
    return time.value if isinstance(time, Instant) else ""
