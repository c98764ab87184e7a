"""The hot lane: routes served straight from ASGI, in front of Quart."""

import asyncio
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from server.base.errors import BodyTooLarge, BodyTooSlow
from server.db.wakeups import Subscription
from server.surfaces.kit.asgi import Send
from server.surfaces.kit.endpoint import Endpoint
from server.surfaces.kit.exchange import NO_PARAMS, ClientGone, Exchange
from server.surfaces.kit.path_parameters import KINDS
from server.surfaces.kit.surface import Route, segments_of

Readings = Sequence[tuple[str, Callable[[str], Any]]]
"""The parameters of a path, in order, each with how it is read."""


@dataclass(frozen=True, slots=True)
class Found:
    """The endpoint of a request, and the ids in its path."""

    endpoint: Endpoint
    params: Mapping[str, Any]


class HotRoutes:
    """Finds hot endpoints: one dictionary look-up for a literal path, a pattern each for the others."""

    def __init__(self, endpoints: Iterable[Endpoint]) -> None:
        self._literal: dict[tuple[str, str], Found] = {}
        self._patterns: list[tuple[str, re.Pattern[str], Readings, Endpoint]] = []
        for endpoint in endpoints:
            route = endpoint.route
            if route.parameters:
                readings = [(name, KINDS[kind].read) for name, kind in route.parameters.items()]
                self._patterns.append((route.method, _pattern(route), readings, endpoint))
            else:
                self._literal[route.method, route.path] = Found(endpoint, NO_PARAMS)

    def find(self, method: str, path: str) -> Found | None:
        """The endpoint that answers *method* on *path*, or None: HEAD is not hot."""
        found = self._literal.get((method, path))
        if found is not None:
            return found
        for known, pattern, readings, endpoint in self._patterns:
            if known == method and (match := pattern.fullmatch(path)):
                texts = match.groups()
                return Found(
                    endpoint, {name: read(text) for (name, read), text in zip(readings, texts, strict=True)}
                )
        return None


async def serve(found: Found, exchange: Exchange, send: Send) -> None:
    """The request is answered, unless its client went away."""
    exchange.params = found.params
    exchange.vary = found.endpoint.vary
    try:
        response = await found.endpoint.answer(exchange)
    except ClientGone:
        return
    await send_answer(*found.endpoint.finisher.finish(exchange, response), send)


async def send_answer(status: int, headers: list[tuple[bytes, bytes]], body: bytes, send: Send) -> None:
    """The answer is handed to the server."""
    try:
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
    except OSError:
        return  # the client went away in the last moment (ASGI 2.4)


class AsgiLine:
    """Reads straight from ASGI, in the request's own task. One is enough for all requests."""

    async def body(self, exchange: Exchange) -> bytes:
        """The whole body.

        Raises:
            BodyTooLarge: It is, or is announced as, longer than the instance accepts.
            BodyTooSlow: It did not arrive in time.
            ClientGone: The client closed the connection before it was complete.
        """
        settings = exchange.serving.settings
        announced = exchange.header("content-length")
        if announced is not None and announced.isdecimal() and int(announced) > settings.max_body_bytes:
            raise BodyTooLarge
        pieces: list[bytes] = []
        size = 0
        deadline = _Deadline(settings.body_timeout_seconds)
        try:
            more = True
            while more:
                message = await exchange.receive()
                if message["type"] == "http.disconnect":
                    raise ClientGone
                piece = message.get("body", b"")
                pieces.append(piece)
                size += len(piece)
                if size > settings.max_body_bytes:
                    raise BodyTooLarge
                more = message.get("more_body", False)
        except asyncio.CancelledError:
            if deadline.is_the_cause():
                raise BodyTooSlow from None
            raise
        finally:
            deadline.close()
        return b"".join(pieces)

    async def linger(self, exchange: Exchange, subscription: Subscription, seconds: float) -> None:
        """The subscription was woken, or so many seconds have passed.

        The request's own task waits for the client to go, and is interrupted: thousands may wait.

        Raises:
            ClientGone: The client closed the connection.
        """
        if subscription.take():
            return
        exchange.rest()
        deadline = _Deadline(seconds)
        subscription.calls(deadline.reach)
        try:
            while (await exchange.receive())["type"] != "http.disconnect":
                pass
        except asyncio.CancelledError:
            if not deadline.is_the_cause():
                raise
        else:
            raise ClientGone
        finally:
            subscription.calls(None)
            deadline.close()


LINE = AsgiLine()


class _Deadline:
    """Interrupts the present task when it is reached. `asyncio.timeout` takes ten times the time and memory.

    Args:
        seconds: From now.
    """

    __slots__ = ("_reached", "_task", "_timer")

    def __init__(self, seconds: float) -> None:
        self._task = asyncio.current_task()
        self._reached = False
        self._timer = asyncio.get_running_loop().call_later(seconds, self.reach)

    def is_the_cause(self) -> bool:
        """Whether the task was interrupted by this alone. Ask once, on `CancelledError`."""
        return self._reached and self._task is not None and self._task.uncancel() <= 0

    def close(self) -> None:
        """It is no longer reached."""
        self._timer.cancel()

    def reach(self) -> None:
        """It is reached now. Doing it twice changes nothing."""
        if not self._reached and self._task is not None:
            self._reached = True
            self._task.cancel()


def _pattern(route: Route) -> re.Pattern[str]:
    kinds = iter(route.parameters.values())
    segments = (
        re.escape(segment) if segment is not None else f"({KINDS[next(kinds)].pattern})"
        for segment in segments_of(route.path)
    )
    return re.compile("/" + "/".join(segments))
