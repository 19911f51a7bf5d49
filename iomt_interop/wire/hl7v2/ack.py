"""Acknowledgements: which are wanted (original and enhanced mode), and their octets (HL7 v2.8 ch. 2.9, 2.14).

Nothing here looks at a clock or invents an identifier, and nothing of a message's body comes back in an answer: of the
request only the header is repeated, of an error only its place and its code.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Final, NamedTuple

from ...errors import InvalidRequest
from .delimiters import Delimiters
from .message import Message, Part, Segment
from .path import parse_path
from .wide import MARKS

__all__ = ["CODES", "CONDITIONS", "AckError", "Answer", "Outcome", "Wants", "acknowledge", "decide", "wants"]

CODES: Final = frozenset({"AA", "AE", "AR", "CA", "CE", "CR"})
"""MSA-1 (table 0008): the application's answers and those of the commit."""

CONDITIONS: Final[dict[str, str]] = {
    "0": "accepted",
    "100": "segments out of sequence",
    "101": "required field missing",
    "102": "not of the data type",
    "103": "not in the table",
    "104": "too long",
    "198": "too few or too many",
    "199": "other error of HL7 syntax",
    "200": "message type not supported",
    "201": "event not supported",
    "202": "processing id not supported",
    "203": "version not supported",
    "204": "identifier not known",
    "205": "identifier known already",
    "206": "record locked",
    "207": "internal error",
}
"""ERR-3 (table 0357) and a text of our own."""

_SEVERITIES: Final = frozenset("EWIF")
_APPLICATION_CODE: Final = re.compile(r"[A-Z][A-Z0-9.-]{0,19}")
_TIME: Final = re.compile(r"\d{4}(?:\d\d){0,5}(?:(?<=\d{14})\.\d{1,4})?(?:[+-]\d{4})?")
_CONTROLS: Final = re.compile(rb"[\x00-\x1a\x1c-\x1f\x7f]")  # ESC switches character sets of ISO 2022
_VERSION: Final = re.compile(rb"\s*2\.(\d)(?:\.(\d))?")
_USUAL: Final = Delimiters(b"|", b"^", b"~", b"\\", b"&")
_SPARE: Final = b"^~\\&$!*+:;<=>?@%"


class Outcome(Enum):
    """What became of a message."""

    ACCEPTED = "A"
    ERROR = "E"
    REJECTED = "R"


class Wants(NamedTuple):
    """MSH-15 and MSH-16 (table 0155): ``AL``, ``NE``, ``ER``, ``SU``; ``None`` where the field says nothing."""

    accept: str | None
    application: str | None

    @property
    def is_enhanced(self) -> bool:
        """Whether the enhanced mode applies: at least one of the two says something (ch. 2.9.2)."""
        return self != (None, None)


class Answer(NamedTuple):
    """Codes of the answers to be sent; ``None`` is silence."""

    accept: str | None
    application: str | None


@dataclass(frozen=True, slots=True)
class AckError:
    """One error to be told in an ERR segment.

    Parameters
    ----------
    condition : str
        A key of :data:`CONDITIONS`.
    path : str, optional
        The place, as :func:`iomt_interop.wire.hl7v2.parse_path` reads it, or a segment (``OBX(2)``).
    severity : str, optional
        ERR-4 (table 0516): ``E``, ``W``, ``I`` or ``F``.
    application : str, optional
        ERR-5: a code of the application, for instance one of :data:`iomt_interop.errors.CODES`.

    Raises
    ------
    InvalidRequest
        ``USE-001`` when a part is not of its table, so that no value of a message can slip in.
    """

    condition: str
    path: str | None = None
    severity: str = "E"
    application: str | None = None

    def __post_init__(self) -> None:
        if self.condition not in CONDITIONS:
            raise InvalidRequest("USE-001", hint="a condition of table 0357")
        if self.severity not in _SEVERITIES:
            raise InvalidRequest("USE-001", hint="a severity of table 0516")
        if self.application is not None and not _APPLICATION_CODE.fullmatch(self.application):
            raise InvalidRequest("USE-001", hint="a code of the application: capitals, digits, hyphens")
        _ = self.location

    @property
    def location(self) -> tuple[str | int, ...]:
        """Segment, its number, field, repetition, component, subcomponent (ERL; ch. 2.A.28)."""
        if self.path is None:
            return ()
        where = parse_path(self.path if "-" in self.path else self.path + "-1")
        if 0 in (where.occurrence, where.repetition):
            raise InvalidRequest("USE-001", hint="one place at a time")
        if "-" not in self.path:
            return (where.segment, where.occurrence)
        parts: list[str | int] = [where.segment, where.occurrence, where.field, where.repetition or 1]
        parts += [number for number in (where.component, where.subcomponent) if number is not None]
        return tuple(parts)


