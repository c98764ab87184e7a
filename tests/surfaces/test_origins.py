"""Scripts of web pages: a project's allowed origins may call for it, and for no other project."""

import pytest

from server.db.pool import Database
from tests.support.product import Product, a_product

ASKED = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "x-protekt-key"}
READABLE = "Access-Control-Allow-Origin"


@pytest.fixture
def product(db: Database) -> Product:
    return a_product(db)


async def test_a_script_may_call_for_the_project_that_allows_its_origin(product: Product) -> None:
    backend = await product.backend(allowed_origins=("https://shop.example",))
    origin = {"Origin": "https://shop.example"}

    asked = await product.http.options("/v1/auth/users", headers=origin | ASKED)
    called = await backend.http.get("/v1/auth/users", headers=origin)
    refused = await backend.http.get("/v1/auth/users/usr_unknown", headers=origin)

    assert (asked.status_code, asked.headers[READABLE]) == (204, "https://shop.example")
    assert asked.headers["Access-Control-Allow-Methods"] == "GET"
    assert "x-protekt-key" in asked.headers["Access-Control-Allow-Headers"].lower()
    for answer, status in ((called, 200), (refused, 404)):
        assert (answer.status_code, answer.headers[READABLE]) == (status, "https://shop.example")
        assert "X-RateLimit-Remaining" in answer.headers["Access-Control-Expose-Headers"]
        assert "Origin" in answer.headers["Vary"]
        assert "Access-Control-Allow-Credentials" not in answer.headers


async def test_another_projects_origin_is_told_what_it_may_send_and_reads_nothing(product: Product) -> None:
    """A preflight carries no key, so it cannot be told apart; the answer itself can."""
    backend = await product.backend(allowed_origins=("https://shop.example",))
    await product.backend(allowed_origins=("https://other.example",))
    origin = {"Origin": "https://other.example"}

    assert READABLE in (await product.http.options("/v1/auth/users", headers=origin | ASKED)).headers
    assert READABLE not in (await backend.http.get("/v1/auth/users", headers=origin)).headers


async def test_an_origin_that_nobody_allows_may_not_even_ask(product: Product) -> None:
    origin = {"Origin": "https://nobody.example"}

    asked = await product.http.options("/v1/auth/users", headers=origin | ASKED)

    assert asked.status_code == 204
    assert not [name for name in asked.headers if name.startswith("access-control-")]


async def test_the_account_api_is_for_no_script(product: Product) -> None:
    account = await product.account()
    await product.backend(organization=account.organization, allowed_origins=("https://shop.example",))
    origin = {"Origin": "https://shop.example"}

    assert (await product.http.options("/v1/projects", headers=origin | ASKED)).status_code == 405
    assert READABLE not in (await account.http.get("/v1/projects", headers=origin)).headers
