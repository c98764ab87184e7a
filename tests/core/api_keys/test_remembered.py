"""A key that was right lately is not looked up again, and is refused no later than one that is."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from asyncpg.connection import LoggedQuery

from server.base.errors import InvalidApiKey
from server.base.secret import Secret
from server.core.api_keys import remembered
from server.core.api_keys.actions import AuthenticateApiKey, authenticate_api_key
from server.core.api_keys.administration import (
    ChangeApiKey,
    CreateApiKey,
    RevokeApiKey,
    RotateApiKey,
    change_api_key,
    create_api_key,
    revoke_api_key,
    rotate_api_key,
)
from server.core.api_keys.model import ApiCredential, IssuedApiKey
from server.core.api_keys.remembered import RememberedApiKeys
from server.core.integrations.actions import (
    DeactivateIntegration,
    ReactivateIntegration,
    deactivate_integration,
    reactivate_integration,
)
from server.core.organizations.actions import (
    DeactivateTenant,
    ReactivateTenant,
    deactivate_tenant,
    reactivate_tenant,
)
from server.core.work import Core, Work
from server.db.kept import LIFE_SECONDS
from server.db.pool import Database
from tests.support.enrolling import ANYONE
from tests.support.factories import an_api_key
from tests.support.scene import made_on
from tests.support.work import OPERATOR, a_core

ADDRESS = "198.51.100.7"
SOON = 5.0  # seconds; a test that is right never waits so long


@dataclass
class Process:
    """A process that tells what it sends to the database, as long as it does one thing at a time."""

    core: Core
    keys: RememberedApiKeys = field(init=False)
    statements: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def __post_init__(self) -> None:
        self.keys = RememberedApiKeys(self.core)
        self.keys._kept._clock = lambda: self.seconds  # however long the test takes

    def note(self, query: LoggedQuery) -> None:
        """What the connection calls for each statement."""
        self.statements.append(query.query)

    async def show(
        self, issued: IssuedApiKey, *, secret: Secret | None = None, address: str | None = ADDRESS
    ) -> ApiCredential:
        """What comes of showing the key."""
        shown = AuthenticateApiKey(issued.key.key_id, secret or issued.secret, address)
        return await self.keys.authenticate(shown, actor=lambda: ANYONE)

    async def asks_for(self, issued: IssuedApiKey, **how: Secret | str | None) -> int:
        """How many statements it takes to show the key, which is right."""
        await self._told()
        await self.show(issued, **how)  # type: ignore[arg-type]  # each test names what it changes
        return await self._told()

    async def asks_before_refusing(self, issued: IssuedApiKey, **how: Secret | str | None) -> int:
        """How many statements it takes to show the key, which is not right."""
        await self._told()
        with pytest.raises(InvalidApiKey):
            await self.show(issued, **how)  # type: ignore[arg-type]  # each test names what it changes
        return await self._told()

    async def _told(self) -> int:
        await asyncio.sleep(0)  # connections tell a moment later
        told = len(self.statements)
        self.statements.clear()
        return told


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
async def issued(process: Process) -> IssuedApiKey:
    """A key of the test's own."""
    return await made_on(process.core, an_api_key)


async def test_a_key_that_was_right_is_not_looked_up_again(process: Process, issued: IssuedApiKey) -> None:
    first = await process.show(issued)

    for _ in range(3):
        assert await process.asks_for(issued) == 0
    assert await process.show(issued) == first
    assert (first.id, first.integration_id) == (issued.key.id, issued.key.integration_id)


async def test_each_key_is_remembered_by_itself(process: Process, issued: IssuedApiKey) -> None:
    other = await made_on(process.core, an_api_key)
    await process.show(issued)

    assert await process.asks_for(other) > 0
    assert (await process.show(other)).id == other.key.id
    assert (await process.show(issued)).id == issued.key.id


# --- refusals are never remembered, and never given from memory -------------------------------------


async def test_a_wrong_secret_of_a_remembered_key_is_refused(process: Process, issued: IssuedApiKey) -> None:
    other = await made_on(process.core, an_api_key)
    await process.show(issued)

    for wrong in (other.secret, Secret("x"), Secret(""), Secret("\ud800")):
        assert await process.asks_before_refusing(issued, secret=wrong) == 1
    assert await process.asks_for(issued) == 0


