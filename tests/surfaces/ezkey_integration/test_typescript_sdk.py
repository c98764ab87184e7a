"""What the TypeScript SDK sends and insists on. Source: docs/protocol/wire.md, 9.2."""

import json
from base64 import b64encode

import httpx2
import pytest

from tests.support.phone import Given, Phone
from tests.support.product import Product, RelyingParty


class Sdk:
    """Sends byte for byte what the SDK sends, and takes only what it takes."""

    def __init__(self, party: RelyingParty) -> None:
        credentials = b64encode(f"{party.key_id}:{party.secret}".encode()).decode()
        self.http = party.http
        self.headers = {"Authorization": f"Basic {credentials}", "Accept": "application/json"}

    async def create(self, body: str) -> dict[str, Given]:
        """Exactly 201, a numeric id, a numeric timeout and a text for the expiry."""
        response = await self.http.post(
            "/api/v1/auth-attempts",
            content=body.encode(),
            headers=self.headers | {"Content-Type": "application/json"},
        )
        assert response.status_code == 201
        told: dict[str, Given] = response.json()
        assert type(told["authAttemptId"]) is int
        assert type(told["timeoutSeconds"]) is int
        assert type(told["expiresAt"]) is str
        return told

    async def wait(self, attempt_id: object, query: str) -> dict[str, Given]:
        """Exactly 200."""
        response = await self.http.get(
            f"/api/v1/auth-attempts/{attempt_id}/wait?{query}",
            headers=self.headers,
        )
        assert response.status_code == 200
        told: dict[str, Given] = response.json()
        return told

    async def cancel(self, attempt_id: object) -> httpx2.Response:
        """With `Content-Length: 0` and without a media type."""
        return await self.http.post(
            f"/api/v1/auth-attempts/{attempt_id}/cancel", headers=self.headers | {"Content-Length": "0"}
        )


@pytest.fixture
async def party(product: Product) -> RelyingParty:
    """A relying party of the test's own."""
    return await product.relying_party()


@pytest.fixture
async def phone(product: Product, party: RelyingParty) -> Phone:
    """A phone of one of its users."""
    return await product.enrolled_phone(party, user_identifier="jane")


@pytest.fixture
def sdk(party: RelyingParty) -> Sdk:
    """The SDK with the party's key."""
    return Sdk(party)


async def test_its_creations_are_taken(sdk: Sdk, phone: Phone) -> None:
    by_id = json.dumps({"enrollmentId": phone.enrollment_id, "challengeRequested": True, "contextTitle": "T"})

    assert await sdk.create(by_id)
    assert await sdk.create('{"userIdentifier":"jane","challengeRequested":false}')


@pytest.mark.parametrize("ending", ["cancelled", "superseded", "past its time"])
async def test_its_loop_ends_when_the_attempt_does(
    product: Product, sdk: Sdk, phone: Phone, ending: str
) -> None:
    """It asks again while `completed` is false; with EXPIRED and false it sent 1610 requests in 2.5 s."""
    body = json.dumps({"enrollmentId": phone.enrollment_id, "challengeRequested": False})
    created = await sdk.create(body)
    if ending == "cancelled":
        await sdk.cancel(created["authAttemptId"])
    elif ending == "superseded":
        await sdk.create(body)
    else:
        product.move_clock(seconds=120)

    rounds = 0
    told: dict[str, Given] = {"completed": False}
    while not told["completed"] and rounds < 5:
        told = await sdk.wait(created["authAttemptId"], "timeout=2&polling=2")
        rounds += 1

    assert rounds == 1
    assert told["authAttempt"]["authAttemptStatus"] == told["status"] == "EXPIRED"


async def test_its_cancellation_is_taken(sdk: Sdk, phone: Phone) -> None:
    created = await sdk.create(json.dumps({"enrollmentId": phone.enrollment_id, "challengeRequested": False}))

    assert (await sdk.cancel(created["authAttemptId"])).status_code == 200


async def test_it_finds_a_text_for_every_error_but_401(sdk: Sdk, phone: Phone) -> None:
    refused = await sdk.cancel(7)
    assert isinstance(refused.json()["detail"], str)

    sdk.headers["Authorization"] = "Basic bm86a2V5"
    unauthenticated = await sdk.cancel(7)
    assert (unauthenticated.status_code, unauthenticated.content) == (401, b"")
