"""From bytes to a :class:`Message`, and from a message to an edited copy."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ..._accel import load
from ...errors import InputError, InvalidRequest, LimitExceeded, MalformedInput
from .delimiters import HEADER, Delimiters, read_delimiters
from .escapes import escape
from .message import Diagnostic, Message, Part
from .path import parse_path

if TYPE_CHECKING:
    from ..._accel import er7_py as er7
else:
    er7 = load("er7")

__all__ = ["MAX_MESSAGE", "edit", "parse"]

MAX_MESSAGE: Final = 1 << 30
"""Longest message in octets; offsets are 32 bits wide."""

_BOMS: Final = ((b"\xef\xbb\xbf", ""), (b"\xff\xfe\0\0", "utf-32-le"), (b"\0\0\xfe\xff", "utf-32-be"),
                (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))  # fmt: skip
_BLANK: Final = b" \t\r\n\x0b\x00"
_TAIL: Final = re.compile(rb"\x1c[\r\n]*\Z")
_LITERAL: Final = re.compile(rb"\\[rn](?:\\n)?(?=[A-Z][A-Z0-9]{2}[^A-Za-z0-9\s\\])")
# Which count of the kernel is which doubt.
_COUNTED: Final = ((2, "HL7-104"), (1, "HL7-112"), (3, "HL7-113"), (4, "HL7-114"))


def parse(
    data: bytes | bytearray | memoryview | str, *, strict: bool = False, max_message: int = MAX_MESSAGE, origin: int = 0
) -> Message:
    r"""Parse one message (HL7 v2.8 ch. 2.5, 2.6).

    Parameters
    ----------
    data : bytes-like or str
        The message; a byte-order mark, an MLLP frame, blank lines and foreign octets before the header are
        passed over and kept.
    strict : bool, optional
        Raise for whatever the standard does not allow. Otherwise nothing but the size is refused, and every
        doubt is in :attr:`Message.diagnostics`.
    max_message : int, optional
        Longest message in octets.
    origin : int, optional
        Offset of ``data`` in its source, for spans.

    Returns
    -------
    Message
        ``bytes(message)`` is the input; without any header it has no segments.

    Raises
    ------
    LimitExceeded
        ``HL7-120`` when the message is longer than ``max_message``.
    MalformedInput
        In strict mode, with the code of the first doubt and its byte range.

    Examples
    --------
    >>> from iomt_interop.wire import hl7v2
    >>> message = hl7v2.parse(b"MSH|^~\\&|MON|ICU\rPID|||17^^^HOSP^MR~4711^^^NAT&1.2.3&ISO^NI\r")
    >>> message["PID-3[2].4.2"], message["PID-5"], message["MSH-2"]
    ('1.2.3', None, '^~\\&')
    """
    raw = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else bytes(data)
    if len(raw) > min(max_message, MAX_MESSAGE):
        raise LimitExceeded("HL7-120", span=(origin, origin + len(raw)))
    found: list[Diagnostic] = []
    text, start = _begin(raw, found, origin)
    header = HEADER.search(text, start)
    if header is None:
        found.append(Diagnostic("HL7-101", span=(origin, origin + len(raw))))
        message = Message(raw, text, (b"", b""), Delimiters(b"|"), found, origin)
    else:
        message = _indexed(raw, text, start, header.start(), found, origin)
    if strict and (doubts := message.diagnostics):
        raise MalformedInput(doubts[0].code, span=doubts[0].span, path=doubts[0].path, clause="HL7 v2.8 ch. 2")
    return message


def edit(message: Message, path: str, text: str) -> Message:
    r"""Return a copy of a message with another text at one path; all other octets stay.

    Missing fields, repetitions, components and subcomponents before the place are filled in as empty. The text
    is escaped; :data:`NULL` writes the explicit null.

    Raises
    ------
    InvalidRequest
        ``USE-001`` for a path with wildcards or of a segment that does not occur.
    InputError
        ``HL7-111`` when the text cannot be written in the message's character set.
    """
    where = parse_path(path)
    if 0 in (where.occurrence, where.repetition):
        raise InvalidRequest("USE-001", hint="one place at a time")
    segment = message.segment(where.segment, where.occurrence)
    if segment is None or (segment.is_header and where.field <= 2):
        raise InvalidRequest("USE-001", hint="no such segment, or its delimiters")
    d = message.delimiters
    try:
        charset = "utf-8" if message.syntax.charset == "ascii" else message.syntax.charset
        value = escape(text, message.syntax).encode(charset)
    except UnicodeEncodeError:
        raise _unwritable(path) from None
    missing = max(0, where.field - len(segment))
    prefix = d.field * missing
    part: Part = segment.field(where.field)
    for number, mark in (
        (where.repetition, d.repetition),
        (where.component, d.component),
        (where.subcomponent, d.subcomponent),
    ):
        if number is None and part.level == 0 and (where.component or where.subcomponent):
            number = 1
        if number is None:
            break
        have = 1 if part.absent else len(part)
        prefix += mark * max(0, number - have)
        part = part[number]
    edited = message.data[: part.start] + prefix + value + message.data[part.stop :]
    return parse(edited, origin=message.origin)


def _unwritable(path: str) -> InputError:
    return MalformedInput("HL7-111", path=path)


def _begin(raw: bytes, found: list[Diagnostic], origin: int) -> tuple[bytes, int]:
    """Pass over a byte-order mark; a wide encoding is decoded, because its delimiters are wide too."""
    for mark, encoding in _BOMS:
        if raw.startswith(mark):
            found.append(Diagnostic("HL7-102", span=(origin, origin + len(mark))))
            if encoding:
                return raw[len(mark) :].decode(encoding, "replace").encode(), 0
            return raw, len(mark)
    return raw, 0


def _indexed(raw: bytes, text: bytes, start: int, header: int, found: list[Diagnostic], origin: int) -> Message:
    if text[start:header].strip(_BLANK):
        found.append(Diagnostic("HL7-103", span=(origin + start, origin + header)))
    tail = _TAIL.search(text, max(header, len(text) - 8))
    stop = tail.start() if tail else len(text)
    delimiters, doubts = read_delimiters(text, header)
    if doubts:
        found += [Diagnostic(code, path="MSH-2") for code in doubts]
    segments, fields, stats = er7.index(text, header, stop, delimiters.field[0])
    if len(segments) == 12 and b"\\" in text and _LITERAL.search(text, header, stop):
        segments, fields = _split_literal(text, header, stop, delimiters.field[0])
        found.append(Diagnostic("HL7-108"))
    found += [Diagnostic(code) for number, code in _COUNTED if stats[number]]
    if stats[5] and not tail:
        found.append(Diagnostic("HL7-115", span=(origin + stop, origin + stop)))
    return Message(raw, text, (segments, fields), delimiters, found, origin)


def _split_literal(text: bytes, start: int, stop: int, separator: int) -> tuple[bytes, bytes]:
    r"""Index a message whose CRs were written as the two characters ``\r``."""
    segments, fields = bytearray(), bytearray()
    edges = [start, *(e for m in _LITERAL.finditer(text, start, stop) for e in m.span()), stop]
    for begin, end in zip(edges[::2], edges[1::2], strict=True):
        piece, marks, _ = er7.index(text, begin, end, separator)
        triples = memoryview(piece).cast("I")
        base = len(fields) // 4
        for at in range(0, len(triples), 3):
            segments += b"".join(n.to_bytes(4, _ORDER) for n in (triples[at], triples[at + 1], triples[at + 2] + base))
        fields += marks
    return bytes(segments), bytes(fields)


_ORDER: Final = "little" if memoryview(b"\1\0\0\0").cast("I")[0] == 1 else "big"
