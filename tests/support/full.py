"""Records in which every field of every part is set, each text being a mark of its own that can be searched for."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from iomt_interop import model as m
from iomt_interop.model.base import Model

__all__ = ["DATE", "Planter", "full_records", "record_classes"]

DATE = "1931-07-23T04:05:06.789+01:00"
# Fields whose text has a form of its own, so that no mark fits into it.
_FORMS: dict[tuple[str, str], Any] = {
    ("Instant", "value"): DATE,
    ("Day", "value"): "1931-07-23",
    ("Segment", "data"): b"\x01\x00\x02\x00",
    ("Segment", "marks"): b"\x00\x00",
    ("Segment", "n"): 2,
}


class Planter:
    """Fills models; remembers which mark stands where."""

    def __init__(self) -> None:
        self.marks: dict[str, str] = {}

    def fill(self, kind: type[Model], path: str, choice: int) -> Model:
        """Return an instance with every field set; of a union the member of the number."""
        values = {}
        for name, field in kind.model_fields.items():
            form = _FORMS.get((kind.__name__, name))
            values[name] = self._value(field, f"{path}.{name}", choice) if form is None else form
        return kind(**values)

    def _value(self, field: FieldInfo, path: str, choice: int) -> Any:
        return self._of(field.annotation, path, choice)

    def _of(self, kind: Any, path: str, choice: int) -> Any:
        origin, args = get_origin(kind), get_args(kind)
        if origin is Annotated:
            return self._of(args[0], path, choice)
        if origin is Literal:
            return args[choice % len(args)]
        if origin in (Union, types.UnionType):
            members = [each for each in args if each is not type(None)]
            return self._of(members[choice % len(members)], path, choice)
        if origin is tuple:
            if len(args) == 2 and args[1] is Ellipsis:
                return (self._of(args[0], path, choice),)
            return tuple(self._of(each, path, choice) for each in args)
        if isinstance(kind, type) and issubclass(kind, Model):
            return self.fill(kind, path, choice)
        if kind is str:
            return self._mark(path)
        plain: dict[Any, Any] = {int: 1, bool: True}
        return plain[kind] if kind in plain else self._mark(path).encode()

    def _mark(self, path: str) -> str:
        mark = f"Zebra{len(self.marks):06d}Q"
        self.marks[mark] = path
        return mark


def record_classes() -> list[type[Model]]:
    """Return the classes of all records."""
    union = get_args(m.Record)[0]
    return list(typing.get_args(union))


def full_records(planter: Planter) -> Iterator[m.Record]:
    """Yield records of every kind, so that every member of every union comes up."""
    for kind in record_classes():
        for choice in range(12):
            yield planter.fill(kind, kind.__name__, choice)  # type: ignore[misc]
