"""Samples of a row as one buffer with an exact scale."""

from __future__ import annotations

from typing import Final

from ...errors import InvalidRecord
from ...model import Channel, Number, Rational, Segment, parse_decimal
from ...model.waveform import SampleType
from .amounts import number_of, unit_of
from .nodes import Node
from .scope import Scope
from .specs import ChannelSpec, SamplesSpec
from .words import concept_of

__all__ = ["channel_of"]

_TYPES: Final[tuple[tuple[SampleType, int], ...]] = (("i2", 2), ("i4", 4), ("i8", 8))
_FACTORS: Final = {"s": 1, "ms": 1000, "us": 1_000_000}
_MAX_PLACES: Final = 18


def channel_of(scope: Scope, spec: ChannelSpec, index: int) -> tuple[Channel, Segment] | None:
    """Return one signal and its samples; ``None`` when there are none."""
    code = concept_of(scope, spec.code)
    found = _texts(scope, spec.samples)
    if code is None or found is None:
        return None
    texts, nodes = found
    packed = _pack(texts, scope.mapping.source.decimal)
    if packed is None:
        scope.doubt("MAP-206", spec.samples.path)
        return None
    scope.ledger.taken += nodes
    places, segment = packed
    unit, native = unit_of(scope, spec.unit, spec.unit_path, spec.units)
    mantissa, exponent = parse_decimal(spec.factor or "1")
    channel = Channel(
        code=code,
        unit=unit,
        native_unit=native,
        period=_period(scope, spec),
        factor=Number(mantissa=mantissa, exponent=exponent - places),
        origin=Number.from_text(spec.origin or "0"),
        site=None if spec.site is None else concept_of(scope, spec.site),
    )
    return channel, segment.replace(channel=index)


def _texts(scope: Scope, spec: SamplesSpec) -> tuple[list[str | None], list[Node]] | None:
    """Return the samples as written, ``None`` for a missing one, and the nodes that say them."""
    nodes = scope.nodes(spec.path)
    if not nodes:
        return None
    first = nodes[0]
    if first.kind == "array":
        items = list(first.children)
        if not items or any(item.kind not in {"number", "string", "null"} for item in items):
            return None
        return [item.text for item in items], items
    leaf = scope.leaf(spec.path)
    if leaf is None or not leaf.text or not leaf.whole:
        return None
    pieces = leaf.text.split(spec.separator) if spec.separator else leaf.text.split()
    return [piece.strip() or None for piece in pieces], [leaf.node]


def _pack(texts: list[str | None], decimal: str) -> tuple[int, Segment] | None:
    """Write the samples as integers of one width; the common decimal places are told beside them."""
    numbers: list[tuple[int, int] | None] = []
    for text in texts:
        if text is None:
            numbers.append(None)
            continue
        found = number_of(text, decimal, None)
        if found is None or found[1] is not None or found[0].literal is not None:
            return None  # a sign or zeros that integers cannot keep
        numbers.append((found[0].mantissa, found[0].exponent))
    places = max((-each[1] for each in numbers if each is not None), default=0)
    if not 0 <= places <= _MAX_PLACES or any(each is not None and each[1] > 0 for each in numbers):
        return None
    raw = [0 if each is None else each[0] * 10 ** (places + each[1]) for each in numbers]
    largest = max(map(abs, raw), default=0)
    kind = next((pair for pair in _TYPES if largest < 1 << (8 * pair[1] - 1)), None)
    if kind is None:
        return None
    data = b"".join(value.to_bytes(kind[1], "little", signed=True) for value in raw)
    marks = bytes(each is None for each in numbers) if None in numbers else None
    return places, Segment(channel=0, dtype=kind[0], data=data, n=len(raw), marks=marks)


def _period(scope: Scope, spec: ChannelSpec) -> Rational | None:
    if spec.period is not None:
        numerator, _, denominator = spec.period.partition("/")
        return Rational(numerator=int(numerator), denominator=int(denominator or 1))
    path = spec.period_path if spec.period_path is not None else spec.rate_path
    leaf = None if path is None else scope.leaf(path)
    if path is None or leaf is None or not leaf.text:
        return None
    try:
        mantissa, exponent = parse_decimal(leaf.text.strip())
    except InvalidRecord:
        mantissa = exponent = 0
    if mantissa <= 0 or abs(exponent) > _MAX_PLACES:
        scope.doubt("MAP-202", path)
        return None
    scope.take(leaf)
    over, under = mantissa * 10 ** max(exponent, 0), 10 ** max(-exponent, 0)
    if path == spec.rate_path and spec.period_path is None:
        return Rational(numerator=under, denominator=over)
    return Rational(numerator=over, denominator=under * _FACTORS[spec.period_unit])
