"""Objects of a configuration: the Metric record, and what all observations of one object share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, Self

from ...model import Concept, Link, Metric, Quantity, Range, record_id
from ...wire.mder import MderFloat
from ...wire.phd.attributes import Attribute, ScaleRange
from ...wire.phd.nomenclature import Attr
from ...wire.phd.reports import ConfigObject
from . import values
from .concepts import Unit, concept, unit, unit_concept
from .emit import ADAPTER, Frame, check_size, extension
from .tables import FITNESS, METRIC_CATEGORY, METRIC_INTERMITTENT, METRIC_MANUAL

__all__ = ["SHAPING", "Agent", "Category", "Template", "physical_range", "scale_of"]

Category = Literal["measurement", "calculation", "setting"]

_SCALES: Final = (Attr.SCALE_SPECN_I8, Attr.SCALE_SPECN_I16, Attr.SCALE_SPECN_I32)
_SECONDS: Final[Unit] = ("s", None)

_SAID: Final = frozenset({
    Attr.UNIT_CODE, Attr.UNIT_LABEL_STRING, Attr.SUPPLEMENTAL_TYPES, Attr.ID_LABEL_STRING, Attr.NU_ACCUR_MSMT,
    Attr.TIME_PD_MSMT_ACTIVE,
})  # fmt: skip
"""Attributes that a Metric says whole; of all others the octets are kept too."""

SHAPING: Final = frozenset({
    *_SAID, *_SCALES, Attr.ID_TYPE, Attr.ID_PHYSIO, Attr.ID_PHYSIO_LIST, Attr.METRIC_ID_PART, Attr.ENUM_OBS_VAL_PART,
    Attr.METRIC_SPEC_SMALL, Attr.METRIC_STRUCT_SMALL, Attr.SA_SPECN, Attr.TIME_PD_SAMP, Attr.SOURCE_HANDLE_REF,
    Attr.SOURCE_HANDLE_REF_LIST, Attr.ATTRIBUTE_VAL_MAP,
})  # fmt: skip
"""Attributes that say how values are to be understood; reported ones hold from then on (20601 6.3.3)."""


@dataclass(frozen=True, slots=True)
class Agent:
    """Who sends: what an observation needs to know of its device."""

    system: str | None = None
    """EUI-64 in hexadecimal."""
    device: str | None = None
    gateway: str | None = None
    """Id of the manager's device."""
    owner: str | None = None
    """Whose private codes they are."""
    specializations: frozenset[int] = frozenset()

    def __repr__(self) -> str:
        return f"Agent({len(self.specializations)} specializations)"

    @property
    def fitness(self) -> bool:
        """Whether the device reads unit codes as the health and fitness standards do."""
        return not FITNESS.isdisjoint(self.specializations)


