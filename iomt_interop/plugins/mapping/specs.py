"""What a field of a rule may say: small frozen models of the mapping's tables."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from ...model.value import AbsentReason
from .clock import check_format, check_offset, check_zone

__all__ = [
    "BooleanFrom",
    "BooleanSpec",
    "ChannelSpec",
    "CodingSpec",
    "ComponentSpec",
    "ConceptSpec",
    "Condition",
    "DurationSpec",
    "Entry",
    "IdentifierSpec",
    "InstantSpec",
    "LimitsSpec",
    "NameSpec",
    "PathText",
    "QualitySpec",
    "QuantitySpec",
    "ReferenceRangeSpec",
    "SamplesSpec",
    "Spec",
    "StageSpec",
    "TextFrom",
    "TextSpec",
    "TimeSpec",
    "TotalSpec",
    "ValueSpec",
    "VersionSpec",
]

PathText = str | int
DecimalText = Annotated[str, StringConstraints(pattern=r"^-?[0-9]{1,40}(?:\.[0-9]{1,40})?$")]
FractionText = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,18}(?:/[1-9][0-9]{0,18})?$")]
CodeText = str | int


class Spec(BaseModel):
    """Base: closed, strict, frozen."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


class Sourced(Spec):
    """Something that comes from a path; a pattern's first group takes a part of the text."""

    path: PathText
    pattern: str | None = None

    @field_validator("pattern")
    @classmethod
    def _group(cls, value: str | None) -> str | None:
        return value if value is None else _one_group(value)


def _one_group(value: str) -> str:
    import re  # noqa: PLC0415 - a mapping is checked once

    try:
        groups = re.compile(value).groups
    except re.error:
        raise ValueError("not a regular expression") from None
    if groups != 1:
        raise ValueError("a pattern has exactly one group")
    return value


class CodingSpec(Spec):
    """A code in a system."""

    system: str | None = None
    """A URI, or one of ``MDC``, ``LOINC``, ``SNOMED``, ``UCUM``."""
    code: CodeText | None = None
    refid: str | None = None
    display: str | None = None
    version: str | None = None


Entry = str | CodingSpec | tuple[CodingSpec, ...]
"""An entry of a table: a word, or one or more codes."""

TableRef = str | dict[str, Entry]
"""The name of a table under ``[tables]``, or the table itself."""


class TextFrom(Sourced):
    """A text from a path, through a table where one is given."""

    table: TableRef | None = None


TextSpec = str | TextFrom


class BooleanFrom(Sourced):
    """True or false from a path."""

    true: tuple[str, ...] = ("true",)
    false: tuple[str, ...] = ("false",)


BooleanSpec = bool | BooleanFrom


class ConceptSpec(CodingSpec):
    """A meaning: fixed, or from a path, through a table where one is given."""

    path: PathText | None = None
    pattern: str | None = None
    table: TableRef | None = None
    codings: tuple[CodingSpec, ...] = ()
    """Further codes of the same meaning."""
    text: str | None = None

    @model_validator(mode="after")
    def _fixed_or_found(self) -> ConceptSpec:
        if self.pattern is not None:
            _one_group(self.pattern)
        fixed = self.code is not None or self.refid is not None or self.text is not None or bool(self.codings)
        if (self.path is not None) == fixed:
            raise ValueError("either a code or a path")
        if self.path is None and (self.table is not None or self.pattern is not None):
            raise ValueError("a table needs a path")
        return self


class QuantitySpec(Sourced):
    """A number with a unit."""

    unit: str | None = None
    """UCUM."""
    unit_path: PathText | None = None
    units: str | dict[str, str] | None = None
    """The source's unit text to UCUM."""
    factor: DecimalText | None = None
    """What the source's number is multiplied by, exactly."""
    decimal: Literal[".", ","] | None = None
    group: Annotated[str, StringConstraints(min_length=1, max_length=1)] | None = None
    absent: dict[str, AbsentReason] = Field(default_factory=dict)
    """Texts that stand in place of a number, and why."""


class DurationSpec(Spec):
    """A length of time, by which an interval's end is computed."""

    path: PathText
    unit: Literal["ms", "s", "min", "h", "d"] = "s"


class InstantSpec(Sourced):
    """A point in time."""

    path: PathText | tuple[PathText, ...]  # type: ignore[assignment]
    """Several paths (a date, a time) are joined by a blank."""
    format: str = "iso"
    """``iso``, ``epoch-s``, ``epoch-ms``, ``epoch-us``, ``epoch-ns``, or a pattern of ``%`` directives."""
    epoch: str = "1970-01-01T00:00:00Z"
    """Where a count begins; without an offset, the result is a local time."""
    zone: str | None = None
    zone_path: PathText | None = None
    offset: str | None = None
    offset_path: PathText | None = None

    _check_format = field_validator("format")(check_format)
    _check_zone = field_validator("zone")(check_zone)
    _check_offset = field_validator("offset")(check_offset)

    @field_validator("epoch")
    @classmethod
    def _check_epoch(cls, value: str) -> str:
        from .clock import parse_epoch  # noqa: PLC0415 - a mapping is checked once

        parse_epoch(value)
        return value

    @model_validator(mode="after")
    def _one_offset(self) -> InstantSpec:
        if sum(each is not None for each in (self.zone, self.zone_path, self.offset, self.offset_path)) > 1:
            raise ValueError("one zone or offset")
        return self


