"""Time stamps: what the octets say, by hand-worked examples and by an independent calendar."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iomt_interop.adapters.ieee11073_phd.clock import Clock, device_clock
from iomt_interop.errors import InvalidRequest
from iomt_interop.model import Instant


def test_absolute_time_is_local_and_keeps_its_hundredths() -> None:
    instant = Clock().absolute(bytes.fromhex("2007020112100005"))
    assert instant is not None
    assert instant.value == "2007-02-01T12:10:00.05"
    assert instant.offset_minutes is None
    assert instant.device_clock is not None
    assert (instant.device_clock.kind, instant.device_clock.resolution_ns) == ("absolute", 10_000_000)


@pytest.mark.parametrize(
    ("octets", "value"),
    [
        ("2255959515355300", "2255"),  # month 95, as a monitor with a flat clock battery sends it
        ("2007023012000000", "2007-02"),  # the 30th of February
        ("2007020125000000", "2007-02-01"),  # hour 25
        ("20070201121000ff", "2007-02-01"),  # hundredths that are no digits
        ("2007ff0112100000", "2007"),
    ],
)
def test_impossible_time_is_flagged_and_kept(octets: str, value: str) -> None:
    instant = Clock().absolute(bytes.fromhex(octets))
    assert instant is not None
    assert (instant.value, instant.native, instant.flags) == (value, octets, ("invalid",))


@pytest.mark.parametrize("octets", ["ff" * 8, "00" * 8, "a007020112100000"])
def test_time_without_even_a_year_is_none(octets: str) -> None:
    assert Clock().absolute(bytes.fromhex(octets)) is None


@given(st.datetimes(min_value=datetime(1, 1, 1), max_value=datetime(9999, 12, 31)))
def test_absolute_time_agrees_with_the_calendar(moment: datetime) -> None:
    moment = moment.replace(microsecond=moment.microsecond // 10_000 * 10_000)
    digits = "".join(filter(str.isdecimal, moment.isoformat(timespec="microseconds")))
    raw = bytes.fromhex(digits[:16])
    instant = Clock().absolute(raw)
    assert instant is not None
    assert datetime.fromisoformat(instant.value) == moment


def test_default_zone_completes_and_says_so() -> None:
    clock = Clock("Europe/Berlin")
    summer = clock.absolute(bytes.fromhex("2007070112100000"))
    twice = clock.absolute(bytes.fromhex("2007102802300000"))  # the hour that happened twice
    assert summer is not None
    assert twice is not None
    assert (summer.value, summer.flags) == ("2007-07-01T12:10:00.00+02:00", ("assumed-offset",))
    assert twice.flags == ("assumed-offset", "dst-ambiguous")


@pytest.mark.parametrize("zone", ["Middle/Earth", "../etc/passwd", ""])
def test_unknown_zone_is_the_callers_fault(zone: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        Clock(zone)
    assert caught.value.code == "USE-001"


def test_base_offset_time_counts_from_1900_in_utc() -> None:
    # 3,913,056,000 s: 2024-01-01T00:00:00Z; half a second; Kathmandu.
    raw = (3_913_056_000).to_bytes(4, "big") + (0x8000).to_bytes(2, "big") + (345).to_bytes(2, "big")
    instant = Clock().base_offset(raw)
    assert instant is not None
    assert instant.value == "2024-01-01T05:45:00.5+05:45"


@given(st.integers(0, 2**32 - 2), st.integers(0, 65535), st.integers(-1439, 1439))
def test_base_offset_time_is_exact(seconds: int, fraction: int, minutes: int) -> None:
    raw = seconds.to_bytes(4, "big") + fraction.to_bytes(2, "big") + minutes.to_bytes(2, "big", signed=True)
    instant = Clock().base_offset(raw)
    assert instant is not None
    head, _, tail = instant.value[:-6].partition(".")
    moment = datetime.fromisoformat(head + instant.value[-6:])
    assert moment - datetime(1900, 1, 1, tzinfo=UTC) == timedelta(seconds=seconds)
    assert Fraction(int(tail or 0), 10 ** len(tail)) == Fraction(fraction, 65536)
    assert instant.offset_minutes == minutes


@pytest.mark.parametrize("raw", [b"\xff" * 8, b"\x00" * 6 + b"\x7f\xff"])
def test_base_offset_time_that_is_none(raw: bytes) -> None:
    assert Clock().base_offset(raw) is None


def test_relative_time_needs_an_anchor() -> None:
    clock = Clock()
    assert clock.relative("relative", 8000) is None
    clock.anchor("relative", 0xFFFFFFF0, Instant(value="2007-02-01T12:10:00.00"), "0" * 32)
    after = clock.relative("relative", 7984)  # the counter wrapped: 8000 ticks of 125 us are one second
    before = clock.relative("relative", 0xFFFFFFF0 - 8000)
    assert after is not None
    assert before is not None
    assert (after.value, before.value) == ("2007-02-01T12:10:01.000000", "2007-02-01T12:09:59.000000")
    assert (after.origin, after.clock_sync) == ("device-clock", "0" * 32)
    assert after.device_clock == device_clock("relative", 7984)
    assert device_clock("relative", 0x0A6B).resolution_ns == 125_000  # 0x0A6B is 333.375 ms


def test_relative_time_beyond_the_calendar_is_none() -> None:
    clock = Clock()
    clock.anchor("hi-res-relative", 0, Instant(value="9999-12-31T23:59:59.00"), "0" * 32)
    assert clock.relative("hi-res-relative", 2**62) is None


@given(st.binary(min_size=8, max_size=8))
def test_any_octets_are_a_time_or_none(raw: bytes) -> None:
    clock = Clock("Europe/Berlin")
    for instant in (clock.absolute(raw), clock.base_offset(raw)):
        if instant is not None:
            clock.anchor("relative", 0, instant, "0" * 32)
    clock.relative("relative", int.from_bytes(raw[:4], "big"))
