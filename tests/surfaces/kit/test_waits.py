"""Requests that wait: what wakes them, what bounds them, what they hold."""

import asyncio

import pytest

from server.surfaces.kit.gateway import Gateway
from tests.surfaces.kit.asgi_client import Client, Request, waits_held
from tests.surfaces.kit.conftest import MakeSettings
from tests.surfaces.kit.example import DOORS, database_of, door, gateway_of

CALLER = {"x-caller": "1"}


@pytest.fixture(autouse=True)
def _shut_doors() -> None:
    DOORS.clear()


async def waiting(client: Client, number: int = 1, seconds: int = 5, caller: str = "1") -> Request:
    """A request that waits by now."""
    held = client.gateway.serving.waits.held
    request = client.start(
        "GET", f"/api/v1/doors/{number}/wait?timeoutSeconds={seconds}", headers={"x-caller": caller}
    )
    await waits_held(client.gateway, held + 1)
    return request


def publish(client: Client, *topics: str) -> None:
    client.gateway.serving.core.db.wakeups.publish(*topics)


def gauge(client: Client) -> float | None:
    return client.gateway.metrics.registry.get_sample_value("countersign_http_waiting_requests")


async def test_what_is_there_already_is_not_waited_for(client: Client) -> None:
    door(1).open = True

    answer = await client.send("GET", "/api/v1/doors/1/wait?timeoutSeconds=5", headers=CALLER)

    assert answer.json()["title"] == "open"
    assert door(1).looks == 1


async def test_a_waiting_request_answers_when_it_is_woken(client: Client) -> None:
    request = await waiting(client)

    door(1).open = True
    publish(client, "door:1")

    assert (await request.finish(1)).json()["title"] == "open"
    assert door(1).looks == 2


async def test_a_waking_without_cause_is_slept_over(client: Client) -> None:
    request = await waiting(client)

    publish(client, "door:2")
    publish(client, "door:1")
    await asyncio.sleep(0.02)

    assert not request.is_over
    assert door(1).looks == 2
    door(1).open = True
    publish(client, "door:1")
    assert (await request.finish(1)).json()["title"] == "open"


async def test_what_happens_during_the_first_look_is_not_missed(client: Client) -> None:
    """The request subscribes before it looks."""
    wakeups = client.gateway.serving.core.db.wakeups
    subscribed = asyncio.Event()
    subscribe = wakeups.subscribe

    def subscribe_and_publish(*topics: str) -> object:
        subscription = subscribe(*topics)
        door(1).open = False
        asyncio.get_running_loop().call_soon(open_door)
        return subscription

    def open_door() -> None:
        door(1).open = True
        wakeups.publish("door:1")
        subscribed.set()

    wakeups.subscribe = subscribe_and_publish  # type: ignore[method-assign,assignment]  # to act at that moment
    answer = await client.send("GET", "/api/v1/doors/1/wait?timeoutSeconds=5", headers=CALLER)

    assert answer.json()["title"] == "open"


async def test_when_the_time_is_over_the_last_outcome_is_told(client: Client) -> None:
    answer = await client.send("GET", "/api/v1/doors/1/wait?timeoutSeconds=1", headers=CALLER)

    assert answer.json()["title"] == "shut"
    assert door(1).looks == 2
    assert gauge(client) == 0


async def test_waiting_holds_no_connection(client: Client) -> None:
    requests = [await waiting(client) for _ in range(20)]

    assert database_of(client.gateway.serving.core).lent == 0
    assert gauge(client) == 20
    door(1).open = True
    publish(client, "door:1")
    for request in requests:
        await request.finish()
    assert gauge(client) == 0


async def test_a_wait_counts_once_against_its_limit(client: Client) -> None:
    request = await waiting(client)
    for _ in range(5):
        publish(client, "door:1")
        await asyncio.sleep(0.005)
    door(1).open = True
    publish(client, "door:1")

    assert (await request.finish()).header("x-ratelimit-remaining") == "199"


async def test_a_long_poll_is_charged_once(client: Client) -> None:
    request = client.start("POST", "/api/v1/polls/5", headers={"prefer": "respond-async, wait=5"})
    await waits_held(client.gateway, 1)
    publish(client, "door:5")
    await asyncio.sleep(0.02)
    door(5).open = True
    publish(client, "door:5")
    answer = await request.finish()

    assert answer.json() == {"thingId": 5}
    assert door(5).looks == 3
    assert answer.header("x-ratelimit-remaining") == "29"


