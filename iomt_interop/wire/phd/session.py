"""A stream of APDUs as one conversation: it learns configurations and decodes reports by them.

Two rules. Everything about the association is in the tables below; this file does not know whether it listens to
the agent, to the manager or to both, so a side that is not heard is no error. And nothing is dropped: an
observation that no configuration decodes is given out with its octets and the reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from ...errors import InputError, LimitExceeded, MalformedInput, TruncatedInput
from ..mder import AbsoluteTime
from .apdu import AARE, AARQ, ABRT, PRST, RLRE, RLRQ, Aare, Aarq, Apdu, Prst, Release, decode
from .attributes import Attribute
from .nomenclature import Attr, Event
from .operations import ActionCall, DataResponse, EventReport, GetReply, SegmentInfo
from .reports import (
    ConfigObject,
    ConfigReply,
    ConfigReport,
    GroupedScan,
    ObservationScan,
    ScanReport,
    SegmentData,
    by_value_map,
)
from .segments import Entry, decode_entries, decode_segment_map
from .standard import standard_configuration

__all__ = ["Observed", "Session", "SessionItem", "State", "Undecoded"]

Span = tuple[int, int]
AttributeSpan = tuple[Attribute, Span]


class State(Enum):
    """State of the association (IEEE 11073-20601 ch. 8)."""

    UNASSOCIATED = "unassociated"
    ASSOCIATING = "associating"
    CONFIGURING = "configuring"
    OPERATING = "operating"
    DISASSOCIATING = "disassociating"


_U, _A, _C, _O, _D = State

_TRANSITIONS: Final[dict[tuple[State, str], State]] = {
    (_U, "aarq"): _A,
    (_U, "abort"): _U,
    (_A, "accepted"): _O,
    (_A, "unknown-config"): _C,
    (_A, "rejected"): _U,
    (_A, "config"): _C,  # the manager's answer was not heard
    (_A, "data"): _O,
    (_C, "config"): _C,
    (_C, "config-accepted"): _O,
    (_C, "config-unsupported"): _C,
    (_C, "data"): _O,  # the same
    (_O, "data"): _O,
    (_O, "config-accepted"): _O,
    **{(state, "release"): _D for state in (_A, _C, _O)},
    (_D, "released"): _U,
    **{(state, "abort"): _U for state in (_A, _C, _O, _D)},
    (_D, "data"): _D,
}


@dataclass(frozen=True, slots=True)
class Observed:
    """One observation with its attributes, decoded by a configuration where it needs one."""

    person: int | None
    handle: int
    config: ConfigObject | None
    attributes: tuple[AttributeSpan, ...] = field(repr=False)
    span: Span
    entry: Entry | None = field(default=None, repr=False)
    """The PM-store entry that it comes from; its times count when the attributes have none."""


@dataclass(frozen=True, slots=True)
class Undecoded:
    """Octets that cannot be decoded, and why."""

    code: str
    octets: bytes = field(repr=False)
    span: Span
    person: int | None = None
    handle: int | None = None


@dataclass(frozen=True, slots=True)
class SessionItem:
    """One APDU of the stream and what became of it."""

    apdu: Apdu
    raw: bytes = field(repr=False)
    span: Span
    state: State
    """After the APDU."""
    system_id: bytes | None = field(repr=False)
    config_id: int | None
    observations: tuple[Observed, ...] = ()
    undecoded: tuple[Undecoded, ...] = ()
    diagnostics: tuple[str, ...] = ()


class Session:
    """Decode a stream of APDUs, however it arrives.

    Parameters
    ----------
    system_id : bytes, optional
        EUI-64 of the agent, when the stream does not begin with an association.
    config_id : int, optional
        dev-config-id, likewise.
    configurations : mapping, optional
        Known configurations: ``(system_id, config_id)`` or ``(None, config_id)`` to a :class:`ConfigReport`.
        What the session learns is added to a copy, see :attr:`configurations`.
    max_apdu : int, optional
        Longest APDU in octets.
    """

    def __init__(
        self,
        *,
        system_id: bytes | None = None,
        config_id: int | None = None,
        configurations: Mapping[tuple[bytes | None, int], ConfigReport] | None = None,
        max_apdu: int = 65539,
    ) -> None:
        self.state = State.UNASSOCIATED
        self.system_id = system_id
        self.config_id = config_id
        self.configurations: dict[tuple[bytes | None, int], ConfigReport] = dict(configurations or {})
        self._objects: dict[int, ConfigObject] = {}
        self._segments: dict[tuple[int, int], dict[int, bytes]] = {}
        self._buffer = bytearray()
        self._origin = 0
        self._max = max_apdu
        if config_id is not None:
            self._select(config_id)

    def __repr__(self) -> str:
        return f"Session({self.state.value}, {len(self._buffer)} bytes waiting)"

    def feed(self, chunk: bytes | bytearray | memoryview) -> list[SessionItem]:
        """Take more of the stream and return the APDUs that are now whole.

        Raises
        ------
        InputError
            At the first APDU that is malformed: its length cannot be trusted, so nothing after it can be read.
            :meth:`iter_feed` yields what was whole before it.
        """
        self._buffer += chunk
        return list(self._items())

    def finish(self) -> list[SessionItem]:
        """End the stream.

        Raises
        ------
        TruncatedInput
            ``PHD-106`` when it ends inside an APDU.
        """
        if self._buffer:
            raise TruncatedInput("PHD-106", span=(self._origin, self._origin + len(self._buffer)))
        return []

    def iter_feed(self, chunk: bytes | bytearray | memoryview) -> Iterator[SessionItem]:
        """Take more of the stream and yield APDU by APDU, so that those before a malformed one are not lost."""
        self._buffer += chunk
        yield from self._items()

    def _items(self) -> Iterator[SessionItem]:
        while len(self._buffer) >= 4:
            size = 4 + int.from_bytes(self._buffer[2:4], "big")
            if bytes(self._buffer[:2]) not in _TAGS:
                raise MalformedInput("PHD-103", span=(self._origin, self._origin + 2))
            if size > self._max:
                raise LimitExceeded("PHD-110", span=(self._origin, self._origin + size))
            if len(self._buffer) < size:
                return
            raw = bytes(self._buffer[:size])
            apdu = decode(raw, origin=self._origin)
            item = self._take(apdu, raw)
            del self._buffer[:size]
            self._origin += size
            yield item

    def _take(self, apdu: Apdu, raw: bytes) -> SessionItem:
        diagnostics = self._move(_event_of(apdu))
        observed: list[Observed] = []
        undecoded: list[Undecoded] = []
        if isinstance(apdu, Aarq):
            self._associate(apdu)
        elif isinstance(apdu, Prst):
            self._learn(apdu)
            report, handle = _report_of(apdu)
            if isinstance(report, ScanReport):
                self._decode(report, handle, observed, undecoded)
            elif isinstance(report, SegmentData) and report.entries is not None:
                self._decode_segment(report, handle, observed, undecoded)
        span = (self._origin, self._origin + len(raw))
        return SessionItem(
            apdu, raw, span, self.state, self.system_id, self.config_id, tuple(observed), tuple(undecoded), diagnostics
        )

    def _move(self, event: str) -> tuple[str, ...]:
        following = _TRANSITIONS.get((self.state, event))
        if following is None:
            # A stream that begins in the middle is usual; anything else out of order is a doubt, not an error.
            beginning = self.state is State.UNASSOCIATED and not self._origin and event in ("data", "config")
            self.state = {"aarq": _A, "config": _C, "data": _O}.get(event, self.state)
            return () if beginning else ("PHD-108",)
        self.state = following
        return ()

    def _associate(self, apdu: Aarq) -> None:
        association = apdu.association
        if association is not None:
            self.system_id = association.system_id
            self._segments.clear()
            self._select(association.config_id)

    def _select(self, config_id: int) -> None:
        """Take the configuration from the cache, from the user, or from the standard; or know none."""
        self.config_id = config_id
        keys = ((self.system_id, config_id), (None, config_id))
        known = next((self.configurations[key] for key in keys if key in self.configurations), None)
        known = known or standard_configuration(config_id)
        self._objects = {} if known is None else {o.handle: o for o in known.objects}

    def _learn(self, apdu: Prst) -> None:
        body = apdu.body
        if isinstance(body, EventReport) and isinstance(body.info, ConfigReport):
            self.configurations[self.system_id, body.info.config_id] = body.info
            self._select(body.info.config_id)
        elif isinstance(body, ActionCall) and isinstance(body.info, SegmentInfo):
            for number, attributes in body.info.segments:
                self._segments[body.handle, number] = {a.id: a.raw for a in attributes}
        elif isinstance(body, GetReply) and body.handle == 0 and self.config_id is None:
            found = next((a.value for a in body.attributes if a.id == Attr.DEV_CONFIG_ID), None)
            if isinstance(found, int):
                self._select(found)

    def _decode(self, report: ScanReport, scanner: int, observed: list[Observed], undecoded: list[Undecoded]) -> None:
        for person in report.persons:
            for scan in person.scans:
                try:
                    if isinstance(scan, GroupedScan):
                        observed.extend(self._grouped(scan, scanner, person.person))
                    else:
                        observed.append(self._single(scan, person.person))
                except _Unknown as unknown:
                    handle = scan.handle if isinstance(scan, ObservationScan) else None
                    octets = scan.octets or b""
                    undecoded.append(Undecoded(unknown.code, octets, scan.span, person.person, handle))

    def _single(self, scan: ObservationScan, person: int | None) -> Observed:
        config = self._objects.get(scan.handle)
        if scan.attributes is not None:
            return Observed(person, scan.handle, config, tuple(_spans(scan.attributes, scan.span[0])), scan.span)
        value_map = None if config is None else config.value_map
        if value_map is None:
            raise _Unknown("PHD-107")
        octets = scan.octets or b""
        if config is not None and self._is_stamped(octets, value_map, config):
            value_map = (*value_map, (Attr.TIME_STAMP_ABS, 8))
        attributes = _by_map(octets, value_map, scan.span[0])
        return Observed(person, scan.handle, config, attributes, scan.span)

    def _is_stamped(self, octets: bytes, value_map: tuple[tuple[int, int], ...], config: ConfigObject) -> bool:
        """Tell whether a time stamp follows that a standard configuration does not foresee.

        The example of 11073-10404 sends stamped observations under configuration 0x0190, whose own map ends before
        the stamp. Only a standard configuration is read so, and only when the eight octets are a date.
        """
        known = standard_configuration(self.config_id or 0)
        surplus = len(octets) - sum(length for _, length in value_map)
        return (
            known is not None
            and config in known.objects
            and surplus == 8
            and AbsoluteTime(octets[-8:]).text is not None
        )

    def _grouped(self, scan: GroupedScan, scanner: int, person: int | None) -> list[Observed]:
        config = self._objects.get(scanner)
        layout = None if config is None else config.handle_map
        if layout is None:
            raise _Unknown("PHD-107")
        if sum(n for _, pairs in layout for _, n in pairs) != len(scan.octets):
            raise _Unknown("PHD-104")
        found, at = [], 0
        for handle, pairs in layout:
            size = sum(n for _, n in pairs)
            start = scan.span[0] + at
            attributes = _by_map(scan.octets[at : at + size], pairs, start)
            found.append(Observed(person, handle, self._objects.get(handle), attributes, (start, start + size)))
            at += size
        return found

    def _decode_segment(
        self, data: SegmentData, store: int, observed: list[Observed], undecoded: list[Undecoded]
    ) -> None:
        octets = data.entries or b""
        known = self._segments.get((store, data.instance), {})
        raw = known.get(Attr.PM_SEG_MAP)
        person = known.get(Attr.PM_SEG_PERSON_ID)
        number = int.from_bytes(person, "big") if person is not None else None
        found: list[Observed] = []
        try:
            if raw is None:
                raise _Unknown("PHD-107")
            layout = decode_segment_map(raw)
            for entry in decode_entries(octets, layout, data.index, data.span[0]):
                for element, attributes in entry.elements:
                    config = self._objects.get(element.handle)
                    found.append(Observed(number, element.handle, config, attributes, entry.span, entry))
        except (_Unknown, InputError) as error:
            undecoded.append(Undecoded(error.code, octets, data.span, number, store))
            return
        observed.extend(found)


class _Unknown(Exception):
    """An observation that cannot be decoded; never leaves this module."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


