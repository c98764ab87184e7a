"""The load generator counts what it should, and takes no answer for another."""

import asyncio
import socket
import threading
from collections.abc import Iterator

import pytest

from tests.bench.connections import ask
from tests.bench.load import saturate
from tests.bench.wire import Expected, WrongAnswer, is_whole, request_bytes

BODY = b'{"a":1}'
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 7\r\n\r\n" + BODY
REQUEST = request_bytes("GET", "/")


class _Server(asyncio.Protocol):
    """Answers in two pieces."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is open."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """A request, whole."""
        self._transport.write(ANSWER[:50])
        asyncio.get_running_loop().call_later(0.001, self._transport.write, ANSWER[50:])


@pytest.fixture
def connections() -> Iterator[list[socket.socket]]:
    """Three, to a server in a thread."""
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(loop.create_server(_Server, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    opened = [socket.create_connection(server.sockets[0].getsockname()) for _ in range(3)]
    for each in opened:
        each.setblocking(False)
    yield opened
    for each in opened:
        each.close()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    server.close()
    loop.run_until_complete(asyncio.sleep(0.01))
    loop.close()


def test_every_request_is_answered_and_the_connections_are_quiet_again(
    connections: list[socket.socket],
) -> None:
    """Those still under way at the end are awaited, and not counted."""
    measured = saturate(connections, [REQUEST] * 20, Expected(200, b'"a"'))

    assert 20 - len(connections) < measured.answers <= 20
    assert ask(connections[0], REQUEST).body == BODY


@pytest.mark.parametrize("expected", [Expected(201), Expected(200, b'"b"')])
def test_another_answer_ends_it(connections: list[socket.socket], expected: Expected) -> None:
    """Figures of wrong answers are worth nothing."""
    with pytest.raises(WrongAnswer):
        saturate(connections, [REQUEST] * 20, expected)


@pytest.mark.parametrize("length", range(len(ANSWER)))
def test_an_answer_is_whole_with_its_last_byte(length: int) -> None:
    """Head or body may be cut anywhere."""
    assert not is_whole(ANSWER[:length])
    assert is_whole(ANSWER)
    assert is_whole(b"HTTP/1.1 204 No Content\r\n\r\n")
