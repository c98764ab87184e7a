"""What the core's tests can ask for.

work    work by an operator, on a connection whose transaction is rolled back
core    a core that commits
scene   an integration and its phones, on a core whose transaction is rolled back
"""

import pytest

from server.core.work import Core, Work
from server.db.pool import Connection, Database
from tests.support.rolled_back import a_core_rolled_back
from tests.support.scene import Scene
from tests.support.work import a_core, a_work


@pytest.fixture
def work(conn: Connection) -> Work:
    """Nothing done in it lasts."""
    return a_work(conn)


@pytest.fixture
def core(db: Database) -> Core:
    """What it does lasts: make tenants and keys of your own."""
    return a_core(db)


@pytest.fixture
def uncommitted(conn: Connection) -> Core:
    """A core whose work lasts until the end of the test."""
    return a_core_rolled_back(conn)


@pytest.fixture
async def scene(uncommitted: Core) -> Scene:
    """A relying party and its phones; nothing that they do lasts."""
    return await Scene.on(uncommitted)
