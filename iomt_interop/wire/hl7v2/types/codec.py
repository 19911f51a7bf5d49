"""Decode by data type, and encode again.

Theory of operation: one decoder cuts a value by the delimiters of its level and asks the table for the types of the
pieces; a few data types have readers of their own (:data:`_READERS`). A piece that does not fit is kept verbatim
as :class:`Raw`. So whatever is decoded is encoded back to the same text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from ...._accel import load
from ....errors import InvalidRequest, MalformedInput
from ..escapes import Syntax, escape, respell, unescape
from ..message import COMPONENT, FIELD, NULL, REPETITION, SUBCOMPONENT, Part, Presence, Segment
from .table import LATEST, TYPE_NAMES, components, components_up_to
from .times import read_date_time, read_time_of_day
from .values import (
    Composite,
    DateTime,
    Encapsulated,
    Number,
    Raw,
    Samples,
    StructuredNumber,
    Text,
    TimeOfDay,
    Value,
    doubts,
)

if TYPE_CHECKING:
    from ...._accel import er7_py as er7
else:
    er7 = load("er7")

__all__ = ["decode", "decode_all", "decode_obx", "decode_text", "encode"]

_NUMBER: Final = re.compile(r"[+-]?(?:\d+(?:\.\d+)?|(\.\d+|\d+\.))", re.ASCII)
_EXPONENT: Final = re.compile(r"[+-]?\d{1,40}(?:\.\d{1,40})?[eE][+-]?\d{1,3}", re.ASCII)
_COMMA: Final = re.compile(r"[+-]?\d+,\d{1,2}", re.ASCII)
_COMPARED: Final = re.compile(r"\s*(<=|>=|<>|<|>)\s*([+-]?(?:\d+(?:\.\d+)?|\.\d+))\s*", re.ASCII)
_SEQUENCE: Final = re.compile(r"\d+", re.ASCII)
_CLASSES: Final[dict[str, type[Composite]]] = {"SN": StructuredNumber, "ED": Encapsulated}
_TEXTS: Final = frozenset({"FT", "GTS", "ID", "IS", "SNM", "ST", "TN", "TX", "WD"})

Reader = Callable[[str, Syntax, int, str], Value]


def decode(part: Part | None, type_name: str, *, version: str | None = None, strict: bool = False) -> Value:
    """Decode a field, repetition, component or subcomponent by its data type.

    Parameters
    ----------
    part : Part or None
        What to decode, as :meth:`Message.get <iomt_interop.wire.hl7v2.Message.get>` returns it.
    type_name : str
        Data type (``CX``).
    version : str, optional
        Version of the standard; MSH-12 of the message by default.
    strict : bool, optional
        Raise for whatever is not written as the type demands.

    Returns
    -------
    Value
        ``None`` for what is absent or empty, ``Presence.NULL`` for the explicit null, a tuple for a field that
        repeats. What does not fit its type is a :class:`Raw`; nothing is raised but in strict mode.

    Raises
    ------
    MalformedInput
        In strict mode, with code, path and byte range of the first doubt.
    """
    if part is None or part.absent:
        return None
    message = part.message
    release = message.version or LATEST if version is None else version
    value = _decode(message.decode(part.raw), type_name.strip().upper(), message.syntax, part.level, release)
    if strict:
        for path, code in doubts(value):
            raise MalformedInput(code, path=path or None, span=part.span, clause="HL7 v2.8 ch. 2.A")
    return value


def decode_all(part: Part | None, type_name: str, *, version: str | None = None) -> tuple[Value, ...]:
    """Decode a field to a tuple of its repetitions; empty for a field that is absent or empty."""
    value = decode(part, type_name, version=version)
    if isinstance(value, tuple):
        return value
    return () if value is None else (value,)


def decode_obx(segment: Segment, *, version: str | None = None) -> tuple[Value, ...]:
    r"""Decode OBX-5 by the data type that OBX-2 names: one value for each repetition.

    Examples
    --------
    >>> from iomt_interop.wire.hl7v2 import parse
    >>> from iomt_interop.wire.hl7v2.types import decode_obx
    >>> message = parse("MSH|^~\\&|\rOBX|1|SN|||>^98\r")
    >>> value, = decode_obx(message.segment("OBX"))
    >>> value.relation, str(value.num1)
    ('>', '98')
    """
    return decode_all(segment.field(5), segment.field(2).text, version=version)


def decode_text(
    text: str, type_name: str, syntax: Syntax, *, level: int = REPETITION, version: str = LATEST
) -> Value:  # fmt: skip
    """Decode a text by its data type; as :func:`decode`, for text that belongs to no message.

    Parameters
    ----------
    text : str
        As it is written, escapes and all.
    type_name : str
        Data type.
    syntax : Syntax
        Delimiters.
    level : int, optional
        0 a whole field, 1 a repetition, 2 a component, 3 a subcomponent.
    version : str, optional
        Version of the standard.
    """
    return _decode(text, type_name.strip().upper(), syntax, level, version)


def _delimiter(syntax: Syntax, level: int) -> str:
    """Return what separates the parts one level below."""
    return (syntax.repetition, syntax.component, syntax.subcomponent, "", "")[level]


def _decode(text: str, kind: str, syntax: Syntax, level: int, version: str) -> Value:
    if level == FIELD:
        mark = syntax.repetition
        if mark and mark in text:
            return tuple(_decode(piece, kind, syntax, REPETITION, version) for piece in text.split(mark))
        level = REPETITION
    if not text:
        return None
    if text == NULL:
        return Presence.NULL
    reader = _READERS.get(kind)
    if reader is not None:
        return reader(text, syntax, level, version)
    if kind not in TYPE_NAMES:
        return Raw(text, kind, "HL7-134", syntax)
    return _composite(text, kind, syntax, level, version)


def _composite(text: str, kind: str, syntax: Syntax, level: int, version: str) -> Value:
    made = _CLASSES.get(kind, Composite)
    if level == SUBCOMPONENT:  # nothing is below: what stands here is the first component
        known = components(kind, version)
        return made(kind, (_decode(text, known[0].type_name if known else "ST", syntax, level, version),), version)
    mark = _delimiter(syntax, level)
    pieces = text.split(mark) if mark else [text]
    known = components_up_to(len(pieces), kind, version)
    types = [component.type_name for component in known[: len(pieces)]]
    types += ["ST"] * (len(pieces) - len(types))
    values = (_decode(piece, each, syntax, level + 1, version) for piece, each in zip(pieces, types, strict=True))
    return made(kind, tuple(values), version)


def _text(text: str, syntax: Syntax, level: int, version: str, kind: str = "ST") -> Value:
    below = [mark for mark in (_delimiter(syntax, at) for at in range(level, SUBCOMPONENT)) if mark and mark in text]
    plain = unescape(text, syntax)
    if below:
        return Raw(text, kind, "HL7-133", syntax, reading=plain)
    if escape(plain, syntax) == text:
        return plain
    return Text(plain, text, syntax)


def _texts(kind: str) -> Reader:
    return lambda text, syntax, level, version: _text(text, syntax, level, version, kind)


def _number(text: str, syntax: Syntax, level: int, version: str) -> Value:
    stripped = text.strip(" ")
    match = _NUMBER.fullmatch(stripped)
    if match:
        return Number(text, "HL7-131" if match[1] or stripped != text else None)
    reading: Value = None
    if compared := _COMPARED.fullmatch(text):
        reading = StructuredNumber("SN", (compared[1], Number(compared[2])), version)
    elif _COMMA.fullmatch(stripped):
        reading = Number(stripped.replace(",", "."), "HL7-131")
    elif _EXPONENT.fullmatch(stripped):
        reading = Number(stripped, "HL7-131")
    return Raw(text, "NM", "HL7-131" if reading is not None else "HL7-130", syntax, reading)


def _sequence(text: str, syntax: Syntax, level: int, version: str) -> Value:
    return Number(text) if _SEQUENCE.fullmatch(text) else Raw(text, "SI", "HL7-130", syntax)


def _date_time(text: str, syntax: Syntax, level: int, version: str) -> Value:
    return read_date_time(text) or Raw(text, "DTM", "HL7-130", syntax)


def _date(text: str, syntax: Syntax, level: int, version: str) -> Value:
    found = read_date_time(text)
    if found is None:
        return Raw(text, "DT", "HL7-130", syntax)
    # A time where a date belongs: Raw, with the time as its reading.
    return found if found.hour is None else Raw(text, "DT", "HL7-132", syntax, found)


def _time_stamp(text: str, syntax: Syntax, level: int, version: str) -> Value:
    """Read a TS: a time, and until 2.5 its degree of precision."""
    mark = _delimiter(syntax, level)
    moment, found, degree = text.partition(mark) if mark else (text, "", "")
    value = read_date_time(moment, degree if found else None)
    plain = not any(each and each in degree for each in (mark, syntax.escape, _delimiter(syntax, level + 1)[:1]))
    return value if value is not None and plain else Raw(text, "TS", "HL7-130", syntax)


def _time(text: str, syntax: Syntax, level: int, version: str) -> Value:
    return read_time_of_day(text) or Raw(text, "TM", "HL7-130", syntax)


def _samples(text: str, syntax: Syntax, level: int, version: str) -> Value:
    mark = _delimiter(syntax, level)
    if level == REPETITION and len(mark) == 1 and text.isascii():
        data = text.encode("ascii")
        found = er7.samples(data, 0, len(data), ord(mark))
        if found is not None:
            _, mantissas, exponent, marks, _ = found
            return Samples(mantissas, exponent, marks, text, syntax)
    pieces = text.split(mark) if mark else [text]
    return Composite("NA", tuple(_decode(piece, "NM", syntax, COMPONENT, version) for piece in pieces), version)


_READERS: Final[dict[str, Reader]] = {
    **{kind: _texts(kind) for kind in _TEXTS},
    "NM": _number,
    "SI": _sequence,
    "DT": _date,
    "DTM": _date_time,
    "TS": _time_stamp,
    "TM": _time,
    "NA": _samples,
    "MA": _samples,
}


def encode(value: object, syntax: Syntax, *, type_name: str = "", level: int = REPETITION) -> str:
    r"""Write a value, the other way round of :func:`decode_text`.

    What was decoded comes back as it was written; under other delimiters the delimiters are exchanged. Plain Python
    values are written as the standard wants them: :class:`str` escaped, :class:`int` and :class:`~decimal.Decimal`
    without an exponent, dates and times, a tuple of components, or (with ``type_name``) a mapping by their names.

    Raises
    ------
    InvalidRequest
        ``USE-001`` for what no data type can say: an infinite number, a component that the type does not have, a
        composite below a subcomponent.

    Examples
    --------
    >>> from iomt_interop.wire.hl7v2 import parse
    >>> from iomt_interop.wire.hl7v2.types import encode
    >>> syntax = parse("MSH|^~\\&|").syntax
    >>> encode({"id_number": "17", "assigning_authority": {"namespace_id": "A&E"}}, syntax, type_name="CX")
    '17^^^A\\T\\E'
    """
    if level == FIELD:
        if isinstance(value, tuple | list):
            return syntax.repetition.join(encode(part, syntax, type_name=type_name) for part in value)
        level = REPETITION
    if value is None:
        return ""
    if value is Presence.NULL:
        return NULL
    if isinstance(value, Text):
        return respell(value.written, value.syntax, syntax)
    if isinstance(value, str):
        return NULL if value == NULL else escape(value, syntax)
    if isinstance(value, Raw | Samples):
        return respell(value.text, value.syntax, syntax)
    if isinstance(value, Number | DateTime | TimeOfDay) and value.text:
        degree = getattr(value, "degree", None)
        return value.text if degree is None else f"{value.text}{_delimiter(syntax, level)}{degree}"
    if isinstance(value, Mapping):
        value = _positions(value, type_name)
    if isinstance(value, Composite | list | tuple):
        return _joined(list(value), syntax, type_name, level)
    return _scalar(value)


def _joined(parts: list[object], syntax: Syntax, type_name: str, level: int) -> str:
    if level >= SUBCOMPONENT and len(parts) > 1:
        raise InvalidRequest("USE-001", hint="nothing is below a subcomponent")
    known = components(type_name)
    types = [known[n].type_name if n < len(known) else "" for n in range(len(parts))]
    below = min(level + 1, SUBCOMPONENT)
    pieces = (encode(part, syntax, type_name=kind, level=below) for part, kind in zip(parts, types, strict=True))
    return _delimiter(syntax, level).join(pieces)


def _positions(values: Mapping[str, object], type_name: str) -> list[object]:
    """Order components by their positions."""
    places = {component.name: component.position for component in components(type_name)}
    if not values.keys() <= places.keys():
        raise InvalidRequest("USE-001", hint="the data type has no such component")
    found: list[object] = [None] * max((places[name] for name in values), default=0)
    for name, each in values.items():
        found[places[name] - 1] = each
    return found


def _scalar(value: object) -> str:
    """Write a number or a time of Python's own."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, Decimal) and value.is_finite():
        return f"{value:f}"
    if isinstance(value, datetime | time):
        day = f"{value.year:04}{value.month:02}{value.day:02}" if isinstance(value, datetime) else ""
        digits = f"{value.microsecond:06}"
        fraction = "" if value.microsecond == 0 else f".{digits[:4] if digits.endswith('00') else digits}"
        offset = value.strftime("%z")
        if len(offset) not in (0, 5):
            raise InvalidRequest("USE-001", hint="an offset of whole minutes")
        return f"{day}{value.hour:02}{value.minute:02}{value.second:02}{fraction}{offset}"
    if isinstance(value, date):
        return f"{value.year:04}{value.month:02}{value.day:02}"
    raise InvalidRequest("USE-001", hint="no data type says this")
