"""Who asks the same at one moment shares a statement, and nobody else's trouble."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import asyncpg
import pytest

from server.base.errors import Unavailable
from server.db.gathering import MOST_ITEMS, MOST_UNDER_WAY
from server.db.pool import Connection, Database, columns, together


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A database of the test's own, so that nobody else's statements are among its own."""
    database = await Database.open(database_url, connections=3, application_name="tests of gathering")
    yield database
    await database.close()


class Doubling:
    """Doubles numbers in the database, and notes which were asked together."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []

    async def __call__(self, conn: Connection, items: Sequence[tuple[int, str]]) -> Sequence[int]:
        """Twice each number; a number of zero breaks the whole statement."""
        self.batches.append([number for number, _ in items])
        rows = await conn.fetch(
            """
            SELECT 2 * number / CASE number WHEN 0 THEN 0 ELSE 1 END AS doubled
              FROM unnest($1::int[], $2::text[]) WITH ORDINALITY AS item (number, word, place)
             ORDER BY place
            """,
            *columns(items),
        )
        return [row["doubled"] for row in rows]


async def ask(database: Database, run: Doubling, *numbers: int) -> list[int | BaseException]:
    """What each number's asker is told; all ask at once, each for itself."""
    asking = (together(database.singly(), run, (number, "x"), key=number) for number in numbers)
    return await asyncio.gather(*asking, return_exceptions=True)


async def test_who_asks_at_one_moment_shares_a_statement(database: Database) -> None:
    run = Doubling()

    assert await ask(database, run, 1, 2, 3) == [2, 4, 6]
    assert run.batches == [[1, 2, 3]]


async def test_who_asks_alone_is_answered_alone(database: Database) -> None:
    run = Doubling()

    assert await ask(database, run, 21) == [42]
    assert await ask(database, run, 22) == [44]
    assert run.batches == [[21], [22]]


async def test_one_key_is_answered_once_in_a_statement(database: Database) -> None:
    run = Doubling()

    assert await ask(database, run, 1, 2, 1) == [2, 4, 2]
    assert run.batches == [[1, 2], [1]]


async def test_a_statement_answers_no_more_than_so_many(database: Database) -> None:
    run = Doubling()
    numbers = range(1, 2 * MOST_ITEMS * MOST_UNDER_WAY)

    assert await ask(database, run, *numbers) == [2 * number for number in numbers]
    assert max(map(len, run.batches)) == MOST_ITEMS


async def test_what_breaks_a_statement_is_told_to_its_asker_alone(database: Database) -> None:
    run = Doubling()

    one, zero, two = await ask(database, run, 1, 0, 2)

    assert (one, two) == (2, 4)
    assert isinstance(zero, asyncpg.DivisionByZeroError)
    assert run.batches == [[1, 0, 2], [1], [0], [2]]


async def test_an_outage_is_told_to_everybody_by_an_exception_of_their_own(database: Database) -> None:
    await database.close()

    outages = await ask(database, Doubling(), 1, 2)

    assert [type(outage) for outage in outages] == [Unavailable, Unavailable]
    assert outages[0] is not outages[1]
    assert all(isinstance(outage, Unavailable) and outage.__cause__ for outage in outages)


async def test_who_goes_away_before_is_not_asked_for(database: Database) -> None:
    run = Doubling()
    gone = asyncio.ensure_future(together(database.singly(), run, (1, "x"), key=1))
    staying = asyncio.ensure_future(together(database.singly(), run, (2, "x"), key=2))
    await asyncio.sleep(0)
    gone.cancel()

    assert await staying == 4
    assert gone.cancelled()
    assert run.batches == [[2]]


async def test_when_everybody_has_gone_nothing_is_asked(database: Database) -> None:
    run = Doubling()
    gone = asyncio.ensure_future(together(database.singly(), run, (1, "x"), key=1))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.wait((gone,))
    await asyncio.sleep(0.05)

    assert run.batches == []
    assert await ask(database, run, 2) == [4]


async def test_in_a_transaction_everybody_asks_alone(database: Database) -> None:
    run = Doubling()
    async with database.acquire() as conn, conn.transaction():
        assert await together(conn, run, (1, "x"), key=1) == 2
    statements = database.singly()
    async with statements.transaction():
        assert await together(statements, run, (2, "x"), key=2) == 4

    assert run.batches == [[1], [2]]
