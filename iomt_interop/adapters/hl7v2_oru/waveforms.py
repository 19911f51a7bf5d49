"""NA and MA: samples as raw integers with an exact scale, and the facets that describe the signal."""

from __future__ import annotations

import re
import sys
from array import array
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from ..._accel import load
from ...errors import InvalidRecord, LimitExceeded, TimeError, UnitMismatch
from ...model import Concept, Instant, Number, Range, Rational
from ...model.number import parse_decimal
from ...model.waveform import SampleType
from ...model.waveform import Segment as Run
from ...terminology import units
from .codes import Unit, decode_unit
from .ledger import Node, Syntax
from .tables import ATTRIBUTES
from .unit import Segment
from .values import quantity

__all__ = ["Samples", "Sampling", "Signal", "named_rate", "read_samples", "sample_at", "sampling"]

_kernel = load("er7")

_WIDTHS: Final[tuple[tuple[SampleType, int], ...]] = (("i2", 2), ("i4", 4))
_INT64: Final = 1 << 63
_SIGNS: Final = bytes(128) + b"\xff" * 128
"""The octet that continues another towards the sign."""
_MISSING, _ERROR = 1, 2
_NO_UNIT: Final = Unit(None, None, Concept())
_HERTZ: Final = "Hz"
_SECOND: Final = "s"


class Samples(NamedTuple):
    """One vector of raw samples."""

    numbers: array[int]
    exponent: int
    marks: bytes | None
    exact: bool
    """Whether writing the numbers gives the source's text again."""

    @property
    def wrong(self) -> bool:
        """Whether there is something between the delimiters that is no number."""
        return self.marks is not None and 2 in self.marks

    def packed(self, exponent: int) -> tuple[SampleType, bytes] | None:
        """Return the narrowest format and the octets at a common exponent, ``None`` when 64 bits do not hold them."""
        scale = 10 ** (self.exponent - exponent)
        numbers = self.numbers
        if scale != 1:
            scaled = [number * scale for number in numbers]
            if any(not -_INT64 <= number < _INT64 for number in scaled):
                return None
            numbers = array("q", scaled)
        if sys.byteorder == "big":
            numbers = array("q", numbers)
            numbers.byteswap()
        return _narrowed(numbers.tobytes())

    def marked(self, invalid: Collection[int], missing: Collection[int]) -> Samples:
        """Return the same samples with the numbers marked that stand for no measurement."""
        kinds = dict.fromkeys(invalid, _ERROR) | dict.fromkeys(missing, _MISSING)
        known = self.marks or bytes(len(self.numbers))
        marks = bytes(mark or kinds.get(number, 0) for mark, number in zip(known, self.numbers, strict=True))
        return self if marks == known else self._replace(marks=marks)


def _narrowed(wide: bytes) -> tuple[SampleType, bytes]:
    """Cut 64-bit little-endian numbers down to the narrowest format whose sign fills all that is cut off.

    Octets are compared place by place for all samples at once.
    """
    places = [wide[place::8] for place in range(8)]
    for dtype, size in _WIDTHS:
        sign = places[size - 1].translate(_SIGNS)
        if all(sign == place for place in places[size:]):
            data = bytearray(size * len(sign))
            for place in range(size):
                data[place::size] = places[place]
            return dtype, bytes(data)
    return "i8", wide


_GAP: Final = Samples(array("q", [0]), 0, bytes([_MISSING]), True)


def read_samples(raw: str, delimiter: str) -> Samples | None:
    """Read one vector; a sample that is no number is marked as an error. ``None`` when there is no number at all."""
    if not raw:
        return None
    octets = raw.encode("utf-8", "replace")
    read = _kernel.samples(octets, 0, len(octets), ord(delimiter)) if delimiter and ord(delimiter) < 128 else None
    if read is None:
        return _mixed(raw.split(delimiter) if delimiter else [raw])
    _, numbers, exponent, marks, exact = read
    return Samples(array("q", numbers), exponent, marks, exact)


def _mixed(parts: list[str]) -> Samples | None:
    numbers: list[tuple[int, int]] = []
    marks = bytearray()
    for part in parts:
        try:
            numbers.append(parse_decimal(part.strip(" ")))
            marks.append(0)
        except InvalidRecord:
            numbers.append((0, 0))
            marks.append(2 if part.strip(" ") else 1)
    low = min((exponent for (_, exponent), mark in zip(numbers, marks, strict=True) if not mark), default=None)
    if low is None or low < -18 or any(exponent - low > 40 for _, exponent in numbers):
        return None
    scaled = [mantissa * 10 ** (exponent - low) if mantissa else 0 for mantissa, exponent in numbers]
    if any(not -(1 << 63) <= number < 1 << 63 for number in scaled):
        return None
    return Samples(array("q", scaled), low, bytes(marks) if any(marks) else None, False)


