"""URLs and code maps of FHIR R4 and of the PHD and PoCD implementation guides, as data."""

from __future__ import annotations

from typing import Final

ADAPTER: Final = "fhir_r4"
VERSION: Final = "0.1.0"

OWN: Final = "https://iomt-interop.org/fhir/StructureDefinition/"
"""Base of this project's extensions."""
CORE: Final = "http://hl7.org/fhir/StructureDefinition/"
PHD: Final = "http://hl7.org/fhir/uv/phd/StructureDefinition/"
POCD: Final = "http://hl7.org/fhir/uv/pocd/StructureDefinition/"

MEASUREMENT_STATUS: Final = "http://hl7.org/fhir/uv/pocd/CodeSystem/measurement-status"
RANGE_TYPE: Final = "http://hl7.org/fhir/uv/pocd/CodeSystem/reference-range-type"
PHD_CATEGORY: Final = "http://hl7.org/fhir/uv/phd/CodeSystem/PhdObservationCategories"
DEVICE_IDENTIFIER: Final = "http://terminology.hl7.org/CodeSystem/ContinuaDeviceIdentifiers"
GENDER: Final = "http://hl7.org/fhir/administrative-gender"
ACT_REASON: Final = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
DEVICE_REASON: Final = "http://terminology.hl7.org/CodeSystem/device-status-reason"
NULL_FLAVOR: Final = "http://terminology.hl7.org/CodeSystem/v3-NullFlavor"
PHYSICAL_TYPE: Final = "http://terminology.hl7.org/CodeSystem/location-physical-type"
METRIC_AVAILABILITY: Final = "http://terminology.hl7.org/CodeSystem/metric-availability"
YES_NO: Final = "http://terminology.hl7.org/CodeSystem/v2-0136"

SUPPLEMENTAL_TYPES: Final = "68193"
CERTIFIED_LIST: Final = "532353"
NOT_REGULATED: Final = "532354.0"
TIME_SYNC_PROTOCOL: Final = "68220"
COINCIDENT_CODES: Final = {
    "67975": "MDC_ATTR_TIME_ABS", "67983": "MDC_ATTR_TIME_REL", "68225": "MDC_ATTR_TIME_BO",
    "67984": "MDC_ATTR_TIME_REL_HI_RES", "68226": "MDC_ATTR_TIME_STAMP_BO",
}  # fmt: skip
"""Codes of a Coincident Timestamp Observation. The guide's tables name 68225 in one place and 68226 in another;
both are read, and 68225 (10101: MDC_ATTR_TIME_BO) is written."""
CLOCK_CODES: Final = {
    "absolute": "67975", "base-offset": "68225", "relative": "67983", "hi-res-relative": "67984", "tick": "67983",
}  # fmt: skip

OBSERVATION_STATUS: Final = frozenset(
    {"registered", "preliminary", "final", "amended", "corrected", "cancelled", "entered-in-error", "unknown"}
)

FLAG_CODES: Final = {
    "questionable": ("questionable", "Questionable"),
    "calibration-ongoing": ("calibration-ongoing", "Calibration ongoing"),
    "validated": ("validated-data", "Validated data"),
    "early-indication": ("early-indication", "Early indication"),
    "msmt-ongoing": ("msmt-ongoing", "Measurement ongoing"),
    "in-alarm": ("in-alarm", "Measurement in alarm"),
    "alarm-inhibited": ("alarm-inhibited", "Measurement alarms inhibited"),
    "threshold-error": ("in-alarm", "Measurement in alarm"),
    "threshold-disabled": ("alarm-inhibited", "Measurement alarms inhibited"),
}
"""Quality flag to code of the measurement-status code system. The v2 page of the PoCD guide writes ``al-inhibited``,
which its own code system does not have; ``alarm-inhibited`` is written."""
FLAG_OF: Final = {code: flag for flag, (code, _) in reversed(FLAG_CODES.items())}

FLAG_ABSENCE: Final = {"invalid": "error", "not-available": "not-performed", "sensor-off": "temp-unknown"}
"""Quality flag to the reason why there is no value. The PHD guide and the DIM page of the PoCD guide say
``not-performed`` for not-available, its v2 page says ``temp-unknown``; the former is written. A value that came
all the same stands in the extension ``withheld-value``, because Observation.value and dataAbsentReason exclude
each other (obs-6). The PoCD guide excludes interpretation beside dataAbsentReason and breaks that rule itself
(msmt-ongoing); FHIR allows both, both are written."""
FLAG_STATUS: Final = {"invalid": "entered-in-error", "early-indication": "preliminary"}
"""Quality flag to the status it forces; the record's own status then stands in the extension ``status``."""
TEST_FLAGS: Final = frozenset({"test-data", "demo-data"})

