"""Fixed scan reports straight to columns: a compiled kernel reads them, and no object is made per measurement."""

from __future__ import annotations

import re
from array import array
from hashlib import sha256
from struct import Struct
from typing import Final, NamedTuple, Protocol, cast

from ..._accel import load
from ...model import Coding, Concept, ObservationBatch
from ...model.batch import NO_INDEX
from ...plugins import ReadContext
from ...wire.phd.apdu import PRST
from ...wire.phd.nomenclature import Attr, Event
from ...wire.phd.session import Session, SessionItem
from ...wire.phd.standard import standard_configuration
from .clock import Clock
from .conversation import Conversation
from .emit import ADAPTER, VERSION
from .metric import Template
from .tables import METRIC_CLASSES

__all__ = ["read_columns"]

Span = tuple[int, int]

_HEAD: Final = Struct(">HHHHHHHIHHHH")
"""A data APDU down to its report: tag, length, octets, invoke id, operation, length, handle, event time, event type,
length, request id, report number."""

_EVENT_REPORTS: Final = frozenset({0x0100, 0x0101})
_FIXED: Final = frozenset({Event.FIXED, Event.UNBUF_FIXED, Event.BUF_FIXED})

_REPLY: Final = re.compile(rb"\xe7\0\0\x12\0\x10..\x02\x01\0\x0a.{6}\x0d[\x1d-\x20\x22-\x2d]\0\0", re.DOTALL)
"""The manager's answer to a scan report, which says nothing more."""

_KINDS: Final[dict[int, tuple[int, int]]] = {
    Attr.NU_VAL_OBS_BASIC: (1, 2),
    Attr.NU_VAL_OBS_SIMP: (2, 4),
    Attr.TIME_STAMP_ABS: (3, 8),
    Attr.TIME_ABS: (3, 8),
    Attr.NU_CMPD_VAL_OBS_BASIC: (4, 2),
    Attr.NU_CMPD_VAL_OBS_SIMP: (5, 4),
}
"""Attributes that columns can say whole: the kernel's kind, and octets of one number or time."""

_TIME: Final = _KINDS[Attr.TIME_STAMP_ABS]
_COMPOUNDS: Final = frozenset({Attr.NU_CMPD_VAL_OBS_BASIC, Attr.NU_CMPD_VAL_OBS_SIMP})

_UNSAYABLE: Final = frozenset({
    Attr.MSMT_STAT, Attr.TIME_PD_MSMT_ACTIVE, Attr.SOURCE_HANDLE_REF, Attr.SOURCE_HANDLE_REF_LIST,
})  # fmt: skip
"""Attributes of an object that say of each value what no column does."""

_Rows = tuple[int, bytes, bytes, bytes, bytes, bytes, bytes, bytes, bytes]


class _Kernel(Protocol):
    def scan_fixed(self, data: bytes, start: int, stop: int, plan: bytes, /) -> _Rows | None: ...


