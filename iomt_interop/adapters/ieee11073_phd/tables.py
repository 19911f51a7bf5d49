"""What the protocol's numbers are called in the model; the numbers are those of IEEE 11073-20601 Annex A."""

from __future__ import annotations

from typing import Final, Literal

from ...model.observation import ObservationStatus, QualityFlag
from ...model.value import AbsentReason

STATUS_FLAGS: Final[tuple[tuple[int, QualityFlag], ...]] = (
    (0x8000, "invalid"),
    (0x4000, "questionable"),
    (0x2000, "not-available"),
    (0x1000, "calibration-ongoing"),
    (0x0800, "test-data"),
    (0x0400, "demo-data"),
    (0x0080, "validated"),
    (0x0040, "early-indication"),
    (0x0020, "msmt-ongoing"),
    (0x0002, "in-alarm"),
    (0x0001, "alarm-inhibited"),
)
"""MeasurementStatus, in the order of the model's flags; the last two are of 11073-10201."""

STATUS_RESULT: Final[tuple[tuple[int, ObservationStatus], ...]] = (
    (0x8000, "entered-in-error"),
    (0x0040, "preliminary"),
)
"""Status of the result by MeasurementStatus bit, the first that is set (FHIR PHD guide); else ``final``."""

STATUS_MODE: Final[tuple[tuple[int, Literal["test", "demo"]], ...]] = ((0x0800, "test"), (0x0400, "demo"))

SPECIAL_REASON: Final[dict[str, AbsentReason]] = {
    "nan": "not-a-number",
    "nres": "not-at-this-resolution",
    "+inf": "positive-infinity",
    "-inf": "negative-infinity",
    "reserved": "reserved",
}

METRIC_CATEGORY: Final[tuple[tuple[int, Literal["setting", "calculation"]], ...]] = (
    (0x0004, "setting"),
    (0x0002, "calculation"),
)
"""MetricSpecSmall bits that say what the metric is; else a measurement."""

FITNESS: Final = frozenset({4137, 4138})
"""Specialisations of health and fitness, cardiovascular and strength, which read some unit codes their own way."""

METRIC_INTERMITTENT: Final = 0x8000
METRIC_MANUAL: Final = 0x0008

PRODUCTION: Final[dict[int, int]] = {number: 7683 + number for number in range(8)}
"""Spec-type of Production-Specification to the term MDC_ID_PROD_SPEC_*: unspecified, serial number, part number,
hardware, software, firmware, protocol revision, GMDN."""

SERIAL: Final = 1
PART: Final = 2

MDS_CLASS: Final = 37
"""MDC_MOC_VMS_MDS_SIMP."""

METRIC_CLASSES: Final = frozenset({4, 5, 6, 9})
"""MDC_MOC_VMO_METRIC and its enumeration, numeric and real-time sample array."""

ASSOCIATION_RESULTS: Final[dict[int, str]] = {
    0: "accepted",
    1: "rejected-permanent",
    2: "rejected-transient",
    3: "accepted-unknown-config",
    4: "rejected-no-common-protocol",
    5: "rejected-no-common-parameter",
    6: "rejected-unknown",
    7: "rejected-unauthorized",
    8: "rejected-unsupported-assoc-version",
}

RELEASE_REASONS: Final[dict[int, str]] = {0: "normal", 1: "no-more-configurations", 2: "configuration-changed"}

ABORT_REASONS: Final[dict[int, str]] = {
    0: "undefined",
    1: "buffer-overflow",
    2: "response-timeout",
    3: "configuration-timeout",
}

OPERATIONS: Final[dict[int, str]] = {
    0x0100: "roiv-cmip-event-report",
    0x0101: "roiv-cmip-confirmed-event-report",
    0x0103: "roiv-cmip-get",
    0x0104: "roiv-cmip-set",
    0x0105: "roiv-cmip-confirmed-set",
    0x0106: "roiv-cmip-action",
    0x0107: "roiv-cmip-confirmed-action",
    0x0201: "rors-cmip-confirmed-event-report",
    0x0203: "rors-cmip-get",
    0x0205: "rors-cmip-confirmed-set",
    0x0207: "rors-cmip-confirmed-action",
    0x0300: "roer",
    0x0400: "rorj",
}
