"""What machines around the server ask: whether it is well, what it counts; and the testers' clock."""

from server.surfaces.well_known import clock, health, metrics
from server.surfaces.well_known.surface import surface

__all__ = ["clock", "health", "metrics", "surface"]
