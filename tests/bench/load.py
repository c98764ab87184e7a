"""A load generator that costs little, so that the server is what is measured: they share the machine.

Bare sockets and one epoll, in one thread. It looks at its connections once a millisecond and takes all
answers that are there. Woken by each answer it would use twice the processor time a request, and so would
the server, who would have to wake it. Each connection has at most one request under way; with enough of
them the server never has to wait for the next look.
"""

import gc
import select
import socket
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter, process_time, sleep
from typing import Self

from tests.bench.wire import Expected, is_whole

LOOK_SECONDS = 0.001
# More than any answer here; one that is longer comes in parts.
_MOST_BYTES = 65_536
# Nothing that is asked here takes as long.
PATIENCE_SECONDS = 30.0


class NoAnswer(Exception):
    """The server took requests and did not answer."""


@dataclass(frozen=True, slots=True)
class Measured:
    """How many expected answers arrived in how long.

    Args:
        answers: Those that were complete when the time was over.
        load_seconds: The processor time that the load generator used meanwhile.
    """

    answers: int
    seconds: float
    load_seconds: float

    @property
    def per_second(self) -> float:
        """Requests per second."""
        return self.answers / self.seconds


def saturate(
    connections: Sequence[socket.socket],
    requests: Iterable[bytes],
    expected: Expected,
    *,
    seconds: float = float("inf"),
) -> Measured:
    """How many *requests* the server answers when all *connections* always have one under way.

    It blocks the thread, event loop and all. Python's garbage collector rests meanwhile.

    Args:
        connections: Open and quiet, as they are again afterwards.
        requests: Sent in this order, each once.
        expected: What every answer must be.
        seconds: For how long, if the requests do not end before. What is under way then is awaited, and
            not counted.

    Raises:
        WrongAnswer: An answer, counted or not, was not the expected one.
        NoAnswer: None came for half a minute.
        OSError: A connection was lost.
    """
    with undisturbed(), _Saturation(connections, iter(requests), expected) as saturation:
        return saturation.run(seconds)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Python's garbage collector does its work before, and rests inside."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


class _Saturation:
    """Connections that send the next request as soon as it is seen that they are answered."""

    def __init__(
        self, connections: Sequence[socket.socket], requests: Iterator[bytes], expected: Expected
    ) -> None:
        self._ends = {each.fileno(): (each.recv, each.send) for each in connections}
        self._requests = requests
        self._expected = expected
        self._beginning, self._part = expected.beginning, expected.part
        self._parts: dict[int, bytes] = {}
        self._answers = 0
        self._under_way = 0
        self._is_over = False
        self._epoll = select.epoll()

    def __enter__(self) -> Self:
        for descriptor in self._ends:
            self._epoll.register(descriptor, select.EPOLLIN)
        return self

    def __exit__(self, *_: object) -> None:
        self._epoll.close()

    def run(self, seconds: float) -> Measured:
        """Answers were counted until the time was over or the requests were; the rest was awaited."""
        used, began = process_time(), perf_counter()
        for (_, send), request in zip(self._ends.values(), self._requests, strict=False):
            send(request)
            self._under_way += 1
        while not self._is_over:
            self._look()
            self._is_over |= perf_counter() - began >= seconds
        measured = Measured(self._answers, perf_counter() - began, process_time() - used)
        while self._under_way:
            self._look()
        return measured

    def _look(self) -> None:
        sleep(LOOK_SECONDS)
        found = self._epoll.poll(PATIENCE_SECONDS)
        if not found:
            raise NoAnswer(f"{self._under_way} requests were not answered in {PATIENCE_SECONDS:.0f} seconds")
        for descriptor, _ in found:
            receive, send = self._ends[descriptor]
            if not self._is_answered(descriptor, receive(_MOST_BYTES)):
                continue
            self._answers += 1
            request = None if self._is_over else next(self._requests, None)
            if request is not None:
                send(request)
            else:
                self._is_over = True
                self._under_way -= 1

    def _is_answered(self, descriptor: int, data: bytes) -> bool:
        """Whether *data* completes an answer, which is the expected one."""
        if not data:
            raise ConnectionResetError("the server closed a connection")
        if self._parts and descriptor in self._parts:
            data = self._parts.pop(descriptor) + data
        if not is_whole(data):
            self._parts[descriptor] = data
            return False
        if not data.startswith(self._beginning) or self._part not in data:
            raise self._expected.missed_by(data)
        return True
