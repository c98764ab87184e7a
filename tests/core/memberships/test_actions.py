from dataclasses import replace

import pytest

from server.base import ids
from server.base.errors import (
    InvalidManagementToken,
    InvitationInvalid,
    LastOwner,
    MemberNotFound,
    PermissionDenied,
)
from server.base.principal import Actor, Principal
from server.core.memberships import store
from server.core.memberships.actions import ListMembers, RemoveMember, list_members, remove_member
from server.core.memberships.invitations import (
    InviteMember,
    WithdrawInvitation,
    invite_member,
    withdraw_invitation,
)
from server.core.memberships.model import Member, Owner, Role
from server.core.principals.actions import (
    DeletePrincipal,
    RegisterPrincipal,
    delete_principal,
    register_principal,
)
from server.core.realms.actions import read_named_realm
from server.core.realms.model import RealmName
from server.core.work import Work
from tests.support.accounts import an_email, an_owner
from tests.support.work import event_names, later


@pytest.fixture
async def owner(work: Work) -> Owner:
    """The only owner of an organization."""
    return await an_owner(work)


async def test_members_are_listed_in_the_order_in_which_they_joined(work: Work, owner: Owner) -> None:
    joined = [await _member(work, owner, role) for role in (Role.DEVELOPER, Role.ADMIN)]
    await an_owner(work)

    assert await list_members(work, ListMembers(owner.organization.id)) == (owner.member, *joined)


async def test_a_removed_member_is_a_member_no_more(work: Work, owner: Owner) -> None:
    member = await _member(work, owner, Role.DEVELOPER)
    afterwards = later(work, seconds=1)

    await remove_member(afterwards, RemoveMember(owner.organization.id, member.id))

    assert await list_members(work, ListMembers(owner.organization.id)) == (owner.member,)
    assert event_names(afterwards) == ["member.removed"]
    with pytest.raises(MemberNotFound):
        await remove_member(work, RemoveMember(owner.organization.id, member.id))


async def test_invitations_by_a_removed_member_cannot_be_accepted(work: Work, owner: Owner) -> None:
    """One of them may have gone to another address of theirs."""
    admin = await _member(work, owner, Role.ADMIN)
    elsewhere = await an_owner(work)
    as_elsewhere = replace(_by(work, admin), actor=_by(work, elsewhere.member).actor)
    theirs, others, foreign = an_email("invited"), an_email("invited"), an_email("invited")
    for by, organization, email in (
        (_by(work, admin), owner.organization, theirs),
        (_by(work, owner.member), owner.organization, others),
        (as_elsewhere, elsewhere.organization, foreign),
    ):
        await invite_member(by, InviteMember(organization.id, email, Role.ADMIN))
    afterwards = later(work, seconds=1)

    await remove_member(afterwards, RemoveMember(owner.organization.id, admin.id))

    assert event_names(afterwards) == ["invitation.withdrawn", "member.removed"]
    with pytest.raises(InvitationInvalid):
        await withdraw_invitation(afterwards, WithdrawInvitation(owner.organization.id, theirs))
    await withdraw_invitation(afterwards, WithdrawInvitation(owner.organization.id, others))
    await withdraw_invitation(afterwards, WithdrawInvitation(elsewhere.organization.id, foreign))


async def test_who_was_removed_a_moment_ago_invites_nobody(work: Work, owner: Owner) -> None:
    admin = await _member(work, owner, Role.ADMIN)
    await remove_member(work, RemoveMember(owner.organization.id, admin.id))

    with pytest.raises(InvalidManagementToken):
        await invite_member(_by(work, admin), InviteMember(owner.organization.id, an_email(), Role.DEVELOPER))


async def test_the_last_owners_account_stays(work: Work, owner: Owner) -> None:
    accounts = await read_named_realm(work, RealmName.ACCOUNTS)

    with pytest.raises(LastOwner):
        async with work.conn.transaction():
            await delete_principal(work, DeletePrincipal(accounts.id, owner.member.principal_id))

    another = await _member(work, owner, Role.OWNER)
    await delete_principal(work, DeletePrincipal(accounts.id, owner.member.principal_id))
    assert await list_members(work, ListMembers(owner.organization.id)) == (another,)


async def test_another_organizations_member_is_not_found(work: Work, owner: Owner) -> None:
    foreign = await an_owner(work)

    for member_id in (foreign.member.id, ids.new_uid()):
        with pytest.raises(MemberNotFound):
            await remove_member(work, RemoveMember(owner.organization.id, member_id))


async def test_the_last_owner_stays(work: Work, owner: Owner) -> None:
    await _member(work, owner, Role.ADMIN)

    with pytest.raises(LastOwner):
        async with work.conn.transaction():
            await remove_member(work, RemoveMember(owner.organization.id, owner.member.id))

    another = await _member(work, owner, Role.OWNER)
    await remove_member(work, RemoveMember(owner.organization.id, owner.member.id))
    assert another in await list_members(work, ListMembers(owner.organization.id))


async def test_only_owners_and_operators_remove_an_owner(work: Work, owner: Owner) -> None:
    another = await _member(work, owner, Role.OWNER)
    admin = await _member(work, owner, Role.ADMIN)
    command = RemoveMember(owner.organization.id, another.id)

    with pytest.raises(PermissionDenied):
        await remove_member(_by(work, admin), command)
    await remove_member(_by(work, admin), RemoveMember(owner.organization.id, admin.id))
    await remove_member(_by(work, owner.member), command)
    third = await _member(work, owner, Role.OWNER)
    await remove_member(work, RemoveMember(owner.organization.id, third.id))


def _by(work: Work, member: Member) -> Work:
    """The same work, by a member."""
    actor = Principal(
        Actor.MEMBER,
        str(member.principal_id),
        "tests",
        organization_id=member.organization_id,
        role=member.role,
    )
    return replace(work, actor=actor)


async def _member(work: Work, owner: Owner, role: Role) -> Member:
    """A new member, who cannot sign in."""
    accounts = await read_named_realm(work, RealmName.ACCOUNTS)
    email = an_email("member")
    principal = await register_principal(work, RegisterPrincipal(accounts.id, email))
    member = Member(ids.new_uid(), owner.organization.id, principal.id, email, role, work.now)
    await store.insert_member(work.conn, member)
    return member