_TAGS: Final = frozenset(tag.to_bytes(2, "big") for tag in (AARQ, AARE, RLRQ, RLRE, ABRT, PRST))
_AARE_EVENTS: Final = {0: "accepted", 3: "unknown-config"}
_RELEASES: Final = {RLRQ: "release", RLRE: "released", ABRT: "abort"}


def _event_of(apdu: Apdu) -> str:
    """Name the event of the state machine."""
    if isinstance(apdu, Aarq):
        return "aarq"
    if isinstance(apdu, Aare):
        return _AARE_EVENTS.get(apdu.result, "rejected")
    if isinstance(apdu, Release):
        return _RELEASES[apdu.choice]
    body = apdu.body
    if isinstance(body, EventReport) and body.event == Event.CONFIG:
        if isinstance(body.info, ConfigReply):
            return "config-accepted" if body.info.result == 0 else "config-unsupported"
        return "config"
    return "data"


def _report_of(apdu: Prst) -> tuple[object, int]:
    """Return the report of an event, or of the answer to a data request, and the handle of its object."""
    body = apdu.body
    if isinstance(body, EventReport) and not body.reply:
        return body.info, body.handle
    if isinstance(body, ActionCall) and isinstance(body.info, DataResponse):
        return body.info.info, body.handle
    return None, 0


def _spans(attributes: tuple[Attribute, ...], start: int) -> Iterator[AttributeSpan]:
    """Yield attributes of a list with the byte ranges of their values."""
    for attribute in attributes:
        begin = start + 4
        start = begin + len(attribute.raw)
        yield attribute, (begin, start)


def _by_map(octets: bytes, value_map: tuple[tuple[int, int], ...], start: int) -> tuple[AttributeSpan, ...]:
    try:
        return tuple(by_value_map(octets, value_map, start))
    except InputError as error:
        raise _Unknown(error.code) from None
