"""The answers to messages, most of them from a template: a sender's headers differ in time and control id alone.

The acknowledgement of a message without errors depends on nothing but its header. So it is composed once for every
header that differs in more than MSH-7 and MSH-10, and the two are filled in. What is not plain takes the long way.
"""

from __future__ import annotations

import re
import secrets
from typing import Final, NamedTuple

from ..errors import IomtError
from ..wire import hl7v2, mllp
from ..wire.hl7v2.ack import Outcome, acknowledge, decide
from .delivery import Verdict
from .memory import Key

__all__ = ["Answers", "Head", "read_head"]

_PLAIN: Final = re.compile(rb"[A-Za-z0-9._-]{1,199}")
"""A control id that no escaping touches."""
_START: Final = re.compile(rb"MSH[^A-Za-z0-9\s]")
_LONGEST: Final = 4096
"""Longer headers take the long way."""
_TEMPLATES: Final = 1024


class Head(NamedTuple):
    """What has to be known of a message to answer it."""

    key: Key | None
    """Sender and control id; none where there is no control id."""
    shape: tuple[bytes, ...]
    """The header without MSH-7 and MSH-10; empty where it is not plain."""
    is_acknowledgement: bool
    exists: bool
    """Whether there is a header at all."""


_NOTHING: Final = Head(None, (), False, False)


def read_head(payload: bytes) -> Head:
    """Return what the header of a message says, without looking at the rest where that is possible."""
    if _START.match(payload):
        stop = payload.find(b"\r", 0, _LONGEST)
        line = payload[:stop] if stop > 0 else b""
        fields = line.split(payload[3:4])
        if len(fields) >= 11 and b"\n" not in line and _PLAIN.fullmatch(fields[9]):
            kind = fields[8]
            plain = b"\rMSA" not in payload
            shape = (*fields[:6], *fields[7:9], *fields[10:]) if plain else ()
            if kind[:3] != b"ACK":
                return Head((fields[2], fields[3], fields[9]), shape, False, True)
    header = hl7v2.parse(payload).segment("MSH")
    if header is None:
        return _NOTHING
    control_id = header.field(10).raw
    key = (header.field(3).raw, header.field(4).raw, control_id) if control_id else None
    return Head(key, (), header.field(9)[1][1].raw == b"ACK", True)


class _Template(NamedTuple):
    """The octets before, between and behind time, the answer's control id and the message's."""

    before: bytes
    between: bytes
    behind: bytes
    end: bytes


class Answers:
    """Composes answers.

    Parameters
    ----------
    commit : bool
        Whether the commit octets of MLLP release 2 come first.
    """

    def __init__(self, commit: bool) -> None:
        self._commit = commit
        self._prefix, self._number = secrets.token_hex(4).upper().encode(), 0
        self._templates: dict[tuple[tuple[bytes, ...], Outcome], tuple[_Template, ...] | None] = {}
        self.failed: list[str] = []
        """Codes of what went wrong since somebody looked."""

    def __repr__(self) -> str:
        return f"Answers({len(self._templates)} templates)"

    def compose(self, payload: bytes, head: Head, verdict: Verdict, at: bytes) -> bytes:
        """Return the answers to a message, framed; ``at`` is their time, as HL7 writes it."""
        accepted = verdict.outcome is Outcome.ACCEPTED
        parts = [mllp.COMMIT_ACK if accepted else mllp.COMMIT_NAK] if self._commit else []
        if head.shape and head.key is not None and not verdict.errors and verdict.answer is None:
            slot = head.shape, verdict.outcome
            known = self._templates[slot] if slot in self._templates else self._learn(payload, *slot)
            if known is not None:
                control_id = head.key[2]
                for before, between, behind, end in known:
                    parts.append(before + at + between + self._next() + behind + control_id + end)
                return b"".join(parts)
        return b"".join(parts + self._written(payload, verdict, at.decode("ascii")))

    def _next(self) -> bytes:
        self._number += 1
        return self._prefix + b"%d" % self._number

    def _written(self, payload: bytes, verdict: Verdict, at: str) -> list[bytes]:
        message, parts = hl7v2.parse(payload), []
        for code in decide(message, verdict.outcome):
            if code is not None:
                control_id = self._next().decode("ascii")
                answer = verdict.answer if code[0] == "A" else None
                for write in (acknowledge,) if answer is None else (answer, acknowledge):
                    # A sender that hears nothing sends again without end: what cannot be answered is acknowledged.
                    try:
                        told = write(message, code, control_id=control_id, at=at, errors=verdict.errors)
                        parts.append(mllp.encode(told))
                        break
                    except IomtError as error:  # its header cannot be answered in its own words
                        self.failed.append(error.code)
        return parts

    def _learn(self, payload: bytes, shape: tuple[bytes, ...], outcome: Outcome) -> tuple[_Template, ...] | None:
        """Compose the answers to a header once, and cut them where they will differ; ``None`` where that is not so."""
        message, templates = hl7v2.parse(payload), list[_Template | None]()
        for code in decide(message, outcome):
            if code is not None:
                try:
                    told = acknowledge(message, code, control_id="0", at="2000+0000")
                    templates.append(_cut(told, payload[3:4], message))
                except IomtError:  # the long way will say so, every time
                    templates.append(None)
        whole = tuple(template for template in templates if template is not None)
        known = whole if len(whole) == len(templates) else None
        if len(self._templates) >= _TEMPLATES:
            self._templates.clear()
        self._templates[shape, outcome] = known
        return known


def _cut(told: bytes, mark: bytes, message: hl7v2.Message) -> _Template | None:
    """Cut an acknowledgement before MSH-7, behind it, at MSH-10 and at MSA-2, its last field."""
    header, _, rest = told.partition(b"\r")
    fields = header.split(mark)
    before = mark.join(fields[:6]) + mark
    between = mark + mark.join(fields[7:9]) + mark
    behind = b"".join(mark + field for field in fields[10:]) + b"\r" + mark.join(rest.split(mark)[:2]) + mark
    asked = message.segment("MSH")
    control_id = b"" if asked is None else asked.field(10).raw
    segments = rest.split(mark)
    if fields[6:7] + fields[9:10] != [b"2000+0000", b"0"] or len(segments) != 3 or segments[2] != control_id + b"\r":
        return None
    if mllp.VT in told or mllp.FS in told:
        return None
    return _Template(mllp.VT + before, between, behind, b"\r" + mllp.FS + mllp.CR)
