"""The SQL of operator keys."""

from datetime import datetime

from server.base.pages import Page, PageRequest
from server.core.api_keys.model import OperatorKey
from server.core.paging import page_of
from server.db.pool import Connection, Row


async def insert_operator_key(
    conn: Connection,
    operator_key_id: int,
    *,
    key_id: str,
    key_digest: bytes,
    label: str,
    expires_at: datetime | None,
    now: datetime,
) -> bool:
    """The operator key works; False if the id is taken."""
    inserted = await conn.fetchval(
        """
        INSERT INTO operator_keys (id, key_id, key_digest, label, expires_at, created_at)
        VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (id) DO NOTHING
        RETURNING id
        """,
        operator_key_id,
        key_id,
        key_digest,
        label,
        expires_at,
        now,
    )
    return inserted is not None


async def select_operator_key(conn: Connection, operator_key_id: int, now: datetime) -> OperatorKey | None:
    """The operator key, if there is one."""
    row = await conn.fetchrow(
        """
        SELECT id, key_id, label, revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2) AS active,
               expires_at, revoked_at, last_used_at, created_at
          FROM operator_keys
         WHERE id = $1
        """,
        operator_key_id,
        now,
    )
    return _operator_key(row) if row else None


async def select_page(
    conn: Connection, page: PageRequest, *, active: bool | None, now: datetime
) -> Page[OperatorKey]:
    """The newest operator keys first; search is in label and key id."""
    rows = await conn.fetch(
        """
        WITH listed AS (
            SELECT id, key_id, label,
                   revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $3) AS active,
                   expires_at, revoked_at, last_used_at, created_at
              FROM operator_keys
             WHERE strpos(lower(label || ' ' || key_id), lower($1)) > 0
        ), found AS (
            SELECT id, key_id, label, active, expires_at, revoked_at, last_used_at, created_at
              FROM listed
             WHERE $2::bool IS NULL OR active = $2
        ), page AS (
            SELECT id, key_id, label, active, expires_at, revoked_at, last_used_at, created_at
              FROM found
             ORDER BY created_at DESC, id
             LIMIT $4 OFFSET $5
        )
        SELECT whole.total, page.id, page.key_id, page.label, page.active, page.expires_at, page.revoked_at,
               page.last_used_at, page.created_at
          FROM (SELECT count(*) AS total FROM found) AS whole LEFT JOIN page ON true
         ORDER BY page.created_at DESC, page.id
        """,
        page.search,
        active,
        now,
        page.limit,
        page.offset,
    )
    return page_of(rows, _operator_key, page)


async def update_operator_key_revoked(conn: Connection, operator_key_id: int, now: datetime) -> bool:
    """The operator key is revoked now; False if it was before or does not exist."""
    revoked = await conn.fetchval(
        """
        UPDATE operator_keys
           SET revoked_at = $2
         WHERE id = $1
           AND revoked_at IS NULL
        RETURNING id
        """,
        operator_key_id,
        now,
    )
    return revoked is not None


def _operator_key(row: Row) -> OperatorKey:
    return OperatorKey(
        id=row["id"],
        key_id=row["key_id"],
        label=row["label"],
        active=row["active"],
        expires_at=row["expires_at"],
        revoked_at=row["revoked_at"],
        last_used_at=row["last_used_at"],
        created_at=row["created_at"],
    )
