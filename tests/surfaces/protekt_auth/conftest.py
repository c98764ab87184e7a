"""What the tests of the Authentication API can ask for."""

import pytest

from server.db.pool import Database
from tests.support.backend import Backend
from tests.support.product import Product, a_product


@pytest.fixture
def lane() -> str:
    """None of the surface's routes is hot, so there is one lane."""
    return "hot"


@pytest.fixture
def product(db: Database) -> Product:
    """A serving process with a clock of its own."""
    return a_product(db)


@pytest.fixture
async def app(product: Product) -> Backend:
    """A backend with a project of its own, and a key that may do everything."""
    return await Backend.on(product)


@pytest.fixture
async def other(product: Product) -> Backend:
    """Another organization's application."""
    return await Backend.on(product)
