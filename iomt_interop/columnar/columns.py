"""The columns of a table of records: what of a record stands in a column of its own, and the Arrow schema of it.

A column takes a leaf of the record's JSON form; what has no column, or does not fit into its type, stays in ``rest``.
So every record fits, of whatever kind, and nothing of it is lost. Numbers are integers: a mantissa and a power of ten.

The table is flat. The components of a compound, the channels and the segments of a waveform are rows of their own
behind the row of their record, under the same columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pyarrow as pa

__all__ = ["COLUMNS", "DERIVED", "PARTS", "PLACE", "REST", "SCHEMA", "VERSION", "Leaf", "Part", "Path"]

VERSION: Final = b"1"
"""Of the columns; stands in the metadata of the schema under ``iomt_interop``."""

Path = tuple[str | int, ...]
"""Keys and places from a record, or from one of its parts, to a leaf; the only place is 0."""

_TEXT, _INT64, _INT32, _INT8, _OCTETS = pa.string(), pa.int64(), pa.int32(), pa.int8(), pa.binary()


@dataclass(frozen=True, slots=True)
class Leaf:
    """A column, and the leaf that it holds."""

    name: str
    path: Path
    type: pa.DataType = _TEXT


@dataclass(frozen=True, slots=True)
class Part:
    """A list of a record whose elements are rows: what their ``kind`` is, and the columns that they use."""

    kind: str
    field: str
    leaves: tuple[Leaf, ...]


def _coding(prefix: str, *path: str | int) -> tuple[Leaf, ...]:
    """Return the columns of a concept: its first coding, which is the source's own, and its text."""
    first = (*path, "codings", 0)
    return (
        Leaf(prefix, (*first, "code")),
        Leaf(f"{prefix}_system", (*first, "system")),
        Leaf(f"{prefix}_refid", (*first, "refid")),
        Leaf(f"{prefix}_display", (*first, "display")),
        Leaf(f"{prefix}_text", (*path, "text")),
    )


def _number(prefix: str, *path: str | int) -> tuple[Leaf, ...]:
    return (
        Leaf(f"{prefix}_mantissa", (*path, "mantissa"), _INT64),
        Leaf(f"{prefix}_exponent", (*path, "exponent"), _INT8),
    )


_MEASURED: Final[tuple[Leaf, ...]] = (
    Leaf("handle", ("handle",)),
    *_coding("code", "code"),
    Leaf("value_type", ("value", "type")),
    *_number("value", "value"),
    Leaf("value_special", ("value", "special")),
    Leaf("value_comparator", ("value", "comparator")),
    Leaf("unit", ("value", "unit")),
    Leaf("value_text", ("value", "text")),
    Leaf("value_absent", ("value", "reason")),
    *_coding("value_code", "value", "concepts", 0),
)

COLUMNS: Final[tuple[Leaf, ...]] = (
    Leaf("kind", ("kind",)),
    Leaf("id", ("id",)),
    Leaf("subject", ("subject",)),
    Leaf("device", ("device",)),
    Leaf("encounter", ("encounter",)),
    Leaf("metric", ("metric",)),
    Leaf("status", ("status",)),
    *_MEASURED,
    Leaf("time_shape", ("time", "shape")),
    Leaf("time", ("time", "value")),
    Leaf("time_origin", ("time", "origin")),
    Leaf("time_start", ("time", "start", "value")),
    Leaf("time_end", ("time", "end", "value")),
    Leaf("adapter", ("provenance", "adapter")),
    Leaf("digest", ("provenance", "digest")),
)
"""Of a record, of whatever kind; one that has no such leaf has a null."""

PARTS: Final[tuple[Part, ...]] = (
    Part("component", "components", _MEASURED),
    Part(
        "channel",
        "channels",
        (
            Leaf("handle", ("handle",)),
            *_coding("code", "code"),
            Leaf("unit", ("unit",)),
            Leaf("period_numerator", ("period", "numerator"), _INT64),
            Leaf("period_denominator", ("period", "denominator"), _INT64),
            *_number("factor", "factor"),
            *_number("origin", "origin"),
        ),
    ),
    Part(
        "segment",
        "segments",
        (
            Leaf("time", ("start", "value")),
            Leaf("time_origin", ("start", "origin")),
            Leaf("channel", ("channel",), _INT32),
            Leaf("start_index", ("start_index",), _INT64),
            Leaf("dtype", ("dtype",)),
            Leaf("samples", ("n",), _INT64),
            Leaf("data", ("data",), _OCTETS),
            Leaf("marks", ("marks",), _OCTETS),
        ),
    ),
)
"""Parts of a compound; signals of a waveform; their samples, little-endian, as they came."""

PLACE: Final = "place"
"""The column of a part's place in its list; null in the row of a record."""

DERIVED: Final[tuple[tuple[str, pa.DataType], ...]] = (
    ("time_precision", _TEXT),
    ("time_utc_ns", _INT64),
    ("time_end_utc_ns", _INT64),
)
"""Made of the time when a table is written, for queries; not looked at when it is read. Null without an offset."""

REST: Final = "rest"
"""The column of everything else: JSON, as the record's own."""


def _schema() -> pa.Schema:
    types = {leaf.name: leaf.type for leaf in COLUMNS}
    types |= dict(DERIVED)
    types[PLACE] = _INT32
    for part in PARTS:
        types |= {leaf.name: leaf.type for leaf in part.leaves}
    fields = [pa.field(name, kind) for name, kind in types.items()]
    return pa.schema([*fields, pa.field(REST, _TEXT)], metadata={"iomt_interop": VERSION})


SCHEMA: Final = _schema()
"""The Arrow schema of a table of records."""
