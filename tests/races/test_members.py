"""Owners who leave at one moment, invitations that are sent and accepted at one moment."""

import asyncio

import pytest

from server.base import ids
from server.base.errors import (
    EmailTaken,
    InvalidManagementToken,
    InvitationInvalid,
    LastOwner,
    MemberExists,
    MemberNotFound,
)
from server.base.principal import Actor, Principal
from server.base.secret import Secret
from server.core.memberships import store
from server.core.memberships.actions import ListMembers, RemoveMember, list_members, remove_member
from server.core.memberships.invitations import (
    AcceptInvitation,
    InviteMember,
    ReadInvitation,
    accept_invitation,
    invite_member,
    read_invitation,
)
from server.core.memberships.model import Member, Role
from server.core.organizations.model import Organization
from server.core.principals.actions import RegisterPrincipal, register_principal
from server.core.realms.actions import read_named_realm
from server.core.realms.model import RealmName
from server.core.usage.actions import CountedUse, ReadUsage, count_sign_in, read_usage
from server.core.work import Core, Work
from server.db.pool import Database
from tests.races.together import at_once
from tests.support.accounts import PASSWORD, a_customer, a_project, an_email
from tests.support.outbox import messages_to
from tests.support.scene import made_on
from tests.support.work import OPERATOR, a_core

OWNERS = 6
TIMES = 16


@pytest.fixture
def cores(databases: tuple[Database, Database]) -> tuple[Core, Core]:
    """The same product in two processes."""
    one, other = databases
    return a_core(one), a_core(other)


async def test_of_owners_who_are_all_removed_at_once_one_stays(cores: tuple[Core, Core]) -> None:
    organization = await made_on(cores[0], a_customer)
    owners = [await made_on(cores[0], _an_owner, organization=organization) for _ in range(OWNERS)]

    outcomes = await at_once(
        *(
            cores[number % 2].perform(remove_member, RemoveMember(organization.id, owner.id), actor=OPERATOR)
            for number, owner in enumerate(owners)
        )
    )

    assert len(outcomes.results) == OWNERS - 1
    assert outcomes.refused_as == {LastOwner}
    (left,) = await _members(cores[0], organization)
    assert left.role is Role.OWNER


async def test_a_member_is_removed_once(cores: tuple[Core, Core]) -> None:
    organization = await made_on(cores[0], a_customer)
    await made_on(cores[0], _an_owner, organization=organization)
    member = await made_on(cores[0], _an_owner, organization=organization)
    command = RemoveMember(organization.id, member.id)

    outcomes = await at_once(
        *(core.perform(remove_member, command, actor=OPERATOR) for core in cores * (TIMES // 2))
    )

    assert len(outcomes.results) == 1
    assert outcomes.refused_as == {MemberNotFound}


async def test_an_address_that_is_invited_at_one_moment_gets_one_mail(cores: tuple[Core, Core]) -> None:
    organization, email = await made_on(cores[0], a_customer), an_email("invited")
    command = InviteMember(organization.id, email, Role.DEVELOPER)

    outcomes = await at_once(
        *(core.perform(invite_member, command, actor=OPERATOR) for core in cores * (TIMES // 2))
    )

    assert len(outcomes.results) == 1
    assert outcomes.refused_as == {MemberExists}
    assert len(await messages_to(cores[0], email)) == 1


async def test_nobody_joins_by_an_invitation_of_an_admin_who_was_removed(cores: tuple[Core, Core]) -> None:
    organization = await made_on(cores[0], a_customer)
    for _ in range(TIMES):
        admin = await made_on(cores[0], _a_member, organization=organization, role=Role.ADMIN)
        actor = Principal(Actor.MEMBER, str(admin.principal_id), organization_id=organization.id)
        invite = InviteMember(organization.id, email := an_email("invited"), Role.ADMIN)

        outcomes = await at_once(
            cores[0].perform(invite_member, invite, actor=actor),
            cores[1].perform(remove_member, RemoveMember(organization.id, admin.id), actor=OPERATOR),
        )

        assert outcomes.refused_as <= {InvalidManagementToken}
        for letter in await messages_to(cores[0], email):
            read = ReadInvitation(Secret(letter.link_token))
            with pytest.raises(InvitationInvalid):
                await cores[0].perform(read_invitation, read, actor=OPERATOR)


async def test_x10_a_link_that_is_used_at_one_moment_makes_one_member(cores: tuple[Core, Core]) -> None:
    organization, email = await made_on(cores[0], a_customer), an_email("invited")
    await cores[0].perform(
        invite_member, InviteMember(organization.id, email, Role.DEVELOPER), actor=OPERATOR
    )
    (letter,) = await messages_to(cores[0], email)
    command = AcceptInvitation(Secret(letter.link_token), Secret(PASSWORD))

    outcomes = await at_once(
        *(core.perform(accept_invitation, command, actor=OPERATOR) for core in cores * (TIMES // 2))
    )

    assert outcomes.refused_as <= {InvitationInvalid, EmailTaken}
    assert await _members(cores[0], organization) == (outcomes.result,)


async def test_no_use_that_is_counted_at_one_moment_is_lost(cores: tuple[Core, Core]) -> None:
    project = await made_on(cores[0], a_project)
    people = [ids.new_uid() for _ in range(4)]
    uses = [CountedUse(project.realm_id, person, login=True) for person in people * (TIMES // 4)]

    await asyncio.gather(
        *(cores[number % 2].perform(count_sign_in, use, actor=OPERATOR) for number, use in enumerate(uses))
    )

    command = ReadUsage(project.organization_id, project.id)
    usage = await cores[0].perform(read_usage, command, actor=OPERATOR)
    assert (usage.active_users, usage.logins, usage.tokens_issued) == (4, TIMES, TIMES)


async def _an_owner(work: Work, organization: Organization) -> Member:
    return await _a_member(work, organization, Role.OWNER)


async def _a_member(work: Work, organization: Organization, role: Role) -> Member:
    """A member who cannot sign in: a hash takes its time."""
    accounts = await read_named_realm(work, RealmName.ACCOUNTS)
    email = an_email("member")
    principal = await register_principal(work, RegisterPrincipal(accounts.id, email))
    member = Member(ids.new_uid(), organization.id, principal.id, email, role, work.now)
    await store.insert_member(work.conn, member)
    return member


async def _members(core: Core, organization: Organization) -> tuple[Member, ...]:
    return await core.perform(list_members, ListMembers(organization.id), actor=OPERATOR)
