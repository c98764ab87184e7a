"""The SDK's examples for Flask, Django, Quart and FastAPI: paid for real, by a phone's real approval."""

import asyncio
import importlib.util
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx2
import pytest

from countersign import AsyncClient, Client
from tests.journeys.live import USER, Shop, a_phone, a_server, a_shop, an_operator

SERVING = Path(__file__).parents[2] / "integration_sdk" / "tests" / "test_examples.py"


def serving() -> ModuleType:
    """How the SDK's own tests put an example before a browser."""
    spec = importlib.util.spec_from_file_location("serving_of_examples", SERVING)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@asynccontextmanager
async def browser_of(name: str, shop: Shop, paid: list[Any], folder: Path) -> AsyncIterator[Any]:
    """A browser at the example *name*, in which the user is signed in."""
    served = serving()
    if name in {"quart", "fastapi"}:
        async with AsyncClient(shop.url, shop.key_id, shop.key_secret) as client:
            serve = getattr(served, f"serve_{name}")
            yield await signed_in(serve(client, paid)())
        return
    with Client(shop.url, shop.key_id, shop.key_secret) as client:
        if name == "django":
            browse = await asyncio.to_thread(served.serve_django, client, paid, folder)
        else:
            browse = served.serve_flask(client, paid)
        yield await signed_in(browse())


async def signed_in(browser: Any) -> Any:  # noqa: ANN401 - the SDK's tests are not a package
    """*browser* with a session of the user."""
    assert (await browser.get(f"/sign-in/{USER}")).status_code == 200
    await browser.get("/pay")
    return browser


async def order(browser: Any) -> tuple[str, int]:  # noqa: ANN401 - as above
    """Where a new payment is settled, and the number that its page shows."""
    answer: httpx2.Response = await browser.post("/pay", payee="Bob", cents=4000)
    assert answer.status_code == 200, answer.text
    if answer.headers["Content-Type"].startswith("application/json"):
        shown = answer.json()
        number = next(value for value in shown.values() if isinstance(value, int))
        return f"/pay/{shown['payment']}", number
    settle = re.search(r'"(/pay/[^"]+)"', answer.text)
    number_shown = re.search(r'id="number">(\d{6})<', answer.text)
    assert settle is not None
    assert number_shown is not None
    return settle[1], int(number_shown[1])


@pytest.mark.parametrize("name", ["flask", "django", "quart", "fastapi"])
async def test_the_payment_happens_when_the_phone_approves_and_not_when_it_denies(
    tmp_path: Path, fresh_database_url: str, name: str
) -> None:
    """One payment approved with the number on the page, one denied."""
    async with (
        a_server(tmp_path, fresh_database_url) as instance,
        await an_operator(tmp_path, fresh_database_url, instance.url) as operator,
    ):
        shop = await a_shop(operator, instance.url)
        paid: list[Any] = []
        async with (
            await a_phone(operator, shop) as phone,
            browser_of(name, shop, paid, tmp_path) as browser,
        ):
            settle, number = await order(browser)
            attempt = await phone.pending(wait_seconds=10)
            assert attempt is not None
            assert attempt.message == "40.00 € to Bob"
            await phone.approve(attempt, number)
            settled = await browser.post(settle)
            assert (settled.status_code, settled.json()) == (200, {"state": "paid"})
            assert [(payment.user, payment.cents) for payment in paid] == [(USER, 4000)]

            settle, _ = await order(browser)
            attempt = await phone.pending(wait_seconds=10)
            assert attempt is not None
            await phone.deny(attempt)
            refused = await browser.post(settle)
            assert (refused.status_code, refused.json()) == (403, {"state": "rejected"})
            assert len(paid) == 1