async def test_a_wrong_secret_is_not_remembered(process: Process, issued: IssuedApiKey) -> None:
    for _ in range(2):
        assert await process.asks_before_refusing(issued, secret=Secret("x")) == 1

    assert await process.asks_for(issued) > 0


async def test_a_key_is_remembered_for_the_addresses_that_may_use_it(process: Process) -> None:
    issued = await made_on(process.core, an_api_key, ip_whitelist=(ADDRESS, "10.0.0.0/8"))
    await process.show(issued)

    assert await process.asks_for(issued, address="10.1.2.3") == 0
    for elsewhere in ("198.51.100.8", None):
        assert await process.asks_before_refusing(issued, address=elsewhere) == 1
    assert await process.asks_for(issued) == 0


# --- time -------------------------------------------------------------------------------------------


async def test_a_remembered_key_expires_by_the_instance_s_clock(
    process: Process, issued: IssuedApiKey
) -> None:
    now = process.core.clock.now()
    command = CreateApiKey(issued.key.integration_id, "Key", expires_at=now + timedelta(seconds=50))
    expiring = await made_on(process.core, create_api_key, command=command)
    await process.show(expiring)

    process.core.clock.set_offset(timedelta(seconds=45))
    assert await process.asks_for(expiring) == 0
    process.core.clock.set_offset(timedelta(seconds=50))
    assert await process.asks_before_refusing(expiring) == 1


async def test_when_a_remembered_key_was_last_used_is_written_once_a_minute(
    process: Process, issued: IssuedApiKey
) -> None:
    for seconds, asked in ((0, 2), (0, 0), (30, 0), (60, 2), (60, 0), (90, 0), (120, 2)):
        process.core.clock.set_offset(timedelta(seconds=seconds))
        before = process.core.clock.now()
        assert await process.asks_for(issued) == asked
        if asked:
            async with process.core.db.acquire() as conn:
                last_used_at = await conn.fetchval(
                    "SELECT last_used_at FROM api_keys WHERE id = $1", issued.key.id
                )
            assert before <= last_used_at <= process.core.clock.now()


# --- changes ------------------------------------------------------------------------------------------


async def test_a_revoked_key_is_refused_at_once(process: Process, issued: IssuedApiKey) -> None:
    await process.show(issued)

    await process.core.perform(revoke_api_key, RevokeApiKey(issued.key.id), actor=OPERATOR)

    assert await process.asks_before_refusing(issued) == 1


async def test_a_revocation_that_is_rolled_back_changes_nothing(
    process: Process, issued: IssuedApiKey
) -> None:
    async def revoke_in_vain(work: Work, _: None) -> None:
        await revoke_api_key(work, RevokeApiKey(issued.key.id))
        raise LookupError

    await process.show(issued)
    with pytest.raises(LookupError):
        await process.core.perform(revoke_in_vain, None, actor=OPERATOR)

    assert await process.asks_for(issued) == 0


async def test_another_list_of_addresses_counts_at_once(process: Process, issued: IssuedApiKey) -> None:
    await process.show(issued)

    change = ChangeApiKey(issued.key.id, ip_whitelist=("10.0.0.1",))
    await process.core.perform(change_api_key, change, actor=OPERATOR)

    await process.asks_before_refusing(issued)
    assert await process.asks_for(issued, address="10.0.0.1") == 1


async def test_an_earlier_expiry_counts_at_once(process: Process, issued: IssuedApiKey) -> None:
    await process.show(issued)

    expires_at = process.core.clock.now() + timedelta(seconds=30)
    await process.core.perform(
        change_api_key, ChangeApiKey(issued.key.id, expires_at=expires_at), actor=OPERATOR
    )

    assert await process.asks_for(issued) == 1
    process.core.clock.set_offset(timedelta(seconds=30))
    await process.asks_before_refusing(issued)


async def test_a_key_that_was_replaced_is_refused_at_once(process: Process, issued: IssuedApiKey) -> None:
    await process.show(issued)

    rotation = RotateApiKey(issued.key.id, overlap_seconds=0)
    new = await process.core.perform(rotate_api_key, rotation, actor=OPERATOR)

    await process.asks_before_refusing(issued)
    assert (await process.show(new)).id == new.key.id