def wants(message: Message) -> Wants:
    """Return what MSH-15 and MSH-16 ask for.

    A value that is not in table 0155 is read as ``AL``: an answer too many is passed over, a missing one stalls the
    sender.
    """
    header = message.segment("MSH")
    if header is None:
        return Wants(None, None)
    found = [header.field(number).raw.strip().upper() for number in (15, 16)]
    accept, application = (
        None if raw in (b"", b'""') else raw.decode("ascii") if raw in (b"AL", b"NE", b"ER", b"SU") else "AL"
        for raw in found
    )
    return Wants(accept, application)


def decide(message: Message, outcome: Outcome) -> Answer:
    """Return which answers a message gets, by its mode and by what became of it (ch. 2.9.2, 2.9.3).

    In original mode there is one answer of the application. In enhanced mode each of the two is sent as its field
    says, and a field that says nothing beside one that does counts as ``NE``. An acknowledgement is never
    acknowledged; a response with MSA is answered only where it asks for it.
    """
    wanted = wants(message)
    header = message.segment("MSH")
    if header is not None and header.field(9)[1][1].raw == b"ACK":
        return Answer(None, None)
    if not wanted.is_enhanced:
        return Answer(None, None if message.segment("MSA") else "A" + outcome.value)
    fine = outcome is Outcome.ACCEPTED
    said = {"AL": True, "SU": fine, "ER": not fine, "NE": False, None: False}
    return Answer(
        "C" + outcome.value if said[wanted.accept] else None, "A" + outcome.value if said[wanted.application] else None
    )


def acknowledge(message: Message, code: str, *, control_id: str, at: str, errors: Sequence[AckError] = ()) -> bytes:
    r"""Return the octets of an acknowledgement: MSH, MSA, and ERR for each error.

    It is written with the request's delimiters and in its character set; sender and receiver change places. The
    answer of an application to an alert (ORU^R40) is ORA^R41, every other one ACK. Before version 2.5 errors are
    told in ERR-1, from there on in ERR-2 to ERR-5.

    Parameters
    ----------
    message : Message
        The request, however broken.
    code : str
        MSA-1, one of :data:`CODES`.
    control_id : str
        MSH-10 of the answer.
    at : str
        MSH-7 of the answer, as a DTM.
    errors : sequence of AckError, optional
        What was wrong.

    Raises
    ------
    InvalidRequest
        ``USE-001`` when code or time are none, or the identifier cannot be written.

    Examples
    --------
    >>> from iomt_interop.wire import hl7v2
    >>> from iomt_interop.wire.hl7v2.ack import acknowledge
    >>> request = hl7v2.parse(b"MSH|^~\\&|MON|ICU|EHR|HOSP|20260101||ORU^R01^ORU_R01|42|P|2.6\r")
    >>> acknowledge(request, "AA", control_id="A1", at="20260101120000+0000").split(b"\r")[1]
    b'MSA|AA|42'
    """
    writer = Writer(message, message.segment("MSH"))
    return encoded(message, writer.begin(code, control_id=control_id, at=at, errors=errors))


def encoded(message: Message, data: bytes) -> bytes:
    """Return an answer in the encoding of its request."""
    if message.wide:
        mark = MARKS[message.wide] if message.raw.startswith(MARKS[message.wide]) else b""
        return mark + data.decode("utf-8", "replace").encode(message.wide)
    return data


