"""Tables of what the types of the model's fields do not say."""

from __future__ import annotations

from typing import Any, Final, get_args

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from ... import model as m
from ...model.base import Model
from ...model.observation import QualityFlag
from ._derive import Fields, Fixed, Flavour, Rules, derive
from ._numbers import number_fields, numbers
from ._signals import raw_ranges, waveform_parts
from ._text import KNOWN_CODINGS, UNITS, digests, error_codes, ids, spans, texts
from ._times import day_texts, instant_texts, ordered_interval, times_of_day

__all__ = ["RULES"]


_FLAGS: Final[tuple[QualityFlag, ...]] = get_args(QualityFlag)
_WORDS: Final = st.from_regex(r"[a-z][a-z0-9_]{0,11}", fullmatch=True, alphabet="abcdefghijklmnopqrstuvwxyz0123456789_")
_NUMBER: Final = ("mantissa", "exponent", "special", "literal")
_COUNTS: Final = st.integers(0, 2**63 - 1)


def _number(flavour: Flavour, fixed: Fixed) -> SearchStrategy[Fields]:
    return number_fields()


def _finite(flavour: Flavour) -> SearchStrategy[m.Number]:
    return numbers(special=False)


def _factor(flavour: Flavour) -> SearchStrategy[m.Number]:
    return numbers(special=False).filter(lambda number: number.mantissa != 0)


def _codings(flavour: Flavour) -> SearchStrategy[tuple[m.Coding, ...]]:
    one = st.sampled_from(KNOWN_CODINGS) | derive(m.Coding, flavour)
    return st.lists(one, min_size=1, max_size=2).map(tuple)


def _concepts(flavour: Flavour) -> SearchStrategy[tuple[m.Concept, ...]]:
    return st.lists(derive(m.Concept, flavour), max_size=2).map(tuple)


def _quality_flags(flavour: Flavour) -> SearchStrategy[tuple[QualityFlag, ...]]:
    return st.sets(st.sampled_from(_FLAGS), min_size=1, max_size=4).map(
        lambda chosen: tuple(flag for flag in _FLAGS if flag in chosen)
    )


def _bits(flavour: Flavour, fixed: Fixed) -> SearchStrategy[Fields]:
    return _bit_fields()


@st.composite
def _bit_fields(draw: DrawFn) -> Fields:
    width = draw(st.sampled_from((8, 16, 24, 32, 64)))
    bits = st.integers(0, 2**width - 1)
    return {"width": width, "bits": draw(bits), "mask": draw(st.none() | bits)}


def _limits(flavour: Flavour, fixed: Fixed) -> SearchStrategy[Fields]:
    return _ordered_limits(flavour)


@st.composite
def _ordered_limits(draw: DrawFn, flavour: Flavour) -> Fields:
    """Draw two limits in one unit, the lower one first; either may be open."""
    unit = draw(st.none() | st.sampled_from(UNITS))
    limit = number_fields(special=False).map(lambda fields: m.Quantity(**fields, unit=unit))
    low, high = draw(st.none() | limit), draw(st.none() | limit)
    if low is not None and high is not None and low.to_decimal() > high.to_decimal():
        low, high = high, low
    return {name: end for name, end in (("low", low), ("high", high)) if end is not None}


def _waveform(flavour: Flavour, fixed: Fixed) -> SearchStrategy[Fields]:
    channels = fixed.get("channels") or st.lists(derive(m.Channel, flavour), min_size=1, max_size=2).map(tuple)
    return waveform_parts(channels, st.none() | derive(m.Instant, flavour), derive(m.Annotation, flavour))


def _identifier_lists(flavour: Flavour) -> SearchStrategy[tuple[str, ...]]:
    return st.lists(ids(), min_size=1, max_size=2).map(tuple)


def _any(strategy: SearchStrategy[Any]) -> Any:
    """Return what gives a strategy for every flavour."""
    return lambda flavour: strategy


_REFERENCES: Final = ("id", "subject", "device", "parent", "gateway", "metric", "source_metric", "encounter", "order",
                      "clock_sync", "target", "request", "specimen")  # fmt: skip

_DATES: Final = ("start", "end", "time", "manufactured", "expires")

