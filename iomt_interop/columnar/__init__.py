"""Records as columns: an Arrow schema of the canonical model, and encrypted Parquet; needs ``columnar`` (pyarrow)."""

from __future__ import annotations

from .columns import COLUMNS, DERIVED, PARTS, PLACE, REST, SCHEMA, Leaf, Part
from .parquet import parquet_chunks, read_parquet, write_parquet
from .rows import from_table, to_table

__all__ = [
    "COLUMNS",
    "DERIVED",
    "PARTS",
    "PLACE",
    "REST",
    "SCHEMA",
    "Leaf",
    "Part",
    "from_table",
    "parquet_chunks",
    "read_parquet",
    "to_table",
    "write_parquet",
]
