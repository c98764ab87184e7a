import subprocess
import sys
from pathlib import Path

from prometheus_client import CollectorRegistry

from server.surfaces.kit.metrics import Metrics
from tests.surfaces.kit.asgi_client import Client

LABELS = ("surface", "route", "method", "status")


def requests(client: Client) -> dict[tuple[str, ...], float]:
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
    assert registry.get_sample_value("countersign_http_request_seconds_count", labels) == 1
    assert 0 < (registry.get_sample_value("countersign_http_request_seconds_sum", labels) or 0) < 5


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


def test_several_processes_add_up(tmp_path: Path) -> None:
    """Each worker shows what all have counted; waits of a process that has gone do not count."""
    environment = {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}

    shown = [
        subprocess.run(  # noqa: S603 - this very interpreter
            [sys.executable, "-c", WORKER], env=environment, check=True, capture_output=True, text=True
        ).stdout
        for _ in range(2)
    ]

    line = 'countersign_http_requests_total{method="GET",route="/x",status="200",surface="example"}'
    assert f"{line} 1.0" in shown[0]
    assert f"{line} 2.0" in shown[1]
    assert "countersign_http_waiting_requests 2.0" in shown[0]
