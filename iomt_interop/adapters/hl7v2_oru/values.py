"""OBX-5 by the data type of OBX-2, one repetition at a time.

A value that is not what its type says becomes text, with a doubt; nothing is rounded, completed or guessed.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, cast

from ...errors import InvalidRecord
from ...model import Absent, AttachmentValue, CodedValue, Mould, Quantity, Range, Ratio, TextValue, TimeValue, Value
from ...model.number import Comparator, format_decimal, parse_decimal
from .codes import Unit, concept
from .ledger import NULL, Node
from .tables import CODED_TYPES, COMPARATORS, EMPTY_NUMBERS, TEXT_TYPES, TIME_TYPES
from .times import instant, interval, time_of_day

__all__ = ["Task", "quantity", "quantity_of", "reference_range", "value"]

_DECIMAL_COMMA: Final = re.compile(r"[+-]?[0-9]+,[0-9]{1,2}")
_RANGE: Final = re.compile(r"\s*([+-]?[0-9]*\.?[0-9]+)\s*[-^]\s*([+-]?[0-9]*\.?[0-9]+)\s*")
_LIMIT: Final = re.compile(r"\s*(<=|>=|<|>)\s*([+-]?[0-9]*\.?[0-9]+)\s*")
_MEDIA: Final = re.compile(r"[a-z]{1,20}/[a-z0-9.+-]{1,60}")
_MEDIA_KINDS: Final = {"AP": "application", "AU": "audio", "IM": "image", "TX": "text"}


@dataclass(frozen=True, slots=True)
class Task:
    """How to read a value.

    Attributes
    ----------
    kind : str
        OBX-2.
    unit : Unit
        OBX-6.
    sentinels : frozenset of str
        Numbers that mean no measurement for this sender.
    doubt : callable
        Takes the code of each doubt.
    """

    kind: str
    unit: Unit
    sentinels: frozenset[str]
    doubt: Callable[[str], None]


def value(node: Node, task: Task) -> Value:
    """Return the value of one filled repetition of OBX-5."""
    if node.raw == NULL:
        return Absent(reason="null", native=node.take_raw())
    # A composite of no special meaning here (EI, CX, XPN, ...) and a type that no version knows: verbatim.
    return _READERS.get(task.kind, _verbatim)(node, task)


def quantity(text: str, unit: Unit, comparator: Comparator | None = None) -> Quantity | None:
    """Return an amount as written, ``None`` when the text is no number. Blanks around it are kept as its literal."""
    try:
        mantissa, exponent = parse_decimal(text.strip(" "))
    except InvalidRecord:
        return None
    return Quantity.of_valid(
        {
            "mantissa": mantissa,
            "exponent": exponent,
            "literal": None if format_decimal(mantissa, exponent) == text else text,
            "comparator": comparator,
            "unit": unit.ucum,
            "native_unit": unit.native,
        }
    )


def quantity_of(text: str, mould: Mould[Quantity]) -> Quantity | None:
    """Return an amount in the unit of another, as :func:`quantity` does; ``None`` for blanks around it as well."""
    try:
        mantissa, exponent = parse_decimal(text)
    except InvalidRecord:
        return None
    literal = None if format_decimal(mantissa, exponent) == text else text
    return mould.cast({"mantissa": mantissa, "exponent": exponent, "literal": literal})


def _verbatim(node: Node, task: Task) -> TextValue:
    return TextValue(text=node.take_raw(), format=task.kind or None)


def _doubtful(node: Node, task: Task, code: str) -> TextValue:
    task.doubt(code)
    return _verbatim(node, task)


def _numeric(node: Node, task: Task) -> Value:
    """Read an NM in the standard's form and in the forms that displays and middleware make of it."""
    text = node.raw
    plain = text.strip(" ")
    if plain in task.sentinels:
        return Absent(reason="invalid", native=node.take_raw())
    found = quantity(text, task.unit)
    if found is None:
        if plain in EMPTY_NUMBERS:
            return Absent(reason=EMPTY_NUMBERS[plain], native=node.take_raw())
        found = _unusual_number(plain, task.unit)
        if found is None:
            return _doubtful(node, task, "ORU-202")
        task.doubt("ORU-202")
        found = found.replace(literal=text)
    node.take_raw()
    return found


def _unusual_number(plain: str, unit: Unit) -> Quantity | None:
    """Read a number behind a comparator, or with a decimal comma where it cannot be a thousands separator."""
    for comparator in COMPARATORS:
        if plain.startswith(comparator):
            return quantity(plain[len(comparator) :].strip(" "), unit, comparator)
    return quantity(plain.replace(",", "."), unit) if _DECIMAL_COMMA.fullmatch(plain) else None


def _structured(node: Node, task: Task) -> Value:
    """Read an SN: comparator, number, separator, number (2.A.71); a sign that is no comparator stays an extension."""
    sign, first, separator, second = (node[i].peek() for i in range(1, 5))
    low, high = (None if text is None else quantity(text, task.unit) for text in (first, second))
    found: Value | None = None
    if low is None or len(node.children) > 4:
        return _doubtful(node, task, "ORU-202")
    if separator == "+" and sign is second is None:  # a graded response (2+): a text, as the standard means it
        return _verbatim(node, task)
    if separator is second is None and (sign in (None, "=") or sign in COMPARATORS):
        found = low if sign in (None, "=") else low.replace(comparator=sign)
    elif high is not None and sign != "<>" and separator in (":", "/"):
        known = low.replace(comparator=sign) if sign in COMPARATORS else low
        found = Ratio(numerator=known, denominator=high)
    elif high is not None and sign not in ("<>", *COMPARATORS) and separator == "-":
        found = Range(low=low, high=high)
    if found is None:
        return _doubtful(node, task, "ORU-202")
    odd = sign is not None and sign not in COMPARATORS
    if odd and sign != "=":
        task.doubt("ORU-202")
    for number in range(1 + odd, 5):
        if number != 3 or not isinstance(found, Ratio):
            node[number].take()
    return found


