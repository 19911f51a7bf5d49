"""The template of an adapter reads and writes what its protocol says; the laws hold it beside that (tests/kit)."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import iomt_interop as iomt
from iomt_interop.adapters.example.lines import encode_line
from iomt_interop.adapters.example.tables import TEMPERATURE
from iomt_interop.errors import LimitExceeded, MalformedInput, TruncatedInput, UnsupportedVersion
from iomt_interop.model import Device, Instant, Observation, Quantity, Record, Residue, Subject, Waveform
from iomt_interop.testing import assert_records_equal

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures" / "example"
HEADER = encode_line("#WARDTHER 1", "WT-1")


def read(data: bytes, strictness: str = "lenient", limits: iomt.Limits | None = None) -> list[Record]:
    context = iomt.ReadContext(strictness=strictness, limits=limits or iomt.Limits())  # type: ignore[arg-type]
    return list(iomt.read(data, adapter="example", context=context))


def test_values_times_and_people_are_as_written() -> None:
    records = read((FIXTURES / "ward.wtherm").read_bytes())
    assert [type(r).__name__ for r in records] == [
        "Device", "Subject", "Observation", "Subject", "Observation", "Waveform",
    ]  # fmt: skip
    device, one, first, other, second, wave = records
    assert isinstance(device, Device)
    assert isinstance(one, Subject)
    assert isinstance(first, Observation)
    assert isinstance(first.value, Quantity)
    assert isinstance(second, Observation)
    assert isinstance(second.value, Quantity)
    assert isinstance(wave, Waveform)
    assert device.serial == "WT-004711"
    assert (first.value.text, first.value.unit, first.value.to_decimal()) == ("36.60", "Cel", Decimal("36.60"))
    assert (second.value.text, second.value.unit) == ("99.1", "[degF]")
    assert isinstance(first.time, Instant)
    assert (first.time.value, first.time.offset_minutes) == ("2026-11-24T10:58:03+01:00", 60)
    assert (first.subject, second.subject, wave.subject) == (one.id, other.id, one.id)
    run = wave.segments[0]
    samples = [int.from_bytes(run.data[n : n + 2], "little", signed=True) for n in range(0, len(run.data), 2)]
    assert samples == [3660, 3661, 3661, 3663, 3662, 3660, -12, 3661]
    assert (wave.channels[0].period, wave.channels[0].factor.text) == (iomt_rational(250, 1000), "0.01")


def iomt_rational(numerator: int, denominator: int) -> object:
    from iomt_interop.model import Rational

    return Rational(numerator=numerator, denominator=denominator)


def test_what_is_odd_is_kept_and_said() -> None:
    records = read((FIXTURES / "odd.wtherm").read_bytes())
    reasons = [record.reason for record in records if isinstance(record, Residue)]
    # A wrong checksum, a time without an offset, a decimal comma, an unknown line.
    assert reasons == ["EXA-002", "EXA-003", "EXA-003", "EXA-003"]
    kelvin = next(r for r in records if isinstance(r, Observation))
    assert isinstance(kelvin.value, Quantity)
    assert (kelvin.value.unit, kelvin.value.native_unit and kelvin.value.native_unit.code) == (None, "K")
    assert [(e.path, e.value) for e in kelvin.extensions] == [("site", "tympanic")]
    assert kelvin.subject is None


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (encode_line("#WARDTHER 2", "WT-1"), UnsupportedVersion),
        (encode_line("M", "2026-11-24T10:58:03Z", "1", "36.6", "C", ""), MalformedInput),
        (HEADER + b"M;2026", TruncatedInput),
        (HEADER + b"M" * 2000, LimitExceeded),
    ],
)
def test_what_cannot_be_read_is_an_error(data: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        read(data, limits=iomt.Limits(max_unit=1000))


def test_strict_reading_refuses_an_odd_line() -> None:
    with pytest.raises(MalformedInput, match="EXA-002"):
        read((FIXTURES / "odd.wtherm").read_bytes(), "strict")


TEXT = st.text(st.characters(codec="ascii", categories=("L", "N"), include_characters=" -_."), min_size=1, max_size=12)


@given(
    st.lists(
        st.tuples(
            st.datetimes().map(lambda d: d.isoformat() + "+01:30"),
            TEXT,
            st.decimals(-999, 999, places=2).map(str),
            st.sampled_from(["C", "F", "K"]),
            st.sampled_from(["oral", "axil", "", "ear"]),
        ),
        max_size=8,
    )
)
def test_reading_and_writing_gives_the_same_lines(rows: list[tuple[str, ...]]) -> None:
    lines = [encode_line("M", *row) for row in rows if len(row[0]) >= 20 and row[0][0] in "12"]
    data = HEADER + b"".join(lines)
    records = read(data, "strict")
    assert sum(isinstance(record, Observation) for record in records) == len(lines)
    assert iomt.write(records, to="example") == data
    assert_records_equal(read(iomt.write(records, to="example")), records)


def test_the_writer_lists_what_the_protocol_cannot_say() -> None:
    records = read((FIXTURES / "ward.wtherm").read_bytes())
    warm = next(r for r in records if isinstance(r, Observation))
    changed = [
        warm.replace(id="0" * 32, time=None),
        warm.replace(id="1" * 32, code=TEMPERATURE.replace(text="Temp")),
        warm.replace(id="2" * 32, native_status="R"),
    ]
    from iomt_interop.adapters.example.writer import make_writer
    from iomt_interop.plugins import WriteContext

    writer = make_writer(WriteContext())
    payload = b"".join(writer.write([*records[:2], *changed]))
    assert payload.count(b"\n") == 2
    assert [(loss.record[0], loss.path) for loss in writer.losses] == [("0", "*"), ("1", "*"), ("2", "native_status")]
