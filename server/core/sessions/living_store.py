"""The SQL that every request with a token runs: does the session behind it live?"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from server.core.realms.policy import SignInPolicy
from server.core.realms.stored_policy import policy_of_text
from server.core.sessions.model import ReferenceSession
from server.db.pool import Connection, Row, by_place, columns, together


class NamedSession(NamedTuple):
    """What an access token names, and when it is shown."""

    session_id: UUID
    principal_id: UUID
    token_id: UUID
    now: datetime


@dataclass(frozen=True, slots=True)
class Living:
    """A session that has not ended, of somebody who is active, and what callers need to know of its realm."""

    realm_id: UUID
    organization_id: int | None
    project_id: UUID | None
    allowed_origins: tuple[str, ...]
    amr: tuple[str, ...]
    last_active_at: datetime
    policy: SignInPolicy


@dataclass(frozen=True, slots=True)
class LivingReference:
    """As `Living`, for a session that one token shows."""

    session: ReferenceSession
    last_active_at: datetime
    policy: SignInPolicy


async def select_living(conn: Connection, named: NamedSession) -> Living | None:
    """The session, unless it has ended, its owner is not active, or this one token was revoked.

    Tokens that are shown at one moment share one statement.
    """
    # One token may be shown twice at one moment, and be answered twice by one statement.
    return await together(conn, _select_living, named, key=object())


async def _select_living(conn: Connection, named: Sequence[NamedSession]) -> Sequence[Living | None]:
    rows = await conn.fetch(
        """
        SELECT named.place, s.realm_id, s.amr, s.last_active_at, r.organization_id, r.surface, r.policy,
               e.project_id, p.allowed_origins
          -- Behind a SELECT one plan is as good for one as for many, and is made once.
          FROM unnest((SELECT $1::uuid[]), $2::uuid[], $3::uuid[], $4::timestamptz[]) WITH ORDINALITY
            AS named (session_id, principal_id, token_id, now, place)
         CROSS JOIN LATERAL (
               SELECT realm_id, principal_id, amr, last_active_at, expires_at, ended_at, reference_digest
                 FROM sessions
                WHERE id = named.session_id
                LIMIT 1) AS s
         CROSS JOIN LATERAL (SELECT status FROM principals WHERE id = s.principal_id LIMIT 1) AS u
         CROSS JOIN LATERAL (
               SELECT organization_id, surface, policy, environment_id
                 FROM realms
                WHERE id = s.realm_id
                LIMIT 1) AS r
          LEFT JOIN LATERAL (
               SELECT project_id FROM environments WHERE id = r.environment_id LIMIT 1) AS e ON true
          LEFT JOIN LATERAL (
               SELECT allowed_origins FROM projects WHERE id = e.project_id LIMIT 1) AS p ON true
         WHERE s.principal_id = named.principal_id
           AND s.reference_digest IS NULL
           AND s.ended_at IS NULL
           AND s.expires_at > named.now
           AND u.status = 'active'
           AND NOT EXISTS (SELECT FROM token_denials AS d WHERE d.token_id = named.token_id)
        """,
        *columns(named),
    )
    return by_place(rows, _living, len(named))


async def select_living_reference(
    conn: Connection, digest: bytes, surface: str, now: datetime
) -> LivingReference | None:
    """The session of a realm of this surface that the token shows, unless it or its owner's account ended."""
    row = await conn.fetchrow(
        """
        SELECT s.id, s.principal_id, s.realm_id, s.organization_id, s.amr, s.expires_at, s.last_active_at,
               r.surface, r.policy
          FROM sessions AS s
          JOIN principals AS u ON u.id = s.principal_id
          JOIN realms AS r ON r.id = s.realm_id
         WHERE s.reference_digest = $1
           AND s.surface = $2
           AND s.ended_at IS NULL
           AND (s.expires_at > $3) IS TRUE
           AND u.status = 'active'
        """,
        digest,
        surface,
        now,
    )
    if row is None:
        return None
    return LivingReference(
        ReferenceSession(
            session_id=row["id"],
            principal_id=row["principal_id"],
            realm_id=row["realm_id"],
            organization_id=row["organization_id"],
            amr=tuple(row["amr"]),
            expires_at=row["expires_at"],
        ),
        row["last_active_at"],
        policy_of_text(row["surface"], row["policy"]),
    )


async def update_active(conn: Connection, session_id: UUID, now: datetime, noted_before: datetime) -> None:
    """The session was used now, unless another request noted that after *noted_before*."""
    await conn.execute(
        """
        UPDATE sessions
           SET last_active_at = $2
         WHERE id = $1
           AND last_active_at <= $3
           AND ended_at IS NULL
        """,
        session_id,
        now,
        noted_before,
    )


def _living(row: Row) -> Living:
    return Living(
        realm_id=row["realm_id"],
        organization_id=row["organization_id"],
        project_id=row["project_id"],
        allowed_origins=tuple(row["allowed_origins"] or ()),
        amr=tuple(row["amr"]),
        last_active_at=row["last_active_at"],
        policy=policy_of_text(row["surface"], row["policy"]),
    )
