"""JSON text of FHIR resources: the hot loops of the emitter, in readable form.

``ext/fhirjson.pyx`` holds the same functions compiled; ``tests/accel`` holds the two to the same results.
"""

from __future__ import annotations

import re
from array import array
from calendar import monthrange
from collections.abc import Iterable, Mapping
from typing import Any, Final

from ..errors import InvalidRequest, LimitExceeded

__all__ = ["MAX_DEPTH", "SAMPLE_CODES", "NumberText", "decimal_text", "dumps", "emit_rows", "extension", "filled",
           "is_datetime", "join", "quote", "sample_text"]  # fmt: skip

MAX_DEPTH: Final = 200
"""Deepest tree that :func:`dumps` writes."""

SAMPLE_CODES: Final[dict[str, str]] = {
    "i1": "b", "u1": "B", "i2": "h", "u2": "H", "i4": "i", "u4": "I", "i8": "q",
}  # fmt: skip
"""Integer sample formats to type codes of :mod:`array`."""

MARKS: Final = ("", "E", "E", "L", "U")
"""Text of each sample mark: 0 valid, 1 missing, 2 error, 3 below, 4 above the range (FHIR SampledData.data)."""

_ESCAPES: Final[dict[int, str]] = {
    **{code: f"\\u{code:04x}" for code in range(32)},
    8: "\\b", 9: "\\t", 10: "\\n", 12: "\\f", 13: "\\r", 34: '\\"', 92: "\\\\",
}  # fmt: skip


class NumberText(str):
    """A JSON number exactly as it is written: ``2.00``, ``1E3``."""

    __slots__ = ()


def quote(text: str) -> str:
    """Return the text as a JSON string (RFC 8259 section 7); what need not be escaped is not."""
    return '"' + text.translate(_ESCAPES) + '"'


def decimal_text(mantissa: int, exponent: int) -> str:
    """Write ``mantissa * 10**exponent`` so that reading the text gives both back: ``(200, -2)`` is ``2.00``."""
    if exponent == 0:
        return str(mantissa)
    if exponent > 0:
        return f"{mantissa}E{exponent}"
    digits = str(abs(mantissa)).rjust(1 - exponent, "0")
    return f"{'-' if mantissa < 0 else ''}{digits[:exponent]}.{digits[exponent:]}"


def dumps(tree: Any, depth: int = 0) -> str:
    """Write a tree of dict, list, str, :class:`NumberText`, bool, int and None as compact JSON.

    Raises
    ------
    LimitExceeded
        ``FHR-005`` beyond :data:`MAX_DEPTH`.
    InvalidRequest
        ``USE-001`` for a value of another type: a float would lose its written form.
    """
    if depth > MAX_DEPTH:
        raise LimitExceeded("FHR-005")
    if isinstance(tree, NumberText):
        return str(tree)
    if isinstance(tree, str):
        return quote(tree)
    if isinstance(tree, dict):
        return "{" + ",".join([quote(key) + ":" + dumps(value, depth + 1) for key, value in tree.items()]) + "}"
    if isinstance(tree, list):
        return "[" + ",".join([dumps(value, depth + 1) for value in tree]) + "]"
    if tree is None or tree is True or tree is False:
        return "null" if tree is None else "true" if tree else "false"
    if isinstance(tree, int):
        return str(tree)
    raise InvalidRequest("USE-001", path="tree")


def is_datetime(text: str) -> bool:
    """Tell whether a text is a FHIR ``dateTime`` of a real day with time and offset (FHIR R4 section 2.24.0.1)."""
    match = _DATE_TIME.fullmatch(text)
    if match is None or match[1] == "0000" or not 1 <= int(match[2]) <= 12:
        return False
    return 1 <= int(match[3]) <= monthrange(int(match[1]), int(match[2]))[1]


_DATE_TIME: Final = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})T(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]{1,9})?"
    r"(?:Z|[+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00))"
)


