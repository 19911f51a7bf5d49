"""K14: the records make sense."""

from __future__ import annotations

import array
import math
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

from ...model import Coding, Concept, Instant, Observation, Quantity, Record, Waveform
from ...model.base import Model
from ...model.waveform import SAMPLE_TYPES
from ...terminology import loinc, ucum
from ..corpus import Case
from ..law import Law, reads

if TYPE_CHECKING:
    from ..kit import Kit

__all__ = ["CANONICAL"]

_MDC: Final = "urn:iso:std:iso:11073:10101"
_LOINC: Final = "http://loinc.org"
_REFERENCES: Final = ("subject", "device", "gateway", "metric", "encounter", "order", "clock_sync")
_NOT_NUMBERS: Final = frozenset({"nan", "null", "none", "n/a", "inf", "-inf"})


def _canonical(kit: Kit, case: Case) -> Iterator[str]:
    records = kit.whole(case).records
    ids = {record.id for record in records}
    contradictory = any(fnmatchcase(case.name, pattern) for pattern in kit.options.contradictory)
    if not records and kit.whole(case).error is None:
        yield "the case gives neither a record nor an error"
    seen: dict[str, Record] = {}
    for number, record in enumerate(records):
        where = f"record {number} ({record.kind})"
        for problem in _envelope(kit, record, ids, seen):
            yield f"{where}: {problem}"
        for problem in _content(kit, record, contradictory):
            yield f"{where}: {problem}"
        seen[record.id] = record


def _envelope(kit: Kit, record: Record, ids: set[str], seen: dict[str, Record]) -> Iterator[str]:
    if record.kind not in kit.manifest.records:
        yield "its kind is not among the manifest's records"
    if record.provenance.adapter != kit.adapter_id:
        yield "its provenance names another adapter"
    if record.provenance.digest is None:
        yield "its provenance has no digest of the source"
    if len(record.id) != 32 or set(record.id) - set("0123456789abcdef"):
        yield "its id is not 32 hexadecimal digits (model.record_id makes them)"
    twin = seen.get(record.id)
    if twin is not None and twin.kind != record.kind:
        yield "it has the id of a record of another kind"
    for name in _REFERENCES:
        target = getattr(record, name, None)
        if isinstance(target, str) and target not in ids:
            yield f"its {name} names no record of the source"
    for link in record.links:
        if link.target not in ids:
            yield "a link names no record of the source"


def _content(kit: Kit, record: Record, contradictory: bool) -> Iterator[str]:
    for path, part in _parts(record, ""):
        if isinstance(part, Quantity):
            yield from (f"{path}: {problem}" for problem in _quantity(part))
        elif isinstance(part, Instant):
            yield from (f"{path}: {problem}" for problem in _instant(kit, path, part))
    if isinstance(record, Observation) and not contradictory:
        yield from _fits(record.code, record.value)
        for component in record.components:
            yield from _fits(component.code, component.value)
    if isinstance(record, Waveform):
        yield from _samples(record)


def _parts(part: object, path: str) -> Iterator[tuple[str, Model]]:
    if isinstance(part, tuple):
        for item in part:
            yield from _parts(item, path)
    elif isinstance(part, Model):
        yield path, part
        for name in part.model_fields_set:
            yield from _parts(getattr(part, name), f"{path}.{name}".lstrip("."))


def _quantity(value: Quantity) -> Iterator[str]:
    if value.unit is not None and not ucum.is_valid_ucum(value.unit):
        yield "its unit is not UCUM (a unit without a UCUM form belongs into native_unit)"
    if value.literal is not None and value.literal.strip().lower() in _NOT_NUMBERS:
        yield "a missing value was read as a number"


def _instant(kit: Kit, path: str, value: Instant) -> Iterator[str]:
    if value.origin not in {"observed", "window", "device-clock"} or value.precision in {"year", "month", "day"}:
        return
    if path not in {"time", "time.start", "time.end"} or "invalid" in value.flags:
        return
    clock, offset = kit.manifest.clock, value.offset_minutes
    if clock == "utc" and (offset != 0):
        yield "the manifest's clock is utc, and the time has no offset or another one"
    elif clock == "offset" and offset is None:
        yield "the manifest's clock is offset, and the time has none"


def _fits(code: Concept, value: object) -> Iterator[str]:
    if not isinstance(value, Quantity) or value.unit is None or not ucum.is_valid_ucum(value.unit):
        return
    for coding in code.codings:
        for expected in _expected_units(coding):
            if not ucum.commensurable(value.unit, expected):
                yield "its unit does not measure what its code names"
                return


def _expected_units(coding: Coding) -> Iterator[str]:
    numbers: tuple[str, ...] = ()
    if coding.system == _LOINC and coding.code:
        numbers = (coding.code,)
    elif coding.system == _MDC and (coding.code or "").isdigit():
        numbers = loinc.loinc_of(int(coding.code or 0))
    for number in numbers:
        sign = loinc.vital_sign_of(number)
        if sign is not None and sign.units:
            yield sign.units[0]


def _samples(record: Waveform) -> Iterator[str]:
    for number, channel in enumerate(record.channels):
        if channel.unit is not None and not ucum.is_valid_ucum(channel.unit):
            yield f"channels[{number}].unit is not UCUM"
        if channel.period is not None and channel.period.numerator <= 0:
            yield f"channels[{number}].period is not positive"
    for number, run in enumerate(record.segments):
        kind = SAMPLE_TYPES[run.dtype]
        if not 0 <= run.channel < len(record.channels):
            yield f"segments[{number}].channel names no channel"
        if len(run.data) != run.n * array.array(kind).itemsize:
            yield f"segments[{number}] has not the octets of its number of samples"
        elif run.dtype in {"f4", "f8"} and _hidden_nan(run.data, kind, run.marks):
            yield f"segments[{number}] has NaN for missing samples and no mark"
        if run.marks is not None and len(run.marks) != run.n:
            yield f"segments[{number}].marks has not one octet for each sample"


def _hidden_nan(data: bytes, kind: str, marks: bytes | None) -> bool:
    samples = array.array(kind, data)
    is_nan: Callable[[float], bool] = math.isnan
    return any(is_nan(sample) and not (marks and marks[n]) for n, sample in enumerate(samples))


CANONICAL = Law(
    id="K14",
    name="canonical",
    title="The records make sense",
    checks="Kinds are among the manifest's `records`; provenance names the adapter and a digest; ids have their "
    "form, and references lead to records of the same source; units are UCUM and measure what the code "
    "names (LOINC vital signs and the MDC codes that map to them); times have the offset that the "
    "manifest's `clock` claims; waveforms have the octets of their samples, a positive period, and no NaN "
    "in place of a missing sample.",
    fails="A vendor's unit word in `unit`; a heart rate in mmHg through a wrong row of a table; a local time "
    "with an offset that nobody stated; a reference to a device that no record describes.",
    mend="Keep unknown units in `native_unit`; correct the table; give the Device and Subject records once for "
    "each source; use an absent value with its reason instead of NaN.",
    claimed=reads,
    each=_canonical,
)
