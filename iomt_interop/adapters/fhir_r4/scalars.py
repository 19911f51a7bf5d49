"""Primitive datatypes: text, codes, numbers, times (FHIR R4 section 2.24).

A value that the primitive's syntax excludes is never bent to fit: it stands in an extension of the element
(``exact-time``, ``literal``), or it is left out and reported.
"""

from __future__ import annotations

import re
from calendar import monthrange
from typing import Any, Final

from ...errors import InvalidRecord
from ...model import DeviceClock, Instant, Number
from .fields import Complex, Emit, Kind, Many, Parse, Part, Row, build, emit_rows, items, parse_rows, text_of
from .jsontext import NumberText, Tree
from .tables import OWN

__all__ = [
    "BOOLEAN", "CODE", "DATE", "DATE_TIME", "DECIMAL", "INSTANT", "LONG", "STRING", "URI", "Coded", "OneOf",
    "NamedReference", "Reference", "TextReference", "fhir_code", "fhir_datetime", "fhir_id", "fhir_text", "is_uri",
    "number_from", "number_out",
]  # fmt: skip

_CODE: Final = re.compile(r"[!-~\u00a1-\u167f\u1681-\u1fff\u2030-\u205e\u2060-\u2fff\u3001-\ufefe]+"
                          r"(?: [!-~\u00a1-\u167f\u1681-\u1fff\u2030-\u205e\u2060-\u2fff\u3001-\ufefe]+)*")  # fmt: skip
_URI: Final = re.compile(r"[!-~\u00a1-\u167f]+")
_CANONICAL: Final = re.compile(r"[0-9a-f]{32}")
_ID: Final = re.compile(r"[A-Za-z0-9.\-]{1,64}")
_UNFIT: Final = re.compile(r"[^\S \r\n\t]|[\x00-\x08\x0e-\x1f\x7f-\xa0\u180e\ufeff\ufffe\uffff]")
_JSON_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_TIME: Final = re.compile(
    r"(?P<date>(?P<year>\d{4})(?:-(?P<month>\d\d)(?:-(?P<day>\d\d))?)?)"
    r"(?P<clock>T(?:[01]\d|2[0-3]):[0-5]\d(?P<seconds>:(?:[0-5]\d|60)"
    r"(?:\.(?P<fraction>\d{1,9})(?P<more>\d*))?)?(?P<zone>Z|[+-](?:(?:0\d|1[0-3]):[0-5]\d|14:00)))?"
)


def fhir_text(value: str, e: Emit, path: str) -> str | None:
    """Return a text as FHIR ``string`` allows it: white space of other kinds becomes a blank, and is reported."""
    if value.isascii() and value.isprintable() and not value.isspace() and value:
        return value
    text = _UNFIT.sub(" ", value)
    if text != value:
        e.loss(path, "character not allowed in a FHIR string")
    if not text.strip():
        if text == value:
            e.loss(path, "empty text")
        return None
    return text


def fhir_code(value: str, e: Emit, path: str) -> str | None:
    """Return a text as FHIR ``code`` allows it, else report it."""
    if _CODE.fullmatch(value):
        return value
    e.loss(path, "not allowed in a FHIR code")
    return None


def is_uri(value: str) -> bool:
    """Tell whether a text may be a ``uri``."""
    return _URI.fullmatch(value) is not None


def _uri(value: str, e: Emit, path: str) -> str | None:
    if is_uri(value):
        return value
    e.loss(path, "not a URI")
    return None


def fhir_id(value: str) -> bool:
    """Tell whether a text may be the id of a resource."""
    return _ID.fullmatch(value) is not None


def _string_in(json: Any, p: Parse) -> str | None:
    return json if type(json) is str else None


def _boolean_in(json: Any, p: Parse) -> bool | None:
    return json if isinstance(json, bool) else None


STRING: Final = Part("String", fhir_text, _string_in)
CODE: Final = Part("Code", fhir_code, _string_in)
URI: Final = Part("Uri", _uri, _string_in)
BOOLEAN: Final = Part("Boolean", lambda value, e, path: bool(value), _boolean_in)


