"""The product with trivial echoes beside it: what an answer costs before anything is decided.

    POST /bench/hot       through the kit's hot lane
    POST /bench/cold      through the kit and Quart
    POST /bench/quart     through a Quart application of its own, without the kit: what HTTP alone costs
    GET  /bench/process   which process answers on this connection

Run as a module it is served as `countersign serve` serves the product, with the settings of the
environment.
"""

import os
import sys
from collections.abc import Coroutine
from typing import Self, cast
from unittest.mock import patch

from quart import Quart, request
from quart import Response as QuartResponse

import server.app
from server.base.settings import Settings, load_settings
from server.serve.application import Application, Message, Receive, Send
from server.serve.workers import serve
from server.surfaces.kit.body import CamelBody
from server.surfaces.kit.dialect import problem_dialect
from server.surfaces.kit.exchange import Response
from server.surfaces.kit.guards import anyone
from server.surfaces.kit.limits import UNLIMITED
from server.surfaces.kit.reading import read
from server.surfaces.kit.replying import reply
from server.surfaces.kit.surface import COLD, HOT, Surface

FACTORY = "tests.bench.echo:create_app"
HOT_PATH = "/bench/hot"
COLD_PATH = "/bench/cold"
QUART_PATH = "/bench/quart"
PROCESS_PATH = "/bench/process"


class EchoBody(CamelBody):
    """What is sent, and comes back."""

    text: str


class ProcessBody(CamelBody):
    """Who answers."""

    process: int

    @classmethod
    def of(cls, process: int) -> Self:
        """The id of the process."""
        return cls(process=process)


surface = Surface(
    "bench", base="/bench", dialect=problem_dialect("bench", type_base="urn:bench:"), title="Echoes"
)


@surface.post("/hot", guard=anyone, limit=UNLIMITED, lane=HOT, takes=EchoBody, gives={200: EchoBody})
async def hot() -> Response:
    """POST /bench/hot: the body comes back."""
    return reply(await read(EchoBody))


@surface.post("/cold", guard=anyone, limit=UNLIMITED, lane=COLD, takes=EchoBody, gives={200: EchoBody})
async def cold() -> Response:
    """POST /bench/cold: the body comes back."""
    return reply(await read(EchoBody))


@surface.get("/process", guard=anyone, limit=UNLIMITED, lane=HOT, gives={200: ProcessBody})
async def process() -> Response:
    """GET /bench/process: the id of the process that has this connection."""
    return reply(ProcessBody.of(os.getpid()))


class WithEchoes:
    """The product, and beside it a Quart application that only echoes."""

    def __init__(self, product: Application) -> None:
        self._product = product
        self._quart = cast("Application", _quart().asgi_app)

    def __call__(self, scope: Message, receive: Receive, send: Send) -> Coroutine[None, None, None]:
        """One request, or the lifespan, which is the product's.

        No coroutine of its own stands between, so that it takes neither time nor memory of what is measured.
        """
        if scope.get("path") == QUART_PATH:
            return self._quart(scope, receive, send)
        if scope["type"] == "lifespan":
            return self._live(scope, receive, send)
        return self._product(scope, receive, send)

    async def _live(self, scope: Message, receive: Receive, send: Send) -> None:
        # The product puts its surfaces together when its life begins.
        with patch.object(server.app, "SURFACES", (*server.app.SURFACES, surface)):
            await self._product(scope, receive, send)

    def begin_shutdown(self) -> None:
        """Requests that wait are answered now."""
        self._product.begin_shutdown()


def _quart() -> Quart:
    app = Quart(__name__, static_folder=None, template_folder=None)

    @app.post(QUART_PATH)
    async def quart() -> QuartResponse:
        return cast("QuartResponse", app.json.response(await request.get_json()))

    return app


def create_app(settings: Settings, *, database_url: str) -> WithEchoes:
    """The application of one process."""
    return WithEchoes(server.app.create_app(settings, database_url=database_url))


if __name__ == "__main__":
    sys.exit(serve(load_settings(), factory=FACTORY))
