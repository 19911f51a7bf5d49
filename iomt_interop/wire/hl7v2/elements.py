"""A segment as named elements (``PID.3``, ``CX.1``), by the tables of its version: what XML and JSON are made of.

Fields, components and subcomponents without any value are left out; numbers keep the others at their places.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

from .escapes import sequences, unescape
from .message import NULL, Part, Segment
from .structure import Definitions

if TYPE_CHECKING:
    from .structure import FieldRule

__all__ = ["UNKNOWN", "Element", "elements", "tokens", "value_type"]

UNKNOWN: Final = "UNKNOWN"
"""Stands for the data type of a field that the standard does not define, but that has components."""

_TYPE_AT: Final = {("OBX", 5): 2, ("MFE", 4): 5, ("MFA", 5): 6}
"""Fields whose data type another field of the segment names."""


class Element(NamedTuple):
    """A field, component or subcomponent with its name.

    Parameters
    ----------
    name : str
        ``PID.3``; of a component the data type and its number, ``CX.4``.
    part : Part
        Where it stands.
    children : tuple of Element or None
        The components that hold a value; ``None`` for a leaf.
    """

    name: str
    part: Part
    children: tuple[Element, ...] | None = None

    @property
    def is_empty(self) -> bool:
        """Whether there is no value in it."""
        return not self.part if self.children is None else not self.children


def value_type(segment: Segment, number: int, rule: FieldRule | None) -> str:
    """Return the data type of a field; where the segment itself states it (OBX-2), that one."""
    if rule is not None and rule.datatype.lower() != "varies":
        return rule.datatype
    stated = _TYPE_AT.get((segment.id, number))
    return "" if stated is None else segment.field(stated)[1].text.strip()


def elements(segment: Segment, tables: Definitions) -> Iterator[Element]:
    """Yield the fields that are not empty, every repetition up to the last one that is not."""
    rules = tables.segment(segment.id) or ()
    for number, field in enumerate(segment, 1):
        if not field:
            continue
        name = f"{segment.id}.{number}"
        if field.level == 3:  # MSH-1 and MSH-2
            yield Element(name, field)
            continue
        datatype = value_type(segment, number, rules[number - 1] if number <= len(rules) else None)
        found = [Element(name, part, _below(part, datatype, tables)) for part in field]
        while found and found[-1].is_empty:
            found.pop()
        yield from found


def _below(part: Part, datatype: str, tables: Definitions) -> tuple[Element, ...] | None:
    """Return the components of a repetition, or the subcomponents of a component; ``None`` where there are none."""
    if part.level == 3:
        return None
    rules = tables.datatype(datatype)
    pieces = list(part)
    if rules is None:
        if len(pieces) <= 1:
            if part.level == 2 or not pieces or (below := _below(pieces[0], "", tables)) is None:
                return None
            element = Element(f"{UNKNOWN}.1", pieces[0], below)
            return () if element.is_empty else (element,)
        datatype = UNKNOWN
    found = []
    for number, piece in enumerate(pieces, 1):
        if piece:
            rule = rules[number - 1] if rules is not None and number <= len(rules) else None
            element = Element(
                f"{datatype}.{number}", piece, _below(piece, "" if rule is None else rule.datatype, tables)
            )
            if not element.is_empty:
                found.append(element)
    return tuple(found)


def tokens(part: Part) -> list[tuple[str, bool]]:
    r"""Return a leaf's text in pieces: text as it reads, and (``True``) bodies of sequences that stay sequences.

    Delimiters and octets become text; formatting, highlighting, character sets and local sequences stay. The pieces
    of ``a\.br\b\T\c`` are ``a``, ``.br`` and ``b&c``.
    """
    verbatim = part.message.decode(part.raw)
    syntax = part.message.syntax
    mark = syntax.escape
    if not mark or mark not in verbatim:
        return [(verbatim, False)]
    found: list[tuple[str, bool]] = []
    run_start = at = 0

    def close(stop: int) -> None:
        if run_start < stop:
            found.append((unescape(verbatim[run_start:stop], syntax), False))

    every = list(sequences(verbatim, mark))
    designated = any(each.kind == "C" for each in every)  # then octets are of the set that was switched to
    for each in every:
        stays = (
            each.kind in "H.ZC"
            or (
                each.kind == "X"
                and (
                    designated or unescape(verbatim[each.start : each.stop], syntax) == verbatim[each.start : each.stop]
                )
            )
            or (each.body == "P" and bool(syntax.truncation))  # a plain one would say that the text was cut
        )
        if stays:
            close(each.start)
            found.append((each.body, True))
            run_start = each.stop
        at = each.stop
    close(max(at, len(verbatim)))
    return [("X2222", True)] if found == [(NULL, False)] else found  # two quotes that are not the null
