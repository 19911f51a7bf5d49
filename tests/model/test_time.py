"""Times keep precision and offset; the witness for instants is the standard library's datetime."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from iomt_interop.errors import TimeError
from iomt_interop.model import Instant

ZONES = st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m)))


@given(st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30), timezones=ZONES))
def test_utc_agrees_with_datetime(moment: datetime) -> None:
    instant = Instant(value=moment.isoformat())
    microseconds = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    assert instant.utc_ns == microseconds * 1000


@pytest.mark.parametrize(
    ("value", "precision", "offset"),
    [
        ("2026", "year", None),
        ("2026-11", "month", None),
        ("2026-11-24", "day", None),
        ("2026-11-24T10", "hour", None),
        ("2026-11-24T10:58", "minute", None),
        ("2026-11-24T10:58:03", "second", None),
        ("2026-11-24T10:58:03.20+01:00", "fraction", 60),
        ("2026-11-24T10:58:03-04:30", "second", -270),
        ("2026-11-24T10:58:03Z", "second", 0),
    ],
)
def test_precision_and_offset_are_the_source_s(value: str, precision: str, offset: int | None) -> None:
    instant = Instant(value=value)
    assert instant.precision == precision
    assert instant.offset_minutes == offset
    assert (instant.utc_ns is None) == (offset is None)


def test_leap_second_and_midnight_of_the_next_day() -> None:
    assert Instant(value="2016-12-31T23:59:60Z").utc_ns == Instant(value="2017-01-01T00:00:00Z").utc_ns
    assert Instant(value="2016-12-31T24:00:00Z").utc_ns == Instant(value="2017-01-01T00:00:00Z").utc_ns


def test_a_day_that_never_was() -> None:
    with pytest.raises(TimeError):
        _ = Instant(value="2026-02-30T00:00:00Z").utc_ns


@pytest.mark.parametrize("value", ["", "26-11-24", "2026-11-24 10:58", "20261124", "2026-11-24T10:58:03+0100", "now"])
def test_other_texts_are_no_instants(value: str) -> None:
    with pytest.raises(ValidationError):
        Instant(value=value)
