"""What a peer can do to a connection before it has made a request, under both servers."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import cast

import pytest
from h2.connection import H2Connection
from h2.events import DataReceived, Event

from server.serve.heads import MAX_HEAD_BYTES
from tests.serve.instances import PATIENCE_SECONDS, Instance, answer, listening_instance, read_answer

GET = b"GET /pid HTTP/1.1\r\nhost: x\r\n\r\n"


@pytest.fixture(scope="module", params=["uvicorn", "hypercorn"])
async def running(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, unused_database_url: str
) -> AsyncIterator[Instance]:
    """An instance with the time-outs that are usual."""
    folder = tmp_path_factory.mktemp("data")
    async with listening_instance(
        folder, unused_database_url, COUNTERSIGN_SERVER=cast(str, request.param)
    ) as started:
        yield started
        await _ends_well(started)


@pytest.fixture(scope="module", params=["uvicorn", "hypercorn"])
async def hasty(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, unused_database_url: str
) -> AsyncIterator[Instance]:
    """An instance that has little patience."""
    async with listening_instance(
        tmp_path_factory.mktemp("data"),
        unused_database_url,
        COUNTERSIGN_SERVER=cast(str, request.param),
        COUNTERSIGN_HEADER_TIMEOUT_SECONDS="0.5",
        COUNTERSIGN_IDLE_TIMEOUT_SECONDS="1",
    ) as started:
        yield started
        await _ends_well(started)


async def _ends_well(started: Instance) -> None:
    started.send(signal.SIGTERM)
    assert await started.ended() == (0, "")
    assert not [line for line in started.lines if "exception" in line]


async def test_a_head_that_is_not_finished_is_cut(hasty: Instance) -> None:
    reader, writer = await hasty.connect()
    assert (await answer(reader, writer, b"GET /pid HTTP/1.1\r\nhost"))[0] == 408
    assert await reader.read() == b""


async def test_a_head_that_trickles_is_cut(hasty: Instance) -> None:
    """Each byte in time does not make a head in time."""
    reader, writer = await hasty.connect()

    async def trickle() -> None:
        while True:
            writer.write(b"x")
            await asyncio.sleep(0.05)

    writer.write(b"GET /pid HTTP/1.1\r\nx: ")
    trickling = asyncio.create_task(trickle())
    async with asyncio.timeout(PATIENCE_SECONDS):
        assert (await reader.readline()).startswith(b"HTTP/1.1 408")
    trickling.cancel()
    writer.close()


@pytest.mark.parametrize("first", [b"", b"\r\n"])
async def test_a_connection_on_which_nothing_is_asked_is_closed(first: bytes, hasty: Instance) -> None:
    reader, writer = await hasty.connect()
    writer.write(first)
    async with asyncio.timeout(PATIENCE_SECONDS):
        await reader.read()
    writer.close()


async def test_the_second_head_has_a_limit_too(hasty: Instance) -> None:
    reader, writer = await hasty.connect()
    writer.write(GET)
    assert (await read_answer(reader))[0] == 200
    assert (await answer(reader, writer, b"GET"))[0] == 408


async def test_an_idle_connection_is_kept_for_its_time_and_then_closed(hasty: Instance) -> None:
    """It outlives the time-out of heads, not its own."""
    reader, writer = await hasty.connect()
    writer.write(GET)
    await read_answer(reader)
    idle_since = asyncio.get_running_loop().time()
    async with asyncio.timeout(PATIENCE_SECONDS):
        assert await reader.read() == b""
    assert asyncio.get_running_loop().time() - idle_since > 0.8
    writer.close()


async def test_an_answer_may_take_longer_than_a_head(hasty: Instance) -> None:
    assert await hasty.get("/slow") == (200, b"done")


@pytest.mark.parametrize(
    ("make", "status"),
    [
        (lambda size: b"GET /pid?%s HTTP/1.1\r\nhost: x\r\n\r\n" % (b"a" * size), 431),
        (lambda size: b"GET /pid HTTP/1.1\r\nhost: x\r\nx: %s\r\n\r\n" % (b"a" * size), 431),
        (lambda size: b"GET /pid HTTP/1.1\r\nhost: x\r\n%s\r\n" % (b"a: b\r\n" * (size // 6)), 431),
    ],
    ids=["url", "one header", "many headers"],
)
async def test_a_head_that_is_too_long_is_refused(
    make: Callable[[int], bytes], status: int, running: Instance
) -> None:
    assert (await answer(*await running.connect(), make(MAX_HEAD_BYTES - 1000)))[0] == 200
    assert (await answer(*await running.connect(), make(MAX_HEAD_BYTES + 1000)))[0] == status


async def test_a_head_without_an_end_is_refused(running: Instance) -> None:
    """It is not kept in memory until it is complete."""
    reader, writer = await running.connect()
    writer.write(b"GET /pid HTTP/1.1\r\nhost: x\r\nx: " + b"a" * (MAX_HEAD_BYTES + 1000))
    async with asyncio.timeout(PATIENCE_SECONDS):
        assert (await reader.readline()).startswith(b"HTTP/1.1 431")
    writer.close()


async def test_what_is_not_http_is_refused(running: Instance) -> None:
    assert (await answer(*await running.connect(), b"\x16\x03\x01 hello\r\n\r\n"))[0] == 400


async def test_a_request_after_a_body_is_read_from_its_start(running: Instance) -> None:
    """Sizes are counted for each request, not for the connection."""
    reader, writer = await running.connect()
    body = b"a" * (MAX_HEAD_BYTES + 1000)
    for _ in range(3):
        writer.write(b"POST /body HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
        assert (await read_answer(reader))[0] == 200
    assert (await answer(reader, writer, GET))[0] == 200


async def test_requests_sent_together_are_answered_in_turn(running: Instance) -> None:
    reader, writer = await running.connect()
    writer.write(GET * 3)
    assert [(await read_answer(reader))[0] for _ in range(3)] == [200, 200, 200]
    writer.close()


async def test_a_websocket_is_not_offered(running: Instance) -> None:
    reader, writer = await running.connect()
    writer.write(
        b"GET /pid HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
        b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    async with asyncio.timeout(PATIENCE_SECONDS):
        assert b" 101 " not in await reader.read()
    writer.close()


async def test_http_2_is_spoken_by_hypercorn(tmp_path: Path, unused_database_url: str) -> None:
    """And an answer that waits comes before the end, as under HTTP/1.1."""
    async with listening_instance(tmp_path, unused_database_url, COUNTERSIGN_SERVER="hypercorn") as running:
        reader, writer = await running.connect()
        http = H2Connection()
        http.initiate_connection()
        http.send_headers(
            1,
            [(":method", "GET"), (":path", "/wait"), (":scheme", "http"), (":authority", "x")],
            end_stream=True,
        )
        writer.write(http.data_to_send())
        await running.line("waiting")
        running.send(signal.SIGTERM)
        events: list[Event] = []
        async with asyncio.timeout(PATIENCE_SECONDS):
            while data := await reader.read(65_536):
                events += http.receive_data(data)
        writer.close()

        assert b"".join(event.data for event in events if isinstance(event, DataReceived)) == b"stopping"
        assert await running.ended() == (0, "")


async def test_a_connection_that_ends_with_an_answer_is_said_to(running: Instance) -> None:
    """Where an answer comes before its request's body was read, the next request may not be heard."""
    reader, writer = await running.connect()
    writer.write(b"POST /pid HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\n")
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE_SECONDS)
    length = int(head.lower().partition(b"content-length: ")[2].split()[0])
    await reader.readexactly(length)

    writer.write(b"body")
    if b"connection: close" in head.lower():
        assert await asyncio.wait_for(reader.read(), PATIENCE_SECONDS) == b""
        writer.close()
    else:
        assert (await answer(reader, writer, GET))[0] == 200
