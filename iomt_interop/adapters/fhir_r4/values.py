"""``value[x]``, ``effective[x]`` and ``dataAbsentReason``: one canonical value in the one of FHIR's types that fits."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Callable
from typing import Any, Final

from ...model import (
    Absent,
    AttachmentValue,
    BitSetValue,
    BooleanValue,
    CodedValue,
    Concept,
    Day,
    Instant,
    Interval,
    TextValue,
    TimeOfDayValue,
    TimeValue,
)
from ...terminology import bits, systems
from .datatypes import CODEABLE, CODING, QUANTITY, RANGE, RATIO
from .fields import (
    Emit,
    Kind,
    Many,
    Parse,
    Part,
    Row,
    build,
    emit_rows,
    extension,
    nest,
    parse_rows,
    read_own,
    text_of,
    unnest,
)
from .jsontext import Tree
from .scalars import BOOLEAN, CODE, DATE_TIME, STRING, URI, fhir_text
from .tables import ABSENT_CODES, ABSENT_DISPLAY, ABSENT_OF, OWN, SPECIAL_REASON

__all__ = ["ATTACHMENT", "PERIOD", "bit_components", "bits_from", "put_absent", "put_time", "put_value", "take_absent",
           "take_time", "take_value"]  # fmt: skip

# ---- Time as dateTime or Period


def _in_order(start: Instant, end: Instant) -> bool:
    """Tell whether FHIR can compare the ends of a period and finds them in order (per-1)."""
    if start.precision in _DAYS or end.precision in _DAYS:
        return start.precision == end.precision and start.value <= end.value
    first, last = start.utc_ns, end.utc_ns
    return first is not None and last is not None and first <= last


_DAYS: Final = frozenset({"year", "month", "day"})
_PERIOD_ROWS: Final = (Row("start", "start", DATE_TIME), Row("end", "end", DATE_TIME))


def _put_ends(out: Tree, value: Interval, e: Emit, path: str) -> None:
    """Set start and end; an end that FHIR would not find behind the start as an exact text alone."""
    emit_rows(_PERIOD_ROWS, value, out, e, path + ".")
    if value.start is None or value.end is None or not {"start", "end"} <= out.keys():
        return
    written = [Instant(value=out[key]) for key in ("start", "end")]
    if not _in_order(*written):
        del out["end"]
        facets = out.setdefault("_end", {}).setdefault("extension", [])
        if not any(facet["url"] == OWN + "exact-time" for facet in facets):
            facets.insert(0, {"url": OWN + "exact-time", "valueString": value.end.value})


def put_time(out: Tree, base: str, value: Any, e: Emit, path: str) -> None:
    """Set ``<base>DateTime`` or ``<base>Period``."""
    if isinstance(value, Interval):
        period: Tree = {}
        _put_ends(period, value, e, path)
        if period:
            out[base + "Period"] = period
        else:
            e.loss(path, "interval without ends")
        return
    key = base + "DateTime"
    if isinstance(value, Day):
        DATE_TIME.put(out, key, Instant(value=value.value), e, path)
        extension(out.setdefault("_" + key, {}), OWN + "calendar-day", STRING, value.zone or "local", e, path + ".zone")
    else:
        DATE_TIME.put(out, key, value, e, path)


def take_time(tree: Tree, base: str, p: Parse) -> Any:
    """Read ``<base>DateTime``, ``<base>Instant`` or ``<base>Period``."""
    key = base + "DateTime"
    zone = read_own(tree.get("_" + key), OWN + "calendar-day", STRING, p)
    if zone is not None:
        instant = DATE_TIME.get(tree, key, p)
        return (
            None if instant is None else build(Day, {"value": instant.value, "zone": None if zone == "local" else zone})
        )
    period = tree.get(base + "Period")
    if isinstance(period, dict):
        values = parse_rows(_PERIOD_ROWS, period, p)
        return build(Interval, values) if values else None
    return DATE_TIME.get(tree, key, p)


class _Period(Kind):
    """Any canonical time as a Period element; its shape beside it where it was no interval."""

    suffix = "Period"

    def put(self, out: Tree, key: str, value: Any, e: Emit, path: str) -> None:
        """Set the element."""
        if isinstance(value, Interval):
            inner: Tree = {}
            _put_ends(inner, value, e, path)
        else:
            inner = {}
            put_time(inner, "value", value, e, path)
            entry = nest(OWN + "time", inner)
            inner = {} if entry is None else {"extension": [entry]}
        if inner:
            out[key] = inner
        elif isinstance(value, Interval):
            e.loss(path, "interval without ends")

    def into(self, json: Any, p: Parse) -> Any:
        """Return the time."""
        if not isinstance(json, dict):
            return None
        own = [
            entry for entry in json.get("extension", ()) if isinstance(entry, dict) and entry.get("url") == OWN + "time"
        ]
        if own:
            return take_time(unnest(own[0]), "value", p)
        values = parse_rows(_PERIOD_ROWS, json, p)
        return build(Interval, values) if values else None


PERIOD: Final = _Period()

# ---- Attachment

_BASE64: Final = re.compile(r"[A-Za-z0-9+/]*={0,2}")


def _attachment_out(value: AttachmentValue, e: Emit, path: str) -> Tree | None:
    out: Tree = {}
    emit_rows(_ATTACHMENT_ROWS, value, out, e, path + ".")
    if value.data is not None and "contentType" not in out:
        extension(out, OWN + "no-media-type", BOOLEAN, True, e, path)
        out["contentType"] = "application/octet-stream"  # att-1: data needs a type
    return out or None


def _attachment_in(json: Any, p: Parse) -> AttachmentValue | None:
    if not isinstance(json, dict):
        return None
    values = parse_rows(_ATTACHMENT_ROWS, json, p)
    if read_own(json, OWN + "no-media-type", BOOLEAN, p):
        values.pop("media_type", None)
    return build(AttachmentValue, values) if values else None


def _base64_in(json: Any, p: Parse) -> bytes | None:
    if type(json) is not str or not _BASE64.fullmatch(json):
        return None
    try:
        return b64decode(json, validate=True)
    except Base64Error:
        return None


BASE64: Final = Part("Base64Binary", lambda value, e, path: b64encode(value).decode() or None, _base64_in)
_ATTACHMENT_ROWS: Final = (
    Row("media_type", "contentType", CODE),
    Row("data", "data", BASE64),
    Row("url", "url", URI),
    Row("title", "title", STRING),
    Row("native", None, STRING, OWN + "native"),
)
ATTACHMENT: Final = Part("Attachment", _attachment_out, _attachment_in)

# ---- value[x]

_CLOCK: Final = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d+)?")


def _put_coded(out: Tree, base: str, value: CodedValue, e: Emit, path: str) -> None:
    if not value.concepts:
        e.loss(path, "no code")
        return
    CODEABLE.put(out, base + "CodeableConcept", value.concepts[0], e, path + ".concepts[0]")
    inner = out.get(base + "CodeableConcept")
    if inner is not None:
        extension(inner, OWN + "further-value", Many(CODEABLE), value.concepts[1:], e, path + ".concepts")


def _put_text(out: Tree, base: str, value: TextValue, e: Emit, path: str) -> None:
    sibling: Tree = {}
    text = fhir_text(value.text, e, path + ".text") if value.text else None
    if text is not None:
        out[base + "String"] = text
    elif not value.text:
        extension(sibling, OWN + "empty-text", BOOLEAN, True, e, path)
    if value.format is not None:
        extension(sibling, OWN + "text-format", STRING, value.format, e, path + ".format")
    if sibling:
        out[f"_{base}String"] = sibling


def _put_clock(out: Tree, base: str, value: TimeOfDayValue, e: Emit, path: str) -> None:
    sibling: Tree = {}
    if _CLOCK.fullmatch(value.value):
        out[base + "Time"] = value.value
    else:
        extension(sibling, OWN + "exact-time", STRING, value.value, e, path + ".value")
    if value.native is not None:
        extension(sibling, OWN + "native-time", STRING, value.native, e, path + ".native")
    if sibling:
        out[f"_{base}Time"] = sibling


def _put_boolean(out: Tree, base: str, value: BooleanValue, e: Emit, path: str) -> None:
    out[base + "Boolean"] = value.value


def _put_moment(out: Tree, base: str, value: TimeValue, e: Emit, path: str) -> None:
    put_time(out, base, value.time, e, path + ".time")


def _whole(kind: Kind) -> Callable[[Tree, str, Any, Emit, str], None]:
    def put(out: Tree, base: str, value: Any, e: Emit, path: str) -> None:
        kind.put(out, base + kind.suffix, value, e, path)

    return put


def _put_extension(name: str, kind: Kind) -> Callable[[Tree, str, Any, Emit, str], None]:
    """Return a rule for a value that R4 has no ``value[x]`` type for."""

    def put(out: Tree, base: str, value: Any, e: Emit, path: str) -> None:
        extension(out, OWN + name, kind, value, e, path)

    return put


def _bits_text(value: BitSetValue, e: Emit, path: str) -> str:
    return f"{value.width}:{value.bits:x}" + ("" if value.mask is None else f":{value.mask:x}")


def _bits_of_text(json: Any, p: Parse) -> Any:
    match = re.fullmatch(r"(8|16|24|32|64):([0-9a-f]{1,16})(?::([0-9a-f]{1,16}))?", json) if type(json) is str else None
    if match is None:
        return None
    mask = None if match[3] is None else int(match[3], 16)
    return build(BitSetValue, {"width": int(match[1]), "bits": int(match[2], 16), "mask": mask})


BIT_STRING: Final = Part("String", _bits_text, _bits_of_text)

_PUT: Final[dict[str, Callable[[Tree, str, Any, Emit, str], None]]] = {
    "quantity": _whole(QUANTITY), "range": _whole(RANGE), "ratio": _whole(RATIO), "coded": _put_coded,
    "text": _put_text, "boolean": _put_boolean, "time": _put_moment, "time-of-day": _put_clock,
    "attachment": _put_extension("value-attachment", ATTACHMENT), "bits": _put_extension("bit-string", BIT_STRING),
}  # fmt: skip


def put_value(out: Tree, value: Any, e: Emit, path: str, base: str = "value") -> None:
    """Set ``value[x]``; a bit string and an attachment, which R4 has no type for, as an extension."""
    _PUT[value.type](out, base, value, e, path)


def take_value(tree: Tree, p: Parse, base: str = "value") -> Any:
    """Read ``value[x]``, or None."""
    for name, own in (("bit-string", BIT_STRING), ("value-attachment", ATTACHMENT)):
        found = read_own(tree, OWN + name, own, p)
        if found is not None:
            return found
    kinds: tuple[Kind, ...] = (QUANTITY, RANGE, RATIO)
    for kind in kinds:
        found = kind.get(tree, base + kind.suffix, p)
        if found is not None:
            return found
    for take in (_take_coded, _take_text, _take_boolean, _take_clock):
        found = take(tree, base, p)
        if found is not None:
            return found
    moment = take_time(tree, base, p)
    return None if moment is None else TimeValue(time=moment)


def _take_coded(tree: Tree, base: str, p: Parse) -> CodedValue | None:
    json = tree.get(base + "CodeableConcept")
    first = CODEABLE.into(json, p)
    if first is None:
        return None
    return CodedValue(concepts=(first, *read_own(json, OWN + "further-value", Many(CODEABLE), p)))


def _take_text(tree: Tree, base: str, p: Parse) -> TextValue | None:
    sibling = tree.get(f"_{base}String")
    text = text_of(tree, base + "String")
    if text is None and read_own(sibling, OWN + "empty-text", BOOLEAN, p):
        text = ""
    return None if text is None else TextValue(text=text, format=read_own(sibling, OWN + "text-format", STRING, p))


def _take_boolean(tree: Tree, base: str, p: Parse) -> BooleanValue | None:
    json = tree.get(base + "Boolean")
    return BooleanValue(value=json) if isinstance(json, bool) else None


def _take_clock(tree: Tree, base: str, p: Parse) -> TimeOfDayValue | None:
    sibling = tree.get(f"_{base}Time")
    text = read_own(sibling, OWN + "exact-time", STRING, p) or text_of(tree, base + "Time")
    return (
        None if text is None else TimeOfDayValue(value=text, native=read_own(sibling, OWN + "native-time", STRING, p))
    )


# ---- dataAbsentReason


def put_absent(out: Tree, value: Any, e: Emit, path: str) -> None:
    """Set ``dataAbsentReason`` from an absence or a special value."""
    reason = value.reason if isinstance(value, Absent) else SPECIAL_REASON[value.special]
    code = ABSENT_CODES[reason]
    concept: Tree = {"coding": [{"system": systems.ABSENT_REASON, "code": code, "display": ABSENT_DISPLAY[code]}]}
    if isinstance(value, Absent):
        own = value.concept
        if own is not None:
            more = CODEABLE.out(own, e, path + ".concept") or {}
            concept["coding"] += more.get("coding", [])
            concept |= {key: more[key] for key in ("text",) if key in more}
        if value.native is not None:
            extension(concept, OWN + "native", STRING, value.native, e, path + ".native")
    if ABSENT_OF.get(code) != reason:
        extension(concept, OWN + "absent-reason", CODE, reason, e, path + ".reason")
    out["dataAbsentReason"] = concept


def take_absent(tree: Tree, p: Parse) -> Any:
    """Read ``dataAbsentReason``."""
    json = tree.get("dataAbsentReason")
    if not isinstance(json, dict):
        return None
    codings = list(Many(CODING).get(json, "coding", p) or ())
    known = next((coding for coding in codings if coding.system == systems.ABSENT_REASON), None)
    reason = read_own(json, OWN + "absent-reason", CODE, p) or ABSENT_OF.get((known and known.code) or "", "unknown")
    rest, text = tuple(coding for coding in codings if coding is not known), text_of(json, "text")
    concept = Concept(codings=rest, text=text) if rest or text is not None else None
    return build(Absent, {"reason": reason, "concept": concept, "native": read_own(json, OWN + "native", STRING, p)})


# ---- Bit strings as components (PHD guide, BITs enumerations)


def bit_components(value: BitSetValue, mdc: int) -> list[Tree]:
    """Return one component per bit: a state always, an event or an unnamed bit when it is set.

    A bit that the device does not support says nothing (PHD guide, PhdBitsEnumerationObservation).
    """
    named = {bit.bit: bit for bit in bits.bits_of(mdc)}
    found: list[Tree] = []
    for position in range(value.width):
        bit, is_set = named.get(position), value.is_set(position)
        if value.mask is not None and not value.mask >> (value.width - 1 - position) & 1 and not is_set:
            continue
        if not is_set and (bit is None or bit.kind == "event"):
            continue
        coding = {"system": systems.ASN1_TO_HL7, "code": f"{mdc}.{position}"}
        found.append({
            "code": {"coding": [coding if bit is None else {**coding, "display": bit.name}]},
            "valueBoolean": is_set,
        })  # fmt: skip
    return found


def bits_from(value: BitSetValue, components: list[Tree], mdc: int) -> list[Tree]:
    """Return the components that :func:`bit_components` does not account for."""
    made = bit_components(value, mdc)
    return [component for component in components if component not in made]
