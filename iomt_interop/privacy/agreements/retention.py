"""What is due for erasure at a date: the longest rule of a kind counts, a legal hold stops it, no rule keeps it.

What has no date of its own is as old as the newest thing of the same person, and without any date it is never due.
"""

from __future__ import annotations

import calendar
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Literal

from ...model import Day, Instant, Interval, Record, Subject
from .policy import Policy, Retention

__all__ = ["Due", "Held", "due_for_erasure", "held_of"]

State = Literal["due", "kept", "held", "no-rule", "no-date"]

_TIMES: Final = ("time", "period", "recorded", "start", "reported", "sent", "reference")


@dataclass(frozen=True, slots=True)
class Held:
    """What a store holds of one person and kind: the day on which the newest record was made."""

    subject: str
    kind: str
    newest: date | None
    """``None`` where no record of the person has a date."""


@dataclass(frozen=True, slots=True)
class Due:
    """What becomes of it."""

    subject: str
    kind: str
    state: State
    on: date | None
    """The first day on which it may be erased; ``None`` where no rule says, or none is left in the calendar."""
    holds: tuple[str, ...]
    """Ids of the legal holds that stop it."""


def held_of(records: Iterable[Record], handle: Callable[[str], str] = str) -> list[Held]:
    """Return what records hold, by person and kind.

    Parameters
    ----------
    records : iterable of Record
        The records; those of nobody are passed over.
    handle : callable, optional
        Gives the handle by which the policy file's holds name a person, by their id.
    """
    newest: dict[tuple[str, str], date | None] = {}
    people: dict[str, date] = {}
    for record in records:
        subject = record.id if isinstance(record, Subject) else record.subject
        if subject is None:
            continue
        day = max(_days(record), default=None)
        known = newest.get((subject, record.kind))
        newest[subject, record.kind] = max(filter(None, (known, day)), default=None)
        if day is not None:
            people[subject] = max(day, people.get(subject, day))
    found = [(subject, kind, day or people.get(subject)) for (subject, kind), day in newest.items()]
    return [Held(handle(subject), kind, day) for subject, kind, day in found]


def _days(record: Record) -> Iterator[date]:
    """Yield the last days that the record's times may be of."""
    for name in _TIMES:
        found = getattr(record, name, None)
        for time in (found.start, found.end) if isinstance(found, Interval) else (found,):
            if isinstance(time, Instant | Day) and (day := _last_day(time.value)) is not None:
                yield day


def _last_day(text: str) -> date | None:
    """Return the last day of a day, a month or a year; ``None`` for what is in no calendar."""
    year, month, day = (*text[:10].split("-"), "", "")[:3]
    try:
        number = int(month or 12)
        return date(int(year), number, int(day) if day else calendar.monthrange(int(year), number)[1])
    except ValueError:
        return None


def due_for_erasure(policy: Policy, stored: Iterable[Held], day: date) -> list[Due]:
    """Return the state of everything that is stored, in its order.

    Parameters
    ----------
    policy : Policy
        The policy file.
    stored : iterable of Held
        What is stored.
    day : date
        The day of the question.
    """
    return [_state(policy, held, day) for held in stored]


def _state(policy: Policy, held: Held, day: date) -> Due:
    rules = [rule for rule in policy.retention if held.kind in rule.kinds]
    if not rules or held.newest is None:
        return Due(held.subject, held.kind, "no-date" if rules else "no-rule", None, ())
    ends = [_end(held.newest, rule) for rule in rules]
    # Kept through its last day; what ends after the last year of the calendar has no day on which it is due.
    first = None if None in ends else max(end for end in ends if end is not None) + timedelta(days=1)
    holds = tuple(hold.id for hold in policy.holds if hold.covers(held.subject, day))
    if first is None or day < first:
        return Due(held.subject, held.kind, "kept", first, holds)
    return Due(held.subject, held.kind, "held" if holds else "due", first, holds)


def _end(day: date, rule: Retention) -> date | None:
    year = day.year + rule.years
    if year > date.max.year:
        return None
    last = calendar.monthrange(year, day.month)[1]
    moved = day.replace(year=year, day=min(day.day, last))
    return moved + timedelta(days=rule.days) if rule.days < (date.max - moved).days else None
