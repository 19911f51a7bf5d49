"""The writers: canonical records to messages of HL7 v2."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from ...errors import InvalidRequest
from ...model import (
    Alert,
    Coding,
    Concept,
    Device,
    Event,
    Issue,
    Metric,
    Observation,
    Order,
    Record,
    Setting,
    Subject,
    Waveform,
)
from ...model.envelope import Envelope
from ...plugins import Loss, WriteContext
from .composer import NOBODY, Composer
from .datatypes import Coded, device_code, unsaid
from .keeping import is_own
from .pool import NO_PATIENT, Group, Pool, Result, is_test, metric_ids
from .tables import SAID

__all__ = ["FORMS", "MessageWriter", "make_alert_writer", "make_writer"]

FORMS: Final = ("pcd01", "oru")
"""``pcd01``: IHE PCD-01. ``oru``: ORU^R01 in general, of no profile, codes in the source's own order."""

_MEASURED: Final = frozenset({"event", "observation", "setting", "waveform"})
_RESULTS: Final = {"pcd01": _MEASURED, "oru": _MEASURED, "pcd04": frozenset({"alert"})}
_CONTEXT: Final = frozenset({"device", "encounter", "message", "metric", "order", "subject"})
_ENVELOPE: Final = frozenset({"kind", "id", "schema_version", "provenance", "subject", "extensions", "labels"})
"""Fields of every record that a message says by itself, or of which something else is told."""
_EXCLUDED: Final = "test data excluded"


class MessageWriter:
    """Writes one payload: messages one behind the other; see :class:`~iomt_interop.plugins.Writer`.

    All records are taken before the first message is written: whose a result is, and which device made it, may be
    said by a record far behind it.
    """

    def __init__(self, context: WriteContext, form: str) -> None:
        self._context = context
        self._form = form
        self._losses: dict[Loss, None] = {}
        self._shown: set[str] = set()
        """Ids of measurements that go with an alert."""

    def __repr__(self) -> str:
        return f"MessageWriter({self._form}, {len(self._losses)} losses)"

    @property
    def losses(self) -> Sequence[Loss]:
        """What the messages could not say of the records so far."""
        return tuple(self._losses)

    def write(self, records: Iterable[Record], /) -> Iterator[bytes]:
        """Return the payload in chunks, one message each."""
        pool = Pool()
        kept = self._kept(list(records))
        for record in kept:
            pool.add(record)
        results: list[Any] = [record for record in kept if self._is_result(record)]
        for group in self._groups(pool, kept, results):
            yield Composer(pool, group, self._form, self._lose, self._code).compose()

    def _is_result(self, record: Record) -> bool:
        """Tell whether a record is a result.

        An event is one where its code says that it is none of the measurements, a setting where a device has it: one
        that was only ordered is no result.
        """
        if record.kind not in _RESULTS[self._form]:
            return False
        if isinstance(record, Event):
            return is_own(record) or any(map(_is_event, record.code.codings))
        if isinstance(record, Setting):
            path = record.provenance.path or ""
            return path.startswith("OBX") if is_own(record) else record.device is not None
        return True

    def _groups(self, pool: Pool, kept: Sequence[Record], results: Sequence[Result]) -> list[Group]:
        """Return what each message holds, and tell what none of them holds."""
        if self._form == "pcd04":
            measured = {one.id: one for one in kept if isinstance(one, Observation | Waveform)}
            groups = [
                Group(pool.source(record), record.subject, [record, *self._evidence(record, measured)])
                for record in results
                if isinstance(record, Alert)
            ]
            others: Sequence[Order | Device] = ()
        else:
            others = [record for record in kept if isinstance(record, Order | Device) and not _is_report(record)]
            groups = pool.groups(results, others)
        self._unsaid(kept, {name for group in groups for record in group.results for name in _named(record)})
        return groups

    def _evidence(self, record: Alert, measured: Mapping[str, Result]) -> list[Result]:
        """Return what was measured of the same person and is the reason of an alert (IHE PCD TF-2 3.4.4.1)."""
        named = (measured.get(link.target) for link in record.links if link.relation == "derived_from")
        found = [one for one in named if one is not None and one.subject == record.subject]
        self._shown |= {one.id for one in found}
        return found

    # ---- What is written

    def _kept(self, records: Sequence[Record]) -> Sequence[Record]:
        """Leave out issues, which are about another text; and demo and test data, unless they are asked for."""
        wanted = [record for record in records if not isinstance(record, Issue)]
        if self._context.include_test_data:
            return wanted
        nobody = {r.id for r in wanted if isinstance(r, Subject) and r.confidence in NO_PATIENT}
        somebody = {r.id for r in wanted if isinstance(r, Subject) and r.confidence not in NO_PATIENT}
        nobody -= somebody
        found = []
        for record in wanted:
            if record.subject in nobody or record.id in nobody or is_test(record):
                self._lose(record, "", _EXCLUDED)
            else:
                found.append(record)
        return found

    def _unsaid(self, kept: Sequence[Record], named: set[str]) -> None:
        """Tell which records, and which fields of the others, have no place in the messages."""
        for record in kept:
            if record.kind in _CONTEXT or self._is_result(record) or record.id in self._shown:
                if record.kind == "message" and getattr(record, "protocol", "") != "hl7v2":
                    self._lose(record, "", "the header of another protocol")
                    continue
                self._fields(record)
                if record.kind == "metric" and record.id not in named:
                    self._lose(record, "", "a metric without a result")
                elif record.kind in ("subject", "encounter") and record.id not in named:
                    self._lose(record, "", "nobody's results are sent")
            else:
                self._lose(record, "", _ELSEWHERE.get(record.kind, "no place in these messages"))

    def _fields(self, record: Record) -> None:
        for name in unsaid(record, SAID[record.kind] | _ENVELOPE):
            if not _is_implied(record, name) and not self._shows(record, name):
                self._lose(record, name, "no field for it")
        if record.kind in ("metric", "setting") and record.extensions and not is_own(record):
            self._lose(record, "extensions", "kept of the source, and without a place here")
        if any(label.code != "HTEST" for label in record.labels):
            self._lose(record, "labels", "no field for it")

    def _shows(self, record: Record, name: str) -> bool:
        """Tell whether the links of an alert lead to what stands in its message."""
        return name == "links" and isinstance(record, Alert) and {one.target for one in record.links} <= self._shown

    def _lose(self, record: Envelope, path: str, reason: str) -> None:
        if record is not NOBODY:
            self._losses[Loss(record.id, record.kind, path, reason)] = None  # type: ignore[attr-defined]

    def _code(self, concept: Concept) -> Coded:
        return device_code(concept, device=self._form != "oru")


