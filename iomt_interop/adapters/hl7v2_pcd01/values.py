"""OBX-2, OBX-5 and OBX-6 of a value."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from ...model import (
    Absent,
    AttachmentValue,
    BitSetValue,
    BooleanValue,
    CodedValue,
    Coding,
    Concept,
    Day,
    Instant,
    Interval,
    Quantity,
    Range,
    Ratio,
    TextValue,
    TimeOfDayValue,
    TimeValue,
    Value,
)
from ...terminology import mdc, systems, units
from ...terminology.bits import BIT_WIDTHS, bit_text
from ...wire.hl7v2 import NULL
from ...wire.hl7v2.compose import components, is_verbatim, leaf, repetitions
from .datatypes import Lost, Same, coded, concept_list, dtm, nm
from .tables import ABSENCE_FLAGS, HL7_TYPES, VERBATIM_TYPES

__all__ = ["Said", "range_text", "repeated", "say", "unit_text"]

_TM: Final = re.compile(r"\d\d(?:\d\d(?:\d\d(?:\.\d{1,4})?)?)?(?:[+-]\d{4})?", re.ASCII)
_DELIMITED: Final = re.compile(r"[~^&]")
_LINE: Final = 199
"""ST holds up to so many characters (2.A.75); a longer text is TX."""
_COMPARATORS: Final = frozenset({"<", "<=", ">", ">=", "<>"})
_MEDIA: Final = {"application": "AP", "audio": "AU", "image": "IM", "text": "TX"}
_SPECIALS: Final[dict[str, str]] = {"nan": "NAV", "nres": "NAV", "reserved": "INV", "+inf": ">", "-inf": "<"}


class Said(NamedTuple):
    """What a value becomes."""

    kind: str
    """OBX-2."""
    text: str
    """OBX-5."""
    unit: str = ""
    """OBX-6."""
    flag: str = ""
    """Repetition of OBX-8 that says why there is no value."""


_NOTHING: Final = Said("", "")


def unit_text(ucum: str | None, native: Coding | None, whole: Concept | None = None, *, own: bool = False) -> str:
    """Return OBX-6: the MDC unit with UCUM as its alternate; as the source wrote it where it wrote one.

    Parameters
    ----------
    ucum : str or None
        UCUM code of the unit.
    native : Coding or None
        The source's own unit.
    whole : Concept or None
        All codings of the unit that the metric states.
    own : bool
        Whether the source was HL7 v2: a unit of which it named UCUM alone stays so.
    """
    if native is None and ucum is None:
        return ""
    return _unit_text(ucum, Same(native), Same(whole), own)


@lru_cache(4096)
def _unit_text(ucum: str | None, same_native: Same, same_whole: Same, own: bool) -> str:
    native: Coding | None = same_native.value
    whole: Concept | None = same_whole.value
    bare = Coding(system=systems.UCUM, code=ucum)
    if whole is not None and whole.codings and whole.codings[0] == (native or bare):
        return coded(whole).text
    if native is None and own:
        return coded(Concept(codings=(bare,))).text
    if native is None and ucum is not None:
        number = units.mdc_unit_of(ucum)
        if number is not None and units.ucum_of(number) == ucum:
            native = Coding(system=systems.MDC, code=str(number), refid=mdc.refid_of(number))
        else:
            return coded(Concept(codings=(bare.replace(display=ucum),))).text
    assert native is not None
    if ucum is None or native.system == systems.UCUM:
        return coded(Concept(codings=(native,))).text
    return coded(Concept(codings=(native, bare.replace(display=ucum)))).text


def say(
    value: Value | None, native_type: str | None, lost: Lost, *, unit: Concept | None = None, own: bool = False,
    code: Concept | None = None,
) -> Said:  # fmt: skip
    """Return what a value becomes in OBX.

    Parameters
    ----------
    value : Value or None
        The value.
    native_type : str or None
        OBX-2 of the source, where it was a message.
    lost : callable
        Told of what cannot be said.
    unit : Concept or None
        All codings of the metric's unit.
    own : bool
        Whether the source was HL7 v2, so that its verbatim texts can stand here.
    code : Concept or None
        What is observed; it gives the bits of a string their names.
    """
    kind = native_type or ""
    match value:
        case None:
            return Said(kind if own and kind else "", "")
        case Quantity():
            return _quantity(value, kind, lost, unit, own)
        case TextValue():
            return _text(value, kind if own else "", lost)
        case CodedValue():
            return Said(_kept(kind, "coded", "CWE"), concept_list(value.concepts, lost, "value"))
        case Range():
            return _range(value, kind, lost, unit, own)
        case Ratio():
            return _ratio(value, lost, unit, own)
        case TimeValue():
            return _time(value.time, kind, lost)
        case TimeOfDayValue():
            native = value.native if value.native and _TM.fullmatch(value.native) else None
            return Said("TM", leaf(native or value.value.replace(":", "")))
        case AttachmentValue():
            return _attachment(value, own, lost)
        case Absent():
            return _absent(value, kind if own else "", lost)
        case BooleanValue():
            lost("value", "a truth value becomes a code of table 0136")
            return Said("CWE", "Y^Yes^HL70136" if value.value else "N^No^HL70136")
        case BitSetValue():
            return Said(_kept(kind, "coded", "CWE"), _bits(value, code, lost))


def _bits(value: BitSetValue, code: Concept | None, lost: Lost) -> str:
    """Return a bit string as the bits that the device supports, and the last one where it has to tell the length."""
    coding = None if code is None else code.coding(systems.MDC)
    number = None if coding is None else mdc.code_of(coding.refid or "")
    whole = (1 << value.width) - 1
    mask = whole if value.mask is None else value.mask
    if value.mask == whole:
        lost("value.mask", "a device that supports all bits is as one that does not say")
    if value.bits & ~mask:
        lost("value.bits", "bits that the device does not support have no place")
    if not mask & whole:
        lost("value", "a bit string without a supported bit says nothing")
        return ""
    told = [p for p in range(value.width) if mask >> (value.width - 1 - p) & 1]
    texts = [
        components(str(value.bits >> (value.width - 1 - position) & 1), leaf(bit_text(number, position)))
        for position in told
    ]
    if next(width for width in BIT_WIDTHS if width > told[-1]) != value.width:
        texts.append(components("", leaf(bit_text(number, value.width - 1))))
    return repetitions(texts)


def _kept(kind: str, family: str, default: str) -> str:
    return kind if kind in HL7_TYPES[family] else default


def _quantity(value: Quantity, kind: str, lost: Lost, unit: Concept | None, own: bool) -> Said:
    text = nm(value, lost, "value")
    measure = unit_text(value.unit, value.native_unit, unit, own=own)
    if value.special is not None:
        lost("value.special", "NM has no special values")
        return Said("", "", measure, _SPECIALS[value.special])
    sign = value.comparator
    if sign is not None and sign not in _COMPARATORS:
        lost("value.comparator", "SN has no such comparator")
        sign = None
    if sign is not None or kind == "SN":
        return Said("SN", components(leaf(sign), text), measure)
    return Said("NM", text, measure)


def _text(value: TextValue, kind: str, lost: Lost) -> Said:
    kind = value.format or kind
    if not value.text:
        lost("value.text", "an empty text is no value in a message")
        return _NOTHING
    if kind in VERBATIM_TYPES and is_verbatim(value.text):
        return Said(kind, value.text)
    formatted = kind in ("FT", "TX")
    if kind not in HL7_TYPES["text"]:
        if value.format is not None and kind:
            lost("value.format", "the text is not what its type says")
        kind = "ST" if len(value.text) <= _LINE else "TX"
    return Said(kind, leaf(value.text, formatted=formatted))


def _range(value: Range, kind: str, lost: Lost, unit: Concept | None, own: bool) -> Said:
    ends = [end for end in (value.low, value.high) if end is not None]
    if not ends:
        lost("value", "a range of text alone becomes text")
        return Said("ST", leaf(value.text)) if value.text else _NOTHING
    first = ends[0]
    if any((end.unit, end.native_unit) != (first.unit, first.native_unit) for end in ends):
        lost("value", "both ends of a range have one unit")
    if any(end.comparator for end in ends):
        lost("value", "the ends of a range have no comparator")
    low, high = ("" if end is None else nm(end, lost, "value") for end in (value.low, value.high))
    measure = unit_text(first.unit, first.native_unit, unit, own=own)
    if kind == "NR" or not (low and high):
        return Said("NR", components(low, high), measure)
    return Said("SN", components("", low, "-", high), measure)


def _ratio(value: Ratio, lost: Lost, unit: Concept | None, own: bool) -> Said:
    parts = value.numerator, value.denominator
    if len({(part.unit, part.native_unit) for part in parts}) > 1:
        lost("value.denominator.unit", "SN has one unit, for both numbers")
    if value.denominator.comparator:
        lost("value", "the second number of SN has no comparator")
    low, high = nm(value.numerator, lost, "value"), nm(value.denominator, lost, "value")
    if not low or not high:
        lost("value", "NM has no special values")
        return _NOTHING
    measure = unit_text(value.numerator.unit, value.numerator.native_unit, unit, own=own)
    return Said("SN", components(value.numerator.comparator or "", low, ":", high), measure)


def _time(value: Instant | Interval | Day, kind: str, lost: Lost) -> Said:
    if isinstance(value, Interval):
        ends = ("" if end is None else dtm(end, lost, "value") for end in (value.start, value.end))
        return Said("DR", components(*ends))
    if isinstance(value, Day):
        lost("value", "a day of a person's life becomes a date")
        return Said("DT", value.value.replace("-", ""))
    day = value.precision in ("year", "month", "day")
    return Said("DT" if day and kind in ("", "DT") else _kept(kind, "instant", "DTM"), dtm(value, lost, "value"))


def _attachment(value: AttachmentValue, own: bool, lost: Lost) -> Said:
    if value.title is not None:
        lost("value.title", "ED has no title")
    kind, _, subtype = (value.media_type or "").partition("/")
    codes = (_MEDIA.get(kind, kind.title()), subtype.upper() if kind == "application" else subtype)
    if value.data is not None:
        if value.url is not None:
            lost("value.url", "ED holds the octets alone")
        return Said("ED", components("", leaf(codes[0]), leaf(codes[1]), "Base64", b64encode(value.data).decode()))
    if value.url is not None:
        return Said("RP", components(leaf(value.url), "", leaf(codes[0]), leaf(codes[1])))
    if own and value.native is not None and is_verbatim(value.native):
        return Said("ED", value.native)
    lost("value", "an attachment without octets and address")
    return _NOTHING


def _absent(value: Absent, kind: str, lost: Lost) -> Said:
    if value.reason == "null":
        return Said(kind or "ST", NULL)
    if value.concept is not None:
        lost("value.concept", "a missing value has no code of its own")
    if kind and value.native is not None and is_verbatim(value.native):
        if kind in ("NA", "MA"):
            lost("value", "what stood in the place of samples becomes text")
            return Said("TX", leaf(value.native))
        return Said(kind, value.native)
    flag = ABSENCE_FLAGS.get(value.reason, "")
    if not flag:
        lost("value.reason", "OBX-8 has no code of this reason")
    return Said("", "", "", flag)


def range_text(found: Range, lost: Lost, *, own: bool = False) -> str:
    """Return OBX-7, which is one text: the source's own, else ``low-high``, ``>low`` or ``<high`` (7.4.2.7)."""
    plain = found.text is not None and not _DELIMITED.search(found.text)
    if found.text is not None and (plain or (found.low is None and found.high is None)):
        return found.text if own and is_verbatim(found.text) else leaf(found.text)
    low, high = ("" if end is None else nm(end, lost, "reference_ranges") for end in (found.low, found.high))
    if low and high:
        return f"{low}-{high}"
    if low and found.low is not None:
        return f"{found.low.comparator if found.low.comparator in ('>', '>=') else '>'}{low}"
    if high and found.high is not None:
        return f"{found.high.comparator if found.high.comparator in ('<', '<=') else '<'}{high}"
    return ""


def repeated(values: Sequence[Said]) -> Said:
    """Return several values of one type as the repetitions of one OBX-5."""
    return values[0]._replace(text=repetitions(each.text for each in values))
