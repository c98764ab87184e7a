"""How often signing in and what follows it go to the database."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from server.base.settings import Settings
from server.crypto.key_file import create_key_file
from tests.bench.people import People
from tests.bench.sign_in_round_trips import count_sign_in_round_trips
from tests.support.work import some_settings

AT_MOST = {"sign-in": 16, "sign-in refused": 10, "token refresh": 5, "token verify": 2}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """An instance with a key file."""
    settings = some_settings(data_dir=tmp_path)
    create_key_file(settings.key_file)
    return settings


@pytest.fixture
async def people(settings: Settings, fresh_database_url: str) -> AsyncIterator[People]:
    """Three people of a project."""
    async with People.registered(settings, fresh_database_url, 3) as people:
        yield people


async def test_no_operation_goes_to_the_database_more_often_than_it_must(
    settings: Settings, fresh_database_url: str, people: People
) -> None:
    """Guards included: one statement is for the project's key."""
    counted = await count_sign_in_round_trips(settings, fresh_database_url, people, quiet_seconds=0.1)

    trips = {operation: len(each.statements) for operation, each in counted.items()}
    assert {operation: count for operation, count in trips.items() if count > AT_MOST[operation]} == {}
    assert trips.keys() == AT_MOST.keys()