def _trimmed(fields: list[bytes]) -> list[bytes]:
    last = len(fields)
    while last > 1 and not fields[last - 1]:
        last -= 1
    return fields[:last]


def _version(header: Segment | None) -> tuple[int, int] | None:
    """Return minor and patch number of MSH-12, ``None`` where it says nothing that is a version."""
    match = _VERSION.match(header.field(12).raw) if header is not None else None
    return None if match is None else (int(match[1]), int(match[2] or 0))


class Writer:
    """The delimiters of an answer, and copies of the request's fields in them."""

    def __init__(self, message: Message, header: Segment | None) -> None:
        self.message = message
        self.request = header
        self.delimiters = _writable(message.delimiters if header is not None else _USUAL)
        self.same = header is None or self.delimiters == message.delimiters
        # MSH-2 and what follows it, as far as the answer repeats it.
        self.raws = [] if header is None else bytes(header).split(message.delimiters.field, 21)[1:21]

    def copy(self, number: int) -> bytes:
        """Return a field of the request's header; control characters would end a segment or a frame."""
        if self.request is None:
            return b""
        if self.same:
            return self._plain(self.raws[number - 2] if number - 2 < len(self.raws) else b"")
        return self.again(self.request.field(number))

    def _plain(self, raw: bytes) -> bytes:
        if not raw or not _CONTROLS.search(raw):
            return raw
        mark = self.delimiters.escape

        def quoted(match: re.Match[bytes]) -> bytes:
            return b"%sX%02X%s" % (mark, match[0][0], mark) if mark else b""

        return _CONTROLS.sub(quoted, raw)

    def field(self, part: Part) -> bytes:
        """Return a field of the request's body as it came."""
        return self._plain(part.raw) if self.same else self.again(part)

    def again(self, part: Part) -> bytes:
        """Write a part with other delimiters than it was read with."""
        d = self.delimiters
        if part.level == 3:
            return self.text(part.text, "replace")
        return (d.repetition, d.component, d.subcomponent)[part.level].join(self.again(below) for below in part)

    def _charset(self) -> str:
        charset = self.message.syntax.charset
        return "utf-8" if charset == "ascii" else charset

    def encode(self, text: str, mistakes: str = "strict") -> bytes:
        """Encode a text in the character set of the request."""
        try:
            return text.encode(self._charset(), mistakes)
        except UnicodeEncodeError:
            raise InvalidRequest("USE-001", hint="the text does not fit the request's character set") from None

    def text(self, text: str, mistakes: str = "strict") -> bytes:
        """Encode a text and escape the delimiters in it; they are octets, so this goes character by character."""
        d, charset = self.delimiters, self._charset()
        raw = self.encode(text, mistakes)
        if raw.isalnum() and raw.isascii():
            return raw
        letters = {d.escape: b"E", d.field: b"F", d.component: b"S", d.subcomponent: b"T", d.repetition: b"R",
                   d.truncation: b"P"}  # fmt: skip
        letters.pop(b"", None)
        if any(mark in raw for mark in letters):
            pieces = (character.encode(charset, mistakes) for character in text)
            raw = b"".join(d.escape + letters[p] + d.escape if p in letters and d.escape else p for p in pieces)
        return self._plain(raw)

    def begin(
        self, code: str, *, control_id: str, at: str, errors: Sequence[AckError], kind: Sequence[str] = ()
    ) -> bytes:
        """Return MSH, MSA and ERR; with MSH-9 as given, else that of an acknowledgement.

        Raises
        ------
        InvalidRequest
            ``USE-001`` when code or time are none, or the identifier cannot be written.
        """
        if code not in CODES:
            raise InvalidRequest("USE-001", hint="a code of table 0008")
        if not _TIME.fullmatch(at):
            raise InvalidRequest("USE-001", hint="a time as HL7 writes it")
        version = _version(self.request)
        header = self.header(code, control_id, at, version, kind)
        told = [header, [b"MSA", code.encode(), self.copy(10)], *self.errors(errors, version)]
        return b"".join(self.segment(fields) for fields in told)

    def segment(self, fields: list[bytes]) -> bytes:
        """Return a segment of fields that are written already."""
        return self.delimiters.field.join(_trimmed(fields)) + b"\r"

    def header(
        self, code: str, control_id: str, at: str, version: tuple[int, int] | None, kind: Sequence[str]
    ) -> list[bytes]:
        """Return MSH; its first field is the separator itself."""
        d = self.delimiters
        fields = [b"MSH", b"".join(d[1:])]
        fields += [self.copy(number) for number in (5, 6, 3, 4)]
        fields += [self.text(at), b"", self._type(code, version, kind), self.text(control_id), self.copy(11)]
        fields += [self.copy(12), b"", b"", b"", b"", self.copy(17), self.copy(18), b"", self.copy(20)]
        return fields

    def _type(self, code: str, version: tuple[int, int] | None, stated: Sequence[str]) -> bytes:
        """Return MSH-9; its third component came with version 2.3.1."""
        mark = self.delimiters.component
        kind = self.request.field(9)[1] if self.request is not None else None
        event = b"" if kind is None else kind[2].raw
        event = event if re.fullmatch(rb"[A-Z][A-Z0-9]{2}", event) else b""
        parts = [b"ACK", event, b"ACK"]
        if kind is not None and code[0] == "A" and kind[1].raw == b"ORU" and event == b"R40":
            parts = [b"ORA", b"R41", self.text("ORA_R41")]
        if stated:
            parts = [self.text(each) for each in stated]
        if version is not None and version < (3, 1):
            del parts[2:]
        return mark.join(_trimmed(parts)) if mark else parts[0]

    def errors(self, errors: Sequence[AckError], version: tuple[int, int] | None) -> list[list[bytes]]:
        """Return the ERR segments."""
        d = self.delimiters
        if version is not None and version < (5, 0):
            told = [self._before_2_5(error) for error in errors]
            if d.repetition:
                return [[b"ERR", d.repetition.join(told)]] if told else []
            return [[b"ERR", each] for each in told]
        return [
            [b"ERR", b"", self._parts(*error.location), self._condition(error, d.component),
             error.severity.encode(), self.text(error.application or "")]
            for error in errors
        ]  # fmt: skip

    def _before_2_5(self, error: AckError) -> bytes:
        """Return ELD (ch. 2.A of 2.4): segment, its number, field, and the code one level below."""
        where = [*error.location[:3], "", "", ""][:3]
        condition = self._condition(error, self.delimiters.subcomponent)
        mark = self.delimiters.component
        return mark.join([*(str(each).encode() for each in where), condition]) if mark else condition

    def _condition(self, error: AckError, mark: bytes) -> bytes:
        parts = (error.condition.encode(), CONDITIONS[error.condition].encode(), b"HL70357")
        return mark.join(parts) if mark else parts[0]

    def _parts(self, *parts: str | int) -> bytes:
        mark = self.delimiters.component
        return mark.join(str(part).encode() for part in parts) if mark else str(parts[0]).encode() if parts else b""


@lru_cache(maxsize=64)
def _writable(d: Delimiters) -> Delimiters:
    """Return the request's delimiters; where MSH-2 could not be written to say the same, with its gaps filled."""
    if not d.field or not 0x20 < d.field[0] != 0x7F:
        d = d._replace(field=b"|")
    parts = [b"" if mark == d.field or _CONTROLS.search(mark) else mark for mark in d[1:]]
    while parts and not parts[-1]:
        parts.pop()
    lost_escape = len(parts) == 3 + 1 and not parts[2] and parts[3] == b"&"
    if not lost_escape and not all(parts):
        spare = [bytes([octet]) for octet in _SPARE if bytes([octet]) not in (d.field, *parts)]
        parts = [mark or spare.pop(0) for mark in parts]
    return Delimiters(d.field, *parts)
