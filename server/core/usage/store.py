"""The SQL of usage."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from server.core.usage.model import Usage, days_from, days_until, month_of
from server.db.pool import Connection

# As many rows a day, so that people who sign in at one moment seldom wait for each other.
PARTS = 16


async def upsert_use(
    conn: Connection,
    realm_id: UUID,
    principal_id: UUID,
    *,
    day: date,
    logins: int,
    tokens: int,
    passwordless: int,
    sso: int,
) -> None:
    """The day's counts of the realm are so much higher, and the principal is active on it."""
    await conn.execute(
        """
        WITH active AS (
            INSERT INTO usage_active_months AS m (realm_id, month, principal_id, days)
            SELECT $1, $9, $3, $10::int
             WHERE NOT EXISTS (
                       SELECT FROM usage_active_months
                        WHERE realm_id = $1 AND month = $9 AND principal_id = $3 AND days & $10::int <> 0)
            ON CONFLICT ON CONSTRAINT usage_active_months_key DO UPDATE SET days = m.days | excluded.days
        )
        INSERT INTO usage_days AS u (realm_id, day, part, logins, tokens_issued, passwordless_logins,
                                     sso_logins)
        VALUES ($1, $2, $4, $5, $6, $7, $8)
        ON CONFLICT ON CONSTRAINT usage_days_key DO UPDATE
           SET logins = u.logins + excluded.logins,
               tokens_issued = u.tokens_issued + excluded.tokens_issued,
               passwordless_logins = u.passwordless_logins + excluded.passwordless_logins,
               sso_logins = u.sso_logins + excluded.sso_logins
        """,
        realm_id,
        day,
        principal_id,
        # Ids are random, so their last digits are too.
        principal_id.int % PARTS,
        logins,
        tokens,
        passwordless,
        sso,
        month_of(day),
        days_from(day) & days_until(day),
    )


async def select_realms(conn: Connection, organization_id: int, project_id: UUID | None) -> Sequence[UUID]:
    """The realms of the organization's project, or of all of them; none if it has no such project."""
    rows = await conn.fetch(
        """
        SELECT r.id
          FROM realms AS r
          JOIN environments AS e ON e.id = r.environment_id
         WHERE r.organization_id = $1
           AND ($2::uuid IS NULL OR e.project_id = $2)
        """,
        organization_id,
        project_id,
    )
    return [row["id"] for row in rows]


async def select_usage(conn: Connection, realm_ids: Sequence[UUID], first: date, last: date) -> Usage:
    """The counts of these days in these realms."""
    row = await conn.fetchrow(
        """
        SELECT (SELECT count(*)
                  FROM (SELECT DISTINCT principal_id
                          FROM usage_active_months
                         WHERE realm_id = ANY ($1::uuid[])
                           AND month BETWEEN $4 AND $5
                           AND days & CASE month WHEN $4 THEN $6::int ELSE -1 END
                                    & CASE month WHEN $5 THEN $7::int ELSE -1 END <> 0
                       ) AS people
               ) AS active_users,
               coalesce(sum(logins), 0)::bigint AS logins,
               coalesce(sum(tokens_issued), 0)::bigint AS tokens_issued,
               coalesce(sum(passwordless_logins), 0)::bigint AS passwordless_logins,
               coalesce(sum(sso_logins), 0)::bigint AS sso_logins
          FROM usage_days
         WHERE realm_id = ANY ($1::uuid[])
           AND day BETWEEN $2 AND $3
        """,
        realm_ids,
        first,
        last,
        month_of(first),
        month_of(last),
        days_from(first),
        days_until(last),
    )
    if row is None:
        raise AssertionError("sums are always there")
    return Usage(
        first=first,
        last=last,
        active_users=row["active_users"],
        logins=row["logins"],
        tokens_issued=row["tokens_issued"],
        passwordless_logins=row["passwordless_logins"],
        sso_logins=row["sso_logins"],
    )