@dataclass(slots=True, repr=False)
class Signal:
    """What facets say of a signal; see :data:`~.tables.ATTRIBUTES`."""

    period: Rational | None = None
    resolution: Number | None = None
    unit: Unit | None = None
    """Of the resolution, which is that of the signal where the signal states none."""
    limits: Range | None = None
    filters: list[str] = field(default_factory=list)
    invalid: set[int] = field(default_factory=set)
    """Raw samples that stand for none that is valid."""
    missing: set[int] = field(default_factory=set)

    def describe(self, refid: str | None, segment: Segment) -> bool:
        """Take over a facet; ``False`` when it is none of a signal or says nothing that can be used."""
        kind = ATTRIBUTES.get(refid or "")
        return kind is not None and _TAKERS[kind](self, segment)

    def take_rate(self, segment: Segment) -> bool:
        """Turn samples per second into the period. Without a unit it is hertz, as the attribute is defined."""
        number = quantity(segment.raw(5), _NO_UNIT)
        if number is None or number.mantissa <= 0 or abs(number.exponent) > 18 or self.period is not None:
            return False
        raw = segment.raw(6)
        unit = decode_unit(raw, segment.syntax).value.ucum if raw else _HERTZ
        try:
            rate = units.convert(number.to_fraction(), unit or "", _HERTZ)
        except (UnitMismatch, LimitExceeded):
            return False
        self.period = Rational(numerator=rate.denominator, denominator=rate.numerator)
        return True

    def take_period(self, segment: Segment) -> bool:
        """Turn a stated period into seconds; without a unit it may be milliseconds or ticks, and is none."""
        number = quantity(segment.raw(5), _NO_UNIT)
        if number is None or number.mantissa <= 0 or abs(number.exponent) > 18 or self.period is not None:
            return False
        unit = decode_unit(segment.raw(6), segment.syntax).value.ucum if segment.raw(6) else None
        try:
            period = units.convert(number.to_fraction(), unit or "", _SECOND)
        except (UnitMismatch, LimitExceeded):
            return False
        self.period = Rational(numerator=period.numerator, denominator=period.denominator)
        return True

    def take_invalid(self, segment: Segment) -> bool:
        """Take a number that stands in the place of an invalid sample."""
        return _take_sentinel(segment, self.invalid)

    def take_missing(self, segment: Segment) -> bool:
        """Take a number that stands in the place of a missing sample."""
        return _take_sentinel(segment, self.missing)

    def take_resolution(self, segment: Segment) -> bool:
        """Take the amount that one raw step stands for."""
        number = quantity(segment.raw(5), _NO_UNIT)
        if number is None or number.mantissa == 0 or self.resolution is not None:
            return False
        self.resolution = Number(mantissa=number.mantissa, exponent=number.exponent)
        if segment.raw(6):
            self.unit = decode_unit(segment.raw(6), segment.syntax).value
        return True

    def take_range(self, segment: Segment, number: int = 5) -> bool:
        """Take the lowest and highest sample."""
        mark, raw = segment.syntax.component, segment.raw(number)
        limits = [quantity(part, _NO_UNIT) for part in (raw.split(mark) if mark else [raw])]
        if len(limits) != 2 or None in limits or self.limits is not None:
            return False
        self.limits = Range(low=limits[0], high=limits[1])
        return True

    def take_filter(self, segment: Segment) -> bool:
        """Take the label of a filter; one with parts is a statement of its own."""
        raw = segment.raw(5)
        if not raw or any(mark and mark in raw for mark in segment.syntax[1:4]):
            return False
        label = Node(raw, segment.syntax).peek()
        if label is None:
            return False
        self.filters.append(label)
        return True


def _take_sentinel(segment: Segment, numbers: set[int]) -> bool:
    found = quantity(segment.raw(5), _NO_UNIT)
    if found is None or found.exponent or found.literal is not None:
        return False
    numbers.add(found.mantissa)
    return True


_RATE_IN_NAME: Final = re.compile(r"[^@]*@([1-9][0-9]{0,5})")


def named_rate(name: str) -> Rational | None:
    """Return the period of a wave whose name says how many samples a second has (``ECG_II@100``)."""
    found = _RATE_IN_NAME.fullmatch(name)
    return None if found is None else Rational(numerator=1, denominator=int(found[1]))


_TAKERS: Final[dict[str, Callable[[Signal, Segment], bool]]] = {
    "rate": Signal.take_rate,
    "period": Signal.take_period,
    "invalid": Signal.take_invalid,
    "missing": Signal.take_missing,
    "resolution": Signal.take_resolution,
    "range": Signal.take_range,
    "filter": Signal.take_filter,
}


