"""What the words of the model are in a message, as data: statuses, flags, methods, profiles, parts of an alert."""

from __future__ import annotations

from typing import Final

from ...model.observation import ObservationStatus, QualityFlag
from ...model.value import AbsentReason

__all__ = [
    "ABSENCE_FLAGS",
    "ADDRESS_TYPES",
    "ALERT_PARTS",
    "ALERT_WORDS",
    "DEVICE_PARTS",
    "FLAG_CODES",
    "HL7_TYPES",
    "METHOD_CODES",
    "MONITORING",
    "NAME_TYPES",
    "PROCESSING_CODES",
    "PROFILES",
    "SAID",
    "SIGNAL_PARTS",
    "SIGNAL_WORDS",
    "STATUS_CODES",
    "TABLE_CODES",
    "TELECOM_EQUIPMENT",
    "TELECOM_USES",
    "VERBATIM_TYPES",
]

PROFILES: Final[dict[str, str]] = {
    "pcd01": "IHE_PCD_001^IHE PCD^1.3.6.1.4.1.19376.1.6.1.1.1^ISO",
    "pcd04": "IHE_PCD_ACM_001^IHE PCD^1.3.6.1.4.1.19376.1.6.1.4.1^ISO",
}
"""MSH-21 by form; a form without one sends the profiles of the source alone."""

STATUS_CODES: Final[dict[ObservationStatus, str]] = {
    "registered": "I",
    "preliminary": "R",
    "final": "F",
    "amended": "A",
    "corrected": "C",
    "cancelled": "X",
    "entered-in-error": "D",
    "unknown": "R",
}
"""OBX-11 (table 0085) where the source's own code is not known. ``R``: a device's value that nobody verified."""

FLAG_CODES: Final[dict[QualityFlag, str]] = {
    "invalid": "INV",
    "questionable": "QUES",
    "not-available": "NAV",
    "calibration-ongoing": "CAL",
    "test-data": "TEST",
    "demo-data": "DEMO",
    "validated": "VALED",
    "early-indication": "EARLY",
    "busy": "BUSY",
    "in-alarm": "ALACT",
    "alarm-inhibited": "ALINH",
    "no-information": "NI",
    "overflow": ">",
    "underflow": "<",
}
"""OBX-8 of IHE PCD (TF-2 B.8); a flag that is not here has no code."""

ABSENCE_FLAGS: Final[dict[AbsentReason, str]] = {
    "not-available": "NAV",
    "not-performed": "NAV",
    "sensor-off": "NAV",
    "invalid": "INV",
    "error": "INV",
    "not-a-number": "NAV",
    "calibrating": "CAL",
    "overflow": ">",
    "positive-infinity": ">",
    "underflow": "<",
    "negative-infinity": "<",
    "temporarily-unknown": "BUSY",
    "unknown": "NI",
}
"""OBX-8 of a result whose OBX-5 is empty, where no flag of its quality says why."""

METHOD_CODES: Final[dict[tuple[str, str | None], str]] = {
    ("measurement", "auto"): "AMEAS^auto-measurement^MDC",
    ("measurement", "manual"): "MMEAS^manual-measurement^MDC",
    ("calculation", "auto"): "ACALC^auto-calculation^MDC",
    ("calculation", "manual"): "MCALC^manual-calculation^MDC",
    ("setting", "auto"): "ASET^auto-setting^MDC",
    ("setting", "manual"): "MSET^manual-setting^MDC",
}
"""OBX-17 from category and derivation, where the source names no method."""

PROCESSING_CODES: Final = {"production": "P", "training": "T", "debugging": "D"}

MONITORING: Final = "182777000^monitoring of patient^SCT"
"""OBR-4 of results that no order asked for (IHE PCD TF-2 3.1)."""

HL7_TYPES: Final[dict[str, frozenset[str]]] = {
    "quantity": frozenset({"NM", "SN"}),
    "text": frozenset({"ST", "TX", "FT"}),
    "coded": frozenset({"CE", "CF", "CNE", "CWE", "ID", "IS"}),
    "instant": frozenset({"DT", "DTM", "TS"}),
    "range": frozenset({"NR", "SN"}),
}
"""Types of OBX-2 that may say a kind of value: the source's own is kept where it is one of them."""

VERBATIM_TYPES: Final = frozenset(
    {"CP", "CQ", "CX", "EI", "HD", "MO", "PL", "PN", "SN", "TN", "XAD", "XCN", "XON", "XPN", "XTN"}
)
"""Composites that the reader leaves as they are written."""

DEVICE_PARTS: Final = {
    "manufacturer": "MDC_ID_MODEL_MANUFACTURER",
    "model": "MDC_ID_MODEL_NUMBER",
    "serial": "MDC_ID_PROD_SPEC_SERIAL",
}
"""Results that describe the node that contains them."""

