"""Fixed scan reports straight to columns: a compiled kernel reads them, and no object is made per measurement."""

from __future__ import annotations

from array import array
from hashlib import sha256
from struct import Struct
from typing import Final, NamedTuple, Protocol, cast

from ..._accel import load
from ...model import Coding, Concept, Instant, ObservationBatch
from ...model.batch import NO_INDEX
from ...plugins import ReadContext
from ...wire.phd.apdu import PRST
from ...wire.phd.nomenclature import Attr, Event
from ...wire.phd.reports import ConfigReport
from ...wire.phd.session import Session, SessionItem
from ...wire.phd.standard import standard_configuration
from .clock import Clock
from .device import device_id
from .emit import ADAPTER, VERSION
from .metric import Agent, Template
from .tables import METRIC_CLASSES

__all__ = ["read_columns"]

Span = tuple[int, int]

_HEAD: Final = Struct(">HHHHHHHIHHHH")
"""A data APDU down to its report: tag, length, octets, invoke id, operation, length, handle, event time, event type,
length, request id, report number."""

_EVENT_REPORTS: Final = frozenset({0x0100, 0x0101})
_FIXED: Final = frozenset({Event.FIXED, Event.UNBUF_FIXED, Event.BUF_FIXED})

_KINDS: Final[dict[int, tuple[int, int]]] = {
    Attr.NU_VAL_OBS_BASIC: (1, 2),
    Attr.NU_VAL_OBS_SIMP: (2, 4),
    Attr.TIME_STAMP_ABS: (3, 8),
    Attr.TIME_ABS: (3, 8),
    Attr.NU_CMPD_VAL_OBS_BASIC: (4, 2),
    Attr.NU_CMPD_VAL_OBS_SIMP: (5, 4),
}
"""Attributes that columns can say whole: the kernel's kind, and octets of one number or time."""

_UNSAYABLE: Final = frozenset({Attr.MSMT_STAT, Attr.TIME_PD_MSMT_ACTIVE})
"""Attributes of an object that say of each value what no column does."""

_Row = tuple[int, bytes, bytes, bytes, bytes, bytes, bytes, bytes, bytes]


class _Kernel(Protocol):
    def scan_fixed(self, data: bytes, start: int, stop: int, plan: bytes, /) -> _Row | None: ...


class _Layout(NamedTuple):
    """How the reports of one configuration are laid out, and what has been read of them."""

    plan: bytes
    templates: dict[int, Template]
    columns: tuple[list[bytes], ...]


def read_columns(stream: bytes, context: ReadContext, *, rest: list[Span] | None = None) -> ObservationBatch:
    """Read the plain numbers of a stream of APDUs into columns.

    Rows are the values of fixed scan reports of one person whose objects are numeric and carry no more than a value
    and a time stamp. They have the codes, units, values and times of :func:`.reader.make_reader`'s records, but ids
    of the stream instead of the APDU.

    Parameters
    ----------
    stream : bytes
        Whole APDUs of one device.
    context : ReadContext
        As for the reader.
    rest : list, optional
        Takes the byte range of every data report of which no row was made: enumerations, samples, several persons,
        a status beside the value, no configuration. The reader tells what they say.

    Returns
    -------
    ObservationBatch
        Empty when the stream holds no such report.

    Raises
    ------
    InputError
        Where the stream is cut off or malformed, as the reader does.
    """
    return _Columns(stream, context, [] if rest is None else rest).read()


