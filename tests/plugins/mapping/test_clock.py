"""Times: precision kept, no silent UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plugins.mapping.helpers import observation, read

from iomt_interop.model import Day, Instant, Interval, Issue, Observation
from iomt_interop.plugins.mapping.clock import read_count, read_time, shift


def time_of(spec: str, row: str) -> object:
    mapping = observation(f'value = {{ path = "v", unit = "/min" }}\ntime = {spec}\n')
    record = read(mapping, b'{"v":1,%s}' % row.encode())[0]
    assert isinstance(record, Observation)
    return record.time


@pytest.mark.parametrize(
    ("form", "text", "expected"),
    [
        ("iso", "2026", "2026"),
        ("iso", "2026-11-24", "2026-11-24"),
        ("iso", "2026-11-24 10", "2026-11-24T10"),
        ("iso", "20261124T105803,250+0100", "2026-11-24T10:58:03.250+01:00"),
        ("iso", "2026-11-24T10:58:03.20Z", "2026-11-24T10:58:03.20Z"),
        ("iso", "2026-02-30", None),
        ("iso", "2026-11-24T25:00", None),
        ("iso", "2026-11-24T10:58+99:00", None),
        ("%d.%m.%Y %H:%M", "4.3.2026 07:05", "2026-03-04T07:05"),
        ("%m/%d/%y %I:%M %p", "11/24/26 12:05 AM", "2026-11-24T00:05"),
        ("%m/%d/%y %I:%M %p", "11/24/26 13:05 PM", None),
        ("%d %b %Y", "24 Nov 2026", "2026-11-24"),
        ("%d %b %Y", "24 Foo 2026", None),
        ("%Y%m%d%H%M%S.%f%z", "20261124105803.5-0330", "2026-11-24T10:58:03.5-03:30"),
        ("%Y-%m-%d", "2026-11-24x", None),
    ],
)
def test_reading(form: str, text: str, expected: str | None) -> None:
    found = read_time(text, form)
    assert (None if found is None else found.text) == expected


@given(st.integers(-60_000_000_000_000, 200_000_000_000_000), st.sampled_from([0, 3, 6, 9]))
def test_counts_agree_with_the_standard_library(count: int, places: int) -> None:
    found = read_count(str(count), places, "1970-01-01T00:00:00Z")
    try:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=count // 10**places)
    except OverflowError:
        assert found is None
        return
    fraction = f".{count % 10**places:0{places}}" if places else ""
    assert found is not None
    assert found.text == f"{moment.year:04}-{moment:%m-%dT%H:%M:%S}{fraction}Z"
    assert Instant(value=found.text).utc_ns == count * 10 ** (9 - places)


def test_a_count_with_a_fraction_and_an_epoch_of_local_time() -> None:
    found = read_count("1.5", 0, "2000-01-01T00:00:00")
    assert found is not None
    assert found.text == "2000-01-01T00:00:01.5"


def test_zones_and_offsets() -> None:
    text = '"t":"2026-10-25 02:30:00"'
    local = time_of('{ path = "t" }', text)
    assert isinstance(local, Instant)
    assert (local.value, local.offset_minutes) == ("2026-10-25T02:30:00", None)
    twice = time_of('{ path = "t", zone = "Europe/Berlin" }', text)
    assert isinstance(twice, Instant)
    assert (twice.value, twice.flags) == ("2026-10-25T02:30:00+02:00", ("dst-ambiguous",))
    never = time_of('{ path = "t", zone = "Europe/Berlin" }', '"t":"2026-03-29 02:30:00"')
    assert isinstance(never, Instant)
    assert (never.offset_minutes, never.flags) == (None, ("invalid",))
    stated = time_of('{ path = "t", offset_path = "o" }', text + ',"o":"-03:30"')
    assert isinstance(stated, Instant)
    assert stated.value == "2026-10-25T02:30:00-03:30"
    named = time_of('{ path = "t", zone_path = "z" }', '"t":"2026-07-01T10:00","z":"Asia/Kolkata"')
    assert isinstance(named, Instant)
    assert named.value == "2026-07-01T10:00+05:30"


def test_date_and_time_in_two_places() -> None:
    found = time_of('{ path = ["d", "c"], format = "%d.%m.%Y %H:%M" }', '"d":"24.11.2026","c":"10:58"')
    assert isinstance(found, Instant)
    assert (found.value, found.native) == ("2026-11-24T10:58", "24.11.2026 10:58")


def test_intervals_and_days() -> None:
    both = time_of(
        '{ start = { path = "a" }, end = { path = "b" } }', '"a":"2026-11-24T10:00Z","b":"2026-11-24T11:00Z"'
    )
    assert isinstance(both, Interval)
    assert both.end == Instant(value="2026-11-24T11:00Z")
    spec = '{ start = { path = "a", format = "epoch-s" }, duration = { path = "n", unit = "min" } }'
    lasting = time_of(spec, '"a":1795507083,"n":1.25')
    assert isinstance(lasting, Interval)
    assert lasting.end is not None
    assert lasting.end.value == "2026-11-24T07:59:18.00Z"
    assert time_of('{ day = { path = "a", zone = "Europe/Berlin" } }', '"a":"2026-11-24"') == Day(
        value="2026-11-24", zone="Europe/Berlin"
    )


def test_a_time_that_is_none_is_doubted_and_kept() -> None:
    mapping = observation('value = { path = "v", unit = "/min" }\ntime = { path = "t" }\n')
    record, issue = read(mapping, b'{"v":1,"t":"yesterday"}')
    assert isinstance(record, Observation)
    assert isinstance(issue, Issue)
    assert record.time is None
    assert [(each.path, each.value) for each in record.extensions] == [("t", "yesterday")]
    assert issue.code == "MAP-203"


def test_the_time_of_arrival_only_where_the_source_has_none() -> None:
    received = Instant(value="2026-11-24T12:00:00Z")
    mapping = observation('value = { path = "v", unit = "/min" }\n')
    record = read(mapping, b'{"v":1}', received=received)[0]
    assert isinstance(record, Observation)
    assert record.time == received.replace(origin="received")


def test_shifting_keeps_fractions() -> None:
    start = read_time("2026-12-31T23:59:59.9+01:00", "iso")
    assert start is not None
    later = shift(start, 125, 3)
    assert later is not None
    assert later.text == "2027-01-01T00:00:00.025+01:00"
