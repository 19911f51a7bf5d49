"""Waveforms: every sample format, gaps between segments, marks per sample."""

from __future__ import annotations

import struct
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from ...model import Annotation, Channel, Instant, Segment
from ...model.waveform import SAMPLE_TYPES, SampleType

__all__ = ["raw_ranges", "segments_of", "waveform_parts"]

_MAX_SAMPLES: Final = 12
_MAX_GAP: Final = 500


def raw_ranges() -> SearchStrategy[tuple[int, int]]:
    """Generate the lowest and highest raw sample of a converter."""
    ends = st.sampled_from((-(2**31), -32768, -2048, -128, 0)), st.sampled_from((127, 255, 4095, 32767, 2**31 - 1))
    return st.tuples(*ends)


@st.composite
def segments_of(draw: DrawFn, channels: int, starts: SearchStrategy[Instant | None]) -> tuple[Segment, ...]:
    """Draw segments of all channels in order of time, some with a gap before them."""
    found: list[Segment] = []
    for channel in range(channels):
        dtype: SampleType = draw(st.sampled_from(tuple(SAMPLE_TYPES)))
        position = 0
        for _ in range(draw(st.integers(0, 2))):
            position += draw(st.just(0) | st.integers(1, _MAX_GAP))
            segment = draw(_segment(channel, dtype, position, starts))
            found.append(segment)
            position += segment.n
    return tuple(found)


@st.composite
def _segment(
    draw: DrawFn, channel: int, dtype: SampleType, position: int, starts: SearchStrategy[Instant | None]
) -> Segment:
    letter = SAMPLE_TYPES[dtype]
    samples = draw(st.lists(_samples(dtype), max_size=_MAX_SAMPLES))
    n = len(samples)
    marks = st.lists(st.integers(0, 4), min_size=n, max_size=n).map(bytes)
    return Segment(
        channel=channel,
        start=draw(starts),
        start_index=position,
        dtype=dtype,
        data=struct.pack(f"<{n}{letter}", *samples),
        n=n,
        marks=draw(st.none() | marks),
    )


def _samples(dtype: SampleType) -> SearchStrategy[int] | SearchStrategy[float]:
    width = int(dtype[1]) * 8
    if dtype[0] == "f":
        return st.floats(width=32 if width == 32 else 64)
    if dtype[0] == "u":
        return st.integers(0, 2**width - 1)
    return st.integers(-(2 ** (width - 1)), 2 ** (width - 1) - 1)


@st.composite
def waveform_parts(
    draw: DrawFn,
    channels: SearchStrategy[tuple[Channel, ...]],
    starts: SearchStrategy[Instant | None],
    annotations: SearchStrategy[Annotation],
) -> dict[str, Any]:
    """Draw the three fields of a waveform that depend on each other."""
    signals = draw(channels)
    marks = draw(st.lists(annotations, max_size=2))
    placed = [mark if mark.channel is None else mark.replace(channel=mark.channel % len(signals)) for mark in marks]
    return {
        "channels": signals,
        "segments": draw(segments_of(len(signals), starts)),
        "annotations": tuple(placed),
    }
