import asyncio
from collections.abc import Awaitable, Callable

import pytest
from structlog.testing import capture_logs

from server.base.errors import Unavailable
from server.core.work import Core
from server.db.pool import Database
from server.jobs import runner
from server.jobs.runner import Loop, loops_of
from tests.support.work import a_core, some_settings

SetLoops = Callable[..., None]


@pytest.fixture
def core(db: Database) -> Core:
    """A core for which nothing is carried."""
    return a_core(db)


@pytest.fixture
def set_loops(monkeypatch: pytest.MonkeyPatch) -> SetLoops:
    """These jobs are done, and no others."""

    def put(*loops: Loop) -> None:
        monkeypatch.setattr(runner, "loops_of", lambda _: loops)

    return put


def a_job(core: Core, times: int, gives: int = 0) -> tuple[list[int], Callable[[Core], Awaitable[int]]]:
    """A job that stops the core when it was done so often; and its turns."""
    turns: list[int] = []

    async def job(asked: Core) -> int:
        assert asked is core
        turns.append(len(turns))
        if len(turns) == times:
            core.stopping.set()
        return gives

    return turns, job


async def test_a_job_is_done_at_the_start_and_again_until_the_core_stops(
    core: Core, set_loops: SetLoops
) -> None:
    turns, job = a_job(core, times=3, gives=7)
    set_loops(Loop("job", job, 0.001))

    with capture_logs() as logs:
        await runner.run(core)

    assert len(turns) == 3
    assert [(log["event"], log["job"], log["count"]) for log in logs] == [("job.done", "job", 7)] * 3


async def test_a_job_that_fails_is_done_again(core: Core, set_loops: SetLoops) -> None:
    failures = [RuntimeError("what nobody foresaw"), Unavailable()]
    _, good = a_job(core, times=1)

    async def broken(asked: Core) -> int:
        if failures:
            raise failures.pop(0)
        return await good(asked)

    set_loops(Loop("job", broken, 0.001))
    with capture_logs() as logs:
        await runner.run(core)

    assert [(log["event"], log["log_level"]) for log in logs] == [
        ("job.failed", "error"),
        ("job.database_unavailable", "warning"),
    ]


async def test_no_job_waits_for_another(core: Core, set_loops: SetLoops) -> None:
    turns, job = a_job(core, times=3)

    async def long(asked: Core) -> int:
        await asked.stopping.wait()
        return 0

    set_loops(Loop("long", long, 0.001), Loop("job", job, 0.001))
    async with asyncio.timeout(5):
        await runner.run(core)

    assert len(turns) == 3


async def test_a_job_is_woken_by_its_topic(core: Core, set_loops: SetLoops) -> None:
    turns, job = a_job(core, times=2)
    set_loops(Loop("job", job, 3600, "a topic of this test"))
    running = asyncio.create_task(runner.run(core))
    await asyncio.sleep(0.05)
    assert len(turns) == 1

    core.db.wakeups.publish("another topic of this test")
    await asyncio.sleep(0.05)
    assert len(turns) == 1
    core.db.wakeups.publish("a topic of this test")

    async with asyncio.timeout(5):
        await running


async def test_what_wakes_a_job_while_it_is_done_is_not_lost(core: Core, set_loops: SetLoops) -> None:
    turns, job = a_job(core, times=2)

    async def woken_meanwhile(asked: Core) -> int:
        if not turns:
            core.db.wakeups.publish("a topic of this test")
        return await job(asked)

    set_loops(Loop("job", woken_meanwhile, 3600, "a topic of this test"))

    async with asyncio.timeout(5):
        await runner.run(core)


async def test_a_core_that_stops_does_not_wait_for_the_next_turn(core: Core, set_loops: SetLoops) -> None:
    turns, job = a_job(core, times=-1)
    set_loops(Loop("job", job, 3600))
    running = asyncio.create_task(runner.run(core))
    await asyncio.sleep(0.05)
    assert len(turns) == 1
    assert not running.done()

    core.stopping.set()

    async with asyncio.timeout(1):
        await running


def test_what_expires_and_what_is_forgotten_has_its_job() -> None:
    loops = {loop.name: loop for loop in loops_of(some_settings(expire_interval_seconds=2.5))}

    assert set(loops) == {"expire", "forget"}
    assert loops["expire"].interval_seconds == 2.5
