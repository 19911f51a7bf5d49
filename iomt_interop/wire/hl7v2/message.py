"""A message as offsets into its own bytes: no object is made for a field that nobody looks at.

Theory of operation: a kernel indexes the bytes once into segments and field separators (``uint32`` offsets);
:class:`Segment` and :class:`Part` are views that are made when they are asked for. The bytes themselves are
never changed, so ``bytes(message)`` is what was parsed, to the octet.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

from ..._accel import load
from .charset import choose_codec, codec_name
from .delimiters import HEADERS, Delimiters
from .doubts import look_closely
from .escapes import unescape
from .path import parse_path, select
from .wide import MARKS, Offsets

if TYPE_CHECKING:
    from ..._accel import er7_py as er7
else:
    er7 = load("er7")

__all__ = ["NULL", "Diagnostic", "Message", "Part", "Presence", "Segment", "TextSyntax"]

NULL: Final = '""'
"""The explicit null: delete what you had (HL7 v2.8 ch. 2.5.3)."""

FIELD, REPETITION, COMPONENT, SUBCOMPONENT = range(4)


class Presence(Enum):
    """The three states of a part of a message."""

    ABSENT = "absent"
    EMPTY = "empty"
    NULL = "null"
    VALUE = "value"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """A doubt about how a message is written; a code and a place, never a value."""

    code: str
    span: tuple[int, int] | None = None
    path: str | None = None


class TextSyntax(NamedTuple):
    """The delimiters as text, and the codec that reads the message."""

    field: str
    repetition: str
    component: str
    subcomponent: str
    escape: str
    charset: str
    truncation: str = ""


@lru_cache(64)
def _text_of(delimiters: Delimiters, codec: str) -> TextSyntax:
    texts = (part.decode("latin-1" if codec == "ascii" else codec, "replace") for part in delimiters)
    field, component, repetition, escape, subcomponent, truncation = texts
    return TextSyntax(field, repetition, component, subcomponent, escape, codec, truncation)


class Part:
    """A field, repetition, component or subcomponent: a range of the message's bytes.

    Attributes
    ----------
    start, stop : int
        Half-open byte range in ``message.data``.
    level : int
        0 field, 1 repetition, 2 component, 3 subcomponent.
    """

    __slots__ = ("absent", "level", "message", "start", "stop")

    def __init__(self, message: Message, start: int, stop: int, level: int, absent: bool = False) -> None:
        self.message = message
        self.start = start
        self.stop = stop
        self.level = level
        self.absent = absent

    def __repr__(self) -> str:
        return f"Part(level {self.level}, bytes {self.start}..{self.stop})"

    def __bytes__(self) -> bytes:
        return self.raw

    @property
    def raw(self) -> bytes:
        """The octets, escapes and all."""
        return self.message.data[self.start : self.stop]

    @property
    def text(self) -> str:
        """The decoded text; unescaped when there is no delimiter in it, else verbatim."""
        message = self.message
        verbatim = message.decode(message.data[self.start : self.stop])
        syntax = message.syntax
        if not syntax.escape or syntax.escape not in verbatim:
            return verbatim
        below = (syntax.repetition, syntax.component, syntax.subcomponent)[self.level :]
        if any(mark and mark in verbatim for mark in below):
            return verbatim
        return unescape(verbatim, syntax)

    @property
    def presence(self) -> Presence:
        """Absent (beyond the end), empty, the explicit null, or a value."""
        if self.absent:
            return Presence.ABSENT
        if self.start == self.stop:
            return Presence.EMPTY
        return Presence.NULL if self.raw == b'""' else Presence.VALUE

    @property
    def span(self) -> tuple[int, int]:
        """Half-open byte range in the source."""
        message = self.message
        if message.wide:
            return message.place(self.start), message.place(self.stop)
        return (self.start + message.origin, self.stop + message.origin)

    @property
    def truncated(self) -> bool:
        """Whether the value ends in the truncation character: its sender had more of it (ch. 2.5.5.2)."""
        mark = self.message.delimiters.truncation
        return bool(mark) and self.raw.endswith(mark)

    @property
    def mark(self) -> bytes:
        """The delimiter of the parts one level down; empty for none."""
        delimiters = self.message.delimiters
        return (delimiters.repetition, delimiters.component, delimiters.subcomponent, b"")[self.level]

    def __iter__(self) -> Iterator[Part]:
        """Iterate over the parts one level down; one part when there is no delimiter."""
        if self.level == SUBCOMPONENT or self.absent:
            return
        mark, begin = self.mark, self.start
        octets = self.message.cut[self.start : self.stop]
        for piece in octets.split(mark) if mark else (octets,):
            yield Part(self.message, begin, begin + len(piece), self.level + 1)
            begin += len(piece) + len(mark)

    def __len__(self) -> int:
        """Return the number of parts one level down."""
        if self.level == SUBCOMPONENT or self.absent:
            return 0
        mark = self.mark
        return self.message.cut.count(mark, self.start, self.stop) + 1 if mark else 1

    def __bool__(self) -> bool:
        return self.start < self.stop

    def __getitem__(self, number: int) -> Part:
        """Return a part one level down by its number from 1; beyond the end an absent one."""
        if number < 1:
            raise IndexError("parts are numbered from 1")
        below = min(self.level + 1, SUBCOMPONENT)
        if self.level < SUBCOMPONENT and not self.absent:
            mark = self.mark
            octets = self.message.cut[self.start : self.stop]
            pieces = octets.split(mark, number) if mark else [octets]
            if number <= len(pieces):
                begin = self.start + sum(map(len, pieces[: number - 1])) + len(mark) * (number - 1)
                return Part(self.message, begin, begin + len(pieces[number - 1]), below)
        return Part(self.message, self.stop, self.stop, below, absent=True)


class Segment:
    """One segment: a range of the message's bytes with its field separators."""

    __slots__ = ("first", "last", "message", "ordinal", "start", "stop")

    def __init__(self, message: Message, ordinal: int) -> None:
        self.message = message
        self.ordinal = ordinal
        self.start, self.stop, self.first, self.last = message.bounds(ordinal)

    def __repr__(self) -> str:
        return f"Segment({self.ordinal}, {len(self)} fields, bytes {self.start}..{self.stop})"

    def __bytes__(self) -> bytes:
        return self.message.data[self.start : self.stop]

    @property
    def id(self) -> str:
        """The segment's identifier (``OBX``)."""
        data, marks = self.message.data, self.message.separators
        stop = marks[self.first] if self.first < self.last else self.stop
        return data[self.start : stop].decode("latin-1")

    @property
    def span(self) -> tuple[int, int]:
        """Half-open byte range in the source, without the terminator."""
        message = self.message
        if message.wide:
            return message.place(self.start), message.place(self.stop)
        return (self.start + message.origin, self.stop + message.origin)

    @property
    def is_header(self) -> bool:
        """Whether the first field is the separator itself (MSH, FHS, BHS)."""
        return self.message.data[self.start : self.start + 3] in HEADERS

    def __len__(self) -> int:
        """Return the number of fields."""
        return self.last - self.first + self.is_header

    def __iter__(self) -> Iterator[Part]:
        """Iterate over the fields, from number 1."""
        return (self.field(number) for number in range(1, len(self) + 1))

    def field(self, number: int) -> Part:
        """Return a field by its number from 1; beyond the end an absent one.

        The first field of MSH, FHS and BHS is the separator, the second is never split (ch. 2.5.4).
        """
        if number < 1:
            raise IndexError("fields are numbered from 1")
        message, level = self.message, FIELD
        if self.is_header:
            if number == 1:
                return Part(message, self.start + 3, self.start + 4, SUBCOMPONENT)
            if number == 2:
                level = SUBCOMPONENT
            number -= 1
        at = self.first + number - 1
        if at >= self.last:
            return Part(message, self.stop, self.stop, level, absent=True)
        marks = message.separators
        return Part(message, marks[at] + 1, marks[at + 1] if at + 1 < self.last else self.stop, level)


