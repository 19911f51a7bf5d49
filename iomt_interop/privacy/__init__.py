"""Pure decisions over the model: what identifies a person, and what is a patient's at all."""

from __future__ import annotations

from .identifiers import find_leaks, identifying_values
from .patient_data import NO_PATIENT, is_patient_data

__all__ = ["NO_PATIENT", "find_leaks", "identifying_values", "is_patient_data"]
