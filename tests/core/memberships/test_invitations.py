import re
from collections.abc import Awaitable

import pytest

from server.base.errors import InvalidFields, InvitationInvalid, MemberExists, TooManyAttempts, WrongPassword
from server.base.principal import Actor, Principal
from server.base.secret import Secret
from server.core.credentials.passwords import ReadCredential, is_right, read_credential
from server.core.memberships import invitations
from server.core.memberships.actions import ListMembers, list_members
from server.core.memberships.invitations import (
    MOST_AN_HOUR,
    AcceptInvitation,
    InviteMember,
    ReadInvitation,
    WithdrawInvitation,
    accept_invitation,
    forget_expired,
    invite_member,
    read_invitation,
    withdraw_invitation,
)
from server.core.memberships.model import Role
from server.core.notifications.actions import ListOutbox, list_outbox
from server.core.notifications.model import Channel, OutboxMessage
from server.core.organizations.model import Organization
from server.core.principals.actions import RegisterPrincipal, SetStatus, register_principal, set_status
from server.core.principals.model import PrincipalStatus
from server.core.realms.actions import read_named_realm
from server.core.realms.model import Realm, RealmName
from server.core.work import Refusal, Work
from tests.support.accounts import PASSWORD, a_customer, an_email, an_owner
from tests.support.locks import LockPrincipal, lock_principal
from tests.support.work import event_names, later

NEW_PASSWORD = "a quite different battery"


@pytest.fixture
async def organization(work: Work) -> Organization:
    """A customer without members."""
    return await a_customer(work)


@pytest.fixture
async def accounts(work: Work) -> Realm:
    """The realm of those who act for organizations."""
    return await read_named_realm(work, RealmName.ACCOUNTS)


async def test_an_invited_person_becomes_a_member_with_a_password_of_their_own(
    work: Work, organization: Organization, accounts: Realm
) -> None:
    email = an_email()
    token = await _invited(work, organization, email, Role.ADMIN)
    afterwards = later(work, days=6)

    member = await accept_invitation(afterwards, AcceptInvitation(token, Secret(NEW_PASSWORD)))

    assert (member.email, member.role, member.joined_at) == (email, Role.ADMIN, afterwards.now)
    assert await list_members(work, ListMembers(organization.id)) == (member,)
    credential = await read_credential(work, ReadCredential(accounts.id, email=email))
    assert credential is not None
    assert credential.principal.email_verified
    assert await is_right(accounts.id, credential, Secret(NEW_PASSWORD))
    assert event_names(afterwards) == ["principal.registered", "member.added", "invitation.accepted"]


async def test_an_invitation_is_one_mail_with_a_link(work: Work, organization: Organization) -> None:
    email = an_email()

    await _invited(work, organization, email)

    (message,) = await _mails_to(work, email)
    assert (message.channel, message.template) == (Channel.MAIL, "invitation")
    assert message.content is not None
    assert organization.name in message.content.text
    assert f"{work.settings.base_url}/links/invitation?token=" in message.content.text
    assert "invitation.created" in event_names(work)
    assert email not in str(work.events)


async def test_who_holds_the_link_sees_what_they_are_invited_to(
    work: Work, organization: Organization
) -> None:
    email = an_email()
    token = await _invited(work, organization, email)

    for _ in range(2):
        seen = await read_invitation(work, ReadInvitation(token))
        assert (seen.organization_name, seen.email, seen.role) == (organization.name, email, Role.DEVELOPER)
        assert not seen.has_password


async def test_an_address_is_invited_once_at_a_time_in_any_casing(
    work: Work, organization: Organization
) -> None:
    email = an_email()
    await _invite(work, organization, email)

    with pytest.raises(MemberExists):
        await _invite(work, organization, email.upper())
    await _invite(work, await a_customer(work), email)
    await _invite(later(work, days=7), organization, email)


async def test_an_address_that_only_looks_alike_has_its_own_invitation_and_account(
    work: Work, organization: Organization, accounts: Realm
) -> None:
    email = an_email("jim")
    alike = email.replace("i", "\u0130", 1)
    await register_principal(work, RegisterPrincipal(accounts.id, email))
    await _invited(work, organization, email)

    token = await _invited(work, organization, alike)

    member = await accept_invitation(work, AcceptInvitation(token, Secret(NEW_PASSWORD)))
    assert member.email == alike
    await withdraw_invitation(work, WithdrawInvitation(organization.id, email.upper()))