def number_out(number: Number) -> NumberText:
    """Return the digits of a finite number; its own literal where that is a JSON number."""
    literal = number.literal
    return NumberText(literal if literal is not None and _JSON_NUMBER.fullmatch(literal) else number.text)


def number_from(json: Any) -> Number | None:
    """Read a JSON number with its written precision; None where it is none or beyond the model's limits."""
    if not isinstance(json, NumberText):
        return None
    try:
        return Number.from_text(json)
    except InvalidRecord:
        return None


def _decimal_out(value: Number, e: Emit, path: str) -> NumberText | None:
    if value.special is not None:
        e.loss(path, "special value where FHIR has a decimal")
        return None
    if value.literal is not None and not _JSON_NUMBER.fullmatch(value.literal):
        e.loss(path + ".literal", "not the syntax of a FHIR decimal")
    return number_out(value)


def _long_in(json: Any, p: Parse) -> int | None:
    return int(json) if isinstance(json, NumberText) and re.fullmatch(r"-?\d{1,40}", json) else None


DECIMAL: Final = Part("Decimal", _decimal_out, lambda json, p: number_from(json))
LONG: Final = Part("Decimal", lambda value, e, path: NumberText(value), _long_in)
"""An integer beyond FHIR's 32 bits, as a decimal."""


class Coded(Kind):
    """A canonical word as a code of a required value set, by a map; other words go to an extension beside it."""

    suffix = "Code"

    def __init__(self, codes: dict[str, str], words: dict[str, str] | None = None, fallback: str | None = None) -> None:
        self.codes, self.fallback = codes, fallback
        self.words = words if words is not None else {code: word for word, code in codes.items()}

    def put(self, out: Tree, key: str, value: Any, e: Emit, path: str) -> None:
        """Set the code; the word itself beside it where the code does not give it back."""
        code = self.codes.get(value, self.fallback)
        if code is not None:
            out[key] = code
        if self.words.get(code or "") != value:
            sibling: Tree = {}
            word = fhir_text(value, e, path)
            if word is not None:
                sibling["extension"] = [{"url": OWN + "native-code", "valueString": word}]
                out["_" + key] = sibling

    def get(self, tree: Tree, key: str, p: Parse) -> Any:
        """Read the word."""
        own = [entry.get("valueString") for entry in items(tree.get("_" + key), "extension")
               if entry.get("url") == OWN + "native-code"]  # fmt: skip
        return own[0] if own and type(own[0]) is str else self.words.get(text_of(tree, key) or "")


class OneOf(Coded):
    """A code of a required value set that the canonical field holds as it is."""

    def __init__(self, codes: frozenset[str], fallback: str | None = None) -> None:
        super().__init__({code: code for code in codes}, None, fallback)


def fhir_datetime(value: str) -> tuple[str | None, bool]:
    """Return what FHIR's ``dateTime`` can say of a time, and whether that is all of it.

    A time of day needs an offset there; without one only the date remains. Seconds that nobody stated are filled up
    with zeros (FHIR R4 2.24.0.1, dateTime: "may be zero-filled"). Of a fraction of a second nine digits are written,
    as later versions of FHIR demand.
    """
    match = _TIME.match(value)
    if match is None or match["year"] == "0000":
        return None, False
    month, day = int(match["month"] or 1), int(match["day"] or 1)
    if not (1 <= month <= 12 and 1 <= day <= monthrange(int(match["year"]), month)[1]):
        return None, False
    if match.end() != len(value) or (match["clock"] is not None and match["day"] is None):
        return match["date"], False
    if match["clock"] and not match["seconds"]:
        return f"{value[: match.start('zone')]}:00{match['zone']}", False
    if match["more"]:
        return value[: match.start("more")] + match["zone"], False
    return value, True


_CLOCK_ROWS: Final = (
    Row("kind", None, CODE, "kind"),
    Row("value", None, STRING, "value"),
    Row("resolution_ns", None, LONG, "resolution-ns"),
)


