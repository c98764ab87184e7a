"""A key is revoked at one process while it is in use at both."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx2
import pytest

from server.core.api_keys.administration import RevokeApiKey, revoke_api_key
from server.core.integrations.actions import DeactivateIntegration, deactivate_integration
from server.core.organizations.actions import DeactivateTenant, deactivate_tenant
from server.db.pool import Database
from tests.support.product import Product, RelyingParty, a_product
from tests.surfaces.kit.asgi_client import waits_held

SOON = 5.0  # seconds; a test that is right never waits so long
CALLERS = 10
CALLS_EACH = 30


@dataclass
class Both:
    """Two serving processes, and the same relying party at each."""

    here: Product
    there: Product
    at_here: RelyingParty
    at_there: RelyingParty
    key_id: int

    async def use(self) -> None:
        """The key is right, and remembered at both."""
        for party in (self.at_here, self.at_there):
            assert (await party.wait(7)).status_code == 404


@pytest.fixture(params=["hot", "cold"])
async def both(request: pytest.FixtureRequest, databases: tuple[Database, Database]) -> AsyncIterator[Both]:
    """The two, with a key that both have seen."""
    here, there = (a_product(database, hot_lane=request.param == "hot") for database in databases)
    party = await here.relying_party()
    async with databases[0].acquire() as conn:
        key_id = await conn.fetchval("SELECT id FROM api_keys WHERE key_id = $1", party.key_id)
    other = RelyingParty(there.http, party.integration, party.key_id, party.secret)
    both = Both(here, there, party, other, key_id)
    await both.use()
    yield both
    await here.http.aclose()
    await there.http.aclose()


async def test_a_key_that_is_revoked_at_one_is_refused_at_the_other_as_soon_as_it_hears(both: Both) -> None:
    with both.there.core.db.wakeups.subscribe(f"api_key:{both.at_here.key_id}") as heard:
        await both.here.made(revoke_api_key, command=RevokeApiKey(both.key_id))
        assert await heard.wait(SOON)

    assert (await both.at_there.wait(7)).status_code == 401


@pytest.mark.parametrize("what", ["integration", "tenant"])
async def test_a_key_without_ground_is_refused_at_the_other_as_soon_as_it_hears(
    both: Both, what: str
) -> None:
    integration = both.at_here.integration
    with both.there.core.db.wakeups.subscribe("api_key:*") as heard:
        if what == "integration":
            await both.here.made(deactivate_integration, command=DeactivateIntegration(integration.id))
        else:
            await both.here.made(deactivate_tenant, command=DeactivateTenant(integration.organization_id))
        assert await heard.wait(SOON)

    assert (await both.at_there.wait(7)).status_code == 401


@pytest.mark.parametrize("where", ["here", "there"])
async def test_a_wait_that_is_held_ends_when_its_key_is_revoked(both: Both, where: str) -> None:
    product, party = (both.here, both.at_here) if where == "here" else (both.there, both.at_there)
    told = await both.at_here.ask(await both.here.enrolled_phone(both.at_here))
    wait = asyncio.create_task(party.wait(told["authAttemptId"], timeout=30))
    await waits_held(product.gateway, 1)

    await both.here.made(revoke_api_key, command=RevokeApiKey(both.key_id))

    async with asyncio.timeout(SOON):
        assert (await wait).status_code == 401


async def test_waits_whose_key_was_revoked_are_no_failed_guesses(
    databases: tuple[Database, Database],
) -> None:
    """However many they are, each is told the same, and nobody else at the address is kept out for them."""
    product = a_product(databases[0], limit_failed_keys="3/60")
    party = await product.relying_party()
    attempts = [(await party.ask(await product.enrolled_phone(party)))["authAttemptId"] for _ in range(8)]
    waits = [asyncio.create_task(party.wait(attempt_id, timeout=30)) for attempt_id in attempts]
    await waits_held(product.gateway, 8)
    async with databases[0].acquire() as conn:
        key_id = await conn.fetchval("SELECT id FROM api_keys WHERE key_id = $1", party.key_id)

    await product.made(revoke_api_key, command=RevokeApiKey(key_id))

    async with asyncio.timeout(SOON):
        assert [(await wait).status_code for wait in waits] == [401] * 8
    assert [(await party.wait(7)).status_code for _ in range(4)] == [401, 401, 401, 429]
    await product.http.aclose()


async def test_no_call_that_begins_after_the_revocation_is_served(both: Both) -> None:
    """However many looks were under way: at the process that revoked at once, at the other once it hears."""
    revoked = asyncio.Event()
    late: list[httpx2.Response] = []

    async def call_again_and_again(party: RelyingParty) -> None:
        for _ in range(CALLS_EACH):
            begins_late = revoked.is_set()
            response = await party.wait(7)
            assert response.status_code in {401, 404}
            if begins_late and party is both.at_here:
                late.append(response)

    async def forget_again_and_again() -> None:
        while not revoked.is_set():
            both.here.core.db.wakeups.wake_all()
            both.there.core.db.wakeups.wake_all()
            await asyncio.sleep(0.001)

    async def revoke() -> None:
        await asyncio.sleep(0.05)
        with both.there.core.db.wakeups.subscribe(f"api_key:{both.at_here.key_id}") as heard:
            await both.here.made(revoke_api_key, command=RevokeApiKey(both.key_id))
            revoked.set()
            assert await heard.wait(SOON)

    parties = (both.at_here, both.at_there) * (CALLERS // 2)
    await asyncio.gather(revoke(), forget_again_and_again(), *map(call_again_and_again, parties))

    assert {response.status_code for response in late} == {401}
    for party in (both.at_here, both.at_there):
        assert (await party.wait(7)).status_code == 401
