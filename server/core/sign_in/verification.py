"""Proving that a person reads an address."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from server.base.contact import email_key
from server.base.errors import LinkUnknown, UserNotFound
from server.base.secret import Secret
from server.core.notifications.actions import send_message
from server.core.notifications.model import Channel, Message
from server.core.one_time_secrets.actions import issue_token, look_up_token, redeem_token
from server.core.one_time_secrets.links import Page, link_to
from server.core.one_time_secrets.model import IssueToken, Purpose, RedeemToken
from server.core.principals.actions import ConfirmEmail, ReadPrincipal, confirm_email, read_principal
from server.core.principals.locking import hold_principal
from server.core.principals.model import RealmPrincipal
from server.core.realms.actions import read_realm
from server.core.sign_in.model import MessageSent
from server.core.throttles.actions import count_try
from server.core.throttles.model import HOUR_SECONDS, Counted, Try
from server.core.work import Work


@dataclass(frozen=True, slots=True)
class SendVerification:
    """To whose address."""

    realm_id: UUID
    principal_id: UUID


@dataclass(frozen=True, slots=True)
class VerifyEmail:
    """The token of the link; the realm is None where a page knows none."""

    realm_id: UUID | None
    token: Secret


async def send_verification(work: Work, command: SendVerification) -> MessageSent:
    """A link is on its way that verifies the address which the person has now.

    Raises:
        UserNotFound: The realm has no such principal, or they have no address.
        TooManyAttempts: So many links went there in an hour.
    """
    realm = await read_realm(work, command.realm_id)
    policy = realm.policy
    principal = await read_principal(work, ReadPrincipal(realm.id, command.principal_id))
    if principal.email is None:
        raise UserNotFound
    address = principal.email
    await count_try(
        work, Try(realm.id, Counted.VERIFY_LINK, email_key(address), policy.links_per_hour, HOUR_SECONDS)
    )
    token = await issue_token(
        work,
        IssueToken(realm.id, Purpose.VERIFY_EMAIL, address, policy.email_link_seconds, principal.id),
    )
    values: Mapping[str, str | Secret] = {
        "link": link_to(work, Page.VERIFY_EMAIL, token),
        "minutes": str(policy.email_link_seconds // 60),
    }
    await send_message(work, Message(Channel.MAIL, address, "verify_email", realm, principal.locale, values))
    return MessageSent(policy.email_link_seconds)


async def verify_email(work: Work, command: VerifyEmail) -> RealmPrincipal:
    """The address is verified.

    Raises:
        LinkUnknown: There is no such link, or the person has another address by now.
        LinkUsed, LinkExpired: The link proves nothing any more.
    """
    shown = RedeemToken(command.realm_id, Purpose.VERIFY_EMAIL, command.token)
    found = await look_up_token(work, shown)
    if found.principal_id is None:
        raise LinkUnknown
    whose = ReadPrincipal(found.realm_id, found.principal_id)
    await hold_principal(work, whose)
    await redeem_token(work, shown)
    if not await confirm_email(work, ConfirmEmail(found.realm_id, found.principal_id, found.target)):
        raise LinkUnknown
    return await read_principal(work, whose)
