"""The fast path: plain numbers of one message as columns, without an object per OBX.

What repeats from message to message (code and address, unit and status) is understood once and then known by its
bytes; the tables of that are bounded, hold no person's data and no values, and are shared by the batches.
A message that is written in any unusual way goes through the records instead, with the same result.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable
from functools import lru_cache
from hashlib import sha256
from itertools import compress
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ..._accel import load
from ..._accel.er7_py import OBX_FIELDS
from ...model import Coding, Concept, Instant, Interval, Message, Observation, ObservationBatch, Quantity
from ...model.batch import NO_INDEX
from ...model.observation import ObservationStatus
from ...plugins import ReadContext
from .codes import decode_code, decode_unit
from .devices import parse_handle
from .header import plain_subject_id
from .ledger import Syntax
from .message import may_send_sentinels, message_syntax
from .reader import make_reader
from .tables import STATUS
from .times import check_zone, decode_message, decode_observed, decode_order, decode_window
from .unit import ADAPTER, VERSION

if TYPE_CHECKING:
    from ..._accel import er7_py as er7
else:
    er7 = load("er7")

__all__ = ["read_columns"]

_PLAIN_HEADER: Final = b"MSH|^~\\&|"
_PLAIN: Final = Syntax("|", "~", "^", "&", "\\", "ascii")
_HEADING: Final = frozenset({b"MSH", b"PID", b"OBR"})
_INT64: Final = 1 << 63
_IS_EXACT: Final = b"\1" + bytes(255)
"""Kernel flag to whether OBX-5 is an exact number."""
_MAX_KNOWN: Final = 8192
_SKIP: Final = -1
_WIDTH: Final = 2 * len(OBX_FIELDS)
_AT: Final = {number: 2 * position for position, number in enumerate(OBX_FIELDS)}


class _Known:
    """What bytes mean, by number; replaced as a whole when it is full, so that batches keep the lists they share."""

    def __init__(self) -> None:
        self.codes: list[Concept] = []
        self.code_of: dict[bytes, int] = {}
        self.units: list[tuple[str | None, Coding | None]] = []
        self.rest_of: dict[bytes, tuple[int, ObservationStatus]] = {}

    def learn_code(self, key: bytes, syntax: Syntax) -> int:
        """Understand OBX-3 and OBX-4; a facet is no row."""
        code, _, address = key.partition(b"|")
        handle = parse_handle(address.decode())
        number = _SKIP
        if code and (handle is None or handle.facet_of is None):
            self.codes.append(decode_code(code.decode(), syntax).value.concept)
            number = len(self.codes) - 1
        self.code_of[key] = number
        return number

    def learn_rest(self, key: bytes, syntax: Syntax) -> tuple[int, ObservationStatus]:
        """Understand OBX-6 to OBX-11; what has a flag in OBX-8 is no plain number."""
        fields = [*key.decode().split("|"), "", "", "", "", ""]
        status = STATUS.get(fields[5], "unknown")
        number = NO_INDEX
        if fields[2]:
            number = _SKIP
        elif fields[0]:
            unit = decode_unit(fields[0], syntax).value
            self.units.append((unit.ucum, unit.native))
            number = len(self.units) - 1
        self.rest_of[key] = (number, status)
        return number, status


_tables: Final[list[_Known]] = [_Known()]
"""The one table in use."""


def read_columns(message: bytes, context: ReadContext) -> ObservationBatch:
    """Read the plain numbers of one message.

    A row is an OBX of type NM whose value is a decimal number as the standard writes it, without a flag in OBX-8,
    and which is no facet of another. Everything else of the message is in the records of the reader only. Where
    the rows have several statuses, that of the batch is ``unknown``.

    Parameters
    ----------
    message : bytes
        One message, without a frame.
    context : ReadContext
        How to read.

    Returns
    -------
    ObservationBatch
        Rows in the order of the message; their records have the ids that the reader gives them.

    Raises
    ------
    InputError
        As the reader does.
    """
    return _fast(message, context) or _from_records(message, context)


def _fast(message: bytes, context: ReadContext) -> ObservationBatch | None:
    """Read a message that is written as the standard says; ``None`` for any other."""
    if not (message.startswith(_PLAIN_HEADER) and message.isascii() and len(message) <= context.limits.max_unit):
        return None
    segments, fields, stats = er7.index(message, 0, len(message), 0x7C)
    if any(stats[2:5]) or b"\x1c" in message[-4:] or context.strictness == "strict":
        return None
    ordinals, spans, mantissas, exponents, flags = er7.obx_rows(message, segments, fields, 0x5E, 0x7E)
    triples, rows = memoryview(segments).cast("I"), memoryview(ordinals).cast("I")
    head = _head(message, triples, rows, context)
    if head is None:
        return None
    table = _tables[0]
    if len(table.code_of) + len(table.rest_of) > _MAX_KNOWN:
        table = _tables[0] = _Known()
    columns, exact = memoryview(spans).cast("I"), flags.translate(_IS_EXACT)
    code = _lookup(_slices(message, columns, 3, 4, exact), table.code_of, table.learn_code, head.syntax)
    rest = _lookup(_slices(message, columns, 6, 11, exact), table.rest_of, table.learn_rest, head.syntax)
    units = [unit for unit, _ in rest]
    statuses = {status for _, status in rest}
    own = list(compress(range(len(rows)), exact))
    times = _slices(message, columns, 14, 14, exact)
    if _SKIP in code or _SKIP in units:
        wanted = [_SKIP not in pair for pair in zip(code, units, strict=True)]
        code, units, own, times = (list(compress(column, wanted)) for column in (code, units, own, times))
        statuses = {status for _, status in compress(rest, wanted)}
    first = 3 * rows[0]
    starts, stops = triples[first::3].tolist(), triples[first + 1 :: 3].tolist()
    values, powers = array("q", mantissas), array("b", exponents)
    moments, time = _times(times, head)
    return ObservationBatch(
        adapter=ADAPTER,
        version=VERSION,
        digest=sha256(message[: triples[-2]]).hexdigest(),
        subject=head.subject,
        status=statuses.pop() if len(statuses) == 1 else "unknown",
        codes=table.codes,
        units=table.units,
        times=moments,
        mantissa=array("q", [values[row] for row in own]),
        exponent=array("b", [powers[row] for row in own]),
        special=array("B", bytes(len(own))),
        code=array("I", code),
        unit=array("I", units),
        time=array("I", time),
        start=array("I", [starts[row] for row in own]),
        stop=array("I", [stops[row] for row in own]),
    )


class _Head(NamedTuple):
    syntax: Syntax
    subject: str | None
    time: Instant


def _head(message: bytes, triples: memoryview, rows: memoryview, context: ReadContext) -> _Head | None:
    """Read what the rows inherit; ``None`` unless the OBX are one run behind one OBR, one PID and one MSH."""
    count, first = len(rows), rows[0] if len(rows) else 0
    if not count or rows[-1] - first != count - 1:
        return None
    lines: dict[bytes, list[str]] = {}
    for ordinal in (*range(first), *range(first + count, len(triples) // 3)):
        start = triples[3 * ordinal]
        name = message[start : start + 3]
        if name in _HEADING:
            if name in lines or ordinal > first:
                return None
            lines[name] = message[start : triples[3 * ordinal + 1]].decode("ascii").split("|", 11)
    msh, pid, obr = lines[b"MSH"], lines.get(b"PID"), lines.get(b"OBR", ())
    if context.subject is not None or len(msh) < 11 or msh[10] != "P" or may_send_sentinels(msh[2]):
        return None
    syntax, time = _clock(msh[6], context.default_zone)
    if len(obr) > 7 and (obr[7] or (len(obr) > 8 and obr[8])):
        time = _report_clock(obr[7], len(obr) > 8 and obr[8] != "", syntax, time)
    person = None
    if pid is not None:
        person = plain_subject_id(pid[3] if len(pid) > 3 else "")
        if person is None:
            return None
    return None if time is None else _Head(syntax, person, time)


@lru_cache(256)
def _clock(sent: str, zone: str | None) -> tuple[Syntax, Instant | None]:
    syntax = message_syntax(sent, _PLAIN, check_zone(zone))
    return syntax, decode_message(sent, syntax).value if sent else None


@lru_cache(256)
def _report_clock(stated: str, window: bool, syntax: Syntax, sent: Instant | None) -> Instant | None:
    """Return the time of a report as the record path does; ``None`` for a window without a beginning."""
    if window:
        return decode_window(stated, syntax).value if stated else None
    return decode_order(stated, syntax).value or sent


def _slices(message: bytes, columns: memoryview, first: int, last: int, exact: bytes) -> list[bytes]:
    """Return the bytes from one field to another of the rows that hold an exact number."""
    starts, stops = columns[_AT[first] :: _WIDTH].tolist(), columns[_AT[last] + 1 :: _WIDTH].tolist()
    return [message[start:stop] for start, stop in compress(zip(starts, stops, strict=True), exact)]


def _lookup(
    keys: list[bytes], known: dict[bytes, Any], learn: Callable[[bytes, Syntax], Any], syntax: Syntax
) -> list[Any]:
    found = list(map(known.get, keys))
    if None in found:
        found = [learn(key, syntax) if value is None else value for key, value in zip(keys, found, strict=True)]
    return found


def _times(texts: list[bytes], head: _Head) -> tuple[list[Instant], Iterable[int]]:
    """Return the distinct times and the number of each row's; a row without an own one has the report's."""
    moments, numbers = [head.time], {b"": 0}
    for text in dict.fromkeys(texts):
        own = decode_observed(text.decode("ascii"), head.syntax).value if text else None
        if own is not None:
            moments.append(own)
        numbers[text] = 0 if own is None else len(moments) - 1
    return moments, map(numbers.__getitem__, texts)


def _from_records(message: bytes, context: ReadContext) -> ObservationBatch:
    """Read through the records."""
    reader = make_reader(context)
    records = [*reader.feed(message), *reader.finish()]
    rows = [record for record in records if isinstance(record, Observation) and _is_plain(record)]
    digest = next((record.provenance.digest for record in rows if record.provenance.digest), "")
    headers = [record.provenance.span for record in records if isinstance(record, Message)]
    begin = headers[0][0] if headers and headers[0] is not None else 0
    statuses = {row.status for row in rows}
    subjects = {row.subject for row in rows}
    batch = ObservationBatch(
        adapter=ADAPTER,
        version=VERSION,
        digest=digest,
        subject=subjects.pop() if len(subjects) == 1 else None,
        status=statuses.pop() if len(statuses) == 1 else "unknown",
        base=begin,
    )
    numbers: dict[object, int] = {}
    for row in rows:
        _append(batch, row, begin, numbers)
    return batch


def _is_plain(row: Observation) -> bool:
    """Tell whether a record is one that columns can say."""
    found = row.value
    if not isinstance(found, Quantity) or row.native_type != "NM" or row.quality is not None or row.links:
        return False
    facet = parse_handle(row.handle or "")
    narrow = -_INT64 <= found.mantissa < _INT64 and -128 <= found.exponent <= 0
    return narrow and found.comparator is None and (facet is None or facet.facet_of is None)


def _append(batch: ObservationBatch, row: Observation, begin: int, numbers: dict[object, int]) -> None:
    found, when = row.value, row.time
    assert isinstance(found, Quantity)
    assert row.provenance.span is not None
    if isinstance(when, Interval):
        when = when.start
    batch.mantissa.append(found.mantissa)
    batch.exponent.append(found.exponent)
    batch.special.append(0)
    batch.code.append(_number(row.code, batch.codes, numbers))
    unit = (found.unit, found.native_unit)
    batch.unit.append(NO_INDEX if unit == (None, None) else _number(unit, batch.units, numbers))
    batch.time.append(_number(when, batch.times, numbers) if isinstance(when, Instant) else NO_INDEX)
    batch.start.append(row.provenance.span[0] - begin)
    batch.stop.append(row.provenance.span[1] - begin)


def _number(value: Any, values: list[Any], numbers: dict[object, int]) -> int:
    """Return the position of a value in its list, where it is put at first sight."""
    known = numbers.get(value)
    if known is None:
        values.append(value)
        known = numbers[value] = len(values) - 1
    return known