async def test_a_key_that_was_replaced_works_until_the_overlap_ends(
    process: Process, issued: IssuedApiKey
) -> None:
    await process.show(issued)

    rotation = RotateApiKey(issued.key.id, overlap_seconds=50)
    await process.core.perform(rotate_api_key, rotation, actor=OPERATOR)

    await process.show(issued)
    assert await process.asks_for(issued) == 0
    process.core.clock.set_offset(timedelta(seconds=50))
    await process.asks_before_refusing(issued)


async def test_the_key_of_an_inactive_integration_is_refused_at_once(
    process: Process, issued: IssuedApiKey
) -> None:
    await process.show(issued)
    integration_id = issued.key.integration_id

    await process.core.perform(deactivate_integration, DeactivateIntegration(integration_id), actor=OPERATOR)
    await process.asks_before_refusing(issued)

    await process.core.perform(reactivate_integration, ReactivateIntegration(integration_id), actor=OPERATOR)
    assert (await process.show(issued)).id == issued.key.id


async def test_the_key_of_an_inactive_tenant_is_refused_at_once(
    process: Process, issued: IssuedApiKey
) -> None:
    await process.show(issued)
    tenant_id = issued.key.organization_id

    await process.core.perform(deactivate_tenant, DeactivateTenant(tenant_id), actor=OPERATOR)
    await process.asks_before_refusing(issued)

    await process.core.perform(reactivate_tenant, ReactivateTenant(tenant_id), actor=OPERATOR)
    assert (await process.show(issued)).id == issued.key.id


async def test_a_key_that_is_revoked_while_it_is_looked_up_is_not_remembered(
    process: Process, issued: IssuedApiKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The look was in time; the next one is not."""

    async def look_and_be_late(work: Work, command: AuthenticateApiKey) -> ApiCredential:
        found = await authenticate_api_key(work, command)
        looked.set()
        await revoked.wait()
        return found

    looked, revoked = asyncio.Event(), asyncio.Event()
    monkeypatch.setattr(remembered, "authenticate_api_key", look_and_be_late)
    looking = asyncio.create_task(process.show(issued))
    await looked.wait()
    await process.core.perform(revoke_api_key, RevokeApiKey(issued.key.id), actor=OPERATOR)
    revoked.set()

    assert (await looking).id == issued.key.id
    await process.asks_before_refusing(issued)


# --- notifications that do not come -------------------------------------------------------------------


async def revoke_silently(process: Process, issued: IssuedApiKey) -> None:
    """The key is revoked, and nobody is told."""
    async with process.core.db.acquire() as conn:
        await conn.execute("UPDATE api_keys SET revoked_at = now() WHERE id = $1", issued.key.id)


async def test_a_revocation_that_nobody_heard_of_counts_after_some_seconds(
    process: Process, issued: IssuedApiKey
) -> None:
    await process.show(issued)
    await revoke_silently(process, issued)
    assert await process.asks_for(issued) == 0

    process.seconds += LIFE_SECONDS

    await process.asks_before_refusing(issued)


async def test_a_process_that_hears_nothing_looks_every_time(process: Process, issued: IssuedApiKey) -> None:
    async def no_answer() -> None:
        raise ConnectionRefusedError

    await process.show(issued)
    wakeups = process.core.db.wakeups
    with wakeups.subscribe("anything") as listening_again:
        connect, wakeups._connect = wakeups._connect, no_answer  # type: ignore[assignment]  # it never returns
        assert wakeups._connection is not None
        wakeups._connection.terminate()

        for _ in range(2):
            assert await process.asks_for(issued) == 1
        wakeups._connect = connect
        assert await listening_again.wait(SOON)

    assert await process.asks_for(issued) == 1
    assert await process.asks_for(issued) == 0


async def test_a_process_that_hears_nothing_refuses_a_revoked_key_at_once(
    process: Process, issued: IssuedApiKey
) -> None:
    await process.show(issued)
    connection = process.core.db.wakeups._connection
    assert connection is not None
    connection.terminate()
    await revoke_silently(process, issued)

    await process.asks_before_refusing(issued)
