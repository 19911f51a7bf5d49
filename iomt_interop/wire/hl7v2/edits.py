"""Edited copies of a message: every octet outside the edit stays as it was."""

from __future__ import annotations

from ...errors import InputError, InvalidRequest, MalformedInput
from .escapes import escape
from .message import COMPONENT, FIELD, NULL, REPETITION, Message, Part, Segment
from .parse import parse
from .path import Path, parse_path, parse_segment
from .wide import MARKS

__all__ = ["append_segment", "delete", "edit", "insert", "insert_segment", "remove_segment"]


def edit(message: Message, path: str, text: str, *, raw: bool = False) -> Message:
    r"""Return a copy of a message with another text at one path; all other octets stay.

    Missing fields, repetitions, components and subcomponents before the place are filled in as empty.

    Parameters
    ----------
    message : Message
        What to copy.
    path : str
        One place.
    text : str
        What to write. It is escaped; :data:`NULL` writes the explicit null.
    raw : bool, optional
        Write the text as it is, delimiters and escape sequences included; only line ends are refused.

    Raises
    ------
    InvalidRequest
        ``USE-001`` for a path with wildcards or of a segment that does not occur.
    InputError
        ``HL7-111`` when the text cannot be written in the message's character set.

    Examples
    --------
    >>> from iomt_interop.wire import hl7v2
    >>> message = hl7v2.parse(b"MSH|^~\\&|MON\rPID|||17\r")
    >>> bytes(hl7v2.edit(message, "PID-3[2].4.2", "1.2.3"))
    b'MSH|^~\\&|MON\rPID|||17~^^^&1.2.3\r'
    """
    where, segment = _place(message, path)
    value = _octets(message, text, path, raw)
    prefix, part = _reach(message, segment, where)
    return _replaced(message, part.start, part.stop, prefix + value)


def delete(message: Message, path: str) -> Message:
    """Return a copy of a message without what stands at one path.

    A field, component or subcomponent becomes empty, and its neighbours keep their numbers. A repetition that the
    path names is taken out with its separator, and those behind it move up. A path that does not occur changes
    nothing. To tell a receiver to delete what it has, write :data:`NULL` with :func:`edit` instead.
    """
    where, segment = _place(message, path)
    field = segment.field(where.field)
    part = _reach(message, segment, where)[1]
    if part.absent or field.absent:
        return message
    start, stop = part.start, part.stop
    if where.repetition and where.component is None and field.level == FIELD and len(field) > 1:
        mark = len(field.mark)
        start, stop = (start - mark, stop) if where.repetition > 1 else (start, stop + mark)
    return _replaced(message, start, stop, b"")


def insert(message: Message, path: str, text: str, *, raw: bool = False) -> Message:
    """Return a copy with a new repetition before the one that a path names, which moves up.

    ``PID-3[1]`` puts it first; one beyond the last appends, as :func:`edit` does.
    """
    where, segment = _place(message, path)
    if not where.repetition or where.component is not None:
        raise InvalidRequest("USE-001", hint="name a repetition: SEG(n)-f[r]")
    field = segment.field(where.field)
    if field.absent or field.level != FIELD or where.repetition > len(field) or not field:
        return edit(message, path, text, raw=raw)
    start = field[where.repetition].start
    return _replaced(message, start, start, _octets(message, text, path, raw) + field.mark)


def insert_segment(message: Message, where: str, text: str, *, after: bool = True) -> Message:
    r"""Return a copy with another segment beside one of the message.

    Parameters
    ----------
    message : Message
        What to copy.
    where : str
        The segment beside which it goes (``OBR``, ``OBX(2)``).
    text : str
        The new segment as it is written, without its terminator.
    after : bool, optional
        Behind that segment; before it otherwise.
    """
    name, number = parse_segment(where)
    segment = message.segment(name, number)
    if segment is None or (segment.ordinal == 0 and not after):
        raise InvalidRequest("USE-001", hint="no such segment, or before the header")
    end = _terminator(message)
    line = _octets(message, text, where, raw=True)
    if not after:
        return _replaced(message, segment.start, segment.start, line + end)
    return _replaced(message, segment.stop, segment.stop, end + line)


