"""A request's line reads as the chain would have written it."""

import asyncio
import json
import re
from typing import Literal

import pytest
import structlog

from server.serve.logs import configure_logs
from server.serve.redaction import HIDDEN
from server.surfaces.kit.access_log import access_log, write_with_structlog
from tests.serve.conftest import Log
from tests.serve.test_redaction import PROOF_TOKEN

EMPTY_POLL = {
    "method": "POST",
    "route": "/api/v1/auth-attempts/pending",
    "surface": "ezkey_device",
    "status": 204,
    "error": None,
    "cause": None,
    "duration_ms": 1.0,
    "address": "192.0.2.10",
    "request_id": "7f9c24e8-3b1a-4d1f-9a3e-0d6c5b1f2a47",
    "caller": None,
    "caller_id": None,
    "proved": "enrollment:7",
}
TIMESTAMP = re.compile(r'"timestamp": "\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"')


def write(**members: object) -> None:
    assert access_log.write is not None
    access_log.write(**{**EMPTY_POLL, **members})  # type: ignore[arg-type]  # names and values are those above


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"status": 500, "error": "internal_error", "cause": "KeyError", "duration_ms": 120000.123},
        {"address": None, "proved": None, "duration_ms": 0.0},
        {"address": "2001:db8::1", "caller": "integration", "caller_id": "471147", "duration_ms": 0.001},
        {"method": 'M"\\\n\x1b\u2028é€', "route": "(none)", "status": 405, "error": "method_not_allowed"},
        {"method": "ezkey_skey_0", "route": "(none)", "status": 405},
        {"method": "X" * 5000, "route": "(none)", "status": 405},
        {"proved": f"é{PROOF_TOKEN}", "caller_id": 'https://me:"x@host', "caller": "operator"},
        {"proved": PROOF_TOKEN, "caller_id": "ezkey_okey_1"},
    ],
)
def test_a_requests_line_is_the_one_that_the_chain_writes(members: dict[str, object], log: Log) -> None:
    configure_logs("info", "json", stream=log.stream)
    write(**members)
    write_with_structlog(**{**EMPTY_POLL, **members})

    fast, chained = log.text.splitlines()
    assert TIMESTAMP.sub("", fast, count=1) == TIMESTAMP.sub("", chained, count=1)
    assert TIMESTAMP.search(fast)
    assert log.lines[0]["event"] == "request"


def test_nobody_hides_a_secret_in_a_method(log: Log) -> None:
    """What a client chooses freely is masked, be it short enough to be remembered or not."""
    configure_logs("info", "json", stream=log.stream)
    for method in ("ezkey_skey_0", f"{PROOF_TOKEN}"):
        write(method=method)

    assert [line["method"] for line in log.lines] == [HIDDEN, HIDDEN]


async def test_requests_keep_their_place_among_other_lines(log: Log) -> None:
    configure_logs("info", "json", stream=log.stream)
    write(status=200)
    structlog.get_logger("a").info("something")
    write(status=201)
    await asyncio.sleep(0)

    assert [line.get("status", line["event"]) for line in log.lines] == [200, "something", 201]


def test_the_time_goes_on(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    configure_logs("info", "json", stream=log.stream)
    for nanoseconds in (1_752_345_678_000_001_999, 1_752_345_678_999_999_999, 1_752_345_679_050_000_000):
        monkeypatch.setattr("time.time_ns", lambda now=nanoseconds: now)
        write()

    assert [line["timestamp"] for line in log.lines] == [
        "2025-07-12T18:41:18.000001Z",
        "2025-07-12T18:41:18.999999Z",
        "2025-07-12T18:41:19.050000Z",
    ]


@pytest.mark.parametrize("form", ["json", "console"])
def test_above_info_nobody_writes_requests(form: Literal["json", "console"], log: Log) -> None:
    configure_logs("warning", form, stream=log.stream)

    assert access_log.write is None


def test_the_console_shows_requests_too(log: Log) -> None:
    configure_logs("info", "console", stream=log.stream)
    write()

    assert "route=/api/v1/auth-attempts/pending" in log.text
    with pytest.raises(json.JSONDecodeError):
        assert log.lines
