"""Rules over the trail that a person should look at: bulk reads, odd hours, bursts of break-glass, unusual days.

Everything is computed from the records' own times, so that the same trail gives the same findings (HIPAA
164.308(a)(1)(ii)(D), review of information system activity). The counters have OpenTelemetry's shape, as plain data.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from ...model.base import Model
from .sink import AuditRecord
from .times import NS, day_of, hour_of

__all__ = ["Anomaly", "Rule", "WatchRules", "counters", "watch"]

Rule = Literal["bulk-read", "odd-hours", "break-glass-burst", "denied-burst", "above-baseline"]


class WatchRules(Model):
    """The thresholds; every one of them is a policy, not a truth."""

    bulk_subjects: Annotated[int, Field(ge=2)] = 100
    """Different people whose data one actor was given within the window."""
    bulk_window_s: Annotated[int, Field(ge=1)] = 3600
    working_hours: tuple[int, int] = (6, 22)
    """First hour and the hour after the last, local to the record; a first above the last goes over midnight."""
    night_roles: tuple[str, ...] = ("emergency", "night-shift", "service")
    """Roles of which work at any hour is expected."""
    break_glass_count: Annotated[int, Field(ge=1)] = 3
    break_glass_window_s: Annotated[int, Field(ge=1)] = 3600
    denied_count: Annotated[int, Field(ge=1)] = 10
    denied_window_s: Annotated[int, Field(ge=1)] = 600
    baseline_days: Annotated[int, Field(ge=2)] = 7
    """Days with work that an actor must have had before a day of theirs can be unusual."""
    baseline_factor: Annotated[int, Field(ge=2)] = 4
    """How many times the median of the earlier days."""
    baseline_floor: Annotated[int, Field(ge=1)] = 20
    """Fewer people than this in a day are never unusual."""


@dataclass(frozen=True, slots=True)
class Anomaly:
    """One finding: which rule, whose doing, when, and the number that went over the threshold."""

    rule: Rule
    actor: str
    time: str
    count: int
    limit: int


_GIVES = frozenset({"read", "search", "export", "disclose", "break-glass"})


def watch(records: Iterable[AuditRecord], rules: WatchRules | None = None) -> list[Anomaly]:
    """Return what the rules find, in the order of the records' times.

    A rule with a window speaks once when its threshold is reached, and again only after the window was below it.
    """
    rules = rules or WatchRules()
    ordered = sorted(records, key=lambda record: record.utc_ns)
    bulk = _People(rules.bulk_subjects, rules.bulk_window_s)
    glass = _Window(rules.break_glass_count, rules.break_glass_window_s)
    denied = _Window(rules.denied_count, rules.denied_window_s)
    found: list[tuple[int, Anomaly]] = []

    def note(record: AuditRecord, rule: Rule, count: int | None, limit: int) -> None:
        if count is not None:
            found.append((record.utc_ns, Anomaly(rule, record.actor, record.time, count, limit)))

    odd: set[tuple[str, str]] = set()
    for record in ordered:
        given = record.outcome == "success" and record.operation in _GIVES
        if given:
            note(record, "bulk-read", bulk.add(record), rules.bulk_subjects)
            if _odd(record, rules) and (record.actor, day_of(record.time)) not in odd:
                odd.add((record.actor, day_of(record.time)))
                note(record, "odd-hours", hour_of(record.time), rules.working_hours[1])
        if record.break_glass or record.operation == "break-glass":
            note(record, "break-glass-burst", glass.add(record), rules.break_glass_count)
        if record.outcome == "denied":
            note(record, "denied-burst", denied.add(record), rules.denied_count)
    found += _above_baseline(ordered, rules)
    found.sort(key=lambda pair: pair[0])
    return [anomaly for _, anomaly in found]


def _odd(record: AuditRecord, rules: WatchRules) -> bool:
    if set(record.roles) & set(rules.night_roles):
        return False
    first, last = rules.working_hours
    hour = hour_of(record.time)
    return not (first <= hour < last if first <= last else hour >= first or hour < last)


class _Window:
    """Counts an actor's events of the last seconds."""

    def __init__(self, limit: int, seconds: int) -> None:
        self._limit, self._length = limit, seconds * NS
        self._times: dict[str, deque[int]] = defaultdict(deque)
        self._told: set[str] = set()
        self._last: dict[str, str] = {}

    def add(self, record: AuditRecord) -> int | None:
        """Return the count when it has just reached the limit; events of one request count once."""
        if record.request is not None and self._last.get(record.actor) == record.request:
            return None
        self._last[record.actor] = record.request or ""
        times = self._times[record.actor]
        times.append(record.utc_ns)
        while times[0] <= record.utc_ns - self._length:
            times.popleft()
        return _once(self._told, record.actor, len(times), self._limit)


