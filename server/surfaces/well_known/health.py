"""Whether the instance can do its work."""

from typing import Literal

from server.core.instance.health import read_health
from server.surfaces.kit.body import SnakeBody
from server.surfaces.kit.exchange import Response
from server.surfaces.kit.guards import anyone
from server.surfaces.kit.limits import UNLIMITED
from server.surfaces.kit.performing import perform_at_once
from server.surfaces.kit.replying import reply
from server.surfaces.well_known.surface import surface


class HealthResponse(SnakeBody):
    """The instance answers, and its database answers it."""

    status: Literal["ok"]


@surface.get("/health", guard=anyone, limit=UNLIMITED, gives={200: HealthResponse})
async def health() -> Response:
    """GET /health: 200 while the instance and its database answer, else 503."""
    await perform_at_once(read_health, None)
    return reply(HealthResponse(status="ok"))
