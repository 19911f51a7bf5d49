"""SampledData: raw integers and an exact scale (FHIR R4 section 2.24.0.13; PHD guide, PhdRtsaObservation)."""

from __future__ import annotations

import re
from array import array
from dataclasses import dataclass
from fractions import Fraction
from math import isfinite
from typing import Any, Final

from ..._accel import load
from ...model import Channel, Number, Quantity, Range, Rational, Segment
from ...model.waveform import SAMPLE_TYPES
from .datatypes import CODEABLE, QUANTITY, RANGE
from .fields import Emit, Many, Parse, Row, emit_rows, extension, parse_rows, read_own, text_of
from .jsontext import NumberText, Tree
from .scalars import CODE, DATE_TIME, DECIMAL, LONG, STRING, Reference, number_from, number_out
from .tables import CORE, OWN

__all__ = ["METRIC_ROW", "Sampled", "sampled_in", "sampled_out"]

sample_text = load("fhirjson").sample_text

_INTEGERS: Final = ("i1", "i2", "i4", "i8")
_ENOUGH: Final = 40
"""Digits of a period that has no finite decimal form; the exact proportion stands beside it."""

CHANNEL_ROWS: Final = (
    Row("raw_range", None, Many(LONG), OWN + "raw-range"),
    Row("resolution", None, DECIMAL, OWN + "resolution"),
    Row("significant_bits", None, LONG, OWN + "significant-bits"),
    Row("filters", None, Many(STRING), OWN + "filter"),
    Row("site", None, CODEABLE, OWN + "body-site"),
    Row("handle", None, STRING, OWN + "handle"),
)
METRIC_ROW: Final = Row("metric", None, Reference("DeviceMetric"), OWN + "metric")
SEGMENT_ROWS: Final = (
    Row("start", None, DATE_TIME, OWN + "start"),
    Row("start_index", None, LONG, OWN + "start-index", 0),
    Row("dtype", None, CODE, OWN + "sample-type"),
)
_MARK_OF: Final = {"E": 2, "L": 3, "U": 4}
_TOKENS: Final = re.compile(r"[ \t\r\n\f\v\u00a0\u2000-\u200a\u202f\u3000]+")
_DIGITS: Final = re.compile(r"(-?[0-9]{1,19})(?:\.([0-9]{1,18}))?")


@dataclass(frozen=True, slots=True, repr=False)
class Sampled:
    """One signal read from SampledData."""

    channel: dict[str, Any]
    segment: dict[str, Any]
    decimals: int
    """Digits behind the point in the text."""
    recovered: bool
    """Whether the samples were not separated as FHIR demands."""


def sampled_out(channel: Channel, segment: Segment | None, decimals: int, e: Emit, path: str) -> Tree:
    """Write one signal.

    Parameters
    ----------
    channel : Channel
        The signal.
    segment : Segment or None
        Its samples.
    decimals : int
        Digits that stand behind the decimal point in the text rather than in ``factor``.
    """
    out: Tree = {"origin": _origin(channel, e, path)}
    _put_period(out, channel, e)
    factor = channel.factor
    if decimals:
        factor = Number(mantissa=factor.mantissa, exponent=factor.exponent + decimals)
    if factor.special is not None:
        e.loss(path + "factor", "special value where FHIR has a decimal")
    elif (factor.mantissa, factor.exponent, factor.literal) != (1, 0, None):
        out["factor"] = number_out(factor)
    if channel.physical_range is not None:
        _put_limits(out, channel.physical_range, e, path)
    out["dimensions"] = NumberText("1")
    text = _data(segment, decimals, e) if segment is not None and segment.n else ""
    if text:
        out["data"] = text
    else:
        out["_data"] = {"extension": [{"url": CORE + "data-absent-reason", "valueCode": "unknown"}]}
    if segment is not None and not segment.n:
        extension(out, OWN + "no-samples", CODE, "true", e, path)
    emit_rows(CHANNEL_ROWS, channel, out, e, path)
    if segment is not None:
        rows = SEGMENT_ROWS[:2] if segment.dtype == _smallest(segment) else SEGMENT_ROWS
        emit_rows(rows, segment, out, e, "segments.")
    return out


def _origin(channel: Channel, e: Emit, path: str) -> Tree:
    origin = channel.origin
    quantity = Quantity(
        mantissa=origin.mantissa, exponent=origin.exponent, special=origin.special, literal=origin.literal,
        unit=channel.unit, native_unit=channel.native_unit,
    )  # fmt: skip
    out: Tree = QUANTITY.out(quantity, e, path + "origin")
    return out


