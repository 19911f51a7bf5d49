"""ER7 kernels in plain Python: the readable specification of ``ext/er7.pyx``.

All offsets are absolute in the buffer. Columns are native-endian and packed into ``bytes``: ``uint32`` offsets,
``int64`` mantissas, ``int8`` exponents, ``uint8`` flags.
"""

from __future__ import annotations

import re
from array import array
from typing import Final

__all__ = ["OBX_FIELDS", "Plain", "heads", "index", "obx_rows", "plain_rows", "samples", "tidy"]

Plain = tuple[bytes, bytes, bytes, bytes, bytes, bytes, bytes, list[bytes], int]
"""Columns of plain numbers, see :func:`plain_rows`."""

OBX_FIELDS: Final = (2, 3, 4, 5, 6, 7, 8, 11, 14, 17, 18, 20)
"""Fields of OBX whose byte ranges :func:`obx_rows` gives, in this order."""

_MAX_DIGITS: Final = 18
_MAX_TIMES: Final = 64
_DECIMAL: Final = re.compile(rb"([+-]?)([0-9]*)(?:\.([0-9]*))?")
_HEADS: Final = re.compile(rb"(?:MSH|[FB](?:HS|TS))")
_LINE_ENDS: Final = re.compile(rb"[\r\n]*")
_SEGMENT_AHEAD: Final = re.compile(rb"\Z|[A-Z][A-Z0-9]{2}(.|[\r\n]|\Z)", re.DOTALL)


def index(data: bytes | memoryview, start: int, stop: int, separator: int) -> tuple[bytes, bytes, tuple[int, ...]]:
    r"""Index a message into segments and field separators.

    CR ends a segment. LF ends one when it follows a CR, or when a segment (identifier of three characters, then
    a separator or the end of the line) or nothing at all follows; any other LF is data.

    Parameters
    ----------
    data : bytes-like
        The buffer.
    start, stop : int
        Range of the message.
    separator : int
        The field separator's octet.

    Returns
    -------
    segments : bytes
        ``uint32`` triples: start, end, number of the first separator in ``fields``.
    fields : bytes
        ``uint32`` offsets of all field separators.
    stats : tuple of int
        Counts: CR, LF after CR, LF as terminator, LF as data, empty segments passed over, and 1 when the last
        segment has no terminator.

    Raises
    ------
    ValueError
        When the range is not in the buffer, or the separator is no octet.
    BufferError
        When somebody else changes the buffer meanwhile; the compiled kernel lets other threads run.
    """
    if not 0 <= start <= stop <= len(data) or len(data) > 0xFFFFFFFE or not 0 <= separator <= 255:
        raise ValueError("range")
    segments, fields = array("I"), array("I")
    stats = [0] * 6
    begin, first = start, 0
    run, ends = 0, False  # up to ``run`` the answer for an LF is ``ends``: line ends in a row are looked at once
    window = bytes(data[start:stop])
    for match in re.finditer(b"[\r\n" + re.escape(bytes([separator])) + b"]", window):
        position = match.start() + start
        octet = data[position]
        if octet == separator:
            fields.append(position)
            continue
        if octet == 10:
            at = match.start()
            if at and window[at - 1] == 13:
                stats[1] += 1
            else:
                if at >= run:
                    run, ends = _line_feed(window, at, separator)
                stats[2 if ends else 3] += 1
                if not ends:
                    continue
        else:
            stats[0] += 1
        if position > begin:
            segments.extend((begin, position, first))
        elif octet == 13 or position == start or data[position - 1] != 13:
            stats[4] += 1
        begin, first = position + 1, len(fields)
    if begin < stop:
        stats[5] = 1
        segments.extend((begin, stop, first))
    return segments.tobytes(), fields.tobytes(), tuple(stats)


def heads(data: bytes | bytearray | memoryview, start: int, stop: int) -> list[int]:
    """Find the letters of the segments that begin a unit: MSH, FHS, BHS, BTS, FTS.

    Parameters
    ----------
    data : bytes-like
        The buffer.
    start, stop : int
        The first place of a first letter, and the last.

    Returns
    -------
    list of int
        Where they stand, in their order.

    Raises
    ------
    ValueError
        When ``start`` is negative.
    """
    if start < 0:
        raise ValueError("range")
    return [start + match.start() for match in _HEADS.finditer(bytes(data[start : max(stop + 3, 0)]))]


