"""The cold lane: Quart, which serves every route.

Quart sees each route under its surface's mount prefix, so that two documents may one day claim the same bare
path; the gateway has put the prefix there. Which client, which surface, how to refuse: all that is decided
outside it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable
from quart import Quart, request
from quart import Response as QuartResponse
from quart.asgi import ASGIHTTPConnection
from quart.wrappers import Request
from werkzeug.datastructures import Headers
from werkzeug.exceptions import (
    HTTPException,
    RequestEntityTooLarge,
    RequestTimeout,
)
from werkzeug.exceptions import (
    MethodNotAllowed as WrongMethod,
)
from werkzeug.routing import BaseConverter

from server.base.errors import AppError, BodyTooLarge, BodyTooSlow, MethodNotAllowed, RouteNotFound
from server.base.settings import Settings
from server.db.wakeups import Subscription
from server.surfaces.kit.asgi import Receive, Scope, Send
from server.surfaces.kit.endpoint import CLIENT_GONE_STATUS, Endpoint, Finisher
from server.surfaces.kit.exchange import ClientGone, Exchange
from server.surfaces.kit.path_parameters import KINDS, ParameterKind
from server.surfaces.kit.preflights import PREFLIGHT
from server.surfaces.kit.resolver import MOUNTS
from server.surfaces.kit.surface import Route

KEPT = "countersign"


class QuartLine:
    """Reads through Quart, which reads in a task of its own. One for each request."""

    def __init__(self) -> None:
        self._gone = False
        self._idle: asyncio.Task[object] | None = None

    async def body(self, exchange: Exchange) -> bytes:  # noqa: ARG002 - Quart knows its request
        """The whole body.

        Raises:
            BodyTooLarge: It is longer than the instance accepts.
            BodyTooSlow: It did not arrive in time.
            ClientGone: The client closed the connection before it was complete.
        """
        with self._only_waiting():
            try:
                return await request.get_data(cache=True, as_text=False, parse_form_data=False)
            except RequestEntityTooLarge as cause:
                raise BodyTooLarge from cause
            except RequestTimeout as cause:
                raise BodyTooSlow from cause

    async def linger(self, exchange: Exchange, subscription: Subscription, seconds: float) -> None:  # noqa: ARG002 - as above
        """The subscription was woken, or so many seconds have passed.

        Raises:
            ClientGone: The client closed the connection.
        """
        with self._only_waiting():
            await subscription.wait(seconds)

    def leave(self) -> None:
        """The client has closed the connection: waiting ends; work that is being done goes on."""
        if not self._gone:
            self._gone = True
            if self._idle is not None:
                self._idle.cancel()

    def _has_left(self) -> bool:
        return self._gone

    @contextmanager
    def _only_waiting(self) -> Iterator[None]:
        """Inside, the request is given up when the client goes.

        Raises:
            ClientGone: It went.
        """
        if self._has_left():
            raise ClientGone
        task = self._idle = asyncio.current_task()
        try:
            yield
        except asyncio.CancelledError:
            # Whoever else cancelled this task, such as a server that stops, still has its way.
            if task is None or not self._has_left() or task.uncancel() > 0:
                raise
            raise ClientGone from None
        finally:
            self._idle = None


@dataclass(frozen=True, slots=True)
class _Kept:
    """What the gateway knows of a request, kept in its scope while Quart has it."""

    exchange: Exchange
    finisher: Finisher
    line: QuartLine


class ColdLane:
    """A Quart application with all routes.

    Args:
        endpoints: All of them, hot ones too.
        settings: How long, and how slow, a body may be.
    """

    def __init__(self, endpoints: Iterable[Endpoint], settings: Settings) -> None:
        app = Quart("countersign", static_folder=None, template_folder=None)
        app.asgi_http_class = _Connection
        app.config.update(
            MAX_CONTENT_LENGTH=settings.max_body_bytes,
            BODY_TIMEOUT=settings.body_timeout_seconds,
            PROVIDE_AUTOMATIC_OPTIONS=False,
        )
        app.url_map.merge_slashes = False
        app.url_map.converters |= {name: _converter(kind) for name, kind in KINDS.items()}
        for endpoint in endpoints:
            app.add_url_rule(
                _rule(endpoint.route),
                endpoint=f"{endpoint.route.method} {_rule(endpoint.route)}",
                view_func=_view(endpoint),
                methods=[endpoint.route.method],
                provide_automatic_options=False,
            )
        app.register_error_handler(HTTPException, _unrouted)
        # ASGI's words are plain mappings here and typed ones there.
        self._asgi = cast("Callable[[Scope, Receive, Send], Awaitable[None]]", app.asgi_app)

    async def serve(
        self, finisher: Finisher, exchange: Exchange, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """The request is answered, by *finisher*'s surface if no route does."""
        line = exchange.line = QuartLine()
        inner = {
            **scope,
            "path": f"{MOUNTS}{finisher.surface.mount}{exchange.path}",
            "root_path": "",
            KEPT: _Kept(exchange, finisher, line),
        }
        await self._asgi(inner, receive, send)


def _converter(kind: ParameterKind) -> type[BaseConverter]:
    """What Quart reads a parameter of this *kind* with.

    The pattern alone decides: what a converter refuses later still counts as the path, and would be
    answered 405 where only the method is another.
    """

    class Converter(BaseConverter):
        regex = kind.pattern

        def to_python(self, value: str) -> object:
            return kind.read(value)

    return Converter


class _Connection(ASGIHTTPConnection):
    """Quart's, but work that is being done is not cut off when the client goes: only waiting ends.

    The request is handled in the server's own task, so that a server that cancels it cancels all of it.
    """

    async def __call__(self, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        request = self._create_request_from_scope(send)
        receiver = asyncio.create_task(self.handle_messages(request, receive))
        try:
            await self.handle_request(request, send)
        finally:
            receiver.cancel()

    async def handle_messages(self, request: Request, receive: ASGIReceiveCallable) -> None:
        await super().handle_messages(request, receive)
        _kept(self.scope).line.leave()


def _kept(scope: object) -> _Kept:
    return cast("Mapping[str, _Kept]", scope)[KEPT]


def _rule(route: Route) -> str:
    path = route.path
    for name, kind in route.parameters.items():
        path = path.replace(f"{{{name}:{kind}}}", f"<{kind}:{name}>")
    return f"{MOUNTS}{route.surface.mount}{path}"


def _view(endpoint: Endpoint) -> Callable[..., Awaitable[QuartResponse]]:
    async def view(**params: object) -> QuartResponse:
        exchange = _kept(request.scope).exchange
        # Until now it was the surface that owns the path; several may have routes there.
        exchange.surface = endpoint.route.surface.name
        exchange.params = params
        try:
            response = await endpoint.answer(exchange)
        except ClientGone:
            return QuartResponse(status=CLIENT_GONE_STATUS)
        return _finished(*endpoint.finisher.finish(exchange, response))

    return view


async def _unrouted(error: HTTPException) -> QuartResponse:
    """What Quart itself refuses: a path that no route has, or a method that the path does not take."""
    kept = _kept(request.scope)
    refusal: AppError = RouteNotFound()
    if isinstance(error, WrongMethod):
        refusal = MethodNotAllowed(tuple(sorted({*(error.valid_methods or ())} - {PREFLIGHT})))
    response = kept.finisher.refuse(refusal, kept.exchange)
    return _finished(*kept.finisher.finish(kept.exchange, response))


def _finished(status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> QuartResponse:
    response = QuartResponse(body, status=status)
    response.headers = Headers([(name.decode("ascii"), value.decode("latin-1")) for name, value in headers])
    return response
