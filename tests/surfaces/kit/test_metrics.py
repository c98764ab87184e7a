import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Histogram

from server.surfaces.kit.metrics import BUCKETS, Metrics
from tests.surfaces.kit.asgi_client import Client

LABELS = ("surface", "route", "method", "status")


def requests(client: Client) -> dict[tuple[str, ...], float]:
    client.gateway.metrics.settle()
    return {
        tuple(sample.labels[label] for label in LABELS): sample.value
        for metric in client.gateway.metrics.registry.collect()
        for sample in metric.samples
        if sample.name == "countersign_http_requests_total"
    }


async def test_requests_are_counted_by_template_and_never_by_path(client: Client) -> None:
    for number in (1, 2, 3):
        await client.send("GET", f"/api/v1/things/{number}")
    await client.send("HEAD", "/api/v1/things/1")
    await client.send("POST", "/s/examples/api/v1/refusals/1")
    await client.send("GET", "/api/v1/unknown/1")
    await client.send("GET", "/api/v1/unknown/2")
    await client.send("MAKE-UP-1", "/api/v1/things/1")
    await client.send("MAKE-UP-2", "/api/v1/things/1")

    assert requests(client) == {
        ("example", "/api/v1/things/{id}", "GET", "200"): 3,
        ("example", "/api/v1/things/{id}", "HEAD", "200"): 1,
        ("example", "/api/v1/refusals/{id}", "POST", "404"): 1,
        ("example", "(none)", "GET", "404"): 2,
        ("example", "(none)", "OTHER", "405"): 2,
    }


async def test_requests_are_timed(client: Client) -> None:
    await client.send("GET", "/api/v1/things/1")

    labels = {"surface": "example", "route": "/api/v1/things/{id}", "method": "GET"}
    registry = client.gateway.metrics.registry
    client.gateway.metrics.settle()
    assert registry.get_sample_value("countersign_http_request_seconds_count", labels) == 1
    assert 0 < (registry.get_sample_value("countersign_http_request_seconds_sum", labels) or 0) < 5


def test_gathered_times_are_those_of_a_histogram() -> None:
    metrics, plain = Metrics(), CollectorRegistry()
    histogram = Histogram(
        "countersign_http_request_seconds",
        "",
        ("surface", "route", "method"),
        buckets=BUCKETS,
        registry=plain,
    )
    for bound in (0, *BUCKETS):
        for seconds in (bound, bound + 0.0001):
            metrics.instrument("example", "/x", "GET").observe(200, seconds)
            histogram.labels("example", "/x", "GET").observe(seconds)
            metrics.settle()

    assert samples(metrics.registry, "countersign_http_request_seconds") == pytest.approx(
        samples(plain, "countersign_http_request_seconds")
    )


def samples(registry: CollectorRegistry, name: str) -> dict[tuple[str, ...], float]:
    """All but the time at which the metric was made."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for metric in registry.collect()
        for sample in metric.samples
        if metric.name == name and not sample.name.endswith("_created")
    }


def test_an_exposition_shows_what_was_observed_before_it_once() -> None:
    metrics = Metrics()
    for status, total in ((200, 1), (200, 2), (404, 2)):
        metrics.instrument("example", "/x", "GET").observe(status, 0.5)
        shown = metrics.exposition().body.decode()
        assert f'status="200",surface="example"}} {total}.0' in shown
        assert metrics.exposition().body.decode() == shown


def test_methods_that_clients_make_up_share_an_instrument() -> None:
    metrics = Metrics()

    assert metrics.instrument("example", "/x", "MAKE-UP-1") is metrics.instrument(
        "example", "/x", "MAKE-UP-2"
    )
    assert metrics.instrument("example", "/x", "GET") is not metrics.instrument("example", "/x", "HEAD")


def test_metrics_are_registered_where_it_is_said() -> None:
    registry = CollectorRegistry()

    metrics = Metrics(registry)
    metrics.limited("bind")
    shown = metrics.exposition()

    assert registry.get_sample_value("countersign_rate_limited_total", {"limit": "bind"}) == 1
    assert b'countersign_rate_limited_total{limit="bind"} 1.0' in shown.body
    assert shown.media_type.startswith("text/plain")


WORKER = """
from server.surfaces.kit.metrics import Metrics
metrics = Metrics()
metrics.instrument("example", "/x", "GET").observe(200, 0.1)
metrics.waiting.inc(2)
print(metrics.exposition().body.decode())
"""


def run(folder: Path, program: str) -> str:
    """What *program* printed, run as one of several processes."""
    return subprocess.run(  # noqa: S603 - this very interpreter
        [sys.executable, "-c", program],
        env={"PROMETHEUS_MULTIPROC_DIR": str(folder)},
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def test_several_processes_add_up(tmp_path: Path) -> None:
    """Each worker shows what all have counted; waits of a process that has gone do not count."""
    shown = [run(tmp_path, WORKER) for _ in range(2)]

    line = 'countersign_http_requests_total{method="GET",route="/x",status="200",surface="example"}'
    assert f"{line} 1.0" in shown[0]
    assert f"{line} 2.0" in shown[1]
    assert "countersign_http_waiting_requests 2.0" in shown[0]


BUSY_WORKER = """
import asyncio
from server.surfaces.kit import metrics as kit
kit.SETTLE_SECONDS = 0
metrics = kit.Metrics()

def read_by_others():
    registry = kit.CollectorRegistry()
    kit.MultiProcessCollector(registry)
    labels = {"surface": "example", "route": "/x", "method": "GET", "status": "200"}
    return registry.get_sample_value("countersign_http_requests_total", labels)

async def main():
    for _ in range(3):
        metrics.instrument("example", "/x", "GET").observe(200, 0.1)
        await asyncio.sleep(0.01)
        print(read_by_others())
    metrics.instrument("example", "/x", "GET").observe(200, 0.1)

asyncio.run(main())
"""


def test_other_processes_see_what_is_counted_soon_and_all_of_it_in_the_end(tmp_path: Path) -> None:
    assert run(tmp_path, BUSY_WORKER).split() == ["1.0", "2.0", "3.0"]
    assert run(tmp_path, BUSY_WORKER).split() == ["5.0", "6.0", "7.0"]
