import httpx2
import pytest

from tests.support.factories import a_name

UNKNOWN = 2_147_483_647


async def test_a_tenant_is_made_read_and_listed(operator: httpx2.AsyncClient) -> None:
    name = a_name("Acme")

    made = await operator.post("tenants", json={"name": name, "description": "Tools"})

    assert made.status_code == 201
    tenant = made.json()
    assert (tenant["name"], tenant["description"], tenant["active"]) == (name, "Tools", True)
    assert made.headers["Location"] == f"/api/v1/tenants/{tenant['id']}"
    assert (await operator.get(f"tenants/{tenant['id']}")).json() == tenant
    listed = (await operator.get("tenants", params={"search": name.upper()})).json()
    assert listed == {"items": [tenant], "total": 1, "limit": 20, "offset": 0}


async def test_a_change_changes_the_members_that_are_there(operator: httpx2.AsyncClient) -> None:
    made = await operator.post("tenants", json={"name": a_name("Acme"), "description": "Tools"})
    path, name = f"tenants/{made.json()['id']}", made.json()["name"]

    nothing = (await operator.patch(path, json={})).json()
    cleared = (await operator.patch(path, json={"description": None})).json()

    assert nothing == made.json()
    assert (cleared["name"], cleared["description"]) == (name, None)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": None}, "name"),
        ({"name": 5}, "name"),
        ({"name": "a|b"}, "name"),
        ({"name": "a\u202eb"}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "x", "description": "y|z"}, "description"),
        ({"name": "x", "owner": "me"}, "owner"),
    ],
)
async def test_a_member_that_is_not_as_documented_is_refused_by_name(
    operator: httpx2.AsyncClient, body: dict[str, object], field: str
) -> None:
    refused = await operator.post("tenants", json=body)

    assert refused.status_code == 400
    assert refused.json()["type"] == "https://ezkey.io/problems/invalid-fields"
    assert [error["field"] for error in refused.json()["errors"]] == [field]


@pytest.mark.parametrize("body", [{"name": None}, {"name": ""}, {"active": False}, {"id": 1}])
async def test_a_change_takes_no_null_for_a_name_and_no_other_members(
    operator: httpx2.AsyncClient, body: dict[str, object]
) -> None:
    made = (await operator.post("tenants", json={"name": a_name("Acme")})).json()

    assert (await operator.patch(f"tenants/{made['id']}", json=body)).status_code == 400


async def test_a_taken_name_is_a_conflict(operator: httpx2.AsyncClient) -> None:
    name = a_name("Acme")
    await operator.post("tenants", json={"name": name})

    refused = await operator.post("tenants", json={"name": name.upper()})

    assert (refused.status_code, refused.json()["type"]) == (
        409,
        "https://ezkey.io/problems/tenant-name-taken",
    )


async def test_a_tenant_is_deactivated_and_reactivated_without_a_body(operator: httpx2.AsyncClient) -> None:
    tenant = (await operator.post("tenants", json={"name": a_name("Acme")})).json()

    off = await operator.post(f"tenants/{tenant['id']}/deactivate")
    listed = await operator.get("tenants", params={"search": tenant["name"], "active": "false"})
    on = await operator.post(f"tenants/{tenant['id']}/reactivate")

    assert (off.json()["active"], listed.json()["total"], on.json()["active"]) == (False, 1, True)


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", ""), ("PATCH", ""), ("POST", "/deactivate"), ("POST", "/reactivate")],
)
async def test_an_unknown_tenant_is_not_found(operator: httpx2.AsyncClient, method: str, path: str) -> None:
    body: dict[str, str] | None = {} if method == "PATCH" else None

    answer = await operator.request(method, f"tenants/{UNKNOWN}{path}", json=body)

    assert (answer.status_code, answer.json()["type"]) == (
        404,
        "https://ezkey.io/problems/tenant-not-found",
    )


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=101", "limit=x", "offset=-1", "search=" + "x" * 201, "active=yes", "limit=1&limit=2"],
)
async def test_a_page_that_is_not_as_documented_is_refused(operator: httpx2.AsyncClient, query: str) -> None:
    assert (await operator.get(f"tenants?{query}")).status_code == 400


async def test_pages_follow_one_another(operator: httpx2.AsyncClient) -> None:
    word = a_name("Paged")
    made = [(await operator.post("tenants", json={"name": f"{word} {i}"})).json()["id"] for i in range(3)]

    pages = [
        (await operator.get("tenants", params={"search": word, "limit": 2, "offset": offset})).json()
        for offset in (0, 2, 4)
    ]

    assert [[tenant["id"] for tenant in page["items"]] for page in pages] == [
        [made[2], made[1]],
        [made[0]],
        [],
    ]
    assert {page["total"] for page in pages} == {3}
