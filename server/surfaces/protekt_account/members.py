"""Members: who acts for the organization."""

from collections.abc import Mapping
from typing import Final, Literal, Self
from uuid import UUID

from server.base.errors import LastOwner, MemberExists, MemberNotFound, TooManyAttempts
from server.base.ids import public_id, uid_of
from server.core.memberships import actions
from server.core.memberships.invitations import InviteMember, invite_member
from server.core.memberships.model import InvitedRole, Member, Role
from server.surfaces.kit.body import Email, Instant, SnakeAnswer, SnakeBody
from server.surfaces.kit.exchange import Response
from server.surfaces.kit.limits import ACCOUNT
from server.surfaces.kit.performing import perform, perform_at_once
from server.surfaces.kit.protekt import MEMBER
from server.surfaces.kit.reading import path_text, read
from server.surfaces.kit.replying import reply
from server.surfaces.protekt_account.surface import ANY_MEMBER, MANAGERS, organization_id, surface

ROLES: Final[Mapping[str, InvitedRole]] = {"admin": Role.ADMIN, "developer": Role.DEVELOPER}


class MemberInvitation(SnakeBody):
    """Who is to be invited, and as what. Owners are not invited."""

    email: Email
    role: Literal["admin", "developer"]

    def command(self, organization_id: int) -> InviteMember:
        """What is asked for."""
        return InviteMember(organization_id, self.email, ROLES[self.role])


class MemberBody(SnakeAnswer):
    """A member."""

    id: str
    email: str
    role: str
    joined_at: Instant

    @classmethod
    def of(cls, member: Member) -> Self:
        """What members see of each other."""
        return cls(
            id=public_id(MEMBER, member.id), email=member.email, role=member.role, joined_at=member.joined_at
        )


class MemberList(SnakeAnswer):
    """All members."""

    data: list[MemberBody]


class InvitedBody(SnakeAnswer):
    """A mail is on its way."""

    message: str


class RemovedBody(SnakeAnswer):
    """The member is none any more."""

    removed: bool = True


@surface.get("/members", guard=ANY_MEMBER, limit=ACCOUNT, gives={200: MemberList})
async def list_members() -> Response:
    """GET /v1/members: the organization's members, in the order in which they joined."""
    members = await perform_at_once(actions.list_members, actions.ListMembers(organization_id()))
    return reply(MemberList(data=[MemberBody.of(member) for member in members]))


@surface.post(
    "/members/invite",
    guard=MANAGERS,
    limit=ACCOUNT,
    takes=MemberInvitation,
    gives={200: InvitedBody},
    refuses=(MemberExists, TooManyAttempts),
)
async def invite() -> Response:
    """POST /v1/members/invite: the address is sent a link that works for a week."""
    body = await read(MemberInvitation)
    await perform(invite_member, body.command(organization_id()))
    return reply(InvitedBody(message=f"Invitation sent to {body.email}"))


@surface.delete(
    "/members/{id:text}",
    guard=MANAGERS,
    limit=ACCOUNT,
    gives={200: RemovedBody},
    refuses=(MemberNotFound, LastOwner),
)
async def remove_member() -> Response:
    """DELETE /v1/members/{id}: the member's management tokens are refused at once."""
    await perform(actions.remove_member, actions.RemoveMember(organization_id(), _member_id()))
    return reply(RemovedBody())


def _member_id() -> UUID:
    uid = uid_of(MEMBER, path_text())
    if uid is None:
        raise MemberNotFound
    return uid
