"""NA and MA: samples as text, and the facets that describe the signal (IHE PCD waveform content module)."""

from __future__ import annotations

import re
import struct
import sys
from array import array
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from math import isfinite
from typing import Final, NamedTuple

from ...model import Channel, Number, Quantity, Range, Waveform
from ...model.waveform import SAMPLE_TYPES, Segment
from ...terminology import mdc
from ...wire.hl7v2.compose import components, leaf, repetitions
from .datatypes import Lost, nm
from .keeping import whole_segments
from .tables import SIGNAL_PARTS
from .values import unit_text

__all__ = ["Facet", "Signal", "signals"]

_MAX_GAP: Final = 1 << 16
"""A longer gap is not written as missing samples."""
_MAX_PLACES: Final = 40
_EMPTY: Final = frozenset({1, 2})
"""Marks of samples that have no number; those beyond the range have the range's end."""
_RESOLUTION: Final = re.compile(rf"OBX\|[^|]*\|[^|]*\|[^|]*{SIGNAL_PARTS['resolution']}\b")


class Facet(NamedTuple):
    """One OBX that describes a signal: its type, code, value and unit."""

    kind: str
    code: str
    text: str
    unit: str


class Signal(NamedTuple):
    """One OBX of samples and what describes it."""

    channel: Channel
    kind: str
    text: str
    facets: tuple[Facet, ...]


def signals(record: Waveform, lost: Lost) -> list[Signal]:
    """Return the signals of a waveform: one of type MA where all channels are alike, else one NA each."""
    runs = [[run for run in record.segments if run.channel == number] for number in range(len(record.channels))]
    steps = _has_resolution(record)
    if len(runs) > 1 and _alike(record.channels, runs):
        columns = [_numbers(channel, run[0], steps, lost) for channel, run in zip(record.channels, runs, strict=True)]
        text = repetitions("^".join(row) for row in zip(*columns, strict=True))
        return [Signal(record.channels[0], "MA", text, _facets(record.channels[0], steps, lost))]
    found = []
    for channel, parts in zip(record.channels, runs, strict=True):
        text = "~".join("^".join(numbers) for numbers in _rows(channel, parts, steps, lost))
        found.append(Signal(channel, "NA" if text else "", text, _facets(channel, steps, lost)))
    return found


def _has_resolution(record: Waveform) -> bool:
    """Tell whether the source stated its samples as raw steps, with their resolution beside them."""
    return any(_RESOLUTION.match(text) for text in whole_segments(record.extensions, "OBX"))


def _alike(channels: Sequence[Channel], runs: Sequence[Sequence[Segment]]) -> bool:
    """Tell whether the channels can be the components of one MA."""
    if any(channel != channels[0] for channel in channels) or any(len(run) != 1 for run in runs):
        return False
    first = runs[0][0]
    return all(
        (run[0].n, run[0].start_index, run[0].start) == (first.n, first.start_index, first.start) for run in runs
    )


def _rows(channel: Channel, runs: Sequence[Segment], steps: bool, lost: Lost) -> list[list[str]]:
    """Return the runs as repetitions; what is missing between two of them stands as missing samples."""
    rows: list[list[str]] = []
    at = runs[0].start_index if runs else 0
    if at:
        lost("segments.start_index", "samples begin with the message")
    for number, run in enumerate(runs):
        gap = run.start_index - at
        if gap < 0 or gap > _MAX_GAP:
            lost("segments.start_index", "a gap that is too long, or backwards")
            gap = 0
        if number and run.start is not None:
            lost("segments.start", "one time for all runs of a signal")
        numbers = [""] * gap + _numbers(channel, run, steps, lost)
        if numbers:
            rows.append(numbers)
        at = run.start_index + run.n
    return rows


def _samples(run: Segment) -> Sequence[int] | Sequence[float]:
    values = array(SAMPLE_TYPES[run.dtype], run.data)
    if sys.byteorder == "big":
        values.byteswap()
    return values


def _numbers(channel: Channel, run: Segment, steps: bool, lost: Lost) -> list[str]:
    """Return the samples as numbers: raw steps, or decimals where the scale is a power of ten."""
    values = _samples(run)
    if run.dtype in ("f4", "f8"):
        texts = _floats(channel, run.dtype, values, lost)
    elif not _is_plain(channel):
        origin, factor = channel.origin, channel.factor
        low = min(factor.exponent, origin.exponent)
        scale, start = factor.mantissa * 10 ** (factor.exponent - low), origin.mantissa * 10 ** (origin.exponent - low)
        if not _has_places(low):
            lost("channels.factor", "more digits than a number in a message has")
            texts = [""] * run.n
        else:
            texts = [_decimal(int(value) * scale + start, low) for value in values]
    elif (
        channel.factor.mantissa == 1
        and channel.factor.exponent < 0
        and not steps
        and _has_places(channel.factor.exponent)
    ):
        texts = [_decimal(int(value), channel.factor.exponent) for value in values]
    else:
        texts = [str(value) for value in values]
    if run.marks is None:
        return texts
    if 2 in run.marks:
        lost("segments.marks", "a missing sample has no reason")
    return ["" if mark in _EMPTY else text for text, mark in zip(texts, run.marks, strict=True)]


