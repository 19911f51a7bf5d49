"""Doubts that take a look at every segment; nobody pays for them who does not ask."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Final

from ..._accel import load
from .delimiters import HEADERS
from .escapes import is_clean, resolves

if TYPE_CHECKING:
    from ..._accel import er7_py as er7
    from .message import Message
else:
    er7 = load("er7")

__all__ = ["CLAUSES", "look_closely"]

CLAUSES: Final[dict[str, str]] = {
    "HL7-101": "2.14.9", "HL7-102": "2.14.9.18", "HL7-103": "2.5.1", "HL7-104": "2.5.4", "HL7-105": "2.5.4",
    "HL7-106": "2.5.4", "HL7-107": "2.5.4", "HL7-108": "2.5.4", "HL7-109": "2.14.9.18", "HL7-110": "2.14.9.18",
    "HL7-112": "2.5.4", "HL7-113": "2.7.1", "HL7-114": "2.5.4", "HL7-115": "2.5.4", "HL7-116": "2.5.2",
    "HL7-117": "2.5.4", "HL7-118": "2.10.3", "HL7-121": "2.7.1", "HL7-122": "2.10.2", "HL7-123": "2.10.3",
}  # fmt: skip
"""Code of a doubt to the clause of HL7 v2.8 that rules it."""

_HEADER: Final = b"MSH"
_KNOWN: Final = b"OBXOBRPIDMSHPD1NK1PV1PV2ORCNTEEVNSFTMSAERRPRTAL1DG1TQ1SPM"
"""The segments of most messages."""
_NAMES: Final = (b"PID", b"PV1", b"OBR", b"OBX", b"ORC", b"NTE")
_INNER: Final = b"".join(_NAMES)
_MOST: Final = 1000
"""Of one kind no more doubts are told."""


def look_closely(message: Message) -> Iterator[tuple[str, tuple[int, int]]]:
    """Yield code and range of lines that are no segment, of segments inside others, of odd escape sequences."""
    # A message of known segments that hold no others needs no look at each line.
    if not er7.tidy(message.cut, *message.index, _KNOWN, _INNER):
        yield from islice(_no_segments(message), _MOST)
        yield from islice(_swallowed(message), _MOST)
    yield from islice(_odd_sequences(message), _MOST)


def _no_segments(message: Message) -> Iterator[tuple[str, tuple[int, int]]]:
    data, (triples, _), origin = message.cut, message.index, message.origin
    begins = re.compile(rb"[A-Z][A-Z0-9]{2}(?:" + re.escape(message.delimiters.field) + rb"|\Z)")
    for at in range(0, len(triples), 3):
        start, stop = triples[at], triples[at + 1]
        if not begins.match(data, start, stop):
            yield "HL7-116", (origin + start, origin + stop)


def _swallowed(message: Message) -> Iterator[tuple[str, tuple[int, int]]]:
    """Look for identifiers that do not begin their line: behind a lost terminator, or behind a blank in its place."""
    data, (triples, _), mark = message.cut, message.index, message.delimiters.field
    heads = Counter(data[start : start + 4] for start in triples[::3])
    if all(data.count(name + mark) == heads[name + mark] for name in _NAMES):
        return
    starts = set(triples[::3])
    joined = re.compile(
        rb"(?:" + b"|".join(_NAMES) + rb")(?=" + re.escape(mark) + rb"[0-9]{0,4}" + re.escape(mark) + rb")"
    )
    for match in joined.finditer(data, triples[0]):
        if match.start() not in starts and data[match.start() - 1 : match.start()] != mark:
            yield "HL7-117", (message.origin + match.start(), message.origin + match.end())


def _odd_sequences(message: Message) -> Iterator[tuple[str, tuple[int, int]]]:
    r"""Look for marks that belong to no known sequence: a path as ``C:\temp``, half an octet, an end that is lost.

    Octets that are no character of the message's set, and switches to sets that nobody knows, are as odd.
    """
    data, delimiters, (triples, marks) = message.cut, message.delimiters, message.index
    mark = delimiters.escape
    if not mark:
        return
    headed = len(triples) and data[triples[0] : triples[0] + 3] == _HEADER and triples[2] + 1 < len(marks)
    if headed and data.find(mark, marks[triples[2] + 1]) < 0:  # there is none behind MSH-2
        return
    ends = b"".join(each for each in (*delimiters[:3], delimiters.subcomponent) if len(each) == 1)
    leaf = re.compile(rb"[^" + re.escape(ends) + rb"]+")
    for at in range(0, len(triples), 3):
        start, stop = triples[at], triples[at + 1]
        if data[start : start + 3] in HEADERS:  # MSH-2 holds the mark itself
            second = triples[at + 2] + 1
            start = marks[second] if second < len(marks) else stop
        if data.find(mark, start, stop) < 0:
            continue
        for match in leaf.finditer(data, start, stop):
            if mark not in match[0]:
                continue
            odd = not is_clean(match[0].decode("latin-1"), mark.decode("latin-1"))
            if odd or not resolves(message.decode(message.data[match.start() : match.end()]), message.syntax):
                yield "HL7-121", (message.origin + match.start(), message.origin + match.end())