@pytest.mark.parametrize("prefer", ["", "wait", "wait=", "wait=x", "wait=-1", "wait=0", "await=5"])
async def test_a_preference_that_cannot_be_read_is_none(client: Client, prefer: str) -> None:
    request = client.start("POST", "/api/v1/polls/5", headers={"prefer": prefer})

    assert (await request.finish(3)).status == 204


async def test_a_moved_clock_makes_all_of_them_look_again(client: Client) -> None:
    request = await waiting(client)

    door(1).open = True
    publish(client, "clock")

    assert (await request.finish(1)).json()["title"] == "open"


async def test_when_the_process_stops_all_of_them_are_answered(client: Client) -> None:
    requests = [await waiting(client, number) for number in (1, 2, 3)]

    client.gateway.begin_shutdown()

    for request in requests:
        answer = await request.finish(1)
        assert (answer.status, answer.json()["title"]) == (200, "shut")
    late = client.start("GET", "/api/v1/doors/1/wait?timeoutSeconds=5", headers=CALLER)
    assert (await late.finish(1)).status == 200


async def test_when_the_client_leaves_the_wait_is_over(client: Client) -> None:
    request = await waiting(client)

    request.leave()
    await request.finish(1)

    assert request.answer.body == b""
    assert gauge(client) == 0
    assert door(1).looks == 1


@pytest.mark.parametrize("order", ["wakes, leaves", "leaves, wakes"])
async def test_who_leaves_as_it_is_woken_is_neither_answered_nor_cancelled(
    client: Client, order: str
) -> None:
    request = await waiting(client)

    for event in order.split(", "):
        if event == "leaves":
            request.leave()
        else:
            publish(client, "door:1")

    await request.finish(1)
    assert request.answer.body == b""
    assert gauge(client) == 0


async def test_a_wake_up_and_the_end_of_its_time_are_one_look_more(client: Client) -> None:
    request = await waiting(client, seconds=1)
    await asyncio.sleep(0.99)
    for _ in range(20):
        publish(client, "door:1")
        await asyncio.sleep(0.001)

    assert (await request.finish(1)).json()["title"] == "shut"
    assert gauge(client) == 0


async def test_a_process_holds_so_many_waits_and_no_more(make_settings: MakeSettings) -> None:
    client = Client(gateway_of(make_settings(max_waits=2)))
    requests = [await waiting(client, caller=str(number)) for number in (1, 2)]

    refused = await client.send("GET", "/api/v1/doors/1/wait", headers={"x-caller": "3"})

    assert refused.status == 429
    assert refused.json()["type"] == "https://problems.example/too-many-waits"
    assert refused.header("retry-after") == "5"
    client.gateway.begin_shutdown()
    for request in requests:
        await request.finish()


async def test_a_caller_holds_so_many_waits_and_leaves_the_rest_to_others(
    make_settings: MakeSettings,
) -> None:
    client = Client(gateway_of(make_settings(max_waits_per_caller=1)))
    first = await waiting(client, caller="1")

    refused = await client.send("GET", "/api/v1/doors/1/wait", headers={"x-caller": "1"})
    other = await waiting(client, caller="2")
    first.leave()
    await first.finish()
    again = await waiting(client, caller="1")

    assert refused.status == 429
    for request in (other, again):
        request.leave()
        await request.finish()


async def test_what_ends_by_the_clock_is_looked_at_in_time(client: Client) -> None:
    request = client.start("GET", "/api/v1/doors/4/watch", headers={**CALLER, "x-impatient": "yes"})
    await asyncio.sleep(0.3)
    looks = door(4).looks
    door(4).open = True

    assert (await request.finish(1)).json()["title"] == "open"
    assert 2 <= looks <= 8, "it looks again by itself, and does not spin"


@pytest.mark.parametrize("topic", ["door:4", "doors"])
async def test_a_request_may_wait_for_several_topics(client: Client, topic: str) -> None:
    request = client.start("GET", "/api/v1/doors/4/watch", headers=CALLER)
    await waits_held(client.gateway, 1)

    door(4).open = True
    publish(client, topic)

    assert (await request.finish(1)).json()["title"] == "open"


async def test_a_waiter_that_is_cancelled_from_outside_is_not_mistaken_for_one_that_left(
    gateway: Gateway,
) -> None:
    request = await waiting(Client(gateway))

    request._task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await request.finish(1)
    assert gateway.serving.waits.held == 0
