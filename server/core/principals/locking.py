"""What failures and successes leave with a person: counts in a row, a lock, the time of the last sign-in."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from server.base.errors import AccountDisabled, InvalidCredentials
from server.core.principals import locking_store, store
from server.core.principals.actions import ReadPrincipal, event_of, read_principal
from server.core.principals.model import Counter, Failures, RealmPrincipal
from server.core.work import Work


@dataclass(frozen=True, slots=True)
class RecordFailure:
    """Something went wrong once more.

    Args:
        most: At how many in a row the account is locked: of the realm's policy.
        lock_seconds: For how long; None: until it is unlocked or the password is reset.
    """

    realm_id: UUID
    principal_id: UUID
    counter: Counter
    most: int
    lock_seconds: int | None


@dataclass(frozen=True, slots=True)
class UnlockPrincipal:
    """Who is not locked any more."""

    realm_id: UUID
    principal_id: UUID


@dataclass(frozen=True, slots=True)
class NoteLogin:
    """Who finished signing in.

    Args:
        counters: Which failures are forgotten: those of the proofs that were right.
        is_login: Whether it counts as one; registering does not move `last_login_at`.
    """

    realm_id: UUID
    principal_id: UUID
    counters: tuple[Counter, ...] = (Counter.PASSWORD,)
    is_login: bool = True


async def hold_principal(work: Work, command: ReadPrincipal) -> RealmPrincipal | None:
    """The person, if there is one; until the transaction ends nobody else changes or holds the row.

    Whoever checks a proof of somebody holds them first, so that of tries at the same moment no more are
    taken than there may be failures.
    """
    return await store.select_principal_for_update(work.conn, command.realm_id, command.principal_id)


async def record_failure(work: Work, command: RecordFailure) -> Failures:
    """The failure is counted; at the most the account is locked. One UPDATE. Raise a `Refusal` afterwards.

    A count goes on where it was, whatever code or sign-in is new; only a right proof clears it. For nobody it
    is 0.
    """
    failures = await locking_store.update_failed(
        work.conn,
        command.realm_id,
        command.principal_id,
        command.counter,
        most=command.most,
        lock_for=None if command.lock_seconds is None else timedelta(seconds=command.lock_seconds),
        now=work.now,
    )
    if failures is None:
        return Failures(0, locked_now=False)
    if failures.locked_now:
        work.record(
            event_of(
                "locked",
                command.realm_id,
                command.principal_id,
                reason=command.counter,
                failures=failures.count,
            )
        )
    return failures


async def unlock_principal(work: Work, command: UnlockPrincipal) -> RealmPrincipal:
    """The person can sign in, and all failures are forgotten. What is so already leaves no event.

    Raises:
        UserNotFound: Nobody in the realm has this id.
    """
    if await locking_store.update_unlocked(work.conn, command.realm_id, command.principal_id, work.now):
        work.record(event_of("unlocked", command.realm_id, command.principal_id))
    return await read_principal(work, ReadPrincipal(command.realm_id, command.principal_id))


async def note_login(work: Work, command: NoteLogin) -> RealmPrincipal:
    """The person signed in now. Until the transaction ends nobody else changes the row: call it first.

    Raises:
        InvalidCredentials: The person is gone or locked since the proof was checked.
        AccountDisabled: The account was disabled since.
    """
    principal = await locking_store.update_logged_in(
        work.conn,
        command.realm_id,
        command.principal_id,
        password=Counter.PASSWORD in command.counters,
        second_factor=Counter.SECOND_FACTOR in command.counters,
        is_login=command.is_login,
        now=work.now,
    )
    if principal is None or principal.is_locked(work.now):
        raise InvalidCredentials
    if principal.is_disabled:
        raise AccountDisabled
    return principal
