"""Answers as they arrive at a raw socket: most in one piece, every other kind as uvicorn would send it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any, cast

import pytest
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from server.serve.application import Message, Receive, Send
from server.serve.uvicorn_server import GuardedProtocol

Port = int
Writes = list[bytes]


def start(status: int, *headers: tuple[bytes, bytes]) -> Message:
    return {"type": "http.response.start", "status": status, "headers": list(headers)}


def body(content: bytes, *, more: bool = False) -> Message:
    return {"type": "http.response.body", "body": content, "more_body": more}


def sized(content: bytes) -> tuple[bytes, bytes]:
    return b"content-length", b"%d" % len(content)


ANSWERS: dict[str, list[Message]] = {
    "/whole": [start(200, sized(b"hello"), (b"x-one", b"1")), body(b"hello")],
    "/empty": [start(204), body(b"")],
    "/pieces": [start(200), body(b"hel", more=True), body(b"lo")],
    "/short": [start(200, (b"content-length", b"9")), body(b"hello")],
    "/smuggled": [start(200, sized(b"hello"), (b"x-one", b"1\r\nx-two: 2")), body(b"hello")],
    "/last": [start(200, sized(b"hello"), (b"connection", b"close")), body(b"hello")],
    "/unsized": [start(200), body(b"hello")],
    "/unchanged": [start(304, (b"etag", b'"1"')), body(b"")],
    "/twice": [start(204), start(200), body(b"")],
}


async def app(scope: Message, receive: Receive, send: Send) -> None:
    if scope["path"] == "/read":
        received = (await receive())["body"]
        await send(start(200, sized(received)))
        await send(body(received))
        return
    if scope["path"] == "/crash":
        await send(start(200, sized(b"hello")))
        raise RuntimeError("between the head and the body")
    for message in ANSWERS[scope["path"]]:
        await send(message)


@pytest.fixture(scope="module")
async def writes() -> Writes:
    """What the server wrote, a piece for each call."""
    return []


@pytest.fixture(scope="module")
async def port(writes: Writes) -> AsyncIterator[Port]:
    class Noting(GuardedProtocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn does
            super().connection_made(cast(Any, NotingTransport(transport, writes)))

    config = uvicorn.Config(
        app,
        http=cast(type[HttpToolsProtocol], partial(Noting, head_timeout_seconds=5)),
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        port=0,
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server._serve())  # `serve` would take the process's signals
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await serving


class NotingTransport:
    """A transport that notes what is written through it."""

    def __init__(self, transport: asyncio.Transport, writes: Writes) -> None:
        self._transport = transport
        self._writes = writes

    def write(self, data: bytes) -> None:
        """*data* is written."""
        self._writes.append(data)
        self._transport.write(data)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever a transport has
        return getattr(self._transport, name)


Ask = Callable[..., Awaitable[tuple[bytes, Writes]]]


@pytest.fixture
async def ask(port: Port, writes: Writes) -> Ask:
    async def ask(path: str, method: str = "GET", version: str = "1.1") -> tuple[bytes, Writes]:
        """What arrived until the server said no more for a moment, and in which pieces it was written."""
        writes.clear()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"{method} {path} HTTP/{version}\r\nhost: x\r\n\r\n".encode())
        arrived = b""
        try:
            async with asyncio.timeout(0.3):
                while piece := await reader.read(65536):
                    arrived += piece
                arrived += b"(closed)"
        except TimeoutError:
            pass
        writer.close()
        return arrived, list(writes)

    return ask


async def test_a_short_answer_is_written_in_one_piece(ask: Ask) -> None:
    arrived, pieces = await ask("/whole")

    assert len(pieces) == 1
    head, _, content = arrived.partition(b"\r\n\r\n")
    assert content == b"hello"
    lines = head.split(b"\r\n")
    assert lines[0] == b"HTTP/1.1 200 OK"
    assert {line.partition(b":")[0] for line in lines[1:]} == {b"date", b"content-length", b"x-one"}


async def test_an_answer_without_a_body_is_one_too(ask: Ask) -> None:
    arrived, pieces = await ask("/empty")

    assert len(pieces) == 1
    assert arrived.startswith(b"HTTP/1.1 204 No Content\r\n")
    assert arrived.endswith(b"\r\n\r\n")


async def test_an_answer_that_nothing_changed_has_neither_body_nor_length(ask: Ask) -> None:
    arrived, pieces = await ask("/unchanged")

    assert len(pieces) == 1
    assert arrived.startswith(b"HTTP/1.1 304 Not Modified\r\n")
    assert b"content-length" not in arrived
    assert arrived.endswith(b"\r\n\r\n")


async def test_a_client_that_asks_before_it_sends_its_body_is_told_to_go_on(port: Port) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST /read HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\nexpect: 100-continue\r\n\r\n")
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(b"hello")

    assert (await reader.readuntil(b"hello")).startswith(b"HTTP/1.1 200 OK\r\n")
    writer.close()


async def test_a_second_head_is_refused_as_uvicorn_does(ask: Ask) -> None:
    arrived, _ = await ask("/twice")

    assert arrived.count(b"HTTP/1.1") == 1
    assert arrived.endswith(b"(closed)")


async def test_a_connection_answers_again(port: Port) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for path, end in (("/whole", b"hello"), ("/empty", b"\r\n\r\n"), ("/whole", b"hello")):
        writer.write(f"GET {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
        assert (await reader.readuntil(end)).startswith(b"HTTP/1.1 20")
    writer.close()


async def test_pipelined_requests_are_answered_in_turn(port: Port) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /whole HTTP/1.1\r\nhost: x\r\n\r\nGET /empty HTTP/1.1\r\nhost: x\r\n\r\n")

    assert (await reader.readuntil(b"hello")).startswith(b"HTTP/1.1 200 OK")
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 204 No Content")
    writer.close()


async def test_a_body_that_comes_in_pieces_is_sent_in_pieces(ask: Ask) -> None:
    arrived, _ = await ask("/pieces")

    assert b"transfer-encoding: chunked" in arrived
    assert arrived.endswith(b"3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n")


async def test_a_body_without_a_length_is_chunked(ask: Ask) -> None:
    arrived, _ = await ask("/unsized")

    assert arrived.endswith(b"5\r\nhello\r\n0\r\n\r\n")


async def test_an_answer_to_head_has_no_body(ask: Ask) -> None:
    arrived, _ = await ask("/whole", "HEAD")

    assert b"content-length: 5" in arrived
    assert arrived.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(("path", "version"), [("/last", "1.1"), ("/whole", "1.0")])
async def test_the_last_answer_closes_the_connection(ask: Ask, path: str, version: str) -> None:
    arrived, _ = await ask(path, version=version)

    assert b"connection: close" in arrived
    assert arrived.endswith(b"hello(closed)")


@pytest.mark.parametrize("path", ["/smuggled", "/short"])
async def test_what_does_not_fit_together_is_not_sent_as_it_is(ask: Ask, path: str) -> None:
    arrived, _ = await ask(path)

    assert b"x-two" not in arrived
    assert b" 500 " in arrived or arrived.endswith(b"(closed)")


async def test_a_failure_between_head_and_body_is_an_internal_server_error(ask: Ask) -> None:
    """The head had not left yet, so the client learns what happened instead of half an answer."""
    arrived, _ = await ask("/crash")

    assert arrived.startswith(b"HTTP/1.1 500 ")
