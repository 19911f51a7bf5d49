"""The canonical model: what is true of a patient, a device, a measurement; no format knows another.

It is a union of what the models of the field can say (11073-10201 and -10207, ACOM, FHIR, IHE PCD, wearables),
because each of them alone loses something of the others. Every record is frozen, hashable and compared by
content; :data:`Record` is the discriminated union of all of them.
"""

from __future__ import annotations

from .base import Model, record_id
from .batch import ObservationBatch
from .coding import Coding, Concept, Extension, Identifier, Link, Note, Provenance
from .context import Actor, Address, Encounter, Location, Message, Order, PersonName, Subject, Telecom
from .device import (
    Calibration,
    ClockSync,
    Device,
    DeviceAssociation,
    DeviceVersion,
    Metric,
    Property,
    Specialization,
    Udi,
)
from .envelope import SCHEMA_VERSION, Envelope
from .events import (
    Acknowledgement,
    Alert,
    AlertSignal,
    Document,
    Event,
    Issue,
    Residue,
    Session,
    Setting,
    Stage,
    Study,
)
from .merge import MERGED_KINDS, Merge, merge_versions
from .number import Number, Quantity, Range, Ratio, parse_decimal
from .observation import Component, Observation, Quality, ReferenceRange
from .record import Record, json_schema, record_from_json, records_from_json, to_json
from .time import Day, DeviceClock, Instant, Interval, Time
from .value import (
    Absent,
    AttachmentValue,
    BitSetValue,
    BooleanValue,
    CodedValue,
    TextValue,
    TimeOfDayValue,
    TimeValue,
    Value,
)
from .waveform import Annotation, Channel, Rational, Segment, Waveform

__all__ = [
    "Absent",
    "Acknowledgement",
    "Actor",
    "Address",
    "Alert",
    "AlertSignal",
    "Annotation",
    "AttachmentValue",
    "BitSetValue",
    "BooleanValue",
    "Calibration",
    "Channel",
    "ClockSync",
    "CodedValue",
    "Coding",
    "Component",
    "Concept",
    "Day",
    "Device",
    "DeviceAssociation",
    "DeviceClock",
    "DeviceVersion",
    "Document",
    "Encounter",
    "Envelope",
    "Event",
    "Extension",
    "Identifier",
    "Instant",
    "Interval",
    "Issue",
    "Link",
    "Location",
    "MERGED_KINDS",
    "Merge",
    "Message",
    "Metric",
    "Model",
    "Note",
    "Number",
    "Observation",
    "ObservationBatch",
    "Order",
    "PersonName",
    "Property",
    "Provenance",
    "Quality",
    "Quantity",
    "Range",
    "Ratio",
    "Rational",
    "Record",
    "ReferenceRange",
    "Residue",
    "SCHEMA_VERSION",
    "Segment",
    "Session",
    "Setting",
    "Specialization",
    "Stage",
    "Study",
    "Subject",
    "Telecom",
    "TextValue",
    "Time",
    "TimeOfDayValue",
    "TimeValue",
    "Udi",
    "Value",
    "Waveform",
    "json_schema",
    "merge_versions",
    "parse_decimal",
    "record_from_json",
    "record_id",
    "records_from_json",
    "to_json",
]
