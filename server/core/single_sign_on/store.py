"""The SQL of single sign-on."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from server.base.errors import IdentityProviderTaken
from server.core.single_sign_on.model import ProviderType, StoredProvider
from server.db.conflicts import unique
from server.db.pool import Connection, Row


async def insert_provider(
    conn: Connection,
    provider_id: UUID,
    realm_id: UUID,
    *,
    slug: str,
    type_: ProviderType,
    configuration: Mapping[str, object],
    client_secret_sealed: bytes | None,
    now: datetime,
) -> None:
    """The provider exists and is active.

    Raises:
        IdentityProviderTaken: The realm has one of this name.
    """
    with unique("identity_providers_realm_slug_key", IdentityProviderTaken()):
        await conn.execute(
            """
            INSERT INTO identity_providers (id, realm_id, slug, type, configuration, client_secret_sealed,
                                            created_at, updated_at)
            VALUES ($1, $2, $3, $4, $5::jsonb, $6, $7, $7)
            """,
            provider_id,
            realm_id,
            slug,
            type_,
            json.dumps(configuration),
            client_secret_sealed,
            now,
        )


async def select_provider(conn: Connection, realm_id: UUID, slug: str) -> StoredProvider | None:
    """The realm's provider of this name, if there is one."""
    row = await conn.fetchrow(
        """
        SELECT id, realm_id, slug, type, active, configuration, client_secret_sealed, created_at, updated_at
          FROM identity_providers
         WHERE realm_id = $1
           AND slug = $2
        """,
        realm_id,
        slug,
    )
    return _provider(row) if row else None


async def select_providers(conn: Connection, realm_id: UUID) -> list[StoredProvider]:
    """The realm's providers by name."""
    rows = await conn.fetch(
        """
        SELECT id, realm_id, slug, type, active, configuration, client_secret_sealed, created_at, updated_at
          FROM identity_providers
         WHERE realm_id = $1
         ORDER BY slug
        """,
        realm_id,
    )
    return [_provider(row) for row in rows]


async def update_provider_active(
    conn: Connection, realm_id: UUID, slug: str, *, active: bool, now: datetime
) -> bool:
    """The provider is *active*; False if it was before, or does not exist."""
    moved = await conn.fetchval(
        """
        UPDATE identity_providers
           SET active = $3, updated_at = $4
         WHERE realm_id = $1
           AND slug = $2
           AND active <> $3
        RETURNING id
        """,
        realm_id,
        slug,
        active,
        now,
    )
    return moved is not None


async def delete_provider(conn: Connection, realm_id: UUID, slug: str) -> bool:
    """The realm has no such provider any more; False if it had none."""
    deleted = await conn.fetchval(
        """
        DELETE FROM identity_providers
         WHERE realm_id = $1
           AND slug = $2
        RETURNING id
        """,
        realm_id,
        slug,
    )
    return deleted is not None


async def lock_identity(conn: Connection, realm_id: UUID, issuer: str, subject: str) -> None:
    """Until the transaction ends nobody else who asks for this lock gets it."""
    await conn.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"{realm_id} {issuer} {subject}"
    )


async def select_principal_id(conn: Connection, realm_id: UUID, issuer: str, subject: str) -> UUID | None:
    """Whose the identity is; None if it is nobody's."""
    found: UUID | None = await conn.fetchval(
        """
        SELECT principal_id
          FROM external_identities
         WHERE realm_id = $1
           AND provider = $2
           AND subject = $3
        """,
        realm_id,
        issuer,
        subject,
    )
    return found


async def update_identity_used(
    conn: Connection, realm_id: UUID, issuer: str, subject: str, *, email: str | None, now: datetime
) -> None:
    """The identity is used now, with this address."""
    await conn.execute(
        """
        UPDATE external_identities
           SET last_used_at = $4, email = $5
         WHERE realm_id = $1
           AND provider = $2
           AND subject = $3
        """,
        realm_id,
        issuer,
        subject,
        now,
        email,
    )


async def insert_identity(
    conn: Connection,
    identity_id: UUID,
    realm_id: UUID,
    principal_id: UUID,
    *,
    issuer: str,
    subject: str,
    email: str | None,
    now: datetime,
) -> None:
    """The identity is this principal's, and is used now."""
    await conn.execute(
        """
        INSERT INTO external_identities (id, realm_id, principal_id, provider, subject, email, linked_at,
                                         last_used_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $7)
        """,
        identity_id,
        realm_id,
        principal_id,
        issuer,
        subject,
        email,
        now,
    )


async def delete_identities(conn: Connection, realm_id: UUID, principal_id: UUID) -> Sequence[UUID]:
    """No identity is the principal's; which were."""
    rows = await conn.fetch(
        """
        DELETE FROM external_identities
         WHERE principal_id = $2
           AND realm_id IS NOT DISTINCT FROM $1
        RETURNING id
        """,
        realm_id,
        principal_id,
    )
    return [row["id"] for row in rows]


def _provider(row: Row) -> StoredProvider:
    return StoredProvider(
        id=row["id"],
        realm_id=row["realm_id"],
        slug=row["slug"],
        type=ProviderType(row["type"]),
        active=row["active"],
        configuration=json.loads(row["configuration"]),
        client_secret_sealed=row["client_secret_sealed"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
