import pytest

from server.db.pool import Database
from tests.contracts.answers import every_answer
from tests.support.contract import Answer


@pytest.fixture(scope="session")
async def answers(db: Database, database_url: str) -> list[Answer]:
    """Every kind of answer that the server gives."""
    return await every_answer(db, database_url)
