"""The SQL of what operators see of attempts. No sealed column is read here."""

from datetime import datetime

from server.base.pages import Page, PageRequest
from server.core.auth_attempts.model import AttemptStatus, DenyReason
from server.core.auth_attempts.record import AttemptRecord
from server.core.paging import page_of
from server.db.pool import Connection, Row


async def select_attempt(conn: Connection, attempt_id: int, now: datetime) -> AttemptRecord | None:
    """The attempt, if there is one."""
    row = await conn.fetchrow(
        """
        SELECT id, organization_id, integration_id, enrollment_id,
               CASE WHEN status IN ('PENDING', 'READ') AND expires_at <= $2 THEN 'EXPIRED' ELSE status END
                   AS status,
               challenge_sealed IS NOT NULL AS challenge_required, context_title, context_message,
               deny_reason, created_at, expires_at, read_at, ended_at
          FROM auth_attempts
         WHERE id = $1
        """,
        attempt_id,
        now,
    )
    return _attempt(row) if row else None


async def select_page(
    conn: Connection,
    page: PageRequest,
    *,
    integration_id: int | None,
    enrollment_id: int | None,
    status: AttemptStatus | None,
    now: datetime,
) -> Page[AttemptRecord]:
    """The newest attempts first, of one integration, enrollment or status if asked; search: the title."""
    rows = await conn.fetch(
        """
        WITH listed AS (
            SELECT id, created_at,
                   CASE WHEN status IN ('PENDING', 'READ') AND expires_at <= $5 THEN 'EXPIRED' ELSE status END
                       AS status
              FROM auth_attempts
             WHERE ($1 = '' OR strpos(lower(context_title), lower($1)) > 0)
               AND ($2::int IS NULL OR integration_id = $2)
               AND ($3::int IS NULL OR enrollment_id = $3)
        ), found AS (
            SELECT id, created_at, status
              FROM listed
             WHERE $4::text IS NULL OR status = $4
        ), page AS (
            SELECT id, status
              FROM found
             ORDER BY created_at DESC, id
             LIMIT $6 OFFSET $7
        )
        SELECT whole.total, a.id, a.organization_id, a.integration_id, a.enrollment_id, page.status,
               a.challenge_sealed IS NOT NULL AS challenge_required, a.context_title, a.context_message,
               a.deny_reason, a.created_at, a.expires_at, a.read_at, a.ended_at
          FROM (SELECT count(*) AS total FROM found) AS whole
          LEFT JOIN page ON true
          LEFT JOIN auth_attempts AS a ON a.id = page.id
         ORDER BY a.created_at DESC, a.id
        """,
        page.search,
        integration_id,
        enrollment_id,
        status,
        now,
        page.limit,
        page.offset,
    )
    return page_of(rows, _attempt, page)


def _attempt(row: Row) -> AttemptRecord:
    return AttemptRecord(
        id=row["id"],
        organization_id=row["organization_id"],
        integration_id=row["integration_id"],
        enrollment_id=row["enrollment_id"],
        status=AttemptStatus(row["status"]),
        challenge_required=row["challenge_required"],
        context_title=row["context_title"],
        context_message=row["context_message"],
        deny_reason=DenyReason(row["deny_reason"]) if row["deny_reason"] else None,
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        read_at=row["read_at"],
        ended_at=row["ended_at"],
    )
