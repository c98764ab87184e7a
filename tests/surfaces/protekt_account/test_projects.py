from typing import Any

import pytest

from tests.support.accounts import PASSWORD, Account, an_email
from tests.support.product import Product

A_PROJECT = {
    "name": "My App",
    "allowed_origins": ["https://myapp.example"],
    "redirect_url": "https://myapp.example/dashboard",
}


async def test_p04_a_project_is_made_with_the_documented_defaults(account: Account) -> None:
    first, second = [await account.http.post("/v1/projects", json=A_PROJECT) for _ in range(2)]

    assert first.status_code == 201
    project = first.json()
    assert project["id"].startswith("proj_")
    assert project["login_id"].startswith("lp_")
    assert project["login_id"] != second.json()["login_id"]
    assert {name: project[name] for name in A_PROJECT} == A_PROJECT
    assert project["description"] is None
    assert (project["token_expiry"], project["refresh_token_expiry"]) == (3600, 2_592_000)
    assert project["mfa_required"] is False
    assert project["created_at"] == project["updated_at"]
    assert first.headers["Location"] == f"/v1/projects/{project['id']}"


async def test_p04_everything_can_be_said(account: Account) -> None:
    said = A_PROJECT | {
        "description": "For tests",
        "token_expiry": 600,
        "refresh_token_expiry": 7200,
        "mfa_required": True,
    }

    project = (await account.http.post("/v1/projects", json=said)).json()

    assert {name: project[name] for name in said} == said


@pytest.mark.parametrize("missing", list(A_PROJECT))
async def test_p04_what_is_needed_must_be_there(account: Account, missing: str) -> None:
    body = {name: value for name, value in A_PROJECT.items() if name != missing}

    for wrong in (body, body | {missing: None}):
        refused = await account.http.post("/v1/projects", json=wrong)
        assert refused.status_code == 400
        assert list(refused.json()["error"]["details"]) == [missing]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"allowed_origins": "https://a.example"}, "allowed_origins"),
        ({"allowed_origins": ["*"]}, "allowed_origins"),
        ({"allowed_origins": ["http://a.example"]}, "allowed_origins"),
        ({"redirect_url": "javascript:alert(1)"}, "redirect_url"),
        ({"redirect_url": "https://user@a.example"}, "redirect_url"),
        ({"token_expiry": 59}, "token_expiry"),
        ({"token_expiry": "3600"}, "token_expiry"),
        ({"token_expiry": True}, "token_expiry"),
        ({"refresh_token_expiry": 299}, "refresh_token_expiry"),
        ({"mfa_required": "yes"}, "mfa_required"),
    ],
)
async def test_p04_what_is_not_as_documented_is_refused_by_name(
    account: Account, wrong: dict[str, Any], field: str
) -> None:
    refused = await account.http.post("/v1/projects", json=A_PROJECT | wrong)

    assert refused.status_code == 400
    assert list(refused.json()["error"]["details"]) == [field]


async def test_p05_pages_double_and_lose_nothing(account: Account) -> None:
    made = [
        (await account.http.post("/v1/projects", json=A_PROJECT | {"name": f"Project {number}"})).json()["id"]
        for number in range(25)
    ]

    pages: list[dict[str, Any]] = []
    while not pages or pages[-1]["has_more"]:
        query = {"limit": 10} | ({"cursor": pages[-1]["next_cursor"]} if pages else {})
        pages.append((await account.http.get("/v1/projects", params=query)).json())

    assert [len(page["data"]) for page in pages] == [10, 10, 5]
    assert [page["has_more"] for page in pages] == [True, True, False]
    assert pages[-1]["next_cursor"] is None
    assert [project["id"] for page in pages for project in page["data"]] == made[::-1]
    assert len((await account.http.get("/v1/projects")).json()["data"]) == 20


@pytest.mark.parametrize("query", [{"limit": 101}, {"limit": 0}, {"limit": "ten"}, {"cursor": "cur_x"}])
async def test_p05_a_page_that_cannot_be_is_refused(account: Account, query: dict[str, str]) -> None:
    refused = await account.http.get("/v1/projects", params=query)

    assert refused.status_code == 400
    assert list(refused.json()["error"]["details"]) == list(query)


async def test_p05_a_cursor_is_its_own_list_s_alone(product: Product, account: Account) -> None:
    for _ in range(2):
        await account.http.post("/v1/projects", json=A_PROJECT)
    cursor = (await account.http.get("/v1/projects", params={"limit": 1})).json()["next_cursor"]
    stranger = await product.account()

    refused = await stranger.http.get("/v1/projects", params={"cursor": cursor})

    assert (refused.status_code, list(refused.json()["error"]["details"])) == (400, ["cursor"])