async def test_somebody_known_is_invited_at_the_address_that_is_known(
    work: Work, organization: Organization, accounts: Realm
) -> None:
    email = an_email()
    await register_principal(work, RegisterPrincipal(accounts.id, email))

    await _invite(work, organization, email.upper())

    (message,) = await _mails_to(work, email)
    assert message.recipient == email


async def test_a_member_is_not_invited(work: Work) -> None:
    owner = await an_owner(work)

    with pytest.raises(MemberExists):
        await _invite(work, owner.organization, owner.member.email.upper())


@pytest.mark.parametrize("email", ["", "jane", "jane@", "a b@example.com", "a@b\ncc:x@example.com"])
async def test_nobody_without_an_address_is_invited(
    work: Work, organization: Organization, email: str
) -> None:
    with pytest.raises(InvalidFields) as refused:
        await _invite(work, organization, email)

    assert list(refused.value.fields) == ["email"]


async def test_an_organization_invites_only_so_many_in_an_hour(
    work: Work, organization: Organization
) -> None:
    for _ in range(MOST_AN_HOUR):
        await _invite(work, organization, an_email())

    with pytest.raises(TooManyAttempts):
        await _invite(work, organization, an_email())
    await _invite(work, await a_customer(work), an_email())
    await _invite(later(work, hours=1), organization, an_email())


async def test_an_invitation_says_who_invited(work: Work) -> None:
    owner, email = await an_owner(work), an_email()
    work.actor = Principal(
        Actor.MEMBER,
        str(owner.member.principal_id),
        "tests",
        organization_id=owner.organization.id,
        role=Role.OWNER,
    )

    await _invite(work, owner.organization, email)

    invited_by = await work.conn.fetchval("SELECT invited_by FROM invitations WHERE email = $1", email)
    assert invited_by == owner.member.principal_id


async def test_a_link_works_once(work: Work, organization: Organization) -> None:
    token = await _invited(work, organization, an_email())
    await accept_invitation(work, AcceptInvitation(token, Secret(PASSWORD)))

    await _is_refused(work, token)


async def test_a_link_works_for_a_week(work: Work, organization: Organization) -> None:
    token = await _invited(work, organization, an_email())

    await _is_refused(later(work, days=7), token)
    await read_invitation(later(work, days=7, microseconds=-1), ReadInvitation(token))


async def test_a_withdrawn_invitation_is_refused_and_the_address_can_be_invited_again(
    work: Work, organization: Organization
) -> None:
    email = an_email()
    token = await _invited(work, organization, email)

    with pytest.raises(InvitationInvalid):
        await withdraw_invitation(work, WithdrawInvitation((await a_customer(work)).id, email))
    await withdraw_invitation(work, WithdrawInvitation(organization.id, email.upper()))

    await _is_refused(work, token)
    with pytest.raises(InvitationInvalid):
        await withdraw_invitation(work, WithdrawInvitation(organization.id, email))
    await _invite(work, organization, email)
    assert event_names(work).count("invitation.withdrawn") == 1


async def test_an_unknown_token_is_refused(work: Work) -> None:
    for token in ("", "x", "\ud800", "A" * 43):
        await _is_refused(work, Secret(token))


async def test_an_inactive_organization_takes_nobody(work: Work, organization: Organization) -> None:
    token = await _invited(work, organization, an_email())
    await work.conn.execute("UPDATE organizations SET active = false WHERE id = $1", organization.id)

    await _is_refused(work, token)


async def test_a_new_password_must_be_good_enough(work: Work, organization: Organization) -> None:
    token = await _invited(work, organization, an_email())

    with pytest.raises(InvalidFields) as refused:
        await accept_invitation(work, AcceptInvitation(token, Secret("short")))

    assert list(refused.value.fields) == ["password"]
    await read_invitation(work, ReadInvitation(token))


async def test_an_account_that_is_there_joins_by_its_own_password(
    work: Work, organization: Organization
) -> None:
    elsewhere = await an_owner(work)
    token = await _invited(work, organization, elsewhere.member.email.upper())
    assert (await read_invitation(work, ReadInvitation(token))).has_password

    member = await accept_invitation(work, AcceptInvitation(token, Secret(PASSWORD)))

    assert member.principal_id == elsewhere.member.principal_id
    assert (member.organization_id, member.role) == (organization.id, Role.DEVELOPER)


