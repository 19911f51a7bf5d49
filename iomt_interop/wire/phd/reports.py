"""What event reports carry: configurations, scan reports in all their forms, segment data (Annex A.11)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from ...errors import MalformedInput
from ..mder import Cursor
from .attributes import Attribute, decode_attributes, encode_attributes
from .nomenclature import Attr, Event

__all__ = [
    "AGENT_INITIATED",
    "SCAN_FORMS",
    "ConfigObject",
    "ConfigReply",
    "ConfigReport",
    "GroupedScan",
    "ObservationScan",
    "PersonScan",
    "ScanForm",
    "ScanReport",
    "SegmentData",
]

AGENT_INITIATED: Final = 0xF000
"""data-req-id of a report that nobody asked for."""

ScanForm = Literal["fixed", "var", "grouped"]

SCAN_FORMS: Final[dict[int, tuple[ScanForm, bool]]] = {
    Event.FIXED: ("fixed", False),
    Event.VAR: ("var", False),
    Event.MP_FIXED: ("fixed", True),
    Event.MP_VAR: ("var", True),
    Event.UNBUF_VAR: ("var", False),
    Event.UNBUF_FIXED: ("fixed", False),
    Event.UNBUF_GROUPED: ("grouped", False),
    Event.UNBUF_MP_VAR: ("var", True),
    Event.UNBUF_MP_FIXED: ("fixed", True),
    Event.UNBUF_MP_GROUPED: ("grouped", True),
    Event.BUF_VAR: ("var", False),
    Event.BUF_FIXED: ("fixed", False),
    Event.BUF_GROUPED: ("grouped", False),
    Event.BUF_MP_VAR: ("var", True),
    Event.BUF_MP_FIXED: ("fixed", True),
    Event.BUF_MP_GROUPED: ("grouped", True),
}
"""Event type to the form of its scan report, and whether it names persons."""


def u16(*numbers: int) -> bytes:
    """Write INT-U16s."""
    return b"".join(number.to_bytes(2, "big") for number in numbers)


def sequence(parts: list[bytes]) -> bytes:
    """Write a SEQUENCE OF: count, length, elements."""
    body = b"".join(parts)
    return u16(len(parts), len(body)) + body


@dataclass(frozen=True, slots=True)
class ConfigObject:
    """One object of a configuration."""

    object_class: int
    handle: int
    attributes: tuple[Attribute, ...]

    def attribute(self, attribute_id: int) -> Attribute | None:
        """Return the object's attribute with an id."""
        return next((a for a in self.attributes if a.id == attribute_id), None)

    @property
    def value_map(self) -> tuple[tuple[int, int], ...] | None:
        """The Attribute-Value-Map, by which fixed reports are decoded."""
        found = self.attribute(Attr.ATTRIBUTE_VAL_MAP)
        value = None if found is None else found.value
        return value if isinstance(value, tuple) else None  # type: ignore[return-value]  # the table's layout says so

    @property
    def handle_map(self) -> tuple[tuple[int, tuple[tuple[int, int], ...]], ...] | None:
        """A scanner's Scan-Handle-Attr-Val-Map, by which grouped reports are decoded."""
        found = self.attribute(Attr.SCAN_HANDLE_ATTR_VAL_MAP)
        value = None if found is None else found.value
        return value if isinstance(value, tuple) else None  # type: ignore[return-value]  # the table's layout says so


@dataclass(frozen=True, slots=True)
class ConfigReport:
    """MDC_NOTI_CONFIG."""

    config_id: int
    objects: tuple[ConfigObject, ...]

    @classmethod
    def decode(cls, cursor: Cursor) -> ConfigReport:
        """Read a ConfigReport."""
        config_id = cursor.u16()
        count, inner = cursor.sequence()
        objects = tuple(ConfigObject(inner.u16(), inner.u16(), decode_attributes(inner)) for _ in range(count))
        inner.end()
        return cls(config_id, objects)

    def encode(self) -> bytes:
        """Write a ConfigReport."""
        parts = [u16(o.object_class, o.handle) + encode_attributes(o.attributes) for o in self.objects]
        return u16(self.config_id) + sequence(parts)


@dataclass(frozen=True, slots=True)
class ConfigReply:
    """The manager's answer to a configuration: 0 accepted, 1 unsupported, 2 standard configuration unknown."""

    config_id: int
    result: int

    @classmethod
    def decode(cls, cursor: Cursor) -> ConfigReply:
        """Read a ConfigReportRsp."""
        return cls(cursor.u16(), cursor.u16())

    def encode(self) -> bytes:
        """Write a ConfigReportRsp."""
        return u16(self.config_id, self.result)


@dataclass(frozen=True, slots=True)
class ObservationScan:
    """One object's observation: attributes (var) or octets to be read by a value map (fixed)."""

    handle: int
    span: tuple[int, int]
    """Byte range of the values in the source."""
    attributes: tuple[Attribute, ...] | None = None
    octets: bytes | None = None

    def __repr__(self) -> str:
        return f"ObservationScan(handle {self.handle}, bytes {self.span[0]}..{self.span[1]})"

    def encode(self) -> bytes:
        """Write the observation."""
        if self.attributes is not None:
            return u16(self.handle) + encode_attributes(self.attributes)
        octets = self.octets or b""
        return u16(self.handle, len(octets)) + octets


