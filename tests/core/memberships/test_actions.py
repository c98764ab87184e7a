from dataclasses import replace

import pytest

from server.base import ids
from server.base.errors import LastOwner, MemberNotFound, PermissionDenied
from server.base.principal import Actor, Principal
from server.core.memberships import store
from server.core.memberships.actions import ListMembers, RemoveMember, list_members, remove_member
from server.core.memberships.model import Member, Owner, Role
from server.core.principals.actions import RegisterPrincipal, register_principal
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
