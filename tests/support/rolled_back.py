"""A core on one connection, whose transaction the test rolls back: return commits, raise forgets, as always.

What would be a transaction of its own is a savepoint here. So a statement that violates a constraint where
the product runs it without a transaction ends the test's; races are tested on committed data.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

from server.base.clock import Clock
from server.base.settings import Settings
from server.core.work import Core
from server.db.pool import Connection, Database
from tests.support.work import some_keys, some_settings


class NotedWakeups:
    """Wake-ups that wake nobody."""

    def __init__(self) -> None:
        self.published: list[str] = []

    def publish(self, *topics: str) -> None:
        """They are noted."""
        self.published.extend(topics)


class OneConnection:
    """A database whose every user gets the same connection, one after the other."""

    def __init__(self, conn: Connection) -> None:
        self._conn = conn
        self.wakeups = NotedWakeups()

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[Connection]:
        """The connection."""
        yield self._conn

    def singly(self) -> Connection:
        """The connection."""
        return self._conn


def a_core_rolled_back(conn: Connection, settings: Settings | None = None) -> Core:
    """A core whose work lasts as long as the transaction of *conn*."""
    return Core(settings or some_settings(), cast("Database", OneConnection(conn)), some_keys(), Clock())


def woken_by(core: Core) -> list[str]:
    """The topics that were published, in order."""
    wakeups = cast("NotedWakeups", core.db.wakeups)
    return wakeups.published
