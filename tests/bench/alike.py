"""Whether two sets of durations can be told apart, whatever their distributions are.

Source: H. B. Mann, D. R. Whitney, "On a Test of Whether one of Two Random Variables is Stochastically Larger
than the Other" (1947); the normal approximation, with the correction for ties.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import erfc, sqrt
from statistics import quantiles
from typing import Self


@dataclass(frozen=True, slots=True)
class Quartiles:
    """Where the durations lie, in milliseconds."""

    lower: float
    median: float
    upper: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Self:
        """Those of at least two durations."""
        lower, median, upper = quantiles(seconds, n=4, method="inclusive")
        return cls(lower * 1000, median * 1000, upper * 1000)

    def overlap(self, other: Self) -> float:
        """How much of the narrower of the two ranges between quartiles is within the other: 0 to 1."""
        common = min(self.upper, other.upper) - max(self.lower, other.lower)
        narrower = min(self.upper - self.lower, other.upper - other.lower)
        return max(0.0, common / narrower) if narrower else float(common >= 0)


@dataclass(frozen=True, slots=True)
class Comparison:
    """One set of durations beside another.

    Args:
        greater: How probable it is that one of mine is longer than one of theirs: 0.5 where nothing can be
            learnt from it.
        chance: How probable a difference like this, or a greater one, is if both are alike.
    """

    greater: float
    chance: float

    @classmethod
    def of(cls, mine: Sequence[float], theirs: Sequence[float]) -> Self:
        """The comparison by Mann and Whitney's U."""
        both = sorted([*mine, *theirs])
        ties = Counter(both)
        ranks: dict[float, float] = {}
        passed = 0
        for value, count in sorted(ties.items()):
            ranks[value] = passed + (count + 1) / 2
            passed += count
        m, n = len(mine), len(theirs)
        u = sum(ranks[value] for value in mine) - m * (m + 1) / 2
        tied = sum(count**3 - count for count in ties.values()) / ((m + n) * (m + n - 1))
        deviation = sqrt(m * n / 12 * (m + n + 1 - tied))
        chance = erfc(abs(u - m * n / 2) / deviation / sqrt(2)) if deviation else 1.0
        return cls(u / (m * n), chance)
