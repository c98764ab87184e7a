"""The rule of counting, and what happens without the shared store."""

import asyncio
import shutil
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import pytest
from limits import RateLimitItem, RateLimitItemPerSecond
from limits.aio.storage import MemoryStorage
from structlog.testing import capture_logs

from server.surfaces.kit import counting
from server.surfaces.kit.counting import (
    LibraryCounting,
    ProcessCounting,
    SharedCounting,
    client_url,
    standing_of,
)
from server.surfaces.kit.metrics import Metrics

BUDGET = RateLimitItemPerSecond(5, 60, namespace="limit")
START = 1_800_000_000.0  # the first second of a window of sixty


class HandClock:
    """Moved by hand."""

    def __init__(self, now: float = START) -> None:
        self.now = now

    def __call__(self) -> float:
        """Seconds since the epoch."""
        return self.now


async def use_up(counts: counting.Counting, key: str, budget: RateLimitItem = BUDGET) -> None:
    for _ in range(budget.amount):
        assert (await counts.hit(budget, key)).allowed


async def test_a_budget_holds_as_many_as_it_says() -> None:
    counts = ProcessCounting(HandClock())

    remaining = [(await counts.hit(BUDGET, "a")).remaining for _ in range(5)]
    refused = await counts.hit(BUDGET, "a")

    assert remaining == [4, 3, 2, 1, 0]
    assert not refused.allowed
    assert refused.limit == 5


async def test_keys_have_budgets_of_their_own() -> None:
    counts = ProcessCounting(HandClock())
    await use_up(counts, "a")

    assert (await counts.hit(BUDGET, "b")).allowed


async def test_looking_counts_nothing() -> None:
    counts = ProcessCounting(HandClock())

    looks = [await counts.look(BUDGET, "a") for _ in range(9)]

    assert all(standing.allowed and standing.remaining == 5 for standing in looks)


async def test_a_refused_request_is_not_counted() -> None:
    clock = HandClock()
    counts = ProcessCounting(clock)
    await use_up(counts, "a")
    for _ in range(100):
        await counts.hit(BUDGET, "a")

    clock.now += 120

    assert (await counts.look(BUDGET, "a")).remaining == 5


@pytest.mark.parametrize("offset", [0.0, 10.0, 59.0])
async def test_retry_after_is_when_the_next_one_is_allowed_and_not_before(offset: float) -> None:
    clock = HandClock(START + offset)
    counts = ProcessCounting(clock)
    await use_up(counts, "a")
    refused = await counts.look(BUDGET, "a")

    clock.now += refused.retry_after_seconds - 1
    assert not (await counts.look(BUDGET, "a")).allowed
    clock.now += 1
    assert (await counts.hit(BUDGET, "a")).allowed
    again = await counts.look(BUDGET, "a")
    assert not again.allowed
    clock.now += again.retry_after_seconds
    assert (await counts.hit(BUDGET, "a")).allowed


async def test_reset_is_when_the_whole_budget_is_back() -> None:
    clock = HandClock(START + 20)
    counts = ProcessCounting(clock)
    await use_up(counts, "a")
    reset = (await counts.look(BUDGET, "a")).reset_seconds

    clock.now += reset - 1
    assert (await counts.look(BUDGET, "a")).remaining <= 5
    clock.now += 1
    standing = await counts.look(BUDGET, "a")
    assert (standing.remaining, standing.reset_seconds) == (5, 0)


async def test_no_edge_lets_twice_the_budget_through() -> None:
    """A fixed window would allow five just before the minute, and five just after."""
    clock = HandClock(START + 59.9)
    counts = ProcessCounting(clock)
    await use_up(counts, "a")

    clock.now = START + 60.1

    assert sum([(await counts.hit(BUDGET, "a")).allowed for _ in range(5)]) == 1


async def test_a_clock_that_is_set_back_does_not_lock_anybody_out() -> None:
    clock = HandClock()
    counts = ProcessCounting(clock)
    await use_up(counts, "a")

    clock.now -= 3600

    assert (await counts.hit(BUDGET, "a")).allowed


async def test_what_is_over_is_forgotten_bit_by_bit() -> None:
    clock = HandClock()
    counts = ProcessCounting(clock)
    for number in range(1000):
        await counts.hit(BUDGET, f"old-{number}")
    clock.now += 120

    for number in range(600):
        await counts.hit(BUDGET, f"new-{number}")

    assert len(counts) == 600


