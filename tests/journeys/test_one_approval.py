"""A phone is enrolled, asked, and its signed answer reaches the relying party."""

import asyncio
from pathlib import Path

import pytest

from countersign import Decision
from device_sim import PendingAttempt
from tests.journeys.live import USER, a_phone, a_server, a_shop, an_operator, an_operator_by_command

TITLE, MESSAGE = "Payment", "Pay 50.00 EUR to Bob's Bikes?"


@pytest.mark.parametrize("server", ["uvicorn", "hypercorn"])
async def test_from_the_invitation_to_the_signed_answer(
    tmp_path: Path, fresh_database_url: str, server: str
) -> None:
    """Approve with the number, deny, wrong number, cancel, expiry: each reaches the relying party."""
    async with (
        a_server(tmp_path, fresh_database_url, COUNTERSIGN_SERVER=server) as instance,
        await an_operator(tmp_path, fresh_database_url, instance.url) as operator,
    ):
        shop = await a_shop(operator, instance.url)
        async with await a_phone(operator, shop) as phone, shop.client() as client:
            numbers: asyncio.Queue[int] = asyncio.Queue()
            asking = asyncio.create_task(
                client.approve(USER, TITLE, MESSAGE, challenge=True, on_challenge=numbers.put)
            )
            number = await numbers.get()
            attempt = await phone.pending(wait_seconds=10)
            assert attempt is not None
            assert (attempt.title, attempt.message, attempt.challenge_required) == (TITLE, MESSAGE, True)
            result = await phone.approve(attempt, number)
            assert (result.outcome, result.proven) == ("APPROVED", True)
            assert (await asking).decision is Decision.APPROVED

            asking = asyncio.create_task(client.approve(USER, TITLE, challenge=False))
            attempt = await phone.pending(wait_seconds=10)
            assert attempt is not None
            assert (await phone.deny(attempt, "FRAUD")).outcome == "DENIED"
            outcome = await asking
            assert outcome.decision is Decision.DENIED
            assert outcome.attempt.deny_reason == "FRAUD"

            asking = asyncio.create_task(
                client.approve(USER, TITLE, challenge=True, on_challenge=numbers.put)
            )
            number = await numbers.get()
            attempt = await phone.pending(wait_seconds=10)
            assert attempt is not None
            assert (await phone.approve(attempt, number % 899_999 + 100_000)).outcome == "FAILED"
            assert (await asking).decision is Decision.INVALID

            waiting = await client.create(user_identifier=USER, challenge_requested=False)
            assert (await client.cancel(waiting)).status == "EXPIRED"
            assert await phone.pending() is None

            outcome = await client.approve(USER, TITLE, challenge=False, deadline_seconds=1)
            assert outcome.decision is Decision.TIMED_OUT


async def test_the_answer_arrives_at_one_process_and_the_wait_is_at_another(
    tmp_path: Path, fresh_database_url: str
) -> None:
    """Two server processes share a database: a wait and a long poll wake up across them at once."""
    async with (
        a_server(tmp_path, fresh_database_url) as one,
        a_server(tmp_path, fresh_database_url) as other,
        await an_operator(tmp_path, fresh_database_url, one.url) as operator,
    ):
        shop = await a_shop(operator, one.url)
        async with await a_phone(operator, shop) as phone, shop.client(other.url) as client:
            polling = asyncio.create_task(phone.pending(wait_seconds=40))
            # The phone's poll must be waiting at the first process before the other one is asked.
            await asyncio.sleep(0.5)
            waited_from = asyncio.get_running_loop().time()
            asking = asyncio.create_task(client.approve(USER, TITLE, MESSAGE, challenge=False))
            attempt = await asyncio.wait_for(polling, 5)
            assert isinstance(attempt, PendingAttempt)
            await phone.approve(attempt)
            outcome = await asyncio.wait_for(asking, 5)
            assert outcome.approved
            assert asyncio.get_running_loop().time() - waited_from < 5


async def test_many_waits_do_not_hold_up_anybody(tmp_path: Path, fresh_database_url: str) -> None:
    """Two hundred waits are held at one process with four connections; other calls go on."""
    async with (
        a_server(tmp_path, fresh_database_url, COUNTERSIGN_LIMIT_WAIT="1000000/60") as instance,
        await an_operator(tmp_path, fresh_database_url, instance.url) as operator,
    ):
        shop = await a_shop(operator, instance.url)
        async with await a_phone(operator, shop) as phone, shop.client() as client:
            attempt = await client.create(user_identifier=USER, challenge_requested=False)
            waits = [asyncio.create_task(client.wait(attempt)) for _ in range(200)]
            await asyncio.sleep(1)
            shown = await asyncio.wait_for(phone.pending(), 5)
            assert shown is not None
            await phone.approve(shown)
            ended = await asyncio.wait_for(asyncio.gather(*waits), 20)
            assert {waited.status for waited in ended} == {"ACCEPTED"}


async def test_with_two_workers_and_an_embedded_database(place: Path) -> None:
    """`countersign serve --workers 2` with no configuration: the same journey, whichever worker answers."""
    async with (
        a_server(place, None, COUNTERSIGN_WORKERS="2") as instance,
        await an_operator_by_command(place, instance.url) as operator,
    ):
        shop = await a_shop(operator, instance.url)
        async with await a_phone(operator, shop) as phone, shop.client() as client:
            for _ in range(2):
                asking = asyncio.create_task(client.approve(USER, TITLE, challenge=False))
                attempt = await phone.pending(wait_seconds=10)
                assert attempt is not None
                await phone.approve(attempt)
                assert (await asyncio.wait_for(asking, 10)).approved
