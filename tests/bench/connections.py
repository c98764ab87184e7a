"""Connections to a server's processes. Which of them accepts one is chance, so each connection is asked."""

import json
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from time import perf_counter

from tests.bench.echo import PROCESS_PATH
from tests.bench.load import PATIENCE_SECONDS
from tests.bench.wire import Address, Answer, Expected, is_whole, read_answer, request_bytes

OK = Expected(200)
PROCESS = request_bytes("GET", PROCESS_PATH)
# So many times the connections that are needed are opened before it is given up.
MOST_TRIES = 8

ByProcess = dict[int, Sequence[socket.socket]]


class OneSided(Exception):
    """Some process accepted too few connections, so nothing can be said about all of them."""


@contextmanager
def connections_to(address: Address, count: int, *, processes: int = 1) -> Iterator[list[socket.socket]]:
    """*count* connections, as many to each of the server's processes, and turn by turn.

    Raises:
        OneSided: A process did not accept its share.
    """
    with connections_by_process(address, -(-count // processes), processes=processes) as by_process:
        yield [each for turn in zip(*by_process.values(), strict=True) for each in turn][:count]


@contextmanager
def connections_by_process(address: Address, each: int, *, processes: int) -> Iterator[ByProcess]:
    """*each* connections to each of the server's *processes*, by the process's id.

    Raises:
        OneSided: A process did not accept its share.
    """
    by_process: dict[int, list[socket.socket]] = {}
    with ExitStack() as opened:
        for _ in range(MOST_TRIES * each * processes):
            connection = opened.enter_context(connect(address))
            mine = by_process.setdefault(process_of(connection), [])
            if len(mine) < each:
                mine.append(connection)
            if len(by_process) == processes and all(len(some) == each for some in by_process.values()):
                yield {process: tuple(some) for process, some in by_process.items()}
                return
    counts = ", ".join(str(len(some)) for some in by_process.values())
    raise OneSided(f"{processes} processes should have {each} connections each, and have {counts}")


def ask(connection: socket.socket, request: bytes) -> Answer:
    """The answer to *request*; the thread waits for it.

    Raises:
        OSError: The connection was lost, or no answer came.
    """
    connection.settimeout(PATIENCE_SECONDS)
    try:
        connection.sendall(request)
        raw = b""
        while not is_whole(raw):
            data = connection.recv(65_536)
            if not data:
                raise ConnectionResetError("the server closed a connection")
            raw += data
        return read_answer(raw, perf_counter())
    finally:
        connection.setblocking(False)


def connect(address: Address) -> socket.socket:
    """A connection, which never blocks but in `ask`."""
    connection = socket.create_connection(address, PATIENCE_SECONDS)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setblocking(False)
    return connection


def process_of(connection: socket.socket) -> int:
    """Which of the server's processes has it."""
    answer = ask(connection, PROCESS)
    OK.check(answer)
    process: int = json.loads(answer.body)["process"]
    return process
