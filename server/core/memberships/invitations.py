"""How somebody becomes a member: invited by mail, by a link that works for a week."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from server.base.contact import email_address
from server.base.errors import (
    InvalidFields,
    InvalidManagementToken,
    InvitationInvalid,
    MemberExists,
    WrongPassword,
)
from server.base.ids import new_uid
from server.base.principal import Actor
from server.base.secret import Secret
from server.core.memberships import store
from server.core.memberships.accounts import (
    CheckedAccount,
    account_of,
    add_member,
    check_account,
    count_wrong_password,
)
from server.core.memberships.actions import MembershipOf, membership_of
from server.core.memberships.events import invitation_event
from server.core.memberships.model import Invitation, InvitedRole, Member
from server.core.notifications.actions import send_message
from server.core.notifications.model import Channel, Message
from server.core.principals.actions import FindByEmail, find_by_email
from server.core.realms.actions import read_named_realm
from server.core.realms.model import Realm, RealmName
from server.core.throttles.actions import count_try
from server.core.throttles.model import HOUR_SECONDS, Counted, Try
from server.core.work import Refusal, Work, prepared
from server.crypto.tokens import digest, new_link_token

LIFETIME = timedelta(days=7)
KEPT_AFTERWARDS = timedelta(days=30)
FORGET_BATCH = 500
MOST_AN_HOUR = 50
LINK_PATH = "/links/invitation"


@dataclass(frozen=True, slots=True)
class InviteMember:
    """Who is to be asked to join, and as what."""

    organization_id: int
    email: str
    role: InvitedRole


@dataclass(frozen=True, slots=True)
class WithdrawInvitation:
    """Whose invitation, by the address."""

    organization_id: int
    email: str


@dataclass(frozen=True, slots=True)
class ReadInvitation:
    """The token of a link."""

    token: Secret


@dataclass(frozen=True, slots=True)
class AcceptInvitation:
    """The token of a link; the account's password, or a new one where there is none yet."""

    token: Secret
    password: Secret


@dataclass(frozen=True, slots=True)
class CheckedAcceptance:
    """An acceptance whose slow part is done."""

    invitation: Invitation
    realm: Realm
    account: CheckedAccount


async def invite_member(work: Work, command: InviteMember) -> None:
    """The address is sent a link by which its reader becomes a member, once, within a week.

    Raises:
        InvalidFields: `email` is no address.
        InvalidManagementToken: The member who invites was removed a moment ago.
        MemberExists: It is a member's, or was invited and can still accept.
        TooManyAttempts: The organization invited fifty within an hour.
    """
    email = email_address(command.email)
    if email is None:
        raise InvalidFields(fields={"email": "must be an email address"})
    inviter = UUID(work.actor.id) if work.actor.kind is Actor.MEMBER else None
    # Whoever invites for the same organization waits here: of two who invite one address the second is told.
    organization_name = await store.select_name_for_update(work.conn, command.organization_id)
    if inviter is not None and not await membership_of(work, MembershipOf(inviter, command.organization_id)):
        raise InvalidManagementToken
    if await store.select_is_member_or_invited(work.conn, command.organization_id, email, work.now):
        raise MemberExists
    accounts = await read_named_realm(work, RealmName.ACCOUNTS)
    known = await find_by_email(work, FindByEmail(accounts.id, email))
    await count_try(
        work,
        Try(accounts.id, Counted.INVITATION, str(command.organization_id), MOST_AN_HOUR, HOUR_SECONDS),
    )
    token, invitation_id = new_link_token(), new_uid()
    await store.insert_invitation(
        work.conn,
        invitation_id,
        organization_id=command.organization_id,
        email=email,
        role=command.role,
        invited_by=inviter,
        token_digest=digest(token),
        now=work.now,
        expires_at=work.now + LIFETIME,
    )
    link = f"{work.settings.base_url}{LINK_PATH}?token={token}"
    values: dict[str, str | Secret] = {
        "link": Secret(link),
        "minutes": str(int(LIFETIME.total_seconds()) // 60),
        "organization": organization_name,
        "role": command.role,
    }
    recipient = (known.email if known else None) or email
    await send_message(work, Message(Channel.MAIL, recipient, "invitation", accounts, values=values))
    work.record(
        invitation_event("created", invitation_id, command.organization_id, accounts, role=command.role)
    )


async def withdraw_invitation(work: Work, command: WithdrawInvitation) -> None:
    """The link does not work any more, and the address can be invited again.

    Raises:
        InvitationInvalid: The address has no invitation that could be accepted.
    """
    invitation_id = await store.update_invitation_withdrawn(
        work.conn, command.organization_id, command.email, work.now
    )
    if invitation_id is None:
        raise InvitationInvalid
    accounts = await read_named_realm(work, RealmName.ACCOUNTS)
    work.record(invitation_event("withdrawn", invitation_id, command.organization_id, accounts))


async def read_invitation(work: Work, command: ReadInvitation) -> Invitation:
    """The invitation, which can be accepted. Perform at once; nothing is used up.

    Raises:
        InvitationInvalid: There is none, or it was accepted, taken back or is past its time: all alike.
    """
    accounts = await read_named_realm(work, RealmName.ACCOUNTS)
    invitation = await store.select_invitation(
        work.conn, accounts.id, digest(command.token.reveal()), work.now
    )
    if invitation is None:
        raise InvitationInvalid
    return invitation


async def _check(work: Work, command: AcceptInvitation) -> CheckedAcceptance:
    invitation = await read_invitation(work, ReadInvitation(command.token))
    accounts = await read_named_realm(work, RealmName.ACCOUNTS)
    account = await check_account(work, accounts, invitation.email, command.password)
    return CheckedAcceptance(invitation, accounts, account)


@prepared(_check)
async def accept_invitation(work: Work, command: CheckedAcceptance) -> Member:
    """The invited person is a member, by an account whose address is verified; the link is used up.

    Raises:
        InvitationInvalid: As `read_invitation`.
        InvalidFields: A new password is not good enough; the field is `password`.
        WrongPassword: The address has an account, and this is not its password, or it is locked or disabled.
            Counted as a failed sign-in.
    """
    invitation, accounts, checked = command.invitation, command.realm, command.account
    if not checked.proved:
        await count_wrong_password(work, accounts, checked)
        raise Refusal(WrongPassword())
    if not await store.update_invitation_accepted(work.conn, invitation.id, work.now):
        raise InvitationInvalid
    principal = await account_of(work, accounts, invitation.email, checked)
    member = await add_member(work, accounts, invitation.organization_id, principal, invitation.role)
    work.record(invitation_event("accepted", invitation.id, invitation.organization_id, accounts))
    return member


async def forget_expired(work: Work, _: None) -> int:
    """Up to a batch of the invitations that ended a month ago are gone, accepted or not; how many."""
    return await store.delete_invitations(work.conn, work.now - KEPT_AFTERWARDS, FORGET_BATCH)