RULES: Final = Rules(
    groups={
        m.Number: (_NUMBER, _number),
        m.Quantity: (_NUMBER, _number),
        m.BitSetValue: (("width", "bits", "mask"), _bits),
        m.Range: (("low", "high"), _limits),
        m.Waveform: (("channels", "segments", "annotations"), _waveform),
    },
    fields={
        (m.Concept, "codings"): _codings,
        (m.CodedValue, "concepts"): _concepts,
        (m.Quality, "flags"): _quality_flags,
        (m.Quality, "status_bits"): _any(st.integers(0, 0xFFFF)),
        (m.Quality, "index"): _any(st.integers(0, 100).map(lambda value: m.Number(mantissa=value, exponent=-2))),
        (m.Instant, "value"): _any(instant_texts()),
        (m.Instant, "uncertainty_ns"): _any(_COUNTS),
        (m.DeviceClock, "value"): _any(instant_texts() | _COUNTS.map(str)),
        (m.DeviceClock, "resolution_ns"): _any(st.integers(1, 10**12)),
        (m.Day, "value"): _any(day_texts()),
        (m.Day, "zone"): _any(st.sampled_from(("Europe/Paris", "UTC", "America/St_Johns", "Asia/Kathmandu"))),
        (m.TimeOfDayValue, "value"): _any(times_of_day()),
        (m.Rational, "numerator"): _any(st.integers(1, 10**6)),
        (m.Rational, "denominator"): _any(st.integers(1, 10**6)),
        (m.Channel, "raw_range"): _any(raw_ranges()),
        (m.Channel, "factor"): _factor,
        (m.Channel, "origin"): _finite,
        (m.Channel, "resolution"): _finite,
        (m.Channel, "significant_bits"): _any(st.integers(1, 64)),
        (m.Annotation, "channel"): _any(st.integers(0, 1)),
        (m.Annotation, "index"): _any(st.integers(0, 1000)),
        (m.Metric, "resolution"): _finite,
        (m.ClockSync, "accuracy_ns"): _any(_COUNTS),
        (m.ClockSync, "drift_ppm"): _finite,
        (m.Device, "operating_hours"): _any(_COUNTS),
        (m.Device, "operating_cycles"): _any(_COUNTS),
        (m.Calibration, "devices"): _identifier_lists,
        (m.Order, "devices"): _identifier_lists,
        (m.Order, "specimens"): _identifier_lists,
        (m.Request, "specimens"): _identifier_lists,
        (m.Request, "observations"): _identifier_lists,
        (m.Activity, "sources"): _identifier_lists,
        (m.Telecom, "rank"): _any(st.integers(1, 9)),
        (m.Subject, "birth_order"): _any(st.integers(1, 9)),
        (m.Condition, "rank"): _any(st.integers(1, 9)),
        (m.Appointment, "minutes"): _any(st.integers(1, 600)),
        (m.Provenance, "adapter"): _any(_WORDS),
        (m.Provenance, "version"): _any(st.sampled_from(("1", "0.1.0", "2026.11"))),
        (m.Provenance, "digest"): _any(digests()),
        (m.Provenance, "span"): _any(spans()),
        (m.Extension, "namespace"): _any(_WORDS),
        (m.Residue, "span"): _any(spans()),
        (m.Residue, "reason"): _any(error_codes()),
        (m.Issue, "span"): _any(spans()),
        (m.Issue, "code"): _any(error_codes()),
        (m.Message, "protocol"): _any(st.sampled_from(("hl7v2", "ieee11073-20601", "fhir-r4"))),
        (m.TextValue, "text"): lambda flavour: texts(printable=flavour.printable),
    },
    names={
        **dict.fromkeys(_REFERENCES, _any(ids())),
        **dict.fromkeys(_DATES, _any(instant_texts())),
        "unit": _any(st.sampled_from(UNITS)),
    },
    exclusive={m.Observation: ("value", "components")},
    personal={
        m.Identifier: ("value", "check_digit", "facility"),
        m.Account: ("name",),
        m.CareTeam: ("name", "notes"),
        m.Subject: (
            "names",
            "birth_date",
            "addresses",
            "telecoms",
            "deceased",
            "maiden_names",
            "birth_place",
            "contacts",
            "congregations",
            "notes",
        ),
        m.RelatedPerson: ("names", "birth_date", "addresses", "telecoms"),
        m.Organization: ("name", "telecoms", "addresses", "contact_names", "contact_telecoms", "contact_addresses"),
        m.Actor: ("names", "organization", "reference", "telecoms", "addresses"),
        m.Location: ("room", "bed", "description", "reference"),
        m.Message: ("control_id",),
        m.Device: ("serial", "names", "notes", "owner"),
        m.DeviceAssociation: ("native_person",),
        m.Udi: ("serial", "carrier_hrf", "carrier_aidc"),
        m.Extension: ("value",),
        **dict.fromkeys(
            (
                m.Observation,
                m.Waveform,
                m.Order,
                m.Event,
                m.Session,
                m.Specimen,
                m.Immunization,
                m.Appointment,
                m.Prescription,
            ),
            ("notes",),
        ),
        m.Request: ("notes", "callback"),
    },
    empty={m.Residue: {"raw": b""}},
    settle={m.Interval: ordered_interval},
)


def _check() -> None:
    """Refuse a table that names a field which the model no longer has."""
    named: list[tuple[type[Model], str]] = [*RULES.fields]
    named += [(cls, name) for cls, (names, _) in RULES.groups.items() for name in names]
    named += [(cls, name) for cls, names in (RULES.exclusive | RULES.personal).items() for name in names]
    unknown = [f"{cls.__name__}.{name}" for cls, name in named if name not in cls.model_fields]
    if unknown:
        raise TypeError(f"the model has no {', '.join(unknown)}")


_check()
