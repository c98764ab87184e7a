"""What the tests of the pages can ask for."""

import pytest

from server.db.pool import Database
from tests.support.backend import Backend
from tests.support.product import Product, a_product


@pytest.fixture
def product(db: Database) -> Product:
    """A serving process with a clock of its own. None of the pages is hot, so there is one lane."""
    return a_product(db)


@pytest.fixture
async def app(product: Product) -> Backend:
    """An application, whose people get mail."""
    return await Backend.on(product)
