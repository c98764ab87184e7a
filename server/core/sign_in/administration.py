"""What a project does with its people, and people with themselves."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from server.base.contact import email_key
from server.base.errors import UserNotFound
from server.core.changes import UNCHANGED, Unchanged
from server.core.factors.owner import Owner
from server.core.one_time_secrets.actions import drop_secrets
from server.core.one_time_secrets.model import DropSecrets, Purpose
from server.core.principals.actions import (
    ChangePrincipal,
    DeletePrincipal,
    ReadPrincipal,
    SetStatus,
    change_principal,
    delete_principal,
    set_status,
)
from server.core.principals.locking import UnlockPrincipal, hold_principal, unlock_principal
from server.core.principals.model import PrincipalStatus, RealmPrincipal
from server.core.principals.notices import Notice, tell
from server.core.realms.actions import read_realm
from server.core.sessions.ending import EndSessions, end_sessions
from server.core.sessions.model import EndReason
from server.core.sign_in import store
from server.core.sign_in.step_up import strong_session
from server.core.sign_in.verification import SendVerification, send_verification
from server.core.work import Work


@dataclass(frozen=True, slots=True)
class ChangeUser:
    """What is new about a person; metadata is merged member by member, null removes one."""

    realm_id: UUID
    user_id: UUID
    email: str | Unchanged = UNCHANGED
    metadata: Mapping[str, object] | Unchanged = UNCHANGED
    disabled: bool | Unchanged = UNCHANGED


@dataclass(frozen=True, slots=True)
class DeleteUser:
    """Which person."""

    realm_id: UUID
    user_id: UUID


@dataclass(frozen=True, slots=True)
class UnlockUser:
    """Which person."""

    realm_id: UUID
    user_id: UUID


async def change_user(work: Work, command: ChangeUser) -> RealmPrincipal:
    """The person is as the command says.

    A new address is what an account is recovered by: who has a second factor changes their own only in a
    session that proved one. It is not verified: a link goes to it, a notice to the old one, and links and
    codes that were sent to that are dead. Who is disabled has no open session any more.

    Raises:
        UserNotFound: The realm has no such principal.
        EmailTaken: Somebody else of the realm has the address.
        SecondFactorRequired, SessionNotFound: It is the person's own change, in a session that is not strong
            enough, or has ended.
        InvalidFields: The address is none, or the metadata would be too large.
        TooManyAttempts: So many links went to the new address in an hour.
    """
    old = await hold_principal(work, ReadPrincipal(command.realm_id, command.user_id))
    if old is None:
        raise UserNotFound
    if not isinstance(command.email, Unchanged) and work.actor.session_id is not None:
        owner = Owner(await read_realm(work, command.realm_id), old)
        await strong_session(work, owner, work.actor.session_id)
    new = await change_principal(
        work,
        ChangePrincipal(command.realm_id, command.user_id, email=command.email, metadata=command.metadata),
    )
    if _is_another(old.email, new.email):
        await _tell_of_new_address(work, old)
    if isinstance(command.disabled, Unchanged):
        return new
    return await _set_disabled(work, new, disabled=command.disabled)


async def delete_user(work: Work, command: DeleteUser) -> None:
    """The person is gone, with sessions, tokens, factors and all.

    Raises:
        UserNotFound: The realm has no such principal.
    """
    await delete_principal(work, DeletePrincipal(command.realm_id, command.user_id))


async def unlock_user(work: Work, command: UnlockUser) -> RealmPrincipal:
    """The person can sign in again; failures are counted anew.

    Raises:
        UserNotFound: The realm has no such principal.
    """
    return await unlock_principal(work, UnlockPrincipal(command.realm_id, command.user_id))


def _is_another(old: str | None, new: str | None) -> bool:
    return email_key(old or "") != email_key(new or "")


async def _tell_of_new_address(work: Work, old: RealmPrincipal) -> None:
    realm = await read_realm(work, old.realm_id)
    await drop_secrets(
        work,
        DropSecrets(
            realm.id,
            old.id,
            (Purpose.VERIFY_EMAIL, Purpose.RESET_PASSWORD, Purpose.MAGIC_LINK, Purpose.SIGN_IN_CODE),
        ),
    )
    await tell(work, Notice(realm, old, "email_changed"))
    await send_verification(work, SendVerification(realm.id, old.id))


async def _set_disabled(work: Work, principal: RealmPrincipal, *, disabled: bool) -> RealmPrincipal:
    if disabled == principal.is_disabled:
        return principal
    status = PrincipalStatus.DISABLED if disabled else PrincipalStatus.ACTIVE
    changed = await set_status(work, SetStatus(principal.realm_id, principal.id, status))
    if disabled:
        await store.update_all_ended(work.conn, principal.realm_id, principal.id, work.now)
        await end_sessions(work, EndSessions(principal.realm_id, principal.id, EndReason.DISABLED))
    return changed
