"""The SQL of projects. What of one is its realm's policy is read here and written by the realms."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from server.base.pages import CursorPage, CursorRequest
from server.core.projects.model import Project
from server.core.realms.policy import MfaMode
from server.core.realms.stored_policy import policy_of
from server.db.pool import Connection, Row

# A project of millions of users goes in one statement.
DELETE_SECONDS: Final = 600.0


async def insert_project(
    conn: Connection,
    project_id: UUID,
    environment_id: UUID,
    *,
    organization_id: int,
    name: str,
    description: str | None,
    login_id: str,
    redirect_url: str,
    allowed_origins: Sequence[str],
    now: datetime,
) -> None:
    """The project exists with its one environment, which is to get a realm."""
    await conn.execute(
        """
        WITH project AS (
            INSERT INTO projects (id, organization_id, name, description, login_id, redirect_url,
                                  allowed_origins, created_at, updated_at)
            VALUES ($1, $3, $4, $5, $6, $7, $8, $9, $9)
        )
        INSERT INTO environments (id, organization_id, project_id, type, created_at)
        VALUES ($2, $3, $1, 'DEFAULT', $9)
        """,
        project_id,
        environment_id,
        organization_id,
        name,
        description,
        login_id,
        redirect_url,
        list(allowed_origins),
        now,
    )


async def select_project(conn: Connection, organization_id: int, project_id: UUID) -> Project | None:
    """The organization's project, if it has this one."""
    row = await conn.fetchrow(
        """
        SELECT p.id, p.organization_id, r.id AS realm_id, p.name, p.description, p.login_id, p.redirect_url,
               p.allowed_origins, r.surface, r.policy, p.created_at, p.updated_at
          FROM projects AS p
          JOIN environments AS e ON e.project_id = p.id AND e.type = 'DEFAULT'
          JOIN realms AS r ON r.environment_id = e.id
         WHERE p.organization_id = $1
           AND p.id = $2
        """,
        organization_id,
        project_id,
    )
    return _project(row) if row else None


async def select_project_for_update(conn: Connection, organization_id: int, project_id: UUID) -> bool:
    """Whether the organization has this project; nobody else changes it until the transaction ends."""
    found = await conn.fetchval(
        """
        SELECT true
          FROM projects
         WHERE organization_id = $1
           AND id = $2
           FOR NO KEY UPDATE
        """,
        organization_id,
        project_id,
    )
    return found is not None


async def select_project_by_login_id(conn: Connection, login_id: str) -> Project | None:
    """The project of this public name, if there is one."""
    row = await conn.fetchrow(
        """
        SELECT p.id, p.organization_id, r.id AS realm_id, p.name, p.description, p.login_id, p.redirect_url,
               p.allowed_origins, r.surface, r.policy, p.created_at, p.updated_at
          FROM projects AS p
          JOIN environments AS e ON e.project_id = p.id AND e.type = 'DEFAULT'
          JOIN realms AS r ON r.environment_id = e.id
         WHERE p.login_id = $1
        """,
        login_id,
    )
    return _project(row) if row else None


async def select_page(conn: Connection, organization_id: int, page: CursorRequest) -> CursorPage[Project]:
    """The organization's newest projects first, those made before the one that `after` names."""
    rows = await conn.fetch(
        """
        SELECT p.seq, p.id, p.organization_id, r.id AS realm_id, p.name, p.description, p.login_id,
               p.redirect_url, p.allowed_origins, r.surface, r.policy, p.created_at, p.updated_at
          FROM projects AS p
          JOIN environments AS e ON e.project_id = p.id AND e.type = 'DEFAULT'
          JOIN realms AS r ON r.environment_id = e.id
         WHERE p.organization_id = $1
           AND p.seq < coalesce($2, 9223372036854775807)
         ORDER BY p.seq DESC
         LIMIT $3 + 1
        """,
        organization_id,
        page.after,
        page.limit,
    )
    shown = rows[: page.limit]
    return CursorPage(
        tuple(_project(row) for row in shown), shown[-1]["seq"] if len(rows) > page.limit else None
    )


async def select_is_origin_allowed(conn: Connection, origin: str) -> bool:
    """Whether any project allows the origin."""
    allowed: bool = await conn.fetchval(
        "SELECT EXISTS (SELECT FROM projects WHERE allowed_origins @> ARRAY[$1::text])", origin
    )
    return allowed


async def update_project(conn: Connection, project: Project) -> None:
    """The project is called, described and found as *project* is; changed at its `updated_at`."""
    await conn.execute(
        """
        UPDATE projects
           SET name = $3, description = $4, redirect_url = $5, allowed_origins = $6, updated_at = $7
         WHERE organization_id = $1
           AND id = $2
        """,
        project.organization_id,
        project.id,
        project.name,
        project.description,
        project.redirect_url,
        list(project.allowed_origins),
        project.updated_at,
    )


async def delete_project(conn: Connection, organization_id: int, project_id: UUID) -> bool:
    """The project is gone with everything in it; False if there is none, or somebody was first.

    That may take minutes, and has ten.
    """
    deleted = await conn.fetchval(
        """
        DELETE FROM projects
         WHERE organization_id = $1
           AND id = $2
        RETURNING id
        """,
        organization_id,
        project_id,
        timeout=DELETE_SECONDS,
    )
    return deleted is not None


def _project(row: Row) -> Project:
    policy = policy_of(row["surface"], json.loads(row["policy"]))
    return Project(
        id=row["id"],
        organization_id=row["organization_id"],
        realm_id=row["realm_id"],
        name=row["name"],
        description=row["description"],
        login_id=row["login_id"],
        redirect_url=row["redirect_url"],
        allowed_origins=tuple(row["allowed_origins"]),
        access_token_seconds=policy.access_token_seconds,
        session_seconds=policy.session_seconds,
        mfa_required=policy.mfa is MfaMode.REQUIRED,
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
