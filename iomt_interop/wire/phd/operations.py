"""Remote operations: event reports, get, set, action, errors, rejects, and what they carry (Annex A.10)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from ..mder import Cursor
from .attributes import Attribute, decode_attributes, encode_attributes
from .nomenclature import Action, Event
from .reports import SCAN_FORMS, ConfigReply, ConfigReport, ScanReport, SegmentData, sequence, u16

__all__ = [
    "BODIES",
    "ActionCall",
    "Body",
    "DataRequest",
    "DataResponse",
    "EventReport",
    "Get",
    "GetReply",
    "Info",
    "Modification",
    "RoError",
    "RoReject",
    "SegmentInfo",
    "Set",
    "SetTime",
    "decode_body",
    "encode_body",
]

EVENT, CONFIRMED_EVENT, EVENT_REPLY = 0x0100, 0x0101, 0x0201
GET, GET_REPLY = 0x0103, 0x0203
SET, CONFIRMED_SET, SET_REPLY = 0x0104, 0x0105, 0x0205
ACTION, CONFIRMED_ACTION, ACTION_REPLY = 0x0106, 0x0107, 0x0207
ERROR, REJECT = 0x0300, 0x0400


@dataclass(frozen=True, slots=True)
class DataRequest:
    """DataRequest: start or stop measurements."""

    request_id: int
    mode: int
    time: int
    person: int
    object_class: int
    handles: tuple[int, ...]

    @classmethod
    def decode(cls, cursor: Cursor) -> DataRequest:
        """Read it."""
        head = (cursor.u16(), cursor.u16(), cursor.u32(), cursor.u16(), cursor.u16())
        count, inner = cursor.sequence()
        handles = tuple(inner.u16() for _ in range(count))
        inner.end()
        return cls(*head, handles)

    def encode(self) -> bytes:
        """Write it."""
        head = u16(self.request_id, self.mode) + self.time.to_bytes(4, "big") + u16(self.person, self.object_class)
        return head + sequence([u16(handle) for handle in self.handles])


@dataclass(frozen=True, slots=True)
class DataResponse:
    """DataResponse: the answer to a DataRequest, with a scan report in it."""

    time: int
    result: int
    event: int
    info: Info

    @classmethod
    def decode(cls, cursor: Cursor) -> DataResponse:
        """Read it."""
        time, result, event = cursor.u32(), cursor.u16(), cursor.u16()
        return cls(time, result, event, decode_event_info(event, cursor))

    def encode(self) -> bytes:
        """Write it."""
        report = encode_info(self.info)
        return self.time.to_bytes(4, "big") + u16(self.result, self.event, len(report)) + report


@dataclass(frozen=True, slots=True)
class SetTime:
    """SetTimeInvoke: AbsoluteTime and the accuracy of it (FLOAT octets)."""

    time: bytes = field(repr=False)
    accuracy: bytes = field(repr=False)

    @classmethod
    def decode(cls, cursor: Cursor) -> SetTime:
        """Read it."""
        return cls(cursor.take(8), cursor.take(4))

    def encode(self) -> bytes:
        """Write it."""
        return self.time + self.accuracy


@dataclass(frozen=True, slots=True)
class SegmentInfo:
    """SegmentInfoList: the segments of a PM store with their attributes."""

    segments: tuple[tuple[int, tuple[Attribute, ...]], ...]

    @classmethod
    def decode(cls, cursor: Cursor) -> SegmentInfo:
        """Read it."""
        count, inner = cursor.sequence()
        segments = tuple((inner.u16(), decode_attributes(inner)) for _ in range(count))
        inner.end()
        return cls(segments)

    def encode(self) -> bytes:
        """Write it."""
        return sequence([u16(number) + encode_attributes(attributes) for number, attributes in self.segments])


Info = (
    bytes | ConfigReport | ConfigReply | ScanReport | SegmentData | DataRequest | DataResponse | SetTime | SegmentInfo
)
"""What an event or action carries; octets where no table knows the event, the action or their form."""


@dataclass(frozen=True, slots=True)
class EventReport:
    """Event report, confirmed or not, or the answer to one."""

    handle: int
    time: int
    """RelativeTime, 1/8 ms; 0xFFFFFFFF when the device has no such clock."""
    event: int
    info: Info = field(repr=False)
    reply: bool = False


@dataclass(frozen=True, slots=True)
class Get:
    """Get; no ids means all attributes."""

    handle: int
    ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class GetReply:
    """The answer to a get, and to a set."""

    handle: int
    attributes: tuple[Attribute, ...]


@dataclass(frozen=True, slots=True)
class Modification:
    """One change of a set: 0 replace, 1 add, 2 remove, 3 default."""

    operator: int
    attribute: Attribute


@dataclass(frozen=True, slots=True)
class Set:
    """Set, confirmed or not."""

    handle: int
    changes: tuple[Modification, ...]


@dataclass(frozen=True, slots=True)
class ActionCall:
    """Action, confirmed or not, or the answer to one."""

    handle: int
    action: int
    info: Info = field(repr=False)
    reply: bool = False


@dataclass(frozen=True, slots=True)
class RoError:
    """Remote operation error."""

    error: int
    parameter: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class RoReject:
    """Remote operation reject."""

    problem: int


Body = EventReport | Get | GetReply | Set | ActionCall | RoError | RoReject

BODIES: Final = frozenset({
    EVENT, CONFIRMED_EVENT, EVENT_REPLY, GET, GET_REPLY, SET, CONFIRMED_SET, SET_REPLY,
    ACTION, CONFIRMED_ACTION, ACTION_REPLY, ERROR, REJECT,
})  # fmt: skip
"""Tags of the operations."""


def decode_body(choice: int, cursor: Cursor) -> Body:
    """Read the operation of a tag."""
    if choice in (EVENT, CONFIRMED_EVENT, EVENT_REPLY):
        return _event(cursor, choice == EVENT_REPLY)
    if choice in (ACTION, CONFIRMED_ACTION, ACTION_REPLY):
        return _action(cursor, choice == ACTION_REPLY)
    if choice in (GET_REPLY, SET_REPLY):
        return GetReply(cursor.u16(), decode_attributes(cursor))
    if choice == GET:
        handle = cursor.u16()
        count, inner = cursor.sequence()
        ids = tuple(inner.u16() for _ in range(count))
        inner.end()
        return Get(handle, ids)
    if choice in (SET, CONFIRMED_SET):
        handle = cursor.u16()
        count, inner = cursor.sequence()
        changes = tuple(Modification(inner.u16(), Attribute(inner.u16(), inner.octets())) for _ in range(count))
        inner.end()
        return Set(handle, changes)
    if choice == ERROR:
        return RoError(cursor.u16(), cursor.octets())
    return RoReject(cursor.u16())


def encode_body(body: Body) -> bytes:
    """Write an operation, without its tag."""
    if isinstance(body, EventReport):
        info = encode_info(body.info)
        return u16(body.handle) + body.time.to_bytes(4, "big") + u16(body.event, len(info)) + info
    if isinstance(body, ActionCall):
        info = encode_info(body.info)
        return u16(body.handle, body.action, len(info)) + info
    if isinstance(body, GetReply):
        return u16(body.handle) + encode_attributes(body.attributes)
    if isinstance(body, Get):
        return u16(body.handle) + sequence([u16(number) for number in body.ids])
    if isinstance(body, Set):
        parts = [u16(c.operator, c.attribute.id, len(c.attribute.raw)) + c.attribute.raw for c in body.changes]
        return u16(body.handle) + sequence(parts)
    if isinstance(body, RoError):
        return u16(body.error, len(body.parameter)) + body.parameter
    return u16(body.problem)


def _event(cursor: Cursor, reply: bool) -> EventReport:
    handle, time, event = cursor.u16(), cursor.u32(), cursor.u16()
    if reply:
        inner = cursor.sub(cursor.u16())
        return EventReport(handle, time, event, _reply_info(event, inner), reply)
    return EventReport(handle, time, event, decode_event_info(event, cursor), reply)


def decode_event_info(event: int, cursor: Cursor) -> Info:
    """Read the ANY of an event report: its length, and what the event type says."""
    inner = cursor.sub(cursor.u16())
    info: Info
    if event == Event.CONFIG:
        info = ConfigReport.decode(inner)
    elif event in SCAN_FORMS:
        info = ScanReport.decode(inner, event)
    elif event == Event.SEGMENT_DATA:
        info = SegmentData.decode(inner)
    else:
        info = inner.rest()
    inner.end()
    return info


def _reply_info(event: int, inner: Cursor) -> Info:
    info: Info
    if event == Event.CONFIG and len(inner):
        info = ConfigReply.decode(inner)
    elif event == Event.SEGMENT_DATA and len(inner):
        info = SegmentData.decode(inner)
    else:
        info = inner.rest()
    inner.end()
    return info


def _action(cursor: Cursor, reply: bool) -> ActionCall:
    handle, action = cursor.u16(), cursor.u16()
    inner = cursor.sub(cursor.u16())
    info: Info
    if action == Action.DATA_REQUEST:
        info = DataResponse.decode(inner) if reply else DataRequest.decode(inner)
    elif action == Action.SET_TIME and not reply:
        info = SetTime.decode(inner)
    elif action == Action.SEG_GET_INFO and reply:
        info = SegmentInfo.decode(inner)
    else:
        info = inner.rest()
    inner.end()
    return ActionCall(handle, action, info, reply)


def encode_info(info: Info) -> bytes:
    """Write what an event or action carries."""
    return info if isinstance(info, bytes) else info.encode()