async def test_a_wrong_password_is_refused_and_counted(work: Work, organization: Organization) -> None:
    elsewhere = await an_owner(work)
    token = await _invited(work, organization, elsewhere.member.email)

    with pytest.raises(Refusal) as refused:
        await accept_invitation(work, AcceptInvitation(token, Secret(NEW_PASSWORD)))

    assert isinstance(refused.value.error, WrongPassword)
    failures = await work.conn.fetchval(
        "SELECT failures FROM principals WHERE id = $1", elsewhere.member.principal_id
    )
    assert failures == 1
    assert event_names(work)[-1] == "member.refused"
    await read_invitation(work, ReadInvitation(token))


async def test_whose_account_wrong_passwords_lock_hears_of_it(
    work: Work, organization: Organization, accounts: Realm
) -> None:
    elsewhere = await an_owner(work)
    email = elsewhere.member.email
    token = await _invited(work, organization, email)
    await work.conn.execute(
        "UPDATE principals SET failures = $2 WHERE id = $1",
        elsewhere.member.principal_id,
        accounts.policy.max_failures - 1,
    )

    with pytest.raises(Refusal):
        await accept_invitation(work, AcceptInvitation(token, Secret(NEW_PASSWORD)))

    newest, *_ = await _mails_to(work, email)
    assert newest.template == "account_locked"
    assert newest.content is not None
    assert f"{work.settings.base_url}/links/reset-password?token=" in newest.content.text


@pytest.mark.parametrize("how", ["disabled", "locked"])
async def test_who_may_not_sign_in_does_not_join(
    work: Work, organization: Organization, accounts: Realm, how: str
) -> None:
    elsewhere = await an_owner(work)
    principal_id = elsewhere.member.principal_id
    token = await _invited(work, organization, elsewhere.member.email)
    if how == "disabled":
        await set_status(work, SetStatus(accounts.id, principal_id, PrincipalStatus.DISABLED))
    else:
        await lock_principal(work, LockPrincipal(accounts.id, principal_id, "tests"))

    with pytest.raises(Refusal) as refused:
        await accept_invitation(work, AcceptInvitation(token, Secret(PASSWORD)))

    assert isinstance(refused.value.error, WrongPassword)


async def test_an_account_without_a_password_gets_the_one_that_is_given(
    work: Work, organization: Organization, accounts: Realm
) -> None:
    email = an_email()
    principal = await register_principal(work, RegisterPrincipal(accounts.id, email))
    token = await _invited(work, organization, email)
    assert not (await read_invitation(work, ReadInvitation(token))).has_password

    member = await accept_invitation(work, AcceptInvitation(token, Secret(NEW_PASSWORD)))

    assert member.principal_id == principal.id
    credential = await read_credential(work, ReadCredential(accounts.id, principal_id=principal.id))
    assert credential is not None
    assert credential.principal.email_verified
    assert await is_right(accounts.id, credential, Secret(NEW_PASSWORD))


async def test_invitations_are_forgotten_a_month_after_they_ended(
    work: Work, organization: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invitations, "FORGET_BATCH", 2)
    await work.conn.execute("DELETE FROM invitations")
    token = await _invited(work, organization, an_email())
    await accept_invitation(work, AcceptInvitation(token, Secret(PASSWORD)))
    for _ in range(2):
        await _invite(work, organization, an_email())
    await _invite(later(work, seconds=1), organization, an_email())

    assert await forget_expired(later(work, days=37), None) == 0
    counts = [await forget_expired(later(work, days=37, milliseconds=1), None) for _ in range(3)]

    assert counts == [2, 1, 0]


async def _invite(work: Work, organization: Organization, email: str, role: Role = Role.DEVELOPER) -> None:
    assert role is not Role.OWNER
    await invite_member(work, InviteMember(organization.id, email, role))


async def _invited(work: Work, organization: Organization, email: str, role: Role = Role.DEVELOPER) -> Secret:
    """The token of the link in the newest mail to the address."""
    await _invite(work, organization, email, role)
    newest, *_ = await _mails_to(work, email)
    assert newest.content is not None
    found = re.search(r"/links/invitation\?token=([A-Za-z0-9_-]+)", newest.content.text)
    assert found is not None
    return Secret(found[1])


async def _mails_to(work: Work, email: str) -> tuple[OutboxMessage, ...]:
    return await list_outbox(work, ListOutbox(recipient=email))


async def _is_refused(work: Work, token: Secret) -> None:
    asked: tuple[Awaitable[object], ...] = (
        read_invitation(work, ReadInvitation(token)),
        accept_invitation(work, AcceptInvitation(token, Secret(PASSWORD))),
    )
    for question in asked:
        with pytest.raises(InvitationInvalid):
            await question
