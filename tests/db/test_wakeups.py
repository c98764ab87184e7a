import asyncio
import json
from collections.abc import AsyncIterator
from itertools import pairwise

import asyncpg
import pytest
from asyncpg.connection import LoggedQuery
from structlog.testing import capture_logs

from server.base.errors import Unavailable
from server.db import wakeups as wakeups_module
from server.db.pool import Database
from server.db.wakeups import MAX_PAYLOAD_BYTES, Wakeups, payloads, read_payload

SOON = 5.0  # seconds; a test that is right never waits so long
NOT = 0.1  # seconds in which what must not happen does not


@pytest.fixture
async def onlooker(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection of somebody who sees and may do everything."""
    conn = await asyncpg.connect(database_url)
    yield conn
    await conn.close()


@pytest.fixture
async def heard(onlooker: asyncpg.Connection) -> list[str]:
    """The payloads that go over the channel."""
    seen: list[str] = []

    def note(_conn: object, _pid: int, _channel: str, payload: object) -> None:
        seen.append(str(payload))

    await onlooker.add_listener("countersign", note)
    return seen


@pytest.fixture
def sent(here: Wakeups) -> list[str]:
    """The statements that this process sends on the connection of its wake-ups."""
    statements: list[str] = []

    def note(query: LoggedQuery) -> None:
        statements.append(query.query)

    assert here._connection is not None
    here._connection.add_query_logger(note)
    return statements


async def cut(onlooker: asyncpg.Connection, name: str) -> None:
    """The server ends the connection that the process listens on."""
    ended = await onlooker.fetchval(
        """
        SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity
         WHERE application_name = $1 AND datname = current_database()
        """,
        f"{name} wake-ups",
    )
    assert ended == 1


async def everybody_has_heard() -> None:
    """Who sent, who was meant and who only looks on hear it in any order, all within a moment."""
    await asyncio.sleep(NOT)


# --- in one process ----------------------------------------------------------------------------------


async def test_a_waiter_is_woken(here: Wakeups) -> None:
    with here.subscribe("attempt:1") as subscription:
        waiting = asyncio.create_task(subscription.wait(SOON))
        await asyncio.sleep(0)
        here.publish("attempt:1")

        assert await waiting


async def test_a_wake_up_between_subscribing_and_waiting_is_not_lost(here: Wakeups) -> None:
    with here.subscribe("attempt:1") as subscription:
        here.publish("attempt:1")

        assert await subscription.wait(SOON)


async def test_a_subscription_counts_from_its_making(here: Wakeups) -> None:
    subscription = here.subscribe("attempt:1")
    here.publish("attempt:1")

    with subscription:
        assert await subscription.wait(SOON)


async def test_a_wake_up_counts_once(here: Wakeups) -> None:
    with here.subscribe("attempt:1") as subscription:
        here.publish("attempt:1")
        here.publish("attempt:1")

        assert await subscription.wait(SOON)
        assert not await subscription.wait(NOT)


async def test_nobody_else_is_woken(here: Wakeups) -> None:
    with here.subscribe("attempt:1") as subscription:
        here.publish("attempt:10", "attempt:2")

        assert not await subscription.wait(NOT)


async def test_everybody_on_the_topic_is_woken(here: Wakeups) -> None:
    with here.subscribe("attempt:1") as one, here.subscribe("attempt:1") as other:
        here.publish("attempt:1")

        assert await one.wait(SOON)
        assert await other.wait(SOON)


@pytest.mark.parametrize("timeout_seconds", [0, -1])
async def test_no_time_to_wait_only_looks(here: Wakeups, timeout_seconds: float) -> None:
    with here.subscribe("attempt:1") as subscription:
        assert not await subscription.wait(timeout_seconds)
        here.publish("attempt:1")
        assert await subscription.wait(timeout_seconds)


async def test_who_left_is_forgotten(here: Wakeups) -> None:
    with here.subscribe("attempt:1"), here.subscribe("attempt:1"), here.subscribe("attempt:2"):
        assert set(here._subscriptions) == {"attempt:1", "attempt:2"}

    assert not here._subscriptions


async def test_who_is_cancelled_while_waiting_can_wait_again(here: Wakeups) -> None:
    with here.subscribe("attempt:1") as subscription:
        waiting = asyncio.create_task(subscription.wait(SOON))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait((waiting,))

        here.publish("attempt:1")
        assert await subscription.wait(SOON)


async def test_everybody_can_be_woken(here: Wakeups) -> None:
    with here.subscribe("attempt:1") as one, here.subscribe("attempt:2") as other:
        here.wake_all()

        assert await one.wait(SOON)
        assert await other.wait(SOON)


async def test_a_listener_hears_the_topics_with_its_prefix(here: Wakeups) -> None:
    topics: list[str | None] = []
    end = here.on("clock", topics.append)

    here.publish("clock", "attempt:1", "clock:2")
    here.wake_all()
    end()
    end()
    here.publish("clock")

    assert topics == ["clock", "clock:2", None]


async def test_a_listener_that_fails_disturbs_nobody(here: Wakeups) -> None:
    def fail(_: str | None) -> None:
        raise RuntimeError("a mistake in a listener")

    topics: list[str | None] = []
    here.on("clock", fail)
    here.on("clock", topics.append)

    with capture_logs() as logs:
        here.publish("clock")

    assert topics == ["clock"]
    assert [entry["event"] for entry in logs] == ["wakeups.listener_failed"]


async def test_an_overlong_topic_is_refused(here: Wakeups) -> None:
    with pytest.raises(ValueError, match="250"):
        here.publish("x" * 251)


# --- between processes ----------------------------------------------------------------------------------


async def test_processes_wake_each_other(here: Wakeups, there: Wakeups) -> None:
    with here.subscribe("attempt:1") as mine, there.subscribe("attempt:2") as yours:
        there.publish("attempt:1")
        here.publish("attempt:2")

        assert await mine.wait(SOON)
        assert await yours.wait(SOON)


async def test_a_process_does_not_wake_itself_twice(here: Wakeups, heard: list[str]) -> None:
    with here.subscribe("attempt:1") as subscription:
        here.publish("attempt:1")
        assert await subscription.wait(SOON)

        assert not await subscription.wait(NOT)
    assert len(heard) == 1


async def test_listeners_hear_other_processes(here: Wakeups, there: Wakeups) -> None:
    topics: list[str | None] = []
    here.on("clock", topics.append)

    with here.subscribe("last") as last:
        there.publish("clock", "last")
        assert await last.wait(SOON)

    assert topics == ["clock"]


async def test_what_is_published_together_travels_together(
    here: Wakeups, there: Wakeups, sent: list[str], heard: list[str]
) -> None:
    with there.subscribe("last") as last:
        for number in range(100):
            here.publish(f"attempt:{number}", "clock")
        here.publish("last")
        assert await last.wait(SOON)

    await everybody_has_heard()
    assert len(sent) == 1
    assert len(heard) == 1
    assert read_payload(heard[0])[1] == [
        "attempt:0",
        "clock",
        *(f"attempt:{number}" for number in range(1, 100)),
        "last",
    ]


async def test_what_is_published_while_one_is_on_its_way_goes_with_the_next(
    database_url: str, there: Wakeups, heard: list[str]
) -> None:
    arrival = asyncio.Event()

    class Slow(asyncpg.Connection):
        async def execute(self, query: str, *args: object, **options: float | None) -> str:
            if "pg_notify" in query:
                await arrival.wait()
            return await super().execute(query, *args, **options)

    async def connect() -> asyncpg.Connection:
        return await asyncpg.connect(database_url, connection_class=Slow)

    here = Wakeups(connect)
    await here.start()
    with there.subscribe("last") as last:
        for topic in ("first", "second", "second", "third", "last"):
            here.publish(topic)
            await asyncio.sleep(0.01)
        arrival.set()
        assert await last.wait(SOON)

    await everybody_has_heard()
    assert [read_payload(payload)[1] for payload in heard] == [["first"], ["second", "third", "last"]]
    await here.close()


async def test_a_thousand_in_a_row_are_few_notifications(
    here: Wakeups, there: Wakeups, sent: list[str]
) -> None:
    with there.subscribe("last") as last:
        for number in range(1000):
            here.publish(f"attempt:{number}")
            await asyncio.sleep(0)
        here.publish("last")
        assert await last.wait(SOON)

    await everybody_has_heard()
    assert 1 < len(sent) < 800  # mostly a few dozen; how many depends on how busy the machine is


async def test_what_is_too_long_for_one_notification_is_split(
    here: Wakeups, there: Wakeups, sent: list[str], heard: list[str]
) -> None:
    topics = [f"{number:03}{'ü' * 200}" for number in range(100)]
    subscriptions = [there.subscribe(topic) for topic in topics]

    here.publish(*topics)

    assert all(await asyncio.gather(*(subscription.wait(SOON) for subscription in subscriptions)))
    await everybody_has_heard()
    assert len(sent) == 1
    assert len(heard) > 10
    assert [topic for payload in heard for topic in read_payload(payload)[1]] == topics


@pytest.mark.parametrize("length", [1, 11, 250])
@pytest.mark.parametrize("character", ["a", "ü", "😀", '"', "\0"])
def test_no_payload_is_longer_than_postgresql_takes(length: int, character: str) -> None:
    topics = [f"{number}:{character * length}" for number in range(300)]

    texts = payloads("6b1f6b1f6b1f6b1f", topics)

    assert all(text.isascii() and len(text) <= MAX_PAYLOAD_BYTES for text in texts)
    assert [topic for text in texts for topic in read_payload(text)[1]] == topics
    # As few as there can be: the first topic of each would not have fitted into the one before.
    for text, following in pairwise(texts):
        assert len(text) + len(json.dumps(read_payload(following)[1][0])) + 1 > MAX_PAYLOAD_BYTES


async def test_ten_thousand_waiters_are_woken(here: Wakeups, there: Wakeups) -> None:
    topics = [f"attempt:{number}" for number in range(10_000)]
    subscriptions = [here.subscribe(topic) for topic in topics]
    waiters = [asyncio.create_task(subscription.wait(60)) for subscription in subscriptions]
    await asyncio.sleep(0)

    there.publish(*topics)

    async with asyncio.timeout(SOON):
        assert all(await asyncio.gather(*waiters))
    for subscription in subscriptions:
        subscription.close()
    assert not here._subscriptions


async def test_too_many_topics_wake_everybody(here: Wakeups, there: Wakeups, heard: list[str]) -> None:
    topics: list[str | None] = []
    there.on("clock", topics.append)

    with there.subscribe("something else") as subscription:
        here.publish(*(f"attempt:{number}" for number in range(10_001)), "one more")
        assert await subscription.wait(SOON)

    await everybody_has_heard()
    assert topics == [None]
    assert [read_payload(payload)[1] for payload in heard] == [["*"]]


@pytest.mark.parametrize(
    "payload", ["", "x", "[]", "{}", '{"from":1,"topics":[]}', '{"from":"a","topics":[1]}']
)
async def test_a_notification_of_somebody_else_is_ignored(
    here: Wakeups, onlooker: asyncpg.Connection, payload: str
) -> None:
    with here.subscribe("attempt:1") as subscription, capture_logs() as logs:
        await onlooker.execute("SELECT pg_notify('countersign', $1)", payload)
        await onlooker.execute("SELECT pg_notify('countersign', $1)", payloads("me", ["attempt:1"])[0])

        assert await subscription.wait(SOON)
    assert {entry["event"] for entry in logs} == {"wakeups.unreadable_notification"}


# --- a lost connection ------------------------------------------------------------------------------------


async def test_after_a_lost_connection_everybody_looks(here: Wakeups, onlooker: asyncpg.Connection) -> None:
    topics: list[str | None] = []
    here.on("clock", topics.append)

    with here.subscribe("attempt:1") as subscription, capture_logs() as logs:
        await cut(onlooker, "here")
        assert await subscription.wait(SOON)

    assert here.is_listening
    assert topics == [None]
    assert logs[-1]["event"] == "wakeups.listening_again"


async def test_after_a_lost_connection_wake_ups_go_both_ways(
    here: Wakeups, there: Wakeups, onlooker: asyncpg.Connection
) -> None:
    with here.subscribe("attempt:1") as mine, there.subscribe("attempt:2") as yours:
        await cut(onlooker, "here")
        assert await mine.wait(SOON)

        here.publish("attempt:2")
        there.publish("attempt:1")
        assert await yours.wait(SOON)
        assert await mine.wait(SOON)


async def test_what_is_published_while_the_connection_is_lost_arrives(
    here: Wakeups, there: Wakeups, onlooker: asyncpg.Connection
) -> None:
    with there.subscribe("attempt:1") as one, there.subscribe("attempt:2") as other:
        cutting = asyncio.create_task(cut(onlooker, "here"))
        for _ in range(50):
            here.publish("attempt:1")
            await asyncio.sleep(0.002)
        here.publish("attempt:2")
        await cutting

        assert await one.wait(SOON)
        assert await other.wait(SOON)


async def test_what_could_not_be_sent_is_sent_again(database_url: str, there: Wakeups) -> None:
    """The connection breaks under the notification itself."""

    class Breaking(asyncpg.Connection):
        async def execute(self, query: str, *args: object, **options: float | None) -> str:
            if "pg_notify" in query:
                raise ConnectionResetError
            return await super().execute(query, *args, **options)

    kinds: list[type[asyncpg.Connection]] = [asyncpg.Connection, Breaking]

    async def connect() -> asyncpg.Connection:
        return await asyncpg.connect(database_url, connection_class=kinds.pop())

    here = Wakeups(connect)
    await here.start()

    with there.subscribe("attempt:1") as one, there.subscribe("attempt:2") as other:
        here.publish("attempt:1", "attempt:2")
        assert await one.wait(SOON)
        assert await other.wait(SOON)
    assert not kinds
    await here.close()


async def test_connecting_is_tried_until_it_succeeds(database_url: str, onlooker: asyncpg.Connection) -> None:
    failures: list[Exception] = []

    async def connect() -> asyncpg.Connection:
        if failures:
            raise failures.pop()
        return await asyncpg.connect(database_url, server_settings={"application_name": "stubborn wake-ups"})

    here = Wakeups(connect)
    await here.start()
    failures += [OSError("no route"), asyncpg.CannotConnectNowError("starting up"), TimeoutError()]

    with here.subscribe("attempt:1") as subscription, capture_logs() as logs:
        await cut(onlooker, "stubborn")
        assert await subscription.wait(SOON)

    assert not failures
    assert sum(entry["event"] == "wakeups.cannot_connect" for entry in logs) == 3
    await here.close()


async def test_a_silent_connection_is_asked_and_given_up(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network that drops everything tells nobody: only a question without an answer shows it."""
    monkeypatch.setattr(wakeups_module, "HEARTBEAT_SECONDS", 0.05)

    class Silent(asyncpg.Connection):
        async def execute(self, query: str, *args: object, **options: float | None) -> str:
            if query == "SELECT 1":
                assert options["timeout"] is not None
                raise TimeoutError
            return await super().execute(query, *args, **options)

    kinds: list[type[asyncpg.Connection]] = [asyncpg.Connection, Silent]

    async def connect() -> asyncpg.Connection:
        return await asyncpg.connect(database_url, connection_class=kinds.pop())

    here = Wakeups(connect)
    await here.start()

    with here.subscribe("attempt:1") as subscription:
        assert await subscription.wait(SOON)

    assert here.is_listening
    await here.close()


async def test_starting_without_a_database_is_unavailable() -> None:
    async def connect() -> asyncpg.Connection:
        raise ConnectionRefusedError

    here = Wakeups(connect)
    with pytest.raises(Unavailable):
        await here.start()

    assert not here.is_listening
    await here.close()


# --- the end -----------------------------------------------------------------------------------------


async def test_closing_sends_what_was_published(database_url: str, there: Wakeups) -> None:
    database = await Database.open(database_url, connections=1, application_name="closing")

    with there.subscribe("attempt:1") as subscription:
        database.wakeups.publish("attempt:1")
        await database.close()

        assert await subscription.wait(SOON)


async def test_closing_wakes_who_still_waits(database_url: str) -> None:
    database = await Database.open(database_url, connections=1, application_name="closing")

    with database.wakeups.subscribe("attempt:1") as subscription:
        waiting = asyncio.create_task(subscription.wait(SOON))
        await asyncio.sleep(0)
        await database.close()

        assert await waiting


async def test_after_closing_only_this_process_is_woken(database_url: str) -> None:
    database = await Database.open(database_url, connections=1, application_name="closing")
    await database.close()

    with database.wakeups.subscribe("attempt:1") as subscription:
        database.wakeups.publish("attempt:1")
        assert await subscription.wait(SOON)
    assert not database.wakeups._queue


async def test_closing_without_a_database_says_what_was_not_sent(
    database_url: str, onlooker: asyncpg.Connection
) -> None:
    tasks = asyncio.all_tasks()
    connected = False

    async def connect() -> asyncpg.Connection:
        nonlocal connected
        if connected:
            raise ConnectionRefusedError
        connected = True
        return await asyncpg.connect(database_url, server_settings={"application_name": "gone wake-ups"})

    here = Wakeups(connect)
    await here.start()
    with capture_logs() as logs:
        await cut(onlooker, "gone")
        here.publish("attempt:1", "attempt:2")
        await asyncio.sleep(0.1)
        await here.close()

    assert logs[-1]["event"] == "wakeups.not_sent"
    assert logs[-1]["topics"] == 2
    assert asyncio.all_tasks() == tasks


async def test_closing_does_not_wait_for_a_server_that_does_not_answer(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wakeups_module, "CLOSE_TIMEOUT_SECONDS", 0.05)
    tasks = asyncio.all_tasks()

    class Hanging(asyncpg.Connection):
        async def execute(self, query: str, *args: object, **options: float | None) -> str:
            if "pg_notify" in query:
                await asyncio.sleep(60)
            return await super().execute(query, *args, **options)

    async def connect() -> asyncpg.Connection:
        return await asyncpg.connect(database_url, connection_class=Hanging)

    here = Wakeups(connect)
    await here.start()
    here.publish("attempt:1")

    with capture_logs() as logs:
        async with asyncio.timeout(SOON):
            await here.close()

    assert [entry["event"] for entry in logs] == ["wakeups.not_sent"]
    assert asyncio.all_tasks() == tasks
