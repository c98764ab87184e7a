"""X12: the testers' clock on the wire. What it does is tested in tests/core/instance."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from tests.support.product import Product


@pytest.fixture
async def product(make_product: Callable[..., Product]) -> AsyncIterator[Product]:
    """A process whose clock may be moved; the instance's is right again at the end."""
    product = make_product()
    yield product
    await product.http.delete("/testing/clock")


async def test_x12_attempts_expire_in_no_time(product: Product) -> None:
    party = await product.relying_party()
    phone = await product.enrolled_phone(party)
    created = await party.ask(phone)
    waiting = asyncio.create_task(party.wait(created["authAttemptId"], timeout=60))
    await asyncio.sleep(0.05)

    moved = await product.http.post("/testing/clock", json={"advanceSeconds": 120})

    assert moved.json()["offsetSeconds"] == 120
    async with asyncio.timeout(5):
        assert (await waiting).json()["status"] == "EXPIRED"


async def test_the_clock_tells_what_time_it_is_and_is_set_right(product: Product) -> None:
    await product.http.post("/testing/clock", json={"advanceSeconds": 86_400.5})
    await product.http.post("/testing/clock", json={"advanceSeconds": -0.5})

    assert (await product.http.get("/testing/clock")).json()["offsetSeconds"] == 86_400
    assert (await product.http.delete("/testing/clock")).json()["offsetSeconds"] == 0
    assert (await product.http.get("/testing/clock")).json()["offsetSeconds"] == 0


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"advanceSeconds": None},
        {"advanceSeconds": 1e12},
        {"advanceSeconds": 1, "more": 2},
        {"advanceSeconds": "soon"},
    ],
)
async def test_a_move_that_is_not_valid_moves_nothing(product: Product, body: dict[str, object]) -> None:
    assert (await product.http.post("/testing/clock", json=body)).status_code == 400
    assert (await product.http.get("/testing/clock")).json()["offsetSeconds"] == 0


async def test_where_the_clock_is_not_movable_there_is_nothing(make_product: Callable[..., Product]) -> None:
    product = make_product(movable_clock=False)

    answers = [
        await product.http.get("/testing/clock"),
        await product.http.post("/testing/clock", json={"advanceSeconds": 60}),
        await product.http.delete("/testing/clock"),
    ]

    assert [each.status_code for each in answers] == [404, 404, 404]
