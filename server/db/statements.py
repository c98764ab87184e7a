"""Sending statements: in one transaction, each by itself, or one for many who ask the same at one moment."""

from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol, TypeAlias, TypeVar

import asyncpg

from server.db.gathering import Gatherings

Item = TypeVar("Item")
Found = TypeVar("Found")

Row: TypeAlias = asyncpg.Record


class Connection(Protocol):
    """What statements are sent on. asyncpg's own connection is one."""

    async def fetch(self, query: str, *args: object) -> list[Row]:
        """All rows."""

    async def fetchrow(self, query: str, *args: object) -> Row | None:
        """The first row, if there is one."""

    async def fetchval(
        self,
        query: str,
        *args: object,
        timeout: float | None = None,  # noqa: ASYNC109 - asyncpg's own, which also cancels the statement
    ) -> Any:  # noqa: ANN401 - whatever the column holds
        """The first value of the first row; None if there is no row.

        Args:
            timeout: In seconds, where it may take longer than other statements.
        """

    async def execute(self, query: str, *args: object) -> str:
        """What was done, in PostgreSQL's words, such as `UPDATE 1`."""

    def transaction(self) -> AbstractAsyncContextManager[object]:
        """A transaction until the block ends, or a savepoint inside one."""

    def is_in_transaction(self) -> bool:
        """Whether what is sent now can still be undone."""


class SingleStatements:
    """A `Connection` that holds none: each statement is committed by itself, on whichever is free.

    A transaction holds one until it ends. For one user at a time.

    Args:
        acquire: Lends a connection for the length of a block.
        gatherings: Where `together` asks.
    """

    __slots__ = ("_acquire", "_held", "gatherings")

    def __init__(
        self,
        acquire: Callable[[], AbstractAsyncContextManager[Connection]],
        gatherings: Gatherings[Connection],
    ) -> None:
        self._acquire = acquire
        self._held: Connection | None = None
        self.gatherings = gatherings

    async def fetch(self, query: str, *args: object) -> list[Row]:
        """All rows."""
        if self._held is not None:
            return await self._held.fetch(query, *args)
        async with self._acquire() as conn:
            return await conn.fetch(query, *args)

    async def fetchrow(self, query: str, *args: object) -> Row | None:
        """The first row, if there is one."""
        if self._held is not None:
            return await self._held.fetchrow(query, *args)
        async with self._acquire() as conn:
            return await conn.fetchrow(query, *args)

    async def fetchval(
        self,
        query: str,
        *args: object,
        timeout: float | None = None,  # noqa: ASYNC109 - asyncpg's own, which also cancels the statement
    ) -> Any:  # noqa: ANN401 - whatever the column holds
        """The first value of the first row; None if there is no row. See `Connection`."""
        if self._held is not None:
            return await self._held.fetchval(query, *args, timeout=timeout)
        async with self._acquire() as conn:
            return await conn.fetchval(query, *args, timeout=timeout)

    async def execute(self, query: str, *args: object) -> str:
        """What was done, in PostgreSQL's words, such as `UPDATE 1`."""
        if self._held is not None:
            return await self._held.execute(query, *args)
        async with self._acquire() as conn:
            return await conn.execute(query, *args)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """A transaction until the block ends, or a savepoint inside one."""
        if self._held is not None:
            async with self._held.transaction():
                yield
            return
        async with self._acquire() as conn, conn.transaction():
            self._held = conn
            try:
                yield
            finally:
                self._held = None

    def is_in_transaction(self) -> bool:
        """Whether what is sent now can still be undone."""
        return self._held is not None


async def together(
    conn: Connection,
    run: Callable[[Connection, Sequence[Item]], Awaitable[Sequence[Found]]],
    item: Item,
    *,
    key: Hashable,
) -> Found:
    """*run*'s answer to *item*. Outside of a transaction all who ask it at one moment share one statement.

    Args:
        run: A function of a module, not made for the call. It sends one statement that answers for all of
            some items, and returns the answers in their order.
        key: No two items with the same key are answered by one statement.
    """
    if isinstance(conn, SingleStatements) and not conn.is_in_transaction():
        found: Found = await conn.gatherings.ask(run, item, key)
        return found
    (found,) = await run(conn, (item,))
    return found


def columns(items: Sequence[Sequence[object]]) -> Sequence[Sequence[object]]:
    """The members of *items*, which are alike and at least one, by column: what `unnest` takes."""
    return tuple(zip(*items, strict=True))


def by_place(rows: Iterable[Row], read: Callable[[Row], Found], count: int) -> list[Found | None]:
    """For each of *count* items what *read* makes of its row, None for one that has none.

    Args:
        rows: Each has its item's place, as `WITH ORDINALITY` counts from 1, in `place`.
    """
    found = {row["place"]: read(row) for row in rows}
    return [found.get(place) for place in range(1, count + 1)]
