"""Both clients on a network that loses, delays and refuses; the real server is met in the journeys."""

import asyncio
import base64
import inspect
import json
import logging
import socketserver
import threading
import time
import traceback
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import httpx2
import pytest

from countersign import AsyncClient, Client, Decision, Outcome
from countersign._conversations import Pace
from countersign.errors import (
    CountersignError,
    InvalidApiKeyError,
    InvalidRequestError,
    NoAnswerError,
    RateLimitError,
    UnexpectedAnswerError,
)

URL = "https://example.com/auth"
KEY_ID = "ezkey_ikey_0123456789abcdef0123"
SECRET = "ezkey_skey_0123456789abcdef0123456789abcdef01234567"
BASIC = base64.b64encode(f"{KEY_ID}:{SECRET}".encode()).decode()

MESSAGE = "40 € to Bob"

CREATED: dict[str, object] = {
    "authAttemptId": 7,
    "authAttemptChallenge": 482913,
    "timeoutSeconds": 120,
    "expiresAt": "2030-01-01T00:02:00.000000Z",
}

Line = httpx2.Response | Exception
Ask = Callable[..., Awaitable[Any]]
Call = Callable[[Any], Any]


def attempt(status: str) -> dict[str, object]:
    return {
        "authAttemptId": 7,
        "enrollmentId": 3,
        "authAttemptStatus": status,
        "createdAt": "2030-01-01T00:00:00.000000Z",
        "expiresAt": "2030-01-01T00:02:00.000000Z",
    }


def created(**said: object) -> httpx2.Response:
    return httpx2.Response(201, json={**CREATED, **said})


def waited(status: str) -> httpx2.Response:
    return httpx2.Response(200, json={"authAttempt": attempt(status), "status": status})


def cancelled() -> httpx2.Response:
    return httpx2.Response(200, json=attempt("EXPIRED"))


class Network(httpx2.MockTransport):
    """Answers each request with the next line of its script, and keeps the requests."""

    def __init__(self, *script: Line) -> None:
        super().__init__(self._answer)
        self.lines = list(script)
        self.requests: list[httpx2.Request] = []

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        line = self.lines.pop(0)
        if isinstance(line, Exception):
            raise line
        return line

    @property
    def targets(self) -> list[str]:
        """What was asked for, in order."""
        return [request.url.raw_path.decode() for request in self.requests]


async def ask_in_a_thread(network: httpx2.BaseTransport | None, call: Call, url: str = URL) -> object:
    """What *call* makes of a `Client`."""

    def run() -> object:
        with Client(url, KEY_ID, SECRET, transport=network) as client:
            return call(client)

    return await asyncio.to_thread(run)


async def ask_in_a_task(network: httpx2.AsyncBaseTransport | None, call: Call, url: str = URL) -> object:
    """What *call* makes of an `AsyncClient`."""
    async with AsyncClient(url, KEY_ID, SECRET, transport=network) as client:
        return await call(client)


