"""The SQL of realms. What is stored of a policy is JSON text here."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from server.core.realms.model import Realm, RealmKind
from server.core.realms.stored_policy import policy_of_text
from server.db.pool import Connection, Row


@dataclass(frozen=True, slots=True)
class StoredPolicy:
    """What differs in a realm from its surface's policy."""

    surface: str
    organization_id: int | None
    differences: Mapping[str, object]


async def insert_realm(
    conn: Connection,
    realm_id: UUID,
    *,
    kind: RealmKind,
    surface: str,
    organization_id: int | None,
    environment_id: UUID | None,
    differences: Mapping[str, object],
    now: datetime,
) -> None:
    """The realm exists."""
    await conn.execute(
        """
        INSERT INTO realms (id, kind, surface, organization_id, environment_id, policy, created_at,
                            updated_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $7)
        """,
        realm_id,
        kind,
        surface,
        organization_id,
        environment_id,
        json.dumps(differences),
        now,
    )


async def select_realm(conn: Connection, realm_id: UUID, instance_name: str) -> Realm | None:
    """The realm, if there is one."""
    row = await conn.fetchrow(
        """
        SELECT r.id, r.kind, r.surface, r.name, r.organization_id, r.environment_id, r.push_integration_id,
               r.policy, p.id AS project_id, coalesce(p.name, $2) AS app_name, p.login_id, p.redirect_url,
               p.allowed_origins
          FROM realms AS r
          LEFT JOIN environments AS e ON e.id = r.environment_id
          LEFT JOIN projects AS p ON p.id = e.project_id
         WHERE r.id = $1
        """,
        realm_id,
        instance_name,
    )
    return realm_of(row) if row else None


async def select_named_realm(conn: Connection, name: str, instance_name: str) -> Realm | None:
    """The realm of this name, if there is one."""
    row = await conn.fetchrow(
        """
        SELECT id, kind, surface, name, organization_id, environment_id, push_integration_id, policy,
               NULL::uuid AS project_id, $2::text AS app_name, NULL AS login_id, NULL AS redirect_url,
               '{}'::text[] AS allowed_origins
          FROM realms
         WHERE name = $1
        """,
        name,
        instance_name,
    )
    return realm_of(row) if row else None


async def select_project_realm_id(
    conn: Connection, *, project_id: UUID | None, login_id: str | None
) -> UUID | None:
    """The realm of the DEFAULT environment of the project with this id or public name."""
    realm_id: UUID | None = await conn.fetchval(
        """
        SELECT r.id
          FROM projects AS p
          JOIN environments AS e ON e.project_id = p.id AND e.type = 'DEFAULT'
          JOIN realms AS r ON r.environment_id = e.id
         WHERE p.id = $1
            OR p.login_id = $2
        """,
        project_id,
        login_id,
    )
    return realm_id


async def select_realms(conn: Connection, instance_name: str) -> tuple[Realm, ...]:
    """All realms: the instance's own by name, then the others by age."""
    rows = await conn.fetch(
        """
        SELECT r.id, r.kind, r.surface, r.name, r.organization_id, r.environment_id, r.push_integration_id,
               r.policy, p.id AS project_id, coalesce(p.name, $1) AS app_name, p.login_id, p.redirect_url,
               p.allowed_origins
          FROM realms AS r
          LEFT JOIN environments AS e ON e.id = r.environment_id
          LEFT JOIN projects AS p ON p.id = e.project_id
         ORDER BY r.name, r.created_at, r.id
        """,
        instance_name,
    )
    return tuple(realm_of(row) for row in rows)


async def select_policy_for_update(conn: Connection, realm_id: UUID) -> StoredPolicy | None:
    """What the realm stores; nobody else changes it until the transaction ends."""
    row = await conn.fetchrow(
        "SELECT surface, organization_id, policy FROM realms WHERE id = $1 FOR NO KEY UPDATE", realm_id
    )
    if row is None:
        return None
    return StoredPolicy(row["surface"], row["organization_id"], json.loads(row["policy"]))


async def update_policy(
    conn: Connection, realm_id: UUID, differences: Mapping[str, object], now: datetime
) -> None:
    """The realm stores these differences."""
    await conn.execute(
        "UPDATE realms SET policy = $2, updated_at = $3 WHERE id = $1", realm_id, json.dumps(differences), now
    )


async def update_push_integration(
    conn: Connection, realm_id: UUID, integration_id: int | None, now: datetime
) -> bool:
    """The realm's second factors are enrollments of this integration; False if it is not an active one."""
    updated = await conn.fetchval(
        """
        UPDATE realms
           SET push_integration_id = $2, updated_at = $3
         WHERE id = $1
           AND ($2::int IS NULL OR EXISTS (SELECT FROM integrations WHERE id = $2 AND active))
        RETURNING id
        """,
        realm_id,
        integration_id,
        now,
    )
    return updated is not None


def realm_of(row: Row) -> Realm:
    """The realm that a row with these columns is."""
    return Realm(
        id=row["id"],
        kind=RealmKind(row["kind"]),
        surface=row["surface"],
        name=row["name"],
        organization_id=row["organization_id"],
        project_id=row["project_id"],
        environment_id=row["environment_id"],
        app_name=row["app_name"],
        login_id=row["login_id"],
        redirect_url=row["redirect_url"],
        allowed_origins=tuple(row["allowed_origins"] or ()),
        push_integration_id=row["push_integration_id"],
        policy=policy_of_text(row["surface"], row["policy"]),
    )