def tidy(
    data: bytes | memoryview, segments: bytes | memoryview, fields: bytes | memoryview, known: bytes, inner: bytes
) -> bool:
    """Tell whether every segment is a known one, has a field, and holds the beginning of no other.

    Parameters
    ----------
    data, segments, fields : bytes-like
        A buffer and its index.
    known : bytes
        Identifiers of three letters, one behind the other.
    inner : bytes
        Identifiers that stand in front of no separator but the first of their segment.

    Raises
    ------
    ValueError
        When the index is not one of the buffer.
    """
    triples, seps = _index(segments, fields)
    _check(len(data), triples, seps)
    begins, within = ({names[at : at + 3] for at in range(0, len(names) - 2, 3)} for names in (known, inner))
    for number in range(0, len(triples), 3):
        start, _, first = triples[number : number + 3]
        last = triples[number + 5] if number + 5 < len(triples) else len(seps)
        if first >= last or seps[first] != start + 3 or bytes(data[start : start + 3]) not in begins:
            return False
        if any(at >= 3 and bytes(data[at - 3 : at]) in within for at in seps[first + 1 : last]):
            return False
    return not bytes(data[triples[-2] if triples else 0 :]).strip(b"\r\n\x1c")


def _line_feed(window: bytes, at: int, separator: int) -> tuple[int, bool]:
    """Return where the line ends stop that follow an LF, and whether a segment or nothing at all stands there."""
    run = at + 1
    if line_ends := _LINE_ENDS.match(window, run):
        run = line_ends.end()
    ahead = _SEGMENT_AHEAD.match(window, run)
    return run, ahead is not None and (not ahead[1] or ahead[1][0] in (separator, 10, 13))


def decimal(text: bytes) -> tuple[int, int] | None:
    """Return mantissa and exponent of ``[+-]digits[.digits]`` of at most 18 digits, else ``None``."""
    match = _DECIMAL.fullmatch(text)
    if match is None:
        return None
    sign, whole, fraction = match.groups()
    digits = whole + (fraction or b"")
    if not digits or len(digits.lstrip(b"0")) > _MAX_DIGITS or len(fraction or b"") > _MAX_DIGITS:
        return None
    value = int(digits)
    return (-value if sign == b"-" else value), -len(fraction or b"")


