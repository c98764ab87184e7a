"""The SQL of memberships and invitations."""

from datetime import datetime
from uuid import UUID

from server.base.contact import email_key
from server.base.errors import LastOwner, MemberExists
from server.core.memberships.model import Invitation, Member, Membership, Role
from server.db.conflicts import refused, unique
from server.db.pool import Connection, Row


async def select_membership(
    conn: Connection, principal_id: UUID, organization_id: int | None
) -> Membership | None:
    """The membership in this organization, or in the one that was joined first; of active ones only."""
    row = await conn.fetchrow(
        """
        SELECT m.organization_id, m.role
          FROM memberships AS m
          JOIN organizations AS o ON o.id = m.organization_id AND o.active
         WHERE m.principal_id = $1
           AND ($2::int IS NULL OR m.organization_id = $2)
         ORDER BY m.seq
         LIMIT 1
        """,
        principal_id,
        organization_id,
    )
    return Membership(row["organization_id"], Role(row["role"])) if row else None


async def select_members(conn: Connection, organization_id: int) -> tuple[Member, ...]:
    """The members, in the order in which they joined."""
    rows = await conn.fetch(
        """
        SELECT m.id, m.organization_id, m.principal_id, p.email, m.role, m.joined_at
          FROM memberships AS m
          JOIN principals AS p ON p.id = m.principal_id
         WHERE m.organization_id = $1
         ORDER BY m.seq
        """,
        organization_id,
    )
    return tuple(_member(row) for row in rows)


async def select_member(conn: Connection, organization_id: int, member_id: UUID) -> Member | None:
    """The member, if the organization has this one."""
    row = await conn.fetchrow(
        """
        SELECT m.id, m.organization_id, m.principal_id, p.email, m.role, m.joined_at
          FROM memberships AS m
          JOIN principals AS p ON p.id = m.principal_id
         WHERE m.organization_id = $1
           AND m.id = $2
        """,
        organization_id,
        member_id,
    )
    return _member(row) if row else None


async def insert_member(conn: Connection, member: Member) -> None:
    """The account is a member.

    Raises:
        MemberExists: It is already.
    """
    with unique("memberships_organization_principal_key", MemberExists()):
        await conn.execute(
            """
            INSERT INTO memberships (id, organization_id, principal_id, role, joined_at)
            VALUES ($1, $2, $3, $4, $5)
            """,
            member.id,
            member.organization_id,
            member.principal_id,
            member.role,
            member.joined_at,
        )


async def delete_member(conn: Connection, organization_id: int, member_id: UUID) -> bool:
    """The account is no member any more; False if it was none.

    Raises:
        LastOwner: No owner would be left.
    """
    with refused("memberships_last_owner", LastOwner()):
        deleted = await conn.fetchval(
            """
            DELETE FROM memberships
             WHERE organization_id = $1
               AND id = $2
            RETURNING id
            """,
            organization_id,
            member_id,
        )
    return deleted is not None


async def select_name_for_update(conn: Connection, organization_id: int) -> str:
    """The name of the organization, which exists; until the transaction ends nobody invites or removes."""
    name: str = await conn.fetchval(
        """
        SELECT name
          FROM organizations
         WHERE id = $1
           FOR NO KEY UPDATE
        """,
        organization_id,
    )
    return name


async def select_is_member_or_invited(
    conn: Connection, organization_id: int, email: str, now: datetime
) -> bool:
    """Whether the address is a member's, or has an invitation that can be accepted."""
    known: bool = await conn.fetchval(
        """
        SELECT EXISTS (
                   SELECT FROM memberships AS m
                     JOIN principals AS p ON p.id = m.principal_id
                    WHERE m.organization_id = $1
                      AND p.email_key = $2)
            OR EXISTS (
                   SELECT FROM invitations AS i
                    WHERE i.organization_id = $1
                      AND i.email_key = $2
                      AND i.accepted_at IS NULL
                      AND i.expires_at > $3)
        """,
        organization_id,
        email_key(email),
        now,
    )
    return known