async def test_every_decision_is_the_librarys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours only costs less: `limits` with its memory storage decides the same, at any moment."""
    clock = HandClock(START + 7)
    monkeypatch.setattr(time, "time", clock)
    ours, theirs = ProcessCounting(clock), LibraryCounting(MemoryStorage())
    random = Random(20260131)  # noqa: S311 - a test that can be run again

    for _ in range(3000):
        clock.now += random.choice((0.0, 0.1, 1.0, 7.0, 31.0))
        key = random.choice("ab")
        if random.random() < 0.3:
            assert await ours.look(BUDGET, key) == await theirs.look(BUDGET, key)
        else:
            assert await ours.hit(BUDGET, key) == await theirs.hit(BUDGET, key)


def test_a_lowered_limit_does_not_count_on_room_that_is_not_there() -> None:
    standing = standing_of(2, 60, (0, 0.0, 8, 100.0), allowed=None)

    assert (standing.allowed, standing.remaining) == (False, 0)
    assert standing.retry_after_seconds == 40 + 45 + 1


# --- the shared store -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "known"),
    [
        ("redis://store:6379/1", "redis://store:6379/1"),
        ("rediss://:pw@store/0", "rediss://:pw@store/0"),
        ("valkey://store", "redis://store"),
        ("valkeys://store", "rediss://store"),
        ("unix:///run/valkey.sock?db=2", "unix:///run/valkey.sock?db=2"),
    ],
)
def test_a_valkey_is_reached_as_a_redis(url: str, known: str) -> None:
    assert client_url(url) == known


def an_unused_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


async def test_without_its_store_the_process_counts_by_itself_and_says_so_once() -> None:
    metrics = Metrics()
    shared = SharedCounting(f"redis://127.0.0.1:{an_unused_port()}", metrics)

    with capture_logs() as logs:
        await use_up(shared, "a")
        refused = await shared.hit(BUDGET, "a")
        looked = await shared.look(BUDGET, "a")
    await shared.close()

    assert not refused.allowed
    assert not looked.allowed
    assert [entry["event"] for entry in logs] == ["limits.store_lost"]
    assert metrics.registry.get_sample_value("countersign_rate_limit_store_failures_total") == 6


async def test_a_store_that_does_not_answer_is_not_waited_for_each_time() -> None:
    async def say_nothing(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(1)
        writer.close()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    shared = SharedCounting(f"redis://127.0.0.1:{port}", Metrics())

    began = time.monotonic()
    await use_up(shared, "a")
    took = time.monotonic() - began
    await shared.close()
    server.close()

    assert took < 6 * counting.SHARED_TIMEOUT_SECONDS, "ten would be waiting for each"


@pytest.fixture
async def redis_socket(tmp_path: Path) -> AsyncIterator[Path]:
    """The socket of a Valkey or Redis of this test's own, where one is installed."""
    binary = shutil.which("valkey-server") or shutil.which("redis-server")
    if binary is None:
        pytest.skip("neither valkey-server nor redis-server is installed")
    path = tmp_path / "s"
    server = await asyncio.create_subprocess_exec(
        binary, "--port", "0", "--unixsocket", str(path), "--save", "", stdout=asyncio.subprocess.PIPE
    )
    assert server.stdout is not None
    async for line in server.stdout:
        if b"eady to accept connections" in line:
            break
    yield path
    server.terminate()
    await server.wait()


async def test_processes_count_together_in_a_shared_store(redis_socket: Path) -> None:
    one, other = (SharedCounting(f"unix://{redis_socket}", Metrics()) for _ in range(2))

    await use_up(one, "a")
    refused = await other.hit(BUDGET, "a")
    fresh = await other.hit(BUDGET, "b")
    await one.close()
    await other.close()

    assert (refused.allowed, refused.remaining) == (False, 0)
    assert 0 < refused.retry_after_seconds <= 61
    assert 60 < refused.reset_seconds <= 120
    assert (fresh.allowed, fresh.remaining) == (True, 4)


async def test_the_store_is_used_again_when_it_is_back(
    redis_socket: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "SHARED_REST_SECONDS", 0.0)
    away = redis_socket.with_name("away")
    await asyncio.to_thread(redis_socket.rename, away)
    shared = SharedCounting(f"unix://{redis_socket}", Metrics())

    with capture_logs() as logs:
        await use_up(shared, "a")
        await asyncio.to_thread(away.rename, redis_socket)
        fresh = await shared.hit(BUDGET, "a")
    await shared.close()

    assert fresh.remaining == 4
    assert [entry["event"] for entry in logs] == ["limits.store_lost", "limits.store_back"]
