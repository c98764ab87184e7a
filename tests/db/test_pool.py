import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
from asyncpg.connection import LoggedQuery

from server.base.errors import TenantNotFound, Unavailable
from server.db import connections as connections_module
from server.db import pool as pool_module
from server.db.pool import Database
from server.db.wakeups import Wakeups

NAME = "tests of the pool"


@pytest.fixture
async def single(database_url: str) -> AsyncIterator[Database]:
    """A database with one connection, so that everybody gets the same."""
    database = await Database.open(database_url, connections=1, application_name=NAME)
    yield database
    await database.close()


@pytest.fixture
async def onlooker(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """Somebody else's connection to the same database."""
    conn = await asyncpg.connect(database_url)
    yield conn
    await conn.close()


async def pid_of(database: Database) -> int:
    """The server process behind the connection that is lent next."""
    async with database.acquire() as conn:
        return conn.get_server_pid()


async def sessions(onlooker: asyncpg.Connection, name: str = NAME) -> int:
    """How many connections are open under the name."""
    count: int = await onlooker.fetchval(
        "SELECT count(*) FROM pg_stat_activity WHERE starts_with(application_name, $1)", name
    )
    return count


# --- a connection ------------------------------------------------------------------------------------


async def test_a_connection_is_set_up_from_its_start(single: Database) -> None:
    async with single.acquire() as conn:
        settings = [await conn.fetchval(f"SHOW {name}") for name in ("timezone", "application_name", "jit")]

    assert settings == ["UTC", NAME, "off"]


async def test_lending_sends_nothing_of_its_own(single: Database) -> None:
    sent: list[str] = []

    def note(query: LoggedQuery) -> None:
        sent.append(query.query)

    async with single.acquire() as conn:
        conn.add_query_logger(note)
    for _ in range(2):
        async with single.acquire() as conn:
            await conn.fetchval("SELECT 1")
    async with single.acquire() as conn, conn.transaction():
        await conn.fetchval("SELECT 2")
    async with single.acquire() as conn:
        await asyncio.sleep(0)  # loggers are called a moment later
        conn.remove_query_logger(note)

    assert sent == ["SELECT 1", "SELECT 1", "BEGIN;", "SELECT 2", "COMMIT;"]


async def test_a_statement_is_prepared_once(single: Database) -> None:
    for _ in range(3):
        async with single.acquire() as conn:
            await conn.fetchval("SELECT $1::int AS prepared_once", 1)

    async with single.acquire() as conn:
        prepared = await conn.fetch(
            "SELECT name FROM pg_prepared_statements WHERE statement LIKE '%prepared_once'"
        )
    assert len(prepared) == 1


async def test_a_failed_transaction_left_open_is_rolled_back(single: Database) -> None:
    before = await pid_of(single)

    async def fail() -> None:
        async with single.acquire() as conn:
            await conn.transaction().start()
            await conn.fetchval("SELECT 1/0")

    with pytest.raises(asyncpg.DivisionByZeroError):
        await fail()

    async with single.acquire() as conn:
        assert not conn.is_in_transaction()
        assert await conn.fetchval("SELECT 1") == 1
        assert conn.get_server_pid() == before


async def test_a_transaction_left_open_is_rolled_back(single: Database) -> None:
    async with single.acquire() as conn:
        await conn.transaction().start()
        await conn.execute("CREATE TABLE left_open ()")

    async with single.acquire() as conn:
        assert await conn.fetchval("SELECT to_regclass('left_open')") is None


async def test_what_is_refused_passes_untouched(single: Database) -> None:
    before = await pid_of(single)

    with pytest.raises(TenantNotFound):
        async with single.acquire():
            raise TenantNotFound

    assert await pid_of(single) == before


async def test_after_a_cancelled_statement_the_connection_is_clean(single: Database) -> None:
    before = await pid_of(single)

    async def sleep_in_a_transaction() -> None:
        async with single.acquire() as conn, conn.transaction():
            await conn.execute("CREATE TABLE cancelled ()")
            await conn.execute("SELECT pg_sleep(60)")

    task = asyncio.create_task(sleep_in_a_transaction())
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    async with single.acquire() as conn:
        assert conn.get_server_pid() == before
        assert not conn.is_in_transaction()
        assert await conn.fetchval("SELECT to_regclass('cancelled')") is None


# --- outages -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "cause"),
    [
        ("?host=/nowhere", OSError),
        ("?host=/nowhere&sslmode=nonsense", ValueError),
        ("?host=127.0.0.1&port=1", OSError),
    ],
)
async def test_a_database_that_is_not_there_is_unavailable(path: str, cause: type[Exception]) -> None:
    with pytest.raises(Unavailable) as raised:
        await Database.open(f"postgresql://postgres@/postgres{path}", connections=1, application_name=NAME)

    assert isinstance(raised.value.__cause__, cause)