async def test_p06_a_project_is_read_as_it_was_made(account: Account) -> None:
    made = (await account.http.post("/v1/projects", json=A_PROJECT)).json()

    assert (await account.http.get(f"/v1/projects/{made['id']}")).json() == made


async def test_p06_an_unknown_project_and_another_organization_s_are_answered_alike(
    product: Product, account: Account
) -> None:
    own = (await account.http.post("/v1/projects", json=A_PROJECT)).json()["id"]
    stranger = await product.account()
    unknown = f"proj_{'0' * 26}"

    for project_id in (own, unknown, own.upper(), own[5:], own[:-1], own.replace("proj_", "usr_")):
        for answer in (
            await stranger.http.get(f"/v1/projects/{project_id}"),
            await stranger.http.patch(f"/v1/projects/{project_id}", json={"name": "Mine"}),
            await stranger.http.delete(f"/v1/projects/{project_id}"),
        ):
            assert answer.status_code == 404
            assert answer.content == b'{"error":{"code":"project_not_found","message":"No such project"}}'
    assert (await account.http.get(f"/v1/projects/{own}")).status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        {"name": "Another name"},
        {"allowed_origins": []},
        {"redirect_url": "http://localhost:3000/"},
        {"token_expiry": 60},
        {"mfa_required": True},
        {"description": "Said later"},
        {"refresh_token_expiry": 86_400},
    ],
)
async def test_p07_a_change_changes_one_thing_and_when_it_was(
    product: Product, account: Account, change: dict[str, Any]
) -> None:
    before = (await account.http.post("/v1/projects", json=A_PROJECT)).json()
    product.move_clock(seconds=1)

    answer = await account.http.patch(f"/v1/projects/{before['id']}", json=change)

    assert answer.status_code == 200
    after = answer.json()
    assert after["updated_at"] > before["updated_at"]
    assert after == before | change | {"updated_at": after["updated_at"]}
    assert (await account.http.get(f"/v1/projects/{before['id']}")).json() == after


@pytest.mark.parametrize(
    "nothing", [{}, {"name": None}, {"unknown": 1}, {"login_id": "lp_mine"}, {"mfa_required": None}]
)
async def test_p07_a_change_says_something_and_no_null(account: Account, nothing: dict[str, Any]) -> None:
    project_id = (await account.http.post("/v1/projects", json=A_PROJECT)).json()["id"]

    assert (await account.http.patch(f"/v1/projects/{project_id}", json=nothing)).status_code == 400


async def test_p07_a_new_token_expiry_shows_in_the_next_login(product: Product, account: Account) -> None:
    project = (await account.http.post("/v1/projects", json=A_PROJECT)).json()
    key = await _key(account, project["id"])
    credentials = {"email": an_email(), "password": PASSWORD}
    signed_up = await product.http.post("/v1/auth/signup", json=credentials, headers=key)

    await account.http.patch(f"/v1/projects/{project['id']}", json={"token_expiry": 120})

    logged_in = await product.http.post("/v1/auth/login", json=credentials, headers=key)
    assert [answer.json()["expires_in"] for answer in (signed_up, logged_in)] == [3600, 120]


async def test_p08_a_deleted_project_s_users_sessions_keys_and_tokens_are_refused_at_once(
    product: Product, account: Account
) -> None:
    project_id = (await account.http.post("/v1/projects", json=A_PROJECT)).json()["id"]
    key = await _key(account, project_id)
    credentials = {"email": an_email(), "password": PASSWORD}
    tokens = (await product.http.post("/v1/auth/signup", json=credentials, headers=key)).json()
    user = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert (await product.http.get("/v1/auth/sessions", headers=user)).status_code == 200

    answer = await account.http.delete(f"/v1/projects/{project_id}")

    assert (answer.status_code, answer.json()) == (200, {"deleted": True, "id": project_id})
    for refused in (
        await product.http.post("/v1/auth/login", json=credentials, headers=key),
        await product.http.get("/v1/auth/sessions", headers=user),
        await product.http.get("/v1/auth/users", headers=key),
    ):
        assert refused.status_code == 401
    assert (await account.http.get(f"/v1/projects/{project_id}")).status_code == 404
    assert (await account.http.delete(f"/v1/projects/{project_id}")).status_code == 404
    assert (await account.http.get("/v1/projects")).json()["data"] == []


async def _key(account: Account, project_id: str) -> dict[str, str]:
    """The header by which the project's backend calls."""
    made = await account.http.post("/v1/api-keys", json={"project_id": project_id, "label": "Backend"})
    assert made.status_code == 201, made.text
    return {"X-Protekt-Key": made.json()["key"]}
