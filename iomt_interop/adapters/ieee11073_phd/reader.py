"""Personal health devices to canonical records: a stream of APDUs, however it is cut (IEEE 11073-20601)."""

from __future__ import annotations

from collections.abc import Sequence

from ...errors import InputError, LimitExceeded
from ...model import Record
from ...plugins import ReadContext
from ...wire.phd.session import Session, SessionItem
from .clock import Clock
from .conversation import Conversation

__all__ = ["PhdReader", "make_reader"]

_LONGEST = 65539
"""Octets of the longest APDU: its tag, its length, and what a 16-bit length can count."""


class PhdReader:
    """Reads APDUs of one device, of its manager, or of both in the order of the wire.

    Whatever is whole is given out before an error is raised, so that a cut or broken stream loses only its end.

    Parameters
    ----------
    context : ReadContext
        How to read; a subject there is whom the device measures.
    session : Session, optional
        The wire's session, when configurations are known from elsewhere.

    Raises
    ------
    InvalidRequest
        ``USE-001`` when the context's zone is not known.
    """

    def __init__(self, context: ReadContext, session: Session | None = None) -> None:
        limits = context.limits
        self._session = Session(max_apdu=min(_LONGEST, limits.max_unit)) if session is None else session
        self._conversation = Conversation(context, Clock(context.default_zone))
        self._octets_left = limits.max_bytes
        self._records_left = limits.max_records
        self._error: InputError | None = None

    def __repr__(self) -> str:
        return f"PhdReader({self._session!r})"

    def feed(self, chunk: bytes | memoryview, /) -> Sequence[Record]:
        """Take more of the stream and return the records of the APDUs that are now whole.

        Raises
        ------
        MalformedInput
            At the first APDU that breaks the standard: its length cannot be trusted, so nothing after it is read.
        LimitExceeded
            ``SRC-005`` beyond the context's octets or records, ``PHD-110`` for an APDU that is too long.
        """
        if self._error is not None:
            raise self._error
        allowed = memoryview(chunk)[: self._octets_left]
        self._octets_left -= len(allowed)
        records: list[Record] = []
        try:
            for item in self._session.iter_feed(allowed):
                records += self._unit(item)
            if len(allowed) < len(chunk):
                raise LimitExceeded("SRC-005")
        except InputError as error:
            self._error = error
            if not records:
                raise
        return records

    def finish(self) -> Sequence[Record]:
        """End the stream.

        Raises
        ------
        TruncatedInput
            ``PHD-106`` when it ends inside an APDU.
        """
        if self._error is not None:
            raise self._error
        self._session.finish()
        return []

    def _unit(self, item: SessionItem) -> list[Record]:
        """Return the records of one APDU."""
        records = self._conversation.records(item)
        self._records_left -= len(records)
        if self._records_left < 0:
            raise LimitExceeded("SRC-005", span=item.span)
        return records


def make_reader(context: ReadContext, /) -> PhdReader:
    """Return a reader of personal health devices for one source."""
    return PhdReader(context)
