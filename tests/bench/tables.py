"""Slices as rows of a table."""

from collections.abc import Sequence
from dataclasses import asdict
from statistics import median

from tests.bench.slices import Slice, median_of, others_share

HEADINGS = ("req/s", "server µs", "db µs", "load µs", "load", "others")
NOTE = (
    "Medians of the slices. µs: processor time a request, of the server, of the database, of the load "
    "generator; load: the load generator's share of a core; others: the share of the machine that other "
    "programs took."
)


def cells(slices: Sequence[Slice]) -> list[str]:
    """What `HEADINGS` name."""
    return [
        f"{median(each.per_second for each in slices):,.0f}",
        _microseconds(median_of(slices, lambda each: each.server_us)),
        _microseconds(median_of(slices, lambda each: each.database_us)),
        _microseconds(median_of(slices, lambda each: each.load_us)),
        f"{median(each.load_share for each in slices):.0%}",
        _share(others_share(slices)),
    ]


def raw(slices: Sequence[Slice]) -> dict[str, object]:
    """Medians, and every slice."""
    return {
        "per_second": median(each.per_second for each in slices),
        "server_us": median_of(slices, lambda each: each.server_us),
        "database_us": median_of(slices, lambda each: each.database_us),
        "load_us": median_of(slices, lambda each: each.load_us),
        "others_share": others_share(slices),
        "slices": [asdict(each) for each in slices],
    }


def _microseconds(value: float | None) -> str:
    return "?" if value is None else f"{value:,.0f}"


def _share(value: float | None) -> str:
    return "?" if value is None else f"{value:.0%}"
