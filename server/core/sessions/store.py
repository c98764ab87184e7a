"""The SQL of sessions that begin and go on. They are asked for in `living_store`, and end in `ending_store`.

Whoever changes several rows locks them in this order: the principal, sessions by id, refresh tokens.

A statement is planned once per connection, whatever the statistics said then. So one row is looked up by its
key alone, in a LATERAL of one row or beside conditions for which no index is used (IS NOT DISTINCT FROM,
IS TRUE), and a person's open sessions by the key of the index of those.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from server.core.audit.events import Origin
from server.core.principals.model import PrincipalStatus, is_lock_on
from server.core.realms.policy import SignInPolicy
from server.core.realms.stored_policy import policy_of_text
from server.core.sessions.claims import Subject
from server.core.sessions.model import EndReason, Session
from server.core.sessions.rows import session_of
from server.db.pool import Connection, Row


class NewSession(NamedTuple):
    """A session as it begins: the parameters of `insert_session`, in their order.

    Args:
        reference_digest: Of the one token that shows it, if one does.
        refresh_digest: Of its first refresh token, if it has those.
    """

    now: datetime
    id: UUID
    realm_id: UUID
    principal_id: UUID
    organization_id: int | None
    surface: str
    amr: Sequence[str]
    provider: str | None
    address: str | None
    user_agent: str | None
    expires_at: datetime
    reference_digest: bytes | None
    refresh_digest: bytes | None


@dataclass(frozen=True, slots=True)
class Continued:
    """A session that goes on, with what decides whether it may and what its next token says.

    Args:
        session: As it was before: last active when it was last used.
    """

    session: Session
    status: PrincipalStatus
    locked_at: datetime | None
    locked_until: datetime | None
    subject: Subject
    policy: SignInPolicy

    def is_locked(self, now: datetime) -> bool:
        """Whether nobody can sign in as this person now."""
        return is_lock_on(self.locked_at, self.locked_until, now)


@dataclass(frozen=True, slots=True)
class Spent:
    """A refresh token that was not taken, and its session, which is open and held.

    Args:
        used_at: When it was used; None: it is refused for another reason.
        moved_on: Whether a later token of the session was used since, so that its answer was not lost, or was
            revoked.
    """

    session_id: UUID
    principal_id: UUID
    used_at: datetime | None
    moved_on: bool
    policy: SignInPolicy


# --- beginning ------------------------------------------------------------------------------------


async def update_room_made(
    conn: Connection, realm_id: UUID, principal_id: UUID, *, most: int, now: datetime
) -> list[tuple[UUID, EndReason]]:
    """Of the person's sessions fewer than *most* are open, the newest; which ended, and why.

    Those past their time have ended too, so that no more than *most* are ever looked through.
    """
    rows = await conn.fetch(
        """
        WITH open AS (
            SELECT id, expires_at <= $4 AS expired,
                   row_number() OVER (PARTITION BY expires_at <= $4 ORDER BY seq DESC) >= $3 AS too_many
              FROM sessions
             WHERE CASE WHEN ended_at IS NULL THEN principal_id END = $2
               AND realm_id = $1
        ), held AS (
            SELECT id
              FROM sessions
             WHERE id = ANY (ARRAY(SELECT id FROM open WHERE expired OR too_many))
               AND ended_at IS NULL
             ORDER BY id
               FOR NO KEY UPDATE
        )
        UPDATE sessions
           SET ended_at = $4, end_reason = CASE WHEN expires_at <= $4 THEN 'expired' ELSE 'too_many' END
         WHERE id = ANY (ARRAY(TABLE held))
        RETURNING id, end_reason
        """,
        realm_id,
        principal_id,
        most,
        now,
    )
    return [(row["id"], EndReason(row["end_reason"])) for row in rows]


async def insert_session(conn: Connection, new: NewSession) -> int:
    """The session is open, with its first refresh token if it has those; its `seq`."""
    seq: int = await conn.fetchval(
        """
        WITH session AS (
            INSERT INTO sessions (created_at, last_active_at, id, realm_id, principal_id, organization_id,
                                  surface, amr, provider, address, user_agent, expires_at, reference_digest)
            VALUES ($1, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
            RETURNING seq
        ), token AS (
            INSERT INTO refresh_tokens (token_digest, session_id, surface, created_at, expires_at)
            SELECT $13, $2, $6, $1, $11
             WHERE $13::bytea IS NOT NULL
        )
        SELECT seq FROM session
        """,
        *new,
    )
    return seq


# --- going on -------------------------------------------------------------------------------------


async def claim_refresh_token(
    conn: Connection, origin: Origin, realm_id: UUID, digest: bytes, next_digest: bytes
) -> Continued | None:
    """The token is used up, the next one is there, the session was used now, and that is audited.

    None, and nothing is written: it is not the realm's, was used or revoked or is past its time, or its
    session has ended. Of those who show it at one moment one gets it: they meet at the session's row.
    """
    row = await conn.fetchrow(
        """
        WITH held AS (
            SELECT s.*
              FROM (SELECT session_id FROM refresh_tokens WHERE token_digest = $8) AS t
             CROSS JOIN LATERAL (
                   SELECT id, seq, realm_id, principal_id, organization_id, surface, amr, provider, address,
                          user_agent, created_at, last_active_at, expires_at, ended_at
                     FROM sessions
                    WHERE id = t.session_id
                    LIMIT 1
                      FOR NO KEY UPDATE) AS s
             WHERE s.realm_id = $7
               AND s.ended_at IS NULL
               AND s.expires_at > $1
        ), used AS (
            UPDATE refresh_tokens AS t
               SET used_at = $1
              FROM held
             WHERE t.token_digest = $8
               AND t.used_at IS NULL
               AND t.revoked_at IS NULL
               AND t.expires_at > $1
            RETURNING t.session_id
        ), given AS (
            INSERT INTO refresh_tokens (token_digest, session_id, surface, created_at, expires_at)
            SELECT $9, held.id, held.surface, $1, held.expires_at
              FROM held JOIN used ON used.session_id = held.id
        ), active AS (
            UPDATE sessions AS s
               SET last_active_at = $1
              FROM used
             WHERE s.id = used.session_id
        ), audited AS (
            INSERT INTO audit_events (at, surface, actor_kind, actor_id, address, request_id, organization_id,
                                      event, result, target_kind, target_id, data, realm_id)
            SELECT $1, $2, $3, $4, $5, $6, held.organization_id, 'session.refreshed', 'ok', 'session',
                   held.id::text, '{}', held.realm_id
              FROM held JOIN used ON used.session_id = held.id
        )
        SELECT held.*, u.email, u.email_verified, u.status, u.locked_at, u.locked_until, r.policy,
               r.surface AS realm_surface, p.id AS project_id,
               coalesce(p.login_id, r.audience) AS audience
          FROM held
          JOIN used ON used.session_id = held.id
         CROSS JOIN LATERAL (
               SELECT email, email_verified, status, locked_at, locked_until
                 FROM principals
                WHERE id = held.principal_id
                LIMIT 1) AS u
         CROSS JOIN LATERAL (
               SELECT policy, surface, environment_id, coalesce(name, id::text) AS audience
                 FROM realms
                WHERE id = held.realm_id
                LIMIT 1) AS r
          LEFT JOIN environments AS e ON e.id = r.environment_id
          LEFT JOIN projects AS p ON p.id = e.project_id
        """,
        *origin,
        realm_id,
        digest,
        next_digest,
    )
    return _continued(row) if row else None


async def select_spent(conn: Connection, realm_id: UUID, digest: bytes, now: datetime) -> Spent | None:
    """The realm's token whose session is open; nobody else changes the session until the transaction ends."""
    row = await conn.fetchrow(
        """
        WITH held AS (
            SELECT s.id, s.realm_id, s.principal_id
              FROM (SELECT session_id FROM refresh_tokens WHERE token_digest = $2) AS t
             CROSS JOIN LATERAL (
                   SELECT id, realm_id, principal_id, ended_at, expires_at
                     FROM sessions
                    WHERE id = t.session_id
                    LIMIT 1
                      FOR NO KEY UPDATE) AS s
             WHERE s.realm_id = $1
               AND s.ended_at IS NULL
               AND s.expires_at > $3
        )
        SELECT held.id, held.principal_id, t.used_at,
               EXISTS (SELECT
                         FROM refresh_tokens AS later
                        WHERE later.session_id = held.id
                          AND later.token_digest <> t.token_digest
                          AND later.created_at >= t.used_at
                          AND coalesce(later.used_at, later.revoked_at) IS NOT NULL) AS moved_on,
               r.policy, r.surface AS realm_surface
          FROM held
          JOIN refresh_tokens AS t ON t.token_digest = $2
          JOIN realms AS r ON r.id = held.realm_id
        """,
        realm_id,
        digest,
        now,
    )
    if row is None:
        return None
    return Spent(
        session_id=row["id"],
        principal_id=row["principal_id"],
        used_at=row["used_at"],
        moved_on=row["moved_on"],
        policy=policy_of_text(row["realm_surface"], row["policy"]),
    )


async def insert_another_refresh_token(
    conn: Connection, origin: Origin, session_id: UUID, next_digest: bytes
) -> Continued | None:
    """A further refresh token of the session is there, the session was used now, and that is audited."""
    row = await conn.fetchrow(
        """
        WITH held AS (
            SELECT s.id, s.seq, s.realm_id, s.principal_id, s.organization_id, s.surface, s.amr, s.provider,
                   s.address, s.user_agent, s.created_at, s.last_active_at, s.expires_at
              FROM sessions AS s
             WHERE s.id = $7
               AND s.ended_at IS NULL
               FOR NO KEY UPDATE OF s
        ), given AS (
            INSERT INTO refresh_tokens (token_digest, session_id, surface, created_at, expires_at)
            SELECT $8, id, surface, $1, expires_at FROM held
        ), active AS (
            UPDATE sessions AS s
               SET last_active_at = $1
              FROM held
             WHERE s.id = held.id
        ), audited AS (
            INSERT INTO audit_events (at, surface, actor_kind, actor_id, address, request_id, organization_id,
                                      event, result, target_kind, target_id, data, realm_id)
            SELECT $1, $2, $3, $4, $5, $6, organization_id, 'session.refreshed', 'ok', 'session', id::text,
                   '{"again": true}', realm_id
              FROM held
        )
        SELECT held.*, u.email, u.email_verified, u.status, u.locked_at, u.locked_until, r.policy,
               r.surface AS realm_surface, p.id AS project_id,
               coalesce(p.login_id, r.audience) AS audience
          FROM held
         CROSS JOIN LATERAL (
               SELECT email, email_verified, status, locked_at, locked_until
                 FROM principals
                WHERE id = held.principal_id
                LIMIT 1) AS u
         CROSS JOIN LATERAL (
               SELECT policy, surface, environment_id, coalesce(name, id::text) AS audience
                 FROM realms
                WHERE id = held.realm_id
                LIMIT 1) AS r
          LEFT JOIN environments AS e ON e.id = r.environment_id
          LEFT JOIN projects AS p ON p.id = e.project_id
        """,
        *origin,
        session_id,
        next_digest,
    )
    return _continued(row) if row else None


async def update_amr(
    conn: Connection,
    realm_id: UUID,
    principal_id: UUID,
    session_id: UUID,
    amr: Sequence[str],
    now: datetime,
) -> Session | None:
    """The person's open session with these methods, used now; None if there is none with this id."""
    row = await conn.fetchrow(
        """
        UPDATE sessions
           SET amr = $4, last_active_at = $5
         WHERE id = $3
           AND realm_id IS NOT DISTINCT FROM $1
           AND principal_id IS NOT DISTINCT FROM $2
           AND ended_at IS NULL
           AND (expires_at > $5) IS TRUE
        RETURNING id, seq, realm_id, principal_id, organization_id, surface, amr, provider, address,
                  user_agent, created_at, last_active_at, expires_at
        """,
        realm_id,
        principal_id,
        session_id,
        amr,
        now,
    )
    return session_of(row) if row else None


def _continued(row: Row) -> Continued:
    return Continued(
        session=session_of(row),
        status=PrincipalStatus(row["status"]),
        locked_at=row["locked_at"],
        locked_until=row["locked_until"],
        subject=Subject(row["audience"], row["project_id"], row["email"], row["email_verified"]),
        policy=policy_of_text(row["realm_surface"], row["policy"]),
    )
