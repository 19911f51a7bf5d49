"""How well people hide in an export: k-anonymity, l-diversity and t-closeness of its rows.

k: Sweeney 2002; distinct and entropy l: Machanavajjhala et al. 2007; t with the distance of equal
grounds (half the sum of differences): Li et al. 2007.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from ...errors import InvalidRequest
from ...model import Observation, Record, Subject
from ..facts import subject_of

__all__ = ["Figures", "figures", "quasi_identifiers"]


@dataclass(frozen=True, slots=True)
class Figures:
    """What an expert asks of an export before it leaves (45 CFR 164.514(b)(1))."""

    rows: int
    classes: int
    """How many different rows of quasi-identifiers there are."""
    k: int
    """The smallest class; 0 without rows."""
    unique: int
    """Rows that are alone in their class."""
    distinct_l: int | None = None
    """The fewest sensitive values in a class; ``None`` without a sensitive column."""
    entropy_l: float | None = None
    """e to the least entropy of the sensitive values in a class."""
    t: float | None = None
    """The greatest distance between the sensitive values of a class and of all rows."""


def figures(columns: Sequence[Sequence[Hashable]], sensitive: Sequence[Hashable] | None = None) -> Figures:
    """Compute the figures of a table.

    Parameters
    ----------
    columns : sequence of sequences
        The quasi-identifiers, one sequence per column, of equal length.
    sensitive : sequence, optional
        The column that must not be told of anybody.

    Raises
    ------
    InvalidRequest
        ``USE-001`` when columns are missing or of different lengths.
    """
    lengths = {len(column) for column in columns} | (set() if sensitive is None else {len(sensitive)})
    if not columns or len(lengths) != 1:
        raise InvalidRequest("USE-001", path="columns", hint="columns of equal length")
    rows = lengths.pop()
    keys = _keys(columns)
    sizes = Counter(keys)
    k = min(sizes.values(), default=0)
    unique = sum(map(_ONE, sizes.values()))
    if sensitive is None or not rows:
        return Figures(rows, len(sizes), k, unique)
    values = _codes(sensitive)
    counts = Counter(values)
    width = len(counts)
    pairs = Counter([key * width + value for key, value in zip(keys, values, strict=True)])
    if unique:
        # Somebody who is alone shows their own value: one kind of it, no entropy.
        distinct, entropy = 1, 1.0
    else:
        distinct, entropy = _diversity(pairs, sizes, width)
    return Figures(rows, len(sizes), k, unique, distinct, entropy, _closeness(pairs, sizes, counts, rows))


_ONE: Final = (1).__eq__
_WORD: Final = 1 << 62


def _codes(column: Sequence[Hashable]) -> list[int]:
    """Return a number per row, from 0, equal where the values are."""
    index = {value: number for number, value in enumerate(dict.fromkeys(column))}
    return list(map(index.__getitem__, column))


def _keys(columns: Sequence[Sequence[Hashable]]) -> list[int]:
    """Return a number per row, equal where the rows are."""
    keys = _codes(columns[0])
    size = max(keys, default=0) + 1
    for column in columns[1:]:
        codes = _codes(column)
        width = max(codes, default=0) + 1
        if size * width > _WORD:
            # Long integers are slow: the rows that there are have short numbers.
            keys = _codes(keys)
            size = max(keys) + 1
        keys = [key * width + code for key, code in zip(keys, codes, strict=True)]
        size *= width
    return keys


def _diversity(pairs: Counter[int], sizes: Counter[int], width: int) -> tuple[int, float]:
    """Return distinct l and entropy l."""
    kinds = Counter([pair // width for pair in pairs])
    weights = dict.fromkeys(sizes, 0.0)
    terms = [0.0, 0.0, *(n * math.log(n) for n in range(2, max(pairs.values()) + 1))]
    for pair, count in pairs.items():
        if count > 1:
            weights[pair // width] += terms[count]
    # The entropy of a class of n rows is ln n - (1/n) * sum of c ln c over the counts of its values.
    least = min(math.log(n) - weights[key] / n for key, n in sizes.items())
    return min(kinds.values()), math.exp(least)


def _closeness(pairs: Counter[int], sizes: Counter[int], counts: Counter[int], rows: int) -> float:
    """Return t: half the sum of ``|p - q|`` is the sum of ``p - q`` where p is greater, here in whole numbers.

    No class is farther from all rows than one that has nothing but the rarest value. Where somebody who is alone has
    it, no other class needs a look.
    """
    width = len(counts)
    rarest = min(counts.values())
    if any(counts[pair % width] == rarest and sizes[pair // width] == 1 for pair in pairs):
        return (rows - rarest) / rows
    excesses = dict.fromkeys(sizes, 0)
    for pair, count in pairs.items():
        key, value = divmod(pair, width)
        excess = count * rows - sizes[key] * counts[value]
        if excess > 0:
            excesses[key] += excess
    return max(excesses[key] / (n * rows) for key, n in sizes.items())


def quasi_identifiers(records: Iterable[Record]) -> dict[str, tuple[str | None, ...]]:
    """Return for every subject what others may know of them: sex, year of birth, area, race, ethnicity, death.

    Subjects that only other records name are there, too, with nothing known.
    """
    found: dict[str, tuple[str | None, ...]] = {}
    for record in records:
        subject = subject_of(record)
        if isinstance(record, Subject):
            found[record.id] = _known(record)
        elif subject is not None and isinstance(record, Observation):
            found.setdefault(subject, (None,) * 6)
    return found


def _known(record: Subject) -> tuple[str | None, ...]:
    area = "/".join(f"{a.country or ''}-{a.state or ''}-{a.postal_code or ''}" for a in record.addresses)
    race, ethnicity = (
        "/".join(sorted(coding.code or "" for concept in concepts for coding in concept.codings))
        for concepts in (record.race, record.ethnicity)
    )
    deceased = record.deceased
    return (
        record.sex.code if record.sex else None,
        record.birth_date.value if record.birth_date else None,
        area or None,
        race or None,
        ethnicity or None,
        None if deceased is None else str(bool(deceased)) if isinstance(deceased, bool) else deceased.value,
    )
