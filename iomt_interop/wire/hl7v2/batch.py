"""Files and batches: FHS, BHS, BTS and FTS around messages, with their counts (HL7 v2.8 ch. 2.10.3)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ...errors import MalformedInput
from .delimiters import Delimiters
from .doubts import CLAUSES
from .message import Diagnostic, Message
from .parse import MAX_MESSAGE, parse
from .source import Input
from .split import MessageSplitter, iter_units
from .wide import detect

__all__ = ["Batch", "BatchFile", "iter_messages", "read_batches"]

_ENVELOPE: Final = re.compile(
    rb"(?:\xef\xbb\xbf)?\x0b*(?:\xef\xbb\xbf)?(?:(FHS|BHS|BTS|FTS)([^A-Za-z0-9\s])|(BTS|FTS)(?=[\r\n\x1c]|\Z))"
)
_HEAD: Final = 4096
_USUAL: Final = (b"^", b"~", b"\\", b"&")


class Batch:
    """Messages between BHS and BTS, or messages that have no such envelope.

    Attributes
    ----------
    header, trailer : Message or None
        The envelope's own segment, as a message of one segment: ``batch.header["BHS-11"]``.
    messages : tuple of Message
        In their order.
    diagnostics : tuple of Diagnostic
        Doubts about the envelope alone.
    """

    __slots__ = ("diagnostics", "header", "messages", "trailer")

    def __init__(
        self,
        header: Message | None,
        messages: tuple[Message, ...],
        trailer: Message | None,
        diagnostics: tuple[Diagnostic, ...],
    ) -> None:
        self.header = header
        self.messages = messages
        self.trailer = trailer
        self.diagnostics = diagnostics

    def __repr__(self) -> str:
        return f"Batch({len(self.messages)} messages)"

    def __bytes__(self) -> bytes:
        return b"".join(bytes(each) for each in (self.header, *self.messages, self.trailer) if each is not None)


class BatchFile:
    """Everything in a file: batches between FHS and FTS, or without them.

    Attributes
    ----------
    lead : bytes
        Blank octets before the first header.
    header, trailer : Message or None
        FHS and FTS.
    batches : tuple of Batch
        In their order; messages outside of any batch are in one without an envelope.
    diagnostics : tuple of Diagnostic
        Doubts about the file's envelope alone.
    """

    __slots__ = ("batches", "diagnostics", "header", "lead", "trailer")

    def __init__(
        self,
        lead: bytes,
        header: Message | None,
        batches: tuple[Batch, ...],
        trailer: Message | None,
        diagnostics: tuple[Diagnostic, ...],
    ) -> None:
        self.lead = lead
        self.header = header
        self.batches = batches
        self.trailer = trailer
        self.diagnostics = diagnostics

    def __repr__(self) -> str:
        return f"BatchFile({len(self.batches)} batches)"

    def __bytes__(self) -> bytes:
        """Return what was read."""
        parts = (bytes(each) for each in (self.header, *self.batches, self.trailer) if each is not None)
        return self.lead + b"".join(parts)

    @property
    def messages(self) -> tuple[Message, ...]:
        """The messages of all batches."""
        return tuple(message for batch in self.batches for message in batch.messages)


@dataclass(slots=True)
class _Envelopes:
    """Which envelopes are open, and what was counted in them."""

    messages: int = 0
    batches: int = 0
    open_file: bool = False
    open_batch: bool = False
    loose: int = 0
    """Runs of messages outside of any envelope: batches too, since BHS and BTS are optional (ch. 2.10.3.1)."""
    in_loose: bool = False
    delimiters: Delimiters | None = None

    def enter(self, kind: str, unit: Message) -> list[Diagnostic]:
        """Take a unit, and return the doubts that it raises."""
        span = (unit.origin, unit.origin + len(unit.raw))
        codes: list[str] = []
        if kind == "BHS":
            codes += ["HL7-123"] * self.open_batch
            self.open_batch, self.messages, self.delimiters = True, 0, unit.delimiters
            self.batches += 1
            self.in_loose = False
        elif kind == "FHS":
            codes += ["HL7-123"] * (self.open_file or self.open_batch)
            self._begin_file()
            self.open_file, self.delimiters = True, unit.delimiters
        elif kind == "BTS":
            codes += ["HL7-118"] * _differs(unit, self.messages)
            codes += ["HL7-123"] * (not self.open_batch)
            self.batches += not self.open_batch
            self.loose -= self.in_loose
            self.messages, self.open_batch, self.in_loose = 0, False, False
        elif kind == "FTS":
            codes += ["HL7-118"] * _differs(unit, self.batches, self.batches + self.loose)
            codes += ["HL7-123"] * (self.open_batch or not self.open_file)
            self._begin_file()
        else:
            self.messages += 1
            if not self.open_batch and not self.in_loose:
                self.loose, self.in_loose = self.loose + 1, True
        return [Diagnostic(code, span) for code in codes]

    def _begin_file(self) -> None:
        self.batches = self.messages = self.loose = 0
        self.open_file = self.open_batch = self.in_loose = False

    def close(self, end: int) -> list[Diagnostic]:
        """End the stream."""
        return [Diagnostic("HL7-123", (end, end))] if self.open_batch or self.open_file else []


def _differs(trailer: Message, *counted: int) -> bool:
    """Compare BTS-1 with the messages, FTS-1 with the batches; an empty count says nothing, nor does the null."""
    stated = trailer.at(0).field(1).raw.strip() if len(trailer) else b""
    if stated in (b"", b'""'):
        return False
    return not stated.isdigit() or (stated.lstrip(b"0") or b"0") not in {b"%d" % number for number in counted}


def _read(source: Input, envelopes: _Envelopes, strict: bool, limit: int) -> Iterator[tuple[str, Message]]:
    """Yield each unit with its kind: the letters of an envelope's segment, else nothing."""
    splitter = MessageSplitter(max_message=limit)
    for offset, unit in iter_units(source, splitter):
        found = _ENVELOPE.match(_head(unit, splitter.codec))
        kind = (found[1] or found[3]).decode("ascii") if found else ""
        if found and kind in ("BTS", "FTS"):
            own = envelopes.delimiters
            mark = found[2] or (b"|" if own is None else own.field)
            known = own if own is not None and own.field == mark else Delimiters(mark, *_USUAL)
            yield kind, parse(unit, max_message=limit, origin=offset, delimiters=known)
        else:
            yield kind, parse(unit, strict=strict and not _is_blank(unit), max_message=limit, origin=offset)


