"""What the tests of the Account API can ask for."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from server.db.pool import Database
from tests.support.accounts import Account
from tests.support.product import Product, a_product


@pytest.fixture(scope="session")
def standing_product(db: Database) -> Product:
    """A serving process. None of the surface's routes is hot, so there is one lane."""
    return a_product(db)


@pytest.fixture
async def product(standing_product: Product) -> AsyncIterator[Product]:
    """That process. Its clock is right at the beginning."""
    yield standing_product
    standing_product.core.clock.set_offset(timedelta(0))


@pytest.fixture
async def account(product: Product) -> AsyncIterator[Account]:
    """An owner of an organization of their own, signed in."""
    account = await product.account()
    yield account
    await account.http.aclose()
