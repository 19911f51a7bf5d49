"""From bytes to a :class:`Message`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ..._accel import load
from ...errors import LimitExceeded, MalformedInput
from .charset import blank_characters
from .delimiters import HEADER, Delimiters, read_delimiters
from .doubts import CLAUSES
from .message import Diagnostic, Message, Segment
from .source import Input, chunks
from .wide import detect

if TYPE_CHECKING:
    from ..._accel import er7_py as er7
else:
    er7 = load("er7")

__all__ = ["MAX_MESSAGE", "parse"]

MAX_MESSAGE: Final = 1 << 30
"""Longest message in octets; offsets are 32 bits wide."""

_BOM: Final = b"\xef\xbb\xbf"
_BLANK: Final = b" \t\r\n\x0b\x00"
_TAIL: Final = re.compile(rb"\x1c[\r\n]*\Z")
_LITERAL: Final = re.compile(rb"\\[rn](?:\\n)?(?=[A-Z][A-Z0-9]{2}[^A-Za-z0-9\s\\])")
_LITERAL_OR_LAST: Final = re.compile(_LITERAL.pattern + rb"|\\[rn](?:\\n)?(?=\s*\Z)")
_AHEAD: Final = rb"[\r\n]{0,64}(?:\Z|[A-Z][A-Z0-9]{2}(?:[^A-Za-z0-9]|\Z))"
# Which count of the kernel is which doubt, and what its first place looks like.
_COUNTED: Final = (
    (2, "HL7-104", re.compile(rb"(?<!\r)\n(?=" + _AHEAD + rb")")),
    (1, "HL7-112", re.compile(rb"\r\n")),
    (3, "HL7-113", re.compile(rb"(?<!\r)\n(?!" + _AHEAD + rb")")),
    (4, "HL7-114", re.compile(rb"\r\r|\n[\r\n]")),
)


def parse(
    data: Input,
    *,
    strict: bool = False,
    max_message: int = MAX_MESSAGE,
    origin: int = 0,
    delimiters: Delimiters | None = None,
) -> Message:
    r"""Parse one message (HL7 v2.8 ch. 2.5, 2.6).

    Parameters
    ----------
    data : bytes-like, str, binary stream or path
        The message; a byte-order mark, an MLLP frame, blank lines and foreign octets before the header are
        passed over and kept. A :class:`str` is a message, never the name of a file.
    strict : bool, optional
        Raise for whatever the standard does not allow. Otherwise nothing but the size is refused, and every
        doubt is in :attr:`Message.diagnostics`.
    max_message : int, optional
        Longest message in octets.
    origin : int, optional
        Offset of ``data`` in its source, for spans.
    delimiters : Delimiters, optional
        What separates segments that have no header of their own (a fragment, the trailer of a batch). Without it
        and without a header nothing is split.

    Returns
    -------
    Message
        ``bytes(message)`` is the input; without any header it has no segments.

    Raises
    ------
    LimitExceeded
        ``HL7-120`` when the message is longer than ``max_message``.
    MalformedInput
        In strict mode, with the code of the first doubt, its byte range, and the clause that rules it.
    InvalidRequest, SourceUnavailable
        ``USE-001`` for what cannot be read at all, ``SRC-004`` for a stream or path that fails.

    Examples
    --------
    >>> from iomt_interop.wire import hl7v2
    >>> message = hl7v2.parse(b"MSH|^~\\&|MON|ICU\rPID|||17^^^HOSP^MR~4711^^^NAT&1.2.3&ISO^NI\r")
    >>> message["PID-3[2].4.2"], message["PID-5"], message["MSH-2"]
    ('1.2.3', None, '^~\\&')
    """
    limit = min(max_message, MAX_MESSAGE)
    raw = data if type(data) is bytes else _octets(data, limit)
    if len(raw) > limit:
        raise LimitExceeded("HL7-120", span=(origin, origin + len(raw)))
    found: list[Diagnostic] = []
    text, start, wide = _begin(raw, found, origin)
    placed = len(found)
    header = HEADER.search(text, start)
    if header is not None:
        message = _indexed(raw, text, start, header.start(), found, origin, wide)
    elif delimiters is not None and delimiters.field:
        segments, fields, _ = er7.index(text, start, _end(text, start), delimiters.field[0])
        message = Message(raw, text, (segments, fields), delimiters, found, origin, None, wide)
    else:
        found.append(Diagnostic("HL7-101", span=(origin, origin + len(raw))))
        message = Message(raw, text, (b"", b""), Delimiters(b"|"), found, origin, None, wide)
    if wide:
        message.relocate(placed)
    if strict and (doubts := message.diagnostics):
        clause = f"HL7 v2.8 ch. {CLAUSES.get(doubts[0].code, '2')}"
        raise MalformedInput(doubts[0].code, span=doubts[0].span, path=doubts[0].path, clause=clause)
    return message


def _octets(data: Input, limit: int) -> bytes:
    """Take the octets of whatever was given; of a stream no more than a piece beyond the limit."""
    if isinstance(data, str):
        return data.encode("utf-8", "surrogatepass")
    parts: list[bytes] = []
    size = 0
    for chunk in chunks(data):
        parts.append(bytes(chunk))
        size += len(chunk)
        if size > limit:
            break
    return b"".join(parts)


def _begin(raw: bytes, found: list[Diagnostic], origin: int) -> tuple[bytes, int, str]:
    """Pass over a byte-order mark; a wide encoding is decoded, because its delimiters are wide too."""
    if raw[:1] in (b"M", b"\x0b", b"F", b"B") and raw[1:2] != b"\0":
        return raw, 0, ""
    if raw.startswith(_BOM):
        found.append(Diagnostic("HL7-102", span=(origin, origin + len(_BOM))))
        return raw, len(_BOM), ""
    codec, mark = detect(raw)
    if not codec:
        return raw, 0, ""
    if mark:
        found.append(Diagnostic("HL7-102", span=(origin, origin + mark)))
    try:
        text = raw[mark:].decode(codec)
    except UnicodeDecodeError as error:
        found.append(Diagnostic("HL7-110", (origin + mark + error.start, origin + mark + error.end), "MSH-18"))
        text = raw[mark:].decode(codec, "replace")
    return text.encode(), 0, codec


def _end(text: bytes, start: int) -> int:
    """Return where the frame ends, or the text."""
    if text.find(b"\x1c", max(start, len(text) - 8)) < 0:
        return len(text)
    tail = _TAIL.search(text, max(start, len(text) - 8))
    return tail.start() if tail else len(text)


def _indexed(
    raw: bytes, text: bytes, start: int, header: int, found: list[Diagnostic], origin: int, wide: str
) -> Message:  # fmt: skip
    if header > start and (before := text[start:header].strip(_BLANK)):
        code = "HL7-102" if before == _BOM else "HL7-103"  # a mark inside the frame is one too
        found.append(Diagnostic(code, span=(origin + start, origin + header)))
    stop = _end(text, header)
    delimiters, doubts = read_delimiters(text, header)
    if doubts:
        found += [Diagnostic(code, (origin + header + 4, origin + header + 8), "MSH-2") for code in doubts]
    segments, fields, stats = er7.index(text, header, stop, delimiters.field[0])
    if len(segments) == 12 and b"\\" in text and (literal := _LITERAL.search(text, header, stop)):
        segments, fields = _split_literal(text, header, stop, delimiters.field[0])
        found.append(Diagnostic("HL7-108", (origin + literal.start(), origin + literal.end())))
    if any(stats[1:5]):
        found += _places(text, header, stop, stats, origin)
    if stats[5] and stop == len(text):
        found.append(Diagnostic("HL7-115", span=(origin + stop, origin + stop)))
    message = Message(raw, text, (segments, fields), delimiters, found, origin, None, wide)
    if not text.isascii() or b"\x1b" in text:
        _keep_characters_whole(message, header, stop)
    return message


def _places(text: bytes, start: int, stop: int, stats: tuple[int, ...], origin: int) -> list[Diagnostic]:
    """Tell each kind of line end that is not the standard's, once, with a place where it occurs."""
    found = []
    for number, code, shape in _COUNTED:
        if stats[number]:
            match = shape.search(text, start, stop)
            span = (origin + match.start(), origin + match.end()) if match else None
            found.append(Diagnostic(code, span))
    return found


