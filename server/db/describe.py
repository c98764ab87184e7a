"""The schema as the database describes it."""

from dataclasses import dataclass

import asyncpg


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table."""

    name: str
    type: str
    nullable: bool
    default: str | None


@dataclass(frozen=True, slots=True)
class Table:
    """A table with its columns in order, and its constraints and indexes as SQL, each on one line."""

    name: str
    columns: tuple[Column, ...]
    rules: tuple[str, ...]


async def describe(url: str) -> tuple[Table, ...]:
    """The product's tables, by name; what migrations keep for themselves is left out."""
    conn = await asyncpg.connect(url)
    try:
        names = await conn.fetch(
            """
            SELECT relname AS name, oid
              FROM pg_class
             WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname <> 'alembic_version'
             ORDER BY relname
            """
        )
        return tuple([await _table(conn, row["name"], row["oid"]) for row in names])
    finally:
        await conn.close()


async def _table(conn: "asyncpg.Connection[asyncpg.Record]", name: str, oid: int) -> Table:
    columns = await conn.fetch(
        """
        SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type, NOT a.attnotnull AS nullable,
               pg_get_expr(d.adbin, d.adrelid) AS default
          FROM pg_attribute a
          LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
         WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped
         ORDER BY a.attnum
        """,
        oid,
    )
    # NOT NULL is a constraint of its own since PostgreSQL 18; the columns tell it already.
    rules = await conn.fetch(
        """
        SELECT conname || ' ' || pg_get_constraintdef(oid) AS rule
          FROM pg_constraint
         WHERE conrelid = $1 AND contype <> 'n'
         UNION ALL
        SELECT pg_get_indexdef(i.indexrelid)
          FROM pg_index i
         WHERE i.indrelid = $1
           AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid AND c.conrelid = $1)
         ORDER BY rule
        """,
        oid,
    )
    return Table(
        name,
        tuple(Column(row["name"], row["type"], row["nullable"], row["default"]) for row in columns),
        tuple(" ".join(row["rule"].split()) for row in rules),
    )