def sample_text(data: bytes, dtype: str, decimals: int = 0, marks: bytes | None = None) -> str:
    """Write raw samples as SampledData text, separated by one space (FHIR R4 SampledData.data).

    Parameters
    ----------
    data : bytes
        Little-endian integers.
    dtype : str
        A key of :data:`SAMPLE_CODES`.
    decimals : int, optional
        Digits behind the decimal point: sample 200 with 2 decimals is ``2.00``.
    marks : bytes, optional
        One octet per sample, see :data:`MARKS`.

    Raises
    ------
    InvalidRequest
        ``USE-001`` when the arguments do not fit each other.
    """
    code = SAMPLE_CODES.get(dtype)
    if code is None or decimals < 0 or len(data) % int(dtype[1]):
        raise InvalidRequest("USE-001", path="data")
    samples = array(code, data)
    if _BIG_ENDIAN:
        samples.byteswap()
    if marks is not None and (len(marks) != len(samples) or max(marks, default=0) >= len(MARKS)):
        raise InvalidRequest("USE-001", path="marks")
    texts = [decimal_text(value, -decimals) for value in samples] if decimals else list(map(str, samples))
    if marks is not None:
        texts = [MARKS[mark] or text for mark, text in zip(marks, texts, strict=True)]
    return " ".join(texts)


_BIG_ENDIAN: Final = array("H", b"\x01\x00")[0] != 1


def join(
    values: Mapping[str, Any],
    must_be_empty: tuple[str, ...],
    rows: tuple[tuple[str | int, dict[str, tuple[str, str]]], ...],
    given: tuple[tuple[str, str], ...],
    source: str,
) -> str | int | None:
    """Join the fragments of a record's fields to the text of an Observation.

    Parameters
    ----------
    values : Mapping
        Field name to value; None and the empty tuple say nothing.
    must_be_empty : tuple of str
        Fields that the short way does not know.
    rows : tuple
        Per part of the resource, in order: a field's name and the cache of its fragments by value, or an
        index into ``given``. A fragment is a pair: text for ``extension``, text for the elements.
    given : tuple
        Fragments of the record's own.
    source : str
        ``meta.source``; a URI, so that nothing in it needs an escape.

    Returns
    -------
    str, int or None
        The resource; the index of the row whose cache lacks the value; None when the long way is needed.
    """
    identity = values["id"]
    if len(identity) != 32 or not _HEX.issuperset(identity):
        return None
    for name in must_be_empty:
        if values[name]:
            return None
    extensions: list[str] = []
    elements: list[str] = []
    for index, (field, cache) in enumerate(rows):
        if isinstance(field, int):
            entry = given[field]
        else:
            value = values[field]
            if value is None:
                continue
            if value not in cache:
                return index
            entry = cache[value]
        if entry[0]:
            extensions.append(entry[0])
        if entry[1]:
            elements.append(entry[1])
    text = f'{{"resourceType":"Observation","id":"{identity}","meta":{{"source":"{source}"}}'
    if extensions:
        text += ',"extension":[' + ",".join(extensions) + "]"
    return text + "," + ",".join(elements) + "}"


_HEX: Final = frozenset("0123456789abcdef")


def extension(out: dict[str, Any], url: str, kind: Any, value: Any, e: Any, path: str) -> None:
    """Add an extension to an element; one for each value where the kind has an ``each``.

    Parameters
    ----------
    out : dict
        The element.
    url : str
        Of the extension.
    kind : Kind
        The datatype: ``wrap(url, value, e, path)`` returns an extension or None; ``each`` is None or the datatype of
        the single values.
    value : object
        What it holds.
    e, path : object, str
        Passed on.
    """
    several = kind.each is not None
    item = kind.each if several else kind
    for one in value if several else (value,):
        entry = item.wrap(url, one, e, path)
        if entry is not None:
            out.setdefault("extension", []).append(entry)


def emit_rows(rows: Iterable[tuple[Any, ...]], record: Any, out: dict[str, Any], e: Any, prefix: str = "") -> None:
    """Write the fields of a record that have a row and say something.

    Parameters
    ----------
    rows : iterable of tuple
        Field, element or None, kind, URL of an extension or None, value that need not be written.
    record : object
        What is written; its fields are looked for in its ``__dict__`` first.
    out : dict
        The element to add to.
    e, prefix : object, str
        Passed on, the prefix with the field behind it.
    """
    for field, element, kind, url, default in rows:
        value = getattr(record, field)
        if value is None or (type(value) is tuple and not value):
            continue
        if default is not None and value == default:
            continue
        if element is not None:
            kind.put(out, element, value, e, prefix + field)
        elif url is not None:
            extension(out, url, kind, value, e, prefix + field)


def filled(parts: list[str], gaps: tuple[int, ...], given: tuple[Any, ...]) -> str:
    """Join a text whose parts with odd numbers are gaps, in which ``given[gap]`` is put."""
    own = parts.copy()
    own[1::2] = [given[gap] for gap in gaps]
    return "".join(own)
