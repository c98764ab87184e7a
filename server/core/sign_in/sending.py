"""Codes and links that sign in, sent to whoever asks; whether anybody gets them is not told."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from server.base.secret import Secret
from server.core.audit.events import Event
from server.core.notifications.actions import send_message
from server.core.notifications.model import Channel, Message
from server.core.one_time_secrets.actions import issue_code, issue_token
from server.core.one_time_secrets.links import Page, link_to
from server.core.one_time_secrets.model import IssueCode, IssueToken, Purpose
from server.core.principals.actions import FindByEmail, FindByPhone, find_by_email, find_by_phone
from server.core.principals.model import RealmPrincipal
from server.core.realms.actions import read_realm
from server.core.realms.model import Realm
from server.core.realms.redirects import allowed_redirect
from server.core.sign_in.address import Address, address_of
from server.core.sign_in.model import MessageSent
from server.core.sign_in.undone import done_if
from server.core.throttles.actions import count_try
from server.core.throttles.model import HOUR_SECONDS, Counted, Try
from server.core.throttles.strangers import count_sms_to_stranger
from server.core.work import Work


@dataclass(frozen=True, slots=True)
class SendCode:
    """Where to: exactly one of *email* and *phone* (E.164)."""

    realm_id: UUID
    email: str | None = None
    phone: str | None = None


@dataclass(frozen=True, slots=True)
class SendMagicLink:
    """Where to, and where the link leads in the end; None: the project's own page."""

    realm_id: UUID
    email: str
    redirect_url: str | None = None


async def send_code(work: Work, command: SendCode) -> MessageSent:
    """Six digits are on their way, if whoever reads them may sign in; the answer is the same if not.

    Raises:
        InvalidFields: Neither or both are named, or it is no address.
        TooManyAttempts: So many codes went there in an hour; or so many by SMS to strangers that none goes to
            any number, nor to those of people who are known, or the answer would tell who is.
    """
    address = address_of(command.email, command.phone)
    realm = await read_realm(work, command.realm_id)
    policy = realm.policy
    await count_try(
        work, Try(realm.id, Counted.SIGN_IN_CODE, address.target, policy.messages_per_hour, HOUR_SECONDS)
    )
    known = await _known(work, realm, address)
    if address.channel is Channel.SMS:
        await _count_stranger(work, realm, known)

    async def send() -> None:
        code = await issue_code(
            work,
            IssueCode(
                realm_id=realm.id,
                purpose=Purpose.SIGN_IN_CODE,
                target=address.target,
                ttl_seconds=policy.code_seconds,
                max_attempts=policy.code_attempts,
                principal_id=known.id if known else None,
            ),
        )
        values: Mapping[str, str | Secret] = {"code": code, "minutes": str(policy.code_seconds // 60)}
        await send_message(
            work,
            Message(
                address.channel, _recipient(known, address), "sign_in_code", realm, _locale(known), values
            ),
        )

    await done_if(work, send, wanted=may_sign_in(realm, known))
    _record(work, realm, known, "sign_in_code")
    return MessageSent(policy.code_seconds)


async def send_magic_link(work: Work, command: SendMagicLink) -> MessageSent:
    """A link is on its way, if whoever reads it may sign in; the answer is the same if not.

    Raises:
        InvalidFields: It is no address.
        RedirectNotAllowed: The URL is not one of the project's.
        TooManyAttempts: So many links went there in an hour.
    """
    address = address_of(command.email, None)
    realm = await read_realm(work, command.realm_id)
    redirect_url = allowed_redirect(realm, command.redirect_url)
    policy = realm.policy
    await count_try(
        work, Try(realm.id, Counted.MAGIC_LINK, address.target, policy.links_per_hour, HOUR_SECONDS)
    )
    known = await _known(work, realm, address)

    async def send() -> None:
        token = await issue_token(
            work,
            IssueToken(
                realm_id=realm.id,
                purpose=Purpose.MAGIC_LINK,
                target=address.text,
                ttl_seconds=policy.magic_link_seconds,
                principal_id=known.id if known else None,
                payload={"redirect_url": redirect_url},
            ),
        )
        values: Mapping[str, str | Secret] = {
            "link": link_to(work, Page.MAGIC_LINK, token),
            "minutes": str(policy.magic_link_seconds // 60),
        }
        await send_message(
            work,
            Message(Channel.MAIL, _recipient(known, address), "magic_link", realm, _locale(known), values),
        )

    await done_if(work, send, wanted=may_sign_in(realm, known))
    _record(work, realm, known, "magic_link")
    return MessageSent(policy.magic_link_seconds)


def may_sign_in(realm: Realm, known: RealmPrincipal | None) -> bool:
    """Whether a message that signs in is sent: to people in use, and to strangers of an open realm."""
    return realm.policy.registration_open if known is None else not known.is_disabled


async def _known(work: Work, realm: Realm, address: Address) -> RealmPrincipal | None:
    if address.channel is Channel.MAIL:
        return await find_by_email(work, FindByEmail(realm.id, address.text))
    return await find_by_phone(work, FindByPhone(realm.id, address.text))


async def _count_stranger(work: Work, realm: Realm, known: RealmPrincipal | None) -> None:
    """A code that a stranger will be sent is counted; for others it is as well, and taken back.

    Raises:
        TooManyAttempts: There were too many, whoever this one is for.
    """
    is_sent_to_one = known is None and may_sign_in(realm, known)
    await done_if(work, lambda: count_sms_to_stranger(work, realm), wanted=is_sent_to_one)


def _recipient(known: RealmPrincipal | None, address: Address) -> str:
    """Where the message goes: what is known of somebody counts, and not how the caller writes it."""
    if known is not None and known.email is not None and address.channel is Channel.MAIL:
        return known.email
    return address.text


def _locale(known: RealmPrincipal | None) -> str | None:
    return known.locale if known else None


def _record(work: Work, realm: Realm, known: RealmPrincipal | None, what: str) -> None:
    """It is in the audit log that a message was asked for, whether or not there is anybody."""
    work.record(
        Event(
            "sign_in.requested",
            "principal" if known else "realm",
            str(known.id if known else realm.id),
            realm.organization_id,
            data={"method": what},
            realm_id=realm.id,
        )
    )
