"""What is a patient's: demonstrations, tests and quality controls are nobody's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ..model import Alert, Observation, Record, Subject, Waveform
from ..model.context import IdentityConfidence

__all__ = ["NO_PATIENT", "is_patient_data"]

NO_PATIENT: Final[frozenset[IdentityConfidence]] = frozenset({"demo", "test", "quality-control"})
"""Confidences of a subject that is no patient."""

_TEST_FLAGS: Final = frozenset({"test-data", "demo-data"})


def is_patient_data(record: Record, confidence_of: Callable[[str], IdentityConfidence | None]) -> bool:
    """Tell whether a record may become part of a patient's record.

    Parameters
    ----------
    record : Record
        The record.
    confidence_of : callable
        Gives the confidence of a subject by its id; ``None`` for an unknown one.
    """
    if isinstance(record, Subject):
        return record.confidence not in NO_PATIENT
    if record.subject is not None and confidence_of(record.subject) in NO_PATIENT:
        return False
    quality = record.quality if isinstance(record, Observation | Waveform) else None
    if quality is not None and (quality.mode in ("test", "demo") or _TEST_FLAGS & set(quality.flags)):
        return False
    return not (isinstance(record, Alert) and any(label.code == "HTEST" for label in record.labels))
