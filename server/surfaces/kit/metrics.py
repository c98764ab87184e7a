"""What is counted and timed of every request, by route template and never by path.

With several worker processes prometheus-client keeps its numbers in the files of PROMETHEUS_MULTIPROC_DIR,
which must be set before this module is first imported; `exposition` then adds up all processes.
"""

import os
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


def now() -> float:
    """Seconds on the clock that durations are measured by."""
    return perf_counter()


@dataclass(frozen=True, slots=True)
class Exposition:
    """All metrics as text, and the media type of that text."""

    body: bytes
    media_type: str


class Metrics:
    """The instruments of one process.

    Args:
        registry: Where they are registered; a new one when left out, so that several can live in a process.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        self._requests = Counter(
            "countersign_http_requests",
            "Requests answered.",
            ("surface", "route", "method", "status"),
            registry=self.registry,
        )
        self._seconds = Histogram(
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
        return RequestInstrument(self._requests, self._seconds, (surface, route, method_label(method)))

    def limited(self, limit: str) -> None:
        """One more request was refused because of *limit*."""
        self._limited.labels(limit).inc()

    def exposition(self) -> Exposition:
        """The metrics of all worker processes where there are several, else of this one."""
        registry = self.registry
        if os.environ.get(MULTIPROCESS_VARIABLE):
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # the library does not annotate it
        return Exposition(generate_latest(registry), CONTENT_TYPE_LATEST)


class RequestInstrument:
    """Counts and times the requests of one route; its labels are looked up once, not with each request."""

    __slots__ = ("_counters", "_labels", "_requests", "_seconds")

    def __init__(self, requests: Counter, seconds: Histogram, labels: tuple[str, str, str]) -> None:
        self._requests = requests
        self._labels = labels
        self._seconds = seconds.labels(*labels)
        self._counters: dict[int, Counter] = {}

    def observe(self, status: int, seconds: float) -> None:
        """One request was answered with *status* after *seconds*."""
        counter = self._counters.get(status)
        if counter is None:
            counter = self._counters[status] = self._requests.labels(*self._labels, str(status))
        counter.inc()
        self._seconds.observe(seconds)


def method_label(method: str) -> str:
    """*method*, or `OTHER` for one that nobody documents: no client chooses how many series there are."""
    return method if method in METHODS else OTHER_METHOD
