"""What is asked of PostgreSQL: the statements of a vault, with their tables but without a schema."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Executable,
    Table,
    TableValuedAlias,
    any_,
    bindparam,
    cast,
    delete,
    func,
    or_,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA, Insert, insert

from .postgres_tables import BLOCKS, ERASURES, HOLDS, IDENTIFIERS, META, RECORDS, SUBJECTS

PAGE: Final = 5000
"""Rows that are fetched or sent at a time."""
OCTETS: Final = 4 << 20
"""Octets of ciphertext that are sent at a time, where it is more than one block."""
WIDEST: Final = 64
"""Blocks that are fetched at a time."""
_LONG_PAGE: Final = 500
"""The same of rows whose cells may be long."""

_SAFE: Final = (
    "current_setting('fsync') = 'on' AND set_config('synchronous_commit', "
    "CASE current_setting('synchronous_commit') WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, true) "
    "IN ('on', 'remote_apply')"
)
"""Whether what is committed will be on the disk; a weaker setting of the session gives way, a stronger one stays."""
# An advisory lock is of the whole database: its number has "IOMT" above, and below what it is for.
_LOCK: Final = "(1229933908::bigint << 32 | oid::bigint)"
_THIS: Final = "FROM pg_namespace WHERE nspname = :schema"
BEGIN_CREATING: Final = text(f"SELECT pg_advisory_xact_lock(1229933908::bigint << 32), {_SAFE}")
BEGIN_WRITING: Final = text(f"SELECT pg_advisory_xact_lock{_LOCK}, {_SAFE} {_THIS}")
HOLD_LOCK: Final = text(f"SELECT pg_advisory_lock{_LOCK} {_THIS}")
RELEASE_LOCK: Final = text(f"SELECT pg_advisory_unlock{_LOCK} {_THIS}")
RELATIONS: Final = text(
    "SELECT c.oid IS NOT NULL FROM pg_namespace s LEFT JOIN pg_class c ON c.relnamespace = s.oid "
    "WHERE s.nspname = :schema ORDER BY c.oid LIMIT 1"
)
_TABLES_OF_SCHEMA: Final = (
    "pg_class c JOIN pg_namespace s ON s.oid = c.relnamespace WHERE s.nspname = :schema AND relkind = 'r'"
)
SIZE: Final = text(f"SELECT sum(pg_total_relation_size(c.oid))::bigint FROM {_TABLES_OF_SCHEMA}")  # noqa: S608
FILES: Final = text(f"SELECT relname::text, pg_relation_filenode(c.oid) FROM {_TABLES_OF_SCHEMA}")  # noqa: S608
OPEN: Final = text(
    "SELECT l.virtualxid FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid "
    "WHERE l.locktype = 'virtualxid' AND l.granted AND a.pid <> pg_backend_pid() AND a.usesysid IS NOT NULL "
    "AND a.datid = (SELECT oid FROM pg_database WHERE datname = current_database())"
)
"""Transactions of the database that may still see what was deleted; the server's own workers do not count."""


def _rows_of(*columns: Column[Any]) -> TableValuedAlias:
    """Return what stands for many rows: an array of its cells for each column, as ``all_`` and its name."""
    arrays = [bindparam(f"all_{column.name}", type_=ARRAY(column.type)) for column in columns]
    function = func.unnest(*(cast(array, array.type) for array in arrays))
    return function.table_valued(*(column.name for column in columns)).render_derived(name="given")


def _add(table: Table) -> Insert:
    """Return the statement that stores many rows."""
    names, given = [column.name for column in table.columns], _rows_of(*table.columns)
    return insert(table).from_select(names, select(*(given.c[name] for name in names)))


def _put(table: Table) -> Executable:
    """Return the statement that stores many rows, of which no two have one key; each replaces what was there."""
    store, key = _add(table), list(table.primary_key.columns)
    rest = {column.name: store.excluded[column.name] for column in table.columns if column not in key}
    return store.on_conflict_do_update(index_elements=key, set_=rest) if rest else store.on_conflict_do_nothing()


