"""What every record carries beside its content: identity, origin, privacy labels, links."""

from __future__ import annotations

from typing import Final, Literal

from .base import Model
from .coding import Coding, Extension, Link, Provenance

__all__ = ["SCHEMA_VERSION", "Envelope", "RecordKind"]

SCHEMA_VERSION: Final = 1
"""Version of the canonical schema that this library writes."""

RecordKind = Literal[
    "message",
    "subject",
    "encounter",
    "order",
    "device",
    "association",
    "metric",
    "clock_sync",
    "observation",
    "waveform",
    "alert",
    "setting",
    "event",
    "session",
    "study",
    "document",
    "activity",
    "request",
    "specimen",
    "related_person",
    "coverage",
    "condition",
    "allergy",
    "procedure",
    "immunization",
    "appointment",
    "prescription",
    "account",
    "care_team",
    "residue",
    "issue",
]


class Envelope(Model):
    """Base of all records.

    The id is deterministic (:func:`~iomt_interop.model.record_id`): the same input gives the same ids, so a
    re-sent message makes no second record. ``subject`` is the id of the person the record is about; it also
    decides by which key the vault encrypts the record.
    """

    id: str
    """32 hexadecimal digits."""
    schema_version: Literal[1] = SCHEMA_VERSION
    provenance: Provenance
    subject: str | None = None
    """Id of the :class:`~iomt_interop.model.Subject`; ``None`` when nobody is named."""
    extensions: tuple[Extension, ...] = ()
    """Source elements without a field of their own, verbatim."""
    labels: tuple[Coding, ...] = ()
    """Security labels (HL7 v3 Confidentiality, sensitivity, HTEST)."""
    consent: str | None = None
    """Reference to the consent under which the record was taken."""
    links: tuple[Link, ...] = ()
