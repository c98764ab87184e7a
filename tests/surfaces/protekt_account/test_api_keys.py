import json
from datetime import UTC, datetime
from typing import Any

import pytest
from structlog.testing import capture_logs

from server.base.ids import public_id
from tests.support.accounts import PASSWORD, Account, a_project, an_email
from tests.support.product import Product

SCOPES = ["auth:read", "auth:write", "users:read", "users:write"]


@pytest.fixture
async def project_id(product: Product, account: Account) -> str:
    """A project of the account's organization."""
    project = await product.made(a_project, organization=account.organization)
    return public_id("proj", project.id)


async def test_p09_a_key_is_made_with_all_scopes_unless_it_says_which(
    account: Account, project_id: str
) -> None:
    answer = await account.http.post("/v1/api-keys", json={"project_id": project_id, "label": "Backend"})

    assert answer.status_code == 201
    made = answer.json()
    assert made["key"].startswith("pk_live_")
    assert made["id"].startswith("key_")
    assert (made["label"], made["project_id"]) == ("Backend", project_id)
    assert (made["scopes"], made["expires_at"]) == (SCOPES, None)
    some = await _made(account, project_id, scopes=["users:write", "auth:read"])
    assert some["scopes"] == ["auth:read", "users:write"]


async def test_p09_the_raw_key_is_in_no_later_answer_log_or_database(
    product: Product, account: Account, project_id: str
) -> None:
    with capture_logs() as logs:
        made = await _made(account, project_id)
        await product.http.get("/v1/auth/users", headers={"X-Protekt-Key": made["key"]})
        listed = await account.http.get("/v1/api-keys")
        revoked = await account.http.delete(f"/v1/api-keys/{made['id']}")
    async with product.core.db.acquire() as conn:
        rows = await conn.fetch("SELECT k::text AS row FROM api_keys AS k WHERE label = 'Backend'")
        events = await conn.fetch(
            "SELECT a::text AS row FROM audit_events AS a WHERE organization_id = $1", account.organization.id
        )
    told = [listed.text, revoked.text, json.dumps(logs, default=repr)]
    told += [row["row"] for row in (*rows, *events)]
    assert len(rows) > 0
    assert len(events) > 0
    assert not [text for text in told if made["key"] in text or made["key"][-43:] in text]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"project_id": "proj_x"}, "project_id"),
        ({"project_id": f"proj_{'0' * 26}"}, "project_id"),
        ({"project_id": None}, "project_id"),
        ({"label": ""}, "label"),
        ({"label": None}, "label"),
        ({"scopes": []}, "scopes"),
        ({"scopes": None}, "scopes"),
        ({"scopes": ["auth:read", "auth:all"]}, "scopes.1"),
        ({"expires_at": "2001-01-01T00:00:00Z"}, "expires_at"),
        ({"expires_at": "2199-01-01T00:00:00Z"}, "expires_at"),
        ({"expires_at": "tomorrow"}, "expires_at"),
        ({"expires_at": "2030-01-01T00:00:00"}, "expires_at"),
        ({"expires_at": 1893456000}, "expires_at"),
    ],
)
async def test_p09_what_is_not_as_documented_is_refused_by_name(
    account: Account, project_id: str, wrong: dict[str, Any], field: str
) -> None:
    body = {"project_id": project_id, "label": "Backend"} | wrong

    refused = await account.http.post("/v1/api-keys", json=body)

    assert refused.status_code == 400
    assert list(refused.json()["error"]["details"]) == [field]


async def test_p09_another_organization_s_project_gets_no_key_and_is_as_unknown_as_nobody_s(
    product: Product, account: Account
) -> None:
    foreign = public_id("proj", (await product.made(a_project)).id)
    bodies = [{"project_id": text, "label": "Mine"} for text in (foreign, f"proj_{'0' * 26}", "proj_x")]

    answers = [await account.http.post("/v1/api-keys", json=body) for body in bodies]

    assert {answer.status_code for answer in answers} == {400}
    assert len({answer.content for answer in answers}) == 1


