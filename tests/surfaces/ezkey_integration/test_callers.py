"""Who may call, how often, and what is refused before an operation is asked."""

import asyncio
import json
from base64 import b64encode
from collections.abc import Callable
from datetime import timedelta

import httpx2
import pytest
from asyncpg.connection import LoggedQuery

from server.core.api_keys.administration import (
    CreateApiKey,
    RevokeApiKey,
    RotateApiKey,
    create_api_key,
    revoke_api_key,
    rotate_api_key,
)
from server.core.integrations.actions import DeactivateIntegration, deactivate_integration
from server.core.organizations.actions import DeactivateTenant, deactivate_tenant
from server.db.pool import Database
from tests.support.product import Product, RelyingParty, a_product

MakeProduct = Callable[..., Product]
CALLS = {
    "create": ("POST", "/api/v1/auth-attempts"),
    "wait": ("GET", "/api/v1/auth-attempts/7/wait"),
    "cancel": ("POST", "/api/v1/auth-attempts/7/cancel"),
}
each_call = pytest.mark.parametrize("call", CALLS)


@pytest.fixture
async def party(product: Product) -> RelyingParty:
    """A relying party of the test's own."""
    return await product.relying_party()


async def called(http: httpx2.AsyncClient, call: str, authorization: str | None) -> httpx2.Response:
    """The answer to a call with this header."""
    method, path = CALLS[call]
    headers = {} if authorization is None else {"Authorization": authorization}
    return await http.request(method, path, headers=headers)


def basic(user: str, password: str) -> str:
    """HTTP Basic credentials."""
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()


def assert_unauthenticated(response: httpx2.Response) -> None:
    """It is 401 without a body."""
    assert (response.status_code, response.content) == (401, b"")
    assert response.headers["www-authenticate"] == 'Basic realm="countersign", charset="UTF-8"'


# --- E28: the key ---------------------------------------------------------------------------------


@each_call
async def test_e28_whatever_is_wrong_with_the_key_is_the_same_answer(
    product: Product, party: RelyingParty, call: str
) -> None:
    other = await product.relying_party()
    unknown = "ezkey_ikey_" + "0" * 20
    wrong = [
        None,
        "",
        "Basic",
        "Basic %%%",
        "Basic " + b64encode(b"no colon").decode(),
        basic(party.key_id, ""),
        basic("", party.secret),
        basic(party.key_id, party.secret + "x"),
        basic(party.key_id, party.secret.upper()),
        basic(party.key_id, other.secret),
        basic(unknown, party.secret),
        basic(party.key_id.upper(), party.secret),
        basic(party.secret, party.key_id),
        basic("x" * 5000, party.secret),
        f"Bearer {party.secret}",
        f"Digest {party.key_id}:{party.secret}",
    ]

    for authorization in wrong:
        assert_unauthenticated(await called(product.http, call, authorization))


async def test_e28_a_revoked_key_is_refused_at_once(product: Product, party: RelyingParty) -> None:
    issued = await product.made(create_api_key, command=CreateApiKey(party.integration.id, "second"))
    second = RelyingParty(product.http, party.integration, issued.key.key_id, issued.secret.reveal())
    assert (await second.wait(7)).status_code == 404

    await product.made(revoke_api_key, command=RevokeApiKey(issued.key.id))

    assert_unauthenticated(await second.wait(7))
    assert (await party.wait(7)).status_code == 404


async def test_e28_an_expired_key_is_refused(product: Product, party: RelyingParty) -> None:
    expires_at = product.core.clock.now() + timedelta(hours=1)
    issued = await product.made(
        create_api_key, command=CreateApiKey(party.integration.id, "an hour", expires_at=expires_at)
    )
    hourly = RelyingParty(product.http, party.integration, issued.key.key_id, issued.secret.reveal())
    assert (await hourly.wait(7)).status_code == 404

    product.move_clock(hours=1)

    assert_unauthenticated(await hourly.wait(7))


async def test_a_replaced_key_works_until_the_overlap_ends(product: Product, party: RelyingParty) -> None:
    async with product.core.db.acquire() as conn:
        old_id = await conn.fetchval("SELECT id FROM api_keys WHERE key_id = $1", party.key_id)
    issued = await product.made(rotate_api_key, command=RotateApiKey(old_id, overlap_seconds=60))
    new = RelyingParty(product.http, party.integration, issued.key.key_id, issued.secret.reveal())

    assert [(await each.wait(7)).status_code for each in (party, new)] == [404, 404]
    product.move_clock(seconds=61)
    assert [(await each.wait(7)).status_code for each in (party, new)] == [401, 404]


