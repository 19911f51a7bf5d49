"""Devices as a containment tree, what they measure, whom they are attached to, how their clocks run."""

from __future__ import annotations

from typing import Literal

from .base import Model
from .coding import Concept, Identifier
from .context import Actor, Location, Note
from .envelope import Envelope
from .number import Number, Quantity, Range
from .time import DeviceClock, Instant, Time
from .value import Value

__all__ = [
    "Calibration",
    "ClockSync",
    "Device",
    "DeviceAssociation",
    "DeviceVersion",
    "Metric",
    "Property",
    "Specialization",
    "Udi",
]


class Udi(Model):
    """Unique device identification."""

    device_identifier: str | None = None
    carrier_hrf: str | None = None
    """The whole carrier in human-readable form."""
    carrier_aidc: str | None = None
    issuer: str | None = None
    jurisdiction: str | None = None
    entry_type: str | None = None
    lot: str | None = None
    serial: str | None = None
    manufactured: str | None = None
    expires: str | None = None


class DeviceVersion(Model):
    """One entry of the production specification or version list."""

    type: Concept | None = None
    """What the version is of: hardware, firmware, software, protocol, part number, GMDN."""
    value: str
    component: str | None = None


class Specialization(Model):
    """A standard that the device conforms to (a 104xx specialization, a profile) and its version."""

    type: Concept
    version: str | None = None


class Property(Model):
    """A capability or state of the device that has a code but no field (regulation bits, clock capabilities)."""

    type: Concept
    values: tuple[Value, ...] = ()


class Calibration(Model):
    """State of one calibration (offset, gain, two-point)."""

    type: str | None = None
    state: Literal["not-calibrated", "required", "running", "calibrated", "other"] | None = None
    time: Instant | None = None
    devices: tuple[str, ...] = ()


class Device(Envelope):
    """One node of the containment tree."""

    kind: Literal["device"] = "device"
    node: Literal["mds", "vmd", "channel", "metric-host", "phd", "gateway", "software", "accessory", "unknown"] = (
        "unknown"
    )
    parent: str | None = None
    """Id of the containing :class:`Device`."""
    handle: str | None = None
    """The device's address in its source (``1.2.0.0`` in OBX-4, a BICEPS handle)."""
    identifiers: tuple[Identifier, ...] = ()
    """EUI-64, MAC, vendor ids; the EUI-64 as 16 hexadecimal digits."""
    udi: tuple[Udi, ...] = ()
    type: Concept | None = None
    specializations: tuple[Specialization, ...] = ()
    manufacturer: str | None = None
    model: str | None = None
    serial: str | None = None
    part: str | None = None
    lot: str | None = None
    donation: str | None = None
    """Number that tells a device of human tissue apart (FHIR ``distinctIdentifier``)."""
    manufactured: Instant | None = None
    expires: Instant | None = None
    names: tuple[str, ...] = ()
    versions: tuple[DeviceVersion, ...] = ()
    regulated: bool | None = None
    certifications: tuple[Concept, ...] = ()
    jurisdictions: tuple[Concept, ...] = ()
    safety_class: str | None = None
    properties: tuple[Property, ...] = ()
    calibrations: tuple[Calibration, ...] = ()
    activation: Literal["on", "not-ready", "standby", "off", "shutting-down", "failed", "unknown"] | None = None
    activation_reasons: tuple[Concept, ...] = ()
    operating_mode: Literal["normal", "demo", "service", "maintenance"] | None = None
    operating_hours: int | None = None
    operating_cycles: int | None = None
    battery: Quantity | None = None
    status: str | None = None
    """Administrative status as the source wrote it (FHIR ``active``)."""
    owner: str | None = None
    location: Location | None = None
    operators: tuple[Actor, ...] = ()
    notes: tuple[Note, ...] = ()


class DeviceAssociation(Envelope):
    """That a device was attached to the record's subject for a time."""

    kind: Literal["association"] = "association"
    device: str
    period: Time | None = None
    state: Literal["none", "pre-associated", "associated", "disassociated"] | None = None
    body_site: Concept | None = None
    location: Location | None = None
    native_person: str | None = None
    """The person number that the device itself uses."""


class Metric(Envelope):
    """What a device measures, sets or calculates on one channel."""

    kind: Literal["metric"] = "metric"
    code: Concept
    device: str | None = None
    parent: str | None = None
    """Id of the channel, where that is another node than the device."""
    handle: str | None = None
    unit: Concept | None = None
    """The unit as coded by the source; UCUM beside it where known."""
    category: Literal["measurement", "calculation", "setting", "preset", "recommendation", "unspecified"] = (
        "unspecified"
    )
    derivation: Literal["auto", "manual"] | None = None
    availability: Literal["intermittent", "continuous"] | None = None
    resolution: Number | None = None
    accuracy: Quantity | None = None
    confidence_95: Quantity | None = None
    technical_range: Range | None = None
    physiological_range: Range | None = None
    measurement_period: Quantity | None = None
    averaging_period: Quantity | None = None
    determination_period: Quantity | None = None
    update_period: Quantity | None = None
    body_sites: tuple[Concept, ...] = ()
    supplemental: tuple[Concept, ...] = ()
    """Measurement modes (11073 Supplemental-Types: spot, fast, slow)."""
    calibrations: tuple[Calibration, ...] = ()
    activation: (
        Literal["on", "not-ready", "standby", "off", "shutting-down", "failed", "unknown", "entered-in-error"] | None
    ) = None
    color: str | None = None


class ClockSync(Envelope):
    """One comparison of a device's clock with a better one."""

    kind: Literal["clock_sync"] = "clock_sync"
    device: str | None = None
    gateway: str | None = None
    """Id of the :class:`Device` that compared the clocks."""
    reference: Instant | None = None
    """The better clock (the gateway's)."""
    device_time: Instant | None = None
    device_clock: DeviceClock | None = None
    offset_ns: int | None = None
    """Reference minus device."""
    drift_ppm: Number | None = None
    method: Concept | None = None
    """How the device's clock is set (MDC_TIME_SYNC_*)."""
    accuracy_ns: int | None = None
    fault: bool = False
    timeline_change: bool = False
    """The device's clock was set between this and the previous comparison."""
