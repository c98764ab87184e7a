"""What machines around the server ask: whether it is well, what it counts, how its APIs look."""

from server.surfaces.well_known import clock, health, metrics
from server.surfaces.well_known.surface import surface

__all__ = ["clock", "health", "metrics", "surface"]
