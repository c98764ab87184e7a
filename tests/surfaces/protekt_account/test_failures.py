"""P49: every failure of the surface has the document's one shape, and a code that stays."""

from collections.abc import Callable

import httpx2
import pytest

from tests.support.accounts import Account
from tests.support.product import Product

CODES = {
    400: "invalid_fields",
    401: "invalid_management_token",
    404: "route_not_found",
    405: "method_not_allowed",
    413: "body_too_large",
    415: "unsupported_media_type",
}


def _assert_shape(answer: httpx2.Response, status: int, code: str) -> None:
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["X-Surface"].startswith("protekt_")
    body = answer.json()
    assert set(body) == {"error"}
    assert set(body["error"]) <= {"code", "message", "details"}
    assert body["error"]["code"] == code
    assert body["error"]["message"]


@pytest.mark.parametrize(
    ("method", "path", "how", "status"),
    [
        ("POST", "/v1/projects", {"json": {}}, 400),
        ("GET", "/v1/projects?limit=x", {}, 400),
        ("GET", "/v1/nothing", {}, 404),
        ("GET", "/v1/projects/", {}, 404),
        ("GET", "/v1/projects/a%2Fb", {}, 404),
        ("GET", f"/v1/projects/{'x' * 129}", {}, 404),
        ("PUT", "/v1/projects", {"json": {}}, 405),
        ("GET", "/v1/token", {}, 405),
        ("POST", "/v1/projects", {"json": {"name": "x" * 70_000}}, 413),
        ("POST", "/v1/projects", {"content": b"name=x"}, 415),
    ],
)
async def test_p49_a_failure_has_the_one_shape(
    account: Account, method: str, path: str, how: dict[str, object], status: int
) -> None:
    answer = await account.http.request(method, path, **how)  # type: ignore[arg-type]  # a body or none

    _assert_shape(answer, status, CODES[status])
    assert ("details" in answer.json()["error"]) == (status == 400)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"name":"a","name":"b"}', b'"text"', b"\xff"])
async def test_p49_what_is_no_json_object_is_told_so(account: Account, body: bytes) -> None:
    answer = await account.http.post(
        "/v1/projects", content=body, headers={"Content-Type": "application/json"}
    )

    _assert_shape(answer, 400, "malformed_body")


async def test_p49_a_method_that_is_not_there_says_which_are(account: Account) -> None:
    answer = await account.http.put("/v1/projects", json={})

    assert answer.headers["Allow"] == "GET, HEAD, POST"


@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", "Bearer mgmt_x", "Basic bWdtdF94Og==", "mgmt_x", "Bearer a b"]
)
async def test_p49_without_a_good_token_every_operation_says_the_same(
    product: Product, authorization: str | None
) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    operations = [
        ("GET", "projects"),
        ("POST", "projects"),
        ("GET", "projects/proj_x"),
        ("PATCH", "projects/proj_x"),
        ("DELETE", "projects/proj_x"),
        ("GET", "api-keys"),
        ("POST", "api-keys"),
        ("DELETE", "api-keys/key_x"),
        ("GET", "members"),
        ("POST", "members/invite"),
        ("DELETE", "members/mem_x"),
        ("GET", "usage"),
        ("POST", "token/revoke"),
    ]

    answers = [
        await product.http.request(method, f"/v1/{path}", headers=headers) for method, path in operations
    ]

    for answer in answers:
        _assert_shape(answer, 401, CODES[401])
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert len({answer.content for answer in answers}) == 1


async def test_p49_too_many_requests_are_told_until_when(
    make_product: Callable[..., Product],
) -> None:
    product = make_product(limit_account="2/60", limit_token="2/60")
    account = await product.account()

    await product.http.post("/v1/token", json={})
    signing_in = await product.http.post("/v1/token", json={})
    for _ in range(2):
        assert (await account.http.get("/v1/usage")).status_code == 200
    reading = await account.http.get("/v1/usage")

    for answer in (signing_in, reading):
        _assert_shape(answer, 429, "too_many_requests")
        assert answer.headers["X-RateLimit-Limit"] == "2"
        assert answer.headers["X-RateLimit-Remaining"] == "0"
        assert int(answer.headers["X-RateLimit-Reset"]) > product.core.clock.now().timestamp()
        assert int(answer.headers["Retry-After"]) > 0


async def test_x04_shared_operations_tell_what_they_depend_on(account: Account) -> None:
    shared = await account.http.get("/v1/api-keys")
    own = await account.http.get("/v1/projects")

    assert shared.headers["X-Surface"] == own.headers["X-Surface"] == "protekt_account"
    assert {"X-Protekt-Key", "Authorization"} <= {name.strip() for name in shared.headers["Vary"].split(",")}
    assert "X-Protekt-Key" not in own.headers.get("Vary", "")


async def test_x05_the_mount_prefix_gives_the_same(account: Account) -> None:
    bare = await account.http.get("/v1/members")
    mounted = await account.http.get("/s/protekt/v1/members")

    assert mounted.json() == bare.json()
