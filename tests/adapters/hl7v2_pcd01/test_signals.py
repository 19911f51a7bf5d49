"""Generated waveforms come back by their physical values, their clock and their gaps."""

from __future__ import annotations

import struct
from fractions import Fraction
from typing import Any

from adapters.hl7v2_pcd01.support import read, written
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from iomt_interop import model as m
from iomt_interop.terminology import systems

CODE = m.Concept(codings=(m.Coding(system=systems.MDC, code="131329", refid="MDC_ECG_ELEC_POTL_I"),))
MADE = m.Provenance(adapter="made", version="1")


def numbers(digits: st.SearchStrategy[int], powers: st.SearchStrategy[int]) -> st.SearchStrategy[m.Number]:
    return st.builds(lambda mantissa, exponent: m.Number(mantissa=mantissa, exponent=exponent), digits, powers)


FACTORS = numbers(st.integers(1, 9999), st.integers(-6, 2))
ORIGINS = numbers(st.integers(-500, 500), st.integers(-3, 0))
PERIODS = st.builds(
    lambda one, other: m.Rational(numerator=one, denominator=other),
    st.integers(1, 20),
    st.sampled_from([1, 5, 125, 256, 1000]),
)


@st.composite
def waves(draw: st.DrawFn) -> m.Waveform:
    channel = m.Channel(
        code=CODE,
        unit="mV",
        period=draw(PERIODS),
        factor=draw(FACTORS),
        origin=draw(st.just(m.Number()) | ORIGINS),
        filters=tuple(draw(st.lists(st.sampled_from(["0.5-40 Hz", "notch"]), max_size=2))),
    )
    runs, at = [], 0
    for _ in range(draw(st.integers(1, 3))):
        samples = draw(st.lists(st.integers(-32768, 32767), min_size=1, max_size=12))
        marks = draw(st.none() | st.lists(st.sampled_from([0, 1]), min_size=len(samples), max_size=len(samples)))
        data = struct.pack(f"<{len(samples)}h", *samples)
        valid = None if marks is None or not any(marks) else bytes(marks)
        runs.append(m.Segment(channel=0, start_index=at, dtype="i2", data=data, n=len(samples), marks=valid))
        at += len(samples) + draw(st.integers(0, 4))
    return m.Waveform(
        id=m.record_id("wave"), provenance=MADE, code=CODE, channels=(channel,), segments=tuple(runs), status="final",
        time=m.Instant(value="2026-11-24T10:58:03+01:00"),
    )  # fmt: skip


def physical(record: Any) -> dict[int, Fraction]:
    """Return the value at each number of sample periods since the start; what is missing is missing."""
    channel = record.channels[0]
    formats = {"i1": "b", "i2": "h", "i4": "i", "i8": "q"}
    found = {}
    for run in record.segments:
        samples = struct.unpack(f"<{run.n}{formats[run.dtype]}", run.data)
        for number, sample in enumerate(samples):
            if run.marks is None or not run.marks[number]:
                value = sample * channel.factor.to_fraction() + channel.origin.to_fraction()
                found[run.start_index + number] = value
    return found


@settings(max_examples=150, deadline=None)
@given(waves())
def test_a_wave_comes_back(record: m.Waveform) -> None:
    assume(physical(record))
    data, writer = written([record])
    assert not writer.losses
    (back,) = (found for found in read(data) if found.kind == "waveform")
    assert physical(back) == physical(record)
    one, other = back.channels[0], record.channels[0]
    assert (one.unit, one.period, one.filters) == (other.unit, reduced(other.period), other.filters)
    assert back.time.value == record.time.value  # type: ignore[union-attr]


def reduced(period: m.Rational | None) -> m.Rational | None:
    if period is None:
        return None
    found = Fraction(period.numerator, period.denominator)
    return m.Rational(numerator=found.numerator, denominator=found.denominator)