async def insert_invitation(
    conn: Connection,
    invitation_id: UUID,
    *,
    organization_id: int,
    email: str,
    role: Role,
    invited_by: UUID | None,
    token_digest: bytes,
    now: datetime,
    expires_at: datetime,
) -> None:
    """The address is invited until *expires_at*."""
    await conn.execute(
        """
        INSERT INTO invitations (id, organization_id, email, email_key, role, invited_by, token_digest,
                                 created_at, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        """,
        invitation_id,
        organization_id,
        email,
        email_key(email),
        role,
        invited_by,
        token_digest,
        now,
        expires_at,
    )


async def select_invitation(
    conn: Connection, accounts_id: UUID, token_digest: bytes, now: datetime
) -> Invitation | None:
    """The invitation with this token that can be accepted, and whether its address has an account."""
    row = await conn.fetchrow(
        """
        SELECT i.id, i.organization_id, o.name AS organization_name, i.email, i.role, i.expires_at,
               coalesce((SELECT p.password_hash IS NOT NULL
                           FROM principals AS p
                          WHERE p.email_key = i.email_key
                            AND p.realm_id IS NOT DISTINCT FROM $1), false) AS has_password
          FROM invitations AS i
          JOIN organizations AS o ON o.id = i.organization_id AND o.active
         WHERE i.token_digest = $2
           AND i.accepted_at IS NULL
           AND i.expires_at > $3
        """,
        accounts_id,
        token_digest,
        now,
    )
    if row is None:
        return None
    return Invitation(
        id=row["id"],
        organization_id=row["organization_id"],
        organization_name=row["organization_name"],
        email=row["email"],
        role=Role(row["role"]),
        expires_at=row["expires_at"],
        has_password=row["has_password"],
    )


async def update_invitation_accepted(conn: Connection, invitation_id: UUID, now: datetime) -> bool:
    """The invitation is used up; False if it was, or is past its time."""
    accepted = await conn.fetchval(
        """
        UPDATE invitations
           SET accepted_at = $2
         WHERE id = $1
           AND accepted_at IS NULL
           AND expires_at > $2
        RETURNING id
        """,
        invitation_id,
        now,
    )
    return accepted is not None


async def update_invitation_withdrawn(
    conn: Connection, organization_id: int, email: str, now: datetime
) -> UUID | None:
    """The address's invitation can be accepted no more; its id, or None if there was none that could."""
    invitation_id: UUID | None = await conn.fetchval(
        """
        UPDATE invitations
           SET expires_at = $3
         WHERE organization_id = $1
           AND email_key = $2
           AND accepted_at IS NULL
           AND expires_at > $3
        RETURNING id
        """,
        organization_id,
        email_key(email),
        now,
    )
    return invitation_id


async def update_invitations_withdrawn(
    conn: Connection, organization_id: int, invited_by: UUID, now: datetime
) -> list[UUID]:
    """No invitation by this account can be accepted any more; the ids of those that could."""
    rows = await conn.fetch(
        """
        UPDATE invitations
           SET expires_at = $3
         WHERE invited_by = $2
           AND organization_id IS NOT DISTINCT FROM $1
           AND accepted_at IS NULL
           AND (expires_at > $3) IS TRUE
        RETURNING id
        """,
        organization_id,
        invited_by,
        now,
    )
    return [row["id"] for row in rows]


async def delete_invitations(conn: Connection, before: datetime, at_most: int) -> int:
    """So many of the invitations that ended before this are gone, the oldest first; how many."""
    deleted = await conn.fetch(
        """
        DELETE FROM invitations
         WHERE id IN (
                   SELECT id
                     FROM invitations
                    WHERE expires_at < $1
                    ORDER BY expires_at
                    LIMIT $2
                      FOR UPDATE SKIP LOCKED)
        RETURNING id
        """,
        before,
        at_most,
    )
    return len(deleted)


def _member(row: Row) -> Member:
    return Member(
        id=row["id"],
        organization_id=row["organization_id"],
        principal_id=row["principal_id"],
        email=row["email"],
        role=Role(row["role"]),
        joined_at=row["joined_at"],
    )
