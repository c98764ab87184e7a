from base64 import urlsafe_b64decode

import httpx2
import pytest

from tests.support.factories import a_name, a_tenant
from tests.support.product import Product

UNKNOWN = 2_147_483_647


async def test_an_integration_is_made_read_and_listed(product: Product, operator: httpx2.AsyncClient) -> None:
    tenant = await product.made(a_tenant)
    wanted = {
        "tenantId": tenant.id,
        "name": a_name("Shop"),
        "description": "Sells",
        "attemptTtlSeconds": 60,
        "challengeDigits": 2,
    }

    made = await operator.post("integrations", json=wanted)

    assert made.status_code == 201
    integration = made.json()
    assert {name: integration[name] for name in wanted} == wanted
    assert len(urlsafe_b64decode(integration["publicKey"] + "=")) == 32
    assert integration["keyAlgorithm"] == "ed25519"
    assert made.headers["Location"] == f"/api/v1/integrations/{integration['id']}"
    assert (await operator.get(f"integrations/{integration['id']}")).json() == integration
    listed = (await operator.get("integrations", params={"tenantId": tenant.id})).json()
    assert (listed["items"], listed["total"]) == ([integration], 1)


async def test_a_change_changes_the_members_that_are_there(
    product: Product, operator: httpx2.AsyncClient
) -> None:
    party = await product.relying_party(attempt_ttl_seconds=60)
    path = f"integrations/{party.integration.id}"

    changed = await operator.patch(path, json={"attemptTtlSeconds": None, "challengeDigits": 4})

    assert (changed.json()["attemptTtlSeconds"], changed.json()["challengeDigits"]) == (None, 4)
    assert changed.json()["name"] == party.integration.name


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"attemptTtlSeconds": 29}, "attemptTtlSeconds"),
        ({"attemptTtlSeconds": 60.0}, "attemptTtlSeconds"),
        ({"challengeDigits": 7}, "challengeDigits"),
        ({"challengeDigits": "6"}, "challengeDigits"),
        ({"tenantId": 0}, "tenantId"),
        ({"tenantId": 2**31}, "tenantId"),
        ({"description": "a|b"}, "description"),
    ],
)
async def test_a_member_that_is_not_as_documented_is_refused_by_name(
    operator: httpx2.AsyncClient, members: dict[str, object], field: str
) -> None:
    body = {"tenantId": UNKNOWN, "name": "Shop"} | members

    refused = await operator.post("integrations", json=body)

    assert refused.status_code == 400
    assert [error["field"] for error in refused.json()["errors"]] == [field]


async def test_it_needs_a_tenant_that_is_there_and_active(
    product: Product, operator: httpx2.AsyncClient
) -> None:
    tenant = await product.made(a_tenant)
    await operator.post(f"tenants/{tenant.id}/deactivate")

    unknown = await operator.post("integrations", json={"tenantId": UNKNOWN, "name": "Shop"})
    inactive = await operator.post("integrations", json={"tenantId": tenant.id, "name": "Shop"})

    assert (unknown.status_code, inactive.status_code) == (404, 409)


async def test_a_rotated_signing_key_is_another(product: Product, operator: httpx2.AsyncClient) -> None:
    party = await product.relying_party()
    path = f"integrations/{party.integration.id}"
    before = (await operator.get(path)).json()["publicKey"]

    rotated = await operator.post(f"{path}/rotate-signing-key")

    assert rotated.json()["publicKey"] != before


async def test_an_inactive_integration_s_key_is_refused_until_it_is_reactivated(
    product: Product, operator: httpx2.AsyncClient
) -> None:
    party = await product.relying_party()
    phone = await product.enrolled_phone(party)
    path = f"integrations/{party.integration.id}"

    await operator.post(f"{path}/deactivate")
    assert (await party.create(phone)).status_code == 401
    await operator.post(f"{path}/reactivate")
    assert (await party.create(phone)).status_code == 201


async def test_deactivating_an_integration_ends_its_open_attempts(
    product: Product, operator: httpx2.AsyncClient
) -> None:
    party = await product.relying_party()
    attempt = await party.ask(await product.enrolled_phone(party))

    await operator.post(f"integrations/{party.integration.id}/deactivate")

    seen = (await operator.get(f"auth-attempts/{attempt['authAttemptId']}")).json()
    assert seen["status"] == "EXPIRED"
    assert seen["endedAt"] is not None


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("PATCH", ""),
        ("POST", "/deactivate"),
        ("POST", "/reactivate"),
        ("POST", "/rotate-signing-key"),
    ],
)
async def test_an_unknown_integration_is_not_found(
    operator: httpx2.AsyncClient, method: str, path: str
) -> None:
    body: dict[str, str] | None = {} if method == "PATCH" else None

    answer = await operator.request(method, f"integrations/{UNKNOWN}{path}", json=body)

    assert (answer.status_code, answer.json()["type"]) == (
        404,
        "https://ezkey.io/problems/integration-not-found",
    )
