"""What was measured, for people and for machines."""

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median

from rich import box
from rich.console import Console
from rich.table import Table

from tests.bench.round_trips import RoundTrips
from tests.bench.scenarios import ECHOES
from tests.bench.throughput import Slice, Throughput, median_of
from tests.bench.wake_up import WakeUp

# Above this the load generator's own core is nearly full, and the server may wait for it.
BUSY_LOAD_SHARE = 0.9


@dataclass(frozen=True, slots=True)
class Report:
    """One run.

    Args:
        options: How it was run.
        round_trips: By the operation's name.
        throughputs: Of the operations that were asked for.
        wake_up: None if it was not asked for.
    """

    options: Mapping[str, object]
    round_trips: Mapping[str, RoundTrips]
    throughputs: Sequence[Throughput]
    wake_up: WakeUp | None

    def as_json(self) -> dict[str, object]:
        """All of it: medians, and every slice."""
        return {
            "machine": {
                "cores": os.cpu_count(),
                "processor": platform.machine(),
                "python": platform.python_version(),
            },
            "options": dict(self.options),
            "operations": {each.name: self._operation(each) for each in self.throughputs},
            "echoes": {
                echo.name: _medians(
                    [slice_ for each in self.throughputs for slice_ in each.echoes[echo.name]]
                )
                for echo in ECHOES
                if self.throughputs
            },
            "round_trips": {
                name: asdict(trips) | {"count": len(trips.statements)}
                for name, trips in self.round_trips.items()
            },
            "wake_up": asdict(self.wake_up) if self.wake_up else None,
        }

    def print(self, console: Console) -> None:
        """Two tables."""
        if self.throughputs:
            console.print(self._throughput_table())
            shares = [slice_.load_share for each in self.throughputs for slice_ in each.slices]
            if max(shares) > BUSY_LOAD_SHARE:
                console.print(
                    f"[red]The load generator used up to {max(shares):.0%} of its core: "
                    "the figures may be its own.[/red]"
                )
        if self.wake_up is not None:
            console.print(self._wake_up_table(self.wake_up))

    def _operation(self, throughput: Throughput) -> dict[str, object]:
        return _medians(throughput.slices) | {
            "ratios": {echo.name: throughput.ratio(echo.name) for echo in ECHOES},
            "slices": [asdict(each) for each in throughput.slices],
            "echo_slices": {
                name: [asdict(each) for each in slices] for name, slices in throughput.echoes.items()
            },
        }

    def _throughput_table(self) -> Table:
        table = _table("Requests per second, and as a multiple of a trivial echo in the same run")
        table.add_column("operation", no_wrap=True)
        for heading in ("req/s", *(f"x {echo.name}" for echo in ECHOES)):
            table.add_column(heading, justify="right", no_wrap=True)
        for heading in ("µs", "db µs", "load", "trips"):
            table.add_column(heading, justify="right", no_wrap=True)
        for echo in ECHOES:
            slices = [slice_ for each in self.throughputs for slice_ in each.echoes[echo.name]]
            table.add_row(f"echo {echo.name}", *_cells(slices, ["" for _ in ECHOES]), "0", style="dim")
        table.add_section()
        for throughput in self.throughputs:
            ratios = [f"{throughput.ratio(echo.name):.2f}" for echo in ECHOES]
            trips = self.round_trips[throughput.name]
            table.add_row(throughput.name, *_cells(throughput.slices, ratios), str(len(trips.statements)))
        table.caption = (
            "Medians of the slices. µs: processor time of the server a request, db µs: of the database; "
            "load: the load generator's share of a core; trips: to the database, once all is warm."
        )
        return table

    def _wake_up_table(self, wake_up: WakeUp) -> Table:
        where = "in another process" if wake_up.across else "in the same process"
        table = _table(f"Wake-up of one of {wake_up.waiters} that wait {where}, in milliseconds")
        table.add_column("", no_wrap=True)
        for heading in ("p50", "p99", *(f"x {echo.name}" for echo in ECHOES)):
            table.add_column(heading, justify="right", no_wrap=True)
        for name, spread in wake_up.echoes.items():
            table.add_row(
                f"echo {name}: sent to answered", f"{spread.p50:.2f}", f"{spread.p99:.2f}", style="dim"
            )
        table.add_section()
        for name, spread in (
            ("respond sent to wait ended", wake_up.from_sent),
            ("respond answered to wait ended", wake_up.from_answered),
        ):
            ratios = [f"{spread.p50 / wake_up.echoes[echo.name].p50:.2f}" for echo in ECHOES]
            table.add_row(name, f"{spread.p50:.2f}", f"{spread.p99:.2f}", *ratios)
        trips = len(self.round_trips["wait"].statements)
        table.caption = (
            f"{wake_up.answers} answers, one at a time. "
            f"A wait takes {trips} round trips, none of them while it waits."
        )
        return table


def _table(title: str) -> Table:
    return Table(title=title, box=box.SIMPLE_HEAD, pad_edge=False)


def _medians(slices: Sequence[Slice]) -> dict[str, object]:
    return {
        "per_second": median(each.per_second for each in slices),
        "server_us": median_of(slices, lambda each: each.server_us),
        "database_us": median_of(slices, lambda each: each.database_us),
        "load_share": median(each.load_share for each in slices),
    }


def _cells(slices: Sequence[Slice], ratios: Sequence[str]) -> list[str]:
    return [
        f"{median(each.per_second for each in slices):,.0f}",
        *ratios,
        _microseconds(median_of(slices, lambda each: each.server_us)),
        _microseconds(median_of(slices, lambda each: each.database_us)),
        f"{median(each.load_share for each in slices):.0%}",
    ]


def _microseconds(value: float | None) -> str:
    return "?" if value is None else f"{value:,.0f}"
