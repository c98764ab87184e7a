"""Projects' keys are remembered as integrations' are (test_remembered.py); here is what they have besides."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from asyncpg.connection import LoggedQuery

from server.base.errors import InvalidApiKey
from server.base.secret import Secret
from server.core.api_keys.model import IssuedProjectKey, ProjectCredential
from server.core.api_keys.project_keys import (
    AuthenticateProjectKey,
    CreateProjectKey,
    RevokeProjectKey,
    create_project_key,
    revoke_project_key,
)
from server.core.api_keys.remembered import RememberedProjectKeys
from server.core.projects.actions import ChangeProject, DeleteProject, change_project, delete_project
from server.core.work import Core
from server.crypto.tokens import new_project_key
from server.db.pool import Database
from tests.support.accounts import a_project_key
from tests.support.enrolling import ANYONE
from tests.support.scene import made_on
from tests.support.work import OPERATOR, a_core


@dataclass
class Process:
    """A process that tells what it sends to the database, as long as it does one thing at a time."""

    core: Core
    keys: RememberedProjectKeys = field(init=False)
    statements: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.keys = RememberedProjectKeys(self.core)
        self.keys._kept._clock = lambda: 0.0  # however long the test takes

    def note(self, query: LoggedQuery) -> None:
        """What the connection calls for each statement."""
        self.statements.append(query.query)

    async def show(self, secret: Secret) -> ProjectCredential:
        """What comes of showing a key."""
        return await self.keys.authenticate(AuthenticateProjectKey(secret), actor=lambda: ANYONE)

    async def asks_for(self, secret: Secret) -> int:
        """How many statements it takes to show a key, right or not."""
        await asyncio.sleep(0)  # connections tell a moment later
        self.statements.clear()
        with suppress(InvalidApiKey):
            await self.show(secret)
        await asyncio.sleep(0)
        return len(self.statements)


@pytest.fixture
async def process(database_url: str) -> AsyncIterator[Process]:
    """A process of the test's own."""
    database = await Database.open(database_url, connections=2, application_name="remembering")
    process = Process(a_core(database))
    async with database.acquire() as conn:
        conn.add_query_logger(process.note)
    yield process
    await database.close()


@pytest.fixture
async def issued(process: Process) -> IssuedProjectKey:
    """A key of the test's own."""
    return await made_on(process.core, a_project_key)


async def test_a_key_that_was_right_is_not_looked_up_again(
    process: Process, issued: IssuedProjectKey
) -> None:
    first = await process.show(issued.secret)

    assert await process.asks_for(issued.secret) == 0
    assert await process.show(issued.secret) == first


async def test_a_wrong_secret_of_a_remembered_key_is_looked_up_and_refused(
    process: Process, issued: IssuedProjectKey
) -> None:
    await process.show(issued.secret)
    wrong = Secret(f"{issued.key.key_id}_{new_project_key()[-43:]}")

    with pytest.raises(InvalidApiKey):
        await process.show(wrong)
    assert await process.asks_for(wrong) == 1
    assert await process.asks_for(issued.secret) == 0


async def test_what_is_no_key_is_refused_without_a_look(process: Process) -> None:
    for text in ("", "pk_live_", "mgmt_x", "ezkey_okey_" + "0" * 20):
        with pytest.raises(InvalidApiKey):
            await process.show(Secret(text))
        assert await process.asks_for(Secret(text)) == 0


async def test_a_revoked_key_is_refused_at_once(process: Process, issued: IssuedProjectKey) -> None:
    await process.show(issued.secret)

    command = RevokeProjectKey(issued.key.organization_id, issued.key.uid)
    await process.core.perform(revoke_project_key, command, actor=OPERATOR)

    with pytest.raises(InvalidApiKey):
        await process.show(issued.secret)


async def test_a_remembered_key_expires_by_the_instance_s_clock(
    process: Process, issued: IssuedProjectKey
) -> None:
    expires_at = process.core.clock.now() + timedelta(seconds=50)
    command = CreateProjectKey(
        issued.key.organization_id, issued.key.project_id, "Key", expires_at=expires_at
    )
    expiring = await made_on(process.core, create_project_key, command=command)
    await process.show(expiring.secret)

    process.core.clock.set_offset(timedelta(seconds=50))

    with pytest.raises(InvalidApiKey):
        await process.show(expiring.secret)


async def test_a_project_s_new_origins_count_at_once(process: Process, issued: IssuedProjectKey) -> None:
    await process.show(issued.secret)

    command = ChangeProject(
        issued.key.organization_id, issued.key.project_id, allowed_origins=["https://new.example"]
    )
    await process.core.perform(change_project, command, actor=OPERATOR)

    assert (await process.show(issued.secret)).allowed_origins == ("https://new.example",)


async def test_the_key_of_a_deleted_project_is_refused_at_once(
    process: Process, issued: IssuedProjectKey
) -> None:
    await process.show(issued.secret)

    command = DeleteProject(issued.key.organization_id, issued.key.project_id)
    await process.core.perform(delete_project, command, actor=OPERATOR)

    with pytest.raises(InvalidApiKey):
        await process.show(issued.secret)