NAMED: Final = select(META.c.value).where(META.c.name == bindparam("name"))
METAS: Final = select(META.c.name, META.c.value).order_by(META.c.name)
PUT_META: Final = insert(META).on_conflict_do_update(
    index_elements=[META.c.name], set_={"value": insert(META).excluded.value}
)
KEYS_OF_SUBJECT: Final = select(SUBJECTS).where(SUBJECTS.c.blind == bindparam("blind")).order_by(SUBJECTS.c.generation)
KEY_OF_HANDLE: Final = select(SUBJECTS).where(SUBJECTS.c.handle == bindparam("handle"))
_ANEW: Final = _rows_of(SUBJECTS.c.handle, SUBJECTS.c.wrapped)
REWRAP: Final = update(SUBJECTS).where(SUBJECTS.c.handle == _ANEW.c.handle).values(wrapped=_ANEW.c.wrapped)
_SEQS: Final = any_(bindparam("blocks", type_=ARRAY(BigInteger)))
ERASE: Final = (
    delete(IDENTIFIERS).where(IDENTIFIERS.c.record.in_(select(RECORDS.c.blind).where(RECORDS.c.seq == _SEQS))),
    delete(RECORDS).where(RECORDS.c.seq == _SEQS),
)
ERASE_KEYS: Final = delete(SUBJECTS).where(SUBJECTS.c.handle == any_(bindparam("handles", type_=ARRAY(BYTEA))))
LIFT: Final = delete(HOLDS).where(HOLDS.c.blind == bindparam("of"))
PUT_HOLD: Final = insert(HOLDS).on_conflict_do_update(
    index_elements=[HOLDS.c.blind], set_={"sealed": insert(HOLDS).excluded.sealed}
)
HOLD: Final = select(HOLDS.c.sealed).where(HOLDS.c.blind == bindparam("blind"))
LENGTH: Final = select(func.coalesce(func.sum(func.octet_length(BLOCKS.c.ciphertext)), 0)).where(BLOCKS.c.seq == _SEQS)
CLEAR: Final = update(BLOCKS).where(BLOCKS.c.seq == _SEQS, BLOCKS.c.ciphertext != b"").values(ciphertext=b"")
ADD_BLOCKS: Final = _add(BLOCKS)
BLOCK: Final = select(BLOCKS).where(BLOCKS.c.seq == bindparam("seq"))
FIND_RECORDS: Final = select(RECORDS).where(RECORDS.c.blind == any_(bindparam("names", type_=ARRAY(BYTEA))))
PUT_RECORDS: Final = _put(RECORDS)
PUT_IDENTIFIERS: Final = _put(IDENTIFIERS)
_AHEAD: Final = (
    select(
        *BLOCKS.columns,
        func.sum(func.octet_length(BLOCKS.c.header) + func.octet_length(BLOCKS.c.ciphertext))
        .over(order_by=BLOCKS.c.seq)
        .label("octets"),
    )
    .where(BLOCKS.c.seq >= bindparam("seq"))
    .order_by(BLOCKS.c.seq)
    .limit(bindparam("width", type_=BigInteger))
    .subquery()
)
BLOCKS_AHEAD: Final = (
    select(*(_AHEAD.c[column.name] for column in BLOCKS.columns))
    .where(or_(_AHEAD.c.octets <= OCTETS, _AHEAD.c.seq == bindparam("seq")))
    .order_by(_AHEAD.c.seq)
)
"""A block, and those behind it that are not too long together."""
IDENTIFIED: Final = (
    select(IDENTIFIERS.c.record).where(IDENTIFIERS.c.blind == bindparam("blind")).order_by(IDENTIFIERS.c.record)
)


def _paged(table: Table, *columns: Column[Any], size: int) -> tuple[Executable, Executable, int, int]:
    """Return queries for the first page of a table and for the next, in the order of its key; their size; the key's."""
    key = tuple(table.primary_key.columns)
    first = select(*(columns or table.columns)).order_by(*key).limit(size)
    after = [bindparam(f"after{number}", type_=column.type) for number, column in enumerate(key)]
    return first, first.where(tuple_(*key) > tuple_(*after)), size, len(key)


# The columns of a table's key are its first ones.
PAGES: Final = {
    SUBJECTS: _paged(SUBJECTS, size=PAGE),
    ERASURES: _paged(ERASURES, size=PAGE),
    HOLDS: _paged(HOLDS, size=_LONG_PAGE),
    BLOCKS: _paged(BLOCKS, BLOCKS.c.seq, BLOCKS.c.header, BLOCKS.c.salt, BLOCKS.c.commitment, size=_LONG_PAGE),
    RECORDS: _paged(RECORDS, size=PAGE),
    IDENTIFIERS: _paged(IDENTIFIERS, size=PAGE),
}
