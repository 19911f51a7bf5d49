"""Segments, fields and message structures of HL7 v2.1 to 2.8.2, and the group tree of a message."""

from __future__ import annotations

from .definitions import DEFAULT_VERSION, KNOWN, Definitions, FieldRule, definitions, nearest_version
from .events import Resolution, resolve, structure_of_event
from .grammar import ANY, GroupRule, SegmentRule
from .tree import Group, Placement, Structure, build, structure

__all__ = [
    "ANY",
    "DEFAULT_VERSION",
    "KNOWN",
    "Definitions",
    "FieldRule",
    "Group",
    "GroupRule",
    "Placement",
    "Resolution",
    "SegmentRule",
    "Structure",
    "build",
    "definitions",
    "nearest_version",
    "resolve",
    "structure",
    "structure_of_event",
]
