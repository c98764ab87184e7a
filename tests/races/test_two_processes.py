"""Somebody waits at one process while it happens at the other."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from server.db.pool import Database
from tests.support.product import Product, RelyingParty, a_product


@pytest.fixture
async def products(databases: tuple[Database, Database]) -> AsyncIterator[tuple[Product, Product]]:
    """Two serving processes."""
    one, other = a_product(databases[0]), a_product(databases[1])
    yield one, other
    await one.http.aclose()
    await other.http.aclose()


async def test_a_wait_at_one_ends_with_the_answer_at_the_other(products: tuple[Product, Product]) -> None:
    here, there = products
    party = await here.relying_party()
    phone = await here.enrolled_phone(party)
    created = await party.ask(phone)
    waiting = asyncio.create_task(party.wait(created["authAttemptId"], timeout=60))
    fetched = await there.fetched(phone)
    await asyncio.sleep(0.05)
    began = time.monotonic()

    await there.answer(phone, fetched)

    assert (await waiting).json()["status"] == "ACCEPTED"
    assert time.monotonic() - began < 5


async def test_a_long_poll_at_one_ends_with_the_question_at_the_other(
    products: tuple[Product, Product],
) -> None:
    here, there = products
    party = await here.relying_party()
    phone = await here.enrolled_phone(party)
    at_the_other = RelyingParty(there.http, party.integration, party.key_id, party.secret)
    polling = asyncio.create_task(here.poll(phone, prefer="wait=50"))
    await asyncio.sleep(0.05)
    began = time.monotonic()

    created = await at_the_other.ask(phone)

    assert (await polling).json()["authAttemptId"] == created["authAttemptId"]
    assert time.monotonic() - began < 5
