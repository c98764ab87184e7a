"""Two processes on one database, each with connections of its own; what they do is committed."""

from collections.abc import AsyncIterator

import pytest

from server.core.work import Core
from server.db.pool import Database
from tests.races.together import Processes
from tests.support.work import a_core

CONNECTIONS = 4


@pytest.fixture(scope="session")
async def databases(database_url: str) -> AsyncIterator[tuple[Database, Database]]:
    """The connections of two processes."""
    one = await Database.open(database_url, connections=CONNECTIONS, application_name="one")
    other = await Database.open(database_url, connections=CONNECTIONS, application_name="other")
    yield one, other
    await one.close()
    await other.close()


@pytest.fixture
async def processes(databases: tuple[Database, Database]) -> Processes:
    """The two processes, with a relying party of the test's own."""
    one, other = databases
    cores: tuple[Core, Core] = a_core(one), a_core(other)
    return await Processes.of(*cores)
