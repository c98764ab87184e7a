import pytest

from server.base.errors import InvalidFields, MemberExists
from server.base.secret import Secret
from server.core.credentials.model import Credential
from server.core.credentials.passwords import ReadCredential, is_right, read_credential
from server.core.memberships.actions import ListMembers, MembershipOf, list_members, membership_of
from server.core.memberships.model import Membership, Role
from server.core.memberships.owners import CreateOwner, create_owner
from server.core.realms.actions import read_named_realm
from server.core.realms.model import RealmName
from server.core.work import Work
from tests.support.accounts import PASSWORD, a_customer, an_email, an_owner
from tests.support.factories import a_name
from tests.support.work import event_names, later


async def test_an_owner_has_an_account_and_an_organization(work: Work) -> None:
    name, email = a_name("Organization"), an_email()

    owner = await create_owner(work, CreateOwner(name, f" {email} ", Secret(PASSWORD)))

    assert owner.is_new
    assert owner.organization.name == name
    assert (owner.member.email, owner.member.role) == (email, Role.OWNER)
    assert await list_members(work, ListMembers(owner.organization.id)) == (owner.member,)
    credential = await _credential_of(work, email)
    assert credential is not None
    assert credential.principal.email_verified
    assert await is_right(credential.principal.realm_id, credential, Secret(PASSWORD))
    assert event_names(work) == ["organization.created", "principal.registered", "member.added"]


async def test_an_organization_that_is_there_gets_another_owner(work: Work) -> None:
    organization = await a_customer(work)

    owner = await an_owner(work, organization=organization)

    assert owner.organization == organization


async def test_an_account_that_is_there_keeps_its_password(work: Work) -> None:
    email = an_email()
    await an_owner(work, email=email)

    owner = await an_owner(work, email=email.upper(), password="another password that is fine")

    assert not owner.is_new
    credential = await _credential_of(work, email)
    assert credential is not None
    assert await is_right(credential.principal.realm_id, credential, Secret(PASSWORD))
    assert credential.principal.id == owner.member.principal_id


async def test_a_member_does_not_become_an_owner_twice(work: Work) -> None:
    owner = await an_owner(work)

    with pytest.raises(MemberExists):
        await an_owner(work, organization=owner.organization, email=owner.member.email)


@pytest.mark.parametrize(
    ("name", "email", "password", "field"),
    [
        ("Name", "no address", PASSWORD, "email"),
        ("Name", "", PASSWORD, "email"),
        ("Name", "jane@example.com", "short", "password"),
        ("Name", "jane@example.com", "password1", "password"),
        ("", "jane@example.com", PASSWORD, "name"),
    ],
)
async def test_what_is_not_as_documented_is_refused(
    work: Work, name: str, email: str, password: str, field: str
) -> None:
    with pytest.raises(InvalidFields) as refused:
        await create_owner(work, CreateOwner(name, email, Secret(password)))

    assert list(refused.value.fields) == [field]


async def test_somebody_acts_for_the_organization_that_they_joined_first(work: Work) -> None:
    email = an_email()
    first = await an_owner(work, email=email)
    second = await an_owner(later(work, seconds=-1), email=email)
    jane = first.member.principal_id

    assert await membership_of(work, MembershipOf(jane)) == Membership(first.organization.id, Role.OWNER)
    assert await membership_of(work, MembershipOf(jane, second.organization.id)) == Membership(
        second.organization.id, Role.OWNER
    )
    assert await membership_of(work, MembershipOf(jane, (await a_customer(work)).id)) is None


async def test_nobody_acts_for_an_inactive_organization(work: Work) -> None:
    owner = await an_owner(work)
    await work.conn.execute("UPDATE organizations SET active = false WHERE id = $1", owner.organization.id)

    assert await membership_of(work, MembershipOf(owner.member.principal_id)) is None


async def _credential_of(work: Work, email: str) -> Credential | None:
    accounts = await read_named_realm(work, RealmName.ACCOUNTS)
    return await read_credential(work, ReadCredential(accounts.id, email=email))
