"""Which requests leave a line."""

import pytest
from structlog.testing import capture_logs

from server.surfaces.kit import access_log
from tests.surfaces.kit.asgi_client import Client
from tests.surfaces.kit.conftest import MakeSettings
from tests.surfaces.kit.example import gateway_of
from tests.surfaces.kit.test_metrics import requests


@pytest.mark.parametrize(("share", "drawn", "kept"), [(0.25, 0.24, True), (0.25, 0.25, False)])
def test_of_good_answers_a_share_is_logged(
    share: float, drawn: float, *, kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access_log, "random", lambda: drawn)

    assert access_log.leaves_line(200, share) is kept
    assert access_log.leaves_line(399, share) is kept


@pytest.mark.parametrize("status", [400, 404, 499, 500])
def test_refusals_and_failures_are_always_logged(status: int) -> None:
    assert access_log.leaves_line(status, 0)


@pytest.mark.parametrize(("share", "kept"), [(0, False), (1, True)])
def test_none_is_none_and_all_is_all(share: float, *, kept: bool) -> None:
    assert {access_log.leaves_line(204, share) for _ in range(100)} == {kept}


async def test_what_is_not_logged_is_counted(make_settings: MakeSettings) -> None:
    client = Client(gateway_of(make_settings(access_log_sample=0)))
    with capture_logs() as logs:
        await client.send("GET", "/api/v1/things/1")
        await client.send("POST", "/api/v1/refusals/1")

    assert [(line["event"], line["status"]) for line in logs] == [("request", 404)]
    assert sum(requests(client).values()) == 2


async def test_who_writes_nothing_is_asked_for_nothing(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access_log.access_log, "write", None)
    with capture_logs() as logs:
        await client.send("POST", "/api/v1/refusals/1")

    assert logs == []
    assert sum(requests(client).values()) == 1
