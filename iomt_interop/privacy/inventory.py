"""The inventory of devices, from the records alone: what they are, when they were seen, how their clocks run.

Sources: 45 CFR 164.310(d)(1) (device and media controls); IEC 80001-1. A device appears once, with what any record says
of it; the nodes inside it (VMD, channel) are parts of it and give it their versions and their times.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

from ..errors import ModelError
from ..model import ClockSync, Concept, Device, Instant, Interval, Record
from ..terminology import systems

__all__ = ["DeviceEntry", "Drift", "inventory"]

_PARTS: Final = frozenset({"vmd", "channel", "metric-host"})
_ROLES: Final[dict[str, str]] = {"531974": "hardware", "531975": "software", "531976": "firmware", "531977": "protocol"}
"""MDC_ID_PROD_SPEC_HW, _SW, _FW and _PROTOCOL_REV."""
_WORDS: Final = ("firmware", "software", "hardware", "protocol")
_DAY_NS: Final = 86_400 * 10**9


@dataclass(frozen=True, slots=True)
class Drift:
    """How a device's clock stands against a better one."""

    comparisons: int
    offset_ns: int | None
    """Reference minus device, at the last comparison that says so."""
    per_day_ns: int | None
    """How much the offset grows in a day, from the first to the last comparison; ``None`` from one alone, or where
    the clock was set between."""
    fault: bool


@dataclass(frozen=True, slots=True)
class DeviceEntry:
    """One device."""

    id: str
    manufacturer: str | None
    model: str | None
    serial: str | None
    type: str | None
    node: str
    versions: tuple[tuple[str, str], ...]
    """Pairs of what (``firmware``, ``software``, ``hardware``, ``protocol``, ``other``) and which."""
    first_seen: str | None
    last_seen: str | None
    """The source's own texts; times without an offset count only where there are no others."""
    records: int
    drift: Drift | None
    certifications: tuple[str, ...]
    regulated: bool | None
    status: str | None

    def version(self, what: str) -> str | None:
        """Return the first version of a kind (``firmware``)."""
        return next((text for kind, text in self.versions if kind == what), None)


@dataclass(slots=True)
class _Seen:
    """What the records about one device say."""

    node: Device
    versions: dict[tuple[str, str], None] = field(default_factory=dict)
    times: list[tuple[int, str]] = field(default_factory=list)
    local: list[tuple[int, str]] = field(default_factory=list)
    records: int = 0
    syncs: list[ClockSync] = field(default_factory=list)
    certifications: dict[str, None] = field(default_factory=dict)


def inventory(records: Iterable[Record]) -> list[DeviceEntry]:
    """Return the devices of the records, by maker, model and serial number.

    Parameters
    ----------
    records : iterable of Record
        All kinds; in any order.
    """
    devices: dict[str, Device] = {}
    rest: list[tuple[str, Record]] = []
    for record in records:
        if isinstance(record, Device):
            known = devices.get(record.id)
            devices[record.id] = record if known is None else _merged(known, record)
        else:
            name = getattr(record, "device", None)
            if isinstance(name, str):
                rest.append((name, record))
    roots = {name: _root(name, devices) for name in devices}
    seen = {name: _Seen(devices[name]) for name in set(roots.values())}
    for name, device in devices.items():
        entry = seen[roots[name]]
        entry.versions.update((_version(version.type, version.value), None) for version in device.versions)
        entry.certifications.update((text, None) for text in map(_label, device.certifications) if text)
    for name, record in rest:
        if name in roots:
            _note(seen[roots[name]], record)
    entries = [_entry(found) for found in seen.values()]
    return sorted(entries, key=lambda e: (e.manufacturer or "", e.model or "", e.serial or "", e.id))


def _merged(known: Device, other: Device) -> Device:
    """Fill what one description of a device lacks from another."""
    lacking = {
        name: value for name in other.model_fields_set if not getattr(known, name) and (value := getattr(other, name))
    }
    return known.replace(**lacking) if lacking else known


def _root(name: str, devices: dict[str, Device]) -> str:
    passed = {name}
    while devices[name].node in _PARTS:
        parent = devices[name].parent
        if parent is None or parent not in devices or parent in passed:
            break
        passed.add(parent)
        name = parent
    return name


def _note(entry: _Seen, record: Record) -> None:
    entry.records += 1
    if isinstance(record, ClockSync):
        entry.syncs.append(record)
    for instant in _instants(record):
        moment = _moment(instant)
        if moment is not None:
            entry.times.append((moment, instant.value))
        elif instant.offset_minutes is None:
            local = _moment(Instant(value=instant.value + "Z"))
            entry.local += [] if local is None else [(local, instant.value)]


def _instants(record: Record) -> Iterator[Instant]:
    for name in ("time", "period", "reference"):
        found = getattr(record, name, None)
        for instant in (found.start, found.end) if isinstance(found, Interval) else (found,):
            if isinstance(instant, Instant):
                yield instant


def _moment(instant: object) -> int | None:
    try:
        return instant.utc_ns if isinstance(instant, Instant) else None
    except ModelError:
        return None


def _entry(found: _Seen) -> DeviceEntry:
    device = found.node
    times = found.times or found.local
    return DeviceEntry(
        id=device.id,
        manufacturer=device.manufacturer,
        model=device.model,
        serial=device.serial or next((udi.serial for udi in device.udi if udi.serial), None),
        type=_label(device.type) if device.type else None,
        node=device.node,
        versions=tuple(found.versions),
        first_seen=min(times)[1] if times else None,
        last_seen=max(times)[1] if times else None,
        records=found.records,
        drift=_drift(found.syncs) if found.syncs else None,
        certifications=tuple(found.certifications),
        regulated=device.regulated,
        status=device.status,
    )


def _drift(syncs: list[ClockSync]) -> Drift:
    placed = [(moment, sync) for sync in syncs if (moment := _moment(sync.reference)) is not None]
    placed.sort(key=lambda pair: pair[0])
    known = [(moment, sync) for moment, sync in placed if sync.offset_ns is not None]
    loose = [sync.offset_ns for sync in syncs if sync.offset_ns is not None]
    per_day = None
    if len(known) > 1 and known[-1][0] > known[0][0] and not any(sync.timeline_change for _, sync in placed[1:]):
        (start, first), (end, last) = known[0], known[-1]
        per_day = round(Fraction((last.offset_ns or 0) - (first.offset_ns or 0), end - start) * _DAY_NS)
    return Drift(
        comparisons=len(syncs),
        offset_ns=known[-1][1].offset_ns if known else (loose[-1] if loose else None),
        per_day_ns=per_day,
        fault=any(sync.fault for sync in syncs),
    )


def _version(kind: Concept | None, value: str) -> tuple[str, str]:
    for coding in kind.codings if kind else ():
        if coding.system == systems.MDC and coding.code in _ROLES:
            return _ROLES[coding.code], value
    told = " ".join(filter(None, (kind.text, *(c.display for c in kind.codings)))).lower() if kind else ""
    return next((word for word in _WORDS if word in told), "other"), value


def _label(concept: Concept) -> str | None:
    """Return a concept's text for people, else its code."""
    if concept.text:
        return concept.text
    for coding in concept.codings:
        if coding.display or coding.refid:
            return coding.display or coding.refid
    return next((coding.code for coding in concept.codings if coding.code), None)