@pytest.mark.parametrize(
    ("whitelist", "address", "status"),
    [
        (("192.0.2.10",), "192.0.2.10", 404),
        (("192.0.2.0/24",), "192.0.2.255", 404),
        (("198.51.100.0/24", "192.0.2.10"), "192.0.2.10", 404),
        (("2001:db8::/32",), "2001:db8::1", 404),
        (("192.0.2.10",), "::ffff:192.0.2.10", 404),
        (("192.0.2.10",), "192.0.2.11", 401),
        (("192.0.2.0/24",), "2001:db8::1", 401),
        (("2001:db8::/32",), "2001:db9::1", 401),
    ],
)
async def test_e28_a_key_may_be_bound_to_addresses(
    product: Product, whitelist: tuple[str, ...], address: str, status: int
) -> None:
    party = await product.relying_party(ip_whitelist=whitelist)
    party.http = product.client(address)

    assert (await party.wait(7)).status_code == status
    await party.http.aclose()


@each_call
async def test_a_key_that_was_right_a_moment_ago_is_not_looked_up_again(
    database_url: str, lane: str, call: str
) -> None:
    statements: list[str] = []

    def note(query: LoggedQuery) -> None:
        statements.append(query.query)

    database = await Database.open(database_url, connections=1, application_name="one connection")
    async with database.acquire() as conn:
        conn.add_query_logger(note)
    product = a_product(database, hot_lane=lane == "hot")
    product.gateway.serving.api_keys._kept._clock = lambda: 0.0  # however long the test takes
    party = await product.relying_party()
    authorization = basic(party.key_id, party.secret)
    first = await called(product.http, call, authorization)
    await asyncio.sleep(0)  # connections tell a moment later
    statements.clear()

    again = await called(product.http, call, authorization)

    await asyncio.sleep(0)
    assert again.status_code == first.status_code == (400 if call == "create" else 404)
    assert [statement for statement in statements if "api_keys" in statement] == []
    await product.http.aclose()
    await database.close()


async def test_nobody_chooses_their_address(product: Product) -> None:
    """A header counts only when a configured proxy sent it."""
    party = await product.relying_party(ip_whitelist=("203.0.113.5",))
    forged = {"X-Forwarded-For": "203.0.113.5", "Forwarded": "for=203.0.113.5"}

    response = await product.http.get("/api/v1/auth-attempts/7/wait", auth=party.auth, headers=forged)

    assert_unauthenticated(response)


async def test_the_keys_of_an_inactive_integration_or_tenant_are_refused(product: Product) -> None:
    of_integration, of_tenant = await product.relying_party(), await product.relying_party()
    for party in (of_integration, of_tenant):
        assert (await party.wait(7)).status_code == 404

    await product.made(deactivate_integration, command=DeactivateIntegration(of_integration.integration.id))
    await product.made(deactivate_tenant, command=DeactivateTenant(of_tenant.integration.organization_id))

    for party in (of_integration, of_tenant):
        assert_unauthenticated(await party.wait(7))


# --- how often ------------------------------------------------------------------------------------


def assert_limited(response: httpx2.Response, limit: int) -> None:
    """It is 429 with a problem, and its headers say when to come again."""
    assert response.status_code == 429
    assert response.json()["type"] == "https://ezkey.io/problems/too-many-requests"
    assert int(response.headers["retry-after"]) >= 1
    assert response.headers["x-ratelimit-limit"] == str(limit)
    assert response.headers["x-ratelimit-remaining"] == "0"


async def test_e34_one_integration_creates_so_often_with_all_its_keys(make_product: MakeProduct) -> None:
    product = make_product(limit_create="2/3600")
    party, other = await product.relying_party(), await product.relying_party()
    phone, others_phone = await product.enrolled_phone(party), await product.enrolled_phone(other)
    issued = await product.made(create_api_key, command=CreateApiKey(party.integration.id, "second"))
    second = RelyingParty(product.http, party.integration, issued.key.key_id, issued.secret.reveal())

    first = await party.create(phone)

    assert first.headers["x-ratelimit-remaining"] == "1"
    assert (await second.create(phone)).status_code == 201
    assert_limited(await party.create(phone), 2)
    assert_limited(await second.create(phone), 2)
    assert (await other.create(others_phone)).status_code == 201


