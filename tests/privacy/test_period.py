"""Periods with the uncertainty of their texts, against the calendar of the standard library."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iomt_interop.errors import TimeError
from iomt_interop.model import Day, Instant, Interval
from iomt_interop.privacy.period import ALWAYS, span_of, window_of

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOMENTS = st.datetimes(datetime(1930, 1, 1), datetime(2090, 1, 1))
ZONES = st.integers(-12 * 4, 14 * 4).map(lambda quarter: timezone(timedelta(minutes=15 * quarter)))


def ns(moment: datetime) -> int:
    delta = moment.astimezone(UTC) - EPOCH
    return ((delta.days * 86400 + delta.seconds) * 10**6 + delta.microseconds) * 1000


@given(MOMENTS, ZONES, st.sampled_from(["year", "month", "day", "hours", "minutes", "seconds", "microseconds"]))
def test_a_moment_begins_where_the_model_says(moment: datetime, zone: timezone, precision: str) -> None:
    text = moment.replace(tzinfo=zone).isoformat(timespec=precision if precision.endswith("s") else "hours")
    cut = {"year": 4, "month": 7, "day": 10}.get(precision, len(text) - 6)
    instant = Instant(value=text[:cut] + text[-6:])
    span = span_of(instant)
    assert span is not None
    assert span[0] == instant.utc_ns


@given(MOMENTS, ZONES)
def test_a_moment_with_an_offset_is_where_the_calendar_says(moment: datetime, zone: timezone) -> None:
    aware = moment.replace(tzinfo=zone)
    span = span_of(Instant(value=aware.isoformat(timespec="microseconds")))
    assert span == (ns(aware), ns(aware) + 1000)


@given(
    MOMENTS, ZONES, st.sampled_from(["%Y", "%Y-%m", "%Y-%m-%d", "%Y-%m-%dT%H", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"])
)
def test_a_moment_lies_in_every_coarser_text_of_it_wherever_it_was_written(
    moment: datetime, zone: timezone, form: str
) -> None:
    here = ns(moment.replace(tzinfo=zone))
    span = span_of(Instant(value=moment.strftime(form)))
    assert span is not None
    assert span[0] <= here < span[1]
    minutes = round(zone.utcoffset(None).total_seconds() / 60)
    known = span_of(Instant(value=moment.strftime(form)), minutes)
    assert known is not None
    assert span[0] <= known[0] <= here < known[1] <= span[1]


@given(MOMENTS, MOMENTS, MOMENTS, ZONES)
def test_what_surely_lies_in_a_period_does_so_in_every_zone(
    first: datetime, second: datetime, moment: datetime, zone: timezone
) -> None:
    start, end = sorted((first.date(), second.date()))
    window = window_of(Interval(start=Instant(value=start.isoformat()), end=Instant(value=end.isoformat())))
    here = ns(moment.replace(tzinfo=UTC))
    local = moment.replace(tzinfo=UTC).astimezone(zone).date()
    if window.surely_holds(here, here):
        assert start <= local <= end
    if start <= local <= end:
        assert window.may_touch(here, here + 1)


@pytest.mark.parametrize(
    ("time", "length"),
    [("2024-02", 29), ("2023-02", 28), ("2024", 366), ("2023-12", 31), ("2023-12-31", 1)],
)
def test_a_date_is_as_long_as_its_precision(time: str, length: int) -> None:
    span = span_of(Instant(value=time), 0)
    assert span is not None
    assert span[1] - span[0] == length * 86400 * 10**9


def test_open_ends_and_none() -> None:
    assert window_of(None) == ALWAYS
    assert window_of(Interval(start=Instant(value="2024-01-01T00:00:00Z"))).surely_holds(ns(EPOCH) + 2**61, 2**62)
    assert span_of(Interval(start=Instant(value="2024"))) is None
    assert span_of(Day(value="2024-01-01"), 0) == span_of(Instant(value="2024-01-01"), 0)
    assert span_of(Instant(value="2024-01-01", flags=("invalid",))) is None
    assert span_of(Instant(value="2023-02-30")) is None
    assert span_of(None) is None


@pytest.mark.parametrize(("start", "end"), [("2024", "2023"), ("2023-02-30", None), (None, "2023-13")])
def test_an_impossible_period_is_an_error(start: str | None, end: str | None) -> None:
    ends = [None if text is None else Instant(value=text) for text in (start, end)]
    with pytest.raises(TimeError):
        window_of(Interval(start=ends[0], end=ends[1]))
