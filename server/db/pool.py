"""The database as one object: a few connections for statements, and the wake-ups.

A connection is lent without a round trip: nothing is sent when it is taken, and nothing when it comes
back, unless its user was interrupted or left a transaction open. So no code may leave a `SET`, a `LISTEN`,
a session's advisory lock or a temporary table behind; what a connection needs is in `SERVER_SETTINGS`.
"""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Self

import asyncpg

from server.base.errors import Unavailable
from server.db.connections import Connections
from server.db.gathering import Gatherings
from server.db.outages import CONNECTING, is_outage
from server.db.statements import Connection, Row, SingleStatements, by_place, columns, together
from server.db.wakeups import Wakeups

__all__ = ["Connection", "Database", "Row", "by_place", "columns", "together"]

CONNECT_TIMEOUT_SECONDS = 10.0
STATEMENT_TIMEOUT_SECONDS = 30.0
CLOSE_TIMEOUT_SECONDS = 10.0
# More statements than the product has; each is prepared once per connection and then kept.
PREPARED_STATEMENTS = 500

SERVER_SETTINGS: Mapping[str, str] = {
    "timezone": "UTC",
    "jit": "off",
    # A plan that was made while a table was empty reads it whole, and stays until statistics are taken again.
    # Every statement here has an index for what it looks for; where none serves, a table is still read.
    "enable_seqscan": "off",
    # A process that vanished in the middle of a transaction must not keep its locks.
    "idle_in_transaction_session_timeout": "60000",
}


class Database:
    """Connections to one PostgreSQL, for one process and one event loop."""

    def __init__(self, connections: Connections, wakeups: Wakeups) -> None:
        self._connections = connections
        self._gatherings: Gatherings[Connection] = Gatherings(self.acquire)
        self.wakeups = wakeups

    @classmethod
    async def open(cls, url: str, *, connections: int, application_name: str) -> Self:
        """The database answers, and this process hears what other processes publish.

        Args:
            url: `postgresql://user:password@host:port/name`; whatever asyncpg reads, such as
                `?host=/socket/folder` and `?sslmode=verify-full`, works.
            connections: The most that are open at one time, besides the one that listens. The first is
                opened now, the others when they are needed.
            application_name: What `pg_stat_activity` calls this process.

        Raises:
            Unavailable: The database does not answer, or not to this URL; the cause says why.
        """
        settings = {**SERVER_SETTINGS, "application_name": application_name}

        async def connect() -> asyncpg.Connection:
            return await asyncpg.connect(
                url,
                timeout=CONNECT_TIMEOUT_SECONDS,
                command_timeout=STATEMENT_TIMEOUT_SECONDS,
                statement_cache_size=PREPARED_STATEMENTS,
                max_cached_statement_lifetime=0,
                server_settings=settings,
            )

        async def connect_to_listen() -> asyncpg.Connection:
            return await asyncpg.connect(
                url,
                timeout=CONNECT_TIMEOUT_SECONDS,
                server_settings={
                    **settings,
                    "application_name": f"{application_name} wake-ups",
                    # A notification is not worth waiting for the disk.
                    "synchronous_commit": "off",
                },
            )

        db = cls(Connections(connect, connections), Wakeups(connect_to_listen))
        try:
            async with db.acquire():
                pass
            await db.wakeups.start()
        except BaseException:
            await db.close()
            raise
        return db

    def singly(self) -> SingleStatements:
        """For statements that are each committed by itself, and sent together with others' where they can be.

        Each raises `Unavailable` where `acquire` would.
        """
        return SingleStatements(self.acquire, self._gatherings)

    def acquire(self) -> AbstractAsyncContextManager[asyncpg.Connection]:
        """A connection of one's own, until the block ends. A transaction left open is rolled back.

        Raises:
            Unavailable: On entering: no connection can be had. On leaving: the connection was lost, or
                the database could not go on, while the block ran. The cause says which.
        """
        return _Lent(self._connections)

    async def close(self) -> None:
        """What was published is sent, every connection is closed, nobody waits any more.

        Connections that are still in use get some seconds to come back, then they are cut.
        """
        await self.wakeups.close()
        await self._connections.close(CLOSE_TIMEOUT_SECONDS)


class _Lent:
    """A connection for the length of a block, with outages turned into `Unavailable`."""

    __slots__ = ("_conn", "_connections")

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._conn: asyncpg.Connection | None = None

    async def __aenter__(self) -> asyncpg.Connection:
        try:
            self._conn = await self._connections.take()
        except CONNECTING as cause:
            raise Unavailable from cause
        return self._conn

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        conn, self._conn = self._conn, None
        if conn is None:
            return
        outage = error is not None and is_outage(error, lost=conn.is_closed())
        if outage:
            conn.terminate()
        interrupted = error is not None and not isinstance(error, Exception)
        if not conn.is_closed() and (interrupted or conn.is_in_transaction()):
            await self._connections.tidy_and_give_back(conn)
        else:
            self._connections.give_back(conn)
        if outage:
            raise Unavailable from error
