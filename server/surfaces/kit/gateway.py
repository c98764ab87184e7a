"""The door: one ASGI callable that chooses surface and lane for each request."""

from collections.abc import Awaitable, Sequence

from server.base.errors import AppError, InvalidApiKey, RouteNotFound
from server.base.settings import Settings
from server.core.api_keys.remembered import RememberedApiKeys
from server.core.work import Core
from server.outbound.identity_providers.network import ProviderNetwork
from server.surfaces.kit.addresses import ClientAddresses
from server.surfaces.kit.asgi import Receive, Scope, Send
from server.surfaces.kit.bindings import Bindings
from server.surfaces.kit.endpoint import Endpoint, Finisher
from server.surfaces.kit.exchange import Exchange
from server.surfaces.kit.lanes.cold import ColdLane
from server.surfaces.kit.lanes.hot import LINE, HotRoutes, send_answer, serve
from server.surfaces.kit.limits import Limiter
from server.surfaces.kit.metrics import Metrics
from server.surfaces.kit.preflights import preflights
from server.surfaces.kit.resolver import Resolved, Resolver
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
        network: The way to identity providers; without it nobody signs in through one.

    Raises:
        ValueError: The surfaces contradict each other, or a host or port is bound to none of them.
    """

    def __init__(
        self,
        core: Core,
        surfaces: Sequence[Surface],
        settings: Settings,
        limiter: Limiter,
        metrics: Metrics | None = None,
        network: ProviderNetwork | None = None,
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
            network=network,
        )
        self._resolver = Resolver(surfaces)
        self._bindings = Bindings(dict(settings.surface_bindings), self._resolver.mounts)
        self._strict = settings.strict_bare_paths
        self._is_bound = bool(self._bindings)
        self._finishers = {surface.name: Finisher(surface, settings, self.metrics) for surface in surfaces}
        endpoints = [
            Endpoint(route, self._finishers[surface.name])
            for surface in surfaces
            for route in (*surface.routes, *preflights(surface))
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
        mount = self._bindings.mount_of(scope) if self._is_bound else None
        if mount is None and b"%" not in (scope.get("raw_path") or b""):
            found = self._hot.find(method, path)
            if found is not None:
                exchange = self._exchange(scope, receive, found.endpoint.route.surface.name, path)
                # No coroutine of its own here: it would wait as long as the request does.
                return serve(found, exchange, send)
        return self._serve_resolved(mount, scope, receive, send)

    def begin_shutdown(self) -> None:
        """Requests that wait are answered now, with what is known. New ones do not wait."""
        core = self.serving.core
        core.stopping.set()
        core.db.wakeups.wake_all()

    async def _serve_resolved(self, mount: str | None, scope: Scope, receive: Receive, send: Send) -> None:
        """The request is answered by the surface that the resolver chooses, among those of *mount* if any."""
        sent_path: str = scope["path"]
        exchange = self._exchange(scope, receive, "", sent_path)
        resolved = self._resolver.resolve(exchange, mount)
        surface, path = resolved.surface, resolved.path
        exchange.surface, exchange.path = surface.name, path
        exchange.vary = resolved.vary if surface.cors is None else ("Origin", *resolved.vary)
        finisher = self._finishers[surface.name]
        refusal = self._refusal(resolved, exchange, scope.get("raw_path") or b"")
        if refusal is not None:
            await send_answer(*finisher.finish(exchange, finisher.refuse(refusal, exchange)), send)
            return
        is_strict = mount is not None or path != sent_path
        if is_strict and (found := self._hot_by_mount[surface.mount].find(exchange.method, path)):
            exchange.surface = found.endpoint.route.surface.name
            await serve(found, exchange, send)
            return
        await self._cold.serve(finisher, exchange, scope, receive, send)

    def _refusal(self, resolved: Resolved, exchange: Exchange, raw_path: bytes) -> AppError | None:
        """Why the request is not served at all; None if it is."""
        if _is_disguised(resolved.path, raw_path):
            return RouteNotFound()
        if self._strict and resolved.in_doubt:
            for route in resolved.routes:
                if route.method == exchange.method and not route.guard.schemes:
                    return InvalidApiKey("Nothing in the request says which API is meant")
        return None

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