class _Columns:
    """One stream at work."""

    def __init__(self, stream: bytes, context: ReadContext, rest: list[Span]) -> None:
        self._stream = stream
        self._rest = rest
        self._clock = Clock(context.default_zone)
        self._kernel = cast(_Kernel, load("mder"))
        self._session = Session(max_apdu=min(65539, context.limits.max_unit))
        self._batch = ObservationBatch(
            adapter=ADAPTER,
            version=VERSION,
            digest=sha256(stream).hexdigest(),
            subject=None if context.subject is None else context.subject.id,
            status="final",
        )
        self._system: bytes | None = None
        self._layout: _Layout | None = None
        self._codes: dict[Concept, int] = {}
        self._units: dict[tuple[str | None, Coding | None], int] = {}
        self._times: dict[bytes, int] = {}

    def read(self) -> ObservationBatch:
        """Walk the APDUs: reports to the kernel, everything else to the session, which learns from it."""
        stream, size, at = self._stream, len(self._stream), 0
        unpack, kernel = _HEAD.unpack_from, self._kernel.scan_fixed
        while at < size:
            stop = at + 4 + int.from_bytes(stream[at + 2 : at + 4], "big")
            layout = self._layout
            if layout is not None and at + _HEAD.size < stop <= size:
                tag, length, inner, _, choice, body, _, _, event, info, _, _ = unpack(stream, at)
                # The lengths must agree with each other; where they do not, the session says what is wrong.
                regular = (length - inner, inner - body, body - info) == (2, 6, 10)
                if tag == PRST and regular and choice in _EVENT_REPORTS and event in _FIXED:
                    found = kernel(stream, at + _HEAD.size, stop, layout.plan)
                    if found is not None:
                        for column, part in zip(layout.columns, found[1:], strict=True):
                            column.append(part)
                        at = stop
                        continue
            self._listen(at, stop)
            at = stop
        self._session.finish()
        self._flush()
        return self._batch

    def _listen(self, start: int, stop: int) -> None:
        """Give one APDU to the session."""
        for item in self._session.iter_feed(self._stream[start:stop]):
            if item.observations or item.undecoded:
                self._rest.append((start, stop))
            self._learn(item)

    def _learn(self, item: SessionItem) -> None:
        """Make a new plan when the configuration in force is another."""
        system, number = item.system_id, item.config_id
        report = None
        if number is not None:
            report = self._session.configurations.get((system, number)) or standard_configuration(number)
        if system is not None and self._system is None:
            self._system, self._batch.device = system, device_id(system)
        if report is None or system != self._system:
            self._flush()
            self._layout = None
        elif self._layout is None or self._known is not report:
            self._flush()
            self._known: ConfigReport = report
            self._layout = _layout(report, system)

    def _flush(self) -> None:
        """Move what was read by one plan into the batch."""
        layout, batch = self._layout, self._batch
        if layout is None or not layout.columns[0]:
            return
        handles, attributes, members, mantissas, exponents, specials, starts, times = (
            _column(code, parts) for code, parts in zip("HHBibBII", layout.columns, strict=True)
        )
        batch.mantissa.extend(array("q", mantissas))
        batch.exponent.extend(exponents)
        batch.special.extend(specials)
        batch.start.extend(starts)
        # Few kinds of row, many rows: each kind is looked up once.
        kinds = list(zip(handles, attributes, members, strict=True))
        meaning = {kind: self._meaning(layout.templates[kind[0]], *kind[1:]) for kind in set(kinds)}
        batch.code.extend([meaning[kind][0] for kind in kinds])
        batch.unit.extend([meaning[kind][1] for kind in kinds])
        batch.stop.extend([start + meaning[kind][2] for start, kind in zip(starts, kinds, strict=True)])
        place = {offset: self._time(offset) for offset in set(times)}
        batch.time.extend([place[offset] for offset in times])
        for parts in layout.columns:
            parts.clear()

    def _meaning(self, template: Template, attribute: int, member: int) -> tuple[int, int, int]:
        """Return the indexes of code and unit, and the octets of a number."""
        code = template.code
        if attribute in (Attr.NU_CMPD_VAL_OBS_BASIC, Attr.NU_CMPD_VAL_OBS_SIMP):
            code = template.components[member] if member < len(template.components) else Concept()
        if code not in self._codes:
            self._codes[code] = len(self._codes)
            self._batch.codes.append(code)
        if template.unit not in self._units:
            self._units[template.unit] = len(self._units)
            self._batch.units.append(template.unit)
        return self._codes[code], self._units[template.unit], _KINDS[attribute][1]

    def _time(self, offset: int) -> int:
        """Return the index of a time stamp; equal stamps share one."""
        if offset == NO_INDEX:
            return NO_INDEX
        raw = self._stream[offset : offset + 8]
        index = self._times.get(raw)
        if index is None:
            instant: Instant | None = self._clock.absolute(raw)
            index = NO_INDEX if instant is None else len(self._batch.times)
            if instant is not None:
                self._batch.times.append(instant)
            self._times[raw] = index
        return index


def _column(code: str, parts: list[bytes]) -> array[int]:
    column: array[int] = array(code)
    column.frombytes(b"".join(parts))
    return column


def _layout(report: ConfigReport, system: bytes | None) -> _Layout:
    """Plan the objects that columns can say whole; a report of any other is not for the kernel."""
    words, templates = array("H"), {}
    agent = Agent(None if system is None else system.hex().upper())
    for source in report.objects:
        mapped = source.value_map
        if source.object_class not in METRIC_CLASSES or not mapped:
            continue
        stated = {attribute.id for attribute in source.attributes}
        if not _UNSAYABLE.isdisjoint(stated) or any(attribute not in _KINDS for attribute, _ in mapped):
            continue
        templates[source.handle] = Template.of(agent, source)
        words.extend((source.handle, sum(length for _, length in mapped), len(mapped)))
        at = 0
        for attribute, length in mapped:
            words.extend((attribute, _KINDS[attribute][0], at))
            at += length
    return _Layout(words.tobytes(), templates, tuple([] for _ in range(8)))
