import pytest

from server.base.errors import Unavailable
from server.core.instance.health import read_health
from server.core.work import Core
from server.db.pool import Database
from tests.support.work import OPERATOR, a_core


async def test_all_is_well_while_the_database_answers(core: Core) -> None:
    await core.perform_at_once(read_health, None, actor=OPERATOR)


async def test_without_a_database_nothing_is_well(database_url: str) -> None:
    db = await Database.open(database_url, connections=1, application_name="health")
    await db.close()

    with pytest.raises(Unavailable):
        await a_core(db).perform_at_once(read_health, None, actor=OPERATOR)
