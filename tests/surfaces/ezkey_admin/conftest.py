"""What the tests of the operators' API can ask for."""

from collections.abc import AsyncIterator

import httpx2
import pytest

from server.db.pool import Database
from tests.support.product import Product, a_product


@pytest.fixture
def product(db: Database) -> Product:
    """A serving process. None of the surface's routes is hot, so there is one lane."""
    return a_product(db)


@pytest.fixture
async def operator(product: Product) -> AsyncIterator[httpx2.AsyncClient]:
    """A client with an operator key; every answer is held against the surface's OpenAPI document."""
    async with await product.operator() as client:
        client.base_url = f"{client.base_url}/api/v1"
        yield client
