"""The SQL of what operators do with integrations' API keys. Projects' keys share the table."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from server.base.pages import Page, PageRequest
from server.core.api_keys.model import ApiKey, Network
from server.core.paging import page_of
from server.db.pool import Connection, Row


@dataclass(frozen=True, slots=True)
class Owner:
    """The integration of a key, and what must hold before it gets another one."""

    organization_id: int
    active: bool
    tenant_active: bool


async def select_owner_for_update(conn: Connection, integration_id: int) -> Owner | None:
    """The integration, if there is one; until the transaction ends nobody else makes keys for it."""
    row = await conn.fetchrow(
        """
        SELECT i.organization_id, i.active, o.active AS tenant_active
          FROM integrations AS i
          JOIN organizations AS o ON o.id = i.organization_id
         WHERE i.id = $1
           FOR NO KEY UPDATE OF i
           FOR SHARE OF o
        """,
        integration_id,
    )
    return Owner(row["organization_id"], row["active"], row["tenant_active"]) if row else None


async def select_active_count(
    conn: Connection, organization_id: int, integration_id: int, now: datetime
) -> int:
    """How many keys of the integration work now."""
    count: int = await conn.fetchval(
        """
        SELECT count(*)
          FROM api_keys
         WHERE organization_id = $1
           AND integration_id = $2
           AND revoked_at IS NULL
           AND (expires_at IS NULL OR expires_at > $3)
        """,
        organization_id,
        integration_id,
        now,
    )
    return count


async def insert_api_key(
    conn: Connection,
    api_key_id: int,
    *,
    organization_id: int,
    integration_id: int,
    key_id: str,
    secret_digest: bytes,
    label: str,
    ip_whitelist: Sequence[Network],
    expires_at: datetime | None,
    now: datetime,
) -> bool:
    """The key works; False if the id is taken."""
    inserted = await conn.fetchval(
        """
        INSERT INTO api_keys (id, organization_id, integration_id, key_id, secret_digest, label, ip_whitelist,
                              expires_at, created_at, updated_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)
        ON CONFLICT (id) DO NOTHING
        RETURNING id
        """,
        api_key_id,
        organization_id,
        integration_id,
        key_id,
        secret_digest,
        label,
        list(ip_whitelist),
        expires_at,
        now,
    )
    return inserted is not None


async def select_api_key(conn: Connection, api_key_id: int, now: datetime) -> ApiKey | None:
    """The key, if there is one."""
    row = await conn.fetchrow(
        """
        SELECT id, organization_id, integration_id, key_id, label, ip_whitelist,
               revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2) AS active,
               expires_at, revoked_at, replaced_by, last_used_at, created_at, updated_at
          FROM api_keys
         WHERE id = $1
           AND integration_id IS NOT NULL
        """,
        api_key_id,
        now,
    )
    return _api_key(row) if row else None


async def select_api_key_for_update(conn: Connection, api_key_id: int, now: datetime) -> ApiKey | None:
    """The key, if there is one; nobody else changes it until the transaction ends."""
    row = await conn.fetchrow(
        """
        SELECT id, organization_id, integration_id, key_id, label, ip_whitelist,
               revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2) AS active,
               expires_at, revoked_at, replaced_by, last_used_at, created_at, updated_at
          FROM api_keys
         WHERE id = $1
           AND integration_id IS NOT NULL
           FOR NO KEY UPDATE
        """,
        api_key_id,
        now,
    )
    return _api_key(row) if row else None


async def select_page(
    conn: Connection, page: PageRequest, *, integration_id: int | None, active: bool | None, now: datetime
) -> Page[ApiKey]:
    """The newest keys first, of one integration if asked; search is in label and key id."""
    rows = await conn.fetch(
        """
        WITH listed AS (
            SELECT id, organization_id, integration_id, key_id, label, ip_whitelist,
                   revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $4) AS active,
                   expires_at, revoked_at, replaced_by, last_used_at, created_at, updated_at
              FROM api_keys
             WHERE integration_id IS NOT NULL
               AND strpos(lower(label || ' ' || key_id), lower($1)) > 0
               AND ($2::int IS NULL OR integration_id = $2)
        ), found AS (
            SELECT id, organization_id, integration_id, key_id, label, ip_whitelist, active, expires_at,
                   revoked_at, replaced_by, last_used_at, created_at, updated_at
              FROM listed
             WHERE $3::bool IS NULL OR active = $3
        ), page AS (
            SELECT id, organization_id, integration_id, key_id, label, ip_whitelist, active, expires_at,
                   revoked_at, replaced_by, last_used_at, created_at, updated_at
              FROM found
             ORDER BY created_at DESC, id
             LIMIT $5 OFFSET $6
        )
        SELECT whole.total, page.id, page.organization_id, page.integration_id, page.key_id, page.label,
               page.ip_whitelist, page.active, page.expires_at, page.revoked_at, page.replaced_by,
               page.last_used_at, page.created_at, page.updated_at
          FROM (SELECT count(*) AS total FROM found) AS whole LEFT JOIN page ON true
         ORDER BY page.created_at DESC, page.id
        """,
        page.search,
        integration_id,
        active,
        now,
        page.limit,
        page.offset,
    )
    return page_of(rows, _api_key, page)


async def update_api_key(conn: Connection, key: ApiKey, now: datetime) -> None:
    """The key's label, expiry and addresses are those of *key*."""
    await conn.execute(
        """
        UPDATE api_keys
           SET label = $3, expires_at = $4, ip_whitelist = $5, updated_at = $6
         WHERE organization_id = $1
           AND id = $2
        """,
        key.organization_id,
        key.id,
        key.label,
        key.expires_at,
        list(key.ip_whitelist),
        now,
    )


async def update_api_key_replaced(
    conn: Connection,
    organization_id: int,
    api_key_id: int,
    *,
    replaced_by: int,
    expires_at: datetime,
    now: datetime,
) -> None:
    """Another key took the place of this one, which works until *expires_at*."""
    await conn.execute(
        """
        UPDATE api_keys
           SET replaced_by = $3, expires_at = $4, updated_at = $5
         WHERE organization_id = $1
           AND id = $2
        """,
        organization_id,
        api_key_id,
        replaced_by,
        expires_at,
        now,
    )


async def update_api_key_revoked(conn: Connection, api_key_id: int, now: datetime) -> bool:
    """The key is revoked now; False if it was before or does not exist."""
    revoked = await conn.fetchval(
        """
        UPDATE api_keys
           SET revoked_at = $2, updated_at = $2
         WHERE id = $1
           AND integration_id IS NOT NULL
           AND revoked_at IS NULL
        RETURNING id
        """,
        api_key_id,
        now,
    )
    return revoked is not None


def _api_key(row: Row) -> ApiKey:
    return ApiKey(
        id=row["id"],
        organization_id=row["organization_id"],
        integration_id=row["integration_id"],
        key_id=row["key_id"],
        label=row["label"],
        ip_whitelist=tuple(row["ip_whitelist"]),
        active=row["active"],
        expires_at=row["expires_at"],
        revoked_at=row["revoked_at"],
        replaced_by=row["replaced_by"],
        last_used_at=row["last_used_at"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
