"""The SQL of sessions that are looked at, ended and forgotten. Rows are found and locked as in `store`."""

from datetime import datetime
from uuid import UUID

from server.core.sessions.model import EndReason, Session
from server.core.sessions.rows import session_of
from server.db.pool import Connection

# --- looking and ending ---------------------------------------------------------------------------


async def select_open(
    conn: Connection, realm_id: UUID, principal_id: UUID, now: datetime
) -> tuple[Session, ...]:
    """The person's open sessions, newest first."""
    rows = await conn.fetch(
        """
        SELECT id, seq, realm_id, principal_id, organization_id, surface, amr, provider, address, user_agent,
               created_at, last_active_at, expires_at
          FROM sessions
         WHERE CASE WHEN ended_at IS NULL THEN principal_id END = $2
           AND realm_id = $1
           AND (expires_at > $3) IS TRUE
         ORDER BY seq DESC
        """,
        realm_id,
        principal_id,
        now,
    )
    return tuple(map(session_of, rows))


async def update_ended(
    conn: Connection,
    realm_id: UUID,
    principal_id: UUID,
    session_id: UUID,
    reason: EndReason,
    now: datetime,
) -> bool:
    """The person's open session has ended; False if there is none with this id."""
    ended = await conn.fetchval(
        """
        UPDATE sessions
           SET ended_at = $5, end_reason = $4
         WHERE id = $3
           AND realm_id IS NOT DISTINCT FROM $1
           AND principal_id IS NOT DISTINCT FROM $2
           AND ended_at IS NULL
           AND (expires_at > $5) IS TRUE
        RETURNING id
        """,
        realm_id,
        principal_id,
        session_id,
        reason,
        now,
    )
    return ended is not None


async def update_all_ended(
    conn: Connection,
    realm_id: UUID,
    principal_id: UUID,
    reason: EndReason,
    *,
    keep: UUID | None,
    organization_id: int | None,
    now: datetime,
) -> list[UUID]:
    """The person's open sessions have ended, but for the one to keep; their ids."""
    rows = await conn.fetch(
        """
        WITH held AS (
            SELECT id
              FROM sessions
             WHERE CASE WHEN ended_at IS NULL THEN principal_id END = $2
               AND realm_id = $1
               AND (expires_at > $6) IS TRUE
               AND ($4::uuid IS NULL OR id <> $4)
               AND ($5::int IS NULL OR organization_id = $5)
             ORDER BY id
               FOR NO KEY UPDATE
        )
        UPDATE sessions
           SET ended_at = $6, end_reason = $3
         WHERE id = ANY (ARRAY(TABLE held))
        RETURNING id
        """,
        realm_id,
        principal_id,
        reason,
        keep,
        organization_id,
        now,
    )
    return [row["id"] for row in rows]


async def update_family_revoked(
    conn: Connection, realm_id: UUID, digest: bytes, now: datetime
) -> UUID | None:
    """No refresh token of this one's open session is good any more; the session's id, if one was.

    Those that were used are left as they are: they are no good for that.
    """
    session_id: UUID | None = await conn.fetchval(
        """
        WITH held AS (
            SELECT s.id
              FROM (SELECT session_id FROM refresh_tokens WHERE token_digest = $2 AND revoked_at IS NULL) AS t
             CROSS JOIN LATERAL (
                   SELECT id, realm_id, ended_at, expires_at
                     FROM sessions
                    WHERE id = t.session_id
                    LIMIT 1
                      FOR NO KEY UPDATE) AS s
             WHERE s.realm_id = $1
               AND s.ended_at IS NULL
               AND s.expires_at > $3
        ), revoked AS (
            UPDATE refresh_tokens AS t
               SET revoked_at = $3
              FROM held
             WHERE t.session_id = held.id
               AND t.used_at IS NULL
               AND t.revoked_at IS NULL
            RETURNING t.session_id
        )
        SELECT id FROM held WHERE EXISTS (TABLE revoked)
        """,
        realm_id,
        digest,
        now,
    )
    return session_id


async def insert_denial(conn: Connection, token_id: UUID, session_id: UUID, expires_at: datetime) -> bool:
    """The access token is refused until it would have ended; False if it is already, or its session gone."""
    inserted = await conn.fetchval(
        """
        INSERT INTO token_denials (token_id, session_id, expires_at)
        SELECT $1, id, $3
          FROM sessions
         WHERE id = $2
           FOR KEY SHARE
        ON CONFLICT (token_id) DO NOTHING
        RETURNING token_id
        """,
        token_id,
        session_id,
        expires_at,
    )
    return inserted is not None


# --- forgetting -----------------------------------------------------------------------------------


async def delete_sessions(conn: Connection, before: datetime, batch: int) -> int:
    """Up to *batch* sessions whose time was over then are gone, with their tokens; how many."""
    count: int = await conn.fetchval(
        """
        WITH old AS (
            SELECT id FROM sessions WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED
        ), gone AS (
            DELETE FROM sessions WHERE id = ANY (ARRAY(TABLE old)) RETURNING id
        )
        SELECT count(*) FROM gone
        """,
        before,
        batch,
    )
    return count


async def delete_denials(conn: Connection, now: datetime, batch: int) -> int:
    """Up to *batch* denials of tokens that are past their time are gone; how many."""
    count: int = await conn.fetchval(
        """
        WITH old AS (
            SELECT token_id FROM token_denials WHERE expires_at <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED
        ), gone AS (
            DELETE FROM token_denials WHERE token_id = ANY (ARRAY(TABLE old)) RETURNING token_id
        )
        SELECT count(*) FROM gone
        """,
        now,
        batch,
    )
    return count
