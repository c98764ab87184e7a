"""The few connections of a process, lent to one user at a time.

asyncpg's own pool starts a task for each connection that comes back, which costs as much as a statement.
Here lending is a pop and coming back is an append; only what ended badly takes a longer way.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import TypeAlias

import asyncpg

from server.db.outages import CONNECTING

Connection: TypeAlias = asyncpg.Connection

# How long somebody waits for a connection before it is told to come again.
TAKE_TIMEOUT_SECONDS = 10.0
# After so long without use somebody between us and the database may have forgotten the connection.
IDLE_SECONDS = 300.0
# A connection is replaced after so long, so that its server process cannot grow for ever.
LIFE_SECONDS = 3600.0
TIDY_TIMEOUT_SECONDS = 5.0


class Connections:
    """Up to *most* connections, opened when they are needed; the one used last is lent first.

    Args:
        connect: Opens one.
        most: How many may be open at one time.
    """

    def __init__(self, connect: Callable[[], Awaitable[Connection]], most: int) -> None:
        self._connect = connect
        self._most = most
        self._ends: dict[Connection, float] = {}  # every open one, and when its life is over
        self._opening = 0
        self._idle: list[tuple[Connection, float]] = []  # and since when
        self._waiters: deque[asyncio.Future[Connection | None]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False
        self._gone = asyncio.Event()  # set while none is open

    async def take(self) -> Connection:
        """A connection that nobody else has, until it is given back. First come, first served.

        Raises:
            OSError, asyncpg.PostgresError, asyncpg.InterfaceError: None can be opened, none came back in
                ten seconds (`TimeoutError`), or all is closed.
        """
        if (idle := self._pop_idle()) is not None:
            return idle
        deadline = asyncio.get_running_loop().time() + TAKE_TIMEOUT_SECONDS
        while True:
            if self._closed:
                raise asyncpg.InterfaceError("the database is closed")
            if len(self._ends) + self._opening < self._most:
                async with asyncio.timeout_at(deadline):
                    return await self._open()
            if (conn := await self._wait(deadline)) is not None:
                return conn

    def give_back(self, conn: Connection) -> None:
        """The next one may have *conn*. Its user is done with it, and it is in no transaction."""
        if conn.is_closed():
            self._forget(conn)
        elif self._closed or asyncio.get_running_loop().time() > self._ends[conn]:
            self._retire(conn)
        else:
            self._hand_on(conn)

    async def tidy_and_give_back(self, conn: Connection) -> None:
        """As `give_back`, for a connection whose user was interrupted or left a transaction open.

        It goes on when the caller is cancelled.
        """
        await asyncio.shield(self._in_background(self._tidy(conn)))

    async def close(self, timeout_seconds: float) -> None:
        """No connection is open. Those in use have *timeout_seconds* to come back, then they are cut."""
        self._closed = True
        while self._waiters:
            self._answer_next(None)
        while self._idle:
            self._retire(self._idle.pop()[0])
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds):
                while self._ends:
                    self._gone.clear()
                    await self._gone.wait()
        for conn in list(self._ends):
            conn.terminate()
            self._forget(conn)
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _pop_idle(self) -> Connection | None:
        now = asyncio.get_running_loop().time()
        while self._idle:
            conn, since = self._idle.pop()
            if conn.is_closed():
                self._forget(conn)
            elif now - since > IDLE_SECONDS:
                self._retire(conn)
            else:
                return conn
        return None

    async def _open(self) -> Connection:
        self._opening += 1
        try:
            conn = await self._connect()
        except BaseException:
            self._opening -= 1
            self._answer_next(None)
            raise
        self._opening -= 1
        self._ends[conn] = asyncio.get_running_loop().time() + LIFE_SECONDS
        return conn

    async def _wait(self, deadline: float) -> Connection | None:
        """A connection that came back, or None when there may be room for a new one.

        Raises:
            TimeoutError: *deadline*, on the event loop's clock, has passed.
        """
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[Connection | None] = loop.create_future()
        # A timer is a tenth of `asyncio.timeout`, and nearly everybody waits here when there is much to do.
        timer = loop.call_at(deadline, _give_up, waiter)
        self._waiters.append(waiter)
        try:
            return await waiter
        except BaseException:
            if waiter.cancelled() or waiter.exception() is not None:
                with suppress(ValueError):
                    self._waiters.remove(waiter)
            elif (conn := waiter.result()) is not None:
                self.give_back(conn)  # it came at the very moment we gave up
            else:
                self._answer_next(None)
            raise
        finally:
            timer.cancel()

    def _hand_on(self, conn: Connection) -> None:
        if not self._answer_next(conn):
            self._idle.append((conn, asyncio.get_running_loop().time()))

    def _answer_next(self, conn: Connection | None) -> bool:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(conn)
                return True
        return False

    async def _tidy(self, conn: Connection) -> None:
        try:
            async with asyncio.timeout(TIDY_TIMEOUT_SECONDS):
                # A statement that was interrupted has ended once another one is answered.
                with suppress(asyncpg.InFailedSQLTransactionError):
                    await conn.execute("SELECT 1")
                await conn.reset()
        except CONNECTING:
            conn.terminate()
        self.give_back(conn)

    def _retire(self, conn: Connection) -> None:
        _ = self._in_background(self._close_one(conn))

    async def _close_one(self, conn: Connection) -> None:
        try:
            await conn.close(timeout=TIDY_TIMEOUT_SECONDS)
        except CONNECTING:
            conn.terminate()
        finally:
            self._forget(conn)

    def _in_background(self, work: Coroutine[object, object, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _forget(self, conn: Connection) -> None:
        """It is closed; there is room for another."""
        if self._ends.pop(conn, None) is not None:
            self._answer_next(None)
        if not self._ends:
            self._gone.set()


def _give_up(waiter: asyncio.Future[Connection | None]) -> None:
    if not waiter.done():
        waiter.set_exception(TimeoutError("no connection came back in time"))
