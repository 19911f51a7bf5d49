"""The delimiters of one message, as its own header states them (HL7 v2.8 ch. 2.5.4)."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple

__all__ = ["HEADER", "HEADERS", "Delimiters", "read_delimiters"]

HEADERS: Final = (b"MSH", b"FHS", b"BHS")
"""Segments whose first field is the separator itself."""

HEADER: Final = re.compile(rb"(?:MSH|FHS|BHS)[^A-Za-z0-9\s]")

_LONGEST: Final = 64
"""Of MSH-2 no more is looked at."""

_ALNUM: Final = re.compile(rb"[A-Za-z0-9\s]")


class Delimiters(NamedTuple):
    """Delimiters as octets; empty where the message has none. The escape character may be two octets (yen sign)."""

    field: bytes
    component: bytes = b""
    repetition: bytes = b""
    escape: bytes = b""
    subcomponent: bytes = b""
    truncation: bytes = b""


def read_delimiters(data: bytes, at: int) -> tuple[Delimiters, tuple[str, ...]]:
    r"""Read MSH-1 and MSH-2.

    Three, four or five characters are legal in MSH-2. Two forms of the field are understood beside them: a lost
    escape character (``^~&``) and a doubled one (``^~\\&``).

    Returns
    -------
    delimiters : Delimiters
        What to split and unescape by.
    doubts : tuple of str
        Codes of :data:`iomt_interop.errors.CODES`.
    """
    field = data[at + 3 : at + 4]
    line = data[at + 4 : at + 4 + _LONGEST].split(b"\r", 1)[0].split(b"\n", 1)[0]
    return _interpret(field, line.split(field, 1)[0])


@lru_cache(maxsize=64)
def _interpret(field: bytes, second: bytes) -> tuple[Delimiters, tuple[str, ...]]:
    parts = _characters(second)
    doubts: list[str] = []
    if len(parts) == 5 and parts[2] == parts[3]:
        del parts[3]
        doubts.append("HL7-106")
    if len(parts) == 3 and parts[2] == b"&":
        parts.insert(2, b"")
        doubts.append("HL7-105")
    if len(parts) > 5:
        doubts.append("HL7-107")
    chosen: list[bytes] = []
    for part in parts[:5]:
        if part and (part == field or part in chosen or _ALNUM.match(part)):
            doubts.append("HL7-107")
            part = b""
        chosen.append(part)
    component, repetition, escape, subcomponent, truncation = (chosen + [b""] * 5)[:5]
    return Delimiters(field, component, repetition, escape, subcomponent, truncation), tuple(dict.fromkeys(doubts))


def _characters(raw: bytes) -> list[bytes]:
    """Cut MSH-2 into characters: of UTF-8 where it is that, else octets."""
    try:
        return [character.encode() for character in raw.decode("utf-8")]
    except UnicodeDecodeError:
        return [raw[i : i + 1] for i in range(len(raw))]
