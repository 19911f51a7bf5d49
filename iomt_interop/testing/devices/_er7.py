"""Segments from fields, by the escapes of the codec; every message is parsed strictly before it leaves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from ...wire import hl7v2

__all__ = ["component", "framed", "header", "message", "segment", "stamp"]

_SYNTAX: Final = hl7v2.TextSyntax("|", "~", "^", "&", "\\", "utf-8")
_DELIMITERS: Final = _SYNTAX.component + _SYNTAX.repetition + _SYNTAX.escape + _SYNTAX.subcomponent
_VT, _FS = b"\x0b", b"\x1c\r"


def component(*parts: str) -> str:
    """Return a field of components, each escaped; empty ones at the end are left out."""
    text = _SYNTAX.component.join(hl7v2.escape(part, _SYNTAX) for part in parts)
    return text.rstrip(_SYNTAX.component)


def segment(name: str, fields: Mapping[int, str]) -> str:
    """Return a segment from its fields by number."""
    texts = [fields.get(number, "") for number in range(1, max(fields) + 1)]
    return _SYNTAX.field.join((name, *texts))


def header(fields: Mapping[int, str]) -> str:
    """Return MSH, whose first field is the separator itself."""
    texts = [fields.get(number, "") for number in range(3, max(fields) + 1)]
    return _SYNTAX.field.join(("MSH", _DELIMITERS, *texts))


def message(segments: Sequence[str]) -> bytes:
    """Return the octets of a message.

    Raises
    ------
    InputError
        When the codec has a doubt about it: the simulation would be no conformant sender.
    """
    return bytes(hl7v2.parse(("\r".join(segments) + "\r").encode(), strict=True))


def framed(data: bytes) -> bytes:
    """Return a message as an MLLP block."""
    return _VT + data + _FS


def stamp(moment: datetime) -> tuple[str, str]:
    """Return a time to the millisecond as HL7 v2 and as ISO 8601 write it."""
    iso = moment.isoformat(timespec="milliseconds")
    offset = "" if moment.utcoffset() is None else iso[-6:]
    return f"{moment:%Y%m%d%H%M%S}.{moment.microsecond // 1000:03}{offset.replace(':', '')}", iso
