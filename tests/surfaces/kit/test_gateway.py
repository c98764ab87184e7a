"""What the door does with any request, through both lanes."""

import asyncio
import re
from collections.abc import Sequence

import pytest
from structlog.testing import capture_logs

from server.surfaces.kit.asgi import Message
from server.surfaces.kit.gateway import Gateway
from tests.surfaces.kit.asgi_client import Answer, Client
from tests.surfaces.kit.conftest import MakeSettings
from tests.surfaces.kit.example import DOORS, door, gateway_of

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def problem(answer: Answer) -> tuple[int, str]:
    assert answer.header("content-type") == "application/problem+json"
    assert answer.json()["status"] == answer.status
    return answer.status, answer.json()["type"].removeprefix("https://problems.example/")


# --- headers ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "target", "name"),
    [
        ("GET", "/api/v1/things/7", "example"),
        ("POST", "/api/v1/things", "example"),
        ("POST", "/api/v1/failures", "example"),
        ("POST", "/api/v1/binds", "device"),
        ("GET", "/health", "root"),
        ("GET", "/nothing", "root"),
        ("GET", "/s/examples/nothing", "example"),
        ("GET", "//health", "root"),
    ],
)
async def test_every_answer_carries_the_same_headers(
    client: Client, method: str, target: str, name: str
) -> None:
    answer = await client.send(method, target)

    assert answer.header("x-surface") == name
    assert UUID.fullmatch(answer.header("x-request-id") or "")
    assert answer.header("x-content-type-options") == "nosniff"
    assert answer.header("cache-control") == "no-store"
    assert answer.header("referrer-policy") == "no-referrer"
    assert answer.header("content-security-policy") == "default-src 'none'; frame-ancestors 'none'"
    assert answer.header("strict-transport-security") is None


async def test_https_is_insisted_on_where_it_is_spoken(make_settings: MakeSettings) -> None:
    client = Client(gateway_of(make_settings(public_base_url="https://sign.example")))

    for target in ("/api/v1/things/7", "/health", "/nothing"):
        answer = await client.send("GET", target)
        assert answer.header("strict-transport-security") == "max-age=31536000; includeSubDomains"


async def test_a_clients_request_id_is_not_taken(client: Client) -> None:
    answer = await client.send("GET", "/api/v1/things/7", headers={"x-request-id": "mine"})

    assert answer.header("x-request-id") != "mine"


async def test_an_answer_says_how_long_it_is(client: Client) -> None:
    shown = await client.send("GET", "/api/v1/things/7")
    empty = await client.send("POST", "/api/v1/binds")

    assert shown.header("content-length") == str(len(shown.body))
    assert shown.header("content-type") == "application/json"
    assert (empty.status, empty.body) == (204, b"")
    assert empty.header("content-length") is None
    assert empty.header("content-type") is None


# --- paths ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("/", "root"),
        ("/unknown", "root"),
        ("/healthy", "root"),
        ("/api", "example"),
        ("/api/v1", "example"),
        ("/api/v1/unknown", "example"),
        ("/api/v1/things/", "example"),
        ("/api/v1/polls", "device"),
        ("/api/v1/polls/1/2/3", "device"),
        ("/api/v1/binds/x", "device"),
        ("/s/examples/health", "example"),
        ("/s/root/api/v1/things/7", "root"),
        ("/s/unknown/api/v1/things/7", "root"),
        ("/s/", "root"),
        ("/s/examples", "example"),
    ],
)
async def test_an_unknown_path_is_refused_by_whoever_owns_its_beginning(
    client: Client, target: str, name: str
) -> None:
    answer = await client.send("GET", target)

    assert problem(answer)[0] == 404
    assert answer.header("x-surface") == name


@pytest.mark.parametrize(
    "text", ["0", "01", "2147483648", "99999999999", "-1", "1.0", "abc", "%31x", "1%20", "٣"]
)
async def test_an_id_that_cannot_be_one_is_an_unknown_path(client: Client, text: str) -> None:
    answer = await client.send("GET", f"/api/v1/things/{text}")

    assert problem(answer) == (404, "resource-not-found")


@pytest.mark.parametrize("number", [1, 42, 2147483647])
async def test_an_id_of_31_bits_is_read(client: Client, number: int) -> None:
    answer = await client.send("GET", f"/api/v1/things/{number}")

    assert answer.json() == {"thingId": number}


