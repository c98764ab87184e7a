"""What the tests of jobs can ask for.

empty_outbox    an outbox in which nothing waits
relay           a mail relay that takes everything
"""

from collections.abc import AsyncIterator

import pytest

from server.db.pool import Database
from tests.support.relay import Relay, a_relay


@pytest.fixture
async def empty_outbox(db: Database) -> None:
    """What other tests left is gone."""
    async with db.acquire() as conn:
        await conn.execute("DELETE FROM outbox_messages")


@pytest.fixture
async def relay() -> AsyncIterator[Relay]:
    """A mail relay on this machine."""
    async with a_relay() as relay:
        yield relay
