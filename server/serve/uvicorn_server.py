"""uvicorn, with what it lacks: a limit on the time and the size of a request's head."""

import asyncio
import math
import socket
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from enum import Enum, auto
from functools import partial
from http import HTTPStatus
from typing import Any, cast

import uvicorn
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from server.base.settings import Settings
from server.serve.application import Application
from server.serve.heads import MAX_HEAD_BYTES, refusal
from server.serve.listening import BACKLOG
from server.serve.refusal import StartupFailed
from server.serve.stopping import Stop
from server.serve.whole_answers import WholeAnswers


async def serve_with_uvicorn(
    application: Application,
    listeners: Sequence[socket.socket],
    settings: Settings,
    stop: Stop,
    ready: Callable[[], None],
) -> None:
    """*application* was served on *listeners* until *stop* was requested, and has ended its lifespan.

    Requests under way may finish within the grace of the settings; then they are cancelled.

    Args:
        application: What answers.
        listeners: Listening sockets; closed afterwards.
        settings: Time-outs and grace.
        stop: When to end.
        ready: Called once, when requests are accepted.

    Raises:
        StartupFailed: The application's lifespan did not begin.
    """
    config = Config(
        cast(Any, application),
        http=cast(
            type[HttpToolsProtocol],
            partial(GuardedProtocol, head_timeout_seconds=settings.header_timeout_seconds),
        ),
        ws="none",
        lifespan="on",
        interface="asgi3",
        loop="none",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=True,
        backlog=BACKLOG,
        timeout_keep_alive=math.ceil(settings.idle_timeout_seconds),
        timeout_graceful_shutdown=math.ceil(settings.shutdown_grace_seconds),
    )
    server = _Server(config, ready)
    obeying = asyncio.create_task(_obey(server, stop))
    try:
        await server.serve(sockets=list(listeners))
    except SystemExit:
        raise StartupFailed from None
    finally:
        obeying.cancel()


class _Server(uvicorn.Server):
    """Leaves signals to the process, and says when it is ready."""

    def __init__(self, config: Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self.started:
            self._ready()


async def _obey(server: uvicorn.Server, stop: Stop) -> None:
    await stop.requested.wait()
    server.should_exit = True
    await stop.at_once.wait()
    server.force_exit = True


class _Reading(Enum):
    """What the next byte of a connection belongs to."""

    NOTHING = auto()  # between requests
    HEAD = auto()
    BODY = auto()


class _HeadTooLong(Exception):
    """Ends the parsing of a request whose request line and headers are longer than `MAX_HEAD_BYTES`."""


class GuardedProtocol(HttpToolsProtocol):
    """An HTTP/1.1 connection whose peer cannot hold it, or memory, without making a request.

    A request's head must be complete within *head_timeout_seconds*, counted from the connection's start
    or, on a kept connection, from the first byte after an answer; and it has at most `MAX_HEAD_BYTES`. A
    body that is still coming when its answer is complete has as long. What is idle between requests,
    uvicorn closes by itself.
    """

    # uvicorn's own attributes just fit into a dictionary that shares its keys with other connections'.
    __slots__ = (
        "_deadline",
        "_head_bytes",
        "_head_timeout_seconds",
        "_perhaps_long",
        "_reading",
        "_refusal",
    )

    def __init__(self, *args: Any, head_timeout_seconds: float, **kwargs: Any) -> None:  # noqa: ANN401 - uvicorn's
        super().__init__(*args, **kwargs)
        self._head_timeout_seconds = head_timeout_seconds
        self._reading = _Reading.NOTHING
        self._head_bytes = 0
        self._perhaps_long = False
        self._deadline: asyncio.TimerHandle | None = None
        self._refusal = HTTPStatus.BAD_REQUEST

    # --- what the transport calls ---

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn does
        """The connection is open, and its first request is due."""
        super().connection_made(transport)
        self._start_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is closed."""
        self._clear_deadline()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """*data* is parsed; requests whose heads it completes have begun."""
        in_body = self._reading is _Reading.BODY
        self._perhaps_long = self._head_bytes + len(data) > MAX_HEAD_BYTES
        super().data_received(data)
        if self._reading is _Reading.HEAD and not in_body:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        if self._deadline is None and (self._reading is _Reading.HEAD or self._is_free()):
            self._start_deadline()

    # --- what the parser calls ---

    def on_message_begin(self) -> None:
        """The first byte of a request is read."""
        super().on_message_begin()
        self._reading = _Reading.HEAD
        self._head_bytes = 0

    def on_headers_complete(self) -> None:
        """A request's head is read."""
        if self._perhaps_long and self._head_length() > MAX_HEAD_BYTES:
            self._refusal = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            raise _HeadTooLong
        self._reading = _Reading.BODY
        self._clear_deadline()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """A request is read to its end."""
        self._reading = _Reading.NOTHING
        self._head_bytes = 0
        super().on_message_complete()

    # --- what uvicorn calls ---

    def on_response_complete(self) -> None:
        """An answer is written."""
        super().on_response_complete()
        if self._reading is _Reading.BODY and self._is_free():
            self._start_deadline()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:  # noqa: ANN401 - uvicorn's
        super()._start_asgi_task(cycle, cast(Any, WholeAnswers(app, cycle)))

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - the caller learns the status, not the parser's words
        """The request is refused, and the connection closed."""
        self._refuse(self._refusal)

    def _unsupported_upgrade_warning(self) -> None:
        # No upgrade is offered: the request is answered as it stands, and the connection, whose parser
        # reads no further, ends with that answer.
        self.cycle.keep_alive = False

    # --- deadlines and refusals ---

    def _is_free(self) -> bool:
        """Whether no answer is under way."""
        cycle = cast(RequestResponseCycle | None, self.cycle)
        return cycle is None or cycle.response_complete

    def _start_deadline(self) -> None:
        self._clear_deadline()
        self._deadline = self.loop.call_later(self._head_timeout_seconds, self._too_slow)

    def _clear_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_slow(self) -> None:
        self._deadline = None
        if self._reading is _Reading.HEAD and self._is_free():
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)
        else:
            self.shutdown()

    def _refuse(self, status: HTTPStatus) -> None:
        in_turn = self._is_free() or (self._reading is _Reading.BODY and not self.cycle.response_started)
        if in_turn and not self.transport.is_closing():
            self.transport.write(refusal(status))
        self.transport.close()

    def _head_length(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
