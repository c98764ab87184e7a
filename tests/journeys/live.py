"""Real server processes, and what an operator sets up for them."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

from countersign import AsyncClient
from device_sim import Device, Invitation
from server.app import close_core, open_core
from server.base.settings import load_settings
from server.crypto.key_file import create_key_file
from tests.serve.instances import Instance, instance
from tests.support.contract import Checked
from tests.support.factories import an_operator_key
from tests.support.scene import made_on
from tests.support.work import OPERATOR

USER = "jane@example.com"
ROOMY = "100000/60"


@dataclass(frozen=True, slots=True)
class Shop:
    """A relying party: its integration, and its API key."""

    url: str
    integration_id: int
    key_id: str
    key_secret: str

    def client(self, url: str | None = None) -> AsyncClient:
        """The SDK's client, at another process if *url* says so."""
        return AsyncClient(url or self.url, self.key_id, self.key_secret)


@asynccontextmanager
async def a_server(folder: Path, database_url: str | None, **variables: str) -> AsyncIterator[Instance]:
    """A process of `countersign serve` that accepts requests, under limits that no journey meets."""
    settings = {
        "COUNTERSIGN_MOVABLE_CLOCK": "true",
        "COUNTERSIGN_LIMIT_BIND": ROOMY,
        "COUNTERSIGN_LIMIT_VERIFY": ROOMY,
        "COUNTERSIGN_LIMIT_PENDING": ROOMY,
        "COUNTERSIGN_LIMIT_RESPOND": ROOMY,
    }
    async with instance(
        folder, database_url, module="server", arguments=("serve",), **(settings | variables)
    ) as started:
        started.url = (await started.line("serve.listening"))["url"]
        yield started


async def an_operator(folder: Path, database_url: str, url: str) -> httpx2.AsyncClient:
    """The operators' API with a new key; every answer is checked against its document."""
    settings = load_settings(data_dir=folder, database_url=database_url)
    if not settings.key_file.exists():
        create_key_file(settings.key_file)
    core = await open_core(settings, database_url=database_url)
    try:
        issued = await made_on(core, an_operator_key, actor=OPERATOR)
    finally:
        await close_core(core)
    return _operators_api(url, issued.secret.reveal())


async def an_operator_by_command(folder: Path, url: str) -> httpx2.AsyncClient:
    """The same with a key that `countersign admin` made, beside the running server, in its data folder."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "server", "admin", "operator-keys", "create", "tests", "--json"),
        env=os.environ | {"COUNTERSIGN_DATA_DIR": str(folder)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return _operators_api(url, json.loads(output)["secret"])


def _operators_api(url: str, key: str) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(
        transport=Checked(httpx2.AsyncHTTPTransport()),
        base_url=f"{url}/api/v1",
        headers={"Authorization": f"Bearer {key}"},
        timeout=30,
    )


async def a_shop(operator: httpx2.AsyncClient, url: str) -> Shop:
    """A tenant, an integration and its API key, over HTTP."""
    tenant = (await operator.post("/tenants", json={"name": "Acme"})).json()
    integration = (
        await operator.post("/integrations", json={"tenantId": tenant["id"], "name": "Acme Shop"})
    ).json()
    issued = (
        await operator.post("/api-keys", json={"integrationId": integration["id"], "label": "backend"})
    ).json()
    return Shop(url, integration["id"], issued["apiKey"]["keyId"], issued["secret"])


async def a_phone(operator: httpx2.AsyncClient, shop: Shop, user: str = USER) -> Device:
    """A simulated phone that is enrolled at the shop."""
    invited = (
        await operator.post(
            "/enrollments",
            json={"integrationId": shop.integration_id, "name": f"Phone of {user}", "userIdentifier": user},
        )
    ).json()
    text = json.dumps(
        json.loads(invited["qr"]["text"]) | {"authUrl": shop.url.replace("127.0.0.1", "localhost")}
    )
    return await Device.enroll(Invitation.parse(text), invited["enrollmentChallenge"])