def _head(unit: bytes, codec: str) -> bytes:
    """Return the beginning of a unit, enough to tell what it is, in narrow octets."""
    return unit[:_HEAD].decode(codec, "ignore").encode() if codec else unit


def _is_blank(raw: bytes) -> bool:
    """Tell whether there is nothing but blanks and byte-order marks."""
    codec, mark = detect(raw)
    text = raw[mark:].decode(codec, "ignore").encode() if codec else raw
    return not text.replace(b"\xef\xbb\xbf", b"").strip()


def _refuse(doubts: list[Diagnostic], strict: bool) -> list[Diagnostic]:
    if strict and doubts:
        raise MalformedInput(doubts[0].code, span=doubts[0].span, clause=f"HL7 v2.8 ch. {CLAUSES[doubts[0].code]}")
    return doubts


def iter_messages(source: Input, *, strict: bool = False, max_message: int = MAX_MESSAGE) -> Iterator[Message]:
    """Yield the messages of a file, a batch or a stream, at constant memory.

    Batch segments are not messages: their counts (BTS-1, FTS-1) are checked, and a doubt about them is a
    diagnostic of the last message before them. :func:`read_batches` gives the envelopes themselves.

    Parameters
    ----------
    source : bytes-like, str, binary stream or path
        A mapped file or a stream is read piece by piece. A :class:`str` holds messages, never the name of a file.
    strict : bool, optional
        Raise for whatever the standard does not allow.
    max_message : int, optional
        Longest message in octets.

    Raises
    ------
    LimitExceeded, MalformedInput, InvalidRequest, SourceUnavailable
        As :func:`parse` does.
    """
    envelopes = _Envelopes()
    last: Message | None = None
    end = 0
    for kind, unit in _read(source, envelopes, strict, max_message):
        end = unit.origin + len(unit.raw)
        if not kind and not len(unit) and last is None and _is_blank(unit.raw):
            continue
        doubts = _refuse(envelopes.enter(kind, unit), strict)
        if last is not None:
            last.doubt(doubts)
        if not kind:
            if last is not None:
                yield last
            last = unit
    if last is not None:
        last.doubt(_refuse(envelopes.close(end), strict))
        yield last