async def test_a_database_of_another_name_is_unavailable(database_url: str) -> None:
    url = database_url.replace("countersign_test", "countersign_no_test", 1)

    with pytest.raises(Unavailable) as raised:
        await Database.open(url, connections=1, application_name=NAME)

    assert isinstance(raised.value.__cause__, asyncpg.InvalidCatalogNameError)


async def test_a_connection_lost_in_use_is_unavailable_and_replaced(
    single: Database, onlooker: asyncpg.Connection
) -> None:
    async def lose() -> None:
        async with single.acquire() as conn:
            await onlooker.execute("SELECT pg_terminate_backend($1, 5000)", conn.get_server_pid())
            await conn.fetchval("SELECT 1")

    with pytest.raises(Unavailable) as raised:
        await lose()

    assert raised.value.__cause__ is not None
    async with single.acquire() as conn:
        assert await conn.fetchval("SELECT 1") == 1


async def test_a_connection_lost_in_a_transaction_is_unavailable_and_replaced(
    single: Database, onlooker: asyncpg.Connection
) -> None:
    async def lose() -> None:
        async with single.acquire() as conn, conn.transaction():
            await onlooker.execute("SELECT pg_terminate_backend($1, 5000)", conn.get_server_pid())
            await conn.fetchval("SELECT 1")

    with pytest.raises(Unavailable):
        await lose()

    async with single.acquire() as conn:
        assert await conn.fetchval("SELECT 1") == 1


async def test_a_connection_lost_between_uses_is_replaced_unseen(
    single: Database, onlooker: asyncpg.Connection
) -> None:
    await onlooker.execute("SELECT pg_terminate_backend($1, 5000)", await pid_of(single))
    await asyncio.sleep(0.1)

    async with single.acquire() as conn:
        assert await conn.fetchval("SELECT 1") == 1


async def test_a_statement_that_the_server_cancels_is_unavailable(
    single: Database, onlooker: asyncpg.Connection
) -> None:
    async def sleep() -> None:
        async with single.acquire() as conn:
            await conn.execute("SELECT pg_sleep(60)")

    pid = await pid_of(single)
    sleeping = asyncio.create_task(sleep())
    await asyncio.sleep(0.1)
    await onlooker.execute("SELECT pg_cancel_backend($1)", pid)

    with pytest.raises(Unavailable):
        await sleeping
    async with single.acquire() as conn:
        assert await conn.fetchval("SELECT 1") == 1


async def test_a_statement_without_end_is_unavailable(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool_module, "STATEMENT_TIMEOUT_SECONDS", 0.1)
    database = await Database.open(database_url, connections=1, application_name=NAME)

    with pytest.raises(Unavailable):
        async with database.acquire() as conn:
            await conn.execute("SELECT pg_sleep(60)")

    async with database.acquire() as conn:
        assert await conn.fetchval("SELECT 1") == 1
    await database.close()


# --- more users than connections ----------------------------------------------------------------------


async def test_many_users_share_few_connections(database_url: str) -> None:
    database = await Database.open(database_url, connections=2, application_name=NAME)
    pids: set[int] = set()

    async def use(number: int) -> int:
        async with database.acquire() as conn:
            pids.add(conn.get_server_pid())
            answer: int = await conn.fetchval("SELECT $1::int", number)
            return answer

    assert await asyncio.gather(*(use(number) for number in range(200))) == list(range(200))
    assert len(pids) == 2
    await database.close()


async def test_first_come_first_served(single: Database) -> None:
    served: list[int] = []

    async def use(number: int) -> None:
        async with single.acquire():
            served.append(number)
            await asyncio.sleep(0)

    async with single.acquire():
        users = [asyncio.create_task(use(number)) for number in range(5)]
        await asyncio.sleep(0.01)
    await asyncio.gather(*users)

    assert served == [0, 1, 2, 3, 4]


