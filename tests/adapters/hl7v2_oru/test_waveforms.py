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
from iomt_interop.adapters.hl7v2_oru.waveforms import named_rate, read_samples, sample_at, sampling
from iomt_interop.model import Absent, Instant, Rational

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


@pytest.mark.parametrize(
    ("raw", "runs", "exact"),
    [
        ("~5", [(0, [0], b"\1"), (1, [5], None)], True),
        ("1^2~~3", [(0, [1, 2], None), (2, [0], b"\1"), (3, [3], None)], True),
        ("0.5~~0.7", [(0, [5], None), (1, [0], b"\1"), (2, [7], None)], False),
    ],
)
def test_an_empty_repetition_is_a_missing_sample(raw: str, runs: list[object], exact: bool) -> None:
    found = sampling("NA", raw, SYNTAX)
    assert found is not None
    packed = found.runs(None)
    assert packed is not None
    assert [(run.start_index, unpack(run), run.marks) for run in packed] == runs
    assert found.exact is exact


def test_period_sentinels_and_marks_of_a_continuous_wave() -> None:
    records = read((ROOT / "fixtures/hl7v2_oru/waves_wcm.hl7").read_bytes())
    lead, pleth = of(records, "waveform")
    (channel,) = lead.channels
    assert (channel.period.numerator, channel.period.denominator) == (1, 250)  # 4 ms
    assert (channel.factor.text, channel.unit, channel.raw_range) == ("2.44", "uV", (-32751, 32767))
    assert [unpack(run) for run in lead.segments] == [[-10, 0, -32768, 32767, 5], [6, 7]]
    assert [run.marks for run in lead.segments] == [b"\0\0\2\1\0", None]  # one stands for invalid, one for missing
    # 9 ms behind the first sample is within the third.
    assert [(mark.index, mark.code.codings[0].refid) for mark in lead.annotations] == [(2, "MDC_EVT_PACER_SPIKE")]
    # Numbers that are written otherwise than integers are: the text is kept beside them.
    assert [unpack(run) for run in pleth.segments] == [[7, 0, 5]]
    assert ("OBX(12)-5", "007^-0^+5") in [(e.path, e.value) for e in pleth.extensions]
    # A wave of no sample at all is none, and a period without a unit is no period.
    assert [o.handle for o in of(records, "observation")] == ["1.1.1.131329.7", "1.1.1.131330"]


@pytest.mark.parametrize(
    ("start", "moment", "index"),
    [
        ("2026-11-24T11:00:00+01:00", "2026-11-24T10:00:00.100Z", 25),
        ("2026-11-24T11:00:00", "2026-11-24T11:00:00.0399", 9),
        ("2026-11-24T11:00:00", "2026-11-24T11:00:00.040", 10),
        ("2026-11-24T11:00:00", "2026-11-24T10:59:59.999", None),  # before the wave
        ("2026-11-24T11:00:00", "2026-11-24T11:00:00Z", None),  # one of them has no offset
        ("2026-11-24T11:00", "2026-11-24T12", None),  # not precise enough to be of a sample
        ("2026-02-30T11:00:00", "2026-03-01T11:00:00", None),
    ],
)
def test_which_sample_was_taken_at_a_moment(start: str, moment: str, index: int | None) -> None:
    assert sample_at(Instant(value=start), Instant(value=moment), Rational(numerator=1, denominator=250)) == index


@pytest.mark.parametrize(
    ("name", "period"), [("ECG_II@100", (1, 100)), ("ECG_II", None), ("a@b@100", None), ("x@0", None), ("x@12.5", None)]
)
def test_rates_in_names(name: str, period: tuple[int, int] | None) -> None:
    found = named_rate(name)
    assert (None if found is None else (found.numerator, found.denominator)) == period


@given(
    st.lists(st.integers(-(1 << 63), (1 << 63) - 1), min_size=1, max_size=20), st.sampled_from([1, 1 << 16, 1 << 32])
)
def test_the_narrowest_format_holds_every_sample(numbers: list[int], scale: int) -> None:
    numbers = [number // scale for number in numbers]
    numbers = [max(-(1 << 63) + 1, min(number, (1 << 63) - 1)) for number in numbers]
    found = read_samples("^".join(map(str, numbers)), "^")
    packed = None if found is None else found.packed(0)
    assert packed is not None
    dtype, data = packed
    size = int(dtype[1])
    assert list(struct.unpack(f"<{len(numbers)}{_CODES[dtype]}", data)) == numbers
    peak = max(number if number >= 0 else ~number for number in numbers)
    assert size == min(width for width in (2, 4, 8) if peak < 1 << (8 * width - 1))
