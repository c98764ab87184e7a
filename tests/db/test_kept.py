"""What is kept, and above all what is not."""

from collections.abc import AsyncIterator, Callable

import asyncpg
import pytest

from server.db.kept import LIFE_SECONDS, MOST_KEPT, Kept
from server.db.pool import Database
from server.db.wakeups import Wakeups

SOON = 5.0  # seconds; a test that is right never waits so long


class Clock:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        """What it shows."""
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    """What tells how long something has been kept."""
    return Clock()


@pytest.fixture
def kept(here: Wakeups, clock: Clock) -> Kept[str]:
    """Things by their numbers."""
    return Kept(here, "thing:", clock=clock)


def keep(kept: Kept[str], *keys: str) -> None:
    """Each key has itself as value."""
    for key in keys:
        kept.keep(kept.ticket(), key, key)


def those_of(kept: Kept[str], *keys: str) -> list[str]:
    """Which of *keys* are kept."""
    return [key for key in keys if kept.get(key) == key]


async def test_what_is_kept_is_there_and_nothing_else(kept: Kept[str]) -> None:
    keep(kept, "1")

    assert kept.get("1") == "1"
    assert kept.get("2") is None


async def test_the_newest_value_counts(kept: Kept[str]) -> None:
    kept.keep(kept.ticket(), "1", "old")
    kept.keep(kept.ticket(), "1", "new")

    assert kept.get("1") == "new"
    assert len(kept) == 1


# --- its end ------------------------------------------------------------------------------------------


async def test_nothing_is_kept_longer_than_is_promised(kept: Kept[str], clock: Clock) -> None:
    """This is what bounds the harm of a notification that is lost."""
    keep(kept, "1")

    clock.seconds += LIFE_SECONDS - 0.001
    assert kept.get("1") == "1"
    clock.seconds += 0.001
    assert kept.get("1") is None


async def test_its_time_begins_with_the_reading_and_not_with_the_keeping(
    kept: Kept[str], clock: Clock
) -> None:
    """A change that comes after the reading is as old as the reading, however long that took."""
    ticket = kept.ticket()
    clock.seconds += LIFE_SECONDS - 1
    kept.keep(ticket, "1", "1")

    assert kept.get("1") == "1"
    clock.seconds += 1
    assert kept.get("1") is None


async def test_what_is_looked_at_lives_no_longer_for_it(kept: Kept[str], clock: Clock) -> None:
    keep(kept, "1")
    for _ in range(5):
        clock.seconds += LIFE_SECONDS / 5
        kept.get("1")

    assert kept.get("1") is None


async def test_no_more_than_so_many_are_kept_and_the_oldest_goes_first(here: Wakeups, clock: Clock) -> None:
    kept: Kept[str] = Kept(here, "thing:", most=3, clock=clock)
    keep(kept, "1", "2", "3")
    keep(kept, "1")  # now the newest

    keep(kept, "4", "5")

    assert those_of(kept, "1", "2", "3", "4", "5") == ["1", "4", "5"]
    assert len(kept) == 3


async def test_there_is_an_end_to_it_unless_somebody_says_otherwise(kept: Kept[str]) -> None:
    keep(kept, *map(str, range(MOST_KEPT + 1)))

    assert len(kept) == MOST_KEPT


# --- changes ------------------------------------------------------------------------------------------


async def test_a_change_drops_what_was_kept_before_publish_returns(kept: Kept[str], here: Wakeups) -> None:
    keep(kept, "1", "2", "12")

    here.publish("thing:1")

    assert those_of(kept, "1", "2", "12") == ["2", "12"]


async def test_one_topic_drops_all_of_a_kind(kept: Kept[str], here: Wakeups, clock: Clock) -> None:
    other: Kept[str] = Kept(here, "other:", clock=clock)
    keep(kept, "1", "2")
    keep(other, "1")

    here.publish("thing:*")

    assert those_of(kept, "1", "2") == []
    assert those_of(other, "1") == ["1"]


