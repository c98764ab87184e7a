"""The SQL of projects' API keys. They share a table with those of integrations."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from server.core.api_keys.model import ProjectCredential, ProjectKey, Scope
from server.db.pool import Connection, Row, by_place, columns, together


class ShownKey(NamedTuple):
    """The public part of a key that somebody shows."""

    key_id: str


async def select_environment_for_share(
    conn: Connection, organization_id: int, project_id: UUID
) -> UUID | None:
    """The project's environment; until the transaction ends nobody deletes it. None: no such project."""
    environment_id: UUID | None = await conn.fetchval(
        """
        SELECT id
          FROM environments
         WHERE organization_id = $1
           AND project_id = $2
           AND type = 'DEFAULT'
           FOR KEY SHARE
        """,
        organization_id,
        project_id,
    )
    return environment_id


async def select_has_project(conn: Connection, organization_id: int, project_id: UUID) -> bool:
    """Whether the organization has this project."""
    known: bool = await conn.fetchval(
        "SELECT EXISTS (SELECT FROM environments WHERE organization_id = $1 AND project_id = $2)",
        organization_id,
        project_id,
    )
    return known


async def insert_project_key(
    conn: Connection, api_key_id: int, key: ProjectKey, environment_id: UUID, key_digest: bytes
) -> bool:
    """The key works; False if the id is taken."""
    inserted = await conn.fetchval(
        """
        INSERT INTO api_keys (id, uid, organization_id, environment_id, key_id, secret_digest, label, scopes,
                              expires_at, created_at, updated_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)
        ON CONFLICT (id) DO NOTHING
        RETURNING id
        """,
        api_key_id,
        key.uid,
        key.organization_id,
        environment_id,
        key.key_id,
        key_digest,
        key.label,
        list(key.scopes),
        key.expires_at,
        key.created_at,
    )
    return inserted is not None


async def select_project_keys(
    conn: Connection, organization_id: int, project_id: UUID | None, limit: int
) -> tuple[ProjectKey, ...]:
    """The newest keys first, of one project if asked; none that was revoked."""
    rows = await conn.fetch(
        """
        SELECT k.uid, k.key_id, k.organization_id, e.project_id, k.label, k.scopes, k.expires_at, k.created_at
          FROM api_keys AS k
          JOIN environments AS e ON e.organization_id = k.organization_id AND e.id = k.environment_id
         WHERE k.organization_id = $1
           AND ($2::uuid IS NULL OR e.project_id = $2)
           AND k.revoked_at IS NULL
         ORDER BY k.created_at DESC, k.id
         LIMIT $3
        """,
        organization_id,
        project_id,
        limit,
    )
    return tuple(_project_key(row) for row in rows)


async def update_project_key_revoked(
    conn: Connection, organization_id: int, uid: UUID, now: datetime
) -> str | None:
    """The key is revoked now, and its name is returned; None if it was before, or there is none."""
    key_id: str | None = await conn.fetchval(
        """
        UPDATE api_keys
           SET revoked_at = $3, updated_at = $3
         WHERE organization_id = $1
           AND uid = $2
           AND environment_id IS NOT NULL
           AND revoked_at IS NULL
        RETURNING key_id
        """,
        organization_id,
        uid,
        now,
    )
    return key_id


async def select_project_credential(conn: Connection, key_id: str) -> ProjectCredential | None:
    """The key of this name with its project, and whether its organization is active.

    Keys that are shown at one moment share one statement.
    """
    # One key may be shown twice at one moment, and be answered twice by one statement.
    return await together(conn, _select_project_credentials, ShownKey(key_id), key=object())


async def _select_project_credentials(
    conn: Connection, shown: Sequence[ShownKey]
) -> Sequence[ProjectCredential | None]:
    rows = await conn.fetch(
        """
        SELECT shown.place, k.id, k.uid, k.key_id, k.organization_id, e.project_id, r.id AS realm_id,
               k.scopes, p.allowed_origins, k.secret_digest, k.expires_at, k.revoked_at, k.last_used_at,
               o.active AS owner_active
          -- Behind a SELECT one plan is as good for one as for many, and is made once.
          FROM unnest((SELECT $1::text[])) WITH ORDINALITY AS shown (key_id, place)
         CROSS JOIN LATERAL (
               SELECT id, uid, key_id, organization_id, environment_id, scopes, secret_digest, expires_at,
                      revoked_at, last_used_at
                 FROM api_keys
                WHERE key_id = shown.key_id
                LIMIT 1) AS k
         CROSS JOIN LATERAL (
               SELECT id, project_id FROM environments WHERE id = k.environment_id LIMIT 1) AS e
         CROSS JOIN LATERAL (
               SELECT allowed_origins FROM projects WHERE id = e.project_id LIMIT 1) AS p
         CROSS JOIN LATERAL (SELECT id FROM realms WHERE environment_id = e.id LIMIT 1) AS r
         CROSS JOIN LATERAL (
               SELECT active FROM organizations WHERE id = k.organization_id LIMIT 1) AS o
        """,
        *columns(shown),
    )
    return by_place(rows, _project_credential, len(shown))


def _project_credential(row: Row) -> ProjectCredential:
    return ProjectCredential(
        id=row["id"],
        uid=row["uid"],
        key_id=row["key_id"],
        organization_id=row["organization_id"],
        project_id=row["project_id"],
        realm_id=row["realm_id"],
        scopes=frozenset(row["scopes"]),
        allowed_origins=tuple(row["allowed_origins"]),
        key_digest=row["secret_digest"],
        expires_at=row["expires_at"],
        revoked_at=row["revoked_at"],
        last_used_at=row["last_used_at"],
        owner_active=row["owner_active"],
    )


def _project_key(row: Row) -> ProjectKey:
    return ProjectKey(
        uid=row["uid"],
        key_id=row["key_id"],
        organization_id=row["organization_id"],
        project_id=row["project_id"],
        label=row["label"],
        scopes=tuple(Scope(scope) for scope in row["scopes"]),
        expires_at=row["expires_at"],
        created_at=row["created_at"],
    )
