"""Runs the jobs of one process until it stops, each in a loop of its own.

Any number of processes may run them: what one is working on, the others pass over.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from server.base.errors import Unavailable
from server.base.settings import Settings
from server.core.notifications.model import OUTBOX_TOPIC
from server.core.work import Core
from server.db.wakeups import Subscription
from server.jobs.deliver import deliveries
from server.jobs.expire import expire
from server.jobs.forget import forget

FORGET_INTERVAL_SECONDS = 600.0
DELIVER_INTERVAL_SECONDS = 5.0
"""What could not be delivered is due again without anybody saying so."""

_log = structlog.stdlib.get_logger(__name__)

Job = Callable[[Core], Awaitable[int]]


@dataclass(frozen=True, slots=True)
class Loop:
    """A job, and when it is done.

    Args:
        name: What the log calls it.
        job: Does what there is to do, and says how much it was.
        interval_seconds: How long it rests in between.
        topic: What wakes it before; empty for nothing.
    """

    name: str
    job: Job
    interval_seconds: float
    topic: str = ""


def loops_of(settings: Settings) -> tuple[Loop, ...]:
    """The jobs that every process does."""
    return (
        Loop("expire", expire, settings.expire_interval_seconds),
        Loop("forget", forget, FORGET_INTERVAL_SECONDS),
    )


async def run(core: Core) -> None:
    """Every job is done again and again until the core stops, none waiting for another."""
    async with deliveries(core.settings) as made, asyncio.TaskGroup() as tasks:
        delivering = [
            Loop(f"deliver {each.channel}", each, DELIVER_INTERVAL_SECONDS, OUTBOX_TOPIC) for each in made
        ]
        for loop in (*loops_of(core.settings), *delivering):
            tasks.create_task(_go_round(core, loop), name=loop.name)


async def _go_round(core: Core, loop: Loop) -> None:
    """The job is done again and again, until the core stops. That it fails is logged."""
    with core.db.wakeups.subscribe(*filter(None, [loop.topic])) as subscription:
        while not core.stopping.is_set():
            try:
                done = await loop.job(core)
            except Unavailable as outage:
                _log.warning("job.database_unavailable", job=loop.name, cause=repr(outage.__cause__))
            except Exception:  # noqa: BLE001 - one job's failure must not end the others
                _log.exception("job.failed", job=loop.name)
            else:
                if done:
                    _log.info("job.done", job=loop.name, count=done)
            await _rest(core, subscription, loop.interval_seconds)


async def _rest(core: Core, subscription: Subscription, seconds: float) -> None:
    """So long, or until the subscription is woken or the core stops."""
    ends = (
        asyncio.create_task(core.stopping.wait()),
        asyncio.create_task(subscription.wait(seconds)),
    )
    try:
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for end in ends:
            end.cancel()
