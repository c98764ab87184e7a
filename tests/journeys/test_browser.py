"""A real browser signs in: by a mailed link, and with an identity provider."""

import asyncio
import json
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2
import pytest

from server.outbound.identity_providers.oidc import OidcProvider
from tests.journeys.live import a_server
from tests.support.accounts import PASSWORD, an_email
from tests.support.browser import Browser, a_browser
from tests.support.contract import Checked
from tests.support.identity_providers.openid import OpenIdProvider
from tests.support.web_server import Said, a_web_server

PAGE = b"<!doctype html><title>Shop</title><h1>Welcome to the shop</h1>"


@dataclass(frozen=True)
class Shop:
    """A web application on a live server.

    Args:
        url: Of the server.
        home: The application's own page.
        backend: The application's backend, with its key.
        environment: What commands beside the server are run with.
    """

    url: str
    home: str
    project_id: str
    backend: httpx2.AsyncClient
    environment: dict[str, str]


async def run(environment: dict[str, str], *arguments: str, said: str = "") -> Any:  # noqa: ANN401 - as printed
    """What `countersign` prints as JSON, which an operator runs beside the server."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "server", *arguments, "--json"),
        env=os.environ | environment,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate(f"{said}\n".encode())
    assert process.returncode == 0, errors.decode()
    return json.loads(output)


def a_free_port() -> int:
    """A port that nobody listens at. Links name it, so it must be known before the server starts."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def client(url: str, **headers: str) -> httpx2.AsyncClient:
    """A client whose every answer is checked."""
    transport = Checked(httpx2.AsyncHTTPTransport())
    return httpx2.AsyncClient(transport=transport, base_url=url, headers=headers, timeout=30)


async def made(api: httpx2.AsyncClient, path: str, **members: object) -> Any:  # noqa: ANN401 - as it is answered
    """What a POST of *members* makes."""
    answer = await api.post(path, json=members)
    assert answer.is_success, answer.text
    return answer.json()


@pytest.fixture
async def browser(tmp_path: Path) -> AsyncIterator[Browser]:
    async with a_browser(tmp_path) as started:
        yield started


@pytest.fixture
async def shop(browser: Browser, tmp_path: Path, fresh_database_url: str) -> AsyncIterator[Shop]:
    """Set up as an operator and a developer do: by commands, then over HTTP."""
    port, email = a_free_port(), an_email("owner")
    environment = {
        "DATABASE_URL": fresh_database_url,
        "COUNTERSIGN_DATA_DIR": str(tmp_path),
        "COUNTERSIGN_PORT": str(port),
        "COUNTERSIGN_CAPTURE_OUTBOX": "true",
    }
    async with AsyncExitStack() as stack:
        web = await stack.enter_async_context(
            a_web_server(Said(200, PAGE, {"Content-Type": "text/html; charset=utf-8"}))
        )
        server = await stack.enter_async_context(a_server(tmp_path, fresh_database_url, **environment))
        await run(environment, "admin", "create-owner", "--email", email, "--password-stdin", said=PASSWORD)
        api = await stack.enter_async_context(client(server.url))
        token = await made(api, "/v1/token", email=email, password=PASSWORD)
        api.headers["Authorization"] = f"Bearer {token['management_token']}"
        home = f"{web.origin}/signed-in"
        project = await made(api, "/v1/projects", name="Shop", redirect_url=home, allowed_origins=[])
        key = (await made(api, "/v1/api-keys", project_id=project["id"], label="backend"))["key"]
        backend = await stack.enter_async_context(client(server.url, **{"X-Protekt-Key": key}))
        yield Shop(server.url, home, project["id"], backend, environment)


async def test_a_mailed_link_ends_at_the_applications_page(browser: Browser, shop: Shop) -> None:
    email = an_email()
    sent = await shop.backend.post("/v1/auth/magic-link/send", json={"email": email})
    assert sent.status_code == 200, sent.text
    (mail,) = (await shop.backend.get("/testing/outbox", params={"to": email})).json()["messages"]
    link = next(word for word in mail["text"].split() if word.startswith(f"{shop.url}/links/magic"))

    # Opened twice, as a scanner would: only the button uses it, and then only the application.
    for _ in range(2):
        await browser.open(link)
    assert "Shop" in await browser.text()
    await browser.press("form button")
    arrived = urlsplit(await browser.arrives(shop.home))
    assert "Welcome to the shop" in await browser.text()

    token = dict(parse_qsl(arrived.query))["token"]
    verified = await shop.backend.post("/v1/auth/magic-link/verify", json={"token": token})
    assert verified.status_code == 200, verified.text
    assert verified.json()["user"]["email"] == email
    again = await shop.backend.post("/v1/auth/magic-link/verify", json={"token": token})
    assert again.status_code == 400


async def test_an_identity_provider_ends_at_the_applications_page(
    browser: Browser, shop: Shop, openid_provider: OpenIdProvider
) -> None:
    email = an_email()
    await openid_provider.tell(email, email=email, email_verified=True)
    await add_provider(shop, await openid_provider.client(f"{shop.url}/v1/auth/sso/callback"))
    started = await shop.backend.get(
        "/v1/auth/sso/authorize", params={"provider": "corp", "state": "the shop's own"}
    )
    assert started.status_code == 302, started.text

    await browser.open(started.headers["Location"])
    await browser.type("input[name=login]", email)
    await browser.type("input[name=password]", "anything")
    await browser.press("button[type=submit]")
    await browser.press("button[autofocus]")  # Continue
    arrived = await browser.arrives(shop.home)

    assert "Welcome to the shop" in await browser.text()
    told = dict(parse_qsl(urlsplit(arrived).fragment))
    assert told["state"] == "the shop's own"
    verified = await shop.backend.post("/v1/auth/token/verify", json={"token": told["access_token"]})
    assert verified.json()["valid"] is True, verified.text


async def add_provider(shop: Shop, provider: OidcProvider) -> None:
    """The shop's users can sign in with the provider, which it calls `corp`."""
    assert provider.client_secret is not None
    added = await run(
        shop.environment,
        *("admin", "sso", "add", "corp", "--project", shop.project_id, "--type", "oidc"),
        *("--issuer", provider.issuer, "--client-id", provider.client_id, "--client-secret-stdin"),
        said=provider.client_secret.reveal(),
    )
    assert added["callback_url"] == f"{shop.url}/v1/auth/sso/callback"
