"""The door: one ASGI callable that chooses surface and lane for each request."""

from collections.abc import Awaitable, Sequence

from server.base.errors import RouteNotFound
from server.base.settings import Settings
from server.core.api_keys.remembered import RememberedApiKeys
from server.core.work import Core
from server.surfaces.kit.addresses import ClientAddresses
from server.surfaces.kit.asgi import Receive, Scope, Send
from server.surfaces.kit.endpoint import Endpoint, Finisher
from server.surfaces.kit.exchange import Exchange
from server.surfaces.kit.lanes.cold import ColdLane
from server.surfaces.kit.lanes.hot import LINE, HotRoutes, send_answer, serve
from server.surfaces.kit.limits import Limiter
from server.surfaces.kit.metrics import Metrics
from server.surfaces.kit.resolver import MOUNTS, Resolved, Resolver
from server.surfaces.kit.serving import Serving
from server.surfaces.kit.surface import Lane, Surface
from server.surfaces.kit.waits import Waits

# Encoded slashes and backslashes: a proxy in front may have judged another path than the one they decode to.
_HIDDEN_SEPARATORS = (b"%2f", b"%2F", b"%5c", b"%5C")


class Gateway:
    """Answers the HTTP requests of one process.

    Args:
        core: The product.
        surfaces: All of them. One that is listed earlier refuses for what several share.
        settings: The instance's.
        limiter: Counts requests.
        metrics: Counts and times them; its own registry when left out.
    """

    def __init__(
        self,
        core: Core,
        surfaces: Sequence[Surface],
        settings: Settings,
        limiter: Limiter,
        metrics: Metrics | None = None,
    ) -> None:
        self.metrics = metrics or Metrics()
        self.serving = Serving(
            core=core,
            api_keys=RememberedApiKeys(core),
            settings=settings,
            limiter=limiter,
            metrics=self.metrics,
            waits=Waits(core, settings, self.metrics),
            clients=ClientAddresses(settings.proxies),
        )
        self._resolver = Resolver(surfaces)
        self._finishers = {surface.name: Finisher(surface, settings, self.metrics) for surface in surfaces}
        endpoints = [
            Endpoint(route, self._finishers[surface.name]) for surface in surfaces for route in surface.routes
        ]
        hot = [endpoint for endpoint in endpoints if settings.hot_lane and endpoint.route.lane is Lane.HOT]
        self._hot = HotRoutes(hot)
        self._hot_by_mount = {
            mount: HotRoutes(endpoint for endpoint in hot if endpoint.route.surface.mount == mount)
            for mount in {surface.mount for surface in surfaces}
        }
        self._cold = ColdLane(endpoints, settings)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """One request; awaited, it has been answered. A websocket is refused.

        Raises:
            ValueError: The scope is of neither kind.
        """
        if scope["type"] == "websocket":
            return send({"type": "websocket.close", "code": 1000})
        if scope["type"] != "http":
            raise ValueError(f"a scope of type {scope['type']!r} is not the gateway's")
        method: str = scope["method"]
        path: str = scope["path"]
        if b"%" not in (scope.get("raw_path") or b""):
            found = self._hot.find(method, path)
            if found is not None:
                exchange = self._exchange(scope, receive, found.endpoint.route.surface.name, path)
                # No coroutine of its own here: it would wait as long as the request does.
                return serve(found, exchange, send)
        return self._serve_resolved(self._resolver.resolve(path), scope, receive, send)

    def begin_shutdown(self) -> None:
        """Requests that wait are answered now, with what is known. New ones do not wait."""
        core = self.serving.core
        core.stopping.set()
        core.db.wakeups.wake_all()

    async def _serve_resolved(self, resolved: Resolved, scope: Scope, receive: Receive, send: Send) -> None:
        surface, path = resolved.surface, resolved.path
        exchange = self._exchange(scope, receive, surface.name, path)
        finisher = self._finishers[surface.name]
        if _is_disguised(path, scope.get("raw_path") or b""):
            refused = finisher.refuse(RouteNotFound(), exchange)
            await send_answer(*finisher.finish(exchange, refused), send)
            return
        prefixed = scope["path"].startswith(MOUNTS)
        if prefixed and (found := self._hot_by_mount[surface.mount].find(exchange.method, path)):
            exchange.surface = found.endpoint.route.surface.name
            await serve(found, exchange, send)
            return
        await self._cold.serve(finisher, exchange, scope, receive, send)

    def _exchange(self, scope: Scope, receive: Receive, surface: str, path: str) -> Exchange:
        client = scope.get("client")
        return Exchange(
            self.serving,
            surface=surface,
            method=scope["method"],
            path=path,
            raw_query=scope["query_string"],
            raw_headers=scope["headers"],
            peer=client[0] if client else None,
            receive=receive,
            line=LINE,
        )


def _is_disguised(path: str, raw_path: bytes) -> bool:
    """Whether a path says something else than it seems to: empty segments, U+0000, encoded separators."""
    return "//" in path or "\0" in path or any(hidden in raw_path for hidden in _HIDDEN_SEPARATORS)
