"""What the tests of signing in can ask for.

application   an application whose people sign in, on a core whose transaction is rolled back
"""

import pytest

from server.core.work import Core
from tests.support.application import Application


@pytest.fixture
async def application(uncommitted: Core) -> Application:
    """Nothing that its people do lasts."""
    return await Application.on(uncommitted)
