import httpx2

from tests.support.factories import a_name
from tests.support.product import Product


async def test_an_operator_key_is_made_and_works_and_is_in_one_answer_only(
    product: Product, operator: httpx2.AsyncClient
) -> None:
    label = a_name("On call")

    made = await operator.post("operator-keys", json={"label": label})

    assert made.status_code == 201
    key, secret = made.json()["operatorKey"], made.json()["secret"]
    assert secret.startswith(f"{key['keyId']}_")
    mine = {"Authorization": f"Bearer {secret}"}
    assert (await product.http.get("/api/v1/tenants", headers=mine)).status_code == 200
    read = await operator.get(f"operator-keys/{key['id']}")
    listed = await operator.get("operator-keys", params={"search": label})
    assert listed.json()["items"] == [read.json()]
    assert read.json()["lastUsedAt"] is not None
    assert secret not in read.text + listed.text


async def test_a_key_is_revoked_once(operator: httpx2.AsyncClient) -> None:
    made = await operator.post("operator-keys", json={"label": "x", "expiresAt": "2030-01-01T00:00:00Z"})
    path = f"operator-keys/{made.json()['operatorKey']['id']}/revoke"

    first, second = await operator.post(path), await operator.post(path)

    assert (first.status_code, first.json()["active"]) == (200, False)
    assert (second.status_code, second.json()["type"]) == (
        409,
        "https://ezkey.io/problems/operator-key-revoked",
    )


async def test_an_unknown_key_is_not_found(operator: httpx2.AsyncClient) -> None:
    assert (await operator.get("operator-keys/2147483647")).status_code == 404
    assert (await operator.post("operator-keys/2147483647/revoke")).status_code == 404


async def test_a_label_that_cannot_be_shown_is_refused(operator: httpx2.AsyncClient) -> None:
    assert (await operator.post("operator-keys", json={"label": "a\u0007"})).status_code == 400
