"""Plots: where the points stand, that none is lost, and that ticks are round and inside."""

from __future__ import annotations

import re
from decimal import Decimal
from itertools import pairwise
from random import Random
from xml.etree import ElementTree as ET

from hypothesis import given, settings
from hypothesis import strategies as st

from iomt_interop.privacy.report.plot import line_plot, ticks

VALUES = st.decimals(min_value=-(10**6), max_value=10**6, places=2)


def draw(points: list[tuple[int, Decimal]]) -> ET.Element:
    return ET.fromstring(line_plot(points, identity="p", title="t <&>", begin="<a>", end="b"))


def of(root: ET.Element, name: str) -> list[ET.Element]:
    return [part for part in root.iter() if part.tag.rpartition("}")[2] == name]


@given(st.lists(st.tuples(st.integers(0, 10**18), VALUES), min_size=1, max_size=60, unique_by=lambda p: p[0]))
def test_every_value_stands_where_it_belongs(points: list[tuple[int, Decimal]]) -> None:
    points.sort(key=lambda point: point[0])
    circles = of(draw(points), "circle")
    places = [(float(c.attrib["cx"]), float(c.attrib["cy"])) for c in circles]
    assert len(places) == len(points)
    assert all(64 <= x <= 628 and 10 <= y <= 146 for x, y in places)
    for ((_, a), (_, b)), ((x1, y1), (x2, y2)) in zip(pairwise(points), pairwise(places), strict=True):
        assert x1 <= x2
        assert (a <= b and y1 >= y2) or (a >= b and y1 <= y2)


@given(st.randoms(use_true_random=False), st.integers(641, 2000))
@settings(max_examples=10)
def test_of_many_values_every_one_is_inside_a_bar(random: Random, count: int) -> None:
    values = [Decimal(random.randint(-(10**8), 10**8)).scaleb(-2) for _ in range(count)]
    points = list(enumerate(values))
    root = draw(points)
    path = next(p.attrib["d"] for p in of(root, "path") if p.attrib["class"] == "line")
    bars = [tuple(map(float, bar)) for bar in re.findall(r"M([\d.]+) ([\d.]+)V([\d.]+)h\.8", path)]
    assert "".join(re.findall(r"M[\d.]+ [\d.]+V[\d.]+h\.8", path)) == path
    low, high = min(values), max(values)
    margin = (high - low) / 20 or abs(high) / 20 or Decimal(1)
    for time, value in points:
        x = 64 + time * 564 / (len(points) - 1)
        y = 10 + float((high + margin - value) / (high - low + 2 * margin)) * 136
        assert any(abs(x - bx) <= 1.1 and bottom + 0.1 >= y >= top - 0.1 for bx, bottom, top in bars)
    assert not of(root, "circle")


@given(VALUES, VALUES)
def test_ticks_are_inside_and_even(one: Decimal, other: Decimal) -> None:
    low, high = sorted((one, other))
    found = ticks(low, high)
    assert 1 <= len(found) <= 9
    assert all(low <= tick <= high for tick in found)
    assert len({later - earlier for earlier, later in pairwise(found)}) <= 1


def test_a_long_pause_breaks_the_line() -> None:
    points = [(minute, Decimal(minute % 3)) for minute in (*range(10), *range(1000, 1010))]
    path = next(p.attrib["d"] for p in of(draw(points), "path") if p.attrib["class"] == "line")
    assert path.count("M") == 2
    assert path.count("L") == 18


def test_what_is_shown_is_told() -> None:
    root = draw([(0, Decimal(1))])
    title = of(root, "title")[0]
    assert (title.text, title.attrib["id"]) == ("t <&>", root.attrib["aria-labelledby"])
    assert root.attrib["role"] == "img"
    assert of(root, "text")[-2].text == "<a>"