def _has_places(exponent: int) -> bool:
    return abs(exponent) <= _MAX_PLACES


def _is_plain(channel: Channel) -> bool:
    """Tell whether raw steps and a resolution say the scale."""
    return channel.factor.special is None and channel.origin.mantissa == 0 and channel.factor.mantissa != 0


def _decimal(mantissa: int, exponent: int) -> str:
    return Number(mantissa=mantissa, exponent=exponent).text if exponent <= 0 else str(mantissa * 10**exponent)


def _floats(channel: Channel, dtype: str, values: Sequence[int] | Sequence[float], lost: Lost) -> list[str]:
    """Return binary numbers by the shortest decimals that give them back."""
    if channel.factor != Number(mantissa=1) or channel.origin.mantissa:
        lost("channels.factor", "binary samples are written without their scale")
    return [_float(value, dtype) for value in values]


def _float(value: float, dtype: str) -> str:
    if not isfinite(value):
        return ""
    text = (
        repr(value)
        if dtype == "f8"
        else next(
            t for n in range(6, 10) if struct.pack("<f", float(t := f"{value:.{n}g}")) == struct.pack("<f", value)
        )
    )
    return f"{Decimal(text):f}"


def _facets(channel: Channel, steps: bool, lost: Lost) -> tuple[Facet, ...]:
    """Return the OBX that describe a signal."""
    found: list[Facet] = []
    if channel.period is not None:
        facet = _rate(Fraction(channel.period.numerator, channel.period.denominator))
        if facet is None:
            lost("channels.period", "no decimal number of samples per second, nor of seconds per sample")
        else:
            found.append(facet)
    factor = channel.factor
    decimal = factor.mantissa == 1 and factor.exponent < 0 and not steps and _has_places(factor.exponent)
    scaled = _is_plain(channel) and not decimal and (factor.mantissa, factor.exponent) != (1, 0)
    stated = Number(mantissa=1) if channel.raw_range is not None else None
    resolution = factor if scaled or (steps and _is_plain(channel)) else channel.resolution or stated
    if resolution is not None and resolution.special is None:
        unit = unit_text(channel.unit, channel.native_unit)
        found.append(Facet("NM", _code("resolution"), _plain(resolution), unit))
    if scaled and channel.resolution is not None:
        lost("channels.resolution", "the resolution of the samples is the step of the raw ones")
    found += _limits(channel, decimal or not _is_plain(channel), lost)
    found += [Facet("ST", _code("filter"), leaf(text), "") for text in channel.filters if text]
    if channel.significant_bits is not None:
        lost("channels.significant_bits", "no attribute of a waveform")
    return tuple(found)


def _plain(number: Number) -> str:
    return number.text if number.exponent <= 0 else f"{number.mantissa}{'0' * number.exponent}"


def _limits(channel: Channel, decimal: bool, lost: Lost) -> list[Facet]:
    """Return the range of the signal: of the raw samples where these are written, else of the physical values."""
    physical: Range | None = channel.physical_range
    raw = channel.raw_range
    if raw is not None and not decimal:
        if physical is not None:
            lost("channels.physical_range", "the range is that of the raw samples")
        return [Facet("NR", _code("range"), components(str(raw[0]), str(raw[1])), "")]
    if raw is not None:
        lost("channels.raw_range", "the samples are written as physical values")
    if physical is None:
        return []
    ends: list[Quantity | None] = [physical.low, physical.high]
    low, high = ("" if end is None else nm(end, lost, "channels.physical_range") for end in ends)
    if not low or not high:
        lost("channels.physical_range", "the range of a signal has two ends")
        return []
    return [Facet("NR", _code("range"), components(low, high), "")]


def _code(part: str) -> str:
    refid = SIGNAL_PARTS[part]
    number = mdc.code_of(refid)
    return components("0" if number is None else str(number), refid, "MDC")


def _rate(period: Fraction) -> Facet | None:
    """Return samples per second, or the time of one sample where only that is a decimal number."""
    if period <= 0:
        return None
    for part, unit, number in (("rate", "Hz", 1 / period), ("period", "s", period)):
        for places in range(_MAX_PLACES):
            scaled = number * 10**places
            if scaled.denominator == 1:
                return Facet("NM", _code(part), _decimal(scaled.numerator, -places), unit_text(unit, None))
    return None