async def test_p10_keys_are_listed_without_their_secrets_and_by_project(
    product: Product, account: Account, project_id: str
) -> None:
    other = public_id("proj", (await product.made(a_project, organization=account.organization)).id)
    first, second = await _made(account, project_id), await _made(account, other, scopes=["users:read"])

    async def listed(**query: object) -> list[dict[str, Any]]:
        answer = await account.http.get(
            "/v1/api-keys", params={name: str(value) for name, value in query.items()}
        )
        assert answer.status_code == 200
        found: list[dict[str, Any]] = answer.json()["data"]
        return found

    for made in (first, second):
        del made["key"]
    assert await listed() == [second, first]
    assert await listed(project_id=project_id) == [first]
    assert await listed(project_id=other, limit=1) == [second]
    assert await listed(limit=1) == [second]
    for query in ({"project_id": "proj_x"}, {"limit": "101"}, {"limit": "0"}):
        assert (await account.http.get("/v1/api-keys", params=query)).status_code == 400


async def test_p10_another_organization_s_keys_are_not_listed(
    product: Product, account: Account, project_id: str
) -> None:
    await _made(account, project_id)
    stranger = await product.account()

    assert (await stranger.http.get("/v1/api-keys")).json() == {"data": []}
    refused = await stranger.http.get("/v1/api-keys", params={"project_id": project_id})
    assert refused.status_code == 400


async def test_p11_a_revoked_key_is_refused_by_the_very_next_call(
    product: Product, account: Account, project_id: str
) -> None:
    made = await _made(account, project_id)
    key = {"X-Protekt-Key": made["key"]}
    assert (await product.http.get("/v1/auth/users", headers=key)).status_code == 200

    answer = await account.http.delete(f"/v1/api-keys/{made['id']}")

    assert (answer.status_code, answer.json()) == (200, {"revoked": True, "id": made["id"]})
    refused = await product.http.get("/v1/auth/users", headers=key)
    assert (refused.status_code, refused.json()["error"]["code"]) == (401, "invalid_api_key")
    assert (await account.http.delete(f"/v1/api-keys/{made['id']}")).status_code == 404
    assert (await account.http.get("/v1/api-keys")).json() == {"data": []}


async def test_p11_an_unknown_key_and_another_organization_s_are_answered_alike(
    product: Product, account: Account, project_id: str
) -> None:
    made = await _made(account, project_id)
    stranger = await product.account()

    for key_id in (made["id"], f"key_{'0' * 26}", "key_x", made["id"].replace("key_", "proj_")):
        answer = await stranger.http.delete(f"/v1/api-keys/{key_id}")
        assert answer.status_code == 404
        assert answer.content == b'{"error":{"code":"api_key_not_found","message":"No such API key"}}'


async def test_p12_a_key_works_until_it_expires(product: Product, account: Account, project_id: str) -> None:
    async def use() -> int:
        return (await product.http.get("/v1/auth/users", headers={"X-Protekt-Key": made["key"]})).status_code

    expires_at = (product.core.clock.now().timestamp()) + 30
    made = await _made(account, project_id, expires_at=_rfc3339(expires_at))
    assert await use() == 200
    product.move_clock(seconds=31)
    assert await use() == 401


async def test_p13_a_key_may_do_what_its_scopes_say(
    product: Product, account: Account, project_id: str
) -> None:
    everything = {"X-Protekt-Key": (await _made(account, project_id))["key"]}
    credentials = {"email": an_email(), "password": PASSWORD}
    signed_up = await product.http.post("/v1/auth/signup", json=credentials, headers=everything)
    user_path = f"/v1/auth/users/{signed_up.json()['user']['id']}"

    async def statuses(*scopes: str) -> tuple[int, ...]:
        key = {"X-Protekt-Key": (await _made(account, project_id, scopes=list(scopes)))["key"]}
        answers = (
            await product.http.post("/v1/auth/login", json=credentials, headers=key),
            await product.http.get("/v1/auth/users", headers=key),
            await product.http.delete(user_path, headers=key),
        )
        refusals = [answer.json()["error"]["code"] for answer in answers if answer.status_code == 403]
        assert set(refusals) <= {"insufficient_scope"}
        return tuple(answer.status_code for answer in answers)

    assert await statuses("auth:read") == (403, 403, 403)
    assert await statuses("users:read") == (403, 200, 403)
    assert await statuses("auth:write", "users:write") == (200, 403, 200)


async def _made(account: Account, project_id: str, **members: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """A new key as its answer shows it."""
    body = {"project_id": project_id, "label": "Backend"} | members
    answer = await account.http.post("/v1/api-keys", json=body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def _rfc3339(timestamp: float) -> str:
    return datetime.fromtimestamp(timestamp, UTC).isoformat()
