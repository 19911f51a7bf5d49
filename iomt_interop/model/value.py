"""The value of an observation: exactly one of these kinds, or an absence with its reason."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from .base import Model
from .coding import Concept
from .number import Quantity, Range, Ratio
from .time import Time

__all__ = [
    "Absent",
    "AbsentReason",
    "AttachmentValue",
    "BitSetValue",
    "BooleanValue",
    "CodedValue",
    "TextValue",
    "TimeOfDayValue",
    "TimeValue",
    "Value",
]

AbsentReason = Literal[
    "unknown",
    "not-available",
    "not-performed",
    "not-applicable",
    "not-a-number",
    "not-at-this-resolution",
    "positive-infinity",
    "negative-infinity",
    "overflow",
    "underflow",
    "error",
    "invalid",
    "sensor-off",
    "calibrating",
    "temporarily-unknown",
    "masked",
    "unsupported",
    "as-text",
    "null",
    "reserved",
]
"""Why there is no value; ``null`` is the HL7 v2 explicit null (delete what you had)."""


class CodedValue(Model):
    """One or more codes (an enumeration, a multi-coded answer)."""

    type: Literal["coded"] = "coded"
    concepts: tuple[Concept, ...]


class BitSetValue(Model):
    """A bit string with the bits that the device supports at all.

    Bit 0 is the most significant bit of the field, as in ASN.1 and IEEE 11073.
    """

    type: Literal["bits"] = "bits"
    width: Literal[8, 16, 24, 32, 64]
    bits: int
    """The field as an unsigned integer."""
    mask: int | None = None
    """Supported bits; ``None`` when the device does not say."""

    def is_set(self, position: int) -> bool:
        """Tell whether bit ``position`` (0 = most significant) is set."""
        return bool(self.bits >> (self.width - 1 - position) & 1)


class TextValue(Model):
    """Free text or a formatted text of the source."""

    type: Literal["text"] = "text"
    text: str
    format: str | None = None
    """The source's data type where it matters for writing back (``ST``, ``FT``, ``TX``)."""


class BooleanValue(Model):
    """True or false."""

    type: Literal["boolean"] = "boolean"
    value: bool


class TimeValue(Model):
    """An instant, interval or day as the value itself."""

    type: Literal["time"] = "time"
    time: Time


class TimeOfDayValue(Model):
    """A time of day without a date."""

    type: Literal["time-of-day"] = "time-of-day"
    value: str
    """``hh:mm[:ss[.fff]]``."""
    native: str | None = None


class AttachmentValue(Model):
    """A document or picture as the value: its bytes, or where they are."""

    type: Literal["attachment"] = "attachment"
    media_type: str | None = None
    data: bytes | None = None
    url: str | None = None
    title: str | None = None
    native: str | None = None
    """The source's own form where the bytes could not be recovered exactly from it."""


class Absent(Model):
    """No value, and why."""

    type: Literal["absent"] = "absent"
    reason: AbsentReason
    concept: Concept | None = None
    """The reason in the source's own code."""
    native: str | None = None
    """What stood in the value's place (``-999``, ``---``)."""


Value = Annotated[
    Quantity
    | CodedValue
    | BitSetValue
    | TextValue
    | BooleanValue
    | TimeValue
    | TimeOfDayValue
    | Range
    | Ratio
    | AttachmentValue
    | Absent,
    Field(discriminator="type"),
]
"""One value. Samples of a waveform are a record of their own (:class:`~iomt_interop.model.Waveform`)."""
