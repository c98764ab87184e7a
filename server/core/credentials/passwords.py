"""Passwords are checked, set and changed.

Hashing is slow and must hold no connection: `hash_new_password`, `is_right` and `renewed_hash` belong in the
first part of a prepared action (`server.core.work.prepared`), what writes in the second.
"""

from dataclasses import dataclass
from uuid import UUID

from server.base.errors import UserNotFound, WrongPassword
from server.base.secret import Secret
from server.core.credentials import store
from server.core.credentials.model import Credential
from server.core.credentials.rules import NewPassword, check_password
from server.core.principals.actions import event_of
from server.core.principals.locking import RecordFailure, record_failure
from server.core.principals.model import Counter, RealmPrincipal
from server.core.realms.model import Realm
from server.core.work import Refusal, Work, prepared
from server.crypto.passwords import hash_password, needs_rehash, verify_password


@dataclass(frozen=True, slots=True)
class ReadCredential:
    """Whose: of the person with this address in any casing, or with this id."""

    realm_id: UUID
    email: str | None = None
    principal_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class SetPasswordHash:
    """What `hash_new_password` gave.

    Args:
        must_change: Whether the next sign-in must set another.
    """

    realm_id: UUID
    principal_id: UUID
    password_hash: str
    must_change: bool = False


@dataclass(frozen=True, slots=True)
class RenewHash:
    """The same password hashed anew, with today's parameters."""

    realm_id: UUID
    principal_id: UUID
    old_hash: str
    new_hash: str


@dataclass(frozen=True, slots=True)
class SetPassword:
    """A password for somebody who need not know the current one: an operator set it, or a link proved them.

    Args:
        must_change: Whether the next sign-in must set another.
    """

    principal_id: UUID
    new: NewPassword
    must_change: bool = False


@dataclass(frozen=True, slots=True)
class ChangePassword:
    """Another password, by somebody who is signed in and knows the current one.

    Args:
        new: The other; its realm is the person's.
    """

    principal_id: UUID
    current: Secret
    new: NewPassword


@dataclass(frozen=True, slots=True)
class CheckedChange:
    """A `ChangePassword` after its slow part.

    Args:
        old_hash: What the current password was checked against; None: it was wrong.
    """

    realm: Realm
    principal_id: UUID
    old_hash: str | None
    new_hash: str


async def hash_new_password(work: Work, command: NewPassword) -> str:
    """The hash of a password that is good enough for the realm.

    Raises:
        InvalidFields: It is not.
        Unavailable: Too many wait for theirs.
    """
    await check_password(work, command)
    return await hash_password(command.password)


async def read_credential(work: Work, command: ReadCredential) -> Credential | None:
    """The person with their hash, if there is one. One SELECT."""
    if command.principal_id is not None:
        return await store.select_credential(work.conn, command.realm_id, command.principal_id)
    return await store.select_credential_by_email(work.conn, command.realm_id, command.email or "")


async def is_right(credential: Credential | None, password: Secret) -> bool:
    """Whether it is the person's password. For nobody, and for somebody without one, it takes as long.

    Raises:
        Unavailable: Too many wait for theirs.
    """
    return await verify_password(credential.password_hash if credential else None, password)


async def renewed_hash(credential: Credential, password: Secret) -> str | None:
    """The password that was right, hashed with today's parameters; None where it is so already."""
    if credential.password_hash is None or not needs_rehash(credential.password_hash):
        return None
    return await hash_password(password)


async def set_password_hash(work: Work, command: SetPasswordHash) -> RealmPrincipal:
    """The person's password is another; its failures are forgotten, and a lock for them is lifted.

    A lock for second factors stays: whoever reads a person's mail must not get new tries at those by it.

    Raises:
        UserNotFound: Nobody in the realm has this id.
    """
    principal = await store.update_password(
        work.conn,
        command.realm_id,
        command.principal_id,
        password_hash=command.password_hash,
        must_change=command.must_change,
        now=work.now,
    )
    if principal is None:
        raise UserNotFound
    work.record(event_of("password_set", principal.realm_id, principal.id, must_change=command.must_change))
    return principal


async def renew_hash(work: Work, command: RenewHash) -> None:
    """The hash is the new one, if the password is still the same."""
    if await store.update_renewed_hash(
        work.conn,
        command.realm_id,
        command.principal_id,
        old_hash=command.old_hash,
        new_hash=command.new_hash,
    ):
        work.record(event_of("password_rehashed", command.realm_id, command.principal_id))


async def _hash_to_set(work: Work, command: SetPassword) -> SetPasswordHash:
    new_hash = await hash_new_password(work, command.new)
    return SetPasswordHash(command.new.realm.id, command.principal_id, new_hash, command.must_change)


@prepared(_hash_to_set)
async def set_password(work: Work, ready: SetPasswordHash) -> RealmPrincipal:
    """As `set_password_hash`, with a password that is checked and hashed first.

    Raises:
        InvalidFields: It is not good enough.
        UserNotFound: Nobody in the realm has this id.
        Unavailable: Too many wait for their hashes.
    """
    return await set_password_hash(work, ready)


async def _check_change(work: Work, command: ChangePassword) -> CheckedChange:
    realm = command.new.realm
    credential = await read_credential(work, ReadCredential(realm.id, principal_id=command.principal_id))
    right = await is_right(credential, command.current)
    return CheckedChange(
        realm,
        command.principal_id,
        old_hash=credential.password_hash if credential and right else None,
        new_hash=await hash_new_password(work, command.new) if right else "",
    )


@prepared(_check_change)
async def change_password(work: Work, ready: CheckedChange) -> None:
    """The password is another, and failures with the old one are forgotten. Sessions are the caller's.

    A wrong current password counts like one at the sign-in, and locks the account at the realm's most.

    Raises:
        WrongPassword: The current one is wrong, or is not the current one any more; as a `Refusal`.
        InvalidFields: The new one is not good enough.
        Unavailable: Too many wait for their hashes.
    """
    policy = ready.realm.policy
    changed = ready.old_hash is not None and await store.update_changed_password(
        work.conn,
        ready.realm.id,
        ready.principal_id,
        old_hash=ready.old_hash,
        new_hash=ready.new_hash,
        now=work.now,
    )
    if not changed:
        await record_failure(
            work,
            RecordFailure(
                ready.realm.id,
                ready.principal_id,
                Counter.PASSWORD,
                most=policy.max_failures,
                lock_seconds=policy.lock_seconds,
            ),
        )
        raise Refusal(WrongPassword())
    work.record(event_of("password_changed", ready.realm.id, ready.principal_id))
