"""Running the jobs alone: what `countersign worker` does."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog
import uvloop

from server.app import close_core, open_core
from server.base.settings import Settings
from server.core.work import Core
from server.jobs import runner
from server.serve.instance import prepare
from server.serve.logs import configure_logs
from server.serve.refusal import refusals_told
from server.serve.stopping import Stop, stop_signals_interrupt

RunJobs = Callable[[Core], Awaitable[None]]


def run_jobs_only(settings: Settings, *, run_jobs: RunJobs = runner.run) -> int:
    """The jobs ran until the process was asked to stop; it served no requests.

    SIGTERM or SIGINT lets the job under way finish, a second SIGINT does not.

    Args:
        settings: The instance's settings.
        run_jobs: Runs the jobs until the core stops.

    Returns:
        The exit code: 0 after a stop that was asked for; 2 when the instance could not start, with a
        sentence on standard error.
    """
    configure_logs(settings.log_level, settings.log_format)
    with stop_signals_interrupt():
        return refusals_told(lambda: _run(settings, run_jobs))


def _run(settings: Settings, run_jobs: RunJobs) -> int:
    with prepare(settings) as prepared, asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop:
        loop.run(_work(settings, prepared.database_url, run_jobs))
    return 0


async def _work(settings: Settings, database_url: str, run_jobs: RunJobs) -> None:
    core = await open_core(settings, database_url=database_url, application_name="countersign worker")
    stop = Stop(on_request=core.stopping.set)
    with stop.listening():
        structlog.get_logger(__name__).info("jobs.running")
        jobs = asyncio.ensure_future(run_jobs(core))
        hurry = asyncio.create_task(_cancel_when(stop.at_once, jobs))
        try:
            await jobs
        except asyncio.CancelledError:
            structlog.get_logger(__name__).warning("jobs.interrupted")
        finally:
            hurry.cancel()
            await close_core(core)


async def _cancel_when(event: asyncio.Event, task: asyncio.Future[None]) -> None:
    await event.wait()
    task.cancel()