@dataclass(frozen=True, slots=True, repr=False)
class Sampling:
    """The samples of one OBX, channel by channel."""

    channels: tuple[tuple[Samples, ...], ...]
    """Unbroken runs of each channel, one behind the other."""
    exact: bool
    """Whether writing the samples gives the source's text again."""
    wrong: bool
    """Whether something in between is no number."""
    exponent: int

    @property
    def fits(self) -> bool:
        """Whether 64 bits hold every sample at the common exponent."""
        whole = all(samples.exponent == self.exponent for channel in self.channels for samples in channel)
        return whole or self.runs(None) is not None

    @property
    def length(self) -> int:
        """Number of samples of the longest channel."""
        return max(sum(len(samples.numbers) for samples in channel) for channel in self.channels)

    def marked(self, signal: Signal) -> Sampling:
        """Mark the samples that stand for none, where the samples are raw steps."""
        if self.exponent or not (signal.invalid or signal.missing):
            return self
        channels = tuple(tuple(run.marked(signal.invalid, signal.missing) for run in runs) for runs in self.channels)
        return Sampling(channels, self.exact, self.wrong, self.exponent)

    def scale(self, signal: Signal) -> dict[str, Any]:
        """Return the scale of a channel: integers are raw steps, decimals are physical values already."""
        step = Number(mantissa=1, exponent=self.exponent)
        if self.exponent or signal.resolution is None:
            return {"factor": step, "resolution": signal.resolution, "physical_range": signal.limits}
        low, high = (signal.limits.low, signal.limits.high) if signal.limits is not None else (None, None)
        if low is None or high is None or low.exponent or high.exponent:
            return {"factor": signal.resolution, "physical_range": signal.limits}
        return {"factor": signal.resolution, "raw_range": (low.mantissa, high.mantissa)}

    def runs(self, start: Instant | None) -> tuple[Run, ...] | None:
        """Return the runs packed at one exponent, ``None`` when 64 bits do not hold a sample."""
        found = []
        for number, channel in enumerate(self.channels):
            index = 0
            for samples in channel:
                packed = samples.packed(self.exponent)
                if packed is None:
                    return None
                found.append(
                    Run(
                        channel=number,
                        start=start if index == 0 else None,
                        start_index=index,
                        dtype=packed[0],
                        data=packed[1],
                        n=len(samples.numbers),
                        marks=samples.marks,
                    )
                )
                index += len(samples.numbers)
        return tuple(found)


def sample_at(start: Instant, moment: Instant, period: Rational) -> int | None:
    """Return which sample was taken at a moment, ``None`` when the times cannot be compared or it is before them."""
    local = start.offset_minutes is None
    if local is not (moment.offset_minutes is None):
        return None
    first, then = (time.replace(value=time.value + "Z") if local else time for time in (start, moment))
    if "second" not in (first.precision, then.precision) and "fraction" not in (first.precision, then.precision):
        return None
    try:
        begin, at = first.utc_ns, then.utc_ns
    except TimeError:
        return None
    if begin is None or at is None or at < begin:
        return None
    return (at - begin) * period.denominator // (period.numerator * 10**9)


def sampling(kind: str, raw: str, syntax: Syntax) -> Sampling | None:
    """Read OBX-5 of type NA or MA, ``None`` when there is no number in it.

    The repetitions of an NA are runs of one signal; those of an MA are moments, with a component per channel.
    """
    rows = raw.split(syntax.repetition) if syntax.repetition else [raw]
    even = True
    if kind == "MA":
        cells = [row.split(syntax.component) if syntax.component else [row] for row in rows]
        width = max(map(len, cells))
        even = min(map(len, cells)) == width
        if not even and width * len(cells) > 2 * len(raw) + 2:
            return None  # a ragged table could be made far larger than the message
        padded = (cell + [""] * (width - len(cell)) for cell in cells)
        vectors = [[syntax.component.join(column)] for column in zip(*padded, strict=True)]
    else:
        vectors = [rows]
    # An empty repetition is a run of one sample that is missing.
    channels = [[read_samples(text, syntax.component) if text else _GAP for text in vector] for vector in vectors]
    found = [[samples for samples in channel if samples is not None] for channel in channels]
    whole = [samples for channel in found for samples in channel]
    if not any(samples.marks is None or 0 in samples.marks for samples in whole):
        return None
    lost = any(samples is None for channel in channels for samples in channel)
    return Sampling(
        channels=tuple(map(tuple, found)),
        exact=even and not lost and all(s.exact for s in whole) and len({s.exponent for s in whole}) == 1,
        wrong=lost or any(samples.wrong for samples in whole),
        exponent=min(samples.exponent for samples in whole),
    )
