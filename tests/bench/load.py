"""A lean HTTP/1.1 client, so that the server is what is measured.

It keeps connections alive, sends one request at a time on each, and reads no more of an answer than where it
ends and whether it is the expected one.
"""

import asyncio
import gc
from base64 import b64encode
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from time import perf_counter
from typing import NamedTuple, cast

_LENGTH = b"content-length: "


class WrongAnswer(Exception):
    """An answer is not the expected one, so the measurement is worth nothing."""


class Address(NamedTuple):
    """Where the server listens."""

    host: str
    port: int


class Answer(NamedTuple):
    """An answer that arrived.

    Args:
        raw: Head and body.
        at: When it was complete, on `perf_counter`.
    """

    status: int
    raw: bytes
    at: float

    @property
    def body(self) -> bytes:
        """What follows the head."""
        return self.raw.partition(b"\r\n\r\n")[2]


@dataclass(frozen=True, slots=True)
class Expected:
    """What every answer must be.

    Args:
        status: Its status.
        part: What its head or body holds: that an answer is 200 does not say that it is an approval.
    """

    status: int
    part: bytes = b""

    def check(self, answer: Answer) -> None:
        """*answer* is as expected.

        Raises:
            WrongAnswer: It is not.
        """
        if answer.status != self.status or self.part not in answer.raw:
            raise WrongAnswer(f"expected {self.status} with {self.part!r}, got {answer.raw[:2000]!r}")


@dataclass(frozen=True, slots=True)
class Measured:
    """How many expected answers arrived in how long."""

    answers: int
    seconds: float

    @property
    def per_second(self) -> float:
        """Requests per second."""
        return self.answers / self.seconds


def request_bytes(
    method: str, path: str, body: bytes | None = None, *, credentials: tuple[str, str] | None = None
) -> bytes:
    """A whole HTTP/1.1 request, ready to be sent.

    Args:
        body: JSON; None for none.
        credentials: User and password of HTTP Basic.
    """
    lines = [f"{method} {path} HTTP/1.1", "host: 127.0.0.1", "accept: application/json"]
    if credentials is not None:
        lines.append(f"authorization: Basic {b64encode(':'.join(credentials).encode()).decode()}")
    if body is not None:
        lines += ["content-type: application/json", f"content-length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode("ascii") + (body or b"")


class Connection(asyncio.Protocol):
    """A kept-alive connection with at most one request under way.

    Args:
        answered: Called with each answer, as it is complete.
        lost: Called with the reason when the connection ends before `close`.
    """

    __slots__ = ("_answered", "_closing", "_lost", "_partial", "_transport")

    def __init__(
        self, answered: Callable[["Connection", Answer], None], lost: Callable[[Exception], None]
    ) -> None:
        self._answered = answered
        self._lost = lost
        self._partial = b""
        self._transport: asyncio.Transport | None = None
        self._closing = False

    @classmethod
    async def open(
        cls,
        address: Address,
        answered: Callable[["Connection", Answer], None],
        lost: Callable[[Exception], None],
    ) -> "Connection":
        """A connection to the server."""
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(lambda: cls(answered, lost), address.host, address.port)
        return connection

    def send(self, request: bytes) -> None:
        """*request* is on its way. The one before it was answered."""
        assert self._transport is not None
        self._transport.write(request)

    def close(self) -> None:
        """It is closed, and nobody is told."""
        self._closing = True
        if self._transport is not None:
            self._transport.close()

    # --- asyncio's side ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is open."""
        # uvloop's transports are no subclasses of asyncio's.
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is closed, by us or by the server."""
        if not self._closing:
            self._lost(exc or ConnectionResetError("the server closed a connection"))

    def data_received(self, data: bytes) -> None:
        """A part of an answer, nearly always the whole."""
        if self._partial:
            data = self._partial + data
        end = data.find(b"\r\n\r\n") + 4
        if end >= 4:
            at = data.find(_LENGTH, 0, end)
            if at >= 0:
                end += int(data[at + len(_LENGTH) : data.index(b"\r\n", at)])
            if len(data) >= end:
                self._partial = b""
                self._answered(self, Answer(int(data[9:12]), data, perf_counter()))
                return
        self._partial = data


class Caller:
    """A connection for one question after the other, whose moments are of interest."""

    def __init__(self) -> None:
        self._connection: Connection | None = None
        self._waiting: asyncio.Future[Answer] | None = None

    @classmethod
    async def open(cls, address: Address) -> "Caller":
        """A caller on a connection of its own."""
        caller = cls()
        caller._connection = await Connection.open(address, caller._answered, caller._lost)
        return caller

    def ask(self, request: bytes) -> Awaitable[Answer]:
        """*request* is sent now; the answer comes with the moment at which it arrived."""
        assert self._connection is not None
        self._waiting = asyncio.get_running_loop().create_future()
        self._connection.send(request)
        return self._waiting

    def close(self) -> None:
        """The connection is closed."""
        if self._connection is not None:
            self._connection.close()

    def _answered(self, _: Connection, answer: Answer) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(answer)

    def _lost(self, reason: Exception) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(reason)


class _Saturation:
    """Connections that send the next request as soon as they are answered."""

    def __init__(self, requests: Iterator[bytes], expected: Expected, seconds: float) -> None:
        self._requests = requests
        self._expected = expected
        self._seconds = seconds
        self._began = 0.0
        self._answers = 0
        self._under_way = 0
        self._measured: Measured | None = None
        self._over: asyncio.Future[Measured] = asyncio.get_running_loop().create_future()

    async def run(self, connections: list[Connection]) -> Measured:
        """Answers are counted until the time is over or the requests are; the rest is awaited uncounted.

        Raises:
            WrongAnswer: An answer, counted or not, was not the expected one.
            OSError: A connection was lost.
        """
        self._began = perf_counter()
        for connection, request in zip(connections, self._requests, strict=False):
            self._under_way += 1
            connection.send(request)
        return await self._over

    def answered(self, connection: Connection, answer: Answer) -> None:
        """One more answer."""
        try:
            self._expected.check(answer)
        except WrongAnswer as wrong:
            self.lost(wrong)
            return
        if self._measured is None:
            self._answers += 1
            seconds = answer.at - self._began
            request = next(self._requests, None) if seconds < self._seconds else None
            if request is not None:
                connection.send(request)
                return
            self._measured = Measured(self._answers, seconds)
        self._under_way -= 1
        if self._under_way == 0 and not self._over.done():
            self._over.set_result(self._measured)

    def lost(self, reason: Exception) -> None:
        """It cannot go on."""
        if not self._over.done():
            self._over.set_exception(reason)


async def saturate(
    address: Address,
    requests: Iterable[bytes],
    expected: Expected,
    *,
    connections: int,
    seconds: float = float("inf"),
) -> Measured:
    """How many *requests* the server answers when *connections* always have one under way.

    Python's garbage collector rests meanwhile.

    Args:
        requests: Sent in this order, each once; a cycle for those that may be repeated.
        expected: What every answer must be.
        connections: How many; each opened anew.
        seconds: For how long, if the requests do not end before.

    Raises:
        WrongAnswer: An answer was not the expected one.
        OSError: A connection was refused or lost.
    """
    saturation = _Saturation(iter(requests), expected, seconds)
    opened = [
        await Connection.open(address, saturation.answered, saturation.lost) for _ in range(connections)
    ]
    gc.collect()
    gc.disable()
    try:
        return await saturation.run(opened)
    finally:
        gc.enable()
        for connection in opened:
            connection.close()