def obx_rows(
    data: bytes | memoryview, segments: bytes, fields: bytes, component: int, repetition: int
) -> tuple[bytes, bytes, bytes, bytes, bytes]:
    """Read all OBX segments of an indexed message into columns.

    Returns
    -------
    ordinals : bytes
        ``uint32``: which segment of the message each row is, from 0.
    spans : bytes
        ``uint32``: for each row, start and end of each of :data:`OBX_FIELDS`; equal when absent or empty.
    mantissas, exponents : bytes
        ``int64`` and ``int8``: the exact value of OBX-5 where the flag is 0.
    flags : bytes
        ``uint8``: 0 exact, 1 empty, 2 the explicit null, 3 not a plain decimal or wider than 18 digits,
        4 OBX-2 is not ``NM``.

    Raises
    ------
    ValueError
        When the index is not of this buffer.
    """
    triples, seps = _index(segments, fields)
    _check(len(data), triples, seps)
    ordinals, spans, mantissas = array("I"), array("I"), array("q")
    exponents, flags = array("b"), array("B")
    for number in range(len(triples) // 3):
        start, end, first = triples[3 * number : 3 * number + 3]
        if bytes(data[start : min(start + 3, end)]) != b"OBX":
            continue
        last = triples[3 * number + 5] if 3 * number + 5 < len(triples) else len(seps)
        edges = [*seps[first:last], end]
        ordinals.append(number)
        for field in OBX_FIELDS:
            spans.extend((edges[field - 1] + 1, edges[field]) if field < len(edges) else (end, end))
        row = spans[-2 * len(OBX_FIELDS) :]
        flag, value = _value(bytes(data[row[0] : row[1]]), bytes(data[row[6] : row[7]]))
        mantissas.append(value[0])
        exponents.append(value[1])
        flags.append(flag)
    return ordinals.tobytes(), spans.tobytes(), mantissas.tobytes(), exponents.tobytes(), flags.tobytes()


def plain_rows(
    data: bytes | memoryview,
    segments: bytes,
    fields: bytes,
    codes: dict[bytes, int],
    rests: dict[bytes, int],
    recent: list[tuple[bytes, int, bytes, int]] | None = None,
) -> tuple[tuple[int, int, bool], Plain | None]:
    """Read the plain numbers of all OBX segments by what is known of their codes and units.

    A row is an OBX whose OBX-5 is an exact number of type ``NM`` and which neither table passes over.

    Parameters
    ----------
    data, segments, fields : bytes-like
        As for :func:`obx_rows`.
    codes : dict
        Octets of OBX-3 to OBX-4 to the number of a code; -1 passes over.
    rests : dict
        Octets of OBX-6 to OBX-11 to ``(number of a unit + 1) << 4 | status``, unit 0 for none; -1 passes over.
    recent : list, optional
        What the rows of the last message meant, for the compiled kernel to look at before it looks into the same
        tables; it is the caller's to keep for as long as it keeps these.

    Returns
    -------
    shape : tuple
        Which segment is the first OBX, how many there are, whether they are one run.
    columns : tuple or None
        Mantissas (``int64``), exponents (``int8``), codes, units, starts, stops (``uint32``), numbers of the
        time (``uint32``), the octets of the different OBX-14, and a bit per status. ``None`` when a table does
        not know an exact row, or when there are more than 64 different times.

    Raises
    ------
    ValueError
        When the index is not of this buffer.
    """
    ordinals, spans, mantissas, exponents, flags = obx_rows(data, segments, fields, 0, 0)
    triples, rows, places = array("I", segments), array("I", ordinals), array("I", spans)
    first = rows[0] if rows else 0
    shape = (first, len(rows), bool(rows) and rows[-1] - first == len(rows) - 1)
    values, powers = array("q", mantissas), array("b", exponents)
    columns = [array(code) for code in "qbIIIII"]
    times: dict[bytes, int] = {}
    states = 0
    width = 2 * len(OBX_FIELDS)
    for row, ordinal in enumerate(rows):
        if flags[row]:
            continue
        own = places[row * width : (row + 1) * width]
        code, rest = codes.get(bytes(data[own[2] : own[5]])), rests.get(bytes(data[own[8] : own[15]]))
        if code is None or rest is None:
            return shape, None
        if code < 0 or rest < 0:
            continue
        time = times.setdefault(bytes(data[own[16] : own[17]]), len(times))
        if time == _MAX_TIMES:
            return shape, None
        states |= 1 << (rest & 15)
        unit = ((rest >> 4) - 1) & 0xFFFFFFFF
        cells = (values[row], powers[row], code, unit, triples[3 * ordinal], triples[3 * ordinal + 1], time)
        for column, cell in zip(columns, cells, strict=True):
            column.append(cell)
    mantissa, exponent, code_, unit_, start, stop, moment = (column.tobytes() for column in columns)
    return shape, (mantissa, exponent, code_, unit_, start, stop, moment, list(times), states)


def _value(kind: bytes, text: bytes) -> tuple[int, tuple[int, int]]:
    if kind != b"NM":
        return 4, (0, 0)
    if not text:
        return 1, (0, 0)
    if text == b'""':
        return 2, (0, 0)
    value = decimal(text)
    return (3, (0, 0)) if value is None else (0, value)


def _index(segments: bytes | memoryview, fields: bytes | memoryview) -> tuple[array[int], array[int]]:
    triples, seps = bytes(segments), bytes(fields)
    if len(triples) % 12 or len(seps) % 4:
        raise ValueError("index")
    return array("I", triples), array("I", seps)


def _check(size: int, triples: array[int], seps: array[int]) -> None:
    previous = 0
    for number in range(0, len(triples), 3):
        start, end, first = triples[number : number + 3]
        if start > end or end > size or first < previous or first > len(seps):
            raise ValueError("index")
        previous = first
    if any(position >= size for position in seps):
        raise ValueError("index")


def samples(
    data: bytes | memoryview, start: int, stop: int, separator: int
) -> tuple[int, bytes, int, bytes | None, bool] | None:
    """Read the samples of an NA value (or of one vector of an MA) exactly.

    Returns
    -------
    tuple or None
        ``(n, numbers, exponent, marks, exact)``: ``int64`` mantissas that share one exponent; one octet per sample
        (1 = missing) or ``None`` when none is missing; whether writing the numbers at that exponent gives the
        octets again. ``None`` when a sample is no plain decimal, or when the mantissas do not fit into 63 bits at
        one exponent.

    Raises
    ------
    ValueError
        When the range is not in the buffer.
    """
    if not 0 <= start <= stop <= len(data):
        raise ValueError("range")
    parts = bytes(data[start:stop]).split(bytes([separator]))
    values = [(0, 0) if not part else decimal(part) for part in parts]
    exact = [value for value in values if value is not None]
    if len(exact) != len(values):
        return None
    low = min(exponent for _, exponent in exact)
    numbers = [mantissa * 10 ** (exponent - low) for mantissa, exponent in exact]
    if any(_too_wide(number, mantissa) for number, (mantissa, _) in zip(numbers, exact, strict=True)):
        return None
    marks = bytes(not part for part in parts)
    decimals = rb"\.[0-9]{%d}" % -low if low else b""
    shortest = re.compile(rb"(?!-0(?:\.0*)?\Z)-?(?:0|[1-9][0-9]*)" + decimals)
    exact_text = all(not part or shortest.fullmatch(part) for part in parts)
    return len(parts), array("q", numbers).tobytes(), low, marks if any(marks) else None, exact_text


def _too_wide(number: int, mantissa: int) -> bool:
    """Tell whether scaling left the range; the last step may reach ten times the limit that each step checks."""
    return number != mantissa and abs(number) > 9223372036854775800