SIGNAL_PARTS: Final = {
    "rate": "MDC_ATTR_SAMP_RATE",
    "period": "MDC_ATTR_TIME_PD_SAMP",
    "resolution": "MDC_ATTR_NU_MSMT_RES",
    "range": "MDC_ATTR_DATA_RANGE",
    "filter": "MDC_ATTR_FILTER_LABEL_STRING",
}
"""Facets of a waveform (IHE PCD waveform content module)."""

ALERT_PARTS: Final[tuple[tuple[str, str], ...]] = (
    ("source", "68480^MDC_ATTR_ALERT_SOURCE^MDC"),
    ("phase", "68481^MDC_ATTR_EVENT_PHASE^MDC"),
    ("state", "68482^MDC_ATTR_ALARM_STATE^MDC"),
    ("inactivation", "68483^MDC_ATTR_ALARM_INACTIVATION_STATE^MDC"),
    ("priority", "68484^MDC_ATTR_ALARM_PRIORITY^MDC"),
    ("alert_kind", "68485^MDC_ATTR_ALERT_TYPE^MDC"),
)
"""Facets 2 to 7 of an alert (IHE PCD TF-2 3.4.4.1.2); facet 1 is the event."""

ALERT_WORDS: Final[dict[str, dict[str, str]]] = {
    "priority": {"none": "PN", "low": "PL", "medium": "PM", "high": "PH"},
    "alert_kind": {"physiological": "SP", "technical": "ST", "advisory": "SA"},
}
"""What a part says where that is not the model's own word."""

SIGNAL_WORDS: Final[dict[tuple[str, str | None], str]] = {
    ("auditory", "paused"): "audio-paused",
    ("auditory", "off"): "audio-off",
    ("visual", "paused"): "visual-paused",
    ("visual", "off"): "visual-off",
    ("other", "paused"): "alarm-paused",
    ("other", "off"): "alarm-off",
}
"""Inactivation state of an alert by what is paused or off."""

TABLE_CODES: Final[dict[str | None, dict[str, str]]] = {
    "http://hl7.org/fhir/administrative-gender": {"female": "F", "male": "M", "other": "O", "unknown": "U"},
    "http://terminology.hl7.org/CodeSystem/v3-ActCode": {
        "ACUTE": "I", "AMB": "O", "EMER": "E", "IMP": "I", "NONAC": "I", "OBSENC": "B", "PRENC": "P",
    },
}  # fmt: skip
"""PID-8 (table 0001) and PV1-2 (table 0004) of codes that FHIR has."""

NAME_TYPES: Final = {
    "official": "L", "usual": "D", "nickname": "N", "maiden": "M", "anonymous": "S", "temp": "T", "old": "BAD",
}  # fmt: skip
ADDRESS_TYPES: Final = {"home": "H", "work": "B", "temp": "C", "old": "BA", "billing": "BI"}
TELECOM_USES: Final = {"home": "PRN", "work": "WPN", "mobile": "PRS"}
TELECOM_EQUIPMENT: Final = {"phone": "PH", "fax": "FX", "email": "Internet", "pager": "BP"}

SAID: Final[dict[str, frozenset[str]]] = {
    kind: frozenset(names.split())
    for kind, names in {
        "observation": "code value components status native_status metric_category time analysed quality "
        "interpretation reference_ranges body_site method identifiers metric device gateway encounter order "
        "performers notes handle group native_type",
        "waveform": "code channels segments time status native_status quality device gateway encounter order notes "
        "handle native_type",
        "setting": "code programmed status native_status quality interpretation time device metric order encounter "
        "handle",
        "event": "code value text status native_status quality interpretation time device encounter order handle notes",
        "alert": "identifiers code text source source_metric device alert_kind priority phase state inactivation "
        "limits signals acknowledgement value time encounter handle native",
        "device": "node parent handle identifiers type manufacturer model serial notes",
        "metric": "code device parent handle unit category derivation availability",
        "subject": "identifiers names maiden_names birth_date sex race addresses telecoms languages marital_status "
        "religion ethnicity birth_place multiple_birth birth_order citizenships nationality deceased confidence",
        "encounter": "identifiers patient_class location admission_type pre_admission prior_location service "
        "readmission admit_source courtesies arrangements disposition diets episodes period actors",
        "order": "placer filler code categories status time requested reported encounter parent reason actors notes",
        "message": "protocol type version sender receiver sent processing security country profiles language "
        "character_set",
    }.items()
}
"""Fields that have a place in the messages, by kind of record; every other field that is filled is a loss."""