async def test_a_path_may_have_the_mounts_prefix(client: Client) -> None:
    answer = await client.send("GET", "/s/examples/api/v1/things/7")
    refused = await client.send("GET", "/s/examples/api/v1/refusals")

    assert answer.json() == {"thingId": 7}
    assert answer.header("x-surface") == "example"
    assert refused.json()["path"] == "/api/v1/refusals"


async def test_a_mount_knows_the_routes_of_all_its_surfaces(client: Client) -> None:
    answer = await client.send("POST", "/s/examples/api/v1/binds")

    assert (answer.status, answer.header("x-surface")) == (204, "device")


@pytest.mark.parametrize(
    "target",
    [
        "//api/v1/things/7",
        "/api//v1/things/7",
        "/api/v1/things/7//",
        "/api/v1/things%2F7",
        "/api/v1%2fthings/7",
        "/api/v1%5Cthings/7",
        "/api/v1/things/7%00",
        "/s/examples//api/v1/things/7",
        "/s/examples/api/v1/things%2f7",
    ],
)
async def test_a_path_in_disguise_is_unknown(client: Client, target: str) -> None:
    answer = await client.send("GET", target)

    assert problem(answer) == (404, "resource-not-found")


async def test_other_encodings_of_the_same_path_are_the_same_path(client: Client) -> None:
    answer = await client.send("GET", "/api/v1/th%69ngs/7")

    assert answer.json() == {"thingId": 7}


async def test_a_strange_host_changes_nothing(client: Client) -> None:
    answer = await client.send("GET", "/health", headers={"host": "a b@@c/..:x"})

    assert answer.status == 200


# --- methods ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "target", "allowed"),
    [
        ("GET", "/api/v1/things", "POST"),
        ("DELETE", "/api/v1/things/7", "GET, HEAD"),
        ("OPTIONS", "/api/v1/things", "POST"),
        ("TRACE", "/api/v1/things", "POST"),
        ("PROPFIND", "/api/v1/things", "POST"),
        ("HEAD", "/api/v1/binds", "POST"),
        ("POST", "/health", "GET, HEAD"),
    ],
)
async def test_a_method_that_is_not_the_paths_is_refused(
    client: Client, method: str, target: str, allowed: str
) -> None:
    answer = await client.send(method, target)

    assert answer.status == 405
    assert answer.header("allow") == allowed


@pytest.mark.parametrize("target", ["/api/v1/things/7", "/health"])
async def test_head_is_get_without_the_body(client: Client, target: str) -> None:
    shown = await client.send("GET", target)
    head = await client.send("HEAD", target)

    assert (head.status, head.body) == (200, b"")
    assert head.header("content-length") == shown.header("content-length")


# --- refusals and failures --------------------------------------------------------------------------


async def test_a_refusal_is_spelled_by_the_surfaces_dialect(client: Client) -> None:
    answer = await client.send("POST", "/api/v1/refusals/1")

    assert answer.json() == {
        "type": "https://problems.example/auth-attempt-not-found",
        "title": "No such authentication attempt",
        "status": 404,
        "detail": "No such authentication attempt",
        "path": "/api/v1/refusals/1",
    }


async def test_one_error_may_have_a_status_of_its_own(client: Client) -> None:
    assert problem(await client.send("POST", "/api/v1/refusals/2"))[0] == 409
    assert problem(await client.send("POST", "/api/v1/refusals/3"))[0] == 422


async def test_refusals_that_must_look_alike_are_the_same_bytes(client: Client) -> None:
    one, other = [await client.send("POST", "/api/v1/refusals/3") for _ in range(2)]

    assert one.body == other.body
    assert [pair for pair in one.headers if pair[0] != "x-request-id"] == [
        pair for pair in other.headers if pair[0] != "x-request-id"
    ]


async def test_unavailable_says_when_to_come_again(client: Client) -> None:
    answer = await client.send("POST", "/api/v1/refusals/4")

    assert answer.status == 503
    assert answer.header("retry-after") == "5"


async def test_what_nobody_foresaw_is_logged_and_not_told(client: Client) -> None:
    with capture_logs() as logs:
        answer = await client.send("POST", "/api/v1/failures")

    assert problem(answer) == (500, "internal-error")
    assert b"4711" not in answer.body
    failed, request = logs
    assert (failed["event"], failed["log_level"]) == ("request.failed", "error")
    assert isinstance(failed["exc_info"], RuntimeError)
    assert failed["request_id"] == request["request_id"] == answer.header("x-request-id")


