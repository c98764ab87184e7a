"""What the tests of messages can ask for.

realm       the accounts realm, whose application is called Acme
"""

from dataclasses import replace

import pytest

from server.core.realms.actions import read_named_realm
from server.core.realms.model import Realm, RealmName
from server.core.work import Work


@pytest.fixture
async def realm(work: Work) -> Realm:
    """A realm whose language nobody has set."""
    return replace(await read_named_realm(work, RealmName.ACCOUNTS), app_name="Acme")
