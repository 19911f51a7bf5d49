"""MDER, the binary encoding rules of IEEE 11073-20101 that 20601 devices speak: exact, checked, both ways."""

from __future__ import annotations

from .cursor import Cursor
from .floats import MderFloat, Special, decode_float, decode_sfloat, encode_float, encode_sfloat
from .times import NO_RELATIVE_TIME, AbsoluteTime, BaseOffsetTime, encode_absolute_time

__all__ = [
    "NO_RELATIVE_TIME",
    "AbsoluteTime",
    "BaseOffsetTime",
    "Cursor",
    "MderFloat",
    "Special",
    "decode_float",
    "decode_sfloat",
    "encode_absolute_time",
    "encode_float",
    "encode_sfloat",
]
