"""Waveform: an Observation with SampledData, one component per channel where there are several.

Segments that begin at different times become Observations of their own: SampledData has no gaps.
"""

from __future__ import annotations

from typing import Any, Final

from ...errors import InputError
from ...model import Annotation, Channel, Concept, Extension, Segment, Waveform
from ...terminology.systems import ABSENT_REASON
from .datatypes import CODEABLE
from .envelope import put_links, read_envelope, resource_id, start, take_links
from .fields import Complex, Emit, Many, Parse, Row, build, emit_rows, extension, items, parse_rows, text_of
from .jsontext import Tree, dumps, parse
from .measured import put_measured, put_status, take_measured, take_status
from .observation import BEFORE_CODE, BEFORE_TIME, COMMON_EXTENSIONS, close, is_phd, put_code, put_device, take_device
from .parties import NOTE
from .patch import NAMESPACE
from .sampled import METRIC_ROW, Sampled, sampled_in, sampled_out
from .scalars import BOOLEAN, LONG, STRING
from .tables import OWN
from .values import put_time, take_time

__all__ = ["emit_waveform", "is_waveform", "read_waveform"]

_ANNOTATIONS: Final = (
    Row("channel", None, LONG, "channel"),
    Row("index", None, LONG, "index"),
    Row("code", None, CODEABLE, "code"),
    Row("text", None, STRING, "text"),
)
_ROWS: Final = (
    Row("notes", "note", Many(NOTE)),
    *COMMON_EXTENSIONS,
    Row("annotations", None, Many(Complex(Annotation, _ANNOTATIONS)), OWN + "annotation"),
)
_CATEGORIES: Final = BEFORE_CODE[1:]
_DECIMALS: Final = "sampled-decimals"
"""Path of the extension that keeps how many decimals the text of each channel had."""

_PLACES: Final = frozenset(map(str, range(19)))

_Group = dict[int, Segment]


def _groups(record: Waveform) -> list[_Group]:
    """Return the segments that begin together, by channel; one empty group where there are none."""
    found: dict[tuple[Any, int, int], _Group] = {}
    for segment in record.segments:
        if segment.channel not in range(len(record.channels)):
            continue
        repeat = 0
        while segment.channel in found.get((segment.start, segment.start_index, repeat), {}):
            repeat += 1
        found.setdefault((segment.start, segment.start_index, repeat), {})[segment.channel] = segment
    return list(found.values()) or [{}]


def _decimals(record: Waveform) -> list[int]:
    kept = next((x.value for x in record.extensions if x.namespace == NAMESPACE and x.path == _DECIMALS), None)
    digits = [int(text) if text in _PLACES else 0 for text in (kept or "").split(",")]
    return digits if len(digits) == len(record.channels) else [0] * len(record.channels)


def emit_waveform(record: Waveform, e: Emit) -> list[Tree]:
    """Write a waveform, one Observation for all segments that begin together."""
    groups = _groups(record)
    if any(segment.channel not in range(len(record.channels)) for segment in record.segments):
        e.record, e.kind = record.id, record.kind
        e.loss("segments", "segment of no channel")
    return [_observation(record, group, number, e) for number, group in enumerate(groups)]


def _observation(record: Waveform, group: _Group, number: int, e: Emit) -> Tree:
    out = start("Observation", record, e)
    if number:
        out["id"] = resource_id(f"{out['id'][:50]}-{number}")
    put_status(out, record, record.quality.flags if record.quality is not None else (), e)
    emit_rows(_CATEGORIES, record, out, e)
    put_code(out, record.code, e)
    emit_rows(BEFORE_TIME, record, out, e)
    first = next(iter(group.values()), None)
    time = first.start if number and first is not None and first.start is not None else record.time
    if time is None and first is not None:
        time = first.start
        if time is not None:
            extension(out, OWN + "time-of-segment", BOOLEAN, True, e, "time")
    if time is not None:
        put_time(out, "effective", time, e, "time")
    put_measured(out, None, record.quality, (), e)
    out.pop("dataAbsentReason", None)  # the samples are there; obs-6 allows no absence beside them
    decimals = _decimals(record)
    if len(record.channels) == 1 and record.channels[0].code == record.code:
        out["valueSampledData"] = sampled_out(record.channels[0], group.get(0), decimals[0], e, "channels[0].")
    else:
        out["component"] = [
            _component(channel, group.get(index), decimals[index], e, f"channels[{index}].")
            for index, channel in enumerate(record.channels)
        ]
    metric = _shared_metric(record)
    if metric is None:
        for index, channel in enumerate(record.channels):
            data = out["component"][index] if "component" in out else out
            emit_rows((METRIC_ROW,), channel, data["valueSampledData"], e, f"channels[{index}].")
    put_device(out, record, e, metric, personal=is_phd(record.categories))
    put_links(out, record.links, e)
    emit_rows(_ROWS, record, out, e)
    for part in out.get("component", [out]):
        _set_aside(part)
    return close(out)


