"""Two processes on one database, as far as wake-ups go."""

from collections.abc import AsyncIterator

import pytest

from server.db.pool import Database
from server.db.wakeups import Wakeups


@pytest.fixture
async def here(database_url: str) -> AsyncIterator[Wakeups]:
    """The wake-ups of one process."""
    database = await Database.open(database_url, connections=1, application_name="here")
    yield database.wakeups
    await database.close()


@pytest.fixture
async def there(database_url: str) -> AsyncIterator[Wakeups]:
    """The wake-ups of another process on the same database."""
    database = await Database.open(database_url, connections=1, application_name="there")
    yield database.wakeups
    await database.close()
