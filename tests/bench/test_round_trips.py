"""How often the hot path goes to the database. docs/explanation/one-request.md says the same."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from server.base.settings import Settings
from server.crypto.key_file import create_key_file
from tests.bench.fleet import Fleet
from tests.bench.round_trips import count_round_trips
from tests.support.work import some_settings

AT_MOST = {"pending-204": 1, "pending-200": 1, "respond": 2, "create": 1, "wait": 2}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """An instance with a key file."""
    settings = some_settings(data_dir=tmp_path)
    create_key_file(settings.key_file)
    return settings


@pytest.fixture
async def fleet(settings: Settings, fresh_database_url: str) -> AsyncIterator[Fleet]:
    """Two phones."""
    async with Fleet.enrolled(settings, fresh_database_url, 2, "p256") as fleet:
        yield fleet


async def test_no_operation_goes_to_the_database_more_often_than_it_must(
    settings: Settings, fresh_database_url: str, fleet: Fleet
) -> None:
    """Guards included: once a phone or a key was seen, nothing is asked for it again."""
    counted = await count_round_trips(settings, fresh_database_url, fleet, quiet_seconds=0.1)

    trips = {operation: len(each.statements) for operation, each in counted.items()}
    assert {operation: count for operation, count in trips.items() if count > AT_MOST[operation]} == {}
    assert trips.keys() == AT_MOST.keys()
