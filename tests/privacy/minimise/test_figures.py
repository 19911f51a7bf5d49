"""k, l and t against the definitions, computed in the plainest way, and against the papers' own examples."""

from __future__ import annotations

import math
from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.records import SPO2, make

from iomt_interop import model as m
from iomt_interop.errors import InvalidRequest
from iomt_interop.privacy.minimise import Figures, figures, quasi_identifiers

VALUES = st.sampled_from(["a", "b", "c"])


@given(st.lists(st.tuples(VALUES, VALUES, st.integers(0, 2), VALUES), min_size=1, max_size=40))
def test_the_figures_are_the_definitions(rows: list[tuple[str, str, int, str]]) -> None:
    columns, sensitive = [[row[i] for row in rows] for i in range(3)], [row[3] for row in rows]
    classes: dict[tuple[str, str, int], list[str]] = {}
    for row in rows:
        classes.setdefault(row[:3], []).append(row[3])
    found = figures(columns, sensitive)
    whole = Counter(sensitive)
    assert found.rows == len(rows)
    assert found.classes == len(classes)
    assert found.k == min(map(len, classes.values()))
    assert found.unique == sum(len(held) == 1 for held in classes.values())
    assert found.distinct_l == min(len(set(held)) for held in classes.values())
    entropies, distances = [], []
    for held in classes.values():
        shares = {value: Fraction(count, len(held)) for value, count in Counter(held).items()}
        entropies.append(-sum(float(p) * math.log(p) for p in shares.values()))
        distances.append(sum(abs(shares.get(v, Fraction(0)) - Fraction(n, len(rows))) for v, n in whole.items()) / 2)
    assert found.entropy_l == pytest.approx(math.exp(min(entropies)))
    assert found.t == float(max(distances))
    assert figures(columns) == Figures(found.rows, found.classes, found.k, found.unique)


def test_the_inpatient_table_of_the_paper_on_l_diversity() -> None:
    """Machanavajjhala et al. 2007, figures 2 (4-anonymous) and 3 (3-diverse)."""
    heart, viral, cancer = "Heart Disease", "Viral Infection", "Cancer"
    zips = ["130**"] * 4 + ["1485*"] * 4 + ["130**"] * 4
    ages = ["< 30"] * 4 + [">= 40"] * 4 + ["3*"] * 4
    illness = [heart, heart, viral, viral, cancer, heart, viral, viral, cancer, cancer, cancer, cancer]
    found = figures([zips, ages], illness)
    assert (found.k, found.distinct_l, found.classes, found.unique) == (4, 1, 3, 0)
    zips = ["1305*"] * 4 + ["1485*"] * 4 + ["1306*"] * 4
    ages = ["<= 40"] * 4 + ["> 40"] * 4 + ["<= 40"] * 4
    illness = [heart, viral, cancer, cancer, cancer, heart, viral, viral, heart, viral, cancer, cancer]
    found = figures([zips, ages], illness)
    assert (found.k, found.distinct_l) == (4, 3)


def test_many_columns_of_many_values() -> None:
    """Rows have numbers of their own, and these do not grow beyond a word."""
    rows = [tuple((n * factor) % 2003 for factor in (1, 5, 7, 11, 13, 17, 19)) for n in range(2500)]
    found = figures([list(column) for column in zip(*rows, strict=True)], [n % 7 for n in range(2500)])
    sizes = Counter(rows)
    assert (found.classes, found.k, found.unique) == (len(sizes), 1, sum(size == 1 for size in sizes.values()))


def test_no_rows_and_no_columns() -> None:
    assert figures([[]]) == Figures(0, 0, 0, 0)
    assert figures([[]], []) == Figures(0, 0, 0, 0)
    for columns, sensitive in (([], None), ([["a"], []], None), ([["a"]], [])):
        with pytest.raises(InvalidRequest):
            figures(columns, sensitive)


def test_what_others_may_know_of_a_subject() -> None:
    subject = make(
        m.Subject,
        sex=m.Coding(code="female"),
        birth_date=m.Instant(value="1950"),
        addresses=(m.Address(postal_code="100", state="NY"),),
        deceased=False,
    )
    rows = quasi_identifiers([subject, make(m.Observation, code=SPO2, subject="somebody")])
    assert rows == {
        subject.id: ("female", "1950", "-NY-100", None, None, "False"),
        "somebody": (None,) * 6,
    }
    assert figures(list(zip(*rows.values(), strict=True))).k == 1
