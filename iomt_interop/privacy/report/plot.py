"""Small line plots as inline SVG: no script, no font, no file beside them, and a text that says what they show.

Where there are more values than columns of the picture, each column is drawn from its lowest to its highest value:
no value is left out, and none is invented by an average.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from fractions import Fraction
from html import escape
from itertools import pairwise
from typing import Final

__all__ = ["Point", "line_plot", "ticks"]

Point = tuple[int, Decimal]
"""Nanoseconds and value."""

_WIDTH, _HEIGHT = 640, 170
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 12, 10, 24
_DOTS: Final = 80
"""Up to so many values are marked with a dot each."""
_GAP: Final = 12
"""A pause so many times longer than the median one breaks the line."""


def ticks(low: Decimal, high: Decimal, count: int = 4) -> list[Decimal]:
    """Return round values within a range, about as many as asked for."""
    span = high - low
    if not span:
        return [low]
    step = Decimal(1).scaleb((span / count).adjusted())
    for factor in (1, 2, 5, 10):
        if span / (step * factor) <= count:
            step *= factor
            break
    first = (low / step).to_integral_value(rounding="ROUND_CEILING")
    found: list[Decimal] = []
    number = first
    while number * step <= high and len(found) <= 2 * count:
        found.append((number * step).normalize())
        number += 1
    return found


def line_plot(points: Sequence[Point], *, identity: str, title: str, begin: str, end: str) -> str:
    """Return an SVG element of values over time.

    Parameters
    ----------
    points : sequence of Point
        In the order of time; at least one.
    identity : str
        Id of the element, unique in its page.
    title : str
        What is shown, for people who hear it.
    begin, end : str
        The texts below both ends.
    """
    low, high = min(value for _, value in points), max(value for _, value in points)
    margin = (high - low) / 20 or abs(high) / 20 or Decimal(1)
    plane = _Plane(points[0][0], points[-1][0], low - margin, high + margin)
    parts = [
        f'<svg class="plot" id="{escape(identity)}" role="img" aria-labelledby="{escape(identity)}-t" '
        f'viewBox="0 0 {_WIDTH} {_HEIGHT}" xmlns="http://www.w3.org/2000/svg">'
        f'<title id="{escape(identity)}-t">{escape(title)}</title>'
    ]
    for value in ticks(low - margin, high + margin):
        at = plane.y(value)
        parts.append(f'<path class="grid" d="M{_LEFT} {at}H{_WIDTH - _RIGHT}"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{at}" class="y">{escape(f"{value:f}")}</text>')
    parts.append(f'<text x="{_LEFT}" y="{_HEIGHT - 6}" class="x">{escape(begin)}</text>')
    if end != begin:
        parts.append(f'<text x="{_WIDTH - _RIGHT}" y="{_HEIGHT - 6}" class="x e">{escape(end)}</text>')
    parts.append(f'<path class="line" d="{"".join(_line(points, plane))}"/>')
    if len(points) <= _DOTS:
        parts += [f'<circle cx="{plane.x(time)}" cy="{plane.y(value)}" r="2.5"/>' for time, value in points]
    return "".join(parts) + "</svg>"


class _Plane:
    """Where a point is drawn."""

    def __init__(self, start: int, end: int, low: Decimal, high: Decimal) -> None:
        self._start, self._span = start, max(end - start, 1)
        self._alone = end == start
        self._high, self._height = Fraction(high), Fraction(high) - Fraction(low)

    def column(self, time: int) -> int:
        """Return the column of a time."""
        return (time - self._start) * (_WIDTH - _LEFT - _RIGHT) // self._span

    def x(self, time: int) -> str:
        """Return the horizontal place."""
        width = _WIDTH - _LEFT - _RIGHT
        return _tenths(
            _LEFT + (Fraction(width, 2) if self._alone else Fraction((time - self._start) * width, self._span))
        )

    def y(self, value: Decimal) -> str:
        """Return the vertical place."""
        return _tenths(_TOP + (self._high - Fraction(value)) / self._height * (_HEIGHT - _TOP - _BOTTOM))


def _tenths(place: Fraction) -> str:
    whole = round(place * 10)
    return f"{whole // 10}.{whole % 10}" if whole % 10 else str(whole // 10)


def _line(points: Sequence[Point], plane: _Plane) -> Iterator[str]:
    """Yield the path: lines between values near each other, bars where many fall into one column."""
    if len(points) > _WIDTH:
        yield from _bars(points, plane)
        return
    pauses = sorted(later - earlier for (earlier, _), (later, _) in pairwise(points))
    longest = _GAP * pauses[len(pauses) // 2] if pauses else 0
    before: int | None = None
    for time, value in points:
        near = before is not None and (not longest or time - before <= longest)
        yield f"{'L' if near else 'M'}{plane.x(time)} {plane.y(value)}"
        before = time


def _bars(points: Sequence[Point], plane: _Plane) -> Iterator[str]:
    column, low, high, at = -1, points[0][1], points[0][1], points[0][0]
    for time, value in points:
        if plane.column(time) != column:
            if column >= 0:
                yield f"M{plane.x(at)} {plane.y(low)}V{plane.y(high)}h.8"
            column, low, high, at = plane.column(time), value, value, time
        low, high = min(low, value), max(high, value)
    yield f"M{plane.x(at)} {plane.y(low)}V{plane.y(high)}h.8"
