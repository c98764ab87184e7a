"""Who is a member: seen, asked for by a token, removed."""

from dataclasses import dataclass
from uuid import UUID

from server.base.errors import (
    InvalidManagementToken,
    MemberNotFound,
    PermissionDenied,
    SessionNotFound,
)
from server.base.principal import Actor, Principal
from server.core.audit.events import Event
from server.core.memberships import store
from server.core.memberships.events import invitation_event
from server.core.memberships.model import Member, Membership, Role
from server.core.realms.actions import read_named_realm
from server.core.realms.model import RealmName
from server.core.sessions.authenticate import AuthenticateReferenceToken, authenticate_reference_token
from server.core.sessions.ending import EndSession, EndSessions, end_session, end_sessions
from server.core.sessions.model import EndReason
from server.core.work import Work


@dataclass(frozen=True, slots=True)
class ListMembers:
    """Whose members."""

    organization_id: int


@dataclass(frozen=True, slots=True)
class RemoveMember:
    """Which member of which organization."""

    organization_id: int
    member_id: UUID


@dataclass(frozen=True, slots=True)
class MembershipOf:
    """Whose membership: in one organization, or None for the one they joined first."""

    principal_id: UUID
    organization_id: int | None = None


async def membership_of(work: Work, command: MembershipOf) -> Membership | None:
    """The membership in an organization that is active, if there is one. One SELECT."""
    return await store.select_membership(work.conn, command.principal_id, command.organization_id)


async def authenticate_member(work: Work, command: AuthenticateReferenceToken) -> Principal:
    """The member whose management token it is. Perform at once.

    The principal's surface, address and request are for the caller to fill in.

    Raises:
        InvalidManagementToken: The token is not good, or its holder is no member of anything: all alike.
    """
    session = await authenticate_reference_token(work, command)
    found = await membership_of(work, MembershipOf(session.principal_id, session.organization_id))
    if found is None:
        raise InvalidManagementToken
    return Principal(
        kind=Actor.MEMBER,
        id=str(session.principal_id),
        organization_id=found.organization_id,
        realm_id=session.realm_id,
        session_id=session.session_id,
        role=found.role,
    )


async def revoke_own_token(work: Work, _: None) -> None:
    """The management token that its holder carries is refused from now on.

    Raises:
        InvalidManagementToken: It was revoked a moment ago.
    """
    actor = work.actor
    if actor.realm_id is None or actor.session_id is None:
        raise InvalidManagementToken
    try:
        await end_session(
            work, EndSession(actor.realm_id, UUID(actor.id), actor.session_id, EndReason.LOGGED_OUT)
        )
    except SessionNotFound as gone:
        raise InvalidManagementToken from gone


async def list_members(work: Work, command: ListMembers) -> tuple[Member, ...]:
    """The organization's members, in the order in which they joined."""
    return await store.select_members(work.conn, command.organization_id)


async def remove_member(work: Work, command: RemoveMember) -> None:
    """The member acts for the organization no more; all management tokens of theirs are refused at once.

    Nobody joins by an invitation of theirs any more: it may have gone to an address of their own. Their
    account stays: they may be a member elsewhere, and sign in for that. Only owners and operators remove
    owners.

    Raises:
        MemberNotFound: The organization has no such member, or somebody was first.
        PermissionDenied: An owner is to be removed by somebody who is none.
        LastOwner: There would be no owner left.
    """
    # Who is removed while they invite has either invited by now, or is told there that they are no member.
    await store.select_name_for_update(work.conn, command.organization_id)
    member = await store.select_member(work.conn, command.organization_id, command.member_id)
    if member is None:
        raise MemberNotFound
    if member.role is Role.OWNER and work.actor.kind is Actor.MEMBER and work.actor.role != Role.OWNER:
        raise PermissionDenied
    if not await store.delete_member(work.conn, command.organization_id, member.id):
        raise MemberNotFound
    accounts = await read_named_realm(work, RealmName.ACCOUNTS)
    await end_sessions(work, EndSessions(accounts.id, member.principal_id, EndReason.MEMBER_REMOVED))
    withdrawn = await store.update_invitations_withdrawn(
        work.conn, command.organization_id, member.principal_id, work.now
    )
    for invitation_id in withdrawn:
        work.record(invitation_event("withdrawn", invitation_id, command.organization_id, accounts))
    work.record(
        Event(
            "member.removed",
            "member",
            str(member.id),
            command.organization_id,
            data={"role": member.role, "principal_id": str(member.principal_id)},
            realm_id=accounts.id,
        )
    )
