"""What machines around the server ask: whether it is well, what it counts; and what testers use."""

from server.surfaces.well_known import clock, health, jwks, metrics, outbox
from server.surfaces.well_known.surface import public_keys, surface

__all__ = ["clock", "health", "jwks", "metrics", "outbox", "public_keys", "surface"]