@dataclass(slots=True, repr=False)
class Template:
    """One object of the configuration with its attributes as they stand now.

    Attributes
    ----------
    partition : int
        Of its metric ids: Metric-Id-Partition, else that of its type (IEEE 11073-20601 6.3.3.3).
    """

    agent: Agent
    kind: int
    handle: int
    attributes: dict[int, Attribute]
    partition: int = field(init=False)
    code: Concept = field(init=False)
    unit: Unit = field(init=False)
    components: tuple[Concept, ...] = field(init=False)
    supplemental: tuple[Concept, ...] = field(init=False)
    metric: str = field(init=False)
    """Id of the Metric record."""
    sources: tuple[int, ...] = field(init=False)
    """Handles of the objects that this one is derived from."""
    category: Category = field(init=False)
    accuracy: Quantity | None = field(init=False)

    def __post_init__(self) -> None:
        check_size(self.attributes.values())
        kind = self.integer(Attr.ID_TYPE)
        self.partition = self.integer(Attr.METRIC_ID_PART, (kind or 0) >> 16)
        term = self.integer(Attr.ID_PHYSIO)
        code = self.partition << 16 | term if term else kind
        self.code = Concept(text=self.label) if code is None else self.concept(code)
        units = self.integer(Attr.UNIT_CODE, -1)
        self.unit = (None, None) if units < 0 else unit(units, self.agent.fitness)
        self.components = tuple(self.term(item) for item in self.integers(Attr.ID_PHYSIO_LIST))
        self.supplemental = tuple(concept(item, self.agent.owner) for item in self.integers(Attr.SUPPLEMENTAL_TYPES))
        self.metric = record_id("metric", ADAPTER, self.agent.system, self.handle, code)
        self.sources, self.category, self.accuracy = self._sources(), self._category(), self._accuracy()

    @classmethod
    def of(cls, agent: Agent, source: ConfigObject) -> Self:
        """Make the template of a configured object."""
        return cls(agent, source.object_class, source.handle, {a.id: a for a in source.attributes})

    def sent_by(self, agent: Agent) -> Template:
        """Return the template of an agent of whom more is known; itself when nothing changed."""
        return self if agent == self.agent else Template(agent, self.kind, self.handle, self.attributes)

    def updated(self, attributes: Iterable[Attribute]) -> Template:
        """Return the template with attributes replaced; itself when none of them shapes it."""
        found = {a.id: a for a in attributes if a.id in SHAPING and self.attributes.get(a.id) != a}
        return Template(self.agent, self.kind, self.handle, self.attributes | found) if found else self

    def integer(self, attribute: int, default: int = 0) -> int:
        """Return an attribute that is a number, or the default."""
        found = self.attributes.get(attribute)
        value = None if found is None else found.value
        return value if isinstance(value, int) else default

    def integers(self, attribute: int) -> tuple[int, ...]:
        """Return an attribute that is a list of numbers, or nothing."""
        found = self.attributes.get(attribute)
        value = None if found is None else found.value
        return tuple(n for n in value if isinstance(n, int)) if isinstance(value, tuple) else ()

    def real(self, attribute: int) -> MderFloat | None:
        """Return an attribute that is a FLOAT."""
        found = self.attributes.get(attribute)
        value = None if found is None else found.value
        return value if isinstance(value, MderFloat) else None

    def concept(self, code: int) -> Concept:
        """Return a 32-bit code of this object as a concept, with the device's own label."""
        return concept(code, self.agent.owner, self.label)

    def term(self, number: int) -> Concept:
        """Return a metric id as a concept."""
        return concept(self.partition << 16 | number, self.agent.owner)

    @property
    def label(self) -> str | None:
        """The device's own name of the object."""
        return self._string(Attr.ID_LABEL_STRING)

    def _sources(self) -> tuple[int, ...]:
        single = self.integer(Attr.SOURCE_HANDLE_REF, -1)
        return (*((single,) if single >= 0 else ()), *self.integers(Attr.SOURCE_HANDLE_REF_LIST))

    def _accuracy(self) -> Quantity | None:
        found = self.real(Attr.NU_ACCUR_MSMT)
        return None if found is None else values.quantity(found, self.unit)

    def _category(self) -> Category:
        bits = self.integer(Attr.METRIC_SPEC_SMALL)
        return next((name for mask, name in METRIC_CATEGORY if bits & mask), "measurement")

    def record(self, frame: Frame, sources: Sequence[str]) -> Metric:
        """Return the Metric record; ``sources`` are the ids of the metrics that it is derived from."""
        path = f"handle {self.handle}"
        spec = self.integer(Attr.METRIC_SPEC_SMALL, -1)
        scale = scale_of(self)
        period = self.real(Attr.TIME_PD_MSMT_ACTIVE)
        said = _SAID if self.integer(Attr.ID_PHYSIO) else _SAID | {Attr.ID_TYPE}
        left = (
            extension(f"{path}/attribute {a.id}", a.raw.hex())
            for a in self.attributes.values()
            if a.id not in said or a.value is None
        )
        return Metric(
            id=self.metric,
            provenance=frame.origin(frame.span, f"PRST/{path}"),
            code=self.code,
            device=self.agent.device,
            handle=str(self.handle),
            unit=self._unit(),
            category=self.category,
            derivation=None if spec < 0 else "manual" if spec & METRIC_MANUAL else "auto",
            availability=None if spec < 0 else "intermittent" if spec & METRIC_INTERMITTENT else "continuous",
            accuracy=self.accuracy,
            technical_range=None if scale is None else physical_range(scale, self.unit),
            measurement_period=None if period is None else values.quantity(period, _SECONDS),
            supplemental=self.supplemental,
            links=tuple(Link(relation="derived_from", target=source) for source in sources),
            extensions=(extension(f"{path}/class", str(self.kind)), *left),
        )

    def _unit(self) -> Concept | None:
        """Return the unit with the device's own text for it, either of which may be all there is."""
        text = self._string(Attr.UNIT_LABEL_STRING)
        if Attr.UNIT_CODE in self.attributes:
            return unit_concept(self.integer(Attr.UNIT_CODE), self.agent.fitness, text)
        return None if text is None else Concept(text=text)

    def _string(self, attribute: int) -> str | None:
        found = self.attributes.get(attribute)
        value = None if found is None else found.value
        return values.string(value) if isinstance(value, bytes) else None


def scale_of(template: Template) -> ScaleRange | None:
    """Return the two points of a sample array's line, whatever the width of its samples."""
    for attribute in _SCALES:
        found = template.attributes.get(attribute)
        value = None if found is None else found.value
        if isinstance(value, ScaleRange):
            return value
    return None


def physical_range(scale: ScaleRange, units: Unit) -> Range:
    """Return the physical values that the ends of the line stand for."""
    return Range(low=values.quantity(scale.lower_absolute, units), high=values.quantity(scale.upper_absolute, units))
