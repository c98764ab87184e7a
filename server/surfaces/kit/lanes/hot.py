"""The hot lane: routes served straight from ASGI, in front of Quart."""

import asyncio
import re
from collections.abc import Iterable
from dataclasses import dataclass

from server.base.errors import BodyTooLarge, BodyTooSlow
from server.surfaces.kit.asgi import Receive, Send
from server.surfaces.kit.endpoint import Endpoint
from server.surfaces.kit.exchange import ClientGone, Exchange
from server.surfaces.kit.surface import segments_of

# 1 to 2147483647, without leading zeros.
ID_PATTERN = (
    "(?:[1-9][0-9]{0,8}|1[0-9]{9}|20[0-9]{8}|21[0-3][0-9]{7}|214[0-6][0-9]{6}|2147[0-3][0-9]{5}"
    "|21474[0-7][0-9]{4}|214748[0-2][0-9]{3}|2147483[0-5][0-9]{2}|21474836[0-3][0-9]|214748364[0-7])"
)


@dataclass(frozen=True, slots=True)
class Found:
    """The endpoint of a request, and the ids in its path."""

    endpoint: Endpoint
    params: dict[str, int]


class HotRoutes:
    """Finds hot endpoints: one dictionary look-up for a literal path, a pattern each for the others."""

    def __init__(self, endpoints: Iterable[Endpoint]) -> None:
        self._literal: dict[tuple[str, str], Found] = {}
        self._patterns: list[tuple[str, re.Pattern[str], Endpoint]] = []
        for endpoint in endpoints:
            route = endpoint.route
            if route.parameters:
                self._patterns.append((route.method, _pattern(route.path), endpoint))
            else:
                self._literal[route.method, route.path] = Found(endpoint, {})

    def find(self, method: str, path: str) -> Found | None:
        """The endpoint that answers *method* on *path*, or None: HEAD is not hot."""
        found = self._literal.get((method, path))
        if found is not None:
            return found
        for known, pattern, endpoint in self._patterns:
            if known == method and (match := pattern.fullmatch(path)):
                ids = map(int, match.groups())
                return Found(endpoint, dict(zip(endpoint.route.parameters, ids, strict=True)))
        return None


async def serve(found: Found, exchange: Exchange, receive: Receive, send: Send) -> None:
    """The request is answered, unless its client went away."""
    watcher: asyncio.Task[None] | None = None

    async def body() -> bytes:
        return await receive_body(exchange, receive)

    def watch() -> None:
        nonlocal watcher
        watcher = watcher or asyncio.create_task(_notice_leaving(exchange, receive))

    exchange.params = found.params
    exchange.receive_body = body
    exchange.watch = watch
    try:
        response = await found.endpoint.answer(exchange)
    except ClientGone:
        return
    finally:
        if watcher is not None:
            watcher.cancel()
    await send_answer(*found.endpoint.finisher.finish(exchange, response), send)


async def send_answer(status: int, headers: list[tuple[bytes, bytes]], body: bytes, send: Send) -> None:
    """The answer is handed to the server."""
    try:
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
    except OSError:
        return  # the client went away in the last moment (ASGI 2.4)


async def receive_body(exchange: Exchange, receive: Receive) -> bytes:
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
    body = b""
    try:
        async with asyncio.timeout(settings.body_timeout_seconds):
            more = True
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientGone
                # Joining grows with the square of the number of pieces, which the size limit bounds.
                body += message.get("body", b"")
                if len(body) > settings.max_body_bytes:
                    raise BodyTooLarge
                more = message.get("more_body", False)
    except TimeoutError as cause:
        raise BodyTooSlow from cause
    return body


async def _notice_leaving(exchange: Exchange, receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    exchange.leave()


def _pattern(path: str) -> re.Pattern[str]:
    segments = (f"({ID_PATTERN})" if segment is None else re.escape(segment) for segment in segments_of(path))
    return re.compile("/" + "/".join(segments))
