"""Records to a table of columns and back; a record that comes back is equal to the one that went in."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice, pairwise
from typing import Any, Final

import pyarrow as pa

from ..errors import MalformedInput, TimeError
from ..model import Instant, Interval, Record, Segment, records_from_json
from .columns import COLUMNS, DERIVED, PARTS, PLACE, REST, SCHEMA, Leaf, Path

__all__ = ["from_rows", "from_table", "to_rows", "to_table"]

_LIMITS: Final = {pa.int8(): 1 << 7, pa.int32(): 1 << 31, pa.int64(): 1 << 63}
_OCTETS: Final = pa.binary()
_PARTS: Final = {part.kind: part for part in PARTS}
_Tree = dict[str | int, "Leaf | _Tree"]
"""Leaves by the way to them."""


def _tree(leaves: Sequence[Leaf]) -> _Tree:
    tree: _Tree = {}
    for leaf in leaves:
        below: Any = tree
        for key in leaf.path[:-1]:
            below = below.setdefault(key, {})
        below[leaf.path[-1]] = leaf
    return tree


_RECORD: Final = _tree(COLUMNS)
_ELEMENT: Final = {part.kind: _tree(part.leaves) for part in PARTS}
_json: Final = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
_TOGETHER: Final = 1_000
"""Records that are validated at a time."""


def to_table(records: Iterable[Record]) -> pa.Table:
    """Return records as an Arrow table with the columns of :data:`~iomt_interop.columnar.SCHEMA`.

    Examples
    --------
    >>> from iomt_interop.columnar import from_table, to_table
    >>> from iomt_interop.model import Concept, Observation, Provenance, Quantity
    >>> record = Observation(
    ...     id="0" * 32, provenance=Provenance(adapter="example", version="1"), code=Concept(text="pulse"),
    ...     value=Quantity(mantissa=620, exponent=-1, unit="/min"),
    ... )
    >>> table = to_table([record])
    >>> table.column("value_mantissa").to_pylist(), table.column("value_exponent").to_pylist()
    ([620], [-1])
    >>> from_table(table) == [record]
    True
    """
    columns: dict[str, list[Any]] = {name: [] for name in SCHEMA.names}
    for record in records:
        for row in to_rows(record):
            for name, column in columns.items():
                column.append(row.get(name))
    return pa.table(columns, schema=SCHEMA)


def from_table(table: pa.Table) -> list[Record]:
    """Return the records of a table.

    Raises
    ------
    MalformedInput
        ``COL-001`` when its columns are not those of :data:`~iomt_interop.columnar.SCHEMA`.
    InvalidRecord
        ``MDL-005`` when a row is no record.
    """
    if table.schema.names != SCHEMA.names or table.schema.types != SCHEMA.types:
        raise MalformedInput("COL-001")
    return list(from_rows(table.to_pylist()))


def to_rows(record: Record) -> Iterator[dict[str, Any]]:
    """Yield the row of a record, then those of its parts."""
    tree = record.model_dump(mode="json", exclude_none=True)
    fields = type(record).model_fields
    for name in [name for name, value in tree.items() if value == [] and fields[name].default == ()]:
        del tree[name]
    lists = [(part, _elements(tree, part.field)) for part in PARTS]
    derived = _derived(getattr(record, "time", None))
    row: dict[str, Any] = dict(derived)
    _pop(tree, _RECORD, row)
    row[REST] = _json(tree)
    yield row
    for part, elements in lists:
        for place, element in enumerate(elements):
            given = getattr(record, part.field)[place]
            row = {**derived, "kind": part.kind, "id": record.id, PLACE: place}
            if isinstance(given, Segment):
                row |= _derived(given.start)
            _pop(element, _ELEMENT[part.kind], row)
            row[REST] = _json(element)
            yield row


def from_rows(rows: Iterable[Mapping[str, Any]]) -> Iterator[Record]:
    """Yield the records of rows; raises as :func:`from_table` does."""
    trees = _trees(rows)
    while texts := [_text(tree) for tree in islice(trees, _TOGETHER)]:
        yield from records_from_json(b"[" + b",".join(texts) + b"]")


def _text(tree: Mapping[str, Any]) -> bytes:
    try:
        return _json(tree).encode("utf-8", "surrogatepass")
    except RecursionError:
        raise MalformedInput("COL-001") from None


def _trees(rows: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    tree: dict[str, Any] | None = None
    for row in rows:
        found = _rest(row)
        part = _PARTS.get(row["kind"] or "")
        if part is None:
            if tree is not None:
                yield tree
            tree = found
            _put(tree, COLUMNS, row)
            continue
        elements = None if tree is None or tree.get("id") != row["id"] else tree.setdefault(part.field, [])
        if not isinstance(elements, list) or len(elements) != row[PLACE]:
            raise MalformedInput("COL-001")
        _put(found, part.leaves, row)
        elements.append(found)
    if tree is not None:
        yield tree


def _elements(tree: dict[str, Any], field: str) -> list[dict[str, Any]]:
    """Take a list of parts out of a record."""
    found = tree.get(field)
    if not isinstance(found, list) or not found or not all(isinstance(each, dict) for each in found):
        return []
    del tree[field]
    return found


def _rest(row: Mapping[str, Any]) -> dict[str, Any]:
    try:
        tree = json.loads(row[REST])
    except (ValueError, TypeError, RecursionError):
        tree = None
    if not isinstance(tree, dict):
        raise MalformedInput("COL-001")
    return tree


def _pop(holder: Any, tree: _Tree, row: dict[str, Any]) -> bool:
    """Move leaves into a row, and take away what they leave empty; tell whether there was one.

    Only what a leaf made empty goes, since putting the leaf back makes it again; of a list, only if it has no more.
    """
    taken = False
    for key, below in tree.items():
        inner = _inner(holder, key)
        if inner is None:
            continue
        if isinstance(below, Leaf):
            value = _fitting(inner, below.type)
            if value is not None:
                row[below.name] = value
                del holder[key]
                taken = True
        elif _pop(inner, below, row):
            taken = True
            if not inner and (isinstance(holder, dict) or len(holder) == 1):
                del holder[key]
    return taken


def _inner(holder: Any, key: str | int) -> Any:
    if isinstance(holder, dict):
        return holder.get(key)
    return holder[key] if isinstance(holder, list) and isinstance(key, int) and key < len(holder) else None


def _fitting(value: Any, kind: pa.DataType) -> Any:
    """Return what a column of this type holds for a value; ``None`` where it cannot hold it exactly."""
    if kind == _OCTETS:
        return _octets(value)
    limit = _LIMITS.get(kind)
    if limit is None:
        return value if isinstance(value, str) else None
    return value if type(value) is int and -limit <= value < limit else None


def _octets(text: Any) -> bytes | None:
    if not isinstance(text, str):
        return None
    try:
        raw = base64.urlsafe_b64decode(text)
    except (binascii.Error, ValueError):
        return None
    return raw if base64.urlsafe_b64encode(raw).decode() == text else None


def _put(tree: dict[str, Any], leaves: Sequence[Leaf], row: Mapping[str, Any]) -> None:
    for leaf in leaves:
        value = row[leaf.name]
        if value is not None:
            _set(tree, leaf.path, base64.urlsafe_b64encode(value).decode() if isinstance(value, bytes) else value)


def _set(tree: dict[str, Any], path: Path, value: Any) -> None:
    holder: Any = tree
    for key, following in pairwise(path):
        empty: Any = [] if isinstance(following, int) else {}
        if isinstance(key, int) and isinstance(holder, list):
            if not holder:
                holder.append(empty)
            holder = holder[key]
        elif isinstance(key, str) and isinstance(holder, dict):
            holder = holder.setdefault(key, empty)
        else:
            raise MalformedInput("COL-001")
    if not isinstance(holder, dict) or path[-1] in holder:
        raise MalformedInput("COL-001")
    holder[path[-1]] = value


def _derived(time: Any) -> dict[str, Any]:
    if isinstance(time, Interval):
        start, end = time.start, time.end
    else:
        start, end = (time if isinstance(time, Instant) else None), None
    values = (None if start is None else start.precision), _utc_ns(start), _utc_ns(end)
    return {name: value for (name, _), value in zip(DERIVED, values, strict=True)}


def _utc_ns(instant: Instant | None) -> int | None:
    try:
        found = None if instant is None else instant.utc_ns
    except TimeError:
        return None
    return found if found is not None and -(1 << 63) <= found < 1 << 63 else None
