"""Data types of HL7 v2.1 to 2.9: fields to exact Python values, and back."""

from __future__ import annotations

from .codec import decode, decode_all, decode_obx, decode_text, encode
from .fields import decode_field, decode_path, type_of
from .table import LATEST, PRIMITIVES, TYPE_NAMES, VERSIONS, Component, components
from .times import DateTime, TimeOfDay, read_date_time, read_time_of_day
from .values import Composite, Encapsulated, Number, Raw, Samples, StructuredNumber, Text, Value, doubts

__all__ = [
    "LATEST",
    "PRIMITIVES",
    "TYPE_NAMES",
    "VERSIONS",
    "Component",
    "Composite",
    "DateTime",
    "Encapsulated",
    "Number",
    "Raw",
    "Samples",
    "StructuredNumber",
    "Text",
    "TimeOfDay",
    "Value",
    "components",
    "decode",
    "decode_all",
    "decode_field",
    "decode_obx",
    "decode_path",
    "decode_text",
    "doubts",
    "encode",
    "read_date_time",
    "read_time_of_day",
    "type_of",
]
