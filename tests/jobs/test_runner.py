import asyncio
from collections.abc import Callable

import pytest
from structlog.testing import capture_logs

from server.base.errors import Unavailable
from server.core.work import Core
from server.db.pool import Database
from server.jobs import runner
from tests.support.work import a_core, some_settings


@pytest.fixture
def make_core(db: Database) -> Callable[[float], Core]:
    """A core whose jobs are done with this interval between."""
    return lambda seconds: a_core(db, settings=some_settings(expire_interval_seconds=seconds))


async def test_jobs_are_done_at_the_start_and_again_until_the_core_stops(
    make_core: Callable[[float], Core], monkeypatch: pytest.MonkeyPatch
) -> None:
    core = make_core(0.001)
    done: list[str] = []

    async def first(_: Core) -> int:
        done.append("first")
        return 0

    async def second(asked: Core) -> int:
        done.append("second")
        if len(done) == 6:
            asked.stopping.set()
        return 3

    monkeypatch.setattr(runner, "JOBS", (first, second))
    with capture_logs() as logs:
        await runner.run(core)

    assert done == ["first", "second"] * 3
    assert [(log["event"], log["job"], log["count"]) for log in logs] == [("job.done", "second", 3)] * 3


async def test_a_job_that_fails_does_not_end_the_others(
    make_core: Callable[[float], Core], monkeypatch: pytest.MonkeyPatch
) -> None:
    core = make_core(0.001)
    done: list[str] = []

    async def broken(_: Core) -> int:
        raise RuntimeError("what nobody foresaw")

    async def without_database(_: Core) -> int:
        raise Unavailable from ConnectionRefusedError("nobody there")

    async def good(asked: Core) -> int:
        done.append("good")
        if len(done) == 2:
            asked.stopping.set()
        return 0

    monkeypatch.setattr(runner, "JOBS", (broken, without_database, good))
    with capture_logs() as logs:
        await runner.run(core)

    assert done == ["good", "good"]
    assert [log["event"] for log in logs] == ["job.failed", "job.database_unavailable"] * 2
    assert logs[0]["log_level"] == "error"
    assert logs[1]["log_level"] == "warning"


async def test_a_core_that_stops_does_not_wait_for_the_next_turn(
    make_core: Callable[[float], Core], monkeypatch: pytest.MonkeyPatch
) -> None:
    core = make_core(3600)
    monkeypatch.setattr(runner, "JOBS", ())
    running = asyncio.create_task(runner.run(core))
    await asyncio.sleep(0.01)
    assert not running.done()

    core.stopping.set()

    async with asyncio.timeout(1):
        await running


def test_expiry_is_one_of_the_jobs() -> None:
    assert [job.__name__ for job in runner.JOBS] == ["expire"]
