import httpx2
import pytest

from tests.support.factories import an_integration
from tests.support.product import Product, RelyingParty

UNKNOWN = 2_147_483_647


async def test_a_key_is_made_and_works_and_its_secret_is_in_one_answer_only(
    product: Product, operator: httpx2.AsyncClient
) -> None:
    integration = await product.made(an_integration)
    wanted = {
        "integrationId": integration.id,
        "label": "Production",
        "expiresAt": "2030-01-31T12:00:00.000000Z",
        "ipWhitelist": ["192.0.2.0/24", "2001:db8::1"],
    }

    made = await operator.post("api-keys", json=wanted)

    assert made.status_code == 201
    key, secret = made.json()["apiKey"], made.json()["secret"]
    assert {name: key[name] for name in wanted} == wanted
    assert made.headers["Location"] == f"/api/v1/api-keys/{key['id']}"
    party = RelyingParty(product.http, integration, key["keyId"], secret)
    assert (await party.create(enrollmentId=UNKNOWN)).status_code == 403
    read = await operator.get(f"api-keys/{key['id']}")
    listed = await operator.get("api-keys", params={"integrationId": integration.id})
    assert read.json() == key | {"lastUsedAt": read.json()["lastUsedAt"]}
    assert listed.json()["items"] == [read.json()]
    assert secret not in read.text + listed.text


async def test_a_key_may_be_used_from_its_addresses_only(
    product: Product, operator: httpx2.AsyncClient
) -> None:
    party = await product.relying_party(ip_whitelist=("192.0.2.77",))
    key = (await operator.get("api-keys", params={"integrationId": party.integration.id})).json()["items"][0]
    assert (await party.create(enrollmentId=UNKNOWN)).status_code == 401

    await operator.patch(f"api-keys/{key['id']}", json={"ipWhitelist": None})

    assert (await party.create(enrollmentId=UNKNOWN)).status_code == 403


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"label": ""}, "label"),
        ({"expiresAt": "2020-01-01T00:00:00Z"}, "expiresAt"),
        ({"expiresAt": "2030-01-01T00:00:00"}, "expiresAt"),
        ({"expiresAt": "9999-12-31T23:59:59-12:00"}, "expiresAt"),
        ({"expiresAt": 1_900_000_000}, "expiresAt"),
        ({"ipWhitelist": ["10.0.0.1/8"]}, "ipWhitelist"),
        ({"ipWhitelist": "10.0.0.1"}, "ipWhitelist"),
        ({"ipWhitelist": [1]}, "ipWhitelist.0"),
        ({"secret": "mine"}, "secret"),
    ],
)
async def test_a_member_that_is_not_as_documented_is_refused_by_name(
    product: Product, operator: httpx2.AsyncClient, members: dict[str, object], field: str
) -> None:
    integration = await product.made(an_integration)
    body = {"integrationId": integration.id, "label": "Key"} | members

    refused = await operator.post("api-keys", json=body)

    assert refused.status_code == 400
    assert [error["field"] for error in refused.json()["errors"]] == [field]


async def test_a_sixth_active_key_is_a_conflict(product: Product, operator: httpx2.AsyncClient) -> None:
    integration = await product.made(an_integration)
    body = {"integrationId": integration.id, "label": "Key"}

    answers = [await operator.post("api-keys", json=body) for _ in range(6)]

    assert [answer.status_code for answer in answers] == [201] * 5 + [409]
    assert answers[-1].json()["type"] == "https://ezkey.io/problems/too-many-api-keys"


async def test_a_rotation_needs_no_body_and_keeps_the_old_key_for_a_day(
    product: Product, operator: httpx2.AsyncClient
) -> None:
    party = await product.relying_party()
    old = (await operator.get("api-keys", params={"integrationId": party.integration.id})).json()["items"][0]

    rotated = await operator.post(f"api-keys/{old['id']}/rotate")

    assert rotated.status_code == 201
    new, secret = rotated.json()["apiKey"], rotated.json()["secret"]
    successor = RelyingParty(product.http, party.integration, new["keyId"], secret)
    assert (await party.create(enrollmentId=UNKNOWN)).status_code == 403
    assert (await successor.create(enrollmentId=UNKNOWN)).status_code == 403
    assert (await operator.get(f"api-keys/{old['id']}")).json()["replacedBy"] == new["id"]
    again = await operator.post(f"api-keys/{old['id']}/rotate")
    assert (again.status_code, again.json()["type"]) == (409, "https://ezkey.io/problems/api-key-revoked")


async def test_a_rotation_without_overlap_ends_the_old_key(
    product: Product, operator: httpx2.AsyncClient
) -> None:
    party = await product.relying_party()
    old = (await operator.get("api-keys", params={"integrationId": party.integration.id})).json()["items"][0]

    await operator.post(f"api-keys/{old['id']}/rotate", json={"overlapSeconds": 0})

    assert (await party.create(enrollmentId=UNKNOWN)).status_code == 401


@pytest.mark.parametrize("body", [{"overlapSeconds": -1}, {"overlapSeconds": 2_592_001}, {"overlap": 1}])
async def test_a_rotation_that_is_not_as_documented_is_refused(
    product: Product, operator: httpx2.AsyncClient, body: dict[str, int]
) -> None:
    assert (await operator.post(f"api-keys/{UNKNOWN}/rotate", json=body)).status_code == 400


async def test_a_revoked_key_is_refused_at_once(product: Product, operator: httpx2.AsyncClient) -> None:
    party = await product.relying_party()
    key = (await operator.get("api-keys", params={"integrationId": party.integration.id})).json()["items"][0]

    revoked = await operator.post(f"api-keys/{key['id']}/revoke")

    assert (revoked.json()["active"], revoked.json()["revokedAt"] is None) == (False, False)
    assert (await party.create(enrollmentId=UNKNOWN)).status_code == 401
    assert (await operator.post(f"api-keys/{key['id']}/revoke")).status_code == 409
    assert (await operator.patch(f"api-keys/{key['id']}", json={"label": "x"})).status_code == 409


@pytest.mark.parametrize(
    ("method", "path"), [("GET", ""), ("PATCH", ""), ("POST", "/revoke"), ("POST", "/rotate")]
)
async def test_an_unknown_key_is_not_found(operator: httpx2.AsyncClient, method: str, path: str) -> None:
    body: dict[str, str] | None = {} if method == "PATCH" else None

    answer = await operator.request(method, f"api-keys/{UNKNOWN}{path}", json=body)

    assert (answer.status_code, answer.json()["type"]) == (
        404,
        "https://ezkey.io/problems/api-key-not-found",
    )