def append_segment(message: Message, text: str) -> Message:
    """Return a copy with another segment at its end; the last one gets its terminator where it had none."""
    if not len(message):
        raise InvalidRequest("USE-001", hint="no header")
    last = message.at(len(message) - 1)
    return _replaced(message, last.stop, last.stop, _terminator(message) + _octets(message, text, last.id, raw=True))


def remove_segment(message: Message, where: str) -> Message:
    """Return a copy without one segment and its terminator; the header stays."""
    name, number = parse_segment(where)
    segment = message.segment(name, number) if number else None
    if segment is None or segment.ordinal == 0:
        raise InvalidRequest("USE-001", hint="no such segment, or the header")
    previous = message.at(segment.ordinal - 1)
    return _replaced(message, previous.stop, segment.stop, b"")


def _place(message: Message, path: str) -> tuple[Path, Segment]:
    where = parse_path(path)
    if 0 in where[1:]:
        raise InvalidRequest("USE-001", hint="one place at a time")
    segment = message.segment(where.segment, where.occurrence)
    if segment is None or (segment.is_header and where.field <= 2):
        raise InvalidRequest("USE-001", hint="no such segment, or its delimiters")
    return where, segment


def _reach(message: Message, segment: Segment, where: Path) -> tuple[bytes, Part]:
    """Return the part that a path names, and the delimiters that are missing before it."""
    d = message.delimiters
    prefix = d.field * max(0, where.field - len(segment))
    part: Part = segment.field(where.field)
    steps = ((where.repetition, d.repetition), (where.component, d.component), (where.subcomponent, d.subcomponent))
    for number, mark in steps:
        if number is None and part.level == FIELD and where.component is not None:
            number = 1
        if number is None or part.level not in (FIELD, REPETITION, COMPONENT):
            break
        have = 1 if part.absent else len(part)
        if number > have and not mark:
            raise InvalidRequest("USE-001", hint="the message has no delimiter for this")
        prefix += mark * max(0, number - have)
        part = part[number]
    return prefix, part


def _octets(message: Message, text: str, path: str, raw: bool) -> bytes:
    """Return what is written for a text."""
    if raw and any(each in text for each in "\r\n\x0b\x1c"):
        raise InvalidRequest("USE-001", hint="a line end inside a segment")
    value = text if raw or text == NULL else escape(text, message.syntax)
    charset = message.syntax.charset
    try:
        return value.encode("utf-8" if charset == "ascii" else charset)
    except UnicodeEncodeError:
        raise _unwritable(path) from None


def _unwritable(path: str) -> InputError:
    return MalformedInput("HL7-111", path=path)


def _terminator(message: Message) -> bytes:
    """Return what stands between the first two segments; CR where there is one alone."""
    first = message.at(0)
    if len(message) < 2:
        return message.data[first.stop : first.stop + 2] if message.data[first.stop :][:2] == b"\r\n" else b"\r"
    between = message.data[first.stop : message.at(1).start]
    return between if between in (b"\r", b"\r\n", b"\n", b"\\r", b"\\n", b"\\r\\n") else b"\r"


def _replaced(message: Message, start: int, stop: int, value: bytes) -> Message:
    """Put octets into their place, in the encoding that the message came in."""
    edited = message.data[:start] + value + message.data[stop:]
    if message.wide:
        mark = MARKS[message.wide] if message.raw.startswith(MARKS[message.wide]) else b""
        restored = message.raw[len(mark) :].decode(message.wide, "replace").encode(message.wide, "replace")
        if mark + restored != message.raw:
            raise _unwritable("MSH-18")
        edited = mark + edited.decode("utf-8").encode(message.wide)
    return parse(edited, origin=message.origin, delimiters=message.delimiters)
