"""An account whose address nobody has verified belongs to whoever reads that address.

Anybody can sign up with an address, or change theirs to it. Without this they would share the account with
the reader, who finds it there.
"""

from dataclasses import dataclass

from server.core.credentials.passwords import RemovePassword, remove_password
from server.core.factors.actions import remove_all_factors
from server.core.factors.owner import Owner
from server.core.one_time_secrets.actions import drop_secrets
from server.core.one_time_secrets.model import DropSecrets, Purpose
from server.core.principals.actions import (
    ConfirmEmail,
    ReadPrincipal,
    confirm_email,
    read_principal,
    remove_phone,
)
from server.core.principals.model import RealmPrincipal
from server.core.principals.notices import Notice, tell
from server.core.realms.model import Realm
from server.core.sessions.ending import EndSessions, end_sessions
from server.core.sessions.model import EndReason
from server.core.sign_in import store
from server.core.single_sign_on.identities import unlink_identities
from server.core.work import Work


@dataclass(frozen=True, slots=True)
class HandOver:
    """An account whose address was not verified until now.

    Args:
        principal: Held by the caller (`hold_principal`).
        password_follows: The reader is about to set one: that there was another is no news then.
    """

    realm: Realm
    principal: RealmPrincipal
    password_follows: bool = False


async def hand_over(work: Work, command: HandOver) -> RealmPrincipal:
    """The address is verified, and nothing that was there before opens the account.

    Gone are the password, the number, second factors, recovery codes and linked identities. Sessions,
    unfinished sign-ins and whatever else was sent have ended, and so has a lock for failures. The reader
    hears of it by mail if anything was taken away. What the application keeps of the person stays.
    """
    realm, principal = command.realm, command.principal
    whose = ReadPrincipal(realm.id, principal.id)
    had_password = await remove_password(work, RemovePassword(realm.id, principal.id))
    taken = [
        had_password and not command.password_follows,
        await remove_phone(work, whose),
        await remove_all_factors(work, Owner(realm, principal)),
        await unlink_identities(work, whose),
    ]
    await store.update_all_ended(work.conn, realm.id, principal.id, work.now)
    await drop_secrets(work, DropSecrets(realm.id, principal.id, tuple(Purpose)))
    await end_sessions(work, EndSessions(realm.id, principal.id, EndReason.HANDED_OVER))
    await confirm_email(work, ConfirmEmail(realm.id, principal.id, principal.email or ""))
    if any(taken):
        await tell(work, Notice(realm, principal, "account_handed_over"))
    return await read_principal(work, whose)
