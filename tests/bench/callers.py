"""Connections for one question after the other, whose moments are of interest."""

import asyncio
import socket
from time import perf_counter
from typing import cast

from tests.bench.wire import Answer, is_whole, read_answer


class Caller(asyncio.Protocol):
    """An open connection with at most one request under way."""

    __slots__ = ("_partial", "_transport", "_waiting")

    def __init__(self) -> None:
        self._partial = b""
        self._transport: asyncio.Transport | None = None
        self._waiting: asyncio.Future[Answer] | None = None

    @classmethod
    async def over(cls, connection: socket.socket) -> "Caller":
        """A caller that uses *connection*, which is closed with it."""
        loop = asyncio.get_running_loop()
        _, caller = await loop.create_connection(cls, sock=connection)
        return caller

    def ask(self, request: bytes) -> asyncio.Future[Answer]:
        """*request* is sent now; the answer comes with the moment at which it arrived.

        The one before it was answered.
        """
        assert self._transport is not None
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._waiting

    def close(self) -> None:
        """No more is asked."""
        if self._transport is not None:
            self._transport.close()

    # --- asyncio's side ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is open."""
        # uvloop's transports are no subclasses of asyncio's.
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is closed, by us or by the server."""
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(exc or ConnectionResetError("the server closed a connection"))

    def data_received(self, data: bytes) -> None:
        """A part of an answer, nearly always the whole."""
        at = perf_counter()
        if self._partial:
            data = self._partial + data
        if not is_whole(data):
            self._partial = data
            return
        self._partial = b""
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(read_answer(data, at))
