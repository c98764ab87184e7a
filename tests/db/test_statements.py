"""Statements that are each committed by itself, and transactions among them."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from server.base.errors import Unavailable
from server.db.pool import Database


@pytest.fixture
async def single(database_url: str) -> AsyncIterator[Database]:
    """A database with one connection: who holds it holds up everybody."""
    database = await Database.open(database_url, connections=1, application_name="tests of statements")
    yield database
    await database.close()


async def test_each_statement_is_answered_in_its_own_way(single: Database) -> None:
    statements = single.singly()

    assert [row["n"] for row in await statements.fetch("SELECT * FROM generate_series(1, 3) AS n")] == [
        1,
        2,
        3,
    ]
    row = await statements.fetchrow("SELECT $1::int AS n", 4)
    assert row is not None
    assert row["n"] == 4
    assert await statements.fetchval("SELECT $1::int", 5) == 5
    assert await statements.execute("SELECT 1") == "SELECT 1"


async def test_between_statements_no_connection_is_held(single: Database) -> None:
    one, other = single.singly(), single.singly()

    assert await one.fetchval("SELECT 1") == 1
    async with asyncio.timeout(1):
        assert await other.fetchval("SELECT 2") == 2
        assert await one.fetchval("SELECT 3") == 3


async def test_a_transaction_holds_one_connection_until_it_ends(single: Database) -> None:
    statements = single.singly()
    assert not statements.is_in_transaction()

    async with statements.transaction():
        assert statements.is_in_transaction()
        first = await statements.fetchval("SELECT pg_current_xact_id()::text")
        [row] = await statements.fetch("SELECT pg_current_xact_id()::text AS id")
        assert row["id"] == first
        one = await statements.fetchrow("SELECT pg_current_xact_id()::text AS id")
        assert one is not None
        assert one["id"] == first
        assert await statements.execute("SELECT 1") == "SELECT 1"

    assert not statements.is_in_transaction()
    assert await statements.fetchval("SELECT pg_current_xact_id()::text") != first


async def test_a_transaction_inside_one_is_undone_alone(single: Database) -> None:
    statements = single.singly()

    async def fail_inside() -> None:
        async with statements.transaction():
            await statements.execute("INSERT INTO things VALUES (1)")
            await statements.execute("SELECT 1 / 0")

    async with statements.transaction():
        await statements.execute("CREATE TEMPORARY TABLE things (id int) ON COMMIT DROP")
        with pytest.raises(asyncpg.DivisionByZeroError):
            await fail_inside()
        await statements.execute("INSERT INTO things VALUES (2)")

        assert await statements.fetchval("SELECT array_agg(id) FROM things") == [2]


async def test_a_transaction_that_fails_is_undone_and_gives_its_connection_back(single: Database) -> None:
    statements = single.singly()
    with pytest.raises(asyncpg.DivisionByZeroError):
        async with statements.transaction():
            await statements.execute("SELECT 1 / 0")

    async with asyncio.timeout(1):
        assert await single.singly().fetchval("SELECT 1") == 1


async def test_an_outage_is_called_so(single: Database) -> None:
    await single.close()

    with pytest.raises(Unavailable):
        await single.singly().fetchval("SELECT 1")