@dataclass(frozen=True, slots=True)
class GroupedScan:
    """Octets to be read by a scanner's handle map."""

    octets: bytes
    span: tuple[int, int]

    def __repr__(self) -> str:
        return f"GroupedScan(bytes {self.span[0]}..{self.span[1]})"

    def encode(self) -> bytes:
        """Write the group."""
        return u16(len(self.octets)) + self.octets


@dataclass(frozen=True, slots=True)
class PersonScan:
    """The observations of one person; ``person`` is ``None`` in reports that name none."""

    person: int | None
    scans: tuple[ObservationScan | GroupedScan, ...]


@dataclass(frozen=True, slots=True)
class ScanReport:
    """Any of the sixteen scan reports."""

    form: ScanForm
    multi_person: bool
    request_id: int
    number: int
    persons: tuple[PersonScan, ...]

    @classmethod
    def decode(cls, cursor: Cursor, event: int) -> ScanReport:
        """Read the report of an event type."""
        form, multi = SCAN_FORMS[event]
        request_id, number = cursor.u16(), cursor.u16()
        if not multi:
            return cls(form, multi, request_id, number, (PersonScan(None, _scans(cursor, form)),))
        count, inner = cursor.sequence()
        persons = tuple(PersonScan(inner.u16(), _person_scans(inner, form)) for _ in range(count))
        inner.end()
        return cls(form, multi, request_id, number, persons)

    def encode(self) -> bytes:
        """Write the report."""
        head = u16(self.request_id, self.number)
        if not self.multi_person:
            return head + sequence([scan.encode() for scan in self.persons[0].scans])
        parts = []
        for person in self.persons:
            scans = [scan.encode() for scan in person.scans]
            body = scans[0] if self.form == "grouped" else sequence(scans)
            parts.append(u16(person.person or 0) + body)
        return head + sequence(parts)


def _scans(cursor: Cursor, form: ScanForm) -> tuple[ObservationScan | GroupedScan, ...]:
    count, inner = cursor.sequence()
    found = tuple(_grouped(inner) if form == "grouped" else _observation(inner, form) for _ in range(count))
    inner.end()
    return found


def _person_scans(cursor: Cursor, form: ScanForm) -> tuple[ObservationScan | GroupedScan, ...]:
    """Read one person's part; a grouped one is a single OCTET STRING (ScanReportPerGrouped)."""
    return (_grouped(cursor),) if form == "grouped" else _scans(cursor, form)


def _grouped(cursor: Cursor) -> GroupedScan:
    octets = cursor.octets()
    return GroupedScan(octets, (cursor.position - len(octets), cursor.position))


def _observation(cursor: Cursor, form: ScanForm) -> ObservationScan:
    handle = cursor.u16()
    if form == "fixed":
        octets = cursor.octets()
        return ObservationScan(handle, (cursor.position - len(octets), cursor.position), octets=octets)
    start = cursor.position + 4
    attributes = decode_attributes(cursor)
    return ObservationScan(handle, (start, cursor.position), attributes=attributes)


@dataclass(frozen=True, slots=True)
class SegmentData:
    """Stored measurements of a PM segment (MDC_NOTI_SEGMENT_DATA), or the manager's answer to them."""

    instance: int
    index: int
    count: int
    status: int
    """first 0x8000, last 0x4000, agent abort 0x0800, manager confirms 0x0080, manager aborts 0x0008."""
    entries: bytes | None
    span: tuple[int, int] = (0, 0)

    def __repr__(self) -> str:
        return f"SegmentData(instance {self.instance}, {self.count} entries)"

    @classmethod
    def decode(cls, cursor: Cursor) -> SegmentData:
        """Read a SegmentDataEvent or a SegmentDataResult, which has no entries."""
        head = (cursor.u16(), cursor.u32(), cursor.u32(), cursor.u16())
        entries = cursor.octets() if len(cursor) else None
        return cls(*head, entries, (cursor.position - len(entries or b""), cursor.position))

    def encode(self) -> bytes:
        """Write it."""
        head = u16(self.instance) + self.index.to_bytes(4, "big") + self.count.to_bytes(4, "big") + u16(self.status)
        return head if self.entries is None else head + u16(len(self.entries)) + self.entries


def by_value_map(
    octets: bytes, value_map: tuple[tuple[int, int], ...], start: int
) -> Iterator[tuple[Attribute, tuple[int, int]]]:
    """Cut a fixed observation by an Attribute-Value-Map, with the byte range of each attribute.

    Raises
    ------
    MalformedInput
        ``PHD-104`` when the lengths of the map do not add up to the octets.
    """
    if sum(length for _, length in value_map) != len(octets):
        raise MalformedInput("PHD-104", span=(start, start + len(octets)))
    at = 0
    for attribute, length in value_map:
        yield Attribute(attribute, octets[at : at + length]), (start + at, start + at + length)
        at += length
