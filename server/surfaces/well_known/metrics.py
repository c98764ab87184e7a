"""What the instance counts, for Prometheus."""

from server.surfaces.kit.exchange import Response, current_exchange
from server.surfaces.kit.limits import UNLIMITED
from server.surfaces.kit.replying import reply_bytes
from server.surfaces.well_known.surface import neighbour, surface


@surface.get("/metrics", guard=neighbour, limit=UNLIMITED, gives={200: None})
async def metrics() -> Response:
    """GET /metrics: counters and histograms of all processes, in Prometheus's text format."""
    shown = current_exchange().serving.metrics.exposition()
    return reply_bytes(shown.body, shown.media_type)
