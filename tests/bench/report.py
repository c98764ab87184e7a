"""What was measured, for people and for machines."""

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from rich import box
from rich.console import Console
from rich.table import Table

from tests.bench.figures import Detail, Figure, Outcome

# What a machine does beside a bench that it is left to.
QUIET_SHARE = 0.15
_VERDICTS = {True: "[green]yes[/green]", False: "[red]no[/red]", None: ""}


@dataclass(frozen=True, slots=True)
class Report:
    """One run.

    Args:
        options: How it was run.
        outcomes: By what was measured.
        seconds: How long each took.
    """

    options: Mapping[str, object]
    outcomes: Mapping[str, Outcome]
    seconds: Mapping[str, float]

    @property
    def figures(self) -> Sequence[Figure]:
        """All of them."""
        return [figure for outcome in self.outcomes.values() for figure in outcome.figures]

    @property
    def missed(self) -> int:
        """How many targets are."""
        return sum(figure.is_reached is False for figure in self.figures)

    def as_json(self) -> dict[str, object]:
        """All of it."""
        return {
            "machine": {
                "cores": os.cpu_count(),
                "processor": platform.machine(),
                "python": platform.python_version(),
            },
            "options": dict(self.options),
            "figures": [_as_json(figure) for figure in self.figures],
            "measured": {
                name: {
                    "seconds": self.seconds[name],
                    "others_share": outcome.others_share,
                    **outcome.raw,
                }
                for name, outcome in self.outcomes.items()
            },
        }

    def print(self, console: Console) -> None:
        """The figures last, where they are seen."""
        for outcome in self.outcomes.values():
            for detail in outcome.details:
                console.print(detail_table(detail))
        if self.figures:
            console.print(self._figure_table())
        for name, outcome in self.outcomes.items():
            if outcome.others_share is not None and outcome.others_share > QUIET_SHARE:
                console.print(
                    f"[red]Other programs used {outcome.others_share:.0%} of the machine during {name}: "
                    "measure again when it is quiet.[/red]"
                )

    def _figure_table(self) -> Table:
        table = _table("What was reached")
        table.add_column("figure", no_wrap=True)
        table.add_column("measured", no_wrap=True)
        table.add_column("target", no_wrap=True)
        table.add_column("reached", no_wrap=True)
        table.add_column("rounds", no_wrap=True)
        for figure in self.figures:
            table.add_row(
                figure.name,
                f"{_number(figure.value)} {figure.unit}",
                _target(figure),
                _VERDICTS[figure.is_reached],
                f"{_number(min(figure.of))} - {_number(max(figure.of))}" if figure.of else "",
            )
        took = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in self.seconds.items())
        table.caption = (
            f"Ratios are medians of those of each round; rounds: the least and the greatest. {took}."
        )
        return table


def _as_json(figure: Figure) -> dict[str, object]:
    return asdict(figure) | {"reached": figure.is_reached}


def detail_table(detail: Detail) -> Table:
    """*detail*, to be printed."""
    table = _table(detail.title)
    name, *numbers = detail.headings
    table.add_column(name, no_wrap=True)
    for heading in numbers:
        table.add_column(heading, justify="right", no_wrap=True)
    for row in detail.rows:
        table.add_row(*row)
    table.caption = detail.note or None
    return table


def _target(figure: Figure) -> str:
    if figure.target is None:
        return ""
    return f"{'≤' if figure.target.at_most else '≥'} {_number(figure.target.value)}"


def _number(value: float) -> str:
    if value == round(value):
        return f"{value:,.0f}"
    return f"{value:,.2f}"


def _table(title: str) -> Table:
    return Table(title=title, box=box.SIMPLE_HEAD, pad_edge=False, caption_justify="left")