def _set_aside(part: Tree) -> None:
    """Keep samples without a period, which SampledData demands, as text: they are no signal in time to FHIR."""
    data = part["valueSampledData"]
    if "period" in data:
        return
    del part["valueSampledData"]
    part.setdefault("extension", []).append({"url": OWN + "samples-without-period", "valueString": dumps(data)})
    part["dataAbsentReason"] = {"coding": [{"system": ABSENT_REASON, "code": "unsupported"}]}


def _samples(part: Tree) -> Tree | None:
    """Return the SampledData of an Observation or a component, set aside or not."""
    data = part.get("valueSampledData")
    if data is not None:
        return data if isinstance(data, dict) else None
    texts = [item for item in items(part, "extension") if item.get("url") == OWN + "samples-without-period"]
    text = text_of(texts[0], "valueString") if len(texts) == 1 else None
    if text is None:
        return None
    try:
        found = parse(text.encode())
    except InputError:
        return None
    return found if isinstance(found, dict) else None


def _shared_metric(record: Waveform) -> str | None:
    """Return the metric that all channels belong to."""
    metrics = {channel.metric for channel in record.channels}
    return next(iter(metrics)) if len(metrics) == 1 else None


def _component(channel: Channel, segment: Segment | None, decimals: int, e: Emit, path: str) -> Tree:
    out: Tree = {}
    put_code(out, channel.code, e, path + "code")
    out["valueSampledData"] = sampled_out(channel, segment, decimals, e, path)
    return out


def is_waveform(tree: Tree) -> bool:
    """Tell whether an Observation holds sampled signals and nothing else."""
    components = tree.get("component")
    if _samples(tree) is not None:
        return components is None
    return bool(components) and all(_samples(item) is not None for item in items(tree, "component"))


def read_waveform(tree: Tree, p: Parse) -> tuple[Tree, bool] | None:
    """Read a waveform.

    Returns
    -------
    tuple or None
        Keyword arguments of the record, and whether separators had to be recovered; None where a signal
        cannot be understood.
    """
    values = read_envelope(tree, p) | parse_rows((*_CATEGORIES, *BEFORE_TIME, *_ROWS), tree, p)
    code = CODEABLE.get(tree, "code", p) or Concept()
    parts = items(tree, "component") or [tree]
    signals = [sampled_in(_samples(part), p) for part in parts]
    sampled = [signal for signal in signals if signal is not None]
    if len(sampled) != len(parts):
        return None
    codes = [code] if parts[0] is tree else [CODEABLE.get(part, "code", p) or Concept() for part in parts]
    values["channels"] = tuple(
        build(Channel, {"code": own, **signal.channel}) for own, signal in zip(codes, sampled, strict=True)
    )
    values["segments"] = tuple(
        build(Segment, {"channel": index, **signal.segment})
        for index, signal in enumerate(sampled)
        if signal.segment["n"] or _is_empty_segment(parts[index])
    )
    if None in values["channels"] or None in values["segments"]:
        return None
    values |= {"code": code, "status": take_status(tree, p), "links": take_links(tree, p)} | take_device(tree, p)
    metric = values.pop("metric", None)
    if metric is not None:
        values["channels"] = tuple(channel.replace(metric=metric) for channel in values["channels"])
    if not any(entry.get("url") == OWN + "time-of-segment" for entry in items(tree, "extension")):
        values["time"] = take_time(tree, "effective", p)
    quality = take_measured(tree, p).get("quality")
    values["quality"] = quality
    values["extensions"] = _kept(sampled)
    return values, any(signal.recovered for signal in sampled)


def _is_empty_segment(part: Tree) -> bool:
    return any(entry.get("url") == OWN + "no-samples" for entry in items(_samples(part), "extension"))


def _kept(sampled: list[Sampled]) -> tuple[Extension, ...]:
    if not any(signal.decimals for signal in sampled):
        return ()
    digits = ",".join(str(signal.decimals) for signal in sampled)
    return (Extension(namespace=NAMESPACE, path=_DECIMALS, value=digits),)