def read_batches(source: Input, *, strict: bool = False, max_message: int = MAX_MESSAGE) -> BatchFile:
    r"""Read a file of batches as a whole: ``bytes()`` of the result is what was read.

    Where several files follow each other, the first FHS and the last FTS are those of the result, and the doubt is
    told; nothing is left out.

    Raises
    ------
    LimitExceeded, MalformedInput, InvalidRequest, SourceUnavailable
        As :func:`parse` does.

    Examples
    --------
    >>> from iomt_interop.wire import hl7v2
    >>> message = "MSH|^~\\&|A\rPID|||1\r"
    >>> file = hl7v2.read_batches("FHS|^~\\&|F\rBHS|^~\\&|B\r" + message * 2 + "BTS|3\rFTS|1\r")
    >>> [len(batch.messages) for batch in file.batches], [doubt.code for doubt in file.batches[0].diagnostics]
    ([2], ['HL7-118'])
    """
    envelopes = _Envelopes()
    collected = _Collected()
    end = 0
    for kind, unit in _read(source, envelopes, strict, max_message):
        end = unit.origin + len(unit.raw)
        if not kind and not len(unit) and _is_blank(unit.raw) and not collected.begun:
            collected.lead += unit.raw
            continue
        collected.take(kind, unit, _refuse(envelopes.enter(kind, unit), strict))
    collected.doubts += _refuse(envelopes.close(end), strict)
    return collected.finish()


class _Collected:
    """A file of batches while it is read."""

    def __init__(self) -> None:
        self.lead = b""
        self.begun = False
        self.doubts: list[Diagnostic] = []
        self._header: Message | None = None
        self._trailer: Message | None = None
        self._batches: list[Batch] = []
        self._open: Message | None = None
        self._messages: list[Message] = []
        self._own: list[Diagnostic] = []

    def take(self, kind: str, unit: Message, doubts: list[Diagnostic]) -> None:
        self.begun = True
        if self._trailer is not None:  # more behind the end of the file: its trailer goes among the batches
            self._batches.append(Batch(None, (), self._trailer, ()))
            self._trailer = None
        if kind == "BHS":
            self._shut(None)
            self._open, self._own = unit, doubts
        elif kind == "BTS":
            self._own += doubts
            self._shut(unit)
        elif kind == "FHS":
            self._shut(None)
            self.doubts += doubts
            if self._header is None and not self._batches:
                self._header = unit
            else:
                self._batches.append(Batch(unit, (), None, ()))
        elif kind == "FTS":
            self._shut(None)
            self.doubts += doubts
            self._trailer = unit
        else:
            self._messages.append(unit)

    def _shut(self, trailer: Message | None) -> None:
        if self._open is not None or self._messages or trailer is not None:
            self._batches.append(Batch(self._open, tuple(self._messages), trailer, tuple(self._own)))
        self._open, self._messages, self._own = None, [], []

    def finish(self) -> BatchFile:
        self._shut(None)
        return BatchFile(self.lead, self._header, tuple(self._batches), self._trailer, tuple(self.doubts))
