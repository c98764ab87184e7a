from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from server.base.errors import AccountDisabled, InvalidCredentials, UserNotFound
from server.core.principals.actions import ReadPrincipal, SetStatus, read_principal, set_status
from server.core.principals.locking import (
    NoteLogin,
    RecordFailure,
    UnlockPrincipal,
    note_login,
    record_failure,
    unlock_principal,
)
from server.core.principals.model import Counter, Failures, PrincipalStatus, RealmPrincipal
from server.core.work import Work
from tests.support.accounts import a_realm
from tests.support.locks import LockPrincipal, lock_principal
from tests.support.sign_in import a_principal
from tests.support.work import event_names, later

PASSWORD, SECOND = Counter.PASSWORD, Counter.SECOND_FACTOR


@pytest.fixture
async def jane(work: Work) -> RealmPrincipal:
    """Somebody."""
    return await a_principal(work, await a_realm(work))


async def fail(
    work: Work, jane: RealmPrincipal, counter: Counter, *, most: int = 3, lock_seconds: int | None = None
) -> Failures:
    """Something goes wrong once more."""
    return await record_failure(work, RecordFailure(jane.realm_id, jane.id, counter, most, lock_seconds))


async def read(work: Work, jane: RealmPrincipal) -> RealmPrincipal:
    """As it is now."""
    return await read_principal(work, ReadPrincipal(jane.realm_id, jane.id))


@pytest.mark.parametrize("counter", Counter)
async def test_the_most_failures_in_a_row_lock_once(
    work: Work, jane: RealmPrincipal, counter: Counter
) -> None:
    then = later(work)

    failures = [await fail(then, jane, counter) for _ in range(4)]

    assert [each.count for each in failures] == [1, 2, 3, 4]
    assert [each.locked_now for each in failures] == [False, False, True, False]
    assert (await read(work, jane)).is_locked(work.now)
    assert event_names(then) == ["principal.locked"]
    assert then.events[0].data == {"reason": str(counter), "failures": 3}


async def test_each_kind_of_failure_has_its_own_count(work: Work, jane: RealmPrincipal) -> None:
    await fail(work, jane, PASSWORD)
    await fail(work, jane, PASSWORD)

    assert await fail(work, jane, SECOND) == Failures(1, locked_now=False)
    await note_login(work, NoteLogin(jane.realm_id, jane.id, (PASSWORD,)))
    assert await fail(work, jane, PASSWORD) == Failures(1, locked_now=False)
    assert await fail(work, jane, SECOND) == Failures(2, locked_now=False)


async def test_a_lock_with_an_end_ends_and_the_next_failure_locks_again(
    work: Work, jane: RealmPrincipal
) -> None:
    for _ in range(3):
        await fail(work, jane, SECOND, lock_seconds=60)
    locked = await read(work, jane)
    after = later(work, seconds=60)

    assert (locked.is_locked(work.now), locked.is_locked(after.now)) == (True, False)
    assert locked.locked_until == after.now
    assert await fail(after, jane, SECOND, lock_seconds=60) == Failures(4, locked_now=True)
    assert (await read(work, jane)).locked_until == after.now + timedelta(seconds=60)


async def test_nobodys_failures_are_not_counted(work: Work, jane: RealmPrincipal) -> None:
    stranger = replace(jane, id=uuid4())
    foreign = replace(jane, realm_id=(await a_realm(work)).id)

    for nobody in (stranger, foreign):
        assert await fail(work, nobody, PASSWORD, most=1) == Failures(0, locked_now=False)
        with pytest.raises(UserNotFound):
            await unlock_principal(work, UnlockPrincipal(nobody.realm_id, nobody.id))
        with pytest.raises(InvalidCredentials):
            await note_login(work, NoteLogin(nobody.realm_id, nobody.id))

    assert not (await read(work, jane)).is_locked(work.now)


async def test_who_is_unlocked_begins_anew(work: Work, jane: RealmPrincipal) -> None:
    for counter in (PASSWORD, SECOND, PASSWORD, SECOND, SECOND):
        await fail(work, jane, counter)
    then = later(work)

    unlocked = [await unlock_principal(then, UnlockPrincipal(jane.realm_id, jane.id)) for _ in range(2)]

    assert [each.is_locked(then.now) for each in unlocked] == [False, False]
    assert event_names(then) == ["principal.unlocked"]
    assert await fail(work, jane, PASSWORD) == await fail(work, jane, SECOND) == Failures(1, locked_now=False)


async def test_a_login_is_noted_and_forgets_what_was_proved(work: Work, jane: RealmPrincipal) -> None:
    for counter in (PASSWORD, SECOND):
        await fail(work, jane, counter)
    then = later(work, minutes=1)

    noted = await note_login(then, NoteLogin(jane.realm_id, jane.id))

    assert noted == await read(work, jane)
    assert (noted.last_login_at, noted.updated_at) == (then.now, jane.updated_at)
    assert await fail(work, jane, PASSWORD) == Failures(1, locked_now=False)
    assert await fail(work, jane, SECOND) == Failures(2, locked_now=False)


async def test_signing_up_is_no_login(work: Work, jane: RealmPrincipal) -> None:
    noted = await note_login(work, NoteLogin(jane.realm_id, jane.id, is_login=False))

    assert noted.last_login_at is None


async def test_a_lock_that_has_ended_is_taken_away_by_a_login(work: Work, jane: RealmPrincipal) -> None:
    await lock_principal(work, LockPrincipal(jane.realm_id, jane.id, "test", work.now + timedelta(minutes=1)))

    noted = await note_login(later(work, minutes=1), NoteLogin(jane.realm_id, jane.id))

    assert (noted.locked_at, noted.locked_until) == (None, None)


async def test_who_was_locked_or_disabled_meanwhile_does_not_log_in(work: Work, jane: RealmPrincipal) -> None:
    await set_status(work, SetStatus(jane.realm_id, jane.id, PrincipalStatus.DISABLED))
    with pytest.raises(AccountDisabled):
        await note_login(work, NoteLogin(jane.realm_id, jane.id))

    await lock_principal(work, LockPrincipal(jane.realm_id, jane.id, "test"))
    with pytest.raises(InvalidCredentials):
        await note_login(work, NoteLogin(jane.realm_id, jane.id))