async def test_who_waits_too_long_is_told_to_come_again(
    single: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections_module, "TAKE_TIMEOUT_SECONDS", 0.05)

    async with single.acquire():
        with pytest.raises(Unavailable) as raised:
            async with single.acquire():
                pass

    assert isinstance(raised.value.__cause__, TimeoutError)
    assert await pid_of(single)


@pytest.mark.parametrize("moment", ["before", "when", "after"])
async def test_who_gives_up_waiting_takes_nothing_along(single: Database, moment: str) -> None:
    """Whether the connection comes back before, at or after the moment when its next user gives up."""
    async with single.acquire():
        waiter = asyncio.create_task(pid_of(single))
        await asyncio.sleep(0.01)
        if moment == "before":
            waiter.cancel()
            await asyncio.sleep(0)
        if moment == "when":
            waiter.cancel()
    if moment == "after":
        waiter.cancel()
    await asyncio.wait((waiter,))

    assert waiter.cancelled()
    async with asyncio.timeout(1):
        assert await pid_of(single)


async def test_a_failed_connection_leaves_room_for_the_next(database_url: str) -> None:
    failures = [OSError("no"), OSError("no")]

    async def connect() -> asyncpg.Connection:
        await asyncio.sleep(0)
        if failures:
            raise failures.pop()
        return await asyncpg.connect(database_url)

    connections = connections_module.Connections(connect, 1)
    outcomes = await asyncio.gather(*(connections.take() for _ in range(3)), return_exceptions=True)

    assert [type(outcome) for outcome in outcomes] == [OSError, OSError, asyncpg.Connection]
    await connections.close(0)


@pytest.mark.parametrize("limit", ["LIFE_SECONDS", "IDLE_SECONDS"])
async def test_an_old_connection_is_replaced(
    database_url: str, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(connections_module, limit, -1.0)
    database = await Database.open(database_url, connections=1, application_name=NAME)

    assert await pid_of(database) != await pid_of(database)
    await database.close()


# --- the end -----------------------------------------------------------------------------------------


async def test_closing_leaves_no_connection_and_no_task(
    database_url: str, onlooker: asyncpg.Connection
) -> None:
    tasks = asyncio.all_tasks()
    name = "tests of closing"
    database = await Database.open(database_url, connections=3, application_name=name)
    async with database.acquire(), database.acquire():
        assert await sessions(onlooker, name) == 3  # the third listens

    await database.close()

    assert asyncio.all_tasks() == tasks
    await nobody_is_left(onlooker, name)


async def test_a_failed_opening_leaves_no_connection_and_no_task(
    database_url: str, onlooker: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = asyncio.all_tasks()
    name = "tests of failing to open"

    async def refuse(_: Wakeups) -> None:
        raise Unavailable

    monkeypatch.setattr(Wakeups, "start", refuse)

    with pytest.raises(Unavailable):
        await Database.open(database_url, connections=3, application_name=name)

    assert asyncio.all_tasks() == tasks
    await nobody_is_left(onlooker, name)


async def nobody_is_left(onlooker: asyncpg.Connection, name: str) -> None:
    """The server notices a connection's end a moment after the client."""
    async with asyncio.timeout(5):
        while await sessions(onlooker, name):  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0.01)


async def test_closing_waits_for_connections_in_use(database_url: str) -> None:
    database = await Database.open(database_url, connections=1, application_name=NAME)

    async with database.acquire() as conn:
        closing = asyncio.create_task(database.close())
        await asyncio.sleep(0.05)
        assert not closing.done()
        assert await conn.fetchval("SELECT 1") == 1

    await closing
    assert conn.is_closed()


async def test_closing_cuts_connections_that_do_not_come_back(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool_module, "CLOSE_TIMEOUT_SECONDS", 0.05)
    database = await Database.open(database_url, connections=1, application_name=NAME)

    async def go_on() -> None:
        async with database.acquire() as conn:
            await database.close()
            await conn.fetchval("SELECT 1")

    with pytest.raises(Unavailable):
        await go_on()


async def test_a_closed_database_is_unavailable(database_url: str) -> None:
    database = await Database.open(database_url, connections=1, application_name=NAME)
    async with database.acquire():
        late = asyncio.create_task(pid_of(database))
        await asyncio.sleep(0)
        closing = asyncio.create_task(database.close())
        with pytest.raises(Unavailable):
            await late
    await closing

    with pytest.raises(Unavailable):
        await pid_of(database)
