"""The account behind a member: found and proved, or made. Hashing comes first and holds no connection."""

from dataclasses import dataclass

from server.base.errors import UserNotFound
from server.base.ids import new_uid
from server.base.secret import Secret
from server.core.audit.events import Event
from server.core.credentials.passwords import (
    ReadCredential,
    SetPasswordHash,
    hash_new_password,
    is_right,
    read_credential,
    set_password_hash,
)
from server.core.credentials.rules import NewPassword
from server.core.memberships import store
from server.core.memberships.model import Member, Role
from server.core.principals.actions import ConfirmEmail, RegisterPrincipal, confirm_email, register_principal
from server.core.principals.locking import RecordFailure, record_failure
from server.core.principals.model import Counter, RealmPrincipal
from server.core.principals.notices import tell_locked
from server.core.realms.model import Realm
from server.core.work import Work


@dataclass(frozen=True, slots=True)
class CheckedAccount:
    """An address and a password, looked at.

    Args:
        principal: Whose address it is; None if an account is to be made.
        proved: Whether the password is theirs and they may sign in, or there was none to compare with.
        new_hash: Of the password, where it is to be set.
    """

    principal: RealmPrincipal | None
    proved: bool
    new_hash: str | None


async def check_account(work: Work, accounts: Realm, email: str, password: Secret) -> CheckedAccount:
    """Whether *password* opens the account of *email*, or is good enough for a new one.

    Raises:
        InvalidFields: A new password is not good enough; the field is `password`.
        Unavailable: Too many wait for a hash.
    """
    credential = await read_credential(work, ReadCredential(accounts.id, email=email))
    if credential is not None and credential.password_hash is not None:
        principal = credential.principal
        may_sign_in = not (principal.is_disabled or principal.is_locked(work.now))
        proved = await is_right(accounts.id, credential, password)
        return CheckedAccount(principal, proved and may_sign_in, None)
    principal_without = None if credential is None else credential.principal
    new_hash = await hash_new_password(work, NewPassword(accounts, password, words=(email,)))
    may_set = principal_without is None or not principal_without.is_disabled
    return CheckedAccount(principal_without, may_set, new_hash)


async def count_wrong_password(work: Work, accounts: Realm, checked: CheckedAccount) -> None:
    """The failed proof is remembered with the account; whom it locks hears of it. Raise a `Refusal` then."""
    principal, policy = checked.principal, accounts.policy
    if principal is None:
        return
    work.record(
        Event(
            "member.refused",
            "principal",
            str(principal.id),
            result="refused",
            data={"method": "pwd"},
            realm_id=accounts.id,
        )
    )
    failures = await record_failure(
        work,
        RecordFailure(accounts.id, principal.id, Counter.PASSWORD, policy.max_failures, policy.lock_seconds),
    )
    if failures.locked_now:
        await tell_locked(work, accounts, principal, Counter.PASSWORD)


async def account_of(work: Work, accounts: Realm, email: str, checked: CheckedAccount) -> RealmPrincipal:
    """The account, made or given its password where that was missing; its address is verified.

    Raises:
        EmailTaken: Somebody made an account with this address a moment ago. The transaction is lost.
    """
    if checked.principal is None:
        return await register_principal(
            work,
            RegisterPrincipal(accounts.id, email, password_hash=checked.new_hash, email_verified=True),
        )
    if checked.new_hash is not None:
        await set_password_hash(work, SetPasswordHash(accounts.id, checked.principal.id, checked.new_hash))
    if not await confirm_email(work, ConfirmEmail(accounts.id, checked.principal.id, email)):
        raise UserNotFound
    return checked.principal


async def add_member(
    work: Work, accounts: Realm, organization_id: int, principal: RealmPrincipal, role: Role
) -> Member:
    """The account is a member of the organization.

    Raises:
        MemberExists: It is already. The transaction is lost.
    """
    member = Member(new_uid(), organization_id, principal.id, principal.email or "", role, work.now)
    await store.insert_member(work.conn, member)
    work.record(
        Event(
            "member.added",
            "member",
            str(member.id),
            organization_id,
            data={"role": role, "principal_id": str(principal.id)},
            realm_id=accounts.id,
        )
    )
    return member
