"""Project records onto what a purpose needs: field by field, by a policy's tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import ValidationError

from ... import model
from ...errors import InvalidRequest
from ...model import Absent, Address, Coding, Instant, Observation, Quantity, Record
from ...model.base import Model
from ...model.envelope import Envelope
from ..facts import subject_of
from . import texts
from .policy import MinimisationPolicy, Treatment, tables
from .pseudonym import Pseudonyms

__all__ = ["Minimised", "minimise"]

_DAY: Final = 86_400 * 10**9
_NONE: Final = object()
"""Stands for a field that goes; ``None`` can be a value."""
_MASKED: Final = frozenset({"TextValue", "AttachmentValue"})


@dataclass(slots=True, repr=False)
class Minimised:
    """Records as a purpose needs them, and how many went."""

    records: list[model.Record] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)
    """Kinds of the records that went wholly, and how many of each."""
    policy: str = ""
    """Digest of the policy."""
    owners: list[str | None] = field(default_factory=list)
    """Id of the subject of each record, as it was before: for whoever writes down whose data were given."""


def minimise(
    records: Iterable[Record],
    policy: MinimisationPolicy,
    *,
    pseudonyms: Pseudonyms | None = None,
    as_of: int | None = None,
) -> Minimised:
    """Project records by a policy.

    Parameters
    ----------
    records : iterable of Record
        The records that may be seen.
    policy : MinimisationPolicy
        What the purpose needs.
    pseudonyms : Pseudonyms, optional
        Names and date shifts of the recipient; by default under a key that is made for this call and forgotten.
    as_of : int, optional
        The year in which ages are counted; needed where the policy hides great ages.

    Raises
    ------
    InvalidRequest
        ``USE-001`` when ``as_of`` is missing.
    """
    found = Minimised(policy=policy.digest)
    if policy.everything:
        found.records = list(records)
        found.owners = list(map(subject_of, found.records))
        return found
    if policy.oldest and as_of is None:
        raise InvalidRequest("USE-001", path="as_of", hint="the policy hides great ages; say the year to count from")
    projection = _Projection(policy, pseudonyms or Pseudonyms(), as_of or 0)
    for record in records:
        kept = projection.record(record)
        if kept is None:
            found.dropped[record.kind] += 1
        else:
            found.records.append(kept)
            found.owners.append(subject_of(record))
    return found


class _Projection:
    """A policy at work for one recipient."""

    def __init__(self, policy: MinimisationPolicy, pseudonyms: Pseudonyms, as_of: int) -> None:
        self._policy, self._pseudonyms, self._as_of = policy, pseudonyms, as_of
        self._rules: dict[type[Model], tuple[tuple[str, Treatment], ...] | None] = {}
        self._subject: str | None = None
        self._treatments: dict[Treatment, Callable[[Any, Model], object]] = {
            "keep": lambda value, _: value,
            "drop": lambda *_: _NONE,
            "part": self._inside,
            "id": self._id,
            "date": self._date,
            "birth": self._birth,
            "time-of-day": lambda value, _: value if texts.TIME_OF_DAY.fullmatch(value) else _NONE,
            "system": lambda value, _: value if texts.system(value) else _NONE,
            "code": _coded(texts.code),
            "refid": _coded(lambda value: value if texts.REFID.fullmatch(value) else None),
            "version": _coded(lambda value: value if texts.VERSION.fullmatch(value) else None),
            "unit": lambda value, _: _or_none(texts.unit(value)),
            "zip3": lambda value, whole: _or_none(texts.zip3(value, _nation(whole))),
            "state": lambda value, whole: _or_none(texts.state(value, _nation(whole))),
            "country": lambda value, _: _or_none(texts.country(value)),
        }

    def record(self, record: Record) -> Record | None:
        """Return what stays of a record."""
        table = self._policy.fields.get(type(record).__name__)
        if table is None or (self._policy.kinds is not None and record.kind not in self._policy.kinds):
            return None
        self._subject = subject_of(record)
        found = self.part(record)
        if isinstance(found, Observation) and self._policy.oldest:
            found = self._aged(found)
        return found  # type: ignore[return-value]  # the same class as the record

    def part(self, part: Model) -> Model | None:
        """Return what stays of a part of a record."""
        rules = self._rules_of(type(part))
        if rules is None:
            return Absent(reason="masked") if type(part).__name__ in _MASKED else None
        kept = {}
        given = part.model_fields_set
        for name, treatment in rules:
            if name in given:
                value = getattr(part, name)
                result = value if value is None else self._treatments[treatment](value, part)
                if result is not _NONE:
                    kept[name] = result
        try:
            return type(part)(**kept)
        except ValidationError:
            return None

    def _rules_of(self, kind: type[Model]) -> tuple[tuple[str, Treatment], ...] | None:
        if kind not in self._rules:
            table = self._policy.fields.get(kind.__name__)
            if table is None:
                self._rules[kind] = None
            else:
                common = self._policy.fields.get("Envelope", {}) if issubclass(kind, Envelope) else {}
                self._rules[kind] = tuple((dict(common) | dict(table)).items())
        return self._rules[kind]

    def _inside(self, value: object, _: Model) -> object:
        if isinstance(value, Model):
            found = self.part(value)
            return _NONE if found is None else found
        if isinstance(value, tuple):
            kept = (self._inside(item, _) for item in value)
            # A pair is worth nothing by half.
            pairs = any(isinstance(item, tuple) for item in value)
            return tuple(
                item
                for item, whole in zip(kept, value, strict=True)
                if item is not _NONE and not (pairs and isinstance(item, tuple) and len(item) != len(whole))
            )
        return value if isinstance(value, bool) else _NONE

    def _id(self, value: str | tuple[str, ...], _: Model) -> object:
        if self._policy.ids == "keep":
            return value
        if isinstance(value, tuple):
            return tuple(map(self._pseudonyms.id, value))
        return self._pseudonyms.id(value)

    def _date(self, value: str, _: Model) -> object:
        if self._policy.dates == "keep":
            return value
        if self._policy.dates == "shift" and self._subject is not None:
            days = self._pseudonyms.shift_ns(self._subject) // _DAY
            return texts.shifted(value, days) or texts.year_of(value)
        return texts.year_of(value)

    def _birth(self, value: Instant, whole: Model) -> object:
        """Return a date of birth, unless it tells of a great age."""
        if self._policy.oldest and self._as_of - int(value.value[:4]) > self._policy.oldest:
            return _NONE
        return self._inside(value, whole)

    def _aged(self, record: Observation) -> Observation:
        """Make a great age that was measured or asked "that old or older"."""
        if not _is_age(record):
            return record
        value = record.value
        if not isinstance(value, Quantity) or value.special is not None:
            return record.replace(value=None if value is None else Absent(reason="masked"), components=())
        limit = texts.age_limit(value.unit, self._policy.oldest)
        if limit is None:
            return record.replace(value=Absent(reason="masked"), components=())
        if value.to_fraction() < limit:
            return record
        rounded = limit.numerator // limit.denominator
        return record.replace(value=Quantity(mantissa=rounded, comparator=">=", unit=value.unit), components=())


def _is_age(record: Observation) -> bool:
    return any(coding.code in tables()["ages"]["codes"] for coding in _all_codings(record))


def _all_codings(record: Observation) -> Iterator[Coding]:
    yield from record.code.codings
    for component in record.components:
        yield from component.code.codings


def _nation(whole: Model) -> str | None:
    return whole.country if isinstance(whole, Address) else None


def _or_none(value: str | None) -> object:
    return _NONE if value is None else value


def _coded(check: Callable[[str], str | None]) -> Callable[[Any, Model], object]:
    """Keep a text of a coding whose system is known, if it is written as such a text is."""

    def treat(value: str, whole: Model) -> object:
        known = isinstance(whole, Coding) and whole.system is not None and texts.system(whole.system)
        return _or_none(check(value)) if known else _NONE

    return treat