@pytest.fixture(params=[ask_in_a_thread, ask_in_a_task], ids=["sync", "async"])
def ask(request: pytest.FixtureRequest) -> Ask:
    asking: Ask = request.param
    return asking


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing pauses; how long it would is tested with the conversations."""
    monkeypatch.setattr(Pace, "after", lambda *_: 0.0)


def approving(**said: object) -> Call:
    wanted: dict[str, object] = {"challenge": False, **said}
    return lambda client: client.approve("jane", "Payment", MESSAGE, **wanted)


# --- requests ------------------------------------------------------------------------------------------


async def test_a_request_carries_the_key_below_the_urls_prefix(ask: Ask) -> None:
    network = Network(created())
    await ask(network, lambda client: client.create(user_identifier="jane", challenge_requested=True))

    (request,) = network.requests
    assert str(request.url) == "https://example.com/auth/api/v1/auth-attempts"
    assert request.headers["Authorization"] == f"Basic {BASIC}"
    assert request.headers["Accept"] == "application/json"
    assert request.headers["User-Agent"].startswith("countersign-sdk/")
    assert json.loads(request.content) == {"challengeRequested": True, "userIdentifier": "jane"}


async def test_a_cancel_has_neither_body_nor_content_type(ask: Ask) -> None:
    network = Network(cancelled())
    await ask(network, lambda client: client.cancel(7))

    (request,) = network.requests
    assert request.headers["Content-Length"] == "0"
    assert "Content-Type" not in request.headers


async def test_a_redirect_is_not_followed(ask: Ask) -> None:
    network = Network(httpx2.Response(307, headers={"Location": "https://elsewhere.example.com/"}))

    with pytest.raises(UnexpectedAnswerError):
        await ask(network, lambda client: client.wait(7))

    assert len(network.requests) == 1


# --- faults --------------------------------------------------------------------------------------------

FAULTS: list[Callable[[], Line]] = [
    lambda: httpx2.ConnectError("connection refused"),
    lambda: httpx2.ConnectTimeout("timed out"),
    lambda: httpx2.ReadError("connection reset by peer"),
    lambda: httpx2.ReadTimeout(""),
    lambda: httpx2.RemoteProtocolError("server disconnected without sending a response"),
    lambda: httpx2.Response(502, text="<html>bad gateway"),
    lambda: httpx2.Response(503, headers={"Retry-After": "0"}),
    lambda: httpx2.Response(504),
    lambda: httpx2.Response(429, headers={"Retry-After": "0"}),
]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.usefixtures("at_once")
async def test_an_approval_survives_a_fault_at_every_step(ask: Ask, fault: Callable[[], Line]) -> None:
    network = Network(fault(), created(authAttemptChallenge=None), fault(), waited("ACCEPTED"))

    outcome = await ask(network, approving())

    assert outcome.approved
    keys = [request.headers["Idempotency-Key"] for request in network.requests[:2]]
    assert keys[0] == keys[1]


@pytest.mark.usefixtures("at_once")
async def test_a_cancel_whose_answer_was_lost_is_a_timeout(ask: Ask) -> None:
    network = Network(
        created(),
        waited("READ"),
        httpx2.ReadError("reset"),
        httpx2.Response(409),
        waited("EXPIRED"),
    )

    outcome = await ask(network, approving(deadline_seconds=0, on_challenge=lambda _: None))

    assert outcome.decision is Decision.TIMED_OUT
    assert network.targets[1:] == [
        "/auth/api/v1/auth-attempts/7/wait?timeout=1&polling=1",
        "/auth/api/v1/auth-attempts/7/cancel",
        "/auth/api/v1/auth-attempts/7/cancel",
        "/auth/api/v1/auth-attempts/7/wait?timeout=1&polling=1",
    ]


async def test_what_was_not_reached_and_what_was_lost_are_told_apart(ask: Ask) -> None:
    with pytest.raises(NoAnswerError, match="not reached: connection refused"):
        await ask(Network(httpx2.ConnectError("connection refused")), looking)
    with pytest.raises(NoAnswerError, match="lost: ReadTimeout") as failed:
        await ask(Network(httpx2.ReadTimeout("")), looking)

    assert isinstance(failed.value.__cause__, httpx2.ReadTimeout)


def looking(client: Any) -> Any:  # noqa: ANN401 - a client of either kind, and what its call returns
    return client.wait(7, deadline_seconds=0)


async def test_a_limit_is_told_with_the_time_to_wait(ask: Ask) -> None:
    network = Network(httpx2.Response(429, headers={"Retry-After": "60", "X-Request-Id": "r-1"}))

    with pytest.raises(RateLimitError) as refused:
        await ask(network, lambda client: client.create(user_identifier="jane", challenge_requested=False))

    assert (refused.value.retry_after, refused.value.request_id) == (60, "r-1")


# --- approve -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "decision"),
    [
        ("ACCEPTED", Decision.APPROVED),
        ("REJECTED", Decision.DENIED),
        ("INVALID", Decision.INVALID),
        ("EXPIRED", Decision.EXPIRED),
    ],
)
async def test_the_number_is_shown_before_the_wait_and_the_phone_decides(
    ask: Ask, status: str, decision: Decision
) -> None:
    network = Network(created(), waited(status))
    shown: list[tuple[int, int]] = []

    outcome = await ask(
        network,
        approving(challenge=True, on_challenge=lambda number: shown.append((number, len(network.requests)))),
    )

    assert isinstance(outcome, Outcome)
    assert outcome.decision is decision
    assert shown == [(482913, 1)]


async def test_a_coroutine_function_may_show_the_number() -> None:
    shown = []

    async def show(number: int) -> None:
        await asyncio.sleep(0)
        shown.append(number)

    await ask_in_a_task(Network(created(), waited("ACCEPTED")), approving(challenge=True, on_challenge=show))

    assert shown == [482913]


async def test_a_number_that_nothing_shows_is_not_asked_for(ask: Ask) -> None:
    network = Network()

    with pytest.raises(InvalidRequestError, match="on_challenge"):
        await ask(network, approving(challenge=True))

    assert network.requests == []


async def test_a_number_that_the_enrollment_insists_on_must_be_shown_too(ask: Ask) -> None:
    network = Network(created(), cancelled())

    with pytest.raises(InvalidRequestError, match="on_challenge"):
        await ask(network, approving())

    assert network.targets[-1] == "/auth/api/v1/auth-attempts/7/cancel"


async def test_past_the_deadline_the_phone_stops_asking(ask: Ask) -> None:
    network = Network(created(authAttemptChallenge=None), waited("PENDING"), cancelled())

    outcome = await ask(network, approving(deadline_seconds=0))

    assert outcome.decision is Decision.TIMED_OUT


async def test_when_showing_the_number_fails_the_phone_stops_asking(ask: Ask) -> None:
    def show(_: int) -> None:
        raise BrokenPipeError("the browser has gone")

    network = Network(created(), cancelled())

    with pytest.raises(BrokenPipeError):
        await ask(network, approving(challenge=True, on_challenge=show))

    assert network.targets[-1] == "/auth/api/v1/auth-attempts/7/cancel"


async def test_a_withdrawal_that_fails_hides_nothing(ask: Ask) -> None:
    network = Network(created(authAttemptChallenge=None), httpx2.Response(500), httpx2.ReadError("reset"))

    with pytest.raises(CountersignError) as failed:
        await ask(network, approving())

    assert failed.value.status == 500


async def test_a_cancelled_task_makes_the_phone_stop_asking() -> None:
    waiting = asyncio.Event()
    targets: list[str] = []

    async def server(request: httpx2.Request) -> httpx2.Response:
        targets.append(request.url.path)
        if request.url.path.endswith("/wait"):
            waiting.set()
            await asyncio.Event().wait()
        return cancelled() if request.url.path.endswith("/cancel") else created(authAttemptChallenge=None)

    async with AsyncClient(URL, KEY_ID, SECRET, transport=httpx2.MockTransport(server)) as client:
        task = asyncio.create_task(client.approve("jane", "Payment", challenge=False))
        await waiting.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    assert targets[-1] == "/auth/api/v1/auth-attempts/7/cancel"


async def test_the_same_question_keeps_the_key_it_was_given(ask: Ask) -> None:
    network = Network(created(authAttemptChallenge=None), waited("ACCEPTED"))

    await ask(network, approving(idempotency_key="order-17"))

    assert network.requests[0].headers["Idempotency-Key"] == "order-17"


# --- secrets -------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("at_once")
async def test_no_log_and_no_traceback_shows_a_secret(ask: Ask, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    network = Network(
        httpx2.Response(503, headers={"X-Request-Id": "r-1"}),
        created(),
        httpx2.ReadError("reset"),
        waited("PENDING"),
        httpx2.Response(401),
        httpx2.Response(401),
    )

    with pytest.raises(InvalidApiKeyError) as refused:
        await ask(network, approving(challenge=True, on_challenge=lambda _: None, deadline_seconds=1))

    text = caplog.text + "".join(traceback.format_exception(refused.value)) + repr(vars(refused.value))
    assert "unavailable (request r-1), again in" in text
    for secret in (SECRET, BASIC, "482913", MESSAGE):
        assert secret not in text


# --- a real connection ---------------------------------------------------------------------------------


class DroppingServer(socketserver.ThreadingTCPServer):
    """Takes the first request and hangs up; answers the same request when it comes again."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), DroppingHandler)
        self.keys: list[str] = []

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class DroppingHandler(socketserver.StreamRequestHandler):
    """One connection."""

    server: DroppingServer

    def handle(self) -> None:
        """Reads one request and answers the second one that comes."""
        head = b"".join(iter(self.rfile.readline, b"\r\n")).decode()
        headers = dict(line.split(": ", 1) for line in head.splitlines()[1:])
        named = {name.lower(): value for name, value in headers.items()}
        self.rfile.read(int(named["content-length"]))
        self.server.keys.append(named["idempotency-key"])
        if len(self.server.keys) == 1:
            return
        body = json.dumps(CREATED).encode()
        self.wfile.write(
            b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nConnection: close\r\n"
            b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
        )


