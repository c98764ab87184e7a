import httpx2

from tests.support.factories import a_name
from tests.support.product import PEER, Product


async def test_every_change_leaves_one_event_that_says_who_did_what(
    product: Product, operator: httpx2.AsyncClient
) -> None:
    made = await operator.post("tenants", json={"name": a_name("Acme")})
    tenant_id = made.json()["id"]
    await operator.patch(f"tenants/{tenant_id}", json={"description": "New"})
    await operator.post(f"tenants/{tenant_id}/deactivate")

    listed = await operator.get("audit-events", params={"targetKind": "tenant", "targetId": str(tenant_id)})

    events = listed.json()["items"]
    assert [event["event"] for event in events] == ["tenant.deactivated", "tenant.changed", "tenant.created"]
    created = events[-1]
    assert (created["surface"], created["actorKind"], created["address"]) == (
        "ezkey_admin",
        "operator",
        PEER[0],
    )
    assert created["requestId"] == made.headers["X-Request-Id"]
    assert (created["tenantId"], created["result"], created["data"]) == (tenant_id, "ok", {})
    assert events[1]["data"] == {"changed": "description"}


async def test_a_refusal_leaves_no_event(product: Product, operator: httpx2.AsyncClient) -> None:
    tenant_id = (await operator.post("tenants", json={"name": a_name("Acme")})).json()["id"]
    await operator.patch(f"tenants/{tenant_id}", json={"name": "a|b"})

    listed = await operator.get(
        "audit-events", params={"targetKind": "tenant", "targetId": str(tenant_id), "search": "changed"}
    )

    assert listed.json()["total"] == 0


async def test_no_secret_is_in_the_log_of_events(product: Product, operator: httpx2.AsyncClient) -> None:
    party = await product.relying_party()
    key = (await operator.post("api-keys", json={"integrationId": party.integration.id, "label": "x"})).json()
    rotated = (await operator.post(f"api-keys/{key['apiKey']['id']}/rotate")).json()
    invited = (
        await operator.post("enrollments", json={"integrationId": party.integration.id, "name": "Jane"})
    ).json()
    own = (await operator.post("operator-keys", json={"label": "x"})).json()
    secrets = [key["secret"], rotated["secret"], invited["enrollmentProofToken"], own["secret"]]

    listed = await operator.get("audit-events", params={"limit": 100})

    assert not [secret for secret in secrets if secret in listed.text]
    assert f'"{invited["enrollmentChallenge"]}"' not in listed.text
