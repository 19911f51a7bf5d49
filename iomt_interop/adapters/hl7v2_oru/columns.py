"""The fast path: plain numbers of one message as columns, without an object per OBX.

What repeats from message to message (code and address, unit and status) is understood once and then known by its
bytes; the tables of that are bounded, hold no person's data and no values, and are shared by the batches.
A message that is written in any unusual way goes through the records instead, with the same result.
"""

from __future__ import annotations

from array import array
from collections.abc import MutableSequence
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, NamedTuple, get_args

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
from .message import may_send_sentinels
from .reader import make_reader
from .syntax import message_syntax
from .tables import STATUS
from .times import check_zone, decode_message, decode_observed, decode_order, decode_window
from .unit import ADAPTER, VERSION

if TYPE_CHECKING:
    from ..._accel import er7_py as er7
else:
    er7 = load("er7")

__all__ = ["read_columns"]

_PLAIN_HEADER: Final = b"MSH|^~\\&|"
_MARKED: Final = b"^MDIL"
"""Code system whose OBX-13 may make a setting of a number: no table knows such a code, and the records decide."""
_PLAIN: Final = Syntax("|", "~", "^", "&", "\\", "ascii")
_HEADING: Final = frozenset({b"MSH", b"PID", b"OBR"})
_INT64: Final = 1 << 63
_STATES: Final[tuple[ObservationStatus, ...]] = get_args(ObservationStatus)
"""Status by its number in the kernel's table."""
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
        self.rest_of: dict[bytes, int] = {}
        self.recent: list[tuple[bytes, int, bytes, int]] = []
        """What the rows of the last message meant."""

    def learn(self, message: bytes, segments: bytes, fields: bytes, syntax: Syntax) -> None:
        """Understand the codes and units of a message's exact numbers."""
        _, spans, _, _, flags = er7.obx_rows(message, segments, fields, 0x5E, 0x7E)
        places = memoryview(spans).cast("I")
        for row in range(len(flags)):
            if not flags[row]:
                at = row * _WIDTH
                self._learn_code(message[places[at + _AT[3]] : places[at + _AT[4] + 1]], syntax)
                self._learn_rest(message[places[at + _AT[6]] : places[at + _AT[11] + 1]], syntax)

    def _learn_code(self, key: bytes, syntax: Syntax) -> None:
        """Understand OBX-3 and OBX-4; a facet, a setting and an event are no rows."""
        if key in self.code_of or _MARKED in key:
            return
        code, _, address = key.partition(b"|")
        handle = parse_handle(address.decode())
        number = _SKIP
        known = decode_code(code.decode(), syntax).value if code else None
        if known is not None and known.role is None and (handle is None or handle.facet_of is None):
            self.codes.append(known.concept)
            number = len(self.codes) - 1
        self.code_of[key] = number

    def _learn_rest(self, key: bytes, syntax: Syntax) -> None:
        """Understand OBX-6 to OBX-11; what has a flag in OBX-8 is no plain number."""
        if key in self.rest_of:
            return
        fields = [*key.decode().split("|"), "", "", "", "", ""]
        status = _STATES.index(STATUS.get(fields[5], "unknown"))
        number = 0
        if fields[0] and not fields[2]:
            unit = decode_unit(fields[0], syntax).value
            self.units.append((unit.ucum, unit.native))
            number = len(self.units)
        self.rest_of[key] = _SKIP if fields[2] else number << 4 | status


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
    if b"\x1b" in message:  # a switch of the character set: octets of a character may look like delimiters
        return None
    segments, fields, stats = er7.index(message, 0, len(message), 0x7C)
    if stats[2] or stats[3] or stats[4] or b"\x1c" in message[-4:] or context.strictness == "strict":
        return None
    table = _tables[0]
    if len(table.code_of) + len(table.rest_of) > _MAX_KNOWN:
        table = _tables[0] = _Known()
    triples = memoryview(segments).cast("I")
    shape, columns = er7.plain_rows(message, segments, fields, table.code_of, table.rest_of, table.recent)
    head = _head(message, triples, shape, context)
    if head is None:
        return None
    if columns is None:
        table.learn(message, segments, fields, head.syntax)
        _, columns = er7.plain_rows(message, segments, fields, table.code_of, table.rest_of)
        if columns is None:
            return None
    mantissas, exponents, codes, units, starts, stops, moments, texts, states = columns
    times, numbers = _times(texts, head)
    return ObservationBatch(
        adapter=ADAPTER,
        version=VERSION,
        digest=lambda: sha256(message[: triples[-2]]).hexdigest(),
        subject=head.subject,
        status=_STATES[states.bit_length() - 1] if states.bit_count() == 1 else "unknown",
        codes=table.codes,
        units=table.units,
        times=times,
        mantissa=array("q", mantissas),
        exponent=array("b", exponents),
        special=array("B", bytes(len(exponents))),
        code=array("I", codes),
        unit=array("I", units),
        time=array("I", moments if numbers is None else [numbers[n] for n in memoryview(moments).cast("I")]),
        start=array("I", starts),
        stop=array("I", stops),
    )


class _Head(NamedTuple):
    syntax: Syntax
    subject: str | None
    time: Instant


def _head(message: bytes, triples: memoryview, shape: tuple[int, int, bool], context: ReadContext) -> _Head | None:
    """Read what the rows inherit; ``None`` unless the OBX are one run behind one OBR, one PID and one MSH."""
    first, count, together = shape
    if not together:
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


def _times(texts: list[bytes], head: _Head) -> tuple[list[Instant], list[int] | None]:
    """Return the distinct times, and for each of the texts its number; a row without an own one has the report's.

    ``None`` stands for the numbers when they are those of the texts themselves.
    """
    found = [decode_observed(text.decode("ascii"), head.syntax).value if text else None for text in texts]
    if None not in found:
        return [instant for instant in found if instant is not None], None
    moments, numbers = [head.time], []
    for own in found:
        numbers.append(0 if own is None else len(moments))
        if own is not None:
            moments.append(own)
    return moments, numbers


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


def _number(value: Any, values: MutableSequence[Any], numbers: dict[object, int]) -> int:
    """Return the position of a value in its list, where it is put at first sight."""
    known = numbers.get(value)
    if known is None:
        values.append(value)
        known = numbers[value] = len(values) - 1
    return known