class Message:
    """One HL7 v2 message.

    Attributes
    ----------
    raw : bytes
        Everything that was given, frame octets and byte-order mark included; ``bytes(message)``.
    data : bytes
        What the offsets refer to; ``raw`` itself, but for messages in UTF-16 and UTF-32, which are in UTF-8 here.
    cut : bytes
        What is split: ``data``, but for characters of several octets that look like delimiters, which are blanked.
    wide : str
        Python's codec of a message in UTF-16 or UTF-32; empty for all others.
    origin : int
        Offset of ``raw`` in the source. Spans count the octets of the source, in a wide encoding too.
    delimiters : Delimiters
        As MSH-1 and MSH-2 state them.
    """

    __slots__ = (
        "_found", "_looked", "_offsets", "_syntax", "_triples", "_version", "cut", "data", "delimiters", "origin",
        "raw", "separators", "wide",
    )  # fmt: skip

    def __init__(
        self, raw: bytes, data: bytes, index: tuple[bytes, bytes], delimiters: Delimiters,
        found: list[Diagnostic], origin: int, cut: bytes | None = None, wide: str = "",
    ) -> None:  # fmt: skip
        self.raw = raw
        self.data = data
        self.cut = data if cut is None else cut
        self.wide = wide
        self._triples = memoryview(index[0]).cast("I")
        self.separators = memoryview(index[1]).cast("I")
        self.delimiters = delimiters
        self._found = found
        self.origin = origin
        self._looked = False
        self._syntax: TextSyntax | None = None
        self._version: str | None = None
        self._offsets: Offsets | None = None

    def __bytes__(self) -> bytes:
        return self.raw

    def __repr__(self) -> str:
        return f"Message({len(self)} segments, {len(self.raw)} bytes)"

    def __len__(self) -> int:
        """Return the number of segments."""
        return len(self._triples) // 3

    def __iter__(self) -> Iterator[Segment]:
        return (Segment(self, number) for number in range(len(self)))

    def at(self, ordinal: int) -> Segment:
        """Return a segment by its place, from 0."""
        return Segment(self, ordinal)

    @property
    def segments(self) -> tuple[Segment, ...]:
        """All segments, in their order; none is ever left out."""
        return tuple(self)

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """Doubts about how the message is written."""
        _ = self.syntax  # choosing the character set may add one
        if not self._looked:
            self._looked = True
            if len(self):
                placed = len(self._found)
                self._found += [Diagnostic(code, span) for code, span in look_closely(self)]
                if self.wide:
                    self.relocate(placed)
        return tuple(self._found)

    def place(self, at: int) -> int:
        """Return where an offset in ``data`` stands in the source."""
        if not self.wide:
            return at + self.origin
        if self._offsets is None:
            mark = MARKS[self.wide]
            self._offsets = Offsets(self.data, self.wide, len(mark) if self.raw.startswith(mark) else 0)
        return self.origin + min(self._offsets[at], len(self.raw))

    def relocate(self, first: int) -> None:
        """Let doubts, from a number on, count the octets of the source and not those of ``data``."""
        for number, found in enumerate(self._found[first:], first):
            if found.span is not None:
                start, stop = (self.place(at - self.origin) for at in found.span)
                self._found[number] = Diagnostic(found.code, (start, stop), found.path)

    def doubt(self, doubts: Iterable[Diagnostic]) -> None:
        """Add doubts about what stands around the message."""
        self._found += doubts

    @property
    def index(self) -> tuple[memoryview, memoryview]:
        """The kernel's index: ``uint32`` triples (start, stop, first separator), and separators."""
        return self._triples, self.separators

    @property
    def version(self) -> str:
        """MSH-12.1, the version of the standard as the header names it; empty for none."""
        if self._version is None:
            header = Segment(self, 0) if len(self) else None
            raw = header.field(12)[1][1].raw if header is not None and header.is_header else b""
            self._version = raw.decode("latin-1").strip()
        return self._version

    def reindex(self, cut: bytes, segments: bytes, fields: bytes) -> None:
        """Take an index that was made of a copy with blanked characters."""
        self.cut = cut
        self._triples = memoryview(segments).cast("I")
        self.separators = memoryview(fields).cast("I")

    @property
    def syntax(self) -> TextSyntax:
        """The delimiters as text, with the codec that was chosen for the message."""
        if self._syntax is None:
            declared, *others = self._declared()
            marked = self.wide or any(d.code == "HL7-102" for d in self._found)
            if self.wide and (codec_name(declared) or "utf-").startswith("utf-"):
                declared = "UNICODE UTF-8"  # so it was decoded
            name, doubt = choose_codec("UNICODE UTF-8" if marked and not declared else declared, self.data, others)
            if doubt is not None:
                self._found.append(Diagnostic(doubt, path="MSH-18"))
            self._syntax = _text_of(self.delimiters, name)
        return self._syntax

    def _declared(self) -> list[str]:
        """Return the repetitions of MSH-18, and MSH-20 where it is filled; one empty text without a header."""
        if not len(self) or self.data[self._triples[0] : self._triples[0] + 3] != b"MSH":
            return [""]
        header = Segment(self, 0)
        found = [part[1].raw.decode("latin-1") for part in header.field(18)] or [""]
        scheme = header.field(20).raw
        return [*found, scheme.decode("latin-1")] if scheme else found

    def decode(self, raw: bytes) -> str:
        """Decode octets of this message."""
        if raw.isascii() and b"\x1b" not in raw:
            return raw.decode("ascii")
        try:
            return raw.decode(self.syntax.charset)
        except UnicodeDecodeError:  # octets cut out of a stateful encoding
            return raw.decode("latin-1")

    def bounds(self, ordinal: int) -> tuple[int, int, int, int]:
        """Return start, stop, first and last separator number of a segment."""
        triples = self._triples
        at = 3 * ordinal
        last = triples[at + 5] if at + 5 < len(triples) else len(self.separators)
        return triples[at], triples[at + 1], triples[at + 2], last

    def __getitem__(self, path: str) -> str | None:
        """Return the text at a path (``PID-3[2].4.2``, ``OBX(3)-5``); ``None`` for what is absent.

        Raises
        ------
        InvalidRequest
            ``USE-001`` when the path is not written as one.
        """
        part = self.get(path)
        return None if part is None or part.absent else part.text

    def ordinals(self, segment_id: str) -> Iterator[int]:
        """Yield which segments, from 0, have an identifier."""
        wanted, data, triples = segment_id.encode("ascii", "replace"), self.data, self._triples
        length, mark = len(wanted), self.delimiters.field[:1]
        for at in range(0, len(triples), 3):
            start = triples[at]
            if data.startswith(wanted, start):
                stop = start + length
                if stop == triples[at + 1] or data[stop : stop + 1] == mark:
                    yield at // 3

    def segment(self, segment_id: str, occurrence: int = 1) -> Segment | None:
        """Return the n-th segment with an identifier, or ``None``."""
        found = next(islice(self.ordinals(segment_id), occurrence - 1, None), None) if occurrence > 0 else None
        return None if found is None else Segment(self, found)

    def get(self, path: str) -> Part | None:
        """Return the part at a path; ``None`` when its segment does not occur."""
        return next(self.select(path), None)

    def select(self, path: str) -> Iterator[Part]:
        """Yield the parts at a path with wildcards: ``OBX(*)-5[*].1``."""
        return select(self, parse_path(path))

    def presence(self, path: str) -> Presence:
        """Return which of the three states, or a value, stands at a path."""
        part = self.get(path)
        return Presence.ABSENT if part is None else part.presence
