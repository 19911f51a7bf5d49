"""What the codes of a message mean, as data: flags, statuses, attributes, dialects.

HL7 tables are named by number; PCD flags stand in IHE PCD TF-2 appendix B.8 (OBX-8), the alert parts in TF-2 3.4.
"""

from __future__ import annotations

from typing import Final, Literal

from ...model.observation import ObservationStatus, QualityFlag
from ...model.value import AbsentReason

__all__ = [
    "ABSENT_BY_FLAG",
    "ACKNOWLEDGEMENTS",
    "ALERT_PARTS",
    "ALERT_SYSTEMS",
    "ALERT_VALUES",
    "ATTRIBUTES",
    "CODED_TYPES",
    "COMPARATORS",
    "DEVICE_ATTRIBUTES",
    "DEVICE_SENDERS",
    "DEVICE_SYSTEMS",
    "EMPTY_NUMBERS",
    "FLAGS",
    "METHODS",
    "PROCESSING",
    "RATE_IN_NAME",
    "ROLES",
    "Role",
    "SENTINELS",
    "SETTING_CODES",
    "SETTING_MARKS",
    "SIGNALS",
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

ATTRIBUTES: Final[dict[str, Literal["rate", "period", "resolution", "range", "filter", "invalid", "missing"]]] = {
    "MDC_ATTR_SAMP_RATE": "rate",
    "MDC_ATTR_SAMPLE_RATE": "rate",
    "MDC_ATTR_TIME_PD_SAMP": "period",
    "MDC_ATTR_NU_MSMT_RES": "resolution",
    "MDC_ATTR_SA_MSMT_RES": "resolution",
    "MDC_ATTR_DATA_RANGE": "range",
    "MDC_ATTR_FILTER_LABEL_STRING": "filter",
    "MDC_EVT_DATA_INVALID": "invalid",  # the sample that stands for an invalid one
    "MDC_EVT_DATA_MISSING": "missing",
}
"""Facets (fifth part of OBX-4) that describe the signal; every other facet is a component of its metric."""

METHODS: Final[dict[str, dict[str, str]]] = {
    "AMEAS": {"category": "measurement", "derivation": "auto"},
    "MMEAS": {"category": "measurement", "derivation": "manual"},
    "ACALC": {"category": "calculation", "derivation": "auto"},
    "MCALC": {"category": "calculation", "derivation": "manual"},
    "ASET": {"category": "setting", "derivation": "auto"},
    "MSET": {"category": "setting", "derivation": "manual"},
    "RSET": {"category": "setting", "derivation": "auto"},  # set from afar
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
    "MDC_ATTR_ALERT_TEXT": "text",
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
"""What the parts say; any other text of a part is kept as it is. Priority and kind may stand in OBX-8 as well."""

SIGNALS: Final[dict[str, tuple[Literal["auditory", "visual", "other"], Literal["on", "off", "paused"]]]] = {
    "audio-paused": ("auditory", "paused"),
    "audio-off": ("auditory", "off"),
    "visual-paused": ("visual", "paused"),
    "visual-off": ("visual", "off"),
    "alarm-paused": ("other", "paused"),
    "alarm-off": ("other", "off"),
}
"""What an inactivation state does to the announcement of an alert (IHE PCD TF-2 3.4.4.1)."""

ACKNOWLEDGEMENTS: Final[dict[str, Literal["none", "acknowledged", "confirmed", "rejected"]]] = {
    "alert-acknowledged": "acknowledged",
    "Received": "none",
    "Delivered": "none",
    "Undeliverable": "none",
    "Read": "none",
    "Accepted": "acknowledged",
    "AcceptedPositive": "confirmed",
    "AcceptedNotRelevant": "acknowledged",
    "AcceptedFalse": "acknowledged",
    "Rejected": "rejected",
    "Cancelled": "none",
}
"""Who took note, by inactivation state of PCD-04 or by the disposition that PCD-05 reports in PRT-3."""

Role = Literal["setting", "event", "event-condition", "event-source", "alert-condition", "alert-source", "alert"]

ROLES: Final[dict[str, Role]] = {
    "MDC_ATTR_EVT_COND": "event-condition",
    "MDC_ATTR_EVT_SOURCE": "event-source",
    "MDC_ATTR_AL_COND": "alert-condition",
    "MDC_ATTR_ALERT_SOURCE": "alert-source",
}
"""Results that are no observations: what happened stands in OBX-5, where it happened in a result beside it."""

SETTING_CODES: Final = frozenset(
    {
        "MDC_FLOW_FLUID_PUMP",
        "MDC_RATE_DOSE",
        "MDC_VOL_FLUID_TBI",
        "MDC_DOSE_DRUG_TBI",
        "MDC_CONC_DRUG",
        "MDC_DRUG_NAME_LABEL",
        "MDC_TIME_PD_PROG",
        "MDC_DOSE_PCA_LIMIT",
        "MDC_DOSE_PCA_PATIENT",
        "MDC_DOSE_LOADING",
        "MDC_DOSE_CLINICIAN",
        "MDC_TIME_PD_PCA_DOSE_LIMIT",
        "MDC_RATE_PCA_MAX_DOSES_PER_HOUR",
        "MDC_NUM_DOSE_PROG",
        "MDC_DEV_PUMP_PROGRAM_DELIVERY_MODE",
        "MDC_PUMP_PROGRAM_DELIVERY_MODE",
    }
)
"""What a pump was programmed to do (IEEE 11073-10101 infusion terms). Reference ids that end in ``_SETTING`` and
numbers of partition 258 are settings without being listed."""

DEVICE_ATTRIBUTES: Final[dict[str, Literal["manufacturer", "model", "serial"]]] = {
    "MDC_ATTR_ID_MODEL": "model",
    "MDC_ID_MODEL_NUMBER": "model",
    "MDC_ID_MODEL_MANUFACTURER": "manufacturer",
    "MDC_ID_PROD_SPEC_SERIAL": "serial",
}
"""Results that describe the node that contains them."""

DEVICE_SYSTEMS: Final = frozenset({"MDIL", "MDIL-ALERT", "MIB/CEN", "MDC"})
"""Code systems, as OBX-3 names them, that only devices use."""

DEVICE_SENDERS: Final = (
    "B40", "INFINITY", "MINDRAY", "PAT_DEVICE_BBRAUN", "PSN", "SURESIGNS", "VSP", "XH80X",
)  # fmt: skip
"""Beginnings of the names of senders (MSH-3) that send nothing but a device's data: what their OBX-7 says are alarm
limits, whatever code system OBX-3 uses."""

ALERT_SYSTEMS: Final = frozenset({"MDIL-ALERT"})
"""Code systems whose results are alerts: what raises them and what they say stand in one OBX."""

SETTING_MARKS: Final = frozenset({"SETTING", "CONFIGURATION"})
"""OBX-13 beside a code of MDIL: the result is what the monitor is set to."""

RATE_IN_NAME: Final = frozenset({"VITALRECORDER"})
"""Senders (MSH-3) that write the rate behind ``@`` in the name of a wave, the range that is displayed into OBX-7,
and what somebody noted as ``EVENT``."""
