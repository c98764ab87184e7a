"""Hypercorn, with what it lacks: a limit on the time and on the size of a request's head.

Its own `worker_serve` names its connection class itself, so the few lines around it are written here.
"""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Collection, Sequence
from http import HTTPStatus
from typing import Any, cast

import structlog
from hypercorn.asyncio.lifespan import Lifespan
from hypercorn.asyncio.tcp_server import TCPServer
from hypercorn.asyncio.worker_context import WorkerContext
from hypercorn.config import Config
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.typing import LifespanState
from hypercorn.utils import LifespanFailureError, LifespanTimeoutError, wrap_app

from server.base.settings import Settings
from server.serve.application import Application, Message, Receive, Send
from server.serve.heads import MAX_HEAD_BYTES, refusal, refusal_body
from server.serve.listening import BACKLOG
from server.serve.refusal import StartupFailed
from server.serve.stopping import Stop

_READ_BYTES = 64 * 1024


async def serve_with_hypercorn(
    application: Application,
    listeners: Sequence[socket.socket],
    settings: Settings,
    stop: Stop,
    ready: Callable[[], None],
) -> None:
    """*application* was served on *listeners*, HTTP/1.1 and HTTP/2, until *stop* was requested.

    Arguments, grace and errors are those of `serve_with_uvicorn`.
    """
    loop = asyncio.get_running_loop()
    config = _config(settings)
    wrapped = wrap_app(cast(Any, _guarded(application)), config.wsgi_max_body_size, "asgi")
    state: LifespanState = {}
    lifespan = Lifespan(wrapped, config, loop, state)
    life = loop.create_task(lifespan.handle_lifespan())
    await _begin(lifespan, life)

    context = WorkerContext(max_requests=None)
    connections: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = cast(asyncio.Task[None], asyncio.current_task())
        connections.add(task)
        task.add_done_callback(connections.discard)
        await _Connection(
            wrapped,
            loop,
            config,
            context,
            state,
            reader,
            writer,
            head_timeout_seconds=settings.header_timeout_seconds,
        )

    accepting = [
        await asyncio.start_server(connected, sock=listener, backlog=BACKLOG) for listener in listeners
    ]
    ready()
    try:
        await stop.requested.wait()
    finally:
        for server in accepting:
            server.close()
        await context.terminated.set()
        await _finish(connections, settings.shutdown_grace_seconds, stop)
        if not stop.at_once.is_set():
            await lifespan.wait_for_shutdown()
        life.cancel()
        await asyncio.gather(life, return_exceptions=True)


def _config(settings: Settings) -> Config:
    config = Config()
    config.accesslog = None
    config.errorlog = logging.getLogger("hypercorn.error")
    config.include_server_header = False
    config.keep_alive_timeout = settings.idle_timeout_seconds
    config.keep_alive_max_requests = 10_000
    config.h11_max_incomplete_size = MAX_HEAD_BYTES
    config.h2_max_header_list_size = MAX_HEAD_BYTES
    return config


async def _begin(lifespan: Lifespan, life: asyncio.Task[None]) -> None:
    try:
        await lifespan.wait_for_startup()
    except LifespanTimeoutError:
        raise StartupFailed from None
    if not lifespan.supported:
        raise StartupFailed
    if life.done() and isinstance(failure := life.exception(), LifespanFailureError):
        logging.getLogger("hypercorn.error").error("%s", failure)
        raise StartupFailed


async def _finish(connections: set[asyncio.Task[None]], grace_seconds: float, stop: Stop) -> None:
    """Every connection is closed: by itself within the grace, or cancelled."""
    hurry = asyncio.create_task(stop.at_once.wait())
    finished = asyncio.create_task(_all_done(connections))
    await asyncio.wait((hurry, finished), timeout=grace_seconds, return_when=asyncio.FIRST_COMPLETED)
    late = [hurry, finished, *connections]
    for task in late:
        task.cancel()
    await asyncio.gather(*late, return_exceptions=True)