class Reference(Kind):
    """The id of a record as a reference."""

    suffix = "Reference"

    def __init__(self, *types: str) -> None:
        self.types = types

    def out(self, value: Any, e: Emit, path: str) -> Any:
        """Return the reference."""
        return {"reference": e.reference(self.types[0], value)}

    def into(self, json: Any, p: Parse) -> Any:
        """Return the id of the record."""
        text = text_of(json, "reference")
        return None if text is None else p.resolve(text, self.types)


class TextReference(Kind):
    """A reference that the model keeps as text."""

    suffix = "Reference"
    _LITERAL: Final = re.compile(r"(?:[A-Z][A-Za-z]+/[A-Za-z0-9.\-]{1,64}|https?://[!-~]+|urn:[!-~]+)")

    def out(self, value: Any, e: Emit, path: str) -> Any:
        """Return the reference, or the text as its display."""
        if self._LITERAL.fullmatch(value):
            return {"reference": value}
        text = fhir_text(value, e, path)
        return None if text is None else {"display": text}

    def into(self, json: Any, p: Parse) -> Any:
        """Return the text."""
        return text_of(json, "reference") or text_of(json, "display")


class NamedReference(Kind):
    """The id of a record as a reference; what is no id of ours stays the text that it was."""

    suffix = "Reference"

    def __init__(self, resource: str) -> None:
        self._record, self._text = Reference(resource), TextReference()

    def out(self, value: Any, e: Emit, path: str) -> Any:
        """Return the reference."""
        return (self._record if _CANONICAL.fullmatch(value) else self._text).out(value, e, path)

    def into(self, json: Any, p: Parse) -> Any:
        """Return the id of the record, else the text."""
        return self._record.into(json, p) or self._text.into(json, p)


TIME_ROWS: Final = (
    Row("native", None, STRING, OWN + "native-time"),
    Row("origin", None, CODE, OWN + "time-origin", "observed"),
    Row("device_clock", None, Complex(DeviceClock, _CLOCK_ROWS), OWN + "device-clock"),
    Row("clock_sync", None, Reference("Observation"), OWN + "clock-sync"),
    Row("uncertainty_ns", None, LONG, OWN + "uncertainty-ns"),
    Row("flags", None, Many(CODE), OWN + "time-flag"),
)
"""Facets of an instant; they stand on the primitive itself."""


class Time(Kind):
    """An instant as ``dateTime``, ``instant`` or ``date``; the exact text beside it where FHIR cannot say it."""

    def __init__(self, suffix: str) -> None:
        self.suffix = suffix

    def _fits(self, text: str | None, exact: bool) -> str | None:
        if text is None:
            return None
        if self.suffix == "Instant":
            return text if exact and "T" in text else None
        return text[:10] if self.suffix == "Date" else text

    def put(self, out: Tree, key: str, value: Any, e: Emit, path: str) -> None:
        """Set the element and what it cannot hold."""
        text = self._fits(*fhir_datetime(value.value))
        sibling: Tree = {}
        if text is not None:
            out[key] = text
        if text != value.value:
            sibling["extension"] = [{"url": OWN + "exact-time", "valueString": value.value}]
        emit_rows(TIME_ROWS, value, sibling, e, path + ".")
        if sibling:
            out["_" + key] = sibling

    def get(self, tree: Tree, key: str, p: Parse) -> Any:
        """Read an instant."""
        sibling = tree.get("_" + key)
        values: Tree = {"value": text_of(tree, key)}
        if isinstance(sibling, dict):
            values |= parse_rows(TIME_ROWS, sibling, p)
            for entry in items(sibling, "extension"):
                if entry.get("url") == OWN + "exact-time":
                    values["value"] = entry.get("valueString")
        return None if values["value"] is None else build(Instant, values)


DATE_TIME: Final = Time("DateTime")
INSTANT: Final = Time("Instant")
DATE: Final = Time("Date")
