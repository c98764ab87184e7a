"""The SQL of customers' organizations."""

from datetime import datetime

from server.base.errors import OrganizationNameTaken
from server.core.organizations.model import Organization
from server.db.conflicts import unique
from server.db.pool import Connection, Row


async def insert_customer(conn: Connection, organization_id: int, *, name: str, now: datetime) -> bool:
    """The organization exists and is active; False if the id is taken.

    Raises:
        OrganizationNameTaken: Another customer has this name, in any casing.
    """
    with unique("organizations_kind_name_key", OrganizationNameTaken()):
        inserted = await conn.fetchval(
            """
            INSERT INTO organizations (id, kind, name, active, created_at, updated_at)
            VALUES ($1, 'customer', $2, true, $3, $3)
            ON CONFLICT (id) DO NOTHING
            RETURNING id
            """,
            organization_id,
            name,
            now,
        )
    return inserted is not None


async def select_customer_by_name(conn: Connection, name: str) -> Organization | None:
    """The organization of this name, in any casing, if there is one."""
    row = await conn.fetchrow(
        """
        SELECT id, name, active, created_at
          FROM organizations
         WHERE kind = 'customer'
           AND lower(name) = lower($1)
        """,
        name,
    )
    return _organization(row) if row else None


async def select_customers(conn: Connection) -> tuple[Organization, ...]:
    """All organizations, by name."""
    rows = await conn.fetch(
        """
        SELECT id, name, active, created_at
          FROM organizations
         WHERE kind = 'customer'
         ORDER BY lower(name)
        """
    )
    return tuple(_organization(row) for row in rows)


def _organization(row: Row) -> Organization:
    return Organization(row["id"], row["name"], active=row["active"], created_at=row["created_at"])