@pytest.fixture
def dropping_server() -> Iterator[DroppingServer]:
    with DroppingServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


async def test_a_connection_that_is_dropped_costs_one_try_and_makes_one_attempt(
    ask: Ask, dropping_server: DroppingServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    made = await ask(
        None,
        lambda client: client.create(user_identifier="jane", challenge_requested=True),
        url=dropping_server.url,
    )

    assert made.id == 7
    assert len(dropping_server.keys) == 2
    assert len(set(dropping_server.keys)) == 1
    assert SECRET not in caplog.text
    assert BASIC not in caplog.text


async def test_one_client_serves_many_threads() -> None:
    def server(request: httpx2.Request) -> httpx2.Response:
        time.sleep(0.01)
        return (
            waited("ACCEPTED") if request.url.path.endswith("/wait") else created(authAttemptChallenge=None)
        )

    with Client(URL, KEY_ID, SECRET, transport=httpx2.MockTransport(server)) as client:
        outcomes = await asyncio.gather(
            *(asyncio.to_thread(client.approve, "jane", "Payment", challenge=False) for _ in range(20))
        )

    assert all(outcomes)


# --- one interface -------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["__init__", "from_environment", "create", "wait", "cancel", "approve"])
def test_both_clients_take_the_same_arguments(method: str) -> None:
    sync, asynchronous = (inspect.signature(getattr(client, method)) for client in (Client, AsyncClient))

    def taken(signature: inspect.Signature) -> list[tuple[str, object, object]]:
        return [(taken.name, taken.kind, taken.default) for taken in signature.parameters.values()]

    assert taken(sync) == taken(asynchronous)