async def test_when_any_topic_may_have_been_missed_nothing_is_left(kept: Kept[str], here: Wakeups) -> None:
    keep(kept, "1", "2")

    here.wake_all()

    assert those_of(kept, "1", "2") == []


async def test_topics_of_others_drop_nothing(kept: Kept[str], here: Wakeups) -> None:
    keep(kept, "1")
    ticket = kept.ticket()

    here.publish("other:1", "1", "thing", "*thing:1")
    kept.keep(ticket, "2", "2")

    assert those_of(kept, "1", "2") == ["1", "2"]


async def test_a_change_in_another_process_drops_it_too(
    kept: Kept[str], here: Wakeups, there: Wakeups
) -> None:
    keep(kept, "1", "2")

    with here.subscribe("thing:1") as heard:
        there.publish("thing:1")
        assert await heard.wait(SOON)

    assert those_of(kept, "1", "2") == ["2"]


# --- readings that meet a change ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda wakeups: wakeups.publish("thing:1"), id="one"),
        pytest.param(lambda wakeups: wakeups.publish("thing:*"), id="all"),
        pytest.param(lambda wakeups: wakeups.wake_all(), id="perhaps"),
    ],
)
async def test_what_was_read_before_a_change_is_not_kept_after_it(
    kept: Kept[str], here: Wakeups, change: Callable[[Wakeups], None]
) -> None:
    ticket = kept.ticket()
    change(here)

    kept.keep(ticket, "1", "old")
    assert kept.get("1") is None

    kept.keep(kept.ticket(), "1", "new")
    assert kept.get("1") == "new"


async def test_what_was_read_before_a_change_replaces_nothing_read_after_it(
    kept: Kept[str], here: Wakeups
) -> None:
    ticket = kept.ticket()
    here.publish("thing:1")
    kept.keep(kept.ticket(), "1", "new")

    kept.keep(ticket, "1", "old")

    assert kept.get("1") == "new"


# --- a process that hears nothing ---------------------------------------------------------------------


@pytest.fixture
async def deaf(database_url: str) -> AsyncIterator[Wakeups]:
    """The wake-ups of a process that lost its connection and cannot get another."""
    database = await Database.open(database_url, connections=1, application_name="deaf")
    wakeups = database.wakeups
    connect, wakeups._connect = wakeups._connect, _nobody_answers
    yield wakeups
    wakeups._connect = connect
    await database.close()


async def _nobody_answers() -> asyncpg.Connection:
    raise ConnectionRefusedError


async def test_who_hears_of_no_changes_serves_nothing_and_keeps_nothing(deaf: Wakeups) -> None:
    kept: Kept[str] = Kept(deaf, "thing:")
    keep(kept, "before")
    ticket = kept.ticket()
    assert deaf._connection is not None
    deaf._connection.terminate()

    assert kept.get("before") is None
    keep(kept, "meanwhile")
    kept.keep(ticket, "between", "between")
    assert those_of(kept, "before", "meanwhile", "between") == []


async def test_who_hears_again_begins_with_nothing(kept: Kept[str], here: Wakeups) -> None:
    keep(kept, "before")
    ticket = kept.ticket()
    with here.subscribe("anything") as listening_again:
        assert here._connection is not None
        here._connection.terminate()
        lost = kept.ticket()
        kept.keep(lost, "meanwhile", "meanwhile")
        assert await listening_again.wait(SOON)

    kept.keep(ticket, "between", "between")
    kept.keep(lost, "meanwhile", "meanwhile")
    assert here.is_listening
    assert those_of(kept, "before", "between", "meanwhile") == []
    keep(kept, "after")
    assert kept.get("after") == "after"


async def test_what_was_read_before_anybody_listened_is_not_kept(database_url: str) -> None:
    async def connect() -> asyncpg.Connection:
        return await asyncpg.connect(database_url)

    wakeups = Wakeups(connect)
    kept: Kept[str] = Kept(wakeups, "thing:")
    ticket = kept.ticket()
    await wakeups.start()

    kept.keep(ticket, "1", "1")

    assert kept.get("1") is None
    await wakeups.close()