_ELSEWHERE: Final = {
    "setting": "ordered, and no device's result",
    "alert": "alerts are messages of their own: hl7v2_pcd04",
    "residue": "octets of another text",
}


def _is_report(record: Record) -> bool:
    """Tell whether an order is the report of an alert."""
    code = record.code if isinstance(record, Order) else None
    return code is not None and any(coding.refid == "MDC_EVT_ALARM" for coding in code.codings)


def _is_event(coding: Coding) -> bool:
    if coding.refid is not None:
        return coding.refid.startswith(("MDC_EVT_", "MDCX_EVT_"))
    return False


def _is_implied(record: Record, name: str) -> bool:
    """Tell whether a field is said by where something else stands."""
    if name == "names":  # MSH-3
        return isinstance(record, Device) and record.node == "gateway" and len(record.names) == 1
    if name == "resolution":  # a result beside the metric
        return isinstance(record, Metric) and is_own(record)
    if name == "links":  # the fifth part of OBX-4
        handle = getattr(record, "handle", None) or ""
        return is_own(record) and handle.count(".") == 4 and [link.relation for link in record.links] == ["part_of"]
    return False


def _named(record: Result) -> Iterator[str]:
    yield from filter(None, (record.subject, record.encounter, *metric_ids(record)))


def make_writer(context: WriteContext, /) -> MessageWriter:
    """Return a writer of IHE PCD-01, or of ORU^R01 in general.

    Raises
    ------
    InvalidRequest
        ``USE-001`` when the context's form is none of :data:`FORMS`.
    """
    form = context.form or FORMS[0]
    if form not in FORMS:
        raise InvalidRequest("USE-001", path="form", hint="one of " + ", ".join(FORMS))
    return MessageWriter(context, form)


def make_alert_writer(context: WriteContext, /) -> MessageWriter:
    """Return a writer of IHE PCD-04.

    Raises
    ------
    InvalidRequest
        ``USE-001`` when the context names a form: there is one.
    """
    if context.form not in (None, "pcd04"):
        raise InvalidRequest("USE-001", path="form", hint="pcd04")
    return MessageWriter(context, "pcd04")
