"""Times as sources tell them: every kind, every precision, with an offset and without."""

from __future__ import annotations

import calendar
from typing import Any, get_args

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from ...model import Interval
from ...model.time import Precision

__all__ = ["day_texts", "instant_texts", "ordered_interval", "times_of_day"]

_SHAPES = {"year": 4, "month": 7, "day": 10, "hour": 13, "minute": 16, "second": 19, "fraction": 19}
"""Length of the ISO 8601 text of each precision."""


@st.composite
def instant_texts(draw: DrawFn) -> str:
    """Draw an ISO 8601 text of any precision: leap seconds, 24:00, and no offset where the source has none."""
    precision: Precision = draw(st.sampled_from(get_args(Precision)[::-1]))
    hour, minute, second = draw(_clock())
    text = f"{draw(_days())}T{hour:02}:{minute:02}:{second:02}"[: _SHAPES[precision]]
    if precision == "fraction":
        text += "." + draw(st.from_regex(r"[0-9]{1,18}", fullmatch=True, alphabet="0123456789"))
    return text + draw(_offsets())


@st.composite
def _days(draw: DrawFn) -> str:
    year = draw(st.integers(1990, 2060) | st.integers(1, 9999))
    month = draw(st.integers(1, 12))
    return f"{year:04}-{month:02}-{draw(st.integers(1, calendar.monthrange(year, month)[1])):02}"


def _clock() -> SearchStrategy[tuple[int, int, int]]:
    usual = st.tuples(st.integers(0, 23), st.integers(0, 59), st.integers(0, 59))
    return st.one_of(usual, usual, usual, st.sampled_from(((23, 59, 60), (24, 0, 0))))


def _offsets() -> SearchStrategy[str]:
    minutes = st.integers(-48, 56).map(lambda quarters: quarters * 15) | st.integers(-12 * 60, 14 * 60)
    return st.one_of(st.just(""), st.just("Z"), minutes.map(_offset))


def _offset(minutes: int) -> str:
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


def day_texts() -> SearchStrategy[str]:
    """Generate calendar days, months and years."""
    return st.tuples(_days(), st.sampled_from((10, 7, 4))).map(lambda pair: pair[0][: pair[1]])


@st.composite
def times_of_day(draw: DrawFn) -> str:
    """Draw a time of day, ``hh:mm[:ss[.fff]]``."""
    hour, minute, second = draw(st.integers(0, 23)), draw(st.integers(0, 59)), draw(st.integers(0, 59))
    text = f"{hour:02}:{minute:02}:{second:02}"[: draw(st.sampled_from((5, 8)))]
    if len(text) == 8 and draw(st.booleans()):
        text += "." + draw(st.from_regex(r"[0-9]{1,9}", fullmatch=True, alphabet="0123456789"))
    return text


def ordered_interval(fields: dict[str, Any]) -> None:
    """Put the earlier end first, where the two can be compared at all."""
    start, end = (Interval(**fields).start, Interval(**fields).end)
    if start is None or end is None:
        return
    first, last = (start.utc_ns, end.utc_ns)
    if first is None and last is None:
        later = start.value > end.value
    else:
        later = first is not None and last is not None and first > last
    if later:
        fields["start"], fields["end"] = end, start
