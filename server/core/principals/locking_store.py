"""The SQL of failures in a row, of locks, and of the last sign-in. People are looked up as in `store`."""

from datetime import datetime, timedelta
from uuid import UUID

from server.core.principals.model import Counter, Failures, RealmPrincipal
from server.core.principals.rows import principal_of
from server.db.pool import Connection


async def update_failed(
    conn: Connection,
    realm_id: UUID,
    principal_id: UUID,
    counter: Counter,
    *,
    most: int,
    lock_for: timedelta | None,
    now: datetime,
) -> Failures | None:
    """One failure more, and a lock at the most if there is none; None if there is nobody.

    A lock that has ended by itself counts as none. Its failures are still counted: the next one locks again.
    """
    row = await conn.fetchrow(
        """
        WITH held AS (
            SELECT id,
                   failures + ($3 = 'password')::int AS failures,
                   second_factor_failures + ($3 = 'second_factor')::int AS second_factor_failures,
                   CASE $3 WHEN 'password' THEN failures + 1 ELSE second_factor_failures + 1 END AS count,
                   coalesce(locked_until <= $6, locked_at IS NULL) AS can_be_locked
              FROM principals
             WHERE id = $2
               AND realm_id IS NOT DISTINCT FROM $1
               FOR NO KEY UPDATE
        ), locked AS (
            SELECT id, failures, second_factor_failures, count, can_be_locked AND count >= $4 AS locked_now
              FROM held
        ), counted AS (
            UPDATE principals AS p
               SET failures = locked.failures,
                   second_factor_failures = locked.second_factor_failures,
                   locked_at = CASE WHEN locked_now THEN $6 ELSE p.locked_at END,
                   locked_until = CASE WHEN locked_now THEN $6 + $5::interval ELSE p.locked_until END,
                   lock_reason = CASE WHEN locked_now THEN $3 ELSE p.lock_reason END
              FROM locked
             WHERE p.id = locked.id
        )
        SELECT count, locked_now FROM locked
        """,
        realm_id,
        principal_id,
        counter,
        most,
        lock_for,
        now,
    )
    return None if row is None else Failures(row["count"], row["locked_now"])


async def update_unlocked(conn: Connection, realm_id: UUID, principal_id: UUID, now: datetime) -> bool:
    """The person is not locked and has no failures; False if it was so before, or there is nobody."""
    unlocked = await conn.fetchval(
        """
        UPDATE principals
           SET locked_at = NULL, locked_until = NULL, lock_reason = NULL, failures = 0,
               second_factor_failures = 0, updated_at = $3
         WHERE id = $2
           AND realm_id IS NOT DISTINCT FROM $1
           AND (locked_at IS NOT NULL OR failures > 0 OR second_factor_failures > 0)
        RETURNING id
        """,
        realm_id,
        principal_id,
        now,
    )
    return unlocked is not None


async def update_logged_in(
    conn: Connection,
    realm_id: UUID,
    principal_id: UUID,
    *,
    password: bool,
    second_factor: bool,
    is_login: bool,
    now: datetime,
) -> RealmPrincipal | None:
    """The person signed in now, and these failures are forgotten; None if there is nobody.

    A lock that has ended by itself is taken away.
    """
    row = await conn.fetchrow(
        """
        UPDATE principals
           SET failures = CASE WHEN $3 THEN 0 ELSE failures END,
               second_factor_failures = CASE WHEN $4 THEN 0 ELSE second_factor_failures END,
               last_login_at = CASE WHEN $5 THEN $6 ELSE last_login_at END,
               locked_at = CASE WHEN locked_until <= $6 THEN NULL ELSE locked_at END,
               locked_until = CASE WHEN locked_until <= $6 THEN NULL ELSE locked_until END,
               lock_reason = CASE WHEN locked_until <= $6 THEN NULL ELSE lock_reason END
         WHERE id = $2
           AND realm_id IS NOT DISTINCT FROM $1
        RETURNING id, seq, realm_id, email, email_verified, username, phone, phone_verified, display_name,
                  locale, metadata, status, locked_at, locked_until, last_login_at, created_at, updated_at
        """,
        realm_id,
        principal_id,
        password,
        second_factor,
        is_login,
        now,
    )
    return principal_of(row) if row else None
