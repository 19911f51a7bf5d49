"""The fast path: plain numbers of one message as columns, without an object per OBX.

What repeats from message to message (code and address, unit and status) is understood once and then known by its
bytes; the tables of that are bounded, hold no person's data and no values, and are shared by the batches.
A message that is written in any unusual way goes through the records instead, with the same result.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from hashlib import sha256
from itertools import compress
from typing import TYPE_CHECKING, Final, NamedTuple

from ..._accel import load
from ...errors import InputError
from ...model import Coding, Concept, Instant, Interval, Observation, ObservationBatch, Quantity, record_id
from ...model.batch import NO_INDEX
from ...model.observation import ObservationStatus
from ...plugins import ReadContext
from .codes import decode_code, decode_unit
from .devices import parse_handle
from .header import identity_of
from .ledger import Syntax
from .message import message_offset
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
_MAX_KNOWN: Final = 8192
_SKIP: Final = -1
_WIDTH: Final = 2 * len(er7.OBX_FIELDS)
_AT: Final = {number: 2 * position for position, number in enumerate(er7.OBX_FIELDS)}


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
    if not (message.startswith(_PLAIN_HEADER) and message.isascii()) or context.strictness == "strict":
        return None
    if len(message) > context.limits.max_unit:
        return None
    segments, fields, stats = er7.index(message, 0, len(message), 0x7C)
    if any(stats[2:5]) or b"\x1c" in message[-4:]:
        return None
    ordinals, spans, mantissas, exponents, flags = er7.obx_rows(message, segments, fields, 0x5E, 0x7E)
    triples, rows = memoryview(segments).cast("I"), memoryview(ordinals).cast("I")
    head = _head(message, triples, rows, context)
    if head is None:
        return None
    columns = memoryview(spans).cast("I")
    table = _tables[0]
    if len(table.code_of) + len(table.rest_of) > _MAX_KNOWN:
        table = _tables[0] = _Known()
    code = _lookup(message, columns, 3, 4, table.code_of, table.learn_code, head.syntax)
    rest = _lookup(message, columns, 6, 11, table.rest_of, table.learn_rest, head.syntax)
    wanted = [
        not flag and number >= 0 and unit >= 0 for flag, number, (unit, _) in zip(flags, code, rest, strict=True)
    ]
    first = 3 * rows[0] if len(rows) else 0
    statuses = {status for _, status in compress(rest, wanted)}
    batch = ObservationBatch(
        adapter=ADAPTER,
        version=VERSION,
        digest=sha256(message[: triples[-2]]).hexdigest(),
        subject=head.subject,
        status=statuses.pop() if len(statuses) == 1 else "unknown",
        codes=table.codes,
        units=table.units,
        mantissa=array("q", compress(memoryview(mantissas).cast("q"), wanted)),
        exponent=array("b", compress(memoryview(exponents).cast("b"), wanted)),
        code=array("I", compress(code, wanted)),
        unit=array("I", (unit for unit, _ in compress(rest, wanted))),
        start=array("I", compress(triples[first::3], wanted)),
        stop=array("I", compress(triples[first + 1 :: 3], wanted)),
    )
    batch.special = array("B", bytes(len(batch.mantissa)))
    _set_times(batch, message, columns, wanted, head)
    return batch


class _Head(NamedTuple):
    syntax: Syntax
    subject: str | None
    time: Instant | None


def _head(message: bytes, triples: memoryview, rows: memoryview, context: ReadContext) -> _Head | None:
    """Read what the rows inherit; ``None`` unless the OBX are one run behind one OBR, one PID and one MSH."""
    count = len(rows)
    if not count or rows[-1] - rows[0] != count - 1:
        return None
    lines: dict[bytes, list[str]] = {}
    for ordinal in (*range(rows[0]), *range(rows[-1] + 1, len(triples) // 3)):
        line = message[triples[3 * ordinal] : triples[3 * ordinal + 1]]
        if line[:3] in lines and line[:3] not in _REPEATED:
            return None
        lines[line[:3]] = line.decode("ascii").split("|", 9 if line[:3] != b"MSH" else 18)
    msh, pid, obr = lines.get(b"MSH", []), lines.get(b"PID"), lines.get(b"OBR")
    if context.subject is not None or len(msh) < 11 or msh[10] != "P" or _names_sentinels(msh[2]):
        return None
    syntax = message_syntax(msh[6], Syntax("|", "~", "^", "&", "\\", "ascii"), check_zone(context.default_zone))
    time = decode_message(msh[6], syntax).value if msh[6] else None
    if obr is not None and len(obr) > 7 and obr[7]:
        window = len(obr) > 8 and obr[8]
        time = (decode_window if window else decode_order)(obr[7], syntax).value or time
    person = None
    if pid is not None:
        person = plain_subject_id(pid[3] if len(pid) > 3 else "")
        if person is None:
            return None
    return None if time is None else _Head(syntax, person, time)


def _lookup(
    message: bytes,
    columns: memoryview,
    first: int,
    last: int,
    known: dict[bytes, Any],
    learn: Callable[[bytes, Syntax], Any],
    syntax: Syntax,
) -> list[Any]:
    """Return what the bytes from one field to another mean, row by row."""
    starts, stops = columns[_AT[first] :: _WIDTH].tolist(), columns[_AT[last] + 1 :: _WIDTH].tolist()
    keys = [message[start:stop] for start, stop in zip(starts, stops, strict=True)]
    found = list(map(known.get, keys))
    if None in found:
        found = [learn(key, syntax) if value is None else value for key, value in zip(keys, found, strict=True)]
    return found


def _set_times(batch: ObservationBatch, message: bytes, columns: memoryview, wanted: list[bool], head: _Head) -> None:
    starts, stops = columns[_AT[14] :: _WIDTH].tolist(), columns[_AT[14] + 1 :: _WIDTH].tolist()
    if head.time is not None:
        batch.times.append(head.time)
    if starts == stops:
        batch.time = array("I", bytes(4 * len(batch)))
        return
    numbers: dict[str, int] = {"": 0}
    for start, stop in compress(zip(starts, stops, strict=True), wanted):
        text = message[start:stop].decode("ascii")
        number = numbers.get(text)
        if number is None:
            own = decode_observed(text, head.syntax).value
            number = 0
            if own is not None:
                batch.times.append(own)
                number = len(batch.times) - 1
            numbers[text] = number
        batch.time.append(number)


def _from_records(message: bytes, context: ReadContext) -> ObservationBatch:
    """Read through the records."""
    reader = make_reader(context)
    records = [*reader.feed(message), *reader.finish()]
    rows = [record for record in records if isinstance(record, Observation) and _is_plain(record)]
    digest = next((record.provenance.digest for record in rows if record.provenance.digest), "")
    statuses = {row.status for row in rows}
    subjects = {row.subject for row in rows}
    batch = ObservationBatch(
        adapter=ADAPTER,
        version=VERSION,
        digest=digest,
        subject=subjects.pop() if len(subjects) == 1 else None,
        status=statuses.pop() if len(statuses) == 1 else "unknown",
    )
    begin = message.find(b"MSH")
    numbers: dict[object, int] = {}
    for row in rows:
        _append(batch, row, begin, numbers)
    return batch
