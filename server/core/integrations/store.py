"""The SQL of integrations and of the keys they sign with."""

from datetime import datetime

from server.base.errors import IntegrationNameTaken
from server.base.pages import Page, PageRequest
from server.core.integrations.model import Integration
from server.core.paging import page_of
from server.db.conflicts import unique
from server.db.pool import Connection, Row

NO_SIGNING_KEY = 0  # never the id of one


async def select_tenant_active_for_share(conn: Connection, tenant_id: int) -> bool | None:
    """Whether the tenant is active, which stays so until the transaction ends; None if there is none."""
    active: bool | None = await conn.fetchval(
        """
        SELECT active
          FROM organizations
         WHERE id = $1
           AND kind = 'tenant'
           FOR SHARE
        """,
        tenant_id,
    )
    return active


async def insert_integration(
    conn: Connection,
    integration_id: int,
    *,
    organization_id: int,
    name: str,
    description: str | None,
    attempt_ttl_seconds: int | None,
    challenge_digits: int | None,
    now: datetime,
) -> bool:
    """The integration exists and is active, still without a signing key; False if the id is taken.

    The transaction cannot be committed before `update_signing_key` gave it one.

    Raises:
        IntegrationNameTaken: Another integration of the tenant has this name, in any casing.
    """
    with unique("integrations_organization_name_key", IntegrationNameTaken()):
        inserted = await conn.fetchval(
            """
            INSERT INTO integrations (id, organization_id, name, description, active, attempt_ttl_seconds,
                                      challenge_digits, signing_key_id, created_at, updated_at)
            VALUES ($1, $2, $3, $4, true, $5, $6, $7, $8, $8)
            ON CONFLICT (id) DO NOTHING
            RETURNING id
            """,
            integration_id,
            organization_id,
            name,
            description,
            attempt_ttl_seconds,
            challenge_digits,
            NO_SIGNING_KEY,
            now,
        )
    return inserted is not None


async def insert_signing_key(
    conn: Connection,
    signing_key_id: int,
    *,
    organization_id: int,
    integration_id: int,
    public_key: bytes,
    private_key_sealed: bytes,
    now: datetime,
) -> bool:
    """The integration has this key; nothing is signed with it yet. False if the id is taken."""
    inserted = await conn.fetchval(
        """
        INSERT INTO integration_signing_keys (id, organization_id, integration_id, public_key,
                                              private_key_sealed, created_at)
        VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (id) DO NOTHING
        RETURNING id
        """,
        signing_key_id,
        organization_id,
        integration_id,
        public_key,
        private_key_sealed,
        now,
    )
    return inserted is not None


async def update_signing_key(
    conn: Connection, organization_id: int, integration_id: int, signing_key_id: int, now: datetime
) -> None:
    """The integration's new enrollments are bound with this key; its other keys are retired, and kept."""
    await conn.execute(
        """
        WITH retired AS (
            UPDATE integration_signing_keys
               SET retired_at = $4
             WHERE organization_id = $1
               AND integration_id = $2
               AND id <> $3
               AND retired_at IS NULL
        )
        UPDATE integrations
           SET signing_key_id = $3, updated_at = $4
         WHERE organization_id = $1
           AND id = $2
        """,
        organization_id,
        integration_id,
        signing_key_id,
        now,
    )


async def select_integration(conn: Connection, integration_id: int) -> Integration | None:
    """The integration, if there is one."""
    row = await conn.fetchrow(
        """
        SELECT i.id, i.organization_id, i.name, i.description, i.active, i.attempt_ttl_seconds,
               i.challenge_digits, i.signing_key_id, k.public_key, i.created_at, i.updated_at
          FROM integrations AS i
          JOIN integration_signing_keys AS k ON k.id = i.signing_key_id
         WHERE i.id = $1
        """,
        integration_id,
    )
    return _integration(row) if row else None


async def select_integration_for_update(conn: Connection, integration_id: int) -> None:
    """Nobody else changes the integration, if there is one, until the transaction ends.

    It is read after this, by a statement of its own: a join would pair the row that this one waited for
    with the signing key of before.
    """
    await conn.execute("SELECT id FROM integrations WHERE id = $1 FOR NO KEY UPDATE", integration_id)


async def select_page(
    conn: Connection, page: PageRequest, *, organization_id: int | None, active: bool | None
) -> Page[Integration]:
    """The newest integrations first, of one tenant if asked; search is in name and description."""
    rows = await conn.fetch(
        """
        WITH found AS (
            SELECT i.id, i.organization_id, i.name, i.description, i.active, i.attempt_ttl_seconds,
                   i.challenge_digits, i.signing_key_id, k.public_key, i.created_at, i.updated_at
              FROM integrations AS i
              JOIN integration_signing_keys AS k ON k.id = i.signing_key_id
             WHERE strpos(lower(i.name || ' ' || coalesce(i.description, '')), lower($1)) > 0
               AND ($2::int IS NULL OR i.organization_id = $2)
               AND ($3::bool IS NULL OR i.active = $3)
        ), page AS (
            SELECT id, organization_id, name, description, active, attempt_ttl_seconds, challenge_digits,
                   signing_key_id, public_key, created_at, updated_at
              FROM found
             ORDER BY created_at DESC, id
             LIMIT $4 OFFSET $5
        )
        SELECT whole.total, page.id, page.organization_id, page.name, page.description, page.active,
               page.attempt_ttl_seconds, page.challenge_digits, page.signing_key_id, page.public_key,
               page.created_at, page.updated_at
          FROM (SELECT count(*) AS total FROM found) AS whole LEFT JOIN page ON true
         ORDER BY page.created_at DESC, page.id
        """,
        page.search,
        organization_id,
        active,
        page.limit,
        page.offset,
    )
    return page_of(rows, _integration, page)


async def update_integration(conn: Connection, integration: Integration, now: datetime) -> None:
    """The integration is called, described and set so.

    Raises:
        IntegrationNameTaken: Another integration of the tenant has this name, in any casing.
    """
    with unique("integrations_organization_name_key", IntegrationNameTaken()):
        await conn.execute(
            """
            UPDATE integrations
               SET name = $3, description = $4, attempt_ttl_seconds = $5, challenge_digits = $6,
                   updated_at = $7
             WHERE organization_id = $1
               AND id = $2
            """,
            integration.organization_id,
            integration.id,
            integration.name,
            integration.description,
            integration.attempt_ttl_seconds,
            integration.challenge_digits,
            now,
        )


async def update_integration_active(
    conn: Connection, integration_id: int, *, active: bool, now: datetime
) -> int | None:
    """The integration is *active*; the id of its tenant, or None if it was before or does not exist."""
    organization_id: int | None = await conn.fetchval(
        """
        UPDATE integrations
           SET active = $2, updated_at = $3
         WHERE id = $1
           AND active <> $2
        RETURNING organization_id
        """,
        integration_id,
        active,
        now,
    )
    return organization_id


def _integration(row: Row) -> Integration:
    return Integration(
        id=row["id"],
        organization_id=row["organization_id"],
        name=row["name"],
        description=row["description"],
        active=row["active"],
        attempt_ttl_seconds=row["attempt_ttl_seconds"],
        challenge_digits=row["challenge_digits"],
        signing_key_id=row["signing_key_id"],
        public_key=row["public_key"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
