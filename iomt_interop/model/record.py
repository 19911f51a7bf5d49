"""The union of all records, and its JSON form."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Annotated, Any, Final

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from .base import model_error
from .care import (
    Account,
    Activity,
    Allergy,
    Appointment,
    CareTeam,
    Condition,
    Coverage,
    Immunization,
    Prescription,
    Procedure,
    RelatedPerson,
    Request,
    Specimen,
)
from .context import Encounter, Message, Order, Subject
from .device import ClockSync, Device, DeviceAssociation, Metric
from .events import Alert, Document, Event, Issue, Residue, Session, Setting, Study
from .observation import Observation
from .waveform import Waveform

__all__ = ["Record", "json_schema", "record_from_json", "records_from_json", "to_json"]

Record = Annotated[
    Message
    | Subject
    | Encounter
    | Order
    | Device
    | DeviceAssociation
    | Metric
    | ClockSync
    | Observation
    | Waveform
    | Alert
    | Setting
    | Event
    | Session
    | Study
    | Document
    | Activity
    | Request
    | Specimen
    | RelatedPerson
    | Coverage
    | Condition
    | Allergy
    | Procedure
    | Immunization
    | Appointment
    | Prescription
    | Account
    | CareTeam
    | Residue
    | Issue,
    Field(discriminator="kind"),
]
"""Any canonical record; ``kind`` tells which."""


_UNCACHED: Final = ConfigDict(cache_strings="keys")
"""Pydantic keeps the last 16,384 short texts that it read, of every document, for the life of the process."""


@cache
def _one() -> TypeAdapter[Record]:
    return TypeAdapter(Record, config=_UNCACHED)


@cache
def _many() -> TypeAdapter[list[Record]]:
    return TypeAdapter(list[Record], config=_UNCACHED)


def to_json(records: Iterable[Record]) -> bytes:
    """Write records as a JSON array; what is at its default is left out.

    Binary content is base64 (RFC 4648 section 5). Reading the text back gives equal records.
    """
    return _many().dump_json(list(records), exclude_defaults=False, exclude_unset=False, exclude_none=True)


def records_from_json(data: bytes) -> list[Record]:
    """Read what :func:`to_json` wrote.

    Raises
    ------
    InvalidRecord
        ``MDL-005`` when the text is not a list of canonical records.
    """
    try:
        return _many().validate_json(data)
    except ValidationError as error:
        raise model_error(error) from None


def record_from_json(data: bytes) -> Record:
    """Read one record; raises as :func:`records_from_json` does."""
    try:
        return _one().validate_json(data)
    except ValidationError as error:
        raise model_error(error) from None


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a record."""
    return _one().json_schema()
