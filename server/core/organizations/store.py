"""The SQL of tenants."""

from datetime import datetime

from server.base.errors import TenantNameTaken
from server.base.pages import Page, PageRequest
from server.core.organizations.model import Tenant
from server.core.paging import page_of
from server.db.conflicts import unique
from server.db.pool import Connection, Row


async def insert_tenant(
    conn: Connection, tenant_id: int, *, name: str, description: str | None, now: datetime
) -> bool:
    """The tenant exists and is active; False if the id is taken.

    Raises:
        TenantNameTaken: Another tenant has this name, in any casing.
    """
    with unique("organizations_kind_name_key", TenantNameTaken()):
        inserted = await conn.fetchval(
            """
            INSERT INTO organizations (id, kind, name, description, active, created_at, updated_at)
            VALUES ($1, 'tenant', $2, $3, true, $4, $4)
            ON CONFLICT (id) DO NOTHING
            RETURNING id
            """,
            tenant_id,
            name,
            description,
            now,
        )
    return inserted is not None


async def select_tenant(conn: Connection, tenant_id: int) -> Tenant | None:
    """The tenant, if there is one."""
    row = await conn.fetchrow(
        """
        SELECT id, name, description, active, created_at, updated_at
          FROM organizations
         WHERE id = $1
           AND kind = 'tenant'
        """,
        tenant_id,
    )
    return _tenant(row) if row else None


async def select_tenant_for_update(conn: Connection, tenant_id: int) -> Tenant | None:
    """The tenant, if there is one; nobody else changes it until the transaction ends."""
    row = await conn.fetchrow(
        """
        SELECT id, name, description, active, created_at, updated_at
          FROM organizations
         WHERE id = $1
           AND kind = 'tenant'
           FOR NO KEY UPDATE
        """,
        tenant_id,
    )
    return _tenant(row) if row else None


async def select_page(conn: Connection, page: PageRequest, *, active: bool | None) -> Page[Tenant]:
    """The newest tenants first; search is in name and description."""
    rows = await conn.fetch(
        """
        WITH found AS (
            SELECT id, name, description, active, created_at, updated_at
              FROM organizations
             WHERE kind = 'tenant'
               AND strpos(lower(name || ' ' || coalesce(description, '')), lower($1)) > 0
               AND ($2::bool IS NULL OR active = $2)
        ), page AS (
            SELECT id, name, description, active, created_at, updated_at
              FROM found
             ORDER BY created_at DESC, id
             LIMIT $3 OFFSET $4
        )
        SELECT whole.total, page.id, page.name, page.description, page.active, page.created_at,
               page.updated_at
          FROM (SELECT count(*) AS total FROM found) AS whole LEFT JOIN page ON true
         ORDER BY page.created_at DESC, page.id
        """,
        page.search,
        active,
        page.limit,
        page.offset,
    )
    return page_of(rows, _tenant, page)


async def update_tenant(
    conn: Connection, tenant_id: int, *, name: str, description: str | None, now: datetime
) -> None:
    """The tenant is called and described so.

    Raises:
        TenantNameTaken: Another tenant has this name, in any casing.
    """
    with unique("organizations_kind_name_key", TenantNameTaken()):
        await conn.execute(
            """
            UPDATE organizations
               SET name = $2, description = $3, updated_at = $4
             WHERE id = $1
               AND kind = 'tenant'
            """,
            tenant_id,
            name,
            description,
            now,
        )


async def update_tenant_active(conn: Connection, tenant_id: int, *, active: bool, now: datetime) -> bool:
    """The tenant is *active*; False if it was before, or does not exist."""
    moved = await conn.fetchval(
        """
        UPDATE organizations
           SET active = $2, updated_at = $3
         WHERE id = $1
           AND kind = 'tenant'
           AND active <> $2
        RETURNING id
        """,
        tenant_id,
        active,
        now,
    )
    return moved is not None


def _tenant(row: Row) -> Tenant:
    return Tenant(
        id=row["id"],
        name=row["name"],
        description=row["description"],
        active=row["active"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
