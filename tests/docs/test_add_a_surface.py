"""docs/how-to/add-a-surface.md: its surface, served beside Protekt's with the same path in both.

So this is also X02 and X03 with two claimants: each call is answered by exactly one of them.
"""

import re
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import ModuleType
from uuid import UUID

import httpx2
import pytest

from server import app
from server.base.ids import new_uid
from server.core.realms.actions import read_named_realm
from server.core.work import Work
from server.db.pool import Database
from server.surfaces.kit.gateway import Gateway
from server.surfaces.kit.limits import Limiter
from server.surfaces.kit.metrics import Metrics
from server.surfaces.kit.surface import Surface
from tests.support.accounts import PASSWORD, an_email
from tests.support.backend import Backend
from tests.support.product import PEER, Product, a_product
from tests.support.sign_in import a_principal

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "add-a-surface.md"
MODULES = ("server.surfaces.modernauth.surface", "server.surfaces.modernauth.login")
LOGIN = "/v1/auth/login"


@pytest.fixture
def modernauth() -> Iterator[Surface]:
    """The page's surface, made of its code."""
    package = ModuleType("server.surfaces.modernauth")
    package.__path__ = []
    sys.modules[package.__name__] = package
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    for name, code in zip(MODULES, blocks, strict=True):
        module = sys.modules[name] = ModuleType(name)
        exec(compile(code, name, "exec"), module.__dict__)  # noqa: S102 - the page's own
    yield sys.modules[MODULES[0]].surface
    for name in (package.__name__, *MODULES):
        del sys.modules[name]


@pytest.fixture
async def product(fresh_database_url: str) -> AsyncIterator[Product]:
    """A process whose database has the surface's realm, as its migration would make it."""
    db = await Database.open(fresh_database_url, connections=4, application_name="add a surface")
    async with db.acquire() as conn:
        await conn.execute(
            """
            INSERT INTO realms (id, kind, surface, name, policy, created_at, updated_at)
            VALUES ($1, 'customer', 'modernauth', 'modernauth', '{}', now(), now())
            """,
            new_uid(),
        )
    product = a_product(db)
    yield product
    await product.http.aclose()
    await db.close()


@pytest.fixture
async def http(product: Product, modernauth: Surface) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of all surfaces and this one. No document of ours describes it, so nothing is checked."""
    gateway = Gateway(
        product.core,
        (*app.SURFACES, modernauth),
        product.core.settings,
        Limiter(product.core.settings, Metrics()),
    )
    transport = httpx2.ASGITransport(gateway, client=PEER)
    async with httpx2.AsyncClient(transport=transport, base_url="http://countersign.test") as client:
        yield client


@pytest.fixture
async def email(product: Product) -> str:
    """Somebody of the surface's realm."""
    address = an_email()

    async def make(work: Work) -> None:
        realm = await read_named_realm(work, "modernauth")
        await a_principal(work, realm, email=address, password=PASSWORD)

    await product.made(make)
    return address


async def test_the_pages_surface_signs_people_in(http: httpx2.AsyncClient, email: str) -> None:
    answer = await http.post(LOGIN, json={"email": email, "password": PASSWORD})
    refused = await http.post(LOGIN, json={"email": email, "password": "something else"})

    assert (answer.status_code, answer.headers["X-Surface"]) == (200, "modernauth")
    assert set(answer.json()) == {"user", "tokens"}
    assert str(UUID(answer.json()["user"]["id"])) == answer.json()["user"]["id"]
    assert set(answer.json()["tokens"]) == {"access_token", "refresh_token", "expires_in"}
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_credentials")
    assert {"X-Protekt-Key", "Authorization"} <= set(answer.headers["Vary"].split(", "))


async def test_x03_a_bad_key_with_a_password_that_is_right_here_is_protekts_refusal(
    http: httpx2.AsyncClient, product: Product, email: str
) -> None:
    body = {"email": email, "password": PASSWORD}

    for key in ("pk_live_wrong", ""):
        answer = await http.post(LOGIN, json=body, headers={"X-Protekt-Key": key})
        assert (answer.status_code, answer.headers["X-Surface"]) == (401, "protekt_auth")
        assert answer.json()["error"]["code"] == "invalid_api_key"

    async with product.core.db.acquire() as conn:
        assert await conn.fetchval("SELECT count(*) FROM sessions") == 0


async def test_x02_each_client_gets_its_own_documents_answer(
    http: httpx2.AsyncClient, product: Product, email: str
) -> None:
    """For good and bad input, in any order; one address is two people."""
    backend = await Backend.on(product)
    await backend.somebody(email=email)
    key = {"X-Protekt-Key": backend.key}

    for body in ({"email": email, "password": PASSWORD}, {"email": email, "password": "wrong"}, {"email": 5}):
        theirs = await http.post(LOGIN, json=body)
        ours = await http.post(LOGIN, json=body, headers=key)
        assert theirs.status_code == ours.status_code
        assert theirs.headers["X-Surface"] == "modernauth"
        assert ours.headers["X-Surface"] == "protekt_auth"
        if ours.status_code == 200:
            assert ours.json()["user"]["id"].startswith("usr_")
            assert "tokens" in theirs.json()
        else:
            assert isinstance(ours.json()["error"], dict)
            assert isinstance(theirs.json()["error"], str)


async def test_x06_a_token_of_the_pages_surface_opens_nothing_of_a_project(
    http: httpx2.AsyncClient, email: str
) -> None:
    answer = await http.post(LOGIN, json={"email": email, "password": PASSWORD})
    token = answer.json()["tokens"]["access_token"]

    refused = await http.get("/v1/auth/sessions", headers={"Authorization": f"Bearer {token}"})

    assert (refused.status_code, refused.json()["error"]["code"]) == (401, "invalid_token")
