"""What is due for erasure at a date: the longest rule of a kind counts, a legal hold stops it, no rule keeps it."""

from __future__ import annotations

import calendar
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from .policy import Policy, Retention

__all__ = ["Due", "Held", "due_for_erasure"]

State = Literal["due", "kept", "held", "no-rule"]


@dataclass(frozen=True, slots=True)
class Held:
    """What a store holds of one person and kind: the day on which the newest record was made."""

    subject: str
    kind: str
    newest: date


@dataclass(frozen=True, slots=True)
class Due:
    """What becomes of it."""

    subject: str
    kind: str
    state: State
    on: date | None
    """The first day on which it may be erased; ``None`` where no rule says."""
    holds: tuple[str, ...]
    """Ids of the legal holds that stop it."""


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
    if not rules:
        return Due(held.subject, held.kind, "no-rule", None, ())
    # Kept through its last day.
    first = max(_end(held.newest, rule) for rule in rules) + timedelta(days=1)
    holds = tuple(hold.id for hold in policy.holds if hold.covers(held.subject, day))
    if day < first:
        return Due(held.subject, held.kind, "kept", first, holds)
    return Due(held.subject, held.kind, "held" if holds else "due", first, holds)


def _end(day: date, rule: Retention) -> date:
    year = min(day.year + rule.years, date.max.year - 1)
    last = calendar.monthrange(year, day.month)[1]
    moved = day.replace(year=year, day=min(day.day, last))
    return moved + timedelta(days=min(rule.days, (date.max - moved).days - 1))
