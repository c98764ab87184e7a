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
class RemovePassword:
    """Whose."""

    realm_id: UUID
    principal_id: UUID


@dataclass(frozen=True, slots=True)
class SetPasswordHash:
    """What `hash_new_password` gave."""

    realm_id: UUID
    principal_id: UUID
    password_hash: str


@dataclass(frozen=True, slots=True)
class RenewHash:
    """The same password hashed anew, with today's parameters."""

    realm_id: UUID
    principal_id: UUID
    old_hash: str
    new_hash: str


@dataclass(frozen=True, slots=True)
class ReplacePassword:
    """Another password, by somebody who is signed in and knows the current one.

    Args:
        new: The other; its realm is the person's.
    """

    principal_id: UUID
    current: Secret
    new: NewPassword


@dataclass(frozen=True, slots=True)
class CheckedReplacement:
    """A `ReplacePassword` after its slow part.

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
    return await hash_password(command.password, str(command.realm.id))


async def read_credential(work: Work, command: ReadCredential) -> Credential | None:
    """The person with their hash, if there is one. One SELECT."""
    if command.principal_id is not None:
        return await store.select_credential(work.conn, command.realm_id, command.principal_id)
    return await store.select_credential_by_email(work.conn, command.realm_id, command.email or "")


async def hold_credential(work: Work, command: ReadCredential) -> Credential | None:
    """As `read_credential`, by the address; until the transaction ends nobody changes the person or the hash.

    Whoever signs somebody in by a password holds it from the comparison to the session: a new password, which
    ends all sessions, comes before both or after both.
    """
    return await store.select_credential_by_email_for_update(work.conn, command.realm_id, command.email or "")


async def is_right(realm_id: UUID, credential: Credential | None, password: Secret) -> bool:
    """Whether it is this person's password. For nobody, and for somebody without one, it takes as long.

    Raises:
        Unavailable: Too many wait for theirs.
    """
    kept = credential.password_hash if credential else None
    return await verify_password(kept, password, str(realm_id))


async def renewed_hash(credential: Credential, password: Secret) -> str | None:
    """The password that was right, hashed with today's parameters; None where it is so already."""
    if credential.password_hash is None or not needs_rehash(credential.password_hash):
        return None
    return await hash_password(password, str(credential.principal.realm_id))


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
        now=work.now,
    )
    if principal is None:
        raise UserNotFound
    work.record(event_of("password_set", principal.realm_id, principal.id))
    return principal


async def remove_password(work: Work, command: RemovePassword) -> bool:
    """The person has no password, no failures, and no lock for those; whether there was a password.

    Raises:
        UserNotFound: Nobody in the realm has this id.
    """
    removed = await store.update_password_removed(work.conn, command.realm_id, command.principal_id, work.now)
    if removed is None:
        raise UserNotFound
    if removed:
        work.record(event_of("password_removed", command.realm_id, command.principal_id))
    return removed


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


async def _check_replacement(work: Work, command: ReplacePassword) -> CheckedReplacement:
    realm = command.new.realm
    credential = await read_credential(work, ReadCredential(realm.id, principal_id=command.principal_id))
    right = await is_right(realm.id, credential, command.current)
    return CheckedReplacement(
        realm,
        command.principal_id,
        old_hash=credential.password_hash if credential and right else None,
        new_hash=await hash_new_password(work, command.new) if right else "",
    )


@prepared(_check_replacement)
async def replace_password(work: Work, ready: CheckedReplacement) -> None:
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
