"""What scripts of web pages may do: Fetch Standard, section 3.2."""

from collections.abc import Mapping

import pytest

from tests.surfaces.kit.asgi_client import Answer, Client
from tests.surfaces.kit.claimants import ALLOWED, OTHERS, claimants_gateway
from tests.surfaces.kit.conftest import MakeSettings

NOBODYS = "https://nobody.example"
CORS_HEADERS = (
    "access-control-allow-origin",
    "access-control-allow-methods",
    "access-control-allow-headers",
    "access-control-allow-credentials",
    "access-control-expose-headers",
    "access-control-max-age",
)


@pytest.fixture
def client(make_settings: MakeSettings) -> Client:
    return Client(claimants_gateway(make_settings()))


def cors(answer: Answer) -> dict[str, str]:
    return {name: value for name, value in answer.headers if name in CORS_HEADERS}


async def ask(
    client: Client, path: str, origin: str, headers: Mapping[str, str] = {}, method: str = "POST"
) -> Answer:
    """A preflight."""
    return await client.send(
        "OPTIONS", path, headers={"Origin": origin, "Access-Control-Request-Method": method, **headers}
    )


@pytest.mark.parametrize("origin", [ALLOWED, OTHERS])
async def test_a_preflight_of_an_origin_that_somebody_allows_hears_what_it_may_send(
    client: Client, origin: str
) -> None:
    answer = await ask(client, "/v1/login", origin, {"Access-Control-Request-Headers": "x-protekt-key"})

    assert (answer.status, answer.body, answer.header("x-surface")) == (204, b"", "marked")
    assert cors(answer) == {
        "access-control-allow-origin": origin,
        "access-control-allow-methods": "POST, GET",
        "access-control-allow-headers": "X-Protekt-Key, Content-Type",
        "access-control-max-age": "600",
    }
    assert answer.header("vary") == (
        "Origin, X-Protekt-Key, Authorization, Access-Control-Request-Method, Access-Control-Request-Headers"
    )


@pytest.mark.parametrize("origin", [NOBODYS, "null", "*", "", f"https://{'a' * 300}.example"])
async def test_a_preflight_of_an_origin_that_nobody_allows_hears_nothing(client: Client, origin: str) -> None:
    answer = await ask(client, "/v1/users/usr_1", origin, method="GET")

    assert (answer.status, cors(answer)) == (204, {})
    assert answer.header("vary") == "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"


async def test_a_preflight_of_a_surface_without_cors_is_an_unknown_method(client: Client) -> None:
    for path in ("/v1/polls", "/v1/login"):
        answer = await ask(client, path, ALLOWED)

        assert (answer.status, answer.header("x-surface"), cors(answer)) == (405, "plain", {})


async def test_options_that_is_no_preflight_is_an_unknown_method(client: Client) -> None:
    for headers in ({}, {"Origin": ALLOWED}, {"Access-Control-Request-Method": "POST"}):
        answer = await client.send("OPTIONS", "/v1/things", headers=headers)

        assert (answer.status, answer.header("allow")) == (405, "GET, HEAD, POST")
        assert cors(answer) == {}


async def test_a_preflight_of_an_unknown_path_is_an_unknown_path(client: Client) -> None:
    answer = await ask(client, "/v1/nothing", ALLOWED, {"Access-Control-Request-Headers": "x-protekt-key"})

    assert (answer.status, answer.header("x-surface")) == (404, "marked")


async def test_preflights_have_a_budget_by_address(make_settings: MakeSettings) -> None:
    client = Client(claimants_gateway(make_settings(limit_public="2/60")))

    answers = [await ask(client, path, ALLOWED) for path in ("/v1/things", "/v1/tries", "/v1/things")]
    elsewhere = await client.send(
        "OPTIONS",
        "/v1/things",
        headers={"Origin": ALLOWED, "Access-Control-Request-Method": "POST"},
        peer="192.0.2.11",
    )

    assert [answer.status for answer in (*answers, elsewhere)] == [204, 204, 429, 204]


async def test_preflights_are_no_methods_of_a_path(client: Client) -> None:
    answer = await client.send("DELETE", "/v1/things")

    assert answer.header("allow") == "GET, HEAD, POST"


async def test_an_answer_may_be_read_by_scripts_of_origins_that_its_caller_allows(client: Client) -> None:
    for method, path in (("GET", "/v1/users/usr_1"), ("GET", "/v1/things"), ("POST", "/v1/things")):
        answer = await client.send(method, path, headers={"Origin": ALLOWED})

        assert cors(answer) == {
            "access-control-allow-origin": ALLOWED,
            "access-control-expose-headers": "X-Request-Id",
        }
        assert answer.header("vary") == "Origin"


@pytest.mark.parametrize("headers", [{}, {"Origin": OTHERS}, {"Origin": NOBODYS}, {"Origin": "null"}])
async def test_nobody_elses_scripts_may_read_it(client: Client, headers: Mapping[str, str]) -> None:
    answer = await client.send("GET", "/v1/users/usr_1", headers=headers)

    assert (answer.status, cors(answer), answer.header("vary")) == (200, {}, "Origin")


async def test_an_answer_of_a_surface_without_cors_says_nothing_of_origins(client: Client) -> None:
    answer = await client.send("GET", "/v1/polls", headers={"Origin": ALLOWED})

    assert (answer.status, cors(answer), answer.header("vary")) == (204, {}, None)