async def test_a_request_leaves_one_line_without_what_it_said(client: Client) -> None:
    with capture_logs() as logs:
        answer = await client.send(
            "GET", "/api/v1/doors/9/wait?timeoutSeconds=0&secret=4711", headers={"x-caller": "3"}
        )

    (line,) = logs
    assert line.pop("duration_ms") >= 0
    assert line == {
        "event": "request",
        "log_level": "info",
        "method": "GET",
        "route": "/api/v1/doors/{id}/wait",
        "surface": "example",
        "status": 200,
        "error": None,
        "cause": None,
        "address": "192.0.2.10",
        "request_id": answer.header("x-request-id"),
        "caller": "integration",
        "caller_id": "key-of-3",
        "proved": None,
    }


async def test_the_core_hears_who_is_asking_from_where(make_settings: MakeSettings) -> None:
    DOORS.clear()
    client = Client(gateway_of(make_settings(trusted_proxies="10.0.0.0/8")))
    answer = await client.send(
        "POST", "/api/v1/polls/5", peer="10.0.0.1", headers={"x-forwarded-for": "203.0.113.7"}
    )

    (actor,) = door(5).actors
    assert actor.address == "203.0.113.7"
    assert actor.surface == "device"
    assert actor.request_id == answer.header("x-request-id")


# --- bodies -----------------------------------------------------------------------------------------

THING = b'{"thingId":1,"title":"abc"}'
JSON = {"content-type": "application/json"}


async def test_a_body_may_come_in_pieces(client: Client) -> None:
    pieces = [THING[index : index + 1] for index in range(len(THING))]

    answer = await client.send("POST", "/api/v1/things", headers=JSON, body=pieces)

    assert answer.json() == {"thingId": 1, "title": "abc"}


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ([("content-length", "2000")], b"{}"),
        ([], [b" " * 512, b" " * 512, b" "]),
        ([], b" " * 1025),
    ],
    ids=["announced", "in pieces", "at once"],
)
async def test_a_body_that_is_too_large_is_not_read_to_its_end(
    make_settings: MakeSettings, headers: list[tuple[str, str]], body: bytes | Sequence[bytes]
) -> None:
    client = Client(gateway_of(make_settings(max_body_bytes=1024)))

    answer = await client.send("POST", "/api/v1/things", headers=[*JSON.items(), *headers], body=body)

    assert problem(answer) == (413, "body-too-large")


async def test_a_body_of_the_largest_size_is_read(make_settings: MakeSettings) -> None:
    client = Client(gateway_of(make_settings(max_body_bytes=1024)))

    answer = await client.send("POST", "/api/v1/things", headers=JSON, body=THING.ljust(1024))

    assert answer.status == 201


async def test_a_body_that_does_not_come_is_not_waited_for(make_settings: MakeSettings) -> None:
    client = Client(gateway_of(make_settings(body_timeout_seconds=0.05)))

    request = client.start("POST", "/api/v1/things", headers=JSON, body=[b"{"], complete=False)

    assert problem(await request.finish()) == (408, "body-too-slow")


async def test_a_body_that_nobody_asks_for_is_not_waited_for(client: Client) -> None:
    request = client.start("POST", "/api/v1/binds", body=[b"{"], complete=False)

    assert (await request.finish(1)).status == 204


async def test_a_client_that_leaves_within_its_body_is_not_answered(client: Client) -> None:
    request = client.start("POST", "/api/v1/things", headers=JSON, body=[b"{"], complete=False)
    await asyncio.sleep(0.02)

    with capture_logs() as logs:
        request.leave()
        await request.finish()

    assert [(line["event"], line["status"]) for line in logs] == [("request", 499)]


async def test_work_goes_on_when_the_client_leaves(client: Client) -> None:
    request = client.start("POST", "/api/v1/doors/3/work")
    await door(3).busy.wait()

    request.leave()
    await asyncio.sleep(0.02)
    assert not request.is_over
    door(3).release.set()
    await request.finish()

    assert door(3).finished


# --- what is no HTTP request ------------------------------------------------------------------------


async def test_a_websocket_is_refused(gateway: Gateway) -> None:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    await gateway({"type": "websocket", "path": "/api/v1/things"}, receive, send)

    assert [message["type"] for message in sent] == ["websocket.close"]
    with pytest.raises(ValueError, match="lifespan"):
        await gateway({"type": "lifespan"}, receive, send)
