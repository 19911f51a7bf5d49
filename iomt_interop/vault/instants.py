"""Times of a batch as texts: what they share once, and what differs as columns of texts.

What several instants share is a template: an instant whose own texts are blank.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, MutableSequence, Sequence
from functools import cache
from typing import Any, Final, overload

from pydantic import TypeAdapter

from ..errors import InvalidRecord, StoreDamaged
from ..model import Instant, Mould
from .planes import unpack_columns, unpack_texts

__all__ = ["Instants", "split_instants", "templates_from_json"]

_BLANK: Final = "0000"


@cache
def _templates() -> TypeAdapter[list[Instant]]:
    return TypeAdapter(list[Instant])


def templates_from_json(data: bytes) -> list[Instant]:
    """Read the templates of a block."""
    return _templates().validate_json(data)


def split_instants(times: Sequence[Instant]) -> tuple[tuple[bytes, ...], array[int], tuple[list[str], ...]]:
    """Return the JSON of the templates, each instant's template, and the texts: values, source's own, device's own."""
    numbers: dict[tuple[Any, ...], int] = {}
    templates: list[bytes] = []
    kinds: list[int] = []
    natives: list[str] = []
    clocks: list[str] = []
    values = [time.value for time in times]
    for time in times:
        native, clock = time.native, time.device_clock
        told = None if clock is None else (clock.kind, clock.resolution_ns)
        key = (native is None, time.origin, told, time.clock_sync, time.uncertainty_ns, time.flags)
        number = numbers.get(key)
        if number is None:
            number = numbers[key] = len(templates)
            templates.append(_blank(time).model_dump_json(exclude_defaults=True).encode())
        kinds.append(number)
        if native is not None:
            natives.append(native)
        if clock is not None:
            clocks.append(clock.value)
    return tuple(templates), array("I", kinds), (values, natives, clocks)


class Instants(MutableSequence[Instant]):
    """The instants of a batch that was read: as texts until somebody looks at one.

    They were valid when they were stored, and what is read is what was stored: nothing is validated anew.

    Parameters
    ----------
    count : int
        How many.
    templates, kinds, texts
        What ``split_instants`` gave, and ``pack_texts`` made of it.
    """

    __slots__ = ("_count", "_made", "_parts")
    __hash__ = None  # type: ignore[assignment]  # it can change

    def __init__(self, count: int, templates: Sequence[Instant], kinds: bytes, texts: Sequence[bytes]) -> None:
        self._count = count
        self._parts: tuple[Sequence[Instant], bytes, Sequence[bytes]] | None = (templates, kinds, texts)
        self._made: list[Instant] = []

    def __repr__(self) -> str:
        return f"Instants({len(self)})"

    def __len__(self) -> int:
        return len(self._made) if self._parts is None else self._count

    @overload
    def __getitem__(self, place: int) -> Instant: ...
    @overload
    def __getitem__(self, place: slice) -> list[Instant]: ...
    def __getitem__(self, place: int | slice) -> Instant | list[Instant]:
        return self._all()[place]

    def __setitem__(self, place: Any, value: Any) -> None:
        self._all()[place] = value

    def __delitem__(self, place: int | slice) -> None:
        del self._all()[place]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, list | Instants) and self._all() == list(other)

    def insert(self, place: int, value: Instant) -> None:
        """Put an instant in."""
        self._all().insert(place, value)

    def _all(self) -> list[Instant]:
        if self._parts is not None:
            self._made, self._parts = _join(self._count, *self._parts), None
        return self._made


def _join(count: int, templates: Sequence[Instant], kinds: bytes, texts: Sequence[bytes]) -> list[Instant]:
    """Return the instants that were split; ``SEC-004`` when there are not as many texts as the templates ask for."""
    values, natives, clocks = map(unpack_texts, texts)
    numbers = unpack_columns(kinds, "I", count)[0] if kinds else array("I", bytes(4 * count))
    makers = [_maker(template) for template in templates]
    own, device = iter(natives), iter(clocks)
    try:
        made = [makers[number](value, own, device) for number, value in zip(numbers, values, strict=True)]
    except (IndexError, ValueError, StopIteration):
        raise StoreDamaged("SEC-004") from None
    if next(own, None) is not None or next(device, None) is not None:
        raise StoreDamaged("SEC-004")
    return made


def _maker(template: Instant) -> Callable[[str, Iterator[str], Iterator[str]], Instant]:
    """Return what makes instants of one template: of a value, and of what the iterators give next."""
    cast, has_native = Mould(template).cast, template.native is not None
    clock = None if template.device_clock is None else Mould(template.device_clock).cast

    def make(value: str, natives: Iterator[str], clocks: Iterator[str]) -> Instant:
        changes: dict[str, Any] = {"value": value}
        if has_native:
            changes["native"] = next(natives)
        if clock is not None:
            changes["device_clock"] = clock({"value": next(clocks)})
        return cast(changes)

    return make


def _blank(time: Instant) -> Instant:
    if not isinstance(time, Instant):
        raise InvalidRecord("MDL-005", path="times")
    update: dict[str, object] = {"value": _BLANK}
    if time.native is not None:
        update["native"] = ""
    if time.device_clock is not None:
        update["device_clock"] = time.device_clock.model_copy(update={"value": ""})
    return time.model_copy(update=update)