class _Layout(NamedTuple):
    """How the reports of one configuration are laid out, and what has been read of them."""

    plan: bytes
    templates: dict[int, Template]
    members: dict[int, int]
    """Numbers of one observation, by handle; empty when no object is a compound."""
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
        Takes the byte range of whatever no row says: data reports with enumerations, samples, several persons, a
        status beside the value, no configuration; time stamps that are no date; special values with an exponent.
        The reader tells what they say.

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
        received = context.received
        self._received = None if received is None else received.replace(origin="received", device_clock=None)
        self._kernel = cast(_Kernel, load("mder"))
        self._session = Session(max_apdu=min(65539, context.limits.max_unit))
        self._batch = ObservationBatch(
            adapter=ADAPTER,
            version=VERSION,
            digest=sha256(stream).hexdigest(),
            subject=None if context.subject is None else context.subject.id,
            status="final",
        )
        self._conversation = Conversation(context, self._clock)
        self._layout: _Layout | None = None
        self._codes: dict[Concept, int] = {}
        self._units: dict[tuple[str | None, Coding | None], int] = {}
        self._times: dict[bytes, int] = {}

    def read(self) -> ObservationBatch:
        """Walk the APDUs: reports to the kernel, everything else to the session, which learns from it."""
        stream, size, at = self._stream, len(self._stream), 0
        while at < size:
            stop = at + 4 + int.from_bytes(stream[at + 2 : at + 4], "big")
            if not self._fast(at, stop) and not _REPLY.fullmatch(stream, at, stop):
                self._listen(at, stop)
            at = stop
        self._session.finish()
        self._flush()
        return self._batch

    def _fast(self, at: int, stop: int) -> bool:
        """Read a fixed report by the kernel, or say that it is none, or not as planned."""
        layout = self._layout
        if layout is None or at + _HEAD.size >= stop or stop > len(self._stream):
            return False
        tag, length, inner, _, choice, body, _, _, event, info, _, _ = _HEAD.unpack_from(self._stream, at)
        # The lengths must agree with each other; where they do not, the session says what is wrong.
        regular = (length - inner, inner - body, body - info) == (2, 6, 10)
        if tag != PRST or not regular or choice not in _EVENT_REPORTS or event not in _FIXED:
            return False
        found = self._kernel.scan_fixed(self._stream, at + _HEAD.size, stop, layout.plan)
        if found is None or (layout.members and not _as_mapped(found, layout.members)):
            return False
        for column, part in zip(layout.columns, found[1:], strict=True):
            column.append(part)
        return True

    def _listen(self, start: int, stop: int) -> None:
        """Give one APDU to the session, and plan anew when it changed how reports are to be read."""
        for item in self._session.iter_feed(self._stream[start:stop]):
            if item.observations or item.undecoded:
                self._rest.append((start, stop))
            self._conversation.records(item)
            known = self._templates(item)
            if known != (None if self._layout is None else self._layout.templates):
                self._flush()
                self._layout = None if known is None else _layout(known)

    def _templates(self, item: SessionItem) -> dict[int, Template] | None:
        """Return the objects of the configuration in force; none for a second device in the stream."""
        number, device = item.config_id, self._conversation.device
        self._batch.device = self._batch.device or device
        if number is None or device != self._batch.device:
            return None
        report = self._session.configurations.get((item.system_id, number)) or standard_configuration(number)
        if report is None:
            return None
        found = (self._conversation.template(source) for source in report.objects if source.value_map)
        return {template.handle: template for template in found if _sayable(template)}

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
        # The batch says which special value it is, not with which exponent it came.
        odd = (row for row, special in enumerate(specials) if special and exponents[row])
        self._rest.extend((starts[row], starts[row] + meaning[kinds[row]][2]) for row in odd)
        for parts in layout.columns:
            parts.clear()

    def _meaning(self, template: Template, attribute: int, member: int) -> tuple[int, int, int]:
        """Return the indexes of code and unit, and the octets of a number."""
        code = template.code
        if attribute in _COMPOUNDS:
            code = template.components[member]
        if code not in self._codes:
            self._codes[code] = len(self._codes)
            self._batch.codes.append(code)
        if template.unit not in self._units:
            self._units[template.unit] = len(self._units)
            self._batch.units.append(template.unit)
        return self._codes[code], self._units[template.unit], _KINDS[attribute][1]

    def _time(self, offset: int) -> int:
        """Return the index of a time stamp; equal stamps share one."""
        raw = b"" if offset == NO_INDEX else self._stream[offset : offset + 8]
        index = self._times.get(raw)
        if index is not None:
            return index
        instant = self._clock.absolute(raw) if raw else self._received
        if raw and instant is None:
            self._rest.append((offset, offset + 8))
            return self._time(NO_INDEX)
        index = self._times[raw] = NO_INDEX if instant is None else len(self._batch.times)
        if instant is not None:
            self._batch.times.append(instant)
        return index


def _column(code: str, parts: list[bytes]) -> array[int]:
    column: array[int] = array(code)
    column.frombytes(b"".join(parts))
    return column


def _as_mapped(found: _Rows, members: dict[int, int]) -> bool:
    """Check that each compound has as many members as its place in the value map: the kernel knows only its end."""
    handles, places = memoryview(found[1]).cast("H"), found[3]
    row = 0
    while row < len(places):
        size = members[handles[row]]
        if places[row : row + size] != bytes(range(size)):
            return False
        row += size
    return row == len(places)


def _sayable(template: Template) -> bool:
    """Tell whether columns say everything that a fixed report says of this object."""
    if template.kind not in METRIC_CLASSES or not _UNSAYABLE.isdisjoint(template.attributes):
        return False
    mapped = _map_of(template)
    kinds = [_KINDS.get(attribute) for attribute, _ in mapped]
    if None in kinds or [kind for kind in kinds if kind != _TIME] != [kind for kind in kinds[:1] if kind != _TIME]:
        return False
    return kinds.count(_TIME) <= 1 and all(_fits(template, *pair) for pair in mapped)


def _fits(template: Template, attribute: int, length: int) -> bool:
    """Tell whether a value map gives an attribute the octets that it needs."""
    _, size = _KINDS[attribute]
    if attribute in _COMPOUNDS:
        return length == 4 + size * len(template.components)
    return length == size


def _map_of(template: Template) -> tuple[tuple[int, int], ...]:
    found = template.attributes[Attr.ATTRIBUTE_VAL_MAP].value
    return cast("tuple[tuple[int, int], ...]", found)


def _layout(templates: dict[int, Template]) -> _Layout:
    """Plan the objects for the kernel, which gives up at any other."""
    words = array("H")
    for handle, template in templates.items():
        mapped = _map_of(template)
        words.extend((handle, sum(length for _, length in mapped), len(mapped)))
        at = 0
        for attribute, length in mapped:
            words.extend((attribute, _KINDS[attribute][0], at))
            at += length
    compound = {handle: t for handle, t in templates.items() if any(a in _COMPOUNDS for a, _ in _map_of(t))}
    members = {handle: len(t.components) if handle in compound else 1 for handle, t in templates.items()}
    return _Layout(words.tobytes(), templates, members if compound else {}, tuple([] for _ in range(8)))
