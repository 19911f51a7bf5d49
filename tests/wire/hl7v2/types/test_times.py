"""DT, TM, DTM, TS: the standard's form (2.A.22, 2.A.76), the field's dialects, and Python's own calendar as witness."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iomt_interop.wire import hl7v2
from iomt_interop.wire.hl7v2.types import (
    DateTime,
    Raw,
    TimeOfDay,
    decode_text,
    encode,
    read_date_time,
    read_time_of_day,
)

SYNTAX = hl7v2.parse(b"MSH|^~\\&|A\r").syntax


@pytest.mark.parametrize(
    ("text", "iso", "precision", "offset"),
    [
        ("2026", "2026", "year", None),
        ("202611", "2026-11", "month", None),
        ("20261124", "2026-11-24", "day", None),
        ("2026112410", "2026-11-24T10", "hour", None),
        ("202611241058", "2026-11-24T10:58", "minute", None),
        ("20261124105800", "2026-11-24T10:58:00", "second", None),
        ("20261124105800.5", "2026-11-24T10:58:00.5", "fraction", None),
        ("20261124105800.5000", "2026-11-24T10:58:00.5000", "fraction", None),
        ("20261124105800+0100", "2026-11-24T10:58:00+01:00", "second", 60),
        ("20261124105800.9500+0530", "2026-11-24T10:58:00.9500+05:30", "fraction", 330),
        ("202611241058-0330", "2026-11-24T10:58-03:30", "minute", -210),
        ("20161231235960+0000", "2016-12-31T23:59:60+00:00", "second", 0),
        ("00010101", "0001-01-01", "day", None),
        ("20240229", "2024-02-29", "day", None),
        ("20200101-0500", "2020-01-01", "day", -300),
    ],
)
def test_the_standard_s_form(text: str, iso: str, precision: str, offset: int | None) -> None:
    found = read_date_time(text)
    assert found is not None
    assert (found.isoformat(), found.precision, found.offset, found.doubt) == (iso, precision, offset, None)
    assert encode(found, SYNTAX) == text


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("20260124131540000+0800", "2026-01-24T13:15:40.000+08:00"),  # milliseconds without their point
        ("20200909104829902", "2020-09-09T10:48:29.902"),
        ("20161231235960Z", "2016-12-31T23:59:60+00:00"),
        ("20200101240000", "2020-01-01T24:00:00"),
        ("20200101120000+05", "2020-01-01T12:00:00+05:00"),
        ("20200101120000+05:30", "2020-01-01T12:00:00+05:30"),
        ("2020-01-01T12:00", "2020-01-01T12:00"),
        ("2020-01-01T12:00:30.25Z", "2020-01-01T12:00:30.25+00:00"),
        ("2020-01-01", "2020-01-01"),
        ("20200000", "2020"),
        ("20200100", "2020-01"),
        (" 20200101", "2020-01-01"),
        ("20200101120000.", "2020-01-01T12:00:00"),
        ("20200101120000.123456", "2020-01-01T12:00:00.123456"),
    ],
)
def test_dialects_of_the_field_are_read_with_a_doubt(text: str, iso: str) -> None:
    found = read_date_time(text)
    assert found is not None
    assert (found.isoformat(), found.doubt, found.text) == (iso, "HL7-132", text)
    assert encode(found, SYNTAX) == text


@pytest.mark.parametrize(
    "text",
    ["0000", "202013", "20200230", "20210229", "2020010125", "202001011260", "20200101120061", "20200101240001",
     "202", "x", "", "20200101120000+1500", "20200101120000+0160", "2020010112000", "20201", "１２３４", "20200101T12"],
)  # fmt: skip
def test_what_the_calendar_does_not_have_is_no_date(text: str) -> None:
    assert read_date_time(text) is None
    found = decode_text(text, "DTM", SYNTAX)
    assert found is None if not text else isinstance(found, Raw)


@pytest.mark.parametrize(
    ("text", "iso", "doubt"),
    [
        ("12", "12", None),
        ("1230", "12:30", None),
        ("123015", "12:30:15", None),
        ("123015.2500", "12:30:15.2500", None),
        ("1230+0530", "12:30+05:30", None),
        ("12:30", "12:30", "HL7-132"),
        ("12:30:15.5", "12:30:15.5", "HL7-132"),
        ("2400", "24:00", "HL7-132"),
        ("1230Z", "12:30+00:00", "HL7-132"),
    ],
)
def test_times_of_the_day(text: str, iso: str, doubt: str | None) -> None:
    found = read_time_of_day(text)
    assert found is not None
    assert (found.isoformat(), found.doubt) == (iso, doubt)
    assert encode(found, SYNTAX) == text


@pytest.mark.parametrize("text", ["", "25", "1260", "2401", "1", "123", "noon"])
def test_what_no_clock_shows(text: str) -> None:
    assert read_time_of_day(text) is None


def test_python_s_calendar_agrees_and_no_zone_is_assumed() -> None:
    found = read_date_time("20261124105800.25+0100")
    assert found is not None
    assert found.to_datetime() == datetime(2026, 11, 24, 9, 58, 0, 250000, UTC)
    naive = read_date_time("20261124105800")
    assert naive is not None
    local = naive.to_datetime()
    assert local is not None
    assert local.tzinfo is None
    assert naive.to_datetime(timezone(timedelta(hours=2))) == datetime(2026, 11, 24, 8, 58, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        ("20200101240000", datetime(2020, 1, 2)),
        ("20161231235960Z", datetime(2017, 1, 1, tzinfo=UTC)),
        ("2020", datetime(2020, 1, 1)),
        ("99991231240000", None),
    ],
)
def test_ends_of_days_and_minutes(text: str, begins: datetime | None) -> None:
    found = read_date_time(text)
    assert found is not None
    assert found.to_datetime() == begins


def test_hours_that_the_clocks_showed_twice_or_never() -> None:
    zone = ZoneInfo("Europe/Berlin")
    answers = []
    for text in ("20261025023000", "20260329023000", "20260701120000", "20261025023000+0200"):
        found = read_date_time(text)
        assert found is not None
        answers.append(found.is_ambiguous(zone))
    assert answers == [True, None, False, False]


def test_ts_has_a_degree_of_precision_and_dt_no_time() -> None:
    stamp: Any = decode_text("20260124^D", "TS", SYNTAX)
    assert (stamp.isoformat(), stamp.degree) == ("2026-01-24", "D")
    assert encode(stamp, SYNTAX) == "20260124^D"
    inner: Any = decode_text("20260124&D", "TS", SYNTAX, level=2)
    assert (inner.degree, encode(inner, SYNTAX, level=2)) == ("D", "20260124&D")
    late: Any = decode_text("202601241315", "DT", SYNTAX)
    assert isinstance(late, Raw)
    assert isinstance(late.reading, DateTime)


@given(st.datetimes(timezones=st.none() | st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m)))))
def test_any_datetime_of_python_comes_back(moment: datetime) -> None:
    text = encode(moment, SYNTAX)
    found = decode_text(text, "DTM", SYNTAX)
    assert isinstance(found, DateTime)
    assert found.to_datetime() == moment
    assert found.isoformat().startswith(moment.isoformat()[:19])


@given(st.times(), st.dates())
def test_any_time_and_date_of_python_come_back(clock: time, day: date) -> None:
    found = decode_text(encode(clock, SYNTAX), "TM", SYNTAX)
    assert isinstance(found, TimeOfDay)
    assert time.fromisoformat(found.isoformat()) == clock
    other = decode_text(encode(day, SYNTAX), "DT", SYNTAX)
    assert isinstance(other, DateTime)
    assert date.fromisoformat(other.isoformat()) == day


@given(st.text("0123456789+-.Z:T ", max_size=30))
def test_nothing_like_a_time_raises_and_all_is_kept(text: str) -> None:
    for kind in ("DT", "DTM", "TS", "TM"):
        value = decode_text(text, kind, SYNTAX)
        assert encode(value, SYNTAX) == text
        if isinstance(value, DateTime):
            value.to_datetime()
            assert "ZEBRA" not in repr(value)


@given(
    st.datetimes(min_value=datetime(1900, 1, 1)),
    st.sampled_from(["%Y", "%Y%m", "%Y%m%d", "%Y%m%d%H", "%Y%m%d%H%M", "%Y%m%d%H%M%S", "%Y%m%d%H%M%S.%f"]),
    st.sampled_from(["", "+0100", "-0330", "+1400"]),
)
def test_hl7apy_reads_the_same_instant(moment: datetime, shape: str, offset: str) -> None:
    utils = pytest.importorskip("hl7apy.utils")
    if offset and len(shape) < 8:
        offset = ""  # hl7apy knows an offset behind a time alone
    text = moment.strftime(shape)
    text = (text[:19] if "." in text else text) + offset
    theirs, _, their_offset, _ = utils.get_datetime_info(text)
    ours = read_date_time(text)
    assert ours is not None
    assert (ours.doubt, ours.text) == (None, text)
    naive = ours.to_datetime()
    assert naive is not None
    assert naive.replace(tzinfo=None) == theirs
    assert (ours.offset is not None) == bool(their_offset)


@pytest.mark.parametrize("text", ["2020010", "20201301", "20200230", "2020010125", "99", "abc", "20200101120000+9900"])
def test_what_hl7apy_refuses_is_refused(text: str) -> None:
    utils = pytest.importorskip("hl7apy.utils")
    with pytest.raises(ValueError, match=r".*"):
        utils.get_datetime_info(text)
    assert read_date_time(text) is None
