"""Compare records field by field."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from ..model import Record
from ..model.base import Model

__all__ = ["Difference", "assert_records_equal", "differences"]

_MISSING = object()


@dataclass(frozen=True, slots=True, repr=False)
class Difference:
    """One field that differs. Its ``repr`` names the place; the two values are in ``actual`` and ``expected``."""

    path: str
    """``[3].value.mantissa``: the fourth record's value's mantissa."""
    kind: str
    """``changed``, ``missing``, ``unexpected``, ``type``."""
    actual: object = None
    expected: object = None

    def __repr__(self) -> str:
        return f"{self.path}: {self.kind}"


def differences(
    actual: Iterable[Record], expected: Iterable[Record], *, ignore: Sequence[str] = ()
) -> list[Difference]:
    """Compare two sequences of records in their order.

    Parameters
    ----------
    actual, expected : iterable of Record
        What was got, and what was wanted.
    ignore : sequence of str
        Paths inside a record that do not count: ``provenance.digest``, ``id``.

    Returns
    -------
    list of Difference
        Empty when the records are equal.
    """
    found: list[Difference] = []
    for number, (left, right) in enumerate(zip_longest(actual, expected, fillvalue=_MISSING)):
        found += _compare(left, right, f"[{number}]", tuple(f"[{number}].{path}" for path in ignore))
    return found


def assert_records_equal(
    actual: Iterable[Record], expected: Iterable[Record], *, ignore: Sequence[str] = (), values: bool = False
) -> None:
    """Assert that two sequences of records are equal, and list the fields that are not.

    Parameters
    ----------
    values : bool
        Show the values too. They may be of a patient: only for inputs that were made up.

    Raises
    ------
    AssertionError
        With one line for each field that differs.
    """
    found = differences(actual, expected, ignore=ignore)
    if not found:
        return
    lines = [f"{each!r}" + (f": {each.actual!r} is not {each.expected!r}" if values else "") for each in found[:50]]
    more = [f"... and {len(found) - 50} more"] if len(found) > 50 else []
    hint = [] if values else ["(values=True shows the values; they may be of a patient)"]
    raise AssertionError("\n".join([f"{len(found)} fields differ:", *lines, *more, *hint]))


def _compare(actual: object, expected: object, path: str, ignore: tuple[str, ...]) -> Iterator[Difference]:
    if path in ignore:
        return
    if actual is _MISSING or expected is _MISSING:
        missing = actual is _MISSING
        yield Difference(path, "missing" if missing else "unexpected", None if missing else actual,
                         None if not missing else expected)  # fmt: skip
    elif type(actual) is not type(expected):
        yield Difference(path, "type", actual, expected)
    elif isinstance(actual, Model):
        for name in type(actual).model_fields:
            yield from _compare(getattr(actual, name), getattr(expected, name), f"{path}.{name}", ignore)
    elif isinstance(actual, tuple) and isinstance(expected, tuple):
        for number, (left, right) in enumerate(zip_longest(actual, expected, fillvalue=_MISSING)):
            yield from _compare(left, right, f"{path}[{number}]", ignore)
    elif actual != expected:
        yield Difference(path, "changed", actual, expected)
