"""What the rules find, on trails where it is known."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from iomt_interop.privacy.audit import AuditRecord
from iomt_interop.privacy.audit.anomaly import Anomaly, WatchRules, counters, watch

NOON = datetime(2026, 11, 2, 12, tzinfo=timezone(timedelta(hours=1)))


def read(minutes: float = 0, person: int = 0, **more: Any) -> AuditRecord:
    values: dict[str, Any] = {"operation": "read", "outcome": "success", "actor": "dr-1", "records": 1}
    moment = (NOON + timedelta(minutes=minutes)).isoformat()
    return AuditRecord(**({"time": moment, "subjects": (f"{person:032x}",)} | values | more))


def rules_of(found: list[Anomaly]) -> list[tuple[str, str, int]]:
    return [(anomaly.rule, anomaly.actor, anomaly.count) for anomaly in found]


def test_ordinary_work_is_not_remarkable() -> None:
    assert watch([read(minute, person=minute % 30) for minute in range(0, 480, 5)]) == []
    assert watch([]) == []


@pytest.mark.parametrize(("people", "minutes", "expected"), [(9, 50, []), (10, 50, [10]), (10, 70, []), (30, 50, [10])])
def test_bulk_reads_count_people_within_the_window(people: int, minutes: int, expected: list[int]) -> None:
    rules = WatchRules(bulk_subjects=10, bulk_window_s=3600)
    trail = [read(minutes * number / people, person=number) for number in range(people)]
    if people == 10 and minutes == 70:
        trail[-1] = read(61, person=9)
    assert rules_of(watch(trail, rules)) == [("bulk-read", "dr-1", count) for count in expected]
    same = [read(number, person=1) for number in range(50)]
    assert watch(same, rules) == []
    one = read(subjects=tuple(f"{number:032x}" for number in range(10)))
    assert rules_of(watch([one], rules)) == [("bulk-read", "dr-1", 10)]
    assert watch([one.replace(outcome="denied")], rules) == []


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(0, 8)), max_size=60), st.integers(2, 6))
def test_bulk_reads_by_brute_force(reads: list[tuple[int, int]], limit: int) -> None:
    rules = WatchRules(bulk_subjects=limit, bulk_window_s=3600, working_hours=(0, 24))
    trail = [read(minute, person=person) for minute, person in sorted(reads)]
    alarms, over = 0, False
    for position, (minute, _) in enumerate(sorted(reads)):
        within = {person for at, person in sorted(reads)[: position + 1] if at > minute - 60}
        alarms += len(within) >= limit and not over
        over = len(within) >= limit
    assert len([a for a in watch(trail, rules) if a.rule == "bulk-read"]) == alarms


@pytest.mark.parametrize(
    ("hour", "hours", "roles", "odd"),
    [
        (12, (6, 22), (), False),
        (3, (6, 22), (), True),
        (22, (6, 22), (), True),
        (21, (6, 22), (), False),
        (3, (6, 22), ("night-shift",), False),
        (3, (22, 6), (), False),
        (12, (22, 6), (), True),
    ],
)
def test_odd_hours_are_those_of_the_place(hour: int, hours: tuple[int, int], roles: tuple[str, ...], odd: bool) -> None:
    time = f"2026-11-02T{hour:02}:30:00+09:00"
    found = watch([read(time=time, roles=roles)] * 3, WatchRules(working_hours=hours))
    assert [anomaly.rule for anomaly in found] == ["odd-hours"] * odd


def test_bursts_of_broken_glass_and_of_refusals() -> None:
    rules = WatchRules(break_glass_count=3, denied_count=3)
    glass = [read(minute, operation="break-glass", break_glass=True) for minute in (0, 10, 20, 30)]
    assert rules_of(watch(glass, rules)) == [("break-glass-burst", "dr-1", 3)]
    assert watch([read(hour * 61, break_glass=True) for hour in range(6)], rules) == []
    refused = [read(minute / 2, outcome="denied", records=0) for minute in range(5)]
    assert rules_of(watch(refused, rules)) == [("denied-burst", "dr-1", 3)]
    spread = [read(minute / 2, outcome="denied", actor=f"dr-{minute}") for minute in range(5)]
    assert watch(spread, rules) == []


def test_a_day_far_above_the_actors_own() -> None:
    rules = WatchRules(baseline_days=5, baseline_factor=3, baseline_floor=10)
    week = [read(day * 1440 + person, person=person) for day in range(6) for person in range(5)]
    loud = [read(6 * 1440 + person, person=person) for person in range(16)]
    found = watch(week + loud, rules)
    assert [(a.rule, a.count, a.limit) for a in found] == [("above-baseline", 16, 15)]
    assert watch(week + loud[:15], rules) == []
    assert watch(loud, rules) == []
    assert watch([record.replace(actor="new") for record in loud] + week, rules) == []


def test_counters_have_the_shape_and_no_person() -> None:
    trail = [read(0), read(1, person=1), read(2, outcome="denied", purpose="TREAT", records=0)]
    told = counters(trail, [Anomaly("bulk-read", "dr-1", "2026-11-02T12:00:00Z", 9, 9)])
    text = json.dumps(told)
    assert "dr-1" not in text
    assert "0" * 31 not in text
    metrics = {metric["name"]: metric for metric in told["metrics"]}  # type: ignore[attr-defined]
    events = metrics["iomt.audit.events"]["sum"]
    assert events["is_monotonic"] is True
    assert events["aggregation_temporality"] == "cumulative"
    assert sum(point["as_int"] for point in events["data_points"]) == 3
    assert metrics["iomt.audit.records"]["sum"]["data_points"] == [
        {"attributes": {"iomt.audit.operation": "read"}, "as_int": 2}
    ]
    assert metrics["iomt.audit.anomalies"]["sum"]["data_points"][0]["as_int"] == 1
    assert (told["start_time_unix_nano"], told["time_unix_nano"]) == (trail[0].utc_ns, trail[2].utc_ns)
    assert counters([])["start_time_unix_nano"] is None


def test_thresholds_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValidationError):
        WatchRules(bulk_subjects=0)


def test_events_of_one_request_are_one_refusal() -> None:
    """One search over a ward has an event for each person; that is no burst."""
    rules = WatchRules(denied_count=3, denied_window_s=3600)
    ward = [read(0, person=number, outcome="denied", request="r-1") for number in range(10)]
    assert watch(ward, rules) == []
    tries = [read(number, person=number, outcome="denied", request=f"r-{number}") for number in range(3)]
    assert rules_of(watch(tries, rules)) == [("denied-burst", "dr-1", 3)]
    assert rules_of(watch([one.replace(request=None) for one in tries], rules)) == [("denied-burst", "dr-1", 3)]