def _keep_characters_whole(message: Message, start: int, stop: int) -> None:
    """Index again where characters of several octets hold octets of the delimiters."""
    first = Segment(message, 0)
    declared = first.field(18)[1].raw.decode("latin-1") if first.is_header else ""
    cut = blank_characters(message.data, declared)
    if cut is not message.data and cut != message.data:
        segments, fields, _ = er7.index(cut, start, stop, message.delimiters.field[0])
        message.reindex(cut, segments, fields)


def _split_literal(text: bytes, start: int, stop: int, separator: int) -> tuple[bytes, bytes]:
    r"""Index a message whose CRs were written as the two characters ``\r``."""
    segments, fields = bytearray(), bytearray()
    edges = [start, *(e for m in _LITERAL_OR_LAST.finditer(text, start, stop) for e in m.span()), stop]
    for begin, end in zip(edges[::2], edges[1::2], strict=True):
        piece, marks, _ = er7.index(text, begin, end, separator)
        triples = memoryview(piece).cast("I")
        base = len(fields) // 4
        for at in range(0, len(triples), 3):
            segments += b"".join(n.to_bytes(4, _ORDER) for n in (triples[at], triples[at + 1], triples[at + 2] + base))
        fields += marks
    return bytes(segments), bytes(fields)


_ORDER: Final = "little" if memoryview(b"\1\0\0\0").cast("I")[0] == 1 else "big"
