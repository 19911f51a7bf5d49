"""The reader: a stream of messages, cut into units, each mapped at once."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Final

from ...model import Provenance, Record, Residue, record_id
from ...plugins import ReadContext
from ...wire import hl7v2
from .message import records_of
from .times import check_zone
from .unit import ADAPTER, VERSION

__all__ = ["OruReader", "make_reader"]

_BLANK: Final = b" \t\r\n\x0b\x1c\x00"
_BOM: Final = b"\xef\xbb\xbf"
_MESSAGE: Final = b"MSH"


class OruReader:
    """Reads a stream of HL7 v2 messages: files, batches, MLLP frames.

    Parameters
    ----------
    context : ReadContext
        How to read.

    Raises
    ------
    InvalidRequest
        ``USE-001`` when the context's zone is not known.
    """

    def __init__(self, context: ReadContext) -> None:
        self._context = context
        self._zone = check_zone(context.default_zone)
        self._splitter = hl7v2.MessageSplitter(max_message=context.limits.max_unit)
        self._joiner = hl7v2.Joiner(max_message=context.limits.max_unit)
        self._announced: set[str] = set()

    def __repr__(self) -> str:
        return f"OruReader({self._splitter!r})"

    def feed(self, chunk: bytes | memoryview, /) -> Sequence[Record]:
        """Take more of the stream and return the records of the messages that are now whole.

        Raises
        ------
        LimitExceeded
            ``HL7-120`` when a message is longer than the limit of the context.
        MalformedInput
            In strict mode, for whatever the standard does not allow.
        """
        return [record for offset, unit in self._splitter.feed(chunk) for record in self._unit(offset, unit)]

    def finish(self) -> Sequence[Record]:
        """End the stream and return the records of the last message; raises as :meth:`feed` does."""
        found = [record for offset, unit in self._splitter.finish() for record in self._unit(offset, unit)]
        return found + self._records(self._joiner.finish())

    def _unit(self, offset: int, unit: bytes) -> list[Record]:
        context = self._context
        message = hl7v2.parse(
            unit, strict=context.strictness == "strict", max_message=context.limits.max_unit, origin=offset
        )
        if len(message) == 0 or message.data[message.bounds(0)[0] :][:3] != _MESSAGE:
            return _residue(offset, unit, "HL7-101" if len(message) == 0 else "ORU-304", message.data)
        return _foreign(message) + self._records(self._joiner.take(message))

    def _records(self, messages: Sequence[hl7v2.Message]) -> list[Record]:
        context, zone = self._context, self._zone
        return [record for message in messages for record in records_of(message, context, zone, self._announced)]


def _foreign(message: hl7v2.Message) -> list[Record]:
    """Keep what stands before MSH."""
    start = message.bounds(0)[0]
    raw = message.raw[: message.place(start) - message.origin]
    return _residue(message.origin, raw, "HL7-103", message.data[:start])


def _residue(offset: int, raw: bytes, reason: str, text: bytes) -> list[Record]:
    """Keep octets outside of messages: batch segments, and whatever is no HL7; not blanks and byte-order marks."""
    if not text.replace(_BOM, b"").strip(_BLANK):
        return []
    digest = sha256(raw).hexdigest()
    span = (offset, offset + len(raw))
    return [
        Residue(
            id=record_id("residue", ADAPTER, digest, offset),
            provenance=Provenance(adapter=ADAPTER, version=VERSION, digest=digest, span=span),
            span=span,
            raw=raw,
            reason=reason,
        )
    ]


def make_reader(context: ReadContext, /) -> OruReader:
    """Return a reader of HL7 v2 messages for one source."""
    return OruReader(context)
