"""Passwords that are forgotten or changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from server.base.contact import email_key
from server.base.errors import LinkUnknown
from server.base.secret import Secret
from server.core.audit.events import Event
from server.core.credentials import passwords
from server.core.credentials.passwords import SetPasswordHash, hash_new_password, set_password_hash
from server.core.credentials.rules import NewPassword
from server.core.notifications.actions import send_message
from server.core.notifications.model import Channel, Message
from server.core.one_time_secrets.actions import drop_secrets, issue_token, look_up_token, redeem_token
from server.core.one_time_secrets.links import Page, link_to
from server.core.one_time_secrets.model import DropSecrets, IssueToken, Purpose, RedeemToken
from server.core.principals.actions import (
    FindByEmail,
    ReadPrincipal,
    find_by_email,
    read_principal,
)
from server.core.principals.locking import hold_principal
from server.core.principals.model import Counter, RealmPrincipal
from server.core.principals.notices import Notice, tell, tell_locked
from server.core.realms.actions import read_realm
from server.core.realms.model import Realm
from server.core.sessions.ending import EndSessions, end_sessions
from server.core.sessions.model import EndReason
from server.core.sign_in import store
from server.core.sign_in.address import address_of
from server.core.sign_in.handing_over import HandOver, hand_over
from server.core.sign_in.model import MessageSent
from server.core.sign_in.tries import tries
from server.core.sign_in.undone import done_if
from server.core.throttles.actions import check_tries, clear_tries, count_try
from server.core.throttles.model import HOUR_SECONDS, Counted, Try
from server.core.work import Refusal, Work, prepared


@dataclass(frozen=True, slots=True)
class RequestReset:
    """Whose password was forgotten."""

    realm_id: UUID
    email: str


@dataclass(frozen=True, slots=True)
class ConfirmReset:
    """The token of the link and the new password; the realm is None where a page knows none."""

    realm_id: UUID | None
    token: Secret
    password: Secret


@dataclass(frozen=True, slots=True)
class ChangePassword:
    """By somebody who is signed in: that session goes on, all others end."""

    realm_id: UUID
    principal_id: UUID
    session_id: UUID
    current: Secret
    new: Secret


@dataclass(frozen=True, slots=True)
class CheckedReset:
    """A `ConfirmReset` after its slow part."""

    command: ConfirmReset
    realm: Realm
    principal_id: UUID
    password_hash: str


@dataclass(frozen=True, slots=True)
class CheckedChange:
    """A `ChangePassword` after its slow part."""

    command: ChangePassword
    realm: Realm
    checked: passwords.CheckedReplacement


async def request_reset(work: Work, command: RequestReset) -> MessageSent:
    """A link is on its way, if the address is somebody's; the answer, and the work, are the same if not.

    Raises:
        InvalidFields: It is no address.
        TooManyAttempts: So many links were asked for in an hour.
    """
    address = address_of(command.email, None)
    realm = await read_realm(work, command.realm_id)
    policy = realm.policy
    await count_try(
        work, Try(realm.id, Counted.RESET_LINK, address.target, policy.links_per_hour, HOUR_SECONDS)
    )
    known = await find_by_email(work, FindByEmail(realm.id, address.text))

    async def send() -> None:
        token = await issue_token(
            work,
            IssueToken(
                realm_id=realm.id,
                purpose=Purpose.RESET_PASSWORD,
                target=address.target,
                ttl_seconds=policy.reset_seconds,
                principal_id=known.id if known else None,
            ),
        )
        values: Mapping[str, str | Secret] = {
            "link": link_to(work, Page.RESET_PASSWORD, token),
            "minutes": str(policy.reset_seconds // 60),
        }
        locale = known.locale if known else None
        recipient = (known.email if known else None) or address.text
        await send_message(work, Message(Channel.MAIL, recipient, "reset_password", realm, locale, values))

    await done_if(work, send, wanted=known is not None and not known.is_disabled)
    work.record(_event(realm, known, "reset_requested"))
    return MessageSent(policy.reset_seconds)


async def _hash_reset(work: Work, command: ConfirmReset) -> CheckedReset:
    found = await look_up_token(work, RedeemToken(command.realm_id, Purpose.RESET_PASSWORD, command.token))
    if found.principal_id is None:
        raise LinkUnknown
    realm = await read_realm(work, found.realm_id)
    new = NewPassword(realm, command.password, words=(found.target,))
    return CheckedReset(command, realm, found.principal_id, await hash_new_password(work, new))


@prepared(_hash_reset)
async def confirm_reset(work: Work, ready: CheckedReset) -> RealmPrincipal:
    """The password is the new one, a lock for wrong ones is lifted, all sessions and sign-ins have ended.

    Other links and codes that were sent to the person are dead. Second factors stay as they are, unless the
    address was not verified: then the account is handed over to its reader.

    Raises:
        LinkUnknown: There is no such link, or the person has another address by now.
        LinkUsed, LinkExpired: The link proves nothing any more.
        InvalidFields: The password is not one that the realm takes; the link is not used up.
        Unavailable: Too many wait for their hashes.
    """
    realm = ready.realm
    principal = await hold_principal(work, ReadPrincipal(realm.id, ready.principal_id))
    redeemed = await redeem_token(work, RedeemToken(realm.id, Purpose.RESET_PASSWORD, ready.command.token))
    if principal is None or principal.email is None or email_key(principal.email) != redeemed.target:
        raise LinkUnknown
    if not principal.email_verified:
        await hand_over(work, HandOver(realm, principal, password_follows=True))
    await set_password_hash(work, SetPasswordHash(realm.id, principal.id, ready.password_hash))
    await _end_everything(work, realm, principal.id, keep=None)
    await tell(work, Notice(realm, principal, "password_changed"))
    work.record(_event(realm, principal, "reset"))
    return await read_principal(work, ReadPrincipal(realm.id, principal.id))


async def _check_change(work: Work, command: ChangePassword) -> CheckedChange:
    realm = await read_realm(work, command.realm_id)
    await check_tries(work, _tries(work, realm, command.principal_id))
    principal = await read_principal(work, ReadPrincipal(realm.id, command.principal_id))
    words = tuple(word for word in (principal.email, principal.phone) if word)
    change = passwords.ReplacePassword(
        principal.id, command.current, NewPassword(realm, command.new, words, field="new_password")
    )
    return CheckedChange(command, realm, await passwords.replace_password.prepare(work, change))


@prepared(_check_change)
async def change_password(work: Work, ready: CheckedChange) -> int:
    """The password is the new one; how many other sessions ended. The slow part holds no connection.

    Raises:
        WrongPassword: The current one is another. As a `Refusal`: the try is counted.
        InvalidFields: The new one is not one that the realm takes.
        TooManyAttempts: There were too many wrong tries from there.
        UserNotFound: The realm has no such principal.
        Unavailable: Too many wait for their hashes.
    """
    command, realm = ready.command, ready.realm
    counted = _tries(work, realm, command.principal_id)
    await count_try(work, counted)
    principal = await hold_principal(work, ReadPrincipal(realm.id, command.principal_id))
    try:
        await passwords.replace_password.act(work, ready.checked)
    except Refusal:
        await _tell_if_locked(work, realm, principal)
        raise
    await clear_tries(work, counted)
    ended = await _end_everything(work, realm, command.principal_id, keep=command.session_id)
    if principal is not None:
        await tell(work, Notice(realm, principal, "password_changed"))
    return ended


def _tries(work: Work, realm: Realm, principal_id: UUID) -> Try:
    return tries(work, realm, Counted.SIGN_IN, str(principal_id))


async def _tell_if_locked(work: Work, realm: Realm, before: RealmPrincipal | None) -> None:
    """Whose account the wrong password locked hears of it."""
    if before is None or before.is_locked(work.now):
        return
    principal = await read_principal(work, ReadPrincipal(realm.id, before.id))
    if principal.is_locked(work.now):
        await tell_locked(work, realm, principal, Counter.PASSWORD)


async def _end_everything(work: Work, realm: Realm, principal_id: UUID, *, keep: UUID | None) -> int:
    """Whatever the old password opened is closed; how many sessions that were."""
    await store.update_all_ended(work.conn, realm.id, principal_id, work.now)
    await drop_secrets(
        work,
        DropSecrets(
            realm.id, principal_id, (Purpose.RESET_PASSWORD, Purpose.MAGIC_LINK, Purpose.SIGN_IN_CODE)
        ),
    )
    return await end_sessions(
        work, EndSessions(realm.id, principal_id, EndReason.PASSWORD_CHANGED, keep=keep)
    )


def _event(realm: Realm, principal: RealmPrincipal | None, what: str) -> Event:
    return Event(
        f"password.{what}",
        "principal" if principal else "realm",
        str(principal.id if principal else realm.id),
        realm.organization_id,
        realm_id=realm.id,
    )
