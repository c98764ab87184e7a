"""What may be done only so often."""

from dataclasses import replace
from uuid import uuid4

import pytest

from server.base.errors import RealmNotFound, TooManyAttempts
from server.core.throttles.actions import check_tries, clear_tries, count_try, forget_expired
from server.core.throttles.model import Counted, Try
from server.core.work import Work
from tests.support.accounts import a_realm
from tests.support.work import later


@pytest.fixture
async def three_a_minute(work: Work) -> Try:
    """What may be done three times in a minute."""
    return Try((await a_realm(work)).id, Counted.SIGN_IN, "somebody", most=3, window_seconds=60)


async def test_in_a_realm_that_is_gone_nothing_is_counted(work: Work, three_a_minute: Try) -> None:
    with pytest.raises(RealmNotFound):
        await count_try(work, replace(three_a_minute, realm_id=uuid4()))


async def test_so_many_are_counted_and_no_more(work: Work, three_a_minute: Try) -> None:
    counts = [(await count_try(work, three_a_minute)).count for _ in range(3)]

    with pytest.raises(TooManyAttempts) as refused:
        await count_try(later(work, seconds=10.5), three_a_minute)

    assert counts == [1, 2, 3]
    assert (refused.value.limit, refused.value.retry_after_seconds) == (3, 50)


async def test_looking_counts_nothing(work: Work, three_a_minute: Try) -> None:
    for _ in range(5):
        await check_tries(work, three_a_minute)
    for _ in range(3):
        await count_try(work, three_a_minute)

    with pytest.raises(TooManyAttempts):
        await check_tries(work, three_a_minute)


async def test_the_window_begins_with_the_first_and_ends_for_all(work: Work, three_a_minute: Try) -> None:
    await count_try(work, three_a_minute)
    for _ in range(2):
        await count_try(later(work, seconds=59), three_a_minute)

    anew = await count_try(later(work, seconds=60), three_a_minute)

    assert anew.count == 1
    assert anew.ends_at == later(work, seconds=120).now
    await check_tries(later(work, seconds=60), three_a_minute)


async def test_refused_tries_do_not_make_the_window_longer(work: Work, three_a_minute: Try) -> None:
    for _ in range(3):
        await count_try(work, three_a_minute)
    for _ in range(3):
        with pytest.raises(TooManyAttempts):
            await count_try(later(work, seconds=59), three_a_minute)

    assert (await count_try(later(work, seconds=60), three_a_minute)).count == 1


async def test_a_count_that_is_cleared_begins_anew(work: Work, three_a_minute: Try) -> None:
    for _ in range(3):
        await count_try(work, three_a_minute)

    await clear_tries(work, three_a_minute)

    assert (await count_try(work, three_a_minute)).count == 1


async def test_each_subject_kind_and_realm_has_a_count_of_its_own(work: Work, three_a_minute: Try) -> None:
    await count_try(work, three_a_minute)

    for other in (
        replace(three_a_minute, subject="somebody else"),
        replace(three_a_minute, kind=Counted.PUSH),
        replace(three_a_minute, realm_id=(await a_realm(work)).id),
    ):
        assert (await count_try(work, other)).count == 1


async def test_whose_tries_they_are_is_not_in_the_database(work: Work, three_a_minute: Try) -> None:
    await count_try(work, three_a_minute)

    row = await work.conn.fetchval(
        "SELECT t::text FROM throttles AS t WHERE realm_id = $1", three_a_minute.realm_id
    )

    assert "somebody" not in row
    assert b"somebody".hex() not in row


async def test_windows_that_have_ended_are_forgotten(work: Work, three_a_minute: Try) -> None:
    await count_try(work, three_a_minute)
    await count_try(later(work, seconds=30), replace(three_a_minute, subject="somebody else"))

    await forget_expired(later(work, seconds=60), None)

    left = await work.conn.fetchval(
        "SELECT count(*) FROM throttles WHERE realm_id = $1", three_a_minute.realm_id
    )
    assert left == 1
