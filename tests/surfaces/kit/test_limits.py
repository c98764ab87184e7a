"""Who is counted, and what a refused request learns."""

import pytest

from server.base.settings import Settings, load_settings
from server.surfaces.kit.counting import ProcessCounting
from server.surfaces.kit.limits import (
    ANSWERS,
    BINDS,
    CREATES,
    FAILED_KEYS,
    OPERATIONS,
    POLLS,
    PUSH_ADDRESSES,
    UNPROVED,
    VERIFIES,
    WAITS,
    Limit,
    Limiter,
)
from server.surfaces.kit.metrics import Metrics
from tests.surfaces.kit.asgi_client import Answer, Client
from tests.surfaces.kit.conftest import MakeSettings
from tests.surfaces.kit.example import DOORS, gateway_of

START = 1_800_000_000.0


@pytest.fixture(autouse=True)
def _shut_doors() -> None:
    DOORS.clear()


def client_of(settings: Settings) -> tuple[Client, Metrics]:
    metrics = Metrics()
    limiter = Limiter(settings, metrics, counting=ProcessCounting(lambda: START))
    return Client(gateway_of(settings, limiter=limiter, metrics=metrics)), metrics


def budget(answer: Answer) -> tuple[str | None, str | None]:
    return answer.header("x-ratelimit-limit"), answer.header("x-ratelimit-remaining")


async def test_an_address_has_one_budget_on_a_route_that_counts_addresses(
    make_settings: MakeSettings,
) -> None:
    client, metrics = client_of(make_settings(limit_bind="2/300"))

    first, second, third = [await client.send("POST", "/api/v1/binds") for _ in range(3)]
    other = await client.send("POST", "/api/v1/binds", peer="192.0.2.11")

    assert [first.status, second.status, third.status, other.status] == [204, 204, 429, 204]
    assert [budget(answer) for answer in (first, second, third)] == [("2", "1"), ("2", "0"), ("2", "0")]
    assert third.header("x-ratelimit-reset") == "600"
    assert third.header("retry-after") == "301"
    assert first.header("retry-after") is None
    assert metrics.registry.get_sample_value("countersign_rate_limited_total", {"limit": "bind"}) == 1


async def test_a_dialect_may_refuse_without_a_body(make_settings: MakeSettings) -> None:
    client, _ = client_of(make_settings(limit_bind="1/300", limit_create="1/60"))
    _, device = [await client.send("POST", "/api/v1/binds") for _ in range(2)]
    _, integration = [
        await client.send("POST", "/api/v1/creations", headers={"x-caller": "1"}) for _ in range(2)
    ]

    assert (device.status, device.body, device.header("content-type")) == (429, b"", None)
    assert device.header("content-length") == "0"
    assert integration.json()["type"] == "https://problems.example/too-many-requests"


async def test_neighbours_in_one_ipv6_network_share_a_budget(make_settings: MakeSettings) -> None:
    client, _ = client_of(make_settings(limit_bind="1/300"))

    statuses = [
        (await client.send("POST", "/api/v1/binds", peer=peer)).status
        for peer in ("2001:db8::1", "2001:db8::2", "2001:db8:0:1::1")
    ]

    assert statuses == [204, 429, 204]


async def test_clients_behind_a_proxy_have_their_own_budgets(make_settings: MakeSettings) -> None:
    client, _ = client_of(make_settings(limit_bind="1/300", trusted_proxies="10.0.0.0/8"))

    statuses = [
        (
            await client.send(
                "POST", "/api/v1/binds", peer="10.0.0.1", headers={"x-forwarded-for": f"{spoof}, {real}"}
            )
        ).status
        for spoof, real in (
            ("1.1.1.1", "203.0.113.1"),
            ("1.1.1.2", "203.0.113.1"),
            ("1.1.1.1", "203.0.113.2"),
        )
    ]

    assert statuses == [204, 429, 204]


async def test_a_caller_has_one_budget_wherever_it_is(make_settings: MakeSettings) -> None:
    client, _ = client_of(make_settings(limit_create="2/60"))

    statuses = [
        (await client.send("POST", "/api/v1/creations", headers={"x-caller": caller}, peer=peer)).status
        for caller, peer in (("1", "192.0.2.1"), ("1", "192.0.2.2"), ("1", "192.0.2.3"), ("2", "192.0.2.3"))
    ]

    assert statuses == [204, 204, 429, 204]


async def test_what_is_proved_has_a_budget_and_not_the_address(make_settings: MakeSettings) -> None:
    client, _ = client_of(make_settings(limit_pending="2/60"))

    answers = [await client.send("POST", f"/api/v1/polls/{number}") for number in (5, 5, 5, 6)]

    assert [answer.status for answer in answers] == [204, 204, 429, 204]
    assert [budget(answer) for answer in answers] == [("2", "1"), ("2", "0"), ("2", "0"), ("2", "1")]
    assert answers[2].body == b""
    assert answers[2].header("retry-after") == "61"


async def test_failed_proofs_are_counted_by_address_and_refuse_no_good_one(
    make_settings: MakeSettings,
) -> None:
    client, metrics = client_of(make_settings(limit_unproved="2/60", limit_pending="9/60"))

    failed = [await client.send("POST", "/api/v1/polls/13") for _ in range(3)]
    proved = await client.send("POST", "/api/v1/polls/5")
    elsewhere = await client.send("POST", "/api/v1/polls/5", peer="192.0.2.11")

    assert [answer.status for answer in failed] == [400, 400, 429]
    assert [budget(answer) for answer in failed] == [("2", "1"), ("2", "0"), ("2", "0")]
    assert failed[2].header("retry-after") == "61"
    assert proved.status == 204
    assert elsewhere.status == 204
    assert metrics.registry.get_sample_value("countersign_rate_limited_total", {"limit": "unproved"}) == 1


async def test_failed_proofs_do_not_use_up_what_others_prove(make_settings: MakeSettings) -> None:
    """Somebody who knows an enrollment's id cannot lock its phone out."""
    client, _ = client_of(make_settings(limit_unproved="50/60", limit_pending="1/60"))
    for _ in range(20):
        await client.send("POST", "/api/v1/polls/13")

    assert (await client.send("POST", "/api/v1/polls/5")).status == 204


async def test_a_route_without_a_limit_shows_none(client: Client) -> None:
    answer = await client.send("GET", "/api/v1/things/7")

    assert not [name for name, _ in answer.headers if name.startswith("x-ratelimit")]


@pytest.mark.parametrize(
    "limit",
    [POLLS, ANSWERS, PUSH_ADDRESSES, BINDS, VERIFIES, CREATES, WAITS, OPERATIONS, UNPROVED, FAILED_KEYS],
    ids=lambda limit: limit.name,
)
async def test_every_limit_is_a_setting(limit: Limit) -> None:
    settings = load_settings()
    count, _, seconds = str(getattr(settings, limit.setting)).partition("/")

    standing = await Limiter(settings, Metrics(), counting=ProcessCounting(lambda: START)).hit(limit, "x")

    assert standing.limit == int(count)
    assert standing.reset_seconds <= 2 * int(seconds)
