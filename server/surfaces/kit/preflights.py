"""Preflights: what a browser asks before a script of another origin may call.

Source: Fetch Standard, section 3.2.2 (HTTP requests), and 4.8 (CORS-preflight fetch).
"""

from collections.abc import Iterator

from server.base.errors import MethodNotAllowed
from server.surfaces.kit.cors import MAX_AGE_SECONDS, Cors
from server.surfaces.kit.exchange import Response, current_exchange
from server.surfaces.kit.guards import anyone
from server.surfaces.kit.limits import PUBLIC
from server.surfaces.kit.performing import perform_at_once
from server.surfaces.kit.replying import no_content
from server.surfaces.kit.surface import Handler, Route, Surface

PREFLIGHT = "OPTIONS"
MAX_ORIGIN_CHARACTERS = 300


def preflights(surface: Surface) -> Iterator[Route]:
    """A route for each path of *surface* that answers its preflights; none if scripts may not call it.

    They are no operations of the surface's document, and are not in its list.
    """
    if surface.cors is None:
        return
    methods: dict[str, list[str]] = {}
    for route in surface.routes:
        methods.setdefault(route.path, []).append(route.method)
    for path, taken in methods.items():
        yield Route(
            surface=surface,
            method=PREFLIGHT,
            path=path,
            handler=_answering(surface.cors, tuple(taken)),
            guard=anyone,
            limit=PUBLIC,
            gives={204: None},
        )


def _answering(cors: Cors, methods: tuple[str, ...]) -> Handler:
    allowed = tuple(sorted({*methods, "HEAD"} if "GET" in methods else methods))

    async def preflight() -> Response:
        """OPTIONS: what a script of this origin may send; to an origin that nobody allows, nothing."""
        exchange = current_exchange()
        origin = exchange.header("origin")
        if origin is None or exchange.header("access-control-request-method") is None:
            raise MethodNotAllowed(allowed)
        exchange.vary = (*exchange.vary, "Access-Control-Request-Method", "Access-Control-Request-Headers")
        if len(origin) > MAX_ORIGIN_CHARACTERS or not await perform_at_once(cors.is_allowed, origin):
            return no_content()
        return Response(
            204,
            headers=(
                ("Access-Control-Allow-Origin", origin),
                ("Access-Control-Allow-Methods", ", ".join(methods)),
                ("Access-Control-Allow-Headers", ", ".join(cors.headers)),
                ("Access-Control-Max-Age", str(MAX_AGE_SECONDS)),
            ),
        )

    return preflight
