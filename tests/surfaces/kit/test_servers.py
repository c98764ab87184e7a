"""The gateway behind the servers that it is shipped with, over real sockets and through both lanes."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from typing import cast

import pytest
import uvicorn
from hypercorn.asyncio import serve
from hypercorn.config import Config
from hypercorn.typing import ASGIFramework

from server.surfaces.kit.gateway import Gateway
from tests.surfaces.kit.asgi_client import waits_held
from tests.surfaces.kit.conftest import MakeSettings
from tests.surfaces.kit.example import DOORS, gateway_of

THING = b'{"thingId":1}'


class Connection:
    """A client's connection, one request after another."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def say(self, head: str, body: bytes = b"") -> None:
        """Sends a request's line and headers, and its body."""
        self._writer.write(head.replace("\n", "\r\n").encode() + b"\r\nhost: testserver\r\n\r\n" + body)

    async def hear(self, *, bodiless: bool = False) -> tuple[int, dict[str, str], bytes]:
        """The next answer: status, headers, body."""
        async with asyncio.timeout(5):
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            line, *lines = head.strip().split("\r\n")
            headers = {
                name.lower(): value.strip() for name, _, value in (each.partition(":") for each in lines)
            }
            length = 0 if bodiless else int(headers.get("content-length", 0))
            return int(line.split()[1]), headers, await self._reader.readexactly(length)

    def close(self) -> None:
        """The client goes."""
        self._writer.close()


@asynccontextmanager
async def uvicorn_port(gateway: Gateway) -> AsyncIterator[int]:
    """The port at which uvicorn serves the gateway."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        server = uvicorn.Server(
            uvicorn.Config(gateway, log_level="critical", lifespan="off", interface="asgi3")
        )
        task = asyncio.create_task(server._serve([listening]))
        yield int(listening.getsockname()[1])
        server.should_exit = True
        await task


@asynccontextmanager
async def hypercorn_port(gateway: Gateway) -> AsyncIterator[int]:
    """The port at which Hypercorn serves the gateway."""
    listening = socket.create_server(("127.0.0.1", 0))
    port = int(listening.getsockname()[1])
    config = Config.from_mapping(bind=[f"fd://{listening.detach()}"], graceful_timeout=1, errorlog=None)
    stop = asyncio.Event()
    app = cast(ASGIFramework, gateway)
    task = asyncio.create_task(serve(app, config, shutdown_trigger=stop.wait, mode="asgi"))
    yield port
    stop.set()
    await task


@pytest.fixture(params=[uvicorn_port, hypercorn_port])
async def gateway_and_port(
    request: pytest.FixtureRequest, make_settings: MakeSettings
) -> AsyncIterator[tuple[Gateway, int]]:
    DOORS.clear()
    gateway = gateway_of(make_settings(max_body_bytes=1024, body_timeout_seconds=0.2))
    async with request.param(gateway) as port:
        yield gateway, port


@pytest.fixture
async def connection(gateway_and_port: tuple[Gateway, int]) -> AsyncIterator[Connection]:
    made = Connection(*await asyncio.open_connection("127.0.0.1", gateway_and_port[1]))
    yield made
    made.close()


async def test_one_connection_serves_request_after_request(connection: Connection) -> None:
    for number in (1, 2, 3):
        connection.say(f"GET /api/v1/things/{number} HTTP/1.1")
        status, headers, body = await connection.hear()
        assert (status, body) == (200, b'{"thingId":%d}' % number)
        assert headers["x-surface"] == "example"


async def test_an_answer_to_head_is_followed_by_the_next_answer(connection: Connection) -> None:
    connection.say("HEAD /api/v1/things/7 HTTP/1.1")
    status, headers, _ = await connection.hear(bodiless=True)
    connection.say("GET /health HTTP/1.1")

    assert (status, headers["content-length"]) == (200, "13")
    assert (await connection.hear())[2] == b"well"


async def test_an_empty_answer_is_followed_by_the_next_answer(connection: Connection) -> None:
    connection.say("POST /api/v1/binds HTTP/1.1\ncontent-length: 0")
    assert (await connection.hear())[0] == 204
    connection.say("GET /health HTTP/1.1")
    assert (await connection.hear())[0] == 200


async def test_a_body_in_chunks_is_read(connection: Connection) -> None:
    connection.say(
        "POST /api/v1/things HTTP/1.1\ntransfer-encoding: chunked\ncontent-type: application/json",
        b"5\r\n" + THING[:5] + b"\r\n8\r\n" + THING[5:] + b"\r\n0\r\n\r\n",
    )

    assert (await connection.hear())[0] == 201


@pytest.mark.parametrize("framing", ["content-length: 5000", "transfer-encoding: chunked"])
async def test_a_body_that_is_too_large_is_refused(connection: Connection, framing: str) -> None:
    body = b" " * 5000 if "length" in framing else b"1388\r\n" + b" " * 5000 + b"\r\n0\r\n\r\n"
    connection.say(f"POST /api/v1/things HTTP/1.1\n{framing}\ncontent-type: application/json", body)

    assert (await connection.hear())[0] == 413


async def test_a_body_that_does_not_come_is_refused(connection: Connection) -> None:
    connection.say("POST /api/v1/things HTTP/1.1\ncontent-length: 5\ncontent-type: application/json", b"{")

    assert (await connection.hear())[0] == 408


async def test_a_wait_ends_when_its_client_hangs_up(
    gateway_and_port: tuple[Gateway, int], connection: Connection
) -> None:
    gateway, _ = gateway_and_port
    connection.say("GET /api/v1/doors/1/wait?timeoutSeconds=30 HTTP/1.1\nx-caller: 1")
    await waits_held(gateway, 1)

    connection.close()

    await waits_held(gateway, 0)


async def test_waits_are_answered_when_the_process_stops(
    gateway_and_port: tuple[Gateway, int], connection: Connection
) -> None:
    gateway, _ = gateway_and_port
    connection.say("GET /api/v1/doors/1/wait?timeoutSeconds=30 HTTP/1.1\nx-caller: 1")
    await waits_held(gateway, 1)

    gateway.begin_shutdown()

    assert (await connection.hear())[0] == 200
