"""What is counted and timed of every request, by route template and never by path.

Requests are gathered in plain numbers, which cost a tenth of prometheus-client's, and settled into those when
somebody looks. With several worker processes it keeps its numbers in the files of PROMETHEUS_MULTIPROC_DIR,
which must be set before this module is first imported; `exposition` then adds up all processes.
"""

import asyncio
import atexit
import os
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.multiprocess import MultiProcessCollector

MULTIPROCESS_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"

# From a poll without an attempt to the longest documented wait.
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER_METHOD = "OTHER"

# How old the numbers may be that other processes see of this one.
SETTLE_SECONDS = 1.0


def now() -> float:
    """Seconds on the clock that durations are measured by."""
    return perf_counter()


@dataclass(frozen=True, slots=True)
class Exposition:
    """All metrics as text, and the media type of that text."""

    body: bytes
    media_type: str


class _Times(Histogram):
    """A histogram to which many observations can be added at once."""

    def add(self, counts: Sequence[int], seconds: float) -> None:
        """As many observations as *counts* says for each bucket were made, of *seconds* in total."""
        for bucket, count in zip(self._buckets, counts, strict=True):
            if count:
                bucket.inc(count)
        self._sum.inc(seconds)


class Metrics:
    """The instruments of one process.

    What the process itself shows is exact; other processes see what it counted `SETTLE_SECONDS` later at the
    latest.

    Args:
        registry: Where they are registered; a new one when left out, so that several can live in a process.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        self._instruments: dict[tuple[str, str, str], RequestInstrument] = {}
        self._unsettled: list[RequestInstrument] = []
        self._is_one_of_several = bool(os.environ.get(MULTIPROCESS_VARIABLE))
        if self._is_one_of_several:
            atexit.register(self.settle)
        self._requests = Counter(
            "countersign_http_requests",
            "Requests answered.",
            ("surface", "route", "method", "status"),
            registry=self.registry,
        )
        self._seconds = _Times(
            "countersign_http_request_seconds",
            "Time from the request's headers to its answer, waiting included.",
            ("surface", "route", "method"),
            buckets=BUCKETS,
            registry=self.registry,
        )
        self.waiting = Gauge(
            "countersign_http_waiting_requests",
            "Requests that wait for something to happen.",
            multiprocess_mode="livesum",
            registry=self.registry,
        )
        self._limited = Counter(
            "countersign_rate_limited",
            "Requests refused because of a limit.",
            ("limit",),
            registry=self.registry,
        )
        self.limit_store_failures = Counter(
            "countersign_rate_limit_store_failures",
            "Counts that the shared limit store did not take, so that this process counted alone.",
            registry=self.registry,
        )

    def instrument(self, surface: str, route: str, method: str) -> "RequestInstrument":
        """What counts and times the requests of one route and method."""
        labels = (surface, route, method if method in METHODS else OTHER_METHOD)
        instrument = self._instruments.get(labels)
        if instrument is None:
            instrument = self._instruments[labels] = RequestInstrument(
                self._requests, self._seconds, labels, self._settle_later
            )
        return instrument

    def limited(self, limit: str) -> None:
        """One more request was refused because of *limit*."""
        self._limited.labels(limit).inc()

    def exposition(self) -> Exposition:
        """The metrics of all worker processes where there are several, else of this one."""
        self.settle()
        registry = self.registry
        if self._is_one_of_several:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # the library does not annotate it
        return Exposition(generate_latest(registry), CONTENT_TYPE_LATEST)

    def settle(self) -> None:
        """What was observed until now is in the registry, and in the files that other processes read."""
        unsettled, self._unsettled = self._unsettled, []
        for instrument in unsettled:
            instrument.settle()

    def _settle_later(self, instrument: "RequestInstrument") -> None:
        self._unsettled.append(instrument)
        if self._is_one_of_several and len(self._unsettled) == 1:
            try:
                asyncio.get_running_loop().call_later(SETTLE_SECONDS, self.settle)
            except RuntimeError:
                self.settle()


class RequestInstrument:
    """Counts and times the requests of one route and method.

    Args:
        requests: Counts requests by labels and status.
        seconds: Counts them by labels and how long they took.
        labels: Surface, route, method.
        settle_later: Called with this as soon as there is something to settle.
    """

    __slots__ = (
        "_by_bucket",
        "_by_status",
        "_counters",
        "_is_settled",
        "_labels",
        "_requests",
        "_settle_later",
        "_sum",
        "_times",
    )

    def __init__(
        self,
        requests: Counter,
        seconds: _Times,
        labels: tuple[str, str, str],
        settle_later: Callable[["RequestInstrument"], None],
    ) -> None:
        self._requests = requests
        self._times = seconds.labels(*labels)
        self._labels = labels
        self._settle_later = settle_later
        self._is_settled = True
        self._counters: dict[int, Counter] = {}
        self._by_status: dict[int, int] = {}
        self._by_bucket = [0] * (len(BUCKETS) + 1)
        self._sum = 0.0

    def observe(self, status: int, seconds: float) -> None:
        """One request was answered with *status* after *seconds*."""
        count = self._by_status.get(status)
        if count is None:
            # It exists from now on: a counter says since when it counts.
            self._counters[status] = self._requests.labels(*self._labels, str(status))
            count = 0
        self._by_status[status] = count + 1
        self._by_bucket[bisect_left(BUCKETS, seconds)] += 1
        self._sum += seconds
        if self._is_settled:
            self._is_settled = False
            self._settle_later(self)

    def settle(self) -> None:
        """What was observed is in the counters and the histogram."""
        for status, count in self._by_status.items():
            if count:
                self._counters[status].inc(count)
                self._by_status[status] = 0
        self._times.add(self._by_bucket, self._sum)
        self._by_bucket = [0] * len(self._by_bucket)
        self._sum = 0.0
        self._is_settled = True
