"""Sample arrays: raw samples, and the exact line from them to physical values (IEEE 11073-20601 6.3.5)."""

from __future__ import annotations

from fractions import Fraction
from math import gcd
from typing import Final, NamedTuple, cast

from ...model import Channel, Instant, Number, Rational, Segment
from ...model.waveform import SampleType
from ...wire.mder import MderFloat
from ...wire.phd.attributes import SaSpec, ScaleRange
from ...wire.phd.nomenclature import Attr
from .metric import Template, physical_range, scale_of

__all__ = ["Samples", "channel", "samples", "segment"]

_SIGNED: Final = 255
"""Significant-bits of signed samples."""

_TYPES: Final[dict[int, str]] = {8: "1", 16: "2", 32: "4"}
_TICKS_PER_SECOND: Final = 8000
_DIGITS: Final = 36
"""Significant digits of a factor that is no finite decimal; the two points of the line stay exact beside it."""


class Samples(NamedTuple):
    """One run of samples, little-endian."""

    dtype: SampleType
    data: bytes
    n: int


def samples(template: Template, octets: bytes) -> Samples | None:
    """Return the samples of an observation; ``None`` when the octets do not fit the sample specification."""
    spec = _specification(template)
    kind = None if spec is None else _TYPES.get(spec.sample_bits)
    if spec is None or kind is None:
        return None
    size = spec.sample_bits // 8
    if len(octets) % size:
        return None
    data = bytearray(len(octets))
    for place in range(size):
        data[place::size] = octets[size - 1 - place :: size]
    sign = "i" if spec.significant_bits == _SIGNED else "u"
    return Samples(cast(SampleType, sign + kind), bytes(data), len(octets) // size)


def segment(found: Samples, start: Instant | None) -> Segment:
    """Return the run as the one segment of its waveform."""
    return Segment(channel=0, start=start, dtype=found.dtype, data=found.data, n=found.n)


def channel(template: Template) -> tuple[Channel, bool]:
    """Return the signal of an object, and whether its scale is exact."""
    spec, scale = _specification(template), scale_of(template)
    signed = spec is not None and spec.significant_bits == _SIGNED
    low, high, line = (0, 0, None) if scale is None else _points(template, scale, signed)
    factor, origin, exact = (Number(mantissa=1), Number(), scale is None) if line is None else line
    ticks = template.integer(Attr.TIME_PD_SAMP)
    return Channel(
        code=template.code,
        unit=template.unit[0],
        native_unit=template.unit[1],
        period=_period(ticks) if ticks else None,
        factor=factor,
        origin=origin,
        raw_range=None if scale is None else (low, high),
        physical_range=None if scale is None else physical_range(scale, template.unit),
        significant_bits=None if spec is None or signed else spec.significant_bits,
        metric=template.metric,
        handle=str(template.handle),
    ), exact


Line = tuple[Number, Number, bool]


def _points(template: Template, scale: ScaleRange, signed: bool) -> tuple[int, int, Line | None]:
    """Return the raw ends of the line, and factor, origin and their exactness."""
    low, high = scale.lower_scaled, scale.upper_scaled
    if signed:
        half = 1 << _width(template) - 1
        low, high = (low ^ half) - half, (high ^ half) - half
    bottom, top = _fraction(scale.lower_absolute), _fraction(scale.upper_absolute)
    if low == high or bottom is None or top is None:
        return low, high, None
    slope = (top - bottom) / (high - low)
    factor, exact_factor = _decimal(slope)
    origin, exact_origin = _decimal(bottom - slope * low)
    return low, high, (factor, origin, exact_factor and exact_origin)


def _width(template: Template) -> int:
    """Bits of the scaled values, by the attribute that holds them."""
    widths = {Attr.SCALE_SPECN_I8: 8, Attr.SCALE_SPECN_I16: 16, Attr.SCALE_SPECN_I32: 32}
    return next(width for attribute, width in widths.items() if attribute in template.attributes)


def _specification(template: Template) -> SaSpec | None:
    found = template.attributes.get(Attr.SA_SPECN)
    value = None if found is None else found.value
    return value if isinstance(value, SaSpec) else None


def _period(ticks: int) -> Rational:
    common = gcd(ticks, _TICKS_PER_SECOND)
    return Rational(numerator=ticks // common, denominator=_TICKS_PER_SECOND // common)


def _fraction(value: MderFloat) -> Fraction | None:
    return None if value.special is not None else value.mantissa * Fraction(10) ** value.exponent


def _decimal(value: Fraction) -> tuple[Number, bool]:
    """Write a rational number as a decimal, and tell whether that is exact."""
    denominator, places = value.denominator, 0
    twos = fives = 0
    while denominator % 2 == 0:
        denominator, twos = denominator // 2, twos + 1
    while denominator % 5 == 0:
        denominator, fives = denominator // 5, fives + 1
    if denominator == 1:
        places = max(twos, fives)
        return Number(mantissa=int(value * 10**places), exponent=-places), True
    magnitude = len(str(abs(value.numerator))) - len(str(value.denominator))
    places = _DIGITS - magnitude
    return Number(mantissa=round(value * Fraction(10) ** places), exponent=-places), False