class _People:
    """Counts the different people whose data an actor was given in the last seconds."""

    def __init__(self, limit: int, seconds: int) -> None:
        self._limit, self._length = limit, seconds * NS
        self._seen: dict[str, deque[tuple[int, str]]] = defaultdict(deque)
        self._counts: dict[str, Counter[str]] = defaultdict(Counter)
        self._told: set[str] = set()

    def add(self, record: AuditRecord) -> int | None:
        """Return the count when it has just reached the limit."""
        seen, counts = self._seen[record.actor], self._counts[record.actor]
        for handle in record.subjects:
            seen.append((record.utc_ns, handle))
            counts[handle] += 1
        while seen and seen[0][0] <= record.utc_ns - self._length:
            _, handle = seen.popleft()
            counts[handle] -= 1
            if not counts[handle]:
                del counts[handle]
        return _once(self._told, record.actor, len(counts), self._limit)


def _once(told: set[str], actor: str, count: int, limit: int) -> int | None:
    if count < limit:
        told.discard(actor)
        return None
    if actor in told:
        return None
    told.add(actor)
    return count


def _above_baseline(ordered: list[AuditRecord], rules: WatchRules) -> list[tuple[int, Anomaly]]:
    """Compare each day of an actor with the median of the actor's earlier days with work."""
    days: dict[str, dict[str, set[str]]] = defaultdict(dict)
    last: dict[tuple[str, str], AuditRecord] = {}
    for record in ordered:
        if record.outcome == "success" and record.operation in _GIVES and record.subjects:
            day = day_of(record.time)
            days[record.actor].setdefault(day, set()).update(record.subjects)
            last[record.actor, day] = record
    found = []
    for actor, work in days.items():
        earlier: list[int] = []
        for day in sorted(work):
            count = len(work[day])
            if len(earlier) >= rules.baseline_days and count >= rules.baseline_floor:
                limit = rules.baseline_factor * max(1, sorted(earlier)[len(earlier) // 2])
                if count > limit:
                    at = last[actor, day]
                    found.append((at.utc_ns, Anomaly("above-baseline", actor, at.time, count, limit)))
            earlier.append(count)
    return found


def counters(records: Iterable[AuditRecord], anomalies: Iterable[Anomaly] = ()) -> dict[str, object]:
    """Return the trail's counters: cumulative monotonic sums with attributes, as OpenTelemetry exports them.

    No attribute names a person, neither the patient nor the actor; the number of series does not grow with them.
    """
    events: Counter[tuple[str, str, str]] = Counter()
    given: Counter[str] = Counter()
    found: Counter[str] = Counter(anomaly.rule for anomaly in anomalies)
    start, end = None, None
    for record in records:
        events[record.operation, record.outcome, record.purpose or "none"] += 1
        given[record.operation] += record.records if record.outcome == "success" else 0
        moment = record.utc_ns
        start = moment if start is None else min(start, moment)
        end = moment if end is None else max(end, moment)
    names = ("iomt.audit.operation", "iomt.audit.outcome", "iomt.audit.purpose")
    return {
        "start_time_unix_nano": start,
        "time_unix_nano": end,
        "metrics": [
            _sum(
                "iomt.audit.events", "{event}", [(dict(zip(names, key, strict=True)), n) for key, n in events.items()]
            ),
            _sum("iomt.audit.records", "{record}", [({names[0]: key}, n) for key, n in given.items()]),
            _sum("iomt.audit.anomalies", "{anomaly}", [({"iomt.audit.rule": key}, n) for key, n in found.items()]),
        ],
    }


def _sum(name: str, unit: str, points: list[tuple[dict[str, str], int]]) -> dict[str, object]:
    ordered = sorted(points, key=lambda point: sorted(point[0].items()))
    return {
        "name": name,
        "unit": unit,
        "sum": {
            "aggregation_temporality": "cumulative",
            "is_monotonic": True,
            "data_points": [{"attributes": attributes, "as_int": number} for attributes, number in ordered],
        },
    }
