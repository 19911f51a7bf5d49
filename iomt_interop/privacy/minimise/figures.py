"""How well people hide in an export: k-anonymity, l-diversity and t-closeness of its rows.

k: Sweeney 2002; distinct and entropy l: Machanavajjhala et al. 2007; t with the distance of equal
grounds (half the sum of differences): Li et al. 2007.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

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
    keys, _ = _numbered(columns)
    sizes = Counter(keys)
    k = min(sizes.values(), default=0)
    unique = sum(size == 1 for size in sizes.values())
    if sensitive is None or not rows:
        return Figures(rows, len(sizes), k, unique)
    distinct, entropy, t = _diversity(keys, sizes, sensitive)
    return Figures(rows, len(sizes), k, unique, distinct, entropy, t)


def _numbered(columns: Sequence[Sequence[Hashable]]) -> tuple[list[int], int]:
    """Return one number per row, from 0, equal where the rows are; and how many there are."""
    keys: list[int] = []
    size = 1
    for column in columns:
        index = {value: number for number, value in enumerate(dict.fromkeys(column))}
        codes = map(index.__getitem__, column)
        if not keys:
            keys, size = list(codes), len(index)
            continue
        width = max(len(index), 1)
        wide = [key * width + code for key, code in zip(keys, codes, strict=True)]
        dense = {value: number for number, value in enumerate(dict.fromkeys(wide))}
        keys, size = list(map(dense.__getitem__, wide)), len(dense)
    return keys, size


def _diversity(keys: list[int], sizes: Counter[int], sensitive: Sequence[Hashable]) -> tuple[int, float, float]:
    """Return distinct l, entropy l and t."""
    values, width = _numbered([sensitive])
    rows, classes = len(keys), len(sizes)
    pairs = Counter([key * width + value for key, value in zip(keys, values, strict=True)])
    counts = Counter(values)
    overall = [counts[value] / rows for value in range(width)]
    size = [sizes[key] for key in range(classes)]
    kinds, weights, distances = [0] * classes, [0.0] * classes, [0.0] * classes
    terms = [0.0, 0.0, *(n * math.log(n) for n in range(2, max(pairs.values()) + 1))]
    for pair, count in pairs.items():
        key = pair // width
        kinds[key] += 1
        weights[key] += terms[count]
        # Half the sum of |p - q| is the sum of p - q where p is greater: values that a class lacks need no visit.
        excess = count / size[key] - overall[pair - key * width]
        if excess > 0:
            distances[key] += excess
    # The entropy of a class of n rows is ln n - (1/n) * sum of c ln c over the counts of its values.
    least = min(math.log(n) - weight / n for n, weight in zip(size, weights, strict=True))
    return min(kinds), math.exp(least), max(distances)


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
