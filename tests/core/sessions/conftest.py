"""What the tests of sessions can ask for.

realm   the realm of a project of its own
jane    somebody of it
"""

import pytest

from server.core.principals.model import RealmPrincipal
from server.core.realms.model import Realm
from server.core.work import Work
from tests.support.accounts import a_realm
from tests.support.sign_in import a_principal


@pytest.fixture
async def realm(work: Work) -> Realm:
    """The realm of a project."""
    return await a_realm(work)


@pytest.fixture
async def jane(work: Work, realm: Realm) -> RealmPrincipal:
    """Somebody."""
    return await a_principal(work, realm, email_verified=True)