ABSENT_CODES: Final = {
    "unknown": "unknown", "not-performed": "not-performed", "not-available": "not-performed",
    "not-applicable": "not-applicable", "not-a-number": "not-a-number", "not-at-this-resolution": "unsupported",
    "positive-infinity": "positive-infinity", "negative-infinity": "negative-infinity", "overflow": "unsupported",
    "underflow": "unsupported", "error": "error", "invalid": "error", "sensor-off": "temp-unknown",
    "calibrating": "temp-unknown", "temporarily-unknown": "temp-unknown", "masked": "masked",
    "unsupported": "unsupported", "as-text": "as-text", "null": "unknown", "reserved": "error",
}  # fmt: skip
"""Reason of an absence to the code of data-absent-reason."""
ABSENT_OF: Final = {
    "unknown": "unknown", "not-performed": "not-performed", "not-applicable": "not-applicable",
    "not-a-number": "not-a-number", "positive-infinity": "positive-infinity", "negative-infinity":
    "negative-infinity", "error": "error", "temp-unknown": "temporarily-unknown", "masked": "masked",
    "unsupported": "unsupported", "as-text": "as-text",
}  # fmt: skip
ABSENT_DISPLAY: Final = {
    "unknown": "Unknown", "not-performed": "Not Performed", "not-applicable": "Not Applicable",
    "not-a-number": "Not a Number (NaN)", "positive-infinity": "Positive Infinity (PINF)",
    "negative-infinity": "Negative Infinity (NINF)", "error": "Error", "temp-unknown": "Temporarily Unknown",
    "masked": "Masked", "unsupported": "Unsupported", "as-text": "As Text",
}  # fmt: skip
SPECIAL_REASON: Final = {
    "nan": "not-a-number", "nres": "not-at-this-resolution", "+inf": "positive-infinity",
    "-inf": "negative-infinity", "reserved": "reserved",
}  # fmt: skip

ACTIVATION_REASON: Final = {"on": "online", "standby": "standby", "off": "off", "not-ready": "not-ready"}
ACTIVATION_STATUS: Final = {
    "on": "on", "standby": "standby", "off": "off", "entered-in-error": "entered-in-error", "not-ready": "off",
    "shutting-down": "off", "failed": "off",
}  # fmt: skip
ACTIVATION_OF: Final = {code: code for code in ("on", "standby", "off", "entered-in-error")}
OPERATING_MODE: Final = {"normal": "Nml", "demo": "Dmo", "service": "Srv", "maintenance": "Mtn"}
CATEGORY: Final = {name: name for name in ("measurement", "calculation", "setting", "unspecified")}
CALIBRATION_STATE: Final = {
    "not-calibrated": "not-calibrated", "required": "calibration-required", "calibrated": "calibrated",
    "running": "not-calibrated", "other": "unspecified",
}  # fmt: skip
CALIBRATION_OF: Final = {
    "not-calibrated": "not-calibrated", "calibration-required": "required", "calibrated": "calibrated",
}  # fmt: skip
AVAILABILITY: Final = {"intermittent": "intr", "continuous": "cont"}
COLORS: Final = {name: name for name in ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")}

TYPE_NODES: Final = {"65573": "phd", "531981": "gateway"}
REFID_NODES: Final = {"_MDS": "mds", "_VMD": "vmd", "_CHAN": "channel"}
NODE_TYPES: Final = {"phd": ("65573", "MDC_MOC_VMS_MDS_SIMP"), "gateway": ("531981", "MDC_MOC_VMS_MDS_AHD")}

RESULT_STATUS: Final = {
    "F": "final", "P": "preliminary", "C": "corrected", "A": "partial", "R": "partial", "S": "registered",
    "I": "registered", "O": "registered", "X": "cancelled", "D": "entered-in-error",
}  # fmt: skip
"""HL7 table 0123 (OBR-25) to diagnostic-report-status."""
REPORT_STATUS: Final = frozenset(
    {"registered", "partial", "preliminary", "final", "amended", "corrected", "appended", "cancelled"}
    | {"entered-in-error", "unknown"}
)
ENCOUNTER_STATUS: Final = frozenset(
    {"planned", "arrived", "triaged", "in-progress", "onleave", "finished", "cancelled", "entered-in-error", "unknown"}
)
REQUEST_STATUS: Final = frozenset({"draft", "active", "on-hold", "revoked", "completed", "entered-in-error", "unknown"})
REQUEST_INTENT: Final = frozenset(
    {"proposal", "plan", "directive", "order", "original-order", "reflex-order", "filler-order", "instance-order"}
    | {"option"}
)
REQUEST_PRIORITY: Final = frozenset({"routine", "urgent", "asap", "stat"})
ACCOUNT_STATUS: Final = frozenset({"active", "inactive", "entered-in-error", "on-hold", "unknown"})
TEAM_STATUS: Final = frozenset({"proposed", "active", "suspended", "inactive", "entered-in-error"})
PROCEDURE_STATUS: Final = frozenset(
    {"preparation", "in-progress", "not-done", "on-hold", "stopped", "completed", "entered-in-error", "unknown"}
)
APPOINTMENT_STATUS: Final = frozenset(
    {"proposed", "pending", "booked", "arrived", "fulfilled", "cancelled", "noshow", "entered-in-error", "checked-in"}
    | {"waitlist"}
)
PLACE_LEVELS: Final = (
    ("bed", "bd", "Bed"), ("room", "ro", "Room"), ("point_of_care", "wa", "Ward"), ("floor", "lvl", "Level"),
    ("building", "bu", "Building"), ("facility", "si", "Site"),
)  # fmt: skip
"""Parts of a location, the narrowest first, and their location-physical-type."""
