"""NA and MA: exact samples, scale and period from the facets (IHE PCD waveform content module)."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import pytest
from adapters.hl7v2_oru.support import of, read
from hypothesis import given
from hypothesis import strategies as st

from iomt_interop.adapters.hl7v2_oru.ledger import Syntax
from iomt_interop.adapters.hl7v2_oru.waveforms import read_samples, sampling
from iomt_interop.model import Absent

ROOT = Path(__file__).resolve().parents[3]
RECORDS = read((ROOT / "fixtures/hl7v2_oru/waves.hl7").read_bytes())
WAVES = {wave.handle: wave for wave in of(RECORDS, "waveform")}
SYNTAX = Syntax("|", "~", "^", "&", "\\", "utf-8")
_CODES = {"i2": "h", "i4": "i", "i8": "q"}


def unpack(run) -> list[int]:
    return list(struct.unpack(f"<{run.n}{_CODES[run.dtype]}", run.data))


def test_integers_are_raw_steps() -> None:
    wave = WAVES["1.1.1.1"]
    (channel,) = wave.channels
    (run,) = wave.segments
    assert unpack(run) == [-10, 5, 0, 300, 70000]
    assert (run.dtype, run.marks) == ("i4", b"\0\0\1\0\0")
    assert channel.factor.text == "0.0025"
    assert channel.raw_range == (-32768, 32767)
    assert (channel.period.numerator, channel.period.denominator) == (1, 256)
    assert channel.filters == ("0.5-40 Hz",)
    assert channel.unit == "mV"
    assert (wave.time.start.value, wave.time.start.origin) == ("2026-11-24T11:29:59.500+01:00", "window")
    assert run.start == wave.time.start


def test_a_facet_that_is_no_attribute_is_an_observation_of_the_signal() -> None:
    inop = next(o for o in of(RECORDS, "observation") if o.handle == "1.1.1.1.5")
    assert (inop.links[0].relation, inop.links[0].target) == ("part_of", WAVES["1.1.1.1"].id)


def test_decimals_share_one_exponent() -> None:
    wave = WAVES["1.2.1.1"]
    assert [unpack(run) for run in wave.segments] == [[12, 15, 11], [10, 9]]
    assert [run.start_index for run in wave.segments] == [0, 3]
    assert wave.channels[0].factor.text == "0.01"
    assert (wave.channels[0].period.numerator, wave.channels[0].period.denominator) == (2, 125)
    assert not any("-5" in e.path for e in wave.extensions)


def test_what_the_samples_do_not_give_back_is_kept() -> None:
    wave = WAVES["1.2.2.1"]
    assert unpack(wave.segments[0]) == [0, 125]
    assert [e.value for e in wave.extensions if e.path.endswith("-5")] == ["0.0^0.125"]
    damaged = WAVES["1.2.4.1"]
    assert damaged.segments[0].marks == b"\0\2\0"
    assert [e.value for e in damaged.extensions if e.path.endswith("-5")] == ["1^x^3"]


def test_a_text_is_no_signal() -> None:
    found = next(o for o in of(RECORDS, "observation") if o.handle == "1.2.3.1")
    assert found.value == Absent(reason="as-text", native="see attachment")


def test_channels_of_an_ma() -> None:
    wave = WAVES["1.3.1.1"]
    assert [(run.channel, unpack(run)) for run in wave.segments] == [(0, [1, 2, 3]), (1, [11, 12, 13])]
    assert len(wave.channels) == 2


def test_a_resolution_describes_a_numeric_too() -> None:
    metric = next(m for m in of(RECORDS, "metric") if m.handle == "1.4.1.1")
    assert metric.resolution.text == "1"
    pulse = next(o for o in of(RECORDS, "observation") if o.handle == "1.4.1.1")
    assert [c.handle for c in pulse.components] == ["1.4.1.1.1"]


@given(st.lists(st.integers(-(10**17), 10**17), min_size=1, max_size=50), st.integers(0, 6))
def test_samples_are_exact(numbers: list[int], places: int) -> None:
    texts = [_decimal(n, places) if places else str(n) for n in numbers]
    found = sampling("NA", "^".join(texts), SYNTAX)
    assert found is not None
    runs = found.runs(None)
    assert runs is not None
    scale = Fraction(10) ** found.exponent
    assert [n * scale for n in unpack(runs[0])] == [Fraction(t) for t in texts]


def _decimal(number: int, places: int) -> str:
    digits = str(abs(number)).rjust(places + 1, "0")
    return f"{'-' if number < 0 else ''}{digits[:-places]}.{digits[-places:]}"


@given(st.text(alphabet="0123456789.-+^ ex", max_size=40))
def test_exact_means_the_same_text_again(raw: str) -> None:
    found = read_samples(raw, "^")
    if found is None or not found.exact:
        return
    marks = found.marks or bytes(len(found.numbers))
    texts = [
        "" if mark else str(n) if not found.exponent else _decimal(n, -found.exponent)
        for n, mark in zip(found.numbers, marks, strict=True)
    ]
    assert "^".join(texts) == raw


@pytest.mark.parametrize("raw", ["", "^", "^^", "x^y", "~"])
def test_without_a_number_there_is_no_waveform(raw: str) -> None:
    assert sampling("NA", raw, SYNTAX) is None
