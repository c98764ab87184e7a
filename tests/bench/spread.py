"""Durations, as percentiles."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import quantiles


@dataclass(frozen=True, slots=True)
class Spread:
    """Some durations, in milliseconds."""

    p50: float
    p99: float
    count: int

    @classmethod
    def of(cls, seconds: Sequence[float]) -> "Spread":
        """The median and the 99th percentile of at least two."""
        percentiles = quantiles(seconds, n=100, method="inclusive")
        return cls(percentiles[49] * 1000, percentiles[98] * 1000, len(seconds))

    @property
    def cells(self) -> list[str]:
        """Both, for a table."""
        return [f"{self.p50:.2f}", f"{self.p99:.2f}"]
