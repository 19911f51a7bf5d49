"""One message: header, person, visit, orders, and what was observed under them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from ...errors import TimeError
from ...model import (
    Alert,
    Coding,
    Concept,
    Device,
    Encounter,
    Event,
    Instant,
    Interval,
    Message,
    Metric,
    Observation,
    Order,
    Provenance,
    Setting,
    Subject,
    Waveform,
    record_id,
)
from ...model.envelope import Envelope
from ...model.time import Time
from ...terminology import systems
from ...wire.hl7v2.compose import message, segment
from .alerts import alert_parts
from .datatypes import Coded, dtm, eui64_of, is_local
from .header import encounter, header, interval_of, order, subject
from .keeping import is_own
from .pool import NO_PATIENT, Group, Pool, metric_ids
from .results import Results
from .tables import PROFILES
from .tree import Tree, dotted

__all__ = ["NOBODY", "Composer"]

_KINDS: Final = {"pcd01": "ORU^R01^ORU_R01", "oru": "ORU^R01^ORU_R01", "pcd04": "ORU^R40^ORU_R40"}
_UNSURE: Final = frozenset({"corrected", "dst-ambiguous", "estimated", "invalid"})
_CONTROL: Final = 20
"""Characters of MSH-10 up to version 2.6."""

Lose = Callable[[Envelope, str, str], None]


class Composer:
    """Composes the message of one group.

    Parameters
    ----------
    pool : Pool
        The records that others speak of.
    group : Group
        What the message holds.
    form : str
        ``pcd01``, ``oru`` or ``pcd04``.
    lose : callable
        Takes record, path and reason of a loss.
    codes : callable
        Composes OBX-3.
    """

    def __init__(self, pool: Pool, group: Group, form: str, lose: Lose, codes: Callable[[Concept], Coded]) -> None:
        self._pool = pool
        self._group = group
        self._form = form
        self._lose = lose
        self._source = pool.message(group.source)
        self._sent = self._source.sent if self._source is not None else None
        self._assumed = False
        self._written: dict[tuple[str, bool], str] = {}
        self._local: list[Envelope] = []
        self._latest: list[Instant] = []
        self._tree = Tree(self._find_device)
        self._metrics: dict[str | None, Metric | None] = {}
        self._devices: dict[str | None, Device | None] = {}
        self._results = Results(
            self._tree,
            self._find_device,
            self._find_metric,
            lambda instant, path, record: self._stamp(record, instant, path),
            lose,
            codes,
            contained=form != "oru",
        )

    # ---- Look-ups

    def _find_device(self, identity: str | None) -> Device | None:
        if identity not in self._devices:
            self._devices[identity] = self._pool.find(Device, identity, self._group)
        return self._devices[identity]

    def _find_metric(self, identity: str | None) -> Metric | None:
        if identity not in self._metrics:
            self._metrics[identity] = self._pool.find(Metric, identity, self._group)
        return self._metrics[identity]

    # ---- Times

    def _stamp(self, record: Envelope, instant: Instant, path: str) -> str:
        """Return an instant; an offset that MSH-7 gives to the whole message is left out again."""
        lost = partial(self._lose, record)
        if path in ("time", "issued"):
            self._latest.append(instant)
        local = (
            "assumed-offset" in instant.flags
            and self._sent is not None
            and self._sent.offset_minutes is not None
            and self._sent.offset_minutes == instant.offset_minutes
        )
        self._assumed |= local
        if is_local(instant):
            self._local.append(record)
        if instant.device_clock is not None and instant.device_clock.value != instant.value:
            lost(f"{path}.device_clock", "DTM has one clock")
        if instant.uncertainty_ns is not None or instant.clock_sync is not None or _UNSURE.intersection(instant.flags):
            lost(path, "DTM does not say how sure a time is")
        known = self._written.get((instant.value, local))
        if known is None:
            told: list[tuple[str, str]] = []
            known = dtm(instant, lambda *loss: told.append(loss), path, local=local)
            for loss in told:
                lost(*loss)
            if not told:
                self._written[instant.value, local] = known
        return known

    def _sent_text(self) -> str:
        """Return MSH-7: when the source was sent, else the latest time in the message; never the time of writing."""
        sent = self._sent or _latest(self._latest)
        if sent is None:
            return ""
        local = bool(self._local) and not self._assumed
        if self._local and self._assumed:
            for other in self._local:
                self._lose(other, "time", "MSH-7 gives its offset to all times of the message")
        first: Envelope = self._group.results[0] if self._group.results else NOBODY
        record = self._source if self._source is not None else first
        if local and sent.offset_minutes is not None and self._source is not None:
            self._lose(record, "sent", "an offset would be given to all times of the message")
        return dtm(sent, partial(self._lose, record), "sent", local=local)

    # ---- The message

    def compose(self) -> bytes:
        """Return the octets of the message."""
        devices = self._needed()
        self._tree.reserve(
            [(device.id, device.handle) for device in devices], [record.handle for record in self._group.results]
        )
        lines = [*self._person(), *self._visit()]
        body = self._alerts(devices) if self._form == "pcd04" else self._orders(devices)
        lines += body
        fields = self._header(devices)
        fields[7] = self._sent_text()
        identity = record_id(
            "control", *sorted(each.id for each in self._group.results), *map(repr, fields.values()), *lines
        )
        fields[10] = identity[:_CONTROL].upper()
        return message([segment("MSH", fields), *lines])

    def _header(self, devices: Sequence[Device]) -> dict[int, str]:
        gateway = self._gateway(devices)
        person = self._pool.find(Subject, self._group.subject, self._group)
        test = person is not None and person.confidence in NO_PATIENT
        owner: Envelope = self._source if self._source is not None else NOBODY
        return header(
            self._source,
            kind=_KINDS[self._form],
            profile=PROFILES.get(self._form),
            gateway=gateway,
            test=test,
            lost=partial(self._lose, owner),
            dropped=lambda: self._lose(owner, "extensions", "kept of the source, and without a place here"),
        )

    def _gateway(self, devices: Sequence[Device]) -> tuple[str | None, str | None]:
        """Return name and EUI-64 of the sender: the gateway, else the one device that there is."""
        names = {record.gateway for record in self._group.results if isinstance(record, Observation | Waveform)}
        gateways = [found for name in sorted(filter(None, names)) if (found := self._find_device(name)) is not None]
        if len(gateways) == 1:
            eui = eui64_of(gateways[0].identifiers)
            return (gateways[0].names[0] if gateways[0].names else None), eui
        roots = [device for device in devices if device.parent is None and eui64_of(device.identifiers)]
        return None, eui64_of(roots[0].identifiers) if len(roots) == 1 else None

    def _needed(self) -> list[Device]:
        """Return the devices that the message names, each behind those that contain it."""
        wanted: dict[str, None] = {}
        for device in self._group.devices:
            self._want(device.id, wanted)
        for record in self._group.results:
            metrics = [self._find_metric(name) for name in metric_ids(record)]
            for name in (record.device, *(n for m in metrics if m is not None for n in (m.device, m.parent))):
                self._want(name, wanted)
        found = [self._find_device(identity) for identity in wanted]
        return [device for device in found if device is not None]

    def _want(self, identity: str | None, wanted: dict[str, None]) -> None:
        if identity is not None and identity not in wanted:
            wanted.update(dict.fromkeys(self._tree.chain(identity)))

    def _person(self) -> list[str]:
        identity = self._group.subject
        if identity is None:
            return []
        found = self._pool.find(Subject, identity, self._group)
        owner: Envelope = found if found is not None else NOBODY
        return [
            subject(
                found,
                identity,
                partial(self._stamp_of, owner),
                partial(self._lose, owner),
                self._dropper(owner),
            )
        ]

    def _stamp_of(self, record: Envelope, instant: Instant, path: str) -> str:
        return self._stamp(record, instant, path)

    def _dropper(self, record: Envelope) -> Callable[[], None]:
        return lambda: self._lose(record, "extensions", "kept of the source, and without a place here")

    def _visit(self) -> list[str]:
        """Return PV1: the one stay of all results of the message."""
        names = {name for record in (*self._group.results, *self._group.orders) if (name := record.encounter)}
        found = [each for name in sorted(names) if (each := self._pool.find(Encounter, name, self._group)) is not None]
        for other in found[1:]:
            self._lose(other, "", "one stay in a message")
        if not found:
            return []
        stamp, lost = partial(self._stamp_of, found[0]), partial(self._lose, found[0])
        return [encounter(found[0], stamp, lost, self._dropper(found[0]))]

    # ---- PCD-01

    def _orders(self, devices: Sequence[Device]) -> list[str]:
        """Return the OBR of the message, each with its results; the devices stand under the first."""
        reports: dict[tuple[str | None, Time | None], list[Any]] = {}
        for known in self._group.orders:
            reports[known.id, None] = []
        for record in self._group.results:
            found = self._pool.find(Order, record.order, self._group)
            other = isinstance(record.time, Interval) and record.time != self._inherited(found)
            key = (None if found is None else found.id, record.time if other else None)
            reports.setdefault(key, []).append(record)
        lines: list[str] = []
        for number, ((identity, window), records) in enumerate((reports or {(None, None): []}).items(), 1):
            found = self._pool.find(Order, identity, self._group)
            obx = self._results.begin()
            if number == 1:
                for device in devices:
                    self._node(device)
            span = self._span(found, window, records)
            inherited = window or (self._inherited(found) if found is not None else span[0] or self._sent)
            for record in records:
                self._put(record, inherited)
            owner: Envelope = found if found is not None else records[0] if records else NOBODY
            name = record_id("order", identity, *(record.id for record in records))
            stamp, lost = partial(self._stamp_of, owner), partial(self._lose, owner)
            lines += [*order(found, number, name, span, stamp, lost, self._dropper(owner)), *obx]
        return lines

    def _inherited(self, found: Order | None) -> Time | None:
        """Return what a receiver takes for the time of a result that states none."""
        if found is not None and found.time is not None:
            return found.time
        return self._sent

    def _span(
        self, found: Order | None, window: Time | None, records: Sequence[Any]
    ) -> tuple[Instant | None, Instant | None]:
        if window is not None:
            return interval_of(window)
        if found is not None:
            return interval_of(found.time)
        times = [record.time for record in records if isinstance(record.time, Instant)]
        instants = [time for time in times if time.origin not in _INHERITED]
        first, last = _earliest(instants), _latest(instants)
        return first, None if last is None or first is None or last.value == first.value else last

    def _node(self, device: Device) -> None:
        """Put the OBX of a node of the tree; a gateway is the sender, other equipment stands in OBX-18."""
        if device.node in ("gateway", "software") or (
            device.node == "unknown" and device.parent is None and not device.type
        ):
            return
        if self._form != "oru" or is_own(device):
            self._results.device(device)
            self._results.attributes(device)

    def _put(self, record: Any, inherited: Time | None) -> None:
        if isinstance(record, Observation):
            self._results.observation(record, inherited)
        elif isinstance(record, Waveform):
            self._results.waveform(record, inherited)
        elif isinstance(record, Setting | Event):
            self._results.happening(record, inherited)

    # ---- PCD-04

    def _alerts(self, devices: Sequence[Device]) -> list[str]:
        """Return an OBR and the parts of the alert, and what was measured as its evidence."""
        alerts = [record for record in self._group.results if isinstance(record, Alert)]
        return [line for record in alerts for line in self._alert(record, devices)]

    def _alert(self, record: Alert, devices: Sequence[Device]) -> list[str]:
        lost = partial(self._lose, record)
        if record.time is not None and not isinstance(record.time, Instant | Interval):
            lost("time", "an alert begins at a time of the day")
        report = self._pool.report_of(record)
        if report is None:
            report = Order(id=record.id, provenance=record.provenance, filler=record.identifiers, code=_ALARM)
        stamp = partial(self._stamp_of, record)
        span = interval_of(record.time)
        lines = order(report, 1, record.id, span, stamp, lost, lambda: None)
        obx = self._results.begin()
        for device in devices:
            self._node(device)
        base, equipment = self._alert_place(record)
        stated = span[0] is not None and span[1] is None and span[0].origin not in _INHERITED
        for number, part in enumerate(alert_parts(record, lost), 1):
            if not part:
                continue
            part |= {4: dotted((*base, number)), 11: "F", 18: equipment}
            part[14] = stamp(span[0], "time") if stated and number == 1 and span[0] is not None else ""
            self._results.put(part)
        for measured in self._group.results:
            self._put(measured, record.time if span[0] is not None else self._sent)
        if record.extensions and not is_own(record):
            self._dropper(record)()
        return [*lines, *obx]

    def _alert_place(self, record: Alert) -> tuple[tuple[int, ...], str]:
        """Return the address that the parts of an alert share, and OBX-18."""
        metric = self._find_metric(record.source_metric)
        node = record.device or (metric.device if metric is not None else None)
        equipment = self._results.equipment_of(node)
        prefix = self._tree.node(node)
        parts = self._tree.address(record.handle)
        if parts is not None and parts[0] == prefix[0]:
            return parts, equipment
        if metric is not None:
            return self._tree.metric(metric.parent or metric.device, metric.id, metric.handle, metric.code), equipment
        return (*prefix, *(0,) * (4 - len(prefix))), equipment


_ALARM: Final = Concept(codings=(Coding(system=systems.MDC, code="196616", refid="MDC_EVT_ALARM"),))
_INHERITED: Final = ("message", "order", "received", "window")
"""Origins of a time that no OBX-14 stated."""
NOBODY: Final = Message(id="0" * 32, protocol="hl7v2", provenance=Provenance(adapter="", version=""))
"""Stands for what the message itself lacks; its losses are not told."""


def _key(instant: Instant) -> tuple[int, str]:
    """Order instants that have an offset by when they are, others by what the clock showed."""
    try:
        return (instant.utc_ns or 0, instant.value) if instant.offset_minutes is not None else (0, instant.value)
    except TimeError:
        return 0, instant.value


def _comparable(found: Sequence[Instant]) -> bool:
    return len({instant.offset_minutes is None for instant in found}) == 1


def _earliest(found: Sequence[Instant]) -> Instant | None:
    if not found:
        return None
    return min(found, key=_key) if _comparable(found) else found[0]


def _latest(found: Sequence[Instant]) -> Instant | None:
    if not found:
        return None
    return max(found, key=_key) if _comparable(found) else found[-1]
