"""What a stream has told so far, and the records that each of its APDUs adds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ...model import ClockSync, DeviceClock, Extension, Instant, Record
from ...plugins import ReadContext
from ...wire.mder import NO_RELATIVE_TIME
from ...wire.phd.apdu import Aare, Aarq, Association, Prst
from ...wire.phd.attributes import Attribute
from ...wire.phd.nomenclature import Attr
from ...wire.phd.operations import ActionCall, EventReport, GetReply, SegmentInfo, SetTime
from ...wire.phd.reports import ConfigObject, ConfigReport, SegmentData
from ...wire.phd.session import Observed, SessionItem
from .clock import Clock, RelativeKind, device_clock
from .device import CLOCKS, Mds, gateway
from .emit import Frame, extension, keep_repeated
from .messages import event, message
from .metric import SHAPING, Agent, Template
from .observation import READERS, Observer
from .stores import Stores
from .tables import METRIC_CLASSES

__all__ = ["Conversation"]

_MDS = 0
"""Handle of the device itself."""

_CENTISECOND_NS = 10_000_000
_RELATIVE: dict[int, RelativeKind] = {Attr.TIME_REL: "relative", Attr.TIME_REL_HI_RES: "hi-res-relative"}


class Conversation:
    """One stream's devices, configurations, clocks and persons."""

    def __init__(self, context: ReadContext, clock: Clock) -> None:
        self._clock = clock
        self._observer = Observer(context, clock)
        self._stores = Stores(clock)
        self._devices: dict[bytes, Mds] = {}
        self._mds: Mds | None = None
        self._gateway: str | None = None
        self._agent = Agent()
        self._templates: dict[int, tuple[ConfigObject, Template]] = {}
        self._announced: dict[str, dict[int, Attribute]] = {}
        self._gateways: set[str] = set()

    def __repr__(self) -> str:
        return f"Conversation({len(self._templates)} objects)"

    @property
    def device(self) -> str | None:
        """Id of the device that the stream is about."""
        return None if self._mds is None else self._mds.id

    def records(self, item: SessionItem) -> list[Record]:
        """Return the records of one APDU, and remember what it told."""
        apdu = item.apdu
        frame = Frame(item.raw, item.span, self.device)
        if isinstance(apdu, Prst):
            self._operation(frame, item, apdu)
        else:
            if isinstance(apdu, Aarq):
                self._associate(frame, apdu)
            elif isinstance(apdu, Aare):
                self._answer(frame, apdu)
            frame.add(event(frame, apdu))
        for code in item.diagnostics:
            frame.issue(code, frame.span, None)
        return frame.records

    def template(self, source: ConfigObject) -> Template:
        """Return a configured object as its attributes stand now."""
        known = self._templates.get(source.handle)
        if known is None or known[0] is not source:
            return Template.of(self._agent, source)
        return known[1].sent_by(self._agent)

    def _associate(self, frame: Frame, apdu: Aarq) -> None:
        """Begin the association that a device asks for."""
        offered = apdu.association
        self._observer.forget()
        self._templates.clear()
        self._gateway = None
        self._mds = None
        if offered is not None and offered.system_id:
            self._mds = self._devices.setdefault(offered.system_id, Mds(offered.system_id))
            stated = Attribute(Attr.DEV_CONFIG_ID, offered.config_id.to_bytes(2, "big"))
            self._describe(frame, (stated,), "AARQ")
        self._know_agent()

    def _answer(self, frame: Frame, apdu: Aare) -> None:
        """Take note of the manager."""
        offered: Association | None = apdu.proto.association
        if offered is None or not any(offered.system_id):
            return
        manager = gateway(frame, offered.system_id)
        self._gateway = manager.id
        if manager.id not in self._gateways:
            self._gateways.add(manager.id)
            frame.add(manager)
        self._know_agent()

    def _operation(self, frame: Frame, item: SessionItem, apdu: Prst) -> None:
        """Add the records of a remote operation: the message first, then what it carries."""
        body = apdu.body
        described = isinstance(body, GetReply) and body.handle == _MDS
        frame.add(message(frame, apdu, keep_attributes=not described))
        if isinstance(body, GetReply) and described:
            self._device_attributes(frame, body.attributes, None)
        elif isinstance(body, EventReport) and isinstance(body.info, ConfigReport) and not body.reply:
            self._configure(frame, body.info)
        elif isinstance(body, ActionCall) and isinstance(body.info, SetTime):
            self._set_time(frame, body.info)
        elif isinstance(body, ActionCall) and isinstance(body.info, SegmentInfo):
            self._stores.learn(body.handle, body.info.segments)
        for seen in item.observations:
            self._scan(frame, seen, body)
        for lost in item.undecoded:
            path = _path(lost.person, lost.handle)
            self._observer.undecoded(frame, self._agent.system, lost.code, lost.span, lost.person, path)

    def _scan(self, frame: Frame, seen: Observed, body: object) -> None:
        """Add what one observation scan says."""
        attributes = [attribute for attribute, _ in seen.attributes]
        path = _path(seen.person, seen.handle)
        if seen.handle == _MDS:
            self._device_attributes(frame, attributes, body.time if isinstance(body, EventReport) else None)
        elif seen.config is None:
            self._observer.undecoded(frame, self._agent.system, "PHD-107", seen.span, seen.person, path)
        elif seen.config.object_class not in METRIC_CLASSES:
            self._observer.undecoded(frame, self._agent.system, "PHX-208", seen.span, seen.person, path)
        else:
            template = self.template(seen.config).updated(attributes)
            self._templates[seen.handle] = (seen.config, template)
            self._announce(frame, template)
            if any(a.id in READERS for a in attributes) or any(a.id not in SHAPING for a in attributes):
                self._observer.observe(frame, template, seen, path, self._periodic(seen, body))

    def _periodic(self, seen: Observed, body: object) -> Instant | None:
        """Return the time that an entry's place in its store gives it."""
        if seen.entry is None or not isinstance(body, EventReport) or not isinstance(body.info, SegmentData):
            return None
        return self._stores.time(body.handle, body.info.instance, seen.entry.number)

    def _configure(self, frame: Frame, report: ConfigReport) -> None:
        """Announce every metric of a configuration; other objects are facts about the device."""
        self._templates.clear()
        others: list[Extension] = []
        metrics: list[Template] = []
        stated = Attribute(Attr.DEV_CONFIG_ID, report.config_id.to_bytes(2, "big"))
        for source in report.objects:
            path = f"handle {source.handle}"
            if source.object_class not in METRIC_CLASSES:
                others.append(extension(f"{path}/class", str(source.object_class)))
                others += (extension(f"{path}/attribute {a.id}", a.raw.hex()) for a in source.attributes)
                self._stores.configure(source.handle, source.attributes)
        self._describe(frame, (stated,), "PRST", others)
        for source in report.objects:
            if source.object_class in METRIC_CLASSES:
                keep_repeated(frame, source.attributes, f"handle {source.handle}")
                template = Template.of(self._agent, source)
                self._templates[source.handle] = (source, template)
                metrics.append(template)
        for template in metrics:
            self._announce(frame, template)

    def _announce(self, frame: Frame, template: Template) -> None:
        """Add the metric, unless it was added and nothing of it has changed."""
        if self._announced.get(template.metric) == template.attributes:
            return
        self._announced[template.metric] = template.attributes
        sources = (self._templates.get(handle) for handle in template.sources)
        frame.add(template.record(frame, [known.metric for _, known in filter(None, sources)]))

    def _device_attributes(self, frame: Frame, attributes: Sequence[Attribute], event_time: int | None) -> None:
        """Take over attributes of the MDS object."""
        stated = next((a.value for a in attributes if a.id == Attr.SYS_ID), None)
        if self._mds is None and isinstance(stated, bytes) and stated:
            self._mds = self._devices.setdefault(stated, Mds(stated))
        keep_repeated(frame, attributes, "handle 0")
        self._describe(frame, attributes, "PRST/handle 0")
        if any(attribute.id in CLOCKS for attribute in attributes):
            self._compare_clocks(frame, attributes, event_time)

    def _describe(
        self, frame: Frame, attributes: Iterable[Attribute], path: str, others: Sequence[Extension] | None = None
    ) -> None:
        """Add the device anew when these attributes, or the objects that are no metrics, say something new of it."""
        if self._mds is None:
            self._mds = Mds(None, frame.id("device", frame.span))
        frame.device = self._mds.id
        if self._mds.update(attributes, others):
            frame.add(self._mds.record(frame, path))
            self._know_agent()

    def _know_agent(self) -> None:
        """Take over what is now known of the device and its manager."""
        mds = self._mds
        self._agent = (
            Agent(gateway=self._gateway)
            if mds is None
            else Agent(mds.system, mds.id, self._gateway, mds.owner, mds.specializations)
        )

    def _compare_clocks(self, frame: Frame, attributes: Iterable[Attribute], event_time: int | None) -> None:
        """Add a ClockSync of what the device's clocks say, and anchor the relative ones to the one of dates."""
        known = {attribute.id: attribute for attribute in attributes if attribute.id in CLOCKS}
        adjusted = known.get(Attr.TIME_ABS_ADJUST)
        shift = None if adjusted is None else adjusted.value
        dated = self._dated(known)
        ticks = {kind: known[a].value for a, kind in _RELATIVE.items() if a in known}
        if event_time is not None:
            ticks.setdefault("relative", event_time)
        counted: DeviceClock | None = None
        identity = frame.id("clock_sync", frame.span)
        for kind, count in ticks.items():
            if not isinstance(count, int) or (kind == "relative" and count == NO_RELATIVE_TIME):
                continue
            counted = counted or device_clock(kind, count)
            if dated is not None:
                self._clock.anchor(kind, count, dated, identity)
        frame.add(
            ClockSync(
                id=identity,
                provenance=frame.origin(frame.span, "PRST/handle 0"),
                device=frame.device,
                gateway=self._gateway,
                device_time=dated,
                device_clock=counted,
                offset_ns=shift * _CENTISECOND_NS if isinstance(shift, int) else None,
                timeline_change=adjusted is not None,
                extensions=tuple(extension(f"handle 0/attribute {a.id}", a.raw.hex()) for a in known.values()),
            )
        )

    def _dated(self, known: dict[int, Attribute]) -> Instant | None:
        """Return what the device's clock of dates says, the one with an offset first."""
        for attribute, read in ((Attr.TIME_BO, self._clock.base_offset), (Attr.TIME_ABS, self._clock.absolute)):
            found = known.get(attribute)
            instant = read(found.raw) if found is not None and len(found.raw) == 8 else None
            if instant is not None:
                return instant
        return None

    def _set_time(self, frame: Frame, action: SetTime) -> None:
        """Add a ClockSync for the manager's setting the device's clock: the timeline breaks here."""
        frame.add(
            ClockSync(
                id=frame.id("clock_sync", frame.span),
                provenance=frame.origin(frame.span, "PRST"),
                device=frame.device,
                gateway=self._gateway,
                reference=self._clock.absolute(action.time),
                timeline_change=True,
            )
        )


def _path(person: int | None, handle: int | None) -> str:
    """Write where in the report an observation stands."""
    steps = ("PRST", None if person is None else f"person {person}", None if handle is None else f"handle {handle}")
    return "/".join(filter(None, steps))
