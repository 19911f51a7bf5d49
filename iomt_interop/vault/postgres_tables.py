"""The tables of a vault in PostgreSQL, and how it is told that a schema holds them and nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)

_KINDS: Final = {LargeBinary: "bytea", BigInteger: "bigint", Text: "text COLLATE C"}

TABLES: Final = MetaData()
"""All tables; the schema is put in when a statement is run."""


def _octets(name: str) -> Column[bytes]:
    return Column(name, LargeBinary, nullable=False)


def _number(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False, autoincrement=False)


# Compared octet by octet, whatever the database's own collation is.
META: Final = Table(
    "meta", TABLES, Column("name", Text(collation="C"), nullable=False), _octets("value"), PrimaryKeyConstraint("name")
)
SUBJECTS: Final = Table(
    "subjects",
    TABLES,
    *(_octets("handle"), _octets("blind"), _octets("wrapped"), _number("generation")),
    PrimaryKeyConstraint("handle"),
    UniqueConstraint("blind", "generation"),
)
ERASURES: Final = Table(
    "erasures", TABLES, _number("number"), _octets("handle"), PrimaryKeyConstraint("number"), UniqueConstraint("handle")
)
HOLDS: Final = Table("holds", TABLES, _octets("blind"), _octets("sealed"), PrimaryKeyConstraint("blind"))
BLOCKS: Final = Table(
    "blocks",
    TABLES,
    *(_number("seq"), _octets("header"), _octets("salt"), _octets("commitment"), _octets("ciphertext")),
    PrimaryKeyConstraint("seq"),
)
RECORDS: Final = Table(
    "records",
    TABLES,
    *(_octets("blind"), _octets("content"), _number("seq"), _number("ordinal")),
    PrimaryKeyConstraint("blind"),
)
IDENTIFIERS: Final = Table(
    "identifiers", TABLES, _octets("blind"), _octets("record"), PrimaryKeyConstraint("blind", "record")
)

SHAPE_OF_SCHEMA: Final = text("""
SELECT c.relname::text, c.relkind::text || c.relpersistence::text,
       c.relrowsecurity OR c.relforcerowsecurity OR c.relhasrules OR c.relispartition
       OR EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid)
       OR EXISTS (SELECT FROM pg_inherits i WHERE c.oid IN (i.inhparent, i.inhrelid))
       OR EXISTS (SELECT FROM pg_index x WHERE x.indrelid = c.oid
                  AND (NOT x.indisvalid OR NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = x.indexrelid))),
       ARRAY(SELECT concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod),
                              CASE WHEN l.collname <> 'default' THEN 'COLLATE ' || l.collname END,
                              CASE WHEN a.attnotnull THEN 'NOT NULL' END,
                              CASE WHEN a.atthasdef OR a.attidentity <> '' OR a.attgenerated <> '' THEN 'COMPUTED' END)
             FROM pg_attribute a LEFT JOIN pg_collation l ON l.oid = a.attcollation
             WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum),
       ARRAY(SELECT k.contype::text || ' ' || (SELECT string_agg(a.attname, ', ' ORDER BY n.place)
                                               FROM unnest(k.conkey) WITH ORDINALITY n(column_number, place)
                                               JOIN pg_attribute a ON (a.attrelid, a.attnum) = (c.oid, n.column_number))
             FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype <> 'n' ORDER BY 1)
FROM pg_class c JOIN pg_namespace s ON s.oid = c.relnamespace
WHERE s.nspname = :schema AND c.relkind NOT IN ('i', 't') ORDER BY c.relname COLLATE "C"
""")
"""What stands in a schema: name, kind, whether anything computes or hides, columns, keys."""


def _columns(table: Table) -> Iterable[str]:
    for column in table.columns:
        yield f"{column.name} {_KINDS[type(column.type)]} NOT NULL"


def _keys(table: Table) -> Iterable[str]:
    for constraint in table.constraints:
        letter = "p" if isinstance(constraint, PrimaryKeyConstraint) else "u"
        yield f"{letter} " + ", ".join(column.name for column in constraint.columns)  # type: ignore[attr-defined]


SHAPE: Final = [
    (table.name, "rp", False, list(_columns(table)), sorted(_keys(table)))
    for table in sorted(TABLES.tables.values(), key=lambda table: table.name)
]
"""What :data:`SHAPE_OF_SCHEMA` gives of a vault."""
