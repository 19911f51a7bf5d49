"""The columnar twin of many observations: a struct of arrays; records are views made at the edge.

A decoder of a fast stream appends rows here and makes no object per measurement. Whatever many rows share
(code, unit, time, device) stands once in a dictionary and is named by its index.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, MutableSequence
from dataclasses import dataclass, field
from typing import Final

from .base import record_id
from .coding import Coding, Concept, Provenance
from .number import Quantity, SpecialValue
from .observation import Observation, ObservationStatus
from .time import Instant
from .value import Absent, AbsentReason

__all__ = ["NO_INDEX", "SPECIALS", "ObservationBatch"]

SPECIALS: Final[tuple[SpecialValue | None, ...]] = (None, "nan", "nres", "+inf", "-inf", "reserved")
"""Column code of a special value: its index here; 0 is a plain number."""

NO_INDEX: Final = 0xFFFFFFFF
"""In an index column: the row has none."""

_ABSENT: Final[tuple[AbsentReason, ...]] = (
    "unknown", "not-a-number", "not-at-this-resolution", "positive-infinity", "negative-infinity", "reserved",
)  # fmt: skip


@dataclass(slots=True, repr=False)
class ObservationBatch:
    """Numeric observations of one source unit, in columns of equal length.

    Attributes
    ----------
    mantissa, exponent, special : array
        ``int64``, ``int8`` and ``uint8``: the exact value (see :data:`SPECIALS`).
    code, unit, time : array
        ``uint32`` indexes into :attr:`codes`, :attr:`units`, :attr:`times`; :data:`NO_INDEX` for none.
    start, stop : array
        ``uint32`` byte range of each row in the source unit.
    """

    adapter: str
    version: str
    digest: str | Callable[[], str]
    """SHA-256 of the source unit, in hexadecimal, or what computes it once records are asked for."""
    base: int = 0
    """Offset of the source unit in the stream; added to every span."""
    subject: str | None = None
    device: str | None = None
    status: ObservationStatus = "unknown"
    codes: list[Concept] = field(default_factory=list)
    units: list[tuple[str | None, Coding | None]] = field(default_factory=list)
    times: MutableSequence[Instant] = field(default_factory=list)
    mantissa: array[int] = field(default_factory=lambda: array("q"))
    exponent: array[int] = field(default_factory=lambda: array("b"))
    special: array[int] = field(default_factory=lambda: array("B"))
    code: array[int] = field(default_factory=lambda: array("I"))
    unit: array[int] = field(default_factory=lambda: array("I"))
    time: array[int] = field(default_factory=lambda: array("I"))
    start: array[int] = field(default_factory=lambda: array("I"))
    stop: array[int] = field(default_factory=lambda: array("I"))

    def __len__(self) -> int:
        return len(self.mantissa)

    def __repr__(self) -> str:
        return f"ObservationBatch({len(self)} rows)"

    def records(self) -> Iterator[Observation]:
        """Make one :class:`Observation` per row."""
        digest = self.digest if isinstance(self.digest, str) else self.digest()
        for row in range(len(self)):
            span = (self.base + self.start[row], self.base + self.stop[row])
            time = self.time[row]
            origin = {"adapter": self.adapter, "version": self.version, "digest": digest, "span": span}
            yield Observation.of_valid({
                "id": record_id("observation", self.adapter, digest, self.start[row]),
                "provenance": Provenance.of_valid(origin),
                "subject": self.subject,
                "device": self.device,
                "status": self.status,
                "code": self.codes[self.code[row]],
                "value": self._value(row),
                "time": None if time == NO_INDEX else self.times[time],
            })  # fmt: skip

    def _value(self, row: int) -> Quantity | Absent:
        special = self.special[row]
        if special:
            return Absent(reason=_ABSENT[special], native=SPECIALS[special])
        index = self.unit[row]
        unit, native = (None, None) if index == NO_INDEX else self.units[index]
        return Quantity(mantissa=self.mantissa[row], exponent=self.exponent[row], unit=unit, native_unit=native)