async def _all_done(tasks: Collection[asyncio.Task[None]]) -> None:
    if tasks:
        await asyncio.wait(tasks)


class _Connection(TCPServer):
    """A connection whose peer cannot hold it without making a request.

    The head of an HTTP/1.1 request must be complete within *head_timeout_seconds*, counted from the
    connection's start or, on a kept connection, from the first byte after an answer. On HTTP/2 this
    holds for the first request; between later ones only the idle time-out counts.
    """

    def __init__(self, *args: Any, head_timeout_seconds: float) -> None:  # noqa: ANN401 - hypercorn's
        super().__init__(*args)
        self._head_timeout_seconds = head_timeout_seconds
        self._is_idle = True
        self._has_read = False
        self._deadline: asyncio.TimerHandle | None = None

    async def protocol_send(self, event: Event) -> None:
        """*event* is obeyed: bytes are written, or a request has begun, or its answer is complete."""
        if isinstance(event, Updated):
            self._is_idle = event.idle
            self._clear_deadline()
        await super().protocol_send(event)

    async def _read_data(self) -> None:
        self._start_deadline()
        try:
            while not self.reader.at_eof():
                try:
                    data = await self.reader.read(_READ_BYTES)
                except OSError:
                    break
                self._has_read = True
                if self._is_idle and self._deadline is None and self._speaks_http_1():
                    self._start_deadline()
                await self.protocol.handle(RawData(data))
        finally:
            self._clear_deadline()
        await self.protocol.handle(Closed())

    def _speaks_http_1(self) -> bool:
        return isinstance(self.protocol.protocol, H11Protocol)

    def _start_deadline(self) -> None:
        self._deadline = self.loop.call_later(self._head_timeout_seconds, self._too_slow)

    def _clear_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_slow(self) -> None:
        self._deadline = None
        if self._has_read and self._speaks_http_1():
            self.writer.write(refusal(HTTPStatus.REQUEST_TIMEOUT))
        self.writer.close()


def _guarded(application: Application) -> Callable[[Message, Receive, Send], Awaitable[None]]:
    """*application* behind a limit on the head's size, its failure to begin logged with the cause."""

    async def serve(scope: Message, receive: Receive, send: Send) -> None:
        match scope["type"]:
            case "http" if _head_length(scope) > MAX_HEAD_BYTES:
                await _refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, scope, send)
            case "http" if scope["http_version"] != "2" and _has_body(scope):
                await _serve_and_tell(application, scope, receive, send)
            case "http":
                await application(scope, receive, send)
            case "lifespan":
                await _live(application, scope, receive, send)
            case _:
                await send({"type": "websocket.close"})

    return serve


async def _serve_and_tell(application: Application, scope: Message, receive: Receive, send: Send) -> None:
    """An answer that comes before its request's body was read says that the connection ends with it.

    Hypercorn ends it then; a client that is not told sends its next request into nothing.
    """
    has_all = False

    async def receiving() -> Message:
        nonlocal has_all
        message = await receive()
        has_all = has_all or not message.get("more_body", False)
        return message

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start" and not has_all:
            message = {**message, "headers": [*message["headers"], (b"connection", b"close")]}
        await send(message)

    await application(scope, receiving, sending)


def _has_body(scope: Message) -> bool:
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and value != b"0")
        for name, value in scope["headers"]
    )


async def _live(application: Application, scope: Message, receive: Receive, send: Send) -> None:
    try:
        await application(scope, receive, send)
    except LifespanFailureError:
        raise
    except Exception:
        structlog.get_logger(__name__).exception("lifespan.failed")
        raise


def _head_length(scope: Message) -> int:
    fields = sum(len(name) + len(value) + 4 for name, value in scope["headers"])
    return len(scope["raw_path"]) + len(scope["query_string"]) + fields


async def _refuse(status: HTTPStatus, scope: Message, send: Send) -> None:
    headers = [(b"content-type", b"application/problem+json")]
    if scope["http_version"] != "2":
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status.value, "headers": headers})
    await send({"type": "http.response.body", "body": refusal_body(status)})
