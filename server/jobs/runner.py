"""Runs the jobs of one process until it stops.

Any number of processes may run them: what one is working on, the others pass over.
"""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from server.base.errors import Unavailable
from server.core.work import Core
from server.jobs.expire import expire

_log = structlog.stdlib.get_logger(__name__)

Job = Callable[[Core], Awaitable[int]]

JOBS: tuple[Job, ...] = (expire,)


async def run(core: Core) -> None:
    """Every job is done again and again, with the interval of the settings between, until the core stops.

    A job that fails is logged and tried again at its next turn: the others go on.
    """
    while not core.stopping.is_set():
        for job in JOBS:
            try:
                done = await job(core)
            except Unavailable as outage:
                _log.warning("job.database_unavailable", job=job.__name__, cause=repr(outage.__cause__))
            except Exception:  # noqa: BLE001 - one job's failure must not end the others
                _log.exception("job.failed", job=job.__name__)
            else:
                if done:
                    _log.info("job.done", job=job.__name__, count=done)
        try:
            async with asyncio.timeout(core.settings.expire_interval_seconds):
                await core.stopping.wait()
        except TimeoutError:
            continue