def _numeric_range(node: Node, task: Task) -> Value:
    """Read an NR (2.A.47)."""
    limits = [None if (text := node[i].peek()) is None else quantity(text, task.unit) for i in (1, 2)]
    if limits == [None, None] or len(node.children) > 2:
        return _doubtful(node, task, "ORU-202")
    for number, limit in enumerate(limits, 1):
        if limit is not None:
            node[number].take()
    return Range(low=limits[0], high=limits[1])


def _coded(node: Node, task: Task) -> Value:
    found = concept(node)
    return _verbatim(node, task) if found is None else CodedValue(concepts=(found,))


def _text(node: Node, task: Task) -> Value:
    if not node.raw.strip(" "):
        return Absent(reason="unknown", native=node.take_raw())  # how a display shows that there is nothing
    text = node.take_whole()
    return TextValue(text=node.raw if text is None else text, format=task.kind)


def _time(node: Node, task: Task) -> Value:
    text = node.peek()
    found = None if text is None else instant(text, node.syntax, "stated")
    if found is None:
        return _doubtful(node, task, "ORU-203")
    node.take()
    return TimeValue(time=found)


def _period(node: Node, task: Task) -> Value:
    found = interval(node, "stated")
    return _doubtful(node, task, "ORU-203") if found is None else TimeValue(time=found)


def _time_of_day(node: Node, task: Task) -> Value:
    found = time_of_day(node.peek() or "")
    if found is None:
        return _doubtful(node, task, "ORU-203")
    node.take()
    return found


def _encapsulated(node: Node, task: Task) -> Value:
    """Read an ED: source, type, subtype, encoding, data (2.A.24)."""
    kind, subtype, encoding, data = (node[i].peek() for i in range(2, 6))
    found = None if data is None else _octets(encoding, data, node.syntax.escape)
    if found is None:
        if data is not None:
            task.doubt("ORU-204")
        return AttachmentValue(native=node.take_raw())
    if _rendered(encoding, found) == data:
        node[5].take()
    return AttachmentValue(media_type=_media_type(kind, subtype), data=found)


def _octets(encoding: str | None, data: str, mark: str) -> bytes | None:
    """Decode data; lines may be broken in them, by the sequence for it too, and the encoding's case is no matter."""
    kind = (encoding or "").lower()
    whole = data.replace(f"{mark}.br{mark}", "") if mark else data
    try:
        if kind == "base64":
            return b64decode("".join(whole.split()), validate=True)
        if kind == "hex":
            return bytes.fromhex(whole)
    except (binascii.Error, ValueError):
        return None
    return data.encode() if encoding == "A" else None


def _rendered(encoding: str | None, data: bytes) -> str | None:
    if encoding == "Base64":
        return binascii.b2a_base64(data, newline=False).decode("ascii")
    return data.hex().upper() if encoding == "Hex" else None


def _media_type(kind: str | None, subtype: str | None) -> str | None:
    """Return the media type that tables 0834 and 0291 make up, where they do; the codes stay extensions."""
    found = f"{_MEDIA_KINDS.get(kind or '', kind)}/{subtype}".lower()
    return found if kind is not None and subtype is not None and _MEDIA.fullmatch(found) else None


def _pointer(node: Node, task: Task) -> Value:
    """Read an RP: the pointer; application and types stay extensions (2.A.68)."""
    url = node[1].take()
    if url is None:
        return AttachmentValue(native=node.take_raw())
    return AttachmentValue(url=url, media_type=_media_type(node[3].peek(), node[4].peek()))


def _placeholder(node: Node, task: Task) -> Value:
    """Read what stands in the place of samples (NA, MA) and is none."""
    task.doubt("ORU-205")
    return Absent(reason="as-text", native=node.take_raw())


_READERS: Final[dict[str, Callable[[Node, Task], Value]]] = {
    "NM": _numeric,
    "SN": _structured,
    "NR": _numeric_range,
    "TM": _time_of_day,
    "DR": _period,
    "ED": _encapsulated,
    "RP": _pointer,
    "NA": _placeholder,
    "MA": _placeholder,
    **dict.fromkeys(TEXT_TYPES, _text),
    **dict.fromkeys(CODED_TYPES, _coded),
    **dict.fromkeys(TIME_TYPES, _time),
}


def reference_range(raw: str, unit: Unit) -> Range:
    """Read OBX-7: ``50-120``, ``40^200``, ``>98``; whatever it says, its text is kept."""
    both, one = _RANGE.fullmatch(raw), _LIMIT.fullmatch(raw)
    low = high = None
    if both is not None:
        low, high = quantity(both[1], unit), quantity(both[2], unit)
    elif one is not None:
        limit = quantity(one[2], unit, cast(Comparator, one[1]))
        low, high = (limit, None) if one[1].startswith(">") else (None, limit)
    return Range(low=low, high=high, text=raw)