async def test_wait_and_cancel_share_a_budget(make_product: MakeProduct) -> None:
    product = make_product(limit_wait="2/3600")
    party = await product.relying_party()
    created = await party.ask(await product.enrolled_phone(party))

    assert (await party.cancel(created["authAttemptId"])).status_code == 200
    assert (await party.wait(created["authAttemptId"])).status_code == 200
    assert_limited(await party.cancel(created["authAttemptId"]), 2)
    assert_limited(await party.wait(created["authAttemptId"]), 2)


async def test_an_address_that_guesses_keys_is_limited_and_a_right_key_is_served(
    make_product: MakeProduct,
) -> None:
    """From the same address too: it may be shared with somebody who guesses."""
    product = make_product(limit_failed_keys="2/3600")
    party = await product.relying_party()
    guesser = RelyingParty(product.http, party.integration, party.key_id, "guessed")
    for _ in range(2):
        assert_unauthenticated(await guesser.wait(7))

    assert_limited(await guesser.wait(7), 2)
    assert (await party.wait(7)).status_code == 404
    party.http = product.client("198.51.100.7")
    assert (await party.wait(7)).status_code == 404
    await party.http.aclose()


# --- what is refused before -----------------------------------------------------------------------


async def test_the_key_is_looked_at_before_the_body(product: Product) -> None:
    response = await product.http.post(
        "/api/v1/auth-attempts", content=b"{", headers={"Content-Type": "text/plain"}
    )

    assert_unauthenticated(response)


@pytest.mark.parametrize(
    ("body", "media_type", "status", "kind"),
    [
        (b"", "application/json", 400, "validation/invalid-request-body"),
        (b"{", "application/json", 400, "validation/invalid-request-body"),
        (b"[]", "application/json", 400, "validation/invalid-request-body"),
        (
            b'{"challengeRequested": true, "challengeRequested": false}',
            "application/json",
            400,
            "validation/invalid-request-body",
        ),
        (b"{}", "application/json", 400, "validation/validation-failed"),
        (b"{}", "text/plain", 415, "unsupported-media-type"),
        (b"{}" + b" " * 65_536, "application/json", 413, "body-too-large"),
    ],
)
async def test_a_body_that_cannot_be_read_is_told_so(
    party: RelyingParty, body: bytes, media_type: str, status: int, kind: str
) -> None:
    response = await party.http.post(
        "/api/v1/auth-attempts", content=body, headers={"Content-Type": media_type}, auth=party.auth
    )

    assert response.headers["content-type"] == "application/problem+json"
    assert (response.status_code, response.json()["type"]) == (status, f"https://ezkey.io/problems/{kind}")


async def test_what_was_sent_is_not_sent_back(party: RelyingParty) -> None:
    body = json.dumps({"challengeRequested": ["canary"], "canary": "canary"})

    response = await party.http.post(
        "/api/v1/auth-attempts",
        content=body,
        headers={"Content-Type": "application/json", "Idempotency-Key": "canary" * 50},
        auth=party.auth,
    )

    assert response.status_code == 400
    assert "canary" not in response.text


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/api/v1/auth-attempts/7/cancel", {"POST"}),
        ("POST", "/api/v1/auth-attempts/7/wait", {"GET", "HEAD"}),
        ("DELETE", "/api/v1/auth-attempts/7/wait", {"GET", "HEAD"}),
    ],
)
async def test_another_method_is_told_which_is_right(
    party: RelyingParty, method: str, path: str, allowed: set[str]
) -> None:
    response = await party.http.request(method, path, auth=party.auth)

    assert response.status_code == 405
    assert set(response.headers["allow"].split(", ")) == allowed
    assert response.json()["type"] == "https://ezkey.io/problems/method-not-allowed"


async def test_head_waits_like_get_and_tells_nothing(product: Product, party: RelyingParty) -> None:
    created = await party.ask(await product.enrolled_phone(party))
    await party.cancel(created["authAttemptId"])

    response = await party.http.head(
        f"/api/v1/auth-attempts/{created['authAttemptId']}/wait", auth=party.auth
    )

    assert (response.status_code, response.content) == (200, b"")


async def test_the_same_operations_are_under_the_mount_prefix(product: Product, party: RelyingParty) -> None:
    phone = await product.enrolled_phone(party)

    response = await party.http.post(
        "/s/ezkey/api/v1/auth-attempts",
        json={"enrollmentId": phone.enrollment_id, "challengeRequested": False},
        auth=party.auth,
    )

    assert response.status_code == 201
