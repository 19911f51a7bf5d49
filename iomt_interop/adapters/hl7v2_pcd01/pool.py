"""Which records become one message, and where the records are that they speak of.

Rule of grouping:

1. What one HL7 v2 message carried goes into one message again, but for each person in it a message of its own.
2. All other results of one person go into one message together, those of nobody into another; after
   ``MOST_RESULTS`` results the next message begins.
3. In a message there is one OBR for each order, and for each interval of time that its results state beside it;
   results without an order share one OBR.

A message names one person and holds nothing that a record of another person says.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from ...model import (
    Alert,
    Device,
    Encounter,
    Event,
    Identifier,
    Message,
    Metric,
    Observation,
    Order,
    Record,
    Setting,
    Subject,
    Waveform,
)
from ...model.envelope import Envelope

__all__ = ["MOST_RESULTS", "Group", "Pool", "Result", "is_test", "metric_ids"]

MOST_RESULTS: Final = 1000
"""Results of one message whose source was no message."""

NO_PATIENT: Final = frozenset({"demo", "test", "quality-control"})
_TEST_FLAGS: Final = frozenset({"demo-data", "test-data"})
_CONTEXT: Final = (Device, Encounter, Message, Metric, Order, Subject)

T = TypeVar("T", bound=Envelope)
Result = Observation | Waveform | Setting | Event | Alert


def is_test(record: Record) -> bool:
    """Tell whether a record says of itself that it is of no patient."""
    quality = record.quality if isinstance(record, Observation | Waveform) else None
    if quality is not None and (_TEST_FLAGS.intersection(quality.flags) or quality.mode in ("test", "demo")):
        return True
    if isinstance(record, Subject) and record.confidence in NO_PATIENT:
        return True
    if isinstance(record, Message) and record.processing in ("training", "debugging"):
        return True
    return any(label.code == "HTEST" for label in record.labels)


def metric_ids(record: Any) -> list[str | None]:
    """Return the ids of the metrics that a result names."""
    if isinstance(record, Waveform):
        return [channel.metric for channel in record.channels]
    if isinstance(record, Alert):
        return [record.source_metric]
    return [record.metric] if isinstance(record, Observation | Setting) else []


@dataclass(slots=True, repr=False)
class Group:
    """The records of one message.

    Attributes
    ----------
    source : str
        Digest of the HL7 v2 message that they came in; empty for other sources.
    subject : str or None
        Whose they are.
    """

    source: str
    subject: str | None
    results: list[Any] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    devices: list[Device] = field(default_factory=list)


@dataclass(slots=True, repr=False)
class _Versions:
    """All versions of one record, found without looking at each."""

    last: Any = None
    by_source: dict[str | None, Any] = field(default_factory=dict)
    by_subject: dict[str | None, Any] = field(default_factory=dict)
    by_both: dict[tuple[str | None, str | None], Any] = field(default_factory=dict)

    def add(self, record: Any) -> None:
        digest, subject = record.provenance.digest, record.subject
        self.last = self.by_source[digest] = self.by_subject[subject] = self.by_both[digest, subject] = record

    def best(self, group: Group, *, anybody: bool) -> Any:
        """Return the version for a message: of its source and person, of its source, of its person."""
        people = (group.subject, None)
        if group.source:
            for subject in people:
                if (group.source, subject) in self.by_both:
                    return self.by_both[group.source, subject]
            if anybody and group.source in self.by_source:
                return self.by_source[group.source]
        for subject in people:
            if subject in self.by_subject:
                return self.by_subject[subject]
        return self.last if anybody else None


@dataclass(slots=True, repr=False)
class Pool:
    """The records that others speak of, by id; each message has its own version of them."""

    _records: dict[tuple[type, str], _Versions] = field(default_factory=dict)
    _messages: dict[str, Message] = field(default_factory=dict)
    _reports: dict[tuple[str | None, str | None, tuple[Identifier, ...]], Order] = field(default_factory=dict)

    def add(self, record: Record) -> None:
        """Take a record that others may speak of."""
        if isinstance(record, _CONTEXT):
            self._records.setdefault((type(record), record.id), _Versions()).add(record)
        if isinstance(record, Order) and record.filler:
            self._reports.setdefault((record.provenance.digest, record.subject, record.filler), record)
        if isinstance(record, Message) and record.protocol == "hl7v2" and record.provenance.digest is not None:
            self._messages[record.provenance.digest] = record

    def source(self, record: Record) -> str:
        """Return the digest of the HL7 v2 message that a record came in; empty where there is none."""
        digest = record.provenance.digest
        return digest if digest is not None and digest in self._messages else ""

    def message(self, source: str) -> Message | None:
        """Return the header that an HL7 v2 message had."""
        return self._messages.get(source)

    def find(self, kind: type[T], identity: str | None, group: Group) -> T | None:
        """Return the version of a record that a message may hold.

        That of the same source first; one of another person never, except for devices and metrics, of which a
        message says nothing but what they are.
        """
        versions = self._records.get((kind, identity or ""))
        best: T | None = None if versions is None else versions.best(group, anybody=kind in (Device, Metric))
        if isinstance(best, Device) and best.subject not in (None, group.subject) and (best.notes or best.extensions):
            return best.replace(notes=(), extensions=())  # what is said of the device may be said of the person
        return best

    def report_of(self, record: Alert) -> Order | None:
        """Return the order under which an alert came: the one of its source that has its identifiers."""
        if not record.identifiers:
            return None
        return self._reports.get((record.provenance.digest, record.subject, record.identifiers))

    def groups(self, results: Iterable[Result], others: Iterable[Order | Device]) -> list[Group]:
        """Return the messages in the order of their first record."""
        found: dict[tuple[str, str | None], Group] = {}
        done: list[Group] = []
        for record in results:
            key = self.source(record), record.subject
            group = found.get(key)
            if group is None or (not key[0] and len(group.results) >= MOST_RESULTS):
                group = found[key] = Group(*key)
                done.append(group)
            group.results.append(record)
        named = self._named(done)
        for other in others:
            if isinstance(other, Device) and other.id in named and not self.source(other):
                continue
            group = found.get((self.source(other), other.subject))
            if group is None:
                if isinstance(other, Device):
                    self._lonely(other, found, done)
                    continue
                group = found[self.source(other), other.subject] = Group(self.source(other), other.subject)
                done.append(group)
            if isinstance(other, Order):
                group.orders.append(other)
            else:
                group.devices.append(other)
        return done

    def _named(self, groups: Iterable[Group]) -> set[str]:
        """Return the ids of the devices that results name, and of all that contain them."""
        found: set[str] = set()
        for group in groups:
            for record in group.results:
                metrics = [self.find(Metric, name, group) for name in metric_ids(record) if name is not None]
                waiting = [record.device, record.gateway if isinstance(record, Observation | Waveform) else None]
                waiting += [name for metric in metrics if metric is not None for name in (metric.device, metric.parent)]
                while waiting:
                    identity = waiting.pop()
                    if identity is not None and identity not in found:
                        found.add(identity)
                        device = self.find(Device, identity, group)
                        waiting.append(None if device is None else device.parent)
        return found

    def _lonely(self, device: Device, found: dict[tuple[str, str | None], Group], done: list[Group]) -> None:
        """Add a device to a message of its source; where there is none, results name it or it has its own."""
        source = self.source(device)
        fitting = [group for (digest, _), group in found.items() if digest == source] if source else []
        if fitting:
            fitting[0].devices.append(device)
            return
        key = source, device.subject
        group = found[key] = Group(*key)
        done.append(group)
        group.devices.append(device)