def _put_period(out: Tree, channel: Channel, e: Emit) -> None:
    """Set the period in milliseconds: exact where it has a finite decimal form, else with the proportion beside."""
    if channel.period is None:
        out["_period"] = {"extension": [{"url": CORE + "data-absent-reason", "valueCode": "unknown"}]}
        return
    period = Fraction(channel.period.numerator, channel.period.denominator) * 1000
    text, exact = _decimal_of(period)
    out["period"] = NumberText(text)
    plain = Fraction(channel.period.numerator, channel.period.denominator)
    if not exact or (plain.numerator, plain.denominator) != (channel.period.numerator, channel.period.denominator):
        proportion = f"{channel.period.numerator}/{channel.period.denominator}"
        extension(out, OWN + "period", STRING, proportion, e, "channels.period")


def _decimal_of(value: Fraction) -> tuple[str, bool]:
    rest, twos, fives = value.denominator, 0, 0
    while rest % 2 == 0:
        rest, twos = rest // 2, twos + 1
    while rest % 5 == 0:
        rest, fives = rest // 5, fives + 1
    places = max(twos, fives)
    exact = rest == 1 and places <= _ENOUGH
    if not exact:
        places = 15
    scaled = round(value * 10**places)
    return Number(mantissa=scaled, exponent=-places).text, exact


def _put_limits(out: Tree, limits: Range, e: Emit, path: str) -> None:
    """Set the limits in the unit of the signal (PHD guide: the scaled limits)."""
    plain = all(
        limit is None
        or (
            limit == Quantity(mantissa=limit.mantissa, exponent=limit.exponent, literal=limit.literal)
            and number_out(limit) == (limit.literal or limit.text)
        )
        for limit in (limits.low, limits.high)
    )
    for key, limit in (("lowerLimit", limits.low), ("upperLimit", limits.high)):
        if limit is not None and limit.special is None:
            out[key] = number_out(limit)
    if not plain or limits.text is not None or (limits.low is None and limits.high is None):
        extension(out, OWN + "physical-range", RANGE, limits, e, path + "physical_range")


def _data(segment: Segment, decimals: int, e: Emit) -> str:
    marks = segment.marks
    if marks is not None and 1 in marks:
        e.loss("segments.marks", "missing samples are written as errors")
    if segment.dtype in ("f4", "f8"):
        e.loss("segments.dtype", "binary floating point is written as decimal")
        return _float_text(segment)
    if marks is not None and any(
        mark and segment.data[index * int(segment.dtype[1]) : (index + 1) * int(segment.dtype[1])].strip(b"\0")
        for index, mark in enumerate(marks)
    ):
        e.loss("segments.data", "raw value under a mark")
    return str(sample_text(segment.data, segment.dtype, decimals, marks))


def _float_text(segment: Segment) -> str:
    values = array(SAMPLE_TYPES[segment.dtype], segment.data)
    marks = segment.marks or bytes(len(values))
    texts = []
    for value, mark in zip(values, marks, strict=True):
        if mark or not isfinite(value):
            texts.append(("E", "E", "E", "L", "U")[mark])
        else:
            texts.append(format(value, "f") if value == round(value) else repr(value))
    return " ".join(texts)


def _smallest(segment: Segment) -> str | None:
    """Return the smallest integer format that holds the samples as they will be read back."""
    if segment.dtype not in SAMPLE_TYPES or segment.dtype in ("f4", "f8") or not segment.n:
        return None
    values = array(SAMPLE_TYPES[segment.dtype], segment.data)
    if segment.marks is not None:
        values = array(values.typecode, [0 if mark else v for v, mark in zip(values, segment.marks, strict=True)])
    return _fitting(min(values), max(values))


def _fitting(low: int, high: int) -> str:
    for dtype in _INTEGERS:
        bits = 8 * int(dtype[1]) - 1
        if -(1 << bits) <= low and high < 1 << bits:
            return dtype
    return "i8"


# ---- Reading


