"""Bodies, queries, paths, cursors and limits of a surface whose members are snake_case."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from server.surfaces.kit.gateway import Gateway
from tests.surfaces.kit.asgi_client import Client
from tests.surfaces.kit.claimants import claimants_gateway
from tests.surfaces.kit.conftest import MakeSettings


@pytest.fixture
def gateway(make_settings: MakeSettings) -> Gateway:
    return claimants_gateway(make_settings())


@pytest.fixture
def client(gateway: Gateway) -> Client:
    return Client(gateway)


# --- paths ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["usr_01jk8abc", "a", "A-b.c~d_0", "x" * 128, "0"])
async def test_a_text_in_the_path_is_read(client: Client, text: str) -> None:
    assert (await client.send("GET", f"/v1/users/{text}")).json() == {"told": text}


async def test_parameters_of_both_kinds_may_stand_in_one_path(client: Client) -> None:
    answer = await client.send("GET", "/v1/polls/front.door/of/7")
    unknown = await client.send("GET", "/v1/polls/front.door/of/x")

    assert (answer.json(), unknown.status) == ({"told": "front.door 7"}, 404)


@pytest.mark.parametrize("text", ["x" * 129, "usr%201", "ä", "%C3%A4", "a:b", "a@b", "a,b", "", "a/b"])
async def test_a_text_that_no_id_can_be_is_an_unknown_path(client: Client, text: str) -> None:
    answer = await client.send("GET", f"/v1/users/{text}", headers={"X-Protekt-Key": "x"})

    assert (answer.status, answer.json()["error"]["code"]) == (404, "route_not_found")


# --- bodies -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("member", "sent", "read"),
    [
        ("e_mail", "jane@example.com", "jane@example.com"),
        ("e_mail", "  Jane+x@Example.com\t", "Jane+x@Example.com"),
        ("e_mail", "jose\u0301@exa\u0308mple.com", "jos\u00e9@ex\u00e4mple.com"),
        ("phone", "+234 801-234 (5678)", "+2348012345678"),
        ("url", "https://app.example/a?b=c", "https://app.example/a?b=c"),
        ("url", "http://localhost:3000/", "http://localhost:3000/"),
        ("day", "2024-02-29", "2024-02-29"),
        ("at", "2026-01-31T12:00:00Z", "2026-01-31T12:00:00Z"),
        ("at", "2026-01-31t12:00:00.123+02:00", "2026-01-31T12:00:00.123000+02:00"),
    ],
)
async def test_what_is_of_its_kind_is_read(client: Client, member: str, sent: str, read: str) -> None:
    answer = await client.send("POST", "/v1/things", json_body={member: sent, "unknown": 1})

    assert json.loads(answer.json()["told"]) == {member: read}


@pytest.mark.parametrize(
    ("member", "sent"),
    [
        *(("e_mail", text) for text in ("", "jane", "@example.com", "jane@", "a@b@c", "a b@example.com", 7)),
        *(
            ("e_mail", text)
            for text in ("a@-b.c", "a@b..c", ".a@b.c", "a\n@b.c", f"{'a' * 65}@b.c", "<a@b.c>")
        ),
        ("e_mail", f"a@{'b' * 63}.{'c' * 63}.{'d' * 63}.{'e' * 63}"),
        *(
            ("phone", text)
            for text in ("", "08012345678", "+0123456789", "+12345", "+1234567890123456", "+١٢٣٤٥٦٧٨")
        ),
        *(("url", text) for text in ("", "app", "/a", "ftp://a.example", "http://app.example", "https://")),
        *(
            ("url", text)
            for text in ("https://a@app.example", "https://app.example/#x", "javascript:alert(1)")
        ),
        *(("day", value) for value in ("2026-02-29", "20260131", "2026-01-31T00:00:00Z", "1700000000", 7)),
        *(("at", value) for value in ("2026-01-31", "2026-01-31T12:00:00", "1700000000", 7)),
    ],
)
async def test_what_is_not_is_refused_by_its_name_and_never_shown(
    client: Client, member: str, sent: object
) -> None:
    answer = await client.send("POST", "/v1/things", json_body={member: sent})

    error = answer.json()["error"]
    assert (answer.status, error["code"], set(error["details"])) == (400, "invalid_fields", {member})
    assert error["details"][member].startswith("must be ")


async def test_what_there_is_none_of_is_null(client: Client) -> None:
    assert (await client.send("GET", "/v1/others")).json() == {"told": None}


# --- queries and cursors ----------------------------------------------------------------------------


async def test_parameters_are_snake_case(client: Client) -> None:
    refused = await client.send("GET", "/v1/things?first_day=2026-02-30&firstDay=x")

    assert refused.json()["error"]["details"] == {"first_day": "must be a date, such as 2026-01-31"}


async def test_a_cursor_goes_on_where_its_page_ended(client: Client) -> None:
    first = (await client.send("GET", "/v1/things?limit=3")).json()["told"]
    second = (await client.send("GET", f"/v1/things?limit=3&cursor={first}")).json()["told"]

    assert first.startswith("cur_")
    assert second.startswith("cur_")
    assert second != first


async def test_a_cursor_is_good_for_its_own_list_only(client: Client) -> None:
    cursor = (await client.send("GET", "/v1/things")).json()["told"]

    for target in (
        f"/v1/others?cursor={cursor}",
        f"/v1/things?cursor={cursor[:-2]}AA",
        f"/v1/things?cursor={cursor[4:]}",
        "/v1/things?cursor=",
        "/v1/things?cursor=cur_",
        "/v1/things?cursor=20",
    ):
        answer = await client.send("GET", target)

        assert answer.json()["error"]["details"] == {"cursor": "was not given for this list"}


# --- limits -----------------------------------------------------------------------------------------


async def test_a_budget_is_whole_again_at_an_instant(gateway: Gateway, client: Client) -> None:
    gateway.serving.core.clock.set_offset(timedelta(days=400))

    answer = await client.send("POST", "/v1/login", headers={"X-Protekt-Key": "x"})

    reset = datetime.fromtimestamp(int(answer.header("x-ratelimit-reset") or 0), UTC)
    assert timedelta(0) < reset - gateway.serving.core.clock.now() < timedelta(minutes=3)
    assert answer.header("x-ratelimit-limit") == "6000"


async def test_a_budget_that_the_core_counts_is_told_in_the_same_headers(
    gateway: Gateway, client: Client
) -> None:
    answer = await client.send("POST", "/v1/tries")

    assert (answer.status, answer.json()["error"]["code"]) == (429, "too_many_attempts")
    assert answer.header("x-ratelimit-limit") == "3"
    assert answer.header("x-ratelimit-remaining") == "0"
    assert answer.header("retry-after") == "90"
    reset = datetime.fromtimestamp(int(answer.header("x-ratelimit-reset") or 0), UTC)
    assert timedelta(seconds=80) < reset - gateway.serving.core.clock.now() <= timedelta(seconds=91)
