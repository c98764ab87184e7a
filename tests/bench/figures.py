"""What the measurements come to: figures with targets, tables of what is behind them, and all raw numbers.

The targets are those of the requirement that the hot path was built to.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Self


@dataclass(frozen=True, slots=True)
class Target:
    """What a figure must be.

    Args:
        at_most: Whether less is better.
    """

    value: float
    at_most: bool = False

    def is_reached_by(self, value: float) -> bool:
        """Whether *value* is good enough."""
        return value <= self.value if self.at_most else value >= self.value


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the result.

    Args:
        unit: What follows the number: `x Quart echo`, `ms`.
        target: None where it is only reported.
        of: What the number is the median of, round by round; empty if it is none.
    """

    name: str
    value: float
    unit: str
    target: Target | None = None
    of: Sequence[float] = ()

    @classmethod
    def median(cls, name: str, of: Sequence[float], unit: str, target: Target | None = None) -> Self:
        """The median of what each round came to."""
        return cls(name, median(of), unit, target, of)

    @property
    def is_reached(self) -> bool | None:
        """Whether the target is; None where there is none."""
        return None if self.target is None else self.target.is_reached_by(self.value)


@dataclass(frozen=True, slots=True)
class Detail:
    """A table of what is behind the figures.

    Args:
        rows: As many texts each as there are headings; the first is a name, the others are numbers.
    """

    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one measurement came to.

    Args:
        raw: Everything that was measured, for JSON.
        others_share: How much of the machine other programs used meanwhile; None where it was not looked at.
    """

    figures: Sequence[Figure] = ()
    details: Sequence[Detail] = ()
    raw: Mapping[str, object] = field(default_factory=dict)
    others_share: float | None = None