class TimeSpec(Spec):
    """An instant, an interval, or a calendar day."""

    at: InstantSpec | None = None
    start: InstantSpec | None = None
    end: InstantSpec | None = None
    duration: DurationSpec | None = None
    day: InstantSpec | None = None

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: object) -> object:
        """Read a table with a path as the instant itself."""
        return {"at": value} if isinstance(value, dict) and "path" in value else value

    @model_validator(mode="after")
    def _one_shape(self) -> TimeSpec:
        interval = self.start is not None or self.end is not None
        if (self.at is not None) + interval + (self.day is not None) != 1:
            raise ValueError("a path, or start and end, or day")
        if self.duration is not None and (self.start is None or self.end is not None):
            raise ValueError("a duration needs a start and no end")
        return self


class ValueSpec(QuantitySpec):
    """A value of one of several kinds."""

    kind: Literal["quantity", "text", "code", "boolean", "time", "time-of-day"] = Field("quantity", alias="as")
    system: str | None = None
    table: TableRef | None = None
    true: tuple[str, ...] = ("true",)
    false: tuple[str, ...] = ("false",)
    format: str = "iso"
    zone: str | None = None
    offset: str | None = None

    _check_format = field_validator("format")(check_format)
    _check_zone = field_validator("zone")(check_zone)
    _check_offset = field_validator("offset")(check_offset)


class IdentifierSpec(Spec):
    """An identifier of a person, a device, a stay."""

    path: PathText | None = None
    pattern: str | None = None
    value: str | None = None
    system: str | None = None
    authority: str | None = None
    type: str | None = None
    """HL7 table 0203 (``MR``, ``PI``, ``SNO``)."""
    use: Literal["usual", "official", "temp", "secondary", "old"] | None = None

    @model_validator(mode="after")
    def _one(self) -> IdentifierSpec:
        if (self.path is None) == (self.value is None):
            raise ValueError("either a path or a value")
        if self.pattern is not None:
            _one_group(self.pattern)
        return self


class NameSpec(Spec):
    """A person's name."""

    family: TextSpec | None = None
    given: TextSpec | None = None
    prefix: TextSpec | None = None
    suffix: TextSpec | None = None
    text: TextSpec | None = None


class VersionSpec(Spec):
    """A version of a device's part."""

    type: str
    """``hardware``, ``firmware``, ``software``, ``protocol``."""
    value: TextSpec
    component: str | None = None


class ComponentSpec(Spec):
    """A part of a compound; with ``each``, as many as the path finds."""

    each: PathText | None = None
    code: ConceptSpec
    value: ValueSpec
    interpretation: ConceptSpec | None = None


class LimitsSpec(Spec):
    """Two limits, of which one may be open."""

    low: QuantitySpec | None = None
    high: QuantitySpec | None = None


class ReferenceRangeSpec(LimitsSpec):
    """Limits to compare with."""

    purpose: Literal["reference", "alarm", "technical", "unknown"] = "unknown"


class QualitySpec(Spec):
    """How far the value can be trusted."""

    index: Sourced | None = None
    mode: TextSpec | None = None
    flags: tuple[TextSpec, ...] = ()
    """Each gives one flag of the canonical model, usually through a table."""


class SamplesSpec(Spec):
    """The samples of a signal: an array of numbers, or numbers in one text."""

    path: PathText
    separator: str | None = None
    """Between the numbers of a text; blanks by default."""


class ChannelSpec(Spec):
    """One signal."""

    code: ConceptSpec
    samples: SamplesSpec
    unit: str | None = None
    unit_path: PathText | None = None
    units: str | dict[str, str] | None = None
    period: FractionText | None = None
    """Seconds from sample to sample: ``1/250``."""
    period_path: PathText | None = None
    period_unit: Literal["s", "ms", "us"] = "s"
    rate_path: PathText | None = None
    """Samples in a second."""
    factor: DecimalText | None = None
    origin: DecimalText | None = None
    site: ConceptSpec | None = None


class StageSpec(Spec):
    """Parts of a session."""

    each: PathText
    code: ConceptSpec
    time: TimeSpec
    value: ValueSpec | None = None


class TotalSpec(Spec):
    """A sum over a session."""

    code: ConceptSpec
    value: ValueSpec


class Condition(Spec):
    """What must hold for a rule to fire; a path that gives nothing fails all but ``exists = false``."""

    path: PathText
    equals: str | int | bool | None = None
    not_equals: str | int | bool | None = None
    in_: tuple[str | int, ...] | None = Field(None, alias="in")
    not_in: tuple[str | int, ...] | None = None
    matches: str | None = None
    exists: bool | None = None

    @field_validator("matches")
    @classmethod
    def _compiles(cls, value: str | None) -> str | None:
        import re  # noqa: PLC0415 - a mapping is checked once

        try:
            re.compile(value or "")
        except re.error:
            raise ValueError("not a regular expression") from None
        return value

    @model_validator(mode="after")
    def _something(self) -> Condition:
        if not any(getattr(self, name) is not None for name in _TESTS):
            raise ValueError("a condition tests something")
        return self


_TESTS: Final = ("equals", "not_equals", "in_", "not_in", "matches", "exists")