def sampled_in(json: Any, p: Parse) -> Sampled | None:
    """Read SampledData; None where it is not of one dimension or cannot be understood."""
    if not isinstance(json, dict) or json.get("dimensions") != NumberText("1"):
        return None
    period, origin = _period_in(json, p), QUANTITY.get(json, "origin", p)
    factor = number_from(json["factor"]) if "factor" in json else Number(mantissa=1)
    if origin is None or factor is None:
        return None
    samples = _samples_in(text_of(json, "data"), json, p)
    if samples is None:
        return None
    segment, decimals, recovered = samples
    segment |= parse_rows(SEGMENT_ROWS, json, p)
    _widen(segment)
    if decimals:
        factor = Number(mantissa=factor.mantissa, exponent=factor.exponent - decimals)
    channel: dict[str, Any] = parse_rows((*CHANNEL_ROWS, METRIC_ROW), json, p)
    if "raw_range" in channel and len(channel["raw_range"]) != 2:
        del channel["raw_range"]
    channel |= {
        "unit": origin.unit, "native_unit": origin.native_unit, "period": period, "factor": factor,
        "origin": Number(
            mantissa=origin.mantissa, exponent=origin.exponent, special=origin.special, literal=origin.literal
        ),
        "physical_range": _limits_in(json, p),
    }  # fmt: skip
    return Sampled(channel, segment, decimals, recovered)


def _period_in(json: Tree, p: Parse) -> Rational | None:
    own = read_own(json, OWN + "period", STRING, p)
    match = re.fullmatch(r"(-?[0-9]{1,40})/([0-9]{1,40})", own) if own is not None else None
    if match is not None and int(match[2]):
        return Rational(numerator=int(match[1]), denominator=int(match[2]))
    number = number_from(json.get("period"))
    if number is None:
        return None
    seconds = number.to_fraction() / 1000
    return Rational(numerator=seconds.numerator, denominator=seconds.denominator)


def _limits_in(json: Tree, p: Parse) -> Range | None:
    own = read_own(json, OWN + "physical-range", RANGE, p)
    if isinstance(own, Range):
        return own
    found: dict[str, Any] = {}
    for name, key in (("low", "lowerLimit"), ("high", "upperLimit")):
        number = number_from(json.get(key))
        if number is not None:
            found[name] = Quantity(mantissa=number.mantissa, exponent=number.exponent, literal=number.literal)
    return Range(**found) if found else None


def _samples_in(text: str | None, json: Tree, p: Parse) -> tuple[dict[str, Any], int, bool] | None:
    if text is None:
        return {"dtype": "i1", "data": b"", "n": 0}, 0, False
    tokens = text.split(" ")
    recovered = any(map(_TOKENS.search, tokens[:1])) or _TOKENS.search("".join(tokens)) is not None
    if recovered:
        tokens = [token for token in _TOKENS.split(text) if token]
    try:
        values, marks, decimals = array("q", map(int, tokens)), None, 0
    except (ValueError, OverflowError):
        marked = _marked(tokens)
        if marked is None:
            return None
        values, marks, decimals = marked
    if not values:
        return None
    dtype = _fitting(min(values), max(values))
    data = array(SAMPLE_TYPES[dtype], values).tobytes()
    segment: dict[str, Any] = {"dtype": dtype, "data": data, "n": len(values)}
    return ({**segment, "marks": marks} if marks is not None else segment), decimals, recovered


def _marked(tokens: list[str]) -> tuple[array[int], bytes | None, int] | None:
    """Read samples with decimals or marks; the longest fraction gives the scale of all."""
    values: list[tuple[str, str]] = []
    marks = bytearray()
    for token in tokens:
        mark = _MARK_OF.get(token, 0)
        match = _DIGITS.fullmatch("0" if mark else token)
        if match is None:
            return None
        values.append((match[1], match[2] or ""))
        marks.append(mark)
    decimals = max((len(fraction) for _, fraction in values), default=0)
    try:
        raw = array("q", [int(whole + fraction.ljust(decimals, "0")) for whole, fraction in values])
    except OverflowError:
        return None
    return raw, bytes(marks) if any(marks) else None, decimals


def _widen(segment: dict[str, Any]) -> None:
    """Give the samples the format that they had; never a narrower one."""
    wanted, found = segment["dtype"], _fitting_of(segment)
    if wanted == found:
        return
    values = array(SAMPLE_TYPES[found], segment["data"])
    try:
        segment["data"] = array(SAMPLE_TYPES[wanted], values).tobytes()
    except (KeyError, OverflowError, TypeError):
        segment["dtype"] = found


def _fitting_of(segment: dict[str, Any]) -> str:
    size = len(segment["data"]) // segment["n"] if segment["n"] else 1
    return f"i{size}"
