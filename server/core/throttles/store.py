"""The SQL of throttles."""

from datetime import datetime
from uuid import UUID

from server.base.errors import RealmNotFound
from server.core.throttles.model import Counted, Tried
from server.db.conflicts import dangling
from server.db.pool import Connection, Row


async def upsert_try(
    conn: Connection,
    realm_id: UUID,
    kind: Counted,
    subject_digest: bytes,
    *,
    now: datetime,
    ends_at: datetime,
) -> Tried:
    """One more in this window; a window that is over gives way to one until *ends_at*.

    Raises:
        RealmNotFound: It was deleted a moment ago.
    """
    with dangling("throttles_realm_id_fkey", RealmNotFound()):
        row = await conn.fetchrow(
            """
            INSERT INTO throttles AS t (realm_id, kind, subject_digest, count, ends_at)
            VALUES ($1, $2, $3, 1, $5)
            ON CONFLICT ON CONSTRAINT throttles_key DO UPDATE
               SET count = CASE WHEN t.ends_at > $4 THEN t.count ELSE 0 END + 1,
                   ends_at = CASE WHEN t.ends_at > $4 THEN t.ends_at ELSE $5 END
            RETURNING count, ends_at
            """,
            realm_id,
            kind,
            subject_digest,
            now,
            ends_at,
        )
    if row is None:
        raise AssertionError("an upsert returns its row")
    return _tried(row)


async def select_tries(
    conn: Connection, realm_id: UUID, kind: Counted, subject_digest: bytes, now: datetime
) -> Tried | None:
    """How many there were in the window, if one is open."""
    row = await conn.fetchrow(
        """
        SELECT count, ends_at
          FROM throttles
         WHERE realm_id = $1
           AND kind = $2
           AND subject_digest = $3
           AND ends_at > $4
        """,
        realm_id,
        kind,
        subject_digest,
        now,
    )
    return _tried(row) if row else None


async def delete_tries(conn: Connection, realm_id: UUID, kind: Counted, subject_digest: bytes) -> None:
    """Nothing is counted for the subject."""
    await conn.execute(
        "DELETE FROM throttles WHERE realm_id = $1 AND kind = $2 AND subject_digest = $3",
        realm_id,
        kind,
        subject_digest,
    )


async def delete_expired(conn: Connection, now: datetime, most: int) -> int:
    """Up to *most* windows that are over are gone, none that somebody counts in now; how many there were."""
    gone: int = await conn.fetchval(
        """
        WITH over AS (
            SELECT realm_id, kind, subject_digest
              FROM throttles
             WHERE ends_at <= $1
             ORDER BY ends_at
             LIMIT $2
               FOR UPDATE SKIP LOCKED
        ), gone AS (
            DELETE FROM throttles AS t
             USING over
             WHERE t.realm_id = over.realm_id
               AND t.kind = over.kind
               AND t.subject_digest = over.subject_digest
            RETURNING 1
        )
        SELECT count(*) FROM gone
        """,
        now,
        most,
    )
    return gone


def _tried(row: Row) -> Tried:
    return Tried(count=row["count"], ends_at=row["ends_at"])
