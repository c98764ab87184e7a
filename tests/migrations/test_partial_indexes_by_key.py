"""Which statements can use a partial index, and a migration that was cut short."""

import shutil
from pathlib import Path

import asyncpg
import pytest

from server.db import migrate
from server.db.migrate import current_revision, upgrade
from server.db.pool import Connection


@pytest.fixture
def history_until_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The versions after this one are not there."""
    (tmp_path / "versions").mkdir()
    for file in ("env.py", "versions/0001_push_core.py", "versions/0002_partial_indexes_by_key.py"):
        shutil.copy(migrate.VERSIONS / file, tmp_path / file)
    monkeypatch.setattr(migrate, "VERSIONS", tmp_path)


async def test_a_partial_index_can_only_be_used_with_a_value_for_its_key(conn: Connection) -> None:
    """Its predicate is that a part of its key is not NULL, which nothing but a value for it implies."""
    rows = await conn.fetch(
        """
        SELECT i.indexrelid::regclass::text AS name, pg_get_expr(i.indpred, i.indrelid) AS predicate,
               ARRAY(SELECT pg_get_indexdef(i.indexrelid, n, false)
                       FROM generate_series(1, i.indnkeyatts) AS n) AS key
          FROM pg_index AS i
          JOIN pg_class AS c ON c.oid = i.indrelid
         WHERE c.relnamespace = 'public'::regnamespace
           AND i.indpred IS NOT NULL
        """
    )

    assert {"auth_attempts_open_key", "enrollments_user_identifier"} <= {row["name"] for row in rows}
    for row in rows:
        predicates = [f"({part.strip('()')} IS NOT NULL)" for part in row["key"]]
        assert row["predicate"] in predicates, row["name"]


@pytest.mark.usefixtures("history_until_then")
async def test_a_run_that_was_cut_short_is_done_again(empty_database_url: str) -> None:
    """Some of the new indexes were built, under names of their own."""
    await upgrade(empty_database_url)
    conn = await asyncpg.connect(empty_database_url)
    try:
        made = await _indexes(conn)
        await conn.execute("UPDATE alembic_version SET version_num = '0001'")
        await conn.execute("CREATE INDEX enrollments_open_expires_at_new ON enrollments (expires_at)")

        await upgrade(empty_database_url)

        assert await _indexes(conn) == made
        assert await current_revision(empty_database_url) == "0002"
    finally:
        await conn.close()


async def _indexes(conn: asyncpg.Connection) -> dict[str, str]:
    """How each valid index is made, by its name."""
    rows = await conn.fetch(
        """
        SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS made
          FROM pg_index
         WHERE indrelid IN ('auth_attempts'::regclass, 'enrollments'::regclass)
           AND indisvalid
        """
    )
    return {row["name"]: row["made"] for row in rows}
