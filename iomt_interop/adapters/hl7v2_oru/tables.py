"""What the codes of a message mean, as data: flags, statuses, attributes, dialects.

HL7 tables are named by number; PCD flags stand in IHE PCD TF-2 appendix B.8 (OBX-8), the alert parts in TF-2 3.4.
"""

from __future__ import annotations

from typing import Final, Literal

from ...model.observation import ObservationStatus, QualityFlag
from ...model.value import AbsentReason

__all__ = [
    "ABSENT_BY_FLAG",
    "ALERT_PARTS",
    "ALERT_VALUES",
    "ATTRIBUTES",
    "CODED_TYPES",
    "COMPARATORS",
    "EMPTY_NUMBERS",
    "FLAGS",
    "METHODS",
    "PROCESSING",
    "SENTINELS",
    "STATUS",
    "TEST_MODES",
    "TEXT_TYPES",
    "TIME_TYPES",
]

STATUS: Final[dict[str, ObservationStatus]] = {
    "A": "amended",
    "B": "amended",  # appended report
    "C": "corrected",
    "D": "entered-in-error",
    "F": "final",
    "I": "registered",  # specimen received, result pending
    "N": "unknown",  # not asked
    "O": "registered",  # order detail only
    "P": "preliminary",
    "R": "preliminary",  # entered, not verified: the normal status of a device
    "S": "preliminary",  # partial
    "U": "final",  # changed to final without retransmission
    "V": "final",  # verified
    "W": "entered-in-error",  # post original as wrong
    "X": "cancelled",
}
"""OBX-11, HL7 table 0085."""

FLAGS: Final[dict[str, QualityFlag]] = {
    "INV": "invalid",
    "QUES": "questionable",
    "NAV": "not-available",
    "CAL": "calibration-ongoing",
    "TEST": "test-data",
    "DEMO": "demo-data",
    "VALED": "validated",
    "EARLY": "early-indication",
    "BUSY": "busy",
    "ALACT": "in-alarm",
    "ALINH": "alarm-inhibited",
    "OFF": "not-available",  # the measurement is switched off; it does not say that a sensor fell off
    "NI": "no-information",
    ">": "overflow",  # above the absolute high-off instrument scale
    "<": "underflow",
}
"""OBX-8, PCD-01 quality of a measurement; whatever else stands there is an interpretation (HL7 table 0078)."""

ABSENT_BY_FLAG: Final[dict[QualityFlag, AbsentReason]] = {
    "not-available": "not-available",
    "invalid": "invalid",
    "calibration-ongoing": "calibrating",
    "overflow": "overflow",
    "underflow": "underflow",
    "busy": "temporarily-unknown",
    "no-information": "unknown",
    "questionable": "unknown",
}
"""Why OBX-5 is empty, in order of weight."""

TEST_MODES: Final[dict[QualityFlag, Literal["demo", "test"]]] = {"demo-data": "demo", "test-data": "test"}

PROCESSING: Final[dict[str, Literal["production", "training", "debugging"]]] = {
    "P": "production",
    "T": "training",
    "D": "debugging",
}
"""MSH-11, HL7 table 0103; only production is of a patient."""

TEXT_TYPES: Final = frozenset({"ST", "TX", "FT"})
CODED_TYPES: Final = frozenset({"CE", "CF", "CNE", "CWE", "ID", "IS"})
TIME_TYPES: Final = frozenset({"DT", "DTM", "TS"})

COMPARATORS: Final = ("<=", ">=", "<>", "<", ">")

EMPTY_NUMBERS: Final[dict[str, AbsentReason]] = {"": "unknown", "---": "not-available", "--": "not-available"}
"""What displays print when there is no number, after blanks are cut off."""

SENTINELS: Final[tuple[tuple[str, str, frozenset[str]], ...]] = (
    # OUI of the sender's EUI-64, start of its name, numbers that are no measurement.
    ("00A037", "MINDRAY", frozenset({"-999", "-999.0", "-99.9", "-99.90"})),
)
"""They become an absence of reason ``invalid``: the senders say so and not why, and no cause is made up for them."""

ATTRIBUTES: Final[dict[str, Literal["rate", "resolution", "range", "filter"]]] = {
    "MDC_ATTR_SAMP_RATE": "rate",
    "MDC_ATTR_NU_MSMT_RES": "resolution",
    "MDC_ATTR_DATA_RANGE": "range",
    "MDC_ATTR_FILTER_LABEL_STRING": "filter",
}
"""Facets (fifth part of OBX-4) that describe the signal; every other facet is a component of its metric."""

METHODS: Final[dict[str, dict[str, str]]] = {
    "AMEAS": {"category": "measurement", "derivation": "auto"},
    "MMEAS": {"category": "measurement", "derivation": "manual"},
    "ACALC": {"category": "calculation", "derivation": "auto"},
    "MCALC": {"category": "calculation", "derivation": "manual"},
    "ASET": {"category": "setting", "derivation": "auto"},
    "MSET": {"category": "setting", "derivation": "manual"},
    "MDC_OBS_CTS": {"availability": "continuous"},
    "MDC_OBS_NONCTS": {"availability": "intermittent"},
    "APERIODIC": {"availability": "intermittent"},
}
"""OBX-17, by code or text."""

ALERT_PARTS: Final[dict[str, str]] = {
    "MDC_ATTR_ALERT_SOURCE": "source",
    "MDC_ATTR_EVENT_PHASE": "phase",
    "MDC_ATTR_ALARM_STATE": "state",
    "MDC_ATTR_ALERT_STATE": "state",
    "MDC_ATTR_ALARM_INACTIVATION_STATE": "inactivation",
    "MDC_ATTR_ALERT_INACTIVATION_STATE": "inactivation",
    "MDC_ATTR_ALARM_PRIORITY": "priority",
    "MDC_ATTR_ALERT_PRIORITY": "priority",
    "MDC_ATTR_ALERT_TYPE": "alert_kind",
    "MDC_ATTR_ALARM_TYPE": "alert_kind",
}
"""Parts of a PCD-04 alert by reference id; senders disagree about the numbers."""

ALERT_VALUES: Final[dict[str, dict[str, str]]] = {
    "phase": {
        word: word for word in ("start", "continue", "end", "update", "escalate", "deescalate", "reset", "present")
    },
    "state": {word: word for word in ("active", "inactive", "latched")},
    "priority": {"PN": "none", "PL": "low", "PM": "medium", "PH": "high"},
    "alert_kind": {"SP": "physiological", "ST": "technical", "SA": "advisory"},
}
"""What the parts say; any other text of a part is kept as it is."""
